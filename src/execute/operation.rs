//! `run-operation`: a macro by its name, or a statement.
//!
//! In: `macro` or `package.macro`, arguments; or SQL with Jinja. Out: the verdict.

use std::sync::Arc;

use chrono::Utc;

use crate::base::{Dict, NodeId};
use crate::diag::{Diagnostic, codes, nearest};
use crate::jinja::context::host::{AdapterResponse, Database, HostError};
use crate::jinja::context::{Argument, NodeScope, call};
use crate::jinja::{MacroId, Registry};

use super::cache::RelationCache;
use super::code::RunningCode;
use super::compile_only::{INLINE, in_inline_query};
use super::database::WorkerDatabase;
use super::failure::connection_diagnostic;
use super::outcome::{NodeFacts, NodeOutcome, Period, Status};
use super::request::Surroundings;
use super::worker::{response_dict, timed};

/// Runs a macro. A transaction that it leaves open is committed, or rolled back if it failed. `Err` means that nothing was
/// run: there is no such macro, or no connection.
pub fn run_operation(around: &Surroundings, name: &str, arguments: &Dict) -> Result<NodeOutcome, Box<Diagnostic>> {
    let began = Utc::now();
    let registry = around.engine.registry();
    let entry = registry.entry(find(registry, name)?);
    let database = connected(around)?;
    database.turn_to(Some(&format!("macro_{}", entry.name)), None);
    let package = entry.package.as_str();
    let package = if registry.internal_packages().iter().any(|p| p == package) { registry.root() } else { package };
    let resolver = around.compiler.package_resolver(package);
    let door = Arc::clone(&database) as Arc<dyn Database>;
    let scope = NodeScope::macro_run(&around.shared, package, resolver).database(door).build();
    let given = arguments.iter().map(|(key, value)| (key.as_str(), Argument::Value(value.clone())));
    let called = || {
        call(&around.engine, &entry.unique_id, given, &scope)?;
        database.commit().map_err(HostError::into_diagnostic)
    };
    let (result, period) = timed(called);
    let id = NodeId::from(entry.unique_id.as_str());
    let mut outcome = NodeOutcome::new(Arc::new(NodeFacts::of_macro(&id, &entry.name)), Status::Success);
    outcome.timing.compile = Some(Period { started_at: began, completed_at: period.started_at });
    finish(&mut outcome, &database, period, result);
    Ok(outcome)
}

/// Runs SQL from the command line, rendered first, and commits it. `Err` means that there is no connection.
pub fn run_sql_operation(around: &Surroundings, sql: &str) -> Result<NodeOutcome, Box<Diagnostic>> {
    let database = connected(around)?;
    let id = NodeId::from(format!("sql_operation.{}.{INLINE}", around.project.info.name));
    let mut outcome = NodeOutcome::new(Arc::new(NodeFacts::of_macro(&id, INLINE)), Status::Success);
    let door = Arc::clone(&database) as Arc<dyn Database>;
    let (compiled, compiling) = timed(|| around.compiler.compile_inline(INLINE, sql, Some(door)));
    outcome.timing.compile = Some(compiling);
    let mut answer = AdapterResponse::default();
    let (result, period) = timed(|| {
        let compiled = compiled.map_err(in_inline_query)?;
        database.turn_to(Some(INLINE), Some(RunningCode::compiled(&compiled, None)));
        (answer, _) = database.query(&compiled.code.code, Some(0)).map_err(|e| Box::new(e.into_diagnostic()))?;
        database.commit().map_err(|e| Box::new(e.into_diagnostic()))
    });
    outcome.adapter_response = response_dict(&answer);
    finish(&mut outcome, &database, period, result.map_err(|problem| *problem));
    Ok(outcome)
}

fn connected(around: &Surroundings) -> Result<Arc<WorkerDatabase>, Box<Diagnostic>> {
    let cache = Arc::new(RelationCache::new());
    let database = WorkerDatabase::connect(around, &cache).map_err(|e| Box::new(connection_diagnostic(&e)))?;
    let adapter = Arc::downgrade(&around.adapter);
    around.cancel.on_cancel(move || {
        if let Some(adapter) = adapter.upgrade() {
            adapter.interrupt_all();
        }
    });
    Ok(database)
}

/// The verdict; what failed is rolled back.
fn finish(outcome: &mut NodeOutcome, database: &WorkerDatabase, period: Period, result: Result<(), Diagnostic>) {
    outcome.failures = Some(i64::from(result.is_err()));
    outcome.execution_time = (period.completed_at - period.started_at).as_seconds_f64();
    outcome.timing.execute = Some(period);
    outcome.thread_id = "MainThread".to_owned();
    if let Err(diagnostic) = result {
        let _ = database.rollback();
        outcome.status = Status::Error;
        outcome.diagnostics.push(diagnostic);
    }
}

/// The root project's macro of that name, any package's, or a built-in one.
fn find(registry: &Registry, name: &str) -> Result<MacroId, Box<Diagnostic>> {
    let (package, bare) = match name.split_once('.') {
        Some((package, bare)) => (Some(package), bare),
        None => (None, name),
    };
    let found = match package {
        Some(package) => registry.find_in(package, bare),
        None => registry.find_macro(registry.root(), bare).or_else(|| registry.named(bare).first().copied()),
    };
    found.ok_or_else(|| {
        let place = package.map_or_else(|| " in any package".to_owned(), |package| format!(" in package '{package}'"));
        let message = format!("dbt could not find a macro with the name '{bare}'{place}");
        let names: Vec<&str> = match package {
            Some(package) => registry.names_in(package),
            None => registry.entries().iter().map(|entry| entry.name.as_str()).collect(),
        };
        let near = nearest(bare, names);
        let diagnostic = Diagnostic::error(codes::OPERATION_NOT_FOUND, message);
        Box::new(match near.is_empty() {
            true => diagnostic,
            false => diagnostic.help(format!("did you mean {}?", near.join(", "))),
        })
    })
}

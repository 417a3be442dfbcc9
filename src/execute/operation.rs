//! `run-operation`: a macro by its name.
//!
//! In: `macro` or `package.macro`, arguments. Out: what it returned.

use std::sync::Arc;

use crate::base::Dict;
use crate::diag::{Diagnostic, codes, nearest};
use crate::jinja::context::host::Database;
use crate::jinja::context::{Argument, NodeScope, Returned, call};
use crate::jinja::{MacroId, Registry};

use super::cache::RelationCache;
use super::database::WorkerDatabase;
use super::failure::connection_diagnostic;
use super::request::Surroundings;

/// Runs a macro. A transaction that it leaves open is committed, or rolled back if it failed.
pub fn run_operation(around: &Surroundings, name: &str, arguments: &Dict) -> Result<Returned, Box<Diagnostic>> {
    let registry = around.engine.registry();
    let entry = registry.entry(find(registry, name)?);
    let cache = Arc::new(RelationCache::new());
    let database = WorkerDatabase::connect(around, &cache).map_err(|e| Box::new(connection_diagnostic(&e)))?;
    let adapter = Arc::downgrade(&around.adapter);
    around.cancel.on_cancel(move || {
        if let Some(adapter) = adapter.upgrade() {
            adapter.interrupt_all();
        }
    });
    database.turn_to(Some(&format!("macro_{}", entry.name)), None);
    let package = entry.package.as_str();
    let package = if registry.internal_packages().iter().any(|p| p == package) { registry.root() } else { package };
    let resolver = around.compiler.package_resolver(package);
    let door = Arc::clone(&database) as Arc<dyn Database>;
    let scope = NodeScope::macro_run(&around.shared, package, resolver).database(door).build();
    let given = arguments.iter().map(|(key, value)| (key.as_str(), Argument::Value(value.clone())));
    match call(&around.engine, &entry.unique_id, given, &scope) {
        Ok(returned) => {
            database.commit().map_err(|e| Box::new(e.into_diagnostic()))?;
            Ok(returned)
        }
        Err(diagnostic) => {
            let _ = database.rollback();
            Err(Box::new(diagnostic))
        }
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
        let place = package.map_or_else(String::new, |package| format!(" in package '{package}'"));
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

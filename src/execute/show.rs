//! `show`: the first rows of a node or of a query.
//!
//! In: a node. Out: its code and a [`Table`].

use std::sync::Arc;
use std::time::Instant;

use crate::base::{Table, Value};
use crate::diag::{Diagnostic, codes};
use crate::jinja::context::host::Database;
use crate::jinja::context::{Argument, NodeScope, call_named};
use crate::node::{Language, Node, ResourceType};

use super::cache::RelationCache;
use super::code::RunningCode;
use super::compile_only::{INLINE, in_inline_query};
use super::database::WorkerDatabase;
use super::event::Event;
use super::failure::connection_diagnostic;
use super::outcome::{CompiledFacts, NodeFacts, NodeOutcome, Status};
use super::request::Surroundings;
use super::worker::{response_dict, timed};

/// What is shown.
#[derive(Clone, Debug)]
pub enum Shown<'a> {
    /// A node of the project.
    Node(&'a Arc<Node>),
    /// A query from the command line.
    Inline(&'a str),
}

/// The first rows, all of them without a limit; and the verdict with the statement that gave them, which a seed has not.
pub fn show(
    around: &Surroundings,
    shown: &Shown<'_>,
    limit: Option<u64>,
) -> Result<(NodeOutcome, Table), Box<Diagnostic>> {
    let started = Instant::now();
    if let Shown::Node(node) = shown {
        let facts = NodeFacts::of_node(node, Some(around.adapter.default_database()));
        around.sink.emit(&Event::NodeOpened { node: &facts });
        around.sink.emit(&Event::NodeCompiling { node: &facts });
    }
    let (mut outcome, table) = rows(around, shown, limit)?;
    outcome.execution_time = started.elapsed().as_secs_f64();
    around.sink.emit(&Event::NodeClosed { outcome: &outcome });
    Ok((outcome, table))
}

fn rows(around: &Surroundings, shown: &Shown<'_>, limit: Option<u64>) -> Result<(NodeOutcome, Table), Box<Diagnostic>> {
    let facts = |node: &Node| Arc::new(NodeFacts::of_node(node, Some(around.adapter.default_database())));
    let cache = Arc::new(RelationCache::new());
    let database = WorkerDatabase::connect(around, &cache).map_err(|e| Box::new(connection_diagnostic(&e)))?;
    let adapter = Arc::downgrade(&around.adapter);
    around.cancel.on_cancel(move || {
        if let Some(adapter) = adapter.upgrade() {
            adapter.interrupt_all();
        }
    });
    database.turn_to(None, None);
    let door = || Arc::clone(&database) as Arc<dyn Database>;
    let compiled = match shown {
        Shown::Node(node) if node.resource_type == ResourceType::Seed => {
            let table = seed_rows(around, node, limit)?;
            return Ok((NodeOutcome::new(facts(node), Status::Success), table));
        }
        Shown::Node(node) if node.language == Language::Python => {
            let message = format!("{} is a Python model; only SQL models can be shown", node.id);
            return Err(Box::new(Diagnostic::error(codes::UNSUPPORTED, message).at(node.template.span())));
        }
        Shown::Node(node) => around.compiler.compile(node, Some(door()))?,
        Shown::Inline(sql) => around.compiler.compile_inline(INLINE, sql, Some(door())).map_err(in_inline_query)?,
    };
    let node = &compiled.node;
    if matches!(shown, Shown::Inline(_)) {
        around.sink.emit(&Event::NodeOpened { node: &facts(node) });
    }
    database.turn_to(Some(node.id.as_str()), Some(RunningCode::compiled(&compiled, None)));
    let resolver = around.compiler.resolver(node);
    let code = Some(Arc::clone(&compiled.code));
    let scope = NodeScope::run(&around.shared, node, code, resolver).database(door()).build();
    let limit = limit.and_then(|n| i64::try_from(n).ok());
    let arguments = [
        ("compiled_code", Argument::from(compiled.code.code.as_str())),
        ("sql_header", Argument::Value(node.config.get("sql_header").cloned().unwrap_or_default())),
        ("limit", Argument::Value(Value::from(limit))),
    ];
    let sql = call_named(&around.engine, "get_show_sql", arguments, &scope)?.text();
    around.sink.emit(&Event::NodeExecuting { node: &facts(node) });
    let (answer, period) = timed(|| database.query(&sql, None));
    let (response, table) = answer.map_err(|e| Box::new(e.into_diagnostic()))?;
    let _ = database.rollback();
    let mut outcome = NodeOutcome::new(facts(node), Status::Success);
    outcome.adapter_response = response_dict(&response);
    outcome.compiled = Some(CompiledFacts { code: sql, ..CompiledFacts::default() });
    outcome.timing.execute = Some(period);
    Ok((outcome, table))
}

/// A seed is shown as its file is read.
fn seed_rows(around: &Surroundings, node: &Node, limit: Option<u64>) -> Result<Table, Box<Diagnostic>> {
    let Some(files) = &around.shared.files else {
        return Err(Box::new(Diagnostic::error(codes::INTERNAL, "the files of seeds are not at hand")));
    };
    let mut table = files.seed_table(node)?;
    if let Some(limit) = limit.and_then(|n| usize::try_from(n).ok()) {
        table.rows.truncate(limit);
    }
    Ok(table)
}

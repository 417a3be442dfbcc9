//! `compile`: renders the selection into `target/compiled`; `--inline` renders a text.

use std::sync::Arc;

use crate::execute::event::{Event, NoteLevel};
use crate::execute::{RelationCache, Status, WorkerDatabase, compile_nodes, connection_diagnostic};

use crate::cli::session::{Session, Step, Stop};
use crate::cli::settings::Settings;

/// Compiles.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    if let Some(sql) = settings.text("inline") {
        return inline(session, sql);
    }
    let request = settings.selection_request().ok_or(Stop(2))?;
    let selected = !request.select.is_empty() || request.selector.is_some();
    let selection = session.select(&request)?;
    let threads = session.tree.profile.threads;
    let ids: Vec<_> = selection.iter().cloned().collect();
    super::build::started(session, threads, ids.len());
    let outcome = compile_nodes(&session.surroundings(), &ids, threads).map_err(|problem| {
        session.inputs.sink.emit(&Event::Problem(&problem));
        Stop(2)
    })?;
    for result in outcome.outcomes.iter().filter(|r| r.status == Status::Error) {
        for problem in &result.diagnostics {
            session.inputs.sink.emit(&Event::Problem(problem));
        }
    }
    // A single selected node is shown, as dbt does.
    if let ([only], true) = (outcome.outcomes.as_slice(), selected)
        && let Some(code) = &only.compiled
    {
        let note = format!("Compiled node '{}' is:", only.node.name);
        session.inputs.sink.emit(&Event::Note { level: NoteLevel::Info, message: &note });
        session.inputs.sink.emit(&Event::Printed { message: &code.code });
    }
    super::build::write(session, settings, &outcome)?;
    Ok(outcome.exit_code())
}

fn inline(session: &Session, sql: &str) -> Step<u8> {
    let around = session.surroundings();
    let cache = Arc::new(RelationCache::new());
    let compiled = WorkerDatabase::connect(&around, &cache)
        .map_err(|e| Box::new(connection_diagnostic(&e)))
        .and_then(|database| around.compiler.compile_inline("inline_query", sql, Some(database)));
    match compiled {
        Ok(compiled) => {
            session.inputs.sink.emit(&Event::Printed { message: &compiled.code.code });
            Ok(0)
        }
        Err(problem) => {
            session.inputs.sink.emit(&Event::Problem(&problem));
            Err(Stop(2))
        }
    }
}

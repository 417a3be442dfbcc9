//! `plan`, and `--dry-run` of the commands that run nodes: what would be done, and why. Nothing is written.

use crate::base::Value;
use crate::cli::args::Which;
use crate::cli::plan_facts::gather;
use crate::cli::session::{Session, Step, Stop, tell};
use crate::cli::settings::Settings;
use crate::diag::{Diagnostic, codes, warnings};
use crate::execute::NoteLevel;
use crate::execute::event::Event;
use crate::graph::{ExecutionGraph, ExecutionMode, Selection};
use crate::parse;
use crate::plan::{PlanRequest, PlanSettings, plan};
use crate::report::plan as render;

/// Plans what is selected.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let request = settings.selection_request().ok_or(Stop(2))?;
    let selection = session.select(&request)?;
    run_selected(session, settings, &selection)
}

/// Plans what has been selected.
pub fn run_selected(session: &Session, settings: &Settings, selection: &Selection) -> Step<u8> {
    let mode = match settings.which {
        Which::Build | Which::Plan => ExecutionMode::Build,
        _ => ExecutionMode::Topological,
    };
    let graph = ExecutionGraph::new(&session.graph, &session.project, selection, mode);
    if graph.is_empty() {
        let message = "Nothing to do. Try checking your model configs and model specification args";
        let problem = Diagnostic::warning(codes::SELECTION_EMPTY, message).named(warnings::NOTHING_TO_DO);
        tell(&session.inputs, problem.into())?;
    }
    let batches = settings.batches();
    let how = PlanSettings {
        full_refresh: session.shared.flags.get("FULL_REFRESH").is_some_and(Value::is_truthy),
        store_failures: session.shared.flags.get("STORE_FAILURES").is_some_and(Value::is_truthy),
        batches: batches.wish,
        now: batches.now.unwrap_or(session.inputs.started_at),
        default_database: session.adapter.default_database().to_owned(),
        default_strategy: session.adapter.capabilities().default_incremental_strategy,
        runs_in_batches: parse::runs_in_batches(&session.engine, &session.shared),
    };
    session.open_database()?;
    let facts = gather(session, &graph, &how)?;
    let request = PlanRequest { project: &session.project, graph: &graph, selection, facts: &facts, settings: &how };
    let plan = plan(&request);
    let text = if settings.text("output") == Some("json") {
        let command = if settings.which == Which::Plan { "build" } else { settings.which.as_str() };
        render::as_json(&plan, command, &session.inputs.invocation_id, session.inputs.started_at)
    } else {
        render::as_text(&plan)
    };
    session.inputs.sink.emit(&Event::Printed { message: text.trim_end() });
    let note = |message: &str| session.inputs.sink.emit(&Event::Note { level: NoteLevel::Info, message });
    if !facts.replaced_macros.is_empty() {
        let names = facts.replaced_macros.join(", ");
        note(&format!("The project replaces macros that decide; what they do is not foreseen: {names}"));
    }
    if let Some(advice) = render::advice(&plan) {
        note(&advice);
    }
    note(&render::summary(&plan));
    Ok(u8::from(plan.fails()))
}

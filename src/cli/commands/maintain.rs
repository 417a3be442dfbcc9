//! `maintain`: compacts tables and deletes what no version needs any more.
//!
//! In: a selection, or nothing for the whole warehouse. Out: the plan, then what each of its steps did.

use chrono::TimeDelta;

use crate::adapters::{AdapterError, UpkeepKind, UpkeepScope, UpkeepStep};
use crate::base::Relation;
use crate::cli::context::adapter_problem;
use crate::cli::session::{Session, Step, Stop};
use crate::cli::settings::Settings;
use crate::execute::NoteLevel;
use crate::execute::event::Event;
use crate::report::upkeep as render;

/// Plans, shows the plan and does it.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let scope = UpkeepScope { relations: relations(session, settings)?, retention: settings.retention() };
    session.open_database()?;
    let failed = |error: AdapterError| {
        session.inputs.sink.emit(&Event::Problem(&adapter_problem(&error)));
        Stop(2)
    };
    let mut upkeep = session.adapter.upkeep().map_err(failed)?;
    let steps = upkeep.plan(&scope).map_err(failed)?;
    let json = settings.text("output") == Some("json");
    let text = if json { render::plan_as_json(&steps) } else { render::plan_as_text(&steps) };
    session.inputs.sink.emit(&Event::Printed { message: text.trim_end() });
    let note = |message: &str| session.inputs.sink.emit(&Event::Note { level: NoteLevel::Info, message });
    if settings.bool("dry_run") || steps.is_empty() {
        note(&render::plan_summary(&steps));
        return Ok(0);
    }
    if scope.retention < TimeDelta::hours(1) && steps.iter().any(deletes) {
        note("Versions younger than an hour are deleted: a run that is reading them now will fail");
    }
    let mut done = Vec::with_capacity(steps.len());
    for step in &steps {
        if session.inputs.cancel.is_cancelled() {
            break;
        }
        match upkeep.apply(&scope, step) {
            Ok(result) => done.push(result),
            Err(error) => {
                session.inputs.sink.emit(&Event::Problem(&adapter_problem(&error)));
                note(&render::done_summary(&done, steps.len()));
                return Ok(1);
            }
        }
    }
    note(&render::done_summary(&done, steps.len()));
    Ok(u8::from(done.len() < steps.len()))
}

fn deletes(step: &UpkeepStep) -> bool {
    matches!(step.kind, UpkeepKind::Vacuum | UpkeepKind::Remove | UpkeepKind::Unfinished)
}

/// The relations of the selection; none if nothing was selected and everything is meant.
fn relations(session: &Session, settings: &Settings) -> Step<Option<Vec<Relation>>> {
    if !["select", "exclude", "selector"].into_iter().any(|option| settings.is_set(option)) {
        return Ok(None);
    }
    let request = settings.selection_request().ok_or(Stop(2))?;
    let selection = session.select(&request)?;
    Ok(Some(selection.iter().filter_map(|id| Some(session.project.nodes.get(id)?.relation.clone())).collect()))
}

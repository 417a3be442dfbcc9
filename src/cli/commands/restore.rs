//! `restore`: sets tables back to a former version. The former state becomes a new version: nothing is lost.
//!
//! In: a selection, a version or a time. Out: one line a table; without `--to`, the versions there are.

use crate::adapters::{AdapterError, Upkeep};
use crate::base::Relation;
use crate::cli::context::adapter_problem;
use crate::cli::session::{Session, Step, Stop};
use crate::cli::settings::Settings;
use crate::diag::{Diagnostic, codes};
use crate::execute::NoteLevel;
use crate::execute::event::Event;
use crate::report::upkeep as render;

/// Restores what is selected, or lists its versions.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let refuse = |problem: Diagnostic| {
        session.inputs.sink.emit(&Event::Problem(&problem));
        Stop(2)
    };
    if !["select", "selector"].into_iter().any(|option| settings.is_set(option)) {
        let problem = Diagnostic::error(codes::SELECTION_EMPTY, "restore needs to be told which table")
            .help("name it with --select; without --to, its versions are listed");
        return Err(refuse(problem));
    }
    let request = settings.selection_request().ok_or(Stop(2))?;
    let selection = session.select(&request)?;
    let nodes = selection.iter().filter_map(|id| session.project.nodes.get(id));
    let relations: Vec<Relation> =
        nodes.filter(|node| node.is_relational()).map(|node| node.relation.clone()).collect();
    if relations.is_empty() {
        return Err(refuse(Diagnostic::error(codes::SELECTION_EMPTY, "the selection holds no table")));
    }
    session.open_database()?;
    let failed = |error: AdapterError| refuse(adapter_problem(&error));
    let mut upkeep = session.adapter.upkeep().map_err(failed)?;
    let Some(to) = settings.as_of("to") else { return list(session, settings, &mut *upkeep, &relations) };
    let restored = upkeep.restore(&relations, to).map_err(failed)?;
    if restored.iter().all(Option::is_none) {
        return Err(refuse(only_views(&relations)));
    }
    for (relation, restored) in relations.iter().zip(restored) {
        let message = render::restored(relation, to, restored);
        session.inputs.sink.emit(&Event::Note { level: NoteLevel::Info, message: &message });
    }
    Ok(0)
}

fn only_views(relations: &[Relation]) -> Diagnostic {
    let which = match relations {
        [only] => format!("{} is a view", render::name(only)),
        _ => "the selection holds only views".to_owned(),
    };
    Diagnostic::error(codes::SELECTION_EMPTY, format!("{which}: views keep no versions"))
        .help("select the tables that it reads, for example with `+` before its name")
}

fn list(session: &Session, settings: &Settings, upkeep: &mut dyn Upkeep, relations: &[Relation]) -> Step<u8> {
    let refuse = |problem: Diagnostic| {
        session.inputs.sink.emit(&Event::Problem(&problem));
        Stop(2)
    };
    let mut histories = Vec::new();
    for relation in relations {
        let history = upkeep.history(relation).map_err(|error| refuse(adapter_problem(&error)))?;
        histories.extend(history.map(|history| (relation.clone(), history)));
    }
    if histories.is_empty() {
        return Err(refuse(only_views(relations)));
    }
    let json = settings.text("output") == Some("json");
    let text = if json { render::history_as_json(&histories) } else { render::history_as_text(&histories) };
    session.inputs.sink.emit(&Event::Printed { message: text.trim_end() });
    Ok(0)
}

//! `check`: binds the selection without running it; `--lock` writes `schemas.lock`.

use serde_json::{Value as Json, json};

use crate::base::NodeId;
use crate::cli::inspect::inspect;
use crate::cli::json_text;
use crate::cli::session::{Session, Step, Stop, tell as told_as_warning};
use crate::cli::settings::Settings;
use crate::diag::{Diagnostic, codes};
use crate::execute::NoteLevel;
use crate::execute::event::Event;
use crate::graph::Selection;
use crate::lineage::{NodeCheck, SchemaLock, Verdict};

/// Checks. Beside the exit code: whether the same files would give the same answers again.
pub fn run(session: &Session, settings: &Settings) -> Step<(u8, bool)> {
    session.wait_for_database()?;
    if settings.bool("lock") {
        return lock(session).map(|code| (code, false));
    }
    let request = settings.selection_request().ok_or(Stop(2))?;
    let selection = session.select(&request)?;
    let inspected = inspect(session, selection.iter().cloned())?;
    let of_selection = |(id, _): &(&NodeId, &NodeCheck)| selection.contains(id);
    let results: Vec<_> = inspected.checked.nodes.iter().filter(of_selection).collect();
    let failed = results.iter().filter(|(_, n)| matches!(n.verdict, Verdict::Failed(_))).count();
    doubtful(session, &results)?;
    if settings.text("output") == Some("json") {
        let text = json_text::indented(&as_json(&results));
        session.inputs.sink.emit(&Event::Printed { message: &text });
    } else {
        tell(session, &results);
    }
    Ok((u8::from(failed > 0), inspected.checked.repeatable))
}

/// Checks what is about to run; every problem is told, and nothing runs if there is one.
pub fn before_running(session: &Session, selection: &Selection) -> Step<()> {
    let inspected = inspect(session, selection.iter().cloned())?;
    let of_selection = |(id, _): &(&NodeId, &NodeCheck)| selection.contains(id);
    let results: Vec<_> = inspected.checked.nodes.iter().filter(of_selection).collect();
    let mut failed = 0;
    for (_, node) in &results {
        if let Verdict::Failed(problem) = &node.verdict {
            failed += 1;
            session.inputs.sink.emit(&Event::Problem(problem));
        }
    }
    if failed == 0 {
        return Ok(());
    }
    let message = format!("Checked {} nodes: {failed} failed; nothing has run", results.len());
    session.inputs.sink.emit(&Event::Note { level: NoteLevel::Info, message: &message });
    Err(Stop(1))
}

/// Warns of conversions that nobody wrote.
fn doubtful(session: &Session, results: &[(&NodeId, &NodeCheck)]) -> Step<()> {
    for (id, node) in results {
        let casts = node.lineage.as_ref().map_or(&[][..], |l| l.casts.as_slice());
        let Some(model) = session.project.nodes.get(*id).filter(|n| n.is_refable()) else { continue };
        for cast in casts {
            let problem = Diagnostic::warning(codes::IMPLICIT_CAST, format!("in {}, {cast}", model.name))
                .at(model.template.span())
                .node(id.as_str())
                .help("write the cast that you mean");
            told_as_warning(&session.inputs, problem.into())?;
        }
    }
    Ok(())
}

fn tell(session: &Session, results: &[(&NodeId, &NodeCheck)]) {
    let sink = &session.inputs.sink;
    let (mut failed, mut unchecked) = (0, 0);
    for (id, node) in results {
        match &node.verdict {
            Verdict::Good => {}
            Verdict::Failed(problem) => {
                failed += 1;
                sink.emit(&Event::Problem(problem));
            }
            Verdict::Unchecked(why) => {
                unchecked += 1;
                let message = format!("not checkable: {id}: {why}");
                sink.emit(&Event::Note { level: NoteLevel::Info, message: &message });
            }
        }
    }
    let approximate =
        results.iter().filter_map(|(_, n)| n.lineage.as_ref()).filter(|l| l.approximate.is_some()).count();
    let mut message = format!(
        "Checked {} nodes: {} good, {failed} failed, {unchecked} not checkable",
        results.len(),
        results.len() - failed - unchecked
    );
    if approximate > 0 {
        message.push_str(&format!("; the column lineage of {approximate} is approximate"));
    }
    sink.emit(&Event::Note { level: NoteLevel::Info, message: &message });
}

fn as_json(results: &[(&NodeId, &NodeCheck)]) -> Json {
    let one = |(id, node): &(&NodeId, &NodeCheck)| {
        let columns = node.columns.iter().flatten().map(|c| json!({"name": c.name, "data_type": c.data_type}));
        let mut entry = json!({"unique_id": id.as_str(), "columns": columns.collect::<Vec<_>>()});
        match &node.verdict {
            Verdict::Good => entry["status"] = "good".into(),
            Verdict::Failed(problem) => {
                entry["status"] = "failed".into();
                entry["code"] = problem.code.as_str().into();
                entry["message"] = problem.message.as_str().into();
                if let Some(span) = &problem.span {
                    let start = span.file.position(span.start);
                    entry["path"] = span.file.path.as_str().into();
                    entry["line"] = start.line.into();
                    entry["column"] = start.column.into();
                }
            }
            Verdict::Unchecked(why) => {
                entry["status"] = "not checkable".into();
                entry["message"] = why.as_str().into();
            }
        }
        if let Some(why) = node.lineage.as_ref().and_then(|l| l.approximate.as_deref()) {
            entry["approximate_lineage"] = why.into();
        }
        entry
    };
    json!({"results": results.iter().map(one).collect::<Vec<_>>()})
}

/// Writes the columns of every source; those that the warehouse does not have keep what the file has of them.
fn lock(session: &Session) -> Step<u8> {
    let inspected = inspect(session, session.project.sources.keys().cloned())?;
    let path = session.inputs.load.project_dir.join(SchemaLock::FILE);
    let mut lock = inspected.sources;
    let old = session.inputs.files.read_text(&path).ok().and_then(|text| SchemaLock::parse(&text).ok());
    let mut missing = Vec::new();
    for id in
        session.project.sources.keys().filter(|id| !lock.sources.contains_key(id.as_str())).cloned().collect::<Vec<_>>()
    {
        match old.as_ref().and_then(|old| old.sources.get(id.as_str())) {
            Some(columns) => drop(lock.sources.insert(id.to_string(), columns.clone())),
            None => missing.push(id.to_string()),
        }
    }
    session.inputs.files.write_atomic(&path, lock.text().as_bytes()).map_err(|error| {
        let problem = Diagnostic::error(codes::TARGET_UNWRITABLE, error.to_string());
        session.inputs.sink.emit(&Event::Problem(&problem));
        Stop(2)
    })?;
    let mut message = format!("Wrote the columns of {} sources to {}", lock.sources.len(), SchemaLock::FILE);
    if !missing.is_empty() {
        message.push_str(&format!("; the warehouse has no {}", missing.join(", ")));
    }
    session.inputs.sink.emit(&Event::Note { level: NoteLevel::Info, message: &message });
    Ok(0)
}

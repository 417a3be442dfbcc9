//! `compile`: renders the selection into `target/compiled`; `--inline` renders a text.

use std::time::Instant;

use serde_json::{Map, Value as Json};

use crate::execute::event::{Event, Exhibit, ExhibitKind};
use crate::execute::{NodeOutcome, RunOutcome, Status, compile_inline, compile_nodes};

use crate::cli::json_text;
use crate::cli::session::{Session, Step, Stop};
use crate::cli::settings::Settings;

/// Compiles.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    session.wait_for_database()?;
    let _claim = session.claim_target();
    if let Some(sql) = settings.text("inline") {
        return inline(session, settings, sql);
    }
    let request = settings.selection_request().ok_or(Stop(2))?;
    let selection = session.select(&request)?;
    session.write_graph_summary()?;
    let threads = session.tree.profile.threads;
    let ids: Vec<_> = selection.iter().cloned().collect();
    super::build::started(session, threads, ids.len());
    let mut outcome = compile_nodes(&session.surroundings(), &ids, threads).map_err(|problem| {
        session.inputs.sink.emit(&Event::Problem(&problem));
        Stop(2)
    })?;
    for result in outcome.outcomes.iter().filter(|r| r.status == Status::Error) {
        for problem in &result.diagnostics {
            session.inputs.sink.emit(&Event::Problem(problem));
        }
    }
    // Unless something is selected, ephemeral models are compiled as parts of their readers only.
    if request.select.is_empty() {
        outcome.outcomes.retain(|result| !result.node.is_ephemeral || result.status.is_failure());
    }
    // What was selected by its name is shown, as dbt does.
    let named = |result: &&NodeOutcome| request.select.iter().any(|word| word.contains(&result.node.name));
    for result in outcome.outcomes.iter().filter(named) {
        print(session, settings, result, Some(&result.node.name));
    }
    super::build::write(session, settings, &outcome)?;
    // dbt ends here as for what it cannot work on at all.
    Ok(if outcome.exit_code() == 0 { 0 } else { 2 })
}

fn inline(session: &Session, settings: &Settings, sql: &str) -> Step<u8> {
    let started = Instant::now();
    session.write_graph_summary()?;
    match compile_inline(&session.surroundings(), sql) {
        Ok(result) => {
            print(session, settings, &result, None);
            super::build::write(session, settings, &RunOutcome::of(vec![result], started))?;
            Ok(0)
        }
        Err(problem) => {
            session.inputs.sink.emit(&Event::Problem(&problem));
            Err(Stop(2))
        }
    }
}

/// Prints compiled code; a query from the command line has no name.
fn print(session: &Session, settings: &Settings, result: &NodeOutcome, name: Option<&str>) {
    let Some(compiled) = &result.compiled else { return };
    let code = &compiled.code;
    let text = match name {
        _ if settings.text("output") == Some("json") => {
            let mut shown = Map::new();
            shown.extend(name.map(|name| ("node".to_owned(), Json::from(name))));
            shown.insert("compiled".to_owned(), Json::from(code.as_str()));
            json_text::indented(&Json::Object(shown))
        }
        _ if settings.bool("quiet") => code.clone(),
        Some(name) => format!("Compiled node '{name}' is:\n{code}"),
        None => format!("Compiled inline node is:\n{code}"),
    };
    session.inputs.sink.emit(&Event::Exhibited(&Exhibit {
        kind: ExhibitKind::Code,
        node: name.is_some().then_some(&*result.node),
        name: name.unwrap_or_default(),
        content: code,
        text: &text,
        format: settings.text("output").unwrap_or("text"),
        quiet: settings.bool("quiet"),
    }));
}

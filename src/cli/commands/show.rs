//! `show`: the first rows of a node or of a query.

use std::time::Instant;

use crate::base::Value;
use crate::diag::{Diagnostic, codes, nearest};
use crate::execute::event::{Event, Exhibit, ExhibitKind};
use crate::execute::{RunOutcome, Shown, show};
use crate::graph::IndirectSelection;
use crate::node::Node;

use crate::cli::json_text;
use crate::cli::session::{Session, Step, Stop};
use crate::cli::settings::Settings;
use crate::cli::table::{rows_json, show_text, text_table};

/// Shows rows.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let limit = settings.integer("limit").and_then(|l| u64::try_from(l).ok());
    let as_json = settings.text("output") == Some("json");
    let quiet = settings.bool("quiet");
    let started = Instant::now();
    session.open_database()?;
    let around = session.surroundings();
    let print = |name: Option<&str>, shown: &Shown<'_>| match show(&around, shown, limit) {
        Ok((outcome, table)) => {
            let text = show_text(name, &table, as_json, quiet);
            let content = if as_json { json_text::compact(&rows_json(&table)) } else { text_table(&table) };
            session.inputs.sink.emit(&Event::Exhibited(&Exhibit {
                kind: ExhibitKind::Rows,
                node: name.is_some().then_some(&*outcome.node),
                name: name.unwrap_or_default(),
                content: &content,
                text: text.trim_end_matches('\n'),
                format: if as_json { "json" } else { "text" },
                quiet,
            }));
            Ok(outcome)
        }
        Err(problem) => {
            session.inputs.sink.emit(&Event::Problem(&problem));
            Err(Stop(2))
        }
    };
    if let Some(sql) = settings.text("inline").or_else(|| settings.text("inline_direct")) {
        let outcome = print(None, &Shown::Inline(sql))?;
        session.write_graph_summary()?;
        super::build::write(session, settings, &RunOutcome::of(vec![outcome], started))?;
        return Ok(0);
    }
    if !["select", "selector"].into_iter().any(|option| settings.is_set(option)) {
        let message = "Either --select or --inline must be passed to show";
        session.inputs.sink.emit(&Event::Problem(&Diagnostic::error(codes::SELECTION_EMPTY, message)));
        return Err(Stop(2));
    }
    let mut request = settings.selection_request().ok_or(Stop(2))?;
    // Tests are shown when they are named, not because their model is.
    request.indirect = IndirectSelection::Empty;
    let selection = session.select(&request)?;
    let nodes: Vec<_> = selection.iter().filter_map(|id| session.project.nodes.get(id)).collect();
    if nodes.is_empty() {
        let names = session.project.nodes.values().map(|n| n.name.as_str());
        let mut problem = Diagnostic::error(codes::SELECTION_EMPTY, "there is no node to show");
        let wanted = request.select.first().map_or("", String::as_str);
        problem = match nearest(wanted, names).first() {
            Some(near) => problem.help(format!("did you mean --select {near}?")),
            None => problem.help("name a node with --select, or give a query with --inline"),
        };
        session.inputs.sink.emit(&Event::Problem(&problem));
        return Err(Stop(2));
    }
    session.write_graph_summary()?;
    let shown: Step<Vec<_>> =
        nodes.into_iter().map(|node| print(Some(&shown_name(node)), &Shown::Node(node))).collect();
    super::build::write(session, settings, &RunOutcome::of(shown?, started))?;
    Ok(0)
}

/// A version is part of the name.
fn shown_name(node: &Node) -> String {
    match node.model().map(|model| &model.version) {
        None | Some(Value::Null) => node.name.clone(),
        Some(version) => format!("{}.v{version}", node.name),
    }
}

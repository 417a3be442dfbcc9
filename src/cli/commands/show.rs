//! `show`: the first rows of a node or of a query.

use crate::diag::{Diagnostic, codes, nearest};
use crate::execute::event::Event;
use crate::execute::{Shown, show};
use crate::graph::IndirectSelection;

use crate::cli::session::{Session, Step, Stop};
use crate::cli::settings::Settings;
use crate::cli::table::show_text;

/// Shows rows.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let limit = settings.integer("limit").and_then(|l| u64::try_from(l).ok());
    let as_json = settings.text("output") == Some("json");
    let quiet = settings.bool("quiet");
    let around = session.surroundings();
    let print = |name: Option<&str>, shown: &Shown<'_>| match show(&around, shown, limit) {
        Ok((_, table)) => {
            let text = show_text(name, &table, as_json, quiet);
            session.inputs.sink.emit(&Event::Printed { message: text.trim_end_matches('\n') });
            Ok(())
        }
        Err(problem) => {
            session.inputs.sink.emit(&Event::Problem(&problem));
            Err(Stop(2))
        }
    };
    if let Some(sql) = settings.text("inline").or_else(|| settings.text("inline_direct")) {
        print(None, &Shown::Inline(sql))?;
        return Ok(0);
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
    for node in nodes {
        print(Some(&node.name), &Shown::Node(node))?;
    }
    Ok(0)
}

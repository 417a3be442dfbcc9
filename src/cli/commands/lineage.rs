//! `lineage`: where a column comes from, and who reads it.

use crate::base::NodeId;
use crate::cli::inspect::inspect;
use crate::cli::session::{Session, Step, Stop};
use crate::cli::settings::Settings;
use crate::diag::{Diagnostic, codes, nearest};
use crate::execute::event::Event;
use crate::lineage::{ColumnGraph, ColumnId, Direction, inherited_description};
use crate::report::lineage::{Walks, render};

/// Shows the lineage of a column, or of all columns of a node.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let written = settings.text("column").unwrap_or_default();
    let stop = |problem: Diagnostic| {
        session.inputs.sink.emit(&Event::Problem(&problem));
        Stop(2)
    };
    let (node, column) = find_node(session, written).map_err(stop)?;
    let directions = match (settings.bool("upstream"), settings.bool("downstream")) {
        (true, false) => vec![Direction::Upstream],
        (false, true) => vec![Direction::Downstream],
        _ => vec![Direction::Upstream, Direction::Downstream],
    };
    let mut wanted = vec![node.clone()];
    if directions.contains(&Direction::Downstream) {
        wanted.extend(session.graph.descendants(&node, None).into_iter().cloned());
    }
    let inspected = inspect(session, wanted)?;
    let graph = ColumnGraph::new(&inspected.checked);
    let starts = starts(&graph, &node, column).map_err(stop)?;
    let depth = settings.integer("depth").and_then(|d| usize::try_from(d).ok());
    let inherited = |c: &ColumnId| Some((c.clone(), inherited_description(&session.project, &graph, c)?));
    let walks = Walks {
        project: &session.project,
        inherited: starts.iter().filter_map(inherited).collect(),
        starts: starts
            .into_iter()
            .map(|start| {
                let hops = directions.iter().map(|d| (*d, graph.walk(&start, *d, depth))).collect();
                (start, hops)
            })
            .collect(),
    };
    let text = render(&walks, settings.text("output").unwrap_or("text"));
    session.inputs.sink.emit(&Event::Printed { message: &text });
    Ok(0)
}

fn starts(graph: &ColumnGraph, node: &NodeId, column: Option<&str>) -> Result<Vec<ColumnId>, Diagnostic> {
    let unknown = |text: String| Diagnostic::error(codes::CHECK_COLUMN, text);
    let Some(columns) = graph.columns(node) else {
        return Err(unknown(format!("the columns of {node} are not known")).help("run `check` to see why"));
    };
    let Some(column) = column else {
        let all = columns.iter().map(|(name, _)| ColumnId { node: node.clone(), column: name.clone() });
        return Ok(all.collect());
    };
    graph.find(node, column).map(|found| vec![found]).ok_or_else(|| {
        let problem = unknown(format!("{node} has no column '{column}'"));
        match nearest(column, columns.iter().map(|(name, _)| name.as_str())).first() {
            Some(near) => problem.help(format!("did you mean '{near}'?")),
            None => problem.help("name the model alone to see all its columns"),
        }
    })
}

/// `model.column`, `model`, `source.table.column`, or either with its package or unique id in front.
fn find_node<'w>(session: &Session, written: &'w str) -> Result<(NodeId, Option<&'w str>), Diagnostic> {
    let project = &session.project;
    let by_name = |name: &str| -> Option<NodeId> {
        let node = project.nodes.values().filter(|n| n.is_refable()).find(|n| {
            n.name == name
                || n.id.as_str() == name
                || format!("{}.{}", n.package, n.name) == name
                || n.search_name() == name
        });
        let source = || {
            project.sources.values().find(|s| format!("{}.{}", s.source_name, s.name) == name || s.id.as_str() == name)
        };
        node.map(|n| n.id.clone()).or_else(|| source().map(|s| s.id.clone()))
    };
    if let Some((node, column)) = written.rsplit_once('.')
        && let Some(id) = by_name(node)
    {
        return Ok((id, Some(column)));
    }
    if let Some(id) = by_name(written) {
        return Ok((id, None));
    }
    let node = written.rsplit_once('.').map_or(written, |(node, _)| node);
    let problem =
        Diagnostic::error(codes::SELECTION_EMPTY, format!("no model, seed, snapshot or source is named '{node}'"));
    let names = project.nodes.values().filter(|n| n.is_refable()).map(|n| n.name.as_str());
    Err(match nearest(node, names).first() {
        Some(near) => problem.help(format!("did you mean '{near}'?")),
        None => problem.help("write it like: transform lineage orders.customer_id"),
    })
}

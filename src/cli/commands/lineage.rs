//! `lineage`: where a column comes from, and who reads it.

use crate::base::NodeId;
use crate::cli::inspect::inspect;
use crate::cli::session::{Session, Step, Stop};
use crate::cli::settings::Settings;
use crate::diag::Diagnostic;
use crate::execute::event::Event;
use crate::lineage::{ColumnGraph, ColumnId, Direction, column_of, inherited_description, named_node};
use crate::report::lineage::{Walks, render};

/// Shows the lineage of a column, or of all columns of a node.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let written = settings.text("column").unwrap_or_default();
    let stop = |problem: Box<Diagnostic>| {
        session.inputs.sink.emit(&Event::Problem(&problem));
        Stop(2)
    };
    let (node, column) = named_node(&session.project, written).map_err(stop)?;
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
        graph: &graph,
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

fn starts(graph: &ColumnGraph, node: &NodeId, column: Option<&str>) -> Result<Vec<ColumnId>, Box<Diagnostic>> {
    if let (Some(columns), None) = (graph.columns(node), column) {
        let all = columns.iter().map(|(name, _)| ColumnId { node: node.clone(), column: name.clone() });
        return Ok(all.collect());
    }
    column_of(graph, node, column.unwrap_or_default()).map(|found| vec![found])
}

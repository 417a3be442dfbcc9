//! Columns as users write them: `orders.customer_id`, `source.table.column`, either with its package or unique id in front.
//!
//! In: the project, the [`ColumnGraph`], a text. Out: nodes and columns, or a problem that names what may have been meant.

use crate::base::NodeId;
use crate::diag::{Diagnostic, codes, nearest};
use crate::graph::Pattern;
use crate::node::{Node, Project, Source};

use super::columns::ColumnId;
use super::graph::ColumnGraph;

/// The node that a text names, and the column if it names one. Of several versions the latest is meant.
pub fn named_node<'w>(project: &Project, written: &'w str) -> Result<(NodeId, Option<&'w str>), Box<Diagnostic>> {
    let only = |name: &str| {
        let found = matching(project, &|n| n == name);
        let latest = found.iter().find(|id| project.nodes.get(*id).is_some_and(|n| is_latest(n)));
        latest.or_else(|| found.first()).cloned()
    };
    if let Some((node, column)) = written.rsplit_once('.')
        && let Some(id) = only(node)
        && !is_version(project, written)
    {
        return Ok((id, Some(column)));
    }
    match only(written) {
        Some(id) => Ok((id, None)),
        None => Err(Box::new(unknown_node(project, written.rsplit_once('.').map_or(written, |(node, _)| node)))),
    }
}

/// The columns that a text names. Both parts may hold wildcards: `stg_*.customer_id`, `*.email`.
pub fn named_columns(project: &Project, graph: &ColumnGraph, written: &str) -> Result<Vec<ColumnId>, Box<Diagnostic>> {
    let Some((node, column)) = written.rsplit_once('.') else {
        let problem = Diagnostic::error(codes::SELECTION_INVALID, format!("'{written}' names no column of a node"));
        return Err(Box::new(problem.help("write it like column:orders.customer_id")));
    };
    if is_version(project, written) {
        let message = format!("'{written}' names a version of a model, and no column of it");
        let first = matching(project, &|n| n == written).first().and_then(|id| graph.columns(id)?.first());
        let first = first.map_or("column", |(name, _)| name.as_str());
        let problem = Diagnostic::error(codes::SELECTION_INVALID, message);
        return Err(Box::new(problem.help(format!("write it like column:{written}.{first}, or column:{written}.*"))));
    }
    if [node, column].iter().all(|part| !part.contains(['*', '?', '['])) {
        let nodes = matching(project, &|name| name == node);
        if nodes.is_empty() {
            return Err(Box::new(unknown_node(project, node)));
        }
        let found: Vec<ColumnId> = nodes.iter().filter_map(|id| graph.find(id, column)).collect();
        return match (found.is_empty(), nodes.first()) {
            (true, Some(id)) => Err(Box::new(unknown_column(graph, id, column))),
            _ => Ok(found),
        };
    }
    let (node, column) = (Pattern::new(node), Pattern::new(&column.to_lowercase()));
    let nodes = matching(project, &|name| node.matches(name));
    let of_node = |id: &NodeId| -> Vec<ColumnId> {
        let names = graph.columns(id).unwrap_or_default().iter().map(|(name, _)| name);
        let fitting = names.filter(|name| column.matches(&name.to_lowercase()));
        fitting.map(|name| ColumnId { node: id.clone(), column: name.clone() }).collect()
    };
    Ok(nodes.iter().flat_map(of_node).collect())
}

/// A column of a node, whatever the case; the problem names near ones.
pub fn column_of(graph: &ColumnGraph, node: &NodeId, column: &str) -> Result<ColumnId, Box<Diagnostic>> {
    graph.find(node, column).ok_or_else(|| Box::new(unknown_column(graph, node, column)))
}

/// Models, seeds, snapshots and sources of which a name fits.
fn matching(project: &Project, fits: &dyn Fn(&str) -> bool) -> Vec<NodeId> {
    let node = |n: &Node| {
        let full = n.search_name();
        let in_package = |name: &str| fits(&format!("{}.{name}", n.package));
        fits(&n.name) || fits(n.id.as_str()) || fits(&full) || in_package(&n.name) || in_package(&full)
    };
    let source = |s: &Source| {
        let name = format!("{}.{}", s.source_name, s.name);
        fits(&format!("{}.{name}", s.package)) || fits(&name) || fits(s.id.as_str())
    };
    let nodes = project.nodes.iter().filter(|(_, n)| n.is_refable() && node(n)).map(|(id, _)| id);
    nodes.chain(project.sources.iter().filter(|(_, s)| source(s)).map(|(id, _)| id)).cloned().collect()
}

/// Whether a text is the whole name of a version of a model, such as `customers.v2`, and no model's column.
fn is_version(project: &Project, written: &str) -> bool {
    let is_versioned =
        |id: &NodeId| project.nodes.get(id).and_then(|n| n.model()).is_some_and(|m| !m.version.is_null());
    matching(project, &|name| name == written).iter().any(is_versioned)
}

fn is_latest(node: &Node) -> bool {
    node.model().is_some_and(|m| m.version == m.latest_version)
}

fn unknown_node(project: &Project, name: &str) -> Diagnostic {
    let problem =
        Diagnostic::error(codes::SELECTION_EMPTY, format!("no model, seed, snapshot or source is named '{name}'"));
    let nodes = project.nodes.values().filter(|n| n.is_refable()).map(|n| n.search_name());
    let names: Vec<String> =
        nodes.chain(project.sources.values().map(|s| format!("{}.{}", s.source_name, s.name))).collect();
    match nearest(name, names.iter().map(String::as_str)).first() {
        Some(near) => problem.help(format!("did you mean '{near}'?")),
        None => problem.help("write it like orders.customer_id, or source_name.table.column"),
    }
}

fn unknown_column(graph: &ColumnGraph, node: &NodeId, column: &str) -> Diagnostic {
    let Some(columns) = graph.columns(node) else {
        let message = format!("the columns of {node} are not known");
        return Diagnostic::error(codes::CHECK_COLUMN, message).help("run `transform check` to see why");
    };
    let problem = Diagnostic::error(codes::CHECK_COLUMN, format!("{node} has no column '{column}'"));
    match nearest(column, columns.iter().map(|(name, _)| name.as_str())).first() {
        Some(near) => problem.help(format!("did you mean '{near}'?")),
        None => {
            let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).take(12).collect();
            let more = if columns.len() > names.len() { ", ..." } else { "" };
            problem.help(format!("its columns are {}{more}", names.join(", ")))
        }
    }
}

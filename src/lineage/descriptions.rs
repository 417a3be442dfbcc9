//! Descriptions that travel with values: a column that is a copy means what the column it copies means.
//!
//! In: the project, the [`ColumnGraph`]. Out: the description of a column that has none of its own, and whose it is.

use std::collections::HashSet;

use crate::adapters::shadow::EdgeKind;
use crate::base::{NodeId, Value};
use crate::node::{Column, Project};

use super::columns::ColumnId;
use super::graph::{ColumnGraph, Direction};

/// A description written for another column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InheritedDescription {
    /// The text.
    pub text: String,
    /// The column it is written for.
    pub from: ColumnId,
}

/// The description that a column has from the column it copies. Only nodes with `docs: {inherit: true}` take part, only
/// columns without a description, and only where the value comes from one column, unchanged, at every step.
pub fn inherited_description(
    project: &Project,
    graph: &ColumnGraph,
    column: &ColumnId,
) -> Option<InheritedDescription> {
    if !inherits(project, &column.node) || described(project, column).is_some() {
        return None;
    }
    let mut seen = HashSet::from([column.clone()]);
    let mut near = column.clone();
    loop {
        let [(far, EdgeKind::Copy, false)] = graph.ends(&near, Direction::Upstream) else { return None };
        if let Some(text) = described(project, far) {
            return Some(InheritedDescription { text: text.to_owned(), from: far.clone() });
        }
        if !seen.insert(far.clone()) {
            return None;
        }
        near = far.clone();
    }
}

/// `docs: {inherit: true}` in the node's config.
fn inherits(project: &Project, id: &NodeId) -> bool {
    let node = project.nodes.get(id);
    let docs = node.and_then(|n| n.config.map("docs"));
    docs.and_then(|d| d.get("inherit")).and_then(Value::as_bool).unwrap_or(false)
}

/// A column's own description.
fn described<'p>(project: &'p Project, column: &ColumnId) -> Option<&'p str> {
    let columns = match project.nodes.get(&column.node) {
        Some(node) => &node.columns,
        None => &project.sources.get(&column.node)?.columns,
    };
    let named = |c: &&Column| c.name.eq_ignore_ascii_case(&column.column);
    let declared = columns.get(&column.column).or_else(|| columns.values().find(named))?;
    Some(declared.description.as_str()).filter(|text| !text.trim().is_empty())
}

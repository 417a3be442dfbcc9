//! The way of columns through the project.
//!
//! In: [`Checked`]. Out: [`ColumnGraph`]: edges in both directions, and the walk up or down from a column.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use crate::adapters::shadow::{EdgeKind, Influence};
use crate::base::NodeId;

use super::check::Checked;
use super::columns::ColumnId;

/// Up to where a column comes from, or down to who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards sources.
    Upstream,
    /// Towards readers.
    Downstream,
}

/// One step of a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The column nearer to the start.
    pub near: ColumnId,
    /// The column farther from it.
    pub far: ColumnId,
    /// What happens to the value between them.
    pub kind: EdgeKind,
    /// Whether the edge is a guess on the safe side.
    pub approximate: bool,
    /// Steps from the start, from 1.
    pub depth: usize,
}

/// An edge's other end.
type End = (ColumnId, EdgeKind, bool);

/// Columns of all checked nodes with their edges.
#[derive(Clone, Debug, Default)]
pub struct ColumnGraph {
    columns: BTreeMap<NodeId, Vec<(String, String)>>,
    parents: BTreeMap<ColumnId, Vec<End>>,
    children: BTreeMap<ColumnId, Vec<End>>,
    /// Nodes whose rows a column decides about, and how.
    deciding: BTreeMap<ColumnId, BTreeSet<(NodeId, Influence)>>,
    /// Nodes of which it is known where their columns come from.
    traced: HashSet<NodeId>,
    /// Why that is not known for sure, of the others.
    doubts: BTreeMap<NodeId, String>,
}

impl ColumnGraph {
    /// The graph over everything checked. Tests read columns but make none, so they are left out.
    pub fn new(checked: &Checked) -> Self {
        let mut graph = Self::default();
        for (id, node) in &checked.nodes {
            if id.as_str().starts_with("test.") || id.as_str().starts_with("unit_test.") {
                continue;
            }
            let Some(columns) = &node.columns else { continue };
            if let Some(why) = node.doubt() {
                graph.doubts.insert(id.clone(), why.to_owned());
            }
            if node.lineage.is_some() {
                graph.traced.insert(id.clone());
            }
            let listed = columns.iter().map(|c| (c.name.clone(), c.data_type.clone())).collect();
            graph.columns.insert(id.clone(), listed);
            let Some(lineage) = &node.lineage else { continue };
            for (column, how) in &lineage.influence {
                graph.deciding.entry(column.clone()).or_default().insert((id.clone(), *how));
            }
            for (column, edges) in columns.iter().zip(&lineage.values) {
                let to = ColumnId { node: id.clone(), column: column.name.clone() };
                for edge in edges {
                    let guessed = lineage.approximate.is_some();
                    graph.parents.entry(to.clone()).or_default().push((edge.from.clone(), edge.kind, guessed));
                    graph.children.entry(edge.from.clone()).or_default().push((to.clone(), edge.kind, guessed));
                }
            }
        }
        graph
    }

    /// Columns of a node with their types, in order.
    pub fn columns(&self, node: &NodeId) -> Option<&[(String, String)]> {
        self.columns.get(node).map(Vec::as_slice)
    }

    /// A column by its name, whatever the case.
    pub fn find(&self, node: &NodeId, column: &str) -> Option<ColumnId> {
        let listed = self.columns.get(node)?;
        let exact = listed.iter().find(|(name, _)| name == column);
        let (name, _) = exact.or_else(|| listed.iter().find(|(name, _)| name.eq_ignore_ascii_case(column)))?;
        Some(ColumnId { node: node.clone(), column: name.clone() })
    }

    /// The ends of the edges at a column.
    pub fn ends(&self, column: &ColumnId, direction: Direction) -> &[End] {
        let map = match direction {
            Direction::Upstream => &self.parents,
            Direction::Downstream => &self.children,
        };
        map.get(column).map_or(&[], Vec::as_slice)
    }

    /// The nodes that filter, join, group or sort by a column.
    pub fn deciding(&self, column: &ColumnId) -> impl Iterator<Item = &NodeId> {
        self.influences(column).map(|(id, _)| id)
    }

    /// The same, each with how.
    pub fn influences(&self, column: &ColumnId) -> impl Iterator<Item = (&NodeId, Influence)> {
        self.deciding.get(column).into_iter().flatten().map(|(id, how)| (id, *how))
    }

    /// Why it is not known for sure where a node's columns come from, if it is not.
    pub fn doubt(&self, node: &NodeId) -> Option<&str> {
        self.doubts.get(node).map(String::as_str)
    }

    /// Whether it is known where a node's columns come from.
    pub fn is_traced(&self, node: &NodeId) -> bool {
        self.traced.contains(node)
    }

    /// Every edge within so many steps, nearest first; each edge once.
    pub fn walk(&self, start: &ColumnId, direction: Direction, depth: Option<usize>) -> Vec<Hop> {
        let mut hops = Vec::new();
        let mut seen = HashSet::from([start.clone()]);
        let mut open = VecDeque::from([(start.clone(), 0)]);
        while let Some((near, steps)) = open.pop_front() {
            if depth.is_some_and(|d| steps >= d) {
                continue;
            }
            for (far, kind, approximate) in self.ends(&near, direction) {
                hops.push(Hop {
                    near: near.clone(),
                    far: far.clone(),
                    kind: *kind,
                    approximate: *approximate,
                    depth: steps + 1,
                });
                if seen.insert(far.clone()) {
                    open.push_back((far.clone(), steps + 1));
                }
            }
        }
        hops
    }

    /// All edges, child first.
    pub fn edges(&self) -> impl Iterator<Item = (&ColumnId, &End)> {
        self.parents.iter().flat_map(|(to, ends)| ends.iter().map(move |end| (to, end)))
    }
}

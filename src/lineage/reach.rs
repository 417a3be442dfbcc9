//! How far columns reach, in nodes: who must be built or looked at when a column changes, and what a column rests on.
//!
//! In: the project, its graph, what binding gave, some columns. Out: nodes.
//!
//! Down, a node is reached that has a value of the column in one of its own, or that filters, joins, groups or sorts by it;
//! the way goes on from the former. Where the columns of a reader are not known, all of it is reached: nobody is missed.
//! Exposures, metrics and their like say which nodes they read, not which columns: they are reached with the node.

use std::collections::{BTreeSet, HashSet, VecDeque};

use crate::base::NodeId;
use crate::graph::Graph;
use crate::node::Project;

use super::columns::ColumnId;
use super::graph::{ColumnGraph, Direction};

/// What a walk goes over.
#[derive(Clone, Copy)]
pub struct Ways<'a> {
    /// The project.
    pub project: &'a Project,
    /// Its nodes' graph.
    pub graph: &'a Graph,
    /// The graph of their columns.
    pub columns: &'a ColumnGraph,
}

impl Ways<'_> {
    /// The nodes that the columns reach in at most so many steps, without those that they are in.
    pub fn reached(&self, from: &[ColumnId], direction: Direction, depth: Option<usize>) -> BTreeSet<NodeId> {
        let mut nodes = BTreeSet::new();
        let mut seen: HashSet<ColumnId> = from.iter().cloned().collect();
        let mut open: VecDeque<(ColumnId, usize)> = from.iter().map(|c| (c.clone(), 0)).collect();
        while let Some((near, steps)) = open.pop_front() {
            if depth.is_some_and(|limit| steps >= limit) {
                continue;
            }
            let mut next: Vec<ColumnId> =
                self.columns.ends(&near, direction).iter().map(|(far, ..)| far.clone()).collect();
            match direction {
                Direction::Upstream => self.above(&near, &mut nodes),
                Direction::Downstream => self.below(&near, depth.map(|d| d - steps), &mut nodes, &mut next),
            }
            for far in next {
                nodes.insert(far.node.clone());
                if seen.insert(far.clone()) {
                    open.push_back((far, steps + 1));
                }
            }
        }
        nodes
    }

    /// What a column without known origins may come from: everything.
    fn above(&self, near: &ColumnId, nodes: &mut BTreeSet<NodeId>) {
        if !self.columns.is_traced(&near.node) {
            nodes.extend(self.graph.ancestors(&near.node, None).into_iter().filter(|id| self.is_data(id)).cloned());
        }
    }

    /// Readers of a column that have none of its values, and those of whose columns nothing is known.
    fn below(&self, near: &ColumnId, steps: Option<usize>, nodes: &mut BTreeSet<NodeId>, next: &mut Vec<ColumnId>) {
        nodes.extend(self.columns.deciding(near).cloned());
        for child in self.graph.children(&near.node) {
            if self.is_test(child) || self.columns.is_traced(child) {
                continue;
            }
            nodes.insert(child.clone());
            match self.columns.columns(child) {
                Some(columns) => {
                    next.extend(columns.iter().map(|(name, _)| ColumnId { node: child.clone(), column: name.clone() }));
                }
                None => {
                    let below = self.graph.descendants(child, steps.map(|s| s - 1));
                    nodes.extend(below.into_iter().filter(|id| !self.is_test(id)).cloned());
                }
            }
        }
    }

    fn is_test(&self, id: &NodeId) -> bool {
        matches!(id.resource_type(), "test" | "unit_test")
    }

    /// Models, seeds, snapshots, sources.
    fn is_data(&self, id: &NodeId) -> bool {
        self.project.sources.contains_key(id) || self.project.nodes.get(id).is_some_and(|n| n.is_refable())
    }
}

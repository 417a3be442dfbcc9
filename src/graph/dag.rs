//! The dependency graph of a project.
//!
//! In: [`Project`]. Out: [`Graph`]: parents, children, ancestors, descendants, topological order, the maps that artifacts
//! show; cycles and dangling parents as diagnostics.

use std::collections::{HashMap, VecDeque};

use indexmap::IndexMap;
use petgraph::Direction::{Incoming, Outgoing};
use petgraph::graph::{DiGraph, NodeIndex};

use crate::base::NodeId;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::node::Project;

use super::members::members;
use super::set::NodeSet;

/// The dependency graph: an edge leads from a parent to the child that reads it. Positions run in the order of dbt's
/// manifest (nodes, sources, exposures, semantic layer, unit tests).
#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub(super) dag: DiGraph<NodeId, ()>,
    positions: HashMap<NodeId, usize>,
    /// Positions in topological order; members of cycles come last.
    order: Vec<usize>,
    /// The place of every position in `order`.
    rank: Vec<usize>,
}

impl Graph {
    /// Builds the graph of all members. Reports every cycle once, and parents that are not in the project.
    pub fn build(project: &Project) -> (Self, Diagnostics) {
        let mut problems = Diagnostics::new();
        let mut graph = Self::default();
        for (id, _) in members(project) {
            let position = graph.dag.add_node(id.clone()).index();
            graph.positions.insert(id.clone(), position);
        }
        for (child, (id, member)) in members(project).enumerate() {
            let mut seen = Vec::new();
            for parent in member.parents() {
                match graph.positions.get(parent) {
                    Some(&parent) if !seen.contains(&parent) => {
                        seen.push(parent);
                        graph.dag.add_edge(NodeIndex::new(parent), NodeIndex::new(child), ());
                    }
                    Some(_) => {}
                    None => problems.push(
                        Diagnostic::error(
                            codes::REF_NOT_FOUND,
                            format!("{id} depends on {parent}, which does not exist"),
                        )
                        .node(id.as_str()),
                    ),
                }
            }
        }
        if !graph.sort() {
            problems.extend(super::cycle::report(&graph.dag, project));
        }
        (graph, problems)
    }

    /// Fills `order` and `rank`; false if there is a cycle.
    fn sort(&mut self) -> bool {
        let count = self.dag.node_count();
        let mut waiting: Vec<usize> = (0..count).map(|p| self.parents_at(p).count()).collect();
        let mut ready: VecDeque<usize> = (0..count).filter(|p| waiting[*p] == 0).collect();
        let mut order = Vec::with_capacity(count);
        while let Some(position) = ready.pop_front() {
            order.push(position);
            let mut children: Vec<usize> = self.children_at(position).collect();
            children.sort_unstable();
            for child in children {
                waiting[child] -= 1;
                if waiting[child] == 0 {
                    ready.push_back(child);
                }
            }
        }
        let acyclic = order.len() == count;
        order.extend((0..count).filter(|p| waiting[*p] > 0));
        self.rank = vec![0; count];
        for (rank, position) in order.iter().enumerate() {
            self.rank[*position] = rank;
        }
        self.order = order;
        acyclic
    }

    /// How many members the graph has.
    pub fn len(&self) -> usize {
        self.dag.node_count()
    }

    /// Whether the graph has no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a member is in the graph.
    pub fn contains(&self, id: &NodeId) -> bool {
        self.positions.contains_key(id)
    }

    /// Direct parents, sorted by id.
    pub fn parents(&self, id: &NodeId) -> Vec<&NodeId> {
        self.sorted_ids(self.position(id).into_iter().flat_map(|p| self.parents_at(p)))
    }

    /// Direct children, sorted by id.
    pub fn children(&self, id: &NodeId) -> Vec<&NodeId> {
        self.sorted_ids(self.position(id).into_iter().flat_map(|p| self.children_at(p)))
    }

    /// All that `id` rests on, up to `depth` steps away (`None`: without limit), in topological order, without `id`.
    pub fn ancestors(&self, id: &NodeId, depth: Option<usize>) -> Vec<&NodeId> {
        self.relatives(id, |graph, from| graph.upstream(from, depth))
    }

    /// All that rests on `id`, up to `depth` steps away (`None`: without limit), in topological order, without `id`.
    pub fn descendants(&self, id: &NodeId, depth: Option<usize>) -> Vec<&NodeId> {
        self.relatives(id, |graph, from| graph.downstream(from, depth))
    }

    fn relatives(&self, id: &NodeId, reach: impl Fn(&Self, &NodeSet) -> NodeSet) -> Vec<&NodeId> {
        let mut from = NodeSet::new(self.len());
        let Some(position) = self.position(id) else { return Vec::new() };
        from.insert(position);
        let mut reached = reach(self, &from);
        reached.subtract(&from);
        self.in_order(&reached).collect()
    }

    /// Every member, parents before children.
    pub fn topological_order(&self) -> impl Iterator<Item = &NodeId> {
        self.order.iter().map(|p| self.id_at(*p))
    }

    /// Some members, parents before children; unknown ids are left out.
    pub fn sort_topologically<'a>(&self, ids: impl IntoIterator<Item = &'a NodeId>) -> Vec<NodeId> {
        let mut set = NodeSet::new(self.len());
        for position in ids.into_iter().filter_map(|id| self.position(id)) {
            set.insert(position);
        }
        self.in_order(&set).cloned().collect()
    }

    /// The manifest's `parent_map`: every member with its parents, each list sorted.
    pub fn parent_map(&self) -> IndexMap<NodeId, Vec<NodeId>> {
        self.map(|p| self.parents_at(p).collect())
    }

    /// The manifest's `child_map`: every member with its children, each list sorted.
    pub fn child_map(&self) -> IndexMap<NodeId, Vec<NodeId>> {
        self.map(|p| self.children_at(p).collect())
    }

    fn map(&self, neighbours: impl Fn(usize) -> Vec<usize>) -> IndexMap<NodeId, Vec<NodeId>> {
        (0..self.len())
            .map(|p| (self.id_at(p).clone(), self.sorted_ids(neighbours(p).into_iter()).into_iter().cloned().collect()))
            .collect()
    }

    fn sorted_ids(&self, positions: impl Iterator<Item = usize>) -> Vec<&NodeId> {
        let mut ids: Vec<&NodeId> = positions.map(|p| self.id_at(p)).collect();
        ids.sort_unstable();
        ids
    }

    /// For every member the heaviest chain that starts with it, itself included: what to start first so that the whole
    /// finishes early. `weight` may be one for each or an expected run time.
    pub fn priorities(&self, weight: impl Fn(&NodeId) -> u64) -> HashMap<NodeId, u64> {
        let mut chain = vec![0_u64; self.len()];
        for &position in self.order.iter().rev() {
            let below = self.children_at(position).map(|c| chain[c]).max().unwrap_or_default();
            chain[position] = weight(self.id_at(position)).saturating_add(below);
        }
        (0..self.len()).map(|p| (self.id_at(p).clone(), chain[p])).collect()
    }
}

/// What the rest of the room works with: positions and sets of them.
impl Graph {
    pub(super) fn position(&self, id: &NodeId) -> Option<usize> {
        self.positions.get(id).copied()
    }

    pub(super) fn id_at(&self, position: usize) -> &NodeId {
        &self.dag[NodeIndex::new(position)]
    }

    /// The place of a position in topological order.
    pub(super) fn rank_at(&self, position: usize) -> usize {
        self.rank[position]
    }

    /// Positions in topological order.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    pub(super) fn parents_at(&self, position: usize) -> impl Iterator<Item = usize> {
        self.dag.neighbors_directed(NodeIndex::new(position), Incoming).map(NodeIndex::index)
    }

    pub(super) fn children_at(&self, position: usize) -> impl Iterator<Item = usize> {
        self.dag.neighbors_directed(NodeIndex::new(position), Outgoing).map(NodeIndex::index)
    }

    /// The ids of a set, parents before children.
    pub(super) fn in_order(&self, set: &NodeSet) -> impl Iterator<Item = &NodeId> {
        let mut positions: Vec<usize> = set.iter().collect();
        positions.sort_unstable_by_key(|p| self.rank[*p]);
        positions.into_iter().map(|p| self.id_at(p))
    }

    /// Everything that can be reached upwards in at most `depth` steps.
    pub(super) fn upstream(&self, from: &NodeSet, depth: Option<usize>) -> NodeSet {
        self.reach(from, depth, |p| self.parents_at(p))
    }

    /// Everything that can be reached downwards in at most `depth` steps.
    pub(super) fn downstream(&self, from: &NodeSet, depth: Option<usize>) -> NodeSet {
        self.reach(from, depth, |p| self.children_at(p))
    }

    fn reach<I: Iterator<Item = usize>>(
        &self,
        from: &NodeSet,
        depth: Option<usize>,
        neighbours: impl Fn(usize) -> I,
    ) -> NodeSet {
        let mut reached = NodeSet::new(self.len());
        let mut layer: Vec<usize> = from.iter().collect();
        let mut steps = 0;
        while !layer.is_empty() && depth.is_none_or(|limit| steps < limit) {
            let mut next = Vec::new();
            for position in layer {
                next.extend(neighbours(position).filter(|n| reached.insert(*n)));
            }
            layer = next;
            steps += 1;
        }
        reached
    }
}

//! What may run when: the selected nodes with every dependency among them.
//!
//! In: [`Graph`], [`Project`], [`Selection`], [`ExecutionMode`]. Out: [`ExecutionGraph`], which [`super::Queue`] works off.
//!
//! Unselected nodes between selected ones, ephemeral models and the gates of `build` stay in as pass-through slots: they
//! carry order and failure onwards without running, and the number of edges stays linear.

use std::collections::{HashMap, VecDeque};

use crate::base::NodeId;
use crate::node::{Project, ResourceType};

use super::dag::Graph;
use super::members::{Member, member};
use super::select::Selection;
use super::set::NodeSet;
use super::test_edges::gates;

/// Which order a command keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionMode {
    /// Parents before children: `run`, `test`, `seed`, `snapshot`, `compile`, `source freshness`.
    Topological,
    /// Topological; also the data tests of a node before what reads it, and unit tests before their model: `build`.
    Build,
    /// No order: `clone`.
    Independent,
}

/// A slot of the execution graph.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// What runs here; none for a slot that only passes on.
    pub(super) id: Option<NodeId>,
    /// Slots that wait for this one.
    pub(super) children: Vec<usize>,
    /// Slots that this one waits for.
    pub(super) parents: Vec<usize>,
    /// Place in topological order.
    pub(super) rank: usize,
    /// Length of the longest chain of runs that starts here; seeds are above all others.
    pub(super) priority: u64,
}

/// What lifts seeds over every chain: tests of sources that are in truth seeds, and queries that models run while they
/// compile, find the rows there on the first build too.
const SEEDS_FIRST: u64 = 1 << 32;

/// The dependencies among what runs.
#[derive(Clone, Debug, Default)]
pub struct ExecutionGraph {
    pub(super) slots: Vec<Slot>,
    pub(super) positions: HashMap<NodeId, usize>,
    /// Slots in topological order.
    order: Vec<usize>,
}

impl ExecutionGraph {
    /// The execution graph of a selection. Ephemeral models are never handed out: they pass order and failure on.
    pub fn new(graph: &Graph, project: &Project, selection: &Selection, mode: ExecutionMode) -> Self {
        let mut selected = NodeSet::new(graph.len());
        for position in selection.iter().filter_map(|id| graph.position(id)) {
            selected.insert(position);
        }
        let members: Vec<Option<Member<'_>>> = (0..graph.len()).map(|p| member(project, graph.id_at(p))).collect();
        let mut edges = Edges::new(graph, mode);
        if mode == ExecutionMode::Build {
            edges.add_test_gates(graph, &members, &selected);
            edges.put_unit_tests_first(graph, &members, &selected);
        }
        edges.into_execution_graph(graph, &members, &selected)
    }

    /// How many nodes will run.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether nothing will run.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// What will run, in an order that keeps every dependency.
    pub fn order(&self) -> impl Iterator<Item = &NodeId> {
        self.order.iter().filter_map(|slot| self.slots[*slot].id.as_ref())
    }

    /// The runs that directly wait for a run, sorted by id.
    pub fn dependents(&self, id: &NodeId) -> Vec<&NodeId> {
        self.nearest(id, |slot| &self.slots[slot].children)
    }

    /// The runs that a run directly waits for, sorted by id.
    pub fn dependencies(&self, id: &NodeId) -> Vec<&NodeId> {
        self.nearest(id, |slot| &self.slots[slot].parents)
    }

    /// The nearest runs in one direction, looking through slots that only pass on.
    fn nearest<'a>(&'a self, id: &NodeId, next: impl Fn(usize) -> &'a [usize]) -> Vec<&'a NodeId> {
        let mut seen = NodeSet::new(self.slots.len());
        let mut found = Vec::new();
        let mut queue: Vec<usize> = self.positions.get(id).copied().into_iter().collect();
        while let Some(slot) = queue.pop() {
            for &neighbour in next(slot) {
                if seen.insert(neighbour) {
                    match &self.slots[neighbour].id {
                        Some(id) => found.push(id),
                        None => queue.push(neighbour),
                    }
                }
            }
        }
        found.sort_unstable();
        found
    }
}

/// Edges while the execution graph is made: the graph's positions first, then gates.
struct Edges {
    children: Vec<Vec<usize>>,
}

impl Edges {
    fn new(graph: &Graph, mode: ExecutionMode) -> Self {
        let children = |p: usize| match mode {
            ExecutionMode::Independent => Vec::new(),
            _ => graph.children_at(p).collect(),
        };
        Self { children: (0..graph.len()).map(children).collect() }
    }

    fn add_test_gates(&mut self, graph: &Graph, members: &[Option<Member<'_>>], selected: &NodeSet) {
        for gate in gates(graph, members, selected) {
            let slot = self.children.len();
            self.children.push(gate.waiting);
            for test in gate.tests {
                self.children[test].push(slot);
            }
        }
    }

    /// A unit test waits for all that its model waits for (it reads the types of the model's parents), the model waits
    /// for the unit test. Where the model itself does not run, the unit test blocks nothing.
    fn put_unit_tests_first(&mut self, graph: &Graph, members: &[Option<Member<'_>>], selected: &NodeSet) {
        let mut by_model: HashMap<usize, Vec<usize>> = HashMap::new();
        for position in selected.iter() {
            let Some(Member::UnitTest(unit_test)) = members[position] else { continue };
            if let Some(model) = graph.position(&unit_test.tested_node).filter(|m| selected.contains(*m)) {
                by_model.entry(model).or_default().push(position);
            }
        }
        let first_gate = self.children.len();
        let gate_of: HashMap<usize, usize> = by_model.keys().enumerate().map(|(i, m)| (*m, first_gate + i)).collect();
        for children in &mut self.children {
            let gates: Vec<usize> = children.iter().filter_map(|c| gate_of.get(c).copied()).collect();
            children.extend(gates);
        }
        self.children.resize(first_gate + gate_of.len(), Vec::new());
        for (model, unit_tests) in by_model {
            self.children[model].retain(|c| !unit_tests.contains(c));
            // One after another: after the first that does not pass, the others are skipped with the model.
            for pair in unit_tests.windows(2) {
                self.children[pair[0]].push(pair[1]);
            }
            if let (Some(first), Some(last)) = (unit_tests.first(), unit_tests.last()) {
                self.children[*last].push(model);
                self.children[gate_of[&model]] = vec![*first];
            }
        }
    }

    /// Keeps what runs and what lies between two runs.
    fn into_execution_graph(self, graph: &Graph, members: &[Option<Member<'_>>], selected: &NodeSet) -> ExecutionGraph {
        let count = self.children.len();
        let mut parents: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (parent, children) in self.children.iter().enumerate() {
            for child in children {
                parents[*child].push(parent);
            }
        }
        let runs = |p: usize| p < graph.len() && selected.contains(p) && !is_ephemeral(members[p]);
        let below = reachable(&self.children, (0..count).filter(|p| runs(*p)));
        let above = reachable(&parents, (0..count).filter(|p| runs(*p)));
        let mut slot_of = vec![None; count];
        let mut kept = Vec::new();
        for (position, slot) in slot_of.iter_mut().enumerate() {
            if runs(position) || (below.contains(position) && above.contains(position)) {
                *slot = Some(kept.len());
                kept.push(position);
            }
        }
        let slot = |&position: &usize| Slot {
            id: runs(position).then(|| graph.id_at(position).clone()),
            children: self.children[position].iter().filter_map(|c| slot_of[*c]).collect(),
            parents: parents[position].iter().filter_map(|p| slot_of[*p]).collect(),
            rank: 0,
            priority: 0,
        };
        let slots: Vec<Slot> = kept.iter().map(slot).collect();
        let positions = slots.iter().enumerate().filter_map(|(i, s)| Some((s.id.clone()?, i))).collect();
        let mut result = ExecutionGraph { slots, positions, order: Vec::new() };
        result.sort();
        let is_seed =
            |slot: &Slot| slot.id.as_ref().and_then(|id| graph.position(id)).is_some_and(|p| is_seed(members[p]));
        for slot in result.slots.iter_mut().filter(|slot| is_seed(slot)) {
            slot.priority += SEEDS_FIRST;
        }
        result
    }
}

impl ExecutionGraph {
    /// Fills order and priorities.
    fn sort(&mut self) {
        let mut waiting: Vec<usize> = self.slots.iter().map(|s| s.parents.len()).collect();
        let mut ready: VecDeque<usize> = (0..waiting.len()).filter(|s| waiting[*s] == 0).collect();
        while let Some(slot) = ready.pop_front() {
            self.order.push(slot);
            for &child in &self.slots[slot].children {
                waiting[child] -= 1;
                if waiting[child] == 0 {
                    ready.push_back(child);
                }
            }
        }
        for (rank, &slot) in self.order.iter().enumerate().rev() {
            self.slots[slot].rank = rank;
            let below = self.slots[slot].children.iter().map(|c| self.slots[*c].priority).max();
            self.slots[slot].priority = below.unwrap_or_default() + u64::from(self.slots[slot].id.is_some());
        }
    }
}

fn is_ephemeral(member: Option<Member<'_>>) -> bool {
    matches!(member, Some(Member::Node(node)) if node.is_ephemeral())
}

fn is_seed(member: Option<Member<'_>>) -> bool {
    matches!(member, Some(Member::Node(node)) if node.resource_type == ResourceType::Seed)
}

/// Everything that can be reached in one or more steps.
fn reachable(next: &[Vec<usize>], from: impl Iterator<Item = usize>) -> NodeSet {
    let mut reached = NodeSet::new(next.len());
    let mut queue: Vec<usize> = from.collect();
    while let Some(position) = queue.pop() {
        queue.extend(next[position].iter().copied().filter(|n| reached.insert(*n)));
    }
    reached
}

//! What `build` adds to the order: a node waits for the data tests of what it reads.
//!
//! In: the graph and the selected data tests. Out: [`Gate`]s. A test blocks a node only if all of the test's parents are
//! ancestors of the node, so no cycle can arise and a test over two parents may block little or nothing.
//!
//! A gate stands between all tests with the same parents and the first nodes that must wait for them; everything
//! further down waits through those. This keeps the number of edges linear.

use std::collections::{BTreeMap, HashMap};

use crate::node::ResourceType;

use super::dag::Graph;
use super::members::Member;
use super::set::NodeSet;

/// Tests that share their parents, and the first nodes that wait for them.
pub(super) struct Gate {
    /// The tests.
    pub(super) tests: Vec<usize>,
    /// The nodes that wait.
    pub(super) waiting: Vec<usize>,
}

/// The gates of some data tests.
pub(super) fn gates(graph: &Graph, members: &[Option<Member<'_>>], selected: &NodeSet) -> Vec<Gate> {
    let mut by_parents: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for position in selected.iter() {
        if members[position].is_none_or(|m| m.resource_type() != ResourceType::Test) {
            continue;
        }
        let mut parents: Vec<usize> = graph.parents_at(position).collect();
        parents.sort_unstable_by_key(|p| graph.rank_at(*p));
        if !parents.is_empty() {
            by_parents.entry(parents).or_default().push(position);
        }
    }
    let waits = |p: usize| matches!(members[p], Some(Member::Node(n)) if n.resource_type != ResourceType::Test);
    let ancestry = Ancestry::of(graph, by_parents.keys().filter(|parents| parents.len() > 1).flatten(), waits);
    let children = |p: usize| graph.children_at(p).filter(|c| waits(*c)).collect();
    let below: Vec<Vec<usize>> = (0..graph.len()).map(children).collect();
    // Which gate saw a node last: one allocation for all walks.
    let mut seen = vec![usize::MAX; graph.len()];
    let mut gates = Vec::new();
    for (number, (parents, tests)) in by_parents.into_iter().enumerate() {
        let waiting =
            first_below_all(&below, &ancestry, &parents, |p| std::mem::replace(&mut seen[p], number) != number);
        if !waiting.is_empty() {
            gates.push(Gate { tests, waiting });
        }
    }
    gates
}

/// The nearest nodes that have all of `parents` (in topological order) among their ancestors. `is_new` is true for a node
/// that this walk has not met.
fn first_below_all(
    below: &[Vec<usize>],
    ancestry: &Ancestry,
    parents: &[usize],
    mut is_new: impl FnMut(usize) -> bool,
) -> Vec<usize> {
    let Some((&last, others)) = parents.split_last() else { return Vec::new() };
    let others: Vec<usize> = others.iter().filter_map(|p| ancestry.bits.get(p).copied()).collect();
    let mut first = Vec::new();
    let mut queue = vec![last];
    while let Some(position) = queue.pop() {
        for &child in &below[position] {
            if !is_new(child) {
                continue;
            }
            if ancestry.has_all(child, &others) {
                first.push(child);
            } else {
                queue.push(child);
            }
        }
    }
    first
}

/// Which of some tracked nodes are ancestors of which node. Only parents of tests over several nodes are tracked.
struct Ancestry {
    bits: HashMap<usize, usize>,
    sets: Vec<Option<NodeSet>>,
}

impl Ancestry {
    fn of<'a>(graph: &Graph, tracked: impl Iterator<Item = &'a usize>, waits: impl Fn(usize) -> bool + Copy) -> Self {
        let mut bits = HashMap::new();
        for position in tracked {
            let next = bits.len();
            bits.entry(*position).or_insert(next);
        }
        let mut sets: Vec<Option<NodeSet>> = vec![None; graph.len()];
        if bits.is_empty() {
            return Self { bits, sets };
        }
        for &position in graph.order().iter().filter(|p| waits(**p)) {
            let mut set = NodeSet::new(bits.len());
            for parent in graph.parents_at(position) {
                if let Some(above) = &sets[parent] {
                    set.union(above);
                }
                if let Some(bit) = bits.get(&parent) {
                    set.insert(*bit);
                }
            }
            sets[position] = Some(set);
        }
        Self { bits, sets }
    }

    /// Whether the tracked nodes with these bits are all ancestors of a node.
    fn has_all(&self, position: usize, bits: &[usize]) -> bool {
        bits.is_empty() || self.sets[position].as_ref().is_some_and(|set| bits.iter().all(|bit| set.contains(*bit)))
    }
}

//! Cycles, told so that the user sees which reference to cut.
//!
//! In: the raw graph and the project's templates. Out: one diagnostic for each strongly connected component, naming one
//! shortest cycle of it node by node with the place of every reference.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use petgraph::Direction::Incoming;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::base::NodeId;
use crate::diag::{Diagnostic, Span, codes};
use crate::node::Project;

use super::members::{Member, member};

/// A huge knot is searched from this many of its nodes only: each search is linear, and any cycle helps the user.
const MAX_STARTS: usize = 200;

/// One diagnostic for each knot of nodes that depend on each other.
pub(super) fn report(dag: &DiGraph<NodeId, ()>, project: &Project) -> Vec<Diagnostic> {
    let mut cycles: Vec<Vec<NodeIndex>> = kosaraju_scc(dag)
        .into_iter()
        .filter(|knot| knot.len() > 1 || knot.first().is_some_and(|n| dag.contains_edge(*n, *n)))
        .map(|knot| shortest_cycle(dag, knot))
        .collect();
    cycles.sort_by(|a, b| a.iter().map(|n| &dag[*n]).cmp(b.iter().map(|n| &dag[*n])));
    cycles.iter().map(|cycle| describe(dag, project, cycle)).collect()
}

/// A shortest cycle in a knot: each node refers to the next, the last to the first.
fn shortest_cycle(dag: &DiGraph<NodeId, ()>, mut knot: Vec<NodeIndex>) -> Vec<NodeIndex> {
    knot.sort_by(|a, b| dag[*a].cmp(&dag[*b]));
    let inside: HashSet<NodeIndex> = knot.iter().copied().collect();
    let mut best: Option<Vec<NodeIndex>> = None;
    for &start in knot.iter().take(MAX_STARTS) {
        let limit = best.as_ref().map_or(usize::MAX, Vec::len);
        if let Some(cycle) = cycle_through(dag, &inside, start, limit) {
            best = Some(cycle);
        }
        if best.as_ref().is_some_and(|b| b.len() <= 2) {
            break;
        }
    }
    best.unwrap_or(knot)
}

/// The shortest cycle through `start` with fewer than `limit` nodes.
fn cycle_through(
    dag: &DiGraph<NodeId, ()>,
    inside: &HashSet<NodeIndex>,
    start: NodeIndex,
    limit: usize,
) -> Option<Vec<NodeIndex>> {
    let mut came_from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let mut queue = VecDeque::from([(start, 1)]);
    while let Some((node, length)) = queue.pop_front() {
        if length >= limit {
            return None;
        }
        let mut parents: Vec<NodeIndex> =
            dag.neighbors_directed(node, Incoming).filter(|p| inside.contains(p)).collect();
        parents.sort_by(|a, b| dag[*a].cmp(&dag[*b]));
        for parent in parents {
            if parent == start {
                let mut cycle = vec![node];
                let mut at = node;
                while at != start {
                    at = *came_from.get(&at)?;
                    cycle.push(at);
                }
                cycle.reverse();
                return Some(cycle);
            }
            if let Entry::Vacant(entry) = came_from.entry(parent) {
                entry.insert(node);
                queue.push_back((parent, length + 1));
            }
        }
    }
    None
}

fn describe(dag: &DiGraph<NodeId, ()>, project: &Project, cycle: &[NodeIndex]) -> Diagnostic {
    let ids: Vec<&NodeId> = cycle.iter().map(|n| &dag[*n]).collect();
    let around = || ids.iter().copied().chain(ids.first().copied());
    let path: Vec<&str> = around().map(NodeId::as_str).collect();
    let mut diagnostic =
        Diagnostic::error(codes::CYCLE, format!("the project has a dependency cycle: {}", path.join(" -> ")))
            .note("each of these refers to the next one")
            .help("remove one of the references, or move what both sides need into a model of its own");
    if let Some(first) = ids.first() {
        diagnostic = diagnostic.node(first.as_str());
    }
    for (from, to) in around().zip(around().skip(1)) {
        let Some(span) = reference_span(project, from, to) else { continue };
        if diagnostic.span.is_none() {
            diagnostic = diagnostic.at(span.clone());
        }
        diagnostic = diagnostic.label(span, format!("{from} refers to {to}"));
    }
    diagnostic
}

/// Where `from` names `to`: the quoted name, best after a `ref(`; the start of the template where it is not written out.
fn reference_span(project: &Project, from: &NodeId, to: &NodeId) -> Option<Span> {
    let Some(Member::Node(node)) = member(project, from) else { return None };
    let name = member(project, to)?.name();
    let text = node.template.text();
    let mut found = None;
    for quote in ['\'', '"'] {
        let quoted = format!("{quote}{name}{quote}");
        for (at, _) in text.match_indices(&quoted) {
            let call = text[..at].rfind('(').map(|open| text[..open].trim_end());
            let is_ref = call.is_some_and(|call| call.ends_with("ref"));
            if is_ref || found.is_none() {
                found = Some(at + 1);
            }
            if is_ref {
                break;
            }
        }
    }
    let start = node.template.range.start;
    let range = found.map_or(start..start, |at| start + at..start + at + name.len());
    Some(Span::new(&node.template.file, range))
}

//! Working off an execution graph, as a plain data structure: what is ready, what becomes ready, what a failure skips.
//!
//! In: [`ExecutionGraph`], then one [`Outcome`] per finished node. Out: nodes to start, and [`Progress`]. No threads and no
//! locks: the executor holds the queue under its own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::base::NodeId;

use super::execution::ExecutionGraph;

/// What a finished node means for those that wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They may go on: success, a warning, a failed test where nothing depends on tests, `on_error: continue`.
    Proceed,
    /// Everything below is skipped.
    Block,
}

/// A node that will not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The node.
    pub id: NodeId,
    /// The ancestor whose failure is the reason.
    pub because_of: NodeId,
}

/// What the end of a node changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Nodes that may start now, the most urgent first. [`Queue::pop`] hands them out.
    pub ready: Vec<NodeId>,
    /// Nodes that are skipped, parents before children.
    pub skipped: Vec<Skipped>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Ready,
    Running,
    Finished,
}

/// The state of a run over an [`ExecutionGraph`].
#[derive(Clone, Debug)]
pub struct Queue {
    graph: ExecutionGraph,
    waits_for: Vec<usize>,
    state: Vec<State>,
    /// Longest remaining chain first, then the order of the project.
    ready: BinaryHeap<(u64, Reverse<usize>)>,
    running: usize,
    unfinished: usize,
}

impl Queue {
    /// A queue in which nothing has run yet.
    pub fn new(graph: ExecutionGraph) -> Self {
        let waits_for: Vec<usize> = graph.slots.iter().map(|s| s.parents.len()).collect();
        let state = vec![State::Waiting; waits_for.len()];
        let unfinished = graph.len();
        let free: Vec<usize> = (0..waits_for.len()).filter(|s| waits_for[*s] == 0).collect();
        let mut queue = Self { graph, waits_for, state, ready: BinaryHeap::new(), running: 0, unfinished };
        queue.release(free);
        queue
    }

    /// Takes the most urgent ready node; it counts as running until [`Queue::on_done`]. None if nothing is ready now.
    pub fn pop(&mut self) -> Option<NodeId> {
        let (_, Reverse(slot)) = self.ready.pop()?;
        self.state[slot] = State::Running;
        self.running += 1;
        self.graph.slots[slot].id.clone()
    }

    /// Reports the end of a running node. Ids that are not running change nothing.
    pub fn on_done(&mut self, id: &NodeId, outcome: Outcome) -> Progress {
        let slot = match self.graph.positions.get(id) {
            Some(&slot) if self.state[slot] == State::Running => slot,
            _ => return Progress::default(),
        };
        self.running -= 1;
        self.unfinished -= 1;
        self.state[slot] = State::Finished;
        match outcome {
            Outcome::Proceed => {
                let free = self.finish(slot);
                Progress { ready: self.release(free), skipped: Vec::new() }
            }
            Outcome::Block => Progress { ready: Vec::new(), skipped: self.skip_below(slot, id) },
        }
    }

    /// Gives up everything that has not started, in order: the way out after the first failure or an interrupt.
    pub fn cancel(&mut self) -> Vec<NodeId> {
        self.ready.clear();
        let open: Vec<NodeId> = self.graph.order().cloned().collect();
        let mut cancelled = Vec::new();
        for id in open {
            let state = &mut self.state[self.graph.positions[&id]];
            if matches!(state, State::Waiting | State::Ready) {
                *state = State::Finished;
                self.unfinished -= 1;
                cancelled.push(id);
            }
        }
        cancelled
    }

    /// Whether every node has run or was skipped.
    pub fn is_finished(&self) -> bool {
        self.unfinished == 0
    }

    /// How many nodes are neither finished nor skipped, running ones included.
    pub fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// How many nodes are running.
    pub fn running(&self) -> usize {
        self.running
    }

    /// How many nodes could start now.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The graph that is worked off.
    pub fn graph(&self) -> &ExecutionGraph {
        &self.graph
    }

    /// Counts a finished slot off its children; returns those that wait for nothing more.
    fn finish(&mut self, slot: usize) -> Vec<usize> {
        let mut free = Vec::new();
        for &child in &self.graph.slots[slot].children {
            self.waits_for[child] -= 1;
            if self.waits_for[child] == 0 && self.state[child] == State::Waiting {
                free.push(child);
            }
        }
        free
    }

    /// Makes free slots ready; slots without a run finish at once and free their children in turn.
    fn release(&mut self, mut free: Vec<usize>) -> Vec<NodeId> {
        let mut now_ready = Vec::new();
        while let Some(slot) = free.pop() {
            if self.graph.slots[slot].id.is_some() {
                self.state[slot] = State::Ready;
                now_ready.push((self.graph.slots[slot].priority, Reverse(slot)));
            } else {
                self.state[slot] = State::Finished;
                free.extend(self.finish(slot));
            }
        }
        now_ready.sort_unstable_by(|a, b| b.cmp(a));
        self.ready.extend(now_ready.iter().copied());
        now_ready.into_iter().filter_map(|(_, Reverse(slot))| self.graph.slots[slot].id.clone()).collect()
    }

    /// Skips all that waits below a failed slot. Nothing there can have started: it was waiting for this slot.
    fn skip_below(&mut self, slot: usize, because_of: &NodeId) -> Vec<Skipped> {
        let mut below = vec![slot];
        let mut reached = Vec::new();
        while let Some(slot) = below.pop() {
            for &child in &self.graph.slots[slot].children {
                if self.state[child] == State::Waiting {
                    self.state[child] = State::Finished;
                    self.unfinished -= usize::from(self.graph.slots[child].id.is_some());
                    reached.push(child);
                    below.push(child);
                }
            }
        }
        reached.sort_unstable_by_key(|slot| self.graph.slots[*slot].rank);
        reached
            .into_iter()
            .filter_map(|slot| Some(Skipped { id: self.graph.slots[slot].id.clone()?, because_of: because_of.clone() }))
            .collect()
    }
}

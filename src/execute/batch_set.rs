//! The batches of one model while they run: which are left, who works on them, what became of them.
//!
//! In: batches in order. Out: [`BatchSet`], shared by the model's own worker and by idle workers that help.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::compile::Batch;
use crate::node::Node;

use super::outcome::{NodeFacts, NodeOutcome};

/// Workers that have nothing to do.
pub(super) trait Crew: Sync {
    /// Offers them batches.
    fn offer(&self, set: &Arc<BatchSet>);

    /// Takes the offer back.
    fn withdraw(&self, set: &Arc<BatchSet>);
}

#[derive(Default)]
struct State {
    /// Positions that anybody may take now.
    open: std::ops::Range<usize>,
    running: usize,
    outcomes: Vec<Option<NodeOutcome>>,
}

/// The batches of a model.
pub(super) struct BatchSet {
    /// The model.
    pub node: Arc<Node>,
    /// What reports say about it.
    pub facts: Arc<NodeFacts>,
    /// The batches, in order.
    pub batches: Vec<Batch>,
    /// Whether the first batch adds to a table that exists.
    pub incremental: bool,
    /// Whether the batches are built from a part of their input.
    pub partial: bool,
    state: Mutex<State>,
    changed: Condvar,
}

impl BatchSet {
    /// Batches that nobody has begun.
    pub fn new(
        node: &Arc<Node>,
        facts: &Arc<NodeFacts>,
        batches: Vec<Batch>,
        incremental: bool,
        partial: bool,
    ) -> Self {
        let state = State { open: 0..0, running: 0, outcomes: vec![None; batches.len()] };
        let (node, facts) = (Arc::clone(node), Arc::clone(facts));
        Self { node, facts, batches, incremental, partial, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets anybody take the batches of these positions.
    pub fn open(&self, positions: std::ops::Range<usize>) {
        self.state().open = positions;
    }

    /// Whether a batch can be taken.
    pub fn has_open(&self) -> bool {
        !self.state().open.is_empty()
    }

    /// The next batch to run.
    pub fn take(&self) -> Option<usize> {
        let mut state = self.state();
        let position = state.open.next()?;
        state.running += 1;
        Some(position)
    }

    /// A batch that was taken has ended.
    pub fn ended(&self, position: usize, outcome: NodeOutcome) {
        let mut state = self.state();
        state.running -= 1;
        state.outcomes[position] = Some(outcome);
        drop(state);
        self.changed.notify_all();
    }

    /// A batch that nobody took has ended.
    pub fn keep(&self, position: usize, outcome: NodeOutcome) {
        self.state().outcomes[position] = Some(outcome);
    }

    /// Waits until nobody runs a batch.
    pub fn wait(&self) {
        let mut state = self.state();
        while state.running > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What became of the batches; none for those that were not run.
    pub fn outcomes(&self) -> Vec<Option<NodeOutcome>> {
        self.state().outcomes.clone()
    }
}

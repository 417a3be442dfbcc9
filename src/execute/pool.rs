//! Workers and the queue they share.
//!
//! In: an execution graph. Out: a verdict on every node of it, in the order of their ends.
//!
//! The queue is behind one lock with one condition: a worker that finds nothing ready sleeps until another one finishes. No
//! event is told while the lock is held.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::base::{DEEP_STACK, NodeId};
use crate::diag::{Diagnostic, codes};
use crate::graph::{Outcome, Queue, Skipped};

use super::batch_set::{BatchSet, Crew};
use super::cache::RelationCache;
use super::database::WorkerDatabase;
use super::event::Event;
use super::failure::connection_diagnostic;
use super::ledger::Ledger;
use super::outcome::{FreshnessOutcome, NodeFacts, NodeOutcome, Status};
use super::request::{Blocking, RunRequest};
use super::worker::{Finished, Member, Worker};

/// The verdicts of a pool.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    /// On nodes.
    pub outcomes: Vec<NodeOutcome>,
    /// On sources.
    pub freshness: Vec<FreshnessOutcome>,
}

/// Why nothing more starts.
enum Stop {
    FailFast,
    Interrupted,
    NoConnection(Box<Diagnostic>),
}

struct State {
    queue: Queue,
    /// Members that have got a number.
    index: usize,
    stop: Option<Stop>,
    verdicts: Verdicts,
    /// Models whose batches idle workers may run.
    offers: Vec<Arc<BatchSet>>,
}

/// What a worker does next.
enum Work {
    /// A node, with its number.
    Node(NodeId, usize),
    /// Batches of a model that another worker runs.
    Batches(Arc<BatchSet>),
}

/// What the listener for Ctrl-C holds on to as well.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Crew for Shared {
    fn offer(&self, set: &Arc<BatchSet>) {
        self.lock().offers.push(Arc::clone(set));
        self.changed.notify_all();
    }

    fn withdraw(&self, set: &Arc<BatchSet>) {
        self.lock().offers.retain(|other| !Arc::ptr_eq(other, set));
    }
}

struct Pool<'a> {
    request: &'a RunRequest,
    cache: &'a Arc<RelationCache>,
    ledger: &'a Arc<Ledger>,
    members: HashMap<NodeId, (Member, Arc<NodeFacts>)>,
    total: usize,
    shared: Arc<Shared>,
}

/// Works the whole graph off.
pub(super) fn work(
    request: &RunRequest,
    cache: &Arc<RelationCache>,
    ledger: &Arc<Ledger>,
) -> Result<Verdicts, Box<Diagnostic>> {
    let around = &request.surroundings;
    let default_database = around.adapter.default_database();
    let member = |id: &NodeId| Some((id.clone(), Member::find(&around.project, id, default_database)?));
    let state = State {
        queue: Queue::new(request.graph.clone()),
        index: 0,
        stop: None,
        verdicts: Verdicts::default(),
        offers: Vec::new(),
    };
    let pool = Pool {
        request,
        cache,
        ledger,
        members: request.graph.order().filter_map(member).collect(),
        total: request.graph.len(),
        shared: Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }),
    };
    let shared = Arc::downgrade(&pool.shared);
    around.cancel.on_cancel(move || {
        if let Some(shared) = shared.upgrade() {
            // Taking the lock makes sure that nobody is just about to sleep.
            drop(shared.lock());
            shared.changed.notify_all();
        }
    });
    // Batches of one model keep several workers busy.
    let batched = pool.members.values().any(|(member, _)| matches!(member, Member::Node(node) if node.is_microbatch()));
    let most = if batched { usize::MAX } else { pool.total.max(1) };
    std::thread::scope(|scope| {
        for number in 1..=request.settings.threads.clamp(1, most) {
            let (pool, name) = (&pool, format!("Thread-{number} (worker)"));
            let builder = std::thread::Builder::new().name(name.clone()).stack_size(DEEP_STACK);
            let spawned = builder.spawn_scoped(scope, move || pool.worker(name));
            if let Err(error) = spawned
                && number == 1
            {
                let diagnostic = Diagnostic::error(codes::INTERNAL, format!("no thread can be started: {error}"));
                pool.stop(Stop::NoConnection(Box::new(diagnostic)));
            }
        }
    });
    pool.finish()
}

impl Pool<'_> {
    fn worker(&self, thread: String) {
        let around = &self.request.surroundings;
        let database = match WorkerDatabase::connect(around, self.cache) {
            Ok(database) => database,
            Err(error) => return self.stop(Stop::NoConnection(Box::new(connection_diagnostic(&error)))),
        };
        let worker = Worker {
            around,
            settings: &self.request.settings,
            database,
            thread,
            ledger: Some(Arc::clone(self.ledger)),
            crew: Some(&*self.shared),
        };
        while let Some(work) = self.next() {
            let (id, index) = match work {
                Work::Node(id, index) => (id, index),
                Work::Batches(set) => {
                    worker.help(&set);
                    continue;
                }
            };
            let Some((member, facts)) = self.members.get(&id) else {
                self.done(&id, Outcome::Proceed, None);
                continue;
            };
            around.sink.emit(&Event::NodeStarted { index, total: self.total, node: facts });
            let finished = worker.run(member, facts);
            self.tell(index, &finished);
            let outcome = self.meaning(member, finished.status());
            if let (Outcome::Block, Finished::Node(verdict)) = (outcome, &finished) {
                around.sink.emit(&Event::ChildrenGivenUp { outcome: verdict });
            }
            self.done(&id, outcome, Some(finished));
        }
    }

    fn stop(&self, why: Stop) {
        self.shared.lock().stop.get_or_insert(why);
        self.shared.changed.notify_all();
    }

    /// The next thing to do; none when there is nothing left to start.
    fn next(&self) -> Option<Work> {
        let mut state = self.shared.lock();
        loop {
            if self.request.surroundings.cancel.is_cancelled() {
                state.stop.get_or_insert(Stop::Interrupted);
            }
            if state.stop.is_some() || state.queue.is_finished() {
                self.shared.changed.notify_all();
                return None;
            }
            if let Some(id) = state.queue.pop() {
                state.index += 1;
                return Some(Work::Node(id, state.index));
            }
            if let Some(set) = state.offers.iter().find(|set| set.has_open()) {
                return Some(Work::Batches(Arc::clone(set)));
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What the end of a member means for those below.
    fn meaning(&self, member: &Member, status: Status) -> Outcome {
        let blocks = match (self.request.settings.blocking, status) {
            (Blocking::Nothing, _) => false,
            (_, Status::Error | Status::PartialSuccess | Status::RuntimeError | Status::Skipped) => true,
            (Blocking::ErrorsAndFailures, Status::Fail) => true,
            _ => false,
        };
        let goes_on = matches!(member, Member::Node(node) if node.config.str("on_error") == Some("continue"));
        if blocks && !goes_on { Outcome::Block } else { Outcome::Proceed }
    }

    /// The verdict on the ephemeral parent that a node was skipped for.
    fn ephemeral_cause(&self, outcome: &NodeOutcome) -> Option<NodeOutcome> {
        let parent = outcome.skipped_because.as_ref().filter(|_| !outcome.diagnostics.is_empty())?;
        let around = &self.request.surroundings;
        let (_, facts) = Member::find(&around.project, parent, around.adapter.default_database())?;
        let mut cause = NodeOutcome::new(facts, Status::Error);
        cause.diagnostics.clone_from(&outcome.diagnostics);
        Some(cause)
    }

    fn tell(&self, index: usize, finished: &Finished) {
        let (sink, total) = (&self.request.surroundings.sink, self.total);
        match finished {
            Finished::Node(outcome) => {
                let cause = self.ephemeral_cause(outcome);
                sink.emit(&Event::NodeFinished { index, total, outcome, ephemeral_cause: cause.as_ref() });
            }
            Finished::Freshness(outcome) => sink.emit(&Event::FreshnessFinished { index, total, outcome }),
        }
    }

    fn done(&self, id: &NodeId, outcome: Outcome, finished: Option<Finished>) {
        let failed = finished.as_ref().is_some_and(|f| f.status().is_failure());
        let mut state = self.shared.lock();
        let progress = state.queue.on_done(id, outcome);
        match finished {
            Some(Finished::Node(outcome)) => state.verdicts.outcomes.push(*outcome),
            Some(Finished::Freshness(outcome)) => state.verdicts.freshness.push(*outcome),
            None => {}
        }
        let first = state.index + 1;
        state.index += progress.skipped.len();
        let skipped: Vec<NodeOutcome> = progress.skipped.iter().filter_map(|skip| self.skipped(skip)).collect();
        state.verdicts.outcomes.extend(skipped.iter().cloned());
        if failed && self.request.settings.fail_fast {
            state.stop.get_or_insert(Stop::FailFast);
        }
        drop(state);
        self.shared.changed.notify_all();
        for (offset, outcome) in skipped.into_iter().enumerate() {
            let finished = Finished::Node(Box::new(outcome));
            self.tell(first + offset, &finished);
            if let (Blocking::ErrorsAndFailures, Finished::Node(outcome)) = (self.request.settings.blocking, &finished)
            {
                self.request.surroundings.sink.emit(&Event::ChildrenGivenUp { outcome });
            }
        }
    }

    fn skipped(&self, skip: &Skipped) -> Option<NodeOutcome> {
        let (_, facts) = self.members.get(&skip.id)?;
        let mut outcome = NodeOutcome::new(Arc::clone(facts), Status::Skipped);
        outcome.message = Some(format!("Skipping due to fail/error in upstream node(s): {}", skip.because_of));
        outcome.skipped_because = Some(skip.because_of.clone());
        Some(outcome)
    }

    /// The verdicts; what was never started is skipped.
    fn finish(self) -> Result<Verdicts, Box<Diagnostic>> {
        let mut state = self.shared.lock();
        let left = state.queue.cancel();
        let message = match state.stop.take() {
            Some(Stop::NoConnection(diagnostic)) => return Err(diagnostic),
            Some(Stop::FailFast) => Some("Skipping due to fail_fast"),
            Some(Stop::Interrupted) => Some("Skipped because the run was interrupted"),
            None => None,
        };
        let mut verdicts = std::mem::take(&mut state.verdicts);
        drop(state);
        for (_, facts) in left.iter().filter_map(|id| self.members.get(id)) {
            let mut outcome = NodeOutcome::new(Arc::clone(facts), Status::Skipped);
            outcome.message = message.map(str::to_owned);
            verdicts.outcomes.push(outcome);
        }
        Ok(verdicts)
    }
}

//! One batch of a microbatch model.
//!
//! In: a position in a [`BatchSet`]. Out: the batch's own [`NodeOutcome`]; its rows and the ledger's row are one commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use crate::base::Value;
use crate::diag::Diagnostic;
use crate::jinja::context::host::Database;

use super::batch_set::BatchSet;
use super::event::Event;
use super::node_run::outcome_code;
use super::outcome::{NodeOutcome, Status};
use super::worker::{ATTEMPTS, Worker, backoff, failed, panic_diagnostic};

type Step<T> = Result<T, Box<Diagnostic>>;

impl Worker<'_> {
    /// Runs batches of another worker's model while there are some.
    pub fn help(&self, set: &BatchSet) {
        while let Some(position) = set.take() {
            set.ended(position, self.run_batch(set, position, true));
        }
    }

    /// Runs a batch, several times if other workers change the same things at the same time.
    pub fn run_batch(&self, set: &BatchSet, position: usize, concurrent: bool) -> NodeOutcome {
        let (batch, index, total) = (&set.batches[position].label, position + 1, set.batches.len());
        let node = &set.facts;
        self.around.sink.emit(&Event::BatchPlaced { batch, node, concurrent });
        self.around.sink.emit(&Event::BatchStarted { index, total, batch, node });
        let started = Instant::now();
        let mut attempt = 1;
        let mut outcome = loop {
            self.database.turn_to(Some(node.id.as_str()), None);
            let mut outcome = self.outcome(node);
            let tried = catch_unwind(AssertUnwindSafe(|| self.attempt_batch(set, position, &mut outcome)));
            let result = tried.unwrap_or_else(|payload| Err(Box::new(panic_diagnostic(payload.as_ref()))));
            let Err(diagnostic) = result else { break outcome };
            let _ = self.database.rollback();
            let again = self.database.met_conflict() && attempt < ATTEMPTS && !self.around.cancel.is_cancelled();
            if !again {
                failed(&mut outcome, *diagnostic);
                outcome.failures = Some(1);
                break outcome;
            }
            self.database.reset();
            std::thread::sleep(backoff(attempt));
            attempt += 1;
        };
        self.database.reset();
        self.database.turn_to(None, None);
        outcome.execution_time = started.elapsed().as_secs_f64();
        self.around.sink.emit(&Event::BatchFinished { index, total, batch, outcome: &outcome });
        outcome
    }

    /// A batch that does not run.
    pub fn skip_batch(&self, set: &BatchSet, position: usize) -> NodeOutcome {
        let mut outcome = self.outcome(&set.facts);
        outcome.status = Status::Skipped;
        outcome.message = Some("SKIPPED".to_owned());
        outcome.failures = Some(1);
        let (batch, index, total) = (&set.batches[position].label, position + 1, set.batches.len());
        self.around.sink.emit(&Event::BatchFinished { index, total, batch, outcome: &outcome });
        outcome
    }

    fn attempt_batch(&self, set: &BatchSet, position: usize, outcome: &mut NodeOutcome) -> Step<()> {
        let batch = &set.batches[position];
        let (first, last) = (position == 0, position + 1 == set.batches.len());
        let database = Arc::clone(&self.database) as Arc<dyn Database>;
        let compile = || self.around.compiler.compile_batch(&set.node, batch, Some(database));
        let compiled = self.compile(outcome, Some(&batch.label), compile)?;
        compiled.require_sql()?;
        let code = outcome_code(&compiled, outcome);
        let incremental = set.incremental || !first;
        let mut pending = self.ledger.as_ref().and_then(|ledger| ledger.entry(&set.node, Some(batch.interval)));
        if let Some(pending) = &mut pending {
            if set.partial {
                pending.partial();
            }
            if !incremental {
                pending.replaces();
            }
        }
        let scope = self.materialize(&compiled.node, Some(code), pending, outcome, |scope| {
            let mut scope = batch.apply(scope);
            // Hooks run once a model: before its first batch and after its last.
            for (key, runs) in [("pre-hook", first), ("post-hook", last)] {
                if !runs {
                    scope = scope.config_entry(key, Value::List(Vec::new()));
                }
            }
            if incremental {
                scope = scope.constant("is_incremental", true).constant("should_full_refresh", false);
            }
            scope
        })?;
        self.succeed(&scope, outcome)
    }
}

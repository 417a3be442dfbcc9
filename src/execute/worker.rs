//! One node, from start to verdict.
//!
//! In: a [`Member`] of the graph, a worker's connection. Out: [`Finished`]. Whatever goes wrong in between (an error, a panic,
//! a conflict with another worker) becomes a verdict.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;

use crate::base::{Dict, NodeId, Value};
use crate::diag::{Diagnostic, codes};
use crate::jinja::context::host::{AdapterResponse, Database as _};
use crate::node::{Node, Project, ResourceType, Source, UnitTest};

use super::batch_set::Crew;
use super::database::WorkerDatabase;
use super::ledger::Ledger;
use super::outcome::{FreshnessOutcome, NodeFacts, NodeOutcome, Period, Status};
use super::request::{RunSettings, Surroundings};

/// How often a node is tried when other workers change the same things at the same time.
pub(super) const ATTEMPTS: u32 = 6;

/// A member of the graph that runs.
#[derive(Clone, Debug)]
pub(super) enum Member {
    /// A model, seed, snapshot, data test, analysis or hook.
    Node(Arc<Node>),
    /// A unit test.
    UnitTest(Arc<UnitTest>),
    /// A source, for its freshness.
    Source(Arc<Source>),
    /// Anything else: there is nothing to do.
    Other,
}

impl Member {
    /// The member with an id, and the facts that reports show.
    pub fn find(project: &Project, id: &NodeId, default_database: &str) -> Option<(Self, Arc<NodeFacts>)> {
        let (member, facts) = if let Some(node) = project.nodes.get(id) {
            (Self::Node(Arc::clone(node)), NodeFacts::of_node(node, Some(default_database)))
        } else if let Some(test) = project.unit_tests.get(id) {
            let tested = project.nodes.get(&test.tested_node);
            let schema = tested.and_then(|node| node.relation.schema.as_deref());
            (Self::UnitTest(Arc::clone(test)), NodeFacts::of_unit_test(test, schema))
        } else if let Some(source) = project.sources.get(id) {
            (Self::Source(Arc::clone(source)), NodeFacts::of_source(source))
        } else if let Some(exposure) = project.exposures.get(id) {
            (Self::Other, NodeFacts::of_exposure(exposure))
        } else {
            (Self::Other, NodeFacts::of_semantic(project.semantics.get(id)?))
        };
        let facts = NodeFacts { group: project.group_of(id).cloned(), ..facts };
        Some((member, Arc::new(facts)))
    }
}

/// The verdict on a member.
#[derive(Clone, Debug)]
pub(super) enum Finished {
    /// On a node.
    Node(Box<NodeOutcome>),
    /// On a source.
    Freshness(Box<FreshnessOutcome>),
}

impl Finished {
    /// The verdict.
    pub fn status(&self) -> Status {
        match self {
            Self::Node(outcome) => outcome.status,
            Self::Freshness(outcome) => outcome.status,
        }
    }
}

/// A thread's surroundings and its connection.
pub(super) struct Worker<'a> {
    pub around: &'a Surroundings,
    pub settings: &'a RunSettings,
    pub database: Arc<WorkerDatabase>,
    /// `Thread-1 (worker)`.
    pub thread: String,
    /// Where runs are recorded.
    pub ledger: Option<Arc<Ledger>>,
    /// Who helps with batches.
    pub crew: Option<&'a dyn Crew>,
}

/// A step's result with the time that it took.
pub(super) fn timed<T>(step: impl FnOnce() -> T) -> (T, Period) {
    let started_at = Utc::now();
    let result = step();
    (result, Period { started_at, completed_at: Utc::now() })
}

/// `_message`, `code`, `rows_affected`; what is not known is left out.
pub(super) fn response_dict(response: &AdapterResponse) -> Dict {
    let mut dict = Dict::new();
    dict.insert("_message".to_owned(), response.message.as_str().into());
    if let Some(code) = &response.code {
        dict.insert("code".to_owned(), code.as_str().into());
    }
    if let Some(rows) = response.rows_affected {
        dict.insert("rows_affected".to_owned(), Value::Int(rows.into()));
    }
    dict
}

/// dbt's text of an error: what kind, in which node, and the words.
pub(super) fn error_message(diagnostic: &Diagnostic, node: &NodeFacts) -> String {
    let word = match diagnostic.code {
        codes::DATABASE_ERROR
        | codes::DATABASE_LOCKED
        | codes::DATABASE_OPEN
        | codes::INTERRUPTED
        | codes::PYTHON_FAILED => "Runtime",
        codes::INTERNAL => "Internal",
        _ => "Compilation",
    };
    let text = diagnostic.message.replace('\n', "\n  ");
    format!("{word} Error in {} {} ({})\n  {text}", node.resource_type, node.name, node.original_path)
}

/// The verdict after an error.
pub(super) fn failed(outcome: &mut NodeOutcome, mut diagnostic: Diagnostic) {
    diagnostic.node.get_or_insert_with(|| outcome.node.id.to_string());
    if diagnostic.span.is_none() {
        diagnostic.span.clone_from(&outcome.node.written_at);
    }
    outcome.status = Status::Error;
    outcome.message = Some(error_message(&diagnostic, &outcome.node));
    outcome.diagnostics.push(diagnostic);
}

/// The verdict on a node whose ephemeral parent cannot be compiled: not its fault, but the run has failed.
fn skipped_because_of(outcome: &mut NodeOutcome, parent: NodeId, diagnostic: Diagnostic) {
    outcome.status = Status::Skipped;
    outcome.message = Some(format!(
        "Compilation Error in {}, caused by compilation error in referenced ephemeral model {parent}",
        outcome.node.id
    ));
    outcome.diagnostics.push(diagnostic);
    outcome.skipped_because = Some(parent);
}

/// The words of a panic.
pub(super) fn panic_diagnostic(payload: &(dyn std::any::Any + Send)) -> Diagnostic {
    let words = payload.downcast_ref::<&str>().copied().map(str::to_owned);
    let words = words.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned());
    Diagnostic::error(codes::INTERNAL, format!("internal error: {words}"))
        .help("this is a fault of the program; please report it")
}

impl Worker<'_> {
    /// Runs a member.
    pub fn run(&self, member: &Member, facts: &Arc<NodeFacts>) -> Finished {
        let started = Instant::now();
        let mut attempt = 1;
        loop {
            self.database.turn_to(Some(facts.id.as_str()), None);
            let tried = catch_unwind(AssertUnwindSafe(|| self.attempt(member, facts)));
            let mut finished = tried.unwrap_or_else(|payload| self.panicked(member, facts, payload.as_ref()));
            if matches!(finished.status(), Status::Error | Status::RuntimeError) {
                let _ = self.database.rollback();
                let again = self.database.met_conflict() && attempt < ATTEMPTS;
                if again && !self.around.cancel.is_cancelled() {
                    self.database.reset();
                    std::thread::sleep(backoff(attempt));
                    attempt += 1;
                    continue;
                }
            }
            self.database.reset();
            self.database.turn_to(None, None);
            let seconds = started.elapsed().as_secs_f64();
            match &mut finished {
                Finished::Node(outcome) => outcome.execution_time = seconds,
                Finished::Freshness(outcome) => outcome.execution_time = seconds,
            }
            return finished;
        }
    }

    fn attempt(&self, member: &Member, facts: &Arc<NodeFacts>) -> Finished {
        if let Member::Source(source) = member {
            return Finished::Freshness(Box::new(self.check_freshness(source, facts)));
        }
        let mut outcome = self.outcome(facts);
        let result = match member {
            Member::Node(node) if node.resource_type == ResourceType::Operation => {
                outcome.status = Status::NoOp;
                Ok(())
            }
            Member::Node(node) => self.run_or_rebuild(node, &mut outcome),
            Member::UnitTest(test) => self.run_unit_test(test, &mut outcome),
            Member::Source(_) | Member::Other => {
                outcome.status = Status::NoOp;
                outcome.message = Some("NO-OP".to_owned());
                outcome.failures = Some(0);
                Ok(())
            }
        };
        if let Err(diagnostic) = result {
            match self.ephemeral_at_fault(&diagnostic, facts) {
                Some(parent) => skipped_because_of(&mut outcome, parent, *diagnostic),
                None => failed(&mut outcome, *diagnostic),
            }
        }
        Finished::Node(Box::new(outcome))
    }

    /// The ephemeral parent whose problem it is that a node could not be compiled.
    fn ephemeral_at_fault(&self, diagnostic: &Diagnostic, facts: &NodeFacts) -> Option<NodeId> {
        let named = NodeId::from(diagnostic.node.as_deref()?);
        let node = self.around.project.nodes.get(&named)?;
        (named != facts.id && node.is_ephemeral()).then_some(named)
    }

    /// A verdict to fill in.
    pub fn outcome(&self, facts: &Arc<NodeFacts>) -> NodeOutcome {
        let mut outcome = NodeOutcome::new(Arc::clone(facts), Status::Success);
        outcome.thread_id.clone_from(&self.thread);
        outcome
    }

    fn panicked(&self, member: &Member, facts: &Arc<NodeFacts>, payload: &(dyn std::any::Any + Send)) -> Finished {
        let diagnostic = panic_diagnostic(payload);
        if let Member::Source(source) = member {
            return Finished::Freshness(Box::new(self.freshness_error(source, facts, diagnostic)));
        }
        let mut outcome = self.outcome(facts);
        failed(&mut outcome, diagnostic);
        Finished::Node(Box::new(outcome))
    }
}

/// Short, growing and different for every worker, so that two that met do not meet again.
pub(super) fn backoff(attempt: u32) -> Duration {
    let noise = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
    Duration::from_millis(u64::from(attempt) * (5 + noise / 8))
}

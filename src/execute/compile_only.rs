//! Rendering every node without running it.
//!
//! In: ids of nodes and unit tests. Out: a verdict on each, with its code; nothing is told of those that succeed.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chrono::Utc;

use crate::adapters::AdapterError;
use crate::base::{DEEP_STACK, NodeId, RelationKind};
use crate::compile::Compiled;
use crate::diag::{Diagnostic, codes};
use crate::jinja::context::host::Database;
use crate::node::ResourceType;

use super::cache::RelationCache;
use super::database::{ForeseenColumns, WorkerDatabase};
use super::event::Event;
use super::failure::connection_diagnostic;
use super::outcome::{CompiledFacts, NodeFacts, NodeOutcome, RunOutcome, Status};
use super::request::{RunSettings, Surroundings};
use super::worker::{Member, Worker, failed, panic_diagnostic, timed};

/// Compiles nodes in parallel, ephemeral models included. Templates may ask the database.
pub fn compile_nodes(around: &Surroundings, ids: &[NodeId], threads: usize) -> Result<RunOutcome, Box<Diagnostic>> {
    let started = Instant::now();
    let outcomes = over_nodes(around, ids, (threads, WorkerDatabase::connect), |worker, id| {
        worker.compile_member(id).map(|(outcome, _)| outcome)
    })?;
    Ok(ended(around, started, outcomes))
}

/// The same, with the code and the way back to the files.
pub fn compile_nodes_with_code(
    around: &Surroundings,
    ids: &[NodeId],
    threads: usize,
) -> Result<(RunOutcome, HashMap<NodeId, Compiled>), Box<Diagnostic>> {
    let started = Instant::now();
    let mut code = HashMap::new();
    let mut outcomes = Vec::new();
    for (outcome, compiled) in
        over_nodes(around, ids, (threads, WorkerDatabase::connect), |worker, id| worker.compile_member(id))?
    {
        code.extend(compiled.map(|compiled| (outcome.id().clone(), compiled)));
        outcomes.push(outcome);
    }
    Ok((ended(around, started, outcomes), code))
}

/// The code of ephemeral models, written down as that of others. What cannot be written is not said to be there.
pub(super) fn inlined(around: &Surroundings) -> Vec<(NodeId, CompiledFacts)> {
    let written = |compiled: &Compiled| {
        let path = around.writer.write_compiled(&compiled.node, None, &compiled.code.code).unwrap_or_default();
        (compiled.node.id.clone(), CompiledFacts::of(&compiled.code, path))
    };
    around.compiler.inlined_so_far().iter().map(written).collect()
}

fn ended(around: &Surroundings, started: Instant, outcomes: Vec<NodeOutcome>) -> RunOutcome {
    RunOutcome {
        outcomes,
        freshness: Vec::new(),
        elapsed: started.elapsed().as_secs_f64(),
        generated_at: Utc::now(),
        interrupted: around.cancel.is_cancelled(),
        broken_hook: None,
        inlined: inlined(around),
    }
}

/// A node's code, or why there is none.
#[derive(Clone, Debug)]
pub struct NodeCode {
    /// Of a first run: what is incremental has no table yet.
    pub first: Result<Compiled, Box<Diagnostic>>,
    /// Of later runs, where that is another.
    pub later: Option<Result<Compiled, Box<Diagnostic>>>,
}

/// The code of nodes and unit tests with the way back to their files; nothing is written. Those without code are left out.
pub fn compile_code(
    around: &Surroundings,
    ids: &[NodeId],
    threads: usize,
) -> Result<Vec<(NodeId, NodeCode)>, Box<Diagnostic>> {
    compile_code_over(around, ids, threads, &Arc::default())
}

/// The same where it is known which columns relations will have: fixtures of unit tests take their types from them.
pub fn compile_code_over(
    around: &Surroundings,
    ids: &[NodeId],
    threads: usize,
    foreseen: &Arc<ForeseenColumns>,
) -> Result<Vec<(NodeId, NodeCode)>, Box<Diagnostic>> {
    let connect: Connect = |around, cache| Ok(WorkerDatabase::connect_or_refuse(around, cache));
    over_nodes(around, ids, (threads, connect), |worker, id| {
        worker.database.foresee(Arc::clone(foreseen));
        let database = || Some(Arc::clone(&worker.database) as Arc<dyn Database>);
        let caught = |compile: &dyn Fn() -> Result<Compiled, Box<Diagnostic>>| {
            let compiled = catch_unwind(AssertUnwindSafe(compile))
                .unwrap_or_else(|payload| Err(Box::new(panic_diagnostic(payload.as_ref()))));
            worker.database.reset();
            compiled
        };
        worker.database.turn_to(Some(id.as_str()), None);
        if let Some(test) = around.project.unit_tests.get(id) {
            let first = caught(&|| around.compiler.compile_unit_test(test, database()));
            return Some((id.clone(), NodeCode { first, later: None }));
        }
        let node = around.project.nodes.get(id).filter(|n| n.resource_type != ResourceType::Seed)?;
        let compile = || around.compiler.compile(node, database());
        if node.config.materialized() != "incremental" {
            return Some((id.clone(), NodeCode { first: caught(&compile), later: None }));
        }
        let table = |kind| worker.database.pretend(Some((node.relation.clone(), kind)));
        table(None);
        let first = caught(&compile);
        table(Some(RelationKind::Table));
        let later = caught(&compile);
        worker.database.pretend(None);
        let same = matches!((&first, &later), (Ok(a), Ok(b)) if a.code.code == b.code.code);
        Some((id.clone(), NodeCode { first, later: (!same).then_some(later) }))
    })
}

/// How a worker gets its connection.
type Connect = fn(&Surroundings, &Arc<RelationCache>) -> Result<Arc<WorkerDatabase>, AdapterError>;

/// Does something with each node, on several workers with a connection each; results in the order of the nodes.
fn over_nodes<R: Send>(
    around: &Surroundings,
    ids: &[NodeId],
    (threads, connect): (usize, Connect),
    each: impl Fn(&Worker<'_>, &NodeId) -> Option<R> + Sync,
) -> Result<Vec<R>, Box<Diagnostic>> {
    let cache = Arc::new(RelationCache::new());
    let adapter = Arc::downgrade(&around.adapter);
    around.cancel.on_cancel(move || {
        if let Some(adapter) = adapter.upgrade() {
            adapter.interrupt_all();
        }
    });
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::<(usize, R)>::new()));
    let settings = RunSettings::default();
    let work = |number: usize| -> Result<(), Box<Diagnostic>> {
        let database = connect(around, &cache).map_err(|e| Box::new(connection_diagnostic(&e)))?;
        let thread = format!("Thread-{number} (worker)");
        let worker = Worker { around, settings: &settings, database, thread, ledger: None, crew: None };
        while !around.cancel.is_cancelled() {
            let place = next.fetch_add(1, Ordering::SeqCst);
            let Some(id) = ids.get(place) else { break };
            if let Some(result) = each(&worker, id) {
                done.lock().unwrap_or_else(PoisonError::into_inner).push((place, result));
            }
        }
        Ok(())
    };
    let results: Vec<Result<(), Box<Diagnostic>>> = std::thread::scope(|scope| {
        let work = &work;
        let spawn =
            |number| std::thread::Builder::new().stack_size(DEEP_STACK).spawn_scoped(scope, move || work(number));
        // With fewer threads than wanted the work is done all the same, by those that could be started.
        let threads: Vec<_> = (1..=threads.clamp(1, ids.len().max(1))).filter_map(|n| spawn(n).ok()).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<(), Box<Diagnostic>>>| {
            thread.join().unwrap_or_else(|payload| Err(Box::new(panic_diagnostic(payload.as_ref()))))
        };
        if threads.is_empty() { vec![work(1)] } else { threads.into_iter().map(join).collect() }
    });
    results.into_iter().collect::<Result<(), _>>()?;
    let mut results = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(place, _)| *place);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// Compiles a query from the command line.
pub fn compile_inline(around: &Surroundings, sql: &str) -> Result<NodeOutcome, Box<Diagnostic>> {
    let started = Instant::now();
    let cache = Arc::new(RelationCache::new());
    let database = WorkerDatabase::connect(around, &cache).map_err(|e| Box::new(connection_diagnostic(&e)))?;
    let (compiled, period) =
        timed(|| around.compiler.compile_inline(INLINE, sql, Some(database)).map_err(in_inline_query));
    let compiled = compiled?;
    let mut outcome = NodeOutcome::new(Arc::new(NodeFacts::of_node(&compiled.node, None)), Status::Success);
    outcome.compiled = Some(CompiledFacts::of(&compiled.code, None));
    outcome.timing.compile = Some(period);
    outcome.execution_time = started.elapsed().as_secs_f64();
    Ok(outcome)
}

/// The name of a query from the command line.
pub(super) const INLINE: &str = "inline_query";

/// Says that it is the query from the command line that cannot be read.
pub(super) fn in_inline_query(problem: Box<Diagnostic>) -> Box<Diagnostic> {
    match problem.code {
        codes::DATABASE_ERROR | codes::DATABASE_LOCKED | codes::DATABASE_OPEN | codes::INTERRUPTED => problem,
        _ => Box::new(problem.note("Error parsing inline query")),
    }
}

impl Worker<'_> {
    /// Compiles a member; none for what has no code.
    fn compile_member(&self, id: &NodeId) -> Option<(NodeOutcome, Option<Compiled>)> {
        let around = self.around;
        let (member, facts) = Member::find(&around.project, id, around.adapter.default_database())?;
        if matches!(member, Member::Source(_) | Member::Other) {
            return None;
        }
        let started = Instant::now();
        self.database.turn_to(Some(id.as_str()), None);
        let mut outcome = self.outcome(&facts);
        around.sink.emit(&Event::NodeOpened { node: &facts });
        let result = catch_unwind(AssertUnwindSafe(|| {
            let database = Arc::clone(&self.database) as Arc<dyn Database>;
            match &member {
                Member::Node(node) if node.resource_type == ResourceType::Seed => Ok(None),
                Member::Node(node) => {
                    self.compile(&mut outcome, None, || around.compiler.compile(node, Some(database))).map(Some)
                }
                Member::UnitTest(test) => self
                    .compile(&mut outcome, None, || around.compiler.compile_unit_test(test, Some(database)))
                    .map(Some),
                Member::Source(_) | Member::Other => Ok(None),
            }
        }));
        let mut code = None;
        match result.unwrap_or_else(|payload| Err(Box::new(panic_diagnostic(payload.as_ref())))) {
            Ok(compiled) => {
                outcome.status = Status::Success;
                code = compiled;
            }
            Err(diagnostic) => failed(&mut outcome, *diagnostic),
        }
        self.database.reset();
        outcome.execution_time = started.elapsed().as_secs_f64();
        around.sink.emit(&Event::NodeClosed { outcome: &outcome });
        Some((outcome, code))
    }
}

//! A whole run: schemas, cache, hooks before, nodes, hooks after.
//!
//! In: [`RunRequest`]. Out: [`RunOutcome`].

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;

use crate::diag::Diagnostic;

use super::cache::RelationCache;
use super::compile_only;
use super::database::WorkerDatabase;
use super::event::{Event, count_line, counted_kind};
use super::failure::connection_diagnostic;
use super::hooks::{self, Phase};
use super::ledger::Ledger;
use super::outcome::{NodeOutcome, RunOutcome, Status};
use super::pool::{self, Verdicts};
use super::request::RunRequest;
use super::schemas;
use super::worker::Member;

/// Runs everything in the request's graph. `Err` means that nothing could be run at all: no connection, no schema.
pub fn run(request: &RunRequest) -> Result<RunOutcome, Box<Diagnostic>> {
    let started = Instant::now();
    let around = &request.surroundings;
    let settings = &request.settings;
    let adapter = Arc::downgrade(&around.adapter);
    around.cancel.on_cancel(move || {
        if let Some(adapter) = adapter.upgrade() {
            adapter.interrupt_all();
        }
    });
    let cache = Arc::new(RelationCache::new());
    let database = WorkerDatabase::connect(around, &cache).map_err(|e| Box::new(connection_diagnostic(&e)))?;
    database.turn_to(None, None);
    if let Some(problem) = database.broken_comment() {
        return Err(Box::new(problem));
    }
    if settings.create_schemas {
        schemas::create_missing(around, &database, request.graph.order())?;
    }
    let known = schemas::of_project(&around.project, around);
    database.fill_cache(&known).map_err(|e| Box::new(e.into_diagnostic()))?;

    let ledger = Ledger::open(around, &database, request.graph.order());
    let (mut outcomes, mut broken_hook) = (Vec::new(), None);
    if settings.hooks && !request.graph.is_empty() {
        outcomes = hooks::run(around, &database, Phase::Start).map_err(|(_, problem)| problem)?;
    }
    let broken = outcomes.iter().any(|o| o.status == Status::Error) && settings.skip_nodes_if_on_run_start_fails;
    let verdicts = if broken { skip_all(request) } else { pool::work(request, &cache, &ledger)? };
    let of_hooks = outcomes.len();
    outcomes.extend(verdicts.outcomes);
    if settings.hooks && !request.graph.is_empty() && !around.cancel.is_cancelled() {
        match hooks::run(around, &database, Phase::End(&outcomes[of_hooks..], &verdicts.freshness)) {
            Ok(ended) => outcomes.extend(ended),
            Err((ended, problem)) => {
                outcomes.extend(ended);
                broken_hook = Some(problem);
            }
        }
    }
    let outcome = RunOutcome {
        outcomes,
        freshness: verdicts.freshness,
        elapsed: started.elapsed().as_secs_f64(),
        generated_at: Utc::now(),
        interrupted: around.cancel.is_cancelled(),
        broken_hook: broken_hook.map(|problem| *problem),
        inlined: compile_only::inlined(around),
    };
    let nodes = outcome.outcomes.iter().map(|o| &o.node).chain(outcome.freshness.iter().map(|f| &f.node));
    let mut kinds: Vec<String> = nodes.map(|node| counted_kind(node)).collect();
    // In dbt's order, which knows a data test as a test.
    kinds.sort_by(|a, b| a.trim_start_matches("data ").cmp(b.trim_start_matches("data ")));
    let ran = count_line(kinds.iter().map(String::as_str));
    around.sink.emit(&Event::RunFinished { outcome: &outcome, ran: &ran });
    Ok(outcome)
}

/// All nodes are skipped after a failed `on-run-start`.
fn skip_all(request: &RunRequest) -> Verdicts {
    let around = &request.surroundings;
    let total = request.graph.len();
    let mut verdicts = Verdicts::default();
    for (position, id) in request.graph.order().enumerate() {
        let found = Member::find(&around.project, id, around.adapter.default_database());
        let Some((_, facts)) = found else { continue };
        let mut outcome = NodeOutcome::new(facts, Status::Skipped);
        outcome.message = Some("Skipping due to a failed on-run-start hook".to_owned());
        let event = Event::NodeFinished { index: position + 1, total, outcome: &outcome, ephemeral_cause: None };
        around.sink.emit(&event);
        verdicts.outcomes.push(outcome);
    }
    verdicts
}

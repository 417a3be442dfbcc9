//! `on-run-start` and `on-run-end`.
//!
//! In: the project's operations. Out: hook events and outcomes. Each hook commits by itself: they run outside of a
//! transaction. After a failed hook the rest of its phase is skipped.

use std::sync::Arc;
use std::time::Instant;

use indexmap::IndexSet;

use crate::base::{Dict, Value};
use crate::diag::Diagnostic;
use crate::jinja::TemplateSource;
use crate::jinja::context::host::{AdapterResponse, Database, ExecuteOptions};
use crate::jinja::context::{NodeScope, render};
use crate::node::Node;
use crate::node::dict;
use crate::plan;

use super::code::RunningCode;
use super::database::WorkerDatabase;
use super::event::Event;
use super::outcome::{CompiledFacts, FreshnessOutcome, NodeFacts, NodeOutcome, Period, Status, Timing};
use super::request::Surroundings;
use super::worker::{failed, response_dict, timed};

/// When hooks run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase<'a> {
    /// Before the first node.
    Start,
    /// After the last, with all verdicts.
    End(&'a [NodeOutcome], &'a [FreshnessOutcome]),
}

impl Phase<'_> {
    fn planned(self) -> plan::Phase {
        match self {
            Self::Start => plan::Phase::Start,
            Self::End(..) => plan::Phase::End,
        }
    }
}

/// Runs the hooks of a phase. One that cannot even be rendered ends the whole run: `Err` has what ran before it.
pub(super) fn run(
    around: &Surroundings,
    database: &Arc<WorkerDatabase>,
    phase: Phase<'_>,
) -> Result<Vec<NodeOutcome>, (Vec<NodeOutcome>, Box<Diagnostic>)> {
    let hooks = plan::run_hooks(&around.project, phase.planned());
    let (total, mut outcomes, mut broken) = (hooks.len(), Vec::new(), false);
    for (position, node) in hooks.iter().enumerate() {
        let title = format!("{}.{}.{position}", node.package, phase.planned().as_str());
        let facts = NodeFacts::of_node(node, Some(around.adapter.default_database()));
        let facts = Arc::new(NodeFacts { description: format!("hook: {title}"), ..facts });
        let index = position + 1;
        let mut outcome = NodeOutcome::new(Arc::clone(&facts), Status::Skipped);
        if broken || around.cancel.is_cancelled() {
            outcome.message = Some(format!("{title} skipped"));
        } else {
            around.sink.emit(&Event::HookStarted { index, total, node: &facts });
            if let Err(problem) = run_hook(around, database, node, phase, &mut outcome) {
                return Err((outcomes, problem));
            }
            broken = outcome.status == Status::Error;
            outcome.message = Some(match &outcome.message {
                Some(words) if broken => format!("{title} failed, error:\n {words}"),
                _ => format!("{title} passed"),
            });
        }
        outcome.failures = Some(i64::from(outcome.status != Status::Success));
        around.sink.emit(&Event::HookFinished { index, total, outcome: &outcome });
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn run_hook(
    around: &Surroundings,
    database: &Arc<WorkerDatabase>,
    node: &Arc<Node>,
    phase: Phase<'_>,
    outcome: &mut NodeOutcome,
) -> Result<(), Box<Diagnostic>> {
    let started = Instant::now();
    outcome.status = Status::Success;
    database.turn_to(Some(node.id.as_str()), None);
    let result = render_and_execute(around, database, node, phase, outcome);
    let unrendered = result.is_err() && outcome.compiled.is_none();
    match result {
        Err(diagnostic) if unrendered => {
            database.reset();
            database.turn_to(None, None);
            return Err(diagnostic);
        }
        Ok(response) => outcome.adapter_response = response_dict(&response),
        Err(diagnostic) => {
            let words = diagnostic.message.clone();
            failed(outcome, *diagnostic);
            outcome.message = Some(words);
        }
    }
    database.reset();
    database.turn_to(None, None);
    outcome.execution_time = started.elapsed().as_secs_f64();
    Ok(())
}

fn render_and_execute(
    around: &Surroundings,
    database: &Arc<WorkerDatabase>,
    node: &Arc<Node>,
    phase: Phase<'_>,
    outcome: &mut NodeOutcome,
) -> Result<AdapterResponse, Box<Diagnostic>> {
    let door = Arc::clone(database) as Arc<dyn Database>;
    let mut scope = NodeScope::run(&around.shared, node, None, around.compiler.resolver(node)).database(door);
    if let Phase::End(outcomes, freshness) = phase {
        let pairs = written_schemas(around, outcomes);
        let schemas: IndexSet<&str> = pairs.iter().map(|(_, schema)| schema.as_str()).collect();
        scope = scope.value("schemas", schemas.into_iter().map(Value::from).collect::<Vec<_>>());
        let pairs = pairs.iter().map(|(d, s)| Value::List(vec![d.clone().into(), s.as_str().into()]));
        scope = scope.value("database_schemas", pairs.collect::<Vec<_>>());
        let nodes = outcomes.iter().map(|outcome| result_dict(around, outcome));
        scope = scope.results(nodes.chain(freshness.iter().map(|outcome| freshness_dict(around, outcome))));
    }
    let source = TemplateSource::part(&node.template.file, node.template.range.clone());
    let scope = scope.build();
    let (rendered, period) = timed(|| render(&around.engine, &source, &scope));
    outcome.timing.compile = Some(period);
    let rendered = rendered?;
    let sql = rendered.text.clone();
    let path = around.writer.write_compiled(node, None, &sql)?;
    outcome.compiled = Some(CompiledFacts { code: sql.clone(), path, ran: true, ..CompiledFacts::default() });
    database.turn_to(Some(node.id.as_str()), Some(RunningCode::rendered(rendered, node.template.clone())));
    // What the template itself did (`run_query`, `statement`) is final before the hook's own SQL.
    database.commit().map_err(|e| Box::new(e.into_diagnostic()))?;
    if sql.trim().is_empty() {
        return Ok(AdapterResponse { message: "OK".to_owned(), ..AdapterResponse::default() });
    }
    let (result, period) = timed(|| database.execute(&sql, &ExecuteOptions::default()));
    outcome.timing.execute = Some(period);
    let (response, _) = result.map_err(|e| Box::new(e.into_diagnostic()))?;
    database.commit().map_err(|e| Box::new(e.into_diagnostic()))?;
    Ok(response)
}

/// The schemas of all relations that were built, and of the tests that keep their rows.
fn written_schemas(around: &Surroundings, outcomes: &[NodeOutcome]) -> IndexSet<(Option<String>, String)> {
    let built = outcomes.iter().filter(|o| !matches!(o.status, Status::Error | Status::Fail | Status::Skipped));
    let nodes = built.filter_map(|outcome| {
        let node = around.project.nodes.get(outcome.id())?;
        (node.is_relational() || outcome.node.stores_failures).then_some(node)
    });
    let pair = |node: &Arc<Node>| Some((node.relation.database.clone(), node.relation.schema.clone()?));
    nodes.filter_map(pair).collect()
}

/// A verdict as `results` shows it.
fn result_dict(around: &Surroundings, outcome: &NodeOutcome) -> Dict {
    let code = outcome.compiled.as_ref().map(CompiledFacts::to_code);
    let project = &around.project;
    let node = if let Some(node) = project.nodes.get(outcome.id()) {
        dict::node(node, code.as_ref())
    } else if let Some(test) = project.unit_tests.get(outcome.id()) {
        dict::unit_test(test, project.info.created_at)
    } else if let Some(exposure) = project.exposures.get(outcome.id()) {
        dict::exposure(exposure, project.info.created_at)
    } else if let Some(source) = project.sources.get(outcome.id()) {
        dict::source(source, project.info.created_at)
    } else {
        [("unique_id".to_owned(), Value::from(outcome.id().as_str()))].into_iter().collect()
    };
    let pairs = [
        ("status", Value::from(outcome.status.as_str())),
        ("timing", timing_list(&outcome.timing)),
        ("thread_id", outcome.thread_id.as_str().into()),
        ("execution_time", outcome.execution_time.into()),
        ("adapter_response", outcome.adapter_response.clone().into()),
        ("message", outcome.message.clone().into()),
        ("failures", outcome.failures.into()),
        ("node", node.into()),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The verdict on a source's age as `results` shows it: that on a node, and the age.
fn freshness_dict(around: &Surroundings, outcome: &FreshnessOutcome) -> Dict {
    let verdict = NodeOutcome {
        timing: outcome.timing,
        thread_id: outcome.thread_id.clone(),
        execution_time: outcome.execution_time,
        adapter_response: outcome.adapter_response.clone(),
        message: outcome.message.clone(),
        ..NodeOutcome::new(Arc::clone(&outcome.node), outcome.status)
    };
    let mut dict = result_dict(around, &verdict);
    if let (Some(loaded), Some(asked)) = (outcome.max_loaded_at, outcome.snapshotted_at) {
        dict.insert("max_loaded_at".to_owned(), Value::TimestampTz(loaded.fixed_offset()));
        dict.insert("snapshotted_at".to_owned(), Value::TimestampTz(asked.fixed_offset()));
        dict.insert("age".to_owned(), outcome.age.into());
    }
    dict
}

fn timing_list(timing: &Timing) -> Value {
    let steps = [("compile", timing.compile), ("execute", timing.execute)];
    let timing = steps.into_iter().filter_map(|(name, period)| period.map(|p| Value::Map(period_dict(name, p))));
    Value::List(timing.collect())
}

fn period_dict(name: &str, period: Period) -> Dict {
    let pairs = [
        ("name", Value::from(name)),
        ("started_at", Value::TimestampTz(period.started_at.fixed_offset())),
        ("completed_at", Value::TimestampTz(period.completed_at.fixed_offset())),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

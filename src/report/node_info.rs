//! The JSON about a node and its result that dbt's structured log carries.
//!
//! In: facts and outcomes. Out: `node_info` and `run_result` objects. As in dbt's log, what is not known is the empty text.

use serde_json::{Map, Value as Json, json};

use chrono::{DateTime, Utc};

use crate::base::Value;
use crate::execute::outcome::{FreshnessOutcome, NodeFacts, NodeOutcome, Timing};
use crate::node::Group;

/// Times without zone, as dbt's log has them.
fn naive(at: Option<DateTime<Utc>>) -> String {
    at.map(|t| t.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()).unwrap_or_default()
}

fn zoned(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// `node_info` of a node at some stage of its life.
fn info(node: &NodeFacts, status: &str, started: Option<DateTime<Utc>>, finished: Option<DateTime<Utc>>) -> Json {
    json!({
        "materialized": node.materialized,
        "meta": Value::Map(node.meta.clone()).to_json(),
        "node_checksum": node.checksum,
        "node_finished_at": naive(finished),
        "node_name": node.name,
        "node_path": node.path,
        "node_relation": {
            "alias": node.alias,
            "database": node.database.clone().unwrap_or_default(),
            "relation_name": node.relation_name.clone().unwrap_or_default(),
            "schema": node.schema.clone().unwrap_or_default(),
        },
        "node_started_at": naive(started),
        "node_status": status,
        "resource_type": node.resource_type.as_str(),
        "unique_id": node.id.as_str(),
    })
}

/// `node_info` of a node that a worker has just taken.
pub(super) fn started(node: &NodeFacts, at: DateTime<Utc>) -> Json {
    info(node, "started", Some(at), None)
}

/// `node_info` of a node that nobody has worked on.
pub(super) fn waiting(node: &NodeFacts) -> Json {
    info(node, "started", None, None)
}

/// `node_info` of a node that is done.
pub(super) fn finished(outcome: &NodeOutcome) -> Json {
    info(&outcome.node, outcome.status.as_str(), outcome.timing.started_at(), outcome.timing.completed_at())
}

/// `node_info` of a source whose check is done.
pub(super) fn checked(outcome: &FreshnessOutcome) -> Json {
    info(&outcome.node, outcome.status.as_str(), outcome.timing.started_at(), outcome.timing.completed_at())
}

/// `node_info` in the summary at the end.
pub(super) fn summed_up(node: &NodeFacts) -> Json {
    info(node, "None", None, None)
}

/// `run_result` of a node that is done.
pub(super) fn run_result(o: &NodeOutcome) -> Json {
    json!({
        "adapter_response": Value::Map(o.adapter_response.clone()).to_json(),
        "execution_time": o.execution_time,
        "message": o.message.clone().unwrap_or_default(),
        "num_failures": o.failures.unwrap_or(0),
        "status": o.status.as_str(),
        "thread": o.thread_id,
        "timing_info": timing_info(&o.timing),
    })
}

fn timing_info(timing: &Timing) -> Vec<Json> {
    let steps = [("compile", timing.compile), ("execute", timing.execute)];
    let told = steps.into_iter().filter_map(|(name, period)| {
        let period = period?;
        Some(json!({
            "completed_at": zoned(period.completed_at),
            "name": name,
            "started_at": zoned(period.started_at),
        }))
    });
    told.collect()
}

/// `run_result` of a source whose check is done.
pub(super) fn check_result(o: &FreshnessOutcome) -> Json {
    json!({
        "adapter_response": {},
        "execution_time": o.execution_time,
        "message": o.message.clone().unwrap_or_default(),
        "num_failures": 0,
        "status": o.status.as_str(),
        "thread": o.thread_id,
        "timing_info": timing_info(&o.timing),
    })
}

/// `group`: who answers for a node.
pub(super) fn group(group: &Group) -> Json {
    let owner = group.owner.iter().filter(|(_, value)| !value.is_null());
    // Every value is text there; a list of addresses is written as Python writes it.
    let text = |value: &Value| match value {
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| format!("'{item}'")).collect();
            format!("[{}]", items.join(", "))
        }
        value => value.to_string(),
    };
    let owner: Map<String, Json> = owner.map(|(key, value)| (key.clone(), text(value).into())).collect();
    json!({ "name": group.name, "package_name": group.package, "owner": owner })
}

/// An object from pairs.
pub(super) fn object<const N: usize>(pairs: [(&str, Json); N]) -> Map<String, Json> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

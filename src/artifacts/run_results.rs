//! `run_results.json`, schema v6: the verdict on every node of a run.
//!
//! In: a [`RunOutcome`] and the command's arguments. Out: [`RunResults`].

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::base::{BatchKey, Dict, Interval, Value};
use crate::execute::outcome::{NodeOutcome, RunOutcome};
use crate::node::ResourceType;

use super::wire::{WireDict, timing, zoned};
use super::{Artifact, ArtifactKind, Metadata};

/// The file's content.
#[derive(Clone, Copy, Debug)]
pub struct RunResults<'a> {
    /// About the command; `generated_at` is taken from the outcome.
    pub metadata: &'a Metadata,
    /// The verdicts.
    pub outcome: &'a RunOutcome,
    /// Flags and arguments under dbt's names (`which`, `select`, `vars`, ...), secrets removed.
    pub args: &'a Dict,
}

impl Artifact for RunResults<'_> {
    fn kind(&self) -> ArtifactKind {
        ArtifactKind::RunResults
    }
}

impl Serialize for RunResults<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let metadata = Metadata { generated_at: self.outcome.generated_at, ..self.metadata.clone() };
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("metadata", &WireDict(&metadata.to_dict(ArtifactKind::RunResults)))?;
        map.serialize_entry("results", &Results(&self.outcome.outcomes))?;
        map.serialize_entry("elapsed_time", &self.outcome.elapsed)?;
        map.serialize_entry("args", &WireDict(self.args))?;
        map.end()
    }
}

struct Results<'a>(&'a [NodeOutcome]);

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for outcome in self.0 {
            seq.serialize_element(&WireDict(&result(outcome)))?;
        }
        seq.end()
    }
}

/// Whether dbt knows `compiled` for this kind of node; for others the keys are null.
fn is_compilable(kind: ResourceType) -> bool {
    use ResourceType::{Analysis, Function, Model, Operation, Snapshot, Test, UnitTest};
    matches!(kind, Analysis | Function | Model | Operation | Snapshot | Test | UnitTest)
}

fn result(o: &NodeOutcome) -> Dict {
    let mut d = Dict::new();
    d.insert("status".into(), o.status.as_str().into());
    d.insert("timing".into(), timing(&o.timing));
    d.insert("thread_id".into(), o.thread_id.as_str().into());
    d.insert("execution_time".into(), o.execution_time.into());
    d.insert("adapter_response".into(), Value::Map(o.adapter_response.clone()));
    d.insert("message".into(), o.message.clone().into());
    d.insert("failures".into(), o.failures.into());
    d.insert("unique_id".into(), o.id().as_str().into());
    if is_compilable(o.node.resource_type) {
        d.insert("compiled".into(), o.compiled.is_some().into());
        d.insert("compiled_code".into(), o.compiled.as_ref().map(|c| c.code.clone()).into());
        d.insert("relation_name".into(), o.node.relation_name.clone().into());
    } else {
        for key in ["compiled", "compiled_code", "relation_name"] {
            d.insert(key.into(), Value::Null);
        }
    }
    let batches = o.batch_results.as_ref().map(|b| {
        let mut d = Dict::new();
        d.insert("successful".into(), intervals(&b.successful));
        d.insert("failed".into(), intervals(&b.failed));
        Value::Map(d)
    });
    d.insert("batch_results".into(), batches.unwrap_or_default());
    d
}

fn intervals(list: &[Interval]) -> Value {
    let key = |key: BatchKey| match key {
        BatchKey::Time(time) => Value::from(zoned(time)),
        BatchKey::Number(number) => Value::from(number),
    };
    Value::List(list.iter().map(|interval| Value::from(vec![key(interval.start), key(interval.end)])).collect())
}

//! `sources.json`, schema v3: how fresh the source tables are.
//!
//! In: a [`RunOutcome`] of freshness checks. Out: [`Sources`].

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::base::{Dict, Value};
use crate::execute::outcome::{FreshnessOutcome, RunOutcome, Status};

use super::wire::{WireDict, timing, zoned};
use super::{Artifact, ArtifactKind, Metadata};

/// The file's content.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// About the command; `generated_at` is taken from the outcome.
    pub metadata: &'a Metadata,
    /// The checks. Those that could not be made are left out, as dbt does.
    pub outcome: &'a RunOutcome,
}

impl Artifact for Sources<'_> {
    fn kind(&self) -> ArtifactKind {
        ArtifactKind::Sources
    }
}

impl Serialize for Sources<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let metadata = Metadata { generated_at: self.outcome.generated_at, ..self.metadata.clone() };
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("metadata", &WireDict(&metadata.to_dict(ArtifactKind::Sources)))?;
        map.serialize_entry("results", &Results(&self.outcome.freshness))?;
        map.serialize_entry("elapsed_time", &self.outcome.elapsed)?;
        map.end()
    }
}

struct Results<'a>(&'a [FreshnessOutcome]);

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        for check in self.0.iter().filter(|f| f.status != Status::RuntimeError) {
            seq.serialize_element(&WireDict(&result(check)))?;
        }
        seq.end()
    }
}

fn result(f: &FreshnessOutcome) -> Dict {
    let mut d = Dict::new();
    d.insert("unique_id".into(), f.node.id.as_str().into());
    d.insert("max_loaded_at".into(), f.max_loaded_at.map(zoned).into());
    d.insert("snapshotted_at".into(), f.snapshotted_at.map(zoned).into());
    d.insert("max_loaded_at_time_ago_in_s".into(), f.age.into());
    d.insert("status".into(), f.status.as_str().into());
    d.insert("criteria".into(), criteria(&f.criteria));
    d.insert("adapter_response".into(), Value::Map(f.adapter_response.clone()));
    d.insert("timing".into(), timing(&f.timing));
    d.insert("thread_id".into(), f.thread_id.as_str().into());
    d.insert("execution_time".into(), f.execution_time.into());
    d
}

/// Both thresholds with both keys, null where unset; one that was switched off is null itself.
fn criteria(given: &Value) -> Value {
    let mut d = Dict::new();
    for key in ["warn_after", "error_after"] {
        let threshold = given.get(key);
        if threshold.is_some_and(Value::is_null) {
            d.insert(key.into(), Value::Null);
            continue;
        }
        let mut t = Dict::new();
        for part in ["count", "period"] {
            t.insert(part.into(), threshold.and_then(|v| v.get(part)).cloned().unwrap_or_default());
        }
        d.insert(key.into(), Value::Map(t));
    }
    d.insert("filter".into(), given.get("filter").cloned().unwrap_or_default());
    Value::Map(d)
}

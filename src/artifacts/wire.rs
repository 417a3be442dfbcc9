//! How plain values become JSON: written straight from [`Value`] to the output, times in dbt's form.
//!
//! In: values. Out: [`Wire`] and [`WireDict`], which serialise without a copy; [`timestamp`], [`timing`].

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::base::{Dict, Value};
use crate::execute::outcome::Timing;

/// A value that serialises as [`Value::to_json`] would show it.
pub(super) struct Wire<'a>(pub &'a Value);

/// A dict that serialises as a JSON object.
pub(super) struct WireDict<'a>(pub &'a Dict);

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Str(s) => serializer.serialize_str(s),
            Value::Bool(b) => serializer.serialize_bool(*b),
            Value::List(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(&Wire(item))?;
                }
                seq.end()
            }
            Value::Map(map) => WireDict(map).serialize(serializer),
            other => other.to_json().serialize(serializer),
        }
    }
}

impl Serialize for WireDict<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(key, &Wire(value))?;
        }
        map.end()
    }
}

/// An object whose entries are made one at a time while they are written.
pub(super) struct Section<F>(pub F);

impl<I, F> Serialize for Section<F>
where
    F: Fn() -> I,
    I: Iterator<Item = (String, Value)>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in (self.0)() {
            map.serialize_entry(&key, &Wire(&value))?;
        }
        map.end()
    }
}

/// `2024-05-01T10:20:30.123456Z`: always six digits, as strict readers of dbt's files expect.
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// `2024-05-01T10:20:30.123456+00:00`, as dbt writes times that carry a zone.
pub(super) fn zoned(at: DateTime<Utc>) -> String {
    let format =
        if at.timestamp_subsec_micros() == 0 { "%Y-%m-%dT%H:%M:%S+00:00" } else { "%Y-%m-%dT%H:%M:%S%.6f+00:00" };
    at.format(format).to_string()
}

/// dbt's `timing` list.
pub(super) fn timing(timing: &Timing) -> Value {
    let steps = [("compile", timing.compile), ("execute", timing.execute)];
    let entries = steps.into_iter().filter_map(|(name, period)| {
        let period = period?;
        let mut d = Dict::new();
        d.insert("name".into(), name.into());
        d.insert("started_at".into(), timestamp(period.started_at).into());
        d.insert("completed_at".into(), timestamp(period.completed_at).into());
        Some(Value::Map(d))
    });
    Value::List(entries.collect())
}

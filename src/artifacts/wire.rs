//! How plain values become JSON: written straight from [`Value`] to the output, times in dbt's form.
//!
//! In: values. Out: [`Wire`] and [`WireDict`], which serialise without a copy; [`Part`], an object of many entries; [`timestamp`], [`timing`].

use chrono::{DateTime, SecondsFormat, Utc};
use rayon::prelude::*;
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

/// A part of a file under one key.
pub(super) enum Part<'a> {
    /// An object that is there.
    Whole(Dict),
    /// An object whose entries are made while they are written: how many there are, and each by its number.
    Entries(usize, EntryMaker<'a>),
}

/// Makes the entry of a number.
type EntryMaker<'a> = Box<dyn Fn(usize) -> (String, Value) + Sync + 'a>;

/// Entries that one worker writes, and how many are in memory before they join the file.
const PIECE: usize = 128;
const ROUND: usize = 64 * PIECE;

impl<'a> Part<'a> {
    /// An entry for each item.
    pub(super) fn of<T: Sync + Send + 'a>(
        items: impl Iterator<Item = T>,
        entry: impl Fn(&T) -> (String, Value) + Sync + 'a,
    ) -> Self {
        let items: Vec<T> = items.collect();
        Self::Entries(items.len(), Box::new(move |index| entry(&items[index])))
    }

    /// Adds the object's text, made by all cores.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        let (count, entry) = match self {
            Self::Whole(dict) => return serde_json::to_writer(bytes, &WireDict(dict)),
            Self::Entries(count, entry) => (*count, entry),
        };
        bytes.push(b'{');
        for round in (0..count).step_by(ROUND) {
            let numbers: Vec<usize> = (round..count.min(round + ROUND)).collect();
            let pieces = numbers.par_chunks(PIECE).map(|numbers| {
                let mut piece = Vec::new();
                for number in numbers {
                    let (key, value) = entry(*number);
                    piece.push(b',');
                    serde_json::to_writer(&mut piece, &key)?;
                    piece.push(b':');
                    serde_json::to_writer(&mut piece, &Wire(&value))?;
                }
                Ok(piece)
            });
            let pieces: Vec<Vec<u8>> = pieces.collect::<Result<_, serde_json::Error>>()?;
            for (index, piece) in pieces.iter().enumerate() {
                // The first entry of all follows no other.
                bytes.extend_from_slice(&piece[usize::from(round + index == 0)..]);
            }
        }
        bytes.push(b'}');
        Ok(())
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (count, entry) = match self {
            Self::Whole(dict) => return WireDict(dict).serialize(serializer),
            Self::Entries(count, entry) => (*count, entry),
        };
        let mut map = serializer.serialize_map(Some(count))?;
        for (key, value) in (0..count).map(entry) {
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

//! What a render did that parsing must know: references, config, macros, variables.
//!
//! In: calls made by templates. Out: [`Captured`]. Shared with the scope, so it can be read after the render.

use std::sync::{Mutex, PoisonError};

use indexmap::{IndexMap, IndexSet};

use crate::base::{Dict, Value};
use crate::node::RefCall;

/// Everything that was seen, in order of the calls.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Captured {
    /// `ref` calls.
    pub refs: Vec<RefCall>,
    /// `source` calls.
    pub sources: Vec<(String, String)>,
    /// `metric` calls: one or two names.
    pub metrics: Vec<Vec<String>>,
    /// `function` calls: one or two names.
    pub functions: Vec<Vec<String>>,
    /// All `config()` calls merged by dbt's rules; `pre_hook` and `post_hook` are spelt with a hyphen.
    pub config: Dict,
    /// Unique ids of the macros called, each once.
    pub macros: IndexSet<String>,
    /// Environment variables read, with the value that was used; `None` where it came from the call's default.
    pub env_vars: IndexMap<String, Option<String>>,
    /// Project variables read.
    pub vars: IndexSet<String>,
    /// Whether the text depends on the database or on `execute`: it must be rendered again to be known.
    pub introspective: bool,
}

/// A [`Captured`] that a render writes to.
#[derive(Debug, Default)]
pub struct Capture(Mutex<Captured>);

impl Capture {
    /// An empty capture.
    pub fn new() -> Self {
        Self::default()
    }

    /// What has been seen so far.
    pub fn snapshot(&self) -> Captured {
        self.with(|c| c.clone())
    }

    /// Takes what has been seen, leaving nothing.
    pub fn take(&self) -> Captured {
        self.with(std::mem::take)
    }

    /// Notes a macro call.
    pub fn saw_macro(&self, unique_id: &str) {
        self.with(|c| {
            if !c.macros.contains(unique_id) {
                c.macros.insert(unique_id.to_owned());
            }
        });
    }

    /// Reads or changes what has been seen.
    pub(super) fn with<T>(&self, action: impl FnOnce(&mut Captured) -> T) -> T {
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Merges a `config()` call into what earlier calls said.
    pub(super) fn config_call(&self, options: Dict) -> Result<(), String> {
        self.with(|c| merge_config_call(&mut c.config, options))
    }
}

const APPENDED: &[&str] = &["pre-hook", "post-hook", "tags", "packages"];
const UPDATED: &[&str] = &["quoting", "column_types", "meta", "docs", "contract"];

/// Merges one `config()` call into the earlier ones: hooks and tags add up, mappings are updated, grants are merged by
/// privilege, everything else is replaced.
fn merge_config_call(earlier: &mut Dict, options: Dict) -> Result<(), String> {
    if earlier.is_empty() {
        *earlier = options;
        return Ok(());
    }
    for (key, value) in options {
        if APPENDED.contains(&key.as_str()) {
            let mut items = earlier.get(&key).cloned().map(listed).unwrap_or_default();
            items.extend(listed(value));
            earlier.insert(key, Value::List(items));
        } else if UPDATED.contains(&key.as_str()) || key == "grants" {
            let Value::Map(new) = value else {
                return Err(format!("the config '{key}' must be a mapping, not {}", value.kind()));
            };
            let merged = match earlier.get(&key) {
                Some(Value::Map(old)) if key == "grants" => merge_grants(old.clone(), new),
                Some(Value::Map(old)) => old.clone().into_iter().chain(new).collect(),
                _ => new,
            };
            earlier.insert(key, Value::Map(merged));
        } else {
            earlier.insert(key, value);
        }
    }
    Ok(())
}

/// A privilege with a leading `+` extends the list of the same key, any other replaces it.
fn merge_grants(old: Dict, new: Dict) -> Dict {
    let mut merged: Dict = old.into_iter().map(|(key, value)| (key, Value::List(listed(value)))).collect();
    for (key, value) in new {
        let mut items = listed(value);
        if key.starts_with('+')
            && let Some(Value::List(before)) = merged.get(&key)
        {
            items = before.iter().cloned().chain(items).collect();
        }
        merged.insert(key, Value::List(items));
    }
    merged
}

fn listed(value: Value) -> Vec<Value> {
    match value {
        Value::List(items) => items,
        other => vec![other],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_calls_merge_by_kind_of_key() {
        let dict = |pairs: &[(&str, Value)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect::<Dict>();
        let capture = Capture::new();
        let meta = |key: &str| Value::Map(dict(&[(key, Value::Int(1))]));
        capture
            .config_call(dict(&[("tags", "a".into()), ("materialized", "view".into()), ("meta", meta("x"))]))
            .unwrap();
        capture
            .config_call(dict(&[("tags", "b".into()), ("materialized", "table".into()), ("meta", meta("y"))]))
            .unwrap();
        let config = capture.take().config;
        assert_eq!(config["tags"], Value::from(vec!["a", "b"]));
        assert_eq!(config["materialized"], "table".into());
        assert_eq!(config["meta"].as_map().unwrap().len(), 2);
        assert!(capture.snapshot().config.is_empty());
    }
}

//! A node's resolved config: dbt's dict with typed doors.

use crate::base::{Dict, Value};

/// The merged config of a node, keys as dbt spells them (`materialized`, `pre-hook`, ...), defaults filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config(pub Dict);

impl Config {
    /// The raw value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// A text value; other kinds and null are `None`.
    pub fn str(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    /// A boolean value; other kinds and null are `None`.
    pub fn bool(&self, key: &str) -> Option<bool> {
        self.0.get(key).and_then(Value::as_bool)
    }

    /// A list of texts; a lone text counts as a list of one.
    pub fn strings(&self, key: &str) -> Vec<&str> {
        match self.0.get(key) {
            Some(Value::Str(s)) => vec![s],
            Some(Value::List(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// A mapping value.
    pub fn map(&self, key: &str) -> Option<&Dict> {
        self.0.get(key).and_then(Value::as_map)
    }

    /// `enabled`, true by default.
    pub fn enabled(&self) -> bool {
        self.bool("enabled").unwrap_or(true)
    }

    /// `materialized`, empty if unset.
    pub fn materialized(&self) -> &str {
        self.str("materialized").unwrap_or_default()
    }

    /// `tags`.
    pub fn tags(&self) -> Vec<&str> {
        self.strings("tags")
    }

    /// `contract.enforced`.
    pub fn contract_enforced(&self) -> bool {
        self.map("contract").and_then(|c| c.get("enforced")).and_then(Value::as_bool).unwrap_or(false)
    }
}

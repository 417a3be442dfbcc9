//! How the rows of an incremental model get into a table that exists.
//!
//! In: the model's config, what the warehouse and the macros have. Out: [`Addition`].

use crate::base::{Dict, Value};
use crate::node::Config;

use super::schema_change::SchemaChange;

/// A strategy of incremental models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Rows are added.
    Append,
    /// Rows of the same keys go, then rows are added.
    DeleteInsert,
    /// Rows of the same keys are changed, others are added.
    Merge,
    /// Partitions that have new rows are replaced.
    InsertOverwrite,
    /// Batches of time or numbers are replaced.
    Microbatch,
    /// A macro of the project decides.
    Custom(String),
}

impl Strategy {
    /// dbt's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Append => "append",
            Self::DeleteInsert => "delete+insert",
            Self::Merge => "merge",
            Self::InsertOverwrite => "insert_overwrite",
            Self::Microbatch => "microbatch",
            Self::Custom(name) => name,
        }
    }

    fn parse(name: &str) -> Self {
        [Self::Append, Self::DeleteInsert, Self::Merge, Self::InsertOverwrite, Self::Microbatch]
            .into_iter()
            .find(|strategy| strategy.as_str() == name)
            .unwrap_or_else(|| Self::Custom(name.to_owned()))
    }
}

/// The strategy of a config; `default` is the engine's own for those that name none.
pub fn strategy(config: &Config, default: &str) -> Strategy {
    match config.str("incremental_strategy").filter(|name| !name.is_empty()) {
        None | Some("default") => Strategy::parse(default),
        Some(name) => Strategy::parse(name),
    }
}

/// The columns or expressions that tell rows apart.
pub fn keys(config: &Config, strategy: &Strategy) -> Vec<String> {
    let using = if *strategy == Strategy::Merge { words(config.get("merge_on_using_columns")) } else { Vec::new() };
    if using.is_empty() { words(config.get("unique_key")) } else { using }
}

/// A text, or several.
pub(super) fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::List(items)) => items.iter().map(ToString::to_string).collect(),
        Some(Value::Str(text)) if !text.is_empty() => vec![text.clone()],
        _ => Vec::new(),
    }
}

/// Rows are added to a table that exists.
#[derive(Clone, Debug, PartialEq)]
pub struct Addition {
    /// How.
    pub strategy: Strategy,
    /// What tells rows apart.
    pub keys: Vec<String>,
    /// Conditions on the rows of the table that are touched.
    pub predicates: Vec<String>,
    /// What tells partitions apart.
    pub partitions: Vec<String>,
    /// `merge_*` configs that are set.
    pub merge: Dict,
    /// The columns that are written, where they are known.
    pub columns: Option<Vec<String>>,
    /// What becomes of the table's columns.
    pub schema: SchemaChange,
    /// The macro of the project that spells the statements.
    pub spelled_by: Option<String>,
}

impl Addition {
    /// What the config says.
    pub fn of(config: &Config, strategy: Strategy, schema: SchemaChange, spelled_by: Option<String>) -> Self {
        let predicates = words(config.get("predicates").filter(|v| v.is_truthy()));
        let predicates = if predicates.is_empty() { words(config.get("incremental_predicates")) } else { predicates };
        let partitions = config.get("partition_by").filter(|v| v.is_truthy()).or(config.get("partitioned_by"));
        let partitions = match partitions {
            Some(Value::Map(map)) => words(map.get("field")),
            other => words(other),
        };
        let is_merge = |(key, value): &(&String, &Value)| key.starts_with("merge_") && value.is_truthy();
        let merge = match strategy {
            Strategy::Merge => config.0.iter().filter(is_merge).map(|(k, v)| (k.clone(), v.clone())).collect(),
            _ => Dict::new(),
        };
        let keys = keys(config, &strategy);
        Self { strategy, keys, predicates, partitions, merge, columns: None, schema, spelled_by }
    }

    /// Why and how, in words.
    pub fn reason(&self) -> String {
        let keys = self.keys.join(", ");
        let mut reason = match &self.strategy {
            Strategy::Append => "rows are added".to_owned(),
            Strategy::DeleteInsert if self.keys.is_empty() => "rows are added: there is no unique_key".to_owned(),
            Strategy::DeleteInsert => format!("rows of the same {keys} are replaced, others added"),
            Strategy::Merge if self.keys.is_empty() => "rows are added: there is no unique_key".to_owned(),
            Strategy::Merge => format!("rows of the same {keys} are changed, others added"),
            Strategy::InsertOverwrite => {
                format!("partitions ({}) that have new rows are replaced", self.partitions.join(", "))
            }
            Strategy::Microbatch => "batches are replaced".to_owned(),
            Strategy::Custom(name) => format!("the strategy '{name}' decides"),
        };
        if !self.predicates.is_empty() {
            reason.push_str(&format!(" (only where {})", self.predicates.join(" and ")));
        }
        if let Some(alterations) = self.schema.alterations() {
            reason.push_str(&format!("; {alterations}"));
        }
        reason
    }
}

//! Columns and constraints as properties files declare them.

use crate::base::{Dict, Value};

/// A constraint on a column or a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    /// `not_null`, `unique`, `primary_key`, `foreign_key`, `check`, `custom`.
    pub kind: String,
    /// All keys as written, including `type`.
    pub fields: Dict,
}

/// A declared column.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Column {
    /// Name as written.
    pub name: String,
    /// Description after docs blocks were put in.
    pub description: String,
    /// `meta`, merged from `config.meta`.
    pub meta: Dict,
    /// `tags`, merged from `config.tags`.
    pub tags: Vec<String>,
    /// Declared type.
    pub data_type: Option<String>,
    /// Whether the name is to be quoted.
    pub quote: Option<bool>,
    /// Column constraints.
    pub constraints: Vec<Constraint>,
    /// `granularity` of a time column.
    pub granularity: Option<String>,
    /// The unique ids of docs blocks in the description.
    pub doc_blocks: Vec<String>,
    /// Keys that dbt does not know, kept.
    pub extra: Dict,
    /// The column's `config` mapping, as written.
    pub config: Dict,
}

impl Column {
    /// dbt's dict of a column.
    pub fn to_dict(&self) -> Dict {
        let mut d = Dict::new();
        d.insert("name".into(), self.name.as_str().into());
        d.insert("description".into(), self.description.as_str().into());
        d.insert("meta".into(), Value::Map(self.meta.clone()));
        d.insert("data_type".into(), self.data_type.clone().into());
        let constraints = self.constraints.iter().map(|c| Value::Map(c.to_dict()));
        d.insert("constraints".into(), Value::List(constraints.collect()));
        d.insert("quote".into(), self.quote.into());
        let mut config = Dict::new();
        config.insert("meta".into(), Value::Map(self.meta.clone()));
        config.insert("tags".into(), self.tags.clone().into());
        for (key, value) in &self.config {
            config.entry(key.clone()).or_insert_with(|| value.clone());
        }
        d.insert("config".into(), Value::Map(config));
        d.insert("tags".into(), self.tags.clone().into());
        d.insert("granularity".into(), self.granularity.clone().into());
        d.insert("doc_blocks".into(), self.doc_blocks.clone().into());
        for (key, value) in &self.extra {
            d.entry(key.clone()).or_insert_with(|| value.clone());
        }
        d
    }
}

impl Constraint {
    /// dbt's dict of a constraint: every known key present.
    pub fn to_dict(&self) -> Dict {
        let mut d = Dict::new();
        d.insert("type".into(), self.kind.as_str().into());
        for (key, default) in [
            ("name", Value::Null),
            ("expression", Value::Null),
            ("warn_unenforced", Value::Bool(true)),
            ("warn_unsupported", Value::Bool(true)),
            ("to", Value::Null),
            ("to_columns", Value::List(Vec::new())),
        ] {
            d.insert(key.into(), self.fields.get(key).cloned().unwrap_or(default));
        }
        if let Some(columns) = self.fields.get("columns") {
            d.insert("columns".into(), columns.clone());
        }
        d
    }
}

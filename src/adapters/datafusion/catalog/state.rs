//! What a lake holds at one version of its catalog: schemas, relations, the current version of every table.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of a relation: schema and identifier, as created.
pub(in crate::adapters::datafusion) type Key = (String, String);

/// A column of a view, as it was when the view was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::adapters::datafusion) struct ViewColumn {
    /// Its name.
    pub name: String,
    /// Its type, in SQL.
    #[serde(rename = "type")]
    pub data_type: String,
}

/// What a relation is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(in crate::adapters::datafusion) enum Kind {
    /// A Delta table.
    Table {
        /// Its folder, from the root of the lake.
        location: String,
    },
    /// A stored query.
    View {
        /// The query.
        sql: String,
        /// The schema of names in it that have none.
        search: String,
        /// Its columns.
        columns: Vec<ViewColumn>,
    },
}

/// A relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::adapters::datafusion) struct Entry {
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
    /// Its comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Comments of its columns.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub column_comments: BTreeMap<String, String>,
}

impl Entry {
    /// A relation without comments.
    pub fn new(kind: Kind) -> Self {
        Self { kind, comment: None, column_comments: BTreeMap::new() }
    }

    /// The folder, if it is a table.
    pub fn location(&self) -> Option<&str> {
        match &self.kind {
            Kind::Table { location } => Some(location),
            Kind::View { .. } => None,
        }
    }

    /// What it is, in words.
    pub fn word(&self) -> &'static str {
        match &self.kind {
            Kind::Table { .. } => "table",
            Kind::View { .. } => "view",
        }
    }
}

/// The relations of a schema by name.
pub(in crate::adapters::datafusion) type Schema = BTreeMap<String, Arc<Entry>>;

/// A version of the catalog.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::datafusion) struct State {
    /// Its number; 0 before the first change.
    pub version: u64,
    /// Schemas by name.
    pub schemas: BTreeMap<String, Arc<Schema>>,
    /// The current Delta version of every table, by location.
    pub tables: BTreeMap<String, u64>,
}

impl State {
    /// What a lake holds in which nothing has ever been made.
    pub fn initial() -> Self {
        let mut state = Self::default();
        state.schemas.insert("main".to_owned(), Arc::default());
        state
    }

    /// The schema's name as it was created.
    pub fn schema_name(&self, name: &str) -> Option<&str> {
        if let Some((found, _)) = self.schemas.get_key_value(name) {
            return Some(found);
        }
        self.schemas.keys().find(|s| s.eq_ignore_ascii_case(name)).map(String::as_str)
    }

    /// A relation; names compare without case where none is the same to the letter.
    pub fn find(&self, schema: &str, name: &str) -> Option<(Key, &Arc<Entry>)> {
        let schema = self.schema_name(schema)?;
        let relations = self.schemas.get(schema)?;
        let (name, entry) = match relations.get_key_value(name) {
            Some(found) => found,
            None => relations.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?,
        };
        Some(((schema.to_owned(), name.clone()), entry))
    }

    /// All relations.
    pub fn relations(&self) -> impl Iterator<Item = (&str, &str, &Arc<Entry>)> {
        self.schemas.iter().flat_map(|(schema, relations)| {
            relations.iter().map(move |(name, entry)| (schema.as_str(), name.as_str(), entry))
        })
    }

    /// Makes or replaces a relation; its schema is made with it.
    pub fn put(&mut self, key: &Key, entry: Arc<Entry>) {
        let schema = self.schemas.entry(key.0.clone()).or_default();
        Arc::make_mut(schema).insert(key.1.clone(), entry);
    }

    /// Removes a relation.
    pub fn remove(&mut self, key: &Key) {
        if let Some(schema) = self.schemas.get_mut(&key.0) {
            Arc::make_mut(schema).remove(&key.1);
        }
    }

    /// Whether a folder belongs to a relation.
    pub fn is_used(&self, location: &str) -> bool {
        self.relations().any(|(_, _, entry)| entry.location() == Some(location))
    }
}

//! A source table.

use indexmap::IndexMap;

use crate::base::{Dict, NodeId, Relation, Value};
use crate::diag::{SourceFile, Span};

use super::{Column, Config};

/// A table that others load into the warehouse.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// `source.package.source_name.name`.
    pub id: NodeId,
    /// Name of the source (the group of tables).
    pub source_name: String,
    /// Name of the table.
    pub name: String,
    /// Package.
    pub package: String,
    /// Path relative to the package root.
    pub original_path: String,
    /// Fully qualified name.
    pub fqn: Vec<String>,
    /// Where the table is.
    pub relation: Relation,
    /// `relation` as SQL text: quoted by its quoting config, or a file reader for an external location.
    pub relation_name: String,
    /// SQL that reads an external location, if the table is one.
    pub reader: Option<String>,
    /// `database` as written.
    pub unrendered_database: Option<String>,
    /// `schema` as written.
    pub unrendered_schema: Option<String>,
    /// `package://path` of an entry that overrides the source.
    pub patch_path: Option<String>,
    /// Resolved quoting: `database`, `schema`, `identifier`, `column`.
    pub quoting: Dict,
    /// Description of the source.
    pub source_description: String,
    /// Description of the table.
    pub description: String,
    /// `loader`.
    pub loader: String,
    /// Merged config (holds `enabled`, `freshness`, `loaded_at_field`, `meta`, `tags`, ...).
    pub config: Config,
    /// `meta` of source and table merged.
    pub meta: Dict,
    /// `meta` of the source alone.
    pub source_meta: Dict,
    /// `tags` of source and table.
    pub tags: Vec<String>,
    /// Declared columns by name.
    pub columns: IndexMap<String, Column>,
    /// Merged freshness thresholds, null if switched off.
    pub freshness: Value,
    /// Column or expression that says when a row was loaded.
    pub loaded_at_field: Option<String>,
    /// Query that says when the table was loaded.
    pub loaded_at_query: Option<String>,
    /// `external`, as written.
    pub external: Value,
    /// Config before rendering.
    pub unrendered_config: Dict,
    /// Docs blocks in the description.
    pub doc_blocks: Vec<String>,
    /// Where the table is declared.
    pub span: Span,
}

impl Source {
    /// A source of which nothing is known: the rest of a source of which little is said (`..Source::blank()`).
    pub fn blank() -> Self {
        Self {
            id: NodeId::from(""),
            source_name: String::new(),
            name: String::new(),
            package: String::new(),
            original_path: String::new(),
            fqn: Vec::new(),
            relation: Relation::default(),
            relation_name: String::new(),
            reader: None,
            unrendered_database: None,
            unrendered_schema: None,
            patch_path: None,
            quoting: Dict::new(),
            source_description: String::new(),
            description: String::new(),
            loader: String::new(),
            config: Config::default(),
            meta: Dict::new(),
            source_meta: Dict::new(),
            tags: Vec::new(),
            columns: IndexMap::new(),
            freshness: Value::Null,
            loaded_at_field: None,
            loaded_at_query: None,
            external: Value::Null,
            unrendered_config: Dict::new(),
            doc_blocks: Vec::new(),
            span: Span::file_start(&SourceFile::new("", "")),
        }
    }

    /// Whether a threshold is set, so that the table's freshness can be judged.
    pub fn has_freshness(&self) -> bool {
        let set = |key| {
            let threshold = self.freshness.get(key);
            threshold.is_some_and(|t| ["count", "period"].iter().all(|k| t.get(k).is_some_and(|v| !v.is_null())))
        };
        set("warn_after") || set("error_after")
    }
}

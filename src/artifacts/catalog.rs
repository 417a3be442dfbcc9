//! `catalog.json`, schema v1: what the warehouse says about the relations of the project.
//!
//! In: relations and columns read from the engine, or an earlier file. Out: [`Catalog`].

use std::collections::HashMap;
use std::path::Path;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value as Json;

use crate::base::{Dict, NodeId, Relation, Table, Value};
use crate::files::{Files, FilesError};
use crate::node::Project;

use super::wire::{Part, WireDict};
use super::{Artifact, ArtifactKind, Metadata};

/// A column as the engine knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogColumn {
    /// Name.
    pub name: String,
    /// The engine's type name.
    pub data_type: String,
    /// Position.
    pub index: i64,
    /// Comment in the database.
    pub comment: Option<String>,
}

/// A relation as the engine knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogTable {
    /// The node or source.
    pub unique_id: String,
    /// `BASE TABLE`, `VIEW`.
    pub kind: String,
    /// Database.
    pub database: Option<String>,
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Comment in the database.
    pub comment: Option<String>,
    /// Owner in the database.
    pub owner: Option<String>,
    /// Columns by position.
    pub columns: Vec<CatalogColumn>,
}

/// The file's content.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// About the command.
    pub metadata: Metadata,
    /// Relations of nodes.
    pub nodes: Vec<CatalogTable>,
    /// Relations of sources.
    pub sources: Vec<CatalogTable>,
    /// What went wrong while reading.
    pub errors: Vec<String>,
}

impl Artifact for Catalog {
    fn kind(&self) -> ArtifactKind {
        ArtifactKind::Catalog
    }
}

impl Serialize for Catalog {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("metadata", &WireDict(&self.metadata.to_dict(ArtifactKind::Catalog)))?;
        let section = |tables| Part::of(tables, |t: &&CatalogTable| (t.unique_id.clone(), Value::Map(t.to_dict())));
        map.serialize_entry("nodes", &section(self.nodes.iter()))?;
        map.serialize_entry("sources", &section(self.sources.iter()))?;
        let errors = (!self.errors.is_empty()).then_some(&self.errors);
        map.serialize_entry("errors", &errors)?;
        map.end()
    }
}

impl CatalogTable {
    fn to_dict(&self) -> Dict {
        let mut metadata = Dict::new();
        metadata.insert("type".into(), self.kind.as_str().into());
        metadata.insert("schema".into(), self.schema.as_str().into());
        metadata.insert("name".into(), self.name.as_str().into());
        metadata.insert("database".into(), self.database.clone().into());
        metadata.insert("comment".into(), self.comment.clone().into());
        metadata.insert("owner".into(), self.owner.clone().into());
        let columns = self.columns.iter().map(|c| {
            let mut d = Dict::new();
            d.insert("type".into(), c.data_type.as_str().into());
            d.insert("index".into(), c.index.into());
            d.insert("name".into(), c.name.as_str().into());
            d.insert("comment".into(), c.comment.clone().into());
            (c.name.clone(), Value::Map(d))
        });
        let mut has_stats = Dict::new();
        has_stats.insert("id".into(), "has_stats".into());
        has_stats.insert("label".into(), "Has Stats?".into());
        has_stats.insert("value".into(), false.into());
        has_stats.insert("include".into(), false.into());
        has_stats.insert("description".into(), "Indicates whether there are statistics for this table".into());
        let stats: Dict = [("has_stats".to_owned(), Value::Map(has_stats))].into_iter().collect();
        let mut d = Dict::new();
        d.insert("metadata".into(), Value::Map(metadata));
        d.insert("columns".into(), Value::Map(columns.collect()));
        d.insert("stats".into(), Value::Map(stats));
        d.insert("unique_id".into(), self.unique_id.as_str().into());
        d
    }

    fn from_json(id: &str, json: &Json) -> Self {
        let text = |v: &Json| v.as_str().map(str::to_owned);
        let facts = &json["metadata"];
        let mut columns: Vec<CatalogColumn> = json["columns"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, c)| CatalogColumn {
                name: name.clone(),
                data_type: text(&c["type"]).unwrap_or_default(),
                index: c["index"].as_i64().unwrap_or_default(),
                comment: text(&c["comment"]),
            })
            .collect();
        columns.sort_by_key(|c| c.index);
        Self {
            unique_id: id.to_owned(),
            kind: text(&facts["type"]).unwrap_or_default(),
            database: text(&facts["database"]),
            schema: text(&facts["schema"]).unwrap_or_default(),
            name: text(&facts["name"]).unwrap_or_default(),
            comment: text(&facts["comment"]),
            owner: text(&facts["owner"]),
            columns,
        }
    }
}

/// An earlier file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The file system refused.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The file is not JSON.
    #[error("catalog.json is not JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// What the engine says of the relations in some schemas, given to the nodes and sources of a project that are there: rows
/// as `Connection::catalog` returns them, one a column. Of several nodes with one relation the last has it, as in dbt;
/// every source has it.
pub fn catalog_tables(rows: &Table, project: &Project, wanted: &dyn Fn(&NodeId) -> bool) -> CatalogTables {
    let nodes: HashMap<_, &NodeId> = project.nodes.iter().map(|(id, n)| (n.relation.key(), id)).collect();
    let mut sources: HashMap<_, Vec<&NodeId>> = HashMap::new();
    for (id, source) in &project.sources {
        sources.entry(source.relation.key()).or_default().push(id);
    }
    let mut found = CatalogTables::default();
    for table in relations(rows) {
        let key = Relation {
            database: table.database.clone(),
            schema: Some(table.schema.clone()),
            identifier: Some(table.name.clone()),
        }
        .key();
        let of = |id: &NodeId| CatalogTable { unique_id: id.to_string(), ..table.clone() };
        found.0.extend(nodes.get(&key).filter(|id| wanted(id)).map(|id| of(id)));
        found.1.extend(sources.get(&key).into_iter().flatten().filter(|id| wanted(id)).map(|id| of(id)));
    }
    found
}

/// The engine's rows, put together to relations in their order.
fn relations(rows: &Table) -> Vec<CatalogTable> {
    let position = |name: &str| rows.column_index(name).unwrap_or(usize::MAX);
    let names = ["table_database", "table_schema", "table_name", "table_type", "table_comment", "table_owner"];
    let [database, schema, name, kind, comment, owner] = names.map(position);
    let [column, index, data_type, column_comment] =
        ["column_name", "column_index", "column_type", "column_comment"].map(position);
    let mut found: Vec<CatalogTable> = Vec::new();
    for row in &rows.rows {
        let cell = |at: usize| row.get(at).filter(|v| !v.is_null()).map(Value::to_string);
        let text = |at: usize| cell(at).unwrap_or_default();
        let same = |t: &CatalogTable| t.database == cell(database) && t.schema == text(schema) && t.name == text(name);
        if !found.last().is_some_and(same) {
            found.push(CatalogTable {
                unique_id: String::new(),
                kind: text(kind),
                database: cell(database),
                schema: text(schema),
                name: text(name),
                comment: cell(comment),
                owner: cell(owner),
                columns: Vec::new(),
            });
        }
        if let Some(table) = found.last_mut() {
            table.columns.push(CatalogColumn {
                name: text(column),
                data_type: text(data_type),
                index: row.get(index).and_then(Value::as_i64).unwrap_or_default(),
                comment: cell(column_comment),
            });
        }
    }
    found
}

/// The relations of an earlier file: nodes, then sources. What the file lacks stays empty.
pub type CatalogTables = (Vec<CatalogTable>, Vec<CatalogTable>);

impl Catalog {
    /// Reads the relations of an earlier `catalog.json`.
    pub fn read(files: &dyn Files, target: &Path) -> Result<CatalogTables, CatalogError> {
        let text = files.read_text(&target.join(ArtifactKind::Catalog.file_name()))?;
        let json: Json = serde_json::from_str(&text)?;
        let section = |key: &str| {
            let entries = json[key].as_object().into_iter().flatten();
            entries.map(|(id, table)| CatalogTable::from_json(id, table)).collect()
        };
        Ok((section("nodes"), section("sources")))
    }
}

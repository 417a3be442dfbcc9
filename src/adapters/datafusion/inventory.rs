//! What is in the lake. In: names of databases, schemas, relations. Out: relations, columns, rows for `catalog.json`.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;

use super::catalog::{Entry, Key, Kind, State};
use super::instance::Instance;
use super::statements::Work;
use super::transaction::Transaction;
use super::type_names::sql_name;
use super::{delta, errors};
use crate::adapters::{AdapterError, ColumnInfo, ErrorKind, TableSize};
use crate::base::{Relation, RelationKind, Table, TableColumn, Value};

/// Whether a database is the lake.
fn is_own(instance: &Instance, database: &str) -> bool {
    database.is_empty() || database.eq_ignore_ascii_case(&instance.settings.database)
}

/// Names of a database's schemas.
pub(super) fn schemas(work: &Work<'_>, database: &str) -> Vec<String> {
    if !is_own(work.instance, database) {
        return Vec::new();
    }
    work.transaction.state().schemas.keys().cloned().collect()
}

/// The relations of some schemas.
fn within<'s>(work: &Work<'_>, state: &'s State, schemas: &'s [(String, String)]) -> Vec<(Key, &'s Arc<Entry>)> {
    let instance = work.instance;
    let wanted = |schema: &str| {
        schemas.iter().any(|(database, name)| is_own(instance, database) && name.eq_ignore_ascii_case(schema))
    };
    state
        .relations()
        .filter(|(schema, _, _)| wanted(schema))
        .map(|(schema, name, entry)| ((schema.to_owned(), name.to_owned()), entry))
        .collect()
}

/// Tables and views of some schemas.
pub(super) fn relations(work: &Work<'_>, schemas: &[(String, String)]) -> Vec<(Relation, RelationKind)> {
    let state = Arc::clone(work.transaction.state());
    let database = &work.instance.settings.database;
    let relation = |(key, entry): (Key, &Arc<Entry>)| {
        let kind = if entry.location().is_some() { RelationKind::Table } else { RelationKind::View };
        (Relation::new(database.clone(), key.0, key.1), kind)
    };
    within(work, &state, schemas).into_iter().map(relation).collect()
}

/// How large the logs say the tables of some schemas are.
pub(super) async fn table_sizes(
    work: &Work<'_>,
    schemas: &[(String, String)],
) -> Result<Vec<(Relation, TableSize)>, AdapterError> {
    let state = Arc::clone(work.transaction.state());
    let mut sizes = Vec::new();
    for (key, entry) in within(work, &state, schemas) {
        let Some(location) = entry.location() else { continue };
        let stats = match work.transaction.staged(location) {
            Some(staged) => staged.stats().await.map_err(|e| errors::delta(&e))?,
            None => match state.tables.get(location) {
                Some(version) => work.instance.pinned(location, *version).await?.stats,
                None => continue,
            },
        };
        let size = TableSize { rows: stats.rows, small_files: stats.small_files };
        sizes.push((Relation::new(work.instance.settings.database.clone(), key.0, key.1), size));
    }
    Ok(sizes)
}

/// The columns of a table as it is stored.
async fn stored(instance: &Instance, transaction: &Transaction, location: &str) -> Result<SchemaRef, AdapterError> {
    if let Some(staged) = transaction.staged(location) {
        return staged.schema().map_err(|e| errors::delta(&e));
    }
    let version = transaction.state().tables.get(location).copied().unwrap_or_default();
    Ok(Arc::clone(&instance.pinned(location, version).await?.schema))
}

async fn columns_of(work: &Work<'_>, entry: &Entry) -> Result<Vec<ColumnInfo>, AdapterError> {
    match &entry.kind {
        Kind::Table { location } => Ok(infos(&stored(work.instance, work.transaction, location).await?)),
        Kind::View { columns, .. } => Ok(columns
            .iter()
            .map(|c| ColumnInfo { name: c.name.clone(), data_type: c.data_type.clone(), nullable: true })
            .collect()),
    }
}

fn infos(schema: &SchemaRef) -> Vec<ColumnInfo> {
    schema
        .fields()
        .iter()
        .map(|f| ColumnInfo { name: f.name().clone(), data_type: sql_name(f.data_type()), nullable: f.is_nullable() })
        .collect()
}

/// The columns of a relation; none if it does not exist.
pub(super) async fn columns(work: &Work<'_>, relation: &Relation) -> Result<Vec<ColumnInfo>, AdapterError> {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let (database, schema, name) = (part(&relation.database), part(&relation.schema), part(&relation.identifier));
    let state = Arc::clone(work.transaction.state());
    if is_own(work.instance, &database) {
        let searched = if schema.is_empty() { work.instance.settings.schema.clone() } else { schema };
        if let Some((_, entry)) = state.find(&searched, &name) {
            return columns_of(work, entry).await;
        }
    }
    let temporary = work.temporaries.get(&name).map(|t| t.provider.schema());
    Ok(temporary.map(|schema| kept(&schema)).unwrap_or_default())
}

/// The columns of rows that are in memory, with the types that a table would keep of them: they are compared with tables.
fn kept(schema: &SchemaRef) -> Vec<ColumnInfo> {
    let mut columns = infos(schema);
    for (column, field) in columns.iter_mut().zip(schema.fields()) {
        if let Ok(kept) = delta::stored(field.name(), field.data_type()) {
            column.data_type = sql_name(&kept);
        }
    }
    columns
}

/// Rows for `catalog.json`.
pub(super) async fn catalog(work: &Work<'_>, schemas: &[(String, String)]) -> Result<Table, AdapterError> {
    let names = [
        "table_database",
        "table_schema",
        "table_name",
        "table_type",
        "table_comment",
        "table_owner",
        "column_name",
        "column_index",
        "column_type",
        "column_comment",
    ];
    let column = |name: &&str| TableColumn {
        name: (*name).to_owned(),
        data_type: if *name == "column_index" { "integer" } else { "varchar" }.to_owned(),
    };
    let mut table = Table { columns: names.iter().map(column).collect(), rows: Vec::new() };
    let state = Arc::clone(work.transaction.state());
    for (key, entry) in within(work, &state, schemas) {
        let kind = if entry.location().is_some() { "BASE TABLE" } else { "VIEW" };
        let columns = match columns_of(work, entry).await {
            Err(error) if error.kind == ErrorKind::Interrupted => return Err(error),
            other => other?,
        };
        for (index, column) in columns.into_iter().enumerate() {
            table.rows.push(vec![
                Value::from(work.instance.settings.database.as_str()),
                Value::from(key.0.as_str()),
                Value::from(key.1.as_str()),
                Value::from(kind),
                Value::from(entry.comment.as_deref()),
                Value::Null,
                Value::from(column.name.as_str()),
                Value::Int(index as i128 + 1),
                Value::from(column.data_type),
                Value::from(entry.column_comments.get(&column.name).map(String::as_str)),
            ]);
        }
    }
    Ok(table)
}

//! What is in the warehouse. In: names of databases, schemas, relations. Out: relations, columns, rows for `catalog.json`.

use super::connection::DuckConnection;
use super::settings::literal;
use crate::adapters::{AdapterError, ColumnInfo, ErrorKind, TableSize};
use crate::base::{Relation, RelationKind, Table, Value};

/// Names of a database's schemas.
pub(super) fn schemas(connection: &mut DuckConnection, database: &str) -> Result<Vec<String>, AdapterError> {
    let sql = format!(
        "select schema_name from duckdb_schemas() where lower(database_name) = lower({}) order by schema_name",
        literal(database)
    );
    let table = connection.query(&sql)?;
    Ok(table.rows.into_iter().filter_map(|row| text(row.into_iter().next())).collect())
}

/// Tables and views of some schemas. `duckdb_tables` and `duckdb_views`, because `information_schema` also builds every
/// column of every relation of every attached database to answer.
pub(super) fn relations(
    connection: &mut DuckConnection,
    schemas: &[(String, String)],
) -> Result<Vec<(Relation, RelationKind)>, AdapterError> {
    if schemas.is_empty() {
        return Ok(Vec::new());
    }
    let within = within(schemas);
    let sql = format!(
        "select database_name, schema_name, table_name as name, 'table' as kind from duckdb_tables() where {within} \
         union all \
         select database_name, schema_name, view_name, 'view' from duckdb_views() where {within} and not internal \
         order by all"
    );
    let relation = |row: Vec<Value>| {
        let mut parts = row.into_iter().map(|v| text(Some(v)));
        let relation = Relation::new(parts.next()??, parts.next()??, parts.next()??);
        Some((relation, RelationKind::parse(&parts.next()??)?))
    };
    Ok(connection.query(&sql)?.rows.into_iter().filter_map(relation).collect())
}

/// How large the tables of some schemas are, by the catalog's own count.
pub(super) fn table_sizes(
    connection: &mut DuckConnection,
    schemas: &[(String, String)],
) -> Result<Vec<(Relation, TableSize)>, AdapterError> {
    if schemas.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "select database_name, schema_name, table_name, estimated_size::bigint from duckdb_tables() \
         where {} and estimated_size is not null",
        within(schemas)
    );
    let estimate = |row: Vec<Value>| {
        let [database, schema, name, rows] = <[Value; 4]>::try_from(row).ok()?;
        let relation = Relation::new(text(Some(database))?, text(Some(schema))?, text(Some(name))?);
        let rows = u64::try_from(rows.as_i64()?).ok()?;
        Some((relation, TableSize { rows: Some(rows), small_files: 0 }))
    };
    Ok(connection.query(&sql)?.rows.into_iter().filter_map(estimate).collect())
}

/// A relation's columns. `DESCRIBE` looks up one name; a scan of `duckdb_columns()` grows with the warehouse.
pub(super) fn columns(connection: &mut DuckConnection, relation: &Relation) -> Result<Vec<ColumnInfo>, AdapterError> {
    let table = match connection.query(&format!("describe {}", relation.quoted())) {
        Ok(table) => table,
        Err(error) if error.kind == ErrorKind::Catalog => return Ok(Vec::new()),
        // An absent database is no catalog entry but an unknown name.
        Err(error) if error.kind == ErrorKind::Binder && error.message.contains("does not exist") => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let column = |row: Vec<Value>| {
        let mut cells = row.into_iter().map(|v| text(Some(v)));
        Some(ColumnInfo { name: cells.next()??, data_type: cells.next()??, nullable: cells.next()?? != "NO" })
    };
    Ok(table.rows.into_iter().filter_map(column).collect())
}

/// Rows for `catalog.json`.
pub(super) fn catalog(connection: &mut DuckConnection, schemas: &[(String, String)]) -> Result<Table, AdapterError> {
    let within = if schemas.is_empty() { "false".to_owned() } else { within(schemas) };
    let sql = format!(
        "with relation as (
           select database_name, schema_name, table_name as name, 'BASE TABLE' as kind, comment
           from duckdb_tables() where {within}
           union all
           select database_name, schema_name, view_name, 'VIEW', comment from duckdb_views() where {within} and not internal
         )
         select relation.database_name as table_database, relation.schema_name as table_schema, relation.name as table_name,
           relation.kind as table_type, relation.comment as table_comment, cast(null as varchar) as table_owner,
           field.column_name, field.column_index, field.data_type as column_type, field.comment as column_comment
         from relation join (select * from duckdb_columns() where {within}) as field
           on field.database_name = relation.database_name and field.schema_name = relation.schema_name
           and field.table_name = relation.name
         order by table_database, table_schema, table_name, column_index"
    );
    connection.query(&sql)
}

/// A condition for the catalog functions; names compare without case, as DuckDB resolves them.
fn within(schemas: &[(String, String)]) -> String {
    let pair = |(database, schema): &(String, String)| {
        format!("({}, {})", literal(&database.to_lowercase()), literal(&schema.to_lowercase()))
    };
    let pairs: Vec<String> = schemas.iter().map(pair).collect();
    format!("(lower(database_name), lower(schema_name)) in ({})", pairs.join(", "))
}

fn text(value: Option<Value>) -> Option<String> {
    match value? {
        Value::Str(s) => Some(s),
        _ => None,
    }
}

//! Schemas copied into a file of their own, for readers. In: an open database, schemas, the path of a file that is not there.
//! Out: that file, complete and closed.
//!
//! One transaction reads and writes: what is published is one moment of the warehouse. Views become tables, as their text names
//! relations by a database that the file does not have.

use std::path::Path;

use super::connection::DuckConnection;
use super::settings::literal;
use crate::adapters::{AdapterError, Connection, ErrorKind, Fetch};

/// What the file is called while it is written. No project's own database has this name.
const ALIAS: &str = "_transform_publish";

/// Writes the file; the number of relations in it.
pub(super) fn publish(
    connection: &mut DuckConnection,
    database: &str,
    schemas: &[String],
    file: &Path,
) -> Result<usize, AdapterError> {
    run(connection, &format!("attach {} as {ALIAS}", literal(&file.to_string_lossy())))?;
    let copied = copy(connection, database, schemas);
    if copied.is_err() {
        let _ = connection.rollback();
    }
    // What is left in its log goes into the file, so that the file is all that has to be moved.
    let settled = copied.and_then(|count| run(connection, &format!("checkpoint {ALIAS}")).map(|()| count));
    let closed = run(connection, &format!("detach {ALIAS}"));
    settled.and_then(|count| closed.map(|()| count))
}

fn copy(connection: &mut DuckConnection, database: &str, schemas: &[String]) -> Result<usize, AdapterError> {
    connection.begin()?;
    let known = connection.list_schemas(database)?;
    if let Some(absent) = schemas.iter().find(|s| !known.iter().any(|k| k.eq_ignore_ascii_case(s))) {
        let text = format!("the schema {absent} cannot be published: {database} has no such schema");
        let others: Vec<String> = known.into_iter().filter(|k| !INTERNAL.contains(&k.as_str())).collect();
        let error = AdapterError::new(ErrorKind::Settings, text);
        return Err(AdapterError { help: Some(format!("there is: {}", others.join(", "))), ..error });
    }
    let pairs: Vec<(String, String)> = schemas.iter().map(|s| (database.to_owned(), s.clone())).collect();
    let relations = connection.list_all_relations(&pairs)?;
    for schema in schemas {
        run(connection, &format!("create schema if not exists {ALIAS}.{}", quoted(schema)))?;
    }
    for (relation, _) in &relations {
        let (Some(schema), Some(name)) = (&relation.schema, &relation.identifier) else { continue };
        let place = format!("{ALIAS}.{}.{}", quoted(schema), quoted(name));
        run(connection, &format!("create table {place} as select * from {}", relation.quoted()))?;
    }
    connection.commit()?;
    Ok(relations.len())
}

/// Schemas that are no place for models.
const INTERNAL: [&str; 3] = ["information_schema", "pg_catalog", "_transform"];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn run(connection: &mut DuckConnection, sql: &str) -> Result<(), AdapterError> {
    connection.execute(sql, Fetch::None).map(drop)
}

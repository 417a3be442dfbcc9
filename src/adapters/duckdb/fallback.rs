//! Text for values whose type no vector accessor reads (VARIANT, GEOMETRY, types of extensions). In: a chunk and the columns
//! concerned. Out: their values as DuckDB casts them to text.
//!
//! The cast runs in a session of its own over a temporary table, so that it touches neither the caller's transaction nor the
//! statement, which may be anything (`CALL`, `INSERT ... RETURNING`) and must not run twice.

use std::collections::HashSet;
use std::ptr;

use duckdb::ffi;

use super::engine::{Chunk, Failure, Session, borrowed_text};
use super::types::{self, LogicalType};
use super::vectors::Column;
use crate::base::Value;

const TABLE: &str = "transform_opaque";

/// The values of some columns of a chunk as text, column by column.
pub(super) fn as_text(session: &Session, chunk: &Chunk, columns: &[usize]) -> Result<Vec<Vec<Value>>, Failure> {
    // SAFETY: the chunk is live, indexes are below its column count.
    let kinds: Vec<LogicalType> =
        columns.iter().map(|&c| LogicalType(unsafe { ffi::duckdb_vector_get_column_type(chunk.vector(c)) })).collect();
    let definitions: Vec<String> = columns
        .iter()
        .zip(&kinds)
        .enumerate()
        .map(|(i, (_, kind))| format!("c{i} {}", types::read(kind, &HashSet::new()).name))
        .collect();
    session.run(&format!("create or replace temp table {TABLE} ({})", definitions.join(", ")))?;
    append(session, chunk, columns, &kinds)?;

    let list: Vec<String> = (0..columns.len()).map(|i| format!("cast(c{i} as varchar)")).collect();
    let statements = session.statements(&format!("select {} from temp.{TABLE} order by rowid", list.join(", ")))?;
    let prepared = statements.prepare(0)?;
    let mut result = prepared.execute(false)?;
    let text =
        types::Type { id: ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR, name: String::new(), shape: types::Shape::Plain };
    let mut values = vec![Vec::with_capacity(chunk.len()); columns.len()];
    while let Some(chunk) = result.next_chunk()? {
        for (i, values) in values.iter_mut().enumerate() {
            let column = Column::new(&chunk, i, &text);
            values.extend((0..chunk.len()).map(|row| column.value(row)));
        }
    }
    Ok(values)
}

fn append(session: &Session, chunk: &Chunk, columns: &[usize], kinds: &[LogicalType]) -> Result<(), Failure> {
    let mut raw_kinds: Vec<ffi::duckdb_logical_type> = kinds.iter().map(|k| k.0).collect();
    let table = std::ffi::CString::new(TABLE).map_err(|e| e.to_string())?;
    // SAFETY: all handles are live; the copy refers to vectors of `chunk`, which outlives it; the appender is destroyed on
    // every way out.
    unsafe {
        let copy = Chunk::from_raw(ffi::duckdb_create_data_chunk(raw_kinds.as_mut_ptr(), raw_kinds.len() as u64));
        for (i, &column) in columns.iter().enumerate() {
            ffi::duckdb_vector_reference_vector(copy.vector(i), chunk.vector(column));
        }
        ffi::duckdb_data_chunk_set_size(copy.raw(), chunk.len() as u64);
        let mut appender: ffi::duckdb_appender = ptr::null_mut();
        let created = ffi::duckdb_appender_create(session.raw(), ptr::null(), table.as_ptr(), &mut appender);
        let done = created == ffi::DuckDBSuccess
            && ffi::duckdb_append_data_chunk(appender, copy.raw()) == ffi::DuckDBSuccess
            && ffi::duckdb_appender_flush(appender) == ffi::DuckDBSuccess;
        let error = (!done).then(|| borrowed_text(ffi::duckdb_appender_error(appender)).unwrap_or_default());
        ffi::duckdb_appender_destroy(&mut appender);
        error.map_or(Ok(()), Err)
    }
}

//! Bulk loading. In: a CSV file, or rows. Out: rows in a table that exists.
//!
//! A file is read by DuckDB's own parallel reader inside one `INSERT ... SELECT` with the table's types spelled out: nothing
//! is guessed, a bad cell is an error with its line, and the whole load belongs to the running transaction. Rows from memory
//! go through the appender, which casts text to each column's type.

use std::ffi::CString;
use std::path::Path;
use std::ptr;

use duckdb::ffi;

use super::connection::DuckConnection;
use super::engine::{Failure, Session, borrowed_text};
use super::settings::literal;
use crate::adapters::{AdapterError, CsvFormat, ErrorKind};
use crate::base::{Relation, TableColumn, Value};

/// Rows between two flushes of the appender.
const BATCH: u64 = 100_000;

/// The statement that loads a CSV file.
pub(super) fn csv_sql(relation: &Relation, columns: &[TableColumn], path: &Path, format: CsvFormat) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let names: Vec<String> = columns.iter().map(|c| quoted(&c.name)).collect();
    let typed = |c: &TableColumn| format.null_words && !is_text(&c.data_type);
    // The reader's own columns have numbers for names, so that it cannot object to the file's.
    let spec = columns.iter().enumerate().map(|(i, c)| {
        let data_type = if typed(c) { "VARCHAR" } else { &c.data_type };
        format!("'c{i}': {}", literal(data_type))
    });
    let spec: Vec<String> = spec.collect();
    let values = columns.iter().enumerate().map(|(i, c)| {
        if typed(c) {
            format!("cast(case when lower(trim(c{i})) <> 'null' then c{i} end as {})", c.data_type)
        } else {
            format!("c{i}")
        }
    });
    let values: Vec<String> = values.collect();
    format!(
        "insert into {} ({}) select {} from read_csv({}, header = true, auto_detect = false, delim = {}, quote = '\"', \
         escape = '\"', nullstr = '', columns = {{{}}})",
        relation.quoted(),
        names.join(", "),
        values.join(", "),
        literal(&path.to_string_lossy()),
        literal(&format.delimiter.to_string()),
        spec.join(", "),
    )
}

/// The reader's complaint about a file without its own settings, and under the names of the table's columns.
pub(super) fn told(mut error: AdapterError, columns: &[TableColumn]) -> AdapterError {
    let head = error.message.split("\n\n").next().unwrap_or_default().trim_end();
    let mut message = head.split("\nColumn c").next().unwrap_or_default().trim_end().to_owned();
    for (index, column) in columns.iter().enumerate() {
        message = message.replace(&format!("column \"c{index}\""), &format!("column \"{}\"", column.name));
    }
    let line = message.split_once("CSV Error on Line: ").map(|(_, rest)| rest);
    let digits = line.map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default());
    error.line = digits.and_then(|digits| digits.parse().ok());
    error.message = message;
    error.sql = None;
    error.position = None;
    error
}

fn is_text(data_type: &str) -> bool {
    let word = data_type.split('(').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(word.as_str(), "varchar" | "text" | "string" | "char" | "bpchar" | "nvarchar")
}

/// Appends rows from memory.
pub(super) fn load_rows(
    connection: &mut DuckConnection,
    relation: &Relation,
    columns: &[TableColumn],
    rows: &mut dyn Iterator<Item = Vec<Value>>,
) -> Result<u64, AdapterError> {
    append_all(connection.session(), relation, columns, rows).map_err(|failure| {
        let mut error = connection.failed(&failure, "");
        error.sql = None;
        error.message = format!("rows for {relation}: {}", error.message);
        if error.kind == ErrorKind::Other && error.message.contains("onvert") {
            error.kind = ErrorKind::Conversion;
        }
        error
    })
}

fn append_all(
    session: &Session,
    relation: &Relation,
    columns: &[TableColumn],
    rows: &mut dyn Iterator<Item = Vec<Value>>,
) -> Result<u64, Failure> {
    let appender = Appender::new(session, relation, columns)?;
    let mut count = 0;
    for row in rows {
        if row.len() != columns.len() {
            return Err(format!("row {} has {} values for {} columns", count + 1, row.len(), columns.len()));
        }
        for value in &row {
            appender.value(value)?;
        }
        appender.end_row()?;
        count += 1;
        if count % BATCH == 0 {
            appender.flush()?;
        }
    }
    appender.flush()?;
    Ok(count)
}

/// DuckDB's appender for some columns of a table.
struct Appender {
    raw: ffi::duckdb_appender,
}

impl Appender {
    fn new(session: &Session, relation: &Relation, columns: &[TableColumn]) -> Result<Self, Failure> {
        let c_text = |part: &Option<String>| match part {
            Some(text) => CString::new(text.as_str()).map(Some).map_err(|e| e.to_string()),
            None => Ok(None),
        };
        let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |t| t.as_ptr());
        let (database, schema) = (c_text(&relation.database)?, c_text(&relation.schema)?);
        let table = c_text(&relation.identifier)?;
        let mut raw: ffi::duckdb_appender = ptr::null_mut();
        // SAFETY: strings and the out-pointer live through the call; the appender is destroyed on drop, also a failed one.
        let state = unsafe {
            let (database, schema, table) = (pointer(&database), pointer(&schema), pointer(&table));
            ffi::duckdb_appender_create_ext(session.raw(), database, schema, table, &mut raw)
        };
        let appender = Self { raw };
        appender.checked(state)?;
        for column in columns {
            let name = CString::new(column.name.as_str()).map_err(|e| e.to_string())?;
            // SAFETY: the appender is live.
            appender.checked(unsafe { ffi::duckdb_appender_add_column(raw, name.as_ptr()) })?;
        }
        Ok(appender)
    }

    fn checked(&self, state: ffi::duckdb_state) -> Result<(), Failure> {
        if state == ffi::DuckDBSuccess {
            return Ok(());
        }
        // SAFETY: the appender is live.
        let error = borrowed_text(unsafe { ffi::duckdb_appender_error(self.raw) });
        Err(error.unwrap_or_else(|| "the rows cannot be appended".to_owned()))
    }

    fn value(&self, value: &Value) -> Result<(), Failure> {
        // SAFETY: the appender is live; lengths are those of the slices.
        let state = unsafe {
            match value {
                Value::Null => ffi::duckdb_append_null(self.raw),
                Value::Bool(b) => ffi::duckdb_append_bool(self.raw, *b),
                Value::Float(x) => ffi::duckdb_append_double(self.raw, *x),
                Value::Int(i) => match i64::try_from(*i) {
                    Ok(i) => ffi::duckdb_append_int64(self.raw, i),
                    Err(_) => self.text(&i.to_string()),
                },
                Value::Bytes(b) => ffi::duckdb_append_blob(self.raw, b.as_ptr().cast(), b.len() as u64),
                Value::Str(s) | Value::Decimal(s) => self.text(s),
                other => self.text(&other.to_string()),
            }
        };
        self.checked(state)
    }

    fn text(&self, text: &str) -> ffi::duckdb_state {
        // SAFETY: as in `value`.
        unsafe { ffi::duckdb_append_varchar_length(self.raw, text.as_ptr().cast(), text.len() as u64) }
    }

    fn end_row(&self) -> Result<(), Failure> {
        // SAFETY: the appender is live.
        self.checked(unsafe { ffi::duckdb_appender_end_row(self.raw) })
    }

    fn flush(&self) -> Result<(), Failure> {
        // SAFETY: the appender is live.
        self.checked(unsafe { ffi::duckdb_appender_flush(self.raw) })
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        // SAFETY: created by `duckdb_appender_create_ext`; destroyed once. After an error, rows not yet flushed are gone, and
        // the caller's transaction is rolled back anyway.
        unsafe { ffi::duckdb_appender_destroy(&mut self.raw) };
    }
}

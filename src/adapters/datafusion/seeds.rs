//! Bulk loading. In: a CSV file, or rows. Out: rows in a table that exists.
//!
//! A file's cells are read as text and cast to the table's types, so that nothing is guessed and a bad cell is an error that names
//! its column.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::datasource::file_format::csv::CsvFormat as CsvFiles;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::functions::expr_fn::{btrim, lower, nullif};
use datafusion::logical_expr::{Expr, LogicalPlan, cast, lit, when};
use datafusion::scalar::ScalarValue;

use super::catalog::{Entry, Key};
use super::connection::no_relation;
use super::statements::Work;
use super::statements::names::Target;
use super::{errors, space};
use crate::adapters::{AdapterError, CsvFormat, ErrorKind};
use crate::base::{Relation, TableColumn, Value};
use crate::files::{Files, RealFiles};

/// The table that is filled, and the types of its columns.
async fn target(
    work: &mut Work<'_>,
    relation: &Relation,
    columns: &[TableColumn],
) -> Result<(Key, Arc<Entry>, Vec<Field>), AdapterError> {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let found = work.transaction.state().find(&part(&relation.schema), &part(&relation.identifier));
    let Some((key, entry)) = found.map(|(key, entry)| (key, Arc::clone(entry))) else {
        return Err(no_relation(relation));
    };
    let schema = work.target_schema(&Target::Lake(key.clone(), Arc::clone(&entry))).await?;
    let field = |column: &TableColumn| {
        let found = schema.fields().iter().find(|f| f.name().eq_ignore_ascii_case(&column.name));
        found.map(|f| f.as_ref().clone()).ok_or_else(|| {
            let mut error = errors::told(ErrorKind::Binder, format!("{relation} has no column \"{}\"", column.name));
            error.candidates = errors::nearest(&column.name, schema.fields().iter().map(|f| f.name().as_str()));
            error
        })
    };
    let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    Ok((key, entry, fields))
}

/// Appends rows from memory.
pub(super) async fn load_rows(
    work: &mut Work<'_>,
    relation: &Relation,
    columns: &[TableColumn],
    rows: &[Vec<Value>],
) -> Result<u64, AdapterError> {
    let (key, entry, fields) = target(work, relation, columns).await?;
    if let Some((at, row)) = rows.iter().enumerate().find(|(_, row)| row.len() != columns.len()) {
        let text = format!("row {} has {} values for {} columns", at + 1, row.len(), columns.len());
        return Err(errors::told(ErrorKind::Conversion, text));
    }
    if rows.is_empty() {
        return Ok(0);
    }
    let arrays: Vec<ArrayRef> = (0..columns.len()).map(|at| array(rows, at)).collect();
    let given: Vec<Field> =
        arrays.iter().zip(&fields).map(|(a, f)| Field::new(f.name(), a.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(given));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|e| errors::running(&e.into()))?;
    let table = MemTable::try_new(schema, vec![vec![batch]]).map_err(|e| errors::running(&e))?;
    let values = fields.iter().map(|field| {
        let source = Expr::Column(datafusion::common::Column::from_name(field.name()));
        cast(source, field.data_type().clone()).alias(field.name())
    });
    let plan = space::scan("rows", Arc::new(table))?
        .project(values)
        .and_then(|plan| plan.build())
        .map_err(|e| errors::running(&e))?;
    let session = work.session.clone();
    work.append(&key, &entry, plan, &session).await
}

/// A column of values: of their own type where all have one, else as text.
fn array(rows: &[Vec<Value>], at: usize) -> ArrayRef {
    let values = || rows.iter().map(|row| &row[at]);
    let all = |fits: fn(&Value) -> bool| values().all(|v| v.is_null() || fits(v));
    if all(|v| matches!(v, Value::Bool(_))) {
        Arc::new(values().map(Value::as_bool).collect::<BooleanArray>())
    } else if all(|v| v.as_i64().is_some()) {
        Arc::new(values().map(Value::as_i64).collect::<Int64Array>())
    } else if all(|v| matches!(v, Value::Float(_))) {
        let float = |v: &Value| if let Value::Float(x) = v { Some(*x) } else { None };
        Arc::new(values().map(float).collect::<Float64Array>())
    } else if all(|v| matches!(v, Value::Bytes(_))) {
        let bytes = |v: &Value| if let Value::Bytes(b) = v { Some(b.clone()) } else { None };
        Arc::new(values().map(bytes).collect::<BinaryArray>())
    } else {
        let text = |v: &Value| (!v.is_null()).then(|| v.to_string());
        Arc::new(values().map(text).collect::<StringArray>())
    }
}

/// Appends a CSV file.
pub(super) async fn load_csv(
    work: &mut Work<'_>,
    relation: &Relation,
    columns: &[TableColumn],
    path: &Path,
    format: CsvFormat,
) -> Result<u64, AdapterError> {
    let (key, entry, fields) = target(work, relation, columns).await?;
    if let Some(line) = unclosed_quote(&read(path)?, format.delimiter) {
        let text = format!("{}: the quote in line {line} is never closed", path.display());
        return Err(AdapterError { line: Some(line), ..errors::told(ErrorKind::Conversion, text) });
    }
    let plan = csv_plan(&fields, path, format)?;
    let session = work.session.clone();
    work.append(&key, &entry, plan, &session).await.map_err(|mut error| {
        error.message = format!("{}: {}", path.display(), error.message);
        error
    })
}

fn csv_plan(fields: &[Field], path: &Path, format: CsvFormat) -> Result<LogicalPlan, AdapterError> {
    let delimiter = u8::try_from(format.delimiter).map_err(|_| {
        let text = format!("the delimiter {:?} is not a single byte", format.delimiter);
        errors::told(ErrorKind::Unsupported, text)
    })?;
    // Names are the reader's own, so that it cannot object to the file's.
    let names: Vec<Field> = (0..fields.len()).map(|at| Field::new(format!("c{at}"), DataType::Utf8, true)).collect();
    let schema = Arc::new(Schema::new(names));
    let table: Arc<dyn TableProvider> =
        if fields.len() == 1 { only_column(path, schema)? } else { Arc::new(reader(path, delimiter, schema)?) };
    let values = fields
        .iter()
        .enumerate()
        .map(|(at, field)| {
            let cell = Expr::Column(datafusion::common::Column::from_name(format!("c{at}")));
            let cell = nullif(cell, lit(""));
            let value = if *field.data_type() == DataType::Utf8 {
                cell
            } else {
                cast(typed_cell(cell, field.data_type(), format.null_words)?, field.data_type().clone())
            };
            Ok(value.alias(field.name()))
        })
        .collect::<Result<Vec<_>, AdapterError>>()?;
    space::scan("file", table)?.project(values).and_then(|plan| plan.build()).map_err(|e| errors::running(&e))
}

/// The engine's reader of a file.
fn reader(path: &Path, delimiter: u8, schema: SchemaRef) -> Result<ListingTable, AdapterError> {
    let files = CsvFiles::default().with_has_header(true).with_delimiter(delimiter).with_newlines_in_values(true);
    let options = ListingOptions::new(Arc::new(files)).with_file_extension("");
    let url = url::Url::from_file_path(path)
        .map_err(|()| errors::told(ErrorKind::Io, format!("{} is no absolute path", path.display())))?;
    let url = ListingTableUrl::try_new(url, None).map_err(|e| errors::running(&e))?;
    let config = ListingTableConfig::new(url).with_listing_options(options).with_schema(schema);
    ListingTable::try_new(config).map_err(|e| errors::running(&e))
}

/// The cells of a file with one column. The engine's reader skips empty lines, and here they are rows without a value.
fn only_column(path: &Path, schema: SchemaRef) -> Result<Arc<dyn TableProvider>, AdapterError> {
    let text = read(path)?;
    let cells: StringArray = lines(&text).into_iter().skip(1).map(Some).collect();
    let batch =
        RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(cells)]).map_err(|e| errors::running(&e.into()))?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]]).map_err(|e| errors::running(&e))?))
}

fn read(path: &Path) -> Result<String, AdapterError> {
    RealFiles.read_text(path).map_err(|e| errors::told(ErrorKind::Io, e.to_string()))
}

/// The line of a quote that begins a cell and never ends. The engine's reader would take all that follows for its cell.
fn unclosed_quote(text: &str, delimiter: char) -> Option<usize> {
    let (mut line, mut opened, mut begins) = (1, None, true);
    for c in text.chars() {
        match (c, opened) {
            ('"', Some(_)) => opened = None,
            // A second quote right behind the first stands for one: it opens again.
            ('"', None) => opened = begins.then_some(line),
            _ => {}
        }
        begins = c == delimiter || c == '\n' || c == '"' && (begins || opened.is_none());
        line += usize::from(c == '\n');
    }
    opened
}

/// Lines of a text, without quotes around them. A line within quotes ends none.
fn lines(text: &str) -> Vec<String> {
    let (mut found, mut line, mut quoted) = (Vec::new(), String::new(), false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                line.push('"');
            }
            '"' if quoted || line.is_empty() => quoted = !quoted,
            '\n' if !quoted => found.push(std::mem::take(&mut line)),
            c => line.push(c),
        }
    }
    if !line.is_empty() {
        found.push(line);
    }
    found
}

/// A cell's text in the form that the cast to its type takes.
fn typed_cell(cell: Expr, data_type: &DataType, null_words: bool) -> Result<Expr, AdapterError> {
    let trimmed = btrim(vec![cell]);
    let cell = if null_words {
        let null = lit(ScalarValue::Utf8(None));
        when(lower(trimmed.clone()).eq(lit("null")), null).otherwise(trimmed).map_err(|e| errors::running(&e))?
    } else {
        trimmed
    };
    Ok(match data_type {
        DataType::Boolean => lower(cell),
        _ => cell,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_line_of_one_column_is_a_row() {
        assert_eq!(lines("id\n1\n\n\"a\"\"b\nc\"\n3"), ["id", "1", "", "a\"b\nc", "3"]);
        assert_eq!(lines("id\n\n"), ["id", ""]);
    }

    #[test]
    fn a_quote_has_to_end() {
        for (text, line) in [
            ("a,b\n1,\"x\ny\"\n2,z", None),
            ("a,b\n1,\"abc\n", Some(2)),
            ("a\n5\" nail\n\"he said \"\"no\"\"\"\n\"\"", None),
            ("a\n\"x\"\"\n", Some(2)),
            ("a,b\n\"\",\"\"\n\"", Some(3)),
        ] {
            assert_eq!(unclosed_quote(text, ','), line, "{text}");
        }
    }
}

//! Rows of unit tests.
//!
//! In: rows as mappings or CSV text, seeds. Out: rows as mappings. Rules: `core/dbt/parser/unit_tests.py`.

use crate::base::{Table, Value};
use crate::diag::{Diagnostic, codes};
use crate::node::{Fixture, FixtureFormat, UnitTest};
use crate::parse::fixture_rows::csv_rows;

/// What a fixture holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rows {
    /// Rows by column.
    ByColumn(Vec<Value>),
    /// A query.
    Sql(String),
    /// Nothing is said: a seed stands for itself.
    Absent,
}

/// Reads a fixture.
pub(super) fn rows(test: &UnitTest, fixture: &Fixture) -> Result<Rows, Diagnostic> {
    let wrong = |expected: &str| {
        let of = if fixture.input.is_empty() { "`expect`".to_owned() } else { format!("the input {}", fixture.input) };
        let message = match &fixture.fixture {
            Some(name) if fixture.rows.is_null() => {
                format!("{of} takes its rows from the fixture '{name}', which does not exist")
            }
            _ => format!(
                "the rows of {of} are {}, but the format {} takes {expected}",
                fixture.rows.kind(),
                fixture.format.as_str()
            ),
        };
        invalid(test, message).at(fixture.span.clone())
    };
    match (fixture.format, &fixture.rows) {
        (FixtureFormat::Dict, Value::Null) if fixture.fixture.is_none() => Ok(Rows::Absent),
        (FixtureFormat::Dict, Value::List(rows)) if rows.iter().all(|row| row.as_map().is_some()) => {
            Ok(Rows::ByColumn(full_row_first(rows.clone())))
        }
        (FixtureFormat::Dict, _) => Err(wrong("a list of mappings")),
        (FixtureFormat::Csv, Value::Str(text)) => match csv_rows(text) {
            Ok(rows) => Ok(Rows::ByColumn(full_row_first(rows))),
            Err(problem) => Err(invalid(test, format!("rows that are no CSV: {problem}")).at(fixture.span.clone())),
        },
        // A fixture file may have been read into rows already.
        (FixtureFormat::Csv, Value::List(rows)) => Ok(Rows::ByColumn(full_row_first(rows.clone()))),
        (FixtureFormat::Csv, _) => Err(wrong("text")),
        (FixtureFormat::Sql, Value::Str(text)) => Ok(Rows::Sql(text.clone())),
        (FixtureFormat::Sql, _) => Err(wrong("text")),
    }
}

/// The columns that the rows of a fixture name; none of a query.
pub fn fixture_columns(fixture: &Fixture) -> Vec<String> {
    let rows = match (fixture.format, &fixture.rows) {
        (FixtureFormat::Dict | FixtureFormat::Csv, Value::List(rows)) => rows.clone(),
        (FixtureFormat::Csv, Value::Str(text)) => csv_rows(text).unwrap_or_default(),
        _ => Vec::new(),
    };
    let mut columns: Vec<String> = Vec::new();
    for name in rows.iter().filter_map(Value::as_map).flat_map(|row| row.keys()) {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    columns
}

/// A problem of a fixture's macros as one of the unit test: a column that the relation does not have is the fixture's own
/// fault, and its place is the fixture's, not the macro's.
pub fn in_fixture(test: &UnitTest, fixture: &Fixture, mut problem: Diagnostic) -> Diagnostic {
    // As `format_row` words it.
    if problem.code == codes::COMPILER_ERROR && problem.message.starts_with("Invalid column name: ") {
        problem.code = codes::UNIT_TEST_INVALID;
        problem.message = format!("unit test {}: {}", test.name, problem.message);
        problem.span = Some(fixture.span.clone());
        problem.notes.clear();
        problem.help = Some("name the columns as the relation has them".to_owned());
    }
    problem
}

/// A problem of a unit test.
pub(super) fn invalid(test: &UnitTest, message: impl Into<String>) -> Diagnostic {
    let message = format!("unit test {}: {}", test.name, message.into());
    Diagnostic::error(codes::UNIT_TEST_INVALID, message).at(test.span.clone()).node(test.id.as_str())
}

/// The rows of a table, as mappings.
pub(super) fn table_rows(table: &Table) -> Vec<Value> {
    let row = |cells: &Vec<Value>| {
        let cells = table.columns.iter().zip(cells).map(|(column, cell)| (column.name.clone(), cell.clone()));
        Value::Map(cells.collect())
    };
    full_row_first(table.rows.iter().map(row).collect())
}

/// The first row without nulls changes places with the first row: some engines take types from the first.
fn full_row_first(mut rows: Vec<Value>) -> Vec<Value> {
    let full = |row: &Value| row.as_map().is_some_and(|cells| cells.values().all(|cell| !cell.is_null()));
    if let Some(index) = rows.iter().position(full) {
        rows.swap(0, index);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_cells_are_text_or_null_and_a_full_row_comes_first() {
        let rows = full_row_first(csv_rows("id,name\n1,\n2,\"b, c\"\n3,d\n").unwrap());
        let shown: Vec<String> = rows.iter().map(ToString::to_string).collect();
        assert_eq!(shown, [r#"{"id":"2","name":"b, c"}"#, r#"{"id":"1","name":null}"#, r#"{"id":"3","name":"d"}"#]);
    }
}

//! Unit tests: what the model returned beside what was expected.
//!
//! In: unit tests, the rows of both sides as the `unit` materialization returns them. Out: pass or fail, with the difference.

use std::sync::Arc;

use crate::base::{Table, Value};
use crate::compile::in_fixture;
use crate::diag::Diagnostic;
use crate::jinja::context::host::Database;
use crate::node::UnitTest;

use super::node_run::outcome_code;
use super::outcome::{NodeOutcome, Status};
use super::row_diff::{Cells, picture};
use super::worker::{Worker, response_dict};

/// The column that says which side a row is of.
const SIDE: &str = "actual_or_expected";

impl Worker<'_> {
    /// Runs a unit test.
    pub fn run_unit_test(&self, test: &Arc<UnitTest>, outcome: &mut NodeOutcome) -> Result<(), Box<Diagnostic>> {
        let database = Arc::clone(&self.database) as Arc<dyn Database>;
        let compiled = self.compile(outcome, None, || self.around.compiler.compile_unit_test(test, Some(database)))?;
        let code = outcome_code(&compiled, outcome);
        let scope =
            self.materialize(&compiled.node, Some(code), None, outcome, |scope| scope).map_err(|diagnostic| {
                let mut diagnostic = in_fixture(test, &test.expect, *diagnostic);
                let place = format!("the unit test is declared at {}", test.span);
                diagnostic.notes.push(place);
                diagnostic.help.get_or_insert_with(|| "check the data types in the unit test's rows".to_owned());
                Box::new(diagnostic)
            })?;
        if let Some(response) = scope.response("main") {
            outcome.adapter_response = response_dict(&response);
        }
        let difference = difference(&scope.result_table("main").unwrap_or_default());
        outcome.status = if difference.is_some() { Status::Fail } else { Status::Pass };
        outcome.failures = Some(i64::from(difference.is_some()));
        outcome.message = difference.map(|text| format!("actual differs from expected:\n\n{text}\n"));
        Ok(())
    }
}

/// The picture of what differs; none if both sides have the same rows, in any order.
fn difference(table: &Table) -> Option<String> {
    let side = table.column_index(SIDE)?;
    let cells = |row: &[Value]| -> Cells {
        row.iter().enumerate().filter(|(index, _)| *index != side).map(|(_, value)| shown(value)).collect()
    };
    let of = |name: &str| -> Vec<Cells> {
        table.rows.iter().filter(|row| row[side].as_str() == Some(name)).map(|row| cells(row)).collect()
    };
    let names = table.columns.iter().enumerate().filter(|(index, _)| *index != side).map(|(_, c)| c.name.clone());
    picture(&names.collect::<Vec<_>>(), of("expected"), of("actual"))
}

fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TableColumn;

    #[test]
    fn rows_are_compared_in_any_order() {
        let column = |name: &str| TableColumn { name: name.into(), data_type: String::new() };
        let table = |rows: &[(i128, &str, &str)]| Table {
            columns: vec![column("id"), column("name"), column(SIDE)],
            rows: rows.iter().map(|(id, n, s)| vec![Value::Int(*id), (*n).into(), (*s).into()]).collect(),
        };
        let same = [(1, "a", "actual"), (2, "b", "actual"), (2, "b", "expected"), (1, "a", "expected")];
        assert_eq!(difference(&table(&same)), None);
        let other = [(1, "a", "actual"), (1, "a", "actual"), (1, "a", "expected"), (2, "bcdef", "expected")];
        let expected = "@@ ,id,name\n   ,1 ,a\n+++,1 ,a\n---,2 ,bcdef";
        assert_eq!(difference(&table(&other)).as_deref(), Some(expected));
    }
}

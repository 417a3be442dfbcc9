//! The verdict on a data test.
//!
//! In: the one row that the `test` materialization leaves: failures, should_warn, should_error. Out: pass, warn or fail, in
//! dbt's words.

use crate::base::{Table, Value};
use crate::diag::{Diagnostic, codes};
use crate::jinja::context::NodeScope;
use crate::node::Node;

use super::event::plural;
use super::outcome::{NodeOutcome, Status};
use super::worker::{Worker, response_dict};

impl Worker<'_> {
    /// Fills in the verdict on a test that ran.
    pub fn judge_data_test(
        &self,
        node: &Node,
        scope: &NodeScope,
        outcome: &mut NodeOutcome,
    ) -> Result<(), Box<Diagnostic>> {
        let table = scope.result_table("main").unwrap_or_default();
        let row = Row::read(&table).map_err(|message| {
            let help = "the query of `get_test_sql` gives one row with failures, should_warn and should_error; \
                        a `fail_calc` such as sum(n) gives null for no rows: coalesce it";
            Box::new(Diagnostic::error(codes::CONFIG_INVALID, message).at(node.template.span()).help(help))
        })?;
        if let Some(response) = scope.response("main") {
            outcome.adapter_response = response_dict(&response);
        }
        let setting = |key: &str| node.config.get(key).map_or_else(|| "!= 0".to_owned(), Value::to_string);
        let is_error = node.config.str("severity").is_none_or(|s| s.eq_ignore_ascii_case("error"));
        let got = format!("Got {}", plural_results(row.failures));
        let (status, message) = if is_error && row.should_error {
            (Status::Fail, Some(format!("{got}, configured to fail if {}", setting("error_if"))))
        } else if row.should_warn && self.settings.warn_error {
            (Status::Fail, Some(format!("{got}, configured to fail if {}", setting("warn_if"))))
        } else if row.should_warn {
            (Status::Warn, Some(format!("{got}, configured to warn if {}", setting("warn_if"))))
        } else {
            (Status::Pass, None)
        };
        outcome.status = status;
        outcome.message = message;
        outcome.failures = Some(if status == Status::Pass { 0 } else { row.failures });
        Ok(())
    }
}

fn plural_results(count: i64) -> String {
    usize::try_from(count).map_or_else(|_| format!("{count} results"), |n| plural(n, "result"))
}

#[derive(Debug, PartialEq)]
struct Row {
    failures: i64,
    should_warn: bool,
    should_error: bool,
}

impl Row {
    fn read(table: &Table) -> Result<Self, String> {
        let [row] = table.rows.as_slice() else {
            return Err(format!("a data test returned {} rows, but 1 row was expected", table.rows.len()));
        };
        if row.len() != 3 {
            return Err(format!("a data test returned {} columns, but 3 columns were expected", row.len()));
        }
        let cell = |name: &str| {
            let index = table.column_index(name).ok_or_else(|| format!("a data test returned no column `{name}`"))?;
            Ok::<_, String>(&row[index])
        };
        Ok(Self {
            failures: whole(cell("failures")?).ok_or("the failures of a data test are not a whole number")?,
            should_warn: truth(cell("should_warn")?)?,
            should_error: truth(cell("should_error")?)?,
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within the range of exact floats")]
fn whole(value: &Value) -> Option<i64> {
    let of_float = |x: f64| (x.fract() == 0.0 && x.abs() < 9e15).then_some(x as i64);
    match value {
        Value::Float(x) => of_float(*x),
        Value::Decimal(digits) => digits.parse().ok().and_then(of_float),
        Value::Bool(flag) => Some(i64::from(*flag)),
        other => other.as_i64(),
    }
}

/// Engines without booleans answer with numbers or words.
fn truth(value: &Value) -> Result<bool, String> {
    let Value::Str(word) = value else { return Ok(value.is_truthy()) };
    match word.to_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Ok(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Ok(false),
        _ => Err(format!("expected a boolean from get_test_sql, got '{word}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TableColumn;

    #[test]
    fn rows_of_any_engine() {
        let column = |name: &str| TableColumn { name: name.into(), data_type: String::new() };
        let columns = vec![column("FAILURES"), column("should_warn"), column("should_error")];
        let read = |row: Vec<Value>| Row::read(&Table { columns: columns.clone(), rows: vec![row] });
        let row = read(vec![Value::Decimal("3.0".into()), Value::Int(1), "false".into()]);
        assert_eq!(row, Ok(Row { failures: 3, should_warn: true, should_error: false }));
        assert!(read(vec![Value::Null, Value::Null, Value::Null]).is_err());
        assert!(Row::read(&Table::default()).is_err());
        assert_eq!((plural_results(1), plural_results(3)), ("1 result".to_owned(), "3 results".to_owned()));
    }
}

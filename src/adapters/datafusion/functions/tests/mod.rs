//! What the functions give, against DuckDB's own values in `values.txt` (recorded by `scripts/sql_values.py`).

use std::collections::BTreeMap;

use datafusion::arrow::array::Array;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::SessionContext;

use super::super::rewrite;
use super::{display, install};

/// Expression, DuckDB's type, DuckDB's value as text.
fn cases() -> Vec<(&'static str, &'static str, &'static str)> {
    include_str!("values.txt")
        .lines()
        .filter(|l| !l.starts_with('#') && !l.trim().is_empty())
        .filter_map(|l| {
            let mut parts = l.split('\t');
            Some((parts.next()?, parts.next()?, parts.next()?))
        })
        .collect()
}

/// Expressions that differ, with what comes out here.
fn differing() -> BTreeMap<&'static str, &'static str> {
    include_str!("differing.txt")
        .lines()
        .filter(|l| !l.starts_with('#') && !l.trim().is_empty())
        .filter_map(|l| l.split_once('\t'))
        .collect()
}

fn query(expression: &str) -> String {
    format!("select {expression}")
}

/// Type and value of the one column of the one row.
async fn value(session: &SessionContext, expression: &str) -> Result<(String, String), String> {
    let sql = query(expression);
    let statement = rewrite::parse(&sql).map_err(|r| format!("refused: {r}"))?;
    let short = |e: &dyn std::fmt::Display| format!("error: {}", e.to_string().lines().next().unwrap_or_default());
    let plan = rewrite::plan(&session.state(), statement).await.map_err(|e| short(&e))?;
    let frame = session.execute_logical_plan(plan).await.map_err(|e| short(&e))?;
    let batches = frame.collect().await.map_err(|e| short(&e))?;
    let batch = batches.iter().find(|b| b.num_rows() > 0).ok_or("no row")?;
    let column = batch.column(0);
    let text = display::texts(column).map_err(|e| short(&e))?;
    let shown = if text.is_null(0) { "NULL" } else { text.value(0) };
    Ok((display::type_name(column.data_type()), shown.to_owned()))
}

/// Whole numbers are bigint here, whatever their size; sums of them too. What may need 64 bits and a sign is a decimal.
fn family(name: &str) -> String {
    let mut out = name.replace("DECIMAL(20,0)", "BIGINT");
    for whole in ["UBIGINT", "UINTEGER", "HUGEINT", "TINYINT", "SMALLINT", "INTEGER"] {
        out = out.replace(whole, "BIGINT");
    }
    out.replace("JSON", "VARCHAR").replace('"', "")
}

#[test]
fn values_are_those_of_duckdb() -> std::io::Result<()> {
    let session = SessionContext::new_with_state(install(SessionStateBuilder::new().with_default_features()).build());
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let differing = differing();
    let mut wrong = Vec::new();
    let mut same = 0;
    for (expression, kind, expected) in cases() {
        let got = runtime.block_on(value(&session, expression));
        let line = match &got {
            Ok((kind, value)) => format!("{kind}\t{value}"),
            Err(message) => message.clone(),
        };
        let equal = match &got {
            Ok((got_kind, got_value)) => {
                got_value == expected && (family(got_kind) == family(kind) || expected == "NULL" || kind == "error")
            }
            Err(_) => kind == "error",
        };
        match differing.get(expression) {
            Some(_) if equal => wrong.push(format!("{expression}\tis equal now; take it out of differing.txt")),
            Some(listed) if *listed != line => wrong.push(format!("{expression}\t{line}\t(listed: {listed})")),
            Some(_) => {}
            None if equal => same += 1,
            None => wrong.push(format!("{expression}\t{line}\t(DuckDB: {kind} {expected})")),
        }
    }
    assert!(wrong.is_empty(), "{} expressions are as in DuckDB; these are not:\n{}", same, wrong.join("\n"));
    assert!(same >= 250, "{same} cases");
    Ok(())
}

//! Queries against a small session: what comes out, against DuckDB's own results in `queries.txt` (recorded by
//! `scripts/sql_queries.py`), and what is refused.

use std::collections::BTreeMap;

use datafusion::arrow::array::Array;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::SessionContext;
use tokio::runtime::{Builder, Runtime};

use super::super::functions;

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).thread_stack_size(16 << 20).build()
}

fn session() -> SessionContext {
    SessionContext::new_with_state(functions::install(SessionStateBuilder::new().with_default_features()).build())
}

/// Names and rows as `queries.txt` writes them, or one line that says why not.
async fn run(session: &SessionContext, sql: &str) -> Vec<String> {
    let first = |text: String| vec![format!("error: {}", text.lines().next().unwrap_or_default())];
    let statement = match super::parse(sql) {
        Ok(statement) => statement,
        Err(refusal) => return vec![format!("refused: {refusal}")],
    };
    let result = match super::plan(&session.state(), statement).await {
        Ok(plan) => session.execute_logical_plan(plan).await,
        Err(error) => Err(error),
    };
    let frame = match result {
        Ok(frame) => frame,
        Err(error) => return first(error.strip_backtrace()),
    };
    let names: Vec<String> = frame.schema().fields().iter().map(|f| f.name().clone()).collect();
    let batches = match frame.collect().await {
        Ok(batches) => batches,
        Err(error) => return first(error.strip_backtrace()),
    };
    let mut lines = vec![names.join(" | ")];
    for batch in batches {
        let columns: Vec<_> = batch.columns().iter().map(functions::texts).collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> = columns
                .iter()
                .map(|c| match c {
                    Ok(c) if c.is_null(row) => "NULL".to_owned(),
                    Ok(c) => c.value(row).to_owned(),
                    Err(error) => error.strip_backtrace(),
                })
                .collect();
            lines.push(values.join(" | "));
        }
    }
    lines
}

/// Query -> the one line that comes out here instead, or `names` where only names of columns differ.
fn differing() -> BTreeMap<&'static str, &'static str> {
    include_str!("differing.txt")
        .lines()
        .filter(|l| !l.starts_with('#') && !l.trim().is_empty())
        .filter_map(|l| l.split_once('\t'))
        .collect()
}

#[test]
fn results_are_those_of_duckdb() -> std::io::Result<()> {
    let (runtime, session, differing) = (runtime()?, session(), differing());
    let mut wrong = Vec::new();
    for block in include_str!("queries.txt").trim().split("\n\n") {
        let expected: Vec<&str> = block.lines().filter_map(|l| l.strip_prefix("> ")).collect();
        let sql: Vec<&str> = block.lines().filter(|l| !l.starts_with("> ")).collect();
        let sql = sql.join("\n");
        let got = runtime.block_on(run(&session, &sql));
        if sql.starts_with("create") {
            continue;
        }
        let equal = got == expected;
        let rows_equal = got.len() > 1 && expected.len() > 1 && got[1..] == expected[1..];
        match differing.get(sql.as_str()) {
            Some(_) if equal => wrong.push(format!("{sql}\nis equal now; take it out of differing.txt")),
            Some(&"names") if rows_equal => {}
            Some(listed) if got.len() == 1 && got[0] == *listed => {}
            None if equal => {}
            _ => wrong.push(format!("{sql}\n  {}\nDuckDB:\n  {}", got.join("\n  "), expected.join("\n  "))),
        }
    }
    assert!(wrong.is_empty(), "{} queries differ:\n\n{}", wrong.len(), wrong.join("\n\n"));
    Ok(())
}

/// Query, place of the refusal, a part of its message or help.
const REFUSED: &[(&str, Option<usize>, &str)] = &[
    ("select * from t asof join u using (id)", Some(16), "ASOF JOIN"),
    ("select * from t positional join u", Some(16), "row_number()"),
    ("pivot t on grp using sum(x)", Some(0), "PIVOT (sum(x) FOR"),
    ("with p as (pivot t on grp using sum(x)) select * from p", Some(11), "PIVOT (sum(x) FOR"),
    ("select * from t using sample 10%", Some(16), "TABLESAMPLE"),
    ("select * from t tablesample (10 percent) repeatable (1)", None, "seed"),
    ("select\n  sha1(id) from t", Some(9), "md5"),
    ("select * from t pivot (sum(x) for grp in (any))", None, "list"),
    ("select sum(x) over (w) from t", Some(20), "WINDOW w AS"),
    ("select sum(x) over (w order by x) from t window w as (order by id)", Some(20), "ORDER BY"),
    ("select 1 frm t x", None, "Expected"),
    ("select x from t limit 10%", Some(16), "percentage"),
    ("select sum(x) over (order by id rows 1 preceding exclude ties) from t", Some(49), "EXCLUDE TIES"),
    ("select x from t order by x fetch first 2 rows with ties", Some(0), "rank()"),
    ("select unnest([[1], [2]], recursive := true)", Some(7), "each level"),
    ("select 'A' = 'a' collate nocase", None, "lower(x)"),
    ("select x like 'a' escape 'ab' from t", None, "one character"),
    ("select\n  json_transform(x, '{}') from t", Some(9), "json_extract_string"),
];

#[test]
fn refusals_name_the_place_and_the_way_out() {
    for (sql, place, words) in REFUSED {
        let refusal = match super::parse(sql) {
            Ok(statement) => panic!("{sql} is read as {statement}"),
            Err(refusal) => refusal,
        };
        let text = format!("{refusal} {}", refusal.help.clone().unwrap_or_default());
        assert!(text.contains(words), "{sql}: {text}");
        if let Some(place) = place {
            assert_eq!(refusal.offset(sql), Some(*place), "{sql}: {refusal:?}");
        }
    }
}

#[test]
fn rewriting_twice_is_rewriting_once() -> std::io::Result<()> {
    let (runtime, session) = (runtime()?, session());
    for block in include_str!("queries.txt").trim().split("\n\n") {
        let sql: String = block.lines().filter(|l| !l.starts_with("> ")).collect::<Vec<_>>().join("\n");
        let Ok(statement) = super::parse(&sql) else { continue };
        if sql.starts_with("create") {
            runtime.block_on(run(&session, &sql));
            continue;
        }
        let again = statement.to_string();
        let (once, twice) = (runtime.block_on(run(&session, &sql)), runtime.block_on(run(&session, &again)));
        if once.len() > 1 {
            assert_eq!(once, twice, "{sql}\n{again}");
        }
    }
    Ok(())
}

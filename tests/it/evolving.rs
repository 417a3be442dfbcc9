//! The law of tables whose query changes its columns, on random histories: under each mode of `on_schema_change` the table has
//! the columns, types and rows that an interpreter of the mode says; a run that is refused changes nothing.
//!
//! `INCREMENTAL_CASES=200 cargo test evolving` runs longer.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{TestCaseResult, TestError};

use crate::warehouse::{Warehouse, engines, runner};

/// Models of one project.
const MODELS: usize = 14;
/// Versions of a model's query.
const VERSIONS: usize = 4;
const TYPES: [&str; 3] = ["integer", "bigint", "varchar"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Append,
    DeleteInsert,
    Merge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Ignore,
    Fail,
    AppendNew,
    Sync,
    FullRefresh,
}

type Columns = Vec<(&'static str, &'static str)>;
type Row = BTreeMap<&'static str, Option<i64>>;

/// Columns with their types, and rows.
#[derive(Clone, Debug, Default)]
struct Table {
    columns: Columns,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Model {
    how: How,
    mode: Mode,
    versions: Vec<Table>,
}

fn lacks(columns: &Columns, name: &str) -> bool {
    columns.iter().all(|(known, _)| *known != name)
}

impl Table {
    fn sql(&self) -> String {
        let row = |row: Option<&Row>| {
            let value = |name| row.and_then(|row| row[name]).map_or_else(|| "null".to_owned(), |v| v.to_string());
            let cells = self.columns.iter().map(|(name, kind)| format!("cast({} as {kind}) as {name}", value(*name)));
            format!("select {}", cells.collect::<Vec<_>>().join(", "))
        };
        match self.rows.as_slice() {
            [] => format!("{} where 1 = 0", row(None)),
            rows => rows.iter().map(|r| row(Some(r))).collect::<Vec<_>>().join(" union all "),
        }
    }

    fn shown(&self) -> Vec<String> {
        let cell = |row: &Row, name: &str| row[name].map_or_else(|| "null".to_owned(), |v| v.to_string());
        let shown = |row| self.columns.iter().map(|(name, _)| cell(row, name)).collect::<Vec<_>>().join("|");
        let mut rows: Vec<String> = self.rows.iter().map(shown).collect();
        rows.sort();
        rows
    }

    fn shown_by_engine(&self, table: &str) -> String {
        let cells = self.columns.iter().map(|(name, _)| format!("coalesce(cast({name} as varchar), 'null')"));
        format!("select {} from main.{table}", cells.collect::<Vec<_>>().join(" || '|' || "))
    }
}

impl Model {
    fn sql(&self) -> String {
        let strategy = match self.how {
            How::Append => "incremental_strategy='append'",
            How::DeleteInsert => "incremental_strategy='delete+insert', unique_key='k'",
            How::Merge => "incremental_strategy='merge', unique_key='k'",
        };
        let mode = match self.mode {
            Mode::Ignore => "ignore",
            Mode::Fail => "fail",
            Mode::AppendNew => "append_new_columns",
            Mode::Sync => "sync_all_columns",
            Mode::FullRefresh => "full_refresh",
        };
        let queries: Vec<String> = self.versions.iter().map(|version| format!("\"{}\"", version.sql())).collect();
        format!(
            "{{{{ config(materialized='incremental', {strategy}, on_schema_change='{mode}') }}}}\n\
             {{% set versions = [{}] %}}\n{{{{ versions[var('version')] }}}}\n",
            queries.join(", ")
        )
    }

    /// The table after a run with a query; nothing if the run is refused.
    fn after(&self, table: &Table, query: &Table) -> Option<Table> {
        let added: Columns = query.columns.iter().filter(|(name, _)| lacks(&table.columns, name)).copied().collect();
        let removed: Columns = table.columns.iter().filter(|(name, _)| lacks(&query.columns, name)).copied().collect();
        let type_in_query = |name| query.columns.iter().find(|(n, _)| *n == name).map(|(_, kind)| *kind);
        let retyped = table.columns.iter().any(|(name, kind)| type_in_query(*name).is_some_and(|new| new != *kind));
        let mut columns = table.columns.clone();
        match self.mode {
            Mode::Ignore if self.how == How::Merge && !added.is_empty() => return None,
            Mode::Ignore if self.how != How::Merge && !removed.is_empty() => return None,
            Mode::Fail if retyped || !added.is_empty() || !removed.is_empty() => return None,
            Mode::FullRefresh if !removed.is_empty() => return Some(query.clone()),
            Mode::Ignore | Mode::Fail => {}
            Mode::AppendNew => columns.extend(added),
            Mode::Sync | Mode::FullRefresh => {
                columns.retain(|(name, _)| !lacks(&query.columns, name));
                for (name, kind) in &mut columns {
                    *kind = type_in_query(*name).unwrap_or(*kind);
                }
                columns.extend(added);
            }
        }
        let mut keys: Vec<i64> = query.rows.iter().filter_map(|row| row["k"]).collect();
        keys.sort_unstable();
        if self.how == How::Merge && keys.windows(2).any(|two| two[0] == two[1]) {
            return None;
        }
        let cell = |row: &Row, name: &str| row.get(name).copied().flatten();
        let fitted = |row: &Row| columns.iter().map(|(name, _)| (*name, cell(row, name))).collect::<Row>();
        let newer = |old: &Row| query.rows.iter().find(|new| new["k"].is_some() && new["k"] == old["k"]);
        let mut rows = Vec::new();
        for old in &table.rows {
            match (self.how, newer(old)) {
                (How::DeleteInsert, Some(_)) => {}
                (How::Merge, Some(new)) => {
                    let value = |name| if lacks(&query.columns, name) { cell(old, name) } else { cell(new, name) };
                    rows.push(columns.iter().map(|(name, _)| (*name, value(*name))).collect());
                }
                _ => rows.push(fitted(old)),
            }
        }
        let known = |new: &&Row| table.rows.iter().any(|old| new["k"].is_some() && new["k"] == old["k"]);
        rows.extend(query.rows.iter().filter(|new| self.how != How::Merge || !known(new)).map(fitted));
        Some(Table { columns, rows })
    }
}

fn query() -> impl Strategy<Value = Table> {
    let names = subsequence(vec!["a", "b", "c"], 1..=3).prop_shuffle();
    let columns = names.prop_flat_map(|names| {
        let types = prop::collection::vec(select(&TYPES[..]), names.len());
        types.prop_map(move |types| names.iter().copied().zip(types).collect::<Columns>())
    });
    let value = || prop_oneof![1 => Just(None), 4 => (0..100_i64).prop_map(Some)];
    let key = prop_oneof![1 => Just(None), 8 => (0..8_i64).prop_map(Some)];
    let rows = prop::collection::vec((key, value(), value(), value()), 0..4);
    (columns, rows).prop_map(|(mut columns, rows)| {
        columns.insert(0, ("k", "integer"));
        let row = |(k, a, b, c)| {
            let mut row = Row::from([("k", k), ("a", a), ("b", b), ("c", c)]);
            row.retain(|name, _| !lacks(&columns, name));
            row
        };
        let rows = rows.into_iter().map(row).collect();
        Table { columns, rows }
    })
}

fn model() -> impl Strategy<Value = Model> {
    let how = select(&[How::Append, How::DeleteInsert, How::Merge][..]);
    let mode = select(&[Mode::Ignore, Mode::Fail, Mode::AppendNew, Mode::Sync, Mode::FullRefresh][..]);
    (how, mode, prop::collection::vec(query(), VERSIONS)).prop_map(|(how, mode, mut versions)| {
        if how == How::Merge {
            // A table's first rows are not merged; twice the same key there is the query's own affair.
            let mut seen = std::collections::BTreeSet::new();
            versions[0].rows.retain(|row| row["k"].is_none_or(|k| seen.insert(k)));
        }
        Model { how, mode, versions }
    })
}

fn columns_follow(engine: &'static str, models: &[Model], steps: &[usize]) -> TestCaseResult {
    let shop = Warehouse::new(engine);
    for (i, model) in models.iter().enumerate() {
        shop.write(&format!("models/m{i}.sql"), &model.sql());
    }
    let mut tables: Vec<Table> = models.iter().map(|model| model.versions[0].clone()).collect();
    for (number, version) in std::iter::once(&0).chain(steps).enumerate() {
        let mut refused = Vec::new();
        for (i, model) in models.iter().enumerate().filter(|_| number > 0) {
            match model.after(&tables[i], &model.versions[*version]) {
                Some(after) => tables[i] = after,
                None => refused.push(i),
            }
        }
        let vars = format!("version: {version}");
        let well = shop.run(&["run", "--quiet", "--vars", &vars])?;
        let of_columns = |i| {
            format!(
                "select column_name || ' ' || lower(data_type) from information_schema.columns \
                 where table_schema = 'main' and table_name = 'm{i}' order by ordinal_position"
            )
        };
        let columns = shop.answers(&(0..models.len()).map(of_columns).collect::<Vec<_>>());
        let rows = tables.iter().enumerate().map(|(i, table)| table.shown_by_engine(&format!("m{i}")));
        let rows = shop.ask(&rows.collect::<Vec<_>>());
        for (i, (model, table)) in models.iter().zip(&tables).enumerate() {
            let told = format!("run {number} with version {version} of {model:?}");
            let expected: Vec<String> = table.columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
            if shop.is_duckdb() {
                prop_assert_eq!(&columns[i], &expected, "{}", told);
            }
            let found = rows[i].clone().map(|mut rows| {
                rows.sort();
                rows
            });
            prop_assert_eq!(found, Some(table.shown()), "{}", told);
        }
        prop_assert_eq!(well, refused.is_empty(), "verdict of run {}: refused {:?}", number, refused);
    }
    Ok(())
}

#[test]
fn a_table_follows_its_query_as_the_mode_says() {
    let histories = (prop::collection::vec(model(), MODELS), prop::collection::vec(0..VERSIONS, 1..5));
    for (engine, cases) in engines() {
        match runner(cases).run(&histories, |(models, steps)| columns_follow(engine, &models, &steps)) {
            Ok(()) => {}
            Err(TestError::Fail(why, (models, steps))) => {
                let texts: Vec<String> = models.iter().map(Model::sql).collect();
                panic!("{engine}: {why}\nsteps {steps:?}\n{}", texts.join("\n"));
            }
            Err(TestError::Abort(why)) => panic!("{engine}: {why}"),
        }
    }
}

//! Laws of snapshots, over random histories of a table: rows come, change, vanish and come back.
//!
//! `PROPTEST_CASES=200 cargo test snapshot_histories` looks longer than the default.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

/// What one step does to one key: nothing, gone, or a value; a row that comes back may be as old as it was.
#[derive(Clone, Debug)]
enum Change {
    Keep,
    Delete,
    Put { value: u8, keep_time: bool },
}

const KEYS: usize = 3;

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        2 => Just(Change::Keep),
        2 => Just(Change::Delete),
        4 => (0u8..3, any::<bool>()).prop_map(|(value, keep_time)| Change::Put { value, keep_time }),
    ]
}

fn snapshot_node(strategy: &str, hard_deletes: &str) -> Node {
    let how = match strategy {
        "timestamp" => r#""updated_at": "changed""#,
        _ => r#""check_cols": ["v"]"#,
    };
    let config = format!(
        r#"{{"materialized": "snapshot", "strategy": "{strategy}", {how}, "unique_key": "id", "pre-hook": [],
             "post-hook": [], "grants": {{}}, "hard_deletes": "{hard_deletes}"}}"#
    );
    node(ResourceType::Snapshot, &format!("{strategy}_{hard_deletes}"), &config, "select * from shop.src", &[])
}

/// The table as it is: value and time of the last change by key; and what was there last for keys that are gone.
#[derive(Default)]
struct Truth {
    rows: BTreeMap<usize, (u8, String)>,
    gone: BTreeMap<usize, (u8, String)>,
    ever_gone: BTreeSet<usize>,
}

impl Truth {
    fn apply(&mut self, changes: &[Change], now: &str) {
        for (key, change) in changes.iter().enumerate() {
            match change {
                Change::Keep => {}
                Change::Delete => {
                    if let Some(last) = self.rows.remove(&key) {
                        self.gone.insert(key, last);
                        self.ever_gone.insert(key);
                    }
                }
                Change::Put { value, keep_time } => {
                    let unchanged = self.rows.get(&key).is_some_and(|(old, _)| old == value);
                    match self.gone.remove(&key) {
                        Some(last) if *keep_time => {
                            self.rows.insert(key, last);
                        }
                        _ if unchanged => {}
                        _ => {
                            self.rows.insert(key, (*value, now.to_owned()));
                        }
                    }
                }
            }
        }
    }

    fn sql(&self) -> String {
        let row = |(key, (value, at)): (&usize, &(u8, String))| format!("({key}, {value}, timestamp '{at}')");
        let rows: Vec<String> = self.rows.iter().map(row).collect();
        let values = if rows.is_empty() { "(0, 0, timestamp '2000-01-01')".to_owned() } else { rows.join(", ") };
        let filter = if rows.is_empty() { " where false" } else { "" };
        format!("create or replace table shop.src as select * from (values {values}) as t(id, v, changed){filter}")
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn check(house: &House, truth: &Truth, strategy: &str, mode: &str) -> Result<(), TestCaseError> {
    let table = format!("shop.{strategy}_{mode}");
    let deleted = if mode == "new_record" { "dbt_is_deleted = 'True'" } else { "false" };
    let versions = format!(
        "select *, {deleted} as is_deleted, lead(dbt_valid_from) over w as next_from, lag(dbt_valid_to) over w as last_to \
         from {table} window w as (partition by id order by dbt_valid_from, dbt_valid_to nulls last)"
    );
    let count = |sql: &str| number(&house.rows(sql)[0][0]);
    let negative = count(&format!("select count(*) from {table} where dbt_valid_to < dbt_valid_from"));
    prop_assert_eq!(negative, 0, "{} has negative intervals", table);
    let overlaps = count(&format!(
        "select count(*) from ({versions}) where next_from is not null and coalesce(dbt_valid_to > next_from, true)"
    ));
    prop_assert_eq!(overlaps, 0, "versions in {} overlap", table);
    let gaps = house.rows(&format!("select distinct id from ({versions}) where dbt_valid_from > last_to"));
    for row in gaps {
        let key = usize::try_from(number(&row[0])).unwrap();
        let may = mode == "invalidate" && truth.ever_gone.contains(&key);
        prop_assert!(may, "{} has a gap in the history of {} without a deletion", table, key);
    }
    let open = format!("select id, v from ({versions}) where dbt_valid_to is null and not is_deleted order by id");
    let current: Vec<(i64, i64)> = house.rows(&open).iter().map(|row| (number(&row[0]), number(&row[1]))).collect();
    let row = |(key, (value, _)): (&usize, &(u8, String))| (i64::try_from(*key).unwrap(), i64::from(*value));
    let mut wanted: BTreeMap<i64, i64> = truth.rows.iter().map(row).collect();
    if mode == "ignore" {
        // Deletions are not seen: the last values stay.
        wanted.extend(truth.gone.iter().map(row));
    }
    prop_assert_eq!(current, wanted.into_iter().collect::<Vec<_>>(), "current rows of {}", table);
    Ok(())
}

#[test]
fn snapshot_histories_have_neither_gaps_nor_overlaps() {
    let cases = match ProptestConfig::default().cases {
        // The library's own default: nobody asked for more.
        256 => 3,
        wanted => wanted,
    };
    let config = ProptestConfig { cases, max_shrink_iters: 30, failure_persistence: None, ..ProptestConfig::default() };
    let history = prop::collection::vec(prop::collection::vec(change(), KEYS), 2..6);
    let kinds: Vec<(&str, &str)> = ["timestamp", "check"]
        .into_iter()
        .flat_map(|s| ["ignore", "invalidate", "new_record"].map(|mode| (s, mode)))
        .collect();
    let run = TestRunner::new(config).run(&history, |history| {
        let nodes = kinds.iter().map(|(strategy, mode)| snapshot_node(strategy, mode)).collect();
        let house = house(nodes, Vec::new(), Vec::new());
        house.rows("create schema if not exists shop");
        let mut truth = Truth::default();
        for changes in &history {
            let now = house.rows("select now()::timestamp::varchar")[0][0].to_string();
            truth.apply(changes, &now);
            house.rows(&truth.sql());
            let mut totals = Vec::new();
            // The second run finds nothing new.
            for _ in 0..2 {
                let outcome = house.run(RunSettings { threads: 2, ..RunSettings::default() });
                let failed: Vec<_> = outcome.outcomes.iter().filter(|o| o.status.is_failure()).collect();
                prop_assert!(failed.is_empty(), "{:?}", failed.first().map(|o| &o.message));
                let total = |(s, m): &(&str, &str)| house.rows(&format!("select count(*) from shop.{s}_{m}"));
                totals.push(kinds.iter().map(total).collect::<Vec<_>>());
            }
            prop_assert_eq!(&totals[0], &totals[1], "another run added versions");
            for (strategy, mode) in &kinds {
                check(&house, &truth, strategy, mode)?;
            }
        }
        Ok(())
    });
    if let Err(failure) = run {
        panic!("{failure}");
    }
}

/// The versions of a snapshot with its times as numbers of steps, which is what two tellings of one history have in common.
fn told(house: &House, table: &str, mode: &str) -> Vec<String> {
    let step = |column: &str| format!("(select max(step) from shop.steps where seen <= {column}) as {column}");
    let deleted = if mode == "new_record" { "dbt_is_deleted" } else { "'False'" };
    let times = ["dbt_valid_from", "dbt_valid_to", "dbt_updated_at"].map(step).join(", ");
    let rows = house.rows(&format!("select id, v, {times}, {deleted} as deleted from {table} order by all"));
    rows.iter().map(|row| row.iter().map(Value::to_string).collect::<Vec<_>>().join("|")).collect()
}

#[test]
fn a_snapshot_rebuilt_from_its_change_log_equals_one_that_ran_after_each_change() {
    let cases = match ProptestConfig::default().cases {
        256 => 4,
        wanted => wanted,
    };
    let config = ProptestConfig { cases, max_shrink_iters: 30, failure_persistence: None, ..ProptestConfig::default() };
    let history = prop::collection::vec(prop::collection::vec(change(), KEYS), 2..7);
    let kinds: Vec<(&str, &str)> = ["timestamp", "check"]
        .into_iter()
        .flat_map(|s| ["ignore", "invalidate", "new_record"].map(|mode| (s, mode)))
        .collect();
    let run = TestRunner::new(config).run(&history, |history| {
        let nodes = kinds.iter().map(|(strategy, mode)| snapshot_node(strategy, mode)).collect();
        let house = house(nodes, Vec::new(), Vec::new());
        house.rows("create schema if not exists shop");
        house.rows("create table shop.steps (step integer, seen timestamp)");
        house.rows("create table shop.log (id integer, v integer, changed timestamp, seen timestamp, gone boolean)");
        let mut truth = Truth::default();
        let runs = |settings: RunSettings| -> Result<(), TestCaseError> {
            let outcome = house.run(RunSettings { threads: 2, ..settings });
            let failed: Vec<_> = outcome.outcomes.iter().filter(|o| o.status.is_failure()).collect();
            prop_assert!(failed.is_empty(), "{:?}", failed.first().map(|o| &o.diagnostics));
            Ok(())
        };
        for (step, changes) in history.iter().enumerate() {
            let now = house.rows("select now()::timestamp::varchar")[0][0].to_string();
            truth.apply(changes, &now);
            house.rows(&truth.sql());
            house.rows(&format!("insert into shop.steps values ({step}, timestamp '{now}')"));
            for key in changes.iter().enumerate().filter(|(_, c)| !matches!(c, Change::Keep)).map(|(key, _)| key) {
                let logged = match truth.rows.get(&key) {
                    Some((value, at)) => format!("({key}, {value}, timestamp '{at}', timestamp '{now}', false)"),
                    None => format!("({key}, null, null, timestamp '{now}', true)"),
                };
                house.rows(&format!("insert into shop.log values {logged}"));
            }
            runs(RunSettings::default())?;
        }
        let tables = kinds.iter().map(|(strategy, mode)| (format!("shop.{strategy}_{mode}"), *mode));
        let before: Vec<_> = tables.clone().map(|(table, mode)| told(&house, &table, mode)).collect();
        let query = "select id, v, changed, seen as dbt_changed_at, gone as dbt_is_deleted from shop.log";
        runs(RunSettings { rebuild_from: Some(query.to_owned()), ..RunSettings::default() })?;
        for ((table, mode), before) in tables.zip(before) {
            prop_assert_eq!(told(&house, &table, mode), before, "{}", table);
        }
        // What was rebuilt can be gone on with: nothing has changed since.
        let count =
            |house: &House| kinds.iter().map(|(s, m)| house.rows(&format!("from shop.{s}_{m}")).len()).sum::<usize>();
        let rebuilt = count(&house);
        runs(RunSettings::default())?;
        prop_assert_eq!(count(&house), rebuilt, "a run after the rebuild added versions");
        Ok(())
    });
    if let Err(failure) = run {
        panic!("{failure}");
    }
}

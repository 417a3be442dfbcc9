//! Laws that hold for any sequence of changes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::super::squash::net;
use super::*;

#[derive(Clone, Debug)]
enum Change {
    Append(Vec<(i64, i64)>),
    Delete(i64),
    Update(i64, i64),
    Upsert(BTreeMap<i64, i64>),
    ReplaceAbove(i64, Vec<(i64, i64)>),
    Compact,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let rows = || prop::collection::vec((0..20_i64, 0..100_i64), 1..6);
    let change = prop_oneof![
        3 => rows().prop_map(Change::Append),
        2 => (0..20_i64).prop_map(Change::Delete),
        2 => (0..20_i64, 0..100_i64).prop_map(|(key, n)| Change::Update(key, n)),
        3 => prop::collection::btree_map(0..20_i64, 0..100_i64, 1..6).prop_map(Change::Upsert),
        1 => (0..20_i64, rows()).prop_map(|(at, rows)| Change::ReplaceAbove(at, rows)),
        1 => Just(Change::Compact),
    ];
    prop::collection::vec(change, 1..7)
}

fn values(rows: impl IntoIterator<Item = (i64, i64)>) -> String {
    let rows: Vec<String> = rows.into_iter().map(|(id, n)| format!("({id}, {n})")).collect();
    format!("select * from (values {}) v(id, n)", rows.join(", "))
}

async fn apply(house: &House, table: &mut StagedTable, change: &Change, model: &mut Vec<(i64, i64)>) {
    let state = house.state();
    match change {
        Change::Append(rows) => {
            house.append(table, &values(rows.clone())).await;
            model.extend(rows);
        }
        Change::Delete(key) => {
            let predicate = house.expr(table, &format!("id = {key}"));
            let deleted = table.delete(&state, Some(predicate)).await.unwrap();
            let before = model.len();
            model.retain(|(id, _)| id != key);
            assert_eq!(deleted as usize, before - model.len());
        }
        Change::Update(key, n) => {
            let predicate = house.expr(table, &format!("id <= {key}"));
            let set = vec![("n".to_string(), house.expr(table, &format!("n + {n}")))];
            let updated = table.update(&state, set, Some(predicate)).await.unwrap();
            let mut count = 0;
            for row in model.iter_mut().filter(|(id, _)| id <= key) {
                row.1 += n;
                count += 1;
            }
            assert_eq!(updated, count);
        }
        Change::Upsert(rows) => {
            let source = house.plan(&values(rows.clone())).await;
            let pair = |sql: &str| house.pair(table, &source, sql);
            let clauses = vec![
                MergeClause {
                    when: MergeWhen::Matched,
                    condition: None,
                    action: MergeAction::Update(vec![("n".into(), pair("s.n"))]),
                },
                MergeClause {
                    when: MergeWhen::NotMatched,
                    condition: None,
                    action: MergeAction::Insert(vec![("id".into(), pair("s.id")), ("n".into(), pair("s.n"))]),
                },
            ];
            let on = pair("t.id = s.id");
            let merge = Merge { source, source_alias: "s".into(), target_alias: "t".into(), on, clauses };
            let done = table.merge(&state, merge).await.unwrap();
            let mut expected = MergeCounts::default();
            for (key, n) in rows {
                let mut found = false;
                for row in model.iter_mut().filter(|(id, _)| id == key) {
                    row.1 = *n;
                    found = true;
                    expected.updated += 1;
                }
                if !found {
                    model.push((*key, *n));
                    expected.inserted += 1;
                }
            }
            assert_eq!(done, expected);
        }
        Change::ReplaceAbove(at, rows) => {
            let rows: Vec<_> = rows.iter().map(|(id, n)| (id + at, *n)).collect();
            let predicate = house.expr(table, &format!("id >= {at}"));
            let plan = house.plan(&values(rows.clone())).await;
            table.replace_where(&state, predicate, plan).await.unwrap();
            model.retain(|(id, _)| id < at);
            model.extend(rows);
        }
        Change::Compact => {
            table.compact(&state).await.unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Staged, squashed and published is what was asked for: the same rows as a plain list of rows has, the same active files
    /// before and after squashing, one version, and nothing is seen of it before.
    #[test]
    fn squashed_is_what_was_staged(changes in changes()) {
        run(|house| async move {
            let mut model = vec![(1, 10), (2, 20), (3, 30)];
            let mut table = house.table("main/t", &values(model.clone())).await;
            for change in &changes {
                apply(&house, &mut table, change, &mut model).await;
            }
            let mut expected: Vec<String> = model.iter().map(|(id, n)| format!("{id}|{n}")).collect();
            expected.sort();
            assert_eq!(house.rows(&table).await, expected);
            let (files, actions) = (active(&table).await, table.steps.iter().flat_map(|s| s.actions.clone()).collect::<Vec<_>>());
            let untouched = StagedTable::open(&house.lake, "main/t", 0).await.unwrap();
            assert_eq!(house.rows(&untouched).await, ["1|10", "2|20", "3|30"]);
            let (once, _) = net(actions.iter());
            assert_eq!(&net(once.iter()).0, &once);
            if table.squash().await.unwrap().is_some() {
                let table = house.publish(table).await;
                assert_eq!(table.base_version(), Some(1));
                assert_eq!(active(&table).await, files);
                assert_eq!(house.rows(&table).await, expected);
            }
        });
    }

    /// Squashing part of a sequence first makes no difference.
    #[test]
    fn squashing_is_associative(kinds in prop::collection::vec((0..2_u8, 0..4_u8), 0..24), at in 0..24_usize) {
        let mut present = [true, true, false, false];
        let mut actions: Vec<Value> = Vec::new();
        for (_, file) in kinds {
            let path = format!("f{file}");
            let state = &mut present[file as usize];
            let kind = if *state { "remove" } else { "add" };
            *state = !*state;
            let mut action = serde_json::Map::new();
            action.insert(kind.to_string(), serde_json::json!({ "path": path }));
            actions.push(Value::Object(action));
        }
        let (first, rest) = actions.split_at(at.min(actions.len()));
        let (first, _) = net(first.iter());
        let (parts, _) = net(first.iter().chain(rest));
        let (whole, _) = net(actions.iter());
        let sorted = |mut actions: Vec<Value>| {
            actions.sort_by_key(Value::to_string);
            actions
        };
        prop_assert_eq!(sorted(parts), sorted(whole));
    }
}

//! MERGE in all its forms.

use super::*;

const TARGET: &str = "select * from (values (1, 'a', 10), (2, 'b', 20), (3, 'c', 30), (null, 'n', 0)) v(id, name, n)";

struct When<'a>(MergeWhen, Option<&'a str>, Do<'a>);

#[derive(Clone, Copy)]
enum Do<'a> {
    Update(&'a [(&'a str, &'a str)]),
    Insert(&'a [(&'a str, &'a str)]),
    Delete,
}

const ALL: &[(&str, &str)] = &[("id", "s.id"), ("name", "s.name"), ("n", "s.n")];

async fn merged(
    house: &House,
    table: &mut StagedTable,
    source: &str,
    on: &str,
    clauses: &[When<'_>],
) -> Result<MergeCounts, DeltaError> {
    let source = house.plan(source).await;
    let values = |columns: &[(&str, &str)]| {
        columns.iter().map(|(name, value)| (name.to_string(), house.pair(table, &source, value))).collect()
    };
    let clauses = clauses
        .iter()
        .map(|When(when, condition, action)| MergeClause {
            when: *when,
            condition: condition.map(|sql| house.pair(table, &source, sql)),
            action: match action {
                Do::Update(columns) => MergeAction::Update(values(columns)),
                Do::Insert(columns) => MergeAction::Insert(values(columns)),
                Do::Delete => MergeAction::Delete,
            },
        })
        .collect();
    let on = house.pair(table, &source, on);
    let merge = Merge { source, source_alias: "s".into(), target_alias: "t".into(), on, clauses };
    table.merge(&house.state(), merge).await
}

fn counts(inserted: u64, updated: u64, deleted: u64) -> MergeCounts {
    MergeCounts { inserted, updated, deleted }
}

const UPSERT: &[When<'_>] = &[
    When(MergeWhen::Matched, None, Do::Update(&[("name", "s.name"), ("n", "s.n")])),
    When(MergeWhen::NotMatched, None, Do::Insert(ALL)),
];

#[test]
fn upsert() {
    run(|house| async move {
        let mut table = house.table("main/t", TARGET).await;
        let source = "select * from (values (2, 'B', 21), (4, 'd', 40)) v(id, name, n)";
        let done = merged(&house, &mut table, source, "t.id = s.id", UPSERT).await.unwrap();
        assert_eq!(done, counts(1, 1, 0));
        let expected = ["1|a|10", "2|B|21", "3|c|30", "4|d|40", "NULL|n|0"];
        assert_eq!(house.rows(&table).await, expected);
        let table = house.publish(table).await;
        assert_eq!(table.base_version(), Some(1));
        assert_eq!(house.rows(&table).await, expected);
    });
}

#[test]
fn keys_that_come_twice_count_only_where_both_rows_do_something() {
    run(|house| async move {
        let source = "select * from (values (2, 'x', 1), (2, 'y', 90), (7, 'x', 1), (7, 'y', 90)) v(id, name, n)";
        let large = Some("s.n > 50");
        let update = When(MergeWhen::Matched, large, Do::Update(&[("name", "s.name")]));
        let insert = When(MergeWhen::NotMatched, large, Do::Insert(ALL));
        let delete = When(MergeWhen::NotMatchedBySource, None, Do::Delete);
        let mut table = house.table("main/t", TARGET).await;
        let done = merged(&house, &mut table, source, "s.id = t.id", &[update, insert, delete]).await.unwrap();
        assert_eq!(done, counts(1, 1, 3));
        assert_eq!(house.rows(&table).await, ["2|y|20", "7|y|90"]);
        // Partners that change nothing, and a condition that is not about keys alone.
        let delete = When(MergeWhen::NotMatchedBySource, Some("t.n > 15"), Do::Delete);
        let mut table = house.table("main/u", TARGET).await;
        let done = merged(&house, &mut table, source, "s.id <= t.id", &[delete]).await.unwrap();
        assert_eq!(done, counts(0, 0, 0));
        assert_eq!(house.rows(&table).await, ["1|a|10", "2|b|20", "3|c|30", "NULL|n|0"]);
        let delete = When(MergeWhen::NotMatchedBySource, Some("t.n < 15"), Do::Delete);
        merged(&house, &mut table, source, "s.id <= t.id", &[delete]).await.unwrap();
        assert_eq!(house.rows(&table).await, ["2|b|20", "3|c|30"]);
    });
}

#[test]
fn duplicate_keys_are_refused_and_named() {
    run(|house| async move {
        let mut table = house.table("main/t", TARGET).await;
        for (source, key) in [
            ("select * from (values (2, 'x', 1), (2, 'y', 2)) v(id, name, n)", "`id` = 2"),
            ("select * from (values (7, 'x', 1), (7, 'y', 2)) v(id, name, n)", "`id` = 7"),
        ] {
            let error = merged(&house, &mut table, source, "s.id = t.id", UPSERT).await.unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("MERGE into main/t: 2 source rows have the key {key}; each key may come only once")
            );
        }
        let source = "select * from (values (1, 'x', 1), (1, 'y', 2), (1, 'y', 3)) v(id, name, n)";
        let error = merged(&house, &mut table, source, "s.id = t.id and s.name = t.name", UPSERT).await.unwrap_err();
        assert!(error.to_string().contains("`id` = 1, `name` = 'y'"), "{error}");
        assert!(!table.is_changed());
        assert_eq!(house.data_files("main/t"), 1);
    });
}

#[test]
fn null_keys_match_nothing_unless_asked_to() {
    run(|house| async move {
        let mut table = house.table("main/t", TARGET).await;
        let source = "select * from (values (cast(null as bigint), 'x', 1), (null, 'y', 2)) v(id, name, n)";
        let done = merged(&house, &mut table, source, "t.id = s.id", UPSERT).await.unwrap();
        assert_eq!(done, counts(2, 0, 0));

        let mut table = StagedTable::open(&house.lake, "main/t", 0).await.unwrap();
        let source = "select * from (values (cast(null as bigint), 'x', 1), (3, 'y', 2)) v(id, name, n)";
        let done = merged(&house, &mut table, source, "t.id is not distinct from s.id", UPSERT).await.unwrap();
        assert_eq!(done, counts(0, 2, 0));
        assert_eq!(house.rows(&table).await, ["1|a|10", "2|b|20", "3|y|2", "NULL|x|1"]);
        let source = "select * from (values (cast(null as bigint), 'x', 1), (null, 'y', 2)) v(id, name, n)";
        let error = merged(&house, &mut table, source, "t.id is not distinct from s.id", UPSERT).await.unwrap_err();
        assert!(error.to_string().contains("`id` = NULL"), "{error}");
    });
}

#[test]
fn the_first_clause_that_fits_counts() {
    run(|house| async move {
        let mut table = house.table("main/t", TARGET).await;
        let source =
            "select * from (values (1, 'x', -1), (2, 'y', 5), (3, 'z', 0), (4, 'd', 4), (5, 'e', -5)) v(id, name, n)";
        let clauses = [
            When(MergeWhen::Matched, Some("s.n < 0"), Do::Delete),
            When(MergeWhen::Matched, None, Do::Update(&[("n", "t.n + s.n")])),
            When(MergeWhen::NotMatched, Some("s.n > 0"), Do::Insert(&[("id", "s.id"), ("n", "s.n * 100")])),
            When(MergeWhen::NotMatchedBySource, Some("t.n = 0"), Do::Update(&[("name", "'alone'")])),
        ];
        let done = merged(&house, &mut table, source, "t.id = s.id", &clauses).await.unwrap();
        assert_eq!(done, counts(1, 3, 1));
        assert_eq!(house.rows(&table).await, ["2|b|25", "3|c|30", "4|NULL|400", "NULL|alone|0"]);
    });
}

#[test]
fn rows_that_the_source_lacks_can_go() {
    run(|house| async move {
        let mut table = house.table("main/t", TARGET).await;
        let clauses = [
            When(MergeWhen::Matched, None, Do::Update(&[("name", "s.name")])),
            When(MergeWhen::NotMatchedBySource, None, Do::Delete),
        ];
        let source = "select 1 as id, 'one' as name";
        let done = merged(&house, &mut table, source, "t.id = s.id", &clauses).await.unwrap();
        assert_eq!(done, counts(0, 1, 3));
        assert_eq!(house.rows(&table).await, ["1|one|10"]);
        let none = "select 1 as id, 'one' as name where false";
        let done = merged(&house, &mut table, none, "t.id = s.id", &clauses).await.unwrap();
        assert_eq!(done, counts(0, 0, 1));
        assert_eq!(house.rows(&table).await, Vec::<String>::new());
        let done = merged(&house, &mut table, "select 5 as id, 'x' as name", "t.id = s.id", &clauses).await.unwrap();
        assert_eq!(done, counts(0, 0, 0));
    });
}

#[test]
fn only_files_in_the_range_of_the_keys_are_touched() {
    run(|house| async move {
        let mut table = house.table("main/t", "select value as id, value * 2 as n from generate_series(1, 1000)").await;
        for from in [1001, 2001, 3001] {
            let to = from + 999;
            house
                .append(&mut table, &format!("select value as id, value * 2 as n from generate_series({from}, {to})"))
                .await;
        }
        let mut table = house.publish(table).await;
        let before = active(&table).await;
        let clauses = [
            When(MergeWhen::Matched, None, Do::Update(&[("n", "s.n")])),
            When(MergeWhen::NotMatched, None, Do::Insert(&[("id", "s.id"), ("n", "s.n")])),
        ];
        let source = "select value as id, 0 as n from generate_series(2500, 2510) union all select 9000, 1";
        let done = merged(&house, &mut table, source, "s.id = t.id", &clauses).await.unwrap();
        assert_eq!(done, counts(1, 11, 0));
        let after = active(&table).await;
        assert_eq!(before.iter().filter(|file| after.contains(file)).count(), 3);
        house.register("t", &table).await;
        let found = house.query("select count(*), count(distinct id), sum(n) from t").await;
        let sum: i64 = (1..=4000).map(|i| i * 2).sum::<i64>() - (2500..=2510).map(|i| i * 2).sum::<i64>() + 1;
        assert_eq!(found, [format!("4001|4001|{sum}")]);
    });
}

#[test]
fn conditions_that_are_no_keys() {
    run(|house| async move {
        let mut table = house.table("main/t", TARGET).await;
        // A range: one target row may have several partners, and is refused if it has.
        let update = [When(MergeWhen::Matched, None, Do::Update(&[("name", "s.name")]))];
        let source = "select * from (values (5, 15, 'low'), (16, 100, 'high')) v(lo, hi, name)";
        let done = merged(&house, &mut table, source, "t.n between s.lo and s.hi", &update).await.unwrap();
        assert_eq!(done, counts(0, 3, 0));
        let source = "select * from (values (5, 25, 'low'), (16, 100, 'high')) v(lo, hi, name)";
        let error = merged(&house, &mut table, source, "t.n between s.lo and s.hi", &update).await.unwrap_err();
        assert!(matches!(error, DeltaError::SeveralMatches { rows: 2, .. }), "{error}");
        // Never: a plain insert.
        let insert = [When(MergeWhen::NotMatched, None, Do::Insert(&[("name", "s.name")]))];
        let done = merged(&house, &mut table, source, "false", &insert).await.unwrap();
        assert_eq!(done, counts(2, 0, 0));
        // A key and a part about the target alone, as incremental predicates are.
        let source = "select * from (values (1, 'x', 1), (2, 'y', 2)) v(id, name, n)";
        let done = merged(&house, &mut table, source, "t.id = s.id and t.n > 10", UPSERT).await.unwrap();
        assert_eq!(done, counts(1, 1, 0));
        assert_eq!(
            house.rows(&table).await,
            ["1|low|10", "1|x|1", "2|y|2", "3|high|30", "NULL|high|NULL", "NULL|low|NULL", "NULL|n|0"]
        );
    });
}

#[test]
fn the_source_may_read_the_target() {
    run(|house| async move {
        let mut table = house.table("main/t", TARGET).await;
        house.register("me", &table).await;
        let source = "select id + 1 as id, name, n + 1 as n from me where id is not null";
        let done = merged(&house, &mut table, source, "t.id = s.id", UPSERT).await.unwrap();
        assert_eq!(done, counts(1, 2, 0));
        assert_eq!(house.rows(&table).await, ["1|a|10", "2|a|11", "3|b|21", "4|c|31", "NULL|n|0"]);
    });
}

#[test]
fn keys_of_other_types_and_composite_keys_and_odd_names() {
    run(|house| async move {
        let sql = r#"select * from (values ('k1', date '2024-01-01', 1), ('k2', date '2024-01-02', 2)) v("The Key", "Day", n)"#;
        let mut table = house.table("main/t", sql).await;
        let source = r#"select * from (values ('k1', timestamp '2024-01-01 00:00:00', 10), ('k2', timestamp '2024-01-03 00:00:00', 30)) v("The Key", "Day", n)"#;
        let clauses = [
            When(MergeWhen::Matched, None, Do::Update(&[("n", "s.n")])),
            When(
                MergeWhen::NotMatched,
                None,
                Do::Insert(&[("The Key", r#"s."The Key""#), ("Day", r#"cast(s."Day" as date)"#), ("n", "s.n")]),
            ),
        ];
        let on = r#"t."The Key" = s."The Key" and t."Day" = s."Day""#;
        let done = merged(&house, &mut table, source, on, &clauses).await.unwrap();
        assert_eq!(done, counts(1, 1, 0));
        assert_eq!(house.rows(&table).await, ["k1|2024-01-01|10", "k2|2024-01-02|2", "k2|2024-01-03|30"]);
    });
}

#[test]
fn values_that_do_not_fit_are_refused() {
    run(|house| async move {
        let mut table = house.table("main/t", TARGET).await;
        let source = "select 1 as id, 'x' as name, 1.5 as n";
        let error = merged(&house, &mut table, source, "t.id = s.id", UPSERT).await.unwrap_err();
        assert!(error.to_string().starts_with("column `n`: double does not go into bigint"), "{error}");
        assert!(!table.is_changed());
    });
}

#[test]
fn merging_into_partitions() {
    run(|house| async move {
        let options = TableOptions { partition_by: vec!["p".into()], ..TableOptions::default() };
        let sql = "select * from (values (1, 'a', 1), (2, 'a', 2), (3, 'b', 3), (4, 'c', 4)) v(id, p, n)";
        let mut table = house.table_with("main/t", sql, options).await;
        let before = active(&table).await;
        let source = "select * from (values (1, 'a', 10), (5, 'd', 50)) v(id, p, n)";
        let clauses = [
            When(MergeWhen::Matched, None, Do::Update(&[("n", "s.n")])),
            When(MergeWhen::NotMatched, None, Do::Insert(&[("id", "s.id"), ("p", "s.p"), ("n", "s.n")])),
        ];
        let done = merged(&house, &mut table, source, "t.id = s.id and t.p = s.p", &clauses).await.unwrap();
        assert_eq!(done, counts(1, 1, 0));
        let after = active(&table).await;
        assert_eq!(before.iter().filter(|file| after.contains(file)).count(), 2);
        assert_eq!(house.rows(&table).await, ["1|a|10", "2|a|2", "3|b|3", "4|c|4", "5|d|50"]);
    });
}

#[test]
fn a_source_larger_than_memory_waits_on_disk() {
    run(|mut house| async move {
        use datafusion::execution::memory_pool::FairSpillPool;
        use datafusion::execution::runtime_env::RuntimeEnvBuilder;
        let mut table =
            house.table("main/t", "select value as id, 'x' as name, value as n from generate_series(1, 50000)").await;
        let runtime =
            RuntimeEnvBuilder::new().with_memory_pool(Arc::new(FairSpillPool::new(24 << 20))).build_arc().unwrap();
        let config = house
            .state()
            .config()
            .clone()
            .set_bool("datafusion.optimizer.prefer_hash_join", false)
            .with_target_partitions(1)
            .set_usize("datafusion.execution.sort_spill_reservation_bytes", 1 << 20);
        let state = SessionStateBuilder::new().with_config(config).with_default_features().with_runtime_env(runtime);
        house.session = SessionContext::new_with_state(state.build());
        let source = "select value * 2 as id, repeat('y', 100) as name, -1 as n from generate_series(1, 60000)";
        let done = merged(&house, &mut table, source, "t.id = s.id", UPSERT).await.unwrap();
        assert_eq!(done, counts(35000, 25000, 0));
        house.register("t", &table).await;
        let found = house.query("select count(*), count(distinct id), sum(n), sum(length(name)) from t").await;
        assert_eq!(found, [format!("85000|85000|{}|{}", 625_000_000 - 60_000, 25_000 + 60_000 * 100)]);
    });
}

#[test]
fn constraints_hold_for_merged_rows() {
    run(|house| async move {
        let options = TableOptions { checks: vec![("small".into(), "n < 100".into())], ..TableOptions::default() };
        let mut table = house.table_with("main/t", TARGET, options).await;
        let source = "select 9 as id, 'x' as name, 100 as n";
        let error = merged(&house, &mut table, source, "t.id = s.id", UPSERT).await.unwrap_err();
        assert!(matches!(error, DeltaError::Check { .. }), "{error}");
        assert!(!table.is_changed());
    });
}

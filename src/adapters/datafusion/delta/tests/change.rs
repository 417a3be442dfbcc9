//! DELETE, UPDATE, replacing ranges, constraints.

use super::*;

const FIVE: &str = "select * from (values (1, 'a'), (2, 'b'), (3, 'c'), (4, null), (null, 'e')) v(id, name)";

#[test]
fn delete_takes_rows_for_which_the_predicate_is_true() {
    run(|house| async move {
        let mut table = house.table("main/t", FIVE).await;
        let predicate = house.expr(&table, "id > 2 or name = 'a'");
        assert_eq!(table.delete(&house.state(), Some(predicate)).await.unwrap(), 3);
        assert_eq!(house.rows(&table).await, ["2|b", "NULL|e"]);
        assert_eq!(table.delete(&house.state(), None).await.unwrap(), 2);
        assert_eq!(house.rows(&table).await, Vec::<String>::new());
        let table = house.publish(table).await;
        assert_eq!(table.stats().await.unwrap().files, 0);
    });
}

#[test]
fn whole_files_go_without_being_read_again() {
    run(|house| async move {
        let mut table = house.table("main/t", "select 1 as id, 'x' as v").await;
        house.append(&mut table, "select * from (values (2, 'y'), (3, 'z')) v(id, v)").await;
        let mut table = house.publish(table).await;
        let files = house.data_files("main/t");
        let predicate = house.expr(&table, "id >= 2");
        assert_eq!(table.delete(&house.state(), Some(predicate)).await.unwrap(), 2);
        assert_eq!(house.data_files("main/t"), files);
        assert_eq!(house.rows(&table).await, ["1|x"]);
    });
}

#[test]
fn partitions_go_by_what_the_log_says() {
    run(|house| async move {
        let keys = [
            ("date '2024-02-29'", "date '1969-12-31'", "p > date '2000-01-01'"),
            ("cast(-7 as bigint)", "cast(12 as bigint)", "p < 0"),
            ("'a b/c=ü%20'", "'plain'", "p like 'a b/c=%'"),
            ("timestamp '2024-01-01 00:00:00.000001'", "timestamp '2024-01-01 00:00:00'", "p > '2024-01-01 00:00:00'"),
            ("cast(1.50 as decimal(9, 2))", "cast(-0.25 as decimal(9, 2))", "abs(p - 1.5) < 0.001"),
            ("true", "false", "p"),
            ("cast(0.1 as double)", "cast(-12345.678 as double)", "p = cast('0.1' as double)"),
        ];
        for (at, (one, other, predicate)) in keys.into_iter().enumerate() {
            let place = format!("main/t{at}");
            let options = TableOptions { partition_by: vec!["p".into()], ..TableOptions::default() };
            let sql = format!(
                "select 1 as id, {one} as p union all select 2, {other} union all select 3, null union all select 4, {one}"
            );
            let mut table = house.table_with(&place, &sql, options).await;
            house.register("t", &table).await;
            assert_eq!(house.query(&format!("select id from t where {predicate} order by id")).await, ["1", "4"]);
            let left = house.query("select * from t where id in (2, 3) order by id").await;
            // Rows of what the files hold are not asked for: without them it works as well.
            let hidden = house.folder.path().join("hidden");
            let folder = house.folder.path().join(&place);
            for entry in std::fs::read_dir(&folder).unwrap().flatten() {
                if entry.file_name() != "_delta_log" {
                    std::fs::create_dir_all(&hidden).unwrap();
                    std::fs::rename(entry.path(), hidden.join(entry.file_name())).unwrap();
                }
            }
            let none = house.expr(&table, "p is null and p is not null");
            assert_eq!(table.delete(&house.state(), Some(none)).await.unwrap(), 0);
            let chosen = house.expr(&table, predicate);
            assert_eq!(table.delete(&house.state(), Some(chosen)).await.unwrap(), 2, "{predicate}");
            for entry in std::fs::read_dir(&hidden).unwrap().flatten() {
                std::fs::rename(entry.path(), folder.join(entry.file_name())).unwrap();
            }
            assert_eq!(house.rows(&table).await, left, "{predicate}");
            let null = house.expr(&table, "p is null");
            assert_eq!(table.delete(&house.state(), Some(null)).await.unwrap(), 1, "{predicate}");
            // The rows of a file decide when other columns do.
            let both = house.expr(&table, &format!("({predicate}) is not true and id > 1"));
            assert_eq!(table.delete(&house.state(), Some(both)).await.unwrap(), 1, "{predicate}");
            assert_eq!(house.rows(&table).await, Vec::<String>::new());
        }
    });
}

#[test]
fn predicates_may_hold_subqueries() {
    run(|house| async move {
        let mut table = house.table("main/t", FIVE).await;
        house.session.sql("create table gone as select 2 as id union all select 4").await.unwrap();
        house.register("t", &table).await;
        for (sql, rest) in [
            ("select * from t where id in (select id from gone)", vec!["1|a", "3|c", "NULL|e"]),
            ("select * from t where exists (select 1 from gone g where g.id = t.id + 1)", vec!["NULL|e"]),
        ] {
            let plan = house.state().create_logical_plan(sql).await.unwrap();
            let predicate = filter_of(&plan);
            table.delete(&house.state(), Some(predicate)).await.unwrap();
            assert_eq!(house.rows(&table).await, rest);
        }
    });
}

fn filter_of(plan: &LogicalPlan) -> Expr {
    match plan {
        LogicalPlan::Filter(filter) => filter.predicate.clone(),
        other => filter_of(other.inputs()[0]),
    }
}

#[test]
fn update_changes_only_the_rows_and_files_it_must() {
    run(|house| async move {
        let mut table = house.table("main/t", FIVE).await;
        house.append(&mut table, "select 6 as id, 'f' as name").await;
        let mut table = house.publish(table).await;
        let before = active(&table).await;
        let value = house.expr(&table, "upper(name) || id");
        let predicate = house.expr(&table, "id < 4");
        let set = vec![("name".to_string(), value)];
        assert_eq!(table.update(&house.state(), set, Some(predicate)).await.unwrap(), 3);
        assert_eq!(house.rows(&table).await, ["1|A1", "2|B2", "3|C3", "4|NULL", "6|f", "NULL|e"]);
        let after = active(&table).await;
        assert_eq!(before.iter().filter(|file| after.contains(file)).count(), 1);

        let set = vec![("id".to_string(), house.expr(&table, "coalesce(id, 0) + 1"))];
        assert_eq!(table.update(&house.state(), set, None).await.unwrap(), 6);
        assert_eq!(house.rows(&table).await, ["1|e", "2|A1", "3|B2", "4|C3", "5|NULL", "7|f"]);

        let set = vec![("id".to_string(), house.expr(&table, "id / 2.0"))];
        let error = table.update(&house.state(), set, None).await.unwrap_err();
        assert!(error.to_string().starts_with("column `id`: double does not go into bigint"), "{error}");
        let set = vec![("no".to_string(), house.expr(&table, "1"))];
        assert!(matches!(table.update(&house.state(), set, None).await, Err(DeltaError::Columns(_))));
    });
}

#[test]
fn update_with_a_subquery_as_predicate() {
    run(|house| async move {
        let mut table = house.table("main/t", FIVE).await;
        house.session.sql("create table chosen as select 2 as id union all select null").await.unwrap();
        house.register("t", &table).await;
        let plan = house.plan("select * from t where id in (select id from chosen)").await;
        let set = vec![("name".to_string(), house.expr(&table, "'new'"))];
        assert_eq!(table.update(&house.state(), set, Some(filter_of(&plan))).await.unwrap(), 1);
        assert_eq!(house.rows(&table).await, ["1|a", "2|new", "3|c", "4|NULL", "NULL|e"]);
    });
}

#[test]
fn a_range_is_replaced_and_an_empty_batch_clears_it() {
    run(|house| async move {
        let options = TableOptions { partition_by: vec!["p".into()], ..TableOptions::default() };
        let sql = "select * from (values (1, 'a'), (2, 'a'), (3, 'b'), (4, 'c')) v(id, p)";
        let mut table = house.table_with("main/t", sql, options).await;
        let predicate = house.expr(&table, "p in ('a', 'b')");
        let input = house.plan("select 9 as id, 'a' as p").await;
        assert_eq!(table.replace_where(&house.state(), predicate.clone(), input).await.unwrap(), 1);
        assert_eq!(house.rows(&table).await, ["4|c", "9|a"]);
        let input = house.plan("select 9 as id, 'c' as p").await;
        assert!(table.replace_where(&house.state(), predicate.clone(), input).await.is_err());
        let input = house.plan("select 1 as id, 'a' as p where false").await;
        assert_eq!(table.replace_where(&house.state(), predicate, input).await.unwrap(), 0);
        assert_eq!(house.rows(&table).await, ["4|c"]);
    });
}

#[test]
fn delete_and_insert_become_one_version_without_a_middle() {
    run(|house| async move {
        let mut table = house.table("main/t", FIVE).await;
        let predicate = house.expr(&table, "id in (1, 2)");
        table.delete(&house.state(), Some(predicate)).await.unwrap();
        house.append(&mut table, "select 1 as id, 'A' as name union all select 2, 'B'").await;
        let staged = house.rows(&table).await;
        let table = house.publish(table).await;
        assert_eq!(table.base_version(), Some(1));
        assert_eq!(house.rows(&table).await, staged);
        assert_eq!(staged, ["1|A", "2|B", "3|c", "4|NULL", "NULL|e"]);
        let told = history(&house.lake, "main/t", Some(1)).await.unwrap();
        assert_eq!(told[0].operation, "TRANSACTION");
        assert_eq!(told[0].info["operationMetrics"]["numDeletedRows"], "2");
    });
}

#[test]
fn constraints_refuse_rows_and_nothing_is_staged() {
    run(|house| async move {
        let options = TableOptions {
            not_null: vec!["id".into()],
            checks: vec![("positive".into(), "amount > 0".into())],
            ..TableOptions::default()
        };
        let mut table = house.table_with("main/t", "select 1 as id, 5 as amount", options).await;
        let before = active(&table).await;
        let error = refused(&house, &mut table, "select cast(null as int) as id, 5 as amount").await;
        assert_eq!(error, "NOT NULL constraint of column `id` of main/t is violated by 1 row(s)");
        let error = refused(&house, &mut table, "select 2 as id, -5 as amount union all select 3, 0").await;
        assert!(error.starts_with("CHECK constraint `positive` of main/t is violated by"), "{error}");
        let set = vec![("amount".to_string(), house.expr(&table, "0"))];
        assert!(matches!(table.update(&house.state(), set, None).await, Err(DeltaError::Check { .. })));
        assert!(!table.is_changed());
        assert_eq!(active(&table).await, before);
        // NULL is neither true nor false, and passes as in SQL.
        house.append(&mut table, "select 2 as id, cast(null as int) as amount").await;
        let table = house.publish(table).await;
        assert_eq!(house.rows(&table).await, ["1|5", "2|NULL"]);
        assert!(!table.schema().unwrap().field(0).is_nullable());
        assert_eq!(table.meta().unwrap().checks(), [("positive".to_string(), "amount > 0".to_string())]);
    });
}

async fn refused(house: &House, table: &mut StagedTable, sql: &str) -> String {
    let plan = house.plan(sql).await;
    table.append(&house.state(), plan).await.unwrap_err().to_string()
}

#[test]
fn rewriting_by_a_query_over_itself() {
    run(|house| async move {
        let mut table = house.table("main/t", FIVE).await;
        house.register("t", &table).await;
        let plan = house.plan("select * from t where id is not null order by id desc limit 2").await;
        assert_eq!(table.rewrite_rows(&house.state(), plan).await.unwrap(), 2);
        assert_eq!(house.rows(&table).await, ["3|c", "4|NULL"]);
    });
}

//! What the library or the format would do silently, and must not.

use super::*;

async fn refusal(house: &House, table: &mut StagedTable, sql: &str) -> String {
    let plan = house.plan(sql).await;
    let before = table.steps.len();
    let error = table.append(&house.state(), plan).await.unwrap_err().to_string();
    assert_eq!(table.steps.len(), before);
    error
}

#[test]
fn columns_of_literals_may_be_null_later() {
    run(|house| async move {
        let mut table = house.table("main/t", "select 1 as id, 'x' as b").await;
        assert!(table.schema().unwrap().fields().iter().all(|f| f.is_nullable()));
        house.append(&mut table, "select cast(null as bigint) as id, null as b").await;
        assert_eq!(house.rows(&table).await, ["1|x", "NULL|NULL"]);
    });
}

#[test]
fn of_two_creators_of_one_table_one_is_refused() {
    run(|house| async move {
        let mut one = StagedTable::new_at(&house.lake, "main/t").await.unwrap();
        let mut two = StagedTable::new_at(&house.lake, "main/t").await.unwrap();
        for table in [&mut one, &mut two] {
            let plan = house.plan("select 1 as id union all select 2 union all select 3").await;
            table.overwrite(&house.state(), plan, &TableOptions::default()).await.unwrap();
        }
        let (one, two) = (one.squash().await.unwrap().unwrap(), two.squash().await.unwrap().unwrap());
        assert!(!two.blind_append);
        assert_eq!(publish(&house.lake, &one).await.unwrap(), Published::Written);
        assert_eq!(publish(&house.lake, &two).await.unwrap(), Published::Conflict);
        let latest = StagedTable::latest_version(&house.lake, "main/t").await.unwrap();
        assert_eq!(latest, Some(0));
        assert_eq!(house.rows(&StagedTable::open(&house.lake, "main/t", 0).await.unwrap()).await, ["1", "2", "3"]);
    });
}

#[test]
fn conversions_that_lose_something_are_refused() {
    run(|house| async move {
        let mut table = house
            .table(
                "main/t",
                "select cast(1 as int) as i, cast(1 as float) as f, date '2024-01-01' as d, cast(1 as decimal(10,2)) as n",
            )
            .await;
        let lossy = [
            ("select timestamp '2024-01-01 10:00:00' as d", "column `d`: timestamp does not go into date without loss"),
            ("select cast(0.1 as double) as f", "column `f`: double does not go into float without loss"),
            ("select cast(1 as decimal(18,4)) as n", "column `n`: decimal(18,4) does not go into decimal(10,2)"),
            ("select 1.5 as i", "column `i`: double does not go into int"),
            ("select cast(2.5 as decimal(3,1)) as i", "column `i`: decimal(3,1) does not go into int"),
        ];
        for (sql, message) in lossy {
            let error = refusal(&house, &mut table, sql).await;
            assert!(error.starts_with(message), "{error}");
        }
        // What does not fit is an error, not another value.
        for sql in
            ["select 3000000000 as i", "select 'abc' as i", "select '2024-13-01' as d", "select 12345678901 as n"]
        {
            refusal(&house, &mut table, sql).await;
        }
        house.append(&mut table, "select 7 as i, '2024-02-03' as d, 5 as n").await;
        assert_eq!(house.rows(&table).await, ["1|1.0|2024-01-01|1.00", "7|NULL|2024-02-03|5.00"]);
        assert_eq!(house.data_files("main/t"), 2);
    });
}

#[test]
fn values_widen_on_their_way_into_wider_columns() {
    run(|house| async move {
        let mut table = house
            .table(
                "main/t",
                "select cast(1 as bigint) as i, cast(1 as double) as f, timestamp '2024-01-01 00:00:00' as ts, cast(1 as decimal(20,4)) as n",
            )
            .await;
        house
            .append(
                &mut table,
                "select cast(2 as smallint) as i, cast(2.5 as float) as f, date '2024-05-06' as ts, cast(3.25 as decimal(5,2)) as n",
            )
            .await;
        assert_eq!(house.rows(&table).await, ["1|1.0|2024-01-01T00:00:00|1.0000", "2|2.5|2024-05-06T00:00:00|3.2500"]);
    });
}

#[test]
fn types_that_delta_lacks_are_stored_as_their_neighbours_or_refused() {
    run(|house| async move {
        let sql = "select arrow_cast(1, 'UInt8') as a, arrow_cast(200, 'UInt8') as b, arrow_cast(4000000000, 'UInt32') as c, \
                   arrow_cast(5, 'UInt64') as d, arrow_cast(1.5, 'Float16') as e, null as f, \
                   arrow_cast('x', 'Dictionary(Int32, Utf8)') as g, arrow_cast('y', 'LargeUtf8') as h, \
                   to_timestamp('2024-01-01T00:00:00.123456789') as i, [1, 2] as j, {'k': 1} as k";
        let table = house.table("main/t", sql).await;
        let stored: Vec<String> = table.schema().unwrap().fields().iter().map(|f| types::name(f.data_type())).collect();
        assert_eq!(
            stored,
            [
                "smallint",
                "smallint",
                "bigint",
                "bigint",
                "float",
                "integer",
                "varchar",
                "varchar",
                "timestamp",
                "bigint[]",
                "struct(k bigint)"
            ]
        );
        let rows = house.rows(&table).await;
        assert_eq!(rows, ["1|200|4000000000|5|1.5|NULL|x|y|2024-01-01T00:00:00.123456|[1, 2]|{k: 1}"]);

        for (sql, message) in [
            ("select interval '1 day' as x", "column `x`: Delta Lake has no type for interval; cast it to varchar"),
            ("select cast('10:00:00' as time) as x", "column `x`: Delta Lake has no type for time; cast it to varchar"),
            (
                "select arrow_cast(1, 'Decimal256(60, 2)') as x",
                "column `x`: Delta Lake has no type for decimal(60,2); cast it to a decimal of at most 38 digits",
            ),
        ] {
            let mut other = StagedTable::new_at(&house.lake, "main/u").await.unwrap();
            let plan = house.plan(sql).await;
            let error = other.overwrite(&house.state(), plan, &TableOptions::default()).await.unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
        // A large unsigned number is an error, not a negative one.
        let mut other = StagedTable::new_at(&house.lake, "main/u").await.unwrap();
        let plan = house.plan("select arrow_cast(18446744073709551615, 'UInt64') as x").await;
        assert!(other.overwrite(&house.state(), plan, &TableOptions::default()).await.is_err());
    });
}

#[test]
fn predicates_on_timestamps_have_microseconds() {
    run(|house| async move {
        let sql = "select * from (values (1, timestamp '2024-01-01 10:00:00.000001'), \
                   (2, timestamp '2024-01-01 10:00:00.000002'), (3, timestamp '2024-01-02 00:00:00')) v(id, ts)";
        let mut table = house.table("main/t", sql).await;
        for (predicate, deleted) in [
            ("ts >= timestamp '2024-01-02 00:00:00'", 1),
            ("ts > cast('2024-01-01 10:00:00.000001' as timestamp)", 1),
            ("ts <= to_timestamp('2024-01-01T10:00:00.000001')", 1),
        ] {
            let predicate = house.expr(&table, predicate);
            assert_eq!(table.delete(&house.state(), Some(predicate)).await.unwrap(), deleted);
        }
        assert_eq!(table.stats().await.unwrap().files, 0);
        let predicate = house.expr(&table, "ts >= timestamp '2024-01-01' and ts < timestamp '2024-01-02'");
        let input = house.plan("select 4 as id, timestamp '2024-01-01 23:59:59.999999' as ts").await;
        assert_eq!(table.replace_where(&house.state(), predicate.clone(), input).await.unwrap(), 1);
        let outside = house.plan("select 5 as id, timestamp '2024-01-02 00:00:00' as ts").await;
        let error = table.replace_where(&house.state(), predicate, outside).await.unwrap_err();
        assert!(matches!(error, DeltaError::OutsideRange { rows: 1, .. }), "{error}");
        assert_eq!(house.rows(&table).await, ["4|2024-01-01T23:59:59.999999"]);
    });
}

#[test]
fn instants_keep_their_zone() {
    run(|house| async move {
        let sql = "select arrow_cast('2024-07-01T12:00:00+02:00', 'Timestamp(Nanosecond, Some(\"+02:00\"))') as at, \
                   timestamp '2024-07-01 12:00:00' as wall";
        let table = house.table("main/t", sql).await;
        let schema = table.schema().unwrap();
        assert_eq!(types::name(schema.field(0).data_type()), "timestamp with time zone");
        assert_eq!(house.rows(&table).await, ["2024-07-01T10:00:00Z|2024-07-01T12:00:00"]);
    });
}

#[test]
fn a_provider_is_pinned_and_a_new_one_sees_the_change() {
    run(|house| async move {
        let mut table = house.table("main/t", "select 1 as id").await;
        house.register("old", &table).await;
        house.append(&mut table, "select 2 as id").await;
        house.register("new", &table).await;
        assert_eq!(house.query("select count(*) from old").await, ["1"]);
        assert_eq!(house.query("select count(*) from new").await, ["2"]);
    });
}

#[test]
fn tables_of_other_writers_are_written_only_if_nothing_of_theirs_breaks() {
    run(|house| async move {
        let log = house.folder.path().join("main/t/_delta_log");
        for (feature, property, writable) in [
            ("changeDataFeed", "delta.other", true),
            ("changeDataFeed", "delta.enableChangeDataFeed", false),
            ("futureFeature", "delta.other", false),
        ] {
            let table = house.table("main/t", "select 1 as id, timestamp '2024-01-01' as at").await;
            drop(table);
            let path = log.join("00000000000000000000.json");
            let text = std::fs::read_to_string(&path).unwrap();
            let text = text.replace("\"appendOnly\"", &format!("\"appendOnly\",\"{feature}\""));
            let text = text.replace("\"configuration\":{}", &format!("\"configuration\":{{\"{property}\":\"true\"}}"));
            std::fs::write(&path, text).unwrap();
            let mut table = StagedTable::open(&house.lake, "main/t", 0).await.unwrap();
            let plan = house.plan("select 2 as id").await;
            let done = table.append(&house.state(), plan).await;
            match done {
                Ok(rows) => assert!(writable && rows == 1, "{feature}"),
                Err(error) => {
                    let text = format!("main/t uses {feature}, so another program must write to it");
                    assert!(!writable && error.to_string() == text, "{error}");
                }
            }
            std::fs::remove_dir_all(house.folder.path().join("main")).unwrap();
        }
    });
}

#[test]
fn conditions_of_columns_that_another_writer_made_are_not_broken() {
    run(|house| async move {
        let table = house.table("main/t", "select 1 as id").await;
        drop(table);
        let path = house.folder.path().join("main/t/_delta_log/00000000000000000000.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let invariant = r#"\"metadata\":{\"delta.invariants\":\"id < 2\"}"#;
        std::fs::write(&path, text.replacen(r#"\"metadata\":{}"#, invariant, 1)).unwrap();
        let mut table = StagedTable::open(&house.lake, "main/t", 0).await.unwrap();
        let plan = house.plan("select 2 as id").await;
        let error = table.append(&house.state(), plan).await.unwrap_err();
        assert_eq!(error.to_string(), "main/t uses invariants, so another program must write to it");
    });
}

#[test]
fn leftovers_of_a_crash_do_no_harm() {
    run(|house| async move {
        let table = house.table("main/t", "select 1 as id").await;
        drop(table);
        // A run that died before its commit: files are there, no log entry.
        let mut dead = StagedTable::open(&house.lake, "main/t", 0).await.unwrap();
        house.append(&mut dead, "select 2 as id").await;
        drop(dead);
        assert_eq!(house.data_files("main/t"), 2);
        let mut table = StagedTable::open(&house.lake, "main/t", 0).await.unwrap();
        assert_eq!(house.rows(&table).await, ["1"]);
        house.append(&mut table, "select 3 as id").await;
        let table = house.publish(table).await;
        assert_eq!(house.rows(&table).await, ["1", "3"]);
    });
}

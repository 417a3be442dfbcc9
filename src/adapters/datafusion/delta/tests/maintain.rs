//! Compaction, checkpoints, history, restore, vacuum.

use std::time::Duration;

use super::*;

#[test]
fn many_small_appends_compact_themselves() {
    run(|house| async move {
        let mut table = house.table("main/t", "select 0 as id").await;
        for id in 1..=40 {
            house.append(&mut table, &format!("select {id} as id")).await;
            table = house.publish(table).await;
        }
        assert_eq!(table.base_version(), Some(40));
        let stats = table.stats().await.unwrap();
        assert!(stats.files < 12, "{stats:?}");
        assert_eq!(stats.rows, Some(41));
        house.register("t", &table).await;
        assert_eq!(house.query("select count(*), sum(id), count(distinct id) from t").await, ["41|820|41"]);
    });
}

#[test]
fn a_checkpoint_stands_for_the_log_before_it() {
    run(|house| async move {
        let mut table = house.table("main/t", "select 0 as id").await;
        for id in 1..=6 {
            house.append(&mut table, &format!("select {id} as id")).await;
            table = house.publish(table).await;
        }
        checkpoint(&house.lake, "main/t", 4).await.unwrap();
        let log = house.folder.path().join("main/t/_delta_log");
        assert!(log.join("_last_checkpoint").exists());
        // Pinned before the checkpoint, at it, and after it.
        for version in [2, 4, 6] {
            let table = StagedTable::open(&house.lake, "main/t", version).await.unwrap();
            assert_eq!(house.rows(&table).await.len() as u64, version + 1);
        }
        for version in 0..4 {
            std::fs::remove_file(log.join(format!("{version:020}.json"))).unwrap();
        }
        let mut table = StagedTable::open(&house.lake, "main/t", 6).await.unwrap();
        house.append(&mut table, "select 7 as id").await;
        let table = house.publish(table).await;
        assert_eq!(table.stats().await.unwrap().rows, Some(8));
        let told = history(&house.lake, "main/t", None).await.unwrap();
        assert_eq!(
            told.iter().map(|c| (c.version, c.rows)).collect::<Vec<_>>(),
            [(7, None), (6, None), (5, None), (4, None)]
        );
    });
}

#[test]
fn a_compacting_append_is_one_change_and_no_blind_one() {
    run(|house| async move {
        let mut table = house.table("main/t", "select 0 as id").await;
        for id in 1..=31 {
            house.append(&mut table, &format!("select {id} as id")).await;
        }
        let mut table = house.publish(table).await;
        assert_eq!(table.compaction().await.unwrap().removed_files, 32);
        house.append(&mut table, "select 32 as id").await;
        let commit = table.squash().await.unwrap().unwrap();
        assert!(!commit.blind_append);
        assert_eq!(commit.orphans.len(), 1);
        let actions: Vec<serde_json::Value> =
            commit.json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let adds: Vec<_> = actions.iter().filter_map(|a| a.get("add")).collect();
        assert_eq!(adds.len(), 1);
        assert_eq!(adds[0]["dataChange"], true);
        let before = house.data_files("main/t");
        let table = house.publish(table).await;
        assert_eq!(house.data_files("main/t"), before - 1);
        assert_eq!(table.stats().await.unwrap().rows, Some(33));
    });
}

#[test]
fn compaction_stays_within_partitions() {
    run(|house| async move {
        let options = TableOptions { partition_by: vec!["p".into()], ..TableOptions::default() };
        let mut table = house.table_with("main/t", "select 0 as id, 'a' as p union all select 1, 'b'", options).await;
        house.append(&mut table, "select 2 as id, 'a' as p").await;
        let mut table = house.publish(table).await;
        let rows = house.rows(&table).await;
        let plan = table.compaction().await.unwrap();
        assert_eq!((plan.removed_files, plan.added_files), (2, 0));
        let done = table.compact(&house.state()).await.unwrap();
        assert_eq!((done.removed_files, done.added_files, done.bytes), (2, 1, plan.bytes));
        let table = house.publish(table).await;
        assert_eq!(house.rows(&table).await, rows);
        assert_eq!(table.stats().await.unwrap().files, 2);
        assert_eq!(history(&house.lake, "main/t", Some(1)).await.unwrap()[0].operation, "OPTIMIZE");
    });
}

#[test]
fn history_and_versions_in_time() {
    run(|house| async move {
        let mut table = house.table("main/t", "select 1 as id").await;
        table.signed([("invocationId".to_string(), serde_json::json!("abc"))]);
        house.append(&mut table, "select 2 as id").await;
        house.publish(table).await;
        let told = history(&house.lake, "main/t", None).await.unwrap();
        let operations: Vec<_> = told.iter().map(|c| (c.version, c.operation.as_str(), c.rows)).collect();
        assert_eq!(operations, [(1, "WRITE", Some(2)), (0, "CREATE TABLE AS SELECT", Some(1))]);
        assert_eq!(told[0].info["invocationId"], "abc");
        assert_eq!(version_at(&house.lake, "main/t", told[0].timestamp).await.unwrap(), Some(1));
        assert_eq!(version_at(&house.lake, "main/t", told[1].timestamp - 1).await.unwrap(), None);
    });
}

#[test]
fn restoring_brings_rows_and_columns_back() {
    run(|house| async move {
        let mut table = house.table("main/t", "select 1 as id, 'x' as b").await;
        house.append(&mut table, "select 2 as id, 'y' as b").await;
        let mut table = house.publish(table).await;
        let plan = house.plan("select 9 as other").await;
        table.overwrite(&house.state(), plan, &TableOptions::default()).await.unwrap();
        let mut table = house.publish(table).await;
        table.restore(1).await.unwrap();
        let mut table = house.publish(table).await;
        assert_eq!(table.base_version(), Some(3));
        assert_eq!(house.rows(&table).await, ["1|x", "2|y"]);
        table.restore(0).await.unwrap();
        assert_eq!(house.rows(&table).await, ["1|x"]);
    });
}

#[test]
fn vacuum_takes_what_no_kept_version_needs() {
    run(|house| async move {
        let mut table = house.table("main/t", "select 1 as id").await;
        table.delete(&house.state(), None).await.unwrap();
        house.append(&mut table, "select 2 as id").await;
        let mut table = house.publish(table).await;
        let mut dead = StagedTable::open(&house.lake, "main/t", 1).await.unwrap();
        house.append(&mut dead, "select 3 as id").await;
        house.append(&mut table, "select 4 as id").await;
        let table = house.publish(table).await;
        assert_eq!(house.data_files("main/t"), 4);
        tokio::time::sleep(Duration::from_millis(20)).await;

        // Young files are not touched: a transaction may be writing them.
        let kept = table.unneeded(Duration::from_secs(3600), &[]).await.unwrap();
        assert!(kept.files.is_empty());
        // A pinned version keeps its files; the dead transaction's file goes.
        let plan = table.unneeded(Duration::ZERO, &[0]).await.unwrap();
        assert_eq!(plan.files.len(), 1);
        assert_eq!(house.data_files("main/t"), 4);
        let done = table.vacuum(Duration::ZERO, &[]).await.unwrap();
        assert_eq!(done.files.len(), 2);
        assert_eq!(house.data_files("main/t"), 2);
        assert_eq!(house.rows(&table).await, ["2", "4"]);
        let mut table = table;
        let error = table.restore(0).await.unwrap_err();
        assert!(error.to_string().contains("cannot be read any more"), "{error}");
    });
}

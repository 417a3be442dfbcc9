//! Creating, appending, replacing, publishing.

use super::*;

#[test]
fn what_is_staged_is_seen_by_its_transaction_alone() {
    run(|house| async move {
        let mut table = StagedTable::new_at(&house.lake, "main/orders").await.unwrap();
        assert!(table.provider().await.is_err());
        let plan = house.plan("select 1 as id, 'a' as name union all select 2, null").await;
        assert_eq!(table.overwrite(&house.state(), plan, &TableOptions::default()).await.unwrap(), 2);
        assert_eq!(house.append(&mut table, "select 3 as id, 'c' as name").await, 1);
        assert_eq!(house.rows(&table).await, ["1|a", "2|NULL", "3|c"]);
        assert_eq!(StagedTable::latest_version(&house.lake, "main/orders").await.unwrap(), None);

        let table = house.publish(table).await;
        assert_eq!(table.base_version(), Some(0));
        assert_eq!(house.rows(&table).await, ["1|a", "2|NULL", "3|c"]);
        let stats = table.stats().await.unwrap();
        assert_eq!((stats.files, stats.rows, stats.small_files), (2, Some(3), 2));
    });
}

#[test]
fn a_pinned_version_does_not_see_later_ones() {
    run(|house| async move {
        let mut table = house.table("main/t", "select 1 as id").await;
        let before = StagedTable::open(&house.lake, "main/t", 0).await.unwrap();
        house.append(&mut table, "select 2 as id").await;
        house.publish(table).await;
        let mut pinned = StagedTable::open(&house.lake, "main/t", 0).await.unwrap();
        assert_eq!(house.rows(&before).await, ["1"]);
        assert_eq!(house.rows(&pinned).await, ["1"]);
        house.append(&mut pinned, "select 9 as id").await;
        assert_eq!(house.rows(&pinned).await, ["1", "9"]);
        assert!(StagedTable::open(&house.lake, "main/t", 7).await.is_err());
        assert!(matches!(
            StagedTable::open(&house.lake, "main/none", 0).await,
            Err(DeltaError::Missing { version: Some(0), .. })
        ));
    });
}

#[test]
fn of_two_publishers_one_wins_and_the_other_can_only_append_on_top() {
    run(|house| async move {
        house.table("main/t", "select 1 as id").await;
        let mut one = StagedTable::open(&house.lake, "main/t", 0).await.unwrap();
        let mut two = StagedTable::open(&house.lake, "main/t", 0).await.unwrap();
        let mut three = StagedTable::open(&house.lake, "main/t", 0).await.unwrap();
        house.append(&mut one, "select 2 as id").await;
        house.append(&mut two, "select 3 as id").await;
        three.delete(&house.state(), None).await.unwrap();
        let one = one.squash().await.unwrap().unwrap();
        let two = two.squash().await.unwrap().unwrap();
        let three = three.squash().await.unwrap().unwrap();
        assert!(one.blind_append && two.blind_append && !three.blind_append);
        let (a, b) = tokio::join!(publish(&house.lake, &one), publish(&house.lake, &two));
        let (won, lost) = match (a.unwrap(), b.unwrap()) {
            (Published::Written, Published::Conflict) => (&one, &two),
            (Published::Conflict, Published::Written) => (&two, &one),
            other => panic!("exactly one wins: {other:?}"),
        };
        let mut again = lost.clone();
        again.move_to(won.version + 1);
        assert!(again.json.contains("\"version\":2"), "{}", again.json);
        assert_eq!(publish(&house.lake, &again).await.unwrap(), Published::Written);
        let table = StagedTable::open(&house.lake, "main/t", 2).await.unwrap();
        assert_eq!(house.rows(&table).await, ["1", "2", "3"]);
    });
}

#[test]
fn publishing_twice_is_publishing_once() {
    run(|house| async move {
        let mut table = StagedTable::new_at(&house.lake, "main/t").await.unwrap();
        table.overwrite(&house.state(), house.plan("select 1 as id").await, &TableOptions::default()).await.unwrap();
        let commit = table.squash().await.unwrap().unwrap();
        assert_eq!(publish(&house.lake, &commit).await.unwrap(), Published::Written);
        assert_eq!(publish(&house.lake, &commit).await.unwrap(), Published::AlreadyThere);
        let entry = publish::publish_entry(&house.lake, "main/t", 0, &commit.json).await.unwrap();
        assert_eq!(entry, Published::AlreadyThere);
        let table = StagedTable::open(&house.lake, "main/t", 0).await.unwrap();
        assert_eq!(house.rows(&table).await, ["1"]);
    });
}

#[test]
fn nothing_staged_is_no_commit() {
    run(|house| async move {
        let mut table = house.table("main/t", "select 1 as id").await;
        assert!(table.squash().await.unwrap().is_none());
        house.append(&mut table, "select 1 as id where false").await;
        let predicate = house.expr(&table, "id = 77");
        assert_eq!(table.delete(&house.state(), Some(predicate)).await.unwrap(), 0);
        assert!(!table.is_changed());
    });
}

#[test]
fn a_new_table_on_an_old_log_replaces_everything_in_one_version() {
    run(|house| async move {
        house.table("main/t", "select 1 as id, 'x' as gone").await;
        let mut table = StagedTable::new_at(&house.lake, "main/t").await.unwrap();
        assert!(!table.exists());
        assert!(table.provider().await.is_err());
        let plan = house.plan("select date '2024-02-29' as day").await;
        table.overwrite(&house.state(), plan, &TableOptions::default()).await.unwrap();
        let table = house.publish(table).await;
        assert_eq!(table.base_version(), Some(1));
        assert_eq!(house.rows(&table).await, ["2024-02-29"]);
        assert_eq!(table.schema().unwrap().fields().len(), 1);
        let old = StagedTable::open(&house.lake, "main/t", 0).await.unwrap();
        assert_eq!(house.rows(&old).await, ["1|x"]);
    });
}

#[test]
fn a_table_can_be_replaced_by_a_query_over_itself() {
    run(|house| async move {
        let mut table = house.table("main/t", "select * from (values (1), (2), (3)) v(id)").await;
        house.register("me", &table).await;
        let plan = house.plan("select id * 10 as id, 'n' as b from me where id > 1").await;
        table.overwrite(&house.state(), plan, &TableOptions::default()).await.unwrap();
        assert_eq!(house.rows(&table).await, ["20|n", "30|n"]);
        house.register("me", &table).await;
        let plan = house.plan("select id + 1 as id, b from me").await;
        table.append(&house.state(), plan).await.unwrap();
        let commit = table.squash().await.unwrap().unwrap();
        assert!(!commit.blind_append);
        assert_eq!(house.rows(&table).await, ["20|n", "21|n", "30|n", "31|n"]);
    });
}

#[test]
fn tables_without_rows_and_columns_with_odd_names() {
    run(|house| async move {
        let mut table =
            house.table("main/t", r#"select 1 as "Order Id", 2 as "a.b", 3 as "Ünï;,{}()=" where false"#).await;
        assert_eq!(house.rows(&table).await, Vec::<String>::new());
        house.append(&mut table, r#"select 3 as "Ünï;,{}()=", 1 as "Order Id", 2 as "a.b""#).await;
        assert_eq!(house.rows(&table).await, ["1|2|3"]);
        let table = house.publish(table).await;
        assert_eq!(house.rows(&table).await, ["1|2|3"]);

        let mut other = StagedTable::new_at(&house.lake, "main/u").await.unwrap();
        let plan = house.plan(r#"select 1 as id, 2 as "ID""#).await;
        let refused = other.overwrite(&house.state(), plan, &TableOptions::default()).await.unwrap_err();
        assert!(refused.to_string().contains("comes twice"), "{refused}");
    });
}

#[test]
fn a_lake_need_not_be_a_folder() {
    run(|mut house| async move {
        let memory: Arc<dyn object_store::ObjectStore> = Arc::new(object_store::memory::InMemory::new());
        let url = Url::parse("memory:///bucket/lake/").unwrap();
        house.session.runtime_env().register_object_store(&url, memory.clone());
        let store = object_store::prefix::PrefixStore::new(memory, "bucket/lake");
        house.lake = Lake::new(Arc::new(store), url);
        let mut table = house.table("main/t", "select 1 as id where false").await;
        for id in 1..=11 {
            house.append(&mut table, &format!("select {id} as id")).await;
            table = house.publish(table).await;
        }
        let predicate = house.expr(&table, "id > 2");
        assert_eq!(table.delete(&house.state(), Some(predicate)).await.unwrap(), 9);
        let table = house.publish(table).await;
        assert_eq!(house.rows(&table).await, ["1", "2"]);
        assert_eq!(version_at(&house.lake, "main/t", i64::MAX).await.unwrap(), Some(12));
    });
}

#[test]
fn a_table_may_lie_in_a_folder_with_an_odd_name() {
    run(|house| async move {
        let place = "Main Schema/Ünï 100% #1";
        let mut table = house.table(place, "select 1 as id where false").await;
        house.append(&mut table, "select 2 as id").await;
        let mut table = house.publish(table).await;
        let predicate = house.expr(&table, "id = 2");
        assert_eq!(table.delete(&house.state(), Some(predicate)).await.unwrap(), 1);
        house.append(&mut table, "select 3 as id").await;
        let table = house.publish(table).await;
        assert_eq!(house.rows(&table).await, ["3"]);
        checkpoint(&house.lake, place, 2).await.unwrap();
        assert_eq!(house.rows(&StagedTable::open(&house.lake, place, 2).await.unwrap()).await, ["3"]);
        assert!(matches!(StagedTable::new_at(&house.lake, "main/../t").await, Err(DeltaError::Unsupported(_))));
    });
}

#[test]
fn partition_values_of_all_kinds_come_back() {
    run(|house| async move {
        let options = TableOptions { partition_by: vec!["p".into()], ..TableOptions::default() };
        let sql = "select * from (values (1, 'a b'), (2, 'x/y%z'), (3, null), (4, 'ü=1'), (5, 'e')) v(id, p)";
        let mut table = house.table_with("main/t", sql, options).await;
        assert_eq!(house.rows(&table).await, ["1|a b", "2|x/y%z", "3|NULL", "4|ü=1", "5|e"]);
        let plan = house.plan("select 6 as id, '' as p").await;
        let error = table.append(&house.state(), plan).await.unwrap_err();
        assert!(error.to_string().starts_with("column `p`: an empty text cannot be stored"), "{error}");
        let predicate = house.expr(&table, "p in ('a b', 'x/y%z') or p is null or p = 'ü=1'");
        assert_eq!(table.delete(&house.state(), Some(predicate)).await.unwrap(), 4);
        assert_eq!(table.stats().await.unwrap().rows, Some(1));
        let table = house.publish(table).await;
        assert_eq!(table.stats().await.unwrap().files, 1);
    });
}

#[test]
fn appended_columns_go_by_name() {
    run(|house| async move {
        let mut table = house.table("main/t", "select 1 as a, 'x' as b").await;
        house.append(&mut table, "select 'y' as b, 2 as a").await;
        house.append(&mut table, "select 3 as a").await;
        assert_eq!(house.rows(&table).await, ["1|x", "2|y", "3|NULL"]);
        let plan = house.plan("select 1 as a, 2 as c").await;
        let refused = table.append(&house.state(), plan).await.unwrap_err();
        assert_eq!(refused.to_string(), "main/t has no column `c`");
    });
}

#[test]
fn large_results_make_several_files_and_lose_nothing() {
    run(|house| async move {
        let mut options = TableOptions::default();
        options.properties.insert("delta.targetFileSize".into(), "2000000".into());
        let sql = "select value as id, md5(cast(value as varchar)) as text from generate_series(1, 600000)";
        let table = house.table_with("main/t", sql, options).await;
        assert!(table.stats().await.unwrap().files > 1);
        house.register("big", &table).await;
        let found = house.query("select count(*), count(distinct id), sum(id), count(distinct text) from big").await;
        assert_eq!(found, ["600000|600000|180000300000|600000"]);
    });
}

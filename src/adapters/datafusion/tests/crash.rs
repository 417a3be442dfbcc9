//! What a crash leaves behind, and damage.

use std::time::Duration;

use super::super::catalog::Catalog;
use super::super::lease::Leases;
use super::super::session::Engine;
use super::super::settings::Settings;
use super::super::store;
use super::{Lake, query, refused, rows, run};
use crate::adapters::{Connection, ErrorKind};
use crate::base::{Dict, Value};

/// Takes the newest entry out of a table's log, as if the process had died between the catalog and the log.
fn cut(lake: &Lake, table: &str) -> String {
    let log = lake.path().join(table).join("_delta_log");
    let mut names: Vec<String> = std::fs::read_dir(&log)
        .expect("a log")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".json"))
        .collect();
    names.sort();
    let newest = names.pop().expect("an entry");
    std::fs::remove_file(log.join(&newest)).expect("removed");
    newest
}

#[test]
fn a_commit_that_a_crash_cut_off_is_completed_by_whoever_comes_next() {
    let lake = Lake::new();
    let mut connection = lake.connect();
    run(&mut connection, "create table t as select 1 as id; create table u as select 1 as id");
    run(&mut connection, "begin; insert into t values (2); insert into u values (2); commit");
    drop(connection);
    let (t, u) = (cut(&lake, "main/t"), cut(&lake, "main/u"));
    // A new process completes both logs when it opens the lake.
    let mut connection = lake.connect();
    assert_eq!(rows(&mut connection, "select (select count(*) from t), (select count(*) from u)"), "2 2");
    assert!(lake.path().join("main/t/_delta_log").join(&t).exists());
    assert!(lake.path().join("main/u/_delta_log").join(&u).exists());
    // A process that has the lake open completes the log of the table that it needs.
    let mut other = lake.connect();
    run(&mut other, "insert into t values (3)");
    let t = cut(&lake, "main/t");
    assert_eq!(rows(&mut connection, "select count(*) from t"), "3");
    run(&mut connection, "insert into t values (4)");
    assert!(lake.path().join("main/t/_delta_log").join(&t).exists());
    assert_eq!(rows(&mut lake.connect(), "select id from t order by id"), "1, 2, 3, 4");
}

#[test]
fn readers_see_a_commit_that_was_cut_off() {
    let lake = Lake::new();
    let mut connection = lake.connect();
    run(&mut connection, "create table t as select 1 as id; insert into t values (2)");
    drop(connection);
    let cut_off = cut(&lake, "main/t");
    let reading = lake.adapter().for_reading().expect("an adapter");
    let mut reader: Box<dyn Connection> = reading.connect().expect("a connection");
    assert_eq!(rows(&mut reader, "select count(*) from t"), "2");
    assert!(!lake.path().join("main/t/_delta_log").join(cut_off).exists(), "readers write nothing");
}

#[test]
fn checkpoints_of_the_catalog_stand_for_what_was_before() {
    let lake = Lake::new();
    let mut connection = lake.connect();
    run(&mut connection, "create table t (id int)");
    for id in 0..70 {
        run(&mut connection, &format!("insert into t values ({id})"));
    }
    drop(connection);
    let catalog = lake.path().join("_transform/catalog");
    let checkpoint = catalog.join(format!("{:020}.checkpoint.json", 64));
    assert!(checkpoint.exists());
    for version in 1..=64 {
        std::fs::remove_file(catalog.join(format!("{version:020}.json"))).expect("removed");
    }
    assert_eq!(rows(&mut lake.connect(), "select count(*), sum(id) from t"), "70 2415");
}

#[test]
fn damage_is_told_and_nothing_is_changed() {
    let lake = Lake::new();
    let mut connection = lake.connect();
    run(&mut connection, "create table t as select 1 as id; insert into t values (2); insert into t values (3)");
    drop(connection);
    let catalog = lake.path().join("_transform/catalog");
    let second = catalog.join(format!("{:020}.json", 2));
    let text = std::fs::read_to_string(&second).expect("a version");
    std::fs::remove_file(&second).expect("removed");
    let error = lake.adapter().connect().err().expect("a hole");
    assert!(error.message.contains("00000000000000000002.json is missing"), "{}", error.message);
    std::fs::write(&second, &text[..text.len() / 2]).expect("written");
    let error = lake.adapter().connect().err().expect("half a file");
    assert!(error.message.contains("is damaged") && error.help.is_some(), "{}", error.message);
    std::fs::write(&second, &text).expect("written");

    let mut connection = lake.connect();
    assert_eq!(rows(&mut connection, "select count(*) from t"), "3");
    let data = lake.path().join("main/t");
    for file in std::fs::read_dir(&data).expect("a folder").flatten() {
        if file.path().is_file() {
            std::fs::remove_file(file.path()).expect("removed");
        }
    }
    assert_eq!(refused(&mut connection, "select sum(id) from t").kind, ErrorKind::Io);
    let elsewhere = lake.folder.path().join("empty");
    std::fs::create_dir(&elsewhere).expect("a folder");
    let error = refused(&mut connection, &format!("select * from delta_scan('{}')", elsewhere.display()));
    assert!(error.message.contains("is no Delta table"), "{}", error.message);
}

#[test]
fn a_lease_of_a_process_that_is_gone_holds_nobody() {
    let lake = Lake::new();
    let mut connection = lake.connect();
    run(&mut connection, "create table t as select 1 as id");
    let leases = lake.path().join("_transform/leases");
    let lease = leases.join("main.t.json");
    std::fs::create_dir_all(&leases).expect("a folder");
    let host = super::super::catalog::host_name();
    let of = |host: &str, pid: u32, seconds: i64| {
        let expires = chrono::Utc::now().timestamp() + seconds;
        serde_json::json!({"id": "x", "expires": expires,
            "writer": {"session": "s", "host": host, "pid": pid, "time": "2026-01-01 00:00:00"}})
        .to_string()
    };
    for (holder, seconds) in [((host.as_str(), 4_194_303), 1000), (("elsewhere", 1), -1)] {
        std::fs::write(&lease, of(holder.0, holder.1, seconds)).expect("a lease");
        run(&mut connection, "update t set id = id + 1");
        assert!(!lease.exists(), "it was taken and released");
    }
    assert_eq!(query(&mut connection, "select id from t").rows[0][0], crate::base::Value::Int(3));
}

#[test]
fn a_lease_that_is_held_names_its_holder() {
    let lake = Lake::new();
    run(&mut lake.connect(), "create table t as select 1 as id");
    let path = Value::from(lake.path().to_str());
    let options: Dict = [("path".to_owned(), path)].into_iter().collect();
    let settings = Settings::parse(&options, std::path::Path::new("/")).expect("settings");
    let engine = Engine::start(&settings).expect("an engine");
    let storage = store::open(&settings).expect("a store");
    let key = ("main".to_owned(), "t".to_owned());
    engine.runtime.block_on(async {
        let catalog = Catalog::open(storage.clone(), false).await.expect("a catalog");
        let leases = Leases::new(storage).with_patience(Duration::from_millis(300));
        let first = leases.take(&key, catalog.writer()).await.expect("a lease");
        let error = leases.take(&key, catalog.writer()).await.expect_err("it is held");
        assert_eq!(error.kind, ErrorKind::Locked { pid: Some(std::process::id()) });
        assert!(error.message.starts_with("main.t is being written by process"), "{}", error.message);
        assert!(error.help.is_some());
        first.release().await;
        leases.take(&key, catalog.writer()).await.expect("free again").release().await;
    });
}

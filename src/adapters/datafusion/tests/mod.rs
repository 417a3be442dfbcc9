//! The adapter against a real lake.

mod crash;
mod faults;
mod statements;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;

use tempfile::TempDir;

use crate::adapters::{Adapter, AdapterError, Connection, ErrorKind, Fetch, TableSize, open};
use crate::base::{Relation, Table, Value};

/// A lake of its own, which goes with it.
struct Lake {
    folder: TempDir,
}

impl Lake {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("lake")
    }

    fn adapter(&self) -> Arc<dyn Adapter> {
        let path = self.path();
        let json = serde_json::json!({"type": "datafusion", "path": path.to_str(), "memory_limit": "256MB"});
        let Value::Map(options) = Value::from_json(&json) else { panic!("a mapping") };
        open(&options, Path::new("/")).expect("settings")
    }

    fn connect(&self) -> Box<dyn Connection> {
        self.adapter().connect().expect("a connection")
    }
}

fn query(connection: &mut Box<dyn Connection>, sql: &str) -> Table {
    connection.execute(sql, Fetch::All).unwrap_or_else(|e| panic!("{sql}: {}", e.labelled())).table
}

fn run(connection: &mut Box<dyn Connection>, sql: &str) -> Option<u64> {
    let done = connection.execute(sql, Fetch::None);
    done.unwrap_or_else(|e| panic!("{sql}: {}", e.labelled())).rows_affected
}

fn refused(connection: &mut Box<dyn Connection>, sql: &str) -> AdapterError {
    match connection.execute(sql, Fetch::All) {
        Ok(_) => panic!("{sql} succeeded"),
        Err(error) => error,
    }
}

/// All rows in one line.
fn rows(connection: &mut Box<dyn Connection>, sql: &str) -> String {
    let row = |row: &Vec<Value>| row.iter().map(Value::to_string).collect::<Vec<_>>().join(" ");
    query(connection, sql).rows.iter().map(row).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_transaction_is_seen_whole_or_not_at_all() {
    let lake = Lake::new();
    let adapter = lake.adapter();
    let (mut writer, mut reader) = (adapter.connect().expect("one"), adapter.connect().expect("two"));
    run(&mut writer, "create table a as select 1 as x; create table b as select 1 as x");
    writer.begin().expect("begin");
    run(&mut writer, "insert into a values (2); delete from b; create view v as select * from a; create schema s");
    assert_eq!(rows(&mut writer, "select (select count(*) from v), (select count(*) from b)"), "2 0");
    assert_eq!(rows(&mut reader, "select (select count(*) from a), (select count(*) from b)"), "1 1");
    assert_eq!(refused(&mut reader, "select * from v").kind, ErrorKind::Catalog);
    writer.commit().expect("commit");
    assert_eq!(rows(&mut reader, "select (select count(*) from v), (select count(*) from b)"), "2 0");
    assert_eq!(reader.list_schemas("lake").expect("schemas"), ["main", "s"]);

    writer.begin().expect("begin");
    run(&mut writer, "drop view v; drop table a; create table c as select 1 as x; drop schema s");
    assert!(refused(&mut writer, "select * from a").message.contains("does not exist"));
    writer.rollback().expect("rollback");
    assert_eq!(rows(&mut writer, "select sum(x) from v"), "3");
    assert_eq!(refused(&mut writer, "select * from c").kind, ErrorKind::Catalog);
    // What the log of a table has is one commit a transaction.
    let log = lake.path().join("main/a/_delta_log");
    assert!(log.join("00000000000000000001.json").exists() && !log.join("00000000000000000002.json").exists());
}

#[test]
fn users_may_control_transactions_themselves() {
    let lake = Lake::new();
    let mut connection = lake.connect();
    run(&mut connection, "create table t (i int); begin; insert into t values (1);");
    assert!(connection.in_transaction());
    run(&mut connection, "rollback");
    assert!(!connection.in_transaction());
    run(&mut connection, "begin transaction; insert into t values (2); commit");
    assert_eq!(rows(&mut connection, "select * from t"), "2");
    assert!(connection.execute("commit", Fetch::None).is_err());
    run(&mut connection, "begin");
    assert!(connection.execute("begin", Fetch::None).is_err());
    assert_eq!(refused(&mut connection, "insert into t values ('x')").kind, ErrorKind::Conversion);
    assert!(connection.in_transaction(), "an error leaves the decision to the user");
    connection.rollback().expect("rollback");
    assert_eq!(rows(&mut connection, "select count(*) from t"), "1");
}

#[test]
fn what_is_written_is_there_for_the_next_process() {
    let lake = Lake::new();
    {
        let mut connection = lake.connect();
        run(&mut connection, "create schema raw; create table raw.t as select 1 as id, 'ä' as name");
        run(&mut connection, "create or replace view main.v as select id, name from raw.t where id > 0");
    }
    let mut connection = lake.connect();
    assert_eq!(rows(&mut connection, "select * from \"lake\".\"main\".\"v\""), "1 ä");
    let schemas = [("lake".to_owned(), "raw".to_owned()), ("LAKE".to_owned(), "Main".to_owned())];
    let found = connection.list_all_relations(&schemas).expect("relations");
    let found: Vec<String> = found.iter().map(|(r, kind)| format!("{r} {}", kind.as_str())).collect();
    assert_eq!(found, ["lake.main.v view", "lake.raw.t table"]);
    let columns = connection.columns(&Relation::new("lake", "main", "v")).expect("columns");
    assert_eq!(columns.iter().map(|c| c.data_type.as_str()).collect::<Vec<_>>(), ["bigint", "varchar"]);
    assert!(connection.columns(&Relation::new("lake", "main", "nothing")).expect("none").is_empty());
    let sizes = connection.table_sizes(&schemas).expect("sizes");
    assert_eq!(sizes, [(Relation::new("lake", "raw", "t"), TableSize { rows: Some(1), small_files: 0 })]);
    let catalog = connection.catalog(&schemas).expect("catalog");
    assert_eq!(catalog.rows.len(), 4);
}

#[test]
fn appends_go_on_from_what_others_have_done() {
    let lake = Lake::new();
    let (mut one, mut two) = (lake.connect(), lake.connect());
    run(&mut one, "create table t (id bigint)");
    for id in 1..=3 {
        run(&mut one, &format!("insert into t values ({id})"));
    }
    run(&mut two, "insert into t values (4)");
    run(&mut one, "insert into t values (5)");
    run(&mut two, "alter table t add column note varchar");
    run(&mut one, "insert into t values (6, 'x')");
    run(&mut two, "delete from t where id = 1");
    for id in 7..=60 {
        run(&mut one, &format!("insert into t values ({id}, 'y')"));
    }
    let told = rows(&mut two, "select count(*), sum(id), count(note), count(distinct id) from t");
    assert_eq!(told, "59 1829 55 59");
    // What appends knew of the table without reading its log was right: small files were written together in time.
    let sizes = two.table_sizes(&[("lake".to_owned(), "main".to_owned())]).expect("sizes");
    assert_eq!(sizes[0].1.rows, Some(59));
    assert!(sizes[0].1.small_files <= 33, "{sizes:?}");
    // Two connections of one process, each with a transaction that has begun before the other's commit.
    let adapter = lake.adapter();
    let (mut three, mut four) = (adapter.connect().expect("a connection"), adapter.connect().expect("a connection"));
    for id in 61..=64 {
        let connection = if id % 2 == 0 { &mut three } else { &mut four };
        connection.begin().expect("a transaction");
        run(connection, &format!("insert into t values ({id}, 'z')"));
        if id % 2 == 0 {
            three.commit().expect("a commit");
            four.commit().expect("a commit");
        }
    }
    run(&mut one, "insert into t values (65, 'z')");
    assert_eq!(rows(&mut one, "select count(*), sum(id) from t"), "64 2144");
}

#[test]
fn commits_name_the_invocation() {
    let lake = Lake::new();
    let adapter = lake.adapter();
    adapter.sign("0b9f");
    run(&mut adapter.connect().expect("a connection"), "create table t as select 1 as id");
    let relation = Relation::new("lake", "main", "t");
    let versions = adapter.upkeep().expect("upkeep").history(&relation).expect("versions").expect("a table");
    assert_eq!(versions[0].invocation_id.as_deref(), Some("0b9f"));
}

#[test]
fn two_writers_of_one_table_meet_a_conflict_and_appends_do_not() {
    let lake = Lake::new();
    // Two adapters on one folder are two processes to each other, but for their leases.
    let (one, two) = (lake.adapter(), lake.adapter());
    let (mut one, mut two) = (one.connect().expect("one"), two.connect().expect("two"));
    run(&mut one, "create table t as select 1 as id; create table log (n int); create table other as select 1 as x");
    one.begin().expect("begin");
    two.begin().expect("begin");
    run(&mut one, "insert into log values (1); insert into other values (2)");
    run(&mut two, "insert into log values (2)");
    assert_eq!(rows(&mut two, "select count(*) from log"), "1", "its own row alone");
    one.commit().expect("commit");
    two.commit().expect("appends go together");
    assert_eq!(rows(&mut two, "select n from log order by n"), "1, 2");

    one.begin().expect("begin");
    two.begin().expect("begin");
    assert_eq!(rows(&mut two, "select count(*) from t"), "1");
    run(&mut one, "update t set id = 5");
    one.commit().expect("commit");
    let error = refused(&mut two, "delete from t where id = 1");
    assert_eq!(error.kind, ErrorKind::TransactionConflict, "{}", error.message);
    assert!(error.message.contains("main.t was changed meanwhile by process"), "{}", error.message);
    two.rollback().expect("rolled back");
    // Another try has the lease from the start.
    let lease = lake.path().join("_transform/leases/main.t.json");
    assert!(!lease.exists());
    two.begin().expect("begin");
    assert!(lease.exists());
    assert_eq!(rows(&mut two, "select * from t"), "5");
    two.commit().expect("commit");
    assert!(!lease.exists());

    one.begin().expect("begin");
    two.begin().expect("begin");
    run(&mut two, "insert into log select n + 10 from log");
    run(&mut one, "create or replace table log as select 9 as n");
    one.commit().expect("commit");
    assert_eq!(two.commit().expect_err("read what is gone").kind, ErrorKind::TransactionConflict);
    assert_eq!(rows(&mut one, "select * from log"), "9");
}

#[test]
fn a_snapshot_stays_what_it_was() {
    let lake = Lake::new();
    let adapter = lake.adapter();
    let (mut one, mut two) = (adapter.connect().expect("one"), adapter.connect().expect("two"));
    run(&mut one, "create table t as select 1 as id; create table u as select 1 as id");
    one.begin().expect("begin");
    assert_eq!(rows(&mut one, "select * from t"), "1");
    two.begin().expect("begin");
    run(&mut two, "insert into t values (2); insert into u values (2)");
    two.commit().expect("commit");
    assert_eq!(rows(&mut one, "select (select count(*) from t), (select count(*) from u)"), "1 1");
    one.commit().expect("commit");
    assert_eq!(rows(&mut one, "select (select count(*) from t), (select count(*) from u)"), "2 2");
}

#[test]
fn another_program_may_write_to_a_table() {
    let lake = Lake::new();
    let mut connection = lake.connect();
    run(&mut connection, "create table t as select 1 as id; insert into t values (2)");
    // As if somebody who knows nothing of the catalog had removed everything.
    let log = lake.path().join("main/t/_delta_log");
    let first = std::fs::read_to_string(log.join("00000000000000000000.json")).expect("a log");
    let add = |line: &&str| line.starts_with("{\"add\"");
    let path = |line: &str| {
        let action: serde_json::Value = serde_json::from_str(line).expect("an action");
        action["add"]["path"].as_str().expect("a path").to_owned()
    };
    let gone = path(first.lines().find(add).expect("an add"));
    let remove = serde_json::json!({"remove": {"path": gone, "dataChange": true, "deletionTimestamp": 1}});
    std::fs::write(log.join("00000000000000000002.json"), format!("{remove}\n")).expect("written");
    assert_eq!(rows(&mut connection, "select id from t order by id"), "1, 2", "readers keep to the catalog");
    run(&mut connection, "insert into t values (3)");
    assert_eq!(rows(&mut connection, "select id from t order by id"), "2, 3", "writers go on from there");
    assert_eq!(rows(&mut lake.connect(), "select id from t order by id"), "2, 3");
}

#[test]
fn interruption_ends_a_statement_and_not_the_connection() {
    let lake = Lake::new();
    let adapter = lake.adapter();
    let mut connection = adapter.connect().expect("a connection");
    let interrupt = connection.interrupt();
    let (ended, end) = std::sync::mpsc::channel::<()>();
    // Again and again, as it may come before the statement.
    let user = std::thread::spawn(move || {
        while end.recv_timeout(std::time::Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
            interrupt();
        }
    });
    let endless = "create table big as select count(*) as n from generate_series(1, 3000000) a(i), generate_series(1, 3000000) b(j)";
    let error = refused(&mut connection, endless);
    assert_eq!(error.kind, ErrorKind::Interrupted);
    drop(ended);
    user.join().expect("the user");
    assert!(!connection.in_transaction());
    assert_eq!(rows(&mut connection, "select 1 as one"), "1");
    assert_eq!(refused(&mut connection, "select * from big").kind, ErrorKind::Catalog);
}

#[test]
fn for_reading_nothing_is_written() {
    let lake = Lake::new();
    let empty = lake.adapter().for_reading().expect("an adapter");
    let mut connection = empty.connect().expect("an empty lake");
    assert_eq!(rows(&mut connection, "select 1 as one"), "1");
    assert!(!lake.path().exists());
    run(&mut lake.connect(), "create table t as select 1 as id");
    let reading = lake.adapter().for_reading().expect("an adapter");
    let mut connection = reading.connect().expect("a connection");
    assert_eq!(rows(&mut connection, "select * from t"), "1");
    for sql in ["insert into t values (2)", "create table u as select 1 as x", "drop table t", "create schema s"] {
        let error = refused(&mut connection, sql);
        assert!(error.message.contains("for reading only"), "{sql}: {}", error.message);
    }
    assert_eq!(rows(&mut connection, "select * from t"), "1");
}

//! Statement by statement.

use std::io::Write;

use super::{Lake, query, refused, rows, run};
use crate::adapters::{CsvFormat, ErrorKind, Fetch, open};
use crate::base::{Relation, TableColumn, Value};

fn column(name: &str) -> TableColumn {
    TableColumn { name: name.to_owned(), data_type: String::new() }
}

#[test]
fn tables_are_created_replaced_and_dropped() {
    let lake = Lake::new();
    let mut c = lake.connect();
    assert_eq!(run(&mut c, "create table t as select 1 as id, cast(null as varchar) as name"), Some(1));
    assert_eq!(refused(&mut c, "create table t as select 1 as id").kind, ErrorKind::Catalog);
    run(&mut c, "create table if not exists t as select 2 as other");
    assert_eq!(run(&mut c, "create or replace table t as select id + 1 as id, 'x' as extra from t"), Some(1));
    assert_eq!(rows(&mut c, "select * from t"), "2 x");
    assert!(refused(&mut c, "create view t as select 1 as x").message.contains("already exists"));
    run(&mut c, "create view v (a, b) as select * from t; create view if not exists v as select 1 as x");
    assert_eq!(rows(&mut c, "select b, a from v"), "x 2");
    assert_eq!(refused(&mut c, "drop table v").help.as_deref(), Some("use drop view"));
    assert_eq!(refused(&mut c, "create or replace table v as select 1 as x").kind, ErrorKind::Catalog);
    run(&mut c, "drop view v; drop table t; drop table if exists t; drop view if exists main.v");
    assert_eq!(refused(&mut c, "select * from t").kind, ErrorKind::Catalog);
    run(&mut c, "create table t as select 'new' as name");
    assert_eq!(rows(&mut c, "select * from t"), "new");
    // The old rows are versions of the same folder.
    assert!(lake.path().join("main/t/_delta_log/00000000000000000002.json").exists());
}

#[test]
fn declared_columns_and_rules_hold() {
    let lake = Lake::new();
    let mut c = lake.connect();
    run(
        &mut c,
        "create table t (id int not null, amount decimal(10, 2), note varchar, check (amount > 0), \
         constraint short check (length(note) < 5))",
    );
    run(&mut c, "insert into t values (1, 1.006, 'a'); insert into t (note, id) values ('b', 2)");
    assert_eq!(rows(&mut c, "select * from t order by id"), "1 1.01 a, 2 None b");
    for sql in [
        "insert into t (note) values ('x')",
        "insert into t values (3, -1, 'x')",
        "insert into t values (3, 1, 'too long')",
        "update t set id = null",
    ] {
        let error = refused(&mut c, sql);
        assert_eq!(error.kind, ErrorKind::Constraint, "{sql}: {}", error.message);
    }
    assert_eq!(refused(&mut c, "insert into t values (1, 2)").kind, ErrorKind::Binder);
    assert_eq!(refused(&mut c, "insert into t (id, nope) values (1, 2)").kind, ErrorKind::Binder);
    assert_eq!(rows(&mut c, "select count(*) from t"), "2");
    let columns = c.columns(&Relation::new("lake", "main", "t")).expect("columns");
    let told: Vec<String> = columns.iter().map(|c| format!("{} {} {}", c.name, c.data_type, c.nullable)).collect();
    assert_eq!(told, ["id integer false", "amount decimal(10,2) true", "note varchar true"]);
    run(&mut c, "create table typed (id bigint, name varchar) as select 'a' as name, 1 as id");
    assert_eq!(rows(&mut c, "select id, name from typed"), "1 a");
}

#[test]
fn rows_are_updated_and_deleted() {
    let lake = Lake::new();
    let mut c = lake.connect();
    run(&mut c, "create table t as select i as id, i * 10 as v from generate_series(1, 6) as s(i)");
    run(&mut c, "create table keys as select 2 as id, 200 as v union all select 3, 300");
    assert_eq!(run(&mut c, "update t set v = v + 1 where id = 1"), Some(1));
    assert_eq!(run(&mut c, "update t as x set v = k.v from keys as k where k.id = x.id"), Some(2));
    assert_eq!(run(&mut c, "update t set v = 0, id = 60 where id in (select max(id) from t)"), Some(1));
    assert_eq!(rows(&mut c, "select * from t order by id"), "1 11, 2 200, 3 300, 4 40, 5 50, 60 0");
    assert_eq!(run(&mut c, "delete from t where id = 4"), Some(1));
    assert_eq!(run(&mut c, "delete from t where id in (select id from keys where id = 2)"), Some(1));
    assert_eq!(run(&mut c, "delete from main.t using keys where keys.id = t.id"), Some(1));
    assert_eq!(run(&mut c, "delete from t as x where exists (select 1 from keys where x.v = 50)"), Some(1));
    assert_eq!(rows(&mut c, "select * from t order by id"), "1 11, 60 0");
    assert_eq!(run(&mut c, "delete from t where false"), Some(0));
    assert_eq!(run(&mut c, "truncate table t"), Some(2));
    assert_eq!(run(&mut c, "delete from keys"), Some(2));
    assert_eq!(refused(&mut c, "delete from t where nope = 1").position, Some(20));
}

#[test]
fn merge_has_all_its_clauses() {
    let lake = Lake::new();
    let mut c = lake.connect();
    run(&mut c, "create table t as select 1 as id, 'a' as name union all select 2, 'b' union all select 3, 'c'");
    run(
        &mut c,
        "create temporary table s as select 2 as id, 'B' as name union all select 3, null union all select 4, 'd'",
    );
    let merged = run(
        &mut c,
        "merge into main.t as x using (select * from s) as y on x.id = y.id \
         when matched and y.name is null then delete \
         when matched then update set name = y.name || '!' \
         when not matched then insert (id, name) values (y.id, upper(y.name)) \
         when not matched by source then update set name = 'left'",
    );
    assert_eq!(merged, Some(4));
    assert_eq!(rows(&mut c, "select * from t order by id"), "1 left, 2 B!, 4 D");
    run(&mut c, "insert into s values (4, 'again')");
    let error = refused(&mut c, "merge into t using s on t.id = s.id when matched then update set name = s.name");
    assert_eq!(error.kind, ErrorKind::Constraint, "{}", error.message);
    assert!(error.message.contains('4'), "{}", error.message);
}

#[test]
fn rows_without_a_partner_have_the_columns_of_their_side() {
    let lake = Lake::new();
    let mut c = lake.connect();
    run(&mut c, "create table t as select 1 as id, 'a' as name union all select 2, 'b'");
    let merged = run(
        &mut c,
        "merge into t as d using (select 2 as id, 'B' as name union all select 3, 'c' union all select 4, 'd') as s \
         on s.id = d.id when matched then update set name = s.name \
         when not matched and id < 4 then insert (id, name) values (id, name) \
         when not matched by source and name = 'a' then update set name = upper(name)",
    );
    assert_eq!(merged, Some(3));
    assert_eq!(rows(&mut c, "select * from t order by id"), "1 A, 2 B, 3 c");
    let text = "merge into t as d using (select 2 as id) as s on s.id = d.id when matched then update set id = id";
    assert_eq!(refused(&mut c, text).kind, ErrorKind::Binder);
}

#[test]
fn partitions_are_overwritten_by_their_values() {
    let lake = Lake::new();
    let mut c = lake.connect();
    run(
        &mut c,
        "create table t partitioned by (day) as select date '2026-01-01' as day, 1 as v \
         union all select date '2026-01-02', 2 union all select null, 3",
    );
    run(&mut c, "insert overwrite t select date '2026-01-02', 20 union all select date '2026-01-03', 30");
    assert_eq!(rows(&mut c, "select v from t order by v"), "1, 3, 20, 30");
    run(&mut c, "insert overwrite t select null, 33");
    assert_eq!(rows(&mut c, "select v from t order by v"), "1, 20, 30, 33");
    run(&mut c, "insert overwrite t select date '2026-01-01', 1 where false");
    assert_eq!(rows(&mut c, "select count(*) from t"), "4");
    run(&mut c, "create table plain as select 1 as v; insert overwrite plain select 2");
    assert_eq!(rows(&mut c, "select v from plain"), "2");
}

#[test]
fn tables_are_altered_renamed_and_commented() {
    let lake = Lake::new();
    let mut c = lake.connect();
    run(&mut c, "create table t as select 1 as id, 'a' as name");
    run(&mut c, "alter table t add column extra decimal(5,1); alter table t rename column name to label");
    run(&mut c, "alter table t alter column id type bigint; alter table t alter column id set not null");
    run(&mut c, "alter table t add constraint positive check (id > 0)");
    assert_eq!(refused(&mut c, "insert into t values (-1, 'x', null)").kind, ErrorKind::Constraint);
    run(&mut c, "insert into t values (2, 'b', 1.5); alter table t drop column extra");
    assert_eq!(rows(&mut c, "select * from t order by id"), "1 a, 2 b");
    run(&mut c, "alter table t rename to u; create table t as select 'second' as x");
    assert_eq!(rows(&mut c, "select label from main.u order by 1"), "a, b");
    run(&mut c, "begin; alter table u rename to old; alter table t rename to u; drop table old; commit");
    assert_eq!(rows(&mut c, "select * from u"), "second");
    run(&mut c, "create view v as select x from u; alter view v rename to w");
    assert_eq!(rows(&mut c, "select * from w"), "second");
    run(
        &mut c,
        "comment on table u is 'a table'; comment on column u.x is 'it''s a column'; comment on view w is 'seen'",
    );
    let catalog = c.catalog(&[("lake".to_owned(), "main".to_owned())]).expect("catalog");
    let told: Vec<String> = catalog.rows.iter().map(|r| format!("{} {} {}", r[2], r[4], r[9])).collect();
    assert_eq!(told, ["u a table it's a column", "w seen None"]);
}

#[test]
fn temporary_tables_live_as_long_as_the_connection() {
    let lake = Lake::new();
    let adapter = lake.adapter();
    let (mut c, mut other) = (adapter.connect().expect("one"), adapter.connect().expect("two"));
    run(&mut c, "create table t as select 1 as id");
    run(&mut c, "create temporary table tmp as select id, 1.5 as x from t; insert into tmp values (2, 3)");
    assert_eq!(run(&mut c, "update tmp set x = 0 where id = 2"), Some(1));
    assert_eq!(rows(&mut c, "select * from tmp order by id"), "1 1.5, 2 0.0");
    assert_eq!(run(&mut c, "delete from tmp where id = 1"), Some(1));
    assert_eq!(run(&mut c, "insert into t select id from tmp"), Some(1));
    assert_eq!(refused(&mut other, "select * from tmp").kind, ErrorKind::Catalog);
    assert!(refused(&mut c, "create view v as select * from tmp").message.contains("temporary"));
    run(&mut c, "begin; create temporary table gone as select 1 as x; drop table tmp; rollback");
    assert_eq!(rows(&mut c, "select count(*) from tmp"), "1");
    assert_eq!(refused(&mut c, "select * from gone").kind, ErrorKind::Catalog);
    c.reset().expect("reset");
    assert_eq!(refused(&mut c, "select * from tmp").kind, ErrorKind::Catalog);
}

#[test]
fn errors_have_kind_place_and_candidates() {
    let lake = Lake::new();
    let mut c = lake.connect();
    run(&mut c, "create table orders (id int, customer_id int)");
    let cases = [
        ("selec 1", ErrorKind::Syntax, Some(0)),
        ("select 1 as x; select 'ä', custmer_id from orders", ErrorKind::Binder, Some(28)),
        ("select * from order_", ErrorKind::Catalog, Some(14)),
        ("select * from nowhere.orders", ErrorKind::Catalog, Some(14)),
        ("select * from main.orders as o where o.nope = 1", ErrorKind::Binder, Some(37)),
        ("select no_such_function(1)", ErrorKind::Catalog, Some(7)),
        ("select cast('a' as int) as x", ErrorKind::Conversion, None),
        ("insert into orders values ('a', 1)", ErrorKind::Conversion, None),
        ("select * from '/nowhere.csv'", ErrorKind::Io, Some(15)),
        ("insert into nowhere values (1)", ErrorKind::Catalog, Some(12)),
        ("drop table order_", ErrorKind::Catalog, Some(11)),
        ("set nonsense = 1", ErrorKind::Settings, None),
        ("grant select on orders to x", ErrorKind::Unsupported, None),
        ("select 'unclosed", ErrorKind::Syntax, Some(7)),
    ];
    for (sql, kind, position) in cases {
        let error = refused(&mut c, sql);
        assert_eq!(error.kind, kind, "{sql}: {}", error.labelled());
        if position.is_some() {
            assert_eq!(error.position, position, "{sql}: {}", error.labelled());
        }
        assert_eq!(error.sql.as_deref(), Some(sql));
    }
    assert_eq!(refused(&mut c, "select custmer_id from orders").candidates, ["customer_id"]);
    assert_eq!(refused(&mut c, "select * from order_").candidates, ["orders"]);
    assert!(refused(&mut c, "select * from x.main.orders").message.contains("the lake is \"lake\""));
}

#[test]
fn several_statements_and_none() {
    let lake = Lake::new();
    let mut c = lake.connect();
    let done = c.execute(
        "create table t (i int); -- one\ninsert into t values (1), (2);\nselect sum(i) as s from t;",
        Fetch::All,
    );
    assert_eq!(done.expect("three statements").table.rows, [[Value::Int(3)]]);
    for nothing in ["", "  ;; ", "-- only a comment", "/* only */ ;"] {
        let done = c.execute(nothing, Fetch::All).unwrap_or_else(|e| panic!("{nothing:?}: {e}"));
        assert!(done.table.columns.is_empty() && done.message == "OK");
    }
    let some = c.execute("select * from generate_series(1, 100000000000)", Fetch::Limit(3)).expect("a stream");
    assert_eq!(some.table.rows.len(), 3);
    let none = c.execute("select 1 as one, 'x' as two", Fetch::None).expect("columns");
    let types: Vec<&str> = none.table.columns.iter().map(|c| c.data_type.as_str()).collect();
    assert_eq!(types, ["bigint", "varchar"]);
    assert_eq!(rows(&mut c, "describe t"), "i integer YES");
    assert!(rows(&mut c, "explain select * from t").contains("logical_plan"));
    assert_eq!(rows(&mut c, "select table_name from information_schema.tables where table_schema = 'main'"), "t");
    run(&mut c, "set datafusion.execution.batch_size = 100; set timezone = 'UTC'; use main");
}

#[test]
fn files_are_read_by_name_and_by_function() {
    let lake = Lake::new();
    let mut c = lake.connect();
    let folder = lake.folder.path().join("in/day=2026-01-01");
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut csv = std::fs::File::create(lake.folder.path().join("x.csv")).expect("a file");
    writeln!(csv, "id;name\n1;\"a;b\"\n2;c").expect("written");
    let base = lake.folder.path().display().to_string();
    assert_eq!(rows(&mut c, &format!("select * from read_csv('{base}/x.csv', delim = ';') order by id")), "1 a;b, 2 c");
    run(&mut c, &format!("copy (select 7 as id) to '{base}/in/day=2026-01-01/a.parquet' stored as parquet"));
    assert_eq!(rows(&mut c, &format!("select x.id from '{base}/in/day=2026-01-01/a.parquet' as x")), "7");
    assert_eq!(
        rows(&mut c, &format!("select id, day from read_parquet('{base}/in', hive_partitioning = true)")),
        "7 2026-01-01"
    );
    run(&mut c, "create table t as select 3 as id");
    let table = lake.path().join("main/t");
    assert_eq!(rows(&mut c, &format!("select * from delta_scan('{}')", table.display())), "3");
    run(&mut c, &format!("create view v as select a.id from read_csv('{base}/x.csv', delim = ';') a"));
    assert_eq!(rows(&mut c, "select sum(id) from v"), "3");
}

#[test]
fn rows_and_csv_files_are_loaded() {
    let lake = Lake::new();
    let mut c = lake.connect();
    run(&mut c, "create table t (id int, name varchar, at timestamp, price decimal(6,2), ok boolean, day date)");
    let file = lake.folder.path().join("seed.csv");
    std::fs::write(
        &file,
        "Name,id,at,price,ok,day\n\"Smith, \"\"J\"\"\nx\",1,2026-01-02 03:04:05,1.5,True,2026-01-02\n,2,,NULL,f,\n",
    )
    .expect("written");
    let columns: Vec<TableColumn> = ["name", "id", "at", "price", "ok", "day"].into_iter().map(column).collect();
    let relation = Relation::new("lake", "main", "t");
    let format = CsvFormat { null_words: true, ..CsvFormat::default() };
    assert_eq!(c.load_csv(&relation, &columns, &file, format).expect("loaded"), 2);
    let got = query(&mut c, "select * from t order by id").rows;
    assert_eq!(got[0][1], Value::from("Smith, \"J\"\nx"));
    assert_eq!(got[0][3], Value::Decimal("1.50".to_owned()));
    assert_eq!(got[0][4], Value::Bool(true));
    assert_eq!(got[0][5].to_string(), "2026-01-02");
    assert!(got[1][1].is_null() && got[1][2].is_null() && got[1][3].is_null());
    let more = vec![vec![Value::Int(3), Value::from("z")], vec![Value::Int(4), Value::Null]];
    let loaded = c.load_rows(&relation, &[column("id"), column("name")], &mut more.into_iter());
    assert_eq!(loaded.expect("loaded"), 2);
    assert_eq!(rows(&mut c, "select id, name from t where id > 2 order by id"), "3 z, 4 None");
    std::fs::write(&file, "id\nx\n").expect("written");
    let error = c.load_csv(&relation, &[column("id")], &file, CsvFormat::default()).expect_err("no number");
    assert_eq!(error.kind, ErrorKind::Conversion, "{}", error.message);
    assert_eq!(rows(&mut c, "select count(*) from t"), "4");
}

#[test]
fn sums_beside_distinct_counts_keep_their_digits() {
    let lake = Lake::new();
    let mut c = lake.connect();
    run(&mut c, "create table t as select i % 3 as k, cast(i as decimal(16,2)) as d, i as n from range(9) as s(i)");
    run(&mut c, "create table u as select k, count(distinct n) as m, sum(d) as d, sum(n) as n from t group by k");
    let joined = "create table v as with s as (select k, count(distinct n) as m, sum(d) as d from t group by 1) \
                  select t.k, s.m, s.d from t left join s on t.k = s.k where t.n < 3";
    run(&mut c, joined);
    assert_eq!(rows(&mut c, "select k, m, d from v order by k"), "0 3 9.00, 1 3 12.00, 2 3 15.00");
    let columns = c.columns(&Relation::new("lake", "main", "u")).expect("columns");
    let types: Vec<_> = columns.iter().map(|c| c.data_type.as_str()).collect();
    assert_eq!(types, ["bigint", "bigint", "decimal(26,2)", "bigint"]);
}

#[test]
fn rows_are_sorted_by_functions_of_functions() {
    let lake = Lake::new();
    let mut c = lake.connect();
    run(&mut c, "create table t as select i, i % 2 as k, date '2024-01-04' as d from range(5) as s(i)");
    let sql = "select i, rank() over (partition by k order by abs(date_diff('day', d, date '2024-01-01' + i))) from t \
               order by abs(i - 3), i";
    assert_eq!(rows(&mut c, sql), "3 1, 2 1, 4 1, 1 2, 0 3");
}

#[test]
fn large_temporary_tables_lie_on_disk() {
    let lake = Lake::new();
    let spill = lake.folder.path().join("spill");
    let json = serde_json::json!({
        "type": "datafusion", "path": lake.path().to_str(), "memory_limit": "128MB", "temp_directory": spill.to_str(),
    });
    let Value::Map(options) = Value::from_json(&json) else { panic!("a mapping") };
    let adapter = open(&options, std::path::Path::new("/")).expect("settings");
    let mut connection = adapter.connect().expect("a connection");
    let on_disk = || -> u64 {
        let files = walkdir::WalkDir::new(&spill).into_iter().filter_map(Result::ok);
        files.filter_map(|e| e.metadata().ok()).filter(std::fs::Metadata::is_file).map(|m| m.len()).sum()
    };
    let many = "select i, 'the text of row ' || i as t from range(0, 1000000) r(i)";
    assert_eq!(run(&mut connection, &format!("create temporary table many as {many}")), Some(1_000_000));
    assert!(on_disk() > 20_000_000, "{}", on_disk());
    let sums = "select count(*), sum(i), min(t), max(t) from many where i % 2 = 0";
    let half = "500000 249999500000 the text of row 0 the text of row 999998";
    assert_eq!(rows(&mut connection, sums), half);
    assert_eq!(run(&mut connection, "insert into many select i + 1000000, t from many where i < 10"), Some(10));
    assert_eq!(run(&mut connection, "delete from many where i % 2 = 1"), Some(500_005));
    assert_eq!(rows(&mut connection, "select count(*), max(i) from many"), "500005 1000008");
    // From there into a table of the lake, and joined with itself.
    run(&mut connection, "create table kept as select a.* from many a join many b on a.i = b.i where a.i < 1000000");
    assert_eq!(rows(&mut connection, &sums.replace("many", "kept")), half);
    run(&mut connection, "create or replace temporary table many as select 1 as i");
    assert_eq!(rows(&mut connection, "select * from many"), "1");
    assert!(on_disk() < 1_000_000, "{}", on_disk());
}

//! The adapter against the linked engine.

mod timezone;

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::adapters::{Adapter, AdapterError, ColumnInfo, Connection, CsvFormat, ErrorKind, Fetch, open};
use crate::base::{Dict, Relation, RelationKind, Table, TableColumn, Value};

fn adapter_at(path: &str, extra: &str) -> Arc<dyn Adapter> {
    let json = format!(r#"{{"type": "duckdb", "path": {} {extra}}}"#, serde_json::Value::from(path));
    let Value::Map(options) = Value::from_json(&serde_json::from_str(&json).expect("JSON")) else {
        panic!("a mapping")
    };
    open(&options, Path::new("/")).expect("settings")
}

fn memory() -> (Arc<dyn Adapter>, Box<dyn Connection>) {
    let adapter = adapter_at(":memory:", "");
    let connection = adapter.connect().expect("a connection");
    (adapter, connection)
}

fn query(connection: &mut Box<dyn Connection>, sql: &str) -> Table {
    connection.execute(sql, Fetch::All).unwrap_or_else(|e| panic!("{sql}: {}", e.labelled())).table
}

fn run(connection: &mut Box<dyn Connection>, sql: &str) {
    query(connection, sql);
}

fn refused(connection: &mut Box<dyn Connection>, sql: &str) -> AdapterError {
    match connection.execute(sql, Fetch::All) {
        Ok(_) => panic!("{sql} succeeded"),
        Err(error) => error,
    }
}

fn column(name: &str, data_type: &str) -> TableColumn {
    TableColumn { name: name.to_owned(), data_type: data_type.to_owned() }
}

#[test]
fn every_type_comes_across_and_is_named_as_describe_names_it() {
    let (_adapter, mut connection) = memory();
    let cases = [
        ("null", "Null"),
        ("true", "Bool(true)"),
        ("(-128)::tinyint", "Int(-128)"),
        ("255::utinyint", "Int(255)"),
        ("65535::usmallint", "Int(65535)"),
        ("4294967295::uinteger", "Int(4294967295)"),
        ("18446744073709551615::ubigint", "Int(18446744073709551615)"),
        ("(-170141183460469231731687303715884105728)::hugeint", "Int(-170141183460469231731687303715884105728)"),
        ("340282366920938463463374607431768211455::uhugeint", "Decimal(\"340282366920938463463374607431768211455\")"),
        ("0.1::float", "Float(0.10000000149011612)"),
        ("'nan'::double", "Float(NaN)"),
        ("'-inf'::double", "Float(-inf)"),
        ("(-0.05)::decimal(4,2)", "Decimal(\"-0.05\")"),
        ("12345678901234567890.123::decimal(38,3)", "Decimal(\"12345678901234567890.123\")"),
        ("7::decimal(9,0)", "Decimal(\"7\")"),
        ("'äöü, and a string that is not inlined'", "Str(\"äöü, and a string that is not inlined\")"),
        ("'short'", "Str(\"short\")"),
        ("'\\x00\\xFF'::blob", "Bytes([0, 255])"),
        ("date '2024-02-29'", "Date(2024-02-29)"),
        ("date 'infinity'", "Str(\"infinity\")"),
        ("date '-infinity'", "Str(\"-infinity\")"),
        ("date '5877642-06-25 (BC)'", "Str(\"5877642-06-25 (BC)\")"),
        ("time '23:59:59.123456'", "Time(23:59:59.123456)"),
        ("time '24:00:00'", "Str(\"24:00:00\")"),
        ("'01:02:03.123456789'::time_ns", "Time(01:02:03.123456789)"),
        ("'12:30:00.5+05:45'::timetz", "Str(\"12:30:00.5+05:45\")"),
        ("timestamp '2024-01-02 03:04:05.678901'", "Timestamp(2024-01-02T03:04:05.678901)"),
        ("'1969-12-31 23:59:59'::timestamp_s", "Timestamp(1969-12-31T23:59:59)"),
        ("'2024-01-02 03:04:05.678'::timestamp_ms", "Timestamp(2024-01-02T03:04:05.678)"),
        ("'2024-01-02 03:04:05.123456789'::timestamp_ns", "Timestamp(2024-01-02T03:04:05.123456789)"),
        ("timestamp 'infinity'", "Str(\"infinity\")"),
        ("timestamp '290309-12-22 (BC) 00:00:00'", "Str(\"290309-12-22 (BC) 00:00:00\")"),
        ("'2024-01-02 03:04:05+02'::timestamptz", "TimestampTz(2024-01-02T01:04:05+00:00)"),
        ("interval '1 year 2 months 1 day 01:02:03.5'", "Str(\"1 year 2 months 1 day 01:02:03.5\")"),
        ("'eeccb8c5-9943-b2bb-bb5e-222f4e14b687'::uuid", "Str(\"eeccb8c5-9943-b2bb-bb5e-222f4e14b687\")"),
        ("'b'::enum('a', 'b''c', 'b')", "Str(\"b\")"),
        ("'0101011'::bit", "Str(\"0101011\")"),
        (
            "(-123456789012345678901234567890123456789012345)::bignum",
            "Str(\"-123456789012345678901234567890123456789012345\")",
        ),
        ("0::bignum", "Str(\"0\")"),
        ("[1, null, 3]", "List([Int(1), Null, Int(3)])"),
        ("[]::varchar[]", "List([])"),
        ("[[1], [], null]", "List([List([Int(1)]), List([]), Null])"),
        ("[1, 2]::integer[2]", "List([Int(1), Int(2)])"),
        ("{'a': 1, 'select': 'x', 'B c': null}", "Map({\"a\": Int(1), \"select\": Str(\"x\"), \"B c\": Null})"),
        ("row(1, 'x')", "List([Int(1), Str(\"x\")])"),
        ("map {'k': 1, 'l': null}", "Map({\"k\": Int(1), \"l\": Null})"),
        ("map {1: 'x'}", "Map({\"1\": Str(\"x\")})"),
        ("union_value(num := 2)::union(str varchar, num integer)", "Int(2)"),
        ("'x'::union(str varchar, num integer)", "Str(\"x\")"),
        ("'{\"a\": 1}'::json", "Str(\"{\\\"a\\\": 1}\")"),
        ("{'a': 1}::variant", "Str(\"{'a': 1}\")"),
        ("[1::variant, 'x'::variant]", "Str(\"[1, x]\")"),
    ];
    for (sql, expected) in cases {
        // The null row and the row of another block make sure that masks and offsets are honoured.
        let sql = format!("select v from (select {sql} as v, 0 as i union all select null, 1) order by i");
        let table = query(&mut connection, &sql);
        assert_eq!(format!("{:?}", table.rows[0][0]), expected, "{sql}");
        assert!(table.rows[1][0].is_null(), "{sql}");
        let described = query(&mut connection, &format!("describe {sql}")).rows[0][1].to_string();
        assert_eq!(table.columns[0].data_type, described, "{sql}");
    }
}

#[test]
fn the_engines_own_table_of_all_types_does_not_panic() {
    let (_adapter, mut connection) = memory();
    let table = query(&mut connection, "from test_all_types()");
    assert_eq!(table.rows.len(), 3);
    for (column, value) in table.columns.iter().zip(&table.rows[1]) {
        assert!(!value.is_null(), "{} {}", column.name, column.data_type);
    }
}

#[test]
fn many_rows_and_limits() {
    let (_adapter, mut connection) = memory();
    let table = query(&mut connection, "select i, [i, i + 1] as l, 'value ' || i as s from range(5000) t(i)");
    assert_eq!(table.rows.len(), 5000);
    assert_eq!(table.rows[4999][1], Value::List(vec![Value::Int(4999), Value::Int(5000)]));
    assert_eq!(table.rows[2048][2], Value::from("value 2048"));
    let some = connection.execute("from range(1000000000000)", Fetch::Limit(3)).expect("a stream");
    assert_eq!(some.table.rows.len(), 3);
    run(&mut connection, "create table after_a_half_read_stream (i int)");
    let none = connection.execute("select 1 as one, 2.5 as two", Fetch::None).expect("columns");
    assert_eq!(none.table.columns, [column("one", "INTEGER"), column("two", "DECIMAL(2,1)")]);
    assert!(none.table.rows.is_empty());
}

#[test]
fn several_statements_and_none() {
    let (_adapter, mut connection) = memory();
    let execution = connection
        .execute(
            "create table t (i int); -- one\ninsert into t values (1), (2);\nselect sum(i) as s from t;",
            Fetch::All,
        )
        .expect("three statements");
    assert_eq!(execution.table.rows, [[Value::Int(3)]]);
    assert_eq!(connection.execute("update t set i = i + 1", Fetch::None).expect("an update").rows_affected, Some(2));
    assert_eq!(connection.execute("create table u as from t", Fetch::None).expect("ctas").rows_affected, Some(2));
    for nothing in ["", "  ;; ", "-- only a comment", "/* only */ ;"] {
        let execution = connection.execute(nothing, Fetch::All).unwrap_or_else(|e| panic!("{nothing:?}: {e}"));
        assert!(execution.table.columns.is_empty() && execution.message == "OK");
    }
    let pivot = query(&mut connection, "pivot (values ('a', 1), ('b', 2)) v(k, n) on k using sum(n)");
    assert_eq!(pivot.columns.len(), 2);
    run(&mut connection, "set variable x = 5; pragma enable_object_cache; call pragma_version(); show tables");
    assert_eq!(query(&mut connection, "select getvariable('x')").rows[0][0], Value::Int(5));
}

#[test]
fn errors_have_kind_place_and_candidates() {
    let (_adapter, mut connection) = memory();
    run(&mut connection, "create table orders (id int primary key, customer_id int check (customer_id > 0))");
    let cases = [
        ("selec 1", ErrorKind::Syntax, Some(0)),
        ("select 1; select 'ä', custmer_id from orders", ErrorKind::Binder, Some(23)),
        ("select * from order_", ErrorKind::Catalog, Some(14)),
        ("select abs(1, 2, 3)", ErrorKind::Binder, Some(7)),
        ("insert into orders values (1, 1), (1, 1)", ErrorKind::Constraint, None),
        ("insert into orders values (2, -1)", ErrorKind::Constraint, None),
        ("insert into orders values (null, 1)", ErrorKind::Constraint, None),
        ("select cast('a' as int)", ErrorKind::Conversion, Some(7)),
        ("select 200::tinyint", ErrorKind::Conversion, None),
        ("select * from '/nowhere.csv'", ErrorKind::Io, None),
        ("load spatial", ErrorKind::Io, None),
        ("attach 'md:x'", ErrorKind::Io, None),
        ("select st_point(1, 2)", ErrorKind::Catalog, None),
        ("set nonsense = 1", ErrorKind::Catalog, None),
        ("select $1", ErrorKind::Other, None),
        ("commit", ErrorKind::Other, None),
    ];
    for (sql, kind, position) in cases {
        let error = refused(&mut connection, sql);
        assert_eq!(error.kind, kind, "{sql}: {}", error.labelled());
        if position.is_some() {
            assert_eq!(error.position, position, "{sql}: {}", error.labelled());
        }
        assert!(!error.message.contains("LINE 1") && !error.message.contains("exception_type"), "{}", error.message);
        assert_eq!(error.sql.as_deref(), Some(sql));
    }
    let error = refused(&mut connection, "select custmer_id from orders");
    assert_eq!(error.candidates, ["customer_id"]);
}

#[test]
fn transactions_roll_back_ddl_and_survive_errors() {
    let (_adapter, mut connection) = memory();
    connection.begin().expect("begin");
    connection.begin().expect("begin again");
    run(&mut connection, "create table t as select 1 as i");
    connection.rollback().expect("rollback");
    assert_eq!(refused(&mut connection, "from t").kind, ErrorKind::Catalog);

    // A failed statement dooms the transaction; its commit must not pass for one.
    connection.begin().expect("begin");
    run(&mut connection, "create table t as select 1 as i");
    refused(&mut connection, "select cast('x' as int) from t");
    assert!(connection.in_transaction());
    assert!(connection.commit().is_err());
    assert!(!connection.in_transaction());
    connection.reset().expect("reset");
    run(&mut connection, "create table t as select 2 as i");

    // An error of the binder leaves it whole.
    connection.begin().expect("begin");
    run(&mut connection, "insert into t values (3)");
    refused(&mut connection, "select nothing from t");
    connection.commit().expect("commit");
    assert_eq!(query(&mut connection, "from t").rows.len(), 2);

    // Hooks may say it in SQL.
    run(&mut connection, "begin; insert into t values (4)");
    assert!(connection.in_transaction());
    run(&mut connection, "commit");
    assert!(!connection.in_transaction());
    run(&mut connection, "begin");
    refused(&mut connection, "begin");
    assert!(connection.in_transaction());
    connection.rollback().expect("rollback");
    assert_eq!(query(&mut connection, "from t").rows.len(), 3);
}

#[test]
fn connections_work_side_by_side_and_conflicts_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dev.duckdb");
    let adapter = adapter_at(&path.to_string_lossy(), "");
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let mut connection = adapter.connect().expect("a connection");
            std::thread::spawn(move || {
                for n in 0..10 {
                    connection.begin().expect("begin");
                    run(&mut connection, &format!("create table t_{worker}_{n} as from range(1000)"));
                    run(&mut connection, &format!("create or replace view v_{worker}_{n} as from t_{worker}_{n}"));
                    connection.commit().expect("commit");
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|w| w.join().expect("a worker"));
    let (mut one, mut two) = (adapter.connect().expect("one"), adapter.connect().expect("two"));
    assert_eq!(one.list_relations("dev", "main").expect("relations").len(), 80);

    one.begin().expect("begin");
    two.begin().expect("begin");
    run(&mut one, "create table same (i int)");
    assert_eq!(refused(&mut two, "create table same (i int)").kind, ErrorKind::TransactionConflict);
    two.rollback().expect("rollback");
    one.commit().expect("commit");
    one.begin().expect("begin");
    two.begin().expect("begin");
    run(&mut one, "insert into same values (1)");
    run(&mut two, "alter table t_0_0 add column x int");
    run(&mut one, "select * from t_0_0");
    assert_eq!(refused(&mut one, "alter table t_0_0 add column y int").kind, ErrorKind::TransactionConflict);
    one.rollback().expect("rollback");
    two.commit().expect("commit");
}

#[test]
fn the_catalog_is_read_per_schema() {
    let (_adapter, mut connection) = memory();
    run(
        &mut connection,
        "create schema \"Odd\"; create table \"Odd\".\"T t\" (a int not null, b decimal(18,3), c struct(x int, \"y z\" varchar)[]);
         create view \"Odd\".v as select a from \"Odd\".\"T t\"; create table main.other (i int);
         comment on table \"Odd\".\"T t\" is 'about t'; comment on column \"Odd\".\"T t\".b is 'about b'",
    );
    let relations = connection.list_relations("MEMORY", "odd").expect("relations");
    let names: Vec<(String, RelationKind)> = relations.iter().map(|(r, k)| (r.to_string(), *k)).collect();
    assert_eq!(
        names,
        [("memory.Odd.T t".to_owned(), RelationKind::Table), ("memory.Odd.v".to_owned(), RelationKind::View)]
    );
    let columns = connection.columns(&relations[0].0).expect("columns");
    let info = |name: &str, data_type: &str, nullable| ColumnInfo {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        nullable,
    };
    assert_eq!(
        columns,
        [
            info("a", "INTEGER", false),
            info("b", "DECIMAL(18,3)", true),
            info("c", "STRUCT(x INTEGER, \"y z\" VARCHAR)[]", true)
        ]
    );
    assert!(connection.columns(&Relation::new("memory", "main", "nope")).expect("no columns").is_empty());
    assert!(connection.columns(&Relation::new("nodb", "main", "nope")).expect("no columns").is_empty());
    assert!(connection.columns(&Relation::new("memory", "noschema", "nope")).expect("no columns").is_empty());
    assert!(connection.list_schemas("memory").expect("schemas").contains(&"Odd".to_owned()));
    let catalog = connection.catalog(&[("memory".to_owned(), "Odd".to_owned())]).expect("catalog");
    assert_eq!(catalog.rows.len(), 4);
    let cell = |row: usize, name: &str| catalog.rows[row][catalog.column_index(name).expect(name)].clone();
    assert_eq!(cell(0, "table_comment"), Value::from("about t"));
    assert_eq!(cell(1, "column_comment"), Value::from("about b"));
    assert_eq!((cell(1, "column_type"), cell(3, "table_type")), (Value::from("DECIMAL(18,3)"), Value::from("VIEW")));
}

#[test]
fn csv_files_load_with_the_tables_types() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("it's.csv");
    let text =
        "\u{feff}id,Name x,day,ok\r\n1,\"a, \"\"b\"\"\nsecond line\",2024-01-02,true\r\n2,,,\r\n3,null,NULL,false\r\n";
    std::fs::write(&path, text).expect("a file");
    let (_adapter, mut connection) = memory();
    run(&mut connection, "create table seed (ok boolean, id integer, \"Name x\" text, day date)");
    let seed = Relation::new("memory", "main", "seed");
    let columns = [column("id", "integer"), column("Name x", "text"), column("day", "date"), column("ok", "boolean")];
    let plain = connection.load_csv(&seed, &columns, &path, CsvFormat::default()).expect_err("`NULL` is no date");
    assert_eq!(plain.kind, ErrorKind::Conversion, "{}", plain.labelled());

    connection.begin().expect("begin");
    let count = connection.load_csv(&seed, &columns, &path, CsvFormat { null_words: true, ..CsvFormat::default() });
    assert_eq!(count.expect("rows"), 3);
    let table = query(&mut connection, "select id, \"Name x\", day, ok from seed order by id");
    assert_eq!(table.rows[0][1], Value::from("a, \"b\"\nsecond line"));
    assert_eq!(table.rows[1][1..], [Value::Null, Value::Null, Value::Null]);
    assert_eq!((&table.rows[2][1], &table.rows[2][2]), (&Value::from("null"), &Value::Null));
    connection.rollback().expect("rollback");
    assert!(query(&mut connection, "from seed").rows.is_empty());

    std::fs::write(&path, "id;Name x;day;ok\n").expect("a file");
    let semicolon = CsvFormat { delimiter: ';', ..CsvFormat::default() };
    assert_eq!(connection.load_csv(&seed, &columns, &path, semicolon).expect("no rows"), 0);
    std::fs::write(&path, "id;Name x;day;ok\n1;a;2024-01-02;true;5\n").expect("a file");
    let ragged = connection.load_csv(&seed, &columns, &path, semicolon).expect_err("a column too many");
    assert!(ragged.message.contains("Line: 2"), "{}", ragged.labelled());
    assert_eq!(ragged.line, Some(2));
}

#[test]
fn rows_from_memory_load_with_casts_and_roll_back() {
    let (_adapter, mut connection) = memory();
    run(
        &mut connection,
        "create table seed (id integer, amount decimal(10,2), at_ timestamp default '2024-01-01', tags varchar[], b blob)",
    );
    let seed = Relation::new("memory", "main", "seed");
    let columns =
        [column("amount", "DECIMAL(10,2)"), column("id", "INTEGER"), column("tags", "VARCHAR[]"), column("b", "BLOB")];
    connection.begin().expect("begin");
    let rows = vec![
        vec![Value::from("12.345"), Value::Int(1), Value::from("['x', 'y']"), Value::Bytes(vec![0])],
        vec![Value::Decimal("0.10".to_owned()), Value::from("2"), Value::Null, Value::Null],
    ];
    assert_eq!(connection.load_rows(&seed, &columns, &mut rows.into_iter()).expect("rows"), 2);
    let table = query(&mut connection, "select amount, tags, at_ is not null as x from seed order by id");
    assert_eq!(table.rows[0][0], Value::Decimal("12.35".to_owned()));
    assert_eq!(table.rows[0][1], Value::List(vec![Value::from("x"), Value::from("y")]));
    assert_eq!(table.rows[1][2], Value::Bool(true));
    connection.rollback().expect("rollback");
    assert!(query(&mut connection, "from seed").rows.is_empty());
    let bad = vec![vec![Value::from("x"), Value::Int(1), Value::Null, Value::Null]];
    let error = connection.load_rows(&seed, &columns, &mut bad.into_iter()).expect_err("no number");
    assert_eq!(error.kind, ErrorKind::Conversion, "{}", error.labelled());
}

#[test]
fn a_running_query_can_be_interrupted() {
    let (adapter, mut connection) = memory();
    let worker = std::thread::spawn(move || {
        let error = refused(
            &mut connection,
            "select count(*) from range(1000000000) a, range(1000000000) b where a.range % 7 = b.range % 11",
        );
        run(&mut connection, "select 1");
        error
    });
    let start = Instant::now();
    while !worker.is_finished() && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(50));
        adapter.interrupt_all();
    }
    assert_eq!(worker.join().expect("the worker").kind, ErrorKind::Interrupted);
}

#[test]
fn attached_databases_settings_and_secrets_reach_every_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    drop(adapter_at(&text("other.duckdb"), "").connect().expect("creates the file"));
    let extra = format!(
        r#", "attach": [{{"path": {}, "alias": "far", "read_only": true}}], "settings": {{"memory_limit": "512MB", "search_path": "memory.main"}},
            "extensions": ["json", {{"name": "parquet", "repo": "core"}}]"#,
        serde_json::Value::from(text("other.duckdb"))
    );
    let adapter = adapter_at(":memory:", &extra);
    for _ in 0..2 {
        let mut connection = adapter.connect().expect("a connection");
        let table = query(
            &mut connection,
            "select current_setting('memory_limit'), current_setting('autoinstall_known_extensions')",
        );
        assert_eq!(table.rows[0], [Value::from("488.2 MiB"), Value::Bool(false)]);
        assert!(connection.execute("create table far.main.t (i int)", Fetch::None).is_err());
    }
    let missing = adapter_at(":memory:", r#", "extensions": ["nonsense"]"#).connect().err().expect("no such extension");
    assert!(missing.message.contains("INSTALL nonsense") && missing.kind == ErrorKind::Unsupported, "{missing}");
    let secret = adapter_at(":memory:", r#", "secrets": [{"type": "s3", "key_id": "hidden"}]"#).connect().err();
    let secret = secret.expect("s3 needs an extension");
    assert!(secret.message.starts_with("a secret: ") && !format!("{secret:?}").contains("hidden"), "{secret}");
}

#[test]
fn what_cannot_be_opened_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let error =
        |path: &str, extra: &str| adapter_at(path, extra).connect().err().unwrap_or_else(|| panic!("{path} opened"));

    let missing = error(&text("no/folder/x.duckdb"), "");
    assert!(missing.message.contains("folder does not exist"), "{missing}");
    std::fs::write(folder.path().join("text.duckdb"), "id,name\n".repeat(10_000)).expect("a file");
    let text_file = error(&text("text.duckdb"), "");
    assert!(text_file.message.contains("not a valid DuckDB database"), "{text_file}");
    let option = error(":memory:", r#", "config_options": {"no_such": 1}"#);
    assert!(option.kind == ErrorKind::Settings && option.message.contains("no_such"), "{option}");
    let setting = error(":memory:", r#", "settings": {"no_such": 1}"#);
    assert!(setting.message.contains("`settings`") && setting.message.contains("no_such"), "{setting}");
    assert_eq!(error(":memory:", r#", "filesystems": [{"fs": "s3"}]"#).kind, ErrorKind::Unsupported);
    assert!(open(&Dict::new(), Path::new("/")).is_err());
}

#[cfg(unix)]
#[test]
fn a_file_that_another_process_holds_is_locked() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dev.duckdb");
    drop(adapter_at(&path.to_string_lossy(), "").connect().expect("creates the file"));
    let script = "import fcntl, sys, time\nf = open(sys.argv[1], 'r+b')\nfcntl.lockf(f, fcntl.LOCK_EX)\nprint('held', flush=True)\ntime.sleep(60)";
    let holder = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(&path)
        .stdout(std::process::Stdio::piped())
        .spawn();
    // Nothing else on the machine can hold a lock: the test needs a second process.
    let Ok(mut holder) = holder else { return };
    let mut line = String::new();
    std::io::BufReader::new(holder.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    let error = adapter_at(&path.to_string_lossy(), "").connect().err();
    let pid = holder.id();
    holder.kill().expect("killed");
    holder.wait().expect("ended");
    let error = error.expect("locked");
    assert_eq!(error.kind, ErrorKind::Locked { pid: Some(pid) }, "{error}");
    assert!(error.message.contains(&format!("process {pid}")), "{error}");
}

#[test]
fn macros_are_embedded() {
    let macros = memory().0.macros();
    assert!(macros.iter().any(|(path, text)| path.ends_with(".sql") && text.contains("{% macro")));
}

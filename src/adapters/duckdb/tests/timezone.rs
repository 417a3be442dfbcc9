//! Zoned timestamps must work alike with DuckDB's ICU extension and with what stands in for it: the same expressions, the same
//! answers. Whichever of the two the linked library has is tested.

use super::{memory, query, refused, run};
use crate::adapters::{AdapterError, ErrorKind, Fetch};
use crate::base::Value;

/// Timestamps on both sides of everything that has an edge.
const MOMENTS: &str = "(select unnest([timestamp '1969-12-31 23:59:59.999999', '1970-01-01', '2000-02-29 12:34:56.789012', \
    '2021-01-03 23:00:00', '2024-12-30 01:02:03', '1899-12-31', '0001-01-01', '0044-03-15 10:00:00', '9999-12-31', \
    '2024-03-31 02:30:00', '2024-01-31']) as ts, unnest(range(11)) as n)";

#[test]
fn in_utc_a_zoned_timestamp_has_the_calendar_of_a_plain_one() {
    let (_adapter, mut connection) = memory();
    run(&mut connection, "set TimeZone = 'UTC'");
    let mut expressions: Vec<String> = [
        "century",
        "day",
        "dayofmonth",
        "dayofweek",
        "dayofyear",
        "decade",
        "hour",
        "isodow",
        "isoyear",
        "microsecond",
        "millennium",
        "millisecond",
        "minute",
        "month",
        "quarter",
        "second",
        "week",
        "weekday",
        "weekofyear",
        "year",
        "yearweek",
        "monthname",
        "dayname",
        "last_day",
    ]
    .iter()
    .map(|function| format!("{function}(X)"))
    .collect();
    for part in
        ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "ms", "decade", "century", "isoyear"]
    {
        expressions.push(format!("cast(date_trunc('{part}', X) as timestamp)"));
        expressions.push(format!("date_diff('{part}', cast(timestamp '1999-07-08 09:10:11' as T), X)"));
        expressions.push(format!("date_part('{part}', X)"));
    }
    for interval in ["1 month", "-13 months", "400 days", "-1 day 2 hours", "0.5 seconds"] {
        expressions.push(format!("cast(X + interval '{interval}' as timestamp)"));
        expressions.push(format!("cast(X - interval '{interval}' as timestamp)"));
        expressions.push(format!("cast(interval '{interval}' + X as timestamp)"));
    }
    expressions.extend(
        [
            "cast(X as date)",
            "round(epoch(X), 3)",
            "round(julian(X), 6)",
            "cast(X as timestamp)",
            "round(extract(epoch from X), 3)",
            "extract(dow from X)",
            "strftime(X, '%Y-%m-%d %H:%M:%S')",
            "age(X, cast(timestamp '1999-07-08 09:10:11' as T))",
            "X - cast(timestamp '1999-07-08' as T)",
            "date_sub('month', cast(timestamp '1999-07-08 09:10:11' as T), X)",
            "X > timestamp '2000-01-01'",
            "cast(time_bucket(interval '2 weeks', X) as timestamp)",
            "cast(time_bucket(interval '5 months', X) as timestamp)",
        ]
        .map(str::to_owned),
    );
    for expression in expressions {
        let with =
            |column: &str, data_type: &str| expression.replace('X', column).replace(" T)", &format!(" {data_type})"));
        let (zoned, plain) = (with("cast(ts as timestamptz)", "timestamptz"), with("ts", "timestamp"));
        let sql =
            format!("select ts, {zoned} as zoned, {plain} as plain from {MOMENTS} where zoned is distinct from plain");
        let differences = query(&mut connection, &sql);
        assert!(differences.rows.is_empty(), "{sql}: {:?}", differences.rows);
        let types = query(&mut connection, &format!("describe select {zoned} as a, {plain} as b from {MOMENTS}"));
        assert_eq!(types.rows[0][1], types.rows[1][1], "{expression}");
        let null =
            query(&mut connection, &format!("select {} is null", with("cast(null as timestamptz)", "timestamptz")));
        assert_eq!(null.rows[0][0], Value::Bool(true), "{expression}");
    }
}

#[test]
fn mixed_intervals_add_in_the_order_of_icu() {
    let (_adapter, mut connection) = memory();
    run(&mut connection, "set TimeZone = 'UTC'");
    for (expression, expected) in [
        ("timestamptz '2024-01-31 00:00:00+00' + interval '13 months -2 hours'", "2025-02-28 22:00:00+00:00"),
        ("timestamptz '1899-12-31 00:00:00+00' - interval '13 months 2 hours'", "1898-11-30 22:00:00+00:00"),
        ("timestamptz '2024-01-30 05:00:00+00' + interval '1 month 1 day'", "2024-03-01 05:00:00+00:00"),
        ("timestamptz '2024-03-30 05:00:00+00' + interval '-1 month 1 day'", "2024-03-01 05:00:00+00:00"),
        ("timestamptz '2024-03-31 00:00:00+00' - interval '1 month 1 day 1 hour'", "2024-02-28 23:00:00+00:00"),
        ("timestamptz '2024-03-01 00:00:00+00' + interval '-1 month 1 day -1 hour'", "2024-01-30 23:00:00+00:00"),
        ("timestamptz '2024-03-30 23:00:00+00' + interval '-1 month 2 hours'", "2024-02-29 01:00:00+00:00"),
        ("timestamptz '2024-01-30 23:00:00+00' + interval '1 month 2 hours'", "2024-03-01 01:00:00+00:00"),
    ] {
        assert_eq!(
            query(&mut connection, &format!("select {expression}")).rows[0][0].to_string(),
            expected,
            "{expression}"
        );
    }
}

#[test]
fn everyday_expressions_bind_and_keep_their_types() {
    let (_adapter, mut connection) = memory();
    run(&mut connection, "set TimeZone = 'UTC'");
    for (expression, data_type) in [
        ("now() - interval 1 day", "TIMESTAMP WITH TIME ZONE"),
        ("date_trunc('month', now())", "TIMESTAMP WITH TIME ZONE"),
        ("date_add(current_timestamp, interval 1 day)", "TIMESTAMP WITH TIME ZONE"),
        ("time_bucket(interval 1 day, now())", "TIMESTAMP WITH TIME ZONE"),
        ("timestamp '2024-01-01' at time zone 'UTC'", "TIMESTAMP WITH TIME ZONE"),
        ("now() at time zone 'UTC'", "TIMESTAMP"),
        ("now() - now()", "INTERVAL"),
        ("current_date", "DATE"),
        ("today()", "DATE"),
        ("current_date - interval 1 day", "TIMESTAMP"),
        ("current_date - 1", "DATE"),
        ("current_time", "TIME WITH TIME ZONE"),
        ("localtimestamp", "TIMESTAMP"),
        ("now()::date", "DATE"),
        ("extract(year from now())", "BIGINT"),
        ("extract(epoch from now())", "DOUBLE"),
        ("date_part(['year', 'month'], now())", "STRUCT(\"year\" BIGINT, \"month\" BIGINT)"),
        ("datediff('day', current_date, now())", "BIGINT"),
        ("current_setting('TimeZone')", "VARCHAR"),
    ] {
        let execution = connection.execute(&format!("select {expression} as x"), Fetch::All);
        let execution = execution.unwrap_or_else(|e| panic!("{expression}: {}", e.labelled()));
        assert_eq!(execution.table.columns[0].data_type, data_type, "{expression}");
        assert!(!execution.table.rows[0][0].is_null(), "{expression}");
    }
    let same = query(&mut connection, "select current_date = now()::date and localtimestamp = now()::timestamp");
    assert_eq!(same.rows[0][0], Value::Bool(true));
    // Stored expressions must not depend on the session that wrote them.
    run(
        &mut connection,
        "create table t (d date check (extract(year from d) > 2000)); create view v as select current_date as d, extract(year from now()) as y",
    );
    assert_eq!(
        query(&mut connection, "select count(*) from v where d is not null and y > 2000 group by y").rows.len(),
        1
    );
}

#[test]
fn zones_are_known_by_name() {
    let (_adapter, mut connection) = memory();
    let sql = "select ts at time zone zone, cast(ts as timestamptz) at time zone zone from (values \
        (timestamp '2024-07-01 12:00:00', 'Europe/Berlin'), (timestamp '2024-01-01 12:00:00', 'America/New_York'), \
        (timestamp '2024-03-31 02:30:00', 'Europe/Berlin'), (timestamp '2024-10-27 02:30:00', 'Europe/Berlin'), \
        (timestamp '2024-07-01 12:00:00', 'utc'), (timestamp 'infinity', 'Asia/Tokyo')) v(ts, zone)";
    run(&mut connection, "set TimeZone = 'UTC'");
    let table = query(&mut connection, sql);
    let text: Vec<String> = table.rows.iter().map(|row| format!("{} {}", row[0], row[1])).collect();
    assert_eq!(
        text,
        [
            "2024-07-01 10:00:00+00:00 2024-07-01 14:00:00",
            "2024-01-01 17:00:00+00:00 2024-01-01 07:00:00",
            "2024-03-31 01:30:00+00:00 2024-03-31 04:30:00",
            "2024-10-27 01:30:00+00:00 2024-10-27 03:30:00",
            "2024-07-01 12:00:00+00:00 2024-07-01 12:00:00",
            "infinity infinity",
        ]
    );
    assert!(refused(&mut connection, "select now() at time zone 'Mars/Olympus'").message.contains("Mars/Olympus"));
    assert!(refused(&mut connection, "select date_trunc('fortnight', now())").message.contains("fortnight"));
}

#[test]
fn a_session_zone_is_honoured_or_refused() {
    let (_adapter, mut connection) = memory();
    match connection.execute("set TimeZone = 'Asia/Tokyo'", Fetch::None) {
        Ok(_) => {
            let table = query(&mut connection, "select hour(timestamptz '2024-01-01 00:00:00+00')");
            assert_eq!(table.rows[0][0], Value::Int(9));
        }
        Err(AdapterError { kind, message, .. }) => {
            assert!(kind == ErrorKind::Unsupported && message.contains("Asia/Tokyo"), "{message}");
            let table = query(&mut connection, "select current_setting('TimeZone')");
            assert_eq!(table.rows[0][0], Value::from("UTC"));
        }
    }
}

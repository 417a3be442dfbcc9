//! `TIMESTAMP WITH TIME ZONE` where DuckDB's ICU extension is not linked in. In: a fresh instance. Out: the same instance, able
//! to run `current_date`, `now() - interval 1 day`, `date_trunc('day', now())`, `now()::date`, `ts at time zone 'Europe/Berlin'`.
//!
//! DuckDB keeps everything that needs a calendar for this type in ICU; without it such everyday expressions do not bind. What
//! stands in for it here:
//! * the session's time zone is UTC, always. [`refuse_other_zones`] turns any other `SET TimeZone` into an error, for silently
//!   computing in the wrong zone would be worse;
//! * every overload that DuckDB reserves for ICU and that is in daily use is registered here: `+`, `-`, `date_trunc`,
//!   `date_diff`, `timezone` (`at time zone`), `year`, `hour`, `last_day`, ...; those whose result type depends on an argument
//!   (`extract`) are macros of each connection;
//! * in UTC a zoned timestamp and a plain one have the same calendar, so an implicit cast to `TIMESTAMP` lends the functions
//!   that are not reserved (`strftime`, the difference of two timestamps, ...);
//! * `current_date` and its kin are macros over `now()`, which is the transaction's start.
//!
//! Left out, with an error that names the extension: time zone names inside text that is cast, collations,
//! `make_timestamptz`, `pg_timezone_names()`, `time_bucket` with an origin, lists of zoned timestamps by `generate_series`. The
//! table functions `generate_series` and `range` give plain timestamps.

mod calendar;
mod callbacks;
mod register;

use super::engine::{Failure, Session};
use crate::adapters::{AdapterError, ErrorKind};
use crate::base::Table;

/// Names of the zone that is always right here.
const UTC: [&str; 10] =
    ["utc", "etc/utc", "etc/uct", "uct", "zulu", "etc/zulu", "gmt", "etc/gmt", "universal", "etc/universal"];

/// Macros of each connection. Their names are DuckDB's; the keywords `current_date`, `current_time` and `localtimestamp` call
/// the first ones, `extract` calls `date_part`.
const MACROS: [&str; 10] = [
    "current_date() as cast(cast(now() as timestamp) as date)",
    "today() as cast(cast(now() as timestamp) as date)",
    "get_current_time() as cast(cast(cast(now() as timestamp) as time) as timetz)",
    "current_localtime() as cast(cast(now() as timestamp) as time)",
    "current_localtimestamp() as cast(now() as timestamp)",
    "date_part(part, moment timestamptz) as system.main.date_part(part, cast(moment as timestamp)), \
     (part, moment) as system.main.date_part(part, moment)",
    "datepart(part, moment timestamptz) as system.main.date_part(part, cast(moment as timestamp)), \
     (part, moment) as system.main.date_part(part, moment)",
    "date_sub(part, a timestamptz, b timestamptz) as system.main.date_sub(part, cast(a as timestamp), cast(b as timestamp)), \
     (part, a, b) as system.main.date_sub(part, a, b)",
    "datesub(part, a timestamptz, b timestamptz) as system.main.date_sub(part, cast(a as timestamp), cast(b as timestamp)), \
     (part, a, b) as system.main.date_sub(part, a, b)",
    "age(moment timestamptz) as system.main.age(cast(moment as timestamp)), (moment) as system.main.age(moment), \
     (a timestamptz, b timestamptz) as system.main.age(cast(a as timestamp), cast(b as timestamp)), \
     (a, b) as system.main.age(a, b)",
];

/// Registers functions, casts and the `TimeZone` option with the instance. Call it once, where ICU cannot be loaded.
pub(super) fn install(session: &Session) -> Result<(), Failure> {
    register::register(session)
}

/// Prepares one connection.
pub(super) fn prepare(session: &Session) -> Result<(), Failure> {
    MACROS.iter().try_for_each(|definition| session.run(&format!("create or replace temp macro {definition}")))
}

/// Whether SQL may have changed the time zone.
pub(super) fn may_set_zone(sql: &str) -> bool {
    let word = b"timezone";
    sql.as_bytes().windows(word.len()).any(|w| w.eq_ignore_ascii_case(word))
}

/// What to ask a connection after SQL for which [`may_set_zone`] holds.
pub(super) const ZONE_SQL: &str = "select current_setting('TimeZone')";

/// How to take such a change back.
pub(super) const RESET_SQL: &str = "set TimeZone = 'UTC'";

/// An error if the answer to [`ZONE_SQL`] is another zone than UTC.
pub(super) fn refuse_other_zones(answer: &Table) -> Result<(), AdapterError> {
    let zone = answer.rows.first().and_then(|row| row.first()).map(ToString::to_string).unwrap_or_default();
    if UTC.contains(&zone.to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(AdapterError::new(
        ErrorKind::Unsupported,
        format!(
            "TimeZone = '{zone}': without DuckDB's extension `icu`, which is neither built in nor installed, the session's time \
             zone is UTC; write `at time zone '{zone}'` where local time matters"
        ),
    ))
}

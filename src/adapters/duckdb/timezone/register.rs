//! What is registered with an instance. In: a session. Out: functions, casts and an option in DuckDB's system catalog; the
//! code behind them is in [`super::callbacks`].

use std::ffi::CString;

use duckdb::ffi;

use super::super::engine::{Failure, Session};
use super::super::types::LogicalType;
use super::calendar::Part;
use super::callbacks::{
    date_diff, date_trunc, epoch, julian, last_day, minus, part_name, part_number, plus, plus_reversed, same,
    time_bucket, to_date, to_instant, to_wall_clock,
};

const INTERVAL: u32 = ffi::DUCKDB_TYPE_DUCKDB_TYPE_INTERVAL;
const TEXT: u32 = ffi::DUCKDB_TYPE_DUCKDB_TYPE_VARCHAR;
const PLAIN: u32 = ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP;
const ZONED: u32 = ffi::DUCKDB_TYPE_DUCKDB_TYPE_TIMESTAMP_TZ;
const NUMBER: u32 = ffi::DUCKDB_TYPE_DUCKDB_TYPE_BIGINT;

/// Functions named after the part of time that they return.
const PARTS: [&str; 25] = [
    "century",
    "day",
    "dayofmonth",
    "dayofweek",
    "dayofyear",
    "decade",
    "era",
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
    "timezone",
    "timezone_hour",
    "timezone_minute",
    "week",
    "weekday",
    "weekofyear",
    "year",
    "yearweek",
];

/// The price of reading a zoned timestamp as a plain one: dearer than any cast that DuckDB knows for these types, so that it
/// serves only where no other overload fits.
const IMPLICIT_COST: i64 = 1_000;

type Function = unsafe extern "C" fn(ffi::duckdb_function_info, ffi::duckdb_data_chunk, ffi::duckdb_vector);
type Cast = unsafe extern "C" fn(ffi::duckdb_function_info, u64, ffi::duckdb_vector, ffi::duckdb_vector) -> bool;

/// A function to register.
struct Scalar<'a> {
    name: &'a str,
    parameters: &'a [u32],
    result: u32,
    function: Function,
    /// What the function is told with every call: a number in the place of a pointer.
    part: Option<Part>,
}

/// Registers everything with the session's instance.
pub(super) fn register(session: &Session) -> Result<(), Failure> {
    let date = ffi::DUCKDB_TYPE_DUCKDB_TYPE_DATE;
    let double = ffi::DUCKDB_TYPE_DUCKDB_TYPE_DOUBLE;
    let functions: [(&str, &[u32], u32, Function); 15] = [
        ("+", &[ZONED, INTERVAL], ZONED, plus),
        ("+", &[INTERVAL, ZONED], ZONED, plus_reversed),
        ("-", &[ZONED, INTERVAL], ZONED, minus),
        ("date_trunc", &[TEXT, ZONED], ZONED, date_trunc),
        ("datetrunc", &[TEXT, ZONED], ZONED, date_trunc),
        ("time_bucket", &[INTERVAL, ZONED], ZONED, time_bucket),
        ("timezone", &[TEXT, ZONED], PLAIN, to_wall_clock),
        ("timezone", &[TEXT, PLAIN], ZONED, to_instant),
        ("date_diff", &[TEXT, ZONED, ZONED], NUMBER, date_diff),
        ("datediff", &[TEXT, ZONED, ZONED], NUMBER, date_diff),
        ("last_day", &[ZONED], date, last_day),
        ("epoch", &[ZONED], double, epoch),
        ("julian", &[ZONED], double, julian),
        ("monthname", &[ZONED], TEXT, part_name),
        ("dayname", &[ZONED], TEXT, part_name),
    ];
    for (name, parameters, result, function) in functions {
        let part = match name {
            "monthname" => Some(Part::Month),
            "dayname" => Some(Part::DayOfWeek),
            _ => None,
        };
        scalar(session, &Scalar { name, parameters, result, function, part })?;
    }
    for name in PARTS {
        let part = Part::parse(name);
        scalar(session, &Scalar { name, parameters: &[ZONED], result: NUMBER, function: part_number, part })?;
    }
    cast(session, PLAIN, IMPLICIT_COST, same)?;
    cast(session, date, -1, to_date)?;
    option(session, "TimeZone", "UTC")
}

fn kind(id: u32) -> LogicalType {
    // SAFETY: every id used here stands for a type without parameters.
    LogicalType(unsafe { ffi::duckdb_create_logical_type(id) })
}

fn scalar(session: &Session, spec: &Scalar<'_>) -> Result<(), Failure> {
    let name = CString::new(spec.name).map_err(|e| e.to_string())?;
    // SAFETY: the connection is open; DuckDB copies what it is given; the function is destroyed after registration. The extra
    // information is a number in a pointer's clothes, never followed.
    let state = unsafe {
        let mut scalar = ffi::duckdb_create_scalar_function();
        ffi::duckdb_scalar_function_set_name(scalar, name.as_ptr());
        for &id in spec.parameters {
            ffi::duckdb_scalar_function_add_parameter(scalar, kind(id).0);
        }
        ffi::duckdb_scalar_function_set_return_type(scalar, kind(spec.result).0);
        ffi::duckdb_scalar_function_set_function(scalar, Some(spec.function));
        if let Some(part) = spec.part {
            let number = std::ptr::without_provenance_mut(part as usize);
            ffi::duckdb_scalar_function_set_extra_info(scalar, number, None);
        }
        let state = ffi::duckdb_register_scalar_function(session.raw(), scalar);
        ffi::duckdb_destroy_scalar_function(&mut scalar);
        state
    };
    done(state, spec.name)
}

fn cast(session: &Session, target: u32, implicit_cost: i64, function: Cast) -> Result<(), Failure> {
    // SAFETY: as in `scalar`.
    let state = unsafe {
        let mut cast = ffi::duckdb_create_cast_function();
        ffi::duckdb_cast_function_set_source_type(cast, kind(ZONED).0);
        ffi::duckdb_cast_function_set_target_type(cast, kind(target).0);
        ffi::duckdb_cast_function_set_implicit_cast_cost(cast, implicit_cost);
        ffi::duckdb_cast_function_set_function(cast, Some(function));
        let state = ffi::duckdb_register_cast_function(session.raw(), cast);
        ffi::duckdb_destroy_cast_function(&mut cast);
        state
    };
    done(state, "cast")
}

fn option(session: &Session, name: &str, value: &str) -> Result<(), Failure> {
    let c_name = CString::new(name).map_err(|e| e.to_string())?;
    let c_value = CString::new(value).map_err(|e| e.to_string())?;
    // SAFETY: as in `scalar`.
    let state = unsafe {
        let mut option = ffi::duckdb_create_config_option();
        ffi::duckdb_config_option_set_name(option, c_name.as_ptr());
        ffi::duckdb_config_option_set_type(option, kind(TEXT).0);
        let mut default = ffi::duckdb_create_varchar(c_value.as_ptr());
        ffi::duckdb_config_option_set_default_value(option, default);
        ffi::duckdb_destroy_value(&mut default);
        let scope = ffi::duckdb_config_option_scope_DUCKDB_CONFIG_OPTION_SCOPE_SESSION;
        ffi::duckdb_config_option_set_default_scope(option, scope);
        let state = ffi::duckdb_register_config_option(session.raw(), option);
        ffi::duckdb_destroy_config_option(&mut option);
        state
    };
    done(state, name)
}

fn done(state: ffi::duckdb_state, name: &str) -> Result<(), Failure> {
    if state == ffi::DuckDBSuccess { Ok(()) } else { Err(format!("`{name}` cannot be registered for time zones")) }
}

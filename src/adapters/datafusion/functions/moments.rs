//! Dates and timestamps written as text. In: text. Out: what DuckDB reads in it: `2024-1-31`, `2024/01/31 10:00`,
//! `2024-01-31T10:00:00.5+02:00`.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{ArrayRef, Date32Array, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::common::Result;
use datafusion::logical_expr::ScalarUDF;

use super::parts::{DAY, HOUR, MINUTE, SECOND, day_of, days};
use super::scalar::{Kind, Scalar, micros, text, utc};

/// The functions that casts of text become.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let of_text = |name, gives, body| Scalar::new(name).on(&[Kind::Text], gives, body).build();
    vec![
        of_text("moment_of_text", micros(), |args, _| moments(args, false)),
        of_text("try_moment_of_text", micros(), |args, _| moments(args, true)),
        of_text("instant_of_text", utc(), |args, _| instants(args, false)),
        of_text("try_instant_of_text", utc(), |args, _| instants(args, true)),
        of_text("day_of_text", DataType::Date32, |args, _| dates(args, false)),
        of_text("try_day_of_text", DataType::Date32, |args, _| dates(args, true)),
    ]
}

fn moments(args: &[ArrayRef], lenient: bool) -> Result<ArrayRef> {
    // A zone is read and does not count: the type has none.
    let local = |text: &str| Some(local_moment(text)?.0);
    let read = text(&args[0]).iter().map(|value| found(value, lenient, "TIMESTAMP", local));
    Ok(Arc::new(read.collect::<Result<TimestampMicrosecondArray>>()?))
}

fn instants(args: &[ArrayRef], lenient: bool) -> Result<ArrayRef> {
    let instant = |text: &str| local_moment(text).map(|(local, offset)| local - offset);
    let read = text(&args[0]).iter().map(|value| found(value, lenient, "TIMESTAMP WITH TIME ZONE", instant));
    Ok(Arc::new(read.collect::<Result<TimestampMicrosecondArray>>()?.with_timezone("UTC")))
}

fn dates(args: &[ArrayRef], lenient: bool) -> Result<ArrayRef> {
    let day = |text: &str| i32::try_from(day_of(local_moment(text)?.0)).ok();
    let read = text(&args[0]).iter().map(|value| found(value, lenient, "DATE", day));
    Ok(Arc::new(read.collect::<Result<Date32Array>>()?))
}

fn found<T>(value: Option<&str>, lenient: bool, kind: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
    let Some(value) = value else { return Ok(None) };
    match read(value) {
        None if !lenient => Err(ArrowError::CastError(format!("Could not convert string '{value}' to {kind}")).into()),
        read => Ok(read),
    }
}

/// Microseconds since 1970 as they are written, and how much of them is the offset of the zone.
fn local_moment(text: &str) -> Option<(i64, i64)> {
    let (year, rest) = number(text.trim(), 4..=6)?;
    let separator = rest.chars().next().filter(|c| matches!(c, '-' | '/'))?;
    let (month, rest) = number(&rest[1..], 1..=2)?;
    let (day, rest) = number(rest.strip_prefix(separator)?, 1..=2)?;
    let date =
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()?, u32::try_from(day).ok()?)?;
    let midnight = days(date) * DAY;
    if rest.is_empty() {
        return Some((midnight, 0));
    }
    let (time, rest) = clock(rest.strip_prefix(['T', ' '])?.trim_start())?;
    Some((midnight + time, zone(rest.trim())?))
}

/// `10:00`, `10:00:00.123`: microseconds, and what follows.
fn clock(text: &str) -> Option<(i64, &str)> {
    let (hour, rest) = number(text, 1..=2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 1..=2)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => number(rest, 1..=2)?,
        None => (0, rest),
    };
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let padded = format!("{:0<6}", &rest[..digits.min(6)]);
            (padded.parse().ok()?, &rest[digits..])
        }
        None => (0, rest),
    };
    let whole = hour < 24 && minute < 60 && second < 60;
    whole.then_some((hour * HOUR + minute * MINUTE + second * SECOND + fraction, rest))
}

/// `Z`, `UTC`, `+02`, `-05:30`: microseconds.
fn zone(text: &str) -> Option<i64> {
    if text.is_empty() || text.eq_ignore_ascii_case("z") || text.eq_ignore_ascii_case("utc") {
        return Some(0);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, rest) = number(&text[1..], 2..=2)?;
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let (minutes, rest) = if rest.is_empty() { (0, rest) } else { number(rest, 2..=2)? };
    rest.is_empty().then_some(sign * (hours * HOUR + minutes * MINUTE))
}

/// So many digits, and what follows them.
fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<(i64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()).min(*digits.end());
    digits.contains(&end).then_some(())?;
    Some((text[..end].parse().ok()?, &text[end..]))
}

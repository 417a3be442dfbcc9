//! ISO 8601 as Python writes and reads it.
//!
//! In: dates and times, or text. Out: text, or dates and times.

use chrono::{Datelike, NaiveDate, NaiveTime, Timelike};
use minijinja::{Error, Value};

use super::{PyDateTime, PyTime, Zone, date as dates, time as times};
use crate::jinja::values::{string_repr, value_error};

/// How much of a time `isoformat()` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    Auto,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
    Microseconds,
}

impl Precision {
    /// The precision that `timespec` names.
    pub(super) fn of(timespec: Option<&Value>) -> Result<Self, Error> {
        match timespec.and_then(Value::as_str) {
            None | Some("auto") => Ok(Self::Auto),
            Some("hours") => Ok(Self::Hours),
            Some("minutes") => Ok(Self::Minutes),
            Some("seconds") => Ok(Self::Seconds),
            Some("milliseconds") => Ok(Self::Milliseconds),
            Some("microseconds") => Ok(Self::Microseconds),
            Some(_) => Err(value_error("Unknown timespec value")),
        }
    }
}

/// `2024-02-29`.
pub(super) fn date(date: NaiveDate) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

/// `+01:00`.
pub(super) fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let mut text = format!("{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    if !seconds.is_multiple_of(60) {
        text += &format!(":{:02}", seconds % 60);
    }
    text
}

fn time(time: NaiveTime, precision: Precision) -> String {
    let (hour, minute, second, micros) = (time.hour(), time.minute(), time.second(), times::micros(time));
    let seconds = format!("{hour:02}:{minute:02}:{second:02}");
    match precision {
        Precision::Hours => format!("{hour:02}"),
        Precision::Minutes => format!("{hour:02}:{minute:02}"),
        Precision::Milliseconds => format!("{seconds}.{:03}", micros / 1000),
        Precision::Microseconds => format!("{seconds}.{micros:06}"),
        Precision::Auto if micros != 0 => format!("{seconds}.{micros:06}"),
        Precision::Auto | Precision::Seconds => seconds,
    }
}

/// A time with its offset.
pub(super) fn time_with_zone(value: &PyTime, precision: Precision) -> String {
    let zone = value.zone.as_ref().map(|zone| offset(zone.seconds())).unwrap_or_default();
    time(value.time, precision) + &zone
}

/// A datetime with its offset.
pub(super) fn datetime(moment: &PyDateTime, separator: char, precision: Precision) -> String {
    let clock = time_with_zone(&PyTime { time: moment.naive.time(), zone: moment.zone.clone() }, precision);
    format!("{}{separator}{clock}", date(moment.naive.date()))
}

fn invalid(text: &str) -> Error {
    value_error(format!("Invalid isoformat string: {}", string_repr(text)))
}

fn number(digits: &str) -> Option<i64> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// Reads `2024-02-29`, `20240229` or `2024-W09-4`.
pub(super) fn parse_date(text: &str) -> Result<NaiveDate, Error> {
    parse_date_part(text).ok_or_else(|| invalid(text))?
}

fn parse_date_part(text: &str) -> Option<Result<NaiveDate, Error>> {
    let plain: String = text.chars().filter(|char| *char != '-').collect();
    if !text.is_ascii() || text.matches('-').count() > 2 {
        return None;
    }
    if let Some((year, week)) = plain.split_once('W') {
        let day = if week.len() > 2 { number(week.get(2..)?)? } else { 1 };
        let weekday = chrono::Weekday::try_from(u8::try_from(day - 1).ok()?).ok()?;
        let week = u32::try_from(number(week.get(..2)?)?).ok()?;
        return NaiveDate::from_isoywd_opt(i32::try_from(number(year)?).ok()?, week, weekday).map(Ok);
    }
    let dashed = text.len() == 10 && text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(7) == Some(&b'-');
    if !(dashed || text.len() == 8) || plain.len() != 8 {
        return None;
    }
    let (year, month, day) = (number(plain.get(..4)?)?, number(plain.get(4..6)?)?, number(plain.get(6..)?)?);
    Some(dates::build(year, month, day))
}

/// Reads `12:30`, `12:30:00.123+02:00`, `T123000Z`.
pub(super) fn parse_time(text: &str) -> Result<PyTime, Error> {
    parse_time_part(text.strip_prefix('T').unwrap_or(text)).ok_or_else(|| invalid(text))?
}

fn parse_time_part(text: &str) -> Option<Result<PyTime, Error>> {
    let split = text.find(['+', '-', 'Z']).unwrap_or(text.len());
    let (clock, zone) = text.split_at(split);
    let zone = match zone {
        "" => None,
        "Z" => Some(Zone::Utc),
        _ => {
            let (hour, minute, second, _) = clock_numbers(zone.get(1..)?)?;
            let seconds = i32::try_from(hour * 3600 + minute * 60 + second).ok()?;
            Some(Zone::of_offset(if zone.starts_with('-') { -seconds } else { seconds }))
        }
    };
    let (hour, minute, second, micros) = clock_numbers(clock)?;
    Some(times::build(hour, minute, second, micros).map(|time| PyTime { time, zone }))
}

fn clock_numbers(clock: &str) -> Option<(i64, i64, i64, i64)> {
    let (whole, fraction) = clock.split_once(['.', ',']).unwrap_or((clock, ""));
    let plain: String = whole.chars().filter(|char| *char != ':').collect();
    if !clock.is_ascii() || ![2, 4, 6].contains(&plain.len()) {
        return None;
    }
    let part = |from: usize| plain.get(from..from + 2).map_or(Some(0), number);
    let micros = if fraction.is_empty() { 0 } else { number(&format!("{fraction:0<6}")[..6])? };
    Some((part(0)?, part(2)?, part(4)?, micros))
}

/// Reads a date, or a date and a time with any one character between.
pub(super) fn parse_datetime(text: &str) -> Result<PyDateTime, Error> {
    let dashed = text.as_bytes().get(4) == Some(&b'-') && !text.contains('W');
    let length = if dashed { 10 } else { text.find(['T', ' ']).unwrap_or(text.len()) };
    let (Some(day), rest) = (text.get(..length), text.get(length..).unwrap_or_default()) else {
        return Err(invalid(text));
    };
    let date = parse_date(day).map_err(|error| if parse_date_part(day).is_none() { invalid(text) } else { error })?;
    let mut rest = rest.chars();
    let clock = match rest.next() {
        None => PyTime { time: NaiveTime::MIN, zone: None },
        Some(_) => parse_time_part(rest.as_str()).ok_or_else(|| invalid(text))??,
    };
    Ok(PyDateTime { naive: date.and_time(clock.time), zone: clock.zone })
}

//! `strptime`.
//!
//! In: text and a format. Out: the datetime it spells, or Python's `ValueError`.

use chrono::{Duration, NaiveDate};
use minijinja::Error;

use super::{PyDateTime, Zone, date, time};
use crate::base::calendar::{DAYS, MONTHS};
use crate::jinja::values::{string_repr, value_error};

/// What has been read so far.
#[derive(Default)]
struct Read {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    hour12: Option<i64>,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    micros: i64,
    zone: Option<Zone>,
    iso_year: Option<i64>,
    iso_week: Option<i64>,
    weekday: Option<i64>,
}

/// Python's `datetime.strptime(text, format)`.
pub(super) fn strptime(text: &str, format: &str) -> Result<PyDateTime, Error> {
    let mut read = Read::default();
    let rest = read_format(text, format, &mut read).ok_or_else(|| {
        let (text, format) = (string_repr(text), string_repr(format));
        value_error(format!("time data {text} does not match format {format}"))
    })?;
    if !rest.is_empty() {
        return Err(value_error(format!("unconverted data remains: {rest}")));
    }
    read.finish()
}

fn read_format<'t>(mut text: &'t str, format: &str, read: &mut Read) -> Option<&'t str> {
    let mut chars = format.chars();
    while let Some(char) = chars.next() {
        if char.is_whitespace() {
            let trimmed = text.trim_start();
            if trimmed.len() == text.len() && !chars.as_str().starts_with(char::is_whitespace) {
                return None;
            }
            text = trimmed;
        } else if char == '%' {
            text = read_code(text, chars.next()?, read)?;
        } else {
            text = text.strip_prefix(|next: char| next.eq_ignore_ascii_case(&char))?;
        }
    }
    Some(text)
}

fn read_code<'t>(text: &'t str, code: char, read: &mut Read) -> Option<&'t str> {
    let rest;
    match code {
        'Y' => {
            let (year, after) = digits(text, 4)?;
            if text.len() - after.len() != 4 {
                return None;
            }
            (read.year, rest) = (Some(year), after);
        }
        'G' => (read.iso_year, rest) = digits(text, 4).map(|(year, rest)| (Some(year), rest))?,
        'y' => {
            let (year, after) = digits(text, 2)?;
            (read.year, rest) = (Some(if year < 69 { 2000 + year } else { 1900 + year }), after);
        }
        'm' => (read.month, rest) = within(text, 2, 1, 12).map(|(month, rest)| (Some(month), rest))?,
        'd' | 'e' => (read.day, rest) = within(text.trim_start(), 2, 1, 31).map(|(day, rest)| (Some(day), rest))?,
        'j' => (read.day_of_year, rest) = within(text, 3, 1, 366).map(|(day, rest)| (Some(day), rest))?,
        'H' => (read.hour, rest) = within(text, 2, 0, 23)?,
        'I' => (read.hour12, rest) = within(text, 2, 1, 12).map(|(hour, rest)| (Some(hour), rest))?,
        'M' => (read.minute, rest) = within(text, 2, 0, 59)?,
        'S' => (read.second, rest) = within(text, 2, 0, 61)?,
        'V' => (read.iso_week, rest) = within(text, 2, 0, 53).map(|(week, rest)| (Some(week), rest))?,
        'u' => (read.weekday, rest) = within(text, 1, 1, 7).map(|(day, rest)| (Some(day), rest))?,
        'w' => rest = within(text, 1, 0, 6)?.1,
        'U' | 'W' => rest = within(text, 2, 0, 53)?.1,
        'f' => {
            let (micros, after) = digits(text, 6)?;
            let read_digits = u32::try_from(text.len() - after.len()).ok()?;
            (read.micros, rest) = (micros * 10i64.pow(6 - read_digits), after);
        }
        'b' | 'h' | 'B' => {
            let (month, after) = name(text, &MONTHS, code == 'B')?;
            (read.month, rest) = (Some(month + 1), after);
        }
        'a' | 'A' => rest = name(text, &DAYS, code == 'A')?.1,
        'p' => {
            let (half, after) = name(text, &["AM", "PM"], true)?;
            (read.afternoon, rest) = (Some(half == 1), after);
        }
        'z' => (read.zone, rest) = offset(text).map(|(zone, rest)| (Some(zone), rest))?,
        'Z' => {
            rest = text.trim_start_matches(|char: char| char.is_ascii_alphabetic());
            let zone = &text[..text.len() - rest.len()];
            if !(zone.eq_ignore_ascii_case("utc") || zone.eq_ignore_ascii_case("gmt")) {
                return None;
            }
        }
        'c' => rest = read_format(text, "%a %b %d %H:%M:%S %Y", read)?,
        'x' | 'D' => rest = read_format(text, "%m/%d/%y", read)?,
        'X' | 'T' => rest = read_format(text, "%H:%M:%S", read)?,
        'F' => rest = read_format(text, "%Y-%m-%d", read)?,
        'R' => rest = read_format(text, "%H:%M", read)?,
        '%' => rest = text.strip_prefix('%')?,
        _ => return None,
    }
    Some(rest)
}

fn digits(text: &str, most: usize) -> Option<(i64, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(length);
    Some((digits.parse().ok()?, rest))
}

/// Reads up to `most` digits, fewer where the number would leave its bounds.
fn within(text: &str, most: usize, low: i64, high: i64) -> Option<(i64, &str)> {
    (1..=most).rev().filter_map(|most| digits(text, most)).find(|(number, _)| (low..=high).contains(number))
}

fn name<'t>(text: &'t str, names: &[&str], full: bool) -> Option<(i64, &'t str)> {
    names.iter().enumerate().find_map(|(place, name)| {
        let name = if full { name } else { &name[..3] };
        let start = text.get(..name.len())?;
        start.eq_ignore_ascii_case(name).then_some((place as i64, &text[name.len()..]))
    })
}

fn offset(text: &str) -> Option<(Zone, &str)> {
    if let Some(rest) = text.strip_prefix(['Z', 'z']) {
        return Some((Zone::Utc, rest));
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let rest = text.strip_prefix(['+', '-'])?;
    let (hours, rest) = (digits(rest.get(..2)?, 2)?.0, rest.get(2..)?);
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let (minutes, mut rest) = (digits(rest.get(..2)?, 2)?.0, rest.get(2..)?);
    let mut seconds = hours * 3600 + minutes * 60;
    if let Some(after) = rest.strip_prefix(':')
        && let Some((extra, after)) = digits(after, 2)
    {
        (seconds, rest) = (seconds + extra, after);
    }
    Some((Zone::of_offset(i32::try_from(sign * seconds).ok()?), rest))
}

impl Read {
    fn finish(self) -> Result<PyDateTime, Error> {
        let day = if let (Some(year), Some(week), Some(weekday)) = (self.iso_year, self.iso_week, self.weekday) {
            let weekday =
                chrono::Weekday::try_from(u8::try_from(weekday - 1).unwrap_or(0)).unwrap_or(chrono::Weekday::Mon);
            let (year, week) = (i32::try_from(year).unwrap_or(0), u32::try_from(week).unwrap_or(0));
            let day = NaiveDate::from_isoywd_opt(year, week, weekday);
            day.ok_or_else(|| value_error(format!("Invalid week: {week}")))?
        } else if let (Some(days), None) = (self.day_of_year, self.month) {
            let start = date::build(self.year.unwrap_or(1900), 1, 1)?;
            start.checked_add_signed(Duration::days(days - 1)).unwrap_or(start)
        } else {
            date::build(self.year.unwrap_or(1900), self.month.unwrap_or(1), self.day.unwrap_or(1))?
        };
        let hour = match (self.hour12, self.afternoon) {
            (Some(hour), afternoon) => hour % 12 + if afternoon == Some(true) { 12 } else { 0 },
            (None, _) => self.hour,
        };
        let clock = time::build(hour, self.minute, self.second.min(59), self.micros)?;
        Ok(PyDateTime { naive: day.and_time(clock), zone: self.zone })
    }
}

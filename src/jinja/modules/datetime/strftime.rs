//! `strftime` with the codes of Python on Linux.
//!
//! In: a moment and a format. Out: text in the C locale.

use std::fmt::Write as _;

use chrono::{Datelike, Timelike};

use crate::base::calendar::{DAYS, MONTHS};

use super::{PyDateTime, time};

/// How a number is padded, and whether text is raised; the flags `-`, `_`, `0`, `^`, `#` ask for another way.
struct Flags {
    padding: Option<char>,
    upper: bool,
}

/// Formats a moment.
pub(crate) fn strftime(moment: &PyDateTime, format: &str) -> String {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(char) = chars.next() {
        if char != '%' {
            out.push(char);
            continue;
        }
        let mut flags = Flags { padding: None, upper: false };
        let mut raw = String::from("%");
        while let Some(flag) = chars.next_if(|next| matches!(next, '-' | '_' | '0' | '^' | '#')) {
            raw.push(flag);
            match flag {
                '^' | '#' => flags.upper = true,
                padding => flags.padding = Some(padding),
            }
        }
        match chars.next() {
            None => out.push_str(&raw),
            Some(code) => match code_text(moment, code, &flags) {
                Some(text) if flags.upper => out.push_str(&text.to_uppercase()),
                Some(text) => out.push_str(&text),
                None => {
                    out.push_str(&raw);
                    out.push(code);
                }
            },
        }
    }
    out
}

fn number(value: i64, width: usize, default: char, flags: &Flags) -> String {
    match flags.padding.unwrap_or(default) {
        '-' => value.to_string(),
        '_' => format!("{value:>width$}"),
        _ => format!("{value:0>width$}"),
    }
}

fn zone_offset(moment: &PyDateTime) -> String {
    moment.zone.as_ref().map(|zone| super::iso::offset(zone.seconds()).replace(':', "")).unwrap_or_default()
}

fn code_text(moment: &PyDateTime, code: char, flags: &Flags) -> Option<String> {
    let (date, clock) = (moment.naive.date(), moment.naive.time());
    let two = |value: u32| number(value.into(), 2, '0', flags);
    let spaced = |value: u32| number(value.into(), 2, '_', flags);
    let hour12 = if clock.hour() % 12 == 0 { 12 } else { clock.hour() % 12 };
    let day_name = DAYS[date.weekday().num_days_from_sunday() as usize];
    let month_name = MONTHS[date.month0() as usize];
    let half = if clock.hour() < 12 { "AM" } else { "PM" };
    Some(match code {
        'Y' => date.year().to_string(),
        'C' => number((date.year() / 100).into(), 2, '0', flags),
        'y' => number(date.year().rem_euclid(100).into(), 2, '0', flags),
        'm' => two(date.month()),
        'd' => two(date.day()),
        'e' => spaced(date.day()),
        'H' => two(clock.hour()),
        'k' => spaced(clock.hour()),
        'I' => two(hour12),
        'l' => spaced(hour12),
        'M' => two(clock.minute()),
        'S' => two(clock.second()),
        'f' => format!("{:06}", time::micros(clock)),
        'j' => number(date.ordinal().into(), 3, '0', flags),
        'a' => day_name[..3].to_owned(),
        'A' => day_name.to_owned(),
        'b' | 'h' => month_name[..3].to_owned(),
        'B' => month_name.to_owned(),
        'p' => half.to_owned(),
        'P' => half.to_lowercase(),
        'w' => date.weekday().num_days_from_sunday().to_string(),
        'u' => date.weekday().number_from_monday().to_string(),
        'U' => two((date.ordinal() + 6 - date.weekday().num_days_from_sunday()) / 7),
        'W' => two((date.ordinal() + 6 - date.weekday().num_days_from_monday()) / 7),
        'V' => two(date.iso_week().week()),
        'G' => date.iso_week().year().to_string(),
        'g' => two(date.iso_week().year().rem_euclid(100).unsigned_abs()),
        'z' => zone_offset(moment),
        'Z' => moment.zone.as_ref().map(super::Zone::abbreviation).unwrap_or_default(),
        's' => moment.utc().and_utc().timestamp().to_string(),
        'c' => strftime(moment, "%a %b %e %H:%M:%S %Y"),
        'x' | 'D' => strftime(moment, "%m/%d/%y"),
        'X' | 'T' => strftime(moment, "%H:%M:%S"),
        'F' => strftime(moment, "%Y-%m-%d"),
        'R' => strftime(moment, "%H:%M"),
        'r' => strftime(moment, "%I:%M:%S %p"),
        'n' => "\n".to_owned(),
        't' => "\t".to_owned(),
        '%' => "%".to_owned(),
        ':' => {
            let mut text = String::new();
            let _ = write!(text, "%:");
            text
        }
        _ => return None,
    })
}

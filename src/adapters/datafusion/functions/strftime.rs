//! `strftime` and `strptime`: C's format codes, as DuckDB reads and prints them.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::common::{Result, exec_datafusion_err, exec_err};

use crate::base::calendar::{DAYS, MONTHS};

use super::parts::{self, DAY, HOUR, MINUTE, SECOND};
use super::scalar::{fail, text};

/// One piece of a format: plain text or a code, with `-` for "not padded".
enum Piece {
    Text(char),
    Code { code: char, bare: bool },
}

fn pieces(format: &str) -> Result<Vec<Piece>> {
    let mut all = Vec::new();
    let mut letters = format.chars();
    while let Some(c) = letters.next() {
        if c != '%' {
            all.push(Piece::Text(c));
            continue;
        }
        let mut code = letters.next();
        let bare = code == Some('-');
        if bare {
            code = letters.next();
        }
        match code {
            Some('%') => all.push(Piece::Text('%')),
            Some('c') if !bare => all.extend(pieces("%Y-%m-%d %H:%M:%S")?),
            Some('x') if !bare => all.extend(pieces("%Y-%m-%d")?),
            Some('X') if !bare => all.extend(pieces("%H:%M:%S")?),
            Some(code) if "aAbBdeHIjmMSypYfgnUWVGwuzZ".contains(code) => all.push(Piece::Code { code, bare }),
            Some(other) => return exec_err!("'%{other}' is no format code in '{format}'"),
            None => return exec_err!("the format '{format}' ends in the middle of a code"),
        }
    }
    Ok(all)
}

/// Prints moments.
pub(super) fn print(moments: &ArrayRef, formats: &ArrayRef, rows: usize) -> Result<ArrayRef> {
    let given = moments.as_primitive::<TimestampMicrosecondType>();
    let formats = text(formats);
    let mut last: Option<(&str, Vec<Piece>)> = None;
    let printed = (0..rows).map(|row| {
        if given.is_null(row) || formats.is_null(row) {
            return Ok(None);
        }
        let format = formats.value(row);
        if last.as_ref().is_none_or(|(seen, _)| *seen != format) {
            last = Some((format, pieces(format)?));
        }
        let mut out = String::new();
        let moment = parts::moment(given.value(row))?;
        for piece in last.iter().flat_map(|(_, p)| p) {
            match piece {
                Piece::Text(c) => out.push(*c),
                Piece::Code { code, bare } => out.push_str(&code_of(moment, *code, *bare)),
            }
        }
        Ok(Some(out))
    });
    Ok(Arc::new(printed.collect::<Result<StringArray>>()?))
}

fn code_of(t: NaiveDateTime, code: char, bare: bool) -> String {
    let padded = |n: u32, width: usize| if bare { n.to_string() } else { format!("{n:0width$}") };
    let day = t.weekday().num_days_from_sunday();
    match code {
        'a' => DAYS[day as usize][..3].to_owned(),
        'A' => DAYS[day as usize].to_owned(),
        'b' => MONTHS[t.month0() as usize][..3].to_owned(),
        'B' => MONTHS[t.month0() as usize].to_owned(),
        'd' | 'e' => padded(t.day(), 2),
        'H' => padded(t.hour(), 2),
        'I' => padded(t.hour12().1, 2),
        'j' => padded(t.ordinal(), 3),
        'm' => padded(t.month(), 2),
        'M' => padded(t.minute(), 2),
        'S' => padded(t.second(), 2),
        'y' => padded(t.year().rem_euclid(100).unsigned_abs(), 2),
        'p' => if t.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        'Y' => format!("{:04}", t.year()),
        'f' => format!("{:06}", t.nanosecond() / 1000),
        'g' => format!("{:03}", t.nanosecond() / 1_000_000),
        'n' => format!("{:09}", t.nanosecond()),
        'U' => padded((t.ordinal0() + 7 - day) / 7, 2),
        'W' => padded((t.ordinal0() + 7 - (day + 6) % 7) / 7, 2),
        'V' => padded(t.iso_week().week(), 2),
        'G' => format!("{:04}", t.iso_week().year()),
        'w' => day.to_string(),
        'u' => t.weekday().number_from_monday().to_string(),
        'z' => "+00".to_owned(),
        _ => String::new(),
    }
}

/// Reads moments; the second argument is one format or a list of them. `lenient` gives null for what cannot be read.
pub(super) fn read(args: &[ArrayRef], rows: usize, lenient: bool) -> Result<ArrayRef> {
    let given = text(&args[0]);
    let read = (0..rows).map(|row| {
        if given.is_null(row) || args[1].is_null(row) {
            return Ok(None);
        }
        let value = given.value(row);
        let formats = formats(&args[1], row)?;
        for format in &formats {
            if let Some(found) = moment(value, &pieces(format)?) {
                return Ok(Some(found));
            }
        }
        if lenient {
            return Ok(None);
        }
        fail("strptime", format!("'{value}' does not match the format '{}'", formats.join("' or '")))
    });
    Ok(Arc::new(read.collect::<Result<TimestampMicrosecondArray>>()?))
}

fn formats(array: &ArrayRef, row: usize) -> Result<Vec<String>> {
    if array.data_type() == &DataType::Utf8 {
        return Ok(vec![text(array).value(row).to_owned()]);
    }
    let list = array.as_list::<i32>().value(row);
    let list = datafusion::arrow::compute::cast(&list, &DataType::Utf8)
        .map_err(|_| exec_datafusion_err!("strptime: the formats must be text"))?;
    Ok(list.as_string::<i32>().iter().flatten().map(str::to_owned).collect())
}

/// What has been read so far.
struct Reading<'a> {
    rest: &'a str,
    year: i64,
    month: u32,
    day: u32,
    ordinal: Option<u32>,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    afternoon: Option<bool>,
    offset: i64,
}

impl<'a> Reading<'a> {
    fn number(&mut self, most: usize) -> Option<i64> {
        let length = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        digits.parse().ok()
    }

    fn fraction(&mut self, digits: usize) -> Option<i64> {
        let length = self.rest.bytes().take(digits).take_while(u8::is_ascii_digit).count();
        let (found, rest) = self.rest.split_at(length);
        self.rest = rest;
        let value: i64 = found.parse().ok()?;
        let micros = value as f64 * 10f64.powi(6 - i32::try_from(length).ok()?);
        Some(micros.trunc() as i64)
    }

    fn word(&mut self, words: &[&str], length: Option<usize>) -> Option<u32> {
        for (i, word) in words.iter().enumerate() {
            let word = length.map_or(*word, |n| &word[..n]);
            if let Some(head) = self.rest.get(..word.len())
                && head.eq_ignore_ascii_case(word)
            {
                self.rest = &self.rest[word.len()..];
                return u32::try_from(i).ok();
            }
        }
        None
    }

    fn zone(&mut self) -> Option<()> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Some(());
        }
        let sign = match self.rest.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        self.rest = &self.rest[1..];
        let hours = self.number(2)?;
        self.rest = self.rest.strip_prefix(':').unwrap_or(self.rest);
        let minutes = self.number(2).unwrap_or(0);
        self.offset = sign * (hours * HOUR + minutes * MINUTE);
        Some(())
    }

    fn code(&mut self, code: char) -> Option<()> {
        match code {
            'a' => drop(self.word(&DAYS, Some(3))?),
            'A' => drop(self.word(&DAYS, None)?),
            'b' => self.month = self.word(&MONTHS, Some(3))? + 1,
            'B' => self.month = self.word(&MONTHS, None)? + 1,
            'd' | 'e' => self.day = u32::try_from(self.number(2)?).ok()?,
            'm' => self.month = u32::try_from(self.number(2)?).ok()?,
            'Y' => self.year = self.number(4)?,
            'y' => {
                let short = self.number(2)?;
                self.year = if short < 69 { 2000 + short } else { 1900 + short };
            }
            'H' => self.hour = self.number(2).filter(|h| *h < 24)?,
            'I' => self.hour = self.number(2).filter(|h| (1..=12).contains(h))?,
            'M' => self.minute = self.number(2).filter(|m| *m < 60)?,
            'S' => self.second = self.number(2).filter(|s| *s < 60)?,
            'f' => self.micros = self.fraction(6)?,
            'g' => self.micros = self.fraction(3)?,
            'n' => self.micros = self.fraction(9)?,
            'j' => self.ordinal = Some(u32::try_from(self.number(3)?).ok()?),
            'p' => self.afternoon = Some(self.word(&["AM", "PM"], None)? == 1),
            'z' => self.zone()?,
            'w' | 'u' => drop(self.number(1)?),
            'U' | 'W' | 'V' => drop(self.number(2)?),
            'G' => drop(self.number(4)?),
            _ => return None,
        }
        Some(())
    }
}

fn moment(value: &str, format: &[Piece]) -> Option<i64> {
    let mut reading = Reading {
        rest: value.trim(),
        year: 1900,
        month: 1,
        day: 1,
        ordinal: None,
        hour: 0,
        minute: 0,
        second: 0,
        micros: 0,
        afternoon: None,
        offset: 0,
    };
    for piece in format {
        match piece {
            Piece::Text(c) if c.is_whitespace() => {
                let trimmed = reading.rest.trim_start();
                if trimmed.len() == reading.rest.len() {
                    return None;
                }
                reading.rest = trimmed;
            }
            Piece::Text(c) => reading.rest = reading.rest.strip_prefix(*c)?,
            Piece::Code { code, .. } => reading.code(*code)?,
        }
    }
    if !reading.rest.trim().is_empty() {
        return None;
    }
    let year = i32::try_from(reading.year).ok()?;
    let date = match reading.ordinal {
        Some(n) => NaiveDate::from_yo_opt(year, n)?,
        None => NaiveDate::from_ymd_opt(year, reading.month, reading.day)?,
    };
    let hour = match reading.afternoon {
        Some(true) if reading.hour < 12 => reading.hour + 12,
        Some(false) if reading.hour == 12 => 0,
        _ => reading.hour,
    };
    let time = hour * HOUR + reading.minute * MINUTE + reading.second * SECOND + reading.micros;
    Some(parts::days(date) * DAY + time - reading.offset)
}

//! What a scalar means. In: a scalar's text. Out: its [`Kind`] by the rules of YAML 1.1 as PyYAML spells them, and its
//! [`Value`] or the reason why it has none.

use chrono::{FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};

use crate::base::Value;

/// A scalar's kind: what an implicit or explicit tag names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Int,
    Float,
    Timestamp,
    Binary,
    Merge,
    Default,
    Str,
}

impl Kind {
    /// The kind that an explicit tag names.
    pub fn of_tag(tag: &str) -> Option<Self> {
        Some(match tag.strip_prefix("tag:yaml.org,2002:")? {
            "null" => Self::Null,
            "bool" => Self::Bool,
            "int" => Self::Int,
            "float" => Self::Float,
            "timestamp" => Self::Timestamp,
            "binary" => Self::Binary,
            "merge" => Self::Merge,
            "value" => Self::Default,
            "str" => Self::Str,
            _ => return None,
        })
    }

    /// The kind of a plain scalar without tag.
    pub fn of_plain(text: &str) -> Self {
        let Some(first) = text.bytes().next() else { return Self::Null };
        match first {
            b'~' if text == "~" => Self::Null,
            b'n' | b'N' if matches!(text, "null" | "Null" | "NULL") => Self::Null,
            b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' if bool_of(text).is_some() => {
                // Mixed case, such as `yEs`, is text.
                let (head, tail) = text.split_at(1);
                let lower = |s: &str| s.bytes().all(|b| b.is_ascii_lowercase());
                let upper = |s: &str| s.bytes().all(|b| b.is_ascii_uppercase());
                if lower(tail) || (upper(head) && upper(tail)) { Self::Bool } else { Self::Str }
            }
            b'<' if text == "<<" => Self::Merge,
            b'=' if text == "=" => Self::Default,
            b'-' | b'+' | b'.' | b'0'..=b'9' => {
                if is_float(text) {
                    Self::Float
                } else if is_int(text) {
                    Self::Int
                } else if first.is_ascii_digit() && is_timestamp(text) {
                    Self::Timestamp
                } else {
                    Self::Str
                }
            }
            _ => Self::Str,
        }
    }

    /// The value of a scalar of this kind, or why there is none.
    pub fn value(self, text: String) -> Result<Value, String> {
        match self {
            Self::Null => Ok(Value::Null),
            Self::Bool => bool_of(&text).map(Value::Bool).ok_or_else(|| format!("`{text}` is not a boolean")),
            Self::Int => int_of(&text).ok_or_else(|| format!("`{text}` is not an integer")),
            Self::Float => float_of(&text).map(Value::Float).ok_or_else(|| format!("`{text}` is not a number")),
            Self::Timestamp => timestamp_of(&text).ok_or_else(|| format!("`{text}` is not a date that exists")),
            Self::Binary => base64_of(&text).map(Value::Bytes).ok_or_else(|| "the text is not base64".to_owned()),
            Self::Str => Ok(Value::Str(text)),
            Self::Merge | Self::Default => {
                Err(format!("`{text}` has a meaning of its own in YAML and must be quoted here"))
            }
        }
    }
}

fn bool_of(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" => Some(true),
        "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

/// One digit, then digits and underscores.
fn is_digits(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

/// `:` and a number below 60, at least once.
fn is_sixties<'a>(parts: impl Iterator<Item = &'a str>) -> bool {
    let mut any = false;
    for part in parts {
        any = true;
        let ok = match part.as_bytes() {
            [b] => b.is_ascii_digit(),
            [a, b] => (b'0'..=b'5').contains(a) && b.is_ascii_digit(),
            _ => false,
        };
        if !ok {
            return false;
        }
    }
    any
}

fn is_int(text: &str) -> bool {
    let body = unsigned(text);
    let all = |rest: &str, ok: fn(u8) -> bool| !rest.is_empty() && rest.bytes().all(|b| ok(b) || b == b'_');
    if let Some(rest) = body.strip_prefix("0b") {
        return all(rest, |b| matches!(b, b'0' | b'1'));
    }
    if let Some(rest) = body.strip_prefix("0x") {
        return all(rest, |b| b.is_ascii_hexdigit());
    }
    if let Some(rest) = body.strip_prefix('0') {
        return rest.is_empty() || all(rest, |b| (b'0'..=b'7').contains(&b));
    }
    let mut parts = body.split(':');
    let head = parts.next().unwrap_or_default();
    is_digits(head) && (head.len() == body.len() || is_sixties(parts))
}

fn is_float(text: &str) -> bool {
    let body = unsigned(text);
    if matches!(body, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let Some((whole, rest)) = body.split_once('.') else { return false };
    let (fraction, exponent_ok) = match rest.split_once(['e', 'E']) {
        None => (rest, true),
        Some((fraction, exponent)) => {
            let digits = exponent.strip_prefix(['-', '+']).unwrap_or_default();
            (fraction, !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        }
    };
    let fraction_ok = fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if whole.is_empty() {
        // `.5` takes no sign.
        return text.starts_with('.') && is_digits(fraction) && exponent_ok;
    }
    match whole.split_once(':') {
        None => is_digits(whole) && fraction_ok && exponent_ok,
        Some((head, _)) => {
            is_digits(head) && is_sixties(whole.split(':').skip(1)) && fraction_ok && !rest.contains(['e', 'E'])
        }
    }
}

fn int_of(text: &str) -> Option<Value> {
    let clean = text.replace('_', "");
    let negative = clean.starts_with('-');
    let body = unsigned(&clean);
    let signed = |n: i128| Value::Int(if negative { -n } else { n });
    let radix = |digits: &str, radix| i128::from_str_radix(digits, radix).ok().map(signed);
    if let Some(digits) = body.strip_prefix("0b") {
        return radix(digits, 2);
    }
    if let Some(digits) = body.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if body.starts_with('0') {
        return radix(body, 8);
    }
    if body.contains(':') {
        return body
            .split(':')
            .try_fold(0_i128, |sum, part| sum.checked_mul(60)?.checked_add(part.parse().ok()?))
            .map(signed);
    }
    if body.is_empty() || !body.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Python's integers have no end; ours keep their digits.
    Some(body.parse().map_or_else(|_| Value::Decimal(clean.trim_start_matches('+').to_owned()), signed))
}

fn float_of(text: &str) -> Option<f64> {
    let clean = text.replace('_', "").to_lowercase();
    let sign = if clean.starts_with('-') { -1.0 } else { 1.0 };
    let body = unsigned(&clean);
    let number = match body {
        ".inf" => f64::INFINITY,
        ".nan" => return Some(f64::NAN),
        _ if body.contains(':') => body.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + plain_float(part)?))?,
        _ => plain_float(body)?,
    };
    Some(sign * number)
}

/// Digits with point and exponent only: Rust also reads `inf` and `nan`.
fn plain_float(text: &str) -> Option<f64> {
    let ok = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'-' | b'+'));
    if ok { text.parse().ok() } else { None }
}

/// The parts of a timestamp as text.
struct Stamp<'a> {
    date: [&'a str; 3],
    time: Option<([&'a str; 3], &'a str)>,
    zone: Option<&'a str>,
}

fn digits(text: &str, low: usize, high: usize) -> bool {
    (low..=high).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn split_stamp(text: &str) -> Option<Stamp<'_>> {
    let (day, rest) = match text.find(['T', 't', ' ', '\t']) {
        None => (text, None),
        Some(at) => (&text[..at], Some(&text[at..])),
    };
    let mut parts = day.splitn(3, '-');
    let date = [parts.next()?, parts.next()?, parts.next()?];
    if !(digits(date[0], 4, 4) && digits(date[1], 1, 2) && digits(date[2], 1, 2)) {
        return None;
    }
    let Some(rest) = rest else { return Some(Stamp { date, time: None, zone: None }) };
    let rest = match rest.strip_prefix(['T', 't']) {
        Some(after) => after,
        None => rest.trim_start_matches([' ', '\t']),
    };
    let clock_end = rest.find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.')).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(clock_end);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.splitn(3, ':');
    let time = [parts.next()?, parts.next()?, parts.next()?];
    let time_ok = digits(time[0], 1, 2) && digits(time[1], 2, 2) && digits(time[2], 2, 2);
    if !time_ok || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let zone = zone.trim_start_matches([' ', '\t']);
    if zone.is_empty() {
        // Blanks may only stand before a zone.
        return (clock_end == rest.len()).then_some(Stamp { date, time: Some((time, fraction)), zone: None });
    }
    if zone != "Z" {
        let (hour, minute) = zone.strip_prefix(['-', '+'])?.split_once(':').unwrap_or((&zone[1..], "00"));
        if !(digits(hour, 1, 2) && digits(minute, 2, 2)) {
            return None;
        }
    }
    Some(Stamp { date, time: Some((time, fraction)), zone: Some(zone) })
}

fn is_timestamp(text: &str) -> bool {
    // A lone date must have two-digit months and days.
    split_stamp(text).is_some_and(|s| s.time.is_some() || (s.date[1].len() == 2 && s.date[2].len() == 2))
}

fn timestamp_of(text: &str) -> Option<Value> {
    let stamp = split_stamp(text)?;
    let [year, month, day] = stamp.date;
    let date = NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?;
    // Python knows no year 0.
    if year == "0000" {
        return None;
    }
    let Some(([hour, minute, second], fraction)) = stamp.time else { return Some(Value::Date(date)) };
    let micro: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let time = NaiveTime::from_hms_micro_opt(
        hour.parse().ok()?,
        minute.parse().ok()?,
        second.parse().ok()?,
        micro.parse().ok()?,
    )?;
    let local = NaiveDateTime::new(date, time);
    let Some(zone) = stamp.zone else { return Some(Value::Timestamp(local)) };
    let offset = if zone == "Z" {
        0
    } else {
        let (hour, minute) = zone[1..].split_once(':').unwrap_or((&zone[1..], "00"));
        let seconds = hour.parse::<i32>().ok()? * 3600 + minute.parse::<i32>().ok()? * 60;
        if zone.starts_with('-') { -seconds } else { seconds }
    };
    FixedOffset::east_opt(offset)?.from_local_datetime(&local).single().map(Value::TimestampTz)
}

/// Lenient as Python's: characters outside the alphabet are skipped, padding must be complete.
fn base64_of(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() {
        return None;
    }
    let mut out = Vec::new();
    let (mut bits, mut held, mut padding) = (0_u32, 0_u32, 0_u32);
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => continue,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    let complete = match held {
        0 => true,
        2 => padding >= 1,
        4 => padding >= 2,
        _ => false,
    };
    complete.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expectations were taken from PyYAML 6.0.3 (`yaml.CSafeLoader`).
    #[test]
    fn plain_scalars_mean_what_pyyaml_says() {
        let read = |text: &str| match Kind::of_plain(text).value(text.to_owned()) {
            Ok(Value::Str(s)) => format!("'{s}'"),
            Ok(v) => v.to_string(),
            Err(_) => "error".to_owned(),
        };
        for (text, want) in [
            ("", "None"),
            ("~", "None"),
            ("NULL", "None"),
            ("nULL", "'nULL'"),
            ("none", "'none'"),
            ("yes", "True"),
            ("Off", "False"),
            ("ON", "True"),
            ("y", "'y'"),
            ("tRUE", "'tRUE'"),
            ("TRue", "'TRue'"),
            ("0", "0"),
            ("010", "8"),
            ("08", "'08'"),
            ("0o10", "'0o10'"),
            ("0b101", "5"),
            ("-0x1F", "-31"),
            ("1_000", "1000"),
            ("+12", "12"),
            ("190:20:30", "685230"),
            ("1:60", "'1:60'"),
            ("0b_", "error"),
            ("1.", "1.0"),
            (".5", "0.5"),
            ("-.5", "'-.5'"),
            ("1e3", "'1e3'"),
            ("1.0e3", "'1.0e3'"),
            ("1.5e+3", "1500.0"),
            ("1_0.2_5", "10.25"),
            ("190:20:30.15", "685230.15"),
            (".inf", "inf"),
            ("-.INF", "-inf"),
            ("+.nan", "'+.nan'"),
            ("2020-01-01", "2020-01-01"),
            ("2020-1-1", "'2020-1-1'"),
            ("2020-13-01", "error"),
            ("1.2.3", "'1.2.3'"),
            ("2020-1-1 1:02:03", "2020-01-01 01:02:03"),
            ("2020-01-01T00:00:00.5Z", "2020-01-01 00:00:00.500+00:00"),
            ("2020-01-01 00:00:00 -7", "2020-01-01 00:00:00-07:00"),
            ("12:30", "750"),
            ("<<", "error"),
            ("=", "error"),
            ("99999999999999999999999999999999999999999", "99999999999999999999999999999999999999999"),
            ("-", "'-'"),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }
}

//! Types of CSV cells, as dbt infers them.
//!
//! In: the cells of a column. Out: [`Value`]s of one type: the first of number, date, timestamp, boolean and text that all
//! cells fit. Empty cells and the word `null` are null. Integers are numbers without decimals: `007` is 7.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

use crate::base::Value;

/// Reads a cell that is not null; none if it is not of the type.
type Parse = fn(&str) -> Option<Value>;

/// Types in the order in which they are tried. The one cell may be a plain and the other an ISO timestamp only if all are
/// of the same form.
const TYPES: [Parse; 5] = [number, date, plain_timestamp, iso_timestamp, boolean];

/// The values of a column; `forced` columns stay text.
pub(super) fn typed(cells: Vec<String>, forced: bool) -> Vec<Value> {
    let filled = || cells.iter().filter(|cell| !is_null(cell));
    let kind = TYPES.iter().find(|parse| !forced && filled().all(|cell| parse(cell.trim()).is_some()));
    let value = |cell: String| match kind {
        _ if is_null(&cell) => Value::Null,
        Some(parse) => parse(cell.trim()).unwrap_or_default(),
        None => Value::Str(cell),
    };
    cells.into_iter().map(value).collect()
}

fn is_null(cell: &str) -> bool {
    let cell = cell.trim();
    cell.is_empty() || cell.eq_ignore_ascii_case("null")
}

/// A decimal number as Python reads it, with what agate takes off: a per cent sign, currency signs, thousands separators.
fn number(cell: &str) -> Option<Value> {
    let cell = cell.trim_matches('%');
    let (negative, cell) = cell.strip_prefix('-').map_or((false, cell), |rest| (true, rest));
    let cell = cell.trim_matches(|c| CURRENCIES.contains(&c)).replace(',', "");
    let digits = cell.trim().replace('_', "");
    let (sign, unsigned) = match digits.strip_prefix(['+', '-']) {
        Some(rest) => (negative != digits.starts_with('-'), rest),
        None => (negative, digits.as_str()),
    };
    let direction = if sign { -1.0 } else { 1.0 };
    match unsigned.to_ascii_lowercase().as_str() {
        "nan" => return Some(Value::Float(f64::NAN)),
        "inf" | "infinity" => return Some(Value::Float(direction * f64::INFINITY)),
        _ => {}
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.parse::<i32>().ok()?)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let minus = if sign { "-" } else { "" };
    if let Some(exponent) = exponent {
        let value: f64 = format!("{minus}{mantissa}e{exponent}").parse().ok()?;
        return Some(Value::Float(value));
    }
    match format!("{minus}{whole}").parse() {
        Ok(integer) if fraction.bytes().all(|b| b == b'0') && !whole.is_empty() => Some(Value::Int(integer)),
        _ => Some(Value::Decimal(format!("{minus}{}{mantissa}", if whole.is_empty() { "0" } else { "" }))),
    }
}

/// The currency signs that agate knows.
const CURRENCIES: [char; 20] =
    ['؋', '$', 'ƒ', '៛', '¥', '₡', '₱', '£', '€', '¢', '﷼', '₪', '₩', '₭', '₮', '₦', '฿', '₤', '₫', '₴'];

/// `2024-01-31`; months and days may have one digit.
fn date(cell: &str) -> Option<Value> {
    parse_date(cell).map(Value::Date)
}

fn parse_date(cell: &str) -> Option<NaiveDate> {
    let mut parts = cell.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let digits =
        |text: &str, longest: usize| (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if parts.next().is_some() || year.len() != 4 || !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// `2024-01-31 23:59:59`.
fn plain_timestamp(cell: &str) -> Option<Value> {
    let (day, time) = cell.split_once(' ')?;
    let time = NaiveTime::parse_from_str(time, "%H:%M:%S").ok()?;
    Some(Value::Timestamp(parse_date(day)?.and_time(time)))
}

/// `2024-01-31T23:59:59.5Z`; seconds, fraction and offset may be absent.
fn iso_timestamp(cell: &str) -> Option<Value> {
    let (day, time) = cell.split_once('T')?;
    let day = parse_date(day).filter(|_| day.len() == 10).or_else(|| NaiveDate::parse_from_str(day, "%Y%m%d").ok())?;
    let (time, offset) = match time.find(['Z', '+', '-']) {
        Some(at) => (&time[..at], Some(parse_offset(&time[at..])?)),
        None => (time, None),
    };
    let forms = ["%H:%M:%S%.f", "%H:%M", "%H%M%S%.f", "%H%M"];
    let time = forms.iter().find_map(|form| NaiveTime::parse_from_str(time, form).ok())?;
    let at: NaiveDateTime = day.and_time(time);
    Some(match offset {
        None => Value::Timestamp(at),
        Some(offset) => Value::TimestampTz(DateTime::from_naive_utc_and_offset(at - offset, offset)),
    })
}

fn parse_offset(text: &str) -> Option<FixedOffset> {
    if text == "Z" {
        return FixedOffset::east_opt(0);
    }
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits.len(), 2 | 4) {
        return None;
    }
    let hours: i32 = digits[..2].parse().ok()?;
    let minutes: i32 = digits.get(2..).filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
    let seconds = (hours * 60 + minutes) * 60;
    FixedOffset::east_opt(if text.starts_with('-') { -seconds } else { seconds })
}

fn boolean(cell: &str) -> Option<Value> {
    match cell.to_ascii_lowercase().as_str() {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_type_that_all_cells_fit() {
        let column = |cells: &[&str]| typed(cells.iter().map(|c| (*c).to_owned()).collect(), false);
        let int = |n: i128| Value::Int(n);
        let decimal = |digits: &str| Value::Decimal(digits.to_owned());
        assert_eq!(
            column(&["1", "", "007", "NULL", "-3", "1.0"]),
            [int(1), Value::Null, int(7), Value::Null, int(-3), int(1)]
        );
        assert_eq!(column(&["$1,000", "10%", ".5"]), [int(1000), int(10), decimal("0.5")]);
        assert_eq!(column(&["1", "x", "null"]), ["1".into(), "x".into(), Value::Null]);
        assert_eq!(column(&["TRUE", "false"]), [Value::Bool(true), Value::Bool(false)]);
        assert_eq!(column(&["true", "1"]), [Value::from("true"), "1".into()]);
        let day = NaiveDate::from_ymd_opt(2024, 1, 5).expect("a day");
        assert_eq!(column(&["2024-01-05", "2024-1-5"]), [Value::Date(day), Value::Date(day)]);
        assert_eq!(column(&["2024-01-05", "2024-01-05 01:02:03"])[0], Value::from("2024-01-05"));
        let noon = |text: &str| column(&[text])[0].to_string();
        assert_eq!(noon("2024-01-05 12:00:00"), "2024-01-05 12:00:00");
        assert_eq!(noon("2024-01-05T12:00"), "2024-01-05 12:00:00");
        assert_eq!(noon("2024-01-05T12:00:00.5+02:00"), "2024-01-05 12:00:00.500+02:00");
        assert_eq!(typed(vec!["01".into(), String::new()], true), ["01".into(), Value::Null]);
    }
}

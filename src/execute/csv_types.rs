//! Types of CSV cells, as dbt infers them.
//!
//! In: the cells of a column. Out: [`Value`]s of one type: the first of number, date, timestamp, boolean and text that all
//! cells fit. Empty cells and the word `null` are null. Integers are numbers without decimals: `007` is 7.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

use crate::base::Value;
use crate::jinja::table::ColumnType;

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

/// What the cells of a column are, seen one after the other: the type that [`typed`] would give them.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    /// Which of [`TYPES`] all cells fit so far.
    alive: [bool; TYPES.len()],
    forced: bool,
    whole: bool,
    decimals: bool,
    null_words: bool,
    plain: bool,
}

impl Kind {
    /// A column without cells; a `forced` one stays text.
    pub fn new(forced: bool) -> Self {
        let alive = [!forced; TYPES.len()];
        Self { alive, forced, whole: true, decimals: false, null_words: false, plain: true }
    }

    /// Looks at the next cell.
    pub fn see(&mut self, cell: &str) {
        // Text is text, whatever comes.
        if cell.is_empty() || !(self.forced || self.alive.contains(&true)) {
            return;
        }
        if self.see_common(cell.as_bytes()) {
            return;
        }
        if is_null(cell) {
            self.null_words |= !cell.trim().is_empty();
            self.plain &= self.forced || !cell.trim().is_empty();
            return;
        }
        if !self.alive.contains(&true) {
            return;
        }
        let trimmed = cell.trim();
        for (alive, parse) in self.alive.iter_mut().zip(TYPES) {
            let value = if *alive { parse(trimmed) } else { None };
            *alive = value.is_some();
            match value {
                Some(Value::Decimal(digits)) => {
                    self.whole = false;
                    self.decimals |= digits.split_once('.').is_some_and(|(_, f)| f.bytes().any(|b| b != b'0'));
                }
                Some(Value::Float(x)) => {
                    self.whole = false;
                    self.decimals |= x.fract() != 0.0;
                }
                _ => {}
            }
        }
        self.plain &= trimmed.len() == cell.len() && self.is_plain(trimmed);
    }

    /// The forms that nearly all cells have, read byte by byte and without making a value. Whether the cell was one of them.
    fn see_common(&mut self, cell: &[u8]) -> bool {
        let [number, date, timestamp, ..] = self.alive;
        if number && let Some(fraction) = plain_number(cell) {
            self.alive = [true, false, false, false, false];
            if fraction {
                self.whole = false;
                self.decimals = true;
            }
            return true;
        }
        let day = (date || timestamp) && cell.len() >= 10 && is_plain_date(&cell[..10]);
        if day && date && cell.len() == 10 {
            self.alive = [false, true, false, false, false];
            return true;
        }
        if day && timestamp && cell.len() == 19 && cell[10] == b' ' && is_plain_time(&cell[11..]) {
            self.alive = [false, false, true, false, false];
            return true;
        }
        false
    }

    /// What both columns together are, seen apart: the second is the rest of the first.
    pub fn and(mut self, rest: &Self) -> Self {
        for (alive, other) in self.alive.iter_mut().zip(rest.alive) {
            *alive &= other;
        }
        self.whole &= rest.whole;
        self.decimals |= rest.decimals;
        self.null_words |= rest.null_words;
        self.plain &= rest.plain;
        self
    }

    /// Whether an engine can be trusted to read the cell as this room does.
    fn is_plain(&self, cell: &str) -> bool {
        let [number, _, _, iso, _] = self.alive;
        if number {
            let unsigned = cell.strip_prefix('-').unwrap_or(cell);
            let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
            let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
            return digits(whole) && digits(fraction) && digits(exponent) && !whole.is_empty() && !exponent.is_empty();
        }
        !iso || (cell.contains(':') && cell.as_bytes().get(4) == Some(&b'-'))
    }

    /// The type.
    pub fn column_type(&self) -> ColumnType {
        match self.alive {
            [true, ..] if self.whole => ColumnType::Integer,
            [true, ..] => ColumnType::Number,
            [_, true, ..] => ColumnType::Date,
            [_, _, plain, iso, _] if plain || iso => ColumnType::DateTime,
            [.., true] => ColumnType::Boolean,
            _ => ColumnType::Text,
        }
    }

    /// Whether a number has digits after the point.
    pub fn has_decimals(&self) -> bool {
        self.decimals
    }

    /// Whether the word `null` stands for NULL: not in text, which keeps it.
    pub fn has_null_words(&self) -> bool {
        self.null_words && (self.forced || self.column_type() != ColumnType::Text)
    }

    /// Whether an engine's reader gives the same values.
    pub fn reads_plainly(&self) -> bool {
        self.plain || self.column_type() == ColumnType::Text
    }
}

/// Whether a number of digits, maybe a sign before and a point between them, has a fraction that is not zero; none if the cell
/// is anything else. Loops, because this runs for every cell of a file.
fn plain_number(cell: &[u8]) -> Option<bool> {
    let start = usize::from(cell.first() == Some(&b'-'));
    if cell.len() == start || cell.len() - start > 18 {
        return None;
    }
    let (mut point, mut fraction, mut at) = (false, false, start);
    while at < cell.len() {
        match cell[at] {
            b'0' => {}
            b'1'..=b'9' => fraction |= point,
            b'.' if !point && at > start && at + 1 < cell.len() => point = true,
            _ => return None,
        }
        at += 1;
    }
    Some(fraction)
}

/// `2024-01-31`. Days that not every month has are left to the calendar.
fn is_plain_date(cell: &[u8]) -> bool {
    let &[a, b, c, d, b'-', m1, m2, b'-', d1, d2] = cell else { return false };
    let digits = a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit() && d.is_ascii_digit();
    digits
        && matches!((m1, m2), (b'0', b'1'..=b'9') | (b'1', b'0'..=b'2'))
        && matches!((d1, d2), (b'0', b'1'..=b'9') | (b'1', b'0'..=b'9') | (b'2', b'0'..=b'8'))
}

/// `23:59:59`.
fn is_plain_time(cell: &[u8]) -> bool {
    let &[h1, h2, b':', m1, m2, b':', s1, s2] = cell else { return false };
    matches!((h1, h2), (b'0' | b'1', b'0'..=b'9') | (b'2', b'0'..=b'3'))
        && matches!((m1, s1), (b'0'..=b'5', b'0'..=b'5'))
        && m2.is_ascii_digit()
        && s2.is_ascii_digit()
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
    let is = |word: &str| cell.eq_ignore_ascii_case(word);
    if is("true") { Some(Value::Bool(true)) } else { is("false").then_some(Value::Bool(false)) }
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

    #[test]
    fn seen_one_by_one_the_type_is_the_same() {
        use ColumnType::{Boolean, Date, DateTime, Integer, Number, Text};
        for (cells, kind, plain) in [
            (&["1", "", "007", "-3", "NULL"][..], Integer, true),
            (&["1.0", "2"], Integer, true),
            (&["1", "2.5", "1e3"], Number, true),
            (&["$1,000", "10%"], Integer, false),
            (&[" 1"], Integer, false),
            (&["1", "x"], Text, true),
            (&["x", "1"], Text, true),
            (&["2024-01-05", "2024-1-5"], Date, true),
            (&["2024-01-05", "1"], Text, true),
            (&["2024-01-05 01:02:03"], DateTime, true),
            (&["2024-01-05T12:00:00Z"], DateTime, true),
            (&["20240105T1200"], DateTime, false),
            (&["TRUE", "false", ""], Boolean, true),
            (&["true", "1"], Text, true),
            (&["", "null"], Integer, true),
            (&["2024-02-29", "2024-02-30"], Text, true),
            (&["2024-02-29", "2024-01-31"], Date, true),
            (&["2024-01-05 23:59:59", "2024-01-05 24:00:00"], Text, true),
            (&["-0.50", "1."], Number, true),
            (&["1.00", "-3"], Integer, true),
            (&["-", "1"], Text, true),
            (&["1.2.3", "1"], Text, true),
            (&["1", "2024-01-05"], Text, true),
            (&["2024-01-05", "2024-01-05 01:02:03"], Text, true),
        ] {
            let mut seen = Kind::new(false);
            cells.iter().for_each(|cell| seen.see(cell));
            assert_eq!((seen.column_type(), seen.reads_plainly()), (kind, plain), "{cells:?}");
            for cut in 0..=cells.len() {
                let mut parts = [Kind::new(false), Kind::new(false)];
                for (index, cell) in cells.iter().enumerate() {
                    parts[usize::from(index >= cut)].see(cell);
                }
                let [first, second] = parts;
                let both = first.and(&second);
                assert_eq!((both.column_type(), both.reads_plainly()), (kind, plain), "{cells:?} cut at {cut}");
            }
            let values = typed(cells.iter().map(|c| (*c).to_owned()).collect(), false);
            let text = values.iter().all(|v| matches!(v, Value::Str(_) | Value::Null));
            assert_eq!(text && cells != ["", "null"], kind == Text, "{cells:?}");
        }
        let mut forced = Kind::new(true);
        forced.see("null");
        assert_eq!((forced.column_type(), forced.has_null_words()), (Text, true));
    }
}

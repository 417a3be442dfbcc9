//! Batches of a table that is built piece by piece: keys, intervals, and the grid that cuts time (or numbers) into batches.
//!
//! In: instants, whole numbers, a batch size as configs spell it. Out: [`BatchKey`], [`Interval`], [`BatchSize`], [`BatchGrid`].
//! All arithmetic is in UTC.

mod format;
mod grid;
mod size;

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use super::Value;

pub use format::objection as event_time_format_objection;
pub use grid::BatchGrid;
pub use size::{BatchSize, Grain};

/// A place on the axis that a table is cut along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BatchKey {
    /// A whole number, such as an id.
    Number(i64),
    /// An instant.
    Time(DateTime<Utc>),
}

impl BatchKey {
    /// The key that a config or a flag holds: a number, a date or an ISO time. A zone is not looked at, as in dbt: the digits
    /// count as UTC.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(number) => i64::try_from(*number).ok().map(Self::Number),
            Value::Date(date) => Some(Self::naive(date.and_hms_opt(0, 0, 0)?)),
            Value::Timestamp(time) => Some(Self::naive(*time)),
            Value::TimestampTz(time) => Some(Self::naive(time.naive_local())),
            Value::Str(text) => Self::parse(text),
            _ => None,
        }
    }

    /// The key that a text holds.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(number) = text.parse() {
            return Some(Self::Number(number));
        }
        if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Some(Self::naive(date.and_hms_opt(0, 0, 0)?));
        }
        if let Ok(zoned) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
            return Some(Self::naive(zoned.naive_local()));
        }
        let forms = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
        forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()).map(Self::naive)
    }

    fn naive(time: NaiveDateTime) -> Self {
        Self::Time(time.and_utc())
    }

    /// The instant, if it is one.
    pub fn time(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Time(time) => Some(time),
            Self::Number(_) => None,
        }
    }

    /// The key as templates see it.
    pub fn value(self) -> Value {
        match self {
            Self::Number(number) => Value::from(number),
            Self::Time(time) => Value::TimestampTz(time.fixed_offset()),
        }
    }

    /// The key as SQL that stands beside a column. `format` is how dates are kept in columns that are no dates: `%Y%m%d`.
    pub fn literal(self, format: Option<&str>) -> String {
        match (self, format) {
            (Self::Number(number), _) => number.to_string(),
            (Self::Time(time), None) => format!("'{}'", shown(time)),
            (Self::Time(time), Some(format)) => format::literal(time, format),
        }
    }
}

/// As Python prints an instant: microseconds only where there are some.
fn shown(time: DateTime<Utc>) -> String {
    let form = if time.timestamp_subsec_micros() == 0 { "%Y-%m-%d %H:%M:%S%:z" } else { "%Y-%m-%d %H:%M:%S%.6f%:z" };
    time.format(form).to_string()
}

impl fmt::Display for BatchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Time(time) if time.timestamp() % 86_400 == 0 => write!(f, "{}", time.format("%Y-%m-%d")),
            Self::Time(time) if time.timestamp_subsec_micros() == 0 => {
                write!(f, "{}", time.format("%Y-%m-%d %H:%M:%S"))
            }
            Self::Time(time) => write!(f, "{}", time.format("%Y-%m-%d %H:%M:%S%.6f")),
        }
    }
}

impl From<DateTime<Utc>> for BatchKey {
    fn from(time: DateTime<Utc>) -> Self {
        Self::Time(time)
    }
}

/// From a first key to the one after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// The first key of it.
    pub start: BatchKey,
    /// The first key after it.
    pub end: BatchKey,
}

impl Interval {
    /// An interval.
    pub fn new(start: impl Into<BatchKey>, end: impl Into<BatchKey>) -> Self {
        Self { start: start.into(), end: end.into() }
    }

    /// Whether nothing lies in it.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// What lies in both; intervals of different kinds of keys have nothing in common, and the first one stays.
    #[must_use]
    pub fn within(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if self.start.time().is_some() == other.start.time().is_some() => {
                Self { start: self.start.max(other.start), end: self.end.min(other.end) }
            }
            _ => self,
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.start, self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_shown() {
        for (text, shown) in [
            ("2024-01-02", "2024-01-02"),
            ("2024-01-02 03:04:05", "2024-01-02 03:04:05"),
            ("2024-01-02T03:04:05.5", "2024-01-02 03:04:05.500000"),
            ("2024-01-02T03:04:05+02:00", "2024-01-02 03:04:05"),
            ("-7", "-7"),
        ] {
            assert_eq!(BatchKey::parse(text).map(|k| k.to_string()).as_deref(), Some(shown), "{text}");
        }
        assert_eq!(BatchKey::parse("2024-01-02 11 PM"), None);
        let day = BatchKey::parse("2024-01-02").unwrap();
        assert_eq!(day.literal(None), "'2024-01-02 00:00:00+00:00'");
        assert_eq!((day.literal(Some("%Y%m%d")), day.literal(Some("%Y-%m"))), ("20240102".into(), "'2024-02'".into()));
    }
}

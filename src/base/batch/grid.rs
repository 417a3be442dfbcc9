//! The grid of a model's batches.
//!
//! In: a [`BatchSize`] and the key that several units are counted from. Out: [`BatchGrid`], which cuts, shifts and names.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};

use super::{BatchKey, BatchSize, Grain, Interval};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Days from the Monday before 1970-01-01 to that day.
const MONDAY: i64 = 3;

/// The batches of a model, as places on its axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchGrid {
    size: BatchSize,
    /// Batches of several units are counted from here; single units are those of the calendar.
    origin: BatchKey,
}

impl BatchGrid {
    /// A grid of a size whose batches of several units are counted from `origin`.
    pub fn new(size: BatchSize, origin: BatchKey) -> Self {
        Self { size, origin }
    }

    /// The size of a batch.
    pub fn size(self) -> BatchSize {
        self.size
    }

    /// The batch's number on the axis.
    fn index(self, key: BatchKey) -> Option<i64> {
        match (self.size, key, self.origin) {
            (BatchSize::Numbers(step), BatchKey::Number(key), BatchKey::Number(origin)) => {
                Some((key - origin).div_euclid(step))
            }
            (BatchSize::Time(grain, 1), BatchKey::Time(time), _) => Some(unit_index(grain, time)),
            (BatchSize::Time(grain, count), BatchKey::Time(time), BatchKey::Time(origin)) => {
                Some((unit_index(grain, time) - unit_index(grain, origin)).div_euclid(count))
            }
            _ => None,
        }
    }

    /// Where the batch with a number begins.
    fn at(self, index: i64) -> Option<BatchKey> {
        match (self.size, self.origin) {
            (BatchSize::Numbers(step), BatchKey::Number(origin)) => {
                Some(BatchKey::Number(origin.checked_add(index.checked_mul(step)?)?))
            }
            (BatchSize::Time(grain, 1), _) => unit_start(grain, index).map(BatchKey::Time),
            (BatchSize::Time(grain, count), BatchKey::Time(origin)) => {
                let index = unit_index(grain, origin).checked_add(index.checked_mul(count)?)?;
                unit_start(grain, index).map(BatchKey::Time)
            }
            _ => None,
        }
    }

    /// The begin of the batch that a key lies in.
    #[must_use]
    pub fn truncate(self, key: BatchKey) -> BatchKey {
        self.offset(key, 0)
    }

    /// The begin of the batch so many batches after (or before) the one that a key lies in.
    #[must_use]
    pub fn offset(self, key: BatchKey, by: i64) -> BatchKey {
        self.index(key).and_then(|index| self.at(index.checked_add(by)?)).unwrap_or(key)
    }

    /// The begin of the first batch that does not lie before a key.
    #[must_use]
    pub fn ceiling(self, key: BatchKey) -> BatchKey {
        let start = self.truncate(key);
        if start == key { key } else { self.offset(key, 1) }
    }

    /// The batches from `start` to `end`; the last one ends with `end`. There is one at least, as in dbt; it is empty where an
    /// input of numbers has none.
    pub fn batches(self, start: BatchKey, end: BatchKey) -> Vec<Interval> {
        let mut from = start;
        let mut found = Vec::new();
        loop {
            let to = self.offset(from, 1);
            if to >= end || to <= from {
                let last = match from {
                    _ if end > from => end,
                    BatchKey::Number(_) => from,
                    BatchKey::Time(_) => to,
                };
                found.push(Interval { start: from, end: last });
                return found;
            }
            found.push(Interval { start: from, end: to });
            from = to;
        }
    }

    /// How long a number of batches is, roughly; none for numbers.
    pub fn duration(self, batches: i64) -> Option<TimeDelta> {
        let BatchSize::Time(grain, count) = self.size else { return None };
        let days = match grain {
            Grain::Hour => return TimeDelta::try_hours(batches.checked_mul(count)?),
            Grain::Day => 1,
            Grain::Week => 7,
            Grain::Month => 28,
            Grain::Year => 365,
        };
        TimeDelta::try_days(batches.checked_mul(count)?.checked_mul(days)?)
    }

    /// What a batch is called: `2024-05-01`, `2024-05-01T13`, `2024-05`, `2024`, `2000`.
    pub fn label(self, start: BatchKey) -> String {
        let BatchKey::Time(time) = start else { return start.to_string() };
        let format = match self.size {
            BatchSize::Time(Grain::Hour, _) => "%Y-%m-%dT%H",
            BatchSize::Time(Grain::Month, _) => "%Y-%m",
            BatchSize::Time(Grain::Year, _) => "%Y",
            _ => "%Y-%m-%d",
        };
        time.format(format).to_string()
    }

    /// A batch's id: its name without hyphens.
    pub fn id(self, start: BatchKey) -> String {
        match start {
            BatchKey::Number(number) => number.to_string(),
            BatchKey::Time(_) => self.label(start).replace('-', ""),
        }
    }
}

/// The number of the unit that an instant lies in.
fn unit_index(grain: Grain, time: DateTime<Utc>) -> i64 {
    let seconds = time.timestamp();
    match grain {
        Grain::Hour => seconds.div_euclid(HOUR),
        Grain::Day => seconds.div_euclid(DAY),
        Grain::Week => (seconds.div_euclid(DAY) + MONDAY).div_euclid(7),
        Grain::Month => i64::from(time.year()) * 12 + i64::from(time.month0()),
        Grain::Year => i64::from(time.year()),
    }
}

/// When the unit with a number begins.
fn unit_start(grain: Grain, index: i64) -> Option<DateTime<Utc>> {
    let date = |year: i64, month: i64| {
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()?, 1)?;
        Some(date.and_hms_opt(0, 0, 0)?.and_utc())
    };
    match grain {
        Grain::Hour => DateTime::from_timestamp(index.checked_mul(HOUR)?, 0),
        Grain::Day => DateTime::from_timestamp(index.checked_mul(DAY)?, 0),
        Grain::Week => DateTime::from_timestamp((index.checked_mul(7)? - MONDAY).checked_mul(DAY)?, 0),
        Grain::Month => date(index.div_euclid(12), index.rem_euclid(12) + 1),
        Grain::Year => date(index, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Value;

    fn key(text: &str) -> BatchKey {
        BatchKey::parse(text).unwrap()
    }

    fn grid(size: &str, origin: &str) -> BatchGrid {
        let size = size.parse::<i64>().map_or_else(|_| Value::from(size), Value::from);
        BatchGrid::new(BatchSize::of(&size).unwrap(), key(origin))
    }

    #[test]
    fn batches_are_cut_shifted_and_named() {
        let at = "2024-09-17 16:06:00";
        for (size, start, next, before, label) in [
            ("hour", "2024-09-17 16:00:00", "2024-09-17 17:00:00", "2024-09-17 15:00:00", "2024-09-17T16"),
            ("day", "2024-09-17", "2024-09-18", "2024-09-16", "2024-09-17"),
            ("week", "2024-09-16", "2024-09-23", "2024-09-09", "2024-09-16"),
            ("month", "2024-09-01", "2024-10-01", "2024-08-01", "2024-09"),
            ("year", "2024-01-01", "2025-01-01", "2023-01-01", "2024"),
            ("3 days", "2024-09-16", "2024-09-19", "2024-09-13", "2024-09-16"),
            ("2 weeks", "2024-09-09", "2024-09-23", "2024-08-26", "2024-09-09"),
            ("3 months", "2024-07-01", "2024-10-01", "2024-04-01", "2024-07"),
        ] {
            let grid = grid(size, "2024-01-05");
            let found = [grid.truncate(key(at)), grid.ceiling(key(at)), grid.offset(key(at), -1)];
            assert_eq!(found, [key(start), key(next), key(before)], "{size}");
            assert_eq!((grid.ceiling(key(start)), grid.label(key(start)).as_str()), (key(start), label), "{size}");
        }
        let numbers = grid("1000", "500");
        assert_eq!([numbers.truncate(key("499")), numbers.ceiling(key("501"))], [key("-500"), key("1500")]);
    }

    #[test]
    fn the_last_batch_ends_with_the_end() {
        let shown = |size: &str, start: &str, end: &str| {
            let batches = grid(size, "0").batches(key(start), key(end));
            batches.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(shown("10", "0", "25"), "0 to 10, 10 to 20, 20 to 25");
        assert_eq!(shown("10", "0", "10"), "0 to 10");
        assert_eq!(shown("10", "10", "0"), "10 to 10");
        for bad in ["days", "3 fortnights", "0 days", "-1 day", "", "three days"] {
            assert_eq!(BatchSize::of(&Value::from(bad)), None, "{bad}");
        }
        assert_eq!(BatchSize::of(&Value::Int(0)), None);
    }
}

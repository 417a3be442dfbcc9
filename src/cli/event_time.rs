//! Times on the command line: bounds of batches, the window of a sample.
//!
//! In: text. Out: plain values that templates and artifacts can show too, or what is wrong with the text.

use chrono::{DateTime, Months, TimeDelta, Utc};

use crate::base::{BatchKey, Dict, Grain, Interval, Value};
use crate::diag::SourceFile;
use crate::load;

/// `--event-time-start 2024-01-01`: a time without zone (UTC is meant), or a number for batches of numbers.
pub fn bound(text: &str) -> Result<Value, String> {
    match BatchKey::parse(text) {
        Some(BatchKey::Time(time)) => Ok(Value::Timestamp(time.naive_utc())),
        Some(BatchKey::Number(number)) => Ok(Value::from(number)),
        None => Err(format!("'{text}' is no time: write 2024-01-31, 2024-01-31T12:00:00 or '2024-01-31 12:00:00'")),
    }
}

/// `--sample`: `3 days`, or `{'start': '2024-01-01', 'end': '2024-01-04'}`.
pub fn sample(text: &str, now: DateTime<Utc>) -> Result<Value, String> {
    let window = if text.trim_start().starts_with('{') { written(text)? } else { until(text, now)? };
    let entry = |key: &str, value: BatchKey| (key.to_owned(), value.value());
    Ok(Value::Map([entry("start", window.start), entry("end", window.end)].into_iter().collect()))
}

/// The interval of a mapping with `start` and `end`.
pub fn interval(window: &Dict) -> Option<Interval> {
    let key = |name: &str| window.get(name).and_then(BatchKey::of);
    Some(Interval { start: key("start")?, end: key("end")? })
}

/// A length of time: `7 days`, `12 hours`, `0 days`.
pub fn span(text: &str) -> Result<TimeDelta, String> {
    let wrong = || format!("'{text}' is no length of time: write '7 days' or '12 hours'");
    let (count, word) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let count: u32 = count.parse().map_err(|_| wrong())?;
    let hours = match Grain::parse(word.trim()).ok_or_else(wrong)? {
        Grain::Hour => 1,
        Grain::Day => 24,
        Grain::Week => 24 * 7,
        Grain::Month | Grain::Year => return Err(wrong()),
    };
    TimeDelta::try_hours(hours * i64::from(count)).ok_or_else(wrong)
}

fn written(text: &str) -> Result<Interval, String> {
    let parsed = load::yaml::parse(&SourceFile::new("--sample", text)).ok().and_then(|parsed| parsed.root);
    let found = parsed.and_then(|root| interval(&root.to_dict()));
    found.filter(|window| window.start.time().is_some()).ok_or_else(|| {
        format!("'{text}' is no window: write \"{{'start': '2024-01-01', 'end': '2024-01-04'}}\" or '3 days'")
    })
}

fn until(text: &str, now: DateTime<Utc>) -> Result<Interval, String> {
    let (count, word) = text.trim().split_once(' ').ok_or_else(|| format!("'{text}' is no window: write '3 days'"))?;
    let count: u32 = count.parse().map_err(|_| format!("'{count}' is no whole number"))?;
    let start = Grain::parse(word.trim()).ok_or_else(|| {
        let known = Grain::ALL.map(|grain| format!("{}s", grain.as_str())).join(", ");
        format!("'{word}' is no unit of time: one of {known}")
    })?;
    let hours = |hours: i64| TimeDelta::try_hours(hours * i64::from(count)).and_then(|d| now.checked_sub_signed(d));
    let start = match start {
        Grain::Hour => hours(1),
        Grain::Day => hours(24),
        Grain::Week => hours(24 * 7),
        Grain::Month => now.checked_sub_months(Months::new(count)),
        Grain::Year => count.checked_mul(12).and_then(|months| now.checked_sub_months(Months::new(months))),
    };
    let start = start.ok_or_else(|| format!("'{text}' reaches too far back"))?;
    Ok(Interval::new(start, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read() {
        let now = DateTime::from_timestamp(1_711_886_400, 0).unwrap();
        for (text, start) in [
            ("1 day", "2024-03-30 12:00:00"),
            ("2 HOURS", "2024-03-31 10:00:00"),
            ("1 month", "2024-02-29 12:00:00"),
            ("1 year", "2023-03-31 12:00:00"),
            ("{'start': 2024-01-01, 'end': '2024-01-04'}", "2024-01-01"),
        ] {
            let window = sample(text, now).unwrap();
            assert_eq!(interval(window.as_map().unwrap()).unwrap().start.to_string(), start, "{text}");
        }
        for text in ["3days", "x days", "3 moons", "{'start': '2024-01-01'}", "", "-1 day"] {
            assert!(sample(text, now).is_err(), "{text}");
        }
        assert!(bound("yesterday").is_err());
    }
}

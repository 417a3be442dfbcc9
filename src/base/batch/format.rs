//! Columns that keep dates as numbers or text. In: a format such as `%Y%m%d`, instants. Out: what stands beside such a column in SQL,
//! and whether it can stand there at all.

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Datelike, Days, Months, TimeDelta, TimeZone, Utc};

/// What is wrong with a format, if something is: batches are told apart by comparing what is kept, so it has to sort by time.
pub fn objection(format: &str) -> Option<&'static str> {
    if StrftimeItems::new(format).any(|item| matches!(item, Item::Error)) {
        return Some("a format of dates, such as '%Y%m%d'");
    }
    let texts: Vec<String> = probes().into_iter().map(|time| time.format(format).to_string()).collect();
    let numbers: Option<Vec<u128>> = texts.iter().map(|text| number(text)).collect();
    let sorted = match &numbers {
        Some(numbers) => numbers.is_sorted() && numbers.first() < numbers.last(),
        None => texts.is_sorted() && texts.first() < texts.last(),
    };
    (!sorted).then_some("a format whose values sort by time, such as '%Y%m%d' or '%Y-%m-%d'")
}

/// Instants in their order, around all that a format may get wrong: the ends of years, months, days and hours.
fn probes() -> Vec<DateTime<Utc>> {
    let days = [(2009, 8, 28), (2009, 12, 28), (2023, 9, 27), (2024, 2, 26)];
    let starts = days.into_iter().filter_map(|(y, m, d)| Utc.with_ymd_and_hms(y, m, d, 0, 0, 0).single());
    let minutes = [0, 1, 60, 570, 660, 725, 790, 1439];
    let of_day = |day: DateTime<Utc>| minutes.map(|minute| day + TimeDelta::minutes(minute));
    starts
        .flat_map(|start| (0..40).filter_map(move |day| start.checked_add_days(Days::new(day))))
        .flat_map(of_day)
        .collect()
}

fn number(text: &str) -> Option<u128> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The first value that such a column can hold at an instant or after it. A column that keeps days holds midnights: rows of a day
/// belong to the batch that has its begin.
pub(super) fn literal(time: DateTime<Utc>, format: &str) -> String {
    if objection(format).is_some() {
        return format!("'{}'", format.replace('\'', "''"));
    }
    let shown = |time: DateTime<Utc>| time.format(format).to_string();
    let text = shown(time);
    let all_the_same = |(begin, next): &(DateTime<Utc>, DateTime<Utc>)| {
        shown(*begin) == text && shown(*next - TimeDelta::seconds(1)) == text
    };
    let kept = truncations(time).into_iter().rfind(all_the_same);
    let text = match kept {
        Some((begin, next)) if begin < time => shown(next),
        _ => text,
    };
    if !text.is_empty() && number(&text).is_some() { text } else { format!("'{}'", text.replace('\'', "''")) }
}

/// The second, minute, hour, day, month and year that an instant lies in: each with its begin and that of the next.
fn truncations(time: DateTime<Utc>) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let multiple = |seconds: i64| {
        let begin = DateTime::from_timestamp(time.timestamp().div_euclid(seconds) * seconds, 0)?;
        Some((begin, begin + TimeDelta::seconds(seconds)))
    };
    let months = |from: u32, count: u32| {
        let begin = Utc.with_ymd_and_hms(time.year(), from, 1, 0, 0, 0).single()?;
        Some((begin, begin.checked_add_months(Months::new(count))?))
    };
    let found = [multiple(1), multiple(60), multiple(3_600), multiple(86_400), months(time.month(), 1), months(1, 12)];
    found.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_that_sort() {
        for format in ["%Y%m%d", "%Y-%m-%d", "%Y/%m/%d %H:%M:%S", "%Y%m%d%H", "%s", "%y%m", "%G-W%V", "day %F"] {
            assert_eq!(objection(format), None, "{format}");
        }
        for format in ["%d.%m.%Y", "%m/%d/%Y", "%Y%-m%-d", "%Y%m%d%I", "%b %Y", "%H", "day", "", "%Q", "%Y%m%d%"] {
            assert!(objection(format).is_some(), "{format}");
        }
    }

    #[test]
    fn coarse_columns_hold_the_begins() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        for (time, format, wanted) in [
            ("2024-02-28T00:00:00Z", "%Y%m%d", "20240228"),
            ("2024-02-28T00:00:00.5Z", "%Y%m%d", "20240229"),
            ("2024-12-31T17:30:00Z", "%Y-%m-%d", "'2025-01-01'"),
            ("2024-12-31T17:30:00Z", "%Y%m%d%H", "2024123118"),
            ("2024-12-01T00:00:00Z", "%Y", "2025"),
            ("2024-01-01T05:00:00Z", "%Y%m%d", "20240102"),
            ("2024-01-01T00:00:00Z", "%Y", "2024"),
            ("2024-01-31T00:00:00Z", "%Y-%m", "'2024-02'"),
            ("2024-12-31T17:30:00Z", "%s", "1735666200"),
        ] {
            assert_eq!(literal(at(time), format), wanted, "{time} {format}");
        }
    }
}

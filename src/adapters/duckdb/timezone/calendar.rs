//! Calendar arithmetic on microseconds since 1970-01-01 UTC, as DuckDB's own functions do it for `TIMESTAMP`. In: numbers.
//! Out: numbers, or `None` where they leave the range.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::base::calendar::{DAYS, MONTHS};

const DAY: i64 = 86_400_000_000;

/// Whether a timestamp is `infinity` or `-infinity`: no arithmetic moves it.
pub(super) fn is_infinite(micros: i64) -> bool {
    micros == i64::MAX || micros == -i64::MAX
}

/// Days since 1970-01-01 of a date, the year astronomical.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of days since 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day_of_year - (153 * from_march + 2) / 5 + 1)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// A timestamp and months added, the day held within its month.
fn add_months(micros: i64, months: i64) -> Option<i64> {
    let (year, month, day) = date_of(micros.div_euclid(DAY));
    let count = year * 12 + month - 1 + months;
    let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
    let day = days_of(year, month, day.min(days_in_month(year, month)));
    day.checked_mul(DAY)?.checked_add(micros.rem_euclid(DAY))
}

/// A timestamp and an interval added in ICU's order, which matters at the ends of months: months, days, time; but time first
/// if any of them is negative.
pub(super) fn add(micros: i64, months: i64, days: i64, time: i64) -> Option<i64> {
    let (before, after) = if months < 0 || days < 0 || time < 0 { (time, 0) } else { (0, time) };
    let moved = add_months(micros.checked_add(before)?, months)?;
    moved.checked_add(days.checked_mul(DAY)?)?.checked_add(after)
}

/// A part of time, as `date_trunc`, `date_diff` and the functions named after parts know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Millennium = 1,
    Century,
    Decade,
    Year,
    Quarter,
    Month,
    Week,
    YearWeek,
    IsoYear,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Julian,
    Hour,
    Minute,
    Second,
    Epoch,
    Milliseconds,
    Microseconds,
    Era,
    Timezone,
}

impl Part {
    /// DuckDB's names of parts, in any case.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "millennium" | "mil" | "millenniums" | "millennia" | "mils" | "millenium" => Self::Millennium,
            "century" | "cent" | "centuries" | "c" => Self::Century,
            "decade" | "dec" | "decades" | "decs" => Self::Decade,
            "year" | "yr" | "y" | "years" | "yrs" => Self::Year,
            "quarter" | "quarters" => Self::Quarter,
            "month" | "mon" | "months" | "mons" => Self::Month,
            "week" | "weeks" | "w" | "weekofyear" => Self::Week,
            "yearweek" => Self::YearWeek,
            "isoyear" => Self::IsoYear,
            "day" | "days" | "d" | "dayofmonth" => Self::Day,
            "dow" | "dayofweek" | "weekday" => Self::DayOfWeek,
            "isodow" => Self::IsoDayOfWeek,
            "doy" | "dayofyear" => Self::DayOfYear,
            "julian" | "jd" => Self::Julian,
            "hour" | "hr" | "hours" | "hrs" | "h" => Self::Hour,
            "minute" | "min" | "minutes" | "mins" | "m" => Self::Minute,
            "second" | "sec" | "seconds" | "secs" | "s" => Self::Second,
            "epoch" => Self::Epoch,
            "milliseconds" | "millisecond" | "ms" | "msec" | "msecs" | "msecond" | "mseconds" => Self::Milliseconds,
            "microseconds" | "microsecond" | "us" | "usec" | "usecs" | "usecond" | "useconds" => Self::Microseconds,
            "era" => Self::Era,
            "timezone" | "timezone_hour" | "timezone_minute" => Self::Timezone,
            _ => return None,
        })
    }

    /// The part whose discriminant this is.
    pub(super) fn from_number(number: usize) -> Option<Self> {
        const ALL: [Part; 22] = [
            Part::Millennium,
            Part::Century,
            Part::Decade,
            Part::Year,
            Part::Quarter,
            Part::Month,
            Part::Week,
            Part::YearWeek,
            Part::IsoYear,
            Part::Day,
            Part::DayOfWeek,
            Part::IsoDayOfWeek,
            Part::DayOfYear,
            Part::Julian,
            Part::Hour,
            Part::Minute,
            Part::Second,
            Part::Epoch,
            Part::Milliseconds,
            Part::Microseconds,
            Part::Era,
            Part::Timezone,
        ];
        ALL.into_iter().find(|&part| part as usize == number)
    }
}

/// The Monday of a day's week.
fn monday(day: i64) -> i64 {
    day - (day + 3).rem_euclid(7)
}

/// The Monday of the first ISO week of the year that a day's week belongs to, and that year: the one of the week's Thursday,
/// whose first week is the one with 4 January.
fn iso_year(day: i64) -> (i64, i64) {
    let (year, ..) = date_of(monday(day) + 3);
    (year, monday(days_of(year, 1, 4)))
}

/// The start of the part of time that a timestamp lies in; `None` for a part that nothing can be cut to.
pub(super) fn truncate(part: Part, micros: i64) -> Option<i64> {
    let to = |unit: i64| Some(micros - micros.rem_euclid(unit));
    let day = micros.div_euclid(DAY);
    let (year, month, _) = date_of(day);
    let first = |year, month| days_of(year, month, 1).checked_mul(DAY);
    match part {
        Part::Millennium => first(year / 1000 * 1000, 1),
        Part::Century => first(year / 100 * 100, 1),
        Part::Decade => first(year / 10 * 10, 1),
        Part::Year => first(year, 1),
        Part::Quarter => first(year, (month - 1) / 3 * 3 + 1),
        Part::Month => first(year, month),
        Part::Week | Part::YearWeek => monday(day).checked_mul(DAY),
        Part::IsoYear => iso_year(day).1.checked_mul(DAY),
        Part::Day | Part::DayOfWeek | Part::IsoDayOfWeek | Part::DayOfYear | Part::Julian => to(DAY),
        Part::Hour => to(3_600_000_000),
        Part::Minute => to(60_000_000),
        Part::Second | Part::Epoch => to(1_000_000),
        Part::Milliseconds => to(1_000),
        Part::Microseconds => Some(micros),
        Part::Era | Part::Timezone => None,
    }
}

/// The number of a part: the year of a timestamp, its hour, ...
pub(super) fn number(part: Part, micros: i64) -> i64 {
    let (day, time) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let (year, month, day_of_month) = date_of(day);
    // There is no year 0 between centuries, so they count from 1 in both directions.
    let counted = |years: i64| if year > 0 { (year - 1) / years + 1 } else { year / years - 1 };
    let week = || {
        let (iso_year, start) = iso_year(day);
        (iso_year, (day - start) / 7 + 1)
    };
    match part {
        Part::Millennium => counted(1000),
        Part::Century => counted(100),
        Part::Decade => year / 10,
        Part::Year => year,
        Part::Quarter => (month - 1) / 3 + 1,
        Part::Month => month,
        Part::Week => week().1,
        Part::YearWeek => {
            let (year, week) = week();
            year * 100 + if year > 0 { week } else { -week }
        }
        Part::IsoYear => week().0,
        Part::Day => day_of_month,
        Part::DayOfWeek => (day + 4).rem_euclid(7),
        Part::IsoDayOfWeek => (day + 3).rem_euclid(7) + 1,
        Part::DayOfYear => day - days_of(year, 1, 1) + 1,
        Part::Julian => day + 2_440_588,
        Part::Hour => time / 3_600_000_000,
        Part::Minute => time / 60_000_000 % 60,
        Part::Second => time / 1_000_000 % 60,
        Part::Milliseconds => time % 60_000_000 / 1_000,
        Part::Microseconds => time % 60_000_000,
        Part::Epoch => micros.div_euclid(1_000_000),
        Part::Era => i64::from(year > 0),
        Part::Timezone => 0,
    }
}

/// How many borders of a part lie between two timestamps. For weeks DuckDB counts sevens of days instead, whatever the
/// weekdays.
pub(super) fn borders(part: Part, from: i64, to: i64) -> Option<i64> {
    if matches!(part, Part::Week | Part::YearWeek) {
        return Some((to.div_euclid(DAY) - from.div_euclid(DAY)) / 7);
    }
    let index = |micros: i64| {
        let day = micros.div_euclid(DAY);
        let (year, month, _) = date_of(day);
        Some(match part {
            Part::Millennium => year / 1000,
            Part::Century => year / 100,
            Part::Decade => year / 10,
            Part::Year => year,
            Part::Quarter => (year * 12 + month - 1).div_euclid(3),
            Part::Month => year * 12 + month,
            Part::IsoYear => iso_year(day).0,
            Part::Day | Part::DayOfWeek | Part::IsoDayOfWeek | Part::DayOfYear | Part::Julian => day,
            Part::Hour => micros.div_euclid(3_600_000_000),
            Part::Minute => micros.div_euclid(60_000_000),
            Part::Second | Part::Epoch => micros.div_euclid(1_000_000),
            Part::Milliseconds => micros.div_euclid(1_000),
            Part::Microseconds => micros,
            Part::Week | Part::YearWeek | Part::Era | Part::Timezone => return None,
        })
    };
    index(to)?.checked_sub(index(from)?)
}

/// The last day of a timestamp's month, in days since 1970-01-01.
pub(super) fn last_day(micros: i64) -> i64 {
    let (year, month, _) = date_of(micros.div_euclid(DAY));
    days_of(year, month, days_in_month(year, month))
}

/// English names, as DuckDB has them.
pub(super) fn name(part: Part, micros: i64) -> &'static str {
    let number = number(part, micros);
    match part {
        Part::Month => MONTHS[(number - 1).rem_euclid(12) as usize],
        _ => DAYS[number.rem_euclid(7) as usize],
    }
}

/// The bucket of the given width that a timestamp lies in. Buckets of months count from 2000-01-01, others from Monday
/// 2000-01-03.
pub(super) fn bucket(months: i64, days: i64, time: i64, micros: i64) -> Result<i64, &'static str> {
    if months != 0 && days == 0 && time == 0 {
        if months < 0 {
            return Err("Period must be greater than 0");
        }
        let (year, month, _) = date_of(micros.div_euclid(DAY));
        let count = year * 12 + month - 1;
        let start = count - (count - 2000 * 12).rem_euclid(months);
        let day = days_of(start.div_euclid(12), start.rem_euclid(12) + 1, 1);
        return day.checked_mul(DAY).ok_or("Timestamp out of range");
    }
    if months != 0 {
        return Err("Month intervals cannot have day or time component");
    }
    let width = days.checked_mul(DAY).and_then(|d| d.checked_add(time)).ok_or("Interval out of range")?;
    if width <= 0 {
        return Err("Period must be greater than 0");
    }
    let origin = 10_959 * DAY;
    micros.checked_sub(micros.wrapping_sub(origin).rem_euclid(width)).ok_or("Timestamp out of range")
}

/// A time zone by name, in any case, or by an offset such as `+05:30`.
pub(super) enum Zone {
    Named(Tz),
    /// Seconds east of UTC.
    Offset(i32),
}

impl Zone {
    /// Finds a zone.
    pub(super) fn find(name: &str) -> Option<Self> {
        let name = name.trim();
        if let Ok(zone) = name.parse::<Tz>() {
            return Some(Self::Named(zone));
        }
        if name.starts_with(['+', '-']) {
            return offset(name).map(Self::Offset);
        }
        TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name)).map(|zone| Self::Named(*zone))
    }

    /// The wall clock at an instant.
    pub(super) fn local(&self, micros: i64) -> Option<i64> {
        let seconds = match self {
            Self::Offset(seconds) => *seconds,
            Self::Named(zone) => {
                let instant = DateTime::from_timestamp_micros(micros)?;
                zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc()
            }
        };
        micros.checked_add(i64::from(seconds) * 1_000_000)
    }

    /// The instant of a wall clock. A time that comes twice is the second one; one that is skipped moves on by the gap.
    pub(super) fn instant(&self, micros: i64) -> Option<i64> {
        let zone = match self {
            Self::Offset(seconds) => return micros.checked_sub(i64::from(*seconds) * 1_000_000),
            Self::Named(zone) => zone,
        };
        let local = DateTime::from_timestamp_micros(micros)?.naive_utc();
        let seconds = match zone.offset_from_local_datetime(&local) {
            MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(_, offset) => offset.fix().local_minus_utc(),
            MappedLocalTime::None => before_gap(*zone, local)?,
        };
        micros.checked_sub(i64::from(seconds) * 1_000_000)
    }
}

/// The offset in force before the gap that a wall clock falls into: gaps are shorter than a day and never follow each other.
fn before_gap(zone: Tz, local: NaiveDateTime) -> Option<i32> {
    let day_before = local.checked_sub_signed(TimeDelta::days(1))?;
    Some(zone.offset_from_local_datetime(&day_before).earliest()?.fix().local_minus_utc())
}

/// `+hh`, `+hhmm`, `+hh:mm` in seconds.
fn offset(text: &str) -> Option<i32> {
    let digits: String = text[1..].chars().filter(|&c| c != ':').collect();
    if !matches!(digits.len(), 1 | 2 | 4) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = digits.split_at(digits.len().min(2));
    let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().unwrap_or_default() * 60;
    Some(if text.starts_with('-') { -seconds } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<NaiveDateTime>().expect("a timestamp").and_utc().timestamp_micros()
    }

    #[test]
    fn months_are_held_within_their_month() {
        assert_eq!(add(at("2024-01-31T10:00:00"), 1, 0, 0), Some(at("2024-02-29T10:00:00")));
        assert_eq!(add(at("2024-03-31T00:00:00"), -13, -1, -1_000_000), Some(at("2023-02-27T23:59:59")));
        assert_eq!(add(at("1899-12-31T00:00:00"), 2, 0, 0), Some(at("1900-02-28T00:00:00")));
        assert_eq!(add(i64::MAX - 1, 0, 1, 0), None);
    }

    #[test]
    fn parts_begin_where_calendars_say() {
        for (part, start) in [
            ("millennium", "2000-01-01T00:00:00"),
            ("Decade", "2020-01-01T00:00:00"),
            ("isoyear", "2021-01-04T00:00:00"),
            ("week", "2021-08-09T00:00:00"),
            ("quarter", "2021-07-01T00:00:00"),
            ("h", "2021-08-11T13:00:00"),
            ("ms", "2021-08-11T13:14:15.123"),
        ] {
            let found = Part::parse(part).and_then(|p| truncate(p, at("2021-08-11T13:14:15.123456")));
            assert_eq!(found, Some(at(start)), "{part}");
        }
        assert_eq!(truncate(Part::Day, at("1969-12-31T23:00:00")), Some(at("1969-12-31T00:00:00")));
        assert_eq!(Part::parse("fortnight"), None);
        assert_eq!(bucket(0, 7, 0, at("2021-08-11T13:14:15")), Ok(at("2021-08-09T00:00:00")));
        assert_eq!(bucket(5, 0, 0, at("2021-08-11T13:14:15")), Ok(at("2021-04-01T00:00:00")));
    }

    #[test]
    fn clocks_change() {
        let berlin = Zone::find("europe/BERLIN").expect("a zone");
        assert_eq!(berlin.local(at("2024-07-01T00:00:00")), Some(at("2024-07-01T02:00:00")));
        assert_eq!(berlin.instant(at("2024-03-31T02:30:00")), Some(at("2024-03-31T01:30:00")));
        assert_eq!(berlin.instant(at("2024-10-27T02:30:00")), Some(at("2024-10-27T01:30:00")));
        assert_eq!(Zone::find("+05:30").and_then(|z| z.local(0)), Some(19_800_000_000));
        assert!(Zone::find("Mars/Olympus").is_none() && Zone::find("+x").is_none());
    }
}

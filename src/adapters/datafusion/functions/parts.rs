//! Parts of dates: which names there are, what a part of a moment is, where a part begins, how many lie between two moments.
//! Moments are microseconds since 1970, without a zone.

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
use datafusion::common::{Result, exec_datafusion_err, exec_err};

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;
/// 1970-01-01 as a day of the common era.
const EPOCH_DAY: i32 = 719_163;

/// A part of a date or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Millennium,
    Century,
    Decade,
    Year,
    IsoYear,
    Quarter,
    Month,
    Week,
    YearWeek,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Epoch,
    Era,
    Julian,
    Zone,
}

impl Part {
    /// By any of its names.
    pub(super) fn named(name: &str) -> Result<Self> {
        Ok(match name.trim().to_ascii_lowercase().as_str() {
            "millennium" | "millennia" | "millenia" | "millenium" | "mil" | "mils" => Self::Millennium,
            "century" | "centuries" | "cent" | "c" => Self::Century,
            "decade" | "decades" | "dec" | "decs" => Self::Decade,
            "year" | "years" | "yr" | "yrs" | "y" => Self::Year,
            "isoyear" => Self::IsoYear,
            "quarter" | "quarters" => Self::Quarter,
            "month" | "months" | "mon" | "mons" => Self::Month,
            "week" | "weeks" | "w" | "weekofyear" => Self::Week,
            "yearweek" => Self::YearWeek,
            "day" | "days" | "d" | "dayofmonth" => Self::Day,
            "dow" | "dayofweek" | "weekday" => Self::DayOfWeek,
            "isodow" => Self::IsoDayOfWeek,
            "doy" | "dayofyear" => Self::DayOfYear,
            "hour" | "hours" | "hr" | "hrs" | "h" => Self::Hour,
            "minute" | "minutes" | "min" | "mins" | "m" => Self::Minute,
            "second" | "seconds" | "sec" | "secs" | "s" => Self::Second,
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => Self::Millisecond,
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" => Self::Microsecond,
            "epoch" => Self::Epoch,
            "era" => Self::Era,
            "julian" => Self::Julian,
            "timezone" | "timezone_hour" | "timezone_minute" => Self::Zone,
            other => {
                return exec_err!(
                    "'{other}' is no part of a date; there is year, quarter, month, week, day, hour, minute, second, ..."
                );
            }
        })
    }
}

/// The day of a moment.
pub(super) fn day_of(micros: i64) -> i64 {
    micros.div_euclid(DAY)
}

/// A calendar date from days since 1970.
pub(super) fn date(days: i64) -> Result<NaiveDate> {
    i32::try_from(days)
        .ok()
        .and_then(|d| d.checked_add(EPOCH_DAY))
        .and_then(NaiveDate::from_num_days_from_ce_opt)
        .ok_or_else(|| exec_datafusion_err!("date out of range"))
}

/// Days since 1970.
pub(super) fn days(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce() - EPOCH_DAY)
}

/// Date and time of a moment.
pub(super) fn moment(micros: i64) -> Result<NaiveDateTime> {
    chrono::DateTime::from_timestamp_micros(micros)
        .map(|t| t.naive_utc())
        .ok_or_else(|| exec_datafusion_err!("timestamp out of range"))
}

fn ymd(year: i64, month: u32, day: u32) -> Result<i64> {
    i32::try_from(year)
        .ok()
        .and_then(|y| NaiveDate::from_ymd_opt(y, month, day))
        .map(|d| days(d) * DAY)
        .ok_or_else(|| exec_datafusion_err!("date out of range"))
}

/// The number of a part; what is counted in fractions (epoch, julian) is cut to the whole.
pub(super) fn part(part: Part, micros: i64) -> Result<i64> {
    let d = date(day_of(micros))?;
    let time = micros.rem_euclid(DAY);
    let year = i64::from(d.year());
    Ok(match part {
        Part::Millennium => hundreds(year, 1000),
        Part::Century => hundreds(year, 100),
        Part::Decade => year / 10,
        Part::Year => year,
        Part::IsoYear => i64::from(d.iso_week().year()),
        Part::Quarter => i64::from(d.month0() / 3 + 1),
        Part::Month => i64::from(d.month()),
        Part::Week => i64::from(d.iso_week().week()),
        Part::YearWeek => i64::from(d.iso_week().year()) * 100 + i64::from(d.iso_week().week()),
        Part::Day => i64::from(d.day()),
        Part::DayOfWeek => i64::from(d.weekday().num_days_from_sunday()),
        Part::IsoDayOfWeek => i64::from(d.weekday().number_from_monday()),
        Part::DayOfYear => i64::from(d.ordinal()),
        Part::Hour => time / HOUR,
        Part::Minute => time / MINUTE % 60,
        Part::Second => time / SECOND % 60,
        Part::Millisecond => time % MINUTE / 1000,
        Part::Microsecond => time % MINUTE,
        Part::Epoch => micros.div_euclid(SECOND),
        Part::Era => i64::from(year > 0),
        Part::Julian => day_of(micros) + 2_440_588,
        Part::Zone => 0,
    })
}

fn hundreds(year: i64, length: i64) -> i64 {
    if year > 0 { (year - 1) / length + 1 } else { year / length - 1 }
}

/// The moment at which the part that holds this moment begins.
pub(super) fn truncate(part: Part, micros: i64) -> Result<i64> {
    let d = date(day_of(micros))?;
    let year = i64::from(d.year());
    Ok(match part {
        Part::Millennium => ymd(year / 1000 * 1000, 1, 1)?,
        Part::Century => ymd(year / 100 * 100, 1, 1)?,
        Part::Decade => ymd(year / 10 * 10, 1, 1)?,
        Part::Year => ymd(year, 1, 1)?,
        Part::IsoYear => {
            let week = i64::from(d.iso_week().week0());
            (day_of(micros) - i64::from(d.weekday().num_days_from_monday()) - week * 7) * DAY
        }
        Part::Quarter => ymd(year, d.month0() / 3 * 3 + 1, 1)?,
        Part::Month => ymd(year, d.month(), 1)?,
        Part::Week | Part::YearWeek => (day_of(micros) - i64::from(d.weekday().num_days_from_monday())) * DAY,
        Part::Day | Part::DayOfWeek | Part::IsoDayOfWeek | Part::DayOfYear | Part::Julian => day_of(micros) * DAY,
        Part::Hour => micros.div_euclid(HOUR) * HOUR,
        Part::Minute => micros.div_euclid(MINUTE) * MINUTE,
        Part::Second | Part::Epoch => micros.div_euclid(SECOND) * SECOND,
        Part::Millisecond => micros.div_euclid(1000) * 1000,
        Part::Microsecond => micros,
        Part::Era | Part::Zone => return exec_err!("date_trunc: a timestamp cannot be cut to that part"),
    })
}

/// How many boundaries of the part lie between two moments; weeks are counted in full.
pub(super) fn boundaries(unit: Part, start: i64, end: i64) -> Result<i64> {
    Ok(match unit {
        Part::Millennium => part(Part::Year, end)? / 1000 - part(Part::Year, start)? / 1000,
        Part::Century => part(Part::Year, end)? / 100 - part(Part::Year, start)? / 100,
        Part::Decade => part(Part::Year, end)? / 10 - part(Part::Year, start)? / 10,
        Part::Year | Part::IsoYear => part(unit, end)? - part(unit, start)?,
        Part::Quarter => months(end)?.div_euclid(3) - months(start)?.div_euclid(3),
        Part::Month => months(end)? - months(start)?,
        Part::Week | Part::YearWeek => (day_of(end) - day_of(start)) / 7,
        Part::Day | Part::DayOfWeek | Part::IsoDayOfWeek | Part::DayOfYear | Part::Julian => {
            day_of(end) - day_of(start)
        }
        Part::Hour => end.div_euclid(HOUR) - start.div_euclid(HOUR),
        Part::Minute => end.div_euclid(MINUTE) - start.div_euclid(MINUTE),
        Part::Second | Part::Epoch => end.div_euclid(SECOND) - start.div_euclid(SECOND),
        Part::Millisecond => end.div_euclid(1000) - start.div_euclid(1000),
        Part::Microsecond => end - start,
        Part::Era | Part::Zone => return exec_err!("date_diff: that part cannot be counted"),
    })
}

/// How many whole units lie between two moments.
pub(super) fn complete(unit: Part, start: i64, end: i64) -> Result<i64> {
    let span = end - start;
    Ok(match unit {
        Part::Millennium => whole_months(start, end)? / 12_000,
        Part::Century => whole_months(start, end)? / 1200,
        Part::Decade => whole_months(start, end)? / 120,
        Part::Year | Part::IsoYear => whole_months(start, end)? / 12,
        Part::Quarter => whole_months(start, end)? / 3,
        Part::Month => whole_months(start, end)?,
        Part::Week | Part::YearWeek => span / (7 * DAY),
        Part::Day | Part::DayOfWeek | Part::IsoDayOfWeek | Part::DayOfYear | Part::Julian => span / DAY,
        Part::Hour => span / HOUR,
        Part::Minute => span / MINUTE,
        Part::Second | Part::Epoch => span / SECOND,
        Part::Millisecond => span / 1000,
        Part::Microsecond => span,
        Part::Era | Part::Zone => return exec_err!("date_sub: that part cannot be counted"),
    })
}

/// Months since year 0.
fn months(micros: i64) -> Result<i64> {
    let d = date(day_of(micros))?;
    Ok(i64::from(d.year()) * 12 + i64::from(d.month0()))
}

fn whole_months(start: i64, end: i64) -> Result<i64> {
    if start > end {
        return Ok(-whole_months(end, start)?);
    }
    let (first, last) = (date(day_of(start))?, date(day_of(end))?);
    let mut count = months(end)? - months(start)?;
    let end_of_month = month_days(last.year(), last.month()) == last.day();
    // The last day of a month completes it, whatever day the count began on.
    let reached = if end_of_month && first.day() > last.day() { first.day() } else { last.day() };
    let later = (reached, end.rem_euclid(DAY)) < (first.day(), start.rem_euclid(DAY));
    if later {
        count -= 1;
    }
    Ok(count)
}

/// How many days a month has.
pub(super) fn month_days(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if NaiveDate::from_ymd_opt(year, 2, 29).is_some() => 29,
        2 => 28,
        _ => 31,
    }
}

/// A moment some months later or earlier, held back to the month's last day.
pub(super) fn add_months(micros: i64, count: i64) -> Result<i64> {
    let d = date(day_of(micros))?;
    let total = i64::from(d.year()) * 12 + i64::from(d.month0()) + count;
    let year = total.div_euclid(12);
    let month = u32::try_from(total.rem_euclid(12)).unwrap_or(0) + 1;
    let last = month_days(i32::try_from(year).unwrap_or(i32::MAX), month);
    Ok(ymd(year, month, d.day().min(last))? + micros.rem_euclid(DAY))
}

/// Months, days and microseconds from `start` to `end`, each of the sign of the whole.
pub(super) fn age(end: i64, start: i64) -> Result<(i32, i32, i64)> {
    if end < start {
        let (m, d, t) = age(start, end)?;
        return Ok((-m, -d, -t));
    }
    let (a, b) = (moment(start)?, moment(end)?);
    let mut months = (b.year() - a.year()) * 12 + b.month0() as i32 - a.month0() as i32;
    let mut days = b.day() as i32 - a.day() as i32;
    let time = |t: &NaiveDateTime| i64::from(t.num_seconds_from_midnight()) * SECOND + i64::from(t.nanosecond() / 1000);
    let mut rest = time(&b) - time(&a);
    if rest < 0 {
        rest += DAY;
        days -= 1;
    }
    if days < 0 {
        days += month_days(a.year(), a.month()) as i32;
        months -= 1;
    }
    Ok((months, days, rest))
}

//! Functions of dates, timestamps and intervals.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Int64Array, IntervalMonthDayNanoArray, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::ScalarUDF;

use super::parts::{self, DAY, HOUR, MINUTE, Part, SECOND};
use super::scalar::{Gives, Kind, Scalar, fail, interval, micros, text, utc};

/// All functions of this module.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let mut all = counting();
    all.extend(extractors());
    all.extend(makers());
    all.extend(intervals());
    all
}

fn moments(array: &ArrayRef) -> &TimestampMicrosecondArray {
    array.as_primitive::<TimestampMicrosecondType>()
}

fn spans(array: &ArrayRef) -> &IntervalMonthDayNanoArray {
    array.as_primitive::<IntervalMonthDayNanoType>()
}

/// The row's value, if it has one.
fn at<A: Array>(array: &A, row: usize) -> Option<&A> {
    array.is_valid(row).then_some(array)
}

/// Remembers the part of the row before: it is nearly always the same.
struct Parts<'a> {
    names: &'a StringArray,
    last: Option<(&'a str, Part)>,
}

impl<'a> Parts<'a> {
    fn new(array: &'a ArrayRef) -> Self {
        Self { names: text(array), last: None }
    }

    fn get(&mut self, row: usize) -> Result<Option<Part>> {
        if self.names.is_null(row) {
            return Ok(None);
        }
        let name = self.names.value(row);
        if let Some((seen, part)) = self.last
            && seen == name
        {
            return Ok(Some(part));
        }
        let part = Part::named(name)?;
        self.last = Some((name, part));
        Ok(Some(part))
    }
}

fn between(args: &[ArrayRef], rows: usize, count: fn(Part, i64, i64) -> Result<i64>) -> Result<ArrayRef> {
    let mut units = Parts::new(&args[0]);
    let (start, end) = (moments(&args[1]), moments(&args[2]));
    let counted = (0..rows).map(|row| {
        let Some(unit) = units.get(row)? else { return Ok(None) };
        if start.is_null(row) || end.is_null(row) {
            return Ok(None);
        }
        count(unit, start.value(row), end.value(row)).map(Some)
    });
    Ok(Arc::new(counted.collect::<Result<Int64Array>>()?))
}

fn counting() -> Vec<Arc<ScalarUDF>> {
    use Kind::{Instant, Interval, Text, Timestamp};
    let diff = |args: &[ArrayRef], rows: usize| between(args, rows, parts::boundaries);
    let sub = |args: &[ArrayRef], rows: usize| between(args, rows, parts::complete);
    vec![
        Scalar::new("date_diff")
            .alias(&["datediff"])
            .on(&[Text, Timestamp, Timestamp], DataType::Int64, diff)
            .on(&[Text, Instant, Instant], DataType::Int64, diff)
            .build(),
        Scalar::new("date_sub")
            .alias(&["datesub"])
            .on(&[Text, Timestamp, Timestamp], DataType::Int64, sub)
            .on(&[Text, Instant, Instant], DataType::Int64, sub)
            .build(),
        Scalar::new("date_trunc")
            .alias(&["datetrunc"])
            .on(&[Text, Timestamp], micros(), truncated)
            .on(&[Text, Instant], utc(), truncated)
            .build(),
        Scalar::new("date_add")
            .on(&[Timestamp, Interval], micros(), added)
            .on(&[Instant, Interval], utc(), added)
            .build(),
        Scalar::new("age")
            .on(&[Timestamp, Timestamp], interval(), aged)
            .on(&[Instant, Instant], interval(), aged)
            .build(),
        Scalar::new("time_bucket")
            .on(&[Interval, Kind::Date], DataType::Date32, bucket_of_dates)
            .on(&[Interval, Timestamp], micros(), bucketed)
            .on(&[Interval, Instant], utc(), bucketed)
            .on(&[Interval, Timestamp, Interval], micros(), bucketed)
            .on(&[Interval, Timestamp, Timestamp], micros(), bucketed)
            .build(),
        Scalar::new("timezone").on(&[Text, Timestamp], utc(), to_zone).on(&[Text, Instant], micros(), in_zone).build(),
    ]
}

fn with_zone(array: TimestampMicrosecondArray, like: &DataType) -> ArrayRef {
    match like {
        DataType::Timestamp(_, Some(zone)) => Arc::new(array.with_timezone(Arc::clone(zone))),
        _ => Arc::new(array),
    }
}

fn truncated(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let mut units = Parts::new(&args[0]);
    let given = moments(&args[1]);
    let cut = (0..rows)
        .map(|row| match (units.get(row)?, at(given, row)) {
            (Some(unit), Some(a)) => parts::truncate(unit, a.value(row)).map(Some),
            _ => Ok(None),
        })
        .collect::<Result<TimestampMicrosecondArray>>()?;
    Ok(with_zone(cut, args[1].data_type()))
}

/// A moment moved by an interval: months first, then days, then time.
pub(super) fn shift(micros: i64, by: IntervalMonthDayNano, sign: i64) -> Result<i64> {
    let moved = if by.months == 0 { micros } else { parts::add_months(micros, sign * i64::from(by.months))? };
    i64::from(by.days)
        .checked_mul(DAY)
        .and_then(|d| d.checked_add(by.nanoseconds / 1000))
        .and_then(|d| moved.checked_add(sign * d))
        .ok_or_else(|| exec_datafusion_err!("timestamp out of range"))
}

fn added(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let (given, by) = (moments(&args[0]), spans(&args[1]));
    let moved = (0..rows)
        .map(|row| match (at(given, row), at(by, row)) {
            (Some(a), Some(b)) => shift(a.value(row), b.value(row), 1).map(Some),
            _ => Ok(None),
        })
        .collect::<Result<TimestampMicrosecondArray>>()?;
    Ok(with_zone(moved, args[0].data_type()))
}

fn aged(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let (end, start) = (moments(&args[0]), moments(&args[1]));
    let ages = (0..rows).map(|row| {
        let (Some(e), Some(s)) = (at(end, row), at(start, row)) else { return Ok(None) };
        let (months, days, rest) = parts::age(e.value(row), s.value(row))?;
        Ok(Some(IntervalMonthDayNano::new(months, days, rest * 1000)))
    });
    Ok(Arc::new(ages.collect::<Result<IntervalMonthDayNanoArray>>()?))
}

/// Buckets of months count from 2000-01, others from Monday 2000-01-03.
fn bucket(width: IntervalMonthDayNano, micros: i64, offset: i64) -> Result<i64> {
    let shifted = micros - offset;
    if width.months != 0 {
        if width.days != 0 || width.nanoseconds != 0 {
            return fail("time_bucket", "months cannot be mixed with days or times");
        }
        let date = parts::date(parts::day_of(shifted))?;
        let month = parts::part(Part::Year, shifted)? * 12 + parts::part(Part::Month, shifted)? - 1 - 24_000;
        let begin = month.div_euclid(i64::from(width.months)) * i64::from(width.months);
        let first = parts::truncate(Part::Month, parts::days(date) * DAY)?;
        return Ok(parts::add_months(first, begin - month)? + offset);
    }
    let size = i64::from(width.days) * DAY + width.nanoseconds / 1000;
    if size <= 0 {
        return fail("time_bucket", "the width of a bucket must be positive");
    }
    let origin = 10_959 * DAY;
    Ok((shifted - origin).div_euclid(size) * size + origin + offset)
}

fn bucketed(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let (width, given) = (spans(&args[0]), moments(&args[1]));
    let starts = (0..rows)
        .map(|row| {
            let (Some(w), Some(a)) = (at(width, row), at(given, row)) else { return Ok(None) };
            let (w, value) = (w.value(row), a.value(row));
            let offset = match args.get(2) {
                None => 0,
                Some(third) if third.is_null(row) => return Ok(None),
                Some(third) if matches!(third.data_type(), DataType::Interval(_)) => {
                    shift(0, spans(third).value(row), 1)?
                }
                Some(third) => moments(third).value(row) - bucket(w, moments(third).value(row), 0)?,
            };
            bucket(w, value, offset).map(Some)
        })
        .collect::<Result<TimestampMicrosecondArray>>()?;
    Ok(with_zone(starts, args[1].data_type()))
}

fn bucket_of_dates(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let (width, given) = (spans(&args[0]), args[1].as_primitive::<Date32Type>());
    let starts = (0..rows).map(|row| {
        let (Some(w), Some(a)) = (at(width, row), at(given, row)) else { return Ok(None) };
        let begin = bucket(w.value(row), i64::from(a.value(row)) * DAY, 0)?;
        Ok(i32::try_from(parts::day_of(begin)).ok())
    });
    Ok(Arc::new(starts.collect::<Result<Date32Array>>()?))
}

fn zone(name: &str) -> Result<chrono_tz::Tz> {
    name.parse().map_err(|_| exec_datafusion_err!("there is no time zone '{name}'"))
}

/// Local time in a zone -> instant.
fn to_zone(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    use chrono::{Offset, TimeZone};
    let (names, given) = (text(&args[0]), moments(&args[1]));
    let instants = (0..rows)
        .map(|row| {
            let (Some(n), Some(a)) = (at(names, row), at(given, row)) else { return Ok(None) };
            let zone = zone(n.value(row))?;
            let local = parts::moment(a.value(row))?;
            // Of an hour that comes twice the later one is meant; an hour that is left out is counted as before the change.
            let offset = zone
                .offset_from_local_datetime(&local)
                .latest()
                .unwrap_or_else(|| zone.offset_from_utc_datetime(&(local - chrono::TimeDelta::days(1))));
            Ok(Some(a.value(row) - i64::from(offset.fix().local_minus_utc()) * SECOND))
        })
        .collect::<Result<TimestampMicrosecondArray>>()?;
    Ok(Arc::new(instants.with_timezone("UTC")))
}

/// Instant -> local time in a zone.
fn in_zone(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    use chrono::{Offset, TimeZone};
    let (names, given) = (text(&args[0]), moments(&args[1]));
    let locals = (0..rows)
        .map(|row| {
            let (Some(n), Some(a)) = (at(names, row), at(given, row)) else { return Ok(None) };
            let offset = zone(n.value(row))?.offset_from_utc_datetime(&parts::moment(a.value(row))?);
            Ok(Some(a.value(row) + i64::from(offset.fix().local_minus_utc()) * SECOND))
        })
        .collect::<Result<TimestampMicrosecondArray>>()?;
    Ok(Arc::new(locals))
}

/// A body that gives one part of its only argument.
macro_rules! extractor {
    ($name:literal, $aliases:expr, $part:expr) => {{
        let body = |args: &[ArrayRef], rows: usize| extracted($part, &args[0], rows);
        let spans = |args: &[ArrayRef], rows: usize| extracted_of_spans($part, &args[0], rows);
        Scalar::new($name)
            .alias(&$aliases)
            .on(&[Kind::Timestamp], DataType::Int64, body)
            .on(&[Kind::Instant], DataType::Int64, body)
            .on(&[Kind::Interval], DataType::Int64, spans)
            .build()
    }};
}

fn extracted(part: Part, array: &ArrayRef, rows: usize) -> Result<ArrayRef> {
    let given = moments(array);
    let found = (0..rows).map(|row| at(given, row).map(|a| parts::part(part, a.value(row))).transpose());
    Ok(Arc::new(found.collect::<Result<Int64Array>>()?))
}

fn extracted_of_spans(part: Part, array: &ArrayRef, rows: usize) -> Result<ArrayRef> {
    let given = spans(array);
    let found = (0..rows).map(|row| at(given, row).map(|a| part_of_span(part, a.value(row))).transpose());
    Ok(Arc::new(found.collect::<Result<Int64Array>>()?))
}

fn part_of_span(part: Part, span: IntervalMonthDayNano) -> Result<i64> {
    let (months, micros) = (i64::from(span.months), span.nanoseconds / 1000);
    Ok(match part {
        Part::Millennium => months / 12_000,
        Part::Century => months / 1200,
        Part::Decade => months / 120,
        Part::Year => months / 12,
        Part::Quarter => months % 12 / 3 + 1,
        Part::Month => months % 12,
        Part::Week => i64::from(span.days) / 7,
        Part::Day => i64::from(span.days),
        Part::Hour => micros / HOUR,
        Part::Minute => micros / MINUTE % 60,
        Part::Second => micros / SECOND % 60,
        Part::Millisecond => micros % MINUTE / 1000,
        Part::Microsecond => micros % MINUTE,
        _ => return fail("date_part", "an interval has no such part"),
    })
}

/// Seconds of an interval: a year has 365.25 days, a month 30.
fn seconds(span: IntervalMonthDayNano) -> f64 {
    let years = f64::from(span.months / 12) * 365.25;
    let days = years + f64::from(span.months % 12) * 30.0 + f64::from(span.days);
    days * 86_400.0 + (span.nanoseconds / 1000) as f64 / SECOND as f64
}

fn extractors() -> Vec<Arc<ScalarUDF>> {
    let mut all = vec![
        extractor!("year", [], Part::Year),
        extractor!("quarter", [], Part::Quarter),
        extractor!("month", [], Part::Month),
        extractor!("week", ["weekofyear"], Part::Week),
        extractor!("yearweek", [], Part::YearWeek),
        extractor!("isoyear", [], Part::IsoYear),
        extractor!("day", ["dayofmonth"], Part::Day),
        extractor!("dayofweek", ["weekday"], Part::DayOfWeek),
        extractor!("isodow", [], Part::IsoDayOfWeek),
        extractor!("dayofyear", [], Part::DayOfYear),
        extractor!("hour", [], Part::Hour),
        extractor!("minute", [], Part::Minute),
        extractor!("second", [], Part::Second),
        extractor!("millisecond", [], Part::Millisecond),
        extractor!("microsecond", [], Part::Microsecond),
        extractor!("decade", [], Part::Decade),
        extractor!("century", [], Part::Century),
        extractor!("millennium", [], Part::Millennium),
        extractor!("era", [], Part::Era),
    ];
    use Kind::{Date, Instant, Interval, Text, Timestamp};
    all.extend([
        Scalar::new("date_part")
            .alias(&["datepart"])
            .on(&[Text, Timestamp], DataType::Int64, parted)
            .on(&[Text, Instant], DataType::Int64, parted)
            .on(&[Text, Interval], DataType::Int64, parted)
            .build(),
        Scalar::new("epoch")
            .on(&[Timestamp], DataType::Float64, epoch)
            .on(&[Instant], DataType::Float64, epoch)
            .on(&[Interval], DataType::Float64, epoch)
            .build(),
        Scalar::new("julian")
            .on(&[Timestamp], DataType::Float64, |args, _| {
                let days = moments(&args[0]).unary::<_, Float64Type>(|m| m as f64 / DAY as f64 + 2_440_588.0);
                Ok(Arc::new(days))
            })
            .build(),
        Scalar::new("last_day")
            .on(&[Date], DataType::Date32, last_day)
            .on(&[Timestamp], DataType::Date32, last_day_of_moment)
            .on(&[Instant], DataType::Date32, last_day_of_moment)
            .build(),
        Scalar::new("dayname").on(&[Timestamp], DataType::Utf8, |args, rows| named(args, rows, "%A")).build(),
        Scalar::new("monthname").on(&[Timestamp], DataType::Utf8, |args, rows| named(args, rows, "%B")).build(),
        Scalar::new("isfinite")
            .on(&[Kind::Float], DataType::Boolean, |args, rows| {
                let a = args[0].as_primitive::<Float64Type>();
                Ok(Arc::new((0..rows).map(|r| at(a, r).map(|a| a.value(r).is_finite())).collect::<BooleanArray>()))
            })
            .on(&[Timestamp], DataType::Boolean, |args, rows| {
                Ok(Arc::new((0..rows).map(|r| args[0].is_valid(r).then_some(true)).collect::<BooleanArray>()))
            })
            .build(),
    ]);
    all
}

fn parted(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let mut units = Parts::new(&args[0]);
    let of_spans = matches!(args[1].data_type(), DataType::Interval(_));
    let found = (0..rows).map(|row| {
        let Some(unit) = units.get(row)? else { return Ok(None) };
        if args[1].is_null(row) {
            return Ok(None);
        }
        if of_spans {
            part_of_span(unit, spans(&args[1]).value(row))
        } else {
            parts::part(unit, moments(&args[1]).value(row))
        }
        .map(Some)
    });
    Ok(Arc::new(found.collect::<Result<Int64Array>>()?))
}

fn epoch(args: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
    Ok(match args[0].data_type() {
        DataType::Interval(_) => Arc::new(spans(&args[0]).unary::<_, Float64Type>(seconds)),
        _ => Arc::new(moments(&args[0]).unary::<_, Float64Type>(|m| m as f64 / SECOND as f64)),
    })
}

fn month_end(day: i64) -> Result<Option<i32>> {
    use chrono::Datelike;
    let date = parts::date(day)?;
    let rest = parts::month_days(date.year(), date.month()) - date.day();
    Ok(i32::try_from(day + i64::from(rest)).ok())
}

fn last_day(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let given = args[0].as_primitive::<Date32Type>();
    let ends = (0..rows).map(|row| at(given, row).map_or(Ok(None), |a| month_end(i64::from(a.value(row)))));
    Ok(Arc::new(ends.collect::<Result<Date32Array>>()?))
}

fn last_day_of_moment(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let given = moments(&args[0]);
    let ends = (0..rows).map(|row| at(given, row).map_or(Ok(None), |a| month_end(parts::day_of(a.value(row)))));
    Ok(Arc::new(ends.collect::<Result<Date32Array>>()?))
}

fn named(args: &[ArrayRef], rows: usize, format: &str) -> Result<ArrayRef> {
    let given = moments(&args[0]);
    let names = (0..rows)
        .map(|row| at(given, row).map(|a| Ok(parts::moment(a.value(row))?.format(format).to_string())).transpose());
    Ok(Arc::new(names.collect::<Result<StringArray>>()?))
}

/// A body that scales a count to microseconds since 1970.
macro_rules! moment_of {
    ($factor:expr, $zone:expr) => {
        |args: &[ArrayRef], rows: usize| {
            let given = args[0].as_primitive::<Int64Type>();
            let made = (0..rows)
                .map(|row| {
                    let Some(a) = at(given, row) else { return Ok(None) };
                    a.value(row)
                        .checked_mul($factor)
                        .map(Some)
                        .ok_or_else(|| exec_datafusion_err!("timestamp out of range"))
                })
                .collect::<Result<TimestampMicrosecondArray>>()?;
            Ok(with_zone(made, &$zone))
        }
    };
}

/// A body that counts units since 1970.
macro_rules! count_of {
    ($work:expr) => {
        |args: &[ArrayRef], _rows: usize| Ok(Arc::new(moments(&args[0]).unary::<_, Int64Type>($work)) as ArrayRef)
    };
}

fn makers() -> Vec<Arc<ScalarUDF>> {
    use Kind::{Date, Float, Instant, Int, Text, Timestamp};
    vec![
        Scalar::new("epoch_ms")
            .on(&[Int], micros(), moment_of!(1000, micros()))
            .on(&[Timestamp], DataType::Int64, count_of!(|m| m / 1000))
            .on(&[Instant], DataType::Int64, count_of!(|m| m / 1000))
            .build(),
        Scalar::new("epoch_us")
            .on(&[Timestamp], DataType::Int64, count_of!(|m| m))
            .on(&[Instant], DataType::Int64, count_of!(|m| m))
            .build(),
        Scalar::new("epoch_ns")
            .on(&[Timestamp], DataType::Int64, count_of!(|m| m * 1000))
            .on(&[Instant], DataType::Int64, count_of!(|m| m * 1000))
            .build(),
        Scalar::new("to_timestamp")
            .on(&[Float], utc(), |args, rows| {
                let given = args[0].as_primitive::<Float64Type>();
                let made: TimestampMicrosecondArray =
                    (0..rows).map(|r| at(given, r).map(|a| (a.value(r) * SECOND as f64).round() as i64)).collect();
                Ok(Arc::new(made.with_timezone("UTC")))
            })
            .build(),
        Scalar::new("make_date").on(&[Int, Int, Int], DataType::Date32, make_date).build(),
        Scalar::new("make_timestamp")
            .on(&[Int], micros(), moment_of!(1, micros()))
            .on(&[Int, Int, Int, Int, Int, Float], micros(), make_timestamp)
            .build(),
        Scalar::new("make_timestamp_ms").on(&[Int], micros(), moment_of!(1000, micros())).build(),
        Scalar::new("strftime")
            .on(&[Timestamp, Text], DataType::Utf8, |args, rows| super::strftime::print(&args[0], &args[1], rows))
            .on(&[Instant, Text], DataType::Utf8, |args, rows| super::strftime::print(&args[0], &args[1], rows))
            .build(),
        Scalar::new("strptime")
            .on(&[Text, Text], micros(), |args, rows| super::strftime::read(args, rows, false))
            .on(&[Text, Kind::List], micros(), |args, rows| super::strftime::read(args, rows, false))
            .build(),
        Scalar::new("try_strptime")
            .on(&[Text, Text], micros(), |args, rows| super::strftime::read(args, rows, true))
            .on(&[Text, Kind::List], micros(), |args, rows| super::strftime::read(args, rows, true))
            .build(),
        Scalar::new("date")
            .on(&[Date], DataType::Date32, |args, _| Ok(Arc::clone(&args[0])))
            .on(&[Timestamp], DataType::Date32, to_date)
            .on(&[Instant], DataType::Date32, to_date)
            .build(),
    ]
}

fn to_date(args: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
    Ok(Arc::new(moments(&args[0]).unary::<_, Date32Type>(|m| i32::try_from(parts::day_of(m)).unwrap_or(i32::MAX))))
}

fn make_date(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let numbers: Vec<&Int64Array> = args.iter().map(|a| a.as_primitive::<Int64Type>()).collect();
    let made = (0..rows).map(|row| {
        if numbers.iter().any(|n| n.is_null(row)) {
            return Ok(None);
        }
        calendar(numbers[0].value(row), numbers[1].value(row), numbers[2].value(row)).map(|d| i32::try_from(d).ok())
    });
    Ok(Arc::new(made.collect::<Result<Date32Array>>()?))
}

fn calendar(year: i64, month: i64, day: i64) -> Result<i64> {
    let part = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    i32::try_from(year)
        .ok()
        .and_then(|y| chrono::NaiveDate::from_ymd_opt(y, part(month), part(day)))
        .map(parts::days)
        .ok_or_else(|| exec_datafusion_err!("date out of range: {year}-{month}-{day}"))
}

fn make_timestamp(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let numbers: Vec<&Int64Array> = args[..5].iter().map(|a| a.as_primitive::<Int64Type>()).collect();
    let seconds = args[5].as_primitive::<Float64Type>();
    let made = (0..rows).map(|row| {
        if numbers.iter().any(|n| n.is_null(row)) || seconds.is_null(row) {
            return Ok(None);
        }
        let (hour, minute, second) = (numbers[3].value(row), numbers[4].value(row), seconds.value(row));
        if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0.0..=60.0).contains(&second) {
            return fail("make_timestamp", format!("time out of range: {hour}:{minute}:{second}"));
        }
        let day = calendar(numbers[0].value(row), numbers[1].value(row), numbers[2].value(row))?;
        Ok(Some(day * DAY + hour * HOUR + minute * MINUTE + (second * SECOND as f64).round() as i64))
    });
    Ok(Arc::new(made.collect::<Result<TimestampMicrosecondArray>>()?))
}

/// A body that makes an interval of a count.
macro_rules! span_of {
    ($work:expr) => {
        |args: &[ArrayRef], rows: usize| {
            let given = args[0].as_primitive::<Float64Type>();
            let made =
                (0..rows).map(|row| at(given, row).map(|a| $work(a.value(row)))).collect::<IntervalMonthDayNanoArray>();
            Ok(Arc::new(made) as ArrayRef)
        }
    };
}

fn of_months(count: f64, each: f64) -> IntervalMonthDayNano {
    IntervalMonthDayNano::new((count.trunc() * each) as i32, 0, 0)
}

fn of_days(count: f64, each: f64) -> IntervalMonthDayNano {
    IntervalMonthDayNano::new(0, (count.trunc() * each) as i32, 0)
}

fn of_micros(count: f64, each: i64) -> IntervalMonthDayNano {
    IntervalMonthDayNano::new(0, 0, (count * each as f64).round() as i64 * 1000)
}

fn intervals() -> Vec<Arc<ScalarUDF>> {
    use Kind::{Float, Instant, Interval, Timestamp};
    vec![
        Scalar::new("to_millennia").on(&[Float], interval(), span_of!(|n| of_months(n, 12_000.0))).build(),
        Scalar::new("to_centuries").on(&[Float], interval(), span_of!(|n| of_months(n, 1200.0))).build(),
        Scalar::new("to_decades").on(&[Float], interval(), span_of!(|n| of_months(n, 120.0))).build(),
        Scalar::new("to_years").on(&[Float], interval(), span_of!(|n| of_months(n, 12.0))).build(),
        Scalar::new("to_quarters").on(&[Float], interval(), span_of!(|n| of_months(n, 3.0))).build(),
        Scalar::new("to_months").on(&[Float], interval(), span_of!(|n| of_months(n, 1.0))).build(),
        Scalar::new("to_weeks").on(&[Float], interval(), span_of!(|n| of_days(n, 7.0))).build(),
        Scalar::new("to_days").on(&[Float], interval(), span_of!(|n| of_days(n, 1.0))).build(),
        Scalar::new("to_hours").on(&[Float], interval(), span_of!(|n: f64| of_micros(n.trunc(), HOUR))).build(),
        Scalar::new("to_minutes").on(&[Float], interval(), span_of!(|n: f64| of_micros(n.trunc(), MINUTE))).build(),
        Scalar::new("to_seconds").on(&[Float], interval(), span_of!(|n| of_micros(n, SECOND))).build(),
        Scalar::new("to_milliseconds").on(&[Float], interval(), span_of!(|n| of_micros(n, 1000))).build(),
        Scalar::new("to_microseconds").on(&[Float], interval(), span_of!(|n| of_micros(n, 1))).build(),
        Scalar::new("timestamp_minus")
            .on(&[Timestamp, Timestamp], interval(), minus)
            .on(&[Instant, Instant], interval(), minus)
            .build(),
        Scalar::new("interval_times").giving(&[Interval, Float], Gives::Type(interval()), times).build(),
        Scalar::new("interval_order")
            .on(&[Interval], DataType::Int64, |args, _| {
                let micros = spans(&args[0]).unary::<_, Int64Type>(|s| {
                    (i64::from(s.months) * 30 + i64::from(s.days)) * DAY + s.nanoseconds / 1000
                });
                Ok(Arc::new(micros))
            })
            .build(),
    ]
}

/// Days and the rest of a day between two moments.
fn minus(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let (end, start) = (moments(&args[0]), moments(&args[1]));
    let made = (0..rows).map(|row| {
        let (e, s) = (at(end, row)?, at(start, row)?);
        let span = e.value(row) - s.value(row);
        Some(IntervalMonthDayNano::new(0, (span / DAY) as i32, span % DAY * 1000))
    });
    Ok(Arc::new(made.collect::<IntervalMonthDayNanoArray>()))
}

/// What is no whole month becomes days, what is no whole day becomes time.
fn times(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let (given, by) = (spans(&args[0]), args[1].as_primitive::<Float64Type>());
    let made = (0..rows).map(|row| {
        let (span, factor) = (at(given, row)?.value(row), at(by, row)?.value(row));
        let months = f64::from(span.months) * factor;
        let days = f64::from(span.days) * factor + months.fract() * 30.0;
        let micros = (span.nanoseconds / 1000) as f64 * factor + days.fract() * DAY as f64;
        Some(IntervalMonthDayNano::new(months.trunc() as i32, days.trunc() as i32, micros.round() as i64 * 1000))
    });
    Ok(Arc::new(made.collect::<IntervalMonthDayNanoArray>()))
}

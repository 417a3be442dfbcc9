//! Python's `time`.
//!
//! In: a time of day, maybe with a zone. Out: a template value with Python's attributes and methods.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime, Timelike};
use minijinja::value::{DynObject, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::strftime::strftime;
use super::{PyDateTime, Zone, iso};
use crate::jinja::pylib::arguments::{bind, integer, string};
use crate::jinja::values::value_error;

/// A time of day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PyTime {
    /// The time on the clock.
    pub time: NaiveTime,
    /// The zone of the clock.
    pub zone: Option<Zone>,
}

/// A time from its numbers, with Python's complaints.
pub(super) fn build(hour: i64, minute: i64, second: i64, microsecond: i64) -> Result<NaiveTime, Error> {
    let check = |value: i64, limit: i64, complaint: &str| {
        if (0..=limit).contains(&value) { Ok(value as u32) } else { Err(value_error(complaint)) }
    };
    let hour = check(hour, 23, "hour must be in 0..23")?;
    let minute = check(minute, 59, "minute must be in 0..59")?;
    let second = check(second, 59, "second must be in 0..59")?;
    let micro = check(microsecond, 999_999, "microsecond must be in 0..999999")?;
    NaiveTime::from_hms_micro_opt(hour, minute, second, micro).ok_or_else(|| value_error("time out of range"))
}

/// A changed copy: `replace(hour=..., minute=..., second=..., microsecond=...)`.
pub(super) fn replaced(time: NaiveTime, slots: &[Option<Value>; 4]) -> Result<NaiveTime, Error> {
    let pick = |slot: &Option<Value>, now: u32| slot.as_ref().map_or(Ok(i64::from(now)), integer);
    build(
        pick(&slots[0], time.hour())?,
        pick(&slots[1], time.minute())?,
        pick(&slots[2], time.second())?,
        pick(&slots[3], micros(time))?,
    )
}

/// The microseconds within the second.
pub(super) fn micros(time: NaiveTime) -> u32 {
    time.nanosecond() / 1000 % 1_000_000
}

/// The attributes that times and datetimes share.
pub(super) fn attribute(time: NaiveTime, zone: Option<&Zone>, key: &str) -> Option<Value> {
    match key {
        "hour" => Some(Value::from(time.hour())),
        "minute" => Some(Value::from(time.minute())),
        "second" => Some(Value::from(time.second())),
        "microsecond" => Some(Value::from(micros(time))),
        "tzinfo" => Some(zone.map_or(Value::from(()), |zone| Value::from_object(zone.clone()))),
        _ => None,
    }
}

impl PyTime {
    /// Python's `repr()`.
    pub fn repr(&self) -> String {
        let mut numbers = vec![self.time.hour(), self.time.minute()];
        numbers.extend([self.time.second(), micros(self.time)]);
        while numbers.len() > 2 && numbers.last() == Some(&0) {
            numbers.pop();
        }
        let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
        let zone = self.zone.as_ref().map(|zone| format!(", tzinfo={}", zone.repr())).unwrap_or_default();
        format!("datetime.time({}{zone})", numbers.join(", "))
    }
}

impl Object for PyTime {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        attribute(self.time, self.zone.as_ref(), key)
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.time.cmp(&other.downcast_ref::<Self>()?.time))
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "strftime" | "__format__" => {
                let [format] = bind(method, args, ["format"], 1)?;
                let date = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap_or_default();
                let moment = PyDateTime { naive: date.and_time(self.time), zone: self.zone.clone() };
                Ok(Value::from(strftime(&moment, &string("strftime", &format.unwrap_or_default())?)))
            }
            "isoformat" => {
                let [timespec] = bind(method, args, ["timespec"], 0)?;
                Ok(Value::from(iso::time_with_zone(self, iso::Precision::of(timespec.as_ref())?)))
            }
            "replace" => {
                let names = ["hour", "minute", "second", "microsecond", "tzinfo", "fold"];
                let [hour, minute, second, micro, zone, _fold] = bind(method, args, names, 0)?;
                let time = replaced(self.time, &[hour, minute, second, micro])?;
                let zone = match zone {
                    Some(zone) => Zone::optional(Some(&zone))?,
                    None => self.zone.clone(),
                };
                Ok(Value::from_object(Self { time, zone }))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&iso::time_with_zone(self, iso::Precision::Auto))
    }
}

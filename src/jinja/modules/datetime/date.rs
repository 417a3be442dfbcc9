//! Python's `date`.
//!
//! In: a calendar day. Out: a template value with Python's attributes and methods.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate, NaiveTime};
use minijinja::value::{DynObject, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::strftime::strftime;
use super::{PyDateTime, iso};
use crate::jinja::pylib::arguments::{bind, integer, none_bound, string};
use crate::jinja::values::{tuple, value_error};

/// A calendar day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PyDate(pub NaiveDate);

/// A day from its numbers, with Python's complaints.
pub(super) fn build(year: i64, month: i64, day: i64) -> Result<NaiveDate, Error> {
    if !(1..=9999).contains(&year) {
        return Err(value_error(format!("year {year} is out of range")));
    }
    if !(1..=12).contains(&month) {
        return Err(value_error("month must be in 1..12"));
    }
    let day = u32::try_from(day).unwrap_or(0);
    NaiveDate::from_ymd_opt(year as i32, month as u32, day).ok_or_else(|| value_error("day is out of range for month"))
}

/// A changed copy: `replace(year=..., month=..., day=...)`.
pub(super) fn replaced(date: NaiveDate, slots: &[Option<Value>; 3]) -> Result<NaiveDate, Error> {
    let pick = |slot: &Option<Value>, now: i64| slot.as_ref().map_or(Ok(now), integer);
    build(
        pick(&slots[0], date.year().into())?,
        pick(&slots[1], date.month().into())?,
        pick(&slots[2], date.day().into())?,
    )
}

/// The attributes that dates and datetimes share.
pub(super) fn attribute(date: NaiveDate, key: &str) -> Option<Value> {
    match key {
        "year" => Some(Value::from(date.year())),
        "month" => Some(Value::from(date.month())),
        "day" => Some(Value::from(date.day())),
        _ => None,
    }
}

/// The methods that dates and datetimes share.
pub(super) fn method(date: NaiveDate, method: &str, args: &[Value]) -> Result<Value, Error> {
    match method {
        "weekday" => {
            none_bound(method, args)?;
            Ok(Value::from(date.weekday().num_days_from_monday()))
        }
        "isoweekday" => {
            none_bound(method, args)?;
            Ok(Value::from(date.weekday().number_from_monday()))
        }
        "toordinal" => {
            none_bound(method, args)?;
            Ok(Value::from(date.num_days_from_ce()))
        }
        "isocalendar" => {
            none_bound(method, args)?;
            let week = date.iso_week();
            let weekday = date.weekday().number_from_monday();
            Ok(tuple(vec![Value::from(week.year()), Value::from(week.week()), Value::from(weekday)]))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

impl PyDate {
    /// Python's `repr()`.
    pub fn repr(&self) -> String {
        format!("datetime.date({}, {}, {})", self.0.year(), self.0.month(), self.0.day())
    }
}

impl Object for PyDate {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        attribute(self.0, key)
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.0.cmp(&other.downcast_ref::<Self>()?.0))
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        match name {
            "strftime" | "__format__" => {
                let [format] = bind(name, args, ["format"], 1)?;
                let moment = PyDateTime { naive: self.0.and_time(NaiveTime::MIN), zone: None };
                Ok(Value::from(strftime(&moment, &string("strftime", &format.unwrap_or_default())?)))
            }
            "isoformat" | "ctime" => {
                none_bound(name, args)?;
                Ok(Value::from(if name == "ctime" {
                    strftime(&PyDateTime { naive: self.0.and_time(NaiveTime::MIN), zone: None }, "%a %b %e %H:%M:%S %Y")
                } else {
                    iso::date(self.0)
                }))
            }
            "replace" => {
                let slots = bind("replace", args, ["year", "month", "day"], 0)?;
                Ok(Value::from_object(Self(replaced(self.0, &slots)?)))
            }
            _ => method(self.0, name, args),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&iso::date(self.0))
    }
}

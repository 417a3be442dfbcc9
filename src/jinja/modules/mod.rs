//! dbt's `modules`: the parts of Python's library that templates may use.
//!
//! In: nothing. Out: the value of the context member `modules`, with `datetime`, `pytz`, `re` and `itertools`.

pub mod datetime;
mod itertools;
mod pytz;
mod re;

pub(crate) use itertools::lazy;

use minijinja::Value;

use self::datetime::{PyDate, PyDateTime, PyTime, Zone};
use super::values::str_dict;
use crate::base;

/// The context member `modules`.
pub fn modules() -> Value {
    str_dict([
        ("pytz", pytz::module()),
        ("datetime", datetime::module()),
        ("re", re::module()),
        ("itertools", itertools::module()),
    ])
}

/// Python's `str()` of a value that belongs to a module, where it differs from its `repr()`.
pub(crate) fn python_str(value: &Value) -> Option<String> {
    datetime::text(value)
}

/// Python's `repr()` of a value that belongs to a module.
pub(crate) fn python_repr(value: &Value) -> Option<String> {
    datetime::repr(value)
}

/// The name of the Python type of a value that belongs to a module.
pub(crate) fn python_type(value: &Value) -> Option<&'static str> {
    datetime::type_name(value).or_else(|| re::type_name(value))
}

/// Dates and times as template values; anything else is `None`.
pub(crate) fn from_base(value: &base::Value) -> Value {
    match value {
        base::Value::Date(date) => Value::from_object(PyDate(*date)),
        base::Value::Time(time) => Value::from_object(PyTime { time: *time, zone: None }),
        base::Value::Timestamp(naive) => Value::from_object(PyDateTime { naive: *naive, zone: None }),
        base::Value::TimestampTz(moment) => Value::from_object(PyDateTime {
            naive: moment.naive_local(),
            zone: Some(Zone::of_offset(moment.offset().local_minus_utc())),
        }),
        _ => Value::from(()),
    }
}

/// Dates and times as engine-free values.
pub(crate) fn to_base(value: &Value) -> Option<base::Value> {
    if let Some(date) = value.downcast_object_ref::<PyDate>() {
        return Some(base::Value::Date(date.0));
    }
    if let Some(time) = value.downcast_object_ref::<PyTime>() {
        return Some(base::Value::Time(time.time));
    }
    let moment = value.downcast_object_ref::<PyDateTime>()?;
    Some(moment.with_offset().map_or(base::Value::Timestamp(moment.naive), base::Value::TimestampTz))
}

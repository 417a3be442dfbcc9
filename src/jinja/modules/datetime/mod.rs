//! Python's `datetime` module.
//!
//! In: calls from templates. Out: dates, times, datetimes and timedeltas that compute, compare and print as Python's.

mod arithmetic;
mod class;
mod date;
mod delta;
mod iso;
mod moment;
pub(crate) mod strftime;
mod strptime;
mod time;
mod zone;

use minijinja::Value;

pub(crate) use arithmetic::{add, multiply, subtract};
pub(crate) use class::Class;
pub use date::PyDate;
pub use delta::PyTimeDelta;
pub use moment::PyDateTime;
pub use time::PyTime;
pub use zone::Zone;

use crate::jinja::values::str_dict;

/// The module with the members that dbt exposes.
pub(super) fn module() -> Value {
    str_dict([
        ("date", Value::from_object(Class::Date)),
        ("datetime", Value::from_object(Class::DateTime)),
        ("time", Value::from_object(Class::Time)),
        ("timedelta", Value::from_object(Class::TimeDelta)),
        ("tzinfo", Value::from_object(Class::TzInfo)),
    ])
}

/// Whether one of two datetimes has a zone and the other has none, so that Python knows no order.
pub(crate) fn mixes_zones(left: &Value, right: &Value) -> bool {
    let has_zone = |value: &Value| value.downcast_object_ref::<PyDateTime>().map(|moment| moment.zone.is_some());
    matches!((has_zone(left), has_zone(right)), (Some(left), Some(right)) if left != right)
}

/// Python's `str()`.
pub(super) fn text(value: &Value) -> Option<String> {
    if let Some(date) = value.downcast_object_ref::<PyDate>() {
        return Some(iso::date(date.0));
    }
    if let Some(moment) = value.downcast_object_ref::<PyDateTime>() {
        return Some(iso::datetime(moment, ' ', iso::Precision::Auto));
    }
    if let Some(time) = value.downcast_object_ref::<PyTime>() {
        return Some(iso::time_with_zone(time, iso::Precision::Auto));
    }
    if let Some(delta) = value.downcast_object_ref::<PyTimeDelta>() {
        return Some(delta.text());
    }
    value.downcast_object_ref::<Zone>().map(Zone::text)
}

/// Python's `repr()`.
pub(super) fn repr(value: &Value) -> Option<String> {
    if let Some(date) = value.downcast_object_ref::<PyDate>() {
        return Some(date.repr());
    }
    if let Some(moment) = value.downcast_object_ref::<PyDateTime>() {
        return Some(moment.repr());
    }
    if let Some(time) = value.downcast_object_ref::<PyTime>() {
        return Some(time.repr());
    }
    if let Some(delta) = value.downcast_object_ref::<PyTimeDelta>() {
        return Some(delta.repr());
    }
    value.downcast_object_ref::<Zone>().map(Zone::repr)
}

/// The name of the Python type.
pub(super) fn type_name(value: &Value) -> Option<&'static str> {
    if value.downcast_object_ref::<PyDate>().is_some() {
        return Some("datetime.date");
    }
    if value.downcast_object_ref::<PyDateTime>().is_some() {
        return Some("datetime.datetime");
    }
    if value.downcast_object_ref::<PyTime>().is_some() {
        return Some("datetime.time");
    }
    if value.downcast_object_ref::<PyTimeDelta>().is_some() {
        return Some("datetime.timedelta");
    }
    value.downcast_object_ref::<Class>().map(|_| "type")
}

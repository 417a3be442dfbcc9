//! `+`, `-`, `*` and `/` of dates, datetimes and timedeltas.
//!
//! In: two operands. Out: the result, or `None` where neither is a value of this module or Python knows no such operation.

use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime};
use minijinja::{Error, Value};

use super::{PyDate, PyDateTime, PyTimeDelta};
use crate::jinja::values::{type_error, value_error};

fn out_of_range() -> Error {
    value_error("date value out of range")
}

fn checked(moment: Option<NaiveDateTime>) -> Result<NaiveDateTime, Error> {
    use chrono::Datelike;
    moment.filter(|moment| (1..=9999).contains(&moment.year())).ok_or_else(out_of_range)
}

fn shift(value: &Value, by: i64) -> Option<Result<Value, Error>> {
    if let Some(moment) = value.downcast_object_ref::<PyDateTime>() {
        let naive = checked(moment.naive.checked_add_signed(Duration::microseconds(by)));
        return Some(naive.map(|naive| Value::from_object(PyDateTime { naive, zone: moment.zone.clone() })));
    }
    let date = value.downcast_object_ref::<PyDate>()?;
    let days = Duration::days(PyTimeDelta { micros: by }.parts().0);
    let shifted = checked(date.0.and_time(NaiveTime::MIN).checked_add_signed(days));
    Some(shifted.map(|moment| Value::from_object(PyDate(moment.date()))))
}

fn delta(micros: Option<i64>) -> Result<Value, Error> {
    micros.map(|micros| Value::from_object(PyTimeDelta { micros })).ok_or_else(out_of_range)
}

/// `left + right`.
pub(crate) fn add(left: &Value, right: &Value) -> Option<Result<Value, Error>> {
    let deltas = (left.downcast_object_ref::<PyTimeDelta>(), right.downcast_object_ref::<PyTimeDelta>());
    match deltas {
        (Some(left), Some(right)) => Some(delta(left.micros.checked_add(right.micros))),
        (Some(by), None) => shift(right, by.micros),
        (None, Some(by)) => shift(left, by.micros),
        (None, None) => None,
    }
}

/// `left - right`.
pub(crate) fn subtract(left: &Value, right: &Value) -> Option<Result<Value, Error>> {
    if let Some(by) = right.downcast_object_ref::<PyTimeDelta>() {
        return match left.downcast_object_ref::<PyTimeDelta>() {
            Some(left) => Some(delta(left.micros.checked_sub(by.micros))),
            None => shift(left, by.micros.checked_neg()?),
        };
    }
    if let (Some(left), Some(right)) =
        (left.downcast_object_ref::<PyDateTime>(), right.downcast_object_ref::<PyDateTime>())
    {
        if left.zone.is_some() != right.zone.is_some() {
            return Some(Err(type_error("can't subtract offset-naive and offset-aware datetimes")));
        }
        return Some(delta((left.utc() - right.utc()).num_microseconds()));
    }
    let day = |value: &Value| value.downcast_object_ref::<PyDate>().map(|date: &PyDate| -> NaiveDate { date.0 });
    let (left, right) = (day(left)?, day(right)?);
    Some(delta((left - right).num_microseconds()))
}

/// `left * right` and `left / right`.
pub(crate) fn multiply(left: &Value, right: &Value, divide: bool) -> Option<Result<Value, Error>> {
    let number = |value: &Value| if value.is_number() { f64::try_from(value.clone()).ok() } else { None };
    let deltas = (left.downcast_object_ref::<PyTimeDelta>(), right.downcast_object_ref::<PyTimeDelta>());
    let result = match (deltas, divide) {
        ((Some(_), Some(right)), true) if right.micros == 0 => Err(value_error("division by zero")),
        ((Some(left), Some(right)), true) => return Some(Ok(Value::from(left.micros as f64 / right.micros as f64))),
        ((Some(left), None), true) => {
            let by = number(right)?;
            if by == 0.0 {
                Err(value_error("division by zero"))
            } else {
                PyTimeDelta::from_micros(left.micros as f64 / by)
            }
        }
        ((Some(left), None), false) => PyTimeDelta::from_micros(left.micros as f64 * number(right)?),
        ((None, Some(right)), false) => PyTimeDelta::from_micros(right.micros as f64 * number(left)?),
        _ => return None,
    };
    Some(result.map(Value::from_object))
}

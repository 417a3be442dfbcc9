//! Python's `timedelta`.
//!
//! In: days, seconds and the other units. Out: a duration in microseconds.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use crate::jinja::pylib::arguments::{bind, none_bound};
use crate::jinja::values::{type_error, type_name, value_error};

const DAY: i64 = 86_400_000_000;

/// A duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PyTimeDelta {
    /// The length in microseconds.
    pub micros: i64,
}

impl PyTimeDelta {
    /// A duration of whole seconds.
    pub fn from_seconds(seconds: i64) -> Self {
        Self { micros: seconds.saturating_mul(1_000_000) }
    }

    /// A duration of microseconds; Python allows 999999999 days, this about 106 million.
    pub fn from_micros(micros: f64) -> Result<Self, Error> {
        if micros.is_nan() || micros.abs() >= i64::MAX as f64 {
            return Err(value_error("days out of range for a timedelta; must have magnitude <= 999999999"));
        }
        Ok(Self { micros: micros.round_ties_even() as i64 })
    }

    /// The constructor `timedelta(days=0, seconds=0, ...)`.
    pub fn construct(args: &[Value]) -> Result<Self, Error> {
        let units = [DAY, 1_000_000, 1, 1_000, 60_000_000, 3_600_000_000, 7 * DAY];
        let names = ["days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks"];
        let mut exact: i128 = 0;
        let mut inexact = 0.0;
        for ((slot, unit), name) in bind("timedelta", args, names, 0)?.into_iter().zip(units).zip(names) {
            let Some(amount) = slot else { continue };
            if let (true, Ok(whole)) = (amount.is_integer(), i64::try_from(amount.clone())) {
                exact += i128::from(whole) * i128::from(unit);
            } else if let (true, Ok(number)) = (amount.is_number(), f64::try_from(amount.clone())) {
                inexact += number * unit as f64;
            } else {
                let kind = type_name(&amount);
                return Err(type_error(format!("unsupported type for timedelta {name} component: {kind}")));
            }
        }
        match i64::try_from(exact) {
            Ok(exact) if inexact == 0.0 => Ok(Self { micros: exact }),
            _ => Self::from_micros(exact as f64 + inexact),
        }
    }

    /// Days, then the seconds and microseconds left, both never negative.
    pub fn parts(self) -> (i64, i64, i64) {
        let left = self.micros.rem_euclid(DAY);
        (self.micros.div_euclid(DAY), left / 1_000_000, left % 1_000_000)
    }

    /// The chrono form.
    pub fn chrono(self) -> chrono::Duration {
        chrono::Duration::microseconds(self.micros)
    }

    /// The length in seconds.
    pub fn total_seconds(self) -> f64 {
        self.micros as f64 / 1e6
    }

    /// Python's `str()`: `-1 day, 23:59:00`.
    pub fn text(self) -> String {
        let (days, seconds, micros) = self.parts();
        let mut text = String::new();
        if days != 0 {
            let plural = if days.abs() == 1 { "" } else { "s" };
            text = format!("{days} day{plural}, ");
        }
        text += &format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        if micros != 0 {
            text += &format!(".{micros:06}");
        }
        text
    }

    /// Python's `repr()`: `datetime.timedelta(days=1)`.
    pub fn repr(self) -> String {
        let (days, seconds, micros) = self.parts();
        let parts = [("days", days), ("seconds", seconds), ("microseconds", micros)];
        let parts: Vec<String> =
            parts.iter().filter(|(_, amount)| *amount != 0).map(|(name, amount)| format!("{name}={amount}")).collect();
        format!("datetime.timedelta({})", if parts.is_empty() { "0".to_owned() } else { parts.join(", ") })
    }
}

impl Object for PyTimeDelta {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.micros != 0
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let (days, seconds, micros) = self.parts();
        match key {
            "days" => Some(Value::from(days)),
            "seconds" => Some(Value::from(seconds)),
            "microseconds" => Some(Value::from(micros)),
            _ => None,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.micros.cmp(&other.downcast_ref::<Self>()?.micros))
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "total_seconds" => {
                none_bound(method, args)?;
                Ok(Value::from(self.total_seconds()))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

//! Python's order and equality.
//!
//! In: two values. Out: their order, or Python's `TypeError` where they have none.

use std::cmp::Ordering;

use minijinja::value::{ObjectRepr, ValueKind};
use minijinja::{Error, Value};

use super::{Decimal, PySet, elements, type_error, type_name};
use crate::jinja::modules;

/// A value that is a number to Python: booleans and decimals are.
pub(crate) enum Number {
    Int(i128),
    Float(f64),
    Decimal(Decimal),
}

impl Number {
    /// The number that a value is.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value.kind() {
            ValueKind::Bool => Some(Self::Int(value.is_true().into())),
            ValueKind::Number if value.is_integer() => Some(match i128::try_from(value.clone()) {
                Ok(int) => Self::Int(int),
                Err(_) => Self::Float(f64::try_from(value.clone()).unwrap_or(f64::INFINITY)),
            }),
            ValueKind::Number => f64::try_from(value.clone()).ok().map(Self::Float),
            ValueKind::Plain => value.downcast_object_ref::<Decimal>().cloned().map(Self::Decimal),
            _ => None,
        }
    }

    /// The nearest float.
    pub(crate) fn as_f64(&self) -> f64 {
        match self {
            Self::Int(int) => *int as f64,
            Self::Float(float) => *float,
            Self::Decimal(decimal) => decimal.to_f64(),
        }
    }

    /// The exact decimal, for all but floats.
    pub(crate) fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Int(int) => Some(Decimal::from_int(*int)),
            Self::Float(_) => None,
            Self::Decimal(decimal) => Some(decimal.clone()),
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => left.cmp(right),
            _ => match (self.as_decimal(), other.as_decimal()) {
                (Some(left), Some(right)) => left.cmp(&right),
                _ => self.as_f64().partial_cmp(&other.as_f64()).unwrap_or(Ordering::Equal),
            },
        }
    }
}

fn is_sequence(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) && value.downcast_object_ref::<PySet>().is_none()
}

/// Python's `<`, `==` and `>` in one.
pub fn compare(left: &Value, right: &Value) -> Result<Ordering, Error> {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return Ok(left.order(&right));
    }
    if let (ValueKind::String, ValueKind::String) | (ValueKind::Bytes, ValueKind::Bytes) = (left.kind(), right.kind()) {
        return Ok(left.cmp(right));
    }
    if is_sequence(left) && is_sequence(right) && left.is_tuple() == right.is_tuple() {
        let (left, right) = (elements(left)?, elements(right)?);
        for (left, right) in left.iter().zip(&right) {
            if !equal(left, right) {
                return compare(left, right);
            }
        }
        return Ok(left.len().cmp(&right.len()));
    }
    if modules::datetime::mixes_zones(left, right) {
        return Err(type_error("can't compare offset-naive and offset-aware datetimes"));
    }
    if let (Some(a), Some(b)) = (left.as_object(), right.as_object())
        && (a.repr(), b.repr()) == (ObjectRepr::Plain, ObjectRepr::Plain)
        && let Some(order) = a.custom_cmp(b)
    {
        return Ok(order);
    }
    let (left, right) = (type_name(left), type_name(right));
    Err(type_error(format!("'<' not supported between instances of '{left}' and '{right}'")))
}

/// Python's `==`.
pub fn equal(left: &Value, right: &Value) -> bool {
    match (Number::of(left), Number::of(right)) {
        (Some(left), Some(right)) => left.order(&right) == Ordering::Equal,
        (None, None) => left == right,
        _ => false,
    }
}

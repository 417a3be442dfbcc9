//! Between template values and engine-free values.
//!
//! In: [`base::Value`](crate::base::Value)s of configs, YAML and query results, or template values. Out: the other.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::{Decimal, dict, int, is_undefined, list, to_str};
use crate::base;
use crate::jinja::modules;

/// A template value; lists and maps become fresh mutable ones.
pub fn from_base(value: &base::Value) -> Value {
    match value {
        base::Value::Null => Value::from(()),
        base::Value::Bool(bool) => Value::from(*bool),
        base::Value::Int(number) => int(*number),
        base::Value::Float(number) => Value::from(*number),
        base::Value::Decimal(digits) => {
            Decimal::parse(digits).map_or_else(|| Value::from(digits.as_str()), Decimal::into_value)
        }
        base::Value::Str(text) => Value::from(text.as_str()),
        base::Value::Date(_) | base::Value::Time(_) | base::Value::Timestamp(_) | base::Value::TimestampTz(_) => {
            modules::from_base(value)
        }
        base::Value::Bytes(bytes) => Value::from_bytes(bytes.clone()),
        base::Value::List(items) => list(items.iter().map(from_base).collect()),
        base::Value::Map(map) => dict(map.iter().map(|(key, value)| (Value::from(key.as_str()), from_base(value)))),
    }
}

/// An engine-free value: mappings become maps, other iterables lists, objects without such a form their text.
pub fn to_base(value: &Value) -> base::Value {
    to_base_within(value, 0)
}

/// Self-containing containers end here.
const MAX_DEPTH: usize = 100;

fn to_base_within(value: &Value, depth: usize) -> base::Value {
    if is_undefined(value) || depth > MAX_DEPTH {
        return base::Value::Null;
    }
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => base::Value::Null,
        ValueKind::Bool => base::Value::Bool(value.is_true()),
        ValueKind::Number if value.is_integer() => match i128::try_from(value.clone()) {
            Ok(number) => base::Value::Int(number),
            Err(_) => base::Value::Decimal(value.to_string()),
        },
        ValueKind::Number => base::Value::Float(f64::try_from(value.clone()).unwrap_or(f64::NAN)),
        ValueKind::String => base::Value::Str(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Bytes => base::Value::Bytes(value.as_bytes().unwrap_or_default().to_vec()),
        ValueKind::Map => {
            let pairs = value.as_object().and_then(|object| object.try_iter_pairs()).into_iter().flatten();
            base::Value::Map(pairs.map(|(key, value)| (to_str(&key), to_base_within(&value, depth + 1))).collect())
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().into_iter().flatten();
            base::Value::List(items.map(|item| to_base_within(&item, depth + 1)).collect())
        }
        _ => match value.downcast_object_ref::<Decimal>() {
            Some(decimal) => base::Value::Decimal(decimal.to_string()),
            None => modules::to_base(value).unwrap_or_else(|| base::Value::Str(to_str(value))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        let value = base::Value::from_json(&serde_json::json!({"a": [1, 2.5, null, true, "x"], "b": {}}));
        assert_eq!(to_base(&from_base(&value)), value);
        let date = base::Value::Date(chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap());
        assert_eq!(to_base(&from_base(&date)), date);
    }
}

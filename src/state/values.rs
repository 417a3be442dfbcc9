//! Equality of values where one side went through a JSON file.
//!
//! In: two values or dicts. Out: whether they say the same.

use crate::base::{Dict, Value};

const NULL: &Value = &Value::Null;

/// Whether two values are equal; numbers by their amount, dates by their text, absent entries of mappings like null ones.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.into_iter().all(|key| same(a.get(key).unwrap_or(NULL), b.get(key).unwrap_or(NULL)))
        }
        (Value::Int(a), Value::Int(b)) => a == b,
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => a == b,
            _ => a.to_json() == b.to_json(),
        },
    }
}

/// The same, where an empty text, list or mapping counts as nothing said.
pub(super) fn same_said(a: &Value, b: &Value) -> bool {
    fn said(value: &Value) -> Value {
        match value {
            Value::List(items) if !items.is_empty() => Value::List(items.iter().map(said).collect()),
            Value::Map(map) => {
                let entries = map.iter().map(|(key, value)| (key.clone(), said(value)));
                let entries: Dict = entries.filter(|(_, value)| !value.is_null()).collect();
                if entries.is_empty() { Value::Null } else { Value::Map(entries) }
            }
            Value::Bool(false) => Value::Null,
            Value::Str(text) if text.is_empty() => Value::Null,
            Value::List(_) => Value::Null,
            other => other.clone(),
        }
    }
    same(&said(a), &said(b))
}

fn number(value: &Value) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss)]
        Value::Int(i) => Some(*i as f64),
        Value::Float(x) => Some(*x),
        Value::Decimal(digits) => digits.parse().ok(),
        _ => None,
    }
}

/// Whether an entry of two dicts is the same.
pub(super) fn same_entry(a: &Dict, b: &Dict, key: &str) -> bool {
    same(a.get(key).unwrap_or(NULL), b.get(key).unwrap_or(NULL))
}

/// An entry of a mapping inside a dict: `inner(node, "contract", "enforced")`.
pub(super) fn inner<'a>(dict: &'a Dict, key: &str, below: &str) -> &'a Value {
    dict.get(key).and_then(|v| v.get(below)).unwrap_or(NULL)
}

/// A text entry.
pub(super) fn text<'a>(dict: &'a Dict, key: &str) -> &'a str {
    dict.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_between_makes_no_difference() {
        let date = Value::Date(chrono::NaiveDate::from_ymd_opt(2024, 1, 2).expect("a date"));
        let map = |pairs: &[(&str, Value)]| {
            Value::Map(pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect::<Dict>())
        };
        let a = map(&[("n", Value::Int(1)), ("d", date), ("x", Value::Null)]);
        let b = map(&[("d", "2024-01-02".into()), ("n", Value::Float(1.0))]);
        assert!(same(&a, &b) && same(&b, &a));
        assert!(!same(&a, &map(&[("n", Value::Int(1))])));
        assert!(!same(&"1".into(), &Value::Int(1)));
        assert!(same_said(&map(&[("meta", map(&[])), ("t", Value::List(vec![]))]), &Value::Null));
    }
}

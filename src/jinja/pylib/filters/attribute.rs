//! How filters read attributes: `attribute='a.b.0'`.
//!
//! In: a value and a path. Out: what Jinja2's `environment.getitem` chain finds.

use minijinja::{Error, Value};

use crate::jinja::values::is_undefined;

/// A path of attributes.
#[derive(Clone, Debug)]
pub(super) struct Path(Vec<Value>);

impl Path {
    /// Reads a path: text with dots, or a number.
    pub(super) fn of(attribute: &Value) -> Self {
        let Some(text) = attribute.as_str() else { return Self(vec![attribute.clone()]) };
        let part = |part: &str| match part.parse::<i64>() {
            Ok(number) if part.bytes().all(|byte| byte.is_ascii_digit()) => Value::from(number),
            _ => Value::from(part),
        };
        Self(text.split('.').map(part).collect())
    }

    /// The path of an optional argument.
    pub(super) fn optional(attribute: Option<&Value>) -> Option<Self> {
        attribute.filter(|attribute| !attribute.is_none()).map(Self::of)
    }

    /// Several paths, separated by commas.
    pub(super) fn several(attribute: &Value) -> Vec<Self> {
        match attribute.as_str() {
            Some(text) => text.split(',').map(|part| Self::of(&Value::from(part))).collect(),
            None => vec![Self::of(attribute)],
        }
    }

    /// The value at the path; `default` takes the place of undefined ones on the way.
    pub(super) fn get(&self, value: &Value, default: Option<&Value>) -> Result<Value, Error> {
        let mut value = value.clone();
        for key in &self.0 {
            value = value.get_item(key)?;
            if let (true, Some(default)) = (is_undefined(&value), default) {
                value = default.clone();
            }
        }
        Ok(value)
    }
}

/// Text in lower case, anything else as it is: how filters compare unless told to mind the case.
pub(super) fn fold_case(value: Value) -> Value {
    match (value.kind(), value.as_str()) {
        (minijinja::value::ValueKind::String, Some(text)) => Value::from(text.to_lowercase()),
        _ => value,
    }
}

//! What JSON values are. In: values. Out: their [`Shape`], which several values have in common, and its type.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use serde_json::Value;

use super::super::guess::{Iso, iso};

/// What values are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// Nothing is known.
    Null,
    Boolean,
    Bigint,
    /// Whole numbers beyond that.
    Hugeint,
    Double,
    Date,
    Timestamp,
    TimestampTz,
    Text,
    List(Box<Shape>),
    Struct(Vec<(String, Shape)>),
    /// Values that have nothing in common: their JSON.
    Json,
}

impl Shape {
    /// What a value is.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(n) if n.is_i64() => Self::Bigint,
            Value::Number(n) if n.is_u64() => Self::Hugeint,
            Value::Number(_) => Self::Double,
            Value::String(text) => match iso(text) {
                Some(Iso::Date) if !text.contains('/') => Self::Date,
                Some(Iso::Timestamp) if !text.contains('/') => Self::Timestamp,
                Some(Iso::WithZone) if !text.contains('/') => Self::TimestampTz,
                _ => Self::Text,
            },
            Value::Array(items) => {
                Self::List(Box::new(items.iter().fold(Self::Null, |all, item| all.and(Self::of(item)))))
            }
            Value::Object(fields) => Self::Struct(fields.iter().map(|(k, v)| (k.clone(), Self::of(v))).collect()),
        }
    }

    /// What a declared type asks for: text takes whatever there is.
    pub(super) fn of_type(data_type: &DataType) -> Self {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::List(item) => Self::List(Box::new(Self::of_type(item.data_type()))),
            DataType::Struct(fields) => {
                Self::Struct(fields.iter().map(|f| (f.name().clone(), Self::of_type(f.data_type()))).collect())
            }
            // Of the others nothing has to be known: the reader takes them as they are declared.
            _ => Self::Bigint,
        }
    }

    /// What values of both have in common.
    pub(super) fn and(self, other: Self) -> Self {
        use Shape::{Bigint, Date, Double, Hugeint, Json, List, Null, Struct, Text, Timestamp, TimestampTz};
        match (self, other) {
            (a, b) if a == b => a,
            (Null, other) | (other, Null) => other,
            (Bigint | Hugeint, Bigint | Hugeint) => Hugeint,
            (Bigint | Hugeint | Double, Bigint | Hugeint | Double) => Double,
            (Date | Timestamp | TimestampTz | Text, Date | Timestamp | TimestampTz | Text) => Text,
            (List(a), List(b)) => List(Box::new(a.and(*b))),
            (Struct(mut fields), Struct(others)) => {
                for (at, (name, shape)) in others.into_iter().enumerate() {
                    // Records mostly have their fields in the same order.
                    let same = fields.get(at).is_some_and(|(known, _)| *known == name);
                    let found = if same { Some(at) } else { fields.iter().position(|(known, _)| *known == name) };
                    match found {
                        Some(at) => {
                            let known = std::mem::replace(&mut fields[at].1, Null);
                            fields[at].1 = known.and(shape);
                        }
                        None => fields.push((name, shape)),
                    }
                }
                Struct(fields)
            }
            _ => Json,
        }
    }

    /// Its type.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Null | Self::Json | Self::Text => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Bigint => DataType::Int64,
            Self::Hugeint => DataType::Decimal128(38, 0),
            Self::Double => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::List(item) => DataType::new_list(item.data_type(), true),
            // There is no struct without a field.
            Self::Struct(fields) if fields.is_empty() => DataType::Utf8,
            Self::Struct(fields) => {
                let field = |(name, shape): &(String, Shape)| Arc::new(Field::new(name, shape.data_type(), true));
                DataType::Struct(fields.iter().map(field).collect::<Fields>())
            }
        }
    }

    /// Whether values are read as they stand: no part of them becomes a text.
    pub(super) fn is_plain(&self) -> bool {
        match self {
            Self::Null | Self::Json => false,
            Self::List(item) => item.is_plain(),
            Self::Struct(fields) => !fields.is_empty() && fields.iter().all(|(_, shape)| shape.is_plain()),
            _ => true,
        }
    }

    /// A value of the shape, the parts of it that become texts being texts.
    pub(super) fn fitted(&self, value: Value) -> Value {
        match (self, value) {
            (_, Value::Null) => Value::Null,
            (Self::List(item), Value::Array(items)) => {
                Value::Array(items.into_iter().map(|value| item.fitted(value)).collect())
            }
            (Self::Struct(fields), Value::Object(values)) if !fields.is_empty() => {
                let fitted = values.into_iter().map(|(name, value)| {
                    let shape = fields.iter().find(|(known, _)| *known == name).map(|(_, shape)| shape);
                    let value = match shape {
                        Some(shape) => shape.fitted(value),
                        None => value,
                    };
                    (name, value)
                });
                Value::Object(fitted.collect())
            }
            (Self::Null | Self::Json | Self::Struct(_), value) if !matches!(self, Self::Struct(f) if !f.is_empty()) => {
                Value::String(value.to_string())
            }
            (Self::Text, value @ (Value::Array(_) | Value::Object(_))) => Value::String(value.to_string()),
            (_, value) => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> String {
        let parsed = values.iter().map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
        let shape = parsed.fold(Shape::Null, |all, value| all.and(Shape::of(&value)));
        crate::adapters::datafusion::type_names::sql_name(&shape.data_type())
    }

    #[test]
    fn types_of_values() {
        for (values, expected) in [
            (&["1", "-2"][..], "bigint"),
            (&["1", "2.5"], "double"),
            (&["12345678901234567890"], "decimal(38,0)"),
            (&["true", "null"], "boolean"),
            (&["true", "1"], "varchar"),
            (&["\"2024-01-01\""], "date"),
            (&["\"2024-01-01\"", "\"x\""], "varchar"),
            (&["\"2024-01-01 10:00:00\""], "timestamp"),
            (&["\"2024-01-01T10:00:00Z\""], "timestamp with time zone"),
            (&["\"2024/01/01\""], "varchar"),
            (&["[1]", "[]"], "bigint[]"),
            (&["{\"a\": 1}", "{\"b\": \"x\"}"], "struct(a bigint, b varchar)"),
            (&["{\"a\": 1}", "5"], "varchar"),
        ] {
            assert_eq!(of(values).to_lowercase().replace('"', ""), expected, "{values:?}");
        }
    }

    #[test]
    fn what_has_nothing_in_common_is_text() {
        let parse = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let (a, b) = (parse(r#"{"x": {"y": 1}, "z": "q"}"#), parse(r#"{"x": 5, "z": "r"}"#));
        let shape = Shape::of(&a).and(Shape::of(&b));
        assert!(!shape.is_plain());
        assert_eq!(shape.fitted(a), parse(r#"{"x": "{\"y\":1}", "z": "q"}"#));
        assert_eq!(shape.fitted(b), parse(r#"{"x": "5", "z": "r"}"#));
    }
}

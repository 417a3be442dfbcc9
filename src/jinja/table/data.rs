//! What a table holds.
//!
//! In: a query result. Out: its values as templates see them, and the agate type of each column.

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};

use crate::base;
use crate::jinja::values::{from_base, repr, str_dict};

/// agate's column types, as far as dbt uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnType {
    Integer,
    Number,
    Date,
    DateTime,
    Boolean,
    Text,
}

impl ColumnType {
    /// The type that dbt infers from the values: the first in this order that fits all.
    fn of(values: &[&base::Value]) -> Self {
        let all = |fits: fn(&base::Value) -> bool| values.iter().all(|value| value.is_null() || fits(value));
        use base::Value as V;
        if all(|value| matches!(value, V::Int(_))) {
            Self::Integer
        } else if all(|value| matches!(value, V::Int(_) | V::Float(_) | V::Decimal(_))) {
            Self::Number
        } else if all(|value| matches!(value, V::Date(_))) {
            Self::Date
        } else if all(|value| matches!(value, V::Date(_) | V::Timestamp(_) | V::TimestampTz(_))) {
            Self::DateTime
        } else if all(|value| matches!(value, V::Bool(_))) {
            Self::Boolean
        } else {
            Self::Text
        }
    }

    /// agate's name of the type.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Integer => "Integer",
            Self::Number => "Number",
            Self::Date => "Date",
            Self::DateTime => "DateTime",
            Self::Boolean => "Boolean",
            Self::Text => "Text",
        }
    }
}

impl Object for ColumnType {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        (key == "__class__").then(|| str_dict([("__name__", Value::from(self.name()))]))
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match **self {
            Self::Integer | Self::Number => write!(f, "<dbt_common.clients.agate_helper.{} object>", self.name()),
            _ => write!(f, "<agate.data_types.{} object>", self.name()),
        }
    }
}

/// The contents of a table.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) base: base::Table,
    pub(super) types: Vec<ColumnType>,
    pub(super) rows: Vec<Vec<Value>>,
}

impl Data {
    /// Infers types and converts values.
    pub(super) fn new(mut base: base::Table) -> Self {
        make_distinct(&mut base.columns);
        let width = base.columns.len();
        for row in &mut base.rows {
            row.resize(width, base::Value::Null);
        }
        let column = |place: usize| base.rows.iter().map(|row| &row[place]).collect::<Vec<_>>();
        let types: Vec<ColumnType> = (0..width).map(|place| ColumnType::of(&column(place))).collect();
        let convert = |(value, kind): (&base::Value, &ColumnType)| match (kind, value) {
            (ColumnType::Text, value) => as_text(value),
            (ColumnType::DateTime, base::Value::Date(date)) => {
                from_base(&base::Value::Timestamp(date.and_time(chrono::NaiveTime::MIN)))
            }
            (_, value) => from_base(value),
        };
        let rows = base.rows.iter().map(|row| row.iter().zip(&types).map(convert).collect()).collect();
        Self { base, types, rows }
    }

    /// The names of the columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.base.columns.iter().map(|column| column.name.as_str())
    }

    /// The place of a column; agate knows names only as they are spelled.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.names().position(|candidate| candidate == name)
    }

    /// The values of a column.
    pub(super) fn column(&self, place: usize) -> Vec<Value> {
        self.rows.iter().filter_map(|row| row.get(place).cloned()).collect()
    }
}

/// Text columns hold text only: lists and structs as JSON, anything else as Python's `str()`.
fn as_text(value: &base::Value) -> Value {
    match value {
        base::Value::Null => Value::from(()),
        base::Value::List(_) | base::Value::Map(_) => {
            Value::from(crate::jinja::pylib::json_text(&from_base(value)).unwrap_or_else(|| repr(&from_base(value))))
        }
        base::Value::Str(text) => Value::from(text.as_str()),
        other => Value::from(crate::jinja::values::to_str(&from_base(other))),
    }
}

/// Names that are empty become letters, names that occur again get a number.
fn make_distinct(columns: &mut [base::TableColumn]) {
    for place in 0..columns.len() {
        let mut name = columns[place].name.clone();
        if name.is_empty() {
            let letter = char::from(b'a' + u8::try_from(place % 26).unwrap_or(0));
            name = letter.to_string().repeat(place / 26 + 1);
        }
        let mut candidate = name.clone();
        let mut number = 2;
        while columns[..place].iter().any(|column| column.name == candidate) {
            candidate = format!("{name}_{number}");
            number += 1;
        }
        columns[place].name = candidate;
    }
}

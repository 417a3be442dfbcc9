//! What a table holds.
//!
//! In: a query result, or the shape of a file that may not be read at all. Out: its values as templates see them, and the
//! agate type of each column.

use std::fmt;
use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};

use crate::base;
use crate::jinja::values::{from_base, repr, str_dict};

/// agate's column types, as far as dbt uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Whole numbers.
    Integer,
    /// Numbers.
    Number,
    /// Days.
    Date,
    /// Moments.
    DateTime,
    /// Truth values.
    Boolean,
    /// Anything.
    Text,
}

impl ColumnType {
    /// The type that a seed's column gets in SQL; numbers are whole unless one of the values `has_decimals`.
    pub fn sql(self, has_decimals: bool) -> &'static str {
        match self {
            Self::Number if has_decimals => "float8",
            Self::Integer | Self::Number => "integer",
            Self::Date => "date",
            Self::DateTime => "timestamp without time zone",
            Self::Boolean => "boolean",
            Self::Text => "text",
        }
    }

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

/// A table whose rows are made when somebody asks for them.
pub struct Shape {
    /// The columns' names.
    pub names: Vec<String>,
    /// Their types.
    pub types: Vec<ColumnType>,
    /// For each column whether it has digits after the point.
    pub decimals: Vec<bool>,
    /// How many rows there are.
    pub height: usize,
    /// Makes the rows.
    pub rows: Box<dyn Fn() -> base::Table + Send + Sync>,
}

impl Shape {
    /// The same columns without rows.
    pub fn emptied(self) -> Self {
        let rows = self.rows;
        Self { height: 0, rows: Box::new(move || base::Table { rows: Vec::new(), ..rows() }), ..self }
    }
}

/// The contents of a table. Values for templates are made when they are asked for.
pub(super) struct Data {
    columns: Vec<base::TableColumn>,
    pub(super) types: Vec<ColumnType>,
    height: usize,
    /// Known beforehand only for a shape.
    decimals: Option<Vec<bool>>,
    make: Option<Box<dyn Fn() -> base::Table + Send + Sync>>,
    base: OnceLock<base::Table>,
    rows: OnceLock<Vec<Vec<Value>>>,
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Data").field("columns", &self.columns).field("height", &self.height).finish_non_exhaustive()
    }
}

impl Data {
    /// Infers types.
    pub(super) fn new(mut base: base::Table) -> Self {
        make_distinct(&mut base.columns);
        let width = base.columns.len();
        for row in &mut base.rows {
            row.resize(width, base::Value::Null);
        }
        let column = |place: usize| base.rows.iter().map(|row| &row[place]).collect::<Vec<_>>();
        let types: Vec<ColumnType> = (0..width).map(|place| ColumnType::of(&column(place))).collect();
        Self {
            columns: base.columns.clone(),
            types,
            height: base.rows.len(),
            decimals: None,
            make: None,
            base: OnceLock::from(base),
            rows: OnceLock::new(),
        }
    }

    /// A table without its rows.
    pub(super) fn shaped(shape: Shape) -> Self {
        let column = |name: String| base::TableColumn { name, data_type: String::new() };
        let mut columns: Vec<base::TableColumn> = shape.names.into_iter().map(column).collect();
        make_distinct(&mut columns);
        Self {
            columns,
            types: shape.types,
            height: shape.height,
            decimals: Some(shape.decimals),
            make: Some(shape.rows),
            base: OnceLock::new(),
            rows: OnceLock::new(),
        }
    }

    /// The columns; names that occurred twice are distinct.
    pub(super) fn columns(&self) -> &[base::TableColumn] {
        &self.columns
    }

    /// How many rows there are.
    pub(super) fn height(&self) -> usize {
        self.height
    }

    /// The plain values.
    pub(super) fn base(&self) -> &base::Table {
        self.base.get_or_init(|| {
            let made = self.make.as_ref().map(|make| make()).unwrap_or_default();
            base::Table { columns: self.columns.clone(), rows: made.rows }
        })
    }

    /// The values as templates see them.
    pub(super) fn rows(&self) -> &[Vec<Value>] {
        self.rows.get_or_init(|| {
            let convert = |(value, kind): (&base::Value, &ColumnType)| match (kind, value) {
                (ColumnType::Text, value) => as_text(value),
                (ColumnType::DateTime, base::Value::Date(date)) => {
                    from_base(&base::Value::Timestamp(date.and_time(chrono::NaiveTime::MIN)))
                }
                (_, value) => from_base(value),
            };
            let rows = self.base().rows.iter();
            rows.map(|row| row.iter().zip(&self.types).map(convert).collect()).collect()
        })
    }

    /// Whether a column of numbers has digits after the point.
    pub(super) fn has_decimals(&self, place: usize) -> bool {
        if let Some(known) = &self.decimals {
            return known.get(place).copied().unwrap_or(false);
        }
        let fraction = |cell: &base::Value| match cell {
            base::Value::Float(x) => x.fract() != 0.0,
            base::Value::Decimal(digits) => digits.split_once('.').is_some_and(|(_, f)| f.bytes().any(|b| b != b'0')),
            _ => false,
        };
        self.base().rows.iter().filter_map(|row| row.get(place)).any(fraction)
    }

    /// The names of the columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The place of a column; agate knows names only as they are spelled.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.names().position(|candidate| candidate == name)
    }

    /// The values of a column.
    pub(super) fn column(&self, place: usize) -> Vec<Value> {
        self.rows().iter().filter_map(|row| row.get(place).cloned()).collect()
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

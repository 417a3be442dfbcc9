//! agate's mapped sequences: rows, columns, and what is in them.
//!
//! In: a table's contents and a place in them. Out: values that are read by number or by name.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexSet;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::data::Data;
use crate::jinja::pylib::arguments::{bind, none_bound};
use crate::jinja::values::{compare, dict, list, repr, try_sort, tuple, type_error};

/// All rows of a table.
#[derive(Debug)]
pub(super) struct Rows(pub(super) Arc<Data>);

/// All columns of a table.
#[derive(Debug)]
pub(super) struct Columns(pub(super) Arc<Data>);

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    data: Arc<Data>,
    place: usize,
}

/// One column.
#[derive(Debug)]
pub(super) struct Column {
    data: Arc<Data>,
    place: usize,
}

impl Row {
    /// The row at a place.
    pub(super) fn value(data: &Arc<Data>, place: usize) -> Option<Value> {
        (place < data.height()).then(|| Value::from_object(Self { data: data.clone(), place }))
    }
}

impl Column {
    fn value(data: &Arc<Data>, place: usize) -> Option<Value> {
        (place < data.types.len()).then(|| Value::from_object(Self { data: data.clone(), place }))
    }

    fn values(&self) -> Vec<Value> {
        self.data.column(self.place)
    }
}

/// What a mapped sequence is made of.
trait Mapped {
    fn kind(&self) -> &'static str;
    fn items(&self) -> Vec<Value>;
    fn keys(&self) -> Option<Vec<Value>>;
}

fn names(data: &Data) -> Vec<Value> {
    data.names().map(Value::from).collect()
}

impl Mapped for Rows {
    fn kind(&self) -> &'static str {
        "MappedSequence"
    }

    fn items(&self) -> Vec<Value> {
        (0..self.0.height()).filter_map(|place| Row::value(&self.0, place)).collect()
    }

    fn keys(&self) -> Option<Vec<Value>> {
        None
    }
}

impl Mapped for Columns {
    fn kind(&self) -> &'static str {
        "MappedSequence"
    }

    fn items(&self) -> Vec<Value> {
        (0..self.0.types.len()).filter_map(|place| Column::value(&self.0, place)).collect()
    }

    fn keys(&self) -> Option<Vec<Value>> {
        Some(names(&self.0))
    }
}

impl Mapped for Row {
    fn kind(&self) -> &'static str {
        "Row"
    }

    fn items(&self) -> Vec<Value> {
        self.data.rows().get(self.place).cloned().unwrap_or_default()
    }

    fn keys(&self) -> Option<Vec<Value>> {
        Some(names(&self.data))
    }
}

impl Mapped for Column {
    fn kind(&self) -> &'static str {
        "Column"
    }

    fn items(&self) -> Vec<Value> {
        self.values()
    }

    fn keys(&self) -> Option<Vec<Value>> {
        None
    }
}

/// The methods of all mapped sequences.
fn method(mapped: &impl Mapped, method: &str, args: &[Value]) -> Result<Value, Error> {
    let pairs = || {
        let keys = mapped.keys().ok_or_else(|| type_error("'NoneType' object is not iterable"))?;
        Ok::<_, Error>(keys.into_iter().zip(mapped.items()))
    };
    match method {
        "get" => {
            let [key, default] = bind(method, args, ["key", "default"], 1)?;
            let key = key.unwrap_or_default();
            let found = pairs()?.find(|(candidate, _)| *candidate == key);
            let default = default.filter(Value::is_true).unwrap_or(Value::from(()));
            return Ok(found.map_or(default, |(_, value)| value));
        }
        "keys" | "values" | "items" | "dict" => none_bound(method, args)?,
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    }
    Ok(match method {
        "keys" => mapped.keys().map_or(Value::from(()), tuple),
        "values" => tuple(mapped.items()),
        "items" => tuple(pairs()?.map(|(key, value)| tuple(vec![key, value])).collect()),
        _ => dict(pairs()?),
    })
}

/// Python's text of a mapped sequence: its first five items.
fn sample(mapped: &impl Mapped) -> String {
    let items = mapped.items();
    let mut shown: Vec<String> = items.iter().take(5).map(repr).collect();
    if items.len() > 5 {
        shown.push("...".into());
    }
    format!("<agate.{}: ({})>", mapped.kind(), shown.join(", "))
}

impl Object for Rows {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Row::value(&self.0, key.as_usize()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.height())
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        method(&**self, name, args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sample(&**self))
    }
}

impl Object for Columns {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let place = key.as_usize().or_else(|| self.0.place(key.as_str()?))?;
        Column::value(&self.0, place)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.types.len())
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        method(&**self, name, args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sample(&**self))
    }
}

impl Object for Row {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let place = key.as_usize().or_else(|| self.data.place(key.as_str()?))?;
        self.data.rows().get(self.place)?.get(place).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.data.types.len())
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        method(&**self, name, args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sample(&**self))
    }
}

impl Object for Column {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (key.as_usize(), key.as_str()) {
            (Some(row), _) => self.data.rows().get(row)?.get(self.place).cloned(),
            (None, Some(name)) => self.get_value_by_str(name),
            _ => None,
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "name" => self.data.names().nth(self.place).map(Value::from),
            "index" => Some(Value::from(self.place)),
            "data_type" => self.data.types.get(self.place).map(|kind| Value::from_object(*kind)),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.data.height())
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, name: &str, args: &[Value]) -> Result<Value, Error> {
        let without_nulls = || self.values().into_iter().filter(|value| !value.is_none());
        match name {
            "values_distinct" | "values_without_nulls" | "values_sorted" | "values_without_nulls_sorted" => {
                none_bound(name, args)?;
            }
            _ => return method(&**self, name, args),
        }
        Ok(match name {
            "values_distinct" => tuple(self.values().into_iter().collect::<IndexSet<_>>().into_iter().collect()),
            "values_without_nulls" => tuple(without_nulls().collect()),
            _ => {
                let mut values: Vec<Value> = without_nulls().collect();
                try_sort(&mut values, &mut |left, right| compare(left, right))?;
                if name == "values_sorted" {
                    values.resize(self.data.height(), Value::from(()));
                }
                list(values)
            }
        })
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sample(&**self))
    }
}

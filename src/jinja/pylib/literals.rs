//! The filters that the pre-pass writes into templates.
//!
//! In: values as minijinja builds them. Out: values as Python would have them.

use std::cmp::Ordering;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::operators;
use crate::jinja::values::{
    Entries, PyDict, PyIterator, PySet, check_hashable, compare, elements, is_lazy, is_undefined, list, own,
    type_error, type_name,
};

/// The most items of an iterator that are read ahead, so that a loop knows its length; endless ones are longer.
const MAX_READ_AHEAD: usize = 100_000;

/// Registers the filters.
pub(super) fn install(environment: &mut Environment<'_>) {
    environment.add_filter("__l", |items: Value| match items.try_iter() {
        Ok(items) => list(items.map(own).collect()),
        Err(_) => items,
    });
    // Keys and values by turns.
    environment.add_filter("__d", |items: Value| -> Result<Value, Error> {
        let mut items = items.try_iter()?;
        let mut entries = Entries::default();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            check_hashable(&key)?;
            entries.insert(key, own(value));
        }
        Ok(Value::from_object(PyDict::new(entries)))
    });
    environment.add_filter("__own", |value: Value| own(value));
    environment.add_filter("__iter", |value: Value| iterable(&value));
    environment.add_filter("__slice", super::slices::slice);
    for (name, holds) in [
        ("__lt", Ordering::is_lt as fn(Ordering) -> bool),
        ("__le", Ordering::is_le),
        ("__gt", Ordering::is_gt),
        ("__ge", Ordering::is_ge),
    ] {
        environment.add_filter(name, move |_: &State<'_, '_>, left: &Value, right: &Value| ordered(left, right, holds));
    }
    type Operator = fn(&Value, &Value) -> Result<Value, Error>;
    let operators: [(&'static str, Operator); 7] = [
        ("__add", operators::add),
        ("__sub", operators::subtract),
        ("__mul", operators::multiply),
        ("__div", operators::divide),
        ("__floordiv", operators::floor_divide),
        ("__mod", operators::modulo),
        ("__pow", operators::power),
    ];
    for (name, operator) in operators {
        environment.add_filter(name, move |_: &State<'_, '_>, left: &Value, right: &Value| operator(left, right));
    }
}

/// Whether the order of two values is as asked; sets are ordered by inclusion.
fn ordered(left: &Value, right: &Value, holds: fn(Ordering) -> bool) -> Result<bool, Error> {
    if is_undefined(left) || is_undefined(right) {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    if let (Some(left), Some(right)) = (left.downcast_object_ref::<PySet>(), right.downcast_object_ref::<PySet>()) {
        let (left, right) = (left.items(), right.items());
        let order = match (left.is_subset(&right), right.is_subset(&left)) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => return Ok(false),
        };
        return Ok(holds(order));
    }
    compare(left, right).map(holds)
}

/// What a `for` loops over: something with a length wherever the length can be known.
fn iterable(value: &Value) -> Result<Value, Error> {
    if is_undefined(value) {
        return Ok(value.clone());
    }
    match value.kind() {
        ValueKind::String => elements(value).map(list),
        ValueKind::Iterable if value.downcast_object_ref::<PyIterator>().is_some() => Ok(read_ahead(value)),
        ValueKind::Iterable if is_lazy(value) || value.len().is_none() => elements(value).map(list),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => Ok(value.clone()),
        ValueKind::Plain if value.try_iter().is_ok() => Ok(value.clone()),
        _ => Err(type_error(format!("'{}' object is not iterable", type_name(value)))),
    }
}

fn read_ahead(value: &Value) -> Value {
    let Some(iterator) = value.downcast_object::<PyIterator>() else { return value.clone() };
    let mut read = Vec::new();
    while let Some(item) = iterator.next() {
        read.push(item);
        if read.len() == MAX_READ_AHEAD {
            let kind = iterator.kind();
            return PyIterator::value(kind, read.into_iter().chain(std::iter::from_fn(move || iterator.next())));
        }
    }
    list(read)
}

//! From minijinja's immutable containers to ours, and reading any container.
//!
//! In: any value. Out: the same value with mutable containers in it, its elements, or its entries.

use minijinja::value::{ObjectRepr, Tuple, ValueKind};
use minijinja::{Error, Value};

use super::{DictView, Entries, PyDict, PyIterator, PyList, PySet, type_error, type_name};

/// What a container of minijinja's is to become.
enum Foreign {
    Sequence,
    Mapping,
}

/// Whether a value is a container made by minijinja itself (literals, merges, slices, keyword arguments, conversions).
fn foreign(value: &Value) -> Option<Foreign> {
    let object = value.as_object()?;
    let name = object.type_name();
    match object.repr() {
        ObjectRepr::Seq | ObjectRepr::Iterable => {
            let lazy = name.starts_with("minijinja::value::") && !value.is_tuple();
            let vector = name.starts_with("alloc::vec::Vec<") || name.starts_with("alloc::collections::");
            (lazy || vector).then_some(Foreign::Sequence)
        }
        ObjectRepr::Map => {
            let map = name.starts_with("indexmap::") || name.starts_with("alloc::collections::");
            let made = name.starts_with("minijinja::value::argtypes::")
                || name.starts_with("minijinja::value::merge_object::");
            let map = map || made || name.starts_with("std::collections::");
            map.then_some(Foreign::Mapping)
        }
        _ => None,
    }
}

/// A deep copy of minijinja's containers into ours; every other value, ours included, is passed through as it is.
pub fn own(value: Value) -> Value {
    if let Some(tuple) = value.downcast_object_ref::<Tuple>() {
        if tuple.iter().all(|item| foreign(item).is_none() && !item.is_tuple()) {
            return value;
        }
        return super::tuple(tuple.iter().cloned().map(own).collect());
    }
    match foreign(&value) {
        None => value,
        Some(Foreign::Sequence) => match value.try_iter() {
            Ok(items) => super::list(items.map(own).collect()),
            Err(_) => value,
        },
        Some(Foreign::Mapping) => match value.as_object().and_then(|object| object.try_iter_pairs()) {
            Some(entries) => super::dict(entries.map(|(key, value)| (key, own(value)))),
            None => value,
        },
    }
}

/// What a container of minijinja's would print as, if it is one.
pub(super) fn owned_container(value: &Value) -> Option<Value> {
    foreign(value).map(|_| own(value.clone()))
}

/// What a `for` over the value would see; Python's `TypeError` where it cannot be looped over.
pub fn elements(value: &Value) -> Result<Vec<Value>, Error> {
    if let Some(list) = value.downcast_object_ref::<PyList>() {
        return Ok(list.items());
    }
    if value.is_none() {
        return Err(type_error("'NoneType' object is not iterable"));
    }
    match value.try_iter() {
        Ok(items) => items.checked().collect(),
        Err(_) => Err(type_error(format!("'{}' object is not iterable", type_name(value)))),
    }
}

/// The entries of a mapping, or of a sequence of pairs.
pub fn pairs(value: &Value) -> Result<Entries, Error> {
    if let Some(dict) = value.downcast_object_ref::<PyDict>() {
        return Ok(dict.entries());
    }
    if super::is_undefined(value) {
        return Ok(Entries::default());
    }
    if let (ValueKind::Map, Some(entries)) =
        (value.kind(), value.as_object().and_then(|object| object.try_iter_pairs()))
    {
        return Ok(entries.collect());
    }
    let mut entries = Entries::default();
    for (place, item) in elements(value)?.into_iter().enumerate() {
        let pair = elements(&item).map_err(|_| {
            type_error(format!("cannot convert dictionary update sequence element #{place} to a sequence"))
        })?;
        let [key, value] = <[Value; 2]>::try_from(pair).map_err(|pair| {
            let length = pair.len();
            type_error(format!("dictionary update sequence element #{place} has length {length}; 2 is required"))
        })?;
        check_hashable(&key)?;
        entries.insert(key, value);
    }
    Ok(entries)
}

/// Whether the value is a mapping: a dict, or an object of dbt's that has keys.
pub fn is_mapping(value: &Value) -> bool {
    value.kind() == ValueKind::Map
}

/// Python's `TypeError` for what cannot be a key of a dict or a member of a set.
pub fn check_hashable(value: &Value) -> Result<(), Error> {
    if let Some(tuple) = value.downcast_object_ref::<Tuple>() {
        return tuple.iter().try_for_each(check_hashable);
    }
    let mutable = value.downcast_object_ref::<PyList>().is_some()
        || value.downcast_object_ref::<PyDict>().is_some()
        || value.downcast_object_ref::<PySet>().is_some()
        || foreign(value).is_some();
    if mutable { Err(type_error(format!("unhashable type: '{}'", type_name(value)))) } else { Ok(()) }
}

/// Whether the value is an iterable without a length or place: a view or an iterator.
pub(crate) fn is_lazy(value: &Value) -> bool {
    value.downcast_object_ref::<DictView>().is_some() || value.downcast_object_ref::<PyIterator>().is_some()
}

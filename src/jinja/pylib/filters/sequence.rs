//! Filters on sequences: `length`, `list`, `first`, `last`, `join`, `batch`, `slice`, `reverse`, `random`, `attr`.
//!
//! In: iterables. Out: lists and items.

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

use super::Filter;
use super::attribute::Path;
use crate::jinja::pylib::arguments::{bind, integer};
use crate::jinja::values::{PyDict, elements, is_undefined, list, string_repr, to_str, type_error, type_name};

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("length", length),
    ("count", length),
    ("list", to_list),
    ("first", first),
    ("last", last),
    ("random", random),
    ("reverse", reverse),
    ("join", join),
    ("batch", batch),
    ("slice", slice),
    ("attr", attr),
];

fn subject(function: &str, args: &[Value]) -> Result<Value, Error> {
    let [value] = bind(function, args, ["value"], 1)?;
    Ok(value.unwrap_or_default())
}

/// Python's `len()`; undefined has no length in Python, but zero in Jinja.
fn length(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let value = subject("length", args)?;
    if is_undefined(&value) {
        return Ok(Value::from(0));
    }
    let length = match value.kind() {
        ValueKind::Map | ValueKind::Seq | ValueKind::Iterable => match value.len() {
            Some(length) => Some(length),
            None => Some(elements(&value)?.len()),
        },
        ValueKind::Bytes => value.as_bytes().map(<[u8]>::len),
        _ => value.len(),
    };
    let missing = || type_error(format!("object of type '{}' has no len()", type_name(&value)));
    length.map(Value::from).ok_or_else(missing)
}

fn to_list(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    elements(&subject("list", args)?).map(list)
}

fn first(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let value = subject("first", args)?;
    if value.is_none() {
        return elements(&value).map(|_| Value::UNDEFINED);
    }
    match value.try_iter() {
        Ok(mut items) => Ok(items.next().unwrap_or(Value::UNDEFINED)),
        Err(_) => elements(&value).map(|_| Value::UNDEFINED),
    }
}

fn last(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    Ok(elements(&subject("last", args)?)?.pop().unwrap_or(Value::UNDEFINED))
}

fn random(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let items = elements(&subject("random", args)?)?;
    if items.is_empty() {
        return Ok(Value::UNDEFINED);
    }
    let place = uuid::Uuid::new_v4().as_u128() % items.len() as u128;
    Ok(items[place as usize].clone())
}

fn reverse(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let value = subject("reverse", args)?;
    if let (ValueKind::String, Some(text)) = (value.kind(), value.as_str()) {
        return Ok(Value::from(text.chars().rev().collect::<String>()));
    }
    let mut items = elements(&value).map_err(|_| type_error("argument must be iterable"))?;
    items.reverse();
    Ok(list(items))
}

fn join(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [items, separator, attribute] = bind("join", args, ["value", "d", "attribute"], 1)?;
    let separator = separator.map(|separator| to_str(&separator)).unwrap_or_default();
    let path = Path::optional(attribute.as_ref());
    let mut out = String::new();
    for (place, item) in elements(&items.unwrap_or_default())?.into_iter().enumerate() {
        if place > 0 {
            out.push_str(&separator);
        }
        match &path {
            Some(path) => out.push_str(&to_str(&path.get(&item, None)?)),
            None => out.push_str(&to_str(&item)),
        }
    }
    Ok(Value::from(out))
}

fn batch(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [items, size, fill] = bind("batch", args, ["value", "linecount", "fill_with"], 2)?;
    let size = usize::try_from(integer(&size.unwrap_or_default())?).unwrap_or(0).max(1);
    let items = elements(&items.unwrap_or_default())?;
    let fill = fill.filter(|fill| !fill.is_none());
    let batches = items.chunks(size).map(|chunk| {
        let mut chunk = chunk.to_vec();
        if let Some(fill) = &fill {
            let missing = size - chunk.len();
            chunk.extend(std::iter::repeat_n(fill.clone(), missing));
        }
        list(chunk)
    });
    Ok(list(batches.collect()))
}

fn slice(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [items, slices, fill] = bind("slice", args, ["value", "slices", "fill_with"], 2)?;
    let slices = usize::try_from(integer(&slices.unwrap_or_default())?).unwrap_or(0);
    let items = elements(&items.unwrap_or_default())?;
    if slices == 0 {
        return Err(type_error("integer division or modulo by zero"));
    }
    let fill = fill.filter(|fill| !fill.is_none());
    let (per_slice, extra) = (items.len() / slices, items.len() % slices);
    let mut rest = items.as_slice();
    let mut out = Vec::new();
    for number in 0..slices {
        let (part, after) = rest.split_at(per_slice + usize::from(number < extra));
        rest = after;
        let mut part = part.to_vec();
        if let (Some(fill), true) = (&fill, number >= extra) {
            part.push(fill.clone());
        }
        out.push(list(part));
    }
    Ok(list(out))
}

/// An attribute, never an item: the entries of a dict are not its attributes.
fn attr(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value, name] = bind("attr", args, ["obj", "name"], 2)?;
    let (value, name) = (value.unwrap_or_default(), to_str(&name.unwrap_or_default()));
    if value.is_undefined() {
        return Err(type_error(format!("undefined has no attribute {}", string_repr(&name))));
    }
    if value.downcast_object_ref::<PyDict>().is_some() || value.as_object().is_none() {
        return Ok(Value::UNDEFINED);
    }
    value.get_attr(&name)
}

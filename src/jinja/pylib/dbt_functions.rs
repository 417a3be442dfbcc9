//! Functions of dbt's context that need nothing but their arguments.
//!
//! In: arguments. Out: values; a `default` is given back where Python would raise a `ValueError` (or, for `set` and `zip`, a
//! `TypeError`).

use md5::{Digest, Md5};
use minijinja::{Error, Value};

use super::arguments::{bind, flag, named, split_kwargs, string};
use super::json::{self, Failure, Style};
use super::yaml;
use crate::jinja::modules::lazy;
use crate::jinja::values::{
    PyIterator, check_hashable, dict, elements, function, list, pairs, set, to_str, tuple, type_error, type_name,
};

/// The functions by name.
pub(super) fn functions() -> Vec<(&'static str, Value)> {
    vec![
        ("tojson", function("tojson", |_, args| to_json(args))),
        ("fromjson", function("fromjson", |_, args| from_json(args))),
        ("toyaml", function("toyaml", |_, args| to_yaml(args))),
        ("fromyaml", function("fromyaml", |_, args| from_yaml(args))),
        ("set", function("set", |_, args| to_set(args))),
        ("set_strict", function("set_strict", |_, args| to_set_strict(args))),
        ("zip", function("zip", |_, args| zip(args))),
        ("zip_strict", function("zip_strict", |_, args| zip_strict(args))),
        ("local_md5", function("local_md5", |_, args| local_md5(args))),
        ("diff_of_two_dicts", function("diff_of_two_dicts", |_, args| diff_of_two_dicts(args))),
    ]
}

fn or_none(default: Option<Value>) -> Value {
    default.unwrap_or(Value::from(()))
}

fn to_json(args: &[Value]) -> Result<Value, Error> {
    let [value, default, sort_keys] = bind("tojson", args, ["value", "default", "sort_keys"], 1)?;
    let style = Style { sort_keys: flag(sort_keys.as_ref(), false), ..Style::default() };
    match json::dumps(&value.unwrap_or_default(), style) {
        Ok(text) => Ok(Value::from(text)),
        Err(Failure::Value(_)) => Ok(or_none(default)),
        Err(Failure::Type(message)) => Err(type_error(message)),
    }
}

fn from_json(args: &[Value]) -> Result<Value, Error> {
    let [text, default] = bind("fromjson", args, ["string", "default"], 1)?;
    let text = text.unwrap_or_default();
    match text.as_str() {
        Some(text) => Ok(json::loads(text).unwrap_or_else(|_| or_none(default))),
        None => {
            let kind = type_name(&text);
            Err(type_error(format!("the JSON object must be str, bytes or bytearray, not {kind}")))
        }
    }
}

fn to_yaml(args: &[Value]) -> Result<Value, Error> {
    let [value, default, sort_keys] = bind("toyaml", args, ["value", "default", "sort_keys"], 1)?;
    let text = yaml::dump(&value.unwrap_or_default(), flag(sort_keys.as_ref(), false));
    Ok(text.map_or_else(|| or_none(default), Value::from))
}

fn from_yaml(args: &[Value]) -> Result<Value, Error> {
    let [text, default] = bind("fromyaml", args, ["value", "default"], 1)?;
    let loaded = text.and_then(|text| text.as_str().and_then(yaml::load));
    Ok(loaded.unwrap_or_else(|| or_none(default)))
}

/// Python's `set(iterable)`.
fn made_set(value: &Value) -> Result<Value, Error> {
    let items = elements(value)?;
    items.iter().try_for_each(check_hashable)?;
    Ok(set(items))
}

fn to_set(args: &[Value]) -> Result<Value, Error> {
    let [value, default] = bind("set", args, ["value", "default"], 1)?;
    Ok(made_set(&value.unwrap_or_default()).unwrap_or_else(|_| or_none(default)))
}

fn to_set_strict(args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("set_strict", args, ["value"], 1)?;
    made_set(&value.unwrap_or_default())
}

/// Python's `zip(*iterables)`.
fn zipped(sources: &[Value]) -> Result<Value, Error> {
    let mut sources = sources
        .iter()
        .enumerate()
        .map(|(place, source)| {
            lazy(source).map_err(|_| type_error(format!("zip argument #{} must support iteration", place + 1)))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(PyIterator::value(
        "zip",
        std::iter::from_fn(move || {
            let row = sources.iter_mut().map(Iterator::next).collect::<Option<Vec<_>>>()?;
            (!row.is_empty()).then(|| tuple(row))
        }),
    ))
}

fn zip(args: &[Value]) -> Result<Value, Error> {
    let (sources, kwargs) = split_kwargs(args);
    let mut default = None;
    for (name, value) in named(kwargs) {
        if name != "default" {
            return Err(type_error(format!("zip() got an unexpected keyword argument '{name}'")));
        }
        default = Some(value);
    }
    Ok(zipped(sources).unwrap_or_else(|_| or_none(default)))
}

fn zip_strict(args: &[Value]) -> Result<Value, Error> {
    match split_kwargs(args) {
        (sources, None) => zipped(sources),
        _ => Err(type_error("zip_strict() takes no keyword arguments")),
    }
}

fn local_md5(args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("local_md5", args, ["value"], 1)?;
    let digest = Md5::digest(string("local_md5", &value.unwrap_or_default())?);
    Ok(Value::from(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

/// What the first dict of lists has beyond the second, ignoring case.
fn diff_of_two_dicts(args: &[Value]) -> Result<Value, Error> {
    let [left, right] = bind("diff_of_two_dicts", args, ["dict_a", "dict_b"], 2)?;
    let lower = |value: &Value| to_str(value).to_lowercase();
    let mut known = std::collections::HashMap::new();
    for (key, items) in pairs(&right.unwrap_or_default())? {
        known.insert(lower(&key), elements(&items)?.iter().map(lower).collect::<Vec<_>>());
    }
    let mut diff = Vec::new();
    for (key, items) in pairs(&left.unwrap_or_default())? {
        match known.get(&lower(&key)) {
            None => diff.push((key, items)),
            Some(known) => {
                let more: Vec<Value> =
                    elements(&items)?.into_iter().filter(|item| !known.contains(&lower(item))).collect();
                if !more.is_empty() {
                    diff.push((key, list(more)));
                }
            }
        }
    }
    Ok(dict(diff))
}

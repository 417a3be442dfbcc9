//! Filters that choose and change items: `map`, `select`, `reject`, `selectattr`, `rejectattr`.
//!
//! In: an iterable and the name of a filter or test. Out: a list.

use minijinja::{Error, State, Value};

use super::Filter;
use super::attribute::Path;
use crate::jinja::pylib::arguments::{named, split_kwargs};
use crate::jinja::values::{elements, list, to_str, type_error};

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("map", map),
    ("select", |state, args| choose(state, args, true, false)),
    ("reject", |state, args| choose(state, args, false, false)),
    ("selectattr", |state, args| choose(state, args, true, true)),
    ("rejectattr", |state, args| choose(state, args, false, true)),
];

fn subject(function: &str, args: &[Value]) -> Result<Vec<Value>, Error> {
    match args.first() {
        // Jinja asks for the items only of what is true: none and 0 have none.
        Some(items) if !items.is_true() => Ok(Vec::new()),
        Some(items) if !items.is_kwargs() => elements(items),
        _ => Err(type_error(format!("{function}() missing 1 required positional argument: 'value'"))),
    }
}

fn map(state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let items = subject("map", args)?;
    let (positional, kwargs) = split_kwargs(&args[1..]);
    let mut out = Vec::with_capacity(items.len());
    if let Some((filter, rest)) = positional.split_first() {
        let filter = to_str(filter);
        for item in items {
            let mut call = vec![item];
            call.extend(rest.iter().cloned());
            call.extend(kwargs.cloned());
            out.push(state.apply_filter(&filter, &call)?);
        }
        return Ok(list(out));
    }
    let mut attribute = None;
    let mut default = None;
    for (name, value) in named(kwargs) {
        match name.as_str() {
            "attribute" => attribute = Some(value),
            "default" => default = Some(value),
            _ => return Err(type_error(format!("Unexpected keyword argument '{name}'"))),
        }
    }
    let path = Path::of(&attribute.ok_or_else(|| type_error("map requires a filter argument"))?);
    for item in items {
        out.push(path.get(&item, default.as_ref())?);
    }
    Ok(list(out))
}

fn choose(state: &mut State<'_, '_>, args: &[Value], keep: bool, by_attribute: bool) -> Result<Value, Error> {
    let items = subject("select", args)?;
    let mut rest = &args[1..];
    let path = if by_attribute {
        let (attribute, after) =
            rest.split_first().ok_or_else(|| type_error("Missing parameter for attribute name"))?;
        rest = after;
        Some(Path::of(attribute))
    } else {
        None
    };
    let test = rest.split_first().map(|(name, rest)| (to_str(name), rest));
    let mut kept = Vec::new();
    for item in items {
        let value = match &path {
            Some(path) => path.get(&item, None)?,
            None => item.clone(),
        };
        let passes = match &test {
            Some((name, rest)) => {
                let mut call = vec![value];
                call.extend(rest.iter().cloned());
                state.perform_test(name, &call)?
            }
            None => value.is_true(),
        };
        if passes == keep {
            kept.push(item);
        }
    }
    Ok(list(kept))
}

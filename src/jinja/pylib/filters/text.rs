//! Filters on text.
//!
//! In: any value, read as text. Out: text.

use minijinja::{Error, State, Value};

use super::Filter;
use crate::jinja::pylib::arguments::{bind, integer, split_kwargs};
use crate::jinja::pylib::str_methods::{center as centered, change_case};
use crate::jinja::pylib::{json, printf};
use crate::jinja::values::{own, to_str, tuple, type_error};

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("string", string),
    ("upper", |_, args| case("upper", args)),
    ("lower", |_, args| case("lower", args)),
    ("capitalize", |_, args| case("capitalize", args)),
    ("title", title),
    ("trim", trim),
    ("center", center),
    ("replace", replace),
    ("format", format),
    ("wordcount", word_count),
    ("pprint", pretty),
];

fn subject(function: &str, args: &[Value]) -> Result<String, Error> {
    let [value] = bind(function, args, ["s"], 1)?;
    Ok(to_str(&value.unwrap_or_default()))
}

fn string(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    subject("string", args).map(Value::from)
}

fn case(name: &'static str, args: &[Value]) -> Result<Value, Error> {
    Ok(Value::from(change_case(&subject(name, args)?, name)))
}

/// Raises the first letter of what stands between blanks, hyphens and opening brackets.
fn title(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let text = subject("title", args)?;
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for char in text.chars() {
        let breaks = char.is_whitespace() || "-({[<".contains(char);
        if inside {
            out.extend(char.to_lowercase());
        } else {
            out.extend(char.to_uppercase());
        }
        inside = !breaks;
    }
    Ok(Value::from(out))
}

fn trim(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value, chars] = bind("trim", args, ["value", "chars"], 1)?;
    let text = to_str(&value.unwrap_or_default());
    Ok(Value::from(match chars.filter(|chars| !chars.is_none()) {
        Some(chars) => {
            let chars = to_str(&chars);
            text.trim_matches(|char| chars.contains(char)).to_owned()
        }
        None => text.trim().to_owned(),
    }))
}

fn center(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value, width] = bind("center", args, ["value", "width"], 1)?;
    let width = width.map_or(Ok(80), |width| integer(&width))?;
    let width = usize::try_from(width).unwrap_or(0).min(10_000_000);
    Ok(Value::from(centered(&to_str(&value.unwrap_or_default()), width, ' ')))
}

fn replace(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [text, old, new, count] = bind("replace", args, ["s", "old", "new", "count"], 3)?;
    let [text, old, new] = [text, old, new].map(|part| to_str(&part.unwrap_or_default()));
    let count = count.filter(|count| !count.is_none()).map_or(Ok(-1), |count| integer(&count))?;
    Ok(Value::from(match usize::try_from(count) {
        Ok(count) => text.replacen(&old, &new, count),
        Err(_) => text.replace(&old, &new),
    }))
}

/// `'%s and %s'|format(a, b)`.
fn format(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (positional, kwargs) = split_kwargs(args);
    let Some((template, rest)) = positional.split_first() else {
        return Err(type_error("format() missing 1 required positional argument: 'value'"));
    };
    let right = match kwargs.filter(|kwargs| kwargs.len() != Some(0)) {
        Some(_) if !rest.is_empty() => {
            return Err(type_error("can't handle positional and keyword arguments at the same time"));
        }
        Some(kwargs) => own(kwargs.clone()),
        None => tuple(rest.to_vec()),
    };
    printf::format(&to_str(template), &right).map(Value::from)
}

fn word_count(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let text = subject("wordcount", args)?;
    let words = text.split(|char: char| !(char.is_alphanumeric() || char == '_')).filter(|word| !word.is_empty());
    Ok(Value::from(words.count()))
}

fn pretty(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("pprint", args, ["value"], 1)?;
    Ok(Value::from(json::pretty(&value.unwrap_or_default())))
}

//! Python's `json.dumps()` and `json.loads()`.
//!
//! In: values, or JSON text. Out: JSON text, or values.

use std::fmt::Write as _;

use minijinja::Value;
use minijinja::value::ValueKind;

use crate::jinja::values::{Number, compare, dict, float_repr, int, is_undefined, list, pairs, repr, type_name};

/// How JSON is written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Style {
    pub(super) indent: Option<usize>,
    pub(super) sort_keys: bool,
    /// Letters beyond ASCII stay as they are.
    pub(super) unicode: bool,
}

/// Why a value has no JSON form; Python tells the two apart by the type of the exception.
#[derive(Debug)]
pub(super) enum Failure {
    /// `ValueError`
    Value(String),
    /// `TypeError`
    Type(String),
}

impl Failure {
    /// The message.
    pub(super) fn message(&self) -> &str {
        match self {
            Self::Value(message) | Self::Type(message) => message,
        }
    }
}

const MAX_DEPTH: usize = 200;

/// Python's `json.dumps()`.
pub(super) fn dumps(value: &Value, style: Style) -> Result<String, Failure> {
    let mut out = String::new();
    write_value(&mut out, value, style, 0)?;
    Ok(out)
}

fn write_value(out: &mut String, value: &Value, style: Style, depth: usize) -> Result<(), Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::Value("Circular reference detected".into()));
    }
    let unknown = || Failure::Type(format!("Object of type {} is not JSON serializable", short_type(value)));
    match value.kind() {
        _ if is_undefined(value) => return Err(unknown()),
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => out.push_str(&number(value)),
        ValueKind::String => write_string(out, value.as_str().unwrap_or_default(), style),
        ValueKind::Map => {
            let entries = pairs(value).map_err(|error| Failure::Type(error.to_string()))?;
            let mut entries: Vec<(Value, Value)> = entries.into_iter().collect();
            if style.sort_keys {
                crate::jinja::values::try_sort(&mut entries, &mut |left, right| compare(&left.0, &right.0))
                    .map_err(|error| Failure::Type(error.detail().unwrap_or_default().to_owned()))?;
            }
            bracketed(out, ('{', '}'), entries.len(), style, depth, |out, place| {
                let (key, value) = &entries[place];
                write_string(out, &key_text(key)?, style);
                out.push_str(": ");
                write_value(out, value, style, depth + 1)
            })?;
        }
        ValueKind::Seq => {
            let items: Vec<Value> = value.try_iter().into_iter().flatten().collect();
            bracketed(out, ('[', ']'), items.len(), style, depth, |out, place| {
                write_value(out, &items[place], style, depth + 1)
            })?;
        }
        ValueKind::Iterable if type_name(value) == "generator" => {
            let items: Vec<Value> = value.try_iter().into_iter().flatten().collect();
            write_value(out, &list(items), style, depth)?;
        }
        _ => return Err(unknown()),
    }
    Ok(())
}

fn short_type(value: &Value) -> &'static str {
    let name = type_name(value);
    name.rsplit('.').next().unwrap_or(name)
}

fn number(value: &Value) -> String {
    match Number::of(value) {
        Some(Number::Float(float)) if float.is_nan() => "NaN".into(),
        Some(Number::Float(float)) if float.is_infinite() => if float > 0.0 { "Infinity" } else { "-Infinity" }.into(),
        Some(Number::Float(float)) => float_repr(float),
        _ => value.to_string(),
    }
}

fn key_text(key: &Value) -> Result<String, Failure> {
    match key.kind() {
        ValueKind::String => Ok(key.as_str().unwrap_or_default().to_owned()),
        ValueKind::Number => Ok(number(key)),
        ValueKind::Bool => Ok(if key.is_true() { "true" } else { "false" }.into()),
        ValueKind::None => Ok("null".into()),
        _ => Err(Failure::Type(format!("keys must be str, int, float, bool or None, not {}", short_type(key)))),
    }
}

fn bracketed(
    out: &mut String,
    (open, close): (char, char),
    count: usize,
    style: Style,
    depth: usize,
    mut item: impl FnMut(&mut String, usize) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = style.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    };
    out.push(open);
    for place in 0..count {
        if place > 0 {
            out.push_str(if style.indent.is_some() { "," } else { ", " });
        }
        line(out, depth + 1);
        item(out, place)?;
    }
    if count > 0 {
        line(out, depth);
    }
    out.push(close);
    Ok(())
}

fn write_string(out: &mut String, text: &str, style: Style) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(char),
            _ if style.unicode && char as u32 > 0x7f => out.push(char),
            _ => {
                let mut units = [0; 2];
                for unit in char.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// Python's `json.loads()`; the message of the failure otherwise.
pub(super) fn loads(text: &str) -> Result<Value, String> {
    serde_json::from_str::<serde_json::Value>(text).map(|json| from_json(&json)).map_err(|error| error.to_string())
}

fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(bool) => Value::from(*bool),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (_, Some(number)) => int(number.into()),
            _ => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => list(items.iter().map(from_json).collect()),
        serde_json::Value::Object(map) => {
            dict(map.iter().map(|(key, value)| (Value::from(key.as_str()), from_json(value))))
        }
    }
}

/// Python's `pprint.pformat()`: on one line where 80 characters suffice, else one item a line; keys sorted.
pub(super) fn pretty(value: &Value) -> String {
    let sorted = sorted_keys(value, 0);
    let mut out = String::new();
    write_pretty(&mut out, &sorted, 0, 0, 0);
    out
}

fn sorted_keys(value: &Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return value.clone();
    }
    match value.kind() {
        ValueKind::Map => match pairs(value) {
            Ok(entries) => {
                let mut entries: Vec<(Value, Value)> =
                    entries.into_iter().map(|(key, value)| (key, sorted_keys(&value, depth + 1))).collect();
                entries.sort_by_cached_key(|(key, _)| repr(key));
                dict(entries)
            }
            Err(_) => value.clone(),
        },
        ValueKind::Seq if type_name(value) == "list" => {
            list(value.try_iter().into_iter().flatten().map(|item| sorted_keys(&item, depth + 1)).collect())
        }
        _ => value.clone(),
    }
}

fn write_pretty(out: &mut String, value: &Value, indent: usize, allowance: usize, depth: usize) {
    let flat = repr(value);
    let container = matches!(value.kind(), ValueKind::Map | ValueKind::Seq);
    if !container || indent + flat.chars().count() + allowance <= 80 || depth > MAX_DEPTH {
        out.push_str(&flat);
        return;
    }
    let entries = if value.kind() == ValueKind::Map {
        pairs(value).unwrap_or_default().into_iter().map(|(key, value)| (repr(&key) + ": ", value)).collect()
    } else {
        value.try_iter().into_iter().flatten().map(|item| (String::new(), item)).collect::<Vec<_>>()
    };
    let (open, close) = match value.kind() {
        ValueKind::Map => ("{", "}"),
        _ if value.is_tuple() => ("(", ")"),
        _ => ("[", "]"),
    };
    out.push_str(open);
    let count = entries.len();
    for (place, (label, item)) in entries.iter().enumerate() {
        out.push_str(label);
        let after = if place + 1 == count { allowance + 1 } else { 1 };
        write_pretty(out, item, indent + 1 + label.chars().count(), after, depth + 1);
        if place + 1 < count {
            out.push_str(",\n");
            out.extend(std::iter::repeat_n(' ', indent + 1));
        }
    }
    out.push_str(close);
}

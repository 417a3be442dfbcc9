//! Filters for HTML and URLs.
//!
//! In: values. Out: escaped or unescaped text. dbt renders without autoescaping, so "safe" text is plain text.

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

use super::Filter;
use crate::jinja::pylib::arguments::{bind, flag};
use crate::jinja::values::{elements, is_undefined, pairs, to_str, value_error};

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("escape", escape),
    ("e", escape),
    ("forceescape", escape),
    ("safe", safe),
    ("striptags", strip_tags),
    ("urlencode", url_encode),
    ("xmlattr", xml_attributes),
];

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('>', "&gt;").replace('<', "&lt;");
    text.replace('\'', "&#39;").replace('"', "&#34;")
}

fn escape(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("escape", args, ["s"], 1)?;
    Ok(Value::from(escaped(&to_str(&value.unwrap_or_default()))))
}

fn safe(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("safe", args, ["value"], 1)?;
    Ok(Value::from(to_str(&value.unwrap_or_default())))
}

fn strip_tags(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("striptags", args, ["value"], 1)?;
    let mut text = to_str(&value.unwrap_or_default());
    for (open, close) in [("<!--", "-->"), ("<", ">")] {
        let mut from = 0;
        while let Some(start) = text[from..].find(open).map(|place| from + place) {
            match text[start..].find(close) {
                Some(length) => text.replace_range(start..start + length + close.len(), ""),
                None => break,
            }
            from = start;
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    Ok(Value::from(unescaped(&words.join(" "))))
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(';').unwrap_or(0);
        let char = match rest.get(1..end).unwrap_or_default() {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            "nbsp" => Some('\u{a0}'),
            name => match (name.strip_prefix("#x").or(name.strip_prefix("#X")), name.strip_prefix('#')) {
                (Some(hex), _) => u32::from_str_radix(hex, 16).ok().and_then(char::from_u32),
                (None, Some(decimal)) => decimal.parse().ok().and_then(char::from_u32),
                (None, None) => None,
            },
        };
        match char {
            Some(char) => {
                out.push(char);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn quoted(text: &str, query: bool) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push(char::from(byte)),
            b'/' if !query => out.push('/'),
            b' ' if query => out.push('+'),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

fn url_encode(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("urlencode", args, ["value"], 1)?;
    let value = value.unwrap_or_default();
    let entries: Vec<(Value, Value)> = match value.kind() {
        ValueKind::Map => pairs(&value)?.into_iter().collect(),
        ValueKind::Seq | ValueKind::Iterable if !is_undefined(&value) => {
            let mut entries = Vec::new();
            for pair in elements(&value)? {
                let [key, value] = <[Value; 2]>::try_from(elements(&pair)?)
                    .map_err(|_| value_error("urlencode expects pairs of a name and a value"))?;
                entries.push((key, value));
            }
            entries
        }
        _ => return Ok(Value::from(quoted(&to_str(&value), false))),
    };
    let parts: Vec<String> = entries
        .iter()
        .map(|(key, value)| format!("{}={}", quoted(&to_str(key), true), quoted(&to_str(value), true)))
        .collect();
    Ok(Value::from(parts.join("&")))
}

fn xml_attributes(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [entries, space] = bind("xmlattr", args, ["d", "autospace"], 1)?;
    let mut parts = Vec::new();
    for (key, value) in pairs(&entries.unwrap_or_default())? {
        if value.is_none() || is_undefined(&value) {
            continue;
        }
        let key = to_str(&key);
        if key.contains(|char: char| char.is_whitespace() || "/>=".contains(char)) {
            return Err(value_error(format!(
                "Invalid character in attribute name: {}",
                crate::jinja::values::string_repr(&key)
            )));
        }
        parts.push(format!("{}=\"{}\"", escaped(&key), escaped(&to_str(&value))));
    }
    let text = parts.join(" ");
    let spaced = flag(space.as_ref(), true) && !text.is_empty();
    Ok(Value::from(if spaced { format!(" {text}") } else { text }))
}

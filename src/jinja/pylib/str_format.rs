//! Python's `str.format()`.
//!
//! In: a template with `{}`, `{0}`, `{name.member[key]!r:>10}` and the arguments. Out: text, or Python's errors.

use minijinja::{Error, Value};

use super::number_format::format_value;
use crate::jinja::values::{attribute_error, index_error, key_error, repr, to_str, value_error};

/// What a template may refer to.
pub(super) struct Fields<'v> {
    pub(super) positional: &'v [Value],
    pub(super) named: Vec<(String, Value)>,
    /// The place of the next `{}`; `None` once fields were numbered by hand.
    next: Option<usize>,
}

/// Specifications may hold fields, but those not again.
const MAX_DEPTH: usize = 2;

impl<'v> Fields<'v> {
    /// The arguments of a call.
    pub(super) fn new(positional: &'v [Value], named: Vec<(String, Value)>) -> Self {
        Self { positional, named, next: Some(0) }
    }

    fn base(&mut self, name: &str) -> Result<Value, Error> {
        let place = if name.is_empty() {
            let place = self.next.ok_or_else(|| {
                value_error("cannot switch from manual field specification to automatic field numbering")
            })?;
            self.next = Some(place + 1);
            place
        } else if let Ok(place) = name.parse::<usize>() {
            if self.next.is_some_and(|next| next > 0) {
                let message = "cannot switch from automatic field numbering to manual field specification";
                return Err(value_error(message));
            }
            self.next = None;
            place
        } else {
            let found = self.named.iter().find(|(candidate, _)| candidate == name);
            return found.map(|(_, value)| value.clone()).ok_or_else(|| key_error(&Value::from(name)));
        };
        let missing = || index_error(format!("Replacement index {place} out of range for positional args tuple"));
        self.positional.get(place).cloned().ok_or_else(missing)
    }

    fn field(&mut self, path: &str) -> Result<Value, Error> {
        let end = path.find(['.', '[']).unwrap_or(path.len());
        let mut value = self.base(&path[..end])?;
        let mut rest = &path[end..];
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let close = inner.find(']').ok_or_else(|| value_error("Missing ']' in format string"))?;
                let key = inner[..close].parse::<i64>().map_or_else(|_| Value::from(&inner[..close]), Value::from);
                let item = value.get_item(&key)?;
                if item.is_undefined() {
                    return Err(key_error(&key));
                }
                (value, rest) = (item, &inner[close + 1..]);
            } else {
                let inner = rest.strip_prefix('.').unwrap_or(rest);
                let end = inner.find(['.', '[']).unwrap_or(inner.len());
                let member = value.get_attr(&inner[..end])?;
                if member.is_undefined() {
                    return Err(attribute_error(&value, &inner[..end]));
                }
                (value, rest) = (member, &inner[end..]);
            }
        }
        Ok(value)
    }

    /// Fills a template.
    pub(super) fn format(&mut self, template: &str) -> Result<String, Error> {
        self.format_within(template, MAX_DEPTH)
    }

    fn format_within(&mut self, template: &str, depth: usize) -> Result<String, Error> {
        if depth == 0 {
            return Err(value_error("Max string recursion exceeded"));
        }
        let mut out = String::new();
        let mut rest = template;
        while let Some(place) = rest.find(['{', '}']) {
            out.push_str(&rest[..place]);
            let brace = &rest[place..=place];
            rest = &rest[place + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                out.push_str(brace);
                rest = after;
                continue;
            }
            if brace == "}" {
                return Err(value_error("Single '}' encountered in format string"));
            }
            let end = closing(rest)?;
            out.push_str(&self.replacement(&rest[..end], depth)?);
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn replacement(&mut self, field: &str, depth: usize) -> Result<String, Error> {
        let bracket = field.find('[').and_then(|open| field[open..].find(']').map(|close| open + close)).unwrap_or(0);
        let split = field[bracket..].find([':', '!']).map_or(field.len(), |place| bracket + place);
        let (path, mut rest) = field.split_at(split);
        let mut value = self.field(path)?;
        if let Some(conversion) = rest.strip_prefix('!') {
            let code = conversion.chars().next();
            value = match code {
                Some('s') => Value::from(to_str(&value)),
                Some('r' | 'a') => Value::from(repr(&value)),
                Some(other) => return Err(value_error(format!("Unknown conversion specifier '{other}'"))),
                None => return Err(value_error("end of string while looking for conversion specifier")),
            };
            rest = &conversion[1..];
            if !(rest.is_empty() || rest.starts_with(':')) {
                return Err(value_error("expected ':' after conversion specifier"));
            }
        }
        let spec = rest.strip_prefix(':').unwrap_or("");
        let spec = if spec.contains(['{', '}']) { self.format_within(spec, depth - 1)? } else { spec.to_owned() };
        if !spec.is_empty()
            && let Some(text) = super::formatted_moment(&value, &spec)
        {
            return Ok(text);
        }
        format_value(&value, &spec)
    }
}

/// The place of the brace that closes a field.
fn closing(rest: &str) -> Result<usize, Error> {
    let mut depth = 0;
    for (place, char) in rest.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => return Ok(place),
            '}' => depth -= 1,
            _ => {}
        }
    }
    Err(value_error(if rest.is_empty() {
        "Single '{' encountered in format string"
    } else {
        "expected '}' before end of string"
    }))
}

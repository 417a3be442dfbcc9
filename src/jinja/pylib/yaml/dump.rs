//! From values to YAML text.
//!
//! In: a value. Out: PyYAML's block style with lines of about 80 characters; `None` for values that have no YAML form.

use std::fmt::Write as _;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::scalar::Kind;
use crate::jinja::modules::datetime::{PyDate, PyDateTime};
use crate::jinja::values::{compare, float_repr, is_undefined, pairs, to_str, try_sort, type_name};

const WIDTH: usize = 80;
const MAX_DEPTH: usize = 200;

/// Python's `yaml.safe_dump(value, sort_keys=...)`.
pub(crate) fn dump(value: &Value, sort_keys: bool) -> Option<String> {
    let mut writer = Writer { out: String::new(), sort_keys };
    match Shape::of(value)? {
        Shape::Scalar(scalar) => {
            writer.scalar(&scalar, 2, false);
            writer.out.push_str(if scalar.plain { "\n...\n" } else { "\n" });
        }
        shape => {
            writer.block(&shape, 0, 0)?;
        }
    }
    Some(writer.out)
}

struct Scalar {
    text: String,
    plain: bool,
}

enum Shape {
    Scalar(Scalar),
    Sequence(Vec<Value>),
    Mapping(Vec<(Value, Value)>),
}

impl Shape {
    fn of(value: &Value) -> Option<Self> {
        let plain = |text: String| Some(Self::Scalar(Scalar { text, plain: true }));
        match value.kind() {
            _ if is_undefined(value) => None,
            ValueKind::None => plain("null".into()),
            ValueKind::Bool => plain(if value.is_true() { "true" } else { "false" }.into()),
            ValueKind::Number if value.is_integer() => plain(value.to_string()),
            ValueKind::Number => plain(float(f64::try_from(value.clone()).ok()?)),
            ValueKind::String => {
                let text = value.as_str()?.to_owned();
                let plain = Kind::of_plain(&text) == Kind::Text && text != "=" && may_be_plain(&text);
                Some(Self::Scalar(Scalar { text, plain }))
            }
            ValueKind::Map => Some(Self::Mapping(pairs(value).ok()?.into_iter().collect())),
            ValueKind::Seq => Some(Self::Sequence(value.try_iter().ok()?.collect())),
            ValueKind::Iterable if type_name(value) == "generator" => {
                Some(Self::Sequence(value.try_iter().ok()?.collect()))
            }
            _ => {
                let date = value.downcast_object_ref::<PyDate>().is_some();
                let moment = value.downcast_object_ref::<PyDateTime>().is_some();
                if date || moment { plain(to_str(value)) } else { None }
            }
        }
    }
}

fn float(number: f64) -> String {
    if number.is_nan() {
        return ".nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { ".inf" } else { "-.inf" }.into();
    }
    let text = float_repr(number);
    if text.contains('.') { text } else { text.replacen('e', ".0e", 1) }
}

/// Whether text can stand in a block without quotes.
fn may_be_plain(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let blank_at = |place: usize| chars.get(place).is_none_or(|char| char.is_whitespace());
    if text.starts_with("---") || text.starts_with("...") || text.starts_with(' ') || text.ends_with(' ') {
        return false;
    }
    chars.iter().enumerate().all(|(place, char)| match char {
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
            if place == 0 =>
        {
            false
        }
        '?' | ':' | '-' if place == 0 && blank_at(1) => false,
        ':' => !blank_at(place + 1),
        '#' => !blank_at(place - 1),
        ' '..='~' => true,
        _ => false,
    })
}

struct Writer {
    out: String,
    sort_keys: bool,
}

impl Writer {
    fn column(&self) -> usize {
        self.out.rsplit('\n').next().map_or(0, |line| line.chars().count())
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// Writes a sequence or mapping whose lines start at `indent`; the first line's indentation is already there.
    fn block(&mut self, shape: &Shape, indent: usize, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match shape {
            Shape::Scalar(scalar) => {
                self.scalar(scalar, indent, false);
                self.out.push('\n');
            }
            Shape::Sequence(items) if items.is_empty() => self.out.push_str("[]\n"),
            Shape::Mapping(entries) if entries.is_empty() => self.out.push_str("{}\n"),
            Shape::Sequence(items) => {
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        self.indent(indent);
                    }
                    self.out.push_str("- ");
                    self.block(&Shape::of(item)?, indent + 2, depth + 1)?;
                }
            }
            Shape::Mapping(entries) => {
                let mut entries = entries.clone();
                if self.sort_keys {
                    // PyYAML leaves keys that have no order as they are.
                    let mut sorted = entries.clone();
                    if try_sort(&mut sorted, &mut |left, right| compare(&left.0, &right.0)).is_ok() {
                        entries = sorted;
                    }
                }
                for (place, (key, value)) in entries.iter().enumerate() {
                    if place > 0 {
                        self.indent(indent);
                    }
                    self.entry(key, value, indent, depth)?;
                }
            }
        }
        Some(())
    }

    fn entry(&mut self, key: &Value, value: &Value, indent: usize, depth: usize) -> Option<()> {
        let Shape::Scalar(key) = Shape::of(key)? else { return None };
        self.scalar(&key, indent, true);
        self.out.push(':');
        match Shape::of(value)? {
            Shape::Scalar(scalar) => {
                self.out.push(' ');
                self.scalar(&scalar, indent + 2, false);
                self.out.push('\n');
                Some(())
            }
            shape @ Shape::Sequence(_) if value.len() != Some(0) => {
                self.out.push('\n');
                self.indent(indent);
                self.block(&shape, indent, depth + 1)
            }
            shape @ Shape::Mapping(_) if value.len() != Some(0) => {
                self.out.push('\n');
                self.indent(indent + 2);
                self.block(&shape, indent + 2, depth + 1)
            }
            shape => {
                self.out.push(' ');
                self.block(&shape, indent, depth + 1)
            }
        }
    }

    fn scalar(&mut self, scalar: &Scalar, indent: usize, key: bool) {
        let text = &scalar.text;
        let special = text.chars().any(|char| char != '\n' && !(' '..='~').contains(&char));
        let multiline = text.contains('\n');
        if scalar.plain {
            self.folded(text, indent, key);
        } else if special
            || (key && multiline)
            || text.contains(" \n")
            || text.starts_with('\n') && text.len() == 1 && key
        {
            self.double_quoted(text);
        } else {
            self.out.push('\'');
            let quoted = text.replace('\'', "''");
            for (place, line) in quoted.split('\n').enumerate() {
                if place > 0 {
                    self.out.push_str(if place == 1 || !self.out.ends_with('\n') { "\n\n" } else { "\n" });
                    if !line.is_empty() {
                        self.indent(indent);
                    }
                }
                self.folded(line, indent, key);
            }
            if self.out.ends_with('\n') {
                self.indent(indent);
            }
            self.out.push('\'');
        }
    }

    /// Writes text, going to a new line at single spaces beyond the width.
    fn folded(&mut self, text: &str, indent: usize, key: bool) {
        let chars: Vec<char> = text.chars().collect();
        let mut column = self.column();
        for (place, char) in chars.iter().enumerate() {
            let space = |place: usize| chars.get(place) == Some(&' ');
            let inner = place > 0 && place + 1 < chars.len();
            let single = *char == ' ' && inner && !space(place - 1) && !space(place + 1);
            if single && !key && column > WIDTH {
                self.out.push('\n');
                self.indent(indent);
                column = indent;
            } else {
                self.out.push(*char);
                column += 1;
            }
        }
    }

    fn double_quoted(&mut self, text: &str) {
        self.out.push('"');
        for char in text.chars() {
            match char {
                '"' | '\\' => self.out.extend(['\\', char]),
                '\n' => self.out.push_str("\\n"),
                '\t' => self.out.push_str("\\t"),
                '\r' => self.out.push_str("\\r"),
                '\0' => self.out.push_str("\\0"),
                '\u{1b}' => self.out.push_str("\\e"),
                '\u{85}' => self.out.push_str("\\N"),
                '\u{a0}' => self.out.push_str("\\_"),
                ' '..='~' => self.out.push(char),
                _ => {
                    let code = char as u32;
                    let _ = match code {
                        0..=0xff => write!(self.out, "\\x{code:02X}"),
                        0x100..=0xffff => write!(self.out, "\\u{code:04X}"),
                        _ => write!(self.out, "\\U{code:08X}"),
                    };
                }
            }
        }
        self.out.push('"');
    }
}

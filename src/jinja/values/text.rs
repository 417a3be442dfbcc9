//! Python's `str()`, `repr()` and type names.
//!
//! In: any value. Out: text. Containers that contain themselves print as `[...]` and `{...}`.

use std::fmt::Write as _;

use minijinja::Value;
use minijinja::value::{Tuple, ValueKind};

use super::own::owned_container;
use super::{Decimal, DictView, PyDict, PyIterator, PyList, PySet, float_repr, is_undefined};
use crate::jinja::modules;

/// Containers nested deeper than this print as an ellipsis.
const MAX_DEPTH: usize = 200;

/// Python's `str()` of a value.
pub fn to_str(value: &Value) -> String {
    match value.kind() {
        ValueKind::Undefined => String::new(),
        ValueKind::String => value.as_str().unwrap_or_default().to_owned(),
        ValueKind::Bytes => repr(value),
        ValueKind::Number if !value.is_integer() => float_text(value),
        ValueKind::Number | ValueKind::Bool | ValueKind::None => value.to_string(),
        _ if is_undefined(value) => String::new(),
        _ if value.downcast_object_ref::<Decimal>().is_some() => value.to_string(),
        _ => match modules::python_str(value) {
            Some(text) => text,
            None => repr(value),
        },
    }
}

/// Python's `repr()` of a value.
pub fn repr(value: &Value) -> String {
    let mut writer = Writer { text: String::new(), open: Vec::new() };
    writer.value(value);
    writer.text
}

fn float_text(value: &Value) -> String {
    f64::try_from(value.clone()).map_or_else(|_| value.to_string(), float_repr)
}

struct Writer {
    text: String,
    open: Vec<usize>,
}

impl Writer {
    fn value(&mut self, value: &Value) {
        match value.kind() {
            ValueKind::Undefined => self.text.push_str("Undefined"),
            ValueKind::String => self.text.push_str(&string_repr(value.as_str().unwrap_or_default())),
            ValueKind::Bytes => self.text.push_str(&bytes_repr(value.as_bytes().unwrap_or_default())),
            ValueKind::Number if !value.is_integer() => self.text.push_str(&float_text(value)),
            ValueKind::Number | ValueKind::Bool | ValueKind::None | ValueKind::Invalid => {
                let _ = write!(self.text, "{value}");
            }
            _ => self.object(value),
        }
    }

    fn object(&mut self, value: &Value) {
        if let Some(list) = value.downcast_object_ref::<PyList>() {
            self.guarded(std::ptr::from_ref(list).addr(), "[...]", |writer| writer.sequence("[", &list.items(), "]"));
        } else if let Some(dict) = value.downcast_object_ref::<PyDict>() {
            self.guarded(std::ptr::from_ref(dict).addr(), "{...}", |writer| writer.mapping(dict));
        } else if let Some(tuple) = value.downcast_object_ref::<Tuple>() {
            let close = if tuple.len() == 1 { ",)" } else { ")" };
            self.guarded(std::ptr::from_ref(tuple).addr(), "(...)", |writer| writer.sequence("(", tuple, close));
        } else if let Some(set) = value.downcast_object_ref::<PySet>() {
            let items: Vec<Value> = set.items().into_iter().collect();
            if items.is_empty() { self.text.push_str("set()") } else { self.sequence("{", &items, "}") }
        } else if let Some(view) = value.downcast_object_ref::<DictView>() {
            self.guarded(std::ptr::from_ref(view).addr(), "...", |writer| {
                writer.text.push_str(view.type_name());
                writer.sequence("([", &view.items(), "])");
            });
        } else if let Some(iterator) = value.downcast_object_ref::<PyIterator>() {
            let _ = write!(self.text, "<{} object>", iterator.kind());
        } else if let Some(decimal) = value.downcast_object_ref::<Decimal>() {
            let _ = write!(self.text, "Decimal('{decimal}')");
        } else if is_undefined(value) {
            self.text.push_str("Undefined");
        } else if let Some(text) = modules::python_repr(value) {
            self.text.push_str(&text);
        } else if let Some(container) = owned_container(value) {
            self.object(&container);
        } else {
            let _ = write!(self.text, "{value}");
        }
    }

    fn guarded(&mut self, address: usize, ellipsis: &str, write: impl FnOnce(&mut Self)) {
        if self.open.contains(&address) || self.open.len() >= MAX_DEPTH {
            self.text.push_str(ellipsis);
            return;
        }
        self.open.push(address);
        write(self);
        self.open.pop();
    }

    fn sequence(&mut self, open: &str, items: &[Value], close: &str) {
        self.text.push_str(open);
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                self.text.push_str(", ");
            }
            self.value(item);
        }
        self.text.push_str(close);
    }

    fn mapping(&mut self, dict: &PyDict) {
        self.text.push('{');
        for (place, (key, value)) in dict.entries().iter().enumerate() {
            if place > 0 {
                self.text.push_str(", ");
            }
            self.value(key);
            self.text.push_str(": ");
            self.value(value);
        }
        self.text.push('}');
    }
}

/// Python's `repr()` of a string: single quotes unless only those occur within.
pub fn string_repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for char in text.chars() {
        match char {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if char == quote => {
                out.push('\\');
                out.push(char);
            }
            _ if !printable(char) => {
                let code = char as u32;
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
            _ => out.push(char),
        }
    }
    out.push(quote);
    out
}

/// Whether `repr()` shows a character as it is: controls, blanks but the space, and marks without a form are escaped.
fn printable(char: char) -> bool {
    let formless = matches!(
        char,
        '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    );
    char == ' ' || !(char.is_control() || char.is_whitespace() || formless)
}

fn bytes_repr(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut out = format!("b{quote}");
    for byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'\\' => out.push_str("\\\\"),
            b'\'' if quote == '\'' => out.push_str("\\'"),
            0x20..0x7f => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push(quote);
    out
}

/// The name of the value's Python type.
pub fn type_name(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "Undefined",
        ValueKind::String => "str",
        ValueKind::Bytes => "bytes",
        ValueKind::Number if value.is_integer() => "int",
        ValueKind::Number => "float",
        ValueKind::Bool => "bool",
        ValueKind::None => "NoneType",
        _ if is_undefined(value) => "Undefined",
        _ if value.is_tuple() => "tuple",
        _ if value.downcast_object_ref::<PySet>().is_some() => "set",
        _ if value.downcast_object_ref::<Decimal>().is_some() => "decimal.Decimal",
        _ => object_type_name(value),
    }
}

fn object_type_name(value: &Value) -> &'static str {
    if let Some(view) = value.downcast_object_ref::<DictView>() {
        return view.type_name();
    }
    if let Some(iterator) = value.downcast_object_ref::<PyIterator>() {
        return iterator.kind();
    }
    if let Some(name) = modules::python_type(value) {
        return name;
    }
    match value.kind() {
        ValueKind::Seq => "list",
        ValueKind::Map => "dict",
        ValueKind::Iterable => "generator",
        _ => "object",
    }
}

//! Values of YAML: what dbt's native rendering makes of a template.
//!
//! In: the text of a render and the values that it printed. Out: one value. A lone printed value keeps its type; markers set
//! by `as_bool`, `as_number`, `as_native`, `as_text` decide how text is read.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Tuple};
use minijinja::{Environment, State, Value};

use super::macro_call;
use super::values;

/// How a marked value is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Text,
    Bool,
    Number,
    Native,
}

/// Text with a wish about its type.
#[derive(Debug)]
struct Marker {
    text: String,
    reading: Reading,
}

impl Object for Marker {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !self.text.is_empty()
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What is noted of a printed value: the last marker, if it is its text that is printed.
pub(super) fn noted(value: &Value, last_mark: Option<&Value>) -> Value {
    let marker = last_mark.and_then(|mark| mark.downcast_object_ref::<Marker>());
    match (marker, last_mark) {
        (Some(marker), Some(mark)) if value.as_str() == Some(marker.text.as_str()) => mark.clone(),
        _ => value.clone(),
    }
}

/// Registers dbt's type filters: markers in native renders, nothing in others.
pub(super) fn install(environment: &mut Environment<'static>) {
    let readings = [
        ("as_text", Reading::Text),
        ("as_bool", Reading::Bool),
        ("as_number", Reading::Number),
        ("as_native", Reading::Native),
    ];
    for (name, reading) in readings {
        environment.add_filter(name, move |state: &mut State<'_, '_>, value: Value| {
            if !macro_call::is_native(state) {
                return value;
            }
            // Inside an expression the value is a text like any other: the wish counts if it is what gets printed.
            let text = values::to_str(&value);
            macro_call::mark(state, Value::from_object(Marker { text: text.clone(), reading }));
            Value::from(text)
        });
    }
}

/// The value of a native render.
pub(super) fn value(text: String, printed: &[Value]) -> Result<Value, String> {
    let [only] = printed else { return Ok(Value::from(text)) };
    if let Some(marker) = only.downcast_object_ref::<Marker>() {
        return if marker.text == text { read(marker) } else { Ok(Value::from(text)) };
    }
    // Anything printed besides the value makes the whole a text.
    if only.is_undefined() || values::to_str(only) != text {
        return Ok(Value::from(text));
    }
    Ok(only.clone())
}

fn read(marker: &Marker) -> Result<Value, String> {
    if marker.reading == Reading::Text {
        return Ok(Value::from(marker.text.as_str()));
    }
    let value = literal_eval(&marker.text);
    let fits = |kind: &str, fits: bool| {
        if fits { Ok(()) } else { Err(format!("Could not convert value '{}' into type '{kind}'", marker.text)) }
    };
    let is_bool = value.as_ref().is_some_and(|value| matches!(value.kind(), minijinja::value::ValueKind::Bool));
    match marker.reading {
        Reading::Bool => fits("bool", is_bool)?,
        Reading::Number => fits("number", !is_bool && value.as_ref().is_some_and(Value::is_number))?,
        Reading::Text | Reading::Native => {}
    }
    Ok(value.unwrap_or_else(|| Value::from(marker.text.as_str())))
}

/// Python's `ast.literal_eval` for the literals that JSON-like data has: nothing for all other text.
pub(super) fn literal_eval(text: &str) -> Option<Value> {
    // As in Python, leading blanks are an indentation error only behind a line end; blanks and tabs are stripped.
    let mut reader = Reader { rest: text.trim_matches([' ', '\t', '\n', '\r']) };
    let value = reader.value(0)?;
    reader.skip_blanks();
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, c: char) -> bool {
        self.skip_blanks();
        let found = self.rest.strip_prefix(c);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > 60 {
            return None;
        }
        self.skip_blanks();
        match self.rest.chars().next()? {
            '[' => {
                self.eat('[');
                self.items(']', depth).map(|(items, _)| values::list(items))
            }
            '(' => {
                self.eat('(');
                let (items, commas) = self.items(')', depth)?;
                if commas == 0 && items.len() == 1 {
                    items.into_iter().next()
                } else {
                    Some(Value::from(Tuple::from(items)))
                }
            }
            '{' => self.mapping(depth),
            '\'' | '"' => self.string(),
            _ => self.word(),
        }
    }

    /// Items up to a closing bracket, and how many commas were between them.
    fn items(&mut self, close: char, depth: usize) -> Option<(Vec<Value>, usize)> {
        let mut items = Vec::new();
        let mut commas = 0;
        loop {
            if self.eat(close) {
                return Some((items, commas));
            }
            if !items.is_empty() {
                if commas < items.len() && !self.eat(',') {
                    return None;
                }
                commas += 1;
                if self.eat(close) {
                    return Some((items, commas));
                }
            }
            items.push(self.value(depth + 1)?);
        }
    }

    fn mapping(&mut self, depth: usize) -> Option<Value> {
        self.eat('{');
        let mut entries = values::Entries::default();
        loop {
            if self.eat('}') {
                return Some(values::dict(entries));
            }
            if !entries.is_empty() && !self.eat(',') {
                return None;
            }
            if self.eat('}') {
                return Some(values::dict(entries));
            }
            let key = self.value(depth + 1)?;
            if !self.eat(':') {
                return None;
            }
            entries.insert(key, self.value(depth + 1)?);
        }
    }

    fn string(&mut self) -> Option<Value> {
        let quote = self.rest.chars().next()?;
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find_map(|(at, c)| {
            let closes = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            closes.then_some(at)
        })?;
        let text = super::rewrite::unescape(&self.rest[..=end]);
        self.rest = &self.rest[end + 1..];
        Some(Value::from(text))
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find([',', ']', ')', '}', ':', ' ', '\n', '\t']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "True" => Some(Value::from(true)),
            "False" => Some(Value::from(false)),
            "None" => Some(Value::from(())),
            _ => number(word),
        }
    }
}

/// A Python number: no leading zeros, underscores only between digits.
fn number(word: &str) -> Option<Value> {
    let unsigned = word.strip_prefix(['-', '+']).unwrap_or(word);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') || word.ends_with('_') || word.contains("__") {
        return None;
    }
    let digits = word.replace('_', "");
    if let Ok(whole) = digits.parse::<i128>() {
        let zeros = unsigned.len() > 1 && unsigned.starts_with('0') && whole != 0;
        let value = i64::try_from(whole).map_or_else(|_| Value::from(whole), Value::from);
        return (!zeros).then_some(value);
    }
    digits.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_literals() {
        let cases = [
            ("1", "1"),
            ("-2.5", "-2.5"),
            ("1_000", "1000"),
            ("True", "True"),
            ("None", "None"),
            ("'it\\'s'", "\"it's\""),
            ("[1, 'a', (2,), {'k': None}, ]", "[1, 'a', (2,), {'k': None}]"),
            ("(1)", "1"),
            ("()", "()"),
        ];
        for (text, expected) in cases {
            assert_eq!(literal_eval(text).map(|value| values::repr(&value)).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "abc", "true", "007", "1 2", "[1", "2020-01-01", "inf", "{1}"] {
            assert!(literal_eval(text).is_none(), "{text}");
        }
    }
}

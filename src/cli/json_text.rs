//! JSON as Python writes it: blanks after `,` and `:`, everything outside ASCII escaped. In: JSON. Out: text.

use serde_json::Value;

/// One line.
pub fn compact(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, None);
    out
}

/// Several lines, two blanks a level.
pub fn indented(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, Some(0));
    out
}

/// `level` is how deep the value lies; none for one line.
fn write(out: &mut String, value: &Value, level: Option<usize>) {
    match value {
        Value::Array(items) => {
            let items = items.iter().map(|item| (None, item));
            block(out, ['[', ']'], items, level);
        }
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, item)| (Some(key.as_str()), item));
            block(out, ['{', '}'], entries, level);
        }
        Value::String(text) => string(out, text),
        other => out.push_str(&other.to_string()),
    }
}

fn block<'v>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl ExactSizeIterator<Item = (Option<&'v str>, &'v Value)>,
    level: Option<usize>,
) {
    let empty = items.len() == 0;
    let below = level.map(|level| level + 1);
    let new_line = |out: &mut String, level: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", level));
    };
    out.push(open);
    for (position, (key, item)) in items.enumerate() {
        match (position, below) {
            (0, None) => {}
            (_, None) => out.push_str(", "),
            (0, Some(below)) => new_line(out, below),
            (_, Some(below)) => {
                out.push(',');
                new_line(out, below);
            }
        }
        if let Some(key) = key {
            string(out, key);
            out.push_str(": ");
        }
        write(out, item, below);
    }
    if let Some(level) = level.filter(|_| !empty) {
        new_line(out, level);
    }
    out.push(close);
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            other => {
                let mut units = [0; 2];
                for unit in other.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn writes_as_python_does() {
        let value = json!({"a": [1, "ä\n😀"], "b": {}, "c": [], "d": null});
        assert_eq!(compact(&value), r#"{"a": [1, "\u00e4\n\ud83d\ude00"], "b": {}, "c": [], "d": null}"#);
        assert_eq!(
            indented(&value),
            "{\n  \"a\": [\n    1,\n    \"\\u00e4\\n\\ud83d\\ude00\"\n  ],\n  \"b\": {},\n  \"c\": [],\n  \"d\": null\n}"
        );
    }
}

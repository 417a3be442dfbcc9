//! The `config()` call of a template as it is written: what it says before anything is rendered.
//!
//! In: the text of a template. Out: the keywords of its first `config()` call with the text of their values, without the white
//! space and the kind of quotes that make no difference.

use crate::base::{Dict, Value};

use super::config::canonical;

/// The keywords of the first call; empty if there is none.
pub fn as_written(template: &str) -> Dict {
    let text = without_comments(template);
    let mut from = 0;
    while let Some(found) = text[from..].find("config") {
        let start = from + found;
        from = start + "config".len();
        let rest = text[from..].trim_start();
        let own_name = !text[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.');
        let inside = text[..start].rfind("{{").max(text[..start].rfind("{%"));
        if own_name && inside.is_some() && rest.starts_with('(') {
            return keywords(&rest[1..]);
        }
    }
    Dict::new()
}

fn without_comments(template: &str) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{#") {
        text.push_str(before);
        rest = after.split_once("#}").map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text
}

/// `key=value` pairs up to the closing bracket.
fn keywords(arguments: &str) -> Dict {
    let mut found = Dict::new();
    let (mut depth, mut quote, mut piece) = (0_usize, None, String::new());
    let mut keep = |piece: &mut String| {
        if let Some((key, value)) = std::mem::take(piece).split_once('=') {
            found.insert(canonical(key), Value::from(value));
        }
    };
    let mut escaped = false;
    for c in arguments.chars() {
        if let Some(open) = quote {
            if c == open && !escaped {
                quote = None;
                piece.push('\'');
            } else {
                piece.push(c);
            }
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' | '\'' => {
                quote = Some(c);
                piece.push('\'');
            }
            ')' if depth == 0 => break,
            ',' if depth == 0 => keep(&mut piece),
            '(' | '[' | '{' | ')' | ']' | '}' => {
                depth = if matches!(c, '(' | '[' | '{') { depth + 1 } else { depth.saturating_sub(1) };
                piece.push(c);
            }
            c if c.is_whitespace() => {
                // Words stay apart: `a if b else c`.
                if !piece.ends_with(' ') && !piece.is_empty() {
                    piece.push(' ');
                }
            }
            c => piece.push(c),
        }
    }
    keep(&mut piece);
    found
        .into_iter()
        .map(|(key, value)| (key.trim().to_owned(), Value::Str(value.to_string().trim().to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_as_written() {
        let text = "{# config(a=1) #} {{ this.config(b=2) }}\n{{ config(\n  materialized = env_var(\"X\", ')'),\n  tags=['a', 'b'],\n meta={'k': 1} ) }} select config(c=3)";
        let found = as_written(text);
        let keys: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(keys, ["materialized", "tags", "meta"]);
        assert_eq!(found["materialized"], "env_var('X', ')')".into());
        let spaced = as_written("{{ config(tags = [ 'a',\n 'b'], materialized='x' if y else 'z') }}");
        assert_eq!(spaced["materialized"], "'x' if y else 'z'".into());
        assert_eq!(as_written("select config(a=1)"), Dict::new());
    }
}

//! Filters that shape lines: `indent`, `truncate`, `wordwrap`.
//!
//! In: text. Out: text.

use minijinja::{Error, State, Value};

use super::Filter;
use crate::jinja::pylib::arguments::{bind, flag, integer, optional_integer};
use crate::jinja::pylib::str_methods::split_lines;
use crate::jinja::values::{to_str, type_error};

pub(super) const FILTERS: &[(&str, Filter)] = &[("indent", indent), ("truncate", truncate), ("wordwrap", wrap)];

fn indent(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [text, width, first, blank] = bind("indent", args, ["s", "width", "first", "blank"], 1)?;
    let text = to_str(&text.unwrap_or_default()) + "\n";
    let indention = match width {
        Some(width) if width.as_str().is_some() => to_str(&width),
        width => " ".repeat(usize::try_from(width.map_or(Ok(4), |width| integer(&width))?).unwrap_or(0).min(100_000)),
    };
    let (first, blank) = (flag(first.as_ref(), false), flag(blank.as_ref(), false));
    let lines = split_lines(&text, false);
    let mut out = if first { indention.clone() } else { String::new() };
    for (place, line) in lines.iter().enumerate() {
        if place > 0 {
            out.push('\n');
            if blank || !line.is_empty() {
                out.push_str(&indention);
            }
        }
        out.push_str(line);
    }
    Ok(Value::from(out))
}

fn truncate(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [text, length, kill, end, leeway] = bind("truncate", args, ["s", "length", "killwords", "end", "leeway"], 1)?;
    let text = to_str(&text.unwrap_or_default());
    let length = length.map_or(Ok(255), |length| integer(&length))?;
    let end = end.map_or_else(|| "...".to_owned(), |end| to_str(&end));
    let leeway = optional_integer(leeway.as_ref())?.unwrap_or(5);
    let end_length = end.chars().count() as i64;
    if length < end_length {
        return Err(type_error(format!("expected length >= {end_length}, got {length}")));
    }
    if leeway < 0 {
        return Err(type_error(format!("expected leeway >= 0, got {leeway}")));
    }
    if text.chars().count() as i64 <= length + leeway {
        return Ok(Value::from(text));
    }
    let kept: String = text.chars().take(usize::try_from(length - end_length).unwrap_or(0)).collect();
    let kept =
        if flag(kill.as_ref(), false) { &*kept } else { kept.rsplit_once(' ').map_or(&*kept, |(before, _)| before) };
    Ok(Value::from(format!("{kept}{end}")))
}

/// How `wordwrap` breaks lines.
struct Wrapping {
    width: usize,
    break_long: bool,
    break_on_hyphens: bool,
}

fn wrap(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let names = ["s", "width", "break_long_words", "wrapstring", "break_on_hyphens"];
    let [text, width, long, joint, hyphens] = bind("wordwrap", args, names, 1)?;
    let width = width.map_or(Ok(79), |width| integer(&width))?;
    if width <= 0 {
        return Err(type_error(format!("invalid width {width} (must be > 0)")));
    }
    let wrapping = Wrapping {
        width: usize::try_from(width).unwrap_or(usize::MAX),
        break_long: flag(long.as_ref(), true),
        break_on_hyphens: flag(hyphens.as_ref(), true),
    };
    let joint = joint.filter(|joint| !joint.is_none()).map_or_else(|| "\n".to_owned(), |joint| to_str(&joint));
    let text = to_str(&text.unwrap_or_default());
    let lines = split_lines(&text, false);
    let wrapped: Vec<String> = lines.iter().map(|line| wrapping.wrap(line).join(&joint)).collect();
    Ok(Value::from(wrapped.join(&joint)))
}

impl Wrapping {
    /// Blanks, words, and parts of hyphenated words.
    fn chunks(&self, line: &str) -> Vec<String> {
        let mut chunks: Vec<String> = Vec::new();
        let chars: Vec<char> = line.chars().collect();
        let mut chunk = String::new();
        for (place, char) in chars.iter().enumerate() {
            let before = place.checked_sub(1).map(|before| chars[before]);
            let switches = before.is_some_and(|before| before.is_whitespace() != char.is_whitespace());
            let after_hyphen = self.break_on_hyphens
                && before == Some('-')
                && char.is_alphabetic()
                && chunk.chars().rev().nth(1).is_some_and(char::is_alphabetic)
                && chars.get(place + 1).is_some_and(|next| next.is_alphabetic() || *next == '-');
            if switches || after_hyphen {
                chunks.push(std::mem::take(&mut chunk));
            }
            chunk.push(*char);
        }
        chunks.push(chunk);
        chunks.retain(|chunk| !chunk.is_empty());
        chunks.reverse();
        chunks
    }

    /// Fills lines greedily, as Python's `textwrap` does.
    fn wrap(&self, line: &str) -> Vec<String> {
        let mut chunks = self.chunks(line);
        let mut lines: Vec<String> = Vec::new();
        let blank = |chunk: &String| chunk.trim().is_empty();
        while !chunks.is_empty() {
            let mut current: Vec<String> = Vec::new();
            let mut length = 0;
            if !lines.is_empty() && chunks.last().is_some_and(blank) {
                chunks.pop();
            }
            while let Some(chunk) = chunks.pop() {
                let size = chunk.chars().count();
                if length + size > self.width {
                    chunks.push(chunk);
                    break;
                }
                length += size;
                current.push(chunk);
            }
            if let Some(long) = chunks.pop_if(|chunk| chunk.chars().count() > self.width) {
                let space = self.width - length;
                if self.break_long && space > 0 {
                    current.push(long.chars().take(space).collect());
                    chunks.push(long.chars().skip(space).collect());
                } else if current.is_empty() {
                    current.push(long);
                } else {
                    chunks.push(long);
                }
            }
            if current.last().is_some_and(blank) {
                current.pop();
            }
            if !current.is_empty() {
                lines.push(current.concat());
            }
        }
        lines
    }
}

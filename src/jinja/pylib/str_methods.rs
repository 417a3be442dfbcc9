//! The methods of Python's `str`.
//!
//! In: a text, a method name and arguments. Out: the result, or `None` if `str` has no such method. Places count characters.

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, Value};

use super::arguments::{bind, flag, integer, named, none_bound, optional_integer, split_kwargs};
use super::str_format::Fields;
use crate::jinja::values::{elements, list, pairs, to_str, tuple, type_error, type_name, value_error};

type Outcome = Result<Option<Value>, Error>;

fn done(value: impl Into<Value>) -> Outcome {
    Ok(Some(value.into()))
}

fn text_argument(function: &str, value: Option<&Value>) -> Result<String, Error> {
    let value = value.cloned().unwrap_or_default();
    match (value.kind(), value.as_str()) {
        (ValueKind::String, Some(text)) => Ok(text.to_owned()),
        _ => Err(type_error(format!("{function}() argument 1 must be str, not {}", type_name(&value)))),
    }
}

fn optional_text(function: &str, value: Option<&Value>) -> Result<Option<String>, Error> {
    value.filter(|value| !value.is_none()).map(|value| text_argument(function, Some(value))).transpose()
}

/// Calls a method.
pub(super) fn call(text: &str, method: &str, args: &[Value]) -> Outcome {
    match method {
        "upper" | "lower" | "casefold" | "capitalize" | "title" | "swapcase" => {
            none_bound(method, args)?;
            done(change_case(text, method))
        }
        "strip" | "lstrip" | "rstrip" => {
            let [chars] = bind(method, args, ["chars"], 0)?;
            done(strip(text, method, optional_text(method, chars.as_ref())?.as_deref()))
        }
        "split" | "rsplit" => {
            let [sep, most] = bind(method, args, ["sep", "maxsplit"], 0)?;
            let sep = optional_text(method, sep.as_ref())?;
            let most = most.map_or(Ok(-1), |most| integer(&most))?;
            let parts = split(text, sep.as_deref(), usize::try_from(most).ok(), method == "rsplit")?;
            done(list(parts.into_iter().map(Value::from).collect()))
        }
        "splitlines" => {
            let [keep] = bind(method, args, ["keepends"], 0)?;
            done(list(split_lines(text, flag(keep.as_ref(), false)).into_iter().map(Value::from).collect()))
        }
        "join" => join(text, args),
        "replace" => {
            let [old, new, count] = bind(method, args, ["old", "new", "count"], 2)?;
            let (old, new) = (text_argument(method, old.as_ref())?, text_argument(method, new.as_ref())?);
            let count = count.map_or(Ok(-1), |count| integer(&count))?;
            done(match usize::try_from(count) {
                Ok(count) => text.replacen(&old, &new, count),
                Err(_) => text.replace(&old, &new),
            })
        }
        "startswith" | "endswith" => affix(text, method, args),
        "find" | "rfind" | "index" | "rindex" | "count" => search(text, method, args),
        "format" => {
            let (positional, kwargs) = split_kwargs(args);
            done(Fields::new(positional, named(kwargs)).format(text)?)
        }
        "format_map" => {
            let [mapping] = bind(method, args, ["mapping"], 1)?;
            let entries = pairs(&mapping.unwrap_or_default())?;
            let entries = entries.into_iter().map(|(key, value)| (to_str(&key), value)).collect();
            done(Fields::new(&[], entries).format(text)?)
        }
        "ljust" | "rjust" | "center" | "zfill" => justify(text, method, args),
        "partition" | "rpartition" => {
            let [sep] = bind(method, args, ["sep"], 1)?;
            let sep = text_argument(method, sep.as_ref())?;
            if sep.is_empty() {
                return Err(value_error("empty separator"));
            }
            let split = if method == "partition" { text.split_once(&sep) } else { text.rsplit_once(&sep) };
            let parts = match split {
                Some((before, after)) => [before, &sep, after],
                None if method == "partition" => [text, "", ""],
                None => ["", "", text],
            };
            done(tuple(parts.into_iter().map(Value::from).collect()))
        }
        "removeprefix" | "removesuffix" => {
            let [affix] = bind(method, args, ["affix"], 1)?;
            let affix = text_argument(method, affix.as_ref())?;
            let cut = if method == "removeprefix" { text.strip_prefix(&*affix) } else { text.strip_suffix(&*affix) };
            done(cut.unwrap_or(text))
        }
        "expandtabs" => {
            let [size] = bind(method, args, ["tabsize"], 0)?;
            done(expand_tabs(text, usize::try_from(size.map_or(Ok(8), |size| integer(&size))?).unwrap_or(0)))
        }
        "encode" => {
            bind(method, args, ["encoding", "errors"], 0)?;
            done(Value::from_bytes(text.as_bytes().to_vec()))
        }
        "translate" => {
            let [table] = bind(method, args, ["table"], 1)?;
            translate(text, &table.unwrap_or_default())
        }
        _ if method.starts_with("is") => {
            let Some(answer) = ask(text, method) else { return Ok(None) };
            none_bound(method, args)?;
            done(answer)
        }
        _ => Ok(None),
    }
}

fn first_upper(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect())
}

/// The case changes that take no arguments.
pub(super) fn change_case(text: &str, method: &str) -> String {
    match method {
        "upper" => text.to_uppercase(),
        "lower" => text.to_lowercase(),
        "casefold" => text.to_lowercase().replace('ß', "ss"),
        "capitalize" => first_upper(text),
        "swapcase" => text
            .chars()
            .flat_map(|char| -> Vec<char> {
                if char.is_uppercase() { char.to_lowercase().collect() } else { char.to_uppercase().collect() }
            })
            .collect(),
        _ => {
            let mut inside = false;
            let mut out = String::with_capacity(text.len());
            for char in text.chars() {
                if inside {
                    out.extend(char.to_lowercase());
                } else {
                    out.extend(char.to_uppercase());
                }
                inside = char.is_alphabetic();
            }
            out
        }
    }
}

fn strip<'t>(text: &'t str, method: &str, chars: Option<&str>) -> &'t str {
    let matches = |char: char| chars.map_or_else(|| char.is_whitespace(), |chars| chars.contains(char));
    match method {
        "lstrip" => text.trim_start_matches(matches),
        "rstrip" => text.trim_end_matches(matches),
        _ => text.trim_matches(matches),
    }
}

fn split(text: &str, sep: Option<&str>, most: Option<usize>, from_right: bool) -> Result<Vec<String>, Error> {
    let most = most.unwrap_or(usize::MAX);
    let mut parts: Vec<String> = match sep {
        Some("") => return Err(value_error("empty separator")),
        Some(sep) if from_right => text.rsplitn(most.saturating_add(1), sep).map(str::to_owned).collect(),
        Some(sep) => text.splitn(most.saturating_add(1), sep).map(str::to_owned).collect(),
        None => words(text, most, from_right),
    };
    if from_right {
        parts.reverse();
    }
    Ok(parts)
}

/// The words between blanks; after `most` words the rest stays together, with the blanks that are in it.
fn words(text: &str, most: usize, from_right: bool) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = if from_right { text.trim_end() } else { text.trim_start() };
    while !rest.is_empty() && words.len() < most {
        let blank = if from_right { rest.rfind(char::is_whitespace) } else { rest.find(char::is_whitespace) };
        let (word, after) = match blank {
            None => (rest, ""),
            Some(place) if from_right => {
                let start = place + rest[place..].chars().next().map_or(1, char::len_utf8);
                (&rest[start..], rest[..place].trim_end())
            }
            Some(place) => (&rest[..place], rest[place..].trim_start()),
        };
        words.push(word.to_owned());
        rest = after;
    }
    if !rest.is_empty() {
        words.push(rest.to_owned());
    }
    words
}

/// Python's `splitlines()`.
pub(super) fn split_lines(text: &str, keep_ends: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let ends = matches!(
            char,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}' | '\u{1d}' | '\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        );
        if !ends {
            line.push(char);
            continue;
        }
        let pair = if char == '\r' { chars.next_if_eq(&'\n') } else { None };
        if keep_ends {
            line.push(char);
            line.extend(pair);
        }
        lines.push(std::mem::take(&mut line));
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

fn join(text: &str, args: &[Value]) -> Outcome {
    let [items] = bind("join", args, ["iterable"], 1)?;
    let items = elements(&items.unwrap_or_default()).map_err(|_| type_error("can only join an iterable"))?;
    let mut parts = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        match (item.kind(), item.as_str()) {
            (ValueKind::String, Some(part)) => parts.push(part),
            _ => {
                let kind = type_name(item);
                return Err(type_error(format!("sequence item {place}: expected str instance, {kind} found")));
            }
        }
    }
    done(parts.join(text))
}

/// The part of a text between two places, and the place where it starts.
fn part(text: &str, start: Option<&Value>, end: Option<&Value>) -> Result<Option<(usize, String)>, Error> {
    let chars: Vec<char> = text.chars().collect();
    let length = chars.len() as i64;
    let clamp = |place: i64| if place < 0 { (place + length).max(0) } else { place };
    let start = clamp(optional_integer(start)?.unwrap_or(0));
    let end = clamp(optional_integer(end)?.unwrap_or(length)).min(length);
    if start > end {
        return Ok(None);
    }
    let (start, end) = (start as usize, end as usize);
    Ok(Some((start, chars[start..end].iter().collect())))
}

fn affix(text: &str, method: &str, args: &[Value]) -> Outcome {
    let [affix, start, end] = bind(method, args, ["prefix", "start", "end"], 1)?;
    let affix = affix.unwrap_or_default();
    let options = match affix.downcast_object_ref::<Tuple>() {
        Some(options) => options.to_vec(),
        None => vec![affix.clone()],
    };
    let part = part(text, start.as_ref(), end.as_ref())?;
    let mut found = false;
    for option in options {
        let (ValueKind::String, Some(option)) = (option.kind(), option.as_str()) else {
            let kind = type_name(&affix);
            return Err(type_error(format!("{method} first arg must be str or a tuple of str, not {kind}")));
        };
        found |= part.as_ref().is_some_and(|(_, part)| {
            if method == "startswith" { part.starts_with(option) } else { part.ends_with(option) }
        });
    }
    done(found)
}

fn search(text: &str, method: &str, args: &[Value]) -> Outcome {
    let [sub, start, end] = bind(method, args, ["sub", "start", "end"], 1)?;
    let sub = text_argument(method, sub.as_ref())?;
    let part = part(text, start.as_ref(), end.as_ref())?;
    if method == "count" {
        return done(part.map_or(0, |(_, part)| part.matches(&*sub).count()));
    }
    let place = part.and_then(|(start, part)| {
        let found = if method.starts_with('r') { part.rfind(&*sub) } else { part.find(&*sub) };
        found.map(|bytes| start + part[..bytes].chars().count())
    });
    match place {
        Some(place) => done(place),
        None if method.ends_with("find") => done(-1),
        None => Err(value_error("substring not found")),
    }
}

/// Python's `center()`, which puts an odd space to the left only in odd widths.
pub(super) fn center(text: &str, width: usize, fill: char) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let left = missing / 2 + (missing & width & 1);
    let fills = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    format!("{}{text}{}", fills(left), fills(missing - left))
}

fn justify(text: &str, method: &str, args: &[Value]) -> Outcome {
    let [width, fill] = bind(method, args, ["width", "fillchar"], 1)?;
    let width = usize::try_from(integer(&width.unwrap_or_default())?).unwrap_or(0).min(10_000_000);
    let fill = fill.map_or(Ok(" ".to_owned()), |fill| text_argument(method, Some(&fill)))?;
    let mut fills = fill.chars();
    let (Some(fill), None) = (fills.next(), fills.next()) else {
        return Err(type_error("The fill character must be exactly one character long"));
    };
    let missing = width.saturating_sub(text.chars().count());
    let pads = |fill: char| std::iter::repeat_n(fill, missing).collect::<String>();
    done(match method {
        "ljust" => format!("{text}{}", pads(fill)),
        "rjust" => format!("{}{text}", pads(fill)),
        "center" => center(text, width, fill),
        _ => match text.strip_prefix(['+', '-']) {
            Some(digits) => format!("{}{}{digits}", &text[..1], pads('0')),
            None => format!("{}{text}", pads('0')),
        },
    })
}

fn expand_tabs(text: &str, size: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for char in text.chars() {
        match char {
            '\t' if size > 0 => {
                let spaces = size - column % size;
                out.extend(std::iter::repeat_n(' ', spaces));
                column += spaces;
            }
            '\t' => {}
            _ => {
                out.push(char);
                column = if matches!(char, '\n' | '\r') { 0 } else { column + 1 };
            }
        }
    }
    out
}

fn translate(text: &str, table: &Value) -> Outcome {
    let table = pairs(table)?;
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match table.get(&Value::from(char as u32)) {
            None => out.push(char),
            Some(other) if other.is_none() => {}
            Some(other) if other.is_integer() => {
                out.extend(u32::try_from(integer(other)?).ok().and_then(char::from_u32));
            }
            Some(other) => out.push_str(&to_str(other)),
        }
    }
    done(out)
}

/// The questions that take no arguments.
pub(super) fn ask(text: &str, method: &str) -> Option<bool> {
    let all = |test: fn(char) -> bool| !text.is_empty() && text.chars().all(test);
    let cased = text.chars().any(|char| char.is_uppercase() || char.is_lowercase());
    Some(match method {
        "isalnum" => all(char::is_alphanumeric),
        "isalpha" => all(char::is_alphabetic),
        "isascii" => text.is_ascii(),
        "isdecimal" => all(|char| char.is_numeric() && (char.is_ascii_digit() || !"²³¹½¼¾".contains(char))),
        "isdigit" => all(|char| char.is_ascii_digit() || "²³¹⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉".contains(char)),
        "isnumeric" => all(char::is_numeric),
        "isspace" => all(char::is_whitespace),
        "isprintable" => text.chars().all(|char| !char.is_control() && (char == ' ' || !char.is_whitespace())),
        "islower" => cased && !text.chars().any(char::is_uppercase),
        "isupper" => cased && !text.chars().any(char::is_lowercase),
        "isidentifier" => {
            let mut chars = text.chars();
            chars.next().is_some_and(|char| char == '_' || char.is_alphabetic())
                && chars.all(|char| char == '_' || char.is_alphanumeric())
        }
        "istitle" => cased && change_case(text, "title") == text,
        _ => return None,
    })
}

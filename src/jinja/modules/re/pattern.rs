//! Compiled patterns and what can be done with them.
//!
//! In: a translated pattern and a text. Out: matches, lists, changed text.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use fancy_regex::Regex;
use minijinja::value::{Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::matching::Match;
use super::replacement;
use super::syntax::{Anchor, translate};
use crate::jinja::pylib::arguments::{bind, integer, string};
use crate::jinja::values::{PyIterator, dict, list, string_repr, to_str, tuple, type_error, value_error};

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    source: String,
    flags: i64,
    anywhere: Regex,
    start: Regex,
    whole: Regex,
    names: Arc<Vec<Option<String>>>,
}

/// Patterns compiled so far.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<HashMap<(String, i64), Arc<Pattern>>>);

impl Cache {
    /// The compiled pattern.
    pub(super) fn get(&self, source: &str, flags: i64) -> Result<Arc<Pattern>, Error> {
        let key = (source.to_owned(), flags);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let pattern = Arc::new(Pattern::new(source, flags)?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, pattern.clone());
        Ok(pattern)
    }
}

impl Pattern {
    fn new(source: &str, flags: i64) -> Result<Self, Error> {
        let compile = |anchor| {
            Regex::new(&translate(source, flags, anchor))
                .map_err(|error| value_error(format!("invalid regular expression {}: {error}", string_repr(source))))
        };
        let anywhere = compile(Anchor::Anywhere)?;
        let names = anywhere.capture_names().map(|name| name.map(str::to_owned)).collect();
        Ok(Self {
            source: source.to_owned(),
            flags,
            anywhere,
            start: compile(Anchor::Start)?,
            whole: compile(Anchor::Whole)?,
            names: Arc::new(names),
        })
    }

    /// The parameters of a method.
    pub(super) fn parameters(method: &str) -> &'static [&'static str] {
        match method {
            "sub" | "subn" => &["repl", "string", "count"],
            "split" => &["string", "maxsplit"],
            _ => &["string"],
        }
    }

    fn find(&self, regex: &Regex, text: &Arc<str>, from: usize) -> Result<Option<Match>, Error> {
        let captures = regex.captures_from_pos(text.as_ref(), from).map_err(|error| {
            value_error(format!("regular expression {} gave up: {error}", string_repr(&self.source)))
        })?;
        Ok(captures.map(|captures| Match {
            text: text.clone(),
            groups: captures.iter().map(|group| group.map(|group| (group.start(), group.end()))).collect(),
            names: self.names.clone(),
        }))
    }

    /// All matches that do not overlap, at most `limit` (0: all).
    fn find_all(&self, text: &Arc<str>, limit: usize) -> Result<Vec<Match>, Error> {
        let mut found: Vec<Match> = Vec::new();
        let mut from = 0;
        while from <= text.len() && (limit == 0 || found.len() < limit) {
            let Some(next) = self.find(&self.anywhere, text, from)? else { break };
            let (start, end) = next.range();
            from = if start == end { end + text[end..].chars().next().map_or(1, char::len_utf8) } else { end };
            found.push(next);
        }
        Ok(found)
    }

    /// Calls a method.
    pub(super) fn apply(
        &self,
        state: &mut State<'_, '_>,
        method: &'static str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "sub" | "subn" => self.substitute(state, method, args),
            "split" => {
                let [text, most] = bind(method, args, ["string", "maxsplit"], 1)?;
                self.split(&subject(&text.unwrap_or_default())?, most.map_or(Ok(0), |most| integer(&most))?)
            }
            _ => {
                let [text, from, _end] = bind(method, args, ["string", "pos", "endpos"], 1)?;
                let text = subject(&text.unwrap_or_default())?;
                let from = from.map_or(Ok(0), |from| integer(&from))?;
                let from = text.char_indices().nth(usize::try_from(from).unwrap_or(0)).map_or(text.len(), |(at, _)| at);
                let from = if text.is_empty() { 0 } else { from };
                let one = |found: Option<Match>| found.map_or(Value::from(()), Value::from_object);
                match method {
                    "match" => self.find(&self.start, &text, from).map(one),
                    "fullmatch" => self.find(&self.whole, &text, from).map(one),
                    "search" => self.find(&self.anywhere, &text, from).map(one),
                    "findall" => Ok(list(self.find_all(&text, 0)?.iter().map(found_value).collect())),
                    _ => {
                        let found = self.find_all(&text, 0)?.into_iter().map(Value::from_object);
                        Ok(PyIterator::value("callable_iterator", found))
                    }
                }
            }
        }
    }

    fn split(&self, text: &Arc<str>, most: i64) -> Result<Value, Error> {
        let mut parts = Vec::new();
        let mut from = 0;
        let found = if most < 0 { Vec::new() } else { self.find_all(text, usize::try_from(most).unwrap_or(0))? };
        for found in found {
            let (start, end) = found.range();
            parts.push(Value::from(&text[from..start]));
            parts.extend((1..found.groups.len()).map(|place| found.group_value(place, &Value::from(()))));
            from = end;
        }
        parts.push(Value::from(&text[from..]));
        Ok(list(parts))
    }

    fn substitute(&self, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let [template, text, count] = bind(method, args, ["repl", "string", "count"], 2)?;
        let (template, text) = (template.unwrap_or_default(), subject(&text.unwrap_or_default())?);
        let count = count.map_or(Ok(0), |count| integer(&count))?;
        let parts = match template.kind() {
            ValueKind::String => Some(replacement::parse(&string(method, &template)?, &self.names)?),
            _ => None,
        };
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        let found = if count < 0 { Vec::new() } else { self.find_all(&text, usize::try_from(count).unwrap_or(0))? };
        let replaced = found.len();
        for found in found {
            let (start, end) = found.range();
            out.push_str(&text[from..start]);
            match &parts {
                Some(parts) => out.push_str(&replacement::expand(parts, &found)),
                None => out.push_str(&to_str(&template.call(state, &[Value::from_object(found)])?)),
            }
            from = end;
        }
        out.push_str(&text[from..]);
        let text = Value::from(out);
        Ok(if method == "subn" { tuple(vec![text, Value::from(replaced)]) } else { text })
    }
}

/// What `findall()` shows of a match: the whole, the one group, or all groups.
fn found_value(found: &Match) -> Value {
    let empty = Value::from("");
    match found.groups.len() {
        0 | 1 => found.group_value(0, &empty),
        2 => found.group_value(1, &empty),
        many => tuple((1..many).map(|place| found.group_value(place, &empty)).collect()),
    }
}

fn subject(value: &Value) -> Result<Arc<str>, Error> {
    match (value.kind(), value.to_str()) {
        (ValueKind::String, Some(text)) => Ok(text),
        _ => {
            let kind = crate::jinja::values::type_name(value);
            Err(type_error(format!("expected string or bytes-like object, got '{kind}'")))
        }
    }
}

impl Object for Pattern {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "pattern" => Some(Value::from(self.source.as_str())),
            "flags" => Some(Value::from(self.flags | 32)),
            "groups" => Some(Value::from(self.names.len() - 1)),
            "groupindex" => {
                let named = self.names.iter().enumerate();
                Some(dict(named.filter_map(|(place, name)| Some((Value::from(name.as_deref()?), Value::from(place))))))
            }
            _ => None,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let methods = ["match", "fullmatch", "search", "findall", "finditer", "split", "sub", "subn"];
        match methods.into_iter().find(|candidate| *candidate == method) {
            Some(method) => self.apply(state, method, args),
            None => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "re.compile({})", string_repr(&self.source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_pythons_syntax() {
        for (source, text, expected) in [
            (r"^\d{4}-\d\d$", "2024-01\n", true),
            (r"a\Z", "a\n", false),
            (r"(?P<q>['\x22]).*(?P=q)", "say 'x'", true),
            (r"{{ x }}", "{{ x }}", true),
            (r"a{,2}b", "ab", true),
            (r"[[\]&]+", "a&", true),
            (r"(?<=\$)\w+(?!\d)", "$abc", true),
            (r"\<x\>\/\-\'", "<x>/-'", true),
            ("(?m)^b$", "a\nb\nc", true),
        ] {
            let pattern = Pattern::new(source, 0).unwrap();
            assert_eq!(pattern.anywhere.is_match(text).unwrap(), expected, "{source}");
        }
    }
}

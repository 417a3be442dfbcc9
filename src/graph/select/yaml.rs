//! Reading the definitions of selectors.yml.
//!
//! In: a definition as a [`Value`] (either the definition itself or the whole entry with `definition` and `default`).
//! Out: [`SelectionSpec`], or one diagnostic that names the selector and the offending part.

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, Diagnostics, codes, nearest};
use crate::node::Project;

use super::criterion::{Criterion, IndirectSelection, Method, Operator, Reach, SelectionSpec};
use super::parse::{checked, criterion, default_method, invalid, parse_method};

const KEYS: &[&str] = &[
    "method",
    "value",
    "childrens_parents",
    "parents",
    "parents_depth",
    "children",
    "children_depth",
    "indirect_selection",
    "exclude",
];

/// The meaning of a named selector. `indirect` is the mode of parts that do not set one.
pub(super) fn definition(
    project: &Project,
    name: &str,
    indirect: IndirectSelection,
    problems: &mut Diagnostics,
) -> Result<SelectionSpec, Box<Diagnostic>> {
    let entry = project.selectors.get(name).ok_or_else(|| Box::new(unknown_selector(project, name)))?;
    let body = entry.get("definition").unwrap_or(entry);
    let mut reader = Reader { name, indirect, problems };
    if let Some(map) = body.as_map()
        && map.len() > 1
        && let Some(key) = ["union", "intersection"].into_iter().find(|key| map.contains_key(*key))
    {
        return Err(Box::new(
            reader.error(format!("has other keys beside `{key}`")).help(format!("move them into the list of `{key}`")),
        ));
    }
    reader.spec(body)
}

/// Whether an entry says `default: true`.
pub(super) fn is_default(entry: &Value) -> bool {
    entry.get("definition").is_some() && entry.get("default").is_some_and(Value::is_truthy)
}

/// A diagnostic about a selector that does not exist.
pub(super) fn unknown_selector(project: &Project, name: &str) -> Diagnostic {
    let known = || project.selectors.keys().map(String::as_str);
    let problem = invalid(format!("there is no selector '{name}' in selectors.yml"));
    match nearest(name, known()).as_slice() {
        [] if project.selectors.is_empty() => problem.help("the project has no selectors.yml, or it is empty"),
        [] => problem.help(format!("the selectors are {}", known().collect::<Vec<_>>().join(", "))),
        near => problem.help(format!("did you mean {}?", near.join(" or "))),
    }
}

struct Reader<'r> {
    name: &'r str,
    indirect: IndirectSelection,
    problems: &'r mut Diagnostics,
}

impl Reader<'_> {
    fn error(&self, what: impl std::fmt::Display) -> Diagnostic {
        Diagnostic::error(codes::SELECTORS_INVALID, format!("selector '{}' {what}", self.name))
    }

    fn warn(&mut self, what: impl std::fmt::Display) {
        let message = format!("selector '{}' {what}", self.name);
        self.problems.push(Diagnostic::warning(codes::SELECTORS_INVALID, message));
    }

    fn spec(&mut self, value: &Value) -> Result<SelectionSpec, Box<Diagnostic>> {
        match value {
            Value::Str(text) => self.text(text),
            Value::Map(map) if map.contains_key("union") => self.group(map, "union", Operator::Union),
            Value::Map(map) if map.contains_key("intersection") => {
                self.group(map, "intersection", Operator::Intersection)
            }
            Value::Map(map) => self.mapping(map),
            other => {
                let problem = self.error(format!("holds {} where a selection belongs", other.kind()));
                Err(Box::new(problem.help(
                    "write text such as \"tag:nightly\", or a mapping with `method` and `value`, `union` or `intersection`",
                )))
            }
        }
    }

    /// A text is one criterion: spaces and commas do not separate here.
    fn text(&mut self, text: &str) -> Result<SelectionSpec, Box<Diagnostic>> {
        if text.contains([' ', ',']) {
            self.warn(format!("reads '{text}' as one criterion; use `union` or `intersection` for several"));
        }
        criterion(text, self.indirect).map(SelectionSpec::Criterion).map_err(|problem| self.name_in(problem))
    }

    fn name_in(&self, mut problem: Box<Diagnostic>) -> Box<Diagnostic> {
        problem.code = codes::SELECTORS_INVALID;
        problem.notes.push(format!("in selector '{}'", self.name));
        problem
    }

    /// A list of selections; at most one item of it may hold `exclude`.
    fn group(&mut self, map: &Dict, key: &str, operator: Operator) -> Result<SelectionSpec, Box<Diagnostic>> {
        let mut parts = Vec::new();
        let mut excluded = None;
        for item in self.list(map, key)? {
            let exclusion = item.as_map().filter(|m| m.contains_key("exclude"));
            let Some(exclusion) = exclusion else {
                parts.push(self.spec(item)?);
                continue;
            };
            if excluded.is_some() {
                return Err(Box::new(
                    self.error(format!("has more than one `exclude` in one `{key}`"))
                        .help("put everything to exclude into one list"),
                ));
            }
            if exclusion.len() > 1 {
                self.warn(format!("ignores what stands beside `exclude` in an item of `{key}`, as dbt does"));
            }
            excluded = self.exclusions(exclusion)?;
        }
        let included = SelectionSpec::group(operator, parts);
        Ok(minus(included, excluded))
    }

    fn exclusions(&mut self, map: &Dict) -> Result<Option<SelectionSpec>, Box<Diagnostic>> {
        let mut parts = Vec::new();
        for item in self.list(map, "exclude")? {
            parts.push(self.spec(item)?);
        }
        Ok(match parts.len() {
            0 | 1 => parts.pop(),
            _ => Some(SelectionSpec::group(Operator::Union, parts)),
        })
    }

    fn list<'v>(&self, map: &'v Dict, key: &str) -> Result<&'v [Value], Box<Diagnostic>> {
        let found = map.get(key).unwrap_or(&Value::Null);
        found.as_list().ok_or_else(|| Box::new(self.error(format!("has {} under `{key}`, not a list", found.kind()))))
    }

    /// `{method: ..., value: ...}` with its options, or the short form `{tag: nightly}`.
    fn mapping(&mut self, map: &Dict) -> Result<SelectionSpec, Box<Diagnostic>> {
        let (method, value) = match (map.get("method"), map.get("value")) {
            (Some(method), Some(value)) => (method.as_str(), value),
            _ => match map.first() {
                Some((key, value)) if map.len() == 1 => (Some(key.as_str()), value),
                _ => {
                    let keys: Vec<&str> = map.keys().map(String::as_str).collect();
                    return Err(Box::new(
                        self.error(format!("has a mapping with the keys {}", keys.join(", ")))
                            .help("a mapping needs `method` and `value`, or exactly one key that is the method"),
                    ));
                }
            },
        };
        if matches!(value, Value::Null | Value::List(_) | Value::Map(_)) {
            return Err(Box::new(self.error(format!("has {} as a value to compare with", value.kind()))));
        }
        if map.len() > 1 {
            self.warn_of_unknown_keys(map);
        }
        let shown = value.to_string();
        let raw = method.map_or_else(|| shown.clone(), |method| format!("{method}:{shown}"));
        let (method, arguments) = match method {
            Some(word) => parse_method(word, &raw).map_err(|problem| self.name_in(problem))?,
            None => (default_method(&shown), Vec::new()),
        };
        let criterion = checked(Criterion {
            raw,
            method,
            arguments,
            // Only configs have values other than text.
            value: if method == Method::Config { value.clone() } else { shown.into() },
            childrens_parents: map.get("childrens_parents").is_some_and(Value::is_truthy),
            parents: self.reach(map, "parents")?,
            children: self.reach(map, "children")?,
            indirect: self.indirect(map)?,
        })
        .map_err(|problem| self.name_in(problem))?;
        let excluded = if map.contains_key("exclude") { self.exclusions(map)? } else { None };
        Ok(minus(SelectionSpec::Criterion(criterion), excluded))
    }

    fn warn_of_unknown_keys(&mut self, map: &Dict) {
        for key in map.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            let near = nearest(key, KEYS.iter().copied()).first().map(|n| format!(" (did you mean `{n}`?)"));
            self.warn(format!("has the unknown key `{key}`{}", near.unwrap_or_default()));
        }
    }

    /// `parents` with `parents_depth`; no depth and the number 0 mean all of them, as in dbt.
    fn reach(&self, map: &Dict, key: &str) -> Result<Reach, Box<Diagnostic>> {
        if !map.get(key).is_some_and(Value::is_truthy) {
            return Ok(Reach::None);
        }
        let depth_key = format!("{key}_depth");
        let depth = map.get(&depth_key).unwrap_or(&Value::Null);
        let steps = match depth {
            depth if !depth.is_truthy() => return Ok(Reach::All),
            Value::Int(steps) => Some(usize::try_from((*steps).max(0)).unwrap_or(usize::MAX)),
            Value::Str(text) => text.trim().parse().ok(),
            _ => None,
        };
        let wrong = || self.error(format!("has {} '{depth}' as `{depth_key}`, not a number of steps", depth.kind()));
        steps.map(Reach::Steps).ok_or_else(|| Box::new(wrong()))
    }

    fn indirect(&self, map: &Dict) -> Result<IndirectSelection, Box<Diagnostic>> {
        let Some(value) = map.get("indirect_selection") else { return Ok(self.indirect) };
        value.as_str().and_then(IndirectSelection::parse).ok_or_else(|| {
            let problem = self.error(format!("has '{value}' as `indirect_selection`"));
            Box::new(problem.help("it is one of eager, cautious, buildable, empty"))
        })
    }
}

fn minus(included: SelectionSpec, excluded: Option<SelectionSpec>) -> SelectionSpec {
    match excluded {
        Some(excluded) => SelectionSpec::group(Operator::Difference, vec![included, excluded]),
        None => included,
    }
}

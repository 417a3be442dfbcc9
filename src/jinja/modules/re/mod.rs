//! Python's `re` module.
//!
//! In: patterns in Python's syntax. Out: matches, lists and changed text. Patterns are compiled once for each module value.

mod matching;
mod pattern;
mod replacement;
mod syntax;

use std::sync::Arc;

use minijinja::{Error, State, Value};

use self::matching::Match;
use self::pattern::{Cache, Pattern};
use crate::jinja::pylib::arguments::{bind, integer, split_kwargs, string};
use crate::jinja::values::{function, str_dict};

/// The module.
pub(super) fn module() -> Value {
    let cache = Arc::new(Cache::default());
    let mut members: Vec<(&'static str, Value)> = Vec::new();
    for name in ["match", "fullmatch", "search", "findall", "finditer", "split", "sub", "subn"] {
        let cache = cache.clone();
        members.push((name, function(name, move |state, args| apply(&cache, state, name, args))));
    }
    let compiling = cache.clone();
    members.push((
        "compile",
        function("compile", move |_, args| {
            let [pattern, flags] = bind("compile", args, ["pattern", "flags"], 1)?;
            Ok(Value::from_dyn_object(of_value(&compiling, &pattern.unwrap_or_default(), flags.as_ref())?))
        }),
    ));
    members.push((
        "escape",
        function("escape", |_, args| {
            let [pattern] = bind("escape", args, ["pattern"], 1)?;
            Ok(Value::from(syntax::escape(&string("escape", &pattern.unwrap_or_default())?)))
        }),
    ));
    members.push(("purge", function("purge", |_, _| Ok(Value::from(())))));
    for (long, short, flag) in syntax::FLAGS {
        members.extend([(long, Value::from(flag)), (short, Value::from(flag))]);
    }
    str_dict(members)
}

/// A compiled pattern, or the pattern of a text and flags.
fn of_value(cache: &Cache, pattern: &Value, flags: Option<&Value>) -> Result<Arc<Pattern>, Error> {
    if let Some(compiled) = pattern.downcast_object::<Pattern>() {
        return Ok(compiled);
    }
    let flags = flags.map_or(Ok(0), integer)?;
    cache.get(&string("first", pattern)?, flags)
}

/// A function of the module: the pattern comes first, flags may follow the arguments of the method of the same name.
fn apply(cache: &Cache, state: &mut State<'_, '_>, name: &'static str, args: &[Value]) -> Result<Value, Error> {
    let parameters = Pattern::parameters(name);
    let (positional, kwargs) = split_kwargs(args);
    let mut rest: Vec<Value> = positional.iter().skip(1).take(parameters.len()).cloned().collect();
    let mut flags = positional.get(1 + parameters.len()).cloned();
    let mut pattern = positional.first().cloned();
    let mut named = Vec::new();
    for (key, value) in crate::jinja::pylib::arguments::named(kwargs) {
        match key.as_str() {
            "pattern" => pattern = Some(value),
            "flags" => flags = Some(value),
            _ => named.push((key, value)),
        }
    }
    if !named.is_empty() {
        rest.push(named.into_iter().collect::<minijinja::value::Kwargs>().into());
    }
    let [pattern] = bind(name, pattern.as_slice(), ["pattern"], 1)?;
    let pattern = of_value(cache, &pattern.unwrap_or_default(), flags.as_ref())?;
    pattern.apply(state, name, &rest)
}

/// The name of the Python type.
pub(super) fn type_name(value: &Value) -> Option<&'static str> {
    if value.downcast_object_ref::<Match>().is_some() {
        return Some("re.Match");
    }
    value.downcast_object_ref::<Pattern>().map(|_| "re.Pattern")
}

//! `--warn-error` and `--warn-error-options` as a policy.
//!
//! In: the option as the user wrote it, under its present keys (`error`, `warn`, `silence`) or its old ones (`include`,
//! `exclude`). Out: the present form, and a [`WarningPolicy`].

use crate::base::{Dict, Value};
use crate::diag::{DEPRECATIONS, Diagnostic, WarningNames, WarningPolicy, codes, nearest, warnings};

/// All names that dbt takes, one a line.
const EVENT_NAMES: &str = include_str!("event_names.txt");

/// The keys, each with its old name.
const KEYS: [(&str, &str); 3] = [("error", "include"), ("warn", "exclude"), ("silence", "")];

/// The option with nothing in it.
pub fn none() -> Dict {
    KEYS.iter().map(|(key, _)| ((*key).to_owned(), Value::List(Vec::new()))).collect()
}

/// The option under its present keys. `Err` says what is wrong with it.
pub fn normalized(written: &Dict) -> Result<Dict, String> {
    let mut options = Dict::new();
    for (key, old) in KEYS {
        if written.contains_key(key) && written.contains_key(old) {
            return Err(format!("Only `{old}` or `{key}` can be specified in `warn_error_options`, not both"));
        }
        let value = written.get(key).or_else(|| written.get(old)).filter(|v| !v.is_null());
        options.insert(key.to_owned(), names(key, value)?);
    }
    let policy = policy(false, &options);
    let has = |list: &WarningNames| list.names.iter().any(|n| n == DEPRECATIONS);
    let exceptions_from_something = policy.error.all || has(&policy.error) || has(&policy.silence);
    if !(exceptions_from_something || policy.warn.names.is_empty()) {
        return Err(format!(
            "`warn` can only be specified in `warn_error_options` if `error` is `all` or `*`, or `{DEPRECATIONS}` is in \
             `error` or `silence`"
        ));
    }
    Ok(options)
}

/// `all`, or a list of names that dbt knows.
fn names(key: &str, value: Option<&Value>) -> Result<Value, String> {
    let list = match value {
        None => return Ok(Value::List(Vec::new())),
        Some(Value::Str(word)) if key == "error" && is_all(word) => return Ok(Value::from(word.as_str())),
        Some(Value::List(list)) => list,
        Some(other) if key == "error" => {
            return Err(format!(
                "`error` of `warn_error_options` must be `all`, `*` or a list of names, found `{other}`"
            ));
        }
        Some(other) => return Err(format!("`{key}` of `warn_error_options` must be a list of names, found `{other}`")),
    };
    for name in list.iter().map(Value::to_string) {
        if name != DEPRECATIONS && !EVENT_NAMES.lines().any(|known| known == name) {
            let near = nearest(&name, EVENT_NAMES.lines().chain([DEPRECATIONS]));
            let hint = near.first().map_or(String::new(), |near| format!("; did you mean {near}?"));
            return Err(format!("{name} is not a valid dbt error name{hint}"));
        }
    }
    Ok(Value::List(list.clone()))
}

fn is_all(word: &str) -> bool {
    matches!(word, "all" | "*")
}

/// The policy of the normalized option.
pub fn policy(every: bool, options: &Dict) -> WarningPolicy {
    let list = |key: &str| match options.get(key) {
        Some(Value::Str(word)) => WarningNames { all: is_all(word), names: Vec::new() },
        Some(Value::List(names)) => WarningNames { all: false, names: names.iter().map(Value::to_string).collect() },
        _ => WarningNames::default(),
    };
    WarningPolicy { every, error: list("error"), warn: list("warn"), silence: list("silence"), handles_all: false }
}

/// A word on the old keys.
pub fn old_keys(written: &Dict) -> Option<Diagnostic> {
    let old: Vec<_> = KEYS.into_iter().filter(|(_, old)| written.contains_key(*old)).collect();
    let list = |pick: fn(&(&'static str, &'static str)) -> &'static str| {
        old.iter().map(|keys| format!("`{}`", pick(keys))).collect::<Vec<_>>().join(" and ")
    };
    let message = format!("Found {} in `warn_error_options` specification", list(|(_, old)| old));
    let help = format!("write {}", list(|(key, _)| key));
    (!old.is_empty()).then(|| {
        Diagnostic::warning(codes::DEPRECATED, message).named(warnings::WEO_INCLUDE_EXCLUDE_DEPRECATION).help(help)
    })
}

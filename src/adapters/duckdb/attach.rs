//! `attach` entries of a profile as SQL. In: one entry. Out: an `ATTACH` statement.

use std::path::Path;

use super::settings::{literal, plain, resolved, wrong};
use crate::adapters::{AdapterError, ErrorKind};
use crate::base::{Dict, Value};

/// The alias of an entry.
pub(super) fn attachment_alias(entry: &Dict) -> Option<&str> {
    entry.get("alias").and_then(Value::as_str)
}

/// The statement for an entry, and its path as written. The database is attached once for the whole instance.
pub(super) fn attach_sql(entry: &Dict, base_dir: &Path) -> Result<(String, String), AdapterError> {
    let path = match entry.get("path") {
        Some(Value::Str(path)) => path,
        Some(other) => return Err(wrong("attach.path", "text", other)),
        None => {
            return Err(AdapterError::new(ErrorKind::Settings, "an entry of profile option `attach` has no `path`")
                .about_option("attach"));
        }
    };
    let empty = Dict::new();
    let options = match entry.get("options") {
        None | Some(Value::Null) => &empty,
        Some(Value::Map(map)) => map,
        Some(other) => return Err(wrong("attach.options", "a mapping", other)),
    };
    let twice: Vec<&str> = ["type", "secret", "read_only"]
        .into_iter()
        .filter(|key| entry.get(*key).is_some_and(Value::is_truthy) && options.contains_key(*key))
        .collect();
    if !twice.is_empty() {
        return Err(AdapterError::new(
            ErrorKind::Settings,
            format!("attached database `{path}` has {} both in `options` and beside it; keep one", twice.join(", ")),
        )
        .about_option("attach"));
    }
    let option = |key: &str| {
        let value = entry.get(key).filter(|v| v.is_truthy()).or_else(|| options.get(key));
        value.filter(|v| !v.is_null())
    };
    let mut parts = Vec::new();
    for key in ["type", "secret"] {
        if let Some(value) = option(key) {
            parts.push(format!("{} {value}", key.to_uppercase()));
        }
    }
    if option("read_only").is_some_and(Value::is_truthy) {
        parts.push("READ_ONLY".to_owned());
    }
    for (key, value) in options.iter().filter(|(key, _)| !["type", "secret", "read_only"].contains(&key.as_str())) {
        parts.extend(generic_option(&key.to_uppercase(), value));
    }
    let local = option("type").is_none_or(|t| matches!(t.to_string().to_lowercase().as_str(), "duckdb" | "sqlite"));
    let target = if local { resolved(path, base_dir) } else { path.clone() };
    let mut sql = format!("ATTACH IF NOT EXISTS {}", literal(&target));
    if let Some(alias) = attachment_alias(entry).filter(|a| !a.is_empty()) {
        let quoted = if alias.starts_with('"') { alias.to_owned() } else { format!("\"{alias}\"") };
        sql += &format!(" AS {quoted}");
    }
    if !parts.is_empty() {
        sql += &format!(" ({})", parts.join(", "));
    }
    Ok((sql, path.clone()))
}

/// An option in `ATTACH`'s list: a true one stands alone, a false or empty one is left out, text is quoted unless it is.
fn generic_option(key: &str, value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Bool(true) => Some(key.to_owned()),
        Value::Str(text) => {
            let trimmed = text.trim();
            let quoted =
                trimmed.len() >= 2 && ['\'', '"'].iter().any(|&q| trimmed.starts_with(q) && trimmed.ends_with(q));
            Some(format!("{key} {}", if quoted { text.clone() } else { literal(text) }))
        }
        other => Some(format!("{key} {}", plain(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_become_statements() {
        for (json, sql) in [
            (r#"{"path": "a.db"}"#, "ATTACH IF NOT EXISTS '/p/a.db'"),
            (
                r#"{"path": "b's.db", "alias": "b", "read_only": true, "type": "sqlite"}"#,
                "ATTACH IF NOT EXISTS '/p/b''s.db' AS \"b\" (TYPE sqlite, READ_ONLY)",
            ),
            (
                r#"{"path": "dbname=x", "type": "postgres", "options": {"schema": "s", "cache": true, "off": false, "n": 3}}"#,
                "ATTACH IF NOT EXISTS 'dbname=x' (TYPE postgres, SCHEMA 's', CACHE, N 3)",
            ),
        ] {
            let Value::Map(entry) = Value::from_json(&serde_json::from_str(json).expect("JSON")) else {
                panic!("a mapping")
            };
            assert_eq!(attach_sql(&entry, Path::new("/p")).expect(json).0, sql);
        }
    }
}

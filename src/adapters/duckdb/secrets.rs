//! `secrets` entries of a profile as SQL. In: one entry. Out: a `CREATE SECRET` statement.

use super::settings::{literal, plain};
use crate::adapters::{AdapterError, ErrorKind};
use crate::base::{Dict, Value};

/// The statement for the entry at a position; entries without a name get dbt-duckdb's.
pub(super) fn secret_sql(entry: &Dict, index: usize) -> Result<String, AdapterError> {
    let word = |key: &str| entry.get(key).filter(|v| v.is_truthy()).map(Value::to_string);
    let kind = word("type").ok_or_else(|| {
        AdapterError::new(ErrorKind::Settings, "an entry of profile option `secrets` has no `type`")
            .about_option(format!("secrets.{index}"))
    })?;
    let name = word("name").unwrap_or_else(|| format!("_dbt_secret_{}", index + 1));
    let persistent = if entry.get("persistent").is_some_and(Value::is_truthy) { " PERSISTENT" } else { "" };
    let mut parts = vec![format!("type {}", literal(&kind))];
    parts.extend(word("provider").map(|p| format!("provider {}", literal(&p))));
    for (key, value) in entry {
        if !["type", "name", "persistent", "provider"].contains(&key.as_str()) && !value.is_null() {
            parts.push(format!("{key} {}", parameter(value)));
        }
    }
    let name = name.trim_matches('"').replace('"', "\"\"");
    Ok(format!("CREATE OR REPLACE{persistent} SECRET \"{name}\" ({})", parts.join(", ")))
}

fn parameter(value: &Value) -> String {
    match value {
        Value::List(items) => {
            format!("[{}]", items.iter().map(|i| literal(&plain(i))).collect::<Vec<_>>().join(", "))
        }
        Value::Map(map) => {
            let entries = map.iter().map(|(k, v)| format!("{}: {}", literal(k), literal(&plain(v))));
            format!("MAP {{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        scalar => literal(&plain(scalar)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_by_kind() {
        let json = r#"{"type": "s3", "key_id": "a'b", "use_ssl": false, "scope": ["s3://a", "s3://b"], "provider": "config",
                       "extra_http_headers": {"x": "1"}}"#;
        let Value::Map(entry) = Value::from_json(&serde_json::from_str(json).expect("JSON")) else {
            panic!("a mapping")
        };
        assert_eq!(
            secret_sql(&entry, 0).expect("a secret"),
            "CREATE OR REPLACE SECRET \"_dbt_secret_1\" (type 's3', provider 'config', key_id 'a''b', use_ssl 'false', \
             scope ['s3://a', 's3://b'], extra_http_headers MAP {'x': '1'})"
        );
    }
}

//! What a snapshot must say of itself before anything runs.
//!
//! In: a snapshot with its merged config. Out: what is missing or contradicts itself.
//! Rules: `core/dbt/artifacts/resources/v1/snapshot.py`.

use crate::base::Value;
use crate::diag::{Diagnostic, Span, codes};
use crate::node::Node;

/// The columns that `snapshot_meta_column_names` may rename.
const META_COLUMNS: [&str; 5] = ["dbt_valid_to", "dbt_valid_from", "dbt_scd_id", "dbt_updated_at", "dbt_is_deleted"];

/// What to do with rows that vanished from the source.
const HARD_DELETES: [&str; 3] = ["ignore", "invalidate", "new_record"];

/// What to do when the columns of the query have changed.
const ON_SCHEMA_CHANGE: [&str; 4] = ["ignore", "append_new_columns", "fail", "sync_all_columns"];

/// Every problem of a snapshot's config.
pub fn problems(node: &Node, at: &Span) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut wrong = |message: String, help: &str| {
        found.push(Diagnostic::error(codes::CONFIG_INVALID, message).at(at.clone()).node(node.id.as_str()).help(help));
    };
    let truthy = |key: &str| node.config.get(key).is_some_and(Value::is_truthy);
    if !truthy("strategy") || !truthy("unique_key") {
        wrong(
            format!("{}: Snapshots must be configured with a 'strategy' and 'unique_key'.", node.name),
            "add both to the `config` of the snapshot, as in `strategy: timestamp`, `unique_key: id`",
        );
        return found;
    }
    match node.config.str("strategy") {
        Some("check") => check_columns(node, &mut wrong),
        Some("timestamp") => {
            if !truthy("updated_at") {
                wrong(
                    format!(
                        "{}: A snapshot configured with the timestamp strategy must specify an updated_at configuration.",
                        node.name
                    ),
                    "add `updated_at: <column with the time of a row's last change>`",
                );
            }
            if truthy("check_cols") {
                wrong(
                    format!("{}: A 'timestamp' snapshot should not have 'check_cols'", node.name),
                    "remove `check_cols`, or use `strategy: check`",
                );
            }
        }
        _ => {}
    }
    if node.config.materialized() != "snapshot" {
        wrong(
            format!("{}: A snapshot must have a materialized value of 'snapshot'", node.name),
            "remove `materialized`",
        );
    }
    for key in ["unique_key", "check_cols"] {
        let words = |items: &[Value]| items.iter().all(|item| item.as_str().is_some());
        let fits = |value: &Value| value.as_str().is_some() || value.as_list().is_some_and(words);
        if let Some(value) = node.config.get(key).filter(|v| !v.is_null() && !fits(v)) {
            let message = format!(
                "{}: the config `{key}` must be a string or a list of strings, found {}",
                node.name,
                value.kind()
            );
            wrong(message, "write it as in `unique_key: id` or `unique_key: [id, region]`");
        }
    }
    meta_columns(node, &mut wrong);
    one_of(node, "hard_deletes", &HARD_DELETES, &mut wrong);
    one_of(node, "on_schema_change", &ON_SCHEMA_CHANGE, &mut wrong);
    if node.config.get("hard_deletes").is_some_and(|v| !v.is_null())
        && node.config.get("invalidate_hard_deletes").is_some_and(|v| !v.is_null())
    {
        wrong(
            format!(
                "{}: You cannot set both the invalidate_hard_deletes and hard_deletes config properties on the same snapshot.",
                node.name
            ),
            "remove `invalidate_hard_deletes`, the older of the two",
        );
    }
    found
}

fn check_columns(node: &Node, wrong: &mut impl FnMut(String, &str)) {
    let checked = node.config.get("check_cols").filter(|value| value.is_truthy());
    match checked {
        None => wrong(
            format!(
                "{}: A snapshot configured with the check strategy must specify a check_cols configuration.",
                node.name
            ),
            "add `check_cols: all` or a list of columns",
        ),
        Some(Value::Str(text)) if text != "all" => wrong(
            format!("{}: Invalid value for 'check_cols': {text}. Expected 'all' or a list of strings.", node.name),
            "write a list, as in `check_cols: [status, amount]`",
        ),
        Some(_) => {}
    }
}

fn meta_columns(node: &Node, wrong: &mut impl FnMut(String, &str)) {
    let Some(names) = node.config.get("snapshot_meta_column_names").filter(|v| !v.is_null()) else { return };
    let known = META_COLUMNS.join(", ");
    let Some(names) = names.as_map() else {
        let message =
            format!("{}: the config `snapshot_meta_column_names` must be a mapping, found {}", node.name, names.kind());
        return wrong(message, &format!("map some of {known} to names of your own"));
    };
    for (key, name) in names {
        if !META_COLUMNS.contains(&key.as_str()) {
            let message = format!("{}: `snapshot_meta_column_names` has the unknown key '{key}'", node.name);
            wrong(message, &format!("keys are {known}"));
        } else if !name.is_null() && name.as_str().is_none_or(str::is_empty) {
            let message = format!(
                "{}: `snapshot_meta_column_names` must name a column for {key}, found {}",
                node.name,
                name.kind()
            );
            wrong(message, "give a column name");
        }
    }
}

fn one_of(node: &Node, key: &str, words: &[&str], wrong: &mut impl FnMut(String, &str)) {
    let Some(value) = node.config.get(key).filter(|v| !v.is_null()) else { return };
    if value.as_str().is_some_and(|word| words.contains(&word)) {
        return;
    }
    let message = format!("{}: Invalid setting for property {key}: {value}", node.name);
    wrong(message, &format!("it must be one of {}", words.join(", ")));
}

//! Checks of snapshot tables and configs.
//!
//! In: a snapshot's relation and column names. Out: nothing, or an error that names what is missing.

use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Error, State};

use crate::diag::{Diagnostic, codes};

use super::super::args::{bind, given, required};
use super::super::core::Core;
use super::super::relation::RelationObject;
use super::columns::columns;
use super::relations::relation_argument;

type Answer = Result<Value, Error>;

/// The name of a snapshot column after `snapshot_meta_column_names`.
fn desired(names: Option<&Value>, column: &str) -> Option<String> {
    match names {
        Some(names) => given(names.get_attr(column).ok()).map(|v| v.to_string()).filter(|name| !name.is_empty()),
        None => Some(column.to_owned()),
    }
}

fn check(
    core: &Core,
    state: &mut State<'_, '_>,
    relation: &RelationObject,
    names: Option<&Value>,
    wanted: &[&str],
) -> Result<(), Error> {
    let present: Vec<String> = columns(core, state, relation)?.iter().map(|c| c.column.to_lowercase()).collect();
    let missing: Vec<String> = wanted
        .iter()
        .filter_map(|column| desired(names, column))
        .filter(|name| !present.contains(&name.to_lowercase()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Snapshot target is missing configured columns (missing \"{}\")", missing.join("\", \""));
    let diagnostic = Diagnostic::error(codes::COMPILER_ERROR, message)
        .help("add the columns to the snapshot table, or name them in `snapshot_meta_column_names`");
    Err(core.raise(diagnostic))
}

const ALWAYS: &[&str] = &["dbt_scd_id", "dbt_valid_from", "dbt_valid_to"];

/// `valid_snapshot_target(relation, column_names)`.
pub(super) fn valid_snapshot_target(core: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [relation, names] = bind("valid_snapshot_target", args, ["relation", "column_names"])?;
    let relation = relation_argument("valid_snapshot_target", "relation", relation)?;
    check(core, state, &relation, given(names).as_ref(), ALWAYS)?;
    Ok(Value::from(()))
}

/// `assert_valid_snapshot_target_given_strategy(relation, column_names, strategy)`.
pub(super) fn assert_valid_snapshot_target(core: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let method = "assert_valid_snapshot_target_given_strategy";
    let [relation, names, strategy] = bind(method, args, ["relation", "column_names", "strategy"])?;
    let relation = relation_argument(method, "relation", relation)?;
    let names = given(names);
    check(core, state, &relation, names.as_ref(), ALWAYS)?;
    let strategy = required(method, "strategy", strategy)?;
    if strategy.get_attr("hard_deletes")?.as_str() == Some("new_record") {
        check(core, state, &relation, names.as_ref(), &["dbt_is_deleted"])?;
    }
    Ok(Value::from(()))
}

/// `get_hard_deletes_behavior(config)`: `ignore`, `invalidate` or `new_record`. The argument is a mapping or `config`.
pub(super) fn get_hard_deletes_behavior(core: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [config] = bind("get_hard_deletes_behavior", args, ["config"])?;
    let config = required("get_hard_deletes_behavior", "config", config)?;
    let mut ask = |key: &str| -> Result<Option<Value>, Error> {
        Ok(given(Some(config.call_method(state, "get", &[Value::from(key)])?)))
    };
    let (legacy, setting) = (ask("invalidate_hard_deletes")?, ask("hard_deletes")?);
    let refuse = |message: &str| Err(core.raise(Diagnostic::error(codes::CONFIG_INVALID, message)));
    match (&legacy, setting.as_ref().map(|v| v.to_string()).as_deref()) {
        (Some(_), Some(_)) => refuse(
            "You cannot set both the invalidate_hard_deletes and hard_deletes config properties on the same snapshot.",
        ),
        (Some(on), None) if on.is_true() => Ok(Value::from("invalidate")),
        (_, Some("invalidate")) => Ok(Value::from("invalidate")),
        (_, Some("new_record")) => Ok(Value::from("new_record")),
        (_, None | Some("ignore")) => Ok(Value::from("ignore")),
        _ => refuse("Invalid setting for property hard_deletes."),
    }
}

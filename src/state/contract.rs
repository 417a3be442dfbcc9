//! Whether a model still keeps the contract that its readers know.
//!
//! In: the dicts of a model then and now. Out: [`ContractChange`]: nothing, a change, or a change that breaks readers, in words.
//! Rules: `same_contract` of `core/dbt/contracts/graph/nodes.py`.

use chrono::{DateTime, NaiveDate, Utc};

use crate::base::{Dict, Value};

use super::values::{inner, same, text};

/// How a contract compares with the earlier one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ContractChange {
    /// The same.
    None,
    /// Readers can live with it.
    Harmless,
    /// What readers may trip over, a line each.
    Breaking(Vec<String>),
}

/// A constraint with everything that may be left out.
fn constraint(value: &Value) -> Value {
    let mut full = Dict::new();
    for key in ["type", "name", "expression", "to"] {
        full.insert(key.to_owned(), value.get(key).cloned().unwrap_or_default());
    }
    for key in ["warn_unenforced", "warn_unsupported"] {
        full.insert(key.to_owned(), value.get(key).cloned().unwrap_or(Value::Bool(true)));
    }
    for key in ["columns", "to_columns"] {
        full.insert(key.to_owned(), value.get(key).cloned().unwrap_or(Value::List(Vec::new())));
    }
    Value::Map(full)
}

fn constraints(of: Option<&Value>) -> Vec<Value> {
    of.and_then(|v| v.get("constraints")).and_then(Value::as_list).unwrap_or_default().iter().map(constraint).collect()
}

fn model_constraints(model: &Dict) -> Vec<Value> {
    let list = model.get("constraints").and_then(Value::as_list).unwrap_or_default();
    list.iter().map(constraint).collect()
}

fn columns(model: &Dict) -> Vec<(&str, &Value)> {
    let map = model.get("columns").and_then(Value::as_map);
    let mut columns: Vec<_> = map.into_iter().flatten().map(|(name, column)| (name.as_str(), column)).collect();
    columns.sort_by_key(|(name, _)| *name);
    columns
}

fn materialized(model: &Dict) -> &str {
    inner(model, "config", "materialized").as_str().unwrap_or_default()
}

/// Whether the materialization makes a table that the engine holds to its constraints.
fn enforces(model: &Dict) -> bool {
    matches!(materialized(model), "table" | "incremental")
}

pub(super) fn is_enforced(model: &Dict) -> bool {
    inner(model, "contract", "enforced").as_bool().unwrap_or(false)
}

/// What the contract's checksum is made of.
fn content(model: &Dict) -> Value {
    let column = |(name, column): (&str, &Value)| {
        let data_type = column.get("data_type").cloned().unwrap_or_default();
        Value::List(vec![name.into(), data_type, Value::List(constraints(Some(column)))])
    };
    let columns = Value::List(columns(model).into_iter().map(column).collect());
    let rest =
        enforces(model).then(|| Value::List(vec![materialized(model).into(), Value::List(model_constraints(model))]));
    Value::List(vec![columns, rest.unwrap_or_default()])
}

/// Compares; `hard` are the kinds of constraints that the engine refuses rows for.
pub(super) fn compare(old: &Dict, new: &Dict, hard: &[String]) -> ContractChange {
    match (is_enforced(old), is_enforced(new)) {
        (false, false) => return ContractChange::None,
        (false, true) => return ContractChange::Harmless,
        (true, true) if same(&content(old), &content(new)) => return ContractChange::None,
        _ => {}
    }
    let mut breaking = Vec::new();
    if !is_enforced(new) {
        breaking.push(
            "Contract enforcement was removed: the model had an enforced contract, and has none any more".to_owned(),
        );
    }
    columns_changed(old, new, &mut breaking);
    constraints_lost(old, new, hard, &mut breaking);
    let any_constraint =
        !model_constraints(old).is_empty() || columns(old).iter().any(|(_, c)| !constraints(Some(c)).is_empty());
    if enforces(old) && !enforces(new) && any_constraint {
        breaking.push(listed(
            "Materialization changed with enforced constraints",
            &[format!("{} -> {}", materialized(old), materialized(new))],
        ));
    }
    if breaking.is_empty() { ContractChange::Harmless } else { ContractChange::Breaking(breaking) }
}

fn listed(title: &str, items: &[String]) -> String {
    format!("{title}: \n    - {}", items.join("\n    - "))
}

fn columns_changed(old: &Dict, new: &Dict, breaking: &mut Vec<String>) {
    let now = new.get("columns").and_then(Value::as_map);
    let (mut removed, mut retyped) = (Vec::new(), Vec::new());
    for (name, column) in columns(old) {
        let Some(current) = now.and_then(|columns| columns.get(name)) else {
            removed.push(column.get("name").and_then(Value::as_str).unwrap_or(name).to_owned());
            continue;
        };
        let of = |column: &Value| column.get("data_type").cloned().unwrap_or_default();
        if base_type(&of(column)) != base_type(&of(current)) {
            retyped.push(format!("{name} ({} -> {})", of(column), of(current)));
        }
    }
    if !removed.is_empty() {
        breaking.push(listed("Columns were removed", &removed));
    }
    if !retyped.is_empty() {
        breaking.push(listed("Columns with data_type changes", &retyped));
    }
}

/// A type without size, precision and case: another size breaks no reader.
fn base_type(data_type: &Value) -> String {
    let text = data_type.as_str().unwrap_or_default();
    text.split('(').next().unwrap_or_default().trim().to_lowercase()
}

fn constraints_lost(old: &Dict, new: &Dict, hard: &[String], breaking: &mut Vec<String>) {
    if !enforces(old) {
        return;
    }
    let lost = |before: Vec<Value>, after: &[Value]| -> Vec<Value> {
        let is_hard = |c: &Value| c.get("type").and_then(Value::as_str).is_some_and(|t| hard.iter().any(|h| h == t));
        before.into_iter().filter(|c| is_hard(c) && !after.iter().any(|a| same(a, c))).collect()
    };
    let named = |c: &Value| {
        let name = c.get("name").filter(|n| !n.is_null()).or_else(|| c.get("type"));
        name.map(Value::to_string).unwrap_or_default()
    };
    let now = new.get("columns").and_then(Value::as_map);
    let mut of_columns = Vec::new();
    for (name, column) in columns(old) {
        let Some(current) = now.and_then(|columns| columns.get(name)) else { continue };
        for gone in lost(constraints(Some(column)), &constraints(Some(current))) {
            of_columns.push(format!("'{}' constraint on column {name}", named(&gone)));
        }
    }
    if !of_columns.is_empty() {
        breaking.push(listed("Enforced column level constraints were removed", &of_columns));
    }
    let of_model: Vec<String> = lost(model_constraints(old), &model_constraints(new))
        .iter()
        .map(|gone| {
            let columns = gone.get("columns").and_then(Value::as_list).unwrap_or_default();
            let columns: Vec<String> = columns.iter().map(|c| format!("'{c}'")).collect();
            format!("'{}' constraint on columns [{}]", named(gone), columns.join(", "))
        })
        .collect();
    if !of_model.is_empty() {
        breaking.push(listed("Enforced model level constraints were removed", &of_model));
    }
}

/// What the end of a model means for the readers of its contract; none if they could know, or if there was no contract.
/// `model` is the earlier one, or the disabled one of today.
pub(super) fn removed(model: &Dict, now: DateTime<Utc>) -> Option<String> {
    if !is_enforced(model) || deprecated_since(model).is_some_and(|at| at < now) {
        return None;
    }
    let enabled = inner(model, "config", "enabled").as_bool().unwrap_or(true);
    let verb = if enabled { "deleted or renamed" } else { "disabled" };
    Some(format!("Contracted model '{}' was {verb}.", text(model, "unique_id")))
}

fn deprecated_since(model: &Dict) -> Option<DateTime<Utc>> {
    let text = model.get("deprecation_date").filter(|v| !v.is_null())?.to_string();
    let zoned = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)).ok().map(|at| at.to_utc());
    zoned.or_else(|| {
        let day = NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()?;
        Some(day.and_hms_opt(0, 0, 0)?.and_utc())
    })
}

//! Declared constraints as DDL clauses.
//!
//! In: the `columns` and `constraints` of a model's dict. Out: lists of SQL text; warnings for what the engine does not do.

use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Error, State};

use crate::base::{self, Dict};
use crate::diag::{Diagnostic, codes, warnings};

use super::super::args::{bind, required};
use super::super::core::Core;
use super::super::exceptions;
use super::super::host::ConstraintSupport;
use super::super::relation::RelationObject;

type Answer = Result<Value, Error>;

const KINDS: &[&str] = &["check", "not_null", "unique", "primary_key", "foreign_key", "custom"];

/// `render_raw_columns_constraints(raw_columns)`: one `name type constraints` per column.
pub(super) fn render_raw_columns_constraints(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let method = "render_raw_columns_constraints";
    let [columns] = bind(method, args, ["raw_columns"])?;
    let base::Value::Map(columns) = super::super::to_base(&required(method, "raw_columns", columns)?) else {
        return Ok(super::super::list([]));
    };
    let mut rendered = Vec::with_capacity(columns.len());
    for column in columns.values() {
        let name = column.get("name").map(ToString::to_string).unwrap_or_default();
        let quoted = column.get("quote").is_some_and(base::Value::is_truthy);
        let name = if quoted { RelationObject::quoted(&name) } else { name };
        let data_type = column.get("data_type").map(ToString::to_string).unwrap_or_default();
        let mut parts = vec![format!("{name} {data_type}")];
        for constraint in constraints(core, column.get("constraints"))? {
            if renders(core, &constraint)?
                && let Some(clause) = column_clause(&constraint)
            {
                parts.push(clause);
            }
        }
        rendered.push(Value::from(parts.join(" ")));
    }
    Ok(super::super::list(rendered))
}

/// `render_raw_model_constraints(raw_constraints)`.
pub(super) fn render_raw_model_constraints(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let method = "render_raw_model_constraints";
    let [list] = bind(method, args, ["raw_constraints"])?;
    let list = super::super::to_base(&required(method, "raw_constraints", list)?);
    let mut rendered = Vec::new();
    for constraint in constraints(core, Some(&list))? {
        if renders(core, &constraint)?
            && let Some(clause) = model_clause(&constraint)
        {
            rendered.push(Value::from(clause));
        }
    }
    Ok(super::super::list(rendered))
}

/// A constraint's parts.
struct Constraint {
    kind: String,
    name: Option<String>,
    expression: Option<String>,
    columns: Vec<String>,
    to: Option<String>,
    to_columns: Vec<String>,
    warn_unenforced: bool,
    warn_unsupported: bool,
}

fn constraints(core: &Core, list: Option<&base::Value>) -> Result<Vec<Constraint>, Error> {
    let items = list.and_then(base::Value::as_list).unwrap_or_default();
    items.iter().map(|item| parse(item).ok_or_else(|| invalid(core, item))).collect()
}

fn invalid(core: &Core, raw: &base::Value) -> Error {
    core.raise(Diagnostic::error(codes::CONTRACT, format!("Could not parse constraint: {raw}")))
}

fn parse(raw: &base::Value) -> Option<Constraint> {
    let map: &Dict = raw.as_map()?;
    let text = |key: &str| map.get(key).and_then(base::Value::as_str).filter(|s| !s.is_empty()).map(str::to_owned);
    let list = |key: &str| {
        let items = map.get(key).and_then(base::Value::as_list).unwrap_or_default();
        items.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let on = |key: &str| map.get(key).is_none_or(base::Value::is_truthy);
    let kind = text("type").filter(|kind| KINDS.contains(&kind.as_str()))?;
    Some(Constraint {
        kind,
        name: text("name"),
        expression: text("expression"),
        columns: list("columns"),
        to: text("to"),
        to_columns: list("to_columns"),
        warn_unenforced: on("warn_unenforced"),
        warn_unsupported: on("warn_unsupported"),
    })
}

/// Whether the engine takes the constraint; warns where it takes it without enforcing it, or not at all.
fn renders(core: &Core, constraint: &Constraint) -> Result<bool, Error> {
    if constraint.kind == "custom" {
        return Ok(true);
    }
    let facts = &core.shared.adapter;
    let support = facts.constraints.iter().find(|(kind, _)| *kind == constraint.kind);
    let support = support.map_or(ConstraintSupport::NotSupported, |(_, support)| *support);
    let (kind, engine) = (&constraint.kind, &facts.adapter_type);
    let message = match support {
        ConstraintSupport::NotSupported if constraint.warn_unsupported => {
            let message = format!("{kind} constraints are not supported by {engine} and are left out");
            Some((message, warnings::CONSTRAINT_NOT_SUPPORTED))
        }
        ConstraintSupport::NotEnforced if constraint.warn_unenforced => {
            let message = format!("{kind} constraints are accepted by {engine} but not enforced");
            Some((message, warnings::CONSTRAINT_NOT_ENFORCED))
        }
        _ => None,
    };
    if let Some((message, name)) = message {
        let help = "set `warn_unsupported: false` or `warn_unenforced: false` on the constraint to hide this warning";
        exceptions::warn(core, Diagnostic::warning(codes::CONTRACT, message).help(help).named(name))?;
    }
    Ok(!matches!(support, ConstraintSupport::NotSupported | ConstraintSupport::ByQuery))
}

fn column_clause(c: &Constraint) -> Option<String> {
    let expression = c.expression.as_deref();
    let clause = match c.kind.as_str() {
        "check" => format!("check ({})", expression?),
        "not_null" => format!("not null {}", expression.unwrap_or_default()),
        "unique" => format!("unique {}", expression.unwrap_or_default()),
        "primary_key" => format!("primary key {}", expression.unwrap_or_default()),
        "foreign_key" => match &c.to {
            Some(to) if !c.to_columns.is_empty() => {
                format!("references {} ({})", without_database(to), c.to_columns.join(", "))
            }
            _ => format!("references {}", expression?),
        },
        _ => expression?.to_owned(),
    };
    Some(clause.trim().to_owned())
}

/// DuckDB takes foreign keys within one database only, and only without its name.
fn without_database(to: &str) -> String {
    let (mut parts, mut quoted, mut start) = (Vec::new(), false, 0);
    for (i, c) in to.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => {
                parts.push(&to[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&to[start..]);
    if parts.len() > 2 { parts[1..].join(".") } else { to.to_owned() }
}

fn model_clause(c: &Constraint) -> Option<String> {
    let prefix = c.name.as_ref().map_or_else(String::new, |name| format!("constraint {name} "));
    let columns = c.columns.join(", ");
    let expression = c.expression.as_deref();
    let spaced = expression.map_or_else(String::new, |e| format!(" {e}"));
    Some(match c.kind.as_str() {
        "check" => format!("{prefix}check ({})", expression?),
        "unique" => format!("{prefix}unique{spaced} ({columns})"),
        "primary_key" => format!("{prefix}primary key{spaced} ({columns})"),
        "foreign_key" => match &c.to {
            Some(to) if !c.to_columns.is_empty() => {
                format!("{prefix}foreign key ({columns}) references {to} ({})", c.to_columns.join(", "))
            }
            _ => format!("{prefix}foreign key ({columns}) references {}", expression?),
        },
        "custom" => format!("{prefix}{}", expression?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraint(pairs: &[(&str, base::Value)]) -> Constraint {
        parse(&base::Value::Map(pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect())).unwrap()
    }

    #[test]
    fn clauses() {
        let foreign = constraint(&[
            ("type", "foreign_key".into()),
            ("to", "\"d.b\".\"s\".\"t\"".into()),
            ("to_columns", vec!["id"].into()),
            ("columns", vec!["t_id"].into()),
        ]);
        assert_eq!(column_clause(&foreign).unwrap(), "references \"s\".\"t\" (id)");
        assert_eq!(model_clause(&foreign).unwrap(), "foreign key (t_id) references \"d.b\".\"s\".\"t\" (id)");
        assert_eq!(column_clause(&constraint(&[("type", "not_null".into())])).unwrap(), "not null");
        let named = [("type", "primary_key".into()), ("name", "pk".into()), ("columns", vec!["a", "b"].into())];
        assert_eq!(model_clause(&constraint(&named)).unwrap(), "constraint pk primary key (a, b)");
        assert!(column_clause(&constraint(&[("type", "check".into())])).is_none());
        assert!(parse(&base::Value::Map([("type".to_owned(), "odd".into())].into_iter().collect())).is_none());
    }
}

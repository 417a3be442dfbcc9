//! The identity of an enforced contract, equal to dbt's: states made by either can be compared.
//!
//! In: a node's columns and constraints. Out: SHA-256 over them, in the form in which Python shows its objects.

use sha2::{Digest, Sha256};

use crate::base::Value;

use super::{Constraint, Node};

/// The checksum; none where no contract is enforced.
pub(super) fn checksum(node: &Node) -> Option<String> {
    if !node.config.contract_enforced() {
        return None;
    }
    let mut columns: Vec<_> = node.columns.values().collect();
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    let mut state = String::new();
    for column in columns {
        state.push('|');
        state.push_str(&column.name);
        state.push_str(column.data_type.as_deref().unwrap_or("None"));
        state.push_str(&list(&column.constraints, "ColumnLevelConstraint"));
    }
    let materialized = node.config.materialized();
    if matches!(materialized, "table" | "incremental") {
        state.push_str(materialized);
        state.push_str(&list(node.model().map_or(&[][..], |m| &m.constraints), "ModelLevelConstraint"));
    }
    Some(Sha256::digest(state.as_bytes()).iter().map(|b| format!("{b:02x}")).collect())
}

/// A list of constraints as Python shows it.
fn list(constraints: &[Constraint], class: &str) -> String {
    let shown: Vec<String> = constraints.iter().map(|constraint| object(constraint, class)).collect();
    format!("[{}]", shown.join(", "))
}

fn object(constraint: &Constraint, class: &str) -> String {
    let kind = &constraint.kind;
    let mut shown = format!("{class}(type=<ConstraintType.{kind}: '{kind}'>");
    let mut fields = vec![
        ("name", Value::Null),
        ("expression", Value::Null),
        ("warn_unenforced", Value::Bool(true)),
        ("warn_unsupported", Value::Bool(true)),
        ("to", Value::Null),
        ("to_columns", Value::List(Vec::new())),
    ];
    if class == "ModelLevelConstraint" {
        fields.push(("columns", Value::List(Vec::new())));
    }
    for (key, default) in fields {
        shown.push_str(&format!(", {key}={}", repr(constraint.fields.get(key).unwrap_or(&default))));
    }
    shown + ")"
}

/// A value as Python shows it.
pub fn repr(value: &Value) -> String {
    match value {
        Value::Str(text) => quoted(text),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{}: {}", quoted(key), repr(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::List(items) => format!("[{}]", items.iter().map(repr).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote || c == '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_constraints_as_python_does() {
        let mut fields = crate::base::Dict::new();
        fields.insert("type".into(), "check".into());
        fields.insert("name".into(), "o'k".into());
        fields.insert("columns".into(), Value::List(vec!["id".into()]));
        let check = Constraint { kind: "check".into(), fields };
        assert_eq!(
            list(&[check], "ModelLevelConstraint"),
            "[ModelLevelConstraint(type=<ConstraintType.check: 'check'>, name=\"o'k\", expression=None, \
             warn_unenforced=True, warn_unsupported=True, to=None, to_columns=[], columns=['id'])]"
        );
        assert_eq!(quoted("a\n'\"\\"), "'a\\n\\'\"\\\\'");
    }
}

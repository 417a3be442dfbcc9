//! Where a node goes: database, schema and alias by the `generate_*_name` macros.
//!
//! In: a node with its merged config. Out: its relation. The macros in force are looked up once per package; where
//! they are the built-in ones their rule is applied without rendering. Rules: `core/dbt/parser/base.py` (RelationUpdate).

use crate::base::{Relation, Value};
use crate::diag::{Diagnostic, codes};
use crate::node::{Detail, Node, ResourceType};

/// The target's defaults.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// `target.database`.
    pub database: String,
    /// `target.schema`.
    pub schema: String,
}

/// Calls a user's `generate_x_name` macro; `None` if the built-in one is in force for the package.
pub type NameMacro<'a> = dyn Fn(&str, &Node, Value) -> Option<Result<Value, Diagnostic>> + Sync + 'a;

/// Fills in alias and relation of a node.
pub fn apply(node: &mut Node, defaults: &Defaults, call: &NameMacro<'_>) -> Result<(), Diagnostic> {
    let custom = |key: &str| node.config.get(key).cloned().unwrap_or_default();
    let database = component("database", node, custom("database"), call, |v| builtin_database(v, defaults))?;
    let schema = component("schema", node, custom("schema"), call, |v| builtin_schema(v, defaults))?;
    node.relation = Relation { database, schema, identifier: None };
    let alias = component("alias", node, custom("alias"), call, |v| Some(builtin_alias(node, v)))?;
    let alias = alias.filter(|a| !a.is_empty()).ok_or_else(|| {
        Diagnostic::error(codes::CONFIG_INVALID, format!("generate_alias_name returned nothing for {}", node.id))
            .at(node.template.span())
    })?;
    if node.resource_type == ResourceType::Snapshot {
        for (key, slot) in
            [("target_database", &mut node.relation.database), ("target_schema", &mut node.relation.schema)]
        {
            if let Some(Value::Str(given)) = node.config.0.get(key)
                && !given.is_empty()
            {
                *slot = Some(given.clone());
            }
        }
    }
    node.relation.identifier = Some(alias.clone());
    node.alias = alias;
    Ok(())
}

fn component(
    name: &str,
    node: &Node,
    custom: Value,
    call: &NameMacro<'_>,
    builtin: impl Fn(&Value) -> Option<String>,
) -> Result<Option<String>, Diagnostic> {
    match call(&format!("generate_{name}_name"), node, custom.clone()) {
        None => Ok(builtin(&custom)),
        Some(result) => result.map(|value| match value {
            Value::Null => None,
            value => Some(value.to_string().trim().to_owned()).filter(|s| !s.is_empty() && s != "None"),
        }),
    }
}

fn builtin_database(custom: &Value, defaults: &Defaults) -> Option<String> {
    match custom {
        Value::Null => Some(defaults.database.clone()),
        value => Some(value.to_string()),
    }
}

fn builtin_schema(custom: &Value, defaults: &Defaults) -> Option<String> {
    match custom {
        Value::Null => Some(defaults.schema.clone()),
        value => Some(format!("{}_{}", defaults.schema, value.to_string().trim())),
    }
}

fn builtin_alias(node: &Node, custom: &Value) -> String {
    if custom.is_truthy() {
        return custom.to_string().trim().to_owned();
    }
    match &node.detail {
        Detail::Model(m) if !m.version.is_null() => {
            format!("{}_v{}", node.name, m.version.to_string().replace('.', "_"))
        }
        _ => node.name.clone(),
    }
}

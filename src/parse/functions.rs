//! User-defined functions: what their properties say.
//!
//! In: a properties entry; a function with its config. Out: [`FunctionDetail`], and problems: a function without an entry or
//! without a result, words that are none. Rules: `core/dbt/artifacts/resources/v1/function.py`.

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, Diagnostics, Span, codes};
use crate::load::YamlNode;
use crate::node::{FunctionDetail, Node};

use super::docs::Docs;
use super::patches::Entry;

/// `arguments` and `returns` of an entry, with every key that the manifest shows.
pub(super) fn described(entry: &Dict, package: &str, docs: &mut Docs<'_>) -> FunctionDetail {
    let mut detailed = |given: &Dict, keys: &[&str]| -> Dict {
        let mut detail = Dict::new();
        for key in keys {
            let value = given.get(*key).cloned().unwrap_or_default();
            let value = match (*key, value.is_null()) {
                ("description", false) => docs.describe(Some(&value), package).text.into(),
                _ => value,
            };
            detail.insert((*key).to_owned(), value);
        }
        detail
    };
    let arguments = entry.get("arguments").and_then(Value::as_list).unwrap_or_default();
    let arguments = arguments.iter().filter_map(Value::as_map);
    FunctionDetail {
        arguments: arguments.map(|a| detailed(a, &["name", "data_type", "description", "default_value"])).collect(),
        returns: entry
            .get("returns")
            .and_then(Value::as_map)
            .map(|r| detailed(r, &["data_type", "description"]))
            .unwrap_or_default(),
    }
}

/// What is wrong with a function that is enabled.
pub(super) fn check(node: &Node, entry: Option<&Entry>, diagnostics: &mut Diagnostics) {
    let problem = |message: String, at: Span| {
        Diagnostic::error(codes::PROPERTIES_INVALID, message).at(at).node(node.id.to_string())
    };
    let Some(entry) = entry else {
        let message = format!("the function '{}' has no entry in a properties file", node.name);
        let way = "add it under `functions:` with `arguments` and `returns: {data_type: ...}`";
        diagnostics.push(problem(message, node.template.span()).help(way));
        return;
    };
    let text = |parts: &[&str]| entry.node.at(parts).filter(|n| !n.is_null() && !n.is_map());
    if text(&["returns", "data_type"]).is_none() {
        let at = entry.node.get("returns").map_or_else(|| entry.span(), |n| n.span.clone());
        let message = format!("the function '{}' does not say what it returns", node.name);
        diagnostics.push(problem(message, at).help("add `returns: {data_type: ...}` to its entry"));
    }
    let mut first_default = None;
    for argument in entry.node.get("arguments").map(YamlNode::items).unwrap_or_default() {
        let name = argument.get("name").and_then(YamlNode::as_scalar).map(|name| name.to_string()).unwrap_or_default();
        match (&first_default, argument.get("default_value").is_some_and(|default| !default.is_null())) {
            (None, true) => first_default = Some(name),
            (Some(first), false) => {
                let message = format!(
                    "Non-defaulted argument '{name}' of function '{}' comes after a defaulted argument, '{first}'",
                    node.name
                );
                let problem = problem(message, argument.span.clone());
                diagnostics.push(problem.help("put arguments with a `default_value` last"));
            }
            _ => {}
        }
        for key in ["name", "data_type"] {
            if argument.get(key).is_none_or(YamlNode::is_null) {
                let message = format!("an argument of the function '{}' has no `{key}`", node.name);
                diagnostics.push(problem(message, argument.span.clone()));
            }
        }
    }
    for (key, words) in [
        ("type", &["scalar", "aggregate", "table"][..]),
        ("volatility", &["deterministic", "stable", "non-deterministic"]),
    ] {
        let Some(value) = node.config.get(key).filter(|v| !v.is_null()).map(ToString::to_string) else { continue };
        if !words.contains(&value.as_str()) {
            let message = format!("the config `{key}` of {} is '{value}'", node.id);
            let at = entry.node.at(&["config", key]).map_or_else(|| entry.span(), |n| n.span.clone());
            let problem = Diagnostic::error(codes::CONFIG_INVALID, message).at(at).node(node.id.to_string());
            diagnostics.push(problem.help(format!("it must be one of {}", words.join(", "))));
        }
    }
}

//! Declared columns and constraints out of a properties entry.
//!
//! In: the rendered `columns:` and `constraints:` of an entry. Out: [`Column`]s by name with docs put into descriptions.

use indexmap::IndexMap;

use crate::base::{Dict, Value};
use crate::node::{Column, Constraint};

use super::docs::Docs;

/// The keys of a column that have a field of their own or are no property of the column.
const KNOWN: &[&str] = &[
    "name",
    "description",
    "meta",
    "data_type",
    "constraints",
    "quote",
    "config",
    "tags",
    "granularity",
    "tests",
    "data_tests",
    "docs",
    "dimension",
    "entity",
];

/// The columns of an entry, in order. Entries without a name are left out (the loader reports them).
pub fn columns(entry: &Dict, package: &str, docs: &mut Docs<'_>) -> IndexMap<String, Column> {
    let Some(list) = entry.get("columns").and_then(Value::as_list) else { return IndexMap::new() };
    list.iter()
        .filter_map(Value::as_map)
        .filter_map(|c| {
            let name = c.get("name").filter(|n| !n.is_null())?.to_string();
            Some((name.clone(), column(name, c, package, docs)))
        })
        .collect()
}

fn column(name: String, given: &Dict, package: &str, docs: &mut Docs<'_>) -> Column {
    let config = given.get("config").and_then(Value::as_map).cloned().unwrap_or_default();
    let mut meta = given.get("meta").and_then(Value::as_map).cloned().unwrap_or_default();
    if let Some(more) = config.get("meta").and_then(Value::as_map) {
        meta.extend(more.clone());
    }
    let mut tags: Vec<String> = texts(given.get("tags")).into_iter().chain(texts(config.get("tags"))).collect();
    tags.sort();
    tags.dedup();
    let described = docs.describe(given.get("description"), package);
    Column {
        name,
        description: described.text,
        doc_blocks: described.blocks,
        meta,
        tags,
        data_type: given.get("data_type").filter(|v| !v.is_null()).map(Value::to_string),
        quote: given.get("quote").and_then(Value::as_bool),
        constraints: constraints(given.get("constraints")),
        granularity: given.get("granularity").and_then(Value::as_str).map(str::to_owned),
        extra: given
            .iter()
            .filter(|(k, _)| !KNOWN.contains(&k.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        config,
    }
}

/// A `constraints:` list.
pub fn constraints(value: Option<&Value>) -> Vec<Constraint> {
    let Some(list) = value.and_then(Value::as_list) else { return Vec::new() };
    list.iter()
        .filter_map(Value::as_map)
        .map(|fields| {
            let kind = fields.get("type").map(Value::to_string).unwrap_or_default();
            Constraint { kind, fields: fields.clone() }
        })
        .collect()
}

/// A text or a list of texts as a list.
pub fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(items)) => items.iter().map(Value::to_string).collect(),
        Some(one) => vec![one.to_string()],
    }
}

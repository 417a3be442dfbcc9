//! Source tables out of `sources:` entries.
//!
//! In: a rendered source entry, the target's defaults. Out: one [`Source`] a table, and its tests' drafts.
//! Rules: `core/dbt/parser/sources.py`.

use crate::base::{Dict, NodeId, Relation, Value};
use crate::diag::{Diagnostics, Span};
use crate::load::YamlNode;
use crate::node::{ResourceType, Source};

use super::columns::{self, texts};
use super::config::{ConfigSources, resolve, unrendered};
use super::docs::Docs;
use super::generic_tests::{ConfigRenderer, Place, Target, TestDraft, drafts};
use super::names::Defaults;
use super::patches::Entry;

/// The config trees that apply to a package's sources.
#[derive(Clone, Copy)]
pub struct Trees<'a> {
    /// Of the package itself, rendered.
    pub own: Option<&'a Dict>,
    /// Of the root project, if the package is not it.
    pub root: Option<&'a Dict>,
}

/// What the tables of an entry share.
pub struct SourceContext<'a> {
    /// Where unnamed parts go.
    pub defaults: &'a Defaults,
    /// Config trees.
    pub trees: Trees<'a>,
    /// Quoting of the root project.
    pub quoting: &'a Dict,
}

/// The tables of a source entry.
pub fn tables(entry: &Entry, cx: &SourceContext<'_>, docs: &mut Docs<'_>) -> Vec<Source> {
    let Some(list) = entry.value.get("tables").and_then(Value::as_list) else { return Vec::new() };
    list.iter().filter_map(Value::as_map).filter_map(|table| one(entry, table, cx, docs)).collect()
}

/// The tests of a source's tables.
pub fn tests(entry: &Entry, render: &ConfigRenderer<'_>, diagnostics: &mut Diagnostics) -> Vec<TestDraft> {
    let source_tags = tags_of(&entry.value);
    let mut found = Vec::new();
    for table in entry.node.get("tables").map(YamlNode::items).unwrap_or_default() {
        let Some(name) = table.get("name").and_then(YamlNode::as_scalar) else { continue };
        let target = Target::Source { source: entry.name.clone(), table: name.to_string() };
        let place = Place {
            package: &entry.package,
            path: &entry.path,
            file_key_name: format!("sources.{}", entry.name),
            attached_node: None,
        };
        let mut tags = source_tags.clone();
        tags.extend(tags_of(&table.to_dict()));
        found.extend(drafts(table, &target, &place, &tags, render, diagnostics));
    }
    found
}

fn tags_of(value: &Dict) -> Vec<String> {
    let mut tags = texts(value.get("tags"));
    tags.extend(texts(value.get("config").and_then(|c| c.get("tags"))));
    tags
}

fn one(entry: &Entry, table: &Dict, cx: &SourceContext<'_>, docs: &mut Docs<'_>) -> Option<Source> {
    let source = &entry.value;
    let name = table.get("name").filter(|n| !n.is_null())?.to_string();
    let text = |map: &Dict, key: &str| map.get(key).filter(|v| !v.is_null()).map(Value::to_string);
    let mut fqn = super::raw::fqn(&entry.package, &entry.relative_path, &entry.name);
    fqn.push(name.clone());
    let properties = properties(source, table);
    let sources = ConfigSources { own: cx.trees.own, properties: Some(&properties), call: None, root: cx.trees.root };
    let config = resolve(ResourceType::Source, &fqn, sources);
    let relation = Relation {
        database: text(source, "database")
            .or_else(|| text(source, "catalog"))
            .or_else(|| Some(cx.defaults.database.clone())),
        schema: text(source, "schema").or_else(|| Some(entry.name.clone())),
        identifier: text(table, "identifier").or_else(|| Some(name.clone())),
    };
    let mut quoting: Dict =
        ["database", "schema", "identifier", "column"].iter().map(|k| ((*k).to_owned(), Value::Null)).collect();
    for map in [source, table] {
        if let Some(given) = map.get("quoting").and_then(Value::as_map) {
            quoting.extend(given.clone());
        }
    }
    let meta = |map: &Dict| {
        let mut meta = map.get("meta").and_then(Value::as_map).cloned().unwrap_or_default();
        let more = map.get("config").and_then(|c| c.get("meta")).and_then(Value::as_map).cloned();
        meta.extend(more.unwrap_or_default());
        meta
    };
    let source_meta = meta(source);
    let described = docs.describe(table.get("description"), &entry.package);
    let relation_name = external_location(&config.0, table, &source_meta, &relation, &name)
        .unwrap_or_else(|| rendered(&relation, cx.quoting, &quoting));
    Some(Source {
        id: NodeId::from(format!("source.{}.{}.{name}", entry.package, entry.name)),
        source_name: entry.name.clone(),
        package: entry.package.clone(),
        original_path: entry.path.clone(),
        relation_name,
        relation,
        quoting,
        source_description: docs.describe(source.get("description"), &entry.package).text,
        description: described.text,
        doc_blocks: described.blocks,
        loader: text(source, "loader").unwrap_or_default(),
        meta: config.map("meta").cloned().unwrap_or_default(),
        source_meta,
        tags: config.tags().iter().map(|t| (*t).to_owned()).collect(),
        columns: columns::columns(table, &entry.package, docs),
        freshness: config.get("freshness").cloned().unwrap_or_default(),
        loaded_at_field: config.str("loaded_at_field").map(str::to_owned),
        loaded_at_query: config.str("loaded_at_query").map(str::to_owned),
        external: table.get("external").cloned().unwrap_or_default(),
        unrendered_config: unrendered(&fqn, ConfigSources { properties: None, ..sources }),
        span: span_of(entry, &name),
        config,
        name,
        fqn,
    })
}

/// The `config` of source and table with what older syntax writes beside it: the table's word counts.
fn properties(source: &Dict, table: &Dict) -> Dict {
    let mut merged = Dict::new();
    let mut tags: Vec<String> = Vec::new();
    let mut meta = Dict::new();
    for map in [source, table] {
        let config = map.get("config").and_then(Value::as_map).cloned().unwrap_or_default();
        for tag in tags_of(map) {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        for given in [map.get("meta"), config.get("meta")].into_iter().flatten() {
            meta.extend(given.as_map().cloned().unwrap_or_default());
        }
        for key in ["freshness", "loaded_at_field", "loaded_at_query"] {
            if let Some(value) = config.get(key).or_else(|| map.get(key)) {
                let value = if key == "freshness" { freshness(merged.get("freshness"), value) } else { value.clone() };
                merged.insert(key.into(), value);
                // A table's field takes the place of an inherited query, and the other way round.
                let other = if key == "loaded_at_field" { "loaded_at_query" } else { "loaded_at_field" };
                if key != "freshness" && !map.contains_key(other) && !config.contains_key(other) {
                    merged.insert(other.into(), Value::Null);
                }
            }
        }
        for (key, value) in config {
            if !matches!(key.as_str(), "tags" | "meta" | "freshness" | "loaded_at_field" | "loaded_at_query") {
                merged.insert(key, value);
            }
        }
    }
    merged.insert("tags".into(), tags.into());
    merged.insert("meta".into(), meta.into());
    merged
}

/// Freshness thresholds merged key by key; null switches the check off.
fn freshness(inherited: Option<&Value>, given: &Value) -> Value {
    let Value::Map(given) = given else { return Value::Null };
    let mut merged = Dict::new();
    for key in ["warn_after", "error_after", "filter"] {
        let value = given.get(key).or_else(|| inherited.and_then(|i| i.get(key))).cloned().unwrap_or_default();
        let complete = match &value {
            Value::Map(threshold) => {
                let mut full = Dict::new();
                for part in ["count", "period"] {
                    full.insert(part.into(), threshold.get(part).cloned().unwrap_or_default());
                }
                Value::Map(full)
            }
            other => other.clone(),
        };
        merged.insert(key.into(), complete);
    }
    Value::Map(merged)
}

/// A source that is a file: `external_location` in the config or meta of table or source, `{name}` and the like filled in.
fn external_location(
    config: &Dict,
    table: &Dict,
    source_meta: &Dict,
    relation: &Relation,
    name: &str,
) -> Option<String> {
    let of =
        |map: Option<&Value>| map.and_then(|m| m.get("external_location")).and_then(Value::as_str).map(str::to_owned);
    let template = config
        .get("external_location")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .or_else(|| of(table.get("meta")))
        .or_else(|| of(config.get("meta")))
        .or_else(|| source_meta.get("external_location").and_then(Value::as_str).map(str::to_owned))?;
    let part = |p: &Option<String>| p.clone().unwrap_or_default();
    let location = template
        .replace("{name}", name)
        .replace("{identifier}", &part(&relation.identifier))
        .replace("{schema}", &part(&relation.schema))
        .replace("{database}", &part(&relation.database));
    // A plain path is quoted; a call such as read_parquet(...) stands for itself.
    Some(if location.contains('(') { location } else { format!("'{}'", location.trim_matches('\'')) })
}

fn rendered(relation: &Relation, project: &Dict, own: &Dict) -> String {
    let quoted = |key: &str| {
        own.get(key).and_then(Value::as_bool).or_else(|| project.get(key).and_then(Value::as_bool)).unwrap_or(true)
    };
    let parts = [("database", &relation.database), ("schema", &relation.schema), ("identifier", &relation.identifier)];
    let shown: Vec<String> = parts
        .iter()
        .filter_map(|(key, part)| part.as_ref().map(|p| if quoted(key) { format!("\"{p}\"") } else { p.clone() }))
        .collect();
    shown.join(".")
}

fn span_of(entry: &Entry, table: &str) -> Span {
    let tables = entry.node.get("tables").map(YamlNode::items).unwrap_or_default();
    tables
        .iter()
        .filter_map(|t| t.get("name"))
        .find(|n| n.as_scalar().is_some_and(|s| s.to_string() == table))
        .map_or_else(|| entry.span(), |n| n.span.clone())
}

//! Source tables out of `sources:` entries.
//!
//! In: a rendered source entry, the target's defaults. Out: one [`Source`] a table, and its tests' drafts.
//! Rules: `core/dbt/parser/sources.py`.

use crate::base::{Dict, NodeId, Relation, Value};
use crate::diag::{Diagnostic, Diagnostics, Span, codes};
use crate::load::YamlNode;
use crate::node::{ResourceType, Source};

use super::assemble::Cx;
use super::columns::{self, texts};
use super::config::{ConfigSources, resolve, unrendered};
use super::docs::Docs;
use super::external::{self, External};
use super::generic_tests::{ConfigRenderer, Place, Target, TestDraft, drafts};
use super::names::Defaults;
use super::patches::Entry;
use super::source_config::{completed, properties, says_both_loaded_at};

/// The config trees that apply to a package's sources.
#[derive(Clone, Copy)]
pub struct Trees<'a> {
    /// Of the package itself, rendered.
    pub own: Option<&'a Dict>,
    /// Of the root project, if the package is not it.
    pub root: Option<&'a Dict>,
    /// The two before rendering.
    pub raw: (Option<&'a Dict>, Option<&'a Dict>),
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
pub fn tables(
    entry: &Entry,
    cx: &SourceContext<'_>,
    docs: &mut Docs<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Source> {
    let Some(list) = entry.value.get("tables").and_then(Value::as_list) else { return Vec::new() };
    let both = |map: &Dict, is_table: bool| {
        says_both_loaded_at(map, is_table).then(|| {
            let level = if is_table { "table" } else { "source" };
            let message = format!("Cannot specify both loaded_at_field and loaded_at_query at {level} level");
            Diagnostic::error(codes::PROPERTIES_INVALID, message).help("remove one of the two")
        })
    };
    diagnostics.extend(both(&entry.value, false).map(|problem| problem.at(entry.span())));
    let mut found = Vec::new();
    for table in list {
        let Some(mut source) = table.as_map().and_then(|table| one(entry, table, cx, docs)) else { continue };
        source.reader = reader(&source, diagnostics);
        if let Some(reader) = &source.reader {
            source.relation_name.clone_from(reader);
        }
        let problem = table.as_map().and_then(|table| both(table, true));
        diagnostics.extend(problem.map(|problem| problem.at(source.span.clone())));
        check(&source, entry, diagnostics);
        found.push(source);
    }
    found
}

/// Where a value of a table's config is written, in the table itself or in its source.
fn config_place(source: &Source, entry: &Entry, path: &[&str], value: &Value) -> Option<Span> {
    let table = table_of(entry, &source.name);
    let levels = [table.and_then(|table| table.get("config")), table, entry.node.get("config"), Some(&entry.node)];
    let written = levels.into_iter().flatten().filter_map(|level| level.at(path));
    written.into_iter().find(|node| node.to_base() == *value).map(|node| node.span.clone())
}

/// What is wrong with a table's config.
fn check(source: &Source, entry: &Entry, diagnostics: &mut Diagnostics) {
    let wrong = |diagnostics: &mut Diagnostics, path: &[&str], value: &Value, message: String, help: &str| {
        let at = config_place(source, entry, path, value).unwrap_or_else(|| source.span.clone());
        let problem = Diagnostic::error(codes::CONFIG_INVALID, message).at(at);
        diagnostics.push(problem.node(source.id.to_string()).help(help));
    };
    if let Some(value) = source.config.get("enabled").filter(|v| v.as_bool().is_none()) {
        let at = config_place(source, entry, &["enabled"], value).unwrap_or_else(|| source.span.clone());
        diagnostics.push(super::checks::not_a_boolean(source.id.as_str(), "enabled", value).at(at));
    }
    for key in ["warn_after", "error_after"] {
        let Some(limit) = source.freshness.get(key).and_then(Value::as_map) else { continue };
        let given = |part: &str| limit.get(part).filter(|value| !value.is_null());
        if let Some(period) = given("period").filter(|p| !matches!(p.as_str(), Some("minute" | "hour" | "day"))) {
            let message = format!("`{key}` of {} has the period '{period}'", source.id);
            wrong(diagnostics, &["freshness", key, "period"], period, message, "write minute, hour or day");
        }
        if let Some(count) = given("count").filter(|c| c.to_string().parse::<i64>().is_err()) {
            let message = format!("`{key}` of {} has the count '{count}'", source.id);
            wrong(diagnostics, &["freshness", key, "count"], count, message, "write a whole number");
        }
    }
    if source.loaded_at_field.as_deref() == Some("") {
        let message = format!("the `loaded_at_field` of {} is empty", source.id);
        let help = "name a column; `loaded_at_field: null` takes away that of the source";
        wrong(diagnostics, &["loaded_at_field"], &"".into(), message, help);
    }
    let asks = source.loaded_at_field.is_some() || source.loaded_at_query.is_some();
    if source.has_freshness() && source.config.enabled() && !asks {
        let message = format!(
            "the freshness of the source '{}.{}' cannot be told: it has thresholds, but no `loaded_at_field`",
            source.source_name, source.name
        );
        let problem = Diagnostic::warning(codes::FRESHNESS_UNKNOWN, message).at(source.span.clone());
        diagnostics.push(problem.help("add `loaded_at_field: <column>` or a `loaded_at_query`"));
    }
}

/// The tests of a source's tables.
pub fn tests(cx: &Cx<'_>, entry: &Entry, render: &ConfigRenderer<'_>, diagnostics: &mut Diagnostics) -> Vec<TestDraft> {
    let source_tags = texts(entry.value.get("tags"));
    let mut found = Vec::new();
    for table in entry.node.get("tables").map(YamlNode::items).unwrap_or_default() {
        let Some(name) = table.get("name").and_then(YamlNode::as_scalar) else { continue };
        let target = Target::Source { source: entry.name.clone(), table: name.to_string() };
        let place = Place {
            package: &entry.package,
            path: &entry.path,
            file_key_name: format!("sources.{}", entry.name),
            attached_node: None,
            nests_arguments: cx.nests_arguments(),
        };
        let mut tags = source_tags.clone();
        tags.extend(texts(table.get("tags").map(YamlNode::to_base).as_ref()));
        found.extend(drafts(table, &target, &place, &tags, render, diagnostics));
    }
    found
}

fn one(entry: &Entry, table: &Dict, cx: &SourceContext<'_>, docs: &mut Docs<'_>) -> Option<Source> {
    let source = &entry.value;
    let name = table.get("name").filter(|n| !n.is_null())?.to_string();
    let text = |map: &Dict, key: &str| map.get(key).filter(|v| !v.is_null()).map(Value::to_string);
    let mut fqn = super::raw::fqn(&entry.package, &entry.relative_path, &entry.name);
    fqn.push(name.clone());
    let properties = properties(source, table);
    let sources = ConfigSources { own: cx.trees.own, properties: Some(&properties), call: None, root: cx.trees.root };
    let mut config = resolve(ResourceType::Source, &fqn, sources);
    config.0.insert("freshness".into(), completed(config.get("freshness")));
    config.0.insert("tags".into(), properties["tags"].clone());
    let mut unrendered_config =
        unrendered(&fqn, ConfigSources { own: cx.trees.raw.0, root: cx.trees.raw.1, ..sources });
    // What the properties say of these two takes the place of the project's words, as in the merged config.
    for key in ["tags", "meta"] {
        unrendered_config.insert(key.into(), properties[key].clone());
    }
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
    let relation_name = rendered(&relation, cx.quoting, &quoting);
    let raw = |key: &str| entry.node.get(key).filter(|n| !n.is_null()).map(|n| n.to_base().to_string());
    Some(Source {
        id: NodeId::from(format!("source.{}.{}.{name}", entry.package, entry.name)),
        source_name: entry.name.clone(),
        package: entry.package.clone(),
        original_path: entry.path.clone(),
        relation_name,
        reader: None,
        relation,
        unrendered_database: raw("database").or_else(|| raw("catalog")),
        unrendered_schema: raw("schema"),
        patch_path: entry.overridden_by.clone(),
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
        external: external(table.get("external")),
        unrendered_config,
        span: span_of(entry, &name),
        config,
        name,
        fqn,
    })
}

/// `external` with every key that dbt knows.
fn external(given: Option<&Value>) -> Value {
    let Some(Value::Map(given)) = given else { return given.cloned().unwrap_or_default() };
    let mut full = Dict::new();
    for key in ["location", "file_format", "row_format", "tbl_properties", "partitions"] {
        full.insert(key.into(), given.get(key).cloned().unwrap_or_default());
    }
    full.extend(given.clone());
    Value::Map(full)
}

/// The SQL text that reads a source's files; none for a table. What is wrong with it is told.
fn reader(source: &Source, diagnostics: &mut Diagnostics) -> Option<String> {
    let shown = format!("source('{}', '{}')", source.source_name, source.name);
    match external::read(&source.name, &source.relation, &source.meta, &source.config.0) {
        Ok(External::None) => None,
        Ok(External::Location(text)) => Some(text),
        Ok(External::Plugin(plugin)) => {
            let message =
                format!("{shown} is loaded by the plugin '{plugin}', a Python module that cannot be used here");
            let problem = Diagnostic::warning(codes::UNSUPPORTED, message).at(source.span.clone());
            diagnostics.push(problem.help("load it in a Python model, or name its files by `external_location`"));
            None
        }
        Err(problem) => {
            let problem = Diagnostic::error(codes::PROPERTIES_INVALID, format!("{shown}: {problem}"));
            diagnostics.push(problem.at(source.span.clone()).node(source.id.to_string()));
            None
        }
    }
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

/// The table of a name, as it was read.
fn table_of<'e>(entry: &'e Entry, name: &str) -> Option<&'e YamlNode> {
    let is_it = |table: &&YamlNode| {
        let written = table.get("name").and_then(YamlNode::as_scalar);
        written.is_some_and(|written| written.to_string() == name)
    };
    entry.node.get("tables").map(YamlNode::items).unwrap_or_default().iter().find(is_it)
}

fn span_of(entry: &Entry, table: &str) -> Span {
    let name = table_of(entry, table).and_then(|table| table.get("name"));
    name.map_or_else(|| entry.span(), |name| name.span.clone())
}

//! The semantic layer: semantic models, metrics and saved queries, out of properties entries.
//!
//! In: rendered entries; then the project, whose models are known. Out: [`Semantic`]s with descriptions, and the metrics
//! that `create_metric` asks for; [`link`] gives them parents, [`time_spine`] checks what they need of models. Rules:
//! `core/dbt/parser/schema_yaml_readers.py`.

mod link;
mod old_ways;
mod time_spine;

use std::collections::HashMap;

use crate::base::{Dict, NodeId, Value};
use crate::diag::{Diagnostic, Diagnostics, Span, codes};
use crate::load::YamlNode;
use crate::node::{Config, ResourceType, Semantic};

use super::assemble::Cx;
use super::config::{ConfigSources, resolve, unrendered};
use super::docs::Docs;
use super::extras::check_enabled;
use super::patches::{Entry, Patches};
use super::raw::fqn;

pub use link::link;
pub use old_ways::check_old_ways;
pub use time_spine::check_time_spine;

/// Elements of a semantic model that have descriptions and configs of their own.
const ELEMENTS: [&str; 3] = ["entities", "measures", "dimensions"];

/// The semantic layer of all packages; parents are still empty.
pub fn collect(cx: &Cx<'_>, patches: &Patches, docs: &mut Docs<'_>, diagnostics: &mut Diagnostics) -> Vec<Semantic> {
    let kinds = [
        ("semantic_models", ResourceType::SemanticModel),
        ("metrics", ResourceType::Metric),
        ("saved_queries", ResourceType::SavedQuery),
    ];
    let mut found: Vec<Semantic> = Vec::new();
    let mut seen: HashMap<NodeId, Span> = HashMap::new();
    for (section, kind) in kinds {
        for entry in patches.section(section) {
            let problems = shape_problems(entry, kind);
            if !problems.is_empty() {
                diagnostics.extend(problems);
                continue;
            }
            let made = semantic(cx, entry, kind, docs);
            diagnostics.extend(check_enabled(entry, &made.config));
            let created = if kind == ResourceType::SemanticModel { created_metrics(cx, entry, &made) } else { vec![] };
            for semantic in std::iter::once(made).chain(created) {
                if let Some(first) = seen.get(&semantic.id) {
                    diagnostics.push(twice(&semantic, first));
                    continue;
                }
                seen.insert(semantic.id.clone(), semantic.span.clone());
                found.push(semantic);
            }
        }
    }
    found
}

fn twice(semantic: &Semantic, first: &Span) -> Diagnostic {
    let message = format!("two {}s are named '{}' in the package '{}'", semantic.kind, semantic.name, semantic.package);
    Diagnostic::error(codes::DUPLICATE_RESOURCE, message)
        .at(semantic.span.clone())
        .label(first.clone(), "the first one")
        .help("rename one of the two; a measure with `create_metric: true` makes a metric of its name")
}

fn configs(cx: &Cx<'_>, entry: &Entry, kind: ResourceType, fqn: &[String]) -> (Config, Dict) {
    let sources = |raw: bool, properties| {
        let (own, root) = cx.trees(&entry.package, kind, raw);
        ConfigSources { own, properties: Some(properties), call: None, root }
    };
    let mut properties = entry.config();
    if kind == ResourceType::SavedQuery
        && let Some(tags) = entry.value.get("tags")
    {
        properties.entry("tags".into()).or_insert(tags.clone());
    }
    let config = resolve(kind, fqn, sources(false, &properties));
    (config, unrendered(fqn, sources(true, &entry.raw_config)))
}

fn semantic(cx: &Cx<'_>, entry: &Entry, kind: ResourceType, docs: &mut Docs<'_>) -> Semantic {
    let fqn = fqn(&entry.package, &entry.relative_path, &entry.name);
    let (config, unrendered_config) = configs(cx, entry, kind, &fqn);
    let mut fields = entry.value.clone();
    docs.span = Some(entry.span());
    describe(&mut fields, &entry.package, docs);
    if kind == ResourceType::SemanticModel {
        let meta = config.map("meta").cloned().unwrap_or_default();
        for key in ELEMENTS {
            for_each(&mut fields, key, |element| {
                describe(element, &entry.package, docs);
                let own = element.get("config").and_then(|c| c.get("meta")).and_then(Value::as_map).cloned();
                let mut all = meta.clone();
                all.extend(own.unwrap_or_default());
                element.insert("config".into(), Value::Map(Dict::from_iter([("meta".to_owned(), Value::Map(all))])));
            });
        }
    }
    if kind == ResourceType::Metric
        && let Some(meta) = config.map("meta").filter(|m| !m.is_empty())
    {
        fields.insert("meta".into(), Value::Map(meta.clone()));
    }
    if kind == ResourceType::SavedQuery {
        let mut tags = config.tags();
        tags.sort();
        tags.dedup();
        fields.insert("tags".into(), tags.into());
    }
    fields.insert("unrendered_config".into(), Value::Map(unrendered_config));
    Semantic {
        id: NodeId::from(format!("{kind}.{}.{}", entry.package, entry.name)),
        kind,
        name: entry.name.clone(),
        package: entry.package.clone(),
        original_path: entry.path.clone(),
        fqn,
        config,
        fields,
        depends_on: Vec::new(),
        span: entry.span(),
    }
}

fn describe(fields: &mut Dict, package: &str, docs: &mut Docs<'_>) {
    if let Some(value) = fields.get("description").filter(|v| !v.is_null()) {
        let text = docs.describe(Some(value), package).text;
        fields.insert("description".into(), text.into());
    }
}

fn for_each(fields: &mut Dict, key: &str, mut change: impl FnMut(&mut Dict)) {
    if let Some(Value::List(items)) = fields.get_mut(key) {
        for item in items {
            if let Value::Map(item) = item {
                change(item);
            }
        }
    }
}

/// A metric for each measure with `create_metric: true`.
fn created_metrics(cx: &Cx<'_>, entry: &Entry, model: &Semantic) -> Vec<Semantic> {
    let wanted = measures(model).iter().filter(|m| m.get("create_metric") == Some(&Value::Bool(true)));
    wanted
        .filter_map(|measure| {
            let name = measure.get("name")?.to_string();
            let text = |key: &str, otherwise: String| {
                measure.get(key).filter(|v| !v.is_null()).map_or(otherwise, Value::to_string)
            };
            let mut given = Dict::new();
            given.insert("enabled".into(), model.config.enabled().into());
            given.insert("meta".into(), Value::Map(model.config.map("meta").cloned().unwrap_or_default()));
            let fqn = fqn(&entry.package, &entry.relative_path, &name);
            let (own, root) = cx.trees(&entry.package, ResourceType::Metric, false);
            let sources = ConfigSources { own, properties: Some(&given), call: None, root };
            let config = resolve(ResourceType::Metric, &fqn, sources);
            let mut params = Dict::new();
            params.insert("measure".into(), name.as_str().into());
            params.insert("expr".into(), text("expr", name.clone()).into());
            let mut fields = Dict::new();
            fields.insert("name".into(), name.as_str().into());
            fields.insert("label".into(), text("label", name.clone()).into());
            fields.insert("type".into(), "simple".into());
            fields.insert("type_params".into(), Value::Map(params));
            let made_from = format!("Metric created from measure {name}");
            fields.insert("description".into(), text("description", made_from).into());
            fields.insert("meta".into(), config.map("meta").cloned().unwrap_or_default().into());
            fields.insert("unrendered_config".into(), Value::Map(given));
            Some(Semantic {
                id: NodeId::from(format!("metric.{}.{name}", entry.package)),
                kind: ResourceType::Metric,
                name,
                package: entry.package.clone(),
                original_path: entry.path.clone(),
                fqn,
                config,
                fields,
                depends_on: Vec::new(),
                span: entry.span(),
            })
        })
        .collect()
}

/// What the entry lacks, or holds in a wrong form.
fn shape_problems(entry: &Entry, kind: ResourceType) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let needed: &[&str] = match kind {
        ResourceType::Metric => &["label", "type", "type_params"],
        ResourceType::SemanticModel => &["model"],
        ResourceType::SavedQuery => &["query_params"],
        _ => &[],
    };
    let invalid = |text: String, span: Span| Diagnostic::error(codes::SEMANTIC_INVALID, text).at(span);
    for key in needed.iter().filter(|key| entry.node.get(key).is_none_or(YamlNode::is_null)) {
        problems.push(
            invalid(format!("the {kind} '{}' has no `{key}`", entry.name), entry.span())
                .help(format!("add `{key}:` to it")),
        );
    }
    if kind != ResourceType::Metric {
        return problems;
    }
    problems.extend(metric_name(&entry.name).map(|why| {
        invalid(format!("the metric name '{}' is invalid: it {why}", entry.name), entry.span())
            .help("use letters, digits and underscores, and a letter first")
    }));
    let metric_type = entry.node.get("type").and_then(YamlNode::as_str);
    const TYPES: [&str; 5] = ["simple", "ratio", "cumulative", "derived", "conversion"];
    if let Some(written) = metric_type.filter(|t| !TYPES.contains(t)) {
        let span = entry.node.get("type").map_or_else(|| entry.span(), |n| n.span.clone());
        problems.push(
            invalid(format!("'{written}' is no type of a metric"), span)
                .help(format!("it must be one of {}", TYPES.join(", "))),
        );
    }
    for path in [
        &["type_params", "window"][..],
        &["type_params", "cumulative_type_params", "window"],
        &["type_params", "conversion_type_params", "window"],
    ] {
        let Some(node) = entry.node.at(path).filter(|n| !n.is_null()) else { continue };
        let parts: Vec<&str> = node.as_str().unwrap_or_default().split(' ').collect();
        if !matches!(parts[..], [count, _] if !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit())) {
            problems.push(
                invalid(
                    format!("the window of the metric '{}' is not of the form `<count> <granularity>`", entry.name),
                    node.span.clone(),
                )
                .help("write it like `28 days`"),
            );
        }
    }
    problems
}

/// Why a metric's name is not allowed.
fn metric_name(name: &str) -> Option<String> {
    let mut reasons = Vec::new();
    if name.contains(' ') {
        reasons.push("cannot contain spaces");
    }
    if name.chars().count() > 250 {
        reasons.push("cannot contain more than 250 characters");
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        reasons.push("must begin with a letter");
    }
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        reasons.push("must contain only letters, numbers and underscores");
    }
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

fn measures(model: &Semantic) -> &[Value] {
    model.fields.get("measures").and_then(Value::as_list).unwrap_or_default()
}

//! Exposures, groups and unit tests out of properties entries.
//!
//! In: rendered entries. Out: the domain's structs, parents still as calls where they are written as calls.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::{NodeId, Value};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::load::{FileKind, YamlNode};
use crate::node::{Checksum, Config, Exposure, Fixture, FixtureFormat, Group, Node, RefCall, ResourceType, UnitTest};

use super::assemble::Cx;
use super::columns::texts;
use super::config::{ConfigSources, resolve};
use super::docs::Docs;
use super::patches::{Entry, Patches};
use super::raw::fqn;

/// A `ref(...)` or `source(...)` written as text.
#[derive(Clone, Debug, PartialEq)]
pub enum TextCall {
    /// `ref('a')`, `ref('p', 'a')`, `ref('a', v=2)`.
    Ref(RefCall),
    /// `source('a', 'b')`.
    Source(String, String),
    /// `metric('a')`.
    Metric(String),
    /// `this`.
    This,
}

/// Reads a call written as text, with or without braces.
pub fn text_call(text: &str) -> Option<TextCall> {
    let text = text.trim();
    let text = text.strip_prefix("{{").and_then(|t| t.strip_suffix("}}")).map_or(text, str::trim);
    if text == "this" {
        return Some(TextCall::This);
    }
    let (function, rest) = text.split_once('(')?;
    let inner = rest.trim_end().strip_suffix(')')?;
    let mut names = Vec::new();
    let mut version = Value::Null;
    for part in inner.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        match part.split_once('=') {
            Some((key, value)) if matches!(key.trim(), "v" | "version") => {
                let value = value.trim().trim_matches(['\'', '"']);
                version = value.parse::<i64>().map_or_else(|_| Value::from(value), Value::from);
            }
            _ => names.push(part.trim_matches(['\'', '"']).to_owned()),
        }
    }
    match (function.trim(), names.as_slice()) {
        ("ref", [name]) => Some(TextCall::Ref(RefCall { package: None, name: name.clone(), version })),
        ("ref", [package, name]) => {
            Some(TextCall::Ref(RefCall { package: Some(package.clone()), name: name.clone(), version }))
        }
        ("metric", [name] | [_, name]) => Some(TextCall::Metric(name.clone())),
        ("source", [source, table]) => Some(TextCall::Source(source.clone(), table.clone())),
        _ => None,
    }
}

fn merged(cx: &Cx<'_>, entry: &Entry, resource_type: ResourceType, fqn: &[String]) -> Config {
    let (own, root) = cx.trees(&entry.package, resource_type, false);
    let mut properties = entry.config();
    if let Some(tags) = entry.value.get("tags") {
        properties.entry("tags".into()).or_insert(tags.clone());
    }
    resolve(resource_type, fqn, ConfigSources { own, properties: Some(&properties), call: None, root })
}

/// The exposures of all packages.
pub fn exposures(cx: &Cx<'_>, patches: &Patches, docs: &mut Docs<'_>, diagnostics: &mut Diagnostics) -> Vec<Exposure> {
    let mut found = Vec::new();
    for entry in patches.section("exposures") {
        let fqn = fqn(&entry.package, &entry.relative_path, &entry.name);
        let config = merged(cx, entry, ResourceType::Exposure, &fqn);
        let (mut refs, mut sources, mut metrics) = (Vec::new(), Vec::new(), Vec::new());
        for text in entry.node.get("depends_on").map(YamlNode::items).unwrap_or_default() {
            match text.as_str().and_then(text_call) {
                Some(TextCall::Ref(call)) => refs.push(call),
                Some(TextCall::Source(source, table)) => sources.push((source, table)),
                Some(TextCall::Metric(name)) => metrics.push(name),
                _ => diagnostics.push(
                    Diagnostic::error(
                        codes::PROPERTIES_INVALID,
                        "an exposure depends on ref(...), source(...) or metric(...) calls",
                    )
                    .at(text.span.clone())
                    .help("write it like: ref('orders')"),
                ),
            }
        }
        let mut fields = entry.value.clone();
        docs.span = Some(entry.span());
        let described = docs.describe(entry.value.get("description"), &entry.package);
        fields.insert("description".into(), described.text.into());
        fields.insert("meta".into(), config.map("meta").cloned().unwrap_or_default().into());
        fields.insert("tags".into(), config.tags().into());
        found.push(Exposure {
            id: NodeId::from(format!("exposure.{}.{}", entry.package, entry.name)),
            name: entry.name.clone(),
            package: entry.package.clone(),
            path: entry.relative_path.clone(),
            original_path: entry.path.clone(),
            fqn,
            config,
            fields,
            refs,
            sources,
            metrics,
            depends_on: Vec::new(),
            span: entry.span(),
        });
    }
    found
}

/// The groups of all packages.
pub fn groups(patches: &Patches) -> Vec<Group> {
    patches
        .section("groups")
        .map(|entry| Group {
            unique_id: format!("group.{}.{}", entry.package, entry.name),
            name: entry.name.clone(),
            package: entry.package.clone(),
            original_path: entry.path.clone(),
            owner: entry.value.get("owner").and_then(Value::as_map).cloned().unwrap_or_default(),
            fields: entry.value.clone(),
        })
        .collect()
}

/// The unit tests of all packages; a test of a versioned model is made once a version.
pub fn unit_tests(
    cx: &Cx<'_>,
    patches: &Patches,
    models: &HashMap<(String, String), Vec<Arc<Node>>>,
    diagnostics: &mut Diagnostics,
) -> Vec<UnitTest> {
    let mut found = Vec::new();
    for entry in patches.section("unit_tests") {
        let Some(model) = entry.value.get("model").and_then(Value::as_str).map(str::to_owned) else {
            diagnostics.push(
                Diagnostic::error(codes::UNIT_TEST_INVALID, format!("the unit test '{}' names no model", entry.name))
                    .at(entry.span())
                    .help("add `model: <name of the model under test>`"),
            );
            continue;
        };
        let Some(targets) = models.get(&(entry.package.clone(), model.clone())) else {
            let names = models.keys().map(|(_, n)| n.as_str());
            let mut problem = Diagnostic::error(
                codes::UNIT_TEST_INVALID,
                format!("the unit test '{}' tests the model '{model}', which does not exist", entry.name),
            )
            .at(entry.node.get("model").map_or_else(|| entry.span(), |n| n.span.clone()));
            if let Some(near) = crate::diag::nearest(&model, names).first() {
                problem = problem.help(format!("did you mean '{near}'?"));
            }
            diagnostics.push(problem);
            continue;
        };
        for target in wanted_versions(entry, targets) {
            found.extend(unit_test(cx, entry, &model, target, diagnostics));
        }
    }
    found
}

fn wanted_versions<'a>(entry: &Entry, targets: &'a [Arc<Node>]) -> Vec<&'a Arc<Node>> {
    let list = |key: &str| entry.value.get("versions").and_then(|v| v.get(key)).map(|v| texts(Some(v)));
    let (include, exclude) = (list("include"), list("exclude"));
    targets
        .iter()
        .filter(|n| {
            let version = n.model().map(|m| m.version.to_string()).unwrap_or_default();
            include.as_ref().is_none_or(|i| i.contains(&version))
                && !exclude.as_ref().is_some_and(|e| e.contains(&version))
        })
        .collect()
}

fn unit_test(
    cx: &Cx<'_>,
    entry: &Entry,
    model: &str,
    target: &Arc<Node>,
    diagnostics: &mut Diagnostics,
) -> Option<UnitTest> {
    let version = target.model().map(|m| m.version.clone()).unwrap_or_default();
    let mut id = format!("unit_test.{}.{model}.{}", entry.package, entry.name);
    let mut fqn = fqn(&entry.package, &entry.relative_path, model);
    fqn.push(entry.name.clone());
    if !version.is_null() {
        id.push_str(&format!("_v{version}"));
    }
    let given: Vec<Fixture> = entry
        .node
        .get("given")
        .map(YamlNode::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|node| fixture(cx, entry, node, diagnostics))
        .collect();
    let Some(expect) = entry.node.get("expect") else {
        diagnostics.push(
            Diagnostic::error(codes::UNIT_TEST_INVALID, format!("the unit test '{}' expects nothing", entry.name))
                .at(entry.span())
                .help("add `expect: {rows: [...]}`"),
        );
        return None;
    };
    let expect = fixture(cx, entry, expect, diagnostics)?;
    let config = merged(cx, entry, ResourceType::UnitTest, &fqn);
    let text = Value::Map(entry.value.clone()).to_json().to_string();
    Some(UnitTest {
        id: NodeId::from(id),
        name: entry.name.clone(),
        model: model.to_owned(),
        tested_node: target.id.clone(),
        package: entry.package.clone(),
        path: entry.relative_path.clone(),
        original_path: entry.path.clone(),
        fqn,
        description: entry.value.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        given,
        expect,
        overrides: entry.value.get("overrides").and_then(Value::as_map).cloned().unwrap_or_default(),
        config,
        version,
        checksum: Checksum { name: "sha256".into(), checksum: super::raw::checksum(&text).checksum },
        depends_on: vec![target.id.clone()],
        span: entry.span(),
    })
}

/// YAML's dates as ISO text: that is how dbt hands them to the fixture's macro, which quotes text.
fn dates_as_text(value: Value) -> Value {
    match value {
        Value::Date(date) => Value::Str(date.to_string()),
        Value::Timestamp(at) => Value::Str(at.format("%Y-%m-%dT%H:%M:%S%.f").to_string()),
        Value::TimestampTz(at) => Value::Str(at.format("%Y-%m-%dT%H:%M:%S%.f%:z").to_string()),
        Value::List(items) => Value::List(items.into_iter().map(dates_as_text).collect()),
        Value::Map(map) => Value::Map(map.into_iter().map(|(k, v)| (k, dates_as_text(v))).collect()),
        other => other,
    }
}

fn fixture(cx: &Cx<'_>, entry: &Entry, node: &YamlNode, diagnostics: &mut Diagnostics) -> Option<Fixture> {
    let mut problem = |text: String, node: &YamlNode| {
        diagnostics.push(Diagnostic::error(codes::UNIT_TEST_INVALID, text).at(node.span.clone()));
    };
    let format = match node.get("format").and_then(YamlNode::as_str) {
        None | Some("dict") => FixtureFormat::Dict,
        Some("csv") => FixtureFormat::Csv,
        Some("sql") => FixtureFormat::Sql,
        Some(other) => {
            problem(format!("'{other}' is no fixture format; it must be dict, csv or sql"), node);
            return None;
        }
    };
    let fixture = node.get("fixture").and_then(YamlNode::as_str).map(str::to_owned);
    let mut rows = node.get("rows").map(|r| dates_as_text(r.to_base())).unwrap_or_default();
    if let Some(name) = &fixture {
        let extension = if format == FixtureFormat::Sql { "sql" } else { "csv" };
        let packages = cx.tree.package(&entry.package).into_iter().chain(cx.tree.all_packages());
        let file = packages
            .flat_map(|p| &p.files)
            .find(|f| f.kind == FileKind::Fixture && f.stem() == name && f.extension() == extension);
        match file {
            Some(file) => rows = file.file.text.as_str().into(),
            None => {
                problem(format!("no fixture file tests/fixtures/{name}.{extension} exists"), node);
                return None;
            }
        }
    }
    let fits = match (format, &rows) {
        (FixtureFormat::Dict, Value::List(items)) => items.iter().all(|i| i.as_map().is_some()),
        (FixtureFormat::Dict, Value::Null) => true,
        (FixtureFormat::Dict, _) => false,
        (_, rows) => rows.is_null() || rows.as_str().is_some(),
    };
    if !fits {
        let wanted = if format == FixtureFormat::Dict { "a list of mappings" } else { "text" };
        problem(format!("the rows of a {} fixture must be {wanted}, found {}", format.as_str(), rows.kind()), node);
        return None;
    }
    let input = node.get("input").and_then(YamlNode::as_str).unwrap_or_default().to_owned();
    Some(Fixture { input, format, rows, fixture, span: node.span.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_in_text() {
        let call = |package: Option<&str>, name: &str, version: Value| {
            Some(TextCall::Ref(RefCall { package: package.map(str::to_owned), name: name.into(), version }))
        };
        assert_eq!(text_call("ref('a')"), call(None, "a", Value::Null));
        assert_eq!(text_call("{{ ref(\"p\", \"a\", v=2) }}"), call(Some("p"), "a", Value::Int(2)));
        assert_eq!(text_call("source('s', 't')"), Some(TextCall::Source("s".into(), "t".into())));
        assert_eq!(text_call("this"), Some(TextCall::This));
        assert_eq!(text_call("orders"), None);
    }
}

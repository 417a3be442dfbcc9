//! Exposures and groups out of properties entries.
//!
//! In: rendered entries. Out: the domain's structs, parents still as calls where they are written as calls.

use crate::base::{NodeId, Value};
use crate::diag::{Diagnostic, Diagnostics, codes, warnings};
use crate::load::YamlNode;
use crate::node::{Config, Exposure, Group, RefCall, ResourceType};

use super::assemble::Cx;
use super::columns::texts;
use super::config::{ConfigSources, resolve, unrendered};
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

/// An exposure's config: tags of all places, sorted; `meta` of the project's top level, of the entry and of the config.
fn exposure_config(cx: &Cx<'_>, entry: &Entry, fqn: &[String]) -> Config {
    let (own, root) = cx.trees(&entry.package, ResourceType::Exposure, false);
    let properties = entry.config();
    let mut config =
        resolve(ResourceType::Exposure, fqn, ConfigSources { own, properties: Some(&properties), call: None, root });
    let top = |key: &str| own.and_then(|tree| tree.get(key).or_else(|| tree.get(&format!("+{key}"))));
    let mut tags = texts(top("tags"));
    tags.extend(texts(entry.value.get("tags")));
    tags.extend(config.tags().into_iter().map(str::to_owned));
    tags.sort();
    tags.dedup();
    let mut meta = top("meta").and_then(Value::as_map).cloned().unwrap_or_default();
    meta.extend(entry.value.get("meta").and_then(Value::as_map).cloned().unwrap_or_default());
    meta.extend(config.map("meta").cloned().unwrap_or_default());
    config.0.insert("tags".into(), tags.into());
    config.0.insert("meta".into(), meta.into());
    config
}

pub(super) fn merged(cx: &Cx<'_>, entry: &Entry, resource_type: ResourceType, fqn: &[String]) -> Config {
    let (own, root) = cx.trees(&entry.package, resource_type, false);
    let mut properties = entry.config();
    if let Some(tags) = entry.value.get("tags") {
        properties.entry("tags".into()).or_insert(tags.clone());
    }
    resolve(resource_type, fqn, ConfigSources { own, properties: Some(&properties), call: None, root })
}

/// What is wrong with the `enabled` of an entry's config.
pub(super) fn check_enabled(entry: &Entry, config: &Config) -> Option<Diagnostic> {
    let value = config.get("enabled").filter(|value| value.as_bool().is_none())?;
    let written = entry.node.at(&["config", "enabled"]).filter(|written| written.to_base() == *value);
    let at = written.map_or_else(|| entry.span(), |written| written.span.clone());
    Some(super::checks::not_a_boolean(&format!("'{}'", entry.name), "enabled", value).at(at))
}

/// The exposures of all packages.
pub fn exposures(cx: &Cx<'_>, patches: &Patches, docs: &mut Docs<'_>, diagnostics: &mut Diagnostics) -> Vec<Exposure> {
    let mut found = Vec::new();
    for entry in patches.section("exposures") {
        let fqn = fqn(&entry.package, &entry.relative_path, &entry.name);
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        if !entry.name.chars().all(is_plain) {
            let message = format!("the name of the exposure '{}' has characters that names do not have", entry.name);
            let problem = Diagnostic::warning(codes::DEPRECATED, message)
                .named(warnings::EXPOSURE_NAME_DEPRECATION)
                .fact("exposure", entry.name.as_str())
                .at(entry.span());
            diagnostics.push(problem.help("name it with letters, digits and `_`, and write the title as its `label`"));
        }
        let config = exposure_config(cx, entry, &fqn);
        diagnostics.extend(check_enabled(entry, &config));
        let (own, root) = cx.trees(&entry.package, ResourceType::Exposure, true);
        let properties = entry.config();
        let unrendered_config =
            unrendered(&fqn, ConfigSources { own, properties: Some(&properties), call: None, root });
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
            unrendered_config,
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

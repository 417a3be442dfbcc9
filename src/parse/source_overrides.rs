//! Sources of a package that another package's entry changes by `overrides:`.
//!
//! In: all properties entries. Out: the same without the overriding ones, their words put over those of the overridden
//! sources; unused overrides are reported. Rules: `SourcePatcher` in `core/dbt/parser/sources.py`.

use std::collections::HashMap;

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, Diagnostics, codes, warnings};
use crate::load::{YamlNode, YamlValue};

use super::patches::{Entry, Patches};

/// What identifies an entry and is never overridden.
const IDENTITY: [&str; 3] = ["name", "overrides", "tables"];

/// Applies all overriding entries.
pub(super) fn apply(patches: &mut Patches, diagnostics: &mut Diagnostics) {
    let mut seen: HashMap<(String, String), crate::diag::Span> = HashMap::new();
    for patch in patches.take_overrides() {
        let package = patch.value.get("overrides").map(Value::to_string).unwrap_or_default();
        let warning = "`overrides` of a source is deprecated".to_owned();
        diagnostics.push(
            Diagnostic::warning(codes::DEPRECATED, warning)
                .named(warnings::SOURCE_OVERRIDE_DEPRECATION)
                .at(patch.span())
                .help("configure the package's sources in dbt_project.yml, or switch them off and declare your own"),
        );
        if let Some(first) = seen.insert((package.clone(), patch.name.clone()), patch.span()) {
            let message = format!("the source '{}' of the package '{package}' is overridden twice", patch.name);
            let problem = Diagnostic::error(codes::DUPLICATE_PROPERTIES, message).at(patch.span());
            diagnostics.push(problem.label(first, "overridden here first").help("remove one of the two entries"));
            continue;
        }
        let unused = unused_after(patches, &package, &patch);
        for what in unused {
            let message = format!("'{what}' is overridden for the package '{package}', which has no such source");
            let warning = Diagnostic::warning(codes::UNKNOWN_RESOURCE_IN_YAML, message).named(warnings::UNUSED_TABLES);
            diagnostics.push(warning.at(patch.span()));
        }
    }
}

/// Overrides the entries of a source; what of the patch met nothing is handed back.
fn unused_after(patches: &mut Patches, package: &str, patch: &Entry) -> Vec<String> {
    let tables: Vec<&YamlNode> = patch.node.get("tables").map(|t| t.items().iter().collect()).unwrap_or_default();
    let mut unused: Vec<String> = tables.iter().filter_map(|t| name_of(t)).collect();
    let mut found = false;
    for entry in patches.sources_mut(package, &patch.name) {
        found = true;
        let known: Vec<String> =
            entry.node.get("tables").map(YamlNode::items).unwrap_or_default().iter().filter_map(name_of).collect();
        unused.retain(|table| !known.contains(table));
        entry.value = over(&entry.value, &patch.value);
        entry.node = node_over(&entry.node, &patch.node);
        entry.overridden_by = Some(patch.patch_path());
    }
    match found {
        true => unused.into_iter().map(|table| format!("{}.{table}", patch.name)).collect(),
        false => vec![patch.name.clone()],
    }
}

fn name_of(node: &YamlNode) -> Option<String> {
    node.get("name").and_then(YamlNode::as_scalar).map(ToString::to_string)
}

/// An entry with the keys of a patch put over its own; tables of one name likewise.
fn over(base: &Dict, patch: &Dict) -> Dict {
    let mut merged = base.clone();
    merged.extend(patch.iter().filter(|(k, _)| !IDENTITY.contains(&k.as_str())).map(|(k, v)| (k.clone(), v.clone())));
    let patched = patch.get("tables").and_then(Value::as_list).unwrap_or_default();
    if let Some(Value::List(tables)) = merged.get_mut("tables") {
        for table in tables {
            let Some(own) = patched.iter().find(|p| p.get("name").is_some() && p.get("name") == table.get("name"))
            else {
                continue;
            };
            if let (Value::Map(table), Value::Map(own)) = (table, own) {
                *table = over(table, own);
            }
        }
    }
    merged
}

fn node_over(base: &YamlNode, patch: &YamlNode) -> YamlNode {
    let patched = patch.get("tables").map(YamlNode::items).unwrap_or_default();
    let replaced = |key: &str| !IDENTITY.contains(&key) && patch.get(key).is_some();
    let mut pairs = Vec::new();
    for (key, key_node, value) in base.entries().filter(|(key, ..)| !replaced(key)) {
        let tables = value.items().iter().map(|table| {
            let own = patched.iter().find(|p| name_of(p).is_some() && name_of(p) == name_of(table));
            own.map_or_else(|| table.clone(), |own| node_over(table, own))
        });
        let value = match key.as_ref() {
            "tables" => YamlNode { value: YamlValue::Seq(tables.collect()), span: value.span.clone() },
            _ => value.clone(),
        };
        pairs.push((key_node.clone(), value));
    }
    for (key, key_node, value) in patch.entries() {
        if !IDENTITY.contains(&key.as_ref()) {
            pairs.push((key_node.clone(), value.clone()));
        }
    }
    YamlNode { value: YamlValue::Map(pairs), span: base.span.clone() }
}

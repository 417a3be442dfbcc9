//! Properties entries by the resource they describe.
//!
//! In: the properties files of all packages. Out: [`Patches`]: rendered entries, found by package, section and name;
//! duplicates and entries that describe nothing are reported. Rules: `core/dbt/parser/schemas.py`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, Diagnostics, Span, codes, nearest};
use crate::load::{Package, PropertiesFile, Rendering, YamlNode};

use super::shapes;

/// One entry of a properties file.
#[derive(Debug)]
pub struct Entry {
    /// Package of the file.
    pub package: String,
    /// `name`.
    pub name: String,
    /// The entry with Jinja rendered where dbt renders it, `config`-like keys moved into `config`.
    pub value: Dict,
    /// `config` as written, before rendering.
    pub raw_config: Dict,
    /// The entry as it was read.
    pub node: YamlNode,
    /// Path of the file relative to the package.
    pub path: String,
    /// Path of the file relative to its search folder.
    pub relative_path: String,
    /// Section: `models`, `sources`, ...
    pub section: &'static str,
    /// `package://path` of the entry that overrides this one, if one does.
    pub overridden_by: Option<String>,
    used: AtomicBool,
}

impl Entry {
    /// The place of the entry's name, or of the entry.
    pub fn span(&self) -> Span {
        self.node.get("name").map_or_else(|| self.node.span.clone(), |n| n.span.clone())
    }

    /// `package://path`, as the manifest shows it.
    pub fn patch_path(&self) -> String {
        format!("{}://{}", self.package, self.path)
    }

    /// The `config` mapping.
    pub fn config(&self) -> Dict {
        self.value.get("config").and_then(Value::as_map).cloned().unwrap_or_default()
    }

    /// Notes that some resource is described by this entry.
    pub fn mark_used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }
}

/// All entries, in order of packages and files.
#[derive(Debug, Default)]
pub struct Patches {
    entries: Vec<Entry>,
    index: HashMap<(String, &'static str, String), usize>,
}

/// Keys whose text dbt renders late or never.
const LATE: &[&str] =
    &["tests", "data_tests", "description", "loaded_at_query", "pre-hook", "post-hook", "pre_hook", "post_hook"];

/// Top-level keys that mean the same as the key under `config`.
const MOVED_TO_CONFIG: &[&str] = &["meta", "docs", "group", "contract", "access"];

impl Patches {
    /// Reads the entries of every package.
    pub fn collect<'a>(
        packages: impl Iterator<Item = &'a Package>,
        rendering: impl Fn(&str) -> Rendering<'a>,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut patches = Self::default();
        for package in packages {
            let rendering = rendering(&package.config.name);
            for file in &package.properties {
                for (section, nodes) in sections(file) {
                    for node in nodes {
                        patches.add(&package.config.name, file, section, node, &rendering, diagnostics);
                    }
                }
            }
        }
        patches
    }

    fn add(
        &mut self,
        package: &str,
        file: &PropertiesFile,
        section: &'static str,
        node: &YamlNode,
        rendering: &Rendering<'_>,
        diagnostics: &mut Diagnostics,
    ) {
        shapes::check(section, node, diagnostics);
        let is_unit_test = section == "unit_tests";
        let wanted = |path: &[std::borrow::Cow<'_, str>]| {
            !is_unit_test && !path.iter().any(|k| LATE.contains(&k.as_ref())) && !is_condition(section, path)
        };
        let rendered = rendering.tree(node, &wanted, diagnostics);
        let mut value = rendered.to_dict();
        let Some(name) = value.get("name").filter(|n| !n.is_null()).map(Value::to_string) else { return };
        let mut raw = node.to_dict();
        if matches!(section, "models" | "seeds" | "snapshots" | "analyses" | "data_tests" | "functions") {
            said_twice(node, diagnostics);
            move_to_config(&mut value);
            move_to_config(&mut raw);
        }
        let raw_config = raw.get("config").and_then(Value::as_map).cloned().unwrap_or_default();
        let relative_path = file
            .path
            .strip_prefix(&file.search_path)
            .map_or(file.path.as_str(), |p| p.trim_start_matches('/'))
            .to_owned();
        let entry = Entry {
            package: package.to_owned(),
            name: name.clone(),
            value,
            raw_config,
            node: node.clone(),
            path: file.path.clone(),
            relative_path,
            section,
            overridden_by: None,
            used: AtomicBool::new(false),
        };
        let key = (package.to_owned(), section, name);
        // Sources of one name may be spread over files: their tables are checked one by one.
        if section != "sources"
            && section != "unit_tests"
            && let Some(first) = self.index.get(&key)
        {
            let first = &self.entries[*first];
            diagnostics.push(
                Diagnostic::error(codes::DUPLICATE_PROPERTIES, described_twice(section, &entry.name))
                    .at(entry.span())
                    .label(first.span(), "described here first")
                    .help("remove one of the two entries"),
            );
            return;
        }
        self.index.entry(key).or_insert(self.entries.len());
        self.entries.push(entry);
    }

    /// The entry of a resource.
    pub fn find(&self, package: &str, section: &'static str, name: &str) -> Option<&Entry> {
        self.index.get(&(package.to_owned(), section, name.to_owned())).map(|i| &self.entries[*i])
    }

    /// All entries of a section.
    pub fn section<'s>(&'s self, section: &'static str) -> impl Iterator<Item = &'s Entry> {
        self.entries.iter().filter(move |e| e.section == section)
    }

    /// Takes the sources out that another package's entry is to override, with that entry's package and span.
    pub(super) fn take_overrides(&mut self) -> Vec<Entry> {
        let is_override = |e: &mut Entry| e.section == "sources" && e.value.contains_key("overrides");
        let taken = self.entries.extract_if(.., is_override).collect();
        self.index = HashMap::new();
        for (position, entry) in self.entries.iter().enumerate() {
            self.index.entry((entry.package.clone(), entry.section, entry.name.clone())).or_insert(position);
        }
        taken
    }

    /// The entries of a package's source.
    pub(super) fn sources_mut<'s>(
        &'s mut self,
        package: &'s str,
        name: &'s str,
    ) -> impl Iterator<Item = &'s mut Entry> {
        self.entries.iter_mut().filter(move |e| e.section == "sources" && e.package == package && e.name == name)
    }

    /// Warns of entries that describe nothing that exists.
    pub fn report_unused(&self, known: &HashMap<&'static str, Vec<String>>, diagnostics: &mut Diagnostics) {
        for entry in &self.entries {
            let Some(names) = known.get(entry.section) else { continue };
            if entry.used.load(Ordering::Relaxed) {
                continue;
            }
            let mut warning = Diagnostic::warning(
                codes::UNKNOWN_RESOURCE_IN_YAML,
                format!(
                    "Did not find matching node for patch with name '{}' in the '{}' section of file '{}'",
                    entry.name, entry.section, entry.path
                ),
            )
            .at(entry.span())
            .fact("patch_name", entry.name.as_str())
            .fact("yaml_key", entry.section)
            .fact("file_path", entry.path.as_str());
            if let Some(near) = nearest(&entry.name, names.iter().map(String::as_str)).first() {
                warning = warning.help(format!("did you mean '{near}'?"));
            }
            diagnostics.push(warning);
        }
    }
}

fn sections(file: &PropertiesFile) -> [(&'static str, &[YamlNode]); 14] {
    [
        ("models", &file.models),
        ("seeds", &file.seeds),
        ("snapshots", &file.snapshots),
        ("sources", &file.sources),
        ("macros", &file.macros),
        ("analyses", &file.analyses),
        ("exposures", &file.exposures),
        ("data_tests", &file.data_tests),
        ("unit_tests", &file.unit_tests),
        ("groups", &file.groups),
        ("metrics", &file.metrics),
        ("semantic_models", &file.semantic_models),
        ("saved_queries", &file.saved_queries),
        ("functions", &file.functions),
    ]
}

/// Conditions of the semantic layer: templates for the engine that will run the metric, not for us.
fn is_condition(section: &str, path: &[std::borrow::Cow<'_, str>]) -> bool {
    match section {
        "metrics" => path.iter().rev().take(2).any(|key| key == "filter"),
        "saved_queries" => matches!(path, [params, key, ..] if params == "query_params" && key == "where"),
        _ => false,
    }
}

/// Whether a section describes resources that are in files of their own.
fn is_described(section: &str) -> bool {
    matches!(section, "models" | "seeds" | "snapshots" | "analyses" | "macros" | "data_tests" | "functions")
}

fn described_twice(section: &str, name: &str) -> String {
    if is_described(section) {
        format!("'{name}' is described twice in `{section}`")
    } else {
        format!("dbt found two {section} with the name '{name}'")
    }
}

/// A key may stand beside `config` or in it, not in both places.
fn said_twice(entry: &YamlNode, diagnostics: &mut Diagnostics) {
    let Some(config) = entry.get("config") else { return };
    for key in MOVED_TO_CONFIG {
        let (Some(beside), Some(within)) = (entry.get(key), config.get(key)) else { continue };
        let message = format!("found `{key}` in `config` and as top-level key");
        diagnostics.push(
            Diagnostic::error(codes::DUPLICATE_PROPERTIES, message)
                .at(beside.span.clone())
                .label(within.span.clone(), "the other one")
                .help("remove the top-level key and define it under `config` only"),
        );
    }
}

fn move_to_config(value: &mut Dict) {
    for key in MOVED_TO_CONFIG {
        let Some(moved) = value.get(*key).cloned() else { continue };
        let config = value.entry("config".into()).or_insert_with(|| Value::Map(Dict::new()));
        if config.is_null() {
            *config = Value::Map(Dict::new());
        }
        if let Value::Map(config) = config {
            config.entry((*key).into()).or_insert(moved);
        }
    }
}

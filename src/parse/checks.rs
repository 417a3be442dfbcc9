//! Problems that only the whole project shows: two of a kind, two writers of one relation, unused config paths.

use std::collections::{BTreeMap, HashMap};

use crate::base::{Dict, NodeId, Value};
use crate::diag::{Diagnostic, Diagnostics, Span, codes, warnings};
use crate::jinja::Definition;
use crate::node::{Disabled, Node, Project, ResourceType, Source};

use super::assemble::{Cx, tree_key};
use super::deprecation;
use super::microbatch;
use super::patches::{Entry, Patches};
use super::resolve::same_version;

/// Two nodes with one unique id.
pub fn duplicate(first: &Node, second: &Node) -> Diagnostic {
    let kinds = match second.resource_type {
        ResourceType::Test => "data_tests",
        ResourceType::Analysis => "analyses",
        kind => &format!("{kind}s"),
    };
    let message = format!("dbt found two {kinds} with the name '{}' in the package '{}'", second.name, second.package);
    Diagnostic::error(codes::DUPLICATE_RESOURCE, message)
        .at(place(second))
        .label(place(first), format!("the first one is {}", first.original_path))
        .note("names are unique within a package, whatever the folder, because ref() finds nodes by name")
        .help("rename one of the two files")
}

pub(super) fn place(node: &Node) -> Span {
    node.patch
        .as_ref()
        .filter(|_| node.template.text().is_empty())
        .map_or_else(|| Span::file_start(&node.template.file), |p| p.span.clone())
}

/// Two source tables with one unique id.
pub fn duplicate_source(first: &Source, second: &Source) -> Diagnostic {
    let message = format!("dbt found two sources with the name '{}.{}'", second.source_name, second.name);
    Diagnostic::error(codes::DUPLICATE_RESOURCE, message)
        .at(second.span.clone())
        .label(first.span.clone(), "first declared here")
        .help("remove one of the two declarations")
}

/// Two docs blocks with one name.
pub fn duplicate_doc(definition: &Definition, first: &Span) -> Diagnostic {
    Diagnostic::error(codes::DUPLICATE_DOC, format!("two docs blocks are named '{}'", definition.label))
        .at(definition.name_span.clone())
        .label(first.clone(), "first defined here")
        .help("rename one of the two")
}

/// A config that is neither true nor false.
pub fn not_a_boolean(of: &str, key: &str, value: &Value) -> Diagnostic {
    let message = format!("the config `{key}` of {of}: '{value}' is not of type 'boolean'");
    Diagnostic::error(codes::CONFIG_INVALID, message).help("write true or false")
}

/// Checks over the finished project.
pub fn project(cx: &Cx<'_>, project: &Project, diagnostics: &mut Diagnostics) {
    ambiguous_relations(project, diagnostics);
    same_names(cx, project, diagnostics);
    unused_paths(cx, project, diagnostics);
    unknown_groups(project, diagnostics);
    super::semantic::check_time_spine(project, diagnostics);
    super::semantic::check_old_ways(cx, project, diagnostics);
    microbatch::check(cx, project, diagnostics);
    names_with_spaces(cx, project, diagnostics);
    deprecation::warn(project, cx.shared.run_started_at, diagnostics);
}

/// Names with spaces: an error, or a deprecation where the project allows them.
fn names_with_spaces(cx: &Cx<'_>, project: &Project, diagnostics: &mut Diagnostics) {
    let spaced: Vec<_> = project.nodes.values().filter(|n| n.name.contains(' ')).collect();
    let strict = cx.flag("REQUIRE_RESOURCE_NAMES_WITHOUT_SPACES");
    let debug = cx.flag("DEBUG");
    for node in spaced.iter().take(if debug || strict { spaced.len() } else { 1 }) {
        let problem = if strict {
            let message = format!("Resource names cannot contain spaces, as `{}` does", node.id);
            Diagnostic::error(codes::NAME_WITH_SPACES, message)
        } else {
            let message = format!("Found spaces in the name of `{}`", node.id);
            Diagnostic::warning(codes::NAME_WITH_SPACES, message).named(warnings::SPACES_IN_RESOURCE_NAME_DEPRECATION)
        };
        diagnostics.push(problem.at(place(node)).node(node.id.to_string()).help("write `_` in place of the spaces"));
    }
    if !spaced.is_empty() && !strict {
        let hint = if debug { "" } else { ". Run again with `--debug` to see them all." };
        let message = format!("Spaces found in {} resource name(s){hint}", spaced.len());
        let warning = Diagnostic::warning(codes::NAME_WITH_SPACES, message);
        diagnostics.push(warning.named(warnings::RESOURCE_NAMES_WITH_SPACES_DEPRECATION));
    }
}

/// A model's versions: each once, and the latest among them.
pub fn versions(entry: &Entry, list: &[Value], diagnostics: &mut Diagnostics) {
    let mut seen: Vec<String> = Vec::new();
    for version in list.iter().filter_map(|v| v.get("v")) {
        let text = version.to_string();
        if seen.contains(&text) {
            let message = format!("Found duplicate version: '{text}' in the versions of the model '{}'", entry.name);
            diagnostics.push(Diagnostic::error(codes::DUPLICATE_PROPERTIES, message).at(entry.span()));
        }
        seen.push(text);
    }
    let Some(latest) = entry.value.get("latest_version").filter(|v| v.is_truthy()) else { return };
    if !list.iter().filter_map(|v| v.get("v")).any(|v| same_version(v, latest)) {
        let message =
            format!("latest_version: {latest} is not one of model '{}' versions: [{}]", entry.name, seen.join(", "));
        let problem = Diagnostic::error(codes::PROPERTIES_INVALID, message).at(entry.span());
        diagnostics.push(problem.help("name one of the versions, or leave it out: the greatest one is the latest"));
    }
}

/// Entries that would enable a node of which there are several, all disabled: which one is meant cannot be told.
pub fn ambiguously_enabled(patches: &Patches, disabled: &BTreeMap<NodeId, Vec<Disabled>>, out: &mut Diagnostics) {
    for section in ["models", "seeds", "snapshots", "analyses"] {
        for entry in patches.section(section).filter(|e| e.config().get("enabled").is_some_and(Value::is_truthy)) {
            let kind = section.trim_end_matches('s');
            let Some(several) = disabled.get(&NodeId::from(format!("{kind}.{}.{}", entry.package, entry.name))) else {
                continue;
            };
            if several.len() > 1 {
                let message = format!("Found {} matching disabled nodes for {kind} '{}'", several.len(), entry.name);
                let problem = Diagnostic::error(codes::DUPLICATE_RESOURCE, message).at(entry.span());
                out.push(problem.help("enable one of them in dbt_project.yml or in its own file"));
            }
        }
    }
}

/// Nodes of one package with one name: references cannot tell them apart.
fn same_names(cx: &Cx<'_>, project: &Project, diagnostics: &mut Diagnostics) {
    let strict = cx.flag("REQUIRE_UNIQUE_PROJECT_RESOURCE_NAMES");
    let mut named: HashMap<(&str, &str), &Node> = HashMap::new();
    let unversioned = |n: &&Node| n.is_relational() && n.model().is_none_or(|m| m.version.is_null());
    for node in project.nodes.values().map(|n| &**n).filter(unversioned) {
        let Some(first) = named.insert((&node.package, &node.name), node) else { continue };
        let message = format!("{} and {} have the same name", first.id, node.id);
        let problem = match strict {
            true => Diagnostic::error(codes::DUPLICATE_RESOURCE, message),
            false => Diagnostic::warning(codes::DEPRECATED, message)
                .named(warnings::DUPLICATE_NAME_DISTINCT_NODE_TYPES_DEPRECATION)
                .fact("resource_name", node.name.as_str())
                .fact("unique_id1", first.id.as_str())
                .fact("unique_id2", node.id.as_str())
                .fact("package_name", node.package.as_str()),
        };
        diagnostics.push(problem.at(place(node)).label(place(first), "the other one").help("rename one of them"));
    }
}

/// Two nodes that would write one relation.
fn ambiguous_relations(project: &Project, diagnostics: &mut Diagnostics) {
    let mut writers: HashMap<(String, String, String), &Node> = HashMap::new();
    for node in project.nodes.values().filter(|n| n.is_relational()) {
        let Some(first) = writers.insert(node.relation.key(), node) else { continue };
        let message = format!(
            "dbt found two resources with the database representation \"{}\": {} and {}",
            node.relation, first.id, node.id
        );
        diagnostics.push(
            Diagnostic::error(codes::AMBIGUOUS_RELATION, message)
                .at(place(node))
                .label(place(first), "the other one")
                .help("give one of them another `alias` or `schema`"),
        );
    }
}

/// Folders in config trees that no resource of their kind lies in.
fn unused_paths(cx: &Cx<'_>, project: &Project, diagnostics: &mut Diagnostics) {
    let mut fqns: HashMap<&str, Vec<&[String]>> = HashMap::new();
    let nodes = project.nodes.values().map(|n| (n.resource_type, n.fqn.as_slice()));
    let sources = project.sources.values().map(|s| (ResourceType::Source, s.fqn.as_slice()));
    let exposures = project.exposures.values().map(|e| (ResourceType::Exposure, e.fqn.as_slice()));
    let unit_tests = project.unit_tests.values().map(|u| (ResourceType::UnitTest, u.fqn.as_slice()));
    let semantics = project.semantics.values().map(|s| (s.kind, s.fqn.as_slice()));
    let disabled = project.disabled.values().flatten().map(|d| match d {
        Disabled::Node(n) => (n.resource_type, n.fqn.as_slice()),
        Disabled::Source(s) => (ResourceType::Source, s.fqn.as_slice()),
        Disabled::Exposure(e) => (ResourceType::Exposure, e.fqn.as_slice()),
        Disabled::Semantic(s) => (s.kind, s.fqn.as_slice()),
    });
    for (kind, fqn) in nodes.chain(sources).chain(exposures).chain(unit_tests).chain(semantics).chain(disabled) {
        let key = if kind == ResourceType::Analysis { "analyses" } else { tree_key(kind) };
        fqns.entry(key).or_default().push(fqn);
    }
    let mut unused: Vec<(String, Span)> = Vec::new();
    for (key, tree) in cx.tree.root.config.trees.iter().filter(|(key, _)| **key != *"groups") {
        let known = fqns.get(key).map(Vec::as_slice).unwrap_or_default();
        let mut paths = Vec::new();
        leaves(&tree.to_dict(), &mut Vec::new(), &mut paths);
        for path in paths {
            let used = known.iter().any(|fqn| fqn.len() >= path.len() && fqn.iter().zip(&path).all(|(a, b)| a == b));
            if !used {
                let keys: Vec<&str> = path.iter().map(String::as_str).collect();
                let at = tree.at(&keys).map_or_else(|| tree.span.clone(), |n| n.span.clone());
                unused.push((std::iter::once(*key).chain(keys).collect::<Vec<_>>().join("."), at));
            }
        }
    }
    let Some((_, first)) = unused.first() else { return };
    let mut message = format!(
        "Configuration paths exist in your dbt_project.yml file which do not apply to any resources.\n\
         There are {} unused configuration paths:",
        unused.len()
    );
    for (path, _) in &unused {
        message.push_str(&format!("\n- {path}"));
    }
    let warning = Diagnostic::warning(codes::UNUSED_CONFIG_PATH, message).at(first.clone());
    diagnostics.push(warning.help("check the names of the project and of the folders, or remove them"));
}

/// Paths of all levels that hold config of their own.
fn leaves(level: &Dict, at: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    let is_level = |key: &str, value: &Value| !key.starts_with('+') && value.as_map().is_some();
    if level.iter().any(|(key, value)| !is_level(key, value)) {
        out.push(at.clone());
    }
    for (key, value) in level {
        if let Value::Map(deeper) = value
            && is_level(key, value)
        {
            at.push(key.clone());
            leaves(deeper, at, out);
            at.pop();
        }
    }
}

fn unknown_groups(project: &Project, diagnostics: &mut Diagnostics) {
    let names: Vec<&str> = project.groups.values().map(|g| g.name.as_str()).collect();
    for node in project.nodes.values() {
        let Some(group) = node.group().filter(|g| !names.contains(g)) else { continue };
        let mut problem = Diagnostic::error(
            codes::CONFIG_INVALID,
            format!("Invalid group '{group}' of {}: there is no such group", node.id),
        )
        .at(node.patch.as_ref().map_or_else(|| node.template.span(), |p| p.span.clone()));
        problem = match crate::diag::nearest(group, names.iter().copied()).first() {
            Some(near) => problem.help(format!("did you mean '{near}'?")),
            None => problem.help(format!("declare `groups: [{{name: {group}, owner: {{name: ...}}}}]` in a .yml file")),
        };
        diagnostics.push(problem);
    }
}

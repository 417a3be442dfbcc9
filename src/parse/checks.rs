//! Problems that only the whole project shows: two of a kind, two writers of one relation, unused config paths.

use std::collections::HashMap;

use crate::base::{Dict, Value};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use crate::diag::{Diagnostic, Diagnostics, Span, codes, warnings};
use crate::jinja::Definition;
use crate::node::{Node, Project, ResourceType, Source};

use super::assemble::Cx;
use super::microbatch;
use super::resolve::place_of;

/// Two nodes with one unique id.
pub fn duplicate(first: &Node, second: &Node) -> Diagnostic {
    let message =
        format!("two {}s are named '{}' in the package '{}'", second.resource_type, second.name, second.package);
    Diagnostic::error(codes::DUPLICATE_RESOURCE, message)
        .at(place(second))
        .label(place(first), format!("the first one is {}", first.original_path))
        .note("names are unique within a package, whatever the folder, because ref() finds nodes by name")
        .help("rename one of the two files")
}

fn place(node: &Node) -> Span {
    node.patch
        .as_ref()
        .filter(|_| node.template.text().is_empty())
        .map_or_else(|| Span::file_start(&node.template.file), |p| p.span.clone())
}

/// Two source tables with one unique id.
pub fn duplicate_source(first: &Source, second: &Source) -> Diagnostic {
    let message = format!("the source table '{}.{}' is declared twice", second.source_name, second.name);
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

/// Checks over the finished project.
pub fn project(cx: &Cx<'_>, project: &Project, diagnostics: &mut Diagnostics) {
    ambiguous_relations(project, diagnostics);
    unused_paths(cx, project, diagnostics);
    unknown_groups(project, diagnostics);
    super::semantic::check_time_spine(project, diagnostics);
    microbatch::check(cx, project, diagnostics);
    deprecated_models(project, cx.shared.run_started_at, diagnostics);
}

/// Models whose `deprecation_date` has come, and models that read one with such a date.
fn deprecated_models(project: &Project, now: DateTime<Utc>, diagnostics: &mut Diagnostics) {
    let dated = |node: &Node| deprecation_date(&node.model()?.deprecation_date);
    if !project.nodes.values().any(|n| dated(n).is_some()) {
        return;
    }
    for node in project.nodes.values() {
        let Some(date) = dated(node) else { continue };
        let (name, past, shown) = (node.search_name(), date < now, date.to_rfc3339());
        if past {
            let message = format!("Model {name} has passed its deprecation date of {shown}");
            let problem = Diagnostic::warning(codes::DEPRECATED, message).named(warnings::DEPRECATED_MODEL);
            diagnostics.push(problem.at(place(node)).node(node.id.to_string()).help("disable or remove the model"));
        }
        let model = node.model().filter(|m| !m.version.is_null() && m.version != m.latest_version);
        let newer =
            model.map(|m| format!("{{{{ ref('{}', '{}', v='{}') }}}}", node.package, node.name, m.latest_version));
        let readers = project.nodes.values().filter(|n| n.resource_type == ResourceType::Model);
        for reader in readers.filter(|n| n.depends_on.contains(&node.id)) {
            let (verdict, warning) = match past {
                true => ("was deprecated on", warnings::DEPRECATED_REFERENCE),
                false => ("is slated for deprecation on", warnings::UPCOMING_REFERENCE_DEPRECATION),
            };
            let message =
                format!("While compiling '{}': Found a reference to {name}, which {verdict} '{shown}'", reader.name);
            let problem = Diagnostic::warning(codes::DEPRECATED, message)
                .named(warning)
                .at(place_of(&reader.template.span(), "ref", &node.name))
                .node(reader.id.to_string());
            diagnostics.push(match &newer {
                Some(newer) => problem.help(format!("a newer version is there: {newer}")),
                None => problem,
            });
        }
    }
}

/// A date as YAML or text has it; without a time zone it is UTC.
fn deprecation_date(value: &Value) -> Option<DateTime<Utc>> {
    let text = value.to_string();
    let text = text.trim();
    let day = |t: &str| NaiveDate::parse_from_str(t, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    let moment = |t: &str| {
        let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
        formats.iter().find_map(|format| NaiveDateTime::parse_from_str(t, format).ok())
    };
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%:z"))
        .map(|t| t.to_utc())
        .ok()
        .or_else(|| day(text).or_else(|| moment(text)).map(|t| t.and_utc()))
}

/// Two nodes that would write one relation.
fn ambiguous_relations(project: &Project, diagnostics: &mut Diagnostics) {
    let mut writers: HashMap<(String, String, String), &Node> = HashMap::new();
    for node in project.nodes.values().filter(|n| n.is_relational()) {
        let Some(first) = writers.insert(node.relation.key(), node) else { continue };
        let message = format!("{} and {} would both be written to {}", first.id, node.id, node.relation);
        diagnostics.push(
            Diagnostic::error(codes::AMBIGUOUS_RELATION, message)
                .at(place(node))
                .label(place(first), "the other one")
                .help("give one of them another `alias` or `schema`"),
        );
    }
}

/// Folders in config trees that no node lies in.
fn unused_paths(cx: &Cx<'_>, project: &Project, diagnostics: &mut Diagnostics) {
    for (key, tree) in &cx.tree.root.config.trees {
        let fqns: Vec<&[String]> = project
            .nodes
            .values()
            .map(|n| n.fqn.as_slice())
            .chain(project.sources.values().map(|s| s.fqn.as_slice()))
            .chain(project.exposures.values().map(|e| e.fqn.as_slice()))
            .chain(project.unit_tests.values().map(|u| u.fqn.as_slice()))
            .chain(project.semantics.values().map(|s| s.fqn.as_slice()))
            .chain(project.disabled.values().flatten().map(|d| match d {
                crate::node::Disabled::Node(n) => n.fqn.as_slice(),
                crate::node::Disabled::Source(s) => s.fqn.as_slice(),
                crate::node::Disabled::Exposure(e) => e.fqn.as_slice(),
                crate::node::Disabled::Semantic(s) => s.fqn.as_slice(),
            }))
            .collect();
        let mut paths = Vec::new();
        leaves(&tree.to_dict(), &mut Vec::new(), &mut paths);
        for path in paths {
            let used = fqns.iter().any(|fqn| fqn.len() >= path.len() && fqn.iter().zip(&path).all(|(a, b)| a == b));
            if used {
                continue;
            }
            let keys: Vec<&str> = path.iter().map(String::as_str).collect();
            let at = tree.at(&keys).map(|n| n.span.clone()).or_else(|| Some(tree.span.clone()));
            let message = format!("the config path {key}.{} applies to no resource", path.join("."));
            diagnostics.push(
                Diagnostic::warning(codes::UNUSED_CONFIG_PATH, message)
                    .at(at)
                    .help("check the names of the project and of the folders, or remove it"),
            );
        }
    }
}

/// Paths of all levels that hold config of their own.
fn leaves(level: &Dict, at: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    for (key, value) in level {
        let Value::Map(deeper) = value else { continue };
        if key.starts_with('+') {
            continue;
        }
        at.push(key.clone());
        let own = deeper.iter().any(|(k, v)| k.starts_with('+') || v.as_map().is_none());
        if own {
            out.push(at.clone());
        }
        leaves(deeper, at, out);
        at.pop();
    }
}

fn unknown_groups(project: &Project, diagnostics: &mut Diagnostics) {
    let names: Vec<&str> = project.groups.values().map(|g| g.name.as_str()).collect();
    for node in project.nodes.values() {
        let Some(group) = node.group().filter(|g| !names.contains(g)) else { continue };
        let mut problem = Diagnostic::error(
            codes::CONFIG_INVALID,
            format!("{} is in the group '{group}', which does not exist", node.id),
        )
        .at(node.patch.as_ref().map_or_else(|| node.template.span(), |p| p.span.clone()));
        problem = match crate::diag::nearest(group, names.iter().copied()).first() {
            Some(near) => problem.help(format!("did you mean '{near}'?")),
            None => problem.help(format!("declare `groups: [{{name: {group}, owner: {{name: ...}}}}]` in a .yml file")),
        };
        diagnostics.push(problem);
    }
}

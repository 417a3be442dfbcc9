//! Turns calls into parents, and drops what cannot be linked.
//!
//! In: the collected project, whose `depends_on` are empty. Out: the same with parents; tests of disabled or missing
//! nodes become disabled themselves, as in dbt; every other broken call is a diagnostic.

use std::sync::Arc;

use rayon::prelude::*;

use crate::base::NodeId;
use crate::diag::{Diagnostic, Diagnostics, codes, warnings};
use crate::load::{YamlNode, YamlValue};
use crate::node::{Disabled, Node, Project, RefCall, ResourceType};

use super::assemble::Cx;
use super::resolve::{Found, Lookup, place_of};
use super::semantic;

/// Links everything.
pub fn link(cx: &Cx<'_>, project: &mut Project, diagnostics: &mut Diagnostics) {
    let lookup = Lookup::new(project);
    let linked: Vec<(Linked, Vec<Diagnostic>)> =
        project.nodes.values().par_bridge_ordered(|n| link_node(cx, n, &lookup));
    let (mut dropped, mut found) = (Vec::new(), Vec::new());
    for (result, problems) in linked {
        diagnostics.extend(problems);
        match result {
            Linked::Node(id, parents) => found.push((id, parents)),
            Linked::Dropped(id) => dropped.push(id),
        }
    }
    for id in dropped {
        if let Some(node) = project.nodes.shift_remove(&id) {
            let mut off = (*node).clone();
            off.config.0.insert("enabled".into(), false.into());
            project.disabled.entry(id).or_default().push(Disabled::Node(Arc::new(off)));
        }
    }
    let exposures: Vec<_> = project.exposures.values().cloned().collect();
    for exposure in exposures {
        let mut linked = (*exposure).clone();
        for (source, table) in &exposure.sources {
            match lookup.source(source, table, &exposure.package) {
                Found::Enabled(found) => push(&mut linked.depends_on, &found.id),
                found => diagnostics.push(lookup.bad_source(
                    exposure.id.as_str(),
                    (source, table),
                    &found,
                    Some(exposure.span.clone()),
                )),
            }
        }
        for call in &exposure.refs {
            match lookup.reference(call, &exposure.package) {
                Found::Enabled(node) if node.model().is_some_and(|m| m.access == "private") => {
                    let why = private_to(&node);
                    let message = format!("{} may not refer to {}: {why}", exposure.id, node.id);
                    let at = place_of(&exposure.span, "ref", &call.name);
                    let problem = Diagnostic::error(codes::ACCESS, message).at(at).node(exposure.id.to_string());
                    diagnostics.push(problem.help("make the model protected or public"));
                }
                Found::Enabled(node) => push(&mut linked.depends_on, &node.id),
                found => diagnostics.push(lookup.bad_reference(
                    exposure.id.as_str(),
                    call,
                    &found,
                    Some(place_of(&exposure.span, "ref", &call.name)),
                )),
            }
        }
        project.exposures.insert(linked.id.clone(), Arc::new(linked));
    }
    semantic::link(project, &lookup, diagnostics);
    // Whatever the lookup holds would have to be copied to be changed.
    drop(lookup);
    for (id, parents) in found {
        if let Some(node) = project.nodes.get_mut(&id) {
            let linked = Arc::make_mut(node);
            let metrics = std::mem::replace(&mut linked.depends_on, parents);
            metrics.iter().for_each(|id| push(&mut linked.depends_on, id));
        }
    }
}

enum Linked {
    /// With its parents.
    Node(NodeId, Vec<NodeId>),
    Dropped(NodeId),
}

trait OrderedParallel<'a> {
    fn par_bridge_ordered<R: Send>(self, work: impl Fn(&Arc<Node>) -> R + Sync) -> Vec<R>;
}

impl<'a, I: Iterator<Item = &'a Arc<Node>>> OrderedParallel<'a> for I {
    fn par_bridge_ordered<R: Send>(self, work: impl Fn(&Arc<Node>) -> R + Sync) -> Vec<R> {
        let nodes: Vec<&Arc<Node>> = self.collect();
        nodes.par_iter().map(|n| work(n)).collect()
    }
}

fn push(parents: &mut Vec<NodeId>, id: &NodeId) {
    if !parents.contains(id) {
        parents.push(id.clone());
    }
}

fn link_node(cx: &Cx<'_>, node: &Arc<Node>, lookup: &Lookup) -> (Linked, Vec<Diagnostic>) {
    let mut parents = node.depends_on.clone();
    let mut problems = Vec::new();
    let is_test = node.resource_type == ResourceType::Test;
    let mut dropped = false;
    for (source, table) in &node.sources {
        let found = lookup.source(source, table, &node.package);
        if let Found::Enabled(target) = &found {
            push(&mut parents, &target.id);
            continue;
        }
        let span = place_of(&node.template.span(), "source", table);
        let problem = lookup.bad_source(node.id.as_str(), (source, table), &found, Some(span));
        dropped |= refuse(is_test, matches!(found, Found::Disabled(_)), problem, &mut problems);
    }
    for call in &node.refs {
        let found = lookup.reference(call, &node.package);
        if let Found::Enabled(target) = &found {
            push(&mut parents, &target.id);
            problems.extend(access(cx, node, target));
            problems.extend(inverted(cx, node, target, call));
            continue;
        }
        let span = place_of(&node.template.span(), "ref", &call.name);
        let problem = lookup.bad_reference(node.id.as_str(), call, &found, Some(span));
        dropped |= refuse(is_test, matches!(found, Found::Disabled(_)), problem, &mut problems);
    }
    for call in &node.functions {
        let found = lookup.function(call, &node.package);
        if let Found::Enabled(target) = &found {
            push(&mut parents, &target.id);
            continue;
        }
        let name = call.last().map(String::as_str).unwrap_or_default();
        let span = place_of(&node.template.span(), "function", name);
        let problem = lookup.bad_function(node.id.as_str(), call, &found, Some(span));
        dropped |= refuse(is_test, matches!(found, Found::Disabled(_)), problem, &mut problems);
    }
    let result = if dropped { Linked::Dropped(node.id.clone()) } else { Linked::Node(node.id.clone(), parents) };
    (result, problems)
}

/// A node of a package that reads a node of the root project without saying so: the package cannot know that it is there.
fn inverted(cx: &Cx<'_>, node: &Node, target: &Node, call: &RefCall) -> Option<Diagnostic> {
    let root = cx.root();
    if node.package == root || target.package != root || call.package.as_deref() == Some(root) {
        return None;
    }
    let message = format!("{} reads {} of the root project, and cycles may come of it", node.id, target.id);
    let problem = Diagnostic::warning(codes::DEPRECATED, message)
        .named(warnings::PACKAGE_NODE_DEPENDS_ON_ROOT_PROJECT_NODE)
        .at(place_of(&node.template.span(), "ref", &call.name))
        .node(node.id.to_string())
        .help("set `flags: {require_ref_searches_node_package_before_root: true}` in dbt_project.yml")
        .fact("node_name", node.name.as_str())
        .fact("package_name", node.package.as_str())
        .fact("root_project_unique_id", target.id.as_str());
    Some(problem)
}

/// Reports a broken call. A test of a disabled node is silently disabled, one of a missing node with a warning.
fn refuse(is_test: bool, disabled: bool, problem: Diagnostic, problems: &mut Vec<Diagnostic>) -> bool {
    if !is_test {
        problems.push(problem);
        return false;
    }
    if !disabled {
        problems.push(Diagnostic { severity: crate::diag::Severity::Warning, ..problem }.note("the test is left out"));
    }
    true
}

/// Private models are for their group, protected ones for their project where it restricts access.
fn access(cx: &Cx<'_>, node: &Node, target: &Node) -> Option<Diagnostic> {
    if node.generic_test().is_some() {
        return None;
    }
    let model = target.model()?;
    let span = place_of(&node.template.span(), "ref", &target.name);
    let refuse = |why: String, help: &str| {
        Some(
            Diagnostic::error(codes::ACCESS, format!("{} may not refer to {}: {why}", node.id, target.id))
                .at(span.clone())
                .node(node.id.to_string())
                .help(help),
        )
    };
    match model.access.as_str() {
        "private" if node.group().is_none() || node.group() != target.group() => {
            refuse(private_to(target), "put both into one group, or make the model protected or public")
        }
        "protected" if node.package != target.package => {
            let restricted = cx.tree.package(&target.package).is_some_and(|p| p.config.restrict_access);
            if !restricted {
                return None;
            }
            refuse(format!("it is protected in the package '{}'", target.package), "make the model public")
        }
        _ => None,
    }
}

fn private_to(target: &Node) -> String {
    match target.group() {
        Some(group) => format!("it is private to the group '{group}'"),
        None => "it is private, and in no group".to_owned(),
    }
}

/// The entry of a versioned model as one version sees it: the model's columns and tests unless the version has its own.
pub fn version_yaml(model: &YamlNode, version: &YamlNode) -> YamlNode {
    let mut pairs: Vec<(YamlNode, YamlNode)> = Vec::new();
    let tests = ["data_tests", "tests"];
    let own_tests = tests.iter().any(|k| version.get(k).is_some_and(|tests| !tests.is_null()));
    for (key, key_node, value) in model.entries() {
        if key == "versions" || (own_tests && tests.contains(&key.as_ref())) {
            continue;
        }
        if key == "columns" && version.get("columns").is_some() {
            pairs.push((key_node.clone(), version_columns(value, version)));
            continue;
        }
        pairs.push((key_node.clone(), value.clone()));
    }
    if let (None, Some((key, own))) = (model.get("columns"), version.entry("columns")) {
        let none = YamlNode { value: YamlValue::Seq(Vec::new()), span: own.span.clone() };
        pairs.push((key.clone(), version_columns(&none, version)));
    }
    for (k, v) in tests.iter().filter_map(|key| version.entry(key)).filter(|_| own_tests) {
        pairs.push((k.clone(), v.clone()));
    }
    YamlNode { value: YamlValue::Map(pairs), span: model.span.clone() }
}

fn version_columns(base: &YamlNode, version: &YamlNode) -> YamlNode {
    let own = version.get("columns").map(YamlNode::items).unwrap_or_default();
    let rule = own.iter().find(|c| c.get("include").is_some() || c.get("exclude").is_some());
    let listed = |key: &str| super::columns::texts(rule.and_then(|r| r.get(key)).map(YamlNode::to_base).as_ref());
    let (include, exclude) = (listed("include"), listed("exclude"));
    let all = include.is_empty() || include.iter().any(|i| i == "all" || i == "*");
    let name = |c: &YamlNode| c.get("name").and_then(YamlNode::as_scalar).map(ToString::to_string);
    let overridden: Vec<String> = own.iter().filter_map(name).collect();
    let kept = base.items().iter().filter(|c| {
        name(c).is_some_and(|n| (all || include.contains(&n)) && !exclude.contains(&n) && !overridden.contains(&n))
    });
    let items = kept.chain(own.iter().filter(|c| name(c).is_some())).cloned().collect();
    YamlNode { value: YamlValue::Seq(items), span: base.span.clone() }
}

//! From `ref` and `source` calls to parents.
//!
//! In: all nodes with their calls. Out: lookups by dbt's search order ([`Lookup`]), and for every call the parent or a
//! diagnostic. Rules: `core/dbt/contracts/graph/manifest.py` (`resolve_ref`), `core/dbt/context/providers.py`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::{NodeId, Value};
use crate::diag::{Diagnostic, Span, codes, nearest};
use crate::node::{Disabled, Node, Project, RefCall, Source};

/// What a call means.
#[derive(Clone, Debug)]
pub enum Found<T> {
    /// An enabled resource.
    Enabled(Arc<T>),
    /// Only a disabled one.
    Disabled(NodeId),
    /// Nothing.
    Missing,
}

/// Nodes and sources by name.
#[derive(Debug, Default)]
pub struct Lookup {
    root: String,
    own_first: bool,
    nodes: HashMap<String, Vec<Arc<Node>>>,
    sources: HashMap<(String, String), Vec<Arc<Source>>>,
    disabled_nodes: HashMap<String, Vec<Arc<Node>>>,
    disabled_sources: HashMap<(String, String), NodeId>,
    functions: HashMap<String, Vec<Arc<Node>>>,
    disabled_functions: HashMap<String, Vec<Arc<Node>>>,
}

impl Lookup {
    /// An index over a project's resources.
    pub fn new(project: &Project) -> Self {
        let (root, own_first) = (project.info.name.clone(), project.info.own_package_first);
        let mut lookup = Self { root, own_first, ..Self::default() };
        for node in project.nodes.values().filter(|n| n.is_refable()) {
            lookup.nodes.entry(node.name.clone()).or_default().push(Arc::clone(node));
        }
        for node in project.nodes.values().filter(|n| n.function().is_some()) {
            lookup.functions.entry(node.name.clone()).or_default().push(Arc::clone(node));
        }
        for source in project.sources.values() {
            let key = (source.source_name.clone(), source.name.clone());
            lookup.sources.entry(key).or_default().push(Arc::clone(source));
        }
        for resource in project.disabled.values().flatten() {
            match resource {
                Disabled::Node(n) if n.is_refable() => {
                    lookup.disabled_nodes.entry(n.name.clone()).or_default().push(Arc::clone(n));
                }
                Disabled::Node(n) if n.function().is_some() => {
                    lookup.disabled_functions.entry(n.name.clone()).or_default().push(Arc::clone(n));
                }
                Disabled::Source(s) => {
                    lookup.disabled_sources.insert((s.source_name.clone(), s.name.clone()), s.id.clone());
                }
                _ => {}
            }
        }
        lookup
    }

    /// What a `ref` means, seen from a package: an explicit package only; else the root project, then the node's own
    /// package (or these two the other way round), then any.
    pub fn reference(&self, call: &RefCall, from_package: &str) -> Found<Node> {
        let of = |index: &HashMap<String, Vec<Arc<Node>>>| -> Option<Arc<Node>> {
            let candidates = index.get(&call.name)?;
            let pick = |package: Option<&str>| {
                candidates
                    .iter()
                    .find(|n| package.is_none_or(|p| n.package == p) && version_matches(n, &call.version))
                    .cloned()
            };
            match call.package.as_deref() {
                Some(package) => pick(Some(package)),
                None => {
                    let [first, second] =
                        if self.own_first { [from_package, &self.root] } else { [self.root.as_str(), from_package] };
                    pick(Some(first)).or_else(|| pick(Some(second))).or_else(|| pick(None))
                }
            }
        };
        match (of(&self.nodes), of(&self.disabled_nodes)) {
            (Some(node), _) => Found::Enabled(node),
            (None, Some(node)) => Found::Disabled(node.id.clone()),
            (None, None) => Found::Missing,
        }
    }

    /// What a `source` means, seen from a package: root project, own package, any.
    pub fn source(&self, source: &str, table: &str, from_package: &str) -> Found<Source> {
        let key = (source.to_owned(), table.to_owned());
        let pick = |candidates: &Vec<Arc<Source>>| {
            [Some(self.root.as_str()), Some(from_package), None]
                .iter()
                .find_map(|p| candidates.iter().find(|s| p.is_none_or(|p| s.package == p)))
                .cloned()
        };
        match self.sources.get(&key).and_then(pick) {
            Some(found) => Found::Enabled(found),
            None => self.disabled_sources.get(&key).map_or(Found::Missing, |id| Found::Disabled(id.clone())),
        }
    }

    /// What a `function` call means, seen from a package: an explicit package only; else root project, own package, any.
    pub fn function(&self, call: &[String], from_package: &str) -> Found<Node> {
        let (package, name) = match call {
            [package, name] => (Some(package.as_str()), name),
            [name] => (None, name),
            _ => return Found::Missing,
        };
        let pick = |index: &HashMap<String, Vec<Arc<Node>>>| -> Option<Arc<Node>> {
            let candidates = index.get(name)?;
            let places = match package {
                Some(package) => vec![Some(package)],
                None => vec![Some(self.root.as_str()), Some(from_package), None],
            };
            let of = |place: Option<&str>| candidates.iter().find(|n| place.is_none_or(|p| n.package == p));
            places.into_iter().find_map(of).cloned()
        };
        match (pick(&self.functions), pick(&self.disabled_functions)) {
            (Some(node), _) => Found::Enabled(node),
            (None, Some(node)) => Found::Disabled(node.id.clone()),
            (None, None) => Found::Missing,
        }
    }

    /// The problem of a `function` call that finds nothing usable.
    pub fn bad_function(&self, from: &str, call: &[String], found: &Found<Node>, span: Option<Span>) -> Diagnostic {
        let name = call.last().map(String::as_str).unwrap_or_default();
        if let Found::Disabled(id) = found {
            let message = format!("{from} depends on a function named '{name}' which is disabled ({id})");
            let problem = Diagnostic::error(codes::REF_DISABLED, message).at(span).node(from);
            return problem.help("enable it, or disable the node that calls it");
        }
        let message = format!("{from} depends on a function named '{name}' which was not found");
        let problem = Diagnostic::error(codes::REF_NOT_FOUND, message).at(span).node(from);
        match nearest(name, self.functions.keys().map(String::as_str)).as_slice() {
            [] => problem.help(format!("create functions/{name}.sql, or install the package that holds it")),
            near => problem.help(format!("did you mean {}?", quoted(near))),
        }
    }

    /// The problem of a `ref` that finds nothing usable.
    pub fn bad_reference(&self, from: &str, call: &RefCall, found: &Found<Node>, span: Option<Span>) -> Diagnostic {
        let shown = if call.version.is_null() { call.name.clone() } else { format!("{}.v{}", call.name, call.version) };
        if let Found::Disabled(id) = found {
            return Diagnostic::error(
                codes::REF_DISABLED,
                format!("{from} depends on a node named '{}' which is disabled ({id})", call.name),
            )
            .at(span)
            .node(from)
            .help("enable it, or disable the node that refers to it");
        }
        let mut problem = Diagnostic::error(
            codes::REF_NOT_FOUND,
            format!("{from} depends on a node named '{shown}' which was not found"),
        )
        .at(span)
        .node(from);
        let near = nearest(&call.name, self.nodes.keys().map(String::as_str));
        if let Some(others) = self.nodes.get(&call.name) {
            let versions: Vec<String> =
                others.iter().map(|n| format!("{} in {}", n.search_name(), n.package)).collect();
            problem = problem.help(format!("there is {}", versions.join(", ")));
        } else if !near.is_empty() {
            problem = problem.help(format!("did you mean {}?", quoted(&near)));
        } else {
            problem = problem.help(format!("create models/{}.sql, or install the package that holds it", call.name));
        }
        problem
    }

    /// The problem of a `source` that finds nothing usable.
    pub fn bad_source(
        &self,
        from: &str,
        (source, table): (&str, &str),
        found: &Found<Source>,
        span: Option<Span>,
    ) -> Diagnostic {
        let what = format!("{from} depends on a source named '{source}.{table}'");
        if let Found::Disabled(id) = found {
            return Diagnostic::error(codes::REF_DISABLED, format!("{what} which is disabled ({id})"))
                .at(span)
                .node(from)
                .help("enable it, or disable the node that reads it");
        }
        let problem =
            Diagnostic::error(codes::SOURCE_NOT_FOUND, format!("{what} which was not found")).at(span).node(from);
        let tables: Vec<&str> = self.sources.keys().filter(|(s, _)| s == source).map(|(_, t)| t.as_str()).collect();
        if tables.is_empty() {
            let names = self.sources.keys().map(|(s, _)| s.as_str());
            return match nearest(source, names)[..] {
                [] => problem.help(format!(
                    "declare `sources: [{{name: {source}, tables: [{{name: {table}}}]}}]` in a .yml file"
                )),
                ref near => problem.help(format!("did you mean the source {}?", quoted(near))),
            };
        }
        match nearest(table, tables.iter().copied())[..] {
            [] => problem.help(format!("add `{table}` to the tables of the source `{source}`")),
            ref near => problem.help(format!("did you mean the table {}?", quoted(near))),
        }
    }
}

fn version_matches(node: &Node, wanted: &Value) -> bool {
    let Some(model) = node.model() else { return wanted.is_null() };
    if wanted.is_null() {
        return model.version.is_null() || same_version(&model.version, &model.latest_version);
    }
    same_version(&model.version, wanted)
}

/// Versions are numbers or texts; `1`, `1.0` and `'1'` are one version.
pub fn same_version(a: &Value, b: &Value) -> bool {
    let text = |v: &Value| {
        let text = v.to_string();
        text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
    };
    !a.is_null() && text(a) == text(b)
}

/// Which of two versions is newer: numbers by value, anything else as text.
pub fn version_order(a: &Value, b: &Value) -> std::cmp::Ordering {
    let number = |v: &Value| v.to_string().parse::<f64>().ok();
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.to_string().cmp(&b.to_string()),
    }
}

/// `ref('a')` as written.
pub fn shown_call(call: &RefCall) -> String {
    let mut args: Vec<String> = call.package.iter().chain([&call.name]).map(|a| format!("'{a}'")).collect();
    if !call.version.is_null() {
        args.push(format!("v={}", call.version));
    }
    format!("ref({})", args.join(", "))
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|n| format!("'{n}'")).collect::<Vec<_>>().join(" or ")
}

/// The place where a name stands in quotes inside a template: the best guess for a call's position.
pub fn place_of(span: &Span, function: &str, name: &str) -> Span {
    let text = span.text();
    for mark in ['\'', '"'] {
        let needle = format!("{mark}{name}{mark}");
        let mut from = 0;
        while let Some(at) = text[from..].find(&needle).map(|i| i + from) {
            let before = text[..at].trim_end();
            let opened = before.rfind(function).is_some_and(|i| !before[i..].contains(')'));
            if opened {
                let start = span.start + at + 1;
                return Span::new(&span.file, start..start + name.len());
            }
            from = at + needle.len();
        }
    }
    span.clone()
}

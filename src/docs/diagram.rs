//! The graph of some resources as text that other programs draw: Mermaid, dot.
//!
//! In: the project, ids. Out: text. An edge stands for every direct dependency between two of the resources.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::base::NodeId;
use crate::node::Project;

/// A diagram in Mermaid's language.
pub fn mermaid(project: &Project, ids: &[NodeId]) -> String {
    let mut text = String::from("flowchart LR\n");
    for (number, id) in ids.iter().enumerate() {
        let (kind, name) = label(project, id);
        let (open, close) = match kind {
            "source" | "seed" => ("[(", ")]"),
            "exposure" => ("([", "])"),
            "test" | "unit_test" => ("{{", "}}"),
            _ => ("[", "]"),
        };
        // Entities keep quotes and markup of names from being read as such.
        let name = name.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(text, "  n{number}{open}\"{name}\"{close}");
    }
    for (from, to) in edges(project, ids) {
        let _ = writeln!(text, "  n{from} --> n{to}");
    }
    text.trim_end().to_owned()
}

/// A diagram in the language of Graphviz.
pub fn dot(project: &Project, ids: &[NodeId]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut text = String::from("digraph {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n");
    for id in ids {
        let (kind, name) = label(project, id);
        let shape = if matches!(kind, "source" | "seed") { ", shape=cylinder" } else { "" };
        let _ = writeln!(text, "  {} [label={}{shape}];", quoted(id.as_str()), quoted(&name));
    }
    for (from, to) in edges(project, ids) {
        let _ = writeln!(text, "  {} -> {};", quoted(ids[from].as_str()), quoted(ids[to].as_str()));
    }
    text.push('}');
    text
}

/// Direct dependencies, as positions.
fn edges(project: &Project, ids: &[NodeId]) -> Vec<(usize, usize)> {
    let place: HashMap<&NodeId, usize> = ids.iter().enumerate().map(|(at, id)| (id, at)).collect();
    let mut edges: Vec<(usize, usize)> = ids
        .iter()
        .enumerate()
        .flat_map(|(to, id)| project.parents(id).iter().map(move |p| (p, to)))
        .filter_map(|(parent, to)| Some((*place.get(parent)?, to)))
        .collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Kind and name of a resource.
fn label(project: &Project, id: &NodeId) -> (&'static str, String) {
    if let Some(node) = project.nodes.get(id) {
        return (node.resource_type.as_str(), node.search_name());
    }
    if let Some(source) = project.sources.get(id) {
        return ("source", format!("{}.{}", source.source_name, source.name));
    }
    if let Some(exposure) = project.exposures.get(id) {
        return ("exposure", exposure.name.clone());
    }
    if let Some(test) = project.unit_tests.get(id) {
        return ("unit_test", test.name.clone());
    }
    match project.semantics.get(id) {
        Some(semantic) => (semantic.kind.as_str(), semantic.name.clone()),
        None => ("", id.to_string()),
    }
}

//! The way of columns as text, JSON, Mermaid and dot.
//!
//! In: [`Walks`]. Out: text.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;

use serde_json::json;

use crate::base::NodeId;
use crate::lineage::{ColumnGraph, ColumnId, Direction, Hop, Influence, InheritedDescription};
use crate::node::Project;

/// A column with its walks.
pub type Walked = (ColumnId, Vec<(Direction, Vec<Hop>)>);

/// Walks from some columns.
pub struct Walks<'a> {
    /// For the short names of nodes.
    pub project: &'a Project,
    /// For what columns decide, and what is not known for sure.
    pub graph: &'a ColumnGraph,
    /// Each start with its walks.
    pub starts: Vec<Walked>,
    /// Descriptions that starts have from the columns they copy.
    pub inherited: BTreeMap<ColumnId, InheritedDescription>,
}

/// Renders as `text`, `json`, `mermaid` or `dot`.
pub fn render(walks: &Walks<'_>, output: &str) -> String {
    match output {
        "json" => as_json(walks),
        "mermaid" => as_graph(walks, Form::Mermaid),
        "dot" => as_graph(walks, Form::Dot),
        _ => as_text(walks),
    }
}

impl Walks<'_> {
    fn name(&self, column: &ColumnId) -> String {
        format!("{}.{}", self.node(column), column.column)
    }

    fn node(&self, column: &ColumnId) -> String {
        self.short(&column.node)
    }

    fn short(&self, id: &NodeId) -> String {
        if let Some(node) = self.project.nodes.get(id) {
            return node.search_name();
        }
        let source = self.project.sources.get(id);
        source.map_or_else(|| id.to_string(), |s| format!("{}.{}", s.source_name, s.name))
    }

    /// The nodes whose rows a column decides about, itself or through those that have its values.
    fn influences<'w>(
        &'w self,
        start: &'w ColumnId,
        hops: &'w [Hop],
    ) -> BTreeSet<(&'w ColumnId, &'w NodeId, Influence)> {
        let columns = std::iter::once(start).chain(hops.iter().map(|hop| &hop.far));
        columns.flat_map(|column| self.graph.influences(column).map(move |(id, how)| (column, id, how))).collect()
    }

    /// Every edge once, as (parent, child, kind, approximate).
    fn edges(&self) -> BTreeSet<(ColumnId, ColumnId, &'static str, bool)> {
        let mut edges = BTreeSet::new();
        for (_, walks) in &self.starts {
            for (direction, hops) in walks {
                for hop in hops {
                    let (from, to) = match direction {
                        Direction::Upstream => (&hop.far, &hop.near),
                        Direction::Downstream => (&hop.near, &hop.far),
                    };
                    edges.insert((from.clone(), to.clone(), hop.kind.as_str(), hop.approximate));
                }
            }
        }
        edges
    }
}

fn as_text(walks: &Walks<'_>) -> String {
    let mut out = String::new();
    for (start, directions) in &walks.starts {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&walks.name(start));
        if let Some(found) = walks.inherited.get(start) {
            let text = found.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = write!(out, "\n  described as {}: {text}", walks.name(&found.from));
        }
        for (direction, hops) in directions {
            let (title, decides, doubt) = match direction {
                Direction::Upstream => ("comes from", BTreeSet::new(), walks.graph.doubt(&start.node)),
                Direction::Downstream => ("is read by", walks.influences(start, hops), None),
            };
            match (hops.is_empty(), doubt) {
                (true, Some(why)) => drop(write!(out, "\n  {title} columns that are not known: {}", line(why))),
                (true, None) if decides.is_empty() => drop(write!(out, "\n  {title} nothing in the project")),
                (true, None) => {}
                (false, Some(why)) => drop(write!(out, "\n  {title}, by a guess on the safe side: {}", line(why))),
                (false, None) => drop(write!(out, "\n  {title}")),
            }
            let mut by_near: BTreeMap<&ColumnId, Vec<&Hop>> = BTreeMap::new();
            for hop in hops {
                by_near.entry(&hop.near).or_default().push(hop);
            }
            branch(walks, &by_near, start, 2, &mut HashSet::new(), &mut out);
            let mut by_node: BTreeMap<String, BTreeSet<Influence>> = BTreeMap::new();
            for (_, id, how) in &decides {
                by_node.entry(walks.short(id)).or_default().insert(*how);
            }
            for (index, (node, how)) in by_node.iter().enumerate() {
                let how: Vec<&str> = how.iter().map(|how| how.as_str()).collect();
                let title = if index == 0 { "\n  decides about rows of" } else { "" };
                let _ = write!(out, "{title}\n    {node} ({})", how.join(", "));
            }
        }
    }
    out
}

/// A text in one line.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The tree below a column. What was shown before is not spelled out again.
fn branch<'h>(
    walks: &Walks<'_>,
    by_near: &BTreeMap<&'h ColumnId, Vec<&'h Hop>>,
    at: &'h ColumnId,
    depth: usize,
    shown: &mut HashSet<&'h ColumnId>,
    out: &mut String,
) {
    if !shown.insert(at) {
        return;
    }
    for hop in by_near.get(at).into_iter().flatten() {
        let again = shown.contains(&hop.far) && by_near.contains_key(&hop.far);
        let guess = if hop.approximate { ", approximate" } else { "" };
        let more = if again { " (see above)" } else { "" };
        let _ = write!(
            out,
            "\n{:width$}{} ({}{guess}){more}",
            "",
            walks.name(&hop.far),
            hop.kind.as_str(),
            width = depth * 2
        );
        branch(walks, by_near, &hop.far, depth + 1, shown, out);
    }
}

fn as_json(walks: &Walks<'_>) -> String {
    let id = |c: &ColumnId| json!({"node": c.node.as_str(), "column": c.column});
    let edges: Vec<_> = walks
        .edges()
        .iter()
        .map(|(from, to, kind, approximate)| {
            json!({"from": id(from), "to": id(to), "kind": kind, "approximate": approximate})
        })
        .collect();
    let start = |c: &ColumnId| {
        let mut entry = id(c);
        if let (Some(found), Some(entry)) = (walks.inherited.get(c), entry.as_object_mut()) {
            entry.insert("description".to_owned(), found.text.as_str().into());
            entry.insert("inherited_from".to_owned(), id(&found.from));
        }
        if let (Some(why), Some(entry)) = (walks.graph.doubt(&c.node), entry.as_object_mut()) {
            entry.insert("approximate".to_owned(), why.into());
        }
        entry
    };
    let starts: Vec<_> = walks.starts.iter().map(|(c, _)| start(c)).collect();
    let downstream = |(c, directions): &'_ Walked| {
        let hops = directions.iter().find(|(direction, _)| *direction == Direction::Downstream);
        hops.map(|(_, hops)| (c.clone(), hops.clone()))
    };
    let downstream: Vec<(ColumnId, Vec<Hop>)> = walks.starts.iter().filter_map(downstream).collect();
    let influences: BTreeSet<_> = downstream.iter().flat_map(|(c, hops)| walks.influences(c, hops)).collect();
    let influences: Vec<_> = influences
        .iter()
        .map(|(from, to, how)| json!({"from": id(from), "to": to.as_str(), "kind": how.as_str()}))
        .collect();
    serde_json::to_string_pretty(&json!({"columns": starts, "edges": edges, "influences": influences}))
        .unwrap_or_default()
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Mermaid,
    Dot,
}

/// Nodes as boxes with their columns inside, edges labelled unless they copy.
fn as_graph(walks: &Walks<'_>, form: Form) -> String {
    let edges = walks.edges();
    let mut boxes: BTreeMap<String, BTreeSet<&ColumnId>> = BTreeMap::new();
    let columns = walks.starts.iter().map(|(c, _)| c).chain(edges.iter().flat_map(|(a, b, ..)| [a, b]));
    for column in columns {
        boxes.entry(walks.node(column)).or_default().insert(column);
    }
    let numbers: BTreeMap<&ColumnId, usize> =
        boxes.values().flatten().enumerate().map(|(i, column)| (*column, i)).collect();
    let text = |t: &str| match form {
        Form::Mermaid => t.replace('"', "#quot;"),
        Form::Dot => t.replace('\\', "\\\\").replace('"', "\\\""),
    };
    let mut out = String::from(if form == Form::Mermaid {
        "flowchart LR"
    } else {
        "digraph lineage {\n  rankdir=LR; node [shape=box];"
    });
    for (index, (name, columns)) in boxes.iter().enumerate() {
        let open = match form {
            Form::Mermaid => format!("\n  subgraph n{index}[\"{}\"]", text(name)),
            Form::Dot => format!("\n  subgraph cluster_{index} {{ label=\"{}\";", text(name)),
        };
        out.push_str(&open);
        for column in columns {
            let line = match form {
                Form::Mermaid => format!("\n    c{}[\"{}\"]", numbers[column], text(&column.column)),
                Form::Dot => format!("\n    c{} [label=\"{}\"];", numbers[column], text(&column.column)),
            };
            out.push_str(&line);
        }
        out.push_str(if form == Form::Mermaid { "\n  end" } else { "\n  }" });
    }
    for (from, to, kind, approximate) in &edges {
        let (a, b) = (numbers[from], numbers[to]);
        let line = match (form, *kind, approximate) {
            (Form::Mermaid, "copy", false) => format!("\n  c{a} --> c{b}"),
            (Form::Mermaid, kind, false) => format!("\n  c{a} -->|{kind}| c{b}"),
            (Form::Mermaid, kind, true) => format!("\n  c{a} -.->|{kind}| c{b}"),
            (Form::Dot, "copy", false) => format!("\n  c{a} -> c{b};"),
            (Form::Dot, kind, false) => format!("\n  c{a} -> c{b} [label=\"{kind}\"];"),
            (Form::Dot, kind, true) => format!("\n  c{a} -> c{b} [label=\"{kind}\", style=dashed];"),
        };
        out.push_str(&line);
    }
    if form == Form::Dot {
        out.push_str("\n}");
    }
    out
}

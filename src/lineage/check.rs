//! Binds nodes in the order of the DAG, each against the columns that binding its parents gave.
//!
//! In: compiled nodes, columns of what lies outside, a shadow. Out: [`Checked`]. One bad node does not hide the next: its
//! children are bound against the columns that the warehouse has of it, or are named as not checkable.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::adapters::shadow::{BindError, BindProblem, Shadow, ShadowColumn};
use crate::base::NodeId;
use crate::compile::Compiled;
use crate::diag::{Code, Diagnostic, Span, codes, nearest};
use crate::node::{Language, Node, Project, ResourceType};

use super::columns::{NodeLineage, Relations, approximate};
use super::schemas::Schemas;

/// What to check, and what is known.
pub struct CheckRequest<'a> {
    /// The project.
    pub project: &'a Project,
    /// Nodes in the order of the DAG: what is to be checked, and all ancestors.
    pub order: &'a [NodeId],
    /// Their code, or why there is none.
    pub compiled: &'a HashMap<NodeId, Result<Compiled, Box<Diagnostic>>>,
    /// Columns in the warehouse, of seeds' files, of the lock.
    pub known: &'a Schemas,
}

/// What became of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The engine can run it.
    Good,
    /// The engine objects.
    Failed(Box<Diagnostic>),
    /// It cannot be said without running something, for this reason.
    Unchecked(String),
}

/// A node after checking.
#[derive(Clone, Debug)]
pub struct NodeCheck {
    /// Verdict.
    pub verdict: Verdict,
    /// Output columns; none if they are not known.
    pub columns: Option<Vec<ShadowColumn>>,
    /// Where they come from; none where they come from outside.
    pub lineage: Option<NodeLineage>,
}

/// All nodes after checking, in the order of the DAG.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// By id; sources and seeds among them.
    pub nodes: IndexMap<NodeId, NodeCheck>,
}

/// Columns that a snapshot adds to those of its query.
const SNAPSHOT_COLUMNS: [(&str, &str); 4] = [
    ("dbt_scd_id", "VARCHAR"),
    ("dbt_updated_at", "TIMESTAMP"),
    ("dbt_valid_from", "TIMESTAMP"),
    ("dbt_valid_to", "TIMESTAMP"),
];

/// Checks the nodes of a request.
pub fn check(request: &CheckRequest<'_>, shadow: &mut dyn Shadow) -> Checked {
    let relations = Relations::new(request.project);
    let mut checked = Checked::default();
    for id in request.order {
        let found = if let Some(source) = request.project.sources.get(id) {
            outside(request.known.get(&source.relation).map(<[_]>::to_vec), "its columns are not known")
        } else if let Some(node) = request.project.nodes.get(id) {
            if node.resource_type == ResourceType::Seed {
                outside(request.known.get(&node.relation).map(<[_]>::to_vec), "its columns are not known")
            } else {
                inside(request, node, shadow, &relations, &checked)
            }
        } else {
            continue;
        };
        if let Some(columns) = &found.columns
            && let Some(relation) = relation_of(request.project, id)
            && let Err(error) = shadow.declare(relation, columns)
        {
            let verdict = Verdict::Unchecked(format!("its columns cannot be declared: {}", error.message));
            checked.nodes.insert(id.clone(), NodeCheck { verdict, ..found });
            continue;
        }
        checked.nodes.insert(id.clone(), found);
    }
    checked
}

fn relation_of<'p>(project: &'p Project, id: &NodeId) -> Option<&'p crate::base::Relation> {
    match project.sources.get(id) {
        Some(source) => Some(&source.relation),
        None => project.nodes.get(id).filter(|n| n.is_relational()).map(|n| &n.relation),
    }
}

fn outside(columns: Option<Vec<ShadowColumn>>, why: &str) -> NodeCheck {
    let verdict = if columns.is_some() { Verdict::Good } else { Verdict::Unchecked(why.to_owned()) };
    NodeCheck { verdict, columns, lineage: None }
}

fn inside(
    request: &CheckRequest<'_>,
    node: &Node,
    shadow: &mut dyn Shadow,
    relations: &Relations<'_>,
    checked: &Checked,
) -> NodeCheck {
    // What the warehouse has of the node serves its children where binding fails, and an incremental model itself.
    let built = request.known.get(&node.relation).filter(|_| node.is_relational());
    let fallback = |verdict| NodeCheck { verdict, columns: built.map(<[_]>::to_vec), lineage: None };
    if node.language == Language::Python {
        return fallback(Verdict::Unchecked("it is written in Python".into()));
    }
    let compiled = match request.compiled.get(&node.id) {
        Some(Ok(compiled)) => compiled,
        Some(Err(problem)) if asks_the_warehouse(problem.code) => {
            return fallback(Verdict::Unchecked(format!(
                "its template asks the warehouse: {}",
                first_line(&problem.message)
            )));
        }
        Some(Err(problem)) => return fallback(Verdict::Failed(problem.clone())),
        None => return fallback(Verdict::Unchecked("it has no SQL".into())),
    };
    if let Some(columns) = built {
        // A failure to declare shows when the query reads it.
        let _ = shadow.declare(&node.relation, columns);
    }
    match shadow.bind(&compiled.code.code) {
        Ok(bound) => {
            let width = bound.columns.len();
            let mut lineage = match bound.lineage {
                Ok(found) => relations.lineage(found),
                Err(why) => {
                    let parents: Vec<(NodeId, &[ShadowColumn])> = readable_parents(request.project, node, checked);
                    approximate(&parents, width, why)
                }
            };
            let mut columns = bound.columns;
            if node.resource_type == ResourceType::Snapshot {
                columns.extend(SNAPSHOT_COLUMNS.map(|(name, data_type)| ShadowColumn {
                    name: snapshot_name(node, name),
                    data_type: data_type.into(),
                }));
                lineage.values.resize(columns.len(), Vec::new());
            }
            NodeCheck { verdict: Verdict::Good, columns: Some(columns), lineage: Some(lineage) }
        }
        Err(error) => match because_of(request.project, node, &error, checked) {
            Some(why) => fallback(Verdict::Unchecked(why)),
            None => fallback(Verdict::Failed(Box::new(diagnostic(request.project, node, compiled, &error)))),
        },
    }
}

/// The name that a snapshot's column has by `snapshot_meta_column_names`.
fn snapshot_name(node: &Node, name: &str) -> String {
    let names = node.config.map("snapshot_meta_column_names");
    names.and_then(|n| n.get(name)).and_then(|v| v.as_str()).unwrap_or(name).to_owned()
}

/// Parents whose columns are known; of ephemeral ones their parents.
fn readable_parents<'c>(project: &Project, node: &Node, checked: &'c Checked) -> Vec<(NodeId, &'c [ShadowColumn])> {
    let mut found = Vec::new();
    let mut open: Vec<&NodeId> = node.depends_on.iter().collect();
    while let Some(id) = open.pop() {
        match project.nodes.get(id) {
            Some(parent) if parent.is_ephemeral() => open.extend(&parent.depends_on),
            _ => {
                let columns = checked.nodes.get(id).and_then(|c| c.columns.as_deref());
                found.extend(columns.map(|c| (id.clone(), c)));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.dedup_by(|a, b| a.0 == b.0);
    found
}

/// Why the fault is not the node's own: a parent without columns, an engine that must see data.
fn because_of(project: &Project, node: &Node, error: &BindError, checked: &Checked) -> Option<String> {
    if error.problem == BindProblem::Dynamic {
        return Some("its columns depend on data (a pivot without an IN list)".into());
    }
    let mut open: Vec<&NodeId> = node.depends_on.iter().collect();
    while let Some(id) = open.pop() {
        if let Some(parent) = project.nodes.get(id).filter(|n| n.is_ephemeral()) {
            open.extend(&parent.depends_on);
            continue;
        }
        let unknown = checked.nodes.get(id).is_some_and(|c| c.columns.is_none());
        // Only a missing table can be the parent's fault.
        if unknown && error.problem == BindProblem::MissingRelation {
            let name = project.nodes.get(id).map(|n| n.name.clone());
            let name = name.or_else(|| project.sources.get(id).map(|s| format!("{}.{}", s.source_name, s.name)));
            return Some(format!("the columns of {} are not known", name.unwrap_or_else(|| id.to_string())));
        }
    }
    (error.problem == BindProblem::File).then(|| format!("it reads a file: {}", first_line(&error.message)))
}

fn asks_the_warehouse(code: Code) -> bool {
    [codes::DATABASE_ERROR, codes::DATABASE_OPEN, codes::DATABASE_LOCKED, codes::COMPILER_ERROR].contains(&code)
}

/// Nodes and sources whose names are like that of a table, as one writes them.
fn near_nodes(project: &Project, name: &str) -> Vec<String> {
    let name = name.rsplit('.').next().unwrap_or(name).trim_matches('"');
    let nodes =
        project.nodes.values().filter(|n| n.is_refable()).map(|n| (n.name.as_str(), format!("ref('{}')", n.name)));
    let sources =
        project.sources.values().map(|s| (s.name.as_str(), format!("source('{}', '{}')", s.source_name, s.name)));
    let all: Vec<(&str, String)> = nodes.chain(sources).collect();
    let exact = all.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    let near = nearest(name, all.iter().map(|(n, _)| *n));
    let near = near.iter().flat_map(|found| all.iter().filter(move |(n, _)| n == found));
    let mut found: Vec<String> = exact.chain(near).map(|(_, written)| written.clone()).collect();
    found.dedup();
    found.truncate(3);
    found
}

fn diagnostic(project: &Project, node: &Node, compiled: &Compiled, error: &BindError) -> Diagnostic {
    let code = match error.problem {
        BindProblem::MissingColumn => codes::CHECK_COLUMN,
        BindProblem::MissingRelation => codes::CHECK_TABLE,
        _ => codes::CHECK_SQL,
    };
    let message = match (&error.problem, &error.name) {
        (BindProblem::MissingColumn, Some(name)) => format!("there is no column '{name}' to read in {}", node.name),
        (BindProblem::MissingRelation, Some(name)) => format!("{} reads '{name}', which no node makes", node.name),
        _ => format!("{} cannot run: {}", node.name, first_line(&error.message)),
    };
    let template = &node.template;
    let whole = || Span::new(&template.file, template.range.start..template.range.start);
    let declared = node.generic_test().and_then(|t| t.span.clone());
    let located = error.span.as_ref().filter(|_| declared.is_none()).and_then(|range| {
        let (span, exactness) = compiled.locate(range.start)?;
        Some(match exactness {
            crate::jinja::Exactness::Exact => {
                let end = (span.start + range.len()).min(span.file.text.len());
                let end =
                    (span.start..=end).rev().find(|at| span.file.text.is_char_boundary(*at)).unwrap_or(span.start);
                Span::new(&span.file, span.start..end.max(span.start + 1).min(span.file.text.len()))
            }
            _ => span,
        })
    });
    let problem =
        Diagnostic::error(code, message).at(located.or(declared).unwrap_or_else(whole)).node(node.id.as_str());
    let candidates = match (&error.problem, &error.name) {
        (BindProblem::MissingRelation, Some(name)) => near_nodes(project, name),
        _ => error.candidates.clone(),
    };
    match candidates.as_slice() {
        [] => match error.message.split_once('\n') {
            Some((_, rest)) if !rest.trim().is_empty() => problem.note(rest.trim().to_owned()),
            _ => problem,
        },
        names => problem.help(format!("did you mean {}?", names.join(", "))),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

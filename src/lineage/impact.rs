//! What a change of the project means for those who read its columns.
//!
//! In: the project bound as it was and as it is, and which nodes somebody changed. Out: [`Impact`]: for every node the columns
//! that are new, gone, of another type or computed otherwise, whether other rows come out, who reads all that, and whether
//! it breaks them.
//!
//! Breaking is what a reader outside of the project cannot see coming: a column or a relation that is gone or has another
//! name, a type that holds other values, SQL that the engine no longer accepts. Other values in a column that stays are
//! not: they are told, because only people can say whether they were meant.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::adapters::shadow::{Influence, ShadowColumn};
use crate::base::NodeId;
use crate::diag::Diagnostic;
use crate::graph::Graph;
use crate::node::previous::Difference;
use crate::node::{Project, ResourceType};

use super::check::{Checked, NodeCheck, Verdict};
use super::columns::{ColumnId, NodeLineage};
use super::graph::{ColumnGraph, Direction};
use super::widening::is_wider;

/// The project at one time.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Its nodes.
    pub project: &'a Project,
    /// What binding them gave.
    pub checked: &'a Checked,
    /// The columns' graph.
    pub columns: &'a ColumnGraph,
}

/// What to compare.
#[derive(Clone, Copy)]
pub struct ImpactRequest<'a> {
    /// The earlier state.
    pub before: Side<'a>,
    /// The project as it is.
    pub now: Side<'a>,
    /// Its graph.
    pub graph: &'a Graph,
    /// Nodes of which the code, the config or a macro changed; others change through their parents only.
    pub modified: &'a HashSet<NodeId>,
    /// What is different about nodes and sources beside what their SQL gives.
    pub differences: &'a HashMap<NodeId, Vec<Difference>>,
    /// Of these the former columns are not known, for this reason: the present ones stand in.
    pub unsure: &'a HashMap<NodeId, String>,
}

/// Everything that changed, parents before children; what is gone comes first.
#[derive(Clone, Debug, Default)]
pub struct Impact {
    /// Nodes with a change.
    pub nodes: Vec<NodeImpact>,
}

/// What became of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was not there.
    Added,
    /// It is gone.
    Removed,
    /// It is another, by its own code or through its parents.
    Changed,
}

impl Fate {
    /// As outputs name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// A node with its changes.
#[derive(Clone, Debug)]
pub struct NodeImpact {
    /// The node.
    pub id: NodeId,
    /// What became of it.
    pub fate: Fate,
    /// Whether somebody changed it; else its parents are the cause.
    pub own: bool,
    /// Why the engine refuses it now.
    pub failure: Option<Box<Diagnostic>>,
    /// The relation's former and present name, where they differ; no present name where there is no relation any more.
    pub renamed: Option<(String, Option<String>)>,
    /// Columns that changed.
    pub columns: Vec<ColumnImpact>,
    /// What is different about its rows.
    pub rows: Option<RowsImpact>,
    /// What else is different.
    pub differences: Vec<Difference>,
    /// Nodes downstream of the differences.
    pub reaches: BTreeSet<NodeId>,
    /// Why columns cannot be compared.
    pub unknown: Option<String>,
    /// Exposures, metrics and their like that read the node.
    pub outlets: Vec<NodeId>,
    /// Whether nobody but other nodes of the project can read it.
    pub inside: bool,
}

/// A column with its change.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnImpact {
    /// Its name.
    pub column: String,
    /// The change.
    pub change: Change,
    /// Who reads it.
    pub readers: Readers,
}

/// What is different about a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there.
    Added,
    /// It is gone; perhaps a new one is computed as it was.
    Removed {
        /// The new column.
        now_called: Option<String>,
    },
    /// It has another type.
    Retyped {
        /// The former type.
        was: String,
        /// The present type.
        is: String,
        /// Whether every former value fits.
        wider: bool,
    },
    /// Its values are made in another way.
    Recomputed,
}

impl Change {
    /// As outputs name it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed { now_called: None } => "removed",
            Self::Removed { .. } => "renamed",
            Self::Retyped { .. } => "retyped",
            Self::Recomputed => "recomputed",
        }
    }
}

/// How the rows of a node are others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowsImpact {
    /// Columns that decide about rows and did not.
    pub new: Vec<(ColumnId, Influence)>,
    /// Columns that did and do not.
    pub gone: Vec<(ColumnId, Influence)>,
    /// Nodes downstream.
    pub readers: BTreeSet<NodeId>,
}

/// Who reads a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readers {
    /// Columns that have its values, nearest first.
    pub columns: Vec<ColumnId>,
    /// Nodes that filter, join, group or sort by it.
    pub deciding: BTreeSet<NodeId>,
    /// Data tests.
    pub tests: BTreeSet<NodeId>,
}

impl Readers {
    /// Whether nobody does.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.deciding.is_empty() && self.tests.is_empty()
    }
}

impl NodeImpact {
    /// Why it breaks readers, if it does.
    pub fn breaking(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.failure.is_some() {
            reasons.push("the engine refuses its SQL now".to_owned());
        }
        if self.fate == Fate::Removed && !self.inside {
            reasons.push("it is gone".to_owned());
        }
        match &self.renamed {
            Some((was, Some(is))) => reasons.push(format!("its relation {was} is now called {is}")),
            Some((was, None)) => reasons.push(format!("its relation {was} is no longer made")),
            None => {}
        }
        let moved = self.differences.iter().filter_map(Difference::moves).filter(|_| !self.inside);
        reasons.extend(moved.map(|key| format!("its relation is in another {key}")));
        if self.fate == Fate::Changed {
            reasons.extend(self.columns.iter().filter_map(|c| self.breaks(c)));
        }
        reasons
    }

    /// Whether readers may look for a column that is gone.
    fn may_lack_columns(&self) -> bool {
        !self.columns.is_empty() || self.failure.is_some() || self.unknown.is_some()
    }

    /// Why a column's change breaks readers. What cannot be read from outside shows in the readers that fail.
    pub fn breaks(&self, column: &ColumnImpact) -> Option<String> {
        let name = &column.column;
        if self.inside {
            return None;
        }
        match &column.change {
            Change::Removed { now_called: None } => Some(format!("{name} is gone")),
            Change::Removed { now_called: Some(new) } => Some(format!("{name} is now called {new}")),
            Change::Retyped { was, is, wider: false } => Some(format!("{name} was {was}, is {is}")),
            _ => None,
        }
    }
}

impl Impact {
    /// How many nodes break their readers.
    pub fn breaking(&self) -> usize {
        self.nodes.iter().filter(|n| !n.breaking().is_empty()).count()
    }

    /// Of how many nodes it cannot be said what is different.
    pub fn unsure(&self) -> usize {
        self.nodes.iter().filter(|n| n.unknown.is_some()).count()
    }
}

/// Compares.
pub fn impact(request: &ImpactRequest<'_>) -> Impact {
    let comparing = Comparing { request, tests: tests_by_column(request.now.checked) };
    let (before, now) = (request.before, request.now);
    let is_data = |project: &Project, id: &NodeId| project.nodes.get(id).is_some_and(|n| n.is_refable());
    let gone =
        before.checked.nodes.keys().filter(|id| is_data(before.project, id) && !now.project.nodes.contains_key(*id));
    let mut nodes: Vec<NodeImpact> = gone.map(|id| comparing.removed(id)).collect();
    for (id, check) in &now.checked.nodes {
        if is_data(now.project, id) || request.differences.contains_key(id) {
            nodes.extend(comparing.node(id, check));
        } else if let Verdict::Failed(problem) = &check.verdict {
            let parents = now.project.parents(id);
            let touched = |p: &NodeId| nodes.iter().any(|n| n.id == *p && n.may_lack_columns());
            if request.modified.contains(id) || parents.iter().any(touched) {
                nodes.push(NodeImpact { failure: Some(problem.clone()), inside: true, ..comparing.plain(id) });
            }
        }
    }
    Impact { nodes }
}

struct Comparing<'r, 'a> {
    request: &'r ImpactRequest<'a>,
    tests: BTreeMap<ColumnId, BTreeSet<NodeId>>,
}

impl Comparing<'_, '_> {
    fn plain(&self, id: &NodeId) -> NodeImpact {
        NodeImpact {
            id: id.clone(),
            fate: Fate::Changed,
            own: self.request.modified.contains(id),
            failure: None,
            renamed: None,
            columns: Vec::new(),
            rows: None,
            differences: Vec::new(),
            reaches: BTreeSet::new(),
            unknown: None,
            outlets: self.outlets(id),
            // What becomes of a source shows in the nodes that read it.
            inside: self.request.now.project.nodes.get(id).is_none_or(|n| n.is_ephemeral()),
        }
    }

    /// Data nodes downstream.
    fn below(&self, id: &NodeId) -> BTreeSet<NodeId> {
        let below = self.request.graph.descendants(id, None).into_iter();
        let project = self.request.now.project;
        below.filter(|id| project.nodes.get(*id).is_some_and(|n| n.is_refable())).cloned().collect()
    }

    /// Whether the node reads what it did not read before: then that it failed over that says nothing about the past.
    fn rests_on_unsure(&self, id: &NodeId) -> bool {
        let above = self.request.graph.ancestors(id, None);
        above.into_iter().any(|id| self.request.unsure.contains_key(id))
    }

    fn removed(&self, id: &NodeId) -> NodeImpact {
        let before = self.request.before;
        let columns = before.checked.nodes.get(id).and_then(|c| c.columns.as_deref()).unwrap_or_default();
        let columns = columns.iter().map(|c| ColumnImpact {
            column: c.name.clone(),
            change: Change::Removed { now_called: None },
            readers: self.readers(id, &c.name, before.columns),
        });
        let inside = before.project.nodes.get(id).is_some_and(|n| n.is_ephemeral());
        NodeImpact { fate: Fate::Removed, own: true, columns: columns.collect(), inside, ..self.plain(id) }
    }

    /// The changes of a node that is there now; none if there are none.
    fn node(&self, id: &NodeId, now: &NodeCheck) -> Option<NodeImpact> {
        let (project, request) = (self.request.now.project, self.request);
        let mut made = self.plain(id);
        let Some(before) = request.before.checked.nodes.get(id) else {
            let columns = now.columns.iter().flatten().map(|c| ColumnImpact {
                column: c.name.clone(),
                change: Change::Added,
                readers: self.readers(id, &c.name, request.now.columns),
            });
            made.columns = columns.collect();
            made.failure = failure(now);
            return Some(NodeImpact { fate: Fate::Added, own: true, ..made });
        };
        if before.verdict == Verdict::Good || made.own || self.rests_on_unsure(id) {
            made.failure = failure(now);
        }
        let (old, new) = (request.before.project.nodes.get(id), project.nodes.get(id));
        if let (Some(old), Some(new)) = (old, new)
            && old.is_relational()
            && (old.alias != new.alias || !new.is_relational())
        {
            made.renamed = Some((old.alias.clone(), new.is_relational().then(|| new.alias.clone())));
        }
        match (&before.columns, &now.columns) {
            (Some(old), Some(new)) if made.failure.is_none() => self.columns(&mut made, (old, before), (new, now)),
            _ if made.failure.is_none() && (made.own || before.columns.is_some() != now.columns.is_some()) => {
                let why = |check: &NodeCheck| match &check.verdict {
                    Verdict::Unchecked(why) => Some(why.clone()),
                    Verdict::Failed(problem) => Some(problem.message.clone()),
                    Verdict::Good => None,
                };
                let earlier = || why(before).map(|why| format!("in the earlier state {why}"));
                made.unknown = why(now).or_else(earlier).or_else(|| Some("its columns are not known".to_owned()));
            }
            _ => {}
        }
        if let Some(differences) = request.differences.get(id) {
            made.differences.clone_from(differences);
            made.reaches = self.below(id);
        }
        made.unknown = request.unsure.get(id).cloned().or(made.unknown);
        let changed = made.failure.is_some() || made.renamed.is_some() || made.rows.is_some() || made.unknown.is_some();
        (changed || !made.columns.is_empty() || !made.differences.is_empty()).then_some(made)
    }

    fn columns(
        &self,
        made: &mut NodeImpact,
        (old, before): (&[ShadowColumn], &NodeCheck),
        (new, now): (&[ShadowColumn], &NodeCheck),
    ) {
        let find = |list: &[ShadowColumn], name: &str| list.iter().position(|c| c.name.eq_ignore_ascii_case(name));
        let lineages = before.lineage.as_ref().zip(now.lineage.as_ref());
        let exact = lineages.filter(|(a, b)| is_printed(a) && is_printed(b));
        let print = |lineage: &NodeLineage, at: usize| lineage.prints.get(at).copied();
        let added: Vec<usize> = (0..new.len()).filter(|at| find(old, &new[*at].name).is_none()).collect();
        for (at, column) in old.iter().enumerate() {
            let change = match find(new, &column.name) {
                None => {
                    let twins = added.iter().filter(|new_at| {
                        exact.is_some_and(|(a, b)| print(a, at).is_some() && print(a, at) == print(b, **new_at))
                    });
                    let twins: Vec<&usize> = twins.collect();
                    let now_called = if let [only] = twins.as_slice() { Some(new[**only].name.clone()) } else { None };
                    Change::Removed { now_called }
                }
                Some(now_at) if column.data_type != new[now_at].data_type => {
                    let (was, is) = (column.data_type.clone(), new[now_at].data_type.clone());
                    Change::Retyped { wider: is_wider(&was, &is), was, is }
                }
                Some(now_at) if made.own && exact.is_some_and(|(a, b)| print(a, at) != print(b, now_at)) => {
                    Change::Recomputed
                }
                Some(_) => continue,
            };
            let graph = match change {
                Change::Removed { .. } => self.request.before.columns,
                _ => self.request.now.columns,
            };
            let readers = self.readers(&made.id, &column.name, graph);
            made.columns.push(ColumnImpact { column: column.name.clone(), change, readers });
        }
        for at in added {
            let readers = self.readers(&made.id, &new[at].name, self.request.now.columns);
            made.columns.push(ColumnImpact { column: new[at].name.clone(), change: Change::Added, readers });
        }
        if !made.own {
            return;
        }
        match exact {
            Some((a, b)) if a.rows_print != b.rows_print => {
                made.rows = Some(RowsImpact {
                    new: b.influence.difference(&a.influence).cloned().collect(),
                    gone: a.influence.difference(&b.influence).cloned().collect(),
                    readers: self.below(&made.id),
                });
            }
            None if self.is_query(&made.id) => {
                let why = lineages.and_then(|(a, b)| a.approximate.as_ref().or(b.approximate.as_ref()));
                let why = why.map_or("the engine does not say how they are computed", String::as_str);
                made.unknown = Some(format!("names and types of its columns are compared, not their values: {why}"));
            }
            _ => {}
        }
    }

    fn is_query(&self, id: &NodeId) -> bool {
        let node = self.request.now.project.nodes.get(id);
        node.is_some_and(|n| n.resource_type != ResourceType::Seed)
    }

    fn readers(&self, id: &NodeId, column: &str, graph: &ColumnGraph) -> Readers {
        let Some(start) = graph.find(id, column) else { return Readers::default() };
        let is_here = |id: &NodeId| self.request.now.project.nodes.contains_key(id);
        let mut readers = Readers::default();
        let mut seen = HashSet::new();
        for hop in graph.walk(&start, Direction::Downstream, None) {
            if is_here(&hop.far.node) && seen.insert(hop.far.clone()) {
                readers.columns.push(hop.far);
            }
        }
        for column in std::iter::once(&start).chain(&readers.columns) {
            readers.deciding.extend(graph.deciding(column).filter(|id| is_here(id)).cloned());
            readers.tests.extend(self.tests.get(column).into_iter().flatten().cloned());
        }
        readers
    }

    /// What reads a node, directly, and is no node.
    fn outlets(&self, id: &NodeId) -> Vec<NodeId> {
        let project = self.request.now.project;
        let children = self.request.graph.children(id).into_iter();
        children.filter(|c| !project.nodes.contains_key(*c) && !project.unit_tests.contains_key(*c)).cloned().collect()
    }
}

/// Whether the engine says how the columns are computed.
fn is_printed(lineage: &NodeLineage) -> bool {
    lineage.approximate.is_none() && !lineage.prints.is_empty()
}

fn failure(check: &NodeCheck) -> Option<Box<Diagnostic>> {
    match &check.verdict {
        Verdict::Failed(problem) => Some(problem.clone()),
        _ => None,
    }
}

/// Data tests by the columns that they read.
fn tests_by_column(checked: &Checked) -> BTreeMap<ColumnId, BTreeSet<NodeId>> {
    let mut tests: BTreeMap<ColumnId, BTreeSet<NodeId>> = BTreeMap::new();
    for (id, check) in checked.nodes.iter().filter(|(id, _)| id.as_str().starts_with("test.")) {
        let Some(lineage) = &check.lineage else { continue };
        let values = lineage.values.iter().flatten().map(|edge| &edge.from);
        for column in values.chain(lineage.influence.iter().map(|(column, _)| column)) {
            tests.entry(column.clone()).or_default().insert(id.clone());
        }
    }
    tests
}

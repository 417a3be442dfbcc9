//! Columns of nodes, and the edges into one node's columns.
//!
//! In: what the engine says of one query, in relations. Out: [`NodeLineage`], in nodes of the project.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use crate::adapters::shadow::{BoundLineage, EdgeKind, ImplicitCast, Influence, ShadowColumn, SourceColumn};
use crate::base::{NodeId, Relation};
use crate::compile::cte_name;
use crate::node::{Node, Project};

/// A column of a node or source of the project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnId {
    /// The node or source.
    pub node: NodeId,
    /// The column, in its own spelling.
    pub column: String,
}

impl fmt::Display for ColumnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.node, self.column)
    }
}

/// How a column comes into another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The parent's column.
    pub from: ColumnId,
    /// What happens on the way.
    pub kind: EdgeKind,
}

/// Where the columns of one node come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeLineage {
    /// For each column of the node, in order.
    pub values: Vec<Vec<Edge>>,
    /// Parents' columns that decide about rows.
    pub influence: BTreeSet<(ColumnId, Influence)>,
    /// Parents' columns that a join holds equal.
    pub equal: BTreeSet<(ColumnId, ColumnId)>,
    /// Why the edges are a guess on the safe side, if they are.
    pub approximate: Option<String>,
    /// For each column a number that stands for how it is computed; empty where the engine does not say.
    pub prints: Vec<u64>,
    /// The same for which rows come out.
    pub rows_print: u64,
    /// Conversions between text and other types that nobody wrote, in words.
    pub casts: Vec<String>,
}

/// The table that stands for an ephemeral model, named as its readers name it.
pub(super) fn inlined_relation(node: &Node, home: &Relation) -> Relation {
    Relation { identifier: Some(cte_name(&node.alias)), ..home.clone() }
}

/// Nodes by the relation they are in.
pub(super) struct Relations<'p> {
    by_key: HashMap<(String, String, String), Vec<&'p NodeId>>,
}

impl<'p> Relations<'p> {
    pub(super) fn new(project: &'p Project, home: &Relation) -> Self {
        let key = |n: &Node| {
            if n.is_ephemeral() { inlined_relation(n, home).key() } else { n.relation.key() }
        };
        let nodes = project.nodes.iter().filter(|(_, n)| n.is_refable()).map(|(id, n)| (key(n), id));
        let sources = project.sources.iter().map(|(id, s)| (s.relation.key(), id));
        // What reads files is known to the engine by its text.
        let readers = project.sources.iter().filter_map(|(id, s)| {
            let text = Relation { identifier: Some(s.reader.clone()?), ..Relation::default() };
            Some((text.key(), id))
        });
        let mut by_key: HashMap<_, Vec<&NodeId>> = HashMap::new();
        nodes.chain(sources).chain(readers).for_each(|(key, id)| by_key.entry(key).or_default().push(id));
        Self { by_key }
    }

    /// The node in a relation. A source may be declared over what a node builds: then it is the one that the reader names.
    fn node(&self, relation: &Relation, parents: &[NodeId]) -> Option<&'p NodeId> {
        let all = self.by_key.get(&relation.key())?;
        all.iter().find(|id| parents.contains(id)).or_else(|| all.first()).copied()
    }

    fn column(&self, column: &SourceColumn, parents: &[NodeId]) -> Option<ColumnId> {
        Some(ColumnId { node: self.node(&column.relation, parents)?.clone(), column: column.column.clone() })
    }

    /// The engine's word in nodes of the project. A table that belongs to no node has no place in the graph.
    pub(super) fn lineage(&self, bound: BoundLineage, parents: &[NodeId]) -> NodeLineage {
        let edges = |origins: std::collections::BTreeMap<SourceColumn, EdgeKind>| {
            origins.iter().filter_map(|(c, kind)| Some(Edge { from: self.column(c, parents)?, kind: *kind })).collect()
        };
        NodeLineage {
            values: bound.values.into_iter().map(edges).collect(),
            influence: bound.influence.iter().filter_map(|(c, how)| Some((self.column(c, parents)?, *how))).collect(),
            equal: bound
                .equal
                .iter()
                .filter_map(|(a, b)| Some((self.column(a, parents)?, self.column(b, parents)?)))
                .collect(),
            approximate: None,
            prints: bound.prints,
            rows_print: bound.rows_print,
            casts: bound.casts.iter().map(in_words).collect(),
        }
    }
}

fn in_words(cast: &ImplicitCast) -> String {
    let name = |c: &SourceColumn| format!("{}.{}", c.relation.identifier.as_deref().unwrap_or_default(), c.column);
    let columns: Vec<String> = cast.columns.iter().map(name).collect();
    format!("{} ({}) becomes {} in a {}", columns.join(", "), cast.from, cast.to, cast.place)
}

/// Every column of every parent in every column: too much, but nothing is missing.
pub(super) fn approximate(parents: &[(NodeId, &[ShadowColumn])], width: usize, why: String) -> NodeLineage {
    let all: Vec<Edge> = parents
        .iter()
        .flat_map(|(node, columns)| {
            columns.iter().map(|c| Edge {
                from: ColumnId { node: node.clone(), column: c.name.clone() },
                kind: EdgeKind::Expression,
            })
        })
        .collect();
    NodeLineage { values: vec![all; width], approximate: Some(why), ..NodeLineage::default() }
}

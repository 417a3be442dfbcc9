//! Binding SQL without touching data. In: names and types of tables, a query. Out: the query's columns with the columns
//! they come from, or the engine's objection with its place in the text.
//!
//! A shadow is a catalog of empty tables in memory. It knows nothing of the warehouse: whoever owns it declares what a
//! query may read.

pub(in crate::adapters) mod column;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::error::AdapterError;
use crate::base::Relation;

/// What happens to a column's value on its way, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// The value itself, perhaps under another name.
    Copy,
    /// The value in another type.
    Cast,
    /// Part of an expression.
    Expression,
    /// Part of an aggregate over several rows.
    Aggregate,
    /// Part of a window function.
    Window,
}

impl EdgeKind {
    /// As outputs name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Cast => "cast",
            Self::Expression => "expression",
            Self::Aggregate => "aggregate",
            Self::Window => "window",
        }
    }

    /// Reads what [`EdgeKind::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Copy, Self::Cast, Self::Expression, Self::Aggregate, Self::Window]
            .into_iter()
            .find(|k| k.as_str() == text)
    }
}

/// How a column decides which rows come out, and in what order, without its value coming out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Influence {
    /// WHERE, HAVING, QUALIFY, EXISTS, IN, the right side of EXCEPT.
    Filter,
    /// A join's condition; a list of which each item makes a row.
    Join,
    /// GROUP BY, DISTINCT.
    Group,
    /// ORDER BY.
    Order,
}

impl Influence {
    /// As outputs name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Join => "join",
            Self::Group => "group",
            Self::Order => "order",
        }
    }

    /// Reads what [`Influence::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Filter, Self::Join, Self::Group, Self::Order].into_iter().find(|k| k.as_str() == text)
    }
}

/// A column of a declared table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceColumn {
    /// The table, as the engine names it.
    pub relation: Relation,
    /// The column's name.
    pub column: String,
}

/// A column of a table or of a query's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowColumn {
    /// Its name.
    pub name: String,
    /// The engine's spelling of the type.
    pub data_type: String,
}

/// Where the columns of a query come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundLineage {
    /// Every table that is read.
    pub tables: BTreeSet<Relation>,
    /// For each output column a number that stands for how it is computed from columns of tables: equal numbers, equal
    /// computations, however they are written.
    pub prints: Vec<u64>,
    /// The same for what decides which rows come out.
    pub rows_print: u64,
    /// For each output column, in order: the columns whose values are in it.
    pub values: Vec<BTreeMap<SourceColumn, EdgeKind>>,
    /// Columns that decide about rows.
    pub influence: BTreeSet<(SourceColumn, Influence)>,
    /// Pairs that a join holds equal.
    pub equal: BTreeSet<(SourceColumn, SourceColumn)>,
    /// Conversions between text and other types that the engine made up.
    pub casts: BTreeSet<ImplicitCast>,
}

impl BoundLineage {
    /// The same with other names for some tables.
    pub fn renamed(self, other: &dyn Fn(&Relation) -> Option<Relation>) -> Self {
        let table = |r: Relation| other(&r).unwrap_or(r);
        let column = |c: SourceColumn| SourceColumn { relation: table(c.relation), column: c.column };
        let columns = |list: BTreeSet<SourceColumn>| list.into_iter().map(column).collect();
        Self {
            tables: self.tables.into_iter().map(table).collect(),
            values: self
                .values
                .into_iter()
                .map(|origins| origins.into_iter().map(|(c, kind)| (column(c), kind)).collect())
                .collect(),
            influence: self.influence.into_iter().map(|(c, how)| (column(c), how)).collect(),
            equal: self.equal.into_iter().map(|(a, b)| (column(a), column(b))).collect(),
            casts: self.casts.into_iter().map(|c| ImplicitCast { columns: columns(c.columns), ..c }).collect(),
            ..self
        }
    }
}

/// A conversion that nobody wrote, between text and something else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImplicitCast {
    /// The type before.
    pub from: String,
    /// The type after.
    pub to: String,
    /// Where it happens: `comparison` or `set operation`.
    pub place: &'static str,
    /// The columns that are converted.
    pub columns: BTreeSet<SourceColumn>,
}

/// A bound query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Output columns.
    pub columns: Vec<ShadowColumn>,
    /// Their origins; else why the engine's plan does not tell them.
    pub lineage: Result<BoundLineage, String>,
}

/// Why a query cannot be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindProblem {
    /// It cannot be parsed.
    Syntax,
    /// A table that was not declared.
    MissingRelation,
    /// A column that no table in reach has.
    MissingColumn,
    /// A function, type or other name that does not exist, or not for these arguments.
    Function,
    /// A file that the query reads is not there, or cannot be read.
    File,
    /// Which columns come out depends on data: a pivot that lists no values.
    Dynamic,
    /// Anything else: ambiguous names, types that do not fit, wrong arity.
    Other,
}

/// The engine's objection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindError {
    /// Its kind.
    pub problem: BindProblem,
    /// The engine's text.
    pub message: String,
    /// The name that was not found, where it is about a name.
    pub name: Option<String>,
    /// Byte range in the query.
    pub span: Option<Range<usize>>,
    /// What may have been meant, best first.
    pub candidates: Vec<String>,
}

/// A catalog of empty tables to bind queries against. Not shared between threads: each worker has its own.
pub trait Shadow: Send {
    /// Makes an empty table, replacing one of that name.
    fn declare(&mut self, relation: &Relation, columns: &[ShadowColumn]) -> Result<(), BindError>;

    /// Runs a definition that queries rely on: a macro, a type, a sequence.
    fn define(&mut self, sql: &str) -> Result<(), BindError>;

    /// Makes the database and the schema of a relation. `declare` does it as well; do it before forking, so that forks do
    /// not race for it.
    fn make_room(&mut self, relation: &Relation) -> Result<(), BindError>;

    /// What two shadows have in common that give the same answers: the engine, its settings, how plans are read.
    fn identity(&self) -> String;

    /// A second worker on the same catalog: what one declares, the other reads.
    fn fork(&self) -> Result<Box<dyn Shadow>, AdapterError>;

    /// Whether a contract's type is given to what a query returns in another one: an engine that counts in fewer types than
    /// people declare casts such values when it makes the table.
    fn takes(&self, _declared: &str, _returned: &str) -> bool {
        false
    }

    /// Binds one query. Declares nothing that another query can see.
    fn bind(&mut self, sql: &str) -> Result<Bound, BindError>;

    /// Binds several queries, each by itself; the answers are in their order. An engine may do it at once.
    fn bind_all(&mut self, queries: &[&str]) -> Vec<Result<Bound, BindError>> {
        queries.iter().map(|sql| self.bind(sql)).collect()
    }
}

//! What selection needs to know beyond the graph, without knowing where it is kept or how it is found out.
//!
//! In: nothing. Out: the traits [`StateFacts`] that the keeper of earlier runs implements, and [`ColumnFacts`] that whoever
//! can bind the project's SQL implements; [`SelectionFacts`] holds both.

use crate::base::NodeId;
use crate::diag::Diagnostic;

use super::criterion::Reach;

/// The value of `state:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StateKind {
    /// Not in the earlier state.
    New,
    /// In the earlier state.
    Old,
    /// New or changed in any respect.
    Modified,
    /// Neither new nor changed.
    Unmodified,
    /// The code changed.
    ModifiedBody,
    /// The config changed.
    ModifiedConfigs,
    /// A persisted description changed.
    ModifiedPersistedDescriptions,
    /// Database, schema or alias changed.
    ModifiedRelation,
    /// A macro that the node calls changed.
    ModifiedMacros,
    /// The contract changed.
    ModifiedContract,
}

impl StateKind {
    /// Every kind with dbt's name.
    pub const ALL: &[(&'static str, StateKind)] = &[
        ("new", Self::New),
        ("old", Self::Old),
        ("modified", Self::Modified),
        ("unmodified", Self::Unmodified),
        ("modified.body", Self::ModifiedBody),
        ("modified.configs", Self::ModifiedConfigs),
        ("modified.persisted_descriptions", Self::ModifiedPersistedDescriptions),
        ("modified.relation", Self::ModifiedRelation),
        ("modified.macros", Self::ModifiedMacros),
        ("modified.contract", Self::ModifiedContract),
    ];

    /// The kind for dbt's name of it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }
}

/// Facts about an earlier state of the project (`--state`). Each answer is a list of ids; ids outside the project are
/// ignored. An error says which artifact is missing or unreadable.
pub trait StateFacts {
    /// Nodes for `state:<kind>`.
    fn state(&self, kind: StateKind) -> Result<Vec<NodeId>, Box<Diagnostic>>;

    /// Nodes whose last result has this status, for `result:<status>`.
    fn result(&self, status: &str) -> Result<Vec<NodeId>, Box<Diagnostic>>;

    /// Sources for `source_status:<status>`; dbt knows `fresher`.
    fn source_status(&self, status: &str) -> Result<Vec<NodeId>, Box<Diagnostic>>;
}

/// The way of columns through the project.
pub trait ColumnFacts {
    /// The nodes for `column:<named>`: those that have the columns, those whose columns the values come from (`upstream`), and
    /// those that the values come into (`downstream`). An error says which model or column does not exist.
    fn reached(&self, named: &str, upstream: Reach, downstream: Reach) -> Result<Vec<NodeId>, Box<Diagnostic>>;
}

/// What is known beyond the graph.
#[derive(Clone, Copy, Default)]
pub struct SelectionFacts<'a> {
    /// Earlier runs; none without `--state`.
    pub earlier: Option<&'a dyn StateFacts>,
    /// Columns; none where no SQL can be bound.
    pub columns: Option<&'a dyn ColumnFacts>,
}

//! Upkeep and history of tables that keep their former versions. In: relations. Out: what would be done, what was done.
//!
//! Engines without versions have none of it: [`Adapter::upkeep`](super::Adapter::upkeep).

use chrono::{DateTime, TimeDelta, Utc};

use super::AdapterError;
use crate::base::{AsOf, Relation};

/// What is to be looked after.
#[derive(Clone, Debug, PartialEq)]
pub struct UpkeepScope {
    /// These tables; without a list, the whole warehouse and what nothing refers to any more.
    pub relations: Option<Vec<Relation>>,
    /// Versions and leftovers younger than this are kept. At least as long as the longest run.
    pub retention: TimeDelta,
}

/// A kind of upkeep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpkeepKind {
    /// Small data files are written together into larger ones.
    Compact,
    /// Data files that no kept version reads are deleted.
    Vacuum,
    /// The state of the log is written down, so that readers need not go through all of it.
    Checkpoint,
    /// The folder of a table that was dropped is deleted.
    Remove,
    /// Files that a killed run had begun to write are deleted.
    Unfinished,
    /// Old versions of the catalog and leases of dead processes are deleted.
    Catalog,
}

impl UpkeepKind {
    /// As outputs name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Vacuum => "vacuum",
            Self::Checkpoint => "checkpoint",
            Self::Remove => "remove",
            Self::Unfinished => "unfinished",
            Self::Catalog => "catalog",
        }
    }
}

/// A piece of upkeep.
#[derive(Clone, Debug, PartialEq)]
pub struct UpkeepStep {
    /// Its kind.
    pub kind: UpkeepKind,
    /// What it is about: a relation, or a place in the warehouse.
    pub place: String,
    /// How many files are concerned.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// Why.
    pub reason: String,
}

/// What a piece of upkeep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpkeepDone {
    /// Files that are new.
    pub files_added: u64,
    /// Files that went, or that no version from now on reads.
    pub files_removed: u64,
    /// Bytes on storage less; negative where there are more now.
    pub bytes_freed: i64,
}

/// A version of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableVersion {
    /// Its number.
    pub version: u64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// The engine's word for what was done: `WRITE`, `MERGE`.
    pub operation: String,
    /// Rows in the table then, where the log tells.
    pub rows: Option<u64>,
    /// The invocation that wrote it, if we did.
    pub invocation_id: Option<String>,
    /// Whether readers see it now.
    pub current: bool,
}

/// A table that was set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The version whose content is there again.
    pub from: u64,
    /// The new version that has it; the same as before if the table had that content already.
    pub version: u64,
}

/// Looks after a warehouse of versioned tables.
pub trait Upkeep: Send {
    /// What is worth doing. Changes nothing.
    fn plan(&mut self, scope: &UpkeepScope) -> Result<Vec<UpkeepStep>, AdapterError>;

    /// Does a step of the plan. What has changed since is looked at again: nothing that a reader may need is deleted.
    fn apply(&mut self, scope: &UpkeepScope, step: &UpkeepStep) -> Result<UpkeepDone, AdapterError>;

    /// The versions of a table that can still be read, newest first; `None` of a view, which keeps none.
    fn history(&mut self, relation: &Relation) -> Result<Option<Vec<TableVersion>>, AdapterError>;

    /// Makes a former state of tables their newest version: of all of them at once, or of none. `None` for views among them.
    fn restore(&mut self, relations: &[Relation], to: AsOf) -> Result<Vec<Option<Restored>>, AdapterError>;
}

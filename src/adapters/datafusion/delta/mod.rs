//! One Delta table as a transaction sees it. In: a lake, a location, a pinned version, logical plans and expressions. Out: a
//! provider that reads the staged state, and one commit that makes all of it true.
//!
//! * [`Overlay`](overlay): log entries of the transaction stay in memory, data files go to their final place
//! * [`StagedTable`]: opening, reading, staging; [`rows`], [`change`], [`merge`], [`alter`] are what can be staged
//! * [`write`](mod@write): a query's rows -> files, every row checked against the table's constraints, [`upload`]; [`types`]: what goes into what
//! * [`squash`]: all that was staged -> one log entry; [`publish`] puts it if nobody else was faster
//!
//! The Delta library reads logs, scans files and encodes Parquet. What a commit says is decided here: every statement finds the
//! files it touches with a query, writes what replaces them, and stages `remove` and `add`.

mod alter;
mod change;
mod compact;
mod error;
mod head;
mod lake;
mod maintain;
mod merge;
mod meta;
mod overlay;
mod properties;
mod provider;
mod publish;
mod rows;
mod squash;
mod table;
#[cfg(test)]
mod tests;
mod types;
mod upload;
mod write;

use std::collections::BTreeMap;

pub use alter::Alter;
pub use error::DeltaError;
pub use head::Head;
pub use lake::Lake;
pub use maintain::{checkpoint, history, version_at};
pub use merge::{Merge, MergeAction, MergeClause, MergeCounts, MergeWhen};
pub use publish::{Published, publish};
pub use squash::StagedCommit;
pub use table::{StagedTable, TableStats};
pub(super) use types::stored;

/// What a table is created with, besides its columns.
#[derive(Clone, Debug, Default)]
pub struct TableOptions {
    /// Columns whose values separate the files.
    pub partition_by: Vec<String>,
    /// Delta's properties (`delta.targetFileSize`) and others.
    pub properties: BTreeMap<String, String>,
    /// Columns that must not be NULL. All others may be, whatever the query says.
    pub not_null: Vec<String>,
    /// CHECK constraints: name and SQL.
    pub checks: Vec<(String, String)>,
    /// The table's comment.
    pub comment: Option<String>,
    /// Comments of columns.
    pub column_comments: BTreeMap<String, String>,
}

//! What can go wrong with one table, as a value that says enough for a message with a way out.

use datafusion::common::DataFusionError;
use deltalake_core::DeltaTableError;

/// A refusal or failure of one table's operation. Nothing of the operation is staged when it is returned.
#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    /// Rows violate a CHECK constraint, or lie outside the range that a replacement declares.
    #[error("CHECK constraint `{name}` of {table} is violated by {rows} row(s): {expression}")]
    Check {
        /// The table's location.
        table: String,
        /// The constraint.
        name: String,
        /// Its SQL.
        expression: String,
        /// How many rows of the first offending batch violate it.
        rows: usize,
    },
    /// NULL in a column declared NOT NULL.
    #[error("NOT NULL constraint of column `{column}` of {table} is violated by {rows} row(s)")]
    NotNull {
        /// The table's location.
        table: String,
        /// The column.
        column: String,
        /// How many rows of the first offending batch are NULL.
        rows: usize,
    },
    /// Rows given as the replacement of a range lie outside of it.
    #[error("{rows} row(s) do not satisfy the predicate of the range they should replace in {table}: {predicate}")]
    OutsideRange {
        /// The table's location.
        table: String,
        /// The range.
        predicate: String,
        /// How many rows of the first offending batch lie outside.
        rows: usize,
    },
    /// A type that cannot be stored, or a conversion that would lose something.
    #[error("column `{column}`: {reason}")]
    Type {
        /// The column.
        column: String,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// The columns given are not the columns of the table.
    #[error("{0}")]
    Columns(String),
    /// Several source rows of a MERGE have one key.
    #[error("MERGE into {table}: {rows} source rows have the key {key}; each key may come only once")]
    DuplicateKey {
        /// The table's location.
        table: String,
        /// Column names and values.
        key: String,
        /// How many rows have it.
        rows: i64,
    },
    /// One target row matches several source rows.
    #[error("MERGE into {table}: a target row matches {rows} source rows; it could be changed only by one of them")]
    SeveralMatches {
        /// The table's location.
        table: String,
        /// How many.
        rows: i64,
    },
    /// There is no such table, or no such version of it.
    #[error("no Delta table at {table}{}", version.map(|v| format!(" with version {v}")).unwrap_or_default())]
    Missing {
        /// The table's location.
        table: String,
        /// The version asked for.
        version: Option<u64>,
    },
    /// A former version whose data files were deleted.
    #[error("version {version} of {table} cannot be read any more: data files of it were deleted by a vacuum")]
    Vacuumed {
        /// The table's location.
        table: String,
        /// The version asked for.
        version: u64,
    },
    /// What this table or engine cannot do.
    #[error("{0}")]
    Unsupported(String),
    /// The log says something that cannot be.
    #[error("the log of {table} is damaged: {reason}")]
    Corrupt {
        /// The table's location.
        table: String,
        /// What is wrong.
        reason: String,
    },
    /// The engine failed while planning or running.
    #[error(transparent)]
    Engine(#[from] DataFusionError),
    /// The Delta library failed.
    #[error(transparent)]
    Library(#[from] DeltaTableError),
    /// Reading or writing files failed.
    #[error(transparent)]
    Store(#[from] object_store::Error),
}

impl From<serde_json::Error> for DeltaError {
    fn from(error: serde_json::Error) -> Self {
        Self::Corrupt { table: "the table".to_string(), reason: error.to_string() }
    }
}

impl From<datafusion::arrow::error::ArrowError> for DeltaError {
    fn from(error: datafusion::arrow::error::ArrowError) -> Self {
        Self::Engine(DataFusionError::from(error))
    }
}

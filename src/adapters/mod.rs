//! Engines behind two small traits. In: a profile target's options, SQL. Out: [`base::Table`](crate::base::Table)s, errors with
//! a place in the SQL, an engine's own macros.
//!
//! An engine is one folder here; what differs between engines is [`Capabilities`] (data) or macros. Nothing of an engine's own
//! types leaves its folder. [`fake`] is an engine without a database, for tests of the rooms above.

mod adapter;
mod capabilities;
#[cfg(feature = "datafusion")]
mod datafusion;
pub mod delta_files;
mod duckdb;
mod error;
pub mod fake;
mod python_job;
mod refused;
pub mod shadow;
mod upkeep;

use std::path::Path;
use std::sync::Arc;

pub use adapter::{Adapter, ColumnInfo, Connection, CsvFormat, Execution, Fetch, Interrupt, TableSize};
pub use capabilities::Capabilities;
pub use error::{AdapterError, ErrorKind};
pub use python_job::PythonJob;
pub use refused::RefusedConnection;
pub use upkeep::{Restored, TableVersion, Upkeep, UpkeepDone, UpkeepKind, UpkeepScope, UpkeepStep};

use crate::base::Dict;

/// The adapter types that [`open`] knows.
#[cfg(feature = "datafusion")]
pub const TYPES: &[&str] = &["duckdb", "datafusion"];
/// The adapter types that [`open`] knows.
#[cfg(not(feature = "datafusion"))]
pub const TYPES: &[&str] = &["duckdb"];

/// The adapter for a profile target: `options` is the target's mapping with all Jinja rendered, its `type` names the engine.
/// Relative paths in it are relative to `base_dir`. The warehouse itself is opened by the first connection. Open one adapter a
/// target and share it: file locks belong to the process, so a second instance on the same file would not be noticed.
pub fn open(options: &Dict, base_dir: &Path) -> Result<Arc<dyn Adapter>, AdapterError> {
    match options.get("type").and_then(|t| t.as_str()) {
        Some("duckdb") => Ok(Arc::new(duckdb::DuckDb::new(options, base_dir)?)),
        #[cfg(feature = "datafusion")]
        Some("datafusion") => Ok(Arc::new(datafusion::DataFusion::new(options, base_dir)?)),
        Some(other) => Err(AdapterError::new(
            ErrorKind::Unsupported,
            format!("no adapter of type `{other}` here; there is: {}", TYPES.join(", ")),
        )
        .about_option("type")),
        None => Err(AdapterError::new(ErrorKind::Settings, "the target has no `type`")),
    }
}

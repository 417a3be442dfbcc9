//! A Delta Lake table for engines that read Parquet. In: its folder. Out: its columns and the files of its current version.

use std::path::{Path, PathBuf};

use super::AdapterError;

/// What a version of a table consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeltaFiles {
    /// Names and types of its columns, those of the folders' names included.
    pub columns: Vec<(String, String)>,
    /// Columns whose values stand in the names of folders.
    pub partitions: Vec<String>,
    /// The files that hold its rows.
    pub files: Vec<PathBuf>,
}

/// The files of the table in a folder. Of a table of a lake that is the version which the lake's catalog says, of another one the
/// newest in its log.
#[cfg(feature = "datafusion")]
pub fn delta_files(folder: &Path) -> Result<DeltaFiles, AdapterError> {
    super::datafusion::delta_files(folder)
}

/// Without the second engine nobody reads logs.
#[cfg(not(feature = "datafusion"))]
pub fn delta_files(folder: &Path) -> Result<DeltaFiles, AdapterError> {
    let text =
        format!("{}: this program was built without `datafusion`, which reads Delta Lake tables", folder.display());
    Err(AdapterError::new(super::ErrorKind::Unsupported, text))
}

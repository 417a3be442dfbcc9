//! Which files a package holds, by kind, with their text. In: a package's folder and paths. Out: [`SourceEntry`]s.

use std::sync::Arc;

use crate::diag::SourceFile;

/// What a file is to dbt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// Macros: .sql in macro paths.
    Macro,
    /// Models: .sql and .py in model paths.
    Model,
    /// Snapshots: .sql in snapshot paths.
    Snapshot,
    /// Analyses: .sql in analysis paths.
    Analysis,
    /// Singular data tests: .sql in test paths, but not in `generic/` and `fixtures/`.
    SingularTest,
    /// Generic data tests: .sql in `generic/` of test paths.
    GenericTest,
    /// Seeds: .csv in seed paths.
    Seed,
    /// Docs blocks: .md in docs paths.
    Docs,
    /// Properties: .yml and .yaml in all paths.
    Properties,
    /// Unit-test fixtures: .csv and .sql in `fixtures/` of test paths.
    Fixture,
    /// Functions: .sql and .py in function paths.
    Function,
}

/// One file of a package.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceEntry {
    /// What it is.
    pub kind: FileKind,
    /// Path relative to the package, forward slashes: dbt's `original_file_path`.
    pub path: String,
    /// The configured folder in which it was found, such as `models`.
    pub search_path: String,
    /// Size in bytes on disk.
    pub size: u64,
    /// Its text. Empty for seeds over [`SourceEntry::MAX_SEED_TEXT`] bytes: dbt does not read them either.
    pub file: Arc<SourceFile>,
}

impl SourceEntry {
    /// Seeds larger than this are known by path only, as in dbt.
    pub const MAX_SEED_TEXT: u64 = 1024 * 1024;

    /// Path relative to [`Self::search_path`]: dbt's `path`.
    pub fn relative_path(&self) -> &str {
        self.path.strip_prefix(&self.search_path).map_or(&self.path, |p| p.trim_start_matches('/'))
    }

    /// File name without extension.
    pub fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }

    /// Extension in lower case, without a dot.
    pub fn extension(&self) -> String {
        self.path.rsplit_once('.').map_or_else(String::new, |(_, e)| e.to_lowercase())
    }

    /// Whether this is a seed whose text was left on disk.
    pub fn is_oversized_seed(&self) -> bool {
        self.kind == FileKind::Seed && self.size > Self::MAX_SEED_TEXT
    }
}

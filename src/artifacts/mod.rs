//! Floor 3: dbt's JSON files as other tools read them.
//!
//! In: the parsed project, compiled code and outcomes of a run. Out: the bytes of `manifest.json` (v12),
//! `run_results.json` (v6), `sources.json` (v3), `catalog.json` (v1), `semantic_manifest.json` and `graph_summary.json`, and the paths under
//! `target/compiled` and `target/run`. Keys, their order and their nulls are those of dbt-core 1.11.
//!
//! Every file is a value that implements [`serde::Serialize`]; big sections are written entry by entry, so that a large
//! manifest is never held twice.

mod catalog;
mod graph_summary;
mod manifest;
mod paths;
mod read;
mod run_results;
mod semantic;
mod semantic_manifest;
mod sources;
#[cfg(test)]
mod tests;
mod wire;

use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::base::{Dict, Value};
use crate::files::{Files, FilesError};

pub use catalog::{Catalog, CatalogColumn, CatalogError, CatalogTable, CatalogTables, catalog_tables};
pub use graph_summary::GraphSummary;
pub use manifest::Manifest;
pub use paths::{Subfolder, batch_path, node_path, unit_test_path};
pub use read::{read_catalog_columns, read_manifest, read_run_results, read_sources};
pub use run_results::RunResults;
pub use semantic::{graph_dict, manifest_entry as semantic_entry};
pub use semantic_manifest::SemanticManifest;
pub use sources::Sources;
pub use wire::timestamp;

/// The kinds of files with their names, versions and schema addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArtifactKind {
    /// `manifest.json`.
    Manifest,
    /// `run_results.json`.
    RunResults,
    /// `sources.json`.
    Sources,
    /// `catalog.json`.
    Catalog,
    /// `semantic_manifest.json`.
    SemanticManifest,
    /// `graph_summary.json`.
    GraphSummary,
}

impl ArtifactKind {
    /// The file's name in the target folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest.json",
            Self::RunResults => "run_results.json",
            Self::Sources => "sources.json",
            Self::Catalog => "catalog.json",
            Self::SemanticManifest => "semantic_manifest.json",
            Self::GraphSummary => "graph_summary.json",
        }
    }

    /// What dbt's log calls the file's content.
    pub fn logged_as(self) -> &'static str {
        match self {
            Self::Manifest => "WritableManifest",
            Self::RunResults => "RunExecutionResult",
            Self::Sources => "FreshnessResult",
            Self::Catalog => "CatalogArtifact",
            Self::SemanticManifest => "SemanticManifest",
            Self::GraphSummary => "GraphSummary",
        }
    }

    /// `dbt_schema_version` of the metadata; empty for files that have none.
    pub fn schema(self) -> &'static str {
        match self {
            Self::Manifest => "https://schemas.getdbt.com/dbt/manifest/v12.json",
            Self::RunResults => "https://schemas.getdbt.com/dbt/run-results/v6.json",
            Self::Sources => "https://schemas.getdbt.com/dbt/sources/v3.json",
            Self::Catalog => "https://schemas.getdbt.com/dbt/catalog/v1.json",
            Self::SemanticManifest | Self::GraphSummary => "",
        }
    }
}

/// What every file says about the command that wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// The version of dbt that the file claims to come from.
    pub dbt_version: String,
    /// When the file's content was made.
    pub generated_at: DateTime<Utc>,
    /// Id of this run of the program.
    pub invocation_id: String,
    /// When this run of the program began.
    pub invocation_started_at: DateTime<Utc>,
    /// The variables `DBT_ENV_CUSTOM_ENV_*` without their prefix.
    pub env: Dict,
}

impl Metadata {
    /// The `metadata` entry of a kind of file.
    fn to_dict(&self, kind: ArtifactKind) -> Dict {
        let mut d = Dict::new();
        d.insert("dbt_schema_version".into(), kind.schema().into());
        d.insert("dbt_version".into(), self.dbt_version.as_str().into());
        d.insert("generated_at".into(), timestamp(self.generated_at).into());
        d.insert("invocation_id".into(), self.invocation_id.as_str().into());
        d.insert("invocation_started_at".into(), timestamp(self.invocation_started_at).into());
        d.insert("env".into(), Value::Map(self.env.clone()));
        d
    }
}

/// A file that can be written: one of the values of this room.
pub trait Artifact: Serialize {
    /// Which file it is.
    fn kind(&self) -> ArtifactKind;

    /// The file's bytes: JSON on one line.
    fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error>
    where
        Self: Sized,
    {
        serde_json::to_vec(self)
    }

    /// The file as a JSON value.
    fn to_json(&self) -> Result<serde_json::Value, serde_json::Error>
    where
        Self: Sized,
    {
        serde_json::to_value(self)
    }

    /// Writes the file under its name into the target folder; readers see the old or the new one, never half of it.
    fn write(&self, files: &dyn Files, target: &Path) -> Result<(), ArtifactError>
    where
        Self: Sized,
    {
        files.write_atomic(&target.join(self.kind().file_name()), &self.to_bytes()?)?;
        Ok(())
    }
}

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The file system refused.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The content has no JSON form.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

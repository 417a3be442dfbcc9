//! dbt_project.yml. In: its text and a renderer. Out: [`ProjectConfig`], every wrong key as a diagnostic.

use std::sync::Arc;

use crate::base::Dict;
use crate::diag::{SourceFile, Span};

use super::version::VersionSpec;
use super::yaml::YamlNode;

/// An `on-run-start` or `on-run-end` statement, unrendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// The statement.
    pub sql: String,
    /// Where it stands.
    pub span: Span,
}

/// An entry of `dispatch:`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// The namespace whose macros are looked up.
    pub macro_namespace: String,
    /// Packages in order of search.
    pub search_order: Vec<String>,
}

/// `query-comment:`, unrendered.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum QueryComment {
    /// Not set: dbt's JSON comment.
    #[default]
    Default,
    /// Set to null, false or an empty text: no comment.
    Off,
    /// Set.
    Custom {
        /// The template; none means dbt's own.
        comment: Option<String>,
        /// Whether the comment goes behind the statement; none leaves it to the engine.
        append: Option<bool>,
        /// Whether job labels carry it (BigQuery).
        job_label: bool,
    },
}

/// dbt_project.yml, rendered except where dbt renders late: hooks, `query-comment`, `vars`.
#[derive(Clone, Debug)]
pub struct ProjectConfig {
    /// The file.
    pub file: Arc<SourceFile>,
    /// The file's content before rendering.
    pub raw: YamlNode,
    /// `name`.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// `version`, as text.
    pub version: Option<String>,
    /// `profile`.
    pub profile: Option<String>,
    /// `model-paths`.
    pub model_paths: Vec<String>,
    /// `seed-paths`.
    pub seed_paths: Vec<String>,
    /// `test-paths`.
    pub test_paths: Vec<String>,
    /// `analysis-paths`.
    pub analysis_paths: Vec<String>,
    /// `macro-paths`.
    pub macro_paths: Vec<String>,
    /// `snapshot-paths`.
    pub snapshot_paths: Vec<String>,
    /// `function-paths`.
    pub function_paths: Vec<String>,
    /// `docs-paths`; by default all other paths.
    pub docs_paths: Vec<String>,
    /// `asset-paths`.
    pub asset_paths: Vec<String>,
    /// `target-path`, or what the command line or environment put in its place.
    pub target_path: String,
    /// `log-path`, likewise.
    pub log_path: String,
    /// `packages-install-path`.
    pub packages_install_path: String,
    /// `clean-targets`.
    pub clean_targets: Vec<String>,
    /// `quoting`.
    pub quoting: Dict,
    /// `require-dbt-version`.
    pub require_dbt_version: Vec<VersionSpec>,
    /// `restrict-access`.
    pub restrict_access: bool,
    /// `on-run-start`.
    pub on_run_start: Vec<Hook>,
    /// `on-run-end`.
    pub on_run_end: Vec<Hook>,
    /// `dispatch`.
    pub dispatch: Vec<Dispatch>,
    /// `query-comment`.
    pub query_comment: QueryComment,
    /// `flags`, unrendered.
    pub flags: Dict,
    /// `vars` (or vars.yml), unrendered.
    pub vars: Dict,
    /// `dbt-cloud`.
    pub dbt_cloud: Dict,
    /// The config trees by dbt's key with underscores (`models`, `seeds`, `snapshots`, `data_tests`, `unit_tests`,
    /// `sources`, `exposures`, `analyses`, `metrics`, `semantic_models`, `saved_queries`, `functions`, `groups`), where present
    /// and a mapping.
    pub trees: Vec<(&'static str, YamlNode)>,
}

impl ProjectConfig {
    /// A config tree by dbt's key with underscores; `tests` means `data_tests`.
    pub fn tree(&self, key: &str) -> Option<&YamlNode> {
        let key = if key == "tests" { "data_tests" } else { key };
        self.trees.iter().find(|(k, _)| *k == key).map(|(_, tree)| tree)
    }

    /// The same tree before rendering.
    pub fn raw_tree(&self, key: &str) -> Option<&YamlNode> {
        let hyphenated = key.replace('_', "-");
        let old = if matches!(key, "data_tests" | "tests") { "tests" } else { key };
        [key, hyphenated.as_str(), old].into_iter().find_map(|k| self.raw.get(k))
    }

    /// All folders that are searched for properties files, without repetition.
    pub fn all_paths(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        let groups = [
            &self.model_paths,
            &self.seed_paths,
            &self.snapshot_paths,
            &self.analysis_paths,
            &self.macro_paths,
            &self.test_paths,
            &self.function_paths,
        ];
        for path in groups.into_iter().flatten() {
            let path = path.trim_end_matches('/');
            if !all.contains(&path) {
                all.push(path);
            }
        }
        all
    }
}

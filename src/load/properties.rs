//! Properties files (schema.yml). In: their YAML. Out: [`PropertiesFile`]: entries by section, shapes checked, meaning
//! left to `parse/`.

use std::sync::Arc;

use crate::base::Value;
use crate::diag::SourceFile;

use super::yaml::YamlNode;

/// One properties file, split into entries. Every entry is a mapping with a `name`.
#[derive(Clone, Debug)]
pub struct PropertiesFile {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Path relative to the package, forward slashes.
    pub path: String,
    /// The configured folder in which it was found.
    pub search_path: String,
    /// `version`.
    pub version: Option<Value>,
    /// `models`.
    pub models: Vec<YamlNode>,
    /// `seeds`.
    pub seeds: Vec<YamlNode>,
    /// `snapshots`.
    pub snapshots: Vec<YamlNode>,
    /// `sources`.
    pub sources: Vec<YamlNode>,
    /// `macros`.
    pub macros: Vec<YamlNode>,
    /// `analyses`.
    pub analyses: Vec<YamlNode>,
    /// `exposures`.
    pub exposures: Vec<YamlNode>,
    /// `data_tests` and its old name `tests`: properties of singular tests.
    pub data_tests: Vec<YamlNode>,
    /// `unit_tests`.
    pub unit_tests: Vec<YamlNode>,
    /// `groups`.
    pub groups: Vec<YamlNode>,
    /// `metrics`.
    pub metrics: Vec<YamlNode>,
    /// `semantic_models`.
    pub semantic_models: Vec<YamlNode>,
    /// `saved_queries`.
    pub saved_queries: Vec<YamlNode>,
    /// `functions`.
    pub functions: Vec<YamlNode>,
}

//! The stage itself. In: a [`LoadRequest`]. Out: [`SourceTree`] (or [`RootConfig`] for commands that need no files),
//! and every problem on the way.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use rayon::prelude::*;

use crate::base::Dict;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::files::{Env, Files};

use super::discover::{self, SourceEntry};
use super::installed::{self, Located};
use super::packages::{self, PackageList};
use super::problems::{Origin, unreadable};
use super::profile::{self, EmbeddedDefault, Profile};
use super::project::{self, ProjectConfig};
use super::properties::{self, PropertiesFile};
use super::render::{Rendering, YamlContext, YamlRenderer};
use super::selectors::{self, SelectorDefinition};
use super::vars::VarScope;
use super::version;

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct LoadRequest {
    /// The folder of dbt_project.yml; see [`find_project_dir`].
    pub project_dir: PathBuf,
    /// `--profiles-dir`; without it the environment and dbt's usual places count.
    pub profiles_dir: Option<PathBuf>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--target`.
    pub target: Option<String>,
    /// `--threads`.
    pub threads: Option<usize>,
    /// `--vars`, read by [`super::parse_cli_vars`].
    pub vars: Dict,
    /// `--target-path`.
    pub target_path: Option<String>,
    /// `--log-path`.
    pub log_path: Option<String>,
    /// `--no-version-check`.
    pub skip_version_check: bool,
    /// The engine to use when there is no profiles.yml at all; without one that is an error.
    pub embedded: Option<EmbeddedDefault>,
}

/// A project or package with everything that lies in it.
#[derive(Clone, Debug)]
pub struct Package {
    /// dbt_project.yml.
    pub config: ProjectConfig,
    /// The package's folder.
    pub root_dir: PathBuf,
    /// The folder as messages show it, relative to the root project; empty for the root project itself.
    pub display_dir: String,
    /// Every file that dbt would read, by kind and then path.
    pub files: Vec<SourceEntry>,
    /// Properties files, split into entries, in order of path.
    pub properties: Vec<PropertiesFile>,
}

/// What is known without reading a model: for `deps`, `debug`, `clean`.
#[derive(Clone, Debug)]
pub struct RootConfig {
    /// The root project's folder.
    pub root_dir: PathBuf,
    /// dbt_project.yml of the root project.
    pub config: ProjectConfig,
    /// The profile in use.
    pub profile: Profile,
    /// What `target` shows in YAML.
    pub target: Dict,
    /// packages.yml or dependencies.yml.
    pub packages: PackageList,
    /// selectors.yml.
    pub selectors: Vec<SelectorDefinition>,
    /// `flags:` of dbt_project.yml, else `config:` of profiles.yml; unrendered.
    pub flags: Dict,
    /// Variables: `--vars` and the root project's.
    pub vars: VarScope,
}

/// Everything that `parse/` needs.
#[derive(Clone, Debug)]
pub struct SourceTree {
    /// The root project.
    pub root: Package,
    /// Installed packages by name.
    pub packages: Vec<Package>,
    /// The profile in use.
    pub profile: Profile,
    /// What `target` shows in YAML.
    pub target: Dict,
    /// selectors.yml.
    pub selectors: Vec<SelectorDefinition>,
    /// `flags:` of dbt_project.yml, else `config:` of profiles.yml; unrendered.
    pub flags: Dict,
    /// Variables of all packages and of the command line.
    pub vars: VarScope,
}

impl SourceTree {
    /// The root project, then the installed packages.
    pub fn all_packages(&self) -> impl Iterator<Item = &Package> {
        std::iter::once(&self.root).chain(&self.packages)
    }

    /// A package by name; the root project counts.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.all_packages().find(|p| p.config.name == name)
    }
}

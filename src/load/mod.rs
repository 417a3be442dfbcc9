//! Floor 2, first stage: from a folder to a [`SourceTree`]: dbt_project.yml, the profile, installed packages, every file
//! with its text, properties files split into entries. Nothing here knows Jinja or SQL.
//!
//! In: a [`LoadRequest`], a file system, the environment, a [`YamlRenderer`]. Out: the tree and all problems found.

mod deps;
mod discover;
mod ignore;
mod installed;
mod packages;
mod problems;
mod profile;
mod project;
mod project_keys;
mod properties;
mod render;
mod selectors;
#[cfg(test)]
mod tests;
mod tree;
mod vars;
mod version;
pub mod yaml;

pub use deps::{AddedPackage, DepsMessage, DepsRequest, DepsTools, PackageKind, add_package, install_packages};
pub use discover::{FileKind, SourceEntry};
pub use packages::{PackageList, PackageSource, PackageSpec};
pub use profile::{EmbeddedDefault, EmbeddedEngine, Profile, profile_file};
pub use project::{Dispatch, Hook, ProjectConfig, QueryComment};
pub use properties::PropertiesFile;
pub use render::{Rendering, SECRET_PREFIX, YamlContext, YamlRenderer, has_jinja, secret_placeholder};
pub use selectors::SelectorDefinition;
pub use tree::{LoadRequest, Package, RootConfig, SourceTree, find_project_dir, load, load_root};
pub use vars::{VarScope, parse_cli_vars};
pub use version::{DBT_VERSION, VersionSpec};
pub use yaml::{YamlNode, YamlValue};

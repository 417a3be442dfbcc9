//! packages.yml and dependencies.yml. In: their YAML. Out: [`PackageList`].

use crate::base::Dict;
use crate::diag::Span;

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum PackageSource {
    /// `local:` a folder.
    Local {
        /// The folder, relative to the project.
        path: String,
    },
    /// `package:` from the hub.
    Hub {
        /// `namespace/name`.
        package: String,
        /// Accepted versions.
        versions: Vec<String>,
        /// `install_prerelease`.
        prerelease: bool,
    },
    /// `git:` a repository.
    Git {
        /// The address.
        url: String,
        /// Branch, tag or commit.
        revision: Option<String>,
        /// Folder inside the repository.
        subdirectory: Option<String>,
        /// `warn-unpinned`.
        warn_unpinned: bool,
    },
    /// `private:` a repository behind a provider's login.
    Private {
        /// `organisation/repository`.
        repository: String,
        /// The provider.
        provider: Option<String>,
        /// Branch, tag or commit.
        revision: Option<String>,
        /// Folder inside the repository.
        subdirectory: Option<String>,
    },
    /// `tarball:` an archive.
    Tarball {
        /// The address.
        url: String,
    },
}

/// One entry of the package list.
#[derive(Clone, Debug, PartialEq)]
pub struct PackageSpec {
    /// Where it comes from.
    pub source: PackageSource,
    /// `name`, where given.
    pub name: Option<String>,
    /// The entry before rendering, for the lock file's hash.
    pub unrendered: Dict,
    /// Where the entry stands.
    pub span: Span,
}

/// The package list of a project.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PackageList {
    /// Name of the file it was read from: packages.yml or dependencies.yml.
    pub file_name: &'static str,
    /// The packages.
    pub specs: Vec<PackageSpec>,
    /// `projects:` of dependencies.yml: names of projects that are referenced without installing them.
    pub projects: Vec<String>,
}

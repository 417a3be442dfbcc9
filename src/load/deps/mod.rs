//! `deps`: from a package list to installed packages. In: the root project, the network. Out: packages in their folder,
//! package-lock.yml, and what to tell meanwhile.
//!
//! `resolve` decides versions with the help of `hub`, `semver` and `fetch`, `pinned` is its result, `lock` keeps it, `place`
//! installs it; `add` writes an entry into the package list.

mod add;
mod archive;
mod fetch;
mod hub;
mod lock;
mod pinned;
mod place;
mod resolve;
mod semver;
#[cfg(test)]
mod tests;
mod yaml_text;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::base::Dict;
use crate::diag::Diagnostics;
use crate::files::{Env, Files, Remote};

use super::installed::install_dir;
use super::packages::PackageSpec;
use super::problems::Origin;
use super::render::{Rendering, YamlContext, YamlRenderer};
use super::tree::RootConfig;
use fetch::Fetcher;
use hub::Hub;
use pinned::Pinned;
use resolve::Resolver;

pub use add::{AddedPackage, PackageKind, add_package};

/// What the user asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct DepsRequest {
    /// `--upgrade`: resolve anew although the lock file fits the list.
    pub upgrade: bool,
    /// `--lock`: write the lock file and install nothing.
    pub lock_only: bool,
    /// `--no-version-check`.
    pub skip_version_check: bool,
}

/// What packages are installed with.
pub struct DepsTools<'a> {
    /// The file system.
    pub files: &'a dyn Files,
    /// The network and git.
    pub remote: &'a dyn Remote,
    /// The environment.
    pub env: &'a Env,
    /// Renders Jinja in package lists.
    pub renderer: &'a dyn YamlRenderer,
}

/// What happens, in dbt's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DepsMessage {
    /// The list is empty.
    NoPackages(&'static str),
    /// The lock file is written.
    LockUpdated(PathBuf),
    /// A package's turn.
    Installing(String),
    /// What it was installed from.
    InstalledFrom(String),
    /// There is a newer version.
    UpdateAvailable(String),
    /// There is no newer version.
    UpToDate,
    /// The folder of a repository.
    Subdirectory(String),
    /// The packages with newer versions.
    UpdatesAvailable(Vec<String>),
}

impl fmt::Display for DepsMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPackages(file) => write!(f, "Warning: No packages were found in {file}"),
            Self::LockUpdated(path) => write!(f, "Updating lock file in file path: {}", path.display()),
            Self::Installing(name) => write!(f, "Installing {name}"),
            Self::InstalledFrom(version) => write!(f, "Installed from {version}"),
            Self::UpdateAvailable(version) => write!(f, "Updated version available: {version}"),
            Self::UpToDate => f.write_str("Up to date!"),
            Self::Subdirectory(folder) => write!(f, "and subdirectory {folder}"),
            Self::UpdatesAvailable(names) => {
                let names = names.iter().map(|n| format!("'{n}'")).collect::<Vec<_>>().join(", ");
                write!(
                    f,
                    "Updates available for packages: [{names}]\nUpdate your versions in packages.yml, then run transform deps"
                )
            }
        }
    }
}

/// Installs the packages of a project's list and all that they require. After an error everything is as it was before.
pub fn install_packages(
    root: &RootConfig,
    vars: &Dict,
    request: DepsRequest,
    tools: &DepsTools<'_>,
    tell: &dyn Fn(&DepsMessage),
) -> Diagnostics {
    let target = install_dir(&root.root_dir, &root.config, tools.files);
    // Beside the target, so that it can be renamed into place.
    let parent = target.parent().unwrap_or(Path::new("."));
    let folder = target.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let staging = parent.join(format!(".{folder}-{}", uuid::Uuid::new_v4().simple()));
    let job = Job { root, vars, request, tools, target: &target, staging: &staging, tell };
    let mut problems = job.run();
    if tools.files.is_dir(&staging)
        && let Err(e) = tools.files.remove_dir(&staging)
    {
        problems.push(place::io_problem(&root.root_dir, e));
    }
    problems
}

struct Job<'a> {
    root: &'a RootConfig,
    vars: &'a Dict,
    request: DepsRequest,
    tools: &'a DepsTools<'a>,
    target: &'a Path,
    staging: &'a Path,
    tell: &'a dyn Fn(&DepsMessage),
}

impl Job<'_> {
    fn run(&self) -> Diagnostics {
        let (root, tools) = (self.root, self.tools);
        let specs = &root.packages.specs;
        let origin = Origin { dir: root.root_dir.clone(), display: String::new() };
        let rendering =
            Rendering { renderer: tools.renderer, context: YamlContext::Packages { vars: self.vars }, env: tools.env };
        if specs.is_empty() {
            (self.tell)(&DepsMessage::NoPackages(root.packages.file_name));
        }
        let lock = match lock::read(&origin, tools.files, &rendering) {
            Ok(lock) => lock,
            // A list that is resolved anyway needs no old lock.
            Err(_) if self.request.upgrade => None,
            Err(problem) => return [problem].into_iter().collect(),
        };
        let current = lock.filter(|l| !self.request.upgrade && l.hash.as_deref() == Some(&lock::hash(specs)));
        let hub = Hub::new(tools.remote, tools.env, !self.request.skip_version_check);
        let (mut problems, mut pinned) = (Diagnostics::new(), Vec::new());
        match current {
            _ if specs.is_empty() => {}
            Some(_) if self.request.lock_only => return problems,
            Some(lock) => pinned = self.resolve(&lock.specs, true, &hub, &rendering, &mut problems),
            None => {
                pinned = self.resolve(specs, false, &hub, &rendering, &mut problems);
                if problems.has_errors() {
                    return problems;
                }
                let entries: Vec<lock::LockEntry> = pinned.iter().map(Pinned::lock_entry).collect();
                let path = root.root_dir.join(lock::FILE_NAME);
                if let Err(e) = tools.files.write_atomic(&path, lock::text(&entries, specs).as_bytes()) {
                    problems.push(place::io_problem(&root.root_dir, e));
                    return problems;
                }
                (self.tell)(&DepsMessage::LockUpdated(path));
            }
        }
        if problems.has_errors() || self.request.lock_only {
            return problems;
        }
        let ways = (tools.files, tools.remote);
        if let Err(failed) = place::install(&pinned, root, self.target, self.staging, ways, self.tell) {
            problems.extend(failed);
        }
        problems
    }

    fn resolve(
        &self,
        specs: &[PackageSpec],
        locked: bool,
        hub: &Hub<'_>,
        rendering: &Rendering<'_>,
        problems: &mut Diagnostics,
    ) -> Vec<Pinned> {
        let mut resolver = Resolver {
            root_dir: &self.root.root_dir,
            root_name: &self.root.config.name,
            files: self.tools.files,
            rendering,
            hub,
            fetcher: Fetcher::new(self.tools.remote, self.tools.files, self.staging.to_path_buf()),
            diagnostics: Diagnostics::new(),
            locked,
        };
        let pinned = resolver.resolve(specs);
        problems.extend(resolver.diagnostics);
        pinned
    }
}

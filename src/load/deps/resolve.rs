//! Which version of which package. In: a package list. Out: [`Pinned`] packages, or why the requirements cannot be met.
//!
//! As dbt does it: requirements are followed level by level, those on one package are collected under one key, and each level
//! is resolved with what is known by then; nothing is ever taken back.

use std::path::{Path, PathBuf};

use indexmap::{IndexMap, IndexSet};

use crate::diag::{Diagnostic, Diagnostics, Span, codes, warnings};
use crate::files::Files;

use super::super::installed::{display_of, local_origin};
use super::super::packages::{self, PackageSource, PackageSpec};
use super::super::problems::Origin;
use super::super::project;
use super::super::render::Rendering;
use super::super::yaml;
use super::fetch::Fetcher;
use super::hub::Hub;
use super::pinned::{PinSource, Pinned};
use super::semver::{self, Range, VersionSpec};

/// What resolving needs.
pub(super) struct Resolver<'a> {
    /// The root project's folder.
    pub root_dir: &'a Path,
    /// The root project's name.
    pub root_name: &'a str,
    /// The file system.
    pub files: &'a dyn Files,
    /// Renders package lists.
    pub rendering: &'a Rendering<'a>,
    /// The hub.
    pub hub: &'a Hub<'a>,
    /// Gets what is elsewhere.
    pub fetcher: Fetcher<'a>,
    /// What there is to say.
    pub diagnostics: Diagnostics,
    /// Whether the list is a lock file: exact versions that once were chosen.
    pub locked: bool,
}

/// Who requires a package.
#[derive(Clone, Debug)]
struct Requirer {
    /// Its key; none for the root project.
    key: Option<String>,
    /// Its project name.
    name: String,
    /// Its folder, for paths of local packages.
    dir: PathBuf,
}

/// A requirement and whose it is.
#[derive(Clone, Debug)]
struct Requirement {
    text: String,
    by: String,
    span: Span,
}

/// Everything that is required of one package.
struct Wanted {
    spec: PackageSpec,
    /// Versions or revisions.
    requirements: Vec<Requirement>,
    prerelease: bool,
    warn_unpinned: bool,
    /// The folder of a local package.
    local: Option<Origin>,
    required_by: IndexSet<String>,
    pinned: Option<Pinned>,
}

impl Resolver<'_> {
    /// Resolves a list and, unless it is locked, all that its packages require. Problems are in `diagnostics`.
    pub fn resolve(&mut self, specs: &[PackageSpec]) -> Vec<Pinned> {
        let root = Requirer { key: None, name: self.root_name.to_owned(), dir: self.root_dir.to_path_buf() };
        let mut wanted: IndexMap<String, Wanted> = IndexMap::new();
        let mut pending: Vec<(PackageSpec, Requirer)> = specs.iter().map(|s| (s.clone(), root.clone())).collect();
        while !pending.is_empty() {
            let mut touched: IndexSet<String> = IndexSet::new();
            for (spec, by) in std::mem::take(&mut pending) {
                match self.add(spec, &by, &mut wanted) {
                    Ok(key) => drop(touched.insert(key)),
                    Err(problem) => self.diagnostics.push(problem),
                }
            }
            for key in touched {
                let Some(entry) = wanted.get_mut(&key) else { continue };
                let (pinned, requires) = match self.pin(entry) {
                    Ok(found) => found,
                    Err(problem) => {
                        self.diagnostics.push(problem);
                        continue;
                    }
                };
                let known = entry.pinned.as_ref().is_some_and(|old| old.version() == pinned.version());
                let dir = entry.local.as_ref().map_or_else(|| self.root_dir.to_path_buf(), |o| o.dir.clone());
                let by = Requirer { key: Some(key), name: pinned.name.clone(), dir };
                entry.pinned = Some(pinned);
                if !known && !self.locked {
                    pending.extend(requires.into_iter().map(|spec| (spec, by.clone())));
                }
            }
            if self.diagnostics.has_errors() {
                return Vec::new();
            }
        }
        self.check_circles(&wanted);
        let pinned: Vec<Pinned> = wanted.into_values().filter_map(|w| w.pinned).collect();
        self.check_names(&pinned);
        pinned
    }

    /// Adds a requirement to what is required already; the package's key.
    fn add(
        &self,
        spec: PackageSpec,
        by: &Requirer,
        wanted: &mut IndexMap<String, Wanted>,
    ) -> Result<String, Diagnostic> {
        let mut local = None;
        let key = match &spec.source {
            PackageSource::Hub { package, .. } => package.clone(),
            PackageSource::Tarball { url } => url.clone(),
            PackageSource::Git { url, subdirectory, .. } => git_key(url, subdirectory.as_deref()),
            PackageSource::Private { repository, provider, subdirectory, .. } => {
                let url = private_url(repository, provider.as_deref(), &spec.span)?;
                git_key(&url, subdirectory.as_deref())
            }
            PackageSource::Local { .. } => {
                match local_origin(&spec, self.root_dir, &by.dir, self.files, self.rendering.env) {
                    Some(origin) => local.insert(origin?).dir.to_string_lossy().into_owned(),
                    None => return Err(Diagnostic::error(codes::PACKAGE_INVALID, "not a local package")),
                }
            }
        };
        let (texts, prerelease, warn_unpinned): (&[String], bool, bool) = match &spec.source {
            PackageSource::Hub { versions, prerelease, .. } => (versions, *prerelease, true),
            PackageSource::Git { revisions, warn_unpinned, .. }
            | PackageSource::Private { revisions, warn_unpinned, .. } => (revisions, false, *warn_unpinned),
            PackageSource::Local { .. } | PackageSource::Tarball { .. } => (&[], false, true),
        };
        // One text may hold several requirements.
        let split = |text: &String| text.split(',').map(|t| t.trim().to_owned()).collect::<Vec<_>>();
        let is_hub = matches!(spec.source, PackageSource::Hub { .. });
        let texts: Vec<String> = if is_hub { texts.iter().flat_map(split).collect() } else { texts.to_vec() };
        let span = spec.span.clone();
        let requirements: Vec<Requirement> =
            texts.into_iter().map(|text| Requirement { text, by: by.name.clone(), span: span.clone() }).collect();
        let entry = wanted.entry(key.clone()).or_insert_with(|| Wanted {
            spec,
            requirements: Vec::new(),
            prerelease,
            warn_unpinned: true,
            local,
            required_by: IndexSet::new(),
            pinned: None,
        });
        entry.requirements.extend(requirements);
        entry.warn_unpinned &= warn_unpinned;
        entry.required_by.extend(by.key.clone());
        Ok(key)
    }

    /// Decides a version, and reads what it requires.
    fn pin(&mut self, wanted: &Wanted) -> Result<(Pinned, Vec<PackageSpec>), Diagnostic> {
        let (span, spec) = (wanted.spec.span.clone(), &wanted.spec);
        let pinned = |source, name| Pinned { source, name, span: span.clone() };
        match &spec.source {
            PackageSource::Hub { package, .. } => self.pin_hub(package, wanted),
            PackageSource::Local { path } => {
                let Some(origin) = &wanted.local else {
                    return Err(Diagnostic::error(codes::PACKAGE_INVALID, "not a local package").at(span));
                };
                let name = project_name(origin, path, &span, self.files)?;
                let requires = packages::read(origin, self.files, self.rendering, &mut self.diagnostics).specs;
                // dbt counts all paths from the root project.
                let from_root = local_origin(spec, self.root_dir, self.root_dir, self.files, self.rendering.env);
                let same = matches!(from_root, Some(Ok(found)) if found.dir == origin.dir);
                let path = if same { path.clone() } else { display_of(&origin.dir, self.root_dir) };
                Ok((pinned(PinSource::Local { path, dir: origin.dir.clone() }, name), requires))
            }
            PackageSource::Tarball { url } => {
                let dir = self.fetcher.archive(url, &span)?;
                let origin = Origin { dir: dir.clone(), display: url.clone() };
                let own = project_name(&origin, url, &span, self.files)?;
                let name = spec.name.clone().unwrap_or(own);
                if !may_be_folder(&name) {
                    let problem = Diagnostic::error(codes::PACKAGE_INVALID, format!("`{name}` cannot be a folder"));
                    return Err(problem.at(span));
                }
                let requires = packages::read(&origin, self.files, self.rendering, &mut self.diagnostics).specs;
                Ok((
                    pinned(PinSource::Tarball { url: url.clone(), written: written(spec, "tarball"), dir }, name),
                    requires,
                ))
            }
            PackageSource::Git { url, subdirectory, .. } => self.pin_git(wanted, url, subdirectory.as_deref(), false),
            PackageSource::Private { repository, provider, subdirectory, .. } => {
                let url = private_url(repository, provider.as_deref(), &span)?;
                self.pin_git(wanted, &url, subdirectory.as_deref(), true)
            }
        }
    }

    fn pin_hub(&mut self, name: &str, wanted: &Wanted) -> Result<(Pinned, Vec<PackageSpec>), Diagnostic> {
        let span = &wanted.spec.span;
        let mut specs = Vec::new();
        for requirement in &wanted.requirements {
            let parsed = VersionSpec::parse(&requirement.text).ok_or_else(|| {
                let message = format!("`{}` is not a valid semantic version", requirement.text);
                Diagnostic::error(codes::PACKAGE_VERSION, message)
                    .at(requirement.span.clone())
                    .help("a version has three numbers, such as `1.3.0`, `>=1.0.0` or `[\">=1.0.0\", \"<2.0.0\"]`")
            })?;
            specs.push(parsed);
        }
        let package = self.hub.package(name, span)?;
        if let Some(new) = package.renamed.as_ref().filter(|_| wanted.pinned.is_none()) {
            let message = format!("the package `{name}` is now called `{new}`");
            let problem = Diagnostic::warning(codes::DEPRECATED, message)
                .named(warnings::PACKAGE_REDIRECT_DEPRECATION)
                .fact("old_name", name)
                .fact("new_name", new.as_str())
                .at(span.clone());
            self.diagnostics.push(problem.help(format!("write `{new}` in its place")));
        }
        let range = Range::of(&specs).ok_or_else(|| contradiction(name, wanted))?;
        let prereleases = wanted.prerelease || specs.iter().any(VersionSpec::is_prerelease);
        let available = semver::installable(self.hub.compatible(&package), prereleases);
        let chosen = semver::best(&range, &available).map(str::to_owned);
        // What was chosen once stays installable, also with another dbt version.
        let chosen = chosen.or_else(|| wanted.requirements.first().filter(|_| self.locked).map(|r| r.text.clone()));
        let Some(version) = chosen else {
            return Err(no_version(name, &range, &available, wanted, self.hub.checks_dbt_version()));
        };
        let found = self.hub.version(name, &version, span)?;
        if !may_be_folder(&found.name) {
            let message = format!("`{name}` is called `{}`, which cannot be a folder", found.name);
            return Err(Diagnostic::error(codes::PACKAGE_INVALID, message).at(span.clone()));
        }
        let latest = available.last().map_or_else(|| version.clone(), |v| (*v).to_owned());
        let source = PinSource::Hub { package: name.to_owned(), version, latest, tarball: found.tarball };
        Ok((Pinned { source, name: found.name, span: span.clone() }, found.requires))
    }

    fn pin_git(
        &mut self,
        wanted: &Wanted,
        url: &str,
        subdirectory: Option<&str>,
        private: bool,
    ) -> Result<(Pinned, Vec<PackageSpec>), Diagnostic> {
        let span = &wanted.spec.span;
        let distinct: IndexSet<&str> = wanted.requirements.iter().map(|r| r.text.as_str()).collect();
        if distinct.len() > 1 {
            return Err(contradiction(url, wanted));
        }
        let revision = distinct.first().copied().unwrap_or("HEAD");
        let checkout = self.fetcher.git(url, revision, subdirectory, span)?;
        if matches!(revision, "HEAD" | "main" | "master") && wanted.warn_unpinned && wanted.pinned.is_none() {
            let state = match revision {
                "HEAD" => "not pinned, using HEAD (default branch)".to_owned(),
                branch => format!("pinned to the \"{branch}\" branch"),
            };
            let message = format!("the git package \"{url}\" is {state}");
            let problem = Diagnostic::warning(codes::PACKAGE_UNPINNED, message).at(span.clone());
            self.diagnostics
                .push(problem.help("name a tag or a commit under `revision`, or set `warn-unpinned: false`"));
        }
        let origin = Origin { dir: checkout.dir.clone(), display: url.to_owned() };
        let name = project_name(&origin, url, span, self.files)?;
        let requires = packages::read(&origin, self.files, self.rendering, &mut self.diagnostics).specs;
        let source = PinSource::Git {
            url: url.to_owned(),
            written: written(&wanted.spec, if private { "private" } else { "git" }),
            provider: wanted.spec.rendered.get("provider").map(|p| p.to_string()).filter(|_| private),
            private,
            revision: checkout.commit,
            subdirectory: subdirectory.map(str::to_owned),
            dir: checkout.dir,
        };
        Ok((Pinned { source, name, span: span.clone() }, requires))
    }

    /// Packages that require each other.
    fn check_circles(&mut self, wanted: &IndexMap<String, Wanted>) {
        for (start, entry) in wanted {
            // From requirer to requirer; coming back to the start is a circle.
            let mut paths: Vec<Vec<&String>> = vec![vec![start]];
            let mut seen: IndexSet<&String> = IndexSet::new();
            while let Some(path) = paths.pop() {
                let Some(last) = path.last().and_then(|key| wanted.get(*key)) else { continue };
                for by in &last.required_by {
                    if by == start {
                        let name = |key: &&String| {
                            let pinned = wanted.get(*key).and_then(|w| w.pinned.as_ref());
                            pinned.map_or_else(|| (*key).clone(), |p| p.name.clone())
                        };
                        let names: Vec<String> = [start].iter().chain(path.iter().rev()).map(name).collect();
                        let message = format!("packages require each other: {}", names.join(" -> "));
                        let problem = Diagnostic::error(codes::PACKAGE_INVALID, message).at(entry.spec.span.clone());
                        self.diagnostics.push(problem.help("take one of the requirements out"));
                        return;
                    }
                    if seen.insert(by) {
                        paths.push(path.iter().copied().chain([by]).collect());
                    }
                }
            }
        }
    }

    /// Two packages cannot have the same folder.
    fn check_names(&mut self, pinned: &[Pinned]) {
        for (i, package) in pinned.iter().enumerate() {
            let name = &package.name;
            if name == self.root_name {
                let message = format!("the package `{}` is called `{name}`, as the project itself", package.label());
                let problem = Diagnostic::error(codes::PACKAGE_INVALID, message).at(package.span.clone());
                self.diagnostics.push(problem.help("rename one of them"));
            }
            if let Some(first) = pinned[..i].iter().find(|p| p.name == *name) {
                let message = format!("two packages are called `{name}`: {} and {}", first.label(), package.label());
                let problem = Diagnostic::error(codes::PACKAGE_INVALID, message)
                    .at(package.span.clone())
                    .label(first.span.clone(), "the other one")
                    .help("keep one of them; packages that require it get it from there");
                self.diagnostics.push(problem);
            }
        }
    }
}

/// Whether a project name can be the name of a folder among packages.
fn may_be_folder(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':'])
}

/// The project name of a package in a folder.
fn project_name(origin: &Origin, label: &str, span: &Span, files: &dyn Files) -> Result<String, Diagnostic> {
    let invalid = |why: &str| Diagnostic::error(codes::PACKAGE_INVALID, format!("`{label}` is no package: {why}"));
    let missing = || invalid("it has no dbt_project.yml").at(span.clone()).help("check `subdirectory` and the address");
    let file = origin.read(files, project::FILE_NAME)?.ok_or_else(missing)?;
    let root = yaml::parse(&file)?.root.ok_or_else(|| invalid("its dbt_project.yml is empty").at(span.clone()))?;
    let name = root.get("name").ok_or_else(|| invalid("it has no `name`").at(root.span.clone()))?;
    let text = name.expect_str(codes::PACKAGE_INVALID, "`name`")?;
    if may_be_folder(text) {
        Ok(text.to_owned())
    } else {
        Err(invalid("its `name` cannot be a folder").at(name.span.clone()))
    }
}

/// A value as it is written in the list, templates and all: secrets stay out of the lock file.
fn written(spec: &PackageSpec, key: &str) -> String {
    let value = spec.unrendered.get(key).or_else(|| spec.rendered.get(key));
    value.map_or_else(|| spec.label().to_owned(), ToString::to_string)
}

/// Repositories with and without `.git` are the same.
fn git_key(url: &str, subdirectory: Option<&str>) -> String {
    let url = url.strip_suffix(".git").unwrap_or(url);
    subdirectory.map_or_else(|| url.to_owned(), |sub| format!("{url}/{sub}"))
}

/// The address of `private:`: over SSH, with the user's own key.
fn private_url(repository: &str, provider: Option<&str>, span: &Span) -> Result<String, Diagnostic> {
    match provider.unwrap_or("github") {
        "github" => Ok(format!("git@github.com:{repository}.git")),
        "gitlab" => Ok(format!("git@gitlab.com:{repository}.git")),
        "ado" | "azure_devops" => Ok(format!("git@ssh.dev.azure.com:v3/{repository}")),
        other => Err(Diagnostic::error(codes::PACKAGE_INVALID, format!("the provider `{other}` is not known"))
            .at(span.clone())
            .help("known are github, gitlab and azure_devops; for others write `git:` with the repository's address")),
    }
}

fn contradiction(name: &str, wanted: &Wanted) -> Diagnostic {
    let message = format!("no version of `{name}` can meet all that is required of it");
    let mut problem = Diagnostic::error(codes::PACKAGE_VERSION, message);
    for (i, requirement) in wanted.requirements.iter().enumerate() {
        let text = format!("`{}` is required by `{}`", requirement.text, requirement.by);
        let same_place = wanted.requirements[..i].iter().any(|r| r.span == requirement.span);
        problem = match i {
            0 => problem.at(requirement.span.clone()),
            _ if !same_place => problem.label(requirement.span.clone(), text.clone()),
            _ => problem,
        };
        problem = problem.note(text);
    }
    problem.help("loosen one of the requirements, or take other versions of the packages that require it")
}

fn no_version(name: &str, range: &Range, available: &[&str], wanted: &Wanted, checked: bool) -> Diagnostic {
    const SHOWN: usize = 8;
    let mut problem = Diagnostic::error(codes::PACKAGE_VERSION, format!("no version of `{name}` satisfies {range}"))
        .at(wanted.spec.span.clone());
    let by: IndexSet<&str> = wanted.requirements.iter().map(|r| r.by.as_str()).collect();
    problem = problem.note(format!("required by `{}`", by.into_iter().collect::<Vec<_>>().join("`, `")));
    let newest: Vec<&str> = available.iter().rev().take(SHOWN).copied().collect();
    problem = match newest.as_slice() {
        [] => problem.note("the hub has no version that can be installed"),
        some if available.len() > SHOWN => problem.note(format!("newest versions: {}", some.join(", "))),
        some => problem.note(format!("versions: {}", some.join(", "))),
    };
    if checked {
        problem.help("versions for another dbt version are not counted: --no-version-check counts them too")
    } else {
        problem
    }
}

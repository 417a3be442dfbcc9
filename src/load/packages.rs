//! packages.yml and dependencies.yml. In: their YAML. Out: [`PackageList`].

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, Diagnostics, Span, codes};
use crate::files::Files;

use super::problems::Origin;
use super::render::Rendering;
use super::yaml::{self, YamlNode};

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
        /// Branches, tags or commits; more than one can only be met if they are the same.
        revisions: Vec<String>,
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
        /// Branches, tags or commits, as for git.
        revisions: Vec<String>,
        /// Folder inside the repository.
        subdirectory: Option<String>,
        /// `warn-unpinned`.
        warn_unpinned: bool,
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
    /// The entry as it is meant, for the lock file's hash.
    pub rendered: Dict,
    /// The entry as it is written, for the lock file.
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

pub(super) const PACKAGES_FILE: &str = "packages.yml";
const DEPENDENCIES_FILE: &str = "dependencies.yml";

const CODE: crate::diag::Code = codes::PACKAGE_INVALID;

impl PackageSpec {
    /// How the entry is called in messages.
    pub fn label(&self) -> &str {
        match &self.source {
            PackageSource::Local { path } => path,
            PackageSource::Hub { package, .. } => package,
            PackageSource::Git { url, .. } | PackageSource::Tarball { url } => url,
            PackageSource::Private { repository, .. } => repository,
        }
    }

    /// The name of the folder in which an installer most likely puts the package.
    pub fn likely_folder(&self) -> &str {
        let last = self.label().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        self.name.as_deref().unwrap_or_else(|| last.strip_suffix(".git").unwrap_or(last))
    }

    /// Whether the package is a folder of this machine.
    pub fn is_local(&self) -> bool {
        matches!(self.source, PackageSource::Local { .. })
    }
}

/// Reads the package list of a project. As in dbt, only packages.yml is rendered.
pub(super) fn read(
    origin: &Origin,
    files: &dyn Files,
    rendering: &Rendering<'_>,
    diagnostics: &mut Diagnostics,
) -> PackageList {
    let packages = read_file(origin, PACKAGES_FILE, files, diagnostics);
    let dependencies = read_file(origin, DEPENDENCIES_FILE, files, diagnostics);
    if let Some((key, _)) = packages.as_ref().and_then(|p| p.entry("projects")) {
        diagnostics.push(
            Diagnostic::error(CODE, format!("`projects` is not allowed in {PACKAGES_FILE}"))
                .at(key.span.clone())
                .help(format!("move it to {DEPENDENCIES_FILE}")),
        );
    }
    let mut list = PackageList { file_name: PACKAGES_FILE, ..PackageList::default() };
    if let Some(projects) = dependencies.as_ref().and_then(|d| d.get("projects")) {
        list.projects = projects.items().iter().filter_map(|p| p.get("name")?.as_str()).map(str::to_owned).collect();
    }
    match (packages, dependencies.as_ref().and_then(|d| d.entry("packages"))) {
        (Some(packages), Some((key, _))) if packages.get("packages").is_some() => {
            diagnostics.push(
                Diagnostic::error(CODE, format!("`packages` stands in both {PACKAGES_FILE} and {DEPENDENCIES_FILE}"))
                    .at(key.span.clone())
                    .help("keep one of the two lists"),
            );
        }
        (_, Some((_, listed))) => {
            list.file_name = DEPENDENCIES_FILE;
            list.specs = specs(listed, listed, diagnostics);
        }
        (Some(packages), None) => {
            let Some((_, listed)) = packages.entry("packages") else {
                let problem = Diagnostic::error(CODE, format!("{PACKAGES_FILE} has no `packages`"));
                diagnostics.push(problem.at(packages.span.clone()).help("write a list under `packages:`"));
                return list;
            };
            let rendered = rendering.tree(listed, &|_| true, diagnostics);
            list.specs = specs(&rendered, listed, diagnostics);
        }
        (None, None) => {}
    }
    list
}

fn read_file(origin: &Origin, name: &str, files: &dyn Files, diagnostics: &mut Diagnostics) -> Option<YamlNode> {
    let read = origin.read(files, name).and_then(|file| {
        let Some(file) = file else { return Ok(None) };
        let parsed = yaml::parse(&file)?;
        diagnostics.extend(parsed.warnings);
        let Some(root) = parsed.root.filter(|r| !r.is_null()) else { return Ok(None) };
        root.expect_map(CODE, name)?;
        Ok(Some(root))
    });
    read.map_err(|problem| diagnostics.push(problem)).ok().flatten()
}

/// Reads the entries of a `packages:` list; `unrendered` is the same list as written.
pub(super) fn specs(listed: &YamlNode, unrendered: &YamlNode, diagnostics: &mut Diagnostics) -> Vec<PackageSpec> {
    if listed.is_null() {
        return Vec::new();
    }
    let items = match listed.expect_seq(CODE, "`packages`") {
        Ok(items) => items,
        Err(problem) => {
            diagnostics.push(problem);
            return Vec::new();
        }
    };
    let mut out = Vec::new();
    for (item, before) in items.iter().zip(unrendered.items()) {
        match spec(item, before.to_dict()) {
            Ok(spec) => out.push(spec),
            Err(problem) => diagnostics.push(problem),
        }
    }
    out
}

/// An optional text or number, as text.
fn text(item: &YamlNode, key: &str) -> Result<Option<String>, Diagnostic> {
    match item.get(key).map(|node| (node, node.as_scalar())) {
        None | Some((_, Some(Value::Null))) => Ok(None),
        Some((_, Some(value @ (Value::Str(_) | Value::Int(_) | Value::Float(_))))) => Ok(Some(value.to_string())),
        Some((node, _)) => Err(node.mismatch(CODE, &format!("`{key}`"), "a string")),
    }
}

/// A text or number, or a list of them.
fn texts(item: &YamlNode, key: &str) -> Result<Vec<String>, Diagnostic> {
    match item.get(key) {
        Some(node) if node.is_seq() => Ok(node.items().iter().map(|v| v.to_base().to_string()).collect()),
        _ => Ok(text(item, key)?.into_iter().collect()),
    }
}

fn flag(item: &YamlNode, key: &str, default: bool) -> Result<bool, Diagnostic> {
    match item.get(key) {
        None => Ok(default),
        Some(node) if node.is_null() => Ok(default),
        Some(node) => node.expect_bool(CODE, &format!("`{key}`")),
    }
}

fn spec(item: &YamlNode, unrendered: Dict) -> Result<PackageSpec, Diagnostic> {
    item.expect_map(CODE, "an entry of `packages`")?;
    const KINDS: [&str; 5] = ["local", "package", "git", "private", "tarball"];
    let Some((kind, node)) = KINDS.iter().find_map(|kind| Some((*kind, item.get(kind)?))) else {
        return Err(Diagnostic::error(CODE, "an entry of `packages` does not say where the package comes from")
            .at(item.span.clone())
            .help("write one of `local:`, `package:`, `git:`, `private:` or `tarball:`"));
    };
    let address = node.expect_str(CODE, &format!("`{kind}`"))?.to_owned();
    if address.is_empty() {
        let what = if kind == "package" { "hub" } else { kind };
        let message = format!("A {what} package is missing the value: `{kind}` is empty");
        return Err(Diagnostic::error(CODE, message).at(node.span.clone()));
    }
    let (revisions, subdirectory) = (texts(item, "revision")?, text(item, "subdirectory")?);
    let warn_unpinned = flag(item, "warn-unpinned", true)? && flag(item, "warn_unpinned", true)?;
    let source = match kind {
        "local" => PackageSource::Local { path: address },
        "package" => hub(item, node, address)?,
        "git" => PackageSource::Git { url: address, revisions, subdirectory, warn_unpinned },
        "private" => {
            let provider = text(item, "provider")?;
            PackageSource::Private { repository: address, provider, revisions, subdirectory, warn_unpinned }
        }
        _ => PackageSource::Tarball { url: address },
    };
    let name = text(item, "name")?;
    if kind == "tarball" && name.is_none() {
        let problem = Diagnostic::error(CODE, "a package from a tarball needs a `name`");
        return Err(problem.at(item.span.clone()).note("The packages.yml file in this project is malformed"));
    }
    Ok(PackageSpec { source, name, rendered: item.to_dict(), unrendered, span: item.span.clone() })
}

fn hub(item: &YamlNode, node: &YamlNode, package: String) -> Result<PackageSource, Diagnostic> {
    if !package.contains('/') {
        let problem = Diagnostic::error(CODE, format!("`{package}` has no namespace")).at(node.span.clone());
        return Err(problem.help(format!("write it as on the hub, such as `dbt-labs/{package}`")));
    }
    let versions = texts(item, "version")?;
    if versions.is_empty() {
        let problem = Diagnostic::error(CODE, format!("`{package}` has no `version`")).at(item.span.clone());
        return Err(problem.help("packages from the hub need a version, such as `version: [\">=1.0.0\", \"<2.0.0\"]`"));
    }
    let prerelease = flag(item, "install_prerelease", false)? || flag(item, "install-prerelease", false)?;
    Ok(PackageSource::Hub { package, versions, prerelease })
}

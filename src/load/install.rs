//! `deps` for packages that lie in folders. In: the root project. Out: links (or copies) under the folder of installed
//! packages, package-lock.yml, and a plain refusal of packages that would have to be downloaded.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use crate::base::Dict;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::files::{Env, Files};

use super::installed::{install_dir, local_origin};
use super::lock;
use super::packages::{self, PackageSource, PackageSpec};
use super::problems::{Origin, shown, unreadable};
use super::project;
use super::render::{Rendering, YamlContext, YamlRenderer};
use super::tree::RootConfig;
use super::yaml;

/// One package that was put in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The project name in the package's dbt_project.yml.
    pub name: String,
    /// `local:`, as written.
    pub path: String,
    /// The folder it was taken from.
    pub source: PathBuf,
    /// The folder it is in now.
    pub folder: PathBuf,
    /// Whether that is a symbolic link; otherwise a copy.
    pub linked: bool,
}

/// Installs the packages of a project's list and the local packages of those packages.
pub fn install_packages(
    root: &RootConfig,
    vars: &Dict,
    files: &dyn Files,
    env: &Env,
    renderer: &dyn YamlRenderer,
) -> (Vec<Installation>, Diagnostics) {
    let rendering = Rendering { renderer, context: YamlContext::Packages { vars }, env };
    let folder = install_dir(&root.root_dir, &root.config, files);
    let mut diagnostics = Diagnostics::new();
    let found = collect(root, &folder, files, &rendering, &mut diagnostics);
    let only_local = root.packages.specs.iter().all(PackageSpec::is_local);
    let names: Vec<&str> = found.iter().map(|f| f.name.as_str()).collect();
    if let Err(problem) = clear(&root.root_dir, &folder, &names, only_local, files) {
        diagnostics.push(problem);
        return (Vec::new(), diagnostics);
    }
    let mut done = Vec::new();
    for Located { name, path, dir } in found {
        match put(&dir, &folder.join(&name), files) {
            Ok(linked) => {
                let folder = folder.join(&name);
                done.push(Installation { name, path, source: dir, folder, linked });
            }
            Err(e) => diagnostics.push(unreadable(&shown(e.path(), &root.root_dir), e)),
        }
    }
    if only_local && !done.is_empty() && !diagnostics.has_errors() {
        let entries: Vec<(String, String)> = done.iter().map(|i| (i.path.clone(), i.name.clone())).collect();
        let text = lock::text(&entries, &root.packages.specs);
        if let Err(e) = files.write_atomic(&root.root_dir.join(lock::FILE_NAME), text.as_bytes()) {
            diagnostics.push(unreadable(lock::FILE_NAME, e));
        }
    }
    (done, diagnostics)
}

/// A local package, about to be installed.
struct Located {
    name: String,
    path: String,
    dir: PathBuf,
}

/// The local packages of the project, then those of its packages, each name once.
fn collect(
    root: &RootConfig,
    folder: &Path,
    files: &dyn Files,
    rendering: &Rendering<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Located> {
    let mut queue: VecDeque<(PackageSpec, PathBuf)> =
        root.packages.specs.iter().map(|spec| (spec.clone(), root.root_dir.clone())).collect();
    let mut found: Vec<Located> = Vec::new();
    while let Some((spec, declared_in)) = queue.pop_front() {
        let origin = match local_origin(&spec, &root.root_dir, &declared_in, files, rendering.env) {
            Some(Ok(origin)) => origin,
            Some(Err(problem)) => {
                diagnostics.push(problem);
                continue;
            }
            None => {
                let present = folder.join(spec.likely_folder()).join(project::FILE_NAME);
                if !files.is_file(&present) {
                    diagnostics.push(refusal(&spec));
                }
                continue;
            }
        };
        let name = match project_name(&origin, files) {
            Ok(name) => name,
            Err(problem) => {
                diagnostics.push(problem);
                continue;
            }
        };
        if name == root.config.name || found.iter().any(|f| f.name == name) {
            continue;
        }
        let list = packages::read(&origin, files, rendering, diagnostics);
        queue.extend(list.specs.into_iter().map(|spec| (spec, origin.dir.clone())));
        let PackageSource::Local { path } = spec.source else { continue };
        found.push(Located { name, path, dir: origin.dir });
    }
    found
}

fn refusal(spec: &PackageSpec) -> Diagnostic {
    let kind = match spec.source {
        PackageSource::Hub { .. } => "from the package hub",
        PackageSource::Git { .. } | PackageSource::Private { .. } => "from git",
        PackageSource::Tarball { .. } | PackageSource::Local { .. } => "from an archive",
    };
    let message = format!("`{}` cannot be installed: packages {kind} cannot be downloaded yet", spec.label());
    Diagnostic::error(codes::UNSUPPORTED, message)
        .at(spec.span.clone())
        .help("install it with `dbt deps`, or put it into a folder and list it as `local:`")
}

fn project_name(origin: &Origin, files: &dyn Files) -> Result<String, Diagnostic> {
    let shown = origin.display(project::FILE_NAME);
    let invalid = |why: &str| Diagnostic::error(codes::PACKAGE_INVALID, format!("{shown} {why}"));
    let file = origin.read(files, project::FILE_NAME)?.ok_or_else(|| invalid("is missing"))?;
    let root = yaml::parse(&file)?.root.ok_or_else(|| invalid("is empty"))?;
    let name = root.get("name").ok_or_else(|| invalid("has no `name`").at(root.span.clone()))?;
    let text = name.expect_str(codes::PACKAGE_INVALID, "`name`")?;
    if text.is_empty() || text.contains(['/', '\\', '.']) {
        return Err(invalid("has a `name` that cannot be a folder").at(name.span.clone()));
    }
    Ok(text.to_owned())
}

/// Takes away what is about to be replaced and, if the list names only local packages, all other packages.
fn clear(root: &Path, folder: &Path, names: &[&str], only_local: bool, files: &dyn Files) -> Result<(), Diagnostic> {
    let fail = |e: crate::files::FilesError| unreadable(&shown(e.path(), root), e);
    for dir in files.subfolders(folder).map_err(fail)? {
        let replaced = dir.file_name().and_then(|n| n.to_str()).is_some_and(|n| names.contains(&n));
        let is_package = files.is_link(&dir) || files.is_file(&dir.join(project::FILE_NAME));
        if !(replaced || only_local && is_package) {
            continue;
        }
        if files.is_link(&dir) { files.remove_file(&dir) } else { files.remove_dir(&dir) }.map_err(fail)?;
    }
    // A link whose folder is gone is no folder, and still in the way.
    for link in names.iter().map(|name| folder.join(name)).filter(|path| files.is_link(path)) {
        files.remove_file(&link).map_err(fail)?;
    }
    files.create_dir(folder).map_err(fail)
}

/// Links a package into place, or copies it where links are not to be had.
fn put(source: &Path, target: &Path, files: &dyn Files) -> Result<bool, crate::files::FilesError> {
    let source = files.canonical(source)?;
    if files.link_dir(&source, target).is_ok() {
        return Ok(files.is_link(target));
    }
    files.copy_dir(&source, target)?;
    Ok(false)
}

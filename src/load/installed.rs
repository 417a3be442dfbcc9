//! Which packages are there. In: the root project, its package list. Out: the folders of installed packages. A `local:`
//! package that nobody has installed is used from its own folder, so that it needs no `deps`.

use std::path::{Path, PathBuf};

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::files::{Env, Files, normalize};

use super::packages::{PackageList, PackageSource, PackageSpec};
use super::problems::{Origin, shown};
use super::project::{self, ProjectConfig};

/// The folder that dbt used before version 1.
const LEGACY_FOLDER: &str = "dbt_modules";

/// The folder in which packages are installed.
pub(super) fn install_dir(root: &Path, config: &ProjectConfig, files: &dyn Files) -> PathBuf {
    let folder = normalize(&root.join(&config.packages_install_path));
    let legacy = root.join(LEGACY_FOLDER);
    let chosen = config.raw.get("packages-install-path").is_some();
    if !chosen && !files.is_dir(&folder) && files.is_dir(&legacy) { legacy } else { folder }
}

/// Packages in the folder of installed packages, by folder name.
pub(super) fn installed(root: &Path, folder: &Path, files: &dyn Files, diagnostics: &mut Diagnostics) -> Vec<Origin> {
    let folders = match files.subfolders(folder) {
        Ok(folders) => folders,
        Err(e) => {
            diagnostics.push(super::problems::unreadable(&shown(folder, root), e));
            return Vec::new();
        }
    };
    let mut out = Vec::new();
    for dir in folders {
        let name = dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with("__") || name.starts_with('.') {
            continue;
        }
        let display = shown(&dir, root);
        if files.is_file(&dir.join(project::FILE_NAME)) {
            out.push(Origin { dir, display });
        } else {
            let message = format!("{display} is no package: it has no {}", project::FILE_NAME);
            diagnostics.push(
                Diagnostic::warning(codes::PACKAGE_INVALID, message)
                    .help("remove the folder, or run `transform deps` again"),
            );
        }
    }
    out
}

/// The folder of a `local:` package. dbt counts from the root project, also for packages of packages; people who write a
/// package on its own count from there.
pub(super) fn local_dir(path: &str, root: &Path, declared_in: &Path, files: &dyn Files, env: &Env) -> Option<PathBuf> {
    let from = |base: &Path| match path.strip_prefix('~') {
        Some(_) => env.absolute(Path::new(path)),
        None => normalize(&base.join(path)),
    };
    [from(root), from(declared_in)].into_iter().find(|dir| files.is_file(&dir.join(project::FILE_NAME)))
}

/// The folder of a `local:` entry as a place to read from; otherwise what is wrong with it.
pub(super) fn local_origin(
    spec: &PackageSpec,
    root: &Path,
    declared_in: &Path,
    files: &dyn Files,
    env: &Env,
) -> Option<Result<Origin, Diagnostic>> {
    let PackageSource::Local { path } = &spec.source else { return None };
    Some(match local_dir(path, root, declared_in, files, env) {
        Some(dir) => Ok(Origin { display: display_of(&dir, root), dir }),
        None => {
            let message = format!("the local package `{path}` has no {}", project::FILE_NAME);
            Err(Diagnostic::error(codes::PACKAGE_INVALID, message)
                .at(spec.span.clone())
                .help("the path counts from the project's folder"))
        }
    })
}

/// A folder relative to the root project, with `..` where needed.
pub(super) fn display_of(dir: &Path, root: &Path) -> String {
    let (dir_parts, root_parts): (Vec<_>, Vec<_>) = (dir.components().collect(), root.components().collect());
    let same = dir_parts.iter().zip(&root_parts).take_while(|(a, b)| a == b).count();
    if same <= 1 {
        return crate::files::slashed(dir);
    }
    let up = std::iter::repeat_n("..".to_owned(), root_parts.len() - same);
    let down = dir_parts[same..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

/// An error if fewer packages are installed than the list names; local ones need no installation.
pub(super) fn missing(list: &PackageList, installed: &[&str], folder: &str) -> Option<Diagnostic> {
    let wanted: Vec<&PackageSpec> = list.specs.iter().filter(|s| !s.is_local()).collect();
    if installed.len() >= wanted.len() {
        return None;
    }
    let same = |a: &str, b: &str| a.replace('-', "_").eq_ignore_ascii_case(&b.replace('-', "_"));
    let absent: Vec<&PackageSpec> =
        wanted.iter().copied().filter(|s| !installed.iter().any(|name| same(name, s.likely_folder()))).collect();
    let first = absent.first().or(wanted.first())?;
    let message = format!(
        "dbt found {} package(s) specified in {}, but only {} package(s) installed in {folder}. Run \"dbt deps\" to install \
         package dependencies.",
        wanted.len(),
        list.file_name,
        installed.len()
    );
    let names: Vec<String> = absent.iter().map(|s| format!("`{}`", s.label())).collect();
    Some(
        Diagnostic::error(codes::PACKAGE_MISSING, message)
            .at(first.span.clone())
            .note(format!("not found: {}", names.join(", ")))
            .help("run `transform deps`"),
    )
}

//! Puts packages in place. In: pinned packages. Out: the folder of installed packages, complete or as it was before.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::files::{Files, FilesError, Remote};

use super::super::problems::{shown, unreadable};
use super::super::tree::RootConfig;
use super::DepsMessage;
use super::fetch;
use super::pinned::{PinSource, Pinned};

/// Collects all packages in `staging`, then makes that the folder of installed packages.
pub(super) fn install(
    pinned: &[Pinned],
    root: &RootConfig,
    target: &Path,
    staging: &Path,
    (files, remote): (&dyn Files, &dyn Remote),
    tell: &dyn Fn(&DepsMessage),
) -> Result<(), Diagnostics> {
    if root.root_dir.starts_with(target) {
        let message = format!("packages-install-path `{}` holds the project itself", root.config.packages_install_path);
        let problem = Diagnostic::error(codes::PROJECT_KEY, message).help("choose a folder for packages alone");
        return Err([problem].into_iter().collect());
    }
    let new = staging.join("new");
    let failed = |e: FilesError| -> Diagnostics { [io_problem(&root.root_dir, e)].into_iter().collect() };
    if files.is_file(target) {
        // Fails, with the reason: a file lies where the folder belongs.
        files.create_dir(target).map_err(failed)?;
    }
    files.create_dir(&new).map_err(failed)?;
    let downloads: Vec<Diagnostic> = pinned
        .par_iter()
        .filter_map(|package| match &package.source {
            PinSource::Hub { tarball, .. } => {
                fetch::unpack(remote, files, tarball, &new.join(&package.name), &package.span).err()
            }
            _ => None,
        })
        .collect();
    if !downloads.is_empty() {
        return Err(downloads.into_iter().collect());
    }
    let mut outdated = Vec::new();
    for package in pinned {
        tell(&DepsMessage::Installing(package.label()));
        let place = new.join(&package.name);
        match &package.source {
            PinSource::Hub { .. } => {}
            PinSource::Local { dir, .. } => link(dir, &place, files).map_err(failed)?,
            PinSource::Git { dir, .. } | PinSource::Tarball { dir, .. } => {
                files.rename_dir(dir, &place).map_err(failed)?;
            }
        }
        tell(&DepsMessage::InstalledFrom(package.version_name()));
        match &package.source {
            PinSource::Hub { package, version, latest, .. } if version != latest => {
                outdated.push(package.clone());
                tell(&DepsMessage::UpdateAvailable(latest.clone()));
            }
            PinSource::Hub { .. } => tell(&DepsMessage::UpToDate),
            PinSource::Git { subdirectory: Some(sub), .. } => tell(&DepsMessage::Subdirectory(sub.clone())),
            _ => {}
        }
    }
    swap(&new, target, staging, files).map_err(failed)?;
    if !outdated.is_empty() {
        tell(&DepsMessage::UpdatesAvailable(outdated));
    }
    Ok(())
}

/// The diagnostic for a folder that cannot be written.
pub(super) fn io_problem(root: &Path, error: FilesError) -> Diagnostic {
    unreadable(&shown(error.path(), root), error)
}

/// Links a package into place, or copies it where links are not to be had.
fn link(source: &Path, place: &Path, files: &dyn Files) -> Result<(), FilesError> {
    let source = files.canonical(source)?;
    files.link_dir(&source, place).or_else(|_| files.copy_dir(&source, place))
}

/// Makes a folder the target, which is moved away before and back if that fails.
fn swap(new: &Path, target: &Path, staging: &Path, files: &dyn Files) -> Result<(), FilesError> {
    // The folder may be a link to another place.
    let target: PathBuf =
        if files.is_link(target) && files.is_dir(target) { files.canonical(target)? } else { target.to_path_buf() };
    if files.is_link(&target) {
        files.remove_file(&target)?;
    }
    if !files.is_dir(&target) {
        if let Some(parent) = target.parent() {
            files.create_dir(parent)?;
        }
        return files.rename_dir(new, &target);
    }
    let old = staging.join("old");
    if files.rename_dir(&target, &old).is_ok() {
        return files.rename_dir(new, &target).or_else(|e| files.rename_dir(&old, &target).and(Err(e)));
    }
    // A mounted folder cannot be renamed: package by package, then.
    for dir in files.subfolders(&target)? {
        if files.is_link(&dir) { files.remove_file(&dir)? } else { files.remove_dir(&dir)? }
    }
    for dir in files.subfolders(new)? {
        let Some(name) = dir.file_name() else { continue };
        if files.is_link(&dir) {
            link(&dir, &target.join(name), files)?;
        } else {
            files.copy_dir(&dir, &target.join(name))?;
        }
    }
    Ok(())
}

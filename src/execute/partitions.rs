//! Partitions of a folder of files, replaced one by one.
//!
//! In: a folder with freshly written partitions, the folder that they belong into. Out: the partitions in place, those of the
//! same names gone, all others untouched.
//!
//! A partition is a folder at a given depth: `day=2024-01-01/region=north`. Each is taken out and replaced by two renames. A
//! run that dies between the two leaves the old partition aside, and the next one puts it back before it begins.

use std::path::{Path, PathBuf};

use crate::files::{Files, FilesError};

/// The folder beside `location` in which replaced partitions wait for their end.
fn aside_of(location: &Path) -> PathBuf {
    let name = location.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    location.with_file_name(format!("{name}__dbt_backup"))
}

/// Puts back what an earlier run took out and did not replace, and forgets what it did replace.
pub(super) fn recover(files: &dyn Files, location: &Path, levels: usize) -> Result<(), FilesError> {
    let aside = aside_of(location);
    if !files.is_dir(&aside) {
        return Ok(());
    }
    for partition in partitions(files, &aside, levels)? {
        let place = location.join(&partition);
        if !files.is_dir(&place) {
            files.rename_dir(&aside.join(&partition), &prepared(files, &place)?)?;
        }
    }
    files.remove_dir(&aside)
}

/// Replaces partitions by those in `staged`, which is gone afterwards.
pub(super) fn replace(files: &dyn Files, staged: &Path, location: &Path, levels: usize) -> Result<(), FilesError> {
    let aside = aside_of(location);
    for partition in partitions(files, staged, levels)? {
        let place = location.join(&partition);
        if files.is_dir(&place) {
            files.rename_dir(&place, &prepared(files, &aside.join(&partition))?)?;
        }
        files.rename_dir(&staged.join(&partition), &prepared(files, &place)?)?;
    }
    for folder in [staged, &aside] {
        if files.is_dir(folder) {
            files.remove_dir(folder)?;
        }
    }
    Ok(())
}

/// Replaces everything by what is in `staged`.
pub(super) fn replace_all(files: &dyn Files, staged: &Path, location: &Path) -> Result<(), FilesError> {
    let aside = aside_of(location);
    if files.is_dir(location) {
        if files.is_dir(&aside) {
            files.remove_dir(&aside)?;
        }
        files.rename_dir(location, &aside)?;
    }
    files.rename_dir(staged, &prepared(files, location)?)?;
    if files.is_dir(&aside) {
        files.remove_dir(&aside)?;
    }
    Ok(())
}

/// The path, with the folder above it in place.
fn prepared(files: &dyn Files, path: &Path) -> Result<PathBuf, FilesError> {
    if let Some(parent) = path.parent() {
        files.create_dir(parent)?;
    }
    Ok(path.to_path_buf())
}

/// Folders at a depth, relative to the root.
fn partitions(files: &dyn Files, root: &Path, levels: usize) -> Result<Vec<PathBuf>, FilesError> {
    let mut found = vec![root.to_path_buf()];
    for _ in 0..levels {
        let mut deeper = Vec::new();
        for folder in &found {
            deeper.extend(files.subfolders(folder)?);
        }
        found = deeper;
    }
    Ok(found.iter().filter_map(|p| p.strip_prefix(root).ok().map(Path::to_path_buf)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::MemoryFiles;

    fn contents(files: &MemoryFiles) -> Vec<String> {
        let walked = files.walk(Path::new("/w")).expect("a folder");
        let shown = |path: &Path| format!("{}={}", path.display(), files.read_text(path).expect("text"));
        walked.iter().map(|file| shown(&file.path)).collect()
    }

    fn with(entries: &[(&str, &str)]) -> MemoryFiles {
        let files = MemoryFiles::default();
        for (path, text) in entries {
            files.write_atomic(Path::new(path), text.as_bytes()).expect("written");
        }
        files
    }

    #[test]
    fn only_named_partitions_change() {
        let files = with(&[
            ("/w/t/d=1/a", "1"),
            ("/w/t/d=1/b", "1"),
            ("/w/t/d=2/a", "2"),
            ("/w/new/d=1/a", "x"),
            ("/w/new/d=3/a", "3"),
        ]);
        replace(&files, Path::new("/w/new"), Path::new("/w/t"), 1).expect("replaced");
        assert_eq!(contents(&files), ["/w/t/d=1/a=x", "/w/t/d=2/a=2", "/w/t/d=3/a=3"]);
        recover(&files, Path::new("/w/t"), 1).expect("nothing to do");
        assert_eq!(contents(&files).len(), 3);
    }

    #[test]
    fn a_run_that_died_between_the_renames_is_undone() {
        let files = with(&[
            ("/w/t/d=1/r=a/f", "new"),
            ("/w/t__dbt_backup/d=1/r=a/f", "old"),
            ("/w/t__dbt_backup/d=2/r=b/f", "kept"),
        ]);
        recover(&files, Path::new("/w/t"), 2).expect("recovered");
        assert_eq!(contents(&files), ["/w/t/d=1/r=a/f=new", "/w/t/d=2/r=b/f=kept"]);
    }
}

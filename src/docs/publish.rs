//! Publishing: a folder that a web server shows changes from one version of the site to the next at once.
//!
//! In: files of a site, a folder. Out: the folder holds these files and nothing else. The new version is complete beside the
//! folder before the old one steps aside; whatever goes wrong before that leaves the old one as it is.

use std::path::{Path, PathBuf};

use crate::files::{Files, FilesError};

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The file system refused.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The folder holds something that is not a site: it would be lost.
    #[error("{} holds files that were not published here: publish to an empty folder", .0.display())]
    NotOurs(PathBuf),
}

/// The mark of a published folder.
const MARK: &str = ".transform-docs";

/// Puts files (path inside the folder, bytes) in the place of a folder.
pub fn publish(
    files: &dyn Files,
    folder: &Path,
    site: &[(String, Vec<u8>)],
    version: &str,
) -> Result<(), PublishError> {
    let occupied = files.is_dir(folder) && !files.walk(folder)?.is_empty();
    if occupied && !files.is_file(&folder.join(MARK)) {
        return Err(PublishError::NotOurs(folder.to_path_buf()));
    }
    let beside = |what: &str| {
        let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        folder.with_file_name(format!(".{name}.{what}-{version}"))
    };
    let (new, old) = (beside("new"), beside("old"));
    let written = site
        .iter()
        .try_for_each(|(path, bytes)| files.write_atomic(&new.join(path), bytes))
        .and_then(|()| files.write_atomic(&new.join(MARK), format!("{version}\n").as_bytes()));
    if let Err(error) = written {
        let _ = files.remove_dir(&new);
        return Err(error.into());
    }
    let had = files.is_dir(folder);
    if had {
        files.rename_dir(folder, &old)?;
    }
    if let Err(error) = files.rename_dir(&new, folder) {
        if had {
            files.rename_dir(&old, folder)?;
        }
        return Err(error.into());
    }
    if had {
        files.remove_dir(&old)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::RealFiles;

    fn site(text: &str) -> Vec<(String, Vec<u8>)> {
        vec![("index.html".into(), text.into()), (format!("site/{text}.js"), b"1".to_vec())]
    }

    #[test]
    fn a_new_version_takes_the_place_of_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("www");
        for version in ["a", "b"] {
            publish(&RealFiles, &folder, &site(version), version).unwrap();
            assert_eq!(RealFiles.read_text(&folder.join("index.html")).unwrap(), version);
        }
        let left: Vec<_> = RealFiles.walk(dir.path()).unwrap().into_iter().map(|f| f.path).collect();
        assert_eq!(left, [".transform-docs", "index.html", "site/b.js"].map(|f| folder.join(f)));
    }

    #[test]
    fn other_files_are_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        RealFiles.write_atomic(&dir.path().join("www/holiday.jpg"), b"x").unwrap();
        let folder = dir.path().join("www");
        assert!(matches!(publish(&RealFiles, &folder, &site("a"), "a"), Err(PublishError::NotOurs(_))));
        assert!(RealFiles.is_file(&folder.join("holiday.jpg")));
    }
}

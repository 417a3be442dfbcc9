//! The machine's file system. In: paths. Out: [`RealFiles`].

use std::fs;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::{Claim, FileInfo, Files, FilesError};

/// The machine's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFiles;

impl Files for RealFiles {
    fn read(&self, path: &Path) -> Result<Vec<u8>, FilesError> {
        fs::read(path).map_err(|e| FilesError::io("read", path, e))
    }

    fn path_for_others(&self, path: &Path) -> Option<PathBuf> {
        Some(path.to_path_buf())
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), FilesError> {
        let fail = |e| FilesError::io("write", path, e);
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Nearly always the folder is there.
        let made = builder().tempfile_in(folder).or_else(|_| {
            fs::create_dir_all(folder)?;
            builder().tempfile_in(folder)
        });
        let mut file = made.map_err(fail)?;
        file.write_all(bytes).map_err(fail)?;
        file.persist(path).map_err(|e| fail(e.error))?;
        Ok(())
    }

    fn append(&self, path: &Path) -> Result<Box<dyn std::io::Write + Send>, FilesError> {
        if let Some(folder) = path.parent() {
            self.create_dir(folder)?;
        }
        let file = fs::OpenOptions::new().create(true).append(true).open(path);
        file.map(|f| Box::new(f) as Box<dyn std::io::Write + Send>).map_err(|e| FilesError::io("append to", path, e))
    }

    fn claim(&self, path: &Path) -> Result<Claim, FilesError> {
        let fail = |e| FilesError::io("lock", path, e);
        if let Some(folder) = path.parent() {
            self.create_dir(folder)?;
        }
        let open = fs::OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
        let mut file = open.map_err(fail)?;
        let taken = match file.try_lock() {
            Ok(()) => false,
            Err(fs::TryLockError::WouldBlock) => true,
            Err(fs::TryLockError::Error(error)) => return Err(fail(error)),
        };
        let mut holder = String::new();
        let _ = file.read_to_string(&mut holder);
        if taken {
            return Ok(Claim::Taken { by: holder.lines().next().and_then(|pid| pid.trim().parse().ok()) });
        }
        let mut claimed = Claimed(file);
        claimed.write(&std::process::id().to_string()).map_err(fail)?;
        Ok(Claim::Ours { guard: Box::new(claimed), after_crash: !holder.is_empty() })
    }

    fn remove_file(&self, path: &Path) -> Result<(), FilesError> {
        // On Windows a link to a folder is removed as a folder.
        let removed = fs::remove_file(path).or_else(|e| if path.is_symlink() { fs::remove_dir(path) } else { Err(e) });
        removed.map_err(|e| FilesError::io("remove", path, e))
    }

    fn remove_dir(&self, path: &Path) -> Result<(), FilesError> {
        fs::remove_dir_all(path).map_err(|e| FilesError::io("remove", path, e))
    }

    fn rename_dir(&self, from: &Path, to: &Path) -> Result<(), FilesError> {
        fs::rename(from, to).map_err(|e| FilesError::io("rename", from, e))
    }

    fn replace_file(&self, from: &Path, to: &Path) -> Result<(), FilesError> {
        let synced = fs::OpenOptions::new().write(true).open(from).and_then(|file| file.sync_all());
        synced.and_then(|()| fs::rename(from, to)).map_err(|e| FilesError::io("replace", to, e))
    }

    fn create_dir(&self, path: &Path) -> Result<(), FilesError> {
        fs::create_dir_all(path).map_err(|e| FilesError::io("create", path, e))
    }

    fn link_dir(&self, target: &Path, link: &Path) -> Result<(), FilesError> {
        if let Some(parent) = link.parent() {
            self.create_dir(parent)?;
        }
        symlink(target, link).map_err(|e| FilesError::io("link", link, e))
    }

    fn walk(&self, folder: &Path) -> Result<Vec<FileInfo>, FilesError> {
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for entry in walkdir::WalkDir::new(folder) {
            let entry = entry.map_err(|e| {
                let path = e.path().unwrap_or(folder).to_path_buf();
                FilesError::io("read", &path, e.into())
            })?;
            let metadata = if entry.file_type().is_symlink() {
                // A dangling link is no file.
                fs::metadata(entry.path()).ok()
            } else if entry.file_type().is_file() {
                entry.metadata().ok()
            } else {
                None
            };
            if let Some(metadata) = metadata.filter(fs::Metadata::is_file) {
                let modified = metadata.modified().ok();
                found.push(FileInfo { path: entry.into_path(), size: metadata.len(), modified });
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn subfolders(&self, folder: &Path) -> Result<Vec<PathBuf>, FilesError> {
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let fail = |e| FilesError::io("read", folder, e);
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            if path.is_dir() {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    fn info(&self, path: &Path) -> Result<FileInfo, FilesError> {
        let metadata = fs::metadata(path).map_err(|e| FilesError::io("read", path, e))?;
        Ok(FileInfo { path: path.to_path_buf(), size: metadata.len(), modified: metadata.modified().ok() })
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn is_link(&self, path: &Path) -> bool {
        path.is_symlink()
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, FilesError> {
        fs::canonicalize(path).map_err(|e| FilesError::io("resolve", path, e))
    }
}

/// A lock file with its holder's process id; empty when nobody holds it.
struct Claimed(fs::File);

impl Claimed {
    /// At no moment the file is empty: whoever is killed in the middle of this has been here.
    fn write(&mut self, text: &str) -> std::io::Result<()> {
        let line = format!("{text}\n");
        self.0.rewind()?;
        self.0.write_all(line.as_bytes())?;
        self.0.set_len(line.len() as u64)
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        // Closing the file gives the lock back.
        let _ = self.0.set_len(0);
    }
}

/// Temporary files get the permissions that a plainly created file would have, not `tempfile`'s private ones.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tmp-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_dir(target, link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_walks_and_follows_only_the_root_link() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let files = RealFiles;
        files.write_atomic(&root.join("a/b/two.sql"), b"2").unwrap();
        files.write_atomic(&root.join("a/one.sql"), b"1").unwrap();
        files.write_atomic(&root.join("a/one.sql"), b"one").unwrap();
        files.link_dir(&root.join("a"), &root.join("c/linked")).unwrap();
        let names = |folder: &Path| -> Vec<String> {
            let walked = files.walk(folder).unwrap();
            walked.iter().map(|f| super::super::slashed(f.path.strip_prefix(folder).unwrap())).collect()
        };
        assert_eq!(names(&root.join("a")), ["b/two.sql", "one.sql"]);
        assert_eq!(names(&root.join("c/linked")), ["b/two.sql", "one.sql"]);
        assert_eq!(names(&root.join("c")), Vec::<String>::new());
        assert_eq!(names(&root.join("absent")), Vec::<String>::new());
        assert_eq!(files.read_text(&root.join("a/one.sql")).unwrap(), "one");
        files.write_atomic(&root.join("a/new.sql"), b"uno").unwrap();
        files.replace_file(&root.join("a/new.sql"), &root.join("a/one.sql")).unwrap();
        assert_eq!(files.read_text(&root.join("a/one.sql")).unwrap(), "uno");
        assert!(!files.is_file(&root.join("a/new.sql")));
        files.remove_dir(&root.join("c")).unwrap();
        assert!(files.is_file(&root.join("a/one.sql")));
    }

    #[test]
    fn a_lock_file_names_its_holder_and_knows_who_was_killed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("target/.lock");
        let claimed = || RealFiles.claim(&path).unwrap();
        let first = claimed();
        assert!(matches!(first, Claim::Ours { after_crash: false, .. }));
        assert!(matches!(claimed(), Claim::Taken { by: Some(pid) } if pid == std::process::id()));
        drop(first);
        assert!(matches!(claimed(), Claim::Ours { after_crash: false, .. }));
        fs::write(&path, "12345").unwrap();
        assert!(matches!(claimed(), Claim::Ours { after_crash: true, .. }));
    }
}

//! Floor 0: the only user of the file system, of the process environment, of the network and of other programs.
//!
//! In: paths. Out: [`Files`] (real or in memory), [`Env`] (the process or a fixed map), [`Remote`], [`FilesError`]. Text is what
//! the rest of the house sees: UTF-8 without byte order mark and with `\n` line ends, so that offsets, columns and
//! content hashes do not depend on the machine a file was written on.

mod dotenv;
mod env;
mod memory;
mod real;
mod recorder;
mod remote;
mod text;

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use env::{Env, enter};
pub use memory::MemoryFiles;
pub use real::RealFiles;
pub use recorder::{Observation, Question, Recorder};
pub use remote::{RealRemote, Remote, RemoteError, git_works};
pub use text::decode;

/// What a folder listing says about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// The path, starting with the path that was asked for.
    pub path: PathBuf,
    /// Size in bytes.
    pub size: u64,
    /// Last modification, where the file system knows it.
    pub modified: Option<SystemTime>,
}

/// A failure of the file system or of a file's encoding.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, ...
        action: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A text file holds bytes that are not UTF-8.
    #[error("{} is not UTF-8: byte {offset} (line {line}) cannot be decoded", path.display())]
    NotUtf8 {
        /// Which file.
        path: PathBuf,
        /// Offset of the first bad byte.
        offset: usize,
        /// Line of the first bad byte, 1-based.
        line: usize,
        /// The text up to the bad byte.
        valid: String,
    },
}

impl FilesError {
    /// An I/O failure.
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }

    /// The file or folder concerned.
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. } | Self::NotUtf8 { path, .. } => path,
        }
    }

    /// The kind of I/O failure; bad encoding counts as invalid data.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io { source, .. } => source.kind(),
            Self::NotUtf8 { .. } => io::ErrorKind::InvalidData,
        }
    }

    /// Whether the file or folder simply is not there.
    pub fn is_not_found(&self) -> bool {
        self.kind() == io::ErrorKind::NotFound
    }
}

/// What became of [`Files::claim`].
pub enum Claim {
    /// The file is this process's.
    Ours {
        /// Gives it back when dropped.
        guard: Box<dyn Send + Sync>,
        /// Whoever had it before was killed.
        after_crash: bool,
    },
    /// It is another's.
    Taken {
        /// The other process.
        by: Option<u32>,
    },
}

/// A file system. Shared by threads.
pub trait Files: Send + Sync {
    /// The bytes of a file.
    fn read(&self, path: &Path) -> Result<Vec<u8>, FilesError>;

    /// The text of a file: UTF-8, without byte order mark, `\r\n` turned into `\n`.
    fn read_text(&self, path: &Path) -> Result<String, FilesError> {
        decode(path, self.read(path)?)
    }

    /// The path under which other programs find a file; none if it is only known here.
    fn path_for_others(&self, _path: &Path) -> Option<PathBuf> {
        None
    }

    /// Writes a file so that readers see the old or the new content, never half of it. Parent folders are created.
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), FilesError>;

    /// Claims a lock file for this process until the guard is dropped.
    fn claim(&self, _path: &Path) -> Result<Claim, FilesError> {
        Ok(Claim::Ours { guard: Box::new(()), after_crash: false })
    }

    /// Opens a file for adding at its end; it and its parent folders are created.
    fn append(&self, path: &Path) -> Result<Box<dyn io::Write + Send>, FilesError>;

    /// Removes a file or a symbolic link (not what it points to).
    fn remove_file(&self, path: &Path) -> Result<(), FilesError>;

    /// Removes a folder and all in it; symbolic links inside are removed, not followed.
    fn remove_dir(&self, path: &Path) -> Result<(), FilesError>;

    /// Renames a folder, at once; the new name must be free and on the same disk.
    fn rename_dir(&self, from: &Path, to: &Path) -> Result<(), FilesError>;

    /// Puts a file in place of another, which need not be there, at once and for good: its content has reached the disk by then.
    fn replace_file(&self, from: &Path, to: &Path) -> Result<(), FilesError>;

    /// Creates a folder and its parents.
    fn create_dir(&self, path: &Path) -> Result<(), FilesError>;

    /// Makes `link` a symbolic link to the folder `target`.
    fn link_dir(&self, target: &Path, link: &Path) -> Result<(), FilesError>;

    /// All files below a folder, sorted by path. As Python's `os.walk`: the folder itself and files may be symbolic
    /// links, linked folders below are not entered. A folder that is not there has no files.
    fn walk(&self, folder: &Path) -> Result<Vec<FileInfo>, FilesError>;

    /// Folders directly in a folder, sorted; symbolic links to folders count. None if the folder is not there.
    fn subfolders(&self, folder: &Path) -> Result<Vec<PathBuf>, FilesError>;

    /// Facts about a file.
    fn info(&self, path: &Path) -> Result<FileInfo, FilesError>;

    /// Whether something is there; symbolic links are followed.
    fn exists(&self, path: &Path) -> bool {
        self.is_file(path) || self.is_dir(path)
    }

    /// Whether a file is there.
    fn is_file(&self, path: &Path) -> bool;

    /// Whether a folder is there.
    fn is_dir(&self, path: &Path) -> bool;

    /// Whether the path itself is a symbolic link.
    fn is_link(&self, path: &Path) -> bool;

    /// The absolute path without links and dots.
    fn canonical(&self, path: &Path) -> Result<PathBuf, FilesError>;

    /// Copies a folder with all its files.
    fn copy_dir(&self, from: &Path, to: &Path) -> Result<(), FilesError> {
        for file in self.walk(from)? {
            let relative = file.path.strip_prefix(from).unwrap_or(&file.path);
            self.write_atomic(&to.join(relative), &self.read(&file.path)?)?;
        }
        self.create_dir(to)
    }
}

/// A path without `.` and with `..` resolved by name alone, as Python's `os.path.normpath` does it.
pub fn normalize(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match out.components().next_back() {
                Some(Component::Normal(_)) => {
                    out.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                _ => out.push(".."),
            },
            other => out.push(other),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}

/// A path as text with forward slashes, for display and for names that must be equal on every machine.
pub fn slashed(path: &Path) -> String {
    let text = path.to_string_lossy();
    if std::path::MAIN_SEPARATOR == '/' { text.into_owned() } else { text.replace(std::path::MAIN_SEPARATOR, "/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes_by_name() {
        for (given, want) in
            [("a/./b/../c", "a/c"), ("./", "."), ("../a", "../a"), ("/../a", "/a"), ("a/..", "."), ("a//b/", "a/b")]
        {
            assert_eq!(slashed(&normalize(Path::new(given))), want, "{given}");
        }
    }
}

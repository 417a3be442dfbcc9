//! A file system in memory, for tests and for programs that have no disk. In: paths. Out: [`MemoryFiles`].

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{FileInfo, Files, FilesError, normalize};

/// Files in memory. Folders exist when files are in them or when they were created; links are copies of folders.
#[derive(Debug, Default)]
pub struct MemoryFiles {
    tree: RwLock<Tree>,
}

#[derive(Debug, Default)]
struct Tree {
    files: BTreeMap<PathBuf, Vec<u8>>,
    folders: std::collections::BTreeSet<PathBuf>,
}

impl MemoryFiles {
    /// Files with the given paths and contents.
    pub fn new<P: AsRef<Path>, C: AsRef<[u8]>>(files: impl IntoIterator<Item = (P, C)>) -> Self {
        let files = files.into_iter().map(|(p, c)| (normalize(p.as_ref()), c.as_ref().to_vec())).collect();
        Self { tree: RwLock::new(Tree { files, ..Tree::default() }) }
    }

    fn tree(&self) -> RwLockReadGuard<'_, Tree> {
        self.tree.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn tree_mut(&self) -> RwLockWriteGuard<'_, Tree> {
        self.tree.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn absent(action: &'static str, path: &Path) -> FilesError {
    FilesError::io(action, path, io::ErrorKind::NotFound.into())
}

impl Files for MemoryFiles {
    fn read(&self, path: &Path) -> Result<Vec<u8>, FilesError> {
        self.tree().files.get(&normalize(path)).cloned().ok_or_else(|| absent("read", path))
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), FilesError> {
        self.tree_mut().files.insert(normalize(path), bytes.to_vec());
        Ok(())
    }

    fn append(&self, _path: &Path) -> Result<Box<dyn io::Write + Send>, FilesError> {
        // Logs of tests are read from the stream of events.
        Ok(Box::new(io::sink()))
    }

    fn remove_file(&self, path: &Path) -> Result<(), FilesError> {
        self.tree_mut().files.remove(&normalize(path)).map(|_| ()).ok_or_else(|| absent("remove", path))
    }

    fn remove_dir(&self, path: &Path) -> Result<(), FilesError> {
        if !self.is_dir(path) {
            return Err(absent("remove", path));
        }
        let folder = normalize(path);
        let mut tree = self.tree_mut();
        tree.files.retain(|p, _| !p.starts_with(&folder));
        tree.folders.retain(|p| !p.starts_with(&folder));
        Ok(())
    }

    fn rename_dir(&self, from: &Path, to: &Path) -> Result<(), FilesError> {
        if !self.is_dir(from) {
            return Err(absent("rename", from));
        }
        let (from, to) = (normalize(from), normalize(to));
        let renamed = |path: PathBuf| match path.strip_prefix(&from) {
            Ok(rest) => to.join(rest),
            Err(_) => path,
        };
        let mut tree = self.tree_mut();
        tree.files = std::mem::take(&mut tree.files).into_iter().map(|(path, bytes)| (renamed(path), bytes)).collect();
        tree.folders = std::mem::take(&mut tree.folders).into_iter().map(renamed).collect();
        Ok(())
    }

    fn replace_file(&self, from: &Path, to: &Path) -> Result<(), FilesError> {
        let mut tree = self.tree_mut();
        let bytes = tree.files.remove(&normalize(from)).ok_or_else(|| absent("replace", from))?;
        tree.files.insert(normalize(to), bytes);
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> Result<(), FilesError> {
        self.tree_mut().folders.insert(normalize(path));
        Ok(())
    }

    fn link_dir(&self, target: &Path, link: &Path) -> Result<(), FilesError> {
        self.copy_dir(target, link)
    }

    fn walk(&self, folder: &Path) -> Result<Vec<FileInfo>, FilesError> {
        let key = normalize(folder);
        let tree = self.tree();
        let below = tree.files.iter().filter_map(|(path, bytes)| {
            let relative = if key == Path::new(".") { path } else { path.strip_prefix(&key).ok()? };
            let at_itself = relative.as_os_str().is_empty();
            (!at_itself).then(|| FileInfo { path: folder.join(relative), size: bytes.len() as u64, modified: None })
        });
        let mut found: Vec<FileInfo> = below.collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn subfolders(&self, folder: &Path) -> Result<Vec<PathBuf>, FilesError> {
        let key = normalize(folder);
        let tree = self.tree();
        let parents = tree.files.keys().filter_map(|p| p.parent());
        let mut found: Vec<PathBuf> = parents
            .chain(tree.folders.iter().map(PathBuf::as_path))
            .filter_map(|p| if key == Path::new(".") { Some(p) } else { p.strip_prefix(&key).ok() })
            .filter_map(|p| p.components().next())
            .map(|first| folder.join(first))
            .collect();
        found.sort();
        found.dedup();
        Ok(found)
    }

    fn info(&self, path: &Path) -> Result<FileInfo, FilesError> {
        let size = self.read(path)?.len() as u64;
        Ok(FileInfo { path: path.to_path_buf(), size, modified: None })
    }

    fn is_file(&self, path: &Path) -> bool {
        self.tree().files.contains_key(&normalize(path))
    }

    fn is_dir(&self, path: &Path) -> bool {
        let key = normalize(path);
        let tree = self.tree();
        let below = |p: &Path| key == Path::new(".") || p.starts_with(&key);
        tree.files.keys().any(|p| *p != key && below(p)) || tree.folders.iter().any(|p| below(p))
    }

    fn is_link(&self, _path: &Path) -> bool {
        false
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, FilesError> {
        if self.exists(path) { Ok(normalize(path)) } else { Err(absent("resolve", path)) }
    }
}

//! A file system that remembers what was asked of it, so that one can see later whether all answers would be the same.
//!
//! In: a file system. Out: [`Recorder`], a file system; [`Observation`]s, each a question with a fingerprint of its answer.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{FileInfo, Files, FilesError};
use crate::base::Fingerprint;

/// What can be asked about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Question {
    /// The bytes of a file.
    Content,
    /// The files below a folder.
    Files,
    /// The folders in a folder.
    Folders,
    /// Whether a file is there.
    IsFile,
    /// Whether a folder is there.
    IsFolder,
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The question.
    pub question: Question,
    /// About what.
    pub path: PathBuf,
    /// Stands for the answer.
    pub answer: String,
}

impl Observation {
    /// Whether a file system gives these answers now.
    pub fn all_hold(observations: &[Self], files: &dyn Files) -> bool {
        observations.par_iter().all(|o| o.answer == answer(o.question, &o.path, files))
    }
}

/// Remembers what is read; everything is passed on.
pub struct Recorder {
    files: Arc<dyn Files>,
    seen: Mutex<BTreeMap<(PathBuf, Question), String>>,
}

impl Recorder {
    /// Over a file system.
    pub fn new(files: Arc<dyn Files>) -> Self {
        Self { files, seen: Mutex::default() }
    }

    /// What was asked so far, outside of some folders.
    pub fn observations(&self, but: &[PathBuf]) -> Vec<Observation> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let outside = |path: &Path| !but.iter().any(|folder| path.starts_with(folder));
        let asked = seen.iter().filter(|((path, _), _)| outside(path));
        let one = |((path, question), answer): (&(PathBuf, Question), &String)| Observation {
            question: *question,
            path: path.clone(),
            answer: answer.clone(),
        };
        asked.map(one).collect()
    }

    fn note(&self, question: Question, path: &Path, answer: String) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry((path.to_owned(), question)).or_insert(answer);
    }
}

fn answer(question: Question, path: &Path, files: &dyn Files) -> String {
    match question {
        Question::Content => of_content(&files.read(path)),
        Question::Files => of_files(&files.walk(path)),
        Question::Folders => of_folders(&files.subfolders(path)),
        Question::IsFile => files.is_file(path).to_string(),
        Question::IsFolder => files.is_dir(path).to_string(),
    }
}

fn of_content(read: &Result<Vec<u8>, FilesError>) -> String {
    read.as_ref().map_or_else(|_| "unreadable".to_owned(), |bytes| short(Fingerprint::of(bytes)))
}

fn of_files(walked: &Result<Vec<FileInfo>, FilesError>) -> String {
    let Ok(files) = walked else { return "unreadable".to_owned() };
    short(Fingerprint::of_parts(files.iter().map(|f| f.path.as_os_str().as_encoded_bytes())))
}

fn of_folders(found: &Result<Vec<PathBuf>, FilesError>) -> String {
    let Ok(folders) = found else { return "unreadable".to_owned() };
    short(Fingerprint::of_parts(folders.iter().map(|f| f.as_os_str().as_encoded_bytes())))
}

fn short(fingerprint: Fingerprint) -> String {
    let mut hex = fingerprint.to_hex();
    hex.truncate(32);
    hex
}

impl Files for Recorder {
    fn read(&self, path: &Path) -> Result<Vec<u8>, FilesError> {
        let read = self.files.read(path);
        self.note(Question::Content, path, of_content(&read));
        read
    }

    fn path_for_others(&self, path: &Path) -> Option<PathBuf> {
        self.files.path_for_others(path)
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<(), FilesError> {
        self.files.write_atomic(path, bytes)
    }

    fn append(&self, path: &Path) -> Result<Box<dyn io::Write + Send>, FilesError> {
        self.files.append(path)
    }

    fn remove_file(&self, path: &Path) -> Result<(), FilesError> {
        self.files.remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> Result<(), FilesError> {
        self.files.remove_dir(path)
    }

    fn rename_dir(&self, from: &Path, to: &Path) -> Result<(), FilesError> {
        self.files.rename_dir(from, to)
    }

    fn replace_file(&self, from: &Path, to: &Path) -> Result<(), FilesError> {
        self.files.replace_file(from, to)
    }

    fn create_dir(&self, path: &Path) -> Result<(), FilesError> {
        self.files.create_dir(path)
    }

    fn link_dir(&self, target: &Path, link: &Path) -> Result<(), FilesError> {
        self.files.link_dir(target, link)
    }

    fn walk(&self, folder: &Path) -> Result<Vec<FileInfo>, FilesError> {
        let walked = self.files.walk(folder);
        self.note(Question::Files, folder, of_files(&walked));
        walked
    }

    fn subfolders(&self, folder: &Path) -> Result<Vec<PathBuf>, FilesError> {
        let found = self.files.subfolders(folder);
        self.note(Question::Folders, folder, of_folders(&found));
        found
    }

    fn info(&self, path: &Path) -> Result<FileInfo, FilesError> {
        self.files.info(path)
    }

    fn is_file(&self, path: &Path) -> bool {
        let there = self.files.is_file(path);
        self.note(Question::IsFile, path, there.to_string());
        there
    }

    fn is_dir(&self, path: &Path) -> bool {
        let there = self.files.is_dir(path);
        self.note(Question::IsFolder, path, there.to_string());
        there
    }

    fn is_link(&self, path: &Path) -> bool {
        self.files.is_link(path)
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, FilesError> {
        self.files.canonical(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::MemoryFiles;

    #[test]
    fn what_was_seen_holds_until_it_changes() {
        let files: Arc<dyn Files> = Arc::new(MemoryFiles::new([("/p/models/a.sql", "select 1"), ("/p/x", "1")]));
        let recorder = Recorder::new(Arc::clone(&files));
        assert!(recorder.read(Path::new("/p/models/a.sql")).is_ok());
        assert_eq!(recorder.walk(Path::new("/p/models")).map(|f| f.len()).ok(), Some(1));
        assert!(!recorder.is_file(Path::new("/p/y")));
        assert!(recorder.read(Path::new("/p/x")).is_ok());
        let seen = recorder.observations(&[PathBuf::from("/p/x")]);
        assert_eq!(seen.len(), 3);
        assert!(Observation::all_hold(&seen, &*files));
        // Not looked at.
        assert!(files.write_atomic(Path::new("/p/x"), b"2").is_ok());
        assert!(Observation::all_hold(&seen, &*files));
        for (path, bytes) in [("/p/models/b.sql", b"x"), ("/p/y", b"y")] {
            assert!(files.write_atomic(Path::new(path), bytes).is_ok());
            assert!(!Observation::all_hold(&seen, &*files), "{path}");
            assert!(files.remove_file(Path::new(path)).is_ok());
        }
        assert!(files.write_atomic(Path::new("/p/models/a.sql"), b"select 2").is_ok());
        assert!(!Observation::all_hold(&seen, &*files));
    }
}

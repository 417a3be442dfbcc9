//! Small things that all readers of this room share: how a file's place is named, how a failed read is reported.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diag::{Diagnostic, SourceFile, Span, codes};
use crate::files::{Files, FilesError, slashed};

/// A folder and how messages name it.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The folder.
    pub dir: PathBuf,
    /// Its name in messages; empty for the root project.
    pub display: String,
}

impl Origin {
    /// The displayed path of a file in this folder.
    pub fn display(&self, relative: &str) -> String {
        if self.display.is_empty() { relative.to_owned() } else { format!("{}/{relative}", self.display) }
    }

    /// Reads a text file of this folder; `None` if it is not there.
    pub fn read(&self, files: &dyn Files, relative: &str) -> Result<Option<Arc<SourceFile>>, Diagnostic> {
        let path = self.dir.join(relative);
        if !files.is_file(&path) {
            return Ok(None);
        }
        match files.read_text(&path) {
            Ok(text) => Ok(Some(SourceFile::new(self.display(relative), text))),
            Err(e) => Err(unreadable(&self.display(relative), e)),
        }
    }
}

/// The diagnostic for a file that could not be read; `shown` is its displayed path.
pub(super) fn unreadable(shown: &str, error: FilesError) -> Diagnostic {
    match error {
        FilesError::NotUtf8 { offset, line, valid, .. } => {
            let file = SourceFile::new(shown, valid);
            let end = file.text.len();
            Diagnostic::error(codes::FILE_ENCODING, format!("{shown} is not UTF-8: byte {offset} cannot be decoded"))
                .at(Span::new(&file, end..end))
                .note(format!("the first {offset} bytes, up to line {line}, are valid"))
                .help("save the file as UTF-8")
        }
        FilesError::Io { action, path, source } => {
            let named = if shown.is_empty() { slashed(&path) } else { shown.to_owned() };
            Diagnostic::error(codes::FILE_UNREADABLE, format!("cannot {action} {named}: {source}"))
        }
    }
}

/// A path as messages show it: relative to a folder where it lies below or beside it.
pub(super) fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).map_or_else(|_| slashed(path), slashed)
}

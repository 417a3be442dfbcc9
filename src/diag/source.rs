//! Source text with a name, and places in it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A file's text under the name that messages show (relative to the project, forward slashes).
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Displayed path.
    pub path: String,
    /// The text that spans count in.
    pub text: String,
    /// Where the user wrote what the text was made from, if the text itself is in no file of the project.
    pub made_from: Option<Span>,
}

impl SourceFile {
    /// A shared source file.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into(), made_from: None })
    }

    /// A text that was made from something the user wrote, such as the call of a generic test: problems in it are shown there.
    pub fn made_from(origin: Span, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { path: origin.file.path.clone(), text: text.into(), made_from: Some(origin) })
    }

    /// Line and column of a byte offset; offsets past the end mean the end.
    pub fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }

    /// The byte offset at which a 1-based line starts; the end for lines past the last.
    pub fn line_start(&self, line: usize) -> usize {
        if line <= 1 {
            return 0;
        }
        self.text.match_indices('\n').nth(line - 2).map_or(self.text.len(), |(i, _)| i + 1)
    }

    /// The byte offset of a 1-based line and 1-based column (in characters), clamped to the line.
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let start = self.line_start(line);
        let rest = &self.text[start..];
        let rest = &rest[..rest.find('\n').unwrap_or(rest.len())];
        start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(i, _)| i)
    }
}

/// A place as people read it; both 1-based, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// A byte range of a source file.
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Start byte.
    pub start: usize,
    /// End byte, at least `start`.
    pub end: usize,
}

impl Span {
    /// A span of a file, clamped to its text.
    pub fn new(file: &Arc<SourceFile>, range: Range<usize>) -> Self {
        let end = range.end.min(file.text.len());
        Self { file: Arc::clone(file), start: range.start.min(end), end }
    }

    /// A place at the very start of a file.
    pub fn file_start(file: &Arc<SourceFile>) -> Self {
        Self::new(file, 0..0)
    }

    /// The place to show: where the user wrote what the text was made from, if the text is in no file of the project.
    #[must_use]
    pub fn shown(self) -> Self {
        match &self.file.made_from {
            Some(origin) => origin.clone().shown(),
            None => self,
        }
    }

    /// Line and column of the start.
    pub fn position(&self) -> Position {
        self.file.position(self.start)
    }

    /// The covered text.
    pub fn text(&self) -> &str {
        self.file.text.get(self.start..self.end).unwrap_or_default()
    }
}

impl fmt::Display for Span {
    /// `path:line:column`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position();
        write!(f, "{}:{line}:{column}", self.file.path)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

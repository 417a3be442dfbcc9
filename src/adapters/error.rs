//! What an engine has to say when it refuses: kind, clean text, place in the SQL.

use std::fmt;

/// The kind of refusal, the same for all engines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The SQL cannot be parsed.
    Syntax,
    /// A column, function or type does not resolve.
    Binder,
    /// A table, schema or other object is missing or already there.
    Catalog,
    /// A constraint (not null, unique, check, foreign key) is violated.
    Constraint,
    /// A value cannot be converted or is out of range.
    Conversion,
    /// The engine ran out of memory or of room for spilling.
    OutOfMemory,
    /// Files, folders, network.
    Io,
    /// Another process holds the database file.
    Locked {
        /// Its process id, if the engine says.
        pid: Option<u32>,
    },
    /// The query was interrupted on request.
    Interrupted,
    /// Two transactions changed the same thing; running the work again may succeed.
    TransactionConflict,
    /// The warehouse cannot be opened or the connection is broken.
    Connection,
    /// The profile asks for something that this engine has, but spells it in a way that makes no sense.
    Settings,
    /// The profile or the SQL asks for something that is not available here.
    Unsupported,
    /// A Python model failed; the message goes on with the traceback in further lines.
    Python,
    /// Anything else.
    Other,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "syntax error",
            Self::Binder => "binder error",
            Self::Catalog => "catalog error",
            Self::Constraint => "constraint violated",
            Self::Conversion => "conversion error",
            Self::OutOfMemory => "out of memory",
            Self::Io => "input/output error",
            Self::Locked { .. } => "database locked",
            Self::Interrupted => "interrupted",
            Self::TransactionConflict => "transaction conflict",
            Self::Connection => "connection error",
            Self::Settings => "profile error",
            Self::Unsupported => "not supported",
            Self::Python => "Python error",
            Self::Other => "database error",
        })
    }
}

/// An engine's refusal. Displays as its message alone.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct AdapterError {
    /// The kind of refusal.
    pub kind: ErrorKind,
    /// The engine's own name of the kind, as its users know it: `Binder Error`. Empty where there is none.
    pub label: String,
    /// The engine's text without prefix and without the echo of the SQL.
    pub message: String,
    /// Where in `sql`, as a byte offset.
    pub position: Option<usize>,
    /// What may have been meant, best first.
    pub candidates: Vec<String>,
    /// The SQL (or Python) that failed.
    pub sql: Option<String>,
    /// The way out, where the engine's side knows one.
    pub help: Option<String>,
    /// The option of the profile that it is about: `path`, `attach.0`.
    pub option: Option<String>,
    /// The line that it is about of a file that was loaded, from 1.
    pub line: Option<usize>,
}

impl AdapterError {
    /// An error with a kind and a text.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            label: String::new(),
            message: message.into(),
            position: None,
            candidates: Vec::new(),
            sql: None,
            help: None,
            option: None,
            line: None,
        }
    }

    /// The same error with the SQL it is about.
    #[must_use]
    pub fn with_sql(mut self, sql: impl Into<String>) -> Self {
        self.sql = Some(sql.into());
        self
    }

    /// The same error with a way out.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same error as one about an option of the profile.
    #[must_use]
    pub fn about_option(mut self, option: impl Into<String>) -> Self {
        self.option = Some(option.into());
        self
    }

    /// Label and message in one line: `Binder Error: Referenced column "x" not found`.
    pub fn labelled(&self) -> String {
        if self.label.is_empty() { self.message.clone() } else { format!("{}: {}", self.label, self.message) }
    }

    /// Line and column of [`Self::position`], both from 1, the column in characters.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        let sql = self.sql.as_deref()?;
        let before = sql.get(..self.position?)?;
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_counts_characters_not_bytes() {
        let mut error = AdapterError::new(ErrorKind::Binder, "no such column").with_sql("select 1,\n 'ä', x");
        error.position = error.sql.as_ref().and_then(|s| s.find('x'));
        assert_eq!(error.line_column(), Some((2, 7)));
        error.position = Some(12);
        assert_eq!(error.line_column(), Some((2, 3)));
        error.position = Some(13); // inside the two bytes of ä
        assert_eq!(error.line_column(), None);
    }
}

//! Floor 0: problems of the user's project as values. Stages collect [`Diagnostic`]s and go on; `report/` draws them.
//!
//! In: [`crate::base`] only. Out: [`Diagnostic`], [`Diagnostics`], [`SourceFile`], [`Span`], the registry of codes.

mod code;
mod nearest;
mod source;
mod warning;

use std::fmt;

pub use code::{Code, codes};
pub use nearest::nearest;
pub use source::{Position, SourceFile, Span};
pub use warning::{DEPRECATIONS, Treatment, Warning, WarningNames, WarningPolicy, warnings};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is wrong; it may be good to know.
    Info,
    /// Work can go on; the user should know.
    Warning,
    /// The stage's result cannot be used.
    Error,
}

impl Severity {
    /// The word in front of a problem.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A further place that belongs to a problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there, a few words.
    pub text: String,
}

/// One problem: what, where, and the way out.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// The registered code.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// One sentence without a final full stop.
    pub message: String,
    /// The primary place, where one is known.
    pub span: Option<Span>,
    /// Further places.
    pub labels: Vec<Label>,
    /// Facts that help to understand, one sentence each.
    pub notes: Vec<String>,
    /// The way out.
    pub help: Option<String>,
    /// The node concerned (unique id), if any.
    pub node: Option<String>,
    /// Which of dbt's warnings this is, where the code alone does not say so.
    pub warning: Option<Warning>,
    /// What dbt's structured log says about the warning, by dbt's names.
    pub facts: Vec<(&'static str, String)>,
}

impl Diagnostic {
    /// An error with a message.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            span: None,
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
            node: None,
            warning: None,
            facts: Vec::new(),
        }
    }

    /// A warning with a message.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Something that is good to know.
    pub fn info(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Info, ..Self::error(code, message) }
    }

    /// Sets the primary place.
    #[must_use]
    pub fn at(mut self, span: impl Into<Option<Span>>) -> Self {
        self.span = span.into().map(Span::shown);
        self
    }

    /// Adds a further place.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span: span.shown(), text: text.into() });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Sets the way out.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Names the node concerned.
    #[must_use]
    pub fn node(mut self, id: impl Into<String>) -> Self {
        self.node = Some(id.into());
        self
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.severity.word();
        write!(f, "{word}[{}]: {}", self.code, self.message)?;
        if let Some(span) = &self.span {
            write!(f, " ({span})")?;
        }
        Ok(())
    }
}

/// A collected list of problems.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<T: IntoIterator<Item = Diagnostic>>(items: T) -> Self {
        let mut all = Self::new();
        all.extend(items);
        all
    }
}

impl Diagnostics {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a problem.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all problems of another list.
    pub fn extend(&mut self, other: impl IntoIterator<Item = Diagnostic>) {
        self.0.extend(other);
    }

    /// Whether at least one error is there.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Diagnostic::is_error)
    }

    /// Whether nothing was collected.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many were collected.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All problems in the order of their discovery.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl From<Vec<Diagnostic>> for Diagnostics {
    fn from(list: Vec<Diagnostic>) -> Self {
        Self(list)
    }
}

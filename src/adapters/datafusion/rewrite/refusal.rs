//! What is refused, where it stands, and what to write instead.

use std::fmt;

use datafusion::common::DataFusionError;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::Location;

/// SQL that this engine does not read, or would read in another way than DuckDB.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::adapters::datafusion) struct Refusal {
    /// Not parsed at all, as against: understood, and not available.
    pub syntax: bool,
    pub message: String,
    /// The way out.
    pub help: Option<String>,
    /// Line and column in the statement text, both from 1; the column in characters.
    pub at: Option<(u64, u64)>,
}

impl Refusal {
    /// Something that is understood, and not available.
    pub(in crate::adapters::datafusion) fn unsupported(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { syntax: false, message: message.into(), help: Some(help.into()), at: None }
    }

    /// The same with its place.
    pub(super) fn on(mut self, node: &impl Spanned) -> Self {
        self.at = place(node.span().start);
        self
    }

    /// The same with its place.
    pub(in crate::adapters::datafusion) fn at(mut self, location: Location) -> Self {
        self.at = place(location);
        self
    }

    /// What the parser has to say; its place is the end of the text.
    pub(super) fn parser(error: &DataFusionError) -> Self {
        let text = match error.find_root() {
            DataFusionError::SQL(inner, _) => match &**inner {
                ParserError::ParserError(text) | ParserError::TokenizerError(text) => text.clone(),
                ParserError::RecursionLimitExceeded => "the statement is nested too deeply".to_owned(),
            },
            other => other.strip_backtrace(),
        };
        Self::syntax(&text)
    }

    /// A message about the form of a text, with its place at its end.
    pub(super) fn syntax(message: &str) -> Self {
        let (text, at) = match message.rsplit_once(" at Line: ") {
            Some((text, place)) => {
                (text, place.split_once(", Column: ").and_then(|(l, c)| Some((l.parse().ok()?, c.parse().ok()?))))
            }
            None => (message, None),
        };
        Self { syntax: true, message: text.to_owned(), help: None, at }
    }

    /// The place as a byte offset.
    pub(in crate::adapters::datafusion) fn offset(&self, sql: &str) -> Option<usize> {
        let (line, column) = self.at?;
        let mut begin = 0;
        for _ in 1..line {
            begin += sql[begin..].find('\n')? + 1;
        }
        let rest = &sql[begin..];
        let skip = usize::try_from(column).ok()?.saturating_sub(1);
        Some(begin + rest.char_indices().nth(skip).map_or(rest.len(), |(i, _)| i))
    }
}

fn place(location: Location) -> Option<(u64, u64)> {
    (location.line > 0).then_some((location.line, location.column))
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

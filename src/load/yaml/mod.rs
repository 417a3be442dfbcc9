//! YAML 1.1 as PyYAML's safe loader reads it, with places. In: a text file. Out: [`YamlNode`]s and diagnostics.
//!
//! `compose` turns libyaml's events into nodes (anchors, merge keys, duplicates), `scalar` says what a plain scalar means,
//! `problem` words libyaml's complaints for people.

mod compose;
mod node;
mod problem;
mod scalar;

use std::sync::Arc;

use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span, codes};

pub use node::{YamlNode, YamlValue};

/// A YAML document and what is doubtful about it.
#[derive(Clone, Debug)]
pub struct ParsedYaml {
    /// The value; none if the file holds nothing but comments.
    pub root: Option<YamlNode>,
    /// Duplicate keys.
    pub warnings: Diagnostics,
}

/// Reads the one document of a file.
pub fn parse(file: &Arc<SourceFile>) -> Result<ParsedYaml, Diagnostic> {
    // libyaml-safer panics on a few malformed tags, such as `[!, 1]`; for the user that is an unreadable file.
    let read = std::panic::catch_unwind(|| compose::Composer::new(file).document());
    read.unwrap_or_else(|_| {
        let problem = Diagnostic::error(codes::YAML_SYNTAX, format!("{} cannot be read as YAML", file.path));
        Err(problem.at(Span::file_start(file)).help("put values that start with `!` in quotes"))
    })
}

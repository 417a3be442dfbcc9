//! The engine's objection in the terms of every engine. In: its error, the query. Out: what it is about, which name, where
//! in the text, what may have been meant.

use std::ops::Range;

use datafusion::common::{Column, DataFusionError, Diagnostic, SchemaError, Span};
use datafusion::sql::sqlparser::parser::ParserError;

use super::super::errors::offset;
use super::tables::Tables;
use crate::adapters::shadow::{BindError, BindProblem};
use crate::adapters::{AdapterError, ErrorKind};
use crate::diag::nearest;

/// The objection to a query; `functions` are the names of those there are.
pub(super) fn objection(error: &DataFusionError, sql: &str, tables: &Tables, functions: &[&str]) -> BindError {
    let (root, about) = root(error, None);
    let span = about.and_then(|about| about.span).and_then(|span| range(sql, &span));
    let mut found = match root {
        DataFusionError::SQL(error, _) => return syntax(error, sql),
        DataFusionError::SchemaError(error, _) => schema_error(error),
        DataFusionError::IoError(_) | DataFusionError::ObjectStore(_) => {
            BindError { problem: BindProblem::File, ..other(root.strip_backtrace()) }
        }
        DataFusionError::NotImplemented(text) => other(format!("this engine cannot do it: {}", clean(text))),
        DataFusionError::Plan(text) | DataFusionError::Execution(text) | DataFusionError::Internal(text) => {
            planned(text, tables, functions)
        }
        root => other(clean(&root.strip_backtrace())),
    };
    if found.problem == BindProblem::MissingRelation
        && let Some(name) = about.and_then(|about| between(&about.message, "table '", "' not found"))
    {
        found.message = format!("there is no table {name}");
    }
    found.span = span.or_else(|| named(&found, sql)).or_else(|| {
        let (line, column) = placed(&root.to_string())?;
        let start = offset(line, column, sql)?;
        Some(start..start + word(&sql[start..]))
    });
    found
}

/// An objection that is not about a name.
pub(super) fn other(message: String) -> BindError {
    BindError { problem: BindProblem::Other, message, name: None, span: None, candidates: Vec::new() }
}

/// An error of the parser, whose place is told in words.
fn syntax(error: &ParserError, sql: &str) -> BindError {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.clone(),
        ParserError::RecursionLimitExceeded => "the query is nested too deep".to_owned(),
    };
    let (message, place) = match text.rsplit_once(" at Line: ") {
        Some((message, place)) => (message.to_owned(), location(place)),
        None => (text, None),
    };
    let start = place.and_then(|(line, column)| offset(line, column, sql));
    let span = start.map(|start| start..start + word(&sql[start..]));
    BindError { problem: BindProblem::Syntax, span, ..other(message) }
}

/// A refusal of the adapter itself.
pub(super) fn told(error: &AdapterError, sql: &str) -> BindError {
    let problem = match error.kind {
        ErrorKind::Syntax => BindProblem::Syntax,
        ErrorKind::Io => BindProblem::File,
        _ => BindProblem::Other,
    };
    let span = error.position.filter(|at| sql.is_char_boundary(*at)).map(|at| at..at + word(&sql[at..]));
    let help = error.help.as_deref().map(|help| format!("\n{help}")).unwrap_or_default();
    BindError { problem, span, candidates: error.candidates.clone(), ..other(format!("{}{help}", error.message)) }
}

/// The error behind words and places that others put around it, and the innermost place.
fn root<'e>(
    error: &'e DataFusionError,
    about: Option<&'e Diagnostic>,
) -> (&'e DataFusionError, Option<&'e Diagnostic>) {
    match error {
        DataFusionError::Diagnostic(diagnostic, inner) => {
            root(inner, Some(&**diagnostic).filter(|d| d.span.is_some()).or(about))
        }
        DataFusionError::Context(_, inner) => root(inner, about),
        DataFusionError::Shared(inner) => root(inner, about),
        DataFusionError::Collection(all) => match all.first() {
            Some(first) => root(first, about),
            None => (error, about),
        },
        _ => (error, about),
    }
}

fn schema_error(error: &SchemaError) -> BindError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let mut names: Vec<&str> = valid_fields.iter().map(Column::name).collect();
            names.sort_unstable();
            names.dedup();
            // One that differs in capital letters alone must be quoted.
            let capital = names.iter().find(|n| n.eq_ignore_ascii_case(&field.name)).map(|n| format!("\"{n}\""));
            let near = nearest(&field.name, names.iter().copied()).into_iter().map(str::to_owned);
            BindError {
                problem: BindProblem::MissingColumn,
                name: Some(field.name.clone()),
                candidates: match capital {
                    Some(capital) => vec![capital],
                    None => near.collect(),
                },
                ..other(format!("there is no column {}", field.flat_name()))
            }
        }
        SchemaError::AmbiguousReference { field } => other(format!("column {} is ambiguous", field.flat_name())),
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            other(format!("two columns are named {name}"))
        }
    }
}

/// Errors whose kind is told in words only.
fn planned(text: &str, tables: &Tables, functions: &[&str]) -> BindError {
    let whole = text;
    let text = clean(text);
    let function = |name: &str, candidates: Vec<String>, message: String| BindError {
        problem: BindProblem::Function,
        name: Some(name.to_owned()),
        candidates,
        ..other(message)
    };
    if let Some(name) = between(&text, "Invalid function '", "'") {
        let meant = nearest(name, functions.iter().copied()).into_iter().map(str::to_owned);
        return function(name, meant.collect(), format!("there is no function {name}"));
    }
    if let Some(name) = between(&text, "table '", "' not found") {
        return BindError {
            problem: BindProblem::MissingRelation,
            name: Some(name.to_owned()),
            candidates: tables.near(name.rsplit('.').next().unwrap_or(name)),
            ..other(format!("there is no table {name}"))
        };
    }
    if let Some(name) = between(&text, "table function '", "' not found") {
        return function(name, Vec::new(), format!("there is no table function {name}"));
    }
    let wrong_arguments = ["No function matches", "signature", "does not support", "expects", "requires", "Function '"];
    if wrong_arguments.iter().any(|w| whole.contains(w))
        && let Some(name) = ["Failed to coerce arguments for '", "Function '", "function '", "Error during planning: '"]
            .iter()
            .find_map(|before| between(whole, before, "'"))
    {
        return function(name.split('(').next().unwrap_or(name), Vec::new(), text.clone());
    }
    other(text)
}

/// The text without what the engine says to its developers.
fn clean(text: &str) -> String {
    let text = text.split("\n\nbacktrace:").next().unwrap_or(text);
    let text = text.split("This issue was likely caused by a bug").next().unwrap_or(text);
    let mut text = text.trim();
    for prefix in ["Error during planning: ", "Internal error: ", "Execution error: ", "type_coercion\ncaused by\n"] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    if let Some((_, rest)) = text.split_once("While expanding wildcard, ") {
        text = rest.split(", currently only").next().unwrap_or(rest);
    }
    text = text.split(" No function matches the given name").next().unwrap_or(text);
    text = text.rsplit("failed with: Error during planning: ").next().unwrap_or(text);
    // Parts of the syntax tree follow: they say where it is.
    if placed(text).is_some() {
        text = text.split(['(', '{', '[']).next().unwrap_or(text);
    }
    text.trim().to_owned()
}

/// The first place in the text of a syntax tree.
fn placed(text: &str) -> Option<(u64, u64)> {
    text.split("Span(Location(").skip(1).find_map(|part| {
        let (line, column) = part.split(')').next()?.split_once(',')?;
        let place = (line.trim().parse().ok()?, column.trim().parse().ok()?);
        (place != (0, 0)).then_some(place)
    })
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0).filter(|found| !found.is_empty())
}

/// The only place where a query calls the function that an objection is about.
fn named(error: &BindError, sql: &str) -> Option<Range<usize>> {
    let name = error.name.as_deref().filter(|_| error.problem == BindProblem::Function)?;
    let low = sql.to_ascii_lowercase();
    let name = name.to_ascii_lowercase();
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let mut calls = low.match_indices(&name).filter(|(at, _)| {
        let alone = !low[..*at].ends_with(is_part);
        alone && low[at + name.len()..].trim_start().starts_with('(')
    });
    let (start, _) = calls.next()?;
    calls.next().is_none().then(|| start..start + name.len())
}

/// `3, Column: 7`.
fn location(text: &str) -> Option<(u64, u64)> {
    let (line, column) = text.split_once(", Column: ")?;
    Some((line.trim().parse().ok()?, column.trim().parse().ok()?))
}

/// The bytes that a span of lines and columns means.
fn range(sql: &str, span: &Span) -> Option<Range<usize>> {
    let start = offset(span.start.line, span.start.column, sql)?;
    let end = offset(span.end.line, span.end.column, sql).filter(|end| *end > start);
    Some(start..end.unwrap_or_else(|| start + word(&sql[start..])))
}

/// The length of the word that a text starts with; of its first character where it is no word.
fn word(text: &str) -> usize {
    let word = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    if word > 0 { word } else { text.chars().next().map_or(0, char::len_utf8) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_lengths() {
        assert_eq!(word("ö from"), 2);
        assert_eq!(word(") x"), 1);
        assert_eq!(word(""), 0);
    }
}

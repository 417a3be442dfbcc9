//! What a query must have for the statement that it becomes part of: the columns that the config names, and no end.
//!
//! In: a node, its code, its query's columns. Out: the problem, at the place of the config or of the code.

use crate::adapters::shadow::{BindProblem, Shadow, ShadowColumn};
use crate::compile::Compiled;
use crate::diag::{Diagnostic, Span, codes, nearest};
use crate::node::{Node, ResourceType};
use crate::sql::{PieceKind, scan};

use super::snapshot::words;

/// The problem of a query that another statement contains: a semicolon at its end.
pub(super) fn ended(node: &Node, compiled: &Compiled) -> Option<Diagnostic> {
    let is_part = match node.resource_type {
        ResourceType::Model => {
            ["view", "table", "incremental", "ephemeral", "external"].contains(&node.config.materialized())
        }
        ResourceType::Snapshot | ResourceType::Test => true,
        _ => false,
    };
    let code = &compiled.code.code;
    // Most code has no semicolon, and need not be taken apart.
    if !is_part || !code.contains(';') {
        return None;
    }
    let pieces = scan(code);
    let last = pieces.iter().rev().find(|p| !matches!(p.kind, PieceKind::Space | PieceKind::Comment))?;
    if last.kind != PieceKind::Mark || &code[last.range.clone()] != ";" {
        return None;
    }
    let place = compiled.locate(last.range.start).map(|(span, _)| Span::new(&span.file, span.start..span.start + 1));
    let message = format!("the SQL of {} ends in ';', but it becomes part of a statement", node.name);
    let problem = Diagnostic::error(codes::CHECK_SQL, message).at(place.unwrap_or_else(|| node.template.span()));
    Some(problem.node(node.id.as_str()).help("leave the semicolon out"))
}

/// The problem of a config that names a column which the query has not.
pub(super) fn missing(node: &Node, sql: &str, columns: &[ShadowColumn], shadow: &mut dyn Shadow) -> Option<Diagnostic> {
    for key in named_by(node) {
        for written in words(node.config.get(key)) {
            if (*key == "check_cols" && written == "all")
                || columns.iter().any(|c| c.name.eq_ignore_ascii_case(&written))
            {
                continue;
            }
            let bound = shadow.bind(&format!("select ({written}) as named from (\n{sql}\n) as named_query"));
            let Some(error) = bound.err().filter(|e| e.problem == BindProblem::MissingColumn) else { continue };
            let name = error.name.unwrap_or_else(|| written.clone());
            let message = format!("the {key} of {} names '{name}', and its SQL gives no such column", node.name);
            let problem =
                Diagnostic::error(codes::CHECK_COLUMN, message).at(place(node, key, &written)).node(node.id.as_str());
            let names = || columns.iter().map(|c| c.name.as_str());
            return Some(match nearest(&name, names()).first() {
                Some(near) => problem.help(format!("did you mean {near}?")),
                None => problem.help(format!("its columns are {}", names().take(12).collect::<Vec<_>>().join(", "))),
            });
        }
    }
    None
}

/// The keys of the config whose columns the node's statements read.
fn named_by(node: &Node) -> &'static [&'static str] {
    let config = &node.config;
    match node.resource_type {
        ResourceType::Snapshot => match config.str("strategy") {
            Some("timestamp") => &["unique_key", "updated_at"],
            Some("check") => &["unique_key", "updated_at", "check_cols"],
            _ => &[],
        },
        ResourceType::Model if config.materialized() == "incremental" => {
            match config.str("incremental_strategy").unwrap_or("default") {
                "default" | "delete+insert" | "merge" => &["unique_key"],
                _ => &[],
            }
        }
        _ => &[],
    }
}

/// Where a config names something: in the node's own file, else in its properties, else the beginning of its file.
fn place(node: &Node, key: &str, written: &str) -> Span {
    let template = &node.template;
    let own = template.file.text.get(template.range.clone()).and_then(|text| find(text, key, written));
    if let Some((start, end)) = own {
        return Span::new(&template.file, template.range.start + start..template.range.start + end);
    }
    let Some(patch) = &node.patch else { return template.span() };
    let (file, from) = (&patch.span.file, patch.span.start);
    match file.text.get(from..).and_then(|text| find(text, key, written)) {
        Some((start, end)) => Span::new(file, from + start..from + end),
        None => patch.span.clone(),
    }
}

/// The first mention of a value behind its key.
fn find(text: &str, key: &str, written: &str) -> Option<(usize, usize)> {
    let behind = text.find(key)? + key.len();
    let start = behind + text[behind..].find(written)?;
    Some((start, start + written.len()))
}

//! The engine's objection as a problem of the project: in the node's own file, at the place it is about.
//!
//! In: a node, its code, the objection. Out: a diagnostic with what may have been meant.

use crate::adapters::shadow::{BindError, BindProblem};
use crate::compile::Compiled;
use crate::diag::{Diagnostic, Span, codes, nearest};
use crate::node::{Node, Project, UnitTest};

/// Nodes and sources whose names are like that of a table, as one writes them.
fn near_nodes(project: &Project, name: &str) -> Vec<String> {
    let name = name.rsplit('.').next().unwrap_or(name).trim_matches('"');
    let nodes =
        project.nodes.values().filter(|n| n.is_refable()).map(|n| (n.name.as_str(), format!("ref('{}')", n.name)));
    let sources =
        project.sources.values().map(|s| (s.name.as_str(), format!("source('{}', '{}')", s.source_name, s.name)));
    let all: Vec<(&str, String)> = nodes.chain(sources).collect();
    let exact = all.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    let near = nearest(name, all.iter().map(|(n, _)| *n));
    let near = near.iter().flat_map(|found| all.iter().filter(move |(n, _)| n == found));
    let mut found: Vec<String> = exact.chain(near).map(|(_, written)| written.clone()).collect();
    found.dedup();
    found.truncate(3);
    found
}

/// Whose code it is.
pub(super) enum About<'a> {
    Node(&'a Node),
    Test(&'a UnitTest),
}

impl About<'_> {
    fn name(&self) -> String {
        match self {
            Self::Node(node) => node.name.clone(),
            Self::Test(test) => format!("the unit test {}", test.name),
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::Node(node) => node.id.as_str(),
            Self::Test(test) => test.id.as_str(),
        }
    }

    /// The place of an objection without one.
    fn whole(&self) -> Span {
        match self {
            Self::Node(node) => Span::new(&node.template.file, node.template.range.start..node.template.range.start),
            Self::Test(test) => test.span.clone(),
        }
    }
}

/// The problem.
pub(super) fn diagnostic(project: &Project, about: &About<'_>, compiled: &Compiled, error: &BindError) -> Diagnostic {
    let name_of = about.name();
    let code = match error.problem {
        BindProblem::MissingColumn => codes::CHECK_COLUMN,
        BindProblem::MissingRelation => codes::CHECK_TABLE,
        _ => codes::CHECK_SQL,
    };
    let message = match (&error.problem, &error.name) {
        (BindProblem::MissingColumn, Some(name)) => format!("there is no column '{name}' to read in {name_of}"),
        (BindProblem::MissingRelation, Some(name)) => format!("{name_of} reads '{name}', which no node makes"),
        _ => format!("{name_of} cannot run: {}", first_line(&error.message)),
    };
    let declared = match about {
        About::Node(node) => node.generic_test().and_then(|t| t.span.clone()),
        About::Test(_) => None,
    };
    let mentioned = || super::mention::mentioned(&compiled.code.code, error);
    let range = if declared.is_none() { error.span.clone().or_else(mentioned) } else { None };
    let located = range.and_then(|range| {
        let (span, exactness) = compiled.locate(range.start)?;
        Some(match exactness {
            crate::jinja::Exactness::Exact => {
                let end = (span.start + range.len()).min(span.file.text.len());
                let end =
                    (span.start..=end).rev().find(|at| span.file.text.is_char_boundary(*at)).unwrap_or(span.start);
                Span::new(&span.file, span.start..end.max(span.start + 1).min(span.file.text.len()))
            }
            _ => span,
        })
    });
    let problem =
        Diagnostic::error(code, message).at(located.or(declared).unwrap_or_else(|| about.whole())).node(about.id());
    let candidates = match (&error.problem, &error.name) {
        (BindProblem::MissingRelation, Some(name)) => near_nodes(project, name),
        _ => error.candidates.clone(),
    };
    match candidates.as_slice() {
        [] => match error.message.split_once('\n') {
            Some((_, rest)) if !rest.trim().is_empty() => problem.note(rest.trim().to_owned()),
            _ => problem,
        },
        names => problem.help(format!("did you mean {}?", names.join(", "))),
    }
}

/// The first line of a text.
pub(super) fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

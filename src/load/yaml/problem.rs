//! Words for YAML that cannot be read. In: libyaml's complaint and the text. Out: a diagnostic with the way out.

use std::sync::Arc;

use libyaml_safer::{Error, Mark};

use crate::diag::{Diagnostic, SourceFile, Span, codes};

/// The diagnostic for an error of the parser.
pub(super) fn describe(file: &Arc<SourceFile>, error: &Error) -> Diagnostic {
    let at = error.problem_mark().map_or_else(|| first_unprintable(&file.text), |mark| offset(file, mark));
    let found = file.text.get(at..).and_then(|rest| rest.chars().next());
    let line = line_around(&file.text, at);
    let mut problem = error.problem().to_owned();
    let mut help = None;
    let jinja = line.contains("{{") || line.contains("{%");
    if problem.contains("cannot start any token") {
        match found {
            Some('\t') => {
                problem = "found a tab where YAML wants spaces".to_owned();
                help = Some("indent with spaces".to_owned());
            }
            Some(c) => {
                problem = format!("a plain value cannot start with `{c}`");
                help = Some("put the value in quotes".to_owned());
            }
            None => {}
        }
    } else if problem.contains("mapping values are not allowed") {
        help = Some("put a value that contains `: ` in quotes, or check the indentation".to_owned());
    } else if problem.contains("control characters") {
        problem = match found {
            Some(c) => format!("the character U+{:04X} is not allowed in YAML", u32::from(c)),
            None => problem,
        };
    } else if let (true, Some(mark)) =
        (error.context().is_some_and(|c| c.contains("quoted scalar")), error.context_mark())
    {
        return syntax(file, offset(file, mark), "this quote is never closed")
            .help("close it, or double a quote that belongs to the text");
    } else if problem.contains("did not find expected key") || problem.contains("could not find expected ':'") {
        help = Some("check indentation and quotes here and in the line above".to_owned());
    }
    if jinja && !matches!(found, Some('\t')) {
        help = Some("a value that contains Jinja must be in quotes: \"{{ ... }}\"".to_owned());
    }
    let mut out = syntax(file, at, problem);
    if let (Some(context), Some(mark)) = (error.context(), error.context_mark()) {
        let start = offset(file, mark);
        if start == at {
            out = out.note(context);
        } else {
            out = out.label(Span::new(file, start..start + 1), context);
        }
    }
    if let Some(help) = help {
        out = out.help(help);
    }
    out
}

/// An error at an offset.
pub(super) fn syntax(file: &Arc<SourceFile>, at: usize, problem: impl Into<String>) -> Diagnostic {
    let width =
        file.text.get(at..).and_then(|rest| rest.chars().next()).filter(|c| *c != '\n').map_or(0, char::len_utf8);
    Diagnostic::error(codes::YAML_SYNTAX, problem).at(Span::new(file, at..at + width))
}

/// The byte offset of a mark, on a character boundary.
pub(super) fn offset(file: &Arc<SourceFile>, mark: Mark) -> usize {
    let mut at = usize::try_from(mark.index).unwrap_or(usize::MAX).min(file.text.len());
    while !file.text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn line_around(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let end = text[at..].find('\n').map_or(text.len(), |i| at + i);
    &text[start..end]
}

/// libyaml names no place for characters that YAML forbids.
fn first_unprintable(text: &str) -> usize {
    let printable = |c: char| {
        matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
            && c != '\u{feff}'
            || c >= '\u{10000}'
    };
    text.char_indices().find(|(_, c)| !printable(*c)).map_or(0, |(i, _)| i)
}

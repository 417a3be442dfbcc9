//! An engine's refusal as a diagnostic that leads to the model's file.
//!
//! In: [`AdapterError`], the code that was running. Out: [`Diagnostic`].

use std::fmt::Write as _;

use crate::adapters::{AdapterError, ErrorKind};
use crate::diag::{Code, Diagnostic, Position, SourceFile, Span, codes};

use super::code::RunningCode;

/// Lines of SQL shown before and after the place.
const AROUND: usize = 2;

/// The code of a kind of refusal.
fn code_of(kind: &ErrorKind) -> Code {
    match kind {
        ErrorKind::Locked { .. } => codes::DATABASE_LOCKED,
        ErrorKind::Connection | ErrorKind::Settings => codes::DATABASE_OPEN,
        ErrorKind::Interrupted => codes::INTERRUPTED,
        ErrorKind::Unsupported => codes::UNSUPPORTED,
        ErrorKind::Python => codes::PYTHON_FAILED,
        _ => codes::DATABASE_ERROR,
    }
}

/// A refusal to open the database.
pub fn connection_diagnostic(error: &AdapterError) -> Diagnostic {
    let code = match code_of(&error.kind) {
        codes::DATABASE_ERROR => codes::DATABASE_OPEN,
        other => other,
    };
    let problem = with_help(Diagnostic::error(code, error.labelled()), error);
    match &error.option {
        Some(option) => problem.fact(PROFILE_OPTION, option.as_str()),
        None => problem,
    }
}

/// The fact of a problem that names the option of the profile which it is about.
pub const PROFILE_OPTION: &str = "profile_option";

/// A refusal of a statement, without any code of a node behind it.
pub fn diagnostic(error: &AdapterError) -> Diagnostic {
    located(error, None)
}

/// A refusal of a statement. Its place leads to the file that the SQL comes from, where that is known.
pub(super) fn located(error: &AdapterError, running: Option<&RunningCode>) -> Diagnostic {
    let diagnostic = with_help(Diagnostic::error(code_of(&error.kind), error.labelled()), error);
    if error.kind == ErrorKind::Interrupted {
        return diagnostic;
    }
    let found = error.sql.as_deref().zip(error.position).filter(|(sql, at)| *at <= sql.len());
    let whole = || running.and_then(|r| r.template.as_ref()).map(|t| first_line(&t.span()));
    if error.kind == ErrorKind::Python {
        let place = found.zip(running).and_then(|((code, at), r)| r.locate(r.offset_in(code, at)?));
        let (message, trace) = diagnostic.message.split_once('\n').unwrap_or((&diagnostic.message, ""));
        let shown = Diagnostic { message: message.to_owned(), ..diagnostic.clone() };
        let shown = shown.at(place.map(|(span, _)| span).or_else(whole));
        return if trace.is_empty() { shown } else { shown.note(trace) };
    }
    let Some((sql, at)) = found else {
        return diagnostic.at(whole());
    };
    if let Some(running) = running
        && let Some(offset) = running.offset_in(sql, at)
    {
        let file = SourceFile::new("compiled SQL", running.text());
        let span = running.locate(offset).map(|(span, _)| span).or_else(whole);
        return diagnostic.at(span).note(excerpt(&file, offset, running.path.as_deref()));
    }
    let file = SourceFile::new("compiled SQL", sql);
    match whole() {
        Some(span) => diagnostic.at(span).note(excerpt(&file, at, None)),
        None => diagnostic.at(Span::new(&file, at..at)),
    }
}

fn with_help(diagnostic: Diagnostic, error: &AdapterError) -> Diagnostic {
    if let ErrorKind::Locked { pid } = error.kind {
        let who = pid.map_or_else(|| "the other process".to_owned(), |pid| format!("process {pid}"));
        return diagnostic.help(format!("wait for {who} with --lock-wait SECONDS, or end it, then run again"));
    }
    match error.candidates.as_slice() {
        [] => Diagnostic { help: error.help.clone(), ..diagnostic },
        names => diagnostic.help(format!("did you mean {}?", names.join(", "))),
    }
}

/// The first line with text of what the user wrote.
pub(super) fn first_line(span: &Span) -> Span {
    let span = span.clone().shown();
    let text = span.text();
    let blank = text.len() - text.trim_start().len();
    let line = text[blank..].lines().next().unwrap_or_default().len();
    Span::new(&span.file, span.start + blank..span.start + blank + line)
}

/// `compiled SQL: target/compiled/...:3:8`, or the line alone where no file has it, and the lines around the place.
fn excerpt(file: &SourceFile, offset: usize, path: Option<&str>) -> String {
    let Position { line, column } = file.position(offset);
    let mut text = match path {
        Some(path) => format!("compiled SQL: {path}:{line}:{column}"),
        None => format!("compiled SQL, line {line}, column {column}"),
    };
    let lines: Vec<&str> = file.text.lines().collect();
    let first = line.saturating_sub(AROUND).max(1);
    let last = (line + AROUND).min(lines.len());
    let width = last.to_string().len();
    for number in first..=last {
        let shown = lines.get(number - 1).copied().unwrap_or_default();
        let _ = write!(text, "\n{number:>width$} | {shown}");
        if number == line {
            let _ = write!(text, "\n{:>width$} | {:>column$}", "", "^");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_statement_where_no_file_is_known() {
        let mut error = AdapterError::new(ErrorKind::Binder, "no column x").with_sql("select 1,\n  x\nfrom t");
        error.label = "Binder Error".to_owned();
        error.position = Some(12);
        error.candidates = vec!["y".to_owned()];
        let diagnostic = diagnostic(&error);
        assert_eq!(diagnostic.to_string(), "error[T601]: Binder Error: no column x (compiled SQL:2:3)");
        assert_eq!(diagnostic.help.as_deref(), Some("did you mean y?"));
        let file = SourceFile::new("compiled SQL", "select 1,\n  x\nfrom t");
        let expected = "compiled SQL: target/a.sql:2:3\n1 | select 1,\n2 |   x\n  |   ^\n3 | from t";
        assert_eq!(excerpt(&file, 12, Some("target/a.sql")), expected);
    }

    #[test]
    fn a_locked_database_names_its_holder() {
        let error = AdapterError::new(ErrorKind::Locked { pid: Some(7) }, "held");
        let diagnostic = connection_diagnostic(&error);
        assert_eq!(diagnostic.code, codes::DATABASE_LOCKED);
        assert!(diagnostic.help.is_some_and(|h| h.contains("process 7")));
    }
}

//! DuckDB's errors read. In: the text of a failure and the SQL. Out: [`AdapterError`].
//!
//! Connections run with `errors_as_json`, which gives message, byte position and candidates as fields. What fails before a
//! connection exists, or outside of a query, is plain text: `IO Error: Could not set lock ...`.

use serde_json::Value as Json;

use crate::adapters::{AdapterError, ErrorKind};

use super::signatures;

/// More candidates than this help nobody.
const MAX_CANDIDATES: usize = 8;

/// Reads a failure. `sql` is the whole text that was run: positions count in it.
pub(super) fn read(failure: &str, sql: Option<&str>) -> AdapterError {
    let mut error = json_error(failure, sql).unwrap_or_else(|| text_error(failure));
    error.sql = sql.map(str::to_owned);
    error
}

fn json_error(failure: &str, sql: Option<&str>) -> Option<AdapterError> {
    let start = failure.find('{')?;
    if start != 0 && !failure[..start].ends_with("Error: ") {
        return None;
    }
    let json: Json = serde_json::from_str(failure[start..].trim_end()).ok()?;
    let field = |name: &str| json.get(name).and_then(Json::as_str);
    let mut error = classified(field("exception_type")?, field("exception_message")?);
    error.position = field("position")
        .and_then(|p| p.parse().ok())
        .filter(|&p: &usize| sql.is_some_and(|sql| p < sql.len() && sql.is_char_boundary(p)));
    error.candidates = field("candidates").map(split_candidates).unwrap_or_default();
    Some(error)
}

fn text_error(failure: &str) -> AdapterError {
    let failure = failure.trim();
    let message = failure.find("\n\nLINE ").map_or(failure, |end| &failure[..end]);
    match message.split_once(" Error: ") {
        Some((name, rest)) if name.len() < 40 && !name.contains('\n') => classified(name, rest),
        _ => AdapterError::new(ErrorKind::Other, message),
    }
}

fn classified(name: &str, message: &str) -> AdapterError {
    let message = missing_extension(message).unwrap_or_else(|| signatures::fewer(&without_links(message)));
    let mut error = AdapterError::new(kind_of(name, &message), message);
    error.label = format!("{name} Error");
    error
}

fn kind_of(name: &str, message: &str) -> ErrorKind {
    match name {
        "Parser" | "Syntax" => ErrorKind::Syntax,
        "Binder"
        | "Planner"
        | "Parameter Not Resolved"
        | "Parameter Not Allowed"
        | "Mismatch Type"
        | "Invalid type"
        | "Unknown Type"
        | "Expression" => ErrorKind::Binder,
        "Catalog" | "Dependency" | "TransactionContext" if is_conflict(message) => ErrorKind::TransactionConflict,
        "Catalog" | "Dependency" => ErrorKind::Catalog,
        "Constraint" => ErrorKind::Constraint,
        "Conversion" | "Out of Range" | "Decimal" | "Divide by Zero" => ErrorKind::Conversion,
        "Out of Memory" => ErrorKind::OutOfMemory,
        "IO" if is_lock(message) => ErrorKind::Locked { pid: holder(message) },
        "IO" | "HTTP" | "Network" | "Permission" | "Serialization" | "Data Corruption" => ErrorKind::Io,
        "INTERRUPT" => ErrorKind::Interrupted,
        "Connection" | "FATAL" => ErrorKind::Connection,
        "Settings" | "Invalid Configuration" => ErrorKind::Settings,
        "Not implemented" | "Missing Extension" | "Extension Autoloading" => ErrorKind::Unsupported,
        _ => ErrorKind::Other,
    }
}

/// Whether the failure comes from another transaction's change, so that the same work may succeed when run again.
fn is_conflict(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["conflict", "has been altered", "has been deleted", "has been dropped", "altered by a different transaction"]
        .iter()
        .any(|sign| message.contains(sign))
}

fn is_lock(message: &str) -> bool {
    message.contains("Could not set lock") || message.contains("being used by another process")
}

/// The process id in `Conflicting lock is held in /usr/bin/python3 (PID 4711)`.
fn holder(message: &str) -> Option<u32> {
    let (_, rest) = message.split_once("(PID ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// DuckDB offers to download an extension that the SQL needs; what it says then is about a failed download.
fn missing_extension(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("automatically install the required extension '")?;
    let name = rest.split([':', '\'']).next()?;
    Some(format!(
        "this needs DuckDB's extension `{name}`, which is neither built in nor installed; nothing is downloaded here"
    ))
}

/// The message without DuckDB's pointers to its web site, which nobody can follow from a log.
fn without_links(message: &str) -> String {
    let lines = message.lines().filter(|l| !l.trim_start().starts_with("For more info, visit http"));
    let text = lines.collect::<Vec<_>>().join("\n");
    let text = text.split(". See also https://").next().unwrap_or_default();
    text.trim().to_owned()
}

/// Splits at the commas that stand outside of parentheses and quotes: candidates may be function signatures.
fn split_candidates(text: &str) -> Vec<String> {
    let (mut depth, mut quoted, mut start) = (0_i32, false, 0);
    let mut out = Vec::new();
    let mut push = |part: &str| {
        let part = part.trim();
        if !part.is_empty() && out.len() < MAX_CANDIDATES {
            out.push(part.to_owned());
        }
    };
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' | '[' if !quoted => depth += 1,
            ')' | ']' if !quoted => depth -= 1,
            ',' if !quoted && depth <= 0 => {
                push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    push(&text[start..]);
    out
}

/// The name under which DuckDB's Python client, and so a profile's `retryable_exceptions`, knows the error.
pub(super) fn exception_name(error: &AdapterError) -> String {
    let name = error.label.strip_suffix(" Error").unwrap_or(&error.label);
    match name {
        "TransactionContext" => "TransactionException".to_owned(),
        "INTERRUPT" => "InterruptException".to_owned(),
        "Not implemented" => "NotImplementedException".to_owned(),
        "Invalid Input" => "InvalidInputException".to_owned(),
        other => format!("{}Exception", other.replace(' ', "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_gives_place_and_candidates() {
        let sql = "select 'ä', foo";
        let error = read(
            r#"{"exception_type":"Binder","exception_message":"no foo\nFor more info, visit https://x","position":"13","candidates":"a, f(x INT, y INT) -> INT"}"#,
            Some(sql),
        );
        assert_eq!((&error.kind, error.message.as_str()), (&ErrorKind::Binder, "no foo"));
        assert_eq!(error.line_column(), Some((1, 13)));
        assert_eq!(error.candidates, ["a", "f(x INT, y INT) -> INT"]);
    }

    #[test]
    fn plain_text_is_classified() {
        let lock = "IO Error: Could not set lock on file \"x\": Conflicting lock is held in python3 (PID 77) by user a. See also https://d";
        let error = read(lock, None);
        assert_eq!(error.kind, ErrorKind::Locked { pid: Some(77) });
        assert!(error.message.ends_with("by user a"), "{}", error.message);
        assert_eq!(exception_name(&error), "IOException");
        let conflict = read("TransactionContext Error: Catalog write-write conflict on create with \"a\"", None);
        assert_eq!(conflict.kind, ErrorKind::TransactionConflict);
        assert_eq!(read("odd", None).kind, ErrorKind::Other);
    }
}

//! Failures of DataFusion and of object stores read. In: their errors, the SQL. Out: [`AdapterError`]s with a kind, a place in the
//! SQL and what may have been meant.

use std::error::Error as _;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Column, DataFusionError, SchemaError, Span};
use datafusion::sql::sqlparser::parser::ParserError;

use deltalake_core::DeltaTableError;

use super::delta::DeltaError;
use super::rewrite::Refusal;
use crate::adapters::{AdapterError, ErrorKind};

/// More candidates than this help nobody.
const MAX_CANDIDATES: usize = 8;

/// A failure of the object store about something.
pub(super) fn store(error: &object_store::Error, about: &str) -> AdapterError {
    use object_store::Error as E;
    let text = match error {
        E::NotFound { .. } => format!("{about} is not there"),
        E::PermissionDenied { .. } => format!("{about}: permission denied"),
        E::Unauthenticated { .. } => format!("{about}: the store does not know who asks"),
        other => format!("{about}: {}", cause(other)),
    };
    let mut error = told(ErrorKind::Io, answer(&text));
    error.help = way_out(&error.message).map(str::to_owned);
    error
}

/// A text without the XML in which a store answers, but for the sentence in it.
fn answer(text: &str) -> String {
    let sentence = text.split_once("<Message>").and_then(|(_, rest)| rest.split_once("</Message>"));
    match (text.split_once("<?xml").or_else(|| text.split_once("<Error>")), sentence) {
        (Some((before, _)), Some((sentence, _))) => format!("{before}{sentence}"),
        _ => text.to_owned(),
    }
}

/// What to do about a failure of the storage, told from the operating system's words.
fn way_out(text: &str) -> Option<&'static str> {
    let says = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    if says(&["Read-only file system", "Operation not permitted", "permission denied", "Permission denied"]) {
        Some(
            "this user cannot write to the lake; `show` and `docs generate` only read, and so does a target with `read_only: true`",
        )
    } else if is_full(text) {
        Some("nothing was changed; make room (`maintain` deletes files that no version needs) and run again")
    } else if says(&["404 Not Found"]) {
        Some("`path` of the target names a bucket that has to be there; `storage_options` say how to reach it")
    } else if says(&["the store does not know who asks", "403 Forbidden"]) {
        Some("`storage_options` of the target, or the environment, hold the keys of the store")
    } else {
        None
    }
}

/// The innermost cause, which says what happened; what is around it says where.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// SQL that is not read, with its place in the text.
pub(super) fn refused(refusal: &Refusal, text: &str) -> AdapterError {
    let kind = if refusal.syntax { ErrorKind::Syntax } else { ErrorKind::Unsupported };
    let mut error = told(kind, refusal.message.clone());
    error.position = refusal.offset(text);
    error.help.clone_from(&refusal.help);
    error
}

/// A failure while SQL was read or bound: `text` is that SQL, in which places are counted.
pub(super) fn planning(error: &DataFusionError, text: &str) -> AdapterError {
    if let DataFusionError::External(inner) = root_of(error)
        && let Some(refusal) = inner.downcast_ref::<Refusal>()
    {
        return refused(refusal, text);
    }
    let mut told = running(error);
    told.position = error.diagnostic().and_then(|d| d.span).and_then(|span| offset_of(span, text));
    if let DataFusionError::SQL(parser, _) = error.find_root() {
        told.position = parser_position(parser, text);
    }
    if told.position.is_none()
        && let Some(name) = missing_name(error)
    {
        told.position = find_word(text, &name);
    }
    told
}

/// What the engine says of subqueries that it has no plan for.
const OUT_OF_PLACE: &[&str] = &[
    "Correlated scalar subquery can only be used in",
    "Correlated scalar subquery must be aggregated",
    "Correlated scalar subquery in the GROUP BY",
    "Correlated column is not allowed",
    "Accessing outer reference columns is not allowed",
    "In/Exist/SetComparison subquery can only be used in",
];

const JOIN_IT: &str = "put it into a CTE, join that, and name its column here";

/// A failure while a plan was made or ran.
pub(super) fn running(error: &DataFusionError) -> AdapterError {
    let root = root_of(error);
    let message = message_of(root);
    if let Some((name, meant)) = missing_function(&message) {
        let mut told = self::told(ErrorKind::Catalog, format!("Function \"{name}\" does not exist"));
        told.candidates = nearest(&name, meant.iter().map(String::as_str));
        return told;
    }
    if OUT_OF_PLACE.iter().any(|sign| message.contains(sign)) {
        let text = "a subquery in this place is not available on this engine";
        let mut told = self::told(ErrorKind::Unsupported, text);
        told.help = Some(JOIN_IT.to_owned());
        return told;
    }
    if let Some((_, what)) = message.split_once("Physical plan does not support logical expression ") {
        let subquery = ["Subquery", "Exists", "SetComparison", "OuterReference"].iter().any(|sign| what.contains(sign));
        let what = if subquery { "a subquery in this place" } else { "an expression of this kind in this place" };
        let text = format!("{what} is not available on this engine");
        let mut told = self::told(ErrorKind::Unsupported, text);
        told.help = Some(JOIN_IT.to_owned());
        return told;
    }
    let kind = kind_of(root, &message);
    let mut told = AdapterError::new(kind, message);
    told.label = label(&told.kind).to_owned();
    told.candidates = candidates(error);
    if told.kind == ErrorKind::Io {
        if let Some((file, what)) = damaged_file(&told.message) {
            told.message = format!("the data file {file} cannot be read: {what}");
            told.help = Some(REBUILD.to_owned());
        } else if is_full(&told.message) && is_spill(root) {
            told.help = Some(FULL_SPILL.to_owned());
        } else {
            told.help = way_out(&told.message).map(str::to_owned);
        }
    }
    told
}

/// The way out where queries have no room left to spill.
const FULL_SPILL: &str = "nothing was changed; make room, or name a folder of a larger disk as `temp_directory` of the target; with a larger \
     `memory_limit` less is spilled";

/// Whether an error says that there was no room left to spill.
pub(super) fn is_full_spill(error: &AdapterError) -> bool {
    error.help.as_deref() == Some(FULL_SPILL)
}

/// Spill files are written without a store, which all else is written through.
fn is_spill(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::IoError(_) => true,
        DataFusionError::ArrowError(inner, _) => matches!(&**inner, ArrowError::IoError(..)),
        _ => false,
    }
}

fn is_full(text: &str) -> bool {
    ["No space left on device", "Disk quota exceeded"].iter().any(|sign| text.contains(sign))
}

/// The file of a table that the engine did not find, or whose form is wrong, and what is wrong with it.
fn damaged_file(text: &str) -> Option<(String, String)> {
    let (_, rest) = text.split_once("Failed to fetch metadata for file ")?;
    let (file, why) = rest.split_once(": ")?;
    let what = if why.contains("not found") { "it is not there" } else { "it is damaged" };
    let mut parts: Vec<&str> = file.rsplit('/').take(3).collect();
    parts.reverse();
    Some((parts.join("/"), what.to_owned()))
}

/// A failure about one table.
pub(super) fn delta(error: &DeltaError) -> AdapterError {
    let kind = match error {
        DeltaError::Engine(inner) => return running(inner),
        DeltaError::Store(inner) => return store(inner, "a file of the table"),
        DeltaError::Library(inner) => return library(inner),
        DeltaError::Check { .. } | DeltaError::NotNull { .. } | DeltaError::OutsideRange { .. } => {
            ErrorKind::Constraint
        }
        DeltaError::DuplicateKey { .. } | DeltaError::SeveralMatches { .. } => ErrorKind::Constraint,
        DeltaError::Type { .. } => ErrorKind::Conversion,
        DeltaError::Columns(_) => ErrorKind::Binder,
        DeltaError::Missing { .. } | DeltaError::Vacuumed { .. } => ErrorKind::Catalog,
        DeltaError::Unsupported(_) => ErrorKind::Unsupported,
        DeltaError::Corrupt { .. } => ErrorKind::Io,
    };
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        message = source.to_string();
        cause = source.source();
    }
    let mut told = told(kind, message);
    if matches!(error, DeltaError::Corrupt { .. } | DeltaError::Missing { .. }) {
        told.help = Some(REBUILD.to_owned());
    }
    told
}

/// Whether an error says that a table can only be built anew.
pub(super) fn is_damage(error: &AdapterError) -> bool {
    error.help.as_deref() == Some(REBUILD)
}

/// The way out where files of a table are missing or damaged.
const REBUILD: &str =
    "restore the table's folder from a backup, or build the table anew: `run --full-refresh --select` with its name";

fn library(error: &DeltaTableError) -> AdapterError {
    let mut cause: &dyn std::error::Error = error;
    loop {
        if let Some(inner) = cause.downcast_ref::<DataFusionError>() {
            return running(inner);
        }
        if let Some(inner) = cause.downcast_ref::<object_store::Error>() {
            return store(inner, "a file of the table");
        }
        match cause.source() {
            Some(source) => cause = source,
            None => return told(ErrorKind::Io, cause.to_string()),
        }
    }
}

/// The names that errors go by, as the other engine prints them.
fn label(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Syntax => "Parser Error",
        ErrorKind::Binder => "Binder Error",
        ErrorKind::Catalog => "Catalog Error",
        ErrorKind::Constraint => "Constraint Error",
        ErrorKind::Conversion => "Conversion Error",
        ErrorKind::OutOfMemory => "Out of Memory Error",
        ErrorKind::Io => "IO Error",
        ErrorKind::TransactionConflict => "Transaction Error",
        ErrorKind::Unsupported => "Not implemented Error",
        _ => "",
    }
}

/// An error of the adapter's own, labelled like the engine's.
pub(super) fn told(kind: ErrorKind, message: impl Into<String>) -> AdapterError {
    let mut error = AdapterError::new(kind, message);
    error.label = label(&error.kind).to_owned();
    error
}

/// An error that a plan carried for the adapter, or the innermost one of DataFusion.
fn root_of(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => root_of(inner),
        DataFusionError::Shared(inner) => root_of(inner),
        DataFusionError::Collection(all) => all.first().map_or(error, root_of),
        DataFusionError::External(inner) => inner.downcast_ref::<DataFusionError>().map_or(error, root_of),
        DataFusionError::ArrowError(inner, _) => match &**inner {
            ArrowError::ExternalError(inner) => inner.downcast_ref::<DataFusionError>().map_or(error, root_of),
            _ => error,
        },
        _ => error,
    }
}

fn message_of(error: &DataFusionError) -> String {
    let text = match error {
        DataFusionError::SchemaError(schema, _) => schema_message(schema),
        DataFusionError::SQL(parser, _) => match &**parser {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => without_place(text),
            ParserError::RecursionLimitExceeded => "the statement is nested too deeply".to_owned(),
        },
        DataFusionError::ArrowError(inner, _) => match &**inner {
            ArrowError::CastError(text) | ArrowError::ComputeError(text) | ArrowError::InvalidArgumentError(text) => {
                text.clone()
            }
            other => other.to_string(),
        },
        DataFusionError::ObjectStore(inner) => cause(&**inner),
        DataFusionError::External(inner) => inner.to_string(),
        other => other.message().into_owned(),
    };
    in_sql(&clean(&text))
}

/// The text with types as SQL names them, where the engine says how they lie in memory.
fn in_sql(text: &str) -> String {
    const NAMES: [(&str, &str); 15] = [
        ("Utf8View", "varchar"),
        ("LargeUtf8", "varchar"),
        ("Utf8", "varchar"),
        ("Boolean", "boolean"),
        ("Int8", "tinyint"),
        ("Int16", "smallint"),
        ("Int32", "integer"),
        ("Int64", "bigint"),
        ("UInt64", "bigint unsigned"),
        ("Float32", "float"),
        ("Float64", "double"),
        ("Decimal128", "decimal"),
        ("Date32", "date"),
        ("Timestamp(µs)", "timestamp"),
        ("BinaryView", "bytea"),
    ];
    if !["coerce", "cast", "type"].iter().any(|sign| text.contains(sign)) {
        return text.to_owned();
    }
    let is_letter = |c: char| c.is_alphanumeric() || c == '_' || c == '\'' || c == '"';
    let mut out = text.to_owned();
    for (arrow, name) in NAMES {
        let mut from = 0;
        while let Some(found) = out[from..].find(arrow) {
            let (at, end) = (from + found, from + found + arrow.len());
            let alone = !out[..at].chars().next_back().is_some_and(is_letter)
                && !out[end..].chars().next().is_some_and(is_letter);
            from = if alone {
                out.replace_range(at..end, name);
                at + name.len()
            } else {
                end
            };
        }
    }
    out
}

/// The function that a text says is none, and the one that the text thinks is meant.
fn missing_function(text: &str) -> Option<(String, Option<String>)> {
    let (_, rest) = text.split_once("Invalid function '")?;
    let (name, rest) = rest.split_once('\'')?;
    let meant = rest.split_once("Did you mean '").and_then(|(_, rest)| rest.split('\'').next());
    Some((name.to_owned(), meant.map(str::to_owned)))
}

/// DataFusion's text without its advice to write to its authors and without back traces.
fn clean(text: &str) -> String {
    // What a function itself says about a call is wrapped twice.
    let text = match text.split_once("user-defined coercion failed with: ") {
        Some((_, inner)) => {
            let inner = inner.strip_prefix("Error during planning: ").unwrap_or(inner);
            inner.split(" No function matches the given name").next().unwrap_or(inner).trim_end_matches("..")
        }
        None => text,
    };
    let text = text.split("\n\nbacktrace:").next().unwrap_or_default();
    let text = text.split("\nThis issue was likely caused by a bug in DataFusion's code").next().unwrap_or_default();
    text.trim().to_owned()
}

/// The parser's text without ` at Line: 3, Column: 7`: the place is a field of its own.
fn without_place(text: &str) -> String {
    match text.rfind(" at Line: ") {
        Some(at) if !text[at + 10..].contains('\n') => text[..at].to_owned(),
        _ => text.to_owned(),
    }
}

fn schema_message(error: &SchemaError) -> String {
    match error {
        SchemaError::AmbiguousReference { field } => {
            format!("Column \"{}\" could be one of several: name its table", field.name)
        }
        SchemaError::FieldNotFound { field, .. } => format!("Column \"{}\" does not exist", field.flat_name()),
        SchemaError::DuplicateQualifiedField { qualifier, name } => {
            format!("Column \"{name}\" of \"{qualifier}\" is there twice")
        }
        SchemaError::DuplicateUnqualifiedField { name } => format!("There are two columns \"{name}\""),
    }
}

fn kind_of(error: &DataFusionError, message: &str) -> ErrorKind {
    let lower = message.to_ascii_lowercase();
    let says = |signs: &[&str]| signs.iter().any(|sign| lower.contains(sign));
    match error {
        DataFusionError::SQL(..) => ErrorKind::Syntax,
        DataFusionError::SchemaError(..) => ErrorKind::Binder,
        DataFusionError::Plan(_) if lower.starts_with("table ") && lower.contains("not found") => ErrorKind::Catalog,
        DataFusionError::Plan(_) if lower.starts_with("no files found") => ErrorKind::Io,
        DataFusionError::Plan(_) => ErrorKind::Binder,
        DataFusionError::NotImplemented(_) => ErrorKind::Unsupported,
        DataFusionError::ResourcesExhausted(_) => ErrorKind::OutOfMemory,
        DataFusionError::Configuration(_) => ErrorKind::Settings,
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) | DataFusionError::ParquetError(_) => {
            ErrorKind::Io
        }
        DataFusionError::ArrowError(inner, _) => match &**inner {
            ArrowError::CastError(_) | ArrowError::ParseError(_) => ErrorKind::Conversion,
            ArrowError::DivideByZero | ArrowError::ArithmeticOverflow(_) => ErrorKind::Conversion,
            ArrowError::IoError(..) | ArrowError::CsvError(_) | ArrowError::JsonError(_) => ErrorKind::Io,
            _ if says(&["overflow", "out of range", "cast"]) => ErrorKind::Conversion,
            _ => ErrorKind::Other,
        },
        _ if says(&[
            "cast error",
            "could not convert",
            "cannot cast",
            "overflow",
            "out of range",
            "divide by zero",
            "parsing timestamp",
        ]) =>
        {
            ErrorKind::Conversion
        }
        _ if says(&["no such file", "permission denied"]) => ErrorKind::Io,
        _ => ErrorKind::Other,
    }
}

fn candidates(error: &DataFusionError) -> Vec<String> {
    let mut error = error;
    loop {
        match error {
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => error = inner,
            DataFusionError::Shared(inner) => error = inner,
            DataFusionError::Collection(all) => match all.first() {
                Some(first) => error = first,
                None => return Vec::new(),
            },
            DataFusionError::SchemaError(schema, _) => match &**schema {
                SchemaError::FieldNotFound { field, valid_fields } => {
                    return nearest(&field.name, valid_fields.iter().map(|c: &Column| c.name.as_str()));
                }
                _ => return Vec::new(),
            },
            _ => return Vec::new(),
        }
    }
}

/// The names most like a wrong one, best first; those too far away are left out.
pub(super) fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wrong = wrong.to_lowercase();
    let allowed = (wrong.chars().count() / 2).max(2);
    let mut found: Vec<(usize, &str)> = names
        .map(|name| (distance(&wrong, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(MAX_CANDIDATES).map(|(_, name)| name.to_owned()).collect()
}

/// How many letters must be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The byte offset of a line and column, both from 1, the column in characters.
pub(super) fn offset(line: u64, column: u64, text: &str) -> Option<usize> {
    let line = usize::try_from(line).ok()?.checked_sub(1)?;
    let column = usize::try_from(column).ok()?.checked_sub(1)?;
    let start = if line == 0 { 0 } else { text.match_indices('\n').nth(line - 1)?.0 + 1 };
    let within = text[start..].split('\n').next()?;
    let at = within.char_indices().nth(column).map_or(within.len(), |(at, _)| at);
    Some(start + at)
}

fn offset_of(span: Span, text: &str) -> Option<usize> {
    offset(span.start.line, span.start.column, text)
}

/// The place that the parser writes into its text.
fn parser_position(error: &ParserError, text: &str) -> Option<usize> {
    let (ParserError::TokenizerError(message) | ParserError::ParserError(message)) = error else { return None };
    let (_, place) = message.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    let digits = column.find(|c: char| !c.is_ascii_digit()).unwrap_or(column.len());
    offset(line.parse().ok()?, column[..digits].parse().ok()?, text)
}

/// The name that an error without a place is about.
fn missing_name(error: &DataFusionError) -> Option<String> {
    match root_of(error) {
        DataFusionError::SchemaError(schema, _) => match &**schema {
            SchemaError::FieldNotFound { field, .. } | SchemaError::AmbiguousReference { field } => {
                Some(field.name.clone())
            }
            _ => None,
        },
        DataFusionError::Plan(text) => {
            let (_, rest) = text.split_once("Invalid function '").or_else(|| text.split_once("table '"))?;
            let name = rest.split('\'').next()?;
            name.rsplit('.').next().map(str::to_owned)
        }
        _ => None,
    }
}

/// The first place where a word stands on its own.
pub(super) fn find_word(text: &str, word: &str) -> Option<usize> {
    let (lower, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    let alone = |at: usize| {
        let before = lower[..at].chars().next_back().is_some_and(is_letter);
        let after = lower[at + word.len()..].chars().next().is_some_and(is_letter);
        !before && !after
    };
    if word.is_empty() {
        return None;
    }
    lower.match_indices(&word).map(|(at, _)| at).find(|&at| alone(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters() {
        let text = "select 1,\n 'ä', x";
        assert_eq!(offset(2, 7, text), text.find('x'));
        assert_eq!(offset(1, 1, text), Some(0));
        assert_eq!(offset(3, 1, text), None);
        assert_eq!(find_word("select xa, x", "X"), Some(11));
    }

    #[test]
    fn types_are_named_as_in_sql() {
        let text = "Cannot coerce arithmetic expression Utf8 / Int64 to valid types";
        assert_eq!(in_sql(text), "Cannot coerce arithmetic expression varchar / bigint to valid types");
        assert_eq!(in_sql("cannot cast 'Int64' to List(Utf8)"), "cannot cast 'Int64' to List(varchar)");
        assert_eq!(in_sql("Int64"), "Int64");
    }

    #[test]
    fn near_names_first() {
        let names = ["customer_id", "customer", "id", "amount"];
        assert_eq!(nearest("custmer_id", names.into_iter()), ["customer_id", "customer"]);
        assert!(nearest("zzz", names.into_iter()).is_empty());
    }
}

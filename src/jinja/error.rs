//! From a minijinja error to a diagnostic: the original place, the macros on the way, dbt's words.
//!
//! In: an error chain as the engine built it. Out: [`Diagnostic`]. Objects that templates call raise [`RaisedError`]s, which
//! keep their code and text on the way.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use minijinja::{Error, ErrorKind};

use super::engine::{Inner, macro_of_template};
use super::registry::{MacroEntry, MacroId, Registry};
use super::rewrite::EditMap;
use super::root::Root;
use crate::diag::{Code, Diagnostic, SourceFile, Span, codes, nearest};

/// A problem raised from Rust or by `exceptions.*`, on its way through the engine.
#[derive(Clone, Debug, PartialEq)]
pub struct RaisedError {
    /// What will be shown; a place is added if it has none.
    pub diagnostic: Box<Diagnostic>,
}

impl RaisedError {
    /// An error with a code and one sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Diagnostic::error(code, message).into()
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        *self.diagnostic = self.diagnostic.note(text);
        self
    }

    /// Sets the way out.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        *self.diagnostic = self.diagnostic.help(text);
        self
    }
}

impl From<Diagnostic> for RaisedError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostic: Box::new(diagnostic) }
    }
}

impl fmt::Display for RaisedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for RaisedError {}

impl From<RaisedError> for Error {
    fn from(raised: RaisedError) -> Self {
        Self::new(ErrorKind::InvalidOperation, raised.diagnostic.message.clone()).with_source(raised)
    }
}

/// An error that left a macro; the error around it carries the place of the call.
#[derive(Debug)]
pub(super) struct MacroFrame {
    id: MacroId,
    error: Error,
}

impl MacroFrame {
    pub fn wrap(id: MacroId, error: Error) -> Error {
        Error::new(error.kind(), "error in a macro").with_source(Self { id, error })
    }
}

impl fmt::Display for MacroFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl std::error::Error for MacroFrame {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// The error for arguments that a macro does not take.
pub(super) fn arguments(entry: &MacroEntry, message: String) -> Error {
    let names: Vec<&str> = entry.definition.arguments.iter().map(|argument| argument.name.as_str()).collect();
    RaisedError::new(codes::MACRO_ARGUMENTS, message)
        .note(format!("it is defined at {} as {}({})", entry.definition.span, entry.definition.label, names.join(", ")))
        .into()
}

/// The error for a name that a package does not have.
pub(super) fn no_such_macro(registry: &Registry, package: &str, name: &str) -> Error {
    let raised = RaisedError::new(codes::JINJA_UNDEFINED, format!("package '{package}' has no macro '{name}'"));
    match did_you_mean(name, registry.names_in(package)) {
        Some(help) => raised.help(help).into(),
        None => raised.into(),
    }
}

fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = nearest(name, candidates);
    let quoted: Vec<String> = near.iter().map(|name| format!("'{name}'")).collect();
    (!quoted.is_empty()).then(|| format!("Did you mean {}?", quoted.join(" or ")))
}

/// The error that began it all, behind frames of macros and includes.
fn innermost(error: &Error) -> &Error {
    let mut current = error;
    while let Some(next) = inner(current) {
        current = next;
    }
    current
}

fn inner(error: &Error) -> Option<&Error> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<MacroFrame>().map(|frame| &frame.error).or_else(|| source.downcast_ref::<Error>())
}

fn raised(error: &Error) -> Option<&RaisedError> {
    std::error::Error::source(error)?.downcast_ref::<RaisedError>()
}

/// One sentence for an error, without places: what `except` clauses and logs show.
pub fn message(error: &Error) -> String {
    let error = innermost(error);
    match raised(error) {
        Some(raised) => raised.diagnostic.message.clone(),
        None => error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
    }
}

/// The template at the root of a render.
#[derive(Clone, Copy)]
pub(super) struct RootTemplate<'a> {
    pub name: &'a str,
    pub file: &'a Arc<SourceFile>,
    pub map: &'a EditMap,
    /// Length of the engine's own prefix.
    pub prefix: usize,
}

/// Turns an error of a render into a diagnostic. Without `template` the render began in Rust.
pub(super) fn diagnose(
    error: &Error,
    engine: &Inner,
    root: &Arc<Root>,
    template: Option<RootTemplate<'_>>,
) -> Diagnostic {
    let mut levels: Vec<(Span, Option<MacroId>)> = Vec::new();
    let mut frames: Vec<MacroId> = Vec::new();
    let mut current = error;
    loop {
        if current.kind() != ErrorKind::BadInclude {
            levels.extend(place(current, engine, template));
        }
        if let Some(frame) = std::error::Error::source(current).and_then(|source| source.downcast_ref::<MacroFrame>()) {
            frames.push(frame.id);
        }
        match inner(current) {
            Some(next) => current = next,
            None => break,
        }
    }
    let mut diagnostic = match raised(current) {
        Some(raised) => (*raised.diagnostic).clone(),
        None => worded(current, levels.last().map(|(span, _)| span), root),
    };
    if diagnostic.span.is_none() {
        let of_user = levels.iter().rev().find(|(_, id)| id.is_none_or(|id| !engine.registry.is_built_in(id)));
        diagnostic = diagnostic.at(of_user.map(|(span, _)| span.clone()));
    } else {
        // It knows its place in the project: the way through built-in macros tells nobody anything.
        let is_own = |id: &MacroId| !engine.registry.is_built_in(*id);
        levels.retain(|(_, id)| id.as_ref().is_none_or(is_own));
        frames.retain(is_own);
    }
    for (span, _) in &mut levels {
        *span = span.clone().shown();
    }
    add_stack(diagnostic, &levels, &frames, engine)
}

/// The place that one error of the chain carries.
fn place(error: &Error, engine: &Inner, template: Option<RootTemplate<'_>>) -> Option<(Span, Option<MacroId>)> {
    let (name, range) = (error.name()?, error.range()?);
    if let Some(id) = macro_of_template(name) {
        let map = engine.macro_map(id)?;
        let file = &engine.registry.entry(id).definition.span.file;
        return Some((whole(Span::new(file, map.original_range(range))), Some(id)));
    }
    let template = template.filter(|template| template.name == name && range.end > template.prefix)?;
    Some((whole(Span::new(template.file, template.map.original_range(range))), None))
}

/// The engine places `a.b(1)` at `.b(1)`, and `a + 1` at `+ 1`: this adds what stands before.
fn whole(mut span: Span) -> Span {
    if span.text().starts_with(['.', '(', '[', '+', '-', '*', '/', '%']) {
        span.start = operand_start(&span.file.text, span.start);
    }
    span
}

/// Where the operand that ends at `end` starts, read backwards.
fn operand_start(text: &str, end: usize) -> usize {
    let bytes = text.as_bytes();
    let is_word = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric() || !byte.is_ascii();
    let mut at = end;
    loop {
        let before = text[..at].trim_end().len();
        match before.checked_sub(1).map(|last| bytes[last]) {
            Some(b')' | b']' | b'}') => match opening_bracket(bytes, before) {
                Some(open) => at = open,
                None => return at,
            },
            Some(quote @ (b'\'' | b'"')) => {
                return bytes[..before - 1].iter().rposition(|byte| *byte == quote).unwrap_or(at);
            }
            Some(byte) if is_word(byte) => {
                at = bytes[..before].iter().rposition(|byte| !is_word(*byte)).map_or(0, |index| index + 1);
                let dotted = text[..at].trim_end();
                if !dotted.ends_with('.') {
                    return at;
                }
                at = dotted.len() - 1;
            }
            _ => return at,
        }
    }
}

/// The bracket that the one before `end` closes.
fn opening_bracket(bytes: &[u8], end: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote: Option<u8> = None;
    for at in (0..end).rev() {
        match (quote, bytes[at]) {
            (Some(open), byte) => quote = (byte != open).then_some(open),
            (None, byte @ (b'\'' | b'"')) => quote = Some(byte),
            (None, b')' | b']' | b'}') => depth += 1,
            (None, b'(' | b'[' | b'{') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Tells the way to the error: the macro it is in, and every call that led there.
fn add_stack(
    mut diagnostic: Diagnostic,
    levels: &[(Span, Option<MacroId>)],
    frames: &[MacroId],
    engine: &Inner,
) -> Diagnostic {
    let title = |id: MacroId| {
        let entry = engine.registry.entry(id);
        format!("{}.{}", entry.package, entry.name)
    };
    let mut deeper = levels.iter().rev();
    match deeper.next() {
        Some((span, Some(id))) => diagnostic.notes.push(format!("in macro {} ({span})", title(*id))),
        Some((_, None)) | None => {
            if let Some(id) = frames.last() {
                diagnostic.notes.push(format!(
                    "in macro {} ({})",
                    title(*id),
                    engine.registry.entry(*id).definition.span
                ));
            }
        }
    }
    let mut shown = 0;
    for (span, id) in deeper {
        shown += 1;
        if shown > 12 {
            diagnostic.notes.push("... and further calls".to_owned());
            break;
        }
        diagnostic.notes.push(match id {
            Some(id) => format!("called from macro {} ({span})", title(*id)),
            None => format!("called from {span}"),
        });
    }
    diagnostic
}

/// dbt's words for the engine's own errors.
fn worded(error: &Error, span: Option<&Span>, root: &Arc<Root>) -> Diagnostic {
    let detail = error.detail().unwrap_or_default();
    let text = span.map_or("", Span::text);
    match error.kind() {
        ErrorKind::SyntaxError => syntax(detail),
        ErrorKind::BadEscape => Diagnostic::error(codes::JINJA_SYNTAX, "a string with a wrong escape"),
        ErrorKind::UnknownFilter => {
            Diagnostic::error(codes::JINJA_SYNTAX, format!("No filter named '{}'", unknown_name(detail)))
        }
        ErrorKind::UnknownTest => {
            Diagnostic::error(codes::JINJA_SYNTAX, format!("No test named '{}'", unknown_name(detail)))
        }
        ErrorKind::UnknownFunction => undefined(unknown_name(detail), true, root),
        ErrorKind::UndefinedError if detail.is_empty() => undefined(&operand(text, root), false, root),
        ErrorKind::UndefinedError => Diagnostic::error(codes::JINJA_UNDEFINED, detail),
        ErrorKind::UnknownMethod if detail.starts_with("undefined has no method") => {
            undefined(&parent(text), false, root)
        }
        ErrorKind::InvalidOperation if detail == "value of type undefined is not callable" => {
            undefined(path(text), true, root)
        }
        ErrorKind::InvalidOperation if detail == "recursion limit exceeded" => {
            Diagnostic::error(codes::RECURSION, "macros call each other without end")
        }
        ErrorKind::TooManyArguments | ErrorKind::MissingArgument => {
            let what = if detail.is_empty() { error.kind().to_string() } else { detail.to_owned() };
            Diagnostic::error(codes::MACRO_ARGUMENTS, what)
        }
        kind if detail.is_empty() => Diagnostic::error(codes::JINJA_RUNTIME, kind.to_string()),
        _ => Diagnostic::error(codes::JINJA_RUNTIME, detail),
    }
}

fn syntax(detail: &str) -> Diagnostic {
    const TAGS: [&str; 30] = [
        "if",
        "elif",
        "else",
        "endif",
        "for",
        "endfor",
        "set",
        "endset",
        "macro",
        "endmacro",
        "call",
        "endcall",
        "filter",
        "endfilter",
        "do",
        "with",
        "endwith",
        "raw",
        "endraw",
        "block",
        "endblock",
        "break",
        "continue",
        "test",
        "endtest",
        "materialization",
        "endmaterialization",
        "snapshot",
        "endsnapshot",
        "docs",
    ];
    match detail.strip_prefix("unknown statement ") {
        Some(name) => {
            let diagnostic = Diagnostic::error(codes::JINJA_SYNTAX, format!("Encountered unknown tag '{name}'"));
            match did_you_mean(name, TAGS) {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            }
        }
        None => Diagnostic::error(codes::JINJA_SYNTAX, detail),
    }
}

/// `x` of `filter x is unknown`, `test x is unknown`, `x is unknown`.
fn unknown_name(detail: &str) -> &str {
    let name = detail.strip_suffix(" is unknown").unwrap_or(detail);
    name.rsplit(' ').next().unwrap_or(name)
}

/// The dotted path at the start of an expression.
fn path(text: &str) -> &str {
    let end = text.find(|c: char| c != '_' && c != '.' && !c.is_alphanumeric()).unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}

/// What an attribute or item was asked of, at the end of an expression such as `a.b.c`, `a.b['c']`, `a.b(1)`.
fn parent(text: &str) -> String {
    let path = path(text);
    if text[path.len()..].starts_with('[') {
        return path.to_owned();
    }
    path.rsplit_once('.').map_or(path, |(before, _)| before).to_owned()
}

/// The undefined operand of an expression: what an attribute was asked of, or the first name that nobody knows.
fn operand(text: &str, root: &Arc<Root>) -> String {
    let rest = &text[path(text).len()..];
    if !path(text).is_empty() && (rest.is_empty() || rest.starts_with(['[', '('])) {
        return parent(text);
    }
    let is_word = |c: char| c == '_' || c == '.' || c.is_alphanumeric();
    let paths =
        text.split(|c: char| !is_word(c)).filter(|word| word.starts_with(|c: char| c == '_' || c.is_alphabetic()));
    let unknown = |word: &&str| root.resolve(word.split('.').next().unwrap_or(word)).is_none();
    paths.clone().find(unknown).or_else(|| paths.clone().next()).unwrap_or_default().to_owned()
}

fn undefined(name: &str, called: bool, root: &Arc<Root>) -> Diagnostic {
    let shown = if name.is_empty() { "the value".to_owned() } else { format!("'{name}'") };
    let mut diagnostic = Diagnostic::error(codes::JINJA_UNDEFINED, format!("{shown} is undefined"));
    let candidates = if name.contains('.') { Vec::new() } else { root.names() };
    match did_you_mean(name, candidates.iter().map(String::as_str)) {
        Some(help) => diagnostic = diagnostic.help(help),
        None if called => {
            let help = "This can happen when calling a macro that does not exist: check for typos, or install packages with `deps`";
            diagnostic = diagnostic.help(help);
        }
        None => {}
    }
    diagnostic
}

/// The original range of an error without render, such as a syntax error of a macro.
pub(super) fn compile_error(error: &Error, file: &Arc<SourceFile>, map: &EditMap) -> Diagnostic {
    let range: Option<Range<usize>> = error.range().map(|range| map.original_range(range));
    let diagnostic = match error.kind() {
        ErrorKind::SyntaxError => syntax(error.detail().unwrap_or("syntax error")),
        kind => Diagnostic::error(codes::JINJA_SYNTAX, error.detail().map_or_else(|| kind.to_string(), str::to_owned)),
    };
    diagnostic.at(range.map(|range| Span::new(file, range)))
}

//! The columns of a CSV file. In: its text, what the call says. Out: [`Sniffed`]: how it is written, its columns and what they are.

use std::io::{Cursor, Read};

use super::super::bytes::Input;
use super::super::guess::{Guess, Kind};
use super::super::options::Options;
use super::layout::{self, Layout, after_lines};
use super::unreadable;
use crate::adapters::datafusion::errors;
use crate::adapters::{AdapterError, ErrorKind};

/// So much of a file is looked at to find out how it is written.
const BEGINNING: u64 = 1 << 20;

/// What is known of a file.
#[derive(Debug)]
pub(super) struct Sniffed {
    pub(super) layout: Layout,
    /// Names, and what the values are; nothing of a column without a value.
    pub(super) columns: Vec<(String, Option<Kind>)>,
    /// Whether no line is in it.
    pub(super) is_empty: bool,
}

/// Looks at a file.
pub(super) fn sniff(mut input: Input, file: &str, options: &Options) -> Result<Sniffed, AdapterError> {
    let mut beginning = Vec::new();
    let read = input.by_ref().take(BEGINNING).read_to_end(&mut beginning);
    let length = read.map_err(|e| unreadable(file, &e.to_string()))?;
    let is_all = (length as u64) < BEGINNING;
    if let Some(line) = beginning.split(|b| *b == b'\n').position(|line| std::str::from_utf8(line).is_err())
        && (is_all || line + 1 < beginning.split(|b| *b == b'\n').count())
    {
        return Err(unreadable(file, &format!("line {} is not UTF-8", line + 1)));
    }
    if !options.auto_detect {
        let columns = options.columns.iter().map(|(name, _)| (name.clone(), None)).collect();
        return Ok(Sniffed { layout: Layout::said(options), columns, is_empty: beginning.is_empty() });
    }
    let (mut layout, width) = layout::find(&beginning, is_all, options).map_err(|ragged| {
        let (found, wanted) = (ragged.found, ragged.wanted);
        let text = format!("\"{file}\", line {}: it has {}, others have {wanted}", ragged.line, values(found));
        errors::told(ErrorKind::Conversion, text)
            .with_help("`null_padding = true` fills short rows, `ignore_errors = true` leaves out what does not fit")
    })?;
    let skipped = after_lines(&beginning, layout.skip).len();
    let start = beginning.len() - skipped;
    let mut text = Cursor::new(beginning);
    text.set_position(start as u64);
    let mut reader = layout.reader(text.chain(input));
    let mut record = csv::ByteRecord::new();
    let mut first: Option<Vec<String>> = None;
    let mut guesses: Vec<Guess> = Vec::new();
    let fresh = || Guess::new(options.date_format.as_deref(), options.timestamp_format.as_deref());
    let mut rows = 0;
    while rows < options.sample.max(1) {
        if !reader.read_byte_record(&mut record).map_err(|e| unreadable(file, &e.to_string()))? {
            break;
        }
        let cells = || record.iter().map(String::from_utf8_lossy);
        if first.is_none() {
            guesses = vec![fresh(); width.max(record.len())];
            first = Some(cells().map(std::borrow::Cow::into_owned).collect());
            continue;
        }
        rows += 1;
        for (guess, cell) in guesses.iter_mut().zip(cells()) {
            if !options.nulls.iter().any(|null| *null == *cell) {
                let plain = if options.decimal_comma { cell.replace(',', ".") } else { cell.into_owned() };
                guess.see(&plain);
            }
        }
    }
    let Some(first) = first else {
        let names = if options.columns.is_empty() { vec!["column0".to_owned()] } else { Vec::new() };
        let declared = options.columns.iter().map(|(name, _)| name.clone());
        let columns = names.into_iter().chain(declared).map(|name| (name, None)).collect();
        return Ok(Sniffed { layout, columns, is_empty: true });
    };
    layout.header = options.header.unwrap_or_else(|| names_columns(&first, &guesses, options));
    if !layout.header {
        for (guess, cell) in guesses.iter_mut().zip(&first) {
            if !options.nulls.contains(cell) {
                guess.see(&if options.decimal_comma { cell.replace(',', ".") } else { cell.clone() });
            }
        }
    }
    let names = names(&layout, &first, guesses.len(), options);
    if !options.columns.is_empty() && options.columns.len() != guesses.len() {
        let text = format!("\"{file}\" has {} columns, and `columns` names {}", guesses.len(), options.columns.len());
        return Err(errors::told(ErrorKind::Binder, text));
    }
    let days = guesses.iter().find_map(Guess::days);
    let kinds = guesses.iter().map(|guess| guess.has_seen().then(|| guess.kind(days.as_ref())));
    Ok(Sniffed { layout, columns: names.into_iter().zip(kinds).collect(), is_empty: false })
}

/// `1 value`, `2 values`.
pub(super) fn values(count: usize) -> String {
    format!("{count} value{}", if count == 1 { "" } else { "s" })
}

/// Whether the first line names the columns: if one of its values is none of its column, or if all columns are text.
fn names_columns(first: &[String], guesses: &[Guess], options: &Options) -> bool {
    let said = |at: usize| {
        let name = first.get(at)?;
        let named = options.types.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, t)| t);
        options.columns.get(at).map(|(_, t)| t).or_else(|| options.first_types.get(at)).or(named)
    };
    let is_null = |cell: &String| cell.is_empty() || options.nulls.contains(cell);
    let mut all_text = true;
    for (at, (cell, guess)) in first.iter().zip(guesses).enumerate() {
        // What is said of the types goes before what is seen.
        if let Some(data_type) = said(at)
            && data_type.is_numeric()
        {
            all_text = false;
            if !is_null(cell) && cell.trim().parse::<f64>().is_err() {
                return true;
            }
            continue;
        }
        let mut alone = Guess::plain();
        alone.see(cell);
        let text = if guess.has_seen() { guess.kind(None) == Kind::Text } else { alone.kind(None) == Kind::Text };
        if text {
            continue;
        }
        all_text = false;
        if guess.has_seen() && !is_null(cell) && !guess.takes(cell) {
            return true;
        }
    }
    all_text
}

/// The columns' names: those of the first line or of the call, none of them twice.
fn names(layout: &Layout, first: &[String], width: usize, options: &Options) -> Vec<String> {
    if !options.columns.is_empty() {
        return options.columns.iter().map(|(name, _)| name.clone()).collect();
    }
    let numbered = |at: usize| format!("column{at}");
    let written = |at: usize| first.get(at).filter(|n| layout.header && !n.trim().is_empty()).cloned();
    let own = |at: usize| options.names.get(at).cloned().or_else(|| written(at)).unwrap_or_else(|| numbered(at));
    unique((0..width).map(own))
}

/// Names of which none is there twice: the second `a` is `a_1`.
pub(super) fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut counts: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    for name in names {
        let has = |candidate: &str, found: &[String]| found.iter().any(|f| f.eq_ignore_ascii_case(candidate));
        let mut candidate = name.trim().to_owned();
        while has(&candidate, &found) {
            let count = counts.entry(name.trim().to_ascii_lowercase()).or_default();
            *count += 1;
            candidate = format!("{}_{count}", name.trim());
        }
        found.push(candidate);
    }
    found
}

//! Regular expressions, with DuckDB's names and options.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListBuilder, StringArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::ScalarUDF;
use fancy_regex::Regex;

use super::scalar::{Body, Kind, Scalar, fail, text};
use super::strings::{split_all, texts_type};

/// All functions of this module.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Kind::{Int, Text};
    let matches: Body = |args, rows| tested(args, rows, false);
    let full: Body = |args, rows| tested(args, rows, true);
    let split: Body = |args, _| {
        let mut last = Last::default();
        let cut = std::cell::RefCell::new(&mut last);
        split_all(args, |value, pattern| {
            let mut last = cut.borrow_mut();
            let regex = last.get(pattern, "", false)?;
            regex.split(value).map(|p| p.map(str::to_owned).map_err(|e| exec_datafusion_err!("{e}"))).collect()
        })
    };
    vec![
        Scalar::new("regexp_matches")
            .on(&[Text, Text], DataType::Boolean, matches)
            .on(&[Text, Text, Text], DataType::Boolean, matches)
            .build(),
        Scalar::new("regexp_full_match")
            .on(&[Text, Text], DataType::Boolean, full)
            .on(&[Text, Text, Text], DataType::Boolean, full)
            .build(),
        Scalar::new("regexp_extract")
            .on(&[Text, Text], DataType::Utf8, extracted)
            .on(&[Text, Text, Int], DataType::Utf8, extracted)
            .on(&[Text, Text, Int, Text], DataType::Utf8, extracted)
            .build(),
        Scalar::new("regexp_extract_all")
            .on(&[Text, Text], texts_type(), extracted_all)
            .on(&[Text, Text, Int], texts_type(), extracted_all)
            .on(&[Text, Text, Int, Text], texts_type(), extracted_all)
            .build(),
        Scalar::new("regexp_replace")
            .on(&[Text, Text, Text], DataType::Utf8, replaced)
            .on(&[Text, Text, Text, Text], DataType::Utf8, replaced)
            .build(),
        Scalar::new("regexp_split_to_array")
            .alias(&["string_split_regex", "str_split_regex"])
            .on(&[Text, Text], texts_type(), split)
            .build(),
        Scalar::new("glob_matches")
            .on(&[Text, Text], DataType::Boolean, |args, rows| {
                let patterns: StringArray = text(&args[1]).iter().map(|p| p.map(globbed)).collect();
                tested(&[Arc::clone(&args[0]), Arc::new(patterns)], rows, true)
            })
            .build(),
        Scalar::new("regexp_escape")
            .on(&[Text], DataType::Utf8, |args, _| {
                let escaped = text(&args[0]).iter().map(|t| t.map(|t| fancy_regex::escape(t).into_owned()));
                Ok(Arc::new(escaped.collect::<StringArray>()))
            })
            .build(),
    ]
}

/// `*`, `?` and `[abc]` as a regular expression.
fn globbed(pattern: &str) -> String {
    let mut out = String::from("(?s)");
    let mut within = false;
    for c in pattern.chars() {
        match c {
            '[' if !within => {
                within = true;
                out.push('[');
            }
            ']' if within => {
                within = false;
                out.push(']');
            }
            '!' if within && out.ends_with('[') => out.push('^'),
            '*' if !within => out.push_str(".*"),
            '?' if !within => out.push('.'),
            '-' if within => out.push('-'),
            other => out.push_str(&fancy_regex::escape(&other.to_string())),
        }
    }
    out
}

/// Keeps the expression of the row before: it is nearly always the same.
#[derive(Default)]
struct Last {
    made: Option<(String, String, bool, Regex)>,
}

impl Last {
    fn get(&mut self, pattern: &str, options: &str, full: bool) -> Result<&Regex> {
        let same = self.made.as_ref().is_some_and(|(p, o, f, _)| p == pattern && o == options && *f == full);
        if !same {
            let mut flags = String::new();
            for option in options.chars() {
                match option {
                    'i' | 's' => flags.push(option),
                    'l' => {}
                    'c' | 'g' => {}
                    'm' | 'n' | 'p' => {}
                    other => {
                        return fail("regexp", format!("'{other}' is no option; there are c, g, i, l, m, n, p, s"));
                    }
                }
            }
            let body =
                if options.contains('l') { fancy_regex::escape(pattern).into_owned() } else { ascii_classes(pattern) };
            let flagged = if flags.is_empty() { body } else { format!("(?{flags}){body}") };
            let whole = if full { format!(r"\A(?:{flagged})\z") } else { flagged };
            let regex =
                Regex::new(&whole).map_err(|e| exec_datafusion_err!("'{pattern}' is no regular expression: {e}"))?;
            self.made = Some((pattern.to_owned(), options.to_owned(), full, regex));
        }
        self.made.as_ref().map(|(_, _, _, r)| r).ok_or_else(|| exec_datafusion_err!("no regular expression"))
    }
}

/// A pattern whose `\d`, `\w` and `\s` stand for ASCII alone, as they do in DuckDB.
fn ascii_classes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(c) = letters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match letters.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('s') => out.push_str(r"[\t\n\f\r ]"),
            Some('S') => out.push_str(r"[^\t\n\f\r ]"),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// Text, pattern and the optional options of a row; null if any of them is.
fn row_of(args: &[ArrayRef], options: Option<usize>, row: usize) -> Option<(&str, &str, &str)> {
    if args.iter().any(|a| a.is_null(row)) {
        return None;
    }
    let options = options.and_then(|at| args.get(at)).map_or("", |a| text(a).value(row));
    Some((text(&args[0]).value(row), text(&args[1]).value(row), options))
}

fn tested(args: &[ArrayRef], rows: usize, full: bool) -> Result<ArrayRef> {
    let mut last = Last::default();
    let tested = (0..rows).map(|row| {
        let Some((value, pattern, options)) = row_of(args, Some(2), row) else { return Ok(None) };
        last.get(pattern, options, full)?.is_match(value).map(Some).map_err(|e| exec_datafusion_err!("{e}"))
    });
    Ok(Arc::new(tested.collect::<Result<BooleanArray>>()?))
}

fn group(args: &[ArrayRef], row: usize) -> usize {
    args.get(2).map_or(0, |g| usize::try_from(g.as_primitive::<Int64Type>().value(row)).unwrap_or(usize::MAX))
}

fn extracted(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let mut last = Last::default();
    let found = (0..rows).map(|row| {
        let Some((value, pattern, options)) = row_of(args, Some(3), row) else { return Ok(None) };
        let group = group(args, row);
        let regex = last.get(pattern, options, false)?;
        if group >= regex.captures_len() {
            return fail("regexp_extract", format!("'{pattern}' has no group {group}"));
        }
        let captures = regex.captures(value).map_err(|e| exec_datafusion_err!("{e}"))?;
        Ok(Some(captures.and_then(|c| c.get(group).map(|m| m.as_str().to_owned())).unwrap_or_default()))
    });
    Ok(Arc::new(found.collect::<Result<StringArray>>()?))
}

fn extracted_all(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let mut last = Last::default();
    let mut lists = ListBuilder::new(StringBuilder::new());
    for row in 0..rows {
        let Some((value, pattern, options)) = row_of(args, Some(3), row) else {
            lists.append(false);
            continue;
        };
        let group = group(args, row);
        let regex = last.get(pattern, options, false)?;
        if group >= regex.captures_len() {
            return fail("regexp_extract_all", format!("'{pattern}' has no group {group}"));
        }
        for captures in regex.captures_iter(value) {
            let captures = captures.map_err(|e| exec_datafusion_err!("{e}"))?;
            lists.values().append_value(captures.get(group).map_or("", |m| m.as_str()));
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn replaced(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    let mut last = Last::default();
    let with = text(&args[2]);
    let replaced = (0..rows).map(|row| {
        let Some((value, pattern, options)) = row_of(args, Some(3), row) else { return Ok(None) };
        let regex = last.get(pattern, options, false)?;
        let template = Template::of(with.value(row));
        let limit = usize::from(!options.contains('g'));
        let mut out = String::with_capacity(value.len());
        let mut from = 0;
        for (done, captures) in regex.captures_iter(value).enumerate() {
            let captures = captures.map_err(|e| exec_datafusion_err!("{e}"))?;
            let Some(whole) = captures.get(0) else { break };
            out.push_str(&value[from..whole.start()]);
            template.write(&captures, &mut out);
            from = whole.end();
            if limit != 0 && done + 1 >= limit {
                break;
            }
        }
        out.push_str(&value[from..]);
        Ok(Some(out))
    });
    Ok(Arc::new(replaced.collect::<Result<StringArray>>()?))
}

/// A replacement with `\0` to `\9` for groups.
struct Template {
    pieces: Vec<std::result::Result<String, usize>>,
}

impl Template {
    fn of(replacement: &str) -> Self {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut letters = replacement.chars();
        while let Some(c) = letters.next() {
            if c != '\\' {
                plain.push(c);
                continue;
            }
            match letters.next() {
                Some(d) if d.is_ascii_digit() => {
                    pieces.push(Ok(std::mem::take(&mut plain)));
                    pieces.push(Err(d.to_digit(10).unwrap_or(0) as usize));
                }
                Some(other) => plain.push(other),
                None => plain.push('\\'),
            }
        }
        pieces.push(Ok(plain));
        Self { pieces }
    }

    fn write(&self, captures: &fancy_regex::Captures<'_, str>, out: &mut String) {
        for piece in &self.pieces {
            match piece {
                Ok(plain) => out.push_str(plain),
                Err(group) => out.push_str(captures.get(*group).map_or("", |m| m.as_str())),
            }
        }
    }
}

//! `delta_scan('folder')` without DuckDB's extension, which is not part of the program. In: SQL. Out: the SQL with the Parquet
//! files of the table's current version in place of the call.

use std::ops::Range;
use std::path::Path;

use crate::adapters::AdapterError;
use crate::adapters::delta_files::{DeltaFiles, delta_files};

const CALL: &str = "delta_scan";

/// SQL in which calls were replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spliced {
    /// The text to run.
    pub(super) sql: String,
    /// What stood where, and how long it is now.
    edits: Vec<(Range<usize>, usize)>,
}

impl Spliced {
    /// A place in the text to run, as one in the text that was given. Within a replacement it is the place of the call.
    pub(super) fn original(&self, at: usize) -> usize {
        let mut shift = 0_usize;
        for (was, len) in &self.edits {
            let start = was.start + shift;
            if at < start {
                break;
            }
            if at < start + len {
                return was.start;
            }
            // Never below zero: a replacement is longer than its call.
            shift = shift + len - was.len();
        }
        at - shift
    }

    /// An error about the text to run as one about the text that was given.
    pub(super) fn blame(&self, mut error: AdapterError, given: &str) -> AdapterError {
        error.position = error.position.map(|at| self.original(at));
        error.sql = error.sql.map(|_| given.to_owned());
        error
    }
}

/// Whether there is something to replace.
pub(super) fn has_calls(sql: &str) -> bool {
    sql.to_ascii_lowercase().contains(CALL) && !calls(sql).is_empty()
}

/// Replaces the calls in a text; none where there are none.
pub(super) fn splice(sql: &str) -> Result<Option<Spliced>, AdapterError> {
    if !has_calls(sql) {
        return Ok(None);
    }
    let calls = calls(sql);
    let (mut out, mut edits, mut done) = (String::with_capacity(sql.len() * 2), Vec::new(), 0);
    for (range, path) in calls {
        let found = delta_files(Path::new(&path)).map_err(|mut error| {
            error.position = Some(range.start);
            error.with_sql(sql)
        })?;
        let text = reader(&found);
        out.push_str(&sql[done..range.start]);
        out.push_str(&text);
        done = range.end;
        edits.push((range, text.len()));
    }
    out.push_str(&sql[done..]);
    Ok(Some(Spliced { sql: out, edits }))
}

/// A subquery over the files. Files are older than columns that were added later: a branch without rows names all of them.
fn reader(table: &DeltaFiles) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let columns: Vec<String> =
        table.columns.iter().map(|(name, of)| format!("cast(null as {of}) as {}", quoted(name))).collect();
    let shape = format!("select {} where false", columns.join(", "));
    if table.files.is_empty() {
        return format!("({shape})");
    }
    let files: Vec<String> =
        table.files.iter().map(|file| format!("'{}'", file.to_string_lossy().replace('\'', "''"))).collect();
    let folders = if table.partitions.is_empty() {
        "hive_partitioning = false".to_owned()
    } else {
        let of = |name: &String| table.columns.iter().find(|(n, _)| n == name).map_or("varchar", |(_, of)| of.as_str());
        let types: Vec<String> =
            table.partitions.iter().map(|name| format!("'{}': {}", name.replace('\'', "''"), of(name))).collect();
        format!("hive_partitioning = true, hive_types = {{{}}}", types.join(", "))
    };
    format!(
        "({shape} union all by name select * from read_parquet([{}], union_by_name = true, {folders}))",
        files.join(", ")
    )
}

/// The calls with one text as their argument, outside of quotes and comments: where they stand and what they name.
fn calls(sql: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = sql[at..].chars().next() {
        let rest = &sql[at..];
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if word > 0 {
            if rest[..word].eq_ignore_ascii_case(CALL)
                && let Some((path, len)) = argument(&rest[word..])
            {
                found.push((at..at + word + len, path));
                at += len;
            }
            at += word;
            continue;
        }
        at += match first {
            '\'' | '"' => 1 + rest[1..].find(first).map_or(rest.len() - 1, |end| end + 1),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            other => other.len_utf8(),
        };
    }
    found
}

/// `('text')` at the beginning of a text, and how long it is.
fn argument(text: &str) -> Option<(String, usize)> {
    let open = text.trim_start().strip_prefix('(')?.trim_start().strip_prefix('\'')?;
    let (mut path, mut rest) = (String::new(), open);
    loop {
        let end = rest.find('\'')?;
        path.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(more) => {
                path.push('\'');
                rest = more;
            }
            None => break,
        }
    }
    let rest = rest.trim_start().strip_prefix(')')?;
    Some((path, text.len() - rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_outside_of_quotes() {
        let sql = "select 'delta_scan(''x'')' from DELTA_SCAN ( 'a''b' ) -- delta_scan('c')\njoin my_delta_scan('d')";
        let found = calls(sql);
        assert_eq!(found.len(), 1);
        assert_eq!((&sql[found[0].0.clone()], found[0].1.as_str()), ("DELTA_SCAN ( 'a''b' )", "a'b"));
        assert!(calls("select delta_scan from delta_scan(x)").is_empty());
    }

    #[test]
    fn places_lead_back() {
        let spliced =
            Spliced { sql: "from (select 1) x, (select 2) y".to_owned(), edits: vec![(5..7, 10), (11..13, 10)] };
        let given = "from aa x, bb y";
        let place = |part: &str| spliced.original(spliced.sql.find(part).unwrap_or_default());
        assert_eq!([place("from"), place("select 1"), place(" x"), place("select 2"), place(" y")], [0, 5, 7, 11, 13]);
        assert_eq!(&given[13..], " y");
    }

    #[test]
    fn columns_of_folders_and_of_no_file_are_there() {
        let columns = vec![("day".to_owned(), "date".to_owned()), ("n".to_owned(), "bigint".to_owned())];
        let empty = DeltaFiles { columns, partitions: vec!["day".to_owned()], files: Vec::new() };
        let shape = "select cast(null as date) as \"day\", cast(null as bigint) as \"n\" where false";
        assert_eq!(reader(&empty), format!("({shape})"));
        let full = DeltaFiles { files: vec!["/l/day=2024-01-01/a.parquet".into()], ..empty };
        assert!(
            reader(&full).ends_with("union_by_name = true, hive_partitioning = true, hive_types = {'day': date}))")
        );
    }
}

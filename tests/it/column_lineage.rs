//! Columns of queries and where they come from, as the engine's binder sees it: `lineage/<engine>/<name>.txt`.
//!
//! A file begins with its tables, one a line: `table o: id INTEGER, amount DECIMAL(10,2)`, and with statements that
//! queries rely on: `define create macro ...`. Then come queries, each
//! after a line `== title`, and after each what is expected of it: a line `name TYPE <- origins` a column, then
//! `~ filter|join|group|order: columns` and `= a, b` for what decides about rows. An origin is `o.id`, with the kind of
//! the edge before it unless the value is copied: `sum(o.amount)` is `aggregate o.amount`. `UPDATE=1` rewrites what is
//! expected: look at the difference, and check every new line by hand.
//!
//! `lineage/agreement.txt` holds what the second engine says of the first one's queries: where both say the same, in what
//! they differ, and which it cannot bind.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use transform::adapters::shadow::{BindError, Bound, EdgeKind, Influence, Shadow, ShadowColumn, SourceColumn};
use transform::base::{Dict, Relation};

fn shadow(engine: &str) -> Box<dyn Shadow> {
    let options: Dict = [("type", engine), ("path", ":memory:"), ("database", "memory"), ("schema", "main")]
        .into_iter()
        .filter(|(key, _)| engine != "duckdb" || matches!(*key, "type" | "path"))
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    let adapter = transform::adapters::open(&options, Path::new(".")).expect("the target is complete");
    adapter.shadow().expect("the engine has a shadow")
}

fn declare(shadow: &mut dyn Shadow, line: &str) {
    let (table, columns) = line.trim_start_matches("table ").split_once(": ").expect("table name: columns");
    let mut found = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    for (i, c) in columns.char_indices().chain([(columns.len(), ',')]) {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                let column = columns[start..i].trim();
                let (name, data_type) = match column.strip_prefix('"') {
                    Some(quoted) => quoted.split_once("\" ").expect("name and type"),
                    None => column.split_once(' ').expect("name and type"),
                };
                found.push(ShadowColumn { name: name.to_owned(), data_type: data_type.to_owned() });
                start = i + 1;
            }
            _ => {}
        }
    }
    shadow.declare(&Relation::new("memory", "main", table), &found).expect("the table can be made");
}

fn shown(column: &SourceColumn) -> String {
    format!("{}.{}", column.relation.identifier.as_deref().unwrap_or_default(), column.column)
}

fn expectation(bound: &Bound) -> String {
    let mut out = String::new();
    for (index, column) in bound.columns.iter().enumerate() {
        write!(out, "{} {}", column.name, column.data_type).expect("text");
        if let Ok(lineage) = &bound.lineage {
            let origins: Vec<String> = lineage.values[index]
                .iter()
                .map(|(c, kind)| match kind {
                    EdgeKind::Copy => shown(c),
                    kind => format!("{} {}", kind.as_str(), shown(c)),
                })
                .collect();
            if !origins.is_empty() {
                write!(out, " <- {}", origins.join(", ")).expect("text");
            }
        }
        out.push('\n');
    }
    match &bound.lineage {
        Err(why) => writeln!(out, "! {why}").expect("text"),
        Ok(lineage) => {
            for how in [Influence::Filter, Influence::Join, Influence::Group, Influence::Order] {
                let columns: Vec<String> =
                    lineage.influence.iter().filter(|(_, h)| *h == how).map(|(c, _)| shown(c)).collect();
                if !columns.is_empty() {
                    writeln!(out, "~ {}: {}", how.as_str(), columns.join(", ")).expect("text");
                }
            }
            for cast in &lineage.casts {
                let columns: Vec<String> = cast.columns.iter().map(shown).collect();
                writeln!(out, "? {}: {} {} as {}", cast.place, columns.join(", "), cast.from, cast.to).expect("text");
            }
            for (a, b) in &lineage.equal {
                writeln!(out, "= {}, {}", shown(a), shown(b)).expect("text");
            }
        }
    }
    out
}

/// A file: what stands before the queries, and each query with its title.
struct Corpus<'t> {
    head: &'t str,
    queries: Vec<(&'t str, &'t str)>,
}

fn read(text: &str) -> Corpus<'_> {
    let mut parts = text.split("\n== ");
    let head = parts.next().unwrap_or_default();
    let query = |part| {
        let (title, body): (&str, &str) = str::split_once(part, '\n').unwrap_or((part, ""));
        (title, body.split("\n--\n").next().unwrap_or_default().trim_end())
    };
    Corpus { head, queries: parts.map(query).collect() }
}

/// A shadow with the tables and definitions of a file. An engine without definitions misses them when it binds.
fn prepared(engine: &str, head: &str) -> Box<dyn Shadow> {
    let mut shadow = shadow(engine);
    for line in head.lines().filter(|l| l.starts_with("table ")) {
        declare(shadow.as_mut(), line);
    }
    for line in head.lines().filter_map(|l| l.strip_prefix("define ")) {
        if let Err(e) = shadow.define(line) {
            assert!(engine != "duckdb", "{line}: {}", e.message);
        }
    }
    shadow
}

fn objection(error: &BindError, sql: &str) -> String {
    let place = error.span.clone().map_or_else(String::new, |s| format!(" at `{}`", &sql[s]));
    let meant = match error.candidates.as_slice() {
        [] => String::new(),
        names => format!(" ({}?)", names.join(", ")),
    };
    format!("error {:?}{place}: {}{meant}\n", error.problem, error.message.lines().next().unwrap_or_default())
}

fn run(engine: &str, text: &str) -> String {
    let corpus = read(text);
    let mut shadow = prepared(engine, corpus.head);
    let mut out = corpus.head.to_owned();
    for (title, sql) in corpus.queries {
        let found = shadow.bind(sql).map_or_else(|e| objection(&e, sql), |bound| expectation(&bound));
        write!(out, "\n== {title}\n{sql}\n--\n{found}").expect("text");
    }
    out
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/lineage").join(folder);
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder is there").flatten().map(|e| e.path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no lineage files found");
    files
}

/// Why a file is not what it should be; with `UPDATE=1` it becomes that.
fn difference(path: &Path, actual: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    if actual == text {
        return None;
    }
    if std::env::var_os("UPDATE").is_some_and(|v| v == "1") {
        std::fs::write(path, actual).expect("lineage files can be written");
        return None;
    }
    let (line, (wanted, got)) = text
        .lines()
        .zip(actual.lines())
        .enumerate()
        .find(|(_, (a, b))| a != b)
        .unwrap_or((0, ("(the lengths differ)", "")));
    Some(format!("{}:{}\n  wanted {wanted}\n  got    {got}", path.display(), line + 1))
}

fn check(engine: &str) {
    let differ: Vec<String> = files(engine)
        .into_iter()
        .filter_map(|path| {
            let text = std::fs::read_to_string(&path).expect("lineage files are UTF-8");
            difference(&path, &run(engine, &text))
        })
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn columns_come_from_where_the_binder_says() {
    check("duckdb");
}

#[cfg(feature = "datafusion")]
#[test]
fn columns_come_from_where_the_second_engine_says() {
    check("datafusion");
}

/// What one engine says of a query whose answer by the other is known.
#[cfg(feature = "datafusion")]
fn compared(first: &Result<Bound, BindError>, second: &Result<Bound, BindError>, sql: &str) -> (&'static str, String) {
    let (first, second) = match (first, second) {
        (Err(_), Err(error)) => return ("neither binds", objection(error, sql)),
        (Ok(_), Err(error)) => return ("only DuckDB binds", objection(error, sql)),
        (Err(error), Ok(bound)) => {
            return ("only DataFusion binds", format!("{}{}", objection(error, sql), expectation(bound)));
        }
        (Ok(first), Ok(second)) => (first, second),
    };
    let names = |bound: &Bound| bound.columns.iter().map(|c| c.name.to_lowercase()).collect::<Vec<_>>();
    let plain = |bound: &Bound| Bound {
        columns: bound
            .columns
            .iter()
            .map(|c| ShadowColumn { name: c.name.to_lowercase(), data_type: String::new() })
            .collect(),
        lineage: bound.lineage.clone(),
    };
    let mut types = String::new();
    if names(first) == names(second) {
        for (a, b) in first.columns.iter().zip(&second.columns) {
            if !a.data_type.eq_ignore_ascii_case(&b.data_type) {
                writeln!(types, "{} {}, here {}", b.name, a.data_type, b.data_type).expect("text");
            }
        }
    }
    let (a, b) = (expectation(&plain(first)), expectation(&plain(second)));
    if a == b {
        return (if types.is_empty() { "the same" } else { "the same, types apart" }, types);
    }
    let mut out = types;
    a.lines().filter(|l| !b.lines().any(|o| o == *l)).for_each(|l| writeln!(out, "- {l}").expect("text"));
    b.lines().filter(|l| !a.lines().any(|o| o == *l)).for_each(|l| writeln!(out, "+ {l}").expect("text"));
    ("other origins", out)
}

#[cfg(feature = "datafusion")]
#[test]
fn both_engines_agree_on_what_both_can_bind() {
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    let mut body = String::new();
    for path in files("duckdb") {
        let text = std::fs::read_to_string(&path).expect("lineage files are UTF-8");
        let file = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        let corpus = read(&text);
        let [mut first, mut second] = ["duckdb", "datafusion"].map(|engine| prepared(engine, corpus.head));
        for (title, sql) in &corpus.queries {
            let (verdict, details) = compared(&first.bind(sql), &second.bind(sql), sql);
            *counts.entry(verdict).or_default() += 1;
            write!(body, "\n== {file}: {title}\n{verdict}\n{details}").expect("text");
        }
    }
    let counts: Vec<String> = counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    let actual = format!("DataFusion on the queries of duckdb/: {}.\n{body}", counts.join(", "));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/lineage/agreement.txt");
    let differ = difference(&path, &actual);
    assert!(differ.is_none(), "{}", differ.unwrap_or_default());
}

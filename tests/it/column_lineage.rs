//! Columns of queries and where they come from, as the engine's binder sees it: `lineage/<name>.txt`.
//!
//! A file begins with its tables, one a line: `table o: id INTEGER, amount DECIMAL(10,2)`, and with statements that
//! queries rely on: `define create macro ...`. Then come queries, each
//! after a line `== title`, and after each what is expected of it: a line `name TYPE <- origins` a column, then
//! `~ filter|join|group|order: columns` and `= a, b` for what decides about rows. An origin is `o.id`, with the kind of
//! the edge before it unless the value is copied: `sum(o.amount)` is `aggregate o.amount`. `UPDATE=1` rewrites what is
//! expected: look at the difference, and check every new line by hand.

use std::fmt::Write;
use std::path::Path;

use transform::adapters::shadow::{Bound, EdgeKind, Influence, Shadow, ShadowColumn, SourceColumn};
use transform::base::{Dict, Relation};

fn shadow() -> Box<dyn Shadow> {
    let options: Dict =
        [("type".to_owned(), "duckdb".into()), ("path".to_owned(), ":memory:".into())].into_iter().collect();
    let adapter = transform::adapters::open(&options, Path::new(".")).expect("the target is complete");
    adapter.shadow().expect("DuckDB has a shadow")
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

fn run(text: &str) -> String {
    let mut shadow = shadow();
    let mut parts = text.split("\n== ");
    let head = parts.next().unwrap_or_default();
    for line in head.lines().filter(|l| l.starts_with("table ")) {
        declare(shadow.as_mut(), line);
    }
    for line in head.lines().filter_map(|l| l.strip_prefix("define ")) {
        shadow.define(line).unwrap_or_else(|e| panic!("{line}: {}", e.message));
    }
    let mut out = head.to_owned();
    for part in parts {
        let (title, body) = part.split_once('\n').unwrap_or((part, ""));
        let sql = body.split("\n--\n").next().unwrap_or_default().trim_end();
        let found = match shadow.bind(sql) {
            Ok(bound) => expectation(&bound),
            Err(error) => {
                let place = error.span.map_or_else(String::new, |s| format!(" at `{}`", &sql[s]));
                format!("error {:?}{place}: {}\n", error.problem, error.message.lines().next().unwrap_or_default())
            }
        };
        write!(out, "\n== {title}\n{sql}\n--\n{found}").expect("text");
    }
    out
}

#[test]
fn columns_come_from_where_the_binder_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/lineage");
    let mut differ = Vec::new();
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder is there").flatten().map(|e| e.path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no lineage files found");
    for path in files {
        let text = std::fs::read_to_string(&path).expect("lineage files are UTF-8");
        let actual = run(&text);
        if actual == text {
            continue;
        }
        if std::env::var_os("UPDATE").is_some_and(|v| v == "1") {
            std::fs::write(&path, actual).expect("lineage files can be written");
        } else {
            let (line, (wanted, got)) = text
                .lines()
                .zip(actual.lines())
                .enumerate()
                .find(|(_, (a, b))| a != b)
                .unwrap_or((0, ("(the lengths differ)", "")));
            differ.push(format!("{}:{}\n  wanted {wanted}\n  got    {got}", path.display(), line + 1));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

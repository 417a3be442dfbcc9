//! The rules of the house that the compiler cannot check. Each failure says which rule and where to read it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Room -> rooms it may import, besides floor 0 (`base`, `diag`, `files`, `node`).
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("diag", &[]),
    ("files", &[]),
    ("node", &[]),
    ("jinja", &[]),
    ("sql", &[]),
    ("stdlib", &[]),
    ("adapters", &[]),
    ("load", &["stdlib"]),
    ("parse", &["load", "jinja", "stdlib"]),
    ("graph", &[]),
    ("compile", &["graph", "jinja", "sql", "parse", "load"]),
    ("lineage", &["graph", "compile", "sql", "jinja", "adapters"]),
    ("state", &["adapters"]),
    ("plan", &["graph", "compile", "state", "adapters"]),
    ("execute", &["plan", "compile", "graph", "jinja", "adapters", "stdlib", "state", "parse"]),
    ("artifacts", &["graph", "compile", "lineage", "execute"]),
    ("docs", &["artifacts", "lineage"]),
    ("report", &["execute", "plan", "lineage", "adapters"]),
    (
        "cli",
        &[
            "jinja",
            "sql",
            "stdlib",
            "adapters",
            "load",
            "parse",
            "graph",
            "compile",
            "lineage",
            "state",
            "plan",
            "execute",
            "artifacts",
            "docs",
            "report",
        ],
    ),
];

/// A big dependency and the one room that may name it.
const SOLE_OWNER: &[(&str, &str)] = &[
    ("minijinja", "jinja"),
    ("sqlparser", "sql"),
    ("duckdb", "adapters"),
    ("libduckdb_sys", "adapters/duckdb"),
    ("datafusion", "adapters"),
    ("deltalake_core", "adapters/datafusion"),
    ("object_store", "adapters/datafusion"),
    ("tokio", "adapters/datafusion"),
    ("clap", "cli"),
    ("petgraph", "graph"),
    ("indicatif", "report"),
];

/// Codes that one command in one folder cannot provoke: a second process holds the database (T602), somebody presses
/// Ctrl-C (T606), our own fault (T900), or what would bloat the repository: a seed above 1 MB (T703).
const UNPROVOKED: &[&str] = &["T602", "T606", "T703", "T900"];
const FLOOR_0: &[&str] = &["base", "diag", "files", "node"];
/// Lines a file may have, without its inline tests.
const FILE_CAP: usize = 1000;

/// Unit tests in files and folders of their own: the rules are for the code that ships.
fn is_test(path: &Path) -> bool {
    let named = |name: &str| name == "tests" || name == "testing" || name.ends_with("_tests");
    path.components().any(|c| named(c.as_os_str().to_string_lossy().trim_end_matches(".rs")))
}

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    walkdir::WalkDir::new(&root)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|e| e.path().extension().is_some_and(|x| x == "rs"))
        .filter(|e| !is_test(e.path()))
        .map(|e| {
            let text = std::fs::read_to_string(e.path()).expect("sources are UTF-8");
            (e.path().strip_prefix(&root).expect("under src").to_path_buf(), text)
        })
        .collect()
}

/// The code of a file without comments, string contents aside, and without its inline tests.
fn code_of(text: &str) -> String {
    let body = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text);
    body.lines().map(|l| l.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

fn room_of(path: &Path) -> String {
    path.components().next().map(|c| c.as_os_str().to_string_lossy().into_owned()).unwrap_or_default()
}

/// Names that follow `crate::`, including those in `use crate::{a, b}` groups.
fn crate_roots(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with('$') || code[..at].ends_with('_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            let mut fresh = true;
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => fresh = true,
                    c if depth == 0 && fresh && (c.is_alphanumeric() || c == '_') => word.push(c),
                    _ => {
                        if !word.is_empty() {
                            found.push(std::mem::take(&mut word));
                            fresh = false;
                        }
                    }
                }
                if c == ',' && !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
            }
            if !word.is_empty() {
                found.push(word);
            }
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found
}

#[test]
fn rooms_import_only_what_they_may() {
    let table: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let room = room_of(&path);
        if room.ends_with(".rs") {
            continue;
        }
        let Some(allowed) = table.get(room.as_str()) else {
            wrong
                .push(format!("{}: the room `{room}` is not in the table of tests/it/architecture.rs", path.display()));
            continue;
        };
        for target in crate_roots(&code_of(&text)) {
            let floor_0 = FLOOR_0.contains(&target.as_str());
            let down = floor_0 && !FLOOR_0.contains(&room.as_str());
            let within_0 = matches!(
                (room.as_str(), target.as_str()),
                ("diag" | "files" | "node", "base") | ("files" | "node", "diag")
            );
            if target == room || target.is_empty() || down || within_0 || allowed.contains(&target.as_str()) {
                continue;
            }
            wrong.push(format!("{}: `{room}` must not import `{target}`", path.display()));
        }
    }
    assert!(wrong.is_empty(), "imports go down, or left within floor 2 (see src/lib.rs):\n{}", wrong.join("\n"));
}

#[test]
fn every_big_dependency_has_one_owner() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let place = path.to_string_lossy().replace('\\', "/");
        let code = code_of(&text);
        for (krate, owner) in SOLE_OWNER {
            let named = code.contains(&format!("use {krate}::"))
                || code.match_indices(&format!("{krate}::")).any(|(at, _)| {
                    !code[..at].ends_with("::")
                        && !code[..at].chars().last().is_some_and(|c| c.is_alphanumeric() || c == '_')
                });
            if named && !place.starts_with(owner) {
                wrong.push(format!("{place}: only `{owner}` may name `{krate}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "one room per big dependency:\n{}", wrong.join("\n"));
}

#[test]
fn only_files_touches_the_file_system_and_the_environment() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let place = path.to_string_lossy().replace('\\', "/");
        if place.starts_with("files/") {
            continue;
        }
        for needle in ["std::fs::", "use std::fs;", "std::env::", "use std::env;"] {
            if code_of(&text).contains(needle) {
                wrong.push(format!("{place}: `{needle}` belongs to `files`"));
            }
        }
    }
    wrong.retain(|w| !w.starts_with("main.rs"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_outlets_print() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let room = room_of(&path);
        if matches!(room.as_str(), "report" | "cli" | "main.rs") {
            continue;
        }
        for needle in ["println!", "eprintln!", "print!(", "eprint!(", "dbg!"] {
            if code_of(&text).contains(needle) {
                wrong.push(format!("{}: `{needle}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "stdout and stderr belong to `report` and `cli`:\n{}", wrong.join("\n"));
}

#[test]
fn files_stay_small_and_say_what_they_are_for() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let lines = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(&text).lines().count();
        if lines > FILE_CAP {
            wrong.push(format!("{}: {lines} lines, the cap is {FILE_CAP}", path.display()));
        }
        if !text.trim_start().starts_with("//!") {
            wrong.push(format!("{}: the first line must be a `//!` header", path.display()));
        }
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        if matches!(stem.as_str(), "utils" | "util" | "common" | "helpers" | "helper" | "manager" | "misc") {
            wrong.push(format!("{}: name the thing it holds", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn engines_are_named_only_where_they_live() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let room = room_of(&path);
        if matches!(room.as_str(), "adapters" | "stdlib" | "cli" | "lib.rs") {
            continue;
        }
        // `load` knows the default profile; every other room speaks of capabilities.
        if room == "load" && path.ends_with("profile.rs") {
            continue;
        }
        let code = code_of(&text).to_lowercase();
        for engine in ["duckdb", "datafusion"] {
            if code.contains(engine) {
                wrong.push(format!("{}: names `{engine}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "differences between engines are capabilities or macros:\n{}", wrong.join("\n"));
}

#[test]
fn every_code_has_an_explanation() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases: String = walkdir::WalkDir::new(root.join("tests/it/cases"))
        .into_iter()
        .filter_map(Result::ok)
        .filter(|e| e.path().extension().is_some_and(|x| x == "case"))
        .filter_map(|e| std::fs::read_to_string(e.path()).ok())
        .collect();
    let mut wrong = Vec::new();
    for (code, title, text) in transform::diag::codes::ALL {
        if title.is_empty() || text.lines().count() < 3 {
            wrong.push(format!("{code}: src/diag/codes/{code}.md says too little"));
        }
        if !cases.contains(&format!("[{code}]")) && !UNPROVOKED.contains(&code.as_str()) {
            wrong.push(format!("{code}: no case provokes it"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_project_files_hide_among_the_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let wrong: Vec<String> = walkdir::WalkDir::new(root)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|e| e.path().extension().is_some_and(|x| x == "sql" || x == "yml" || x == "md"))
        .map(|e| e.path().display().to_string())
        .collect();
    assert!(wrong.is_empty(), "tests/ is the sample project's test folder too:\n{}", wrong.join("\n"));
}

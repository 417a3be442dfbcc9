//! Runs every `cases/<area>/<name>.case`. `UPDATE=1 cargo test` rewrites the expectations; `CASE=text` narrows, and so does
//! `ENGINE=name`.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::case_file::{CaseFile, Engine};
use crate::case_run;

fn case_paths() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases");
    let wanted = std::env::var("CASE").unwrap_or_default();
    let mut paths: Vec<PathBuf> = walkdir::WalkDir::new(root)
        .into_iter()
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path)
        .filter(|p| p.extension().is_some_and(|e| e == "case") && p.to_string_lossy().contains(&wanted))
        .collect();
    paths.sort();
    paths
}

#[test]
fn every_case_holds() {
    let update = std::env::var_os("UPDATE").is_some_and(|v| v == "1");
    let paths = case_paths();
    assert!(!paths.is_empty(), "no case files found");
    let failures: Vec<String> = paths
        .par_iter()
        .filter_map(|path| {
            let text = std::fs::read_to_string(path).expect("case files are UTF-8");
            match run_on_all(&text, update) {
                Ok((_, actual)) if actual == text => None,
                Ok((_, actual)) if update => {
                    std::fs::write(path, actual).expect("case files can be written");
                    None
                }
                Ok((engine, actual)) => {
                    Some(format!("{} [{}]\n{}", path.display(), engine.name(), difference(&text, &actual)))
                }
                Err(problem) => Some(format!("{}\n{problem}", path.display())),
            }
        })
        .collect();
    assert!(failures.is_empty(), "{} of {} cases differ:\n\n{}", failures.len(), paths.len(), failures.join("\n\n"));
}

/// The case's text after a run on each of its engines, and the engine that changed it. Unless the case is rewritten, the first
/// engine that differs ends it. `ENGINE=name` leaves out all others.
fn run_on_all(text: &str, update: bool) -> Result<(Engine, String), String> {
    let mut last = (Engine::DuckDb, text.to_owned());
    let case = CaseFile::parse(text)?;
    if case.needs_python() && !case_run::has_python() {
        return Ok(last);
    }
    let wanted = std::env::var("ENGINE").unwrap_or_default();
    let runs = |engine: &Engine| engine.is_built_in() && (wanted.is_empty() || wanted == engine.name());
    for engine in case.engines()?.into_iter().filter(runs) {
        let actual = case_run::run(&CaseFile::parse(&last.1)?, engine)?;
        if actual != last.1 {
            last = (engine, actual);
            if !update {
                break;
            }
        }
    }
    Ok(last)
}

/// The differing region with its line number, expected lines marked `-`, actual ones `+`.
fn difference(expected: &str, actual: &str) -> String {
    let (e, a): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let head = e.iter().zip(&a).take_while(|(x, y)| x == y).count();
    let tail = e[head..].iter().rev().zip(a[head..].iter().rev()).take_while(|(x, y)| x == y).count();
    let mut out = format!("  from line {}:\n", head + 1);
    for line in &e[head..e.len() - tail] {
        out.push_str(&format!("  - {line}\n"));
    }
    for line in &a[head..a.len() - tail] {
        out.push_str(&format!("  + {line}\n"));
    }
    out
}

//! Runs a case in a fresh folder and writes it down again with what really happened.

use std::path::Path;
use std::process::{Command, Output};

use crate::case_file::{Block, CaseFile};
use crate::package_source;
use crate::redact::redact;

/// The case's text with actual results in place of expectations. Equal to the file when the case holds.
pub fn run(case: &CaseFile) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let root = folder.path().join("project");
    std::fs::create_dir_all(&root).map_err(|e| e.to_string())?;
    let mut out = case.prose.clone();
    let mut last: Option<Output> = None;
    let mut hub: Option<package_source::Hub> = None;
    for block in &case.blocks {
        match block {
            Block::File { path, escaped, body } => {
                out.push_str(&format!("=== file{} {path}\n{body}", if *escaped { "!" } else { "" }));
                let target = root.join(path);
                std::fs::create_dir_all(target.parent().unwrap_or(&root)).map_err(|e| e.to_string())?;
                let content = content_of(&placed(body, &root, hub.as_ref()), *escaped)?;
                std::fs::write(target, content).map_err(|e| e.to_string())?;
            }
            Block::Command { line, exit } => {
                let output = command(&root, &placed(line, &root, hub.as_ref()))?;
                let code = output.status.code().unwrap_or(-1);
                let shown = if exit.is_some() || code != 0 { format!(" [{code}]") } else { String::new() };
                out.push_str(&format!("=== $ {line}{shown}\n"));
                last = Some(output);
            }
            Block::Stdout => {
                let output = last.as_ref().ok_or("stdout before any command")?;
                out.push_str(&format!("=== stdout\n{}", shown(&output.stdout, &root, hub.as_ref())));
            }
            Block::Stderr => {
                let output = last.as_ref().ok_or("stderr before any command")?;
                out.push_str(&format!("=== stderr\n{}", shown(&output.stderr, &root, hub.as_ref())));
            }
            Block::Text { path } => {
                let text = std::fs::read(root.join(path)).unwrap_or_else(|e| format!("({})\n", e.kind()).into_bytes());
                out.push_str(&format!("=== text {path}\n{}", shown(&text, &root, hub.as_ref())));
            }
            Block::Hub { folder } => {
                out.push_str(&format!("=== hub {folder}\n"));
                hub = Some(package_source::Hub::start(root.join(folder))?);
            }
            Block::Tarball { path, folder } => {
                out.push_str(&format!("=== tarball {path} {folder}\n"));
                package_source::pack(&root.join(folder), &root.join(path))?;
            }
            Block::Git { folder, tag } => {
                out.push_str(&format!("=== git {folder} {tag}\n"));
                package_source::commit(&root.join(folder), tag)?;
            }
            Block::Query { sql } => {
                let args = ["show", "--quiet", "--inline", sql.as_str(), "--limit", "-1"];
                let output = start(&root, &[], &args.map(str::to_owned))?;
                let text = if output.status.success() { output.stdout } else { output.stderr };
                out.push_str(&format!("=== query {sql}\n{}", redact(&text, &root)));
            }
        }
    }
    Ok(out)
}

/// A text of the case with addresses of this run in place of their names.
fn placed(text: &str, root: &Path, hub: Option<&package_source::Hub>) -> String {
    let text = text.replace("[PROJECT]", &root.to_string_lossy());
    hub.map_or_else(|| text.clone(), |hub| text.replace("[HUB]", &hub.address))
}

/// Output with names in place of what changes from run to run.
fn shown(bytes: &[u8], root: &Path, hub: Option<&package_source::Hub>) -> String {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let text = hub.map_or_else(|| text.clone(), |hub| text.replace(&hub.address, "[HUB]"));
    redact(text.as_bytes(), root)
}

/// The bytes of a file block: one final newline belongs to the case format; escapes are for what text cannot show.
fn content_of(body: &str, escaped: bool) -> Result<Vec<u8>, String> {
    if !escaped {
        return Ok(body.as_bytes().to_vec());
    }
    let mut bytes = Vec::new();
    let mut rest = body.strip_suffix('\n').unwrap_or(body);
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let tail = &rest[at + 1..];
        let used = match tail.chars().next() {
            Some('r') => (vec![b'\r'], 1),
            Some('n') => (vec![b'\n'], 1),
            Some('t') => (vec![b'\t'], 1),
            Some('0') => (vec![0], 1),
            Some('\\') => (vec![b'\\'], 1),
            Some('x') => {
                let digits = tail.get(1..3).ok_or("\\x needs two digits")?;
                (vec![u8::from_str_radix(digits, 16).map_err(|e| e.to_string())?], 3)
            }
            _ => return Err(format!("unknown escape: \\{tail}")),
        };
        bytes.extend_from_slice(&used.0);
        rest = &tail[used.1..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// Whether there is a Python that can run models; asked once.
pub fn has_python() -> bool {
    static FOUND: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *FOUND.get_or_init(|| {
        let python = std::env::var_os("TRANSFORM_PYTHON").unwrap_or_else(|| "python3".into());
        let asked = Command::new(python).args(["-c", "import duckdb"]).output();
        asked.is_ok_and(|output| output.status.success())
    })
}

fn command(root: &Path, line: &str) -> Result<Output, String> {
    let words = words(line);
    let split =
        words.iter().position(|w| w == "transform").ok_or_else(|| format!("not a transform command: {line}"))?;
    let environment: Vec<(String, String)> =
        words[..split].iter().filter_map(|w| w.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    start(root, &environment, &words[split + 1..])
}

fn start(root: &Path, environment: &[(String, String)], args: &[String]) -> Result<Output, String> {
    let mut command = program(root);
    command.args(args).envs(environment.iter().map(|(k, v)| (k, v)));
    command.output().map_err(|e| e.to_string())
}

/// The program in a project's folder, with nothing of this process's environment that it could read.
pub fn program(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_transform"));
    command
        .current_dir(root)
        .env_clear()
        .env("HOME", root.parent().unwrap_or(root))
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(std::env::var_os("TRANSFORM_PYTHON").map(|v| ("TRANSFORM_PYTHON", v)))
        .envs(std::env::var_os("LD_LIBRARY_PATH").map(|v| ("LD_LIBRARY_PATH", v)))
        .env("TZ", "UTC");
    command
}

/// Shell-like words: white space separates, single and double quotes keep together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote, mut open) = (String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                open = true;
            }
            (None, c) if c.is_whitespace() => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (None, c) => word.push(c),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    words
}

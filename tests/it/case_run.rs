//! Runs a case in a fresh folder and writes it down again with what really happened.

use std::path::Path;
use std::process::{Command, Output};

use crate::case_file::{Block, CaseFile, Engine, Expected};
use crate::package_source;
use crate::redact::{redact, same_but_for_types, without_engine};

/// The case's text with actual results on an engine in place of expectations. Equal to the file when the case holds.
pub fn run(case: &CaseFile, engine: Engine) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let root = folder.path().join("project");
    std::fs::create_dir_all(&root).map_err(|e| e.to_string())?;
    let engines = case.engines()?;
    let (is_first, is_shared) = (engines.first() == Some(&engine), engines.len() > 1);
    let mut run = Run { root, engine, is_first, is_shared, out: case.prose.clone(), last: None, hub: None };
    let mut blocks = case.blocks.as_slice();
    while let [block, rest @ ..] = blocks {
        blocks = rest;
        match block {
            Block::Expected { what, engine: None, body } => {
                // Those for one engine stand right behind the one for all.
                let own = |b: &Block| match b {
                    Block::Expected { what: other, engine: Some(engine), body } if same_place(what, other) => {
                        Some((other.clone(), *engine, body.clone()))
                    }
                    _ => None,
                };
                let special: Vec<(Expected, Engine, String)> = rest.iter().map_while(own).collect();
                blocks = &rest[special.len()..];
                run.expect(what, body, &special)?;
            }
            block => run.block(block)?,
        }
    }
    Ok(run.out)
}

/// Whether two expectations are about the same thing. Engines may need a query in words of their own.
fn same_place(one: &Expected, other: &Expected) -> bool {
    one == other || matches!((one, other), (Expected::Query(_), Expected::Query(_)))
}

/// Commands whose nodes end in an order that is left to chance, and to the number of processors, where several run at once.
/// Without a profile that is so; these run one node at a time, unless a case says how many.
const RUNNING: [&str; 9] = ["build", "run", "seed", "snapshot", "test", "retry", "clone", "backfill", "source"];

struct Run {
    root: std::path::PathBuf,
    engine: Engine,
    /// Whether it is the first of the case's engines, whose results are everybody's.
    is_first: bool,
    /// Whether the case runs on several engines.
    is_shared: bool,
    out: String,
    last: Option<Output>,
    hub: Option<package_source::Hub>,
}

impl Run {
    fn block(&mut self, block: &Block) -> Result<(), String> {
        let tag = |engine: &Option<Engine>| engine.map_or_else(String::new, |e| format!("[{}] ", e.name()));
        match block {
            Block::File { path, escaped, engine, body } => {
                let word = if *escaped { "file!" } else { "file" };
                self.out.push_str(&format!("=== {word} {}{path}\n{body}", tag(engine)));
                if engine.is_none_or(|engine| engine == self.engine) {
                    let target = self.root.join(path);
                    std::fs::create_dir_all(target.parent().unwrap_or(&self.root)).map_err(|e| e.to_string())?;
                    let content = content_of(&placed(body, &self.root, self.hub.as_ref()), *escaped)?;
                    std::fs::write(target, content).map_err(|e| e.to_string())?;
                }
            }
            Block::Command { line, exit } => {
                let output = command(&self.root, self.engine, &placed(line, &self.root, self.hub.as_ref()))?;
                let code = output.status.code().unwrap_or(-1);
                let shown = if exit.is_some() || code != 0 { format!(" [{code}]") } else { String::new() };
                self.out.push_str(&format!("=== $ {line}{shown}\n"));
                self.last = Some(output);
            }
            Block::Expected { what, engine, body } => {
                // Not behind one for all: there is nothing to expect of the other engines.
                let is_own = engine.is_none_or(|engine| engine == self.engine);
                let text = if is_own { self.actual(what)? } else { body.clone() };
                self.tell(what, *engine, &text);
            }
            Block::Hub { folder } => {
                self.out.push_str(&format!("=== hub {folder}\n"));
                self.hub = Some(package_source::Hub::start(self.root.join(folder))?);
            }
            Block::Tarball { path, folder } => {
                self.out.push_str(&format!("=== tarball {path} {folder}\n"));
                package_source::pack(&self.root.join(folder), &self.root.join(path))?;
            }
            Block::Git { folder, tag } => {
                self.out.push_str(&format!("=== git {folder} {tag}\n"));
                package_source::commit(&self.root.join(folder), tag)?;
            }
        }
        Ok(())
    }

    /// An expectation for all engines and those for single ones. Where the result of an engine that is
    /// not the first differs, it gets a block of its own.
    fn expect(&mut self, what: &Expected, body: &str, special: &[(Expected, Engine, String)]) -> Result<(), String> {
        let own = special.iter().find(|(_, engine, _)| *engine == self.engine);
        let actual = self.actual(own.map_or(what, |(what, ..)| what))?;
        let common = if self.is_first { actual.clone() } else { body.to_owned() };
        self.tell(what, None, &common);
        let current = self.engine;
        for (what, engine, body) in special.iter().filter(|(_, engine, _)| *engine != current) {
            self.tell(what, Some(*engine), body);
        }
        let asks_differently = own.is_some_and(|(asked, ..)| asked != what);
        if !self.is_first && (asks_differently || !same_but_for_types(&actual, &common)) {
            let asked = own.map_or(what, |(what, ..)| what).clone();
            self.tell(&asked, Some(self.engine), &actual);
        }
        Ok(())
    }

    fn actual(&self, what: &Expected) -> Result<String, String> {
        let text = self.printed(what)?;
        Ok(if self.is_shared { without_engine(&text) } else { text })
    }

    fn printed(&self, what: &Expected) -> Result<String, String> {
        let last = || self.last.as_ref().ok_or("an expectation before any command");
        Ok(match what {
            Expected::Stdout => shown(&last()?.stdout, &self.root, self.hub.as_ref()),
            Expected::Stderr => shown(&last()?.stderr, &self.root, self.hub.as_ref()),
            Expected::Text(path) => {
                let text = std::fs::read(self.root.join(path));
                let text = text.unwrap_or_else(|e| format!("({})\n", e.kind()).into_bytes());
                shown(&text, &self.root, self.hub.as_ref())
            }
            Expected::Query(sql) => {
                let args = ["show", "--quiet", "--inline", sql.as_str(), "--limit", "-1"];
                let output = start(&self.root, self.engine, &[], &args.map(str::to_owned))?;
                let text = if output.status.success() { output.stdout } else { output.stderr };
                let text = redact(&text, &self.root);
                // A table of several rows: a line of names, a rule, and the rows.
                let several = output.status.success() && text.lines().count() > 3;
                if several && !sql.to_lowercase().contains("order by") {
                    return Err(format!("rows come in any order without an ORDER BY: {sql}"));
                }
                text
            }
        })
    }

    fn tell(&mut self, what: &Expected, engine: Option<Engine>, text: &str) {
        let tag = engine.map_or_else(String::new, |engine| format!(" [{}]", engine.name()));
        let head = match what {
            Expected::Stdout => format!("stdout{tag}"),
            Expected::Stderr => format!("stderr{tag}"),
            Expected::Text(path) => format!("text{tag} {path}"),
            Expected::Query(sql) => format!("query{tag} {sql}"),
        };
        self.out.push_str(&format!("=== {head}\n{text}"));
    }
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

fn command(root: &Path, engine: Engine, line: &str) -> Result<Output, String> {
    let words = words(line);
    let split =
        words.iter().position(|w| w == "transform").ok_or_else(|| format!("not a transform command: {line}"))?;
    let environment: Vec<(String, String)> =
        words[..split].iter().filter_map(|w| w.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let mut args = words[split + 1..].to_vec();
    let runs_nodes =
        args.iter().find(|word| !word.starts_with('-')).is_some_and(|word| RUNNING.contains(&word.as_str()));
    if runs_nodes && !line.contains("threads") && !root.join("profiles.yml").exists() {
        args.extend(["--threads", "1"].map(str::to_owned));
    }
    start(root, engine, &environment, &args)
}

fn start(root: &Path, engine: Engine, environment: &[(String, String)], args: &[String]) -> Result<Output, String> {
    let mut command = program(root);
    if engine == Engine::DataFusion {
        command.env("DBT_TARGET", "lake");
    }
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

//! The text form of a case.
//!
//! Prose first; two of its lines are headers: `needs: python` says that the case runs Python models, and is left out where no
//! Python with the module duckdb is found; `engines: duckdb, datafusion` runs it on both engines (see [`Engine`]). Then blocks,
//! each opened by a line that starts with `=== `:
//! * `=== file PATH`: a file of the project (`\r`, `\u{feff}` and `\x` escapes with `=== file! PATH`);
//! * `=== $ COMMAND`: a command line; `transform` is the binary, words may be quoted; `NAME=value` before it sets the
//!   environment. Right behind it, expectations: `exit N` stands on the same line as `=== $ ... ` in brackets: `[1]`;
//! * `=== stdout`, `=== stderr`: what the command printed, after redaction;
//! * `=== hub FOLDER`: from here on a web server on this machine serves a folder of the project; `[HUB]` in files and
//!   commands is its address, `[PROJECT]` the project's folder;
//! * `=== tarball PATH FOLDER`: packs a folder into a .tar.gz;
//! * `=== git FOLDER TAG`: makes a folder a git repository with one tagged commit;
//! * `=== text PATH`: the content of a file that the command left;
//! * `=== query SQL`: rows of a query, ordered by the query, as text.
//!
//! Where engines differ, the block for one of them follows that for all, with the engine's name in brackets: `=== file [datafusion]
//! PATH`, `=== stdout [datafusion]`, `=== stderr [datafusion]`, `=== text [datafusion] PATH`, `=== query [datafusion] SQL`.
//! Whether names of types are written in small or capital letters is no difference.

/// An engine that cases run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The embedded database file: what projects get that say nothing else.
    DuckDb,
    /// A lake in the project's folder: the target `lake`, of the project's profiles.yml if it has one.
    DataFusion,
}

impl Engine {
    const ALL: [Self; 2] = [Self::DuckDb, Self::DataFusion];

    /// The word of headers and brackets.
    pub fn name(self) -> &'static str {
        match self {
            Self::DuckDb => "duckdb",
            Self::DataFusion => "datafusion",
        }
    }

    fn parse(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|e| e.name() == name).ok_or_else(|| format!("unknown engine: {name}"))
    }

    /// Whether the binary that is tested has it.
    pub fn is_built_in(self) -> bool {
        self == Self::DuckDb || cfg!(feature = "datafusion")
    }
}

/// What a run of a case is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Standard output of the last command.
    Stdout,
    /// Standard error of the last command.
    Stderr,
    /// Content of a file.
    Text(String),
    /// Rows of a query.
    Query(String),
}

/// A block of a case.
#[derive(Clone, Debug)]
pub enum Block {
    /// A file to write.
    File { path: String, escaped: bool, engine: Option<Engine>, body: String },
    /// A command to run and the exit code expected.
    Command { line: String, exit: Option<i32> },
    /// What is expected of the last command, of all engines or of one.
    Expected { what: Expected, engine: Option<Engine>, body: String },
    /// A web server for a folder.
    Hub { folder: String },
    /// An archive of a folder.
    Tarball { path: String, folder: String },
    /// A repository with one commit.
    Git { folder: String, tag: String },
}

/// A parsed case.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// Everything before the first block.
    pub prose: String,
    /// The blocks in order.
    pub blocks: Vec<Block>,
}

impl CaseFile {
    /// Whether the case runs Python models.
    pub fn needs_python(&self) -> bool {
        self.prose.lines().any(|line| line == "needs: python")
    }

    /// The engines that the case runs on, best known first.
    pub fn engines(&self) -> Result<Vec<Engine>, String> {
        match self.prose.lines().find_map(|line| line.strip_prefix("engines: ")) {
            Some(names) => names.split(',').map(|name| Engine::parse(name.trim())).collect(),
            None => Ok(vec![Engine::DuckDb]),
        }
    }

    /// Reads a case; the message of an error names what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut prose = String::new();
        let mut blocks: Vec<Block> = Vec::new();
        let mut body = String::new();
        let mut open: Option<Block> = None;
        for line in text.split_inclusive('\n') {
            let Some(head) = line.strip_prefix("=== ") else {
                if open.is_none() {
                    prose.push_str(line)
                } else {
                    body.push_str(line)
                }
                continue;
            };
            close(&mut blocks, open.take(), &mut body);
            open = Some(head_of(head.trim_end())?);
        }
        close(&mut blocks, open, &mut body);
        Ok(Self { prose, blocks })
    }
}

fn close(blocks: &mut Vec<Block>, open: Option<Block>, text: &mut String) {
    let text = std::mem::take(text);
    match open {
        Some(Block::File { path, escaped, engine, .. }) => {
            blocks.push(Block::File { path, escaped, engine, body: text });
        }
        Some(Block::Expected { what, engine, .. }) => blocks.push(Block::Expected { what, engine, body: text }),
        Some(block) => blocks.push(block),
        None => {}
    }
}

/// The engine in brackets at the beginning of a block's head, and the rest of it.
fn tagged(rest: &str) -> Result<(Option<Engine>, String), String> {
    match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, rest)) => Ok((Some(Engine::parse(name)?), rest.trim_start().to_owned())),
        None => Ok((None, rest.to_owned())),
    }
}

fn head_of(head: &str) -> Result<Block, String> {
    let (word, rest) = head.split_once(' ').unwrap_or((head, ""));
    match word {
        "file" | "file!" => {
            let (engine, path) = tagged(rest)?;
            Ok(Block::File { path, escaped: word == "file!", engine, body: String::new() })
        }
        "$" => match rest.rsplit_once(" [") {
            Some((line, code)) if code.ends_with(']') => {
                let exit = code.trim_end_matches(']').parse().map_err(|_| format!("not an exit code: {code}"))?;
                Ok(Block::Command { line: line.to_owned(), exit: Some(exit) })
            }
            _ => Ok(Block::Command { line: rest.to_owned(), exit: None }),
        },
        "stdout" | "stderr" | "text" | "query" => {
            let (engine, rest) = tagged(rest)?;
            let what = match word {
                "stdout" => Expected::Stdout,
                "stderr" => Expected::Stderr,
                "text" => Expected::Text(rest),
                _ => Expected::Query(rest),
            };
            Ok(Block::Expected { what, engine, body: String::new() })
        }
        "hub" => Ok(Block::Hub { folder: rest.to_owned() }),
        "tarball" => match rest.split_once(' ') {
            Some((path, folder)) => Ok(Block::Tarball { path: path.to_owned(), folder: folder.to_owned() }),
            None => Err(format!("a tarball needs a path and a folder: {rest}")),
        },
        "git" => match rest.split_once(' ') {
            Some((folder, tag)) => Ok(Block::Git { folder: folder.to_owned(), tag: tag.to_owned() }),
            None => Err(format!("a repository needs a folder and a tag: {rest}")),
        },
        other => Err(format!("unknown block: {other}")),
    }
}

//! The text form of a case.
//!
//! Prose first; its line `needs: python` says that the case runs Python models, and is left out where no Python with the
//! module duckdb is found. Then blocks, each opened by a line that starts with `=== `:
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

/// A block of a case.
#[derive(Clone, Debug)]
pub enum Block {
    /// A file to write.
    File { path: String, escaped: bool, body: String },
    /// A command to run and the exit code expected.
    Command { line: String, exit: Option<i32> },
    /// Expected standard output of the last command.
    Stdout,
    /// Expected standard error of the last command.
    Stderr,
    /// Expected content of a file.
    Text { path: String },
    /// A web server for a folder.
    Hub { folder: String },
    /// An archive of a folder.
    Tarball { path: String, folder: String },
    /// A repository with one commit.
    Git { folder: String, tag: String },
    /// Expected rows.
    Query { sql: String },
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

fn close(blocks: &mut Vec<Block>, open: Option<Block>, body: &mut String) {
    let text = std::mem::take(body);
    match open {
        Some(Block::File { path, escaped, .. }) => blocks.push(Block::File { path, escaped, body: text }),
        Some(block) => blocks.push(block),
        None => {}
    }
}

fn head_of(head: &str) -> Result<Block, String> {
    let (word, rest) = head.split_once(' ').unwrap_or((head, ""));
    match word {
        "file" | "file!" => Ok(Block::File { path: rest.to_owned(), escaped: word == "file!", body: String::new() }),
        "$" => match rest.rsplit_once(" [") {
            Some((line, code)) if code.ends_with(']') => {
                let exit = code.trim_end_matches(']').parse().map_err(|_| format!("not an exit code: {code}"))?;
                Ok(Block::Command { line: line.to_owned(), exit: Some(exit) })
            }
            _ => Ok(Block::Command { line: rest.to_owned(), exit: None }),
        },
        "stdout" => Ok(Block::Stdout),
        "stderr" => Ok(Block::Stderr),
        "text" => Ok(Block::Text { path: rest.to_owned() }),
        "hub" => Ok(Block::Hub { folder: rest.to_owned() }),
        "tarball" => match rest.split_once(' ') {
            Some((path, folder)) => Ok(Block::Tarball { path: path.to_owned(), folder: folder.to_owned() }),
            None => Err(format!("a tarball needs a path and a folder: {rest}")),
        },
        "git" => match rest.split_once(' ') {
            Some((folder, tag)) => Ok(Block::Git { folder: folder.to_owned(), tag: tag.to_owned() }),
            None => Err(format!("a repository needs a folder and a tag: {rest}")),
        },
        "query" => Ok(Block::Query { sql: rest.to_owned() }),
        other => Err(format!("unknown block: {other}")),
    }
}

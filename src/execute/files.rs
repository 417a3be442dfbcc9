//! The files of nodes: seeds' CSVs, rendered code, statements that ran.
//!
//! In: [`Files`], where the target folder is. Out: [`ProjectFiles`], behind Jinja's [`NodeFiles`] and the run's [`CodeWriter`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::{Table, TableColumn};
use crate::diag::{Diagnostic, SourceFile, Span, codes};
use crate::files::{Files, FilesError};
use crate::jinja::context::host::NodeFiles;
use crate::node::{Detail, Node, ResourceType};

use super::csv_types::typed;
use super::event::plural;
use super::request::CodeWriter;

/// The path of a node's file, relative to the project.
type PathOf = Arc<dyn Fn(&Node) -> String + Send + Sync>;

/// Where code is written.
#[derive(Clone)]
pub struct CodePaths {
    /// Rendered code: `target/compiled/...`.
    pub compiled: PathOf,
    /// Statements that ran: `target/run/...`.
    pub run: PathOf,
}

/// The files of a project's nodes.
pub struct ProjectFiles {
    files: Arc<dyn Files>,
    /// The root project's folder.
    root: PathBuf,
    paths: CodePaths,
    /// `--no-write-json` and the like keep nothing.
    writes: bool,
}

impl ProjectFiles {
    /// The files below a project's folder. Without `writes`, no code is kept.
    pub fn new(files: Arc<dyn Files>, root: impl Into<PathBuf>, paths: CodePaths, writes: bool) -> Self {
        Self { files, root: root.into(), paths, writes }
    }

    fn write(&self, path: &str, text: &str) -> Result<(), Diagnostic> {
        let written = self.files.write_atomic(&self.root.join(path), text.as_bytes());
        written.map_err(|e| Diagnostic::error(codes::TARGET_UNWRITABLE, e.to_string()))
    }

    fn seed_file(&self, node: &Node) -> PathBuf {
        let package = match &node.detail {
            Detail::Seed { root_path } if !root_path.is_empty() => Path::new(root_path),
            _ => self.root.as_path(),
        };
        package.join(&node.original_path)
    }
}

impl CodeWriter for ProjectFiles {
    fn write_compiled(&self, node: &Node, code: &str) -> Result<Option<String>, Diagnostic> {
        let kept = !matches!(node.resource_type, ResourceType::Seed | ResourceType::Snapshot);
        if !self.writes || !kept {
            return Ok(None);
        }
        let path = (self.paths.compiled)(node);
        self.write(&path, code)?;
        Ok(Some(path))
    }
}

impl NodeFiles for ProjectFiles {
    fn seed_table(&self, node: &Node) -> Result<Table, Diagnostic> {
        let path = self.seed_file(node);
        let text = self.files.read_text(&path).map_err(|error| {
            let code =
                if matches!(error, FilesError::NotUtf8 { .. }) { codes::FILE_ENCODING } else { codes::FILE_UNREADABLE };
            Diagnostic::error(code, error.to_string()).node(node.id.as_str())
        })?;
        let delimiter = node.config.str("delimiter").unwrap_or(",");
        let forced: Vec<&str> =
            node.config.map("column_types").into_iter().flat_map(|types| types.keys().map(String::as_str)).collect();
        read_csv(&text, delimiter, &forced).map_err(|problem| {
            let file = SourceFile::new(node.original_path.as_str(), text.as_str());
            let start = file.line_start(problem.line);
            let length = file.text[start..].lines().next().unwrap_or_default().len();
            Diagnostic::error(codes::CONFIG_INVALID, problem.message)
                .at(Span::new(&file, start..start + length))
                .node(node.id.as_str())
                .help(
                    "every row has at most as many values as the header; values with the delimiter in them are quoted",
                )
        })
    }

    fn seed_path(&self, node: &Node) -> String {
        self.seed_file(node).to_string_lossy().into_owned()
    }

    fn write_run(&self, node: &Node, payload: &str) -> Result<(), Diagnostic> {
        if !self.writes {
            return Ok(());
        }
        self.write(&(self.paths.run)(node), payload)
    }
}

/// What is wrong with a CSV file, and in which line.
#[derive(Debug, PartialEq)]
struct CsvProblem {
    message: String,
    line: usize,
}

/// Reads a CSV file: rows that are too short are filled up with nulls, `forced` columns stay text.
fn read_csv(text: &str, delimiter: &str, forced: &[&str]) -> Result<Table, CsvProblem> {
    let at = |line: u64, message: String| CsvProblem { message, line: usize::try_from(line).unwrap_or(1) };
    let &[delimiter] = delimiter.as_bytes() else {
        return Err(at(1, format!("the delimiter of a seed is one character, not '{delimiter}'")));
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let line_of = |error: &csv::Error| error.position().map_or(1, csv::Position::line);
    let header = reader.headers().map_err(|e| at(line_of(&e), e.to_string()))?.clone();
    let names: Vec<String> = header.iter().map(str::to_owned).collect();
    let mut cells: Vec<Vec<String>> = vec![Vec::new(); names.len()];
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|e| at(line_of(&e), e.to_string()))? {
        if record.len() != names.len() {
            let line = record.position().map_or(1, |start| line_of_record(text, start));
            let (found, wanted) = (plural(record.len(), "value"), plural(names.len(), "column"));
            let message = format!("a row has {found}, but the header has {wanted}");
            return Err(at(line, message));
        }
        for (index, column) in cells.iter_mut().enumerate() {
            column.push(record.get(index).unwrap_or_default().to_owned());
        }
    }
    let height = cells.first().map_or(0, Vec::len);
    let mut rows: Vec<Vec<_>> = (0..height).map(|_| Vec::with_capacity(names.len())).collect();
    for (name, column) in names.iter().zip(cells) {
        let values = typed(column, forced.contains(&name.as_str()));
        for (row, value) in rows.iter_mut().zip(values) {
            row.push(value);
        }
    }
    let column = |name: String| TableColumn { name, data_type: String::new() };
    Ok(Table { columns: names.into_iter().map(column).collect(), rows })
}

/// A record's position is that of the blank lines before it.
fn line_of_record(text: &str, start: &csv::Position) -> u64 {
    let rest = usize::try_from(start.byte()).ok().and_then(|at| text.get(at..)).unwrap_or_default();
    start.line() + rest.bytes().take_while(|b| *b == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Value;

    #[test]
    fn csv_files_as_dbt_reads_them() {
        let table = read_csv("id;name;zip\n1;\"a;b\";01\n2;;02\n", ";", &["zip"]).expect("a table");
        let row = |index: usize| table.rows[index].clone();
        assert_eq!(row(0), [Value::Int(1), "a;b".into(), "01".into()]);
        assert_eq!(row(1), [Value::Int(2), Value::Null, "02".into()]);
        let short = read_csv("a,b\n1,2\n3\n", ",", &[]).expect_err("too few values");
        assert_eq!((short.line, short.message.as_str()), (3, "a row has 1 value, but the header has 2 columns"));
        let problem = read_csv("a,b\n1,2\n\n1,2,3\n", ",", &[]).expect_err("too many values");
        assert_eq!((problem.line, problem.message.as_str()), (4, "a row has 3 values, but the header has 2 columns"));
        assert!(read_csv("a,b\n", ",", &[]).expect("no rows").rows.is_empty());
    }
}

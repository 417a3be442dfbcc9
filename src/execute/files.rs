//! The files of nodes: seeds' CSVs, rendered code, statements that ran.
//!
//! In: [`Files`], where the target folder is. Out: [`ProjectFiles`], behind Jinja's [`NodeFiles`] and the run's [`CodeWriter`].

use std::borrow::Cow;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use crate::base::{Table, TableColumn};
use crate::diag::{Diagnostic, SourceFile, Span, codes};
use crate::files::{Files, FilesError, decode};
use crate::jinja::context::host::NodeFiles;
use crate::jinja::table::{CsvFile, Shape};
use crate::node::{Detail, Node, ResourceType};

use super::csv_types::{Kind, typed};
use super::event::plural;
use super::partitions;
use super::request::CodeWriter;

/// The path of the file of a node, or of a batch of it by its name, relative to the project.
type PathOf = Arc<dyn Fn(&Node, Option<&str>) -> String + Send + Sync>;

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
        let path = self.root.join(path);
        // Most code is that of the last run; looking is cheaper than writing.
        let same = self.files.read(&path).is_ok_and(|there| there == text.as_bytes());
        let written = if same { Ok(()) } else { self.files.write_atomic(&path, text.as_bytes()) };
        written.map_err(|e| Diagnostic::error(codes::TARGET_UNWRITABLE, e.to_string()))
    }

    /// A seed's text, and how it is written.
    fn seed_text(&self, node: &Node) -> Result<(String, Layout), Diagnostic> {
        let path = self.seed_file(node);
        let read = self.files.read(&path).and_then(|bytes| {
            let mixed = has_mixed_line_ends(&bytes);
            decode(&path, bytes).map(|text| (text, mixed))
        });
        let (text, mixed_line_ends) = read.map_err(|error| {
            let code =
                if matches!(error, FilesError::NotUtf8 { .. }) { codes::FILE_ENCODING } else { codes::FILE_UNREADABLE };
            Diagnostic::error(code, error.to_string()).node(node.id.as_str())
        })?;
        let delimiter = node.config.str("delimiter").unwrap_or(",");
        let &[delimiter] = delimiter.as_bytes() else {
            let message = format!("the delimiter of a seed is one character, not '{delimiter}'");
            return Err(CsvProblem { message, line: 1 }.in_seed(node, &text));
        };
        let forced = node.config.map("column_types").into_iter().flat_map(|types| types.keys().cloned()).collect();
        Ok((text, Layout { delimiter, forced, mixed_line_ends }))
    }

    /// A folder of this machine.
    fn local(&self, path: &str) -> Result<PathBuf, Diagnostic> {
        if path.contains("://") {
            let message = format!("partitions of {path} cannot be replaced: it is no folder of this machine");
            return Err(Diagnostic::error(codes::UNSUPPORTED, message));
        }
        Ok(self.root.join(path))
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
    fn write_compiled(&self, node: &Node, batch: Option<&str>, code: &str) -> Result<Option<String>, Diagnostic> {
        let kept = !matches!(node.resource_type, ResourceType::Seed | ResourceType::Snapshot);
        if !self.writes || !kept {
            return Ok(None);
        }
        let path = (self.paths.compiled)(node, batch);
        self.write(&path, code)?;
        Ok(Some(path))
    }

    fn seed_line(&self, file: &Path, line: usize) -> Option<Span> {
        let text = decode(file, self.files.read(file).ok()?).ok()?;
        let shown = file.strip_prefix(self.files.path_for_others(&self.root)?).unwrap_or(file);
        Some(line_span(&SourceFile::new(shown.to_string_lossy().into_owned(), text), line))
    }
}

fn line_span(file: &Arc<SourceFile>, line: usize) -> Span {
    let start = file.line_start(line);
    let length = file.text[start..].lines().next().unwrap_or_default().len();
    Span::new(file, start..start + length)
}

impl NodeFiles for ProjectFiles {
    fn seed_table(&self, node: &Node) -> Result<Table, Diagnostic> {
        let (text, layout) = self.seed_text(node)?;
        read_csv(&text, &layout).map_err(|problem| problem.in_seed(node, &text))
    }

    fn seed(&self, node: &Node) -> Result<(Shape, Option<CsvFile>), Diagnostic> {
        let (text, layout) = self.seed_text(node)?;
        let seen = scan_csv(&text, &layout).map_err(|problem| problem.in_seed(node, &text))?;
        let kinds = || seen.columns.iter().map(|(_, kind)| kind);
        let plain = !layout.mixed_line_ends && kinds().all(Kind::reads_plainly);
        let path = self.files.path_for_others(&self.seed_file(node));
        let file = path.filter(|_| plain).map(|path| CsvFile {
            path,
            delimiter: char::from(layout.delimiter),
            null_words: kinds().any(Kind::has_null_words),
        });
        let shape = Shape {
            names: seen.columns.iter().map(|(name, _)| name.clone()).collect(),
            types: kinds().map(Kind::column_type).collect(),
            decimals: kinds().map(Kind::has_decimals).collect(),
            height: seen.height,
            // The text has been read to its end without a problem.
            rows: Box::new(move || read_csv(&text, &layout).unwrap_or_default()),
        };
        Ok((shape, file))
    }

    fn seed_path(&self, node: &Node) -> String {
        self.seed_file(node).to_string_lossy().into_owned()
    }

    fn prepare_partitions(&self, location: &str, staged: &str, levels: usize) -> Result<(), Diagnostic> {
        let (location, staged) = (self.local(location)?, self.local(staged)?);
        let files = self.files.as_ref();
        let clear = || if files.is_dir(&staged) { files.remove_dir(&staged) } else { Ok(()) };
        let parent = || staged.parent().map_or(Ok(()), |parent| files.create_dir(parent));
        let done = partitions::recover(files, &location, levels).and_then(|()| clear()).and_then(|()| parent());
        done.map_err(|e| Diagnostic::error(codes::TARGET_UNWRITABLE, e.to_string()))
    }

    fn place_partitions(&self, location: &str, staged: &str, levels: usize) -> Result<(), Diagnostic> {
        let (location, staged) = (self.local(location)?, self.local(staged)?);
        let placed = match levels {
            0 => partitions::replace_all(self.files.as_ref(), &staged, &location),
            _ => partitions::replace(self.files.as_ref(), &staged, &location, levels),
        };
        placed.map_err(|e| Diagnostic::error(codes::TARGET_UNWRITABLE, e.to_string()))
    }

    fn write_run(&self, node: &Node, batch: Option<&str>, payload: &str) -> Result<(), Diagnostic> {
        if !self.writes {
            return Ok(());
        }
        self.write(&(self.paths.run)(node, batch), payload)
    }
}

/// What is wrong with a CSV file, and in which line.
#[derive(Debug, PartialEq)]
struct CsvProblem {
    message: String,
    line: usize,
}

impl CsvProblem {
    fn of(error: &csv::Error) -> Self {
        let line = error.position().map_or(1, csv::Position::line);
        Self { message: error.to_string(), line: usize::try_from(line).unwrap_or(1) }
    }

    fn in_seed(self, node: &Node, text: &str) -> Diagnostic {
        let file = SourceFile::new(node.original_path.as_str(), text);
        Diagnostic::error(codes::CONFIG_INVALID, self.message)
            .at(line_span(&file, self.line))
            .node(node.id.as_str())
            .help("every row has as many values as the header; values with the delimiter in them are quoted")
    }
}

/// How a seed is written.
struct Layout {
    delimiter: u8,
    /// Columns that stay text.
    forced: Vec<String>,
    /// Whether lines end now one way, now another: engines' readers refuse that.
    mixed_line_ends: bool,
}

fn has_mixed_line_ends(bytes: &[u8]) -> bool {
    // Most files have no carriage return: asking for one is quick.
    if !bytes.contains(&b'\r') {
        return false;
    }
    let mut ends = bytes.split_inclusive(|b| *b == b'\n').filter(|line| line.ends_with(b"\n"));
    let windows = |line: &[u8]| line.ends_with(b"\r\n");
    ends.next().is_some_and(|first| ends.any(|line| windows(line) != windows(first)))
}

/// Reads a CSV file.
fn read_csv(text: &str, layout: &Layout) -> Result<Table, CsvProblem> {
    let mut cells: Vec<Vec<String>> = Vec::new();
    let names = for_each_row(text, layout, |row| {
        cells.resize_with(row.len(), Vec::new);
        for (column, cell) in cells.iter_mut().zip(row) {
            column.push(cell.to_owned());
        }
    })?;
    cells.resize_with(names.len(), Vec::new);
    let height = cells.first().map_or(0, Vec::len);
    let mut rows: Vec<Vec<_>> = (0..height).map(|_| Vec::with_capacity(names.len())).collect();
    for (name, column) in names.iter().zip(cells) {
        let values = typed(column, layout.forced.iter().any(|forced| forced == name));
        for (row, value) in rows.iter_mut().zip(values) {
            row.push(value);
        }
    }
    let column = |name: &str| TableColumn { name: name.to_owned(), data_type: String::new() };
    Ok(Table { columns: names.iter().map(column).collect(), rows })
}

/// What a CSV file holds.
struct Seen {
    columns: Vec<(String, Kind)>,
    height: usize,
}

/// Rows that are looked at together.
const BLOCK: usize = 16_384;

/// Reads a CSV file for its types alone. While one block of rows is read, the cells of the block before it are looked at.
fn scan_csv(text: &str, layout: &Layout) -> Result<Seen, CsvProblem> {
    let mut rows = Rows::new(text, layout)?;
    let new_kinds = |names: &csv::StringRecord| -> Vec<Kind> {
        names.iter().map(|name| Kind::new(layout.forced.iter().any(|forced| forced == name))).collect()
    };
    let names = rows.header.clone();
    let fresh = new_kinds(&names);
    let mut kinds = fresh.clone();
    let (mut current, mut next) = (Block::default(), Block::default());
    let mut height = 0;
    rows.fill(&mut current)?;
    while current.filled > 0 {
        height += current.filled;
        let (read, seen) = rayon::join(|| rows.fill(&mut next), || current.kinds(&fresh));
        kinds = kinds.into_iter().zip(&seen).map(|(kind, other)| kind.and(other)).collect();
        read?;
        std::mem::swap(&mut current, &mut next);
    }
    Ok(Seen { columns: names.iter().map(str::to_owned).zip(kinds).collect(), height })
}

/// Rows in memory; their buffers are used again.
#[derive(Default)]
struct Block {
    records: Vec<csv::StringRecord>,
    filled: usize,
}

impl Block {
    /// What the columns are in these rows.
    fn kinds(&self, fresh: &[Kind]) -> Vec<Kind> {
        let of_part = |part: &[csv::StringRecord]| {
            let mut kinds = fresh.to_vec();
            for record in part {
                for (kind, cell) in kinds.iter_mut().zip(record) {
                    kind.see(cell);
                }
            }
            kinds
        };
        let both = |a: Vec<Kind>, b: Vec<Kind>| a.into_iter().zip(&b).map(|(kind, other)| kind.and(other)).collect();
        self.records[..self.filled].par_chunks(BLOCK / 8).map(of_part).reduce(|| fresh.to_vec(), both)
    }
}

/// The rows of a CSV file; every one has as many values as the header.
struct Rows<'a> {
    text: Cow<'a, str>,
    reader: csv::Reader<Box<dyn Read + Send + 'a>>,
    header: csv::StringRecord,
}

impl<'a> Rows<'a> {
    fn new(text: &'a str, layout: &Layout) -> Result<Self, CsvProblem> {
        let mut builder = csv::ReaderBuilder::new();
        builder.flexible(true).delimiter(layout.delimiter);
        let mut reader = builder.from_reader(Box::new(text.as_bytes()) as Box<dyn Read + Send + 'a>);
        let header = reader.headers().map_err(|e| CsvProblem::of(&e))?.clone();
        if header.len() != 1 {
            return Ok(Self { text: Cow::Borrowed(text), reader, header });
        }
        let text = with_blank_rows(text);
        let mut reader = builder.from_reader(Box::new(Cursor::new(text.clone())) as Box<dyn Read + Send + 'a>);
        let header = reader.headers().map_err(|e| CsvProblem::of(&e))?.clone();
        Ok(Self { text: Cow::Owned(text), reader, header })
    }

    /// Reads the next row; false at the end.
    fn read(&mut self, record: &mut csv::StringRecord) -> Result<bool, CsvProblem> {
        if !self.reader.read_record(record).map_err(|e| CsvProblem::of(&e))? {
            return Ok(false);
        }
        if record.len() != self.header.len() {
            let line = record.position().map_or(1, |start| line_of_record(&self.text, start));
            let (found, wanted) = (plural(record.len(), "value"), plural(self.header.len(), "column"));
            let message = format!("a row has {found}, but the header has {wanted}");
            return Err(CsvProblem { message, line: usize::try_from(line).unwrap_or(1) });
        }
        Ok(true)
    }

    /// Reads as many rows as a block takes.
    fn fill(&mut self, block: &mut Block) -> Result<(), CsvProblem> {
        block.filled = 0;
        while block.filled < BLOCK {
            if block.filled == block.records.len() {
                block.records.push(csv::StringRecord::new());
            }
            if !self.read(&mut block.records[block.filled])? {
                break;
            }
            block.filled += 1;
        }
        Ok(())
    }
}

/// A file with one column, in which a blank line is a row without a value. The reader would skip it.
fn with_blank_rows(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 16);
    let (mut below_header, mut quoted) = (false, false);
    for line in text.split_inclusive('\n') {
        let cell = line.trim_end_matches(['\r', '\n']);
        if cell.is_empty() && below_header && !quoted {
            written.push_str("\"\"");
        }
        below_header |= !cell.is_empty();
        if (quoted || cell.starts_with('"')) && cell.matches('"').count() % 2 == 1 {
            quoted = !quoted;
        }
        written.push_str(line);
    }
    written
}

/// Hands out the rows of a CSV file. Returns the names of its columns.
fn for_each_row(
    text: &str,
    layout: &Layout,
    mut take: impl FnMut(&csv::StringRecord),
) -> Result<csv::StringRecord, CsvProblem> {
    let mut rows = Rows::new(text, layout)?;
    let mut record = csv::StringRecord::new();
    while rows.read(&mut record)? {
        take(&record);
    }
    Ok(rows.header)
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
    use crate::jinja::table::ColumnType;

    #[test]
    fn csv_files_as_dbt_reads_them() {
        let layout = |delimiter: u8, forced: &[&str]| Layout {
            delimiter,
            mixed_line_ends: false,
            forced: forced.iter().map(|name| (*name).to_owned()).collect(),
        };
        let semicolons = layout(b';', &["zip"]);
        let text = "id;name;zip\n1;\"a;b\";01\n2;;02\n";
        let table = read_csv(text, &semicolons).expect("a table");
        let row = |index: usize| table.rows[index].clone();
        assert_eq!(row(0), [Value::Int(1), "a;b".into(), "01".into()]);
        assert_eq!(row(1), [Value::Int(2), Value::Null, "02".into()]);
        let seen = scan_csv(text, &semicolons).expect("a table");
        let kinds: Vec<_> = seen.columns.iter().map(|(name, kind)| (name.as_str(), kind.column_type())).collect();
        assert_eq!(kinds, [("id", ColumnType::Integer), ("name", ColumnType::Text), ("zip", ColumnType::Text)]);
        assert_eq!(seen.height, 2);
        let commas = layout(b',', &[]);
        let short = read_csv("a,b\n1,2\n3\n", &commas).expect_err("too few values");
        assert_eq!((short.line, short.message.as_str()), (3, "a row has 1 value, but the header has 2 columns"));
        let problem = scan_csv("a,b\n1,2\n\n1,2,3\n", &commas).err().expect("too many values");
        assert_eq!((problem.line, problem.message.as_str()), (4, "a row has 3 values, but the header has 2 columns"));
        let column = |text: &str| {
            let table = read_csv(text, &commas).expect("a table");
            assert_eq!(scan_csv(text, &commas).expect("a table").height, table.rows.len());
            table.rows.into_iter().flatten().collect::<Vec<_>>()
        };
        assert_eq!(column("a\n\n1\n\n2"), [Value::Null, Value::Int(1), Value::Null, Value::Int(2)]);
        assert_eq!(column("a\r\n\"x\r\n\r\ny\"\r\n\r\n"), ["x\r\n\r\ny".into(), Value::Null]);
        assert_eq!(scan_csv("a,b\n", &commas).expect("no rows").columns.len(), 2);
        assert!(read_csv("a,b\n", &commas).expect("no rows").rows.is_empty());
    }
}

//! Cells of CSV files -> values. In: a file's text. Out: arrays of the columns that are wanted. A row that does not fit and a cell
//! that is no value of its column are errors that name the line.

use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, RecordBatch, StringArray, StringBuilder, new_null_array,
};
use datafusion::arrow::compute::filter;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result};
use datafusion::physical_expr::PhysicalExpr;

use super::super::bytes::Input;
use super::super::options::Options;
use super::super::text::{Decode, Wanted};
use super::CELL;
use super::layout::Layout;
use super::sniff::{unique, values};

/// A column of the table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// Where it is in files whose columns are not told apart by name.
    pub(super) index: usize,
    pub(super) data_type: DataType,
    /// What makes values of its cells; none of text.
    pub(super) convert: Option<Arc<dyn PhysicalExpr>>,
    /// Whether no cell of it stands for NULL.
    pub(super) not_null: bool,
}

impl Column {
    pub(super) fn field(&self) -> Field {
        Field::new(&self.name, self.data_type.clone(), true)
    }
}

/// Reads CSV files.
#[derive(Debug)]
pub(super) struct CsvDecoder {
    pub(super) columns: Vec<Column>,
    /// How files are written, by their names.
    pub(super) layouts: HashMap<String, Layout>,
    /// How the others are.
    pub(super) usual: Layout,
    pub(super) options: Arc<Options>,
}

fn wrong(text: String) -> DataFusionError {
    DataFusionError::ArrowError(Box::new(ArrowError::CastError(text)), None)
}

impl Decode for CsvDecoder {
    fn read<'a>(&'a self, mut input: Input, file: &'a str, wanted: Wanted<'a>) -> Result<()> {
        let layout = self.layouts.get(file).unwrap_or(&self.usual);
        let mut line = Vec::new();
        for _ in 0..layout.skip {
            line.clear();
            input.read_until(b'\n', &mut line)?;
        }
        // The end of the last line is there, so that empty lines can be counted by line numbers; and an empty line after it, which
        // only a quote that is never closed takes for its own.
        let mut reader = layout.reader(input.chain(&b"\n\n"[..]));
        let mut record = csv::ByteRecord::new();
        let lost = |e: csv::Error| wrong(format!("\"{file}\" cannot be read: {e}"));
        if !reader.read_byte_record(&mut record).map_err(lost)? {
            return Ok(());
        }
        let (places, width) = self.places(layout, &record, file, wanted.columns)?;
        let mut rows = Rows::new(self, file, wanted, places);
        let mut pending = !layout.header;
        let mut started = 1;
        loop {
            let before = reader.position().byte();
            if !pending && !reader.read_byte_record(&mut record).map_err(lost)? {
                if reader.position().byte() == before {
                    let line = layout.skip as u64 + started;
                    return Err(wrong(format!("\"{file}\", line {line}: a quote is never closed")));
                }
                break;
            }
            started = record.position().map_or(1, csv::Position::line);
            let ended = reader.position().line();
            // Most rows take one line, and need no counting.
            let mut empty = ended.saturating_sub(started + 1);
            if empty > 0 {
                let within: usize = record.iter().map(|cell| cell.iter().filter(|b| **b == b'\n').count()).sum();
                empty = empty.saturating_sub(within as u64);
            }
            let at = layout.skip as u64 + started + empty;
            if width == 1 && layout.comment.is_none() {
                for line in 0..empty {
                    rows.add_null(layout.skip as u64 + started + line)?;
                }
            }
            pending = false;
            if record.len() != width && !(record.len() < width && self.options.null_padding) {
                if self.options.ignore_errors {
                    continue;
                }
                let found = values(record.len());
                let text = format!("\"{file}\", line {at}: it has {found}, others have {width}");
                return Err(wrong(text));
            }
            if !rows.add(&record, at)? {
                return Ok(());
            }
        }
        rows.flush().map(|_| ())
    }
}

impl CsvDecoder {
    /// Where the wanted columns are in a file whose first row this is, and how many columns the file has.
    fn places(
        &self,
        layout: &Layout,
        first: &csv::ByteRecord,
        file: &str,
        wanted: &[usize],
    ) -> Result<(Vec<Option<usize>>, usize)> {
        let padded = |width: usize| if self.options.null_padding { width.max(self.columns.len()) } else { width };
        let own = !self.options.columns.is_empty() || !layout.header;
        if own {
            let width = padded(first.len());
            let place = |at: &usize| Some(self.columns[*at].index).filter(|index| *index < width);
            let places: Vec<Option<usize>> = wanted.iter().map(place).collect();
            if places.contains(&None) && !self.options.union_by_name {
                let text = format!("\"{file}\" has {width} columns, others have {}", self.columns.len());
                return Err(wrong(text));
            }
            return Ok((places, width));
        }
        let width = padded(first.len());
        let name = |at: usize| {
            let written = first.get(at).map(|cell| String::from_utf8_lossy(cell).into_owned());
            let written = written.filter(|name| !name.trim().is_empty());
            self.options.names.get(at).cloned().or(written).unwrap_or_else(|| format!("column{at}"))
        };
        let names = unique((0..width).map(name));
        let place = |at: &usize| {
            let column = &self.columns[*at].name;
            let found = names.iter().position(|name| name.eq_ignore_ascii_case(column));
            if found.is_none() && !self.options.union_by_name {
                let text = format!(
                    "\"{file}\" has no column \"{column}\", which the first file has; `union_by_name = true` reads files with \
                     other columns"
                );
                return Err(wrong(text));
            }
            Ok(found)
        };
        Ok((wanted.iter().map(place).collect::<Result<Vec<_>>>()?, width))
    }
}

/// Rows until they make a batch.
struct Rows<'a> {
    decoder: &'a CsvDecoder,
    file: &'a str,
    wanted: Wanted<'a>,
    places: Vec<Option<usize>>,
    cells: Vec<StringBuilder>,
    lines: Vec<u64>,
}

impl<'a> Rows<'a> {
    fn new(decoder: &'a CsvDecoder, file: &'a str, wanted: Wanted<'a>, places: Vec<Option<usize>>) -> Self {
        let cells = places.iter().map(|_| StringBuilder::new()).collect();
        Self { decoder, file, wanted, places, cells, lines: Vec::new() }
    }

    fn column(&self, at: usize) -> &'a Column {
        &self.decoder.columns[self.wanted.columns[at]]
    }

    /// Adds a row; false if no more are wanted.
    fn add(&mut self, record: &csv::ByteRecord, line: u64) -> Result<bool> {
        for at in 0..self.places.len() {
            let cell = self.places[at].and_then(|place| record.get(place));
            let null = cell.is_none_or(|cell| {
                let nulls = &self.decoder.options.nulls;
                !self.column(at).not_null && nulls.iter().any(|null| null.as_bytes() == cell)
            });
            match cell.filter(|_| !null).map(std::str::from_utf8) {
                None => self.cells[at].append_null(),
                Some(Ok(text)) => self.cells[at].append_value(text),
                Some(Err(_)) => return Err(wrong(format!("\"{}\", line {line}: this is not UTF-8", self.file))),
            }
        }
        self.lines.push(line);
        if self.lines.len() >= self.wanted.rows { self.flush() } else { Ok(true) }
    }

    fn add_null(&mut self, line: u64) -> Result<bool> {
        self.cells.iter_mut().for_each(StringBuilder::append_null);
        self.lines.push(line);
        if self.lines.len() >= self.wanted.rows { self.flush() } else { Ok(true) }
    }

    /// Hands out what has been read; false if no more is wanted.
    fn flush(&mut self) -> Result<bool> {
        let lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            return Ok(true);
        }
        let mut right = vec![true; lines.len()];
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.cells.len());
        for at in 0..self.cells.len() {
            let (column, text) = (self.column(at), self.cells[at].finish());
            let Some(convert) = &column.convert else {
                arrays.push(Arc::new(text));
                continue;
            };
            if self.places[at].is_none() {
                arrays.push(new_null_array(&column.data_type, lines.len()));
                continue;
            }
            let values = converted(convert, &text)?;
            if values.null_count() > text.null_count() {
                let lost = |row: &usize| text.is_valid(*row) && values.is_null(*row);
                for row in (0..lines.len()).filter(lost) {
                    right[row] = false;
                    if !self.decoder.options.ignore_errors {
                        return Err(self.no_value(column, lines[row], text.value(row)));
                    }
                }
            }
            arrays.push(values);
        }
        let mut rows = lines.len();
        if right.contains(&false) {
            rows = right.iter().filter(|right| **right).count();
            let mask = BooleanArray::from(right);
            arrays = arrays.iter().map(|a| Ok(filter(a, &mask)?)).collect::<Result<Vec<_>>>()?;
        }
        Ok((self.wanted.take)(arrays, rows))
    }

    fn no_value(&self, column: &Column, line: u64, cell: &str) -> DataFusionError {
        let (file, name) = (self.file, &column.name);
        let wanted = crate::adapters::datafusion::type_names::sql_name(&column.data_type);
        wrong(format!(
            "\"{file}\", line {line}: '{cell}' in the column \"{name}\" is no {wanted}; \
             `types = {{'{name}': 'varchar'}}` reads it as text"
        ))
    }
}

fn converted(convert: &Arc<dyn PhysicalExpr>, text: &StringArray) -> Result<ArrayRef> {
    let schema = Arc::new(Schema::new(vec![Field::new(CELL, DataType::Utf8, true)]));
    let batch = RecordBatch::try_new(schema, vec![Arc::new(text.clone())])?;
    convert.evaluate(&batch)?.into_array(text.len())
}

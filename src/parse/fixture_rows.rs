//! CSV fixtures of unit tests as rows, the form in which dbt's artifacts hold them.
//!
//! In: CSV text. Out: rows by column.

use crate::base::{Dict, Value};

/// CSV text with a header; empty cells are null, all others are text.
pub fn csv_rows(text: &str) -> Result<Vec<Value>, csv::Error> {
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers()?.clone();
    let row = |record: csv::StringRecord| {
        let cell = |(index, name): (usize, &str)| {
            let cell = record.get(index).filter(|cell| !cell.is_empty());
            (name.to_owned(), Value::from(cell.map(str::to_owned)))
        };
        Value::Map(header.iter().enumerate().map(cell).collect::<Dict>())
    };
    reader.records().map(|record| record.map(row)).collect()
}

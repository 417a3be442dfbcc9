//! Records of JSON files -> values. In: a file's text. Out: arrays of the columns that are wanted.

use std::io::BufRead;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::json::ReaderBuilder;
use datafusion::arrow::json::reader::Decoder;
use datafusion::common::Result;
use serde_json::Value;

use super::super::bytes::Input;
use super::super::options::Arrangement;
use super::super::text::{Decode, Wanted};
use super::VALUES;
use super::records::{each, sequence, wrong};
use super::shape::Shape;

/// Reads JSON files.
#[derive(Debug)]
pub(super) struct JsonDecoder {
    pub(super) schema: SchemaRef,
    /// What the columns are.
    pub(super) shape: Vec<(String, Shape)>,
    /// Whether values are records; else each is the value of the only column.
    pub(super) of_records: bool,
    /// Whether a field that is no column is an error.
    pub(super) strict: bool,
    pub(super) arrangement: Arrangement,
}

impl Decode for JsonDecoder {
    fn read<'a>(&'a self, input: Input, file: &'a str, mut wanted: Wanted<'a>) -> Result<()> {
        let decoder = ReaderBuilder::new(Arc::clone(&self.schema))
            .with_batch_size(wanted.rows)
            .with_coerce_primitive(true)
            .with_strict_mode(self.strict && self.of_records)
            .build_decoder()?;
        let plain = self.of_records && self.shape.iter().all(|(_, shape)| shape.is_plain() && !self.may_nest(shape));
        if plain {
            self.as_they_stand(input, file, decoder, &mut wanted)
        } else {
            self.fitted(input, file, decoder, &mut wanted)
        }
    }
}

impl JsonDecoder {
    /// Whether a text can be made of a list or a record: only where the types are said.
    fn may_nest(&self, shape: &Shape) -> bool {
        !self.strict && *shape == Shape::Text
    }

    fn as_they_stand(&self, input: Input, file: &str, mut decoder: Decoder, wanted: &mut Wanted<'_>) -> Result<()> {
        let mut records = sequence(input, file, self.arrangement)?;
        loop {
            let there = records.fill_buf().map_err(|e| wrong(file, &e.to_string()))?;
            if there.is_empty() {
                break;
            }
            let length = there.len();
            let used = decoder.decode(there).map_err(|e| wrong(file, &because(&e.to_string())))?;
            records.consume(used);
            if used < length && !self.flush(file, &mut decoder, wanted)? {
                return Ok(());
            }
        }
        self.flush(file, &mut decoder, wanted).map(|_| ())
    }

    fn fitted(&self, input: Input, file: &str, mut decoder: Decoder, wanted: &mut Wanted<'_>) -> Result<()> {
        let shape = Shape::Struct(self.shape.clone());
        let mut rows: Vec<Value> = Vec::new();
        let mut more = true;
        let most = wanted.rows.min(1024);
        each(input, file, self.arrangement, |value| {
            let record =
                if self.of_records { value } else { Value::Object([(VALUES.to_owned(), value)].into_iter().collect()) };
            rows.push(shape.fitted(record));
            if rows.len() >= most {
                decoder.serialize(&rows).map_err(|e| wrong(file, &because(&e.to_string())))?;
                rows.clear();
                more = self.flush(file, &mut decoder, wanted)?;
            }
            Ok(more)
        })?;
        if more && !rows.is_empty() {
            decoder.serialize(&rows).map_err(|e| wrong(file, &because(&e.to_string())))?;
            self.flush(file, &mut decoder, wanted)?;
        }
        Ok(())
    }

    /// Hands out what has been read; false if no more is wanted.
    fn flush(&self, file: &str, decoder: &mut Decoder, wanted: &mut Wanted<'_>) -> Result<bool> {
        let flushed: Option<RecordBatch> = decoder.flush().map_err(|e| wrong(file, &because(&e.to_string())))?;
        let Some(batch) = flushed else { return Ok(true) };
        let arrays = wanted.columns.iter().map(|at| Arc::clone(batch.column(*at))).collect();
        Ok((wanted.take)(arrays, batch.num_rows()))
    }
}

/// The reader's words without its label.
fn because(text: &str) -> String {
    text.trim_start_matches("Json error: ").to_owned()
}

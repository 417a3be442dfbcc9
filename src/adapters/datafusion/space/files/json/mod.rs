//! JSON files as one table. In: files, what the call says. Out: what queries read of them.
//!
//! * [`shape`]: what values are; [`records`]: records one after the other, or within an array; [`decode`]: their values

mod decode;
mod records;
mod shape;

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::execution::context::SessionState;

use self::decode::JsonDecoder;
use self::shape::Shape;
use super::bytes::Opened;
use super::glob::FoundFiles;
use super::hive::Extra;
use super::options::Options;
use super::seen;
use super::text::TextTable;
use crate::adapters::AdapterError;
use crate::adapters::datafusion::errors;

/// So many files are looked at for the columns, unless all have to be.
const LOOKED_AT: usize = 32;
/// The column of values that are no records.
const VALUES: &str = "json";

/// Opens JSON files.
pub(super) async fn open(
    session: &SessionState,
    found: FoundFiles,
    options: Options,
) -> Result<Arc<dyn TableProvider>, AdapterError> {
    options.refuse_unknown_columns()?;
    let options = Arc::new(options);
    let looked_at = match (options.columns.is_empty(), options.union_by_name) {
        (false, _) => 0,
        (true, true) => found.files.len(),
        (true, false) => LOOKED_AT,
    };
    let shapes: Vec<Arc<Shape>> = seen::looked_at(session, &found, looked_at, "json", &options, look).await?;
    let FoundFiles { place, files, .. } = found;
    let shape = shapes.iter().fold(Shape::Null, |all, shape| all.and(shape.as_ref().clone()));
    let (shape, of_records) = if options.columns.is_empty() {
        table(shape)
    } else {
        let declared = options.columns.iter().map(|(name, t)| (name.clone(), Shape::of_type(t)));
        (declared.collect(), true)
    };
    let types = shape.iter().map(|(name, shape)| {
        let declared = options.columns.iter().find(|(n, _)| n == name).map(|(_, t)| t.clone());
        Field::new(name, declared.unwrap_or_else(|| shape.data_type()), true)
    });
    let schema = Schema::new(types.collect::<Vec<_>>());
    let extra = Extra::of(&files, &options)?;
    let kept = extra.without(&schema, &options)?;
    let fields: Vec<Field> = kept.fields().iter().map(|f| f.as_ref().clone()).collect();
    let decoder = JsonDecoder {
        shape: shape.into_iter().filter(|(name, _)| kept.field_with_name(name).is_ok()).collect(),
        // What a folder says as well may stand in the records.
        strict: options.columns.is_empty() && fields.len() == schema.fields().len(),
        schema: Arc::new(kept),
        of_records,
        arrangement: options.arrangement,
    };
    let table = TextTable::new(place, &files, Arc::new(decoder), &fields, &extra, &options);
    extra.in_order(Arc::new(table), &schema)
}

/// The columns of records with a shape, and whether they are records.
fn table(shape: Shape) -> (Vec<(String, Shape)>, bool) {
    match shape {
        Shape::Struct(fields) if !fields.is_empty() => (fields, true),
        Shape::Null => (vec![(VALUES.to_owned(), Shape::Json)], false),
        other => (vec![(VALUES.to_owned(), other)], false),
    }
}

fn look(opened: Opened, file: &str, options: &Options) -> Result<Shape, AdapterError> {
    let mut shape = Shape::Null;
    let mut left = options.sample;
    let read = opened.text().and_then(|input| {
        records::each(input, file, options.arrangement, |value| {
            let seen = std::mem::replace(&mut shape, Shape::Null);
            shape = seen.and(Shape::of(&value));
            left = left.saturating_sub(1);
            Ok(left > 0)
        })
    });
    read.map_err(|e| errors::running(&e))?;
    Ok(shape)
}

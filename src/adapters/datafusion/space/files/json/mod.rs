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
use futures::{FutureExt, StreamExt, TryStreamExt};

use self::decode::JsonDecoder;
use self::shape::Shape;
use super::bytes::{self, Input};
use super::glob::FoundFiles;
use super::hive::Extra;
use super::options::Options;
use super::seen;
use super::text::{Member, TextTable};
use crate::adapters::datafusion::errors;
use crate::adapters::{AdapterError, ErrorKind};

/// So many files are looked at for the columns, unless all have to be.
const LOOKED_AT: usize = 32;
/// Files that are looked at at a time.
const AT_ONCE: usize = 8;
/// The column of values that are no records.
const VALUES: &str = "json";

/// Opens JSON files.
pub(super) async fn open(
    session: &SessionState,
    found: FoundFiles,
    options: Options,
) -> Result<Arc<dyn TableProvider>, AdapterError> {
    if !options.auto_detect && options.columns.is_empty() {
        let error = errors::told(ErrorKind::Binder, "`auto_detect = false` needs `columns`");
        return Err(error.with_help("name them with their types: `columns = {'id': 'bigint', 'name': 'varchar'}`"));
    }
    let FoundFiles { place, store, files } = found;
    let options = Arc::new(options);
    let way = format!("json {options:?}");
    let looked_at = match (options.columns.is_empty(), options.union_by_name) {
        (false, _) => 0,
        (true, true) => files.len(),
        (true, false) => files.len().min(LOOKED_AT),
    };
    let looks = files.iter().take(looked_at).map(|file| {
        let (store, options, way) = (Arc::clone(&store), Arc::clone(&options), &way);
        async move {
            let key = seen::key(file, way);
            if let Some(known) = seen::known::<Shape>(session, &key) {
                return Ok(known);
            }
            let compression = options.compression_of(&file.shown);
            let opened =
                bytes::open(&store, &file.meta.location, compression).await.map_err(|e| errors::running(&e))?;
            let shown = file.shown.clone();
            let look = tokio::task::spawn_blocking(move || {
                let input = opened.text().map_err(|e| errors::running(&e))?;
                look(input, &shown, &options).map_err(|e| errors::running(&e))
            });
            let shape = Arc::new(look.await.map_err(|e| errors::told(ErrorKind::Other, e.to_string()))??);
            seen::remember(session, key, &shape);
            Ok::<_, AdapterError>(shape)
        }
        .boxed()
    });
    // All are made before one is awaited: the compiler cannot follow a stream that makes them of borrowed files.
    let looks = futures::stream::iter(looks.collect::<Vec<_>>());
    let shapes: Vec<Arc<Shape>> = looks.buffered(AT_ONCE).try_collect().await?;
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
    let members = files.iter().zip(&extra.values).map(|(file, values)| Member {
        file: file.clone(),
        compression: options.compression_of(&file.shown),
        values: values.clone(),
    });
    let table = TextTable::new(place, members.collect(), Arc::new(decoder), &fields, extra.fields.clone());
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

fn look(input: Input, file: &str, options: &Options) -> datafusion::common::Result<Shape> {
    let mut shape = Shape::Null;
    let mut left = options.sample;
    records::each(input, file, options.arrangement, |value| {
        let seen = std::mem::replace(&mut shape, Shape::Null);
        shape = seen.and(Shape::of(&value));
        left = left.saturating_sub(1);
        Ok(left > 0)
    })?;
    Ok(shape)
}

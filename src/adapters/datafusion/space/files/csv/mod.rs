//! CSV files as one table. In: files, what the call says. Out: what queries read of them.
//!
//! * [`layout`]: what parts values, what quotes them, whether the first line names the columns
//! * [`sniff`]: the columns of a file and what they are; [`decode`]: their values

mod decode;
mod layout;
mod sniff;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::DFSchema;
use datafusion::execution::context::SessionState;
use datafusion::functions::expr_fn::{lower, replace};
use datafusion::logical_expr::{Expr, lit, try_cast};
use datafusion::physical_expr::PhysicalExpr;

use self::decode::{Column, CsvDecoder};
use self::sniff::Sniffed;
use super::bytes::Opened;
use super::glob::{Found, FoundFiles};
use super::guess::Kind;
use super::hive::Extra;
use super::options::Options;
use super::seen;
use super::text::TextTable;
use crate::adapters::datafusion::errors;
use crate::adapters::{AdapterError, ErrorKind};

/// So many files are looked at for the types, unless all have to be.
const LOOKED_AT: usize = 10;
/// What a cell is called where it is read.
const CELL: &str = "cell";

/// Opens CSV files.
pub(super) async fn open(
    session: &SessionState,
    found: FoundFiles,
    options: Options,
) -> Result<Arc<dyn TableProvider>, AdapterError> {
    options.refuse_unknown_columns()?;
    let options = Arc::new(options);
    let looked_at = if options.union_by_name { found.files.len() } else { LOOKED_AT };
    let sniffed: Vec<Arc<Sniffed>> = seen::looked_at(session, &found, looked_at, "csv", &options, look).await?;
    let FoundFiles { place, files, .. } = found;
    let columns = columns(session, &sniffed, &files, &options)?;
    let schema = Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>());
    let extra = Extra::of(&files, &options)?;
    let kept = extra.without(&schema, &options)?;
    let columns: Vec<Column> = columns.into_iter().filter(|c| kept.field_with_name(&c.name).is_ok()).collect();
    let fields: Vec<Field> = columns.iter().map(Column::field).collect();
    // A file without a line says nothing of how the others are written.
    let usual = sniffed.iter().find(|s| !s.is_empty).or(sniffed.first()).map(|s| s.layout.clone()).unwrap_or_default();
    let layouts = files.iter().zip(&sniffed).map(|(file, sniffed)| {
        let mut layout = sniffed.layout.clone();
        // Where the first file names its columns, the others do.
        layout.header |= usual.header && options.header.is_none();
        (file.shown.clone(), layout)
    });
    let layouts: HashMap<_, _> = layouts.collect();
    let decoder = CsvDecoder { columns, layouts, usual, options: Arc::clone(&options) };
    let table = TextTable::new(place, &files, Arc::new(decoder), &fields, &extra, &options);
    extra.in_order(Arc::new(table), &schema)
}

fn look(opened: Opened, file: &str, options: &Options) -> Result<Sniffed, AdapterError> {
    let input = opened.text().map_err(|e| unreadable(file, &errors::running(&e).message))?;
    sniff::sniff(input, file, options)
}

pub(super) fn unreadable(file: &str, why: &str) -> AdapterError {
    errors::told(ErrorKind::Io, format!("\"{file}\" cannot be read: {why}"))
}

/// The columns of all files, with what turns their cells into values.
fn columns(
    session: &SessionState,
    sniffed: &[Arc<Sniffed>],
    files: &[Found],
    options: &Options,
) -> Result<Vec<Column>, AdapterError> {
    let mut found: Vec<(String, Option<Kind>, usize)> = Vec::new();
    let first = sniffed.iter().find(|s| !s.is_empty).or(sniffed.first());
    for (index, (name, kind)) in first.iter().flat_map(|s| &s.columns).enumerate() {
        found.push((name.clone(), kind.clone(), index));
    }
    for other in sniffed.iter().filter(|s| !s.is_empty && first.is_none_or(|first| !Arc::ptr_eq(first, s))) {
        for (index, (name, kind)) in other.columns.iter().enumerate() {
            let named = other.layout.header && options.columns.is_empty();
            let place = found.iter().position(|(n, ..)| n.eq_ignore_ascii_case(name)).filter(|_| named);
            match place.or(if named { None } else { Some(index).filter(|at| *at < found.len()) }) {
                Some(at) => {
                    found[at].1 = match (found[at].1.take(), kind.clone()) {
                        (Some(a), Some(b)) => Some(a.and(b)),
                        (a, b) => a.or(b),
                    }
                }
                None if options.union_by_name => found.push((name.clone(), kind.clone(), found.len())),
                None => {}
            }
        }
    }
    let unknown = options.types.iter().map(|(name, _)| name).chain(&options.force_not_null);
    for name in unknown {
        if !found.iter().any(|(n, ..)| n.eq_ignore_ascii_case(name)) {
            let text = format!("\"{}\" has no column `{name}`", files[0].shown);
            let mut error = errors::told(ErrorKind::Binder, text);
            error.candidates = errors::nearest(name, found.iter().map(|(n, ..)| n.as_str()));
            return Err(error);
        }
    }
    if options.first_types.len() > found.len() {
        let text = format!("\"{}\" has {} columns, not {}", files[0].shown, found.len(), options.first_types.len());
        return Err(errors::told(ErrorKind::Binder, text));
    }
    let column = |(name, kind, index): (String, Option<Kind>, usize)| {
        let named = |list: &[(String, DataType)]| {
            list.iter().find(|(n, _)| n.eq_ignore_ascii_case(&name)).map(|(_, data_type)| data_type.clone())
        };
        let said = options.columns.get(index).map(|(_, t)| t.clone()).or_else(|| named(&options.types));
        let said = said.or_else(|| options.first_types.get(index).cloned());
        let kind = kind.filter(|_| !options.all_varchar).unwrap_or(Kind::Text);
        let data_type = said.clone().unwrap_or_else(|| kind.data_type());
        let convert = conversion(session, said.as_ref(), &kind, options)?;
        let not_null = options.force_not_null.iter().any(|n| n.eq_ignore_ascii_case(&name));
        Ok(Column { name, index, data_type, convert, not_null })
    };
    found.into_iter().map(column).collect()
}

/// What turns cells into values; NULL where one is none.
fn conversion(
    session: &SessionState,
    said: Option<&DataType>,
    kind: &Kind,
    options: &Options,
) -> Result<Option<Arc<dyn PhysicalExpr>>, AdapterError> {
    let data_type = said.cloned().unwrap_or_else(|| kind.data_type());
    if matches!(data_type, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8) {
        return Ok(None);
    }
    let form = match (&data_type, said, kind) {
        (_, None, Kind::Date(form) | Kind::Timestamp(form)) => form.clone(),
        (DataType::Date32, Some(_), Kind::Date(form)) => options.date_format.clone().or(form.clone()),
        (DataType::Timestamp(..), Some(_), Kind::Timestamp(form)) => options.timestamp_format.clone().or(form.clone()),
        (DataType::Date32, Some(_), _) => options.date_format.clone(),
        (DataType::Timestamp(..), Some(_), _) => options.timestamp_format.clone(),
        _ => None,
    };
    let cell = Expr::Column(datafusion::common::Column::from_name(CELL));
    let value = match (&data_type, form) {
        (_, Some(form)) => {
            let function = session.scalar_functions().get("try_strptime");
            let function = function.ok_or_else(|| errors::told(ErrorKind::Other, "there is no `try_strptime`"))?;
            function.call(vec![cell, lit(form)])
        }
        (DataType::Boolean, _) => lower(cell),
        (t, _) if options.decimal_comma && (t.is_floating() || t.is_decimal()) => replace(cell, lit(","), lit(".")),
        _ => cell,
    };
    let schema = Schema::new(vec![Field::new(CELL, DataType::Utf8, true)]);
    let made =
        DFSchema::try_from(schema).and_then(|schema| session.create_physical_expr(try_cast(value, data_type), &schema));
    made.map(Some).map_err(|e| errors::running(&e))
}

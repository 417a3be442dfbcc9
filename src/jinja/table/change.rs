//! Tables made from tables: fewer or other columns and rows.
//!
//! In: a table's contents and arguments. Out: a new table.

use std::cmp::Ordering;

use indexmap::IndexSet;
use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

use super::data::Data;
use super::{AgateTable, Row};
use crate::base;
use crate::jinja::pylib::arguments::{bind, flag, optional_integer};
use crate::jinja::values::{compare, elements, is_mapping, key_error, pairs, to_str, try_sort, tuple, value_error};
use std::sync::Arc;

/// The places of the columns that a name or a sequence of names means.
fn places(data: &Data, key: &Value) -> Result<Vec<usize>, Error> {
    let names = if key.kind() == ValueKind::String { vec![key.clone()] } else { elements(key)? };
    let place = |name: &Value| data.place(&to_str(name)).ok_or_else(|| key_error(name));
    names.iter().map(place).collect()
}

fn with_columns(data: &Data, places: &[usize]) -> AgateTable {
    AgateTable::new(base::Table {
        columns: places.iter().map(|place| data.columns()[*place].clone()).collect(),
        rows: data.base().rows.iter().map(|row| places.iter().map(|place| row[*place].clone()).collect()).collect(),
    })
}

fn with_rows(data: &Data, places: impl IntoIterator<Item = usize>) -> AgateTable {
    AgateTable::new(base::Table {
        columns: data.columns().to_vec(),
        rows: places.into_iter().filter_map(|place| data.base().rows.get(place).cloned()).collect(),
    })
}

/// The table with these columns only, in this order.
pub(super) fn select(data: &Data, key: &Value) -> Result<AgateTable, Error> {
    Ok(with_columns(data, &places(data, key)?))
}

/// The table without these columns.
pub(super) fn exclude(data: &Data, key: &Value) -> Result<AgateTable, Error> {
    let excluded: Vec<String> = match key.kind() {
        ValueKind::String => vec![to_str(key)],
        _ => elements(key)?.iter().map(to_str).collect(),
    };
    let kept: Vec<usize> = data
        .names()
        .enumerate()
        .filter(|(_, name)| !excluded.iter().any(|other| other == name))
        .map(|(place, _)| place)
        .collect();
    Ok(with_columns(data, &kept))
}

/// A name in lower case with single underscores.
fn slug(name: &str) -> String {
    let mut out = String::new();
    for char in name.to_lowercase().chars() {
        if char.is_alphanumeric() {
            out.push(char);
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    out.trim_end_matches('_').to_owned()
}

/// The table with other column names.
pub(super) fn rename(data: &Data, args: &[Value]) -> Result<AgateTable, Error> {
    let names = ["column_names", "row_names", "slug_columns", "slug_rows"];
    let [columns, _rows, slugs, _slug_rows] = bind("rename", args, names, 0)?;
    let mut renamed: Vec<String> = data.names().map(str::to_owned).collect();
    match columns.filter(|columns| !columns.is_none()) {
        None => {}
        Some(mapping) if is_mapping(&mapping) => {
            let mapping = pairs(&mapping)?;
            for name in &mut renamed {
                if let Some(other) = mapping.get(&Value::from(name.as_str())) {
                    *name = to_str(other);
                }
            }
        }
        Some(names) => {
            let names: Vec<String> = elements(&names)?.iter().map(to_str).collect();
            if names.len() != renamed.len() {
                return Err(value_error("column_names and column_types must be the same length."));
            }
            renamed = names;
        }
    }
    if flag(slugs.as_ref(), false) {
        renamed = renamed.iter().map(|name| slug(name)).collect();
    }
    let mut base = data.base().clone();
    for (column, name) in base.columns.iter_mut().zip(renamed) {
        column.name = name;
    }
    Ok(AgateTable::new(base))
}

/// `limit(stop)` or `limit(start, stop, step)`.
pub(super) fn limit(data: &Data, args: &[Value]) -> Result<AgateTable, Error> {
    let [first, stop, step] = bind("limit", args, ["start_or_stop", "stop", "step"], 0)?;
    let [first, stop, step] =
        [optional_integer(first.as_ref())?, optional_integer(stop.as_ref())?, optional_integer(step.as_ref())?];
    let length = data.height() as i64;
    let clamp = |place: i64| (if place < 0 { place + length } else { place }).clamp(0, length) as usize;
    let sliced = stop.is_some_and(|stop| stop != 0) || step.is_some_and(|step| step != 0);
    let (start, stop) = if sliced { (first, stop) } else { (None, first) };
    let step = usize::try_from(step.unwrap_or(1)).ok().filter(|step| *step > 0);
    let step = step.ok_or_else(|| value_error("slice step must be positive"))?;
    let range = clamp(start.unwrap_or(0))..clamp(stop.unwrap_or(length));
    Ok(with_rows(data, range.step_by(step)))
}

/// The first of all rows that agree in the key.
pub(super) fn distinct(data: &Data, key: Option<&Value>) -> Result<AgateTable, Error> {
    let columns = match key.filter(|key| !key.is_none()) {
        Some(key) => places(data, key)?,
        None => (0..data.types.len()).collect(),
    };
    let mut seen = IndexSet::new();
    let mut kept = Vec::new();
    for (place, row) in data.rows().iter().enumerate() {
        if seen.insert(tuple(columns.iter().map(|column| row[*column].clone()).collect())) {
            kept.push(place);
        }
    }
    Ok(with_rows(data, kept))
}

/// The rows in the order of a column, of several, or of what a function makes of a row; nulls come last.
pub(super) fn order_by(state: &mut State<'_, '_>, data: &Arc<Data>, args: &[Value]) -> Result<AgateTable, Error> {
    let [key, reverse] = bind("order_by", args, ["key", "reverse"], 1)?;
    let (key, reverse) = (key.unwrap_or_default(), flag(reverse.as_ref(), false));
    let mut keyed: Vec<(Vec<Value>, usize)> = Vec::new();
    if key.kind() == ValueKind::Plain {
        for place in 0..data.height() {
            let row = Row::value(data, place).unwrap_or_default();
            keyed.push((vec![key.call(state, &[row])?], place));
        }
    } else {
        let columns = places(data, &key)?;
        let rows = data.rows().iter().enumerate();
        keyed.extend(rows.map(|(place, row)| (columns.iter().map(|column| row[*column].clone()).collect(), place)));
    }
    try_sort(&mut keyed, &mut |(left, _), (right, _)| {
        for (left, right) in left.iter().zip(right) {
            let order = match (left.is_none(), right.is_none()) {
                (false, false) => compare(left, right)?,
                (left, right) => left.cmp(&right),
            };
            if order != Ordering::Equal {
                return Ok(if reverse { order.reverse() } else { order });
            }
        }
        Ok(Ordering::Equal)
    })?;
    Ok(with_rows(data, keyed.into_iter().map(|(_, place)| place)))
}

/// The rows for which a function is true.
pub(super) fn filter(state: &mut State<'_, '_>, data: &Arc<Data>, test: &Value) -> Result<AgateTable, Error> {
    let mut kept = Vec::new();
    for place in 0..data.height() {
        let row = Row::value(data, place).unwrap_or_default();
        if test.call(state, &[row])?.is_true() {
            kept.push(place);
        }
    }
    Ok(with_rows(data, kept))
}

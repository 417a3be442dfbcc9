//! Small connections from this module to Python's values and to the engine.
//!
//! In: plain values, macro names, text. Out: template values, macro results, rendered text.

use std::sync::Arc;

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, State};

use crate::base::{self, Table};
use crate::diag::Diagnostic;
use crate::jinja::table::AgateTable;
use crate::jinja::{TemplateSource, engine_of, scope_of, values};

use super::raise::raise;
use super::relation::RelationObject;

/// A template value for a plain value.
pub(in crate::jinja) fn to_value(value: &base::Value) -> Value {
    values::from_base(value)
}

/// A plain value for a template value; what has no plain form, such as a relation, becomes its text.
pub(super) fn to_base(value: &Value) -> base::Value {
    to_base_within(value, 0)
}

/// Containers that contain themselves end here.
const MAX_DEPTH: usize = 100;

fn to_base_within(value: &Value, depth: usize) -> base::Value {
    if let Some(relation) = RelationObject::from_value(value) {
        return relation.render_full().into();
    }
    if values::is_undefined(value) || depth > MAX_DEPTH {
        return base::Value::Null;
    }
    match value.kind() {
        ValueKind::Map => {
            let pairs = value.as_object().and_then(|object| object.try_iter_pairs()).into_iter().flatten();
            base::Value::Map(pairs.map(|(key, value)| (shown(&key), to_base_within(&value, depth + 1))).collect())
        }
        ValueKind::Seq | ValueKind::Iterable => {
            base::Value::List(value.try_iter().into_iter().flatten().map(|v| to_base_within(&v, depth + 1)).collect())
        }
        _ => values::to_base(value),
    }
}

/// What printing a value shows.
pub(super) fn shown(value: &Value) -> String {
    values::to_str(value)
}

/// A new dict with text keys.
pub(super) fn dict<'k>(pairs: impl IntoIterator<Item = (&'k str, Value)>) -> Value {
    dict_of(pairs.into_iter().map(|(key, value)| (Value::from(key), value)))
}

/// A new dict.
pub(super) fn dict_of(pairs: impl IntoIterator<Item = (Value, Value)>) -> Value {
    values::dict(pairs)
}

/// A new list.
pub(super) fn list(items: impl IntoIterator<Item = Value>) -> Value {
    values::list(items.into_iter().collect())
}

/// A new tuple.
pub(super) fn tuple(items: impl IntoIterator<Item = Value>) -> Value {
    values::tuple(items.into_iter().collect())
}

/// Calls the macro that a bare name means here, with keyword arguments.
pub(super) fn call_in_state<'k>(
    state: &mut State<'_, '_>,
    name: &str,
    named: impl IntoIterator<Item = (&'k str, Value)>,
) -> Result<Value, Error> {
    let kwargs: Kwargs = named.into_iter().collect();
    crate::jinja::call_named(state, name, &[Value::from(kwargs)])
}

/// Whether a text has anything to render.
pub(super) fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

/// A text as a template, in a render of its own with this render's scope.
pub(super) fn render_text(state: &mut State<'_, '_>, text: &str) -> Result<String, Error> {
    let Some((engine, scope)) = engine_of(state).zip(scope_of(state)) else { return Ok(text.to_owned()) };
    let source = TemplateSource::inline("<render>", text);
    let placed = |problem: Diagnostic| match &problem.span {
        // The text is in no file: the render around it knows the place, and the text itself is worth showing.
        Some(span) if Arc::ptr_eq(&span.file, &source.file) => {
            let shown = format!("while rendering `{}`", text.trim().lines().next().unwrap_or_default());
            Diagnostic { span: None, ..problem }.note(shown)
        }
        _ => problem,
    };
    engine.render(&source, scope).map(|rendered| rendered.text).map_err(|problem| raise(placed(problem)))
}

/// The template value of a table.
pub(super) fn table_value(table: Table) -> Value {
    Value::from_object(AgateTable::new(table))
}

/// The rows of a table value.
pub(super) fn base_table(value: &Value) -> Option<Table> {
    value.downcast_object_ref::<AgateTable>().map(|table| table.base().clone())
}

/// The rows of a table value as a list of tuples.
pub(super) fn table_rows(value: &Value) -> Value {
    let rows = value.get_attr("rows").and_then(|rows| rows.try_iter());
    list(rows.into_iter().flatten().map(|row| tuple(row.try_iter().into_iter().flatten())))
}

/// agate's type of a column.
pub(super) fn column_type(value: &Value, index: usize) -> Option<String> {
    let kind = value.get_attr("column_types").ok()?.get_item_by_index(index).ok()?;
    let name = kind.get_attr("__class__").ok()?.get_attr("__name__").ok()?;
    name.as_str().map(str::to_owned)
}

/// Whether a column of numbers has digits after the point.
pub(super) fn has_decimals(value: &Value, index: usize) -> bool {
    value.downcast_object_ref::<AgateTable>().is_some_and(|table| table.has_decimals(index))
}

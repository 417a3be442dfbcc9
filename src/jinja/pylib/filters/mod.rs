//! Jinja2's filters, and dbt's.
//!
//! In: the filtered value and the arguments. Out: what Jinja2 3.1 gives; lists where Jinja2 gives generators.

mod attribute;
mod markup;
mod number;
mod order;
mod select;
mod sequence;
mod text;
mod wrap;

use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value};

use super::arguments::bind;
use super::json::{Style, dumps};
use crate::jinja::values::{is_mapping, is_undefined, pairs, tuple, type_error};

/// A filter: the first argument is the filtered value.
type Filter = fn(&mut State<'_, '_>, &[Value]) -> Result<Value, Error>;

/// Registers all filters.
pub(super) fn install(environment: &mut Environment<'_>) {
    let groups: [&[(&'static str, Filter)]; 8] = [
        text::FILTERS,
        wrap::FILTERS,
        markup::FILTERS,
        number::FILTERS,
        sequence::FILTERS,
        order::FILTERS,
        select::FILTERS,
        OWN,
    ];
    for (name, filter) in groups.into_iter().flatten().copied() {
        environment.add_filter(name, move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| {
            filter(state, &args.into_values())
        });
    }
}

const OWN: &[(&str, Filter)] = &[
    ("default", default),
    ("d", default),
    ("items", items),
    ("tojson", to_json),
    ("as_text", unchanged),
    ("as_bool", unchanged),
    ("as_number", unchanged),
    ("as_native", unchanged),
    ("is_list", is_list),
];

fn unchanged(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("filter", args, ["value"], 1)?;
    Ok(value.unwrap_or_default())
}

fn is_list(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("is_list", args, ["value"], 1)?;
    Ok(Value::from(value.is_some_and(|value| super::predicates::is_list(&value))))
}

fn default(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value, default, boolean] = bind("default", args, ["value", "default_value", "boolean"], 1)?;
    let value = value.unwrap_or_default();
    let replace = is_undefined(&value) || (boolean.is_some_and(|boolean| boolean.is_true()) && !value.is_true());
    Ok(if replace { default.unwrap_or_else(|| Value::from("")) } else { value })
}

fn items(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("items", args, ["value"], 1)?;
    let value = value.unwrap_or_default();
    if !is_undefined(&value) && !is_mapping(&value) {
        return Err(type_error("Can only get item pairs from a mapping."));
    }
    let pairs = pairs(&value)?.into_iter().map(|(key, value)| tuple(vec![key, value]));
    Ok(crate::jinja::values::list(pairs.collect()))
}

/// Sorted keys and no characters that mean something in HTML, as Jinja2's policies say.
fn to_json(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value, indent] = bind("tojson", args, ["value", "indent"], 1)?;
    let indent = super::arguments::optional_integer(indent.as_ref())?;
    let style =
        Style { indent: indent.map(|indent| usize::try_from(indent).unwrap_or(0)), sort_keys: true, unicode: false };
    let json = dumps(&value.unwrap_or_default(), style).map_err(|failure| type_error(failure.message()))?;
    let json = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027");
    Ok(Value::from(json))
}

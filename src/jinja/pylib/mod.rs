//! Python as Jinja templates see it: printing, operators, methods, filters, tests, global functions.
//!
//! In: a minijinja environment. Out: the same environment, speaking Jinja2's dialect with Python's rules and messages; and the
//! functions of dbt's context that need nothing but their arguments.

pub(crate) mod arguments;
mod dbt_functions;
mod filters;
mod globals;
mod json;
mod literals;
mod methods;
mod number_format;
pub(crate) mod operators;
mod predicates;
mod printf;
mod slices;
mod str_format;
mod str_methods;
mod yaml;

use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Value};

use super::context;
use super::modules::datetime::strftime::strftime;
use super::modules::datetime::{PyDate, PyDateTime};
use super::values::to_str;
use crate::base::{self, Dict};

/// Makes an environment speak Jinja2's dialect.
pub fn install(environment: &mut Environment<'_>) {
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(|out, _, value| {
        match (value.kind(), value.as_str()) {
            (ValueKind::String, Some(text)) => out.write_str(text)?,
            _ => out.write_str(&to_str(value))?,
        }
        Ok(())
    });
    environment.set_unknown_method_callback(methods::unknown_method);
    literals::install(environment);
    filters::install(environment);
    predicates::install(environment);
}

/// The names that every template may use: Jinja's global functions.
pub fn globals() -> Vec<(&'static str, Value)> {
    globals::globals()
}

/// The members of dbt's context that are pure functions: `tojson`, `fromyaml`, `zip`, `set`, `local_md5`, ...
pub fn dbt_functions() -> Vec<(&'static str, Value)> {
    dbt_functions::functions()
}

/// Python's `template.format(**fields)`; the error's words.
pub fn format_fields(template: &str, fields: &Dict) -> Result<String, String> {
    let named = fields.iter().map(|(name, value)| (name.clone(), context::to_value(value))).collect();
    str_format::Fields::new(&[], named).format(template).map_err(|error| words(&error))
}

/// Python's `template % fields`; the error's words.
pub fn format_percent(template: &str, fields: &Dict) -> Result<String, String> {
    printf::format(template, &context::to_value(&base::Value::Map(fields.clone()))).map_err(|error| words(&error))
}

fn words(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.to_string(), str::to_owned)
}

/// A value as JSON in Python's style, if it has such a form.
pub(crate) fn json_text(value: &Value) -> Option<String> {
    json::dumps(value, json::Style::default()).ok()
}

/// A value as JSON that keeps letters beyond ASCII, or why there is none.
pub(crate) fn json_unicode(value: &Value, indent: Option<usize>) -> Result<String, String> {
    let style = json::Style { indent, unicode: true, sort_keys: false };
    json::dumps(value, style).map_err(|failure| failure.message().to_owned())
}

/// `'{:%Y-%m-%d}'.format(date)`: dates take their specification as a format of their own.
fn formatted_moment(value: &Value, format: &str) -> Option<String> {
    if let Some(moment) = value.downcast_object_ref::<PyDateTime>() {
        return Some(strftime(moment, format));
    }
    let date = value.downcast_object_ref::<PyDate>()?;
    Some(strftime(&PyDateTime { naive: date.0.and_time(chrono::NaiveTime::MIN), zone: None }, format))
}

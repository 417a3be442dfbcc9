//! Quoting, types of seed columns, grants.
//!
//! In: identifiers and tables. Out: SQL text and plain values.

use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Error, State};

use crate::base;
use crate::diag::{Diagnostic, codes};

use super::super::args::{bind, given, required, type_name, wrong};
use super::super::core::Core;
use super::super::relation::RelationObject;
use crate::jinja::table::ColumnType;

type Answer = Result<Value, Error>;

fn quoted(core: &Core, identifier: &str) -> String {
    core.database.as_ref().map_or_else(|| RelationObject::quoted(identifier), |db| db.quote(identifier))
}

/// `quote(identifier)`.
pub(super) fn quote(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [identifier] = bind("quote", args, ["identifier"])?;
    Ok(Value::from(quoted(core, &required("quote", "identifier", identifier)?.to_string())))
}

/// `quote_as_configured(identifier, quote_key)`.
pub(super) fn quote_as_configured(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [identifier, key] = bind("quote_as_configured", args, ["identifier", "quote_key"])?;
    let identifier = required("quote_as_configured", "identifier", identifier)?;
    let policy = core.shared.quote_policy();
    let on = match required("quote_as_configured", "quote_key", key)?.as_str() {
        Some("database") => policy.database,
        Some("schema") => policy.schema,
        Some("identifier") => policy.identifier,
        _ => false,
    };
    if on { Ok(Value::from(quoted(core, &identifier.to_string()))) } else { Ok(identifier) }
}

/// `quote_seed_column(column, quote_config)`: quoted unless the config says false.
pub(super) fn quote_seed_column(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [column, config] = bind("quote_seed_column", args, ["column", "quote_config"])?;
    let column = required("quote_seed_column", "column", column)?;
    let on = match given(config) {
        None => true,
        Some(value) if type_name(&value) == "bool" => value.is_true(),
        Some(value) => {
            let kind = type_name(&value);
            let message = format!("The seed configuration value of \"quote_columns\" has an invalid type {kind}");
            return Err(core.raise(Diagnostic::error(codes::CONFIG_INVALID, message)));
        }
    };
    if on { Ok(Value::from(quoted(core, &column.to_string()))) } else { Ok(column) }
}

/// The type that a seed's column gets in SQL.
fn sql_type(agate_type: &str, has_decimals: impl Fn() -> bool) -> Option<&'static str> {
    Some(match agate_type {
        "Integer" => ColumnType::Integer.sql(false),
        "Text" => ColumnType::Text.sql(false),
        "Number" => ColumnType::Number.sql(has_decimals()),
        "Boolean" => ColumnType::Boolean.sql(false),
        "DateTime" => ColumnType::DateTime.sql(false),
        "Date" => ColumnType::Date.sql(false),
        "TimeDelta" => "time",
        _ => return None,
    })
}

/// The SQL type that the values of a table's column ask for.
pub(super) fn seed_type(table: &Value, index: usize) -> Option<&'static str> {
    sql_type(&super::super::column_type(table, index)?, || super::super::has_decimals(table, index))
}

fn table_and_index(method: &str, args: &[Value]) -> Result<(Value, usize), Error> {
    let [table, index] = bind(method, args, ["agate_table", "col_idx"])?;
    let table = required(method, "agate_table", table)?;
    let index = required(method, "col_idx", index)?;
    let index = index.as_usize().ok_or_else(|| wrong(format!("The col_idx argument to {method}() must be an int")))?;
    Ok((table, index))
}

/// `convert_type(agate_table, col_idx)`.
pub(super) fn convert_type(_: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let (table, index) = table_and_index("convert_type", args)?;
    if super::super::column_type(&table, index).is_none() {
        return Err(wrong("convert_type() needs a table and the index of one of its columns"));
    }
    Ok(seed_type(&table, index).map_or(Value::from(()), Value::from))
}

/// `convert_number_type(agate_table, col_idx)`.
pub(super) fn convert_number_type(_: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let (table, index) = table_and_index("convert_number_type", args)?;
    let found = sql_type("Number", || super::super::has_decimals(&table, index));
    Ok(found.map_or(Value::from(()), Value::from))
}

macro_rules! fixed_type {
    ($($(#[$doc:meta])* $function:ident = $kind:literal;)*) => {
        $(
            $(#[$doc])*
            pub(super) fn $function(_: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
                table_and_index(stringify!($function), args)?;
                Ok(sql_type($kind, || false).map_or(Value::from(()), Value::from))
            }
        )*
    };
}

fixed_type! {
    /// `convert_text_type(agate_table, col_idx)`.
    convert_text_type = "Text";
    /// `convert_integer_type(agate_table, col_idx)`.
    convert_integer_type = "Integer";
    /// `convert_boolean_type(agate_table, col_idx)`.
    convert_boolean_type = "Boolean";
    /// `convert_datetime_type(agate_table, col_idx)`.
    convert_datetime_type = "DateTime";
    /// `convert_date_type(agate_table, col_idx)`.
    convert_date_type = "Date";
    /// `convert_time_type(agate_table, col_idx)`.
    convert_time_type = "TimeDelta";
}

/// `convert_datetimes_to_strs(table)`: timestamps as text.
pub(super) fn convert_datetimes_to_strs(_: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [table] = bind("convert_datetimes_to_strs", args, ["table"])?;
    let value = required("convert_datetimes_to_strs", "table", table)?;
    let Some(mut table) = super::super::base_table(&value) else { return Ok(value) };
    for cell in table.rows.iter_mut().flatten() {
        if matches!(cell, base::Value::Timestamp(_) | base::Value::TimestampTz(_)) {
            *cell = base::Value::Str(cell.to_string());
        }
    }
    Ok(super::super::table_value(table))
}

/// `standardize_grants_dict(grants_table)`: privilege -> grantees.
pub(super) fn standardize_grants_dict(_: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [table] = bind("standardize_grants_dict", args, ["grants_table"])?;
    let value = required("standardize_grants_dict", "grants_table", table)?;
    let table = super::super::base_table(&value)
        .ok_or_else(|| wrong("The grants_table argument to standardize_grants_dict() must be a table"))?;
    let (Some(grantee), Some(privilege)) = (table.column_index("grantee"), table.column_index("privilege_type")) else {
        return Ok(super::super::dict([]));
    };
    let mut grants: indexmap::IndexMap<String, Vec<base::Value>> = indexmap::IndexMap::new();
    for row in table.rows {
        let (Some(who), Some(what)) = (row.get(grantee), row.get(privilege)) else { continue };
        grants.entry(what.to_string()).or_default().push(who.clone());
    }
    let pairs =
        grants.into_iter().map(|(key, who)| (Value::from(key), super::super::to_value(&base::Value::List(who))));
    Ok(super::super::dict_of(pairs))
}

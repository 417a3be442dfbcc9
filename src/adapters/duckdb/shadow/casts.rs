//! Conversions that nobody wrote, between text and something else. In: an expression of a plan, the statement. Out: the
//! types before and after.
//!
//! The engine converts silently where types differ; what cannot be converted fails when the data comes.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::types::type_name;

/// A side of a comparison that the engine converted: a cast whose place in the text is that of a bare column.
pub(super) fn in_comparison(side: &Json, statement: &str) -> Option<(String, String)> {
    cast(side).filter(|_| is_bare_column(side, statement))
}

/// Whether the text at an expression's place is nothing but a column: a cast that somebody wrote holds `::` or brackets.
fn is_bare_column(expression: &Json, statement: &str) -> bool {
    let number = |key: &str| usize::try_from(expression.get(key)?.as_u64()?).ok();
    let (Some(start), Some(length)) = (number("query_location"), number("query_location_length")) else { return false };
    let text = statement.get(start..start + length).unwrap_or_default();
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '"'))
}

/// Columns of one side of a set operation that the engine converted to the other side's types.
pub(super) fn in_set_operation(side: &Json, statement: &str) -> Vec<(usize, String, String)> {
    if side.get("type").and_then(Json::as_str) != Some("LOGICAL_PROJECTION") {
        return Vec::new();
    }
    let expressions = side.get("expressions").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let found = expressions.iter().enumerate().filter(|(_, e)| is_bare_column(e, statement));
    found.filter_map(|(index, e)| cast(e).map(|(from, to)| (index, from, to))).collect()
}

/// The types of a cast that goes from text to something else, back, or between numbers and points in time.
fn cast(expression: &Json) -> Option<(String, String)> {
    let class = expression.get("expression_class").and_then(Json::as_str);
    let kind = expression.get("type").and_then(Json::as_str);
    if class != Some("BOUND_CAST") && kind != Some("OPERATOR_CAST") {
        return None;
    }
    let inner = expression.get("children").and_then(Json::as_array).and_then(|c| c.first());
    let inner = inner.or_else(|| expression.get("child"))?;
    if inner.get("expression_class").and_then(Json::as_str) == Some("BOUND_CONSTANT") {
        return None;
    }
    let name = |of: &Json| type_name(of.get("return_type")?, &HashSet::new());
    let (from, to) = (name(inner)?, name(expression)?);
    let (a, b) = (family(&from)?, family(&to)?);
    (a != b).then_some((from, to))
}

/// Kinds of types between which a conversion can fail or mislead.
fn family(data_type: &str) -> Option<&'static str> {
    let name = data_type.split(['(', '[']).next().unwrap_or_default();
    Some(match name {
        "VARCHAR" => "text",
        "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "HUGEINT" | "UTINYINT" | "USMALLINT" | "UINTEGER"
        | "UBIGINT" | "UHUGEINT" | "FLOAT" | "DOUBLE" | "DECIMAL" => "number",
        "DATE" | "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS" | "TIMESTAMP_NS" | "TIMESTAMP WITH TIME ZONE" => "time",
        _ => return None,
    })
}

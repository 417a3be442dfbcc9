//! Values in place of a statement's `?`, for engines that take plain SQL.
//!
//! In: SQL and values. Out: SQL.

use crate::base::Value;

/// The statement with each `?` outside of quotes and comments replaced by the next value.
pub(super) fn bound(sql: &str, values: &[Value]) -> String {
    if values.is_empty() {
        return sql.to_owned();
    }
    let mut values = values.iter();
    let mut out = String::with_capacity(sql.len() * 2);
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => 1 + rest[1..].find(first).map_or(rest.len() - 1, |end| end + 1),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '?' => {
                out.push_str(&values.next().map_or_else(|| "?".to_owned(), literal));
                rest = &rest[1..];
                continue;
            }
            other => other.len_utf8(),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// A value as SQL.
fn literal(value: &Value) -> String {
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) if number.is_finite() => format!("{number:?}"),
        Value::Decimal(digits) => digits.clone(),
        other => text(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_placeholders_are_replaced() {
        let values = [Value::Int(1), "it's".into(), Value::Null];
        let sql = "insert into \"a?\" values (?, ?, '?', ?) -- ?\n/* ? */";
        assert_eq!(bound(sql, &values), "insert into \"a?\" values (1, 'it''s', '?', null) -- ?\n/* ? */");
        assert_eq!(bound("select '?", &values), "select '?");
    }
}

//! LIKE. In: a pattern with the escape that DuckDB gives it, which is none unless ESCAPE says so. Out: the pattern with the escape of
//! the engine, which is the backslash.

use datafusion::sql::sqlparser::ast::{Expr, Value, ValueWithSpan};

use super::calls::text;
use super::dialect::call;
use super::refusal::Refusal;

/// LIKE or ILIKE as the engine reads it. What this has made is left alone: its patterns are calls, or have no backslash.
pub(super) fn rewritten(mut expr: Expr) -> Result<Expr, Box<Refusal>> {
    let (Expr::Like { any: false, pattern, escape_char, .. } | Expr::ILike { any: false, pattern, escape_char, .. }) =
        &mut expr
    else {
        return Ok(expr);
    };
    if matches!(&**pattern, Expr::Function(function) if function.name.to_string() == "like_pattern") {
        return Ok(expr);
    }
    let escape = match escape_char.take().map(|e| e.value) {
        None => String::new(),
        Some(Value::SingleQuotedString(escape)) if escape.chars().count() < 2 => escape,
        Some(other) => {
            let help = "write one character: LIKE '10!%' ESCAPE '!'";
            let refusal = Refusal::unsupported(format!("{other} is no escape of LIKE here"), help);
            return Err(Box::new(refusal.on(&**pattern)));
        }
    };
    // A pattern that means the same in both is left as it is, so that the engine sees what it begins with.
    let literal = match &**pattern {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(literal), .. }) => Some(literal),
        _ => None,
    };
    if !escape.is_empty() || literal.is_none_or(|literal| literal.contains('\\')) {
        let written = std::mem::replace(&mut **pattern, Expr::Value(Value::Null.into()));
        **pattern = call("like_pattern", vec![written, text(&escape)]);
    }
    Ok(expr)
}

//! Names of columns that a query leaves without one. In: an expression. Out: the name that DuckDB gives it.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, UnaryOperator, Value, WindowType,
};

/// Names that DuckDB prints in quotes as they are keywords of its grammar.
const QUOTED: [&str; 20] = [
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "week",
    "quarter",
    "decade",
    "century",
    "millennium",
    "millisecond",
    "microsecond",
    "mode",
    "substring",
    "left",
    "right",
    "position",
    "overlay",
    "map",
];

/// The name of a select item.
pub(super) fn name_of(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(parts) => parts.last().map(|p| p.value.clone()).unwrap_or_default(),
        Expr::Nested(inner) => name_of(inner),
        _ => shown(expr),
    }
}

/// An expression inside of another.
fn shown(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(parts) => parts.iter().map(|p| p.value.as_str()).collect::<Vec<_>>().join("."),
        Expr::Nested(inner) => shown(inner),
        Expr::Value(value) => match &value.value {
            Value::Null => "NULL".to_owned(),
            Value::SingleQuotedString(s) => format!("'{}'", s.replace('\'', "''")),
            other => other.to_string().to_lowercase(),
        },
        Expr::BinaryOp { left, op, right } => format!("({} {} {})", shown(left), operator(op), shown(right)),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => format!("(NOT {})", shown(expr)),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } if matches!(**expr, Expr::Value(_)) => {
            format!("-{}", shown(expr))
        }
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => format!("(-({}))", shown(expr)),
        Expr::IsNull(e) => format!("({} IS NULL)", shown(e)),
        Expr::IsNotNull(e) => format!("({} IS NOT NULL)", shown(e)),
        Expr::IsDistinctFrom(a, b) => format!("({} IS DISTINCT FROM {})", shown(a), shown(b)),
        Expr::IsNotDistinctFrom(a, b) => format!("({} IS NOT DISTINCT FROM {})", shown(a), shown(b)),
        Expr::Between { expr, negated, low, high } => {
            let not = if *negated { "NOT " } else { "" };
            format!("({} {not}BETWEEN {} AND {})", shown(expr), shown(low), shown(high))
        }
        Expr::InList { expr, list, negated } => {
            let not = if *negated { "NOT " } else { "" };
            let all: Vec<String> = list.iter().map(shown).collect();
            format!("({} {not}IN ({}))", shown(expr), all.join(", "))
        }
        Expr::Cast { kind, expr, data_type, .. } => {
            let word = if matches!(kind, CastKind::TryCast | CastKind::SafeCast) { "TRY_CAST" } else { "CAST" };
            format!("{word}({} AS {})", shown(expr), type_name(data_type))
        }
        Expr::TypedString(t) => format!("CAST({} AS {})", t.value, type_name(&t.data_type)),
        Expr::Case { operand, conditions, else_result, .. } => {
            let mut out = "CASE ".to_owned();
            for when in conditions {
                let condition = match operand {
                    Some(o) => format!("({} = {})", shown(o), shown(&when.condition)),
                    None => shown(&when.condition),
                };
                out.push_str(&format!(" WHEN ({condition}) THEN ({})", shown(&when.result)));
            }
            let rest = else_result.as_ref().map_or_else(|| "NULL".to_owned(), |e| shown(e));
            out + &format!(" ELSE {rest} END")
        }
        Expr::Extract { field, expr, .. } => {
            format!("date_part('{}', {})", field.to_string().to_uppercase(), shown(expr))
        }
        Expr::Function(function) => function_name(function),
        Expr::Interval(interval) if interval.leading_field.is_none() => format!("CAST({} AS INTERVAL)", interval.value),
        other => other.to_string(),
    }
}

fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => "INTEGER".to_owned(),
        DataType::BigInt(_) | DataType::Int8(_) => "BIGINT".to_owned(),
        DataType::Varchar(_) | DataType::Text | DataType::String(_) | DataType::Char(_) => "VARCHAR".to_owned(),
        DataType::Numeric(info) => format!("DECIMAL{info}"),
        DataType::Date | DataType::Double(_) => data_type.to_string().to_lowercase(),
        other => other.to_string(),
    }
}

fn operator(op: &BinaryOperator) -> String {
    match op {
        BinaryOperator::BitwiseXor | BinaryOperator::PGExp => "^".to_owned(),
        other => other.to_string(),
    }
}

fn function_name(function: &Function) -> String {
    let name = function.name.to_string().trim_matches('"').to_lowercase();
    let mut out = match &function.args {
        FunctionArguments::List(list) => {
            let args: Vec<String> = list.args.iter().map(argument).collect();
            let distinct =
                if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) { "DISTINCT " } else { "" };
            let clauses: Vec<String> = list.clauses.iter().map(|c| format!(" {c}")).collect();
            match (name.as_str(), args.as_slice()) {
                ("count", []) => "count_star()".to_owned(),
                ("count", [one]) if one == "*" => "count_star()".to_owned(),
                ("coalesce", _) => format!("COALESCE({})", args.join(", ")),
                _ if QUOTED.contains(&name.as_str()) => {
                    format!("\"{name}\"({distinct}{}{})", args.join(", "), clauses.concat())
                }
                _ => format!("{name}({distinct}{}{})", args.join(", "), clauses.concat()),
            }
        }
        FunctionArguments::None => name,
        FunctionArguments::Subquery(_) => return function.to_string(),
    };
    if let Some(filter) = &function.filter {
        out.push_str(&format!(" FILTER (WHERE {})", shown(filter)));
    }
    match &function.over {
        Some(WindowType::WindowSpec(spec)) => out.push_str(&format!(" OVER ({spec})")),
        Some(WindowType::NamedWindow(window)) => out.push_str(&format!(" OVER {window}")),
        None => {}
    }
    out
}

fn argument(arg: &FunctionArg) -> String {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => shown(e),
        FunctionArg::Named { name, arg: FunctionArgExpr::Expr(e), operator } => {
            format!("{name} {operator} {}", shown(e))
        }
        other => other.to_string(),
    }
}

//! Conversions that nobody wrote, between text and something else. In: expressions of a plan. Out: the types before and
//! after.
//!
//! The engine makes types agree by itself; what cannot be converted fails when the data comes.

use std::collections::HashSet;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator};

use super::super::type_names::sql_name;

/// The conversions that the query itself asks for.
#[derive(Debug, Default)]
pub(super) struct Written(HashSet<String>);

/// The conversions in a plan before the engine made types agree.
pub(super) fn written(plan: &LogicalPlan) -> Result<Written> {
    let mut found = HashSet::new();
    plan.apply_with_subqueries(|operator| {
        operator.apply_expressions(|expression| {
            expression.apply(|inner| {
                if matches!(inner, Expr::Cast(_)) {
                    found.insert(inner.to_string());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(Written(found))
}

/// The column that the engine converts to another kind of type, with the types' names.
pub(super) fn made_up<'e>(
    expression: &'e Expr,
    schema: &DFSchema,
    written: &Written,
) -> Option<(&'e Expr, String, String)> {
    let Expr::Cast(cast) = bare(expression) else { return None };
    let inner = bare(&cast.expr);
    if !matches!(inner, Expr::Column(_)) || written.0.contains(&bare(expression).to_string()) {
        return None;
    }
    let (from, to) = (inner.get_type(schema).ok()?, cast.field.data_type());
    (family(&from)? != family(to)?).then(|| (inner, sql_name(&from), sql_name(to)))
}

/// The two sides of an equality.
pub(super) fn equality(condition: &Expr) -> Option<(&Expr, &Expr)> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq | Operator::IsNotDistinctFrom, right }) => {
            Some((left, right))
        }
        _ => None,
    }
}

/// Whether a cast changes nothing but how a value lies in memory.
pub(super) fn is_cosmetic(from: &DataType, to: &DataType) -> bool {
    sql_name(from) == sql_name(to)
}

fn bare(expression: &Expr) -> &Expr {
    match expression {
        Expr::Alias(alias) => bare(&alias.expr),
        other => other,
    }
}

/// Kinds of types between which a conversion can fail or mislead.
fn family(data_type: &DataType) -> Option<&'static str> {
    Some(match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text",
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => "time",
        number if number.is_numeric() => "number",
        _ => return None,
    })
}

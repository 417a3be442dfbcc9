//! Whether reading a query twice gives the same rows. In: a plan. Out: yes, or no where chance, the order of work or ties may
//! decide.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Distinct, Expr, ExprSchemable, LogicalPlan};

/// Aggregates that do not depend on the order of their rows.
const ORDERLESS: &[&str] = &["count", "min", "max", "bool_and", "bool_or", "sum", "avg"];

/// Whether it does.
pub(super) fn check(plan: &LogicalPlan) -> Result<bool> {
    let mut same = true;
    plan.apply_with_subqueries(|node| {
        same &= match node {
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::TableScan(_)
            | LogicalPlan::EmptyRelation(_)
            | LogicalPlan::Values(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::Distinct(Distinct::All(_)) => true,
            LogicalPlan::Sort(sort) => sort.fetch.is_none(),
            LogicalPlan::Aggregate(aggregate) => {
                let schema = aggregate.input.schema();
                aggregate.aggr_expr.iter().all(|function| {
                    let Expr::AggregateFunction(call) = function.clone().unalias() else { return false };
                    // Sums of fractions depend on the order of the parts.
                    let floats = |e: &Expr| !e.get_type(schema.as_ref()).is_ok_and(|t| !t.is_floating());
                    let exact = !matches!(call.func.name(), "sum" | "avg") || !call.params.args.iter().any(floats);
                    ORDERLESS.contains(&call.func.name()) && exact
                })
            }
            _ => false,
        };
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                same &= !expr.is_volatile_node();
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        Ok(if same { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(same)
}

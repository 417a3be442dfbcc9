//! OFFSET below another order. In: a plan. Out: the plan with such an OFFSET written as numbers of rows.
//!
//! Where the order around asks for what the rows have anyway, the engine takes the rows to skip off the rows to keep once more, and
//! `select * from (select x from t order by x limit 1 offset 1) order by x` is empty (DataFusion 55.2).

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, FetchType, Limit, LogicalPlan, LogicalPlanBuilder, Projection, SkipType, SubqueryAlias, lit,
};

/// The plan without OFFSET below anything that may ask for an order.
pub(super) fn numbered(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Limit(limit) => {
            let input = Arc::new(inside(Arc::unwrap_or_clone(limit.input))?);
            Ok(LogicalPlan::Limit(Limit { input, ..limit }))
        }
        other => inside(other),
    }
}

fn inside(plan: LogicalPlan) -> Result<LogicalPlan> {
    let replace = |node: LogicalPlan| {
        let LogicalPlan::Limit(limit) = &node else { return Ok(Transformed::no(node)) };
        let (Ok(SkipType::Literal(skip)), Ok(FetchType::Literal(fetch))) =
            (limit.get_skip_type(), limit.get_fetch_type())
        else {
            return Ok(Transformed::no(node));
        };
        if skip == 0 {
            return Ok(Transformed::no(node));
        }
        let end = fetch.map(|fetch| skip.saturating_add(fetch));
        Ok(match between(&limit.input, skip, end)? {
            Some(rows) => Transformed::yes(rows),
            None => Transformed::no(node),
        })
    };
    plan.transform_up_with_subqueries(replace).map(|changed| changed.data)
}

/// The rows of an ordered query after so many, up to the last one; nothing where there is no order.
fn between(plan: &LogicalPlan, skip: usize, end: Option<usize>) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Sort(sort) => {
            let columns: Vec<Expr> = sort.input.schema().columns().into_iter().map(Expr::Column).collect();
            let number = row_number().order_by(sort.expr.clone()).build()?;
            let counted = LogicalPlanBuilder::from(sort.input.as_ref().clone()).window(vec![number])?.build()?;
            let Some(place) = counted.schema().columns().pop().map(Expr::Column) else { return Ok(None) };
            let mut kept = place.clone().gt(lit(skip as u64));
            if let Some(end) = end {
                kept = kept.and(place.lt_eq(lit(end as u64)));
            }
            LogicalPlanBuilder::from(counted).filter(kept)?.project(columns)?.build().map(Some)
        }
        LogicalPlan::Projection(projection) => Ok(match between(&projection.input, skip, end)? {
            Some(rows) => Some(LogicalPlan::Projection(Projection::try_new(projection.expr.clone(), Arc::new(rows))?)),
            None => None,
        }),
        LogicalPlan::SubqueryAlias(alias) => Ok(match between(&alias.input, skip, end)? {
            Some(rows) => {
                Some(LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(rows), alias.alias.clone())?))
            }
            None => None,
        }),
        _ => Ok(None),
    }
}

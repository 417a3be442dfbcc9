//! Keys of `ROLLUP`, `CUBE` and `GROUPING SETS` that are worked out. In: a plan as it was bound. Out: the same plan, in which they are
//! worked out before rows are grouped.
//!
//! What becomes of an expression as it is analysed changes its name, and what is above a set of groupings would look for it in vain.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;

/// The rule.
#[derive(Debug)]
pub(super) struct Keys;

impl AnalyzerRule for Keys {
    fn name(&self) -> &str {
        "keys_of_grouping_sets"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(worked_out)?.data)
    }
}

fn worked_out(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
    let mut found: Vec<(Expr, String)> = Vec::new();
    for expr in &aggregate.group_expr {
        let Expr::GroupingSet(set) = expr else { continue };
        for key in set.distinct_expr() {
            let name = key.schema_name().to_string();
            // A column that is the same in all rows would be taken for the same in all groups too.
            let plain = matches!(key, Expr::Column(_)) || key.column_refs().is_empty();
            let known = found.iter().any(|(_, of)| *of == name);
            // A cast has the name of what it casts.
            let taken = aggregate.input.schema().iter().any(|(table, field)| {
                *field.name() == name || Column::new(table.cloned(), field.name()).flat_name() == name
            });
            if !plain && !known && !taken {
                found.push((key.clone(), name));
            }
        }
    }
    if found.is_empty() {
        return Ok(Transformed::no(plan));
    }
    let own = aggregate.input.schema().iter().map(|field| Expr::Column(Column::from(field)));
    let keys = found.iter().map(|(key, name)| key.clone().alias(name));
    let input = LogicalPlanBuilder::from(Arc::clone(&aggregate.input)).project(own.chain(keys))?.build()?;
    let column = |expr: Expr| match found.iter().find(|(key, _)| *key == expr) {
        Some((_, name)) => Ok(Transformed::new(Expr::Column(Column::from_name(name)), true, TreeNodeRecursion::Jump)),
        None => Ok(Transformed::no(expr)),
    };
    let of = |expr: &Expr| expr.clone().transform_down(column).map(|changed| changed.data);
    let group = aggregate.group_expr.iter().map(of).collect::<Result<Vec<_>>>()?;
    let aggregates = aggregate
        .aggr_expr
        .iter()
        .map(|expr| match expr {
            Expr::AggregateFunction(call) if call.func.name() == "grouping" => of(expr),
            other => Ok(other.clone()),
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Transformed::yes(LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input), group, aggregates)?)))
}

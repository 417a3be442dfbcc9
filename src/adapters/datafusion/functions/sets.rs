//! `INTERSECT` and `EXCEPT`, which the planner makes joins of. In: such a join. Out: the same with both sides of the types that they
//! have in common, and with ALL one that counts: each row of the one side goes with one of the other.
//!
//! The planner keeps the types of the left side and drops every row that the other side has, however often it is there.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, JoinType, NullEquality, Result};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Distinct, Expr, ExprFunctionExt, Join, LogicalPlan, LogicalPlanBuilder, cast};

use super::doubles::common;

/// Which of several equal rows this is.
const OCCURRENCE: &str = "__occurrence";

/// Whether a join that is not yet analysed stands for a set operation: no other compares nulls as equal.
pub(super) fn is_one(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
        && join.filter.is_none()
        && join.on.len() == join.left.schema().fields().len()
        && join.on.len() == join.right.schema().fields().len()
        && !counts(&join.left)
}

fn counts(plan: &LogicalPlan) -> bool {
    plan.schema().fields().iter().any(|field| field.name() == OCCURRENCE)
}

/// The set operation as it is meant; nothing if it is so already.
pub(super) fn settled(join: &Join) -> Result<Option<LogicalPlan>> {
    let types = |plan: &LogicalPlan| plan.schema().fields().iter().map(|f| f.data_type().clone()).collect::<Vec<_>>();
    let (left, right) = (types(&join.left), types(&join.right));
    let pairs = left.iter().zip(&right).map(|(l, r)| common(&[l.clone(), r.clone()]));
    let Some(wanted) = pairs.collect::<Option<Vec<_>>>() else { return Ok(None) };
    let once = matches!(&*join.left, LogicalPlan::Distinct(_));
    if once && wanted == left && wanted == right {
        return Ok(None);
    }
    // Of rows that count once, those are cast that they are made of.
    let (left, right) = match &*join.left {
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let input = recast(Arc::clone(input), &wanted)?;
            (LogicalPlan::Distinct(Distinct::All(Arc::new(input))), recast(Arc::clone(&join.right), &wanted)?)
        }
        _ => {
            (numbered(recast(Arc::clone(&join.left), &wanted)?)?, numbered(recast(Arc::clone(&join.right), &wanted)?)?)
        }
    };
    let keys = columns(&left).into_iter().zip(columns(&right)).unzip();
    let outputs: Vec<Expr> =
        columns(&left).into_iter().filter(|column| column.name != OCCURRENCE).map(Expr::Column).collect();
    let equality = NullEquality::NullEqualsNull;
    let joined = LogicalPlanBuilder::from(left).join_detailed(right, join.join_type, keys, None, equality)?;
    if once { joined.build() } else { joined.project(outputs)?.build() }.map(Some)
}

fn columns(plan: &LogicalPlan) -> Vec<Column> {
    plan.schema().iter().map(Column::from).collect()
}

/// A query whose columns have other types and the same names.
fn recast(plan: Arc<LogicalPlan>, wanted: &[DataType]) -> Result<LogicalPlan> {
    let fields = || plan.schema().iter().zip(wanted);
    if fields().all(|((_, field), wanted)| field.data_type() == wanted) {
        return Ok(Arc::unwrap_or_clone(plan));
    }
    let outputs: Vec<Expr> = fields()
        .map(|((table, field), wanted)| {
            let column = Expr::Column(Column::from((table, field)));
            if field.data_type() == wanted {
                column
            } else {
                cast(column, wanted.clone()).alias_qualified(table.cloned(), field.name())
            }
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(outputs)?.build()
}

/// A query with a column that counts its equal rows.
fn numbered(plan: LogicalPlan) -> Result<LogicalPlan> {
    let own: Vec<Expr> = columns(&plan).into_iter().map(Expr::Column).collect();
    let number = row_number().partition_by(own.clone()).build()?;
    let name = Expr::Column(Column::from_name(number.schema_name().to_string())).alias(OCCURRENCE);
    let outputs: Vec<Expr> = own.into_iter().chain([name]).collect();
    LogicalPlanBuilder::from(plan).window([number])?.project(outputs)?.build()
}

//! The rules by which DataFusion optimises queries. In: nothing. Out: the rules, of which one is held to the types of columns.
//!
//! `count(distinct a)` beside `sum(b)` is planned as a sum of sums, and the sum of sums of decimals has more digits than the sum:
//! the plan would no longer be of the types that the query has (DataFusion 55.2).

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Aggregate, LogicalPlan};
use datafusion::optimizer::optimizer::{ApplyOrder, Optimizer};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

const SINGLE_DISTINCT: &str = "single_distinct_aggregation_to_group_by";

/// DataFusion's own rules, in their order.
pub(super) fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let keep = |rule: Arc<dyn OptimizerRule + Send + Sync>| -> Arc<dyn OptimizerRule + Send + Sync> {
        if rule.name() == SINGLE_DISTINCT { Arc::new(KeepsTypes(rule)) } else { rule }
    };
    Optimizer::new().rules.into_iter().map(keep).collect()
}

/// A rule that is followed where the columns keep their types.
#[derive(Debug)]
struct KeepsTypes(Arc<dyn OptimizerRule + Send + Sync>);

impl OptimizerRule for KeepsTypes {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(Aggregate { schema, .. }) = &plan else { return self.0.rewrite(plan, config) };
        let (schema, former) = (Arc::clone(schema), plan.clone());
        let found = self.0.rewrite(plan, config)?;
        let types =
            |plan: &LogicalPlan| plan.schema().fields().iter().map(|f| f.data_type().clone()).collect::<Vec<_>>();
        let wanted = schema.fields().iter().map(|f| f.data_type().clone()).collect::<Vec<_>>();
        Ok(if found.transformed && types(&found.data) != wanted { Transformed::no(former) } else { found })
    }
}

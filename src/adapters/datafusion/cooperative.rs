//! Joins that can be interrupted. In: physical plans. Out: the same plans, whose joins give way now and then.
//!
//! Work is interrupted where it gives way, and by itself DataFusion does so only where rows are read. A join that makes millions of
//! rows of one would go on for as long as that takes, even when nobody waits for it any more.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;

/// Operators of which one row of input can make very many.
const MULTIPLYING: &[&str] =
    &["CrossJoinExec", "NestedLoopJoinExec", "HashJoinExec", "SortMergeJoinExec", "UnnestExec", "RecursiveQueryExec"];

/// See the module.
#[derive(Debug)]
pub(super) struct Cooperative;

impl PhysicalOptimizerRule for Cooperative {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let wrapped = plan.transform_up(|node| {
            Ok(if MULTIPLYING.contains(&node.name()) {
                Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>)
            } else {
                Transformed::no(node)
            })
        })?;
        Ok(wrapped.data)
    }

    fn name(&self) -> &str {
        "cooperative_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

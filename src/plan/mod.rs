//! Floor 2: what a run does with every node, and why. Decided here once, before anything runs.
//!
//! In: the project, what is selected and in which order, what the warehouse has ([`Facts`]), flags. Out: [`Plan`]: a [`Step`] for
//! every node with an [`Action`] and its reason. Pure functions: nothing here asks the warehouse or renders a template.
//!
//! ```text
//! decide          goes over the nodes: models, seeds, snapshots, tests, what is skipped
//!   refresh         whether a table is built anew                        schemas   which schemas are missing
//!   incremental     how rows get into a table that exists                hooks     on-run-start, on-run-end
//!   schema_change   what becomes of a table whose query has changed      batches   which batches of a model run
//! ```
//!
//! `execute` decides by the same functions. What the materialization macros decide (they can be replaced, so they must) is held
//! against the plan by a test over every materialization and strategy.

mod action;
#[cfg(test)]
mod batch_tests;
mod batches;
mod coverage;
mod decide;
mod facts;
mod hooks;
mod incremental;
mod refresh;
mod schema_change;
mod schemas;
mod snapshot;

pub use action::{Action, Plan, Step};
pub use batches::{BatchFacts, BatchPlan, BatchWish, PlannedBatch, Restate, Why, plan_batches};
pub use coverage::Coverage;
pub use decide::{PlanRequest, PlanSettings, columns_after, plan};
pub use facts::{Existing, Facts, Maker, SeedFile};
pub use hooks::{Phase, run_hooks};
pub use incremental::{Addition, Strategy, keys, strategy};
pub use refresh::{Rebuild, adds_to, full_refresh, rebuild};
pub use schema_change::{Outcome, Retyped, SchemaChange, SchemaMode, Written};
pub use schemas::{distinct_schemas, missing_schemas, writes};
pub use snapshot::SnapshotPlan;

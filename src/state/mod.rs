//! Floor 2: what is already true. The run ledger: which node and which batch is in the warehouse, built by which code, when;
//! and the project as an earlier manifest holds it.
//!
//! In: rows of the ledger's table, a model's config, the time, what the user asks for; values that earlier invocations left.
//! Out: [`Entry`] and its SQL ([`LedgerTable`]), the decision which batches run, [`plan_batches`], and what differs from an
//! earlier state, [`Comparison`]. Nothing here talks to a database.

mod contract;
mod ledger;
mod ledger_batches;
mod ledger_coverage;
#[cfg(test)]
mod ledger_tests;
mod modified;
mod seed;
mod values;

pub use ledger::{Entry, EntryKind, EntryStatus, LEDGER_SCHEMA, LedgerTable, Recorded};
pub use ledger_batches::{BatchFacts, BatchPlan, BatchWish, PlannedBatch, Restate, Why, plan_batches};
pub use ledger_coverage::Coverage;
pub use modified::{Aspect, Comparison, ComparisonRules};
pub use seed::seed_is_unchanged;

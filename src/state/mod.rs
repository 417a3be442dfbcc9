//! Floor 2: what is already true. The run ledger: which node and which batch is in the warehouse, built by which code, when.
//!
//! In: rows of the ledger's table, a model's config, the time, what the user asks for. Out: [`Entry`] and its SQL ([`LedgerTable`]),
//! and the decision which batches run, [`plan_batches`]. Nothing here talks to a database or looks at a clock.

mod ledger;
mod ledger_batches;
mod ledger_coverage;
#[cfg(test)]
mod ledger_tests;

pub use ledger::{Entry, EntryKind, EntryStatus, LEDGER_SCHEMA, LedgerTable, Recorded};
pub use ledger_batches::{BatchFacts, BatchPlan, BatchWish, PlannedBatch, Restate, Why, plan_batches};
pub use ledger_coverage::Coverage;

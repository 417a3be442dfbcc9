//! Floor 2: what is already true. The run ledger: which node and which batch is in the warehouse, built by which code, when;
//! and the project as an earlier manifest holds it.
//!
//! In: rows of the ledger's table, nodes, values that earlier invocations left. Out: [`Entry`] and its SQL ([`LedgerTable`]),
//! and what differs from an earlier state, [`Comparison`]. Nothing here talks to a database.

mod contract;
mod differences;
mod ledger;
mod modified;
mod seed;
mod values;

pub use ledger::{
    Entry, EntryKind, EntryStatus, LEDGER_SCHEMA, LedgerTable, Recorded, fingerprint, fingerprint_around,
};
pub use modified::{Aspect, Comparison, ComparisonRules};
pub use seed::seed_is_unchanged;

//! The DAG: who depends on whom, in which order, and which part of it a command works on.
//!
//! In: [`crate::node::Project`]. Out: [`Graph`] (parents, children, order, cycles as diagnostics), [`Selection`] (dbt's
//! selection language over the graph), [`ExecutionGraph`] and [`Queue`] (what may run when, and what a failure skips).
//!
//! Everything works on positions in one vector and on bit sets; ids appear only at the edges of this room.

mod cycle;
mod dag;
mod execution;
mod members;
mod pattern;
mod queue;
pub mod select;
mod set;
mod test_edges;
#[cfg(test)]
mod tests;

pub use dag::Graph;
pub use execution::{ExecutionGraph, ExecutionMode};
pub(crate) use pattern::Pattern;
pub use queue::{Outcome, Progress, Queue, Skipped};
pub use select::{
    ColumnFacts, Command, IndirectSelection, Reach, Selection, SelectionFacts, SelectionRequest, StateFacts, StateKind,
    check_selectors, select,
};

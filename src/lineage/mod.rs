//! What the SQL says before it runs: whether it can be bound, what columns come out, and where they come from.
//!
//! In: the project, compiled nodes, the columns of what lies outside (sources, seeds), an engine's
//! [`Shadow`](crate::adapters::shadow::Shadow). Out: [`Checked`]: a verdict and the columns of every node; from it the
//! [`ColumnGraph`], which knows the way of a column through the whole project.
//!
//! Truth is the engine's binder. Where its plan does not tell the origins of a query's columns, every column of the
//! parents is taken for one and the edge is marked approximate: never a silent wrong edge.

mod check;
mod columns;
mod contract;
mod descriptions;
mod faces;
mod fixtures;
mod graph;
mod impact;
mod keys;
mod mention;
mod named;
mod objection;
mod reach;
mod reason;
mod remembered;
mod schemas;
mod share;
mod snapshot;
mod widening;

pub use crate::adapters::shadow::Influence;
pub use check::{CheckRequest, Checked, CodeOf, Leaves, NodeCheck, Verdict, check, check_more};
pub use columns::{ColumnId, Edge, NodeLineage};
pub use descriptions::{InheritedDescription, inherited_description};
pub use graph::{ColumnGraph, Direction, Hop};
pub use impact::{Change, ColumnImpact, Fate, Impact, ImpactRequest, NodeImpact, Readers, RowsImpact, Side, impact};
pub use named::{column_of, named_columns, named_node};
pub use reach::Ways;
pub use reason::Beside;
pub use remembered::Remembered;
pub use schemas::{Drift, SchemaLock, Schemas};

//! Floor 0: the small vocabulary that every room speaks. Pure values, no I/O, imports nothing of ours.
//!
//! In: nothing. Out: [`NodeId`], [`Relation`], [`Value`], [`Table`], [`Fingerprint`], [`Clock`], [`AsOf`],
//! [`BatchGrid`] and its parts.

mod as_of;
mod batch;
pub mod calendar;
mod clock;
mod fingerprint;
mod id;
mod relation;
mod table;
mod value;

pub use as_of::AsOf;
pub use batch::{BatchGrid, BatchKey, BatchSize, Grain, Interval, event_time_format_objection};
/// Bytes of stack for threads that walk what users nest: YAML, expressions, values. Only what is used is ever taken.
pub const DEEP_STACK: usize = 256 << 20;

pub use clock::{Clock, FixedClock, SystemClock};
pub use fingerprint::Fingerprint;
pub use id::NodeId;
pub use relation::{Relation, RelationKind};
pub use table::{Table, TableColumn};
pub use value::{Dict, Value};

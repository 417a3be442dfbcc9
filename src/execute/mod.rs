//! Floor 2: runs what was selected. Workers take nodes from the graph's queue, compile them, run their materialization
//! macros on a connection of their own and say what became of them.
//!
//! In: [`RunRequest`]: the project, the Jinja engine, the compiler, an adapter, the execution graph. Out: [`RunOutcome`],
//! and on the way a stream of [`Event`]s.
//!
//! ```text
//! run            runner: hooks, schemas, cache ─> pool: queue and workers ─> one file per kind of node
//!                    node_run    models, seeds, snapshots         data_test   generic and singular tests
//!                    microbatch  models built batch by batch      batch_run   one batch
//!                    latest_pointer  views on the latest version of a model
//!                    unit_test   unit tests                       freshness   sources
//! compile_nodes  every node's code, without running it
//! run_operation  a macro by name                   show        the first rows of a node
//! ```
//!
//! [`WorkerDatabase`] is what Jinja sees of a connection: it keeps the relation cache that all workers share, tells of every
//! statement, and leads an error's place in the SQL back to the model's file.

mod batch_run;
mod batch_set;
mod bindings;
mod cache;
mod cancel;
mod code;
mod compile_only;
mod csv_types;
mod data_test;
mod database;
pub mod event;
mod failure;
mod files;
mod freshness;
mod hooks;
mod latest_pointer;
mod ledger;
mod microbatch;
#[cfg(test)]
mod microbatch_tests;
mod node_run;
mod operation;
pub mod outcome;
mod partitions;
mod pool;
mod rebuild;
mod request;
mod row_diff;
mod runner;
mod schemas;
mod show;
#[cfg(test)]
mod tests;
mod unit_test;
mod worker;

pub use cache::RelationCache;
pub use cancel::CancelFlag;
pub use compile_only::{
    NodeCode, compile_code, compile_code_over, compile_inline, compile_nodes, compile_nodes_with_code,
};
pub use database::ForeseenColumns;
pub use database::WorkerDatabase;
pub use event::{Event, EventSink, Exhibit, ExhibitKind, NoSink, NoteLevel};
pub use failure::{PROFILE_OPTION, connection_diagnostic, diagnostic};
pub use files::{CodePaths, ProjectFiles};
pub use operation::{run_operation, run_sql_operation};
pub use outcome::{BatchResults, FreshnessOutcome, NodeFacts, NodeOutcome, RunOutcome, Status};
pub use request::{BatchRequest, Blocking, CodeWriter, QueryComment, RunRequest, RunSettings, Surroundings};
pub use runner::run;
pub use show::{Shown, show};

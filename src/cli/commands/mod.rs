//! One file a command. In: a [`CommandContext`](super::context::CommandContext). Out: an exit code, everything else through
//! events.

pub mod backfill;
pub mod build;
pub mod check;
pub mod clean;
pub mod compile;
pub mod debug;
pub mod deps;
pub mod docs_generate;
pub mod docs_graph;
pub mod docs_serve;
pub mod explain;
pub mod impact;
pub mod init;
pub mod lineage;
pub mod list;
pub mod maintain;
pub mod parse;
pub mod plan;
pub mod restore;
pub mod run_operation;
pub mod show;
#[cfg(test)]
pub(super) mod testing;

//! One file a command. In: a [`CommandContext`](super::context::CommandContext). Out: an exit code, everything else through
//! events.

pub mod clean;
pub mod debug;
pub mod deps;
pub mod explain;
pub mod init;
pub mod list;
#[cfg(test)]
pub(super) mod testing;

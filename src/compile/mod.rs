//! From parsed nodes to the SQL that runs.
//!
//! In: a [`Project`](crate::node::Project), the Jinja engine, the invocation's
//! [`SharedContext`](crate::jinja::context::SharedContext), a database where templates ask one. Out: [`Compiled`]: final SQL
//! with ephemeral parents in front, the node as it is to run, and a way from every byte back to the file it comes from.
//!
//! [`Compiler`] is shared by all worker threads. `resolver` answers `ref` and `source` from one node's point of view,
//! `inject` puts ephemeral parents into the SQL, `node_overrides` finishes what only compiling can know about a node,
//! `unit_test` and `fixture` build unit tests. `beside` tells what runs beside a node's query.

mod batch;
mod beside;
mod compiled;
mod compiler;
mod fixture;
mod inject;
mod node_overrides;
mod resolver;
#[cfg(test)]
mod tests;
mod unit_test;

pub use batch::Batch;
pub use beside::{Deed, Doer};
pub use compiled::Compiled;
pub use compiler::{CompileSettings, Compiler};
pub use fixture::{fixture_columns, in_fixture};
pub use resolver::cte_name;

//! dbt's Jinja context: everything that a template can name besides macros and Jinja's own library.
//!
//! In: a [`SharedContext`] per invocation, [`NodeFacts`] per render, and the doors of [`host`] that later rooms
//! implement. Out: [`NodeScope`], the engine's [`Scope`](super::Scope) of one render; [`Capture`], what the render did;
//! [`call`](self::call), macro calls for Rust callers.
//!
//! `scope` puts a render together, `names` answers for dbt's names, `core` is the state that the objects share; each
//! object of dbt's context has its file: `refs`, `config`, `var`, `adapter`, `relation`, `column`, `exceptions`, `statement`, `flags`, `functions`.

mod adapter;
mod args;
pub(in crate::jinja) mod bound;
mod bridge;
mod builtins;
mod call;
mod capture;
mod column;
mod config;
mod core;
mod exceptions;
mod facts;
mod flags;
mod function;
mod functions;
pub mod host;
mod names;
mod raise;
mod record;
mod refs;
mod relation;
mod runtime_config;
mod scope;
mod shared;
mod statement;
mod test_kwargs;
#[cfg(test)]
mod tests;
mod var;

pub use call::{Argument, MaterializationError, Returned, call, call_named, render, render_value, run_materialization};
pub use capture::{Capture, Captured};
pub use column::{ColumnClass, ColumnObject};
pub use core::Overrides;
pub use facts::{LazyDict, NodeFacts};
pub use relation::{RelationClass, RelationObject};
pub use scope::{NodeScope, ScopeBuilder};
pub use shared::SharedContext;
pub use var::{SECRET_PREFIX, reveal_secrets};

pub(in crate::jinja) use bridge::to_value;
use bridge::{
    base_table, call_in_state, column_type, dict, dict_of, has_decimals, is_template, list, render_text, shown,
    table_rows, table_value, to_base, tuple,
};

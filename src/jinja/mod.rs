//! Floor 1: dbt's Jinja, and the only room that imports minijinja.
//!
//! In: template text with its [`SourceFile`](crate::diag::SourceFile), the project's macros, and a [`Scope`] that supplies
//! what one render may see. Out: rendered text with a way back to the source, native values, [`Diagnostic`](crate::diag::Diagnostic)s
//! with original places, and static facts about templates.
//!
//! ```text
//! text -> lexer -> defs (macros, tests, materializations, snapshots, docs) -> registry (dbt's lookup and dispatch order)
//!              \-> rewrite (Jinja2 that minijinja does not speak, with an edit map)        |
//!                       \-> engine (one immutable environment, macros compiled on first use) -> text, values, diagnostics
//! ```
//!
//! * `lexer`, `rewrite`, `facts` know only text. `registry` knows only names.
//! * [`Engine`] is built once per project and shared by all threads; a render costs one root object ([`Scope`] behind an
//!   `Arc`) and one minijinja state, in which every macro of the render lives.
//! * `values`, `pylib`, `modules`, `table` are Python as Jinja templates see it; `context` holds dbt's own objects.
//! * Objects that call macros do so inside the running state, through [`call_macro`].

mod defs;
#[cfg(test)]
mod differential_tests;
mod engine;
#[cfg(test)]
mod engine_tests;
mod error;
mod facts;
mod lexer;
mod macro_call;
mod native;
mod registry;
mod rewrite;
mod root;
mod scope;
mod span_map;

pub mod context;
pub mod modules;
pub mod pylib;
pub mod table;
pub mod values;

pub use defs::{Argument, Definition, DefinitionKind, extract, extract_only, extract_strictly};
pub use engine::{Engine, Rendered, TemplateSource};
pub use error::{RaisedError, message};
pub use facts::{StaticCall, StaticMacroCall, names_used, static_calls, static_macro_calls};
pub use macro_call::{MacroRef, call_macro, call_named, engine_of, macro_depth, macro_stack, macro_value, scope_of};
pub use registry::{DispatchError, DispatchSettings, Found, MacroEntry, MacroId, Registry};
pub use scope::{Scope, UndefinedMode};
pub use span_map::{Exactness, SpanMap};

//! What one render may see besides macros: the seam between the engine and dbt's objects.
//!
//! In: nothing. Out: [`Scope`], implemented by `context` for each kind of render.

use std::fmt::Debug;

use minijinja::Value;

use super::registry::MacroEntry;

/// How names that nobody knows behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UndefinedMode {
    /// While parsing: an unknown name can be called, indexed and printed; it stays undefined and prints nothing.
    Permissive,
    /// While running: printing and testing are fine, calling, attributes and arithmetic are errors.
    #[default]
    Strict,
}

/// The names of one render. Order of resolution in a template, as in dbt:
/// names set by `context.update` -> [`Scope::overlay`] -> macros and package namespaces -> [`Scope::lookup`] ->
/// `context` and `return` -> Jinja's own globals. So a macro named `ref` covers the builtin of that name.
pub trait Scope: Send + Sync + Debug {
    /// A name of dbt's context: `ref`, `config`, `var`, `this`, `builtins`, ...
    fn lookup(&self, name: &str) -> Option<Value>;

    /// A name that covers even macros: hook and docs contexts, unit-test overrides of non-macros.
    fn overlay(&self, name: &str) -> Option<Value> {
        let _ = name;
        None
    }

    /// The names that [`Scope::lookup`] and [`Scope::overlay`] answer: `context.keys()`, and "did you mean".
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    /// The package whose macros are found first.
    fn package(&self) -> &str;

    /// What happens to unknown names.
    fn undefined(&self) -> UndefinedMode {
        UndefinedMode::Strict
    }

    /// A macro is being called while no other macro runs: an entry of the node's `depends_on.macros`.
    fn on_macro_call(&self, unique_id: &str) {
        let _ = unique_id;
    }

    /// A value to answer instead of calling this macro (unit tests override macros so).
    fn macro_override(&self, entry: &MacroEntry) -> Option<Value> {
        let _ = entry;
        None
    }
}

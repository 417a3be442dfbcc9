//! Diagnostics as template errors.
//!
//! In: a [`Diagnostic`]. Out: an error that leaves the render as the same diagnostic, with the place of the call.

use minijinja::Error;

use crate::diag::Diagnostic;
use crate::jinja::RaisedError;

/// The error that carries a diagnostic through the engine.
pub(super) fn raise(diagnostic: Diagnostic) -> Error {
    RaisedError::from(diagnostic).into()
}

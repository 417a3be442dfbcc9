//! Functions that people write daily and the engine lacks.

use datafusion::execution::SessionStateBuilder;

/// Puts functions, operators, types and casts into a session.
pub(super) fn install(builder: SessionStateBuilder) -> SessionStateBuilder {
    builder
}

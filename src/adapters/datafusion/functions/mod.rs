//! Functions that people write daily and the engine lacks.

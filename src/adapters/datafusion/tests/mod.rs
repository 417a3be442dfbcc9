//! The adapter against a real lake.

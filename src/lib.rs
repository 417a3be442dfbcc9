//! placeholder
pub mod base;
pub mod diag;

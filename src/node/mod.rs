//! Floor 0: the domain as plain, immutable structs. What `parse/` makes and every later stage reads.
//!
//! In: [`crate::base`], [`crate::diag`]. Out: [`Project`] and all that it holds. dbt's words for dbt's things; the
//! dict form that Jinja and the manifest share is in [`dict`].

mod column;
mod config;
pub mod contract;
pub mod dict;
mod kind;
mod macros;
mod meta;
mod microbatch;
mod model;
pub mod previous;
mod project;
mod source;
mod unit_test;

pub use column::{Column, Constraint};
pub use config::Config;
pub use kind::ResourceType;
pub use macros::{Macro, MacroArgument};
pub use meta::{Doc, Exposure, Group, Semantic};
pub use microbatch::Microbatch;
pub use model::{Checksum, Detail, FunctionDetail, GenericTest, Language, ModelDetail, Node, Patch, RefCall, Template};
pub use project::{Disabled, Project, ProjectInfo};
pub use source::Source;
pub use unit_test::{Fixture, FixtureFormat, UnitTest};

//! `transform` turns a folder of SQL models into a trusted warehouse: it runs dbt projects on embedded DuckDB, or on
//! DataFusion over a lake of Delta tables.
//!
//! The folders of `src/` are rooms on floors. Imports go down, or left within floor 2; `tests/it/architecture.rs`
//! enforces it. The file list tells the data flow.
//!
//! ```text
//! floor 3  outlets      cli  report  artifacts  docs
//! floor 2  pipeline     load ─> parse ─> graph ─> compile ─> lineage, state ─> plan ─> execute
//! floor 1  languages    jinja   sql   stdlib   adapters (duckdb, datafusion, fake)
//!          and engines
//! floor 0  vocabulary   base  diag  files  node
//! ```
//!
//! A command reads like that list: [`load`] turns a folder into a `SourceTree`, [`parse`] turns it into a
//! [`node::Project`] and the macro engine, [`graph`] orders and selects, [`compile`] renders SQL, [`lineage`] binds it
//! without data, [`state`] knows what is already built, [`plan`] decides what is done to each node and says why, [`execute`] does it
//! and tells what happens as events, [`report`], [`artifacts`] and [`docs`] show and keep it.
//!
//! Rules
//! * One room per big dependency: minijinja in [`jinja`], DuckDB and DataFusion in a folder each of [`adapters`], clap in
//!   [`cli`]. `main.rs` has the allocator.
//! * Stages are functions from value to value; what a stage has produced never changes.
//! * Nothing outside [`adapters`], [`stdlib`] and [`cli`] names an engine: differences are capabilities or macros.
//! * User problems are [`diag::Diagnostic`]s, collected; failures of the environment are small error enums.
//! * Only [`files`] touches the file system and the environment; only [`report`] and [`cli`] print.
//! * stdout is data, stderr is talk. Exit code 0: good; 1: the user's project failed; 2: usage, environment or our fault.

pub mod adapters;
pub mod artifacts;
pub mod base;
pub mod cli;
pub mod compile;
pub mod diag;
pub mod docs;
pub mod execute;
pub mod files;
pub mod graph;
pub mod jinja;
pub mod lineage;
pub mod load;
pub mod node;
pub mod parse;
pub mod plan;
pub mod report;
pub mod sql;
pub mod state;
pub mod stdlib;

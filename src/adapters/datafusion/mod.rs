//! DataFusion on Delta Lake. In: a profile target, SQL. Out: connections of one shared lake.
//!
//! A lake is a folder (or a prefix of an object store) with one Delta table a relation and a versioned catalog that says which
//! version of which table is current. This adapter makes a transactional SQL database of it.
//!
//! * [`rewrite`], [`functions`]: what users write daily and the engine's SQL lacks
//! * [`delta`]: one table: staged writes, squashed into one commit
//! * [`catalog`]: which relations there are, at which version; what is published at once
//! * [`statements`]: SQL statements -> changes of tables and of the catalog
//! * [`shadow`]: binding without data, and where columns come from

mod catalog;
mod delta;
mod functions;
mod rewrite;
mod shadow;
mod statements;

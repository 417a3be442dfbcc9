//! The integration tests, one binary: the `.case` files, the rules of the house, laws on random histories, and the Jinja
//! differential suite.

mod architecture;
mod case_file;
mod case_run;
mod cases;
mod column_lineage;
mod evolving;
mod incremental;
mod merging;
mod package_source;
mod plan_agrees;
mod redact;
#[cfg(unix)]
mod two_processes;
mod warehouse;

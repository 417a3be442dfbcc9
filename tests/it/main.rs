//! The integration tests, one binary: the `.case` files, the rules of the house, and the Jinja differential suite.

mod architecture;
mod case_file;
mod case_run;
mod cases;
mod column_lineage;
mod package_source;
mod redact;

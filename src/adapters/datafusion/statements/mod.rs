//! SQL statements -> changes of tables and of the catalog.

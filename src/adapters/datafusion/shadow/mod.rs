//! Binding without data: empty tables, the logical plan, where columns come from.

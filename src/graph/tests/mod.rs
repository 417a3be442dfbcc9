//! Tests of the room over small projects built in code.

mod build;
mod graph;
mod laws;
mod order;
mod requests;
mod scale;
mod selection;

//! Floor 1: SQL as text, where no engine is needed.
//!
//! In: SQL. Out: where its words, comments and strings are ([`scan`]), and whether it says anything at all ([`is_blank`]).

mod scan;

pub use scan::{Piece, PieceKind, is_blank, scan};

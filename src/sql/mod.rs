//! Floor 1: SQL as text, where no engine is needed.
//!
//! In: compiled SQL. Out: where its comments and strings are ([`scan`]), whether it says anything at all
//! ([`is_blank`]), and the same query with common table expressions put in front ([`prepend_ctes`]).

mod cte;
mod scan;

pub use cte::prepend_ctes;
pub use scan::{Piece, PieceKind, is_blank, scan};

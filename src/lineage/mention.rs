//! Where a query mentions what an objection is about, for objections that come without a place.
//!
//! In: the query, the objection's words. Out: a range of the query; none where several places come into question.

use std::ops::Range;

use crate::adapters::shadow::BindError;
use crate::sql::{Piece, PieceKind, scan};

/// Clauses that an objection speaks of, as it spells them and as the query does.
const CLAUSES: [(&str, &str); 9] = [
    ("EXCLUDE", "exclude"),
    ("REPLACE", "replace"),
    ("RENAME", "rename"),
    ("UNPIVOT", "unpivot"),
    ("PIVOT", "pivot"),
    ("side of join", "using"),
    ("QUALIFY", "qualify"),
    ("GROUP BY", "group"),
    ("ORDER BY", "order"),
];

/// The place.
pub(super) fn mentioned(code: &str, error: &BindError) -> Option<Range<usize>> {
    let line = error.message.lines().next().unwrap_or_default();
    let pieces = scan(code);
    let pieces: Vec<&Piece> =
        pieces.iter().filter(|p| !matches!(p.kind, PieceKind::Space | PieceKind::Comment)).collect();
    let text = |piece: &Piece| code.get(piece.range.clone()).unwrap_or_default();
    let places = |name: &str| -> Vec<Range<usize>> {
        let named = |p: &&&Piece| {
            matches!(p.kind, PieceKind::Word | PieceKind::Quoted)
                && text(p).trim_matches('"').eq_ignore_ascii_case(name)
        };
        pieces.iter().filter(named).map(|p| p.range.clone()).collect()
    };
    for name in names(error, line) {
        let found = places(name);
        if let [only] = found.as_slice() {
            return Some(only.clone());
        }
        let spoken = CLAUSES.iter().find(|(said, _)| line.contains(said));
        let clauses = spoken.map(|(_, written)| places(written)).unwrap_or_default();
        if let [clause] = clauses.as_slice()
            && let Some(behind) = found.into_iter().find(|range| range.start > clause.start)
        {
            return Some(behind);
        }
    }
    let only = |found: Vec<Range<usize>>| <[_; 1]>::try_from(found).ok().map(|[range]| range);
    if line.starts_with("Set operations") {
        return only(["union", "intersect", "except"].iter().flat_map(|word| places(word)).collect());
    }
    if line.starts_with("STAR expression") {
        return only(pieces.iter().filter(|p| text(p) == "*").map(|p| p.range.clone()).collect());
    }
    None
}

/// What an objection names: first what the engine says, then what stands in quotes.
fn names<'e>(error: &'e BindError, line: &'e str) -> impl Iterator<Item = &'e str> {
    let last = |name: &'e str| name.rsplit('.').next().unwrap_or(name).trim_matches('"');
    let quoted = ['"', '\''].into_iter().flat_map(move |quote| line.split(quote).skip(1).step_by(2));
    error.name.as_deref().into_iter().chain(quoted).map(last).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::shadow::BindProblem;

    #[test]
    fn the_only_mention_is_the_place() {
        for (code, message, expected) in [
            ("select * exclude (nam) from c", "Column \"nam\" in EXCLUDE list not found in FROM clause", Some("nam")),
            ("select nam, * exclude (NAM) from c", "Column \"nam\" in EXCLUDE list not found in c", Some("NAM")),
            ("select nam, 'nam' /* nam */ from c", "about \"nam\"", Some("nam")),
            ("select nam, nam from c", "about \"nam\"", None),
            ("select a.\"x y\" from a", "Could not find key \"x y\" in struct", Some("\"x y\"")),
            ("select 1 union select 2, 3", "Set operations can only apply to", Some("union")),
            ("select 1 union select 2 union select 2, 3", "Set operations can only apply to", None),
        ] {
            let error = BindError {
                problem: BindProblem::Other,
                message: message.to_owned(),
                name: None,
                span: None,
                candidates: Vec::new(),
            };
            assert_eq!(mentioned(code, &error).map(|range| &code[range]), expected, "{code}");
        }
    }
}

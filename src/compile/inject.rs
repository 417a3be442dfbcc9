//! Puts ephemeral parents in front of a query, as common table expressions.
//!
//! In: a query and its CTEs, each with its origin. Out: the final SQL and its map. Rule: `inject_ctes_into_sql` of
//! `core/dbt/compilation.py`; white space is dbt's too, because the compiled code is part of the artifacts.

use std::sync::Arc;

use crate::base::NodeId;
use crate::sql::{PieceKind, scan};

use super::compiled::{CodeMap, Origin};

/// An inlined parent.
#[derive(Clone, Debug)]
pub(super) struct Cte {
    pub id: NodeId,
    /// ` name as (\nsql\n)`.
    pub text: String,
    /// Where the parent's SQL starts in `text`.
    body: usize,
    /// The length of that SQL.
    length: usize,
    origin: Arc<Origin>,
}

impl Cte {
    pub(super) fn new(id: NodeId, name: &str, sql: &str, origin: Arc<Origin>) -> Self {
        let head = format!(" {name} as (\n");
        Self { id, body: head.len(), length: sql.len(), text: format!("{head}{sql}\n)"), origin }
    }
}

/// Adds CTEs behind those already there; what is there keeps its place.
pub(super) fn extend(ctes: &mut Vec<Cte>, further: impl IntoIterator<Item = Cte>) {
    for cte in further {
        match ctes.iter_mut().find(|known| known.id == cte.id) {
            Some(known) => *known = cte,
            None => ctes.push(cte),
        }
    }
}

/// The query with its CTEs first: behind an existing `with` or `with recursive`, else behind a new `with`.
pub(super) fn inject(sql: &str, origin: &Arc<Origin>, ctes: &[Cte]) -> (String, CodeMap) {
    let mut map = CodeMap::default();
    if ctes.is_empty() {
        map.pieces.push((0..sql.len(), Arc::clone(origin), 0));
        return (sql.to_owned(), map);
    }
    let (at, before, after) = match behind_with(sql) {
        Some(at) => (at, "", ", "),
        None => (sql.len() - sql.trim_start().len(), "with", " "),
    };
    let mut text = String::with_capacity(sql.len() + ctes.iter().map(|c| c.text.len() + 2).sum::<usize>() + 8);
    text.push_str(&sql[..at]);
    map.pieces.push((0..at, Arc::clone(origin), 0));
    text.push_str(before);
    for (index, cte) in ctes.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        let start = text.len() + cte.body;
        map.pieces.push((start..start + cte.length, Arc::clone(&cte.origin), 0));
        text.push_str(&cte.text);
    }
    text.push_str(after);
    map.pieces.push((text.len()..text.len() + (sql.len() - at), Arc::clone(origin), at));
    text.push_str(&sql[at..]);
    (text, map)
}

/// The place behind a leading `with` or `with recursive` and the white space after it.
fn behind_with(sql: &str) -> Option<usize> {
    let pieces = scan(sql);
    let is = |index: usize, word: &str| {
        pieces.get(index).is_some_and(|p| p.kind == PieceKind::Word && sql[p.range.clone()].eq_ignore_ascii_case(word))
    };
    let skip = |mut index: usize, comments: bool| {
        while pieces
            .get(index)
            .is_some_and(|p| p.kind == PieceKind::Space || (comments && p.kind == PieceKind::Comment))
        {
            index += 1;
        }
        index
    };
    let with = skip(0, true);
    if !is(with, "with") {
        return None;
    }
    let mut next = skip(with + 1, false);
    if is(next, "recursive") {
        next = skip(next + 1, false);
    }
    Some(pieces.get(next).map_or(sql.len(), |p| p.range.start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{SourceFile, Span};

    #[test]
    fn text_is_dbts() {
        let origin = |name: &str| Arc::new(Origin::Place(Span::file_start(&SourceFile::new(name, ""))));
        let cte = |name: &str| Cte::new(NodeId::new(format!("model.p.{name}")), name, "select 1", origin(name));
        let ctes = [cte("a"), cte("b")];
        let both = " a as (\nselect 1\n),  b as (\nselect 1\n)";
        for (sql, expected) in [
            ("select 2", format!("with{both} select 2")),
            ("\n\n-- x\nselect 2", format!("\n\nwith{both} -- x\nselect 2")),
            ("-- x\nWITH c as (select 2) select 3", format!("-- x\nWITH {both}, c as (select 2) select 3")),
            ("with recursive r as (select 1) select 3", format!("with recursive {both}, r as (select 1) select 3")),
            ("with\n  r as (select 1) select 3", format!("with\n  {both}, r as (select 1) select 3")),
            ("select 'with' from t", format!("with{both} select 'with' from t")),
        ] {
            let (text, map) = inject(sql, &origin("own"), &ctes);
            assert_eq!(text, expected, "{sql}");
            // The own pieces put together are the query.
            let own = map.pieces.iter().filter(|(_, o, _)| matches!(&**o, Origin::Place(s) if s.file.path == "own"));
            assert_eq!(own.map(|(range, ..)| &text[range.clone()]).collect::<String>(), sql);
            let bodies = map.pieces.iter().filter(|(_, o, _)| matches!(&**o, Origin::Place(s) if s.file.path != "own"));
            assert!(bodies.map(|(range, ..)| &text[range.clone()]).eq(["select 1", "select 1"]));
        }
    }
}

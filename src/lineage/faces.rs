//! The two faces of an incremental model as one: what its first run reads, and what later runs read beside it.
//!
//! In: the lineage of both codes. Out: one [`NodeLineage`], in which the model's own table is no origin: what comes back
//! out of it went into it in an earlier run.

use std::collections::{BTreeMap, BTreeSet};

use crate::adapters::shadow::{EdgeKind, Influence, ShadowColumn};
use crate::base::NodeId;

use super::columns::{ColumnId, Edge, NodeLineage};

/// The lineage of one code.
pub(super) struct Face<'a> {
    pub(super) columns: &'a [ShadowColumn],
    pub(super) lineage: NodeLineage,
}

type Origins = BTreeMap<ColumnId, EdgeKind>;

/// Both faces; the columns are those of the first.
pub(super) fn united(node: &NodeId, first: Face<'_>, later: Face<'_>) -> NodeLineage {
    let place = |name: &str, columns: &[ShadowColumn]| columns.iter().position(|c| c.name.eq_ignore_ascii_case(name));
    let twins: Vec<Option<usize>> = first.columns.iter().map(|c| place(&c.name, later.columns)).collect();
    let mut values: Vec<Origins> = vec![Origins::new(); first.columns.len()];
    for (at, twin) in twins.iter().enumerate() {
        let of_later = twin.and_then(|twin| later.lineage.values.get(twin));
        for edge in first.lineage.values.get(at).into_iter().chain(of_later).flatten() {
            add(&mut values[at], &edge.from, edge.kind);
        }
    }
    let own = |column: &ColumnId| (column.node == *node).then(|| place(&column.column, first.columns)).flatten();
    let values = through_own_table(values, &own);
    let mut influence: BTreeSet<(ColumnId, Influence)> = BTreeSet::new();
    for (column, how) in first.lineage.influence.iter().chain(&later.lineage.influence) {
        match own(column) {
            Some(at) => influence.extend(values[at].keys().map(|origin| (origin.clone(), *how))),
            None => drop(influence.insert((column.clone(), *how))),
        }
    }
    influence.retain(|(column, _)| column.node != *node);
    let edges = |origins: Origins| {
        let kept = origins.into_iter().filter(|(from, _)| from.node != *node);
        kept.map(|(from, kind)| Edge { from, kind }).collect()
    };
    let mut casts = first.lineage.casts;
    casts.extend(later.lineage.casts.into_iter().filter(|cast| !casts.contains(cast)).collect::<Vec<_>>());
    let printed = !first.lineage.prints.is_empty() && !later.lineage.prints.is_empty();
    let print = |(at, print): (usize, &u64)| {
        let twin = twins.get(at).copied().flatten().and_then(|twin| later.lineage.prints.get(twin));
        both(*print, twin.copied().unwrap_or_default())
    };
    let prints = first.lineage.prints.iter().enumerate().map(print);
    NodeLineage {
        values: values.into_iter().map(edges).collect(),
        influence,
        equal: first.lineage.equal.intersection(&later.lineage.equal).cloned().collect(),
        approximate: first.lineage.approximate.or(later.lineage.approximate),
        prints: if printed { prints.collect() } else { Vec::new() },
        rows_print: both(first.lineage.rows_print, later.lineage.rows_print),
        casts,
    }
}

fn add(origins: &mut Origins, from: &ColumnId, kind: EdgeKind) -> bool {
    let known = origins.get(from).copied();
    let grows = known.is_none_or(|known| known < kind);
    if grows {
        origins.insert(from.clone(), kind);
    }
    grows
}

/// What comes back out of the model's own table has the origins of that column.
fn through_own_table(mut values: Vec<Origins>, own: &dyn Fn(&ColumnId) -> Option<usize>) -> Vec<Origins> {
    loop {
        let mut grown = false;
        for at in 0..values.len() {
            let back: Vec<(usize, EdgeKind)> =
                values[at].iter().filter_map(|(column, kind)| Some((own(column)?, *kind))).collect();
            for (from, way) in back {
                for (origin, kind) in values[from].clone() {
                    grown |= add(&mut values[at], &origin, kind.max(way));
                }
            }
        }
        if !grown {
            return values;
        }
    }
}

/// One number for two computations; that of both where they are the same.
fn both(first: u64, later: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    if first == later { first } else { first.rotate_left(7) ^ later.wrapping_mul(ODD) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_out_of_the_own_table_has_its_origins() {
        let node = NodeId::from("model.s.m");
        let column = |node: &str, column: &str| ColumnId { node: node.into(), column: column.into() };
        let edge = |from: ColumnId, kind| Edge { from, kind };
        let columns = ["n", "total"].map(|name| ShadowColumn { name: name.into(), data_type: "BIGINT".into() });
        let (a, own) = (|name: &str| column("model.s.a", name), |name: &str| column("model.s.m", name));
        let first = NodeLineage {
            values: vec![vec![edge(a("n"), EdgeKind::Copy)], vec![edge(a("v"), EdgeKind::Aggregate)]],
            prints: vec![1, 2],
            rows_print: 3,
            ..NodeLineage::default()
        };
        let later = NodeLineage {
            values: vec![vec![edge(own("Total"), EdgeKind::Copy)], vec![edge(own("n"), EdgeKind::Cast)]],
            influence: [(own("n"), Influence::Filter)].into(),
            prints: vec![1, 5],
            rows_print: 4,
            ..NodeLineage::default()
        };
        let face = |lineage| Face { columns: &columns, lineage };
        let found = united(&node, face(first), face(later));
        assert_eq!(found.values[0], [edge(a("n"), EdgeKind::Cast), edge(a("v"), EdgeKind::Aggregate)]);
        assert_eq!(found.values[1], [edge(a("n"), EdgeKind::Cast), edge(a("v"), EdgeKind::Aggregate)]);
        assert_eq!(found.influence, [(a("n"), Influence::Filter), (a("v"), Influence::Filter)].into());
        assert_eq!(found.prints[0], 1);
        assert!(found.prints[1] != 2 && found.rows_print != 3);
    }
}

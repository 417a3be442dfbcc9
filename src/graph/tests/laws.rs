//! Laws of selection over random graphs.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::build::{Builder, Change};
use super::selection::request;
use crate::base::NodeId;
use crate::graph::{Graph, SelectionFacts, select};
use crate::node::Project;

/// A layered project of twelve models and a few tests; each bit of `edges` decides on one edge.
fn layered(edges: u64) -> Project {
    let mut b = Builder::new();
    let id = |i: usize| format!("model.shop.m{i}");
    for i in 0..12_usize {
        let parents: Vec<String> = (0..i).filter(|p| edges >> ((i * 5 + p * 7) % 64) & 1 == 1).map(id).collect();
        let parents: Vec<&str> = parents.iter().map(String::as_str).collect();
        let node = b.model(&format!("layer{}/m{i}", i % 3), &parents);
        node.tags(if i % 2 == 0 { &["even"] } else { &["odd"] });
    }
    for (i, j) in [(0, 0), (1, 4), (3, 9), (11, 11)] {
        b.test("models", "t", &format!("t{i}"), &[&id(i), &id(j)]);
    }
    b.project
}

fn spec() -> impl Strategy<Value = String> {
    let base = prop_oneof![
        (0..14_usize).prop_map(|i| format!("m{i}")),
        Just("tag:even".to_owned()),
        Just("layer1".to_owned()),
        Just("m1*".to_owned()),
        Just("test_type:generic".to_owned()),
    ];
    let before = prop_oneof![Just(""), Just("+"), Just("1+"), Just("@")];
    let after = prop_oneof![Just(""), Just("+"), Just("2+")];
    (base, before, after).prop_map(|(base, before, after)| match (before, after) {
        ("@", _) => format!("@{base}"),
        (before, "2+") => format!("{before}{base}+2"),
        (before, after) => format!("{before}{base}{after}"),
    })
}

proptest! {
    #[test]
    fn set_laws_hold(edges: u64, a in spec(), b in spec()) {
        let project = layered(edges);
        let (graph, _) = Graph::build(&project);
        let ids = |line: &str| -> BTreeSet<NodeId> {
            select(&graph, &project, &request(line), SelectionFacts::default()).0.iter().cloned().collect()
        };
        let (in_a, in_b) = (ids(&format!("-s {a}")), ids(&format!("-s {b}")));
        prop_assert_eq!(ids(&format!("-s {a} {b}")), &in_a | &in_b);
        prop_assert_eq!(ids(&format!("-s {a},{b}")), &in_a & &in_b);
        prop_assert_eq!(ids(&format!("-s {a} -x {b}")), &in_a - &in_b);
        prop_assert_eq!(ids(&format!("-s {a} -x {a}")).len(), 0);
        let plain = ids(&format!("-i empty -s {a}"));
        let cautious = ids(&format!("-i cautious -s {a}"));
        let buildable = ids(&format!("-i buildable -s {a}"));
        prop_assert!(plain.is_subset(&cautious) && cautious.is_subset(&buildable) && buildable.is_subset(&in_a));
    }

    #[test]
    fn operators_widen(edges: u64, i in 0..12_usize) {
        let project = layered(edges);
        let (graph, _) = Graph::build(&project);
        let ids = |line: String| -> BTreeSet<NodeId> {
            select(&graph, &project, &request(&line), SelectionFacts::default()).0.iter().cloned().collect()
        };
        let around = ids(format!("-s +m{i}+"));
        let itself = NodeId::from(format!("model.shop.m{i}"));
        prop_assert!(around.contains(&itself));
        for part in [format!("-s +m{i}"), format!("-s m{i}+")] {
            prop_assert!(ids(part).is_subset(&around));
        }
        let widest = ids(format!("-s @m{i}"));
        prop_assert!(around.is_subset(&widest));
        prop_assert_eq!(ids(format!("-s 99+m{i}+99")), around);
    }
}

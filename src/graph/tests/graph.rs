//! The graph itself: relatives, maps, priorities, cycles.

use super::build::{Builder, shop};
use crate::base::NodeId;
use crate::diag::codes;
use crate::graph::Graph;
use crate::node::{Project, ResourceType};

fn names(ids: Vec<&NodeId>) -> String {
    ids.iter().map(|id| id.as_str().rsplit('.').next().unwrap_or_default()).collect::<Vec<_>>().join(" ")
}

#[test]
fn finds_relatives() {
    let (graph, problems) = Graph::build(&shop());
    assert!(problems.is_empty());
    let orders = NodeId::from("model.shop.orders");
    assert_eq!(names(graph.parents(&orders)), "int_orders stg_customers");
    assert_eq!(names(graph.ancestors(&orders, Some(1))), "stg_customers int_orders");
    assert_eq!(names(graph.ancestors(&orders, None)), "orders customers stg_orders stg_customers int_orders");
    assert_eq!(names(graph.descendants(&"model.shop.revenue".into(), Some(1))), "profit rel_revenue_customers");
    assert_eq!(names(graph.children(&"model.nowhere.x".into())), "");
    let unit = NodeId::from("unit_test.shop.profit.test_profit");
    assert_eq!(names(graph.parents(&unit)), "profit", "inputs of a unit test are no parents");
    let weights = graph.priorities(|id| u64::from(id.resource_type() == "model"));
    assert_eq!(weights[&NodeId::from("model.shop.stg_orders")], 5);
    assert_eq!(weights[&NodeId::from("source.shop.raw.orders")], 5);
    assert_eq!(weights[&unit], 0);
}

#[test]
fn topological_order_keeps_edges() {
    let (graph, _) = Graph::build(&shop());
    let order: Vec<&NodeId> = graph.topological_order().collect();
    assert_eq!(order.len(), graph.len());
    let place = |id: &NodeId| order.iter().position(|o| *o == id);
    for (id, parents) in graph.parent_map() {
        assert!(parents.iter().all(|p| place(p) < place(&id)), "{id}");
    }
    let some: [NodeId; 3] = ["model.shop.profit".into(), "model.nowhere.x".into(), "model.shop.orders".into()];
    assert_eq!(names(graph.sort_topologically(&some).iter().collect()), "orders profit");
}

#[test]
fn maps_are_complete_and_sorted() {
    let project = shop();
    let (graph, _) = Graph::build(&project);
    let (parents, children) = (graph.parent_map(), graph.child_map());
    assert_eq!((parents.len(), children.len()), (project.member_ids().count(), project.member_ids().count()));
    assert!(children.values().all(|ids| ids.is_sorted()));
    assert_eq!(parents.keys().last().map(NodeId::as_str), Some("unit_test.shop.profit.test_profit"));
    assert_eq!(names(children["model.shop.profit"].iter().collect()), "dash test_profit");
    for (child, its_parents) in &parents {
        assert!(its_parents.iter().all(|p| children[p].contains(child)));
    }
}

fn cyclic(edges: &[(&str, &[&str])]) -> (Project, Vec<String>) {
    let mut b = Builder::new();
    for (name, parents) in edges {
        let parents: Vec<String> = parents.iter().map(|p| format!("model.shop.{p}")).collect();
        b.model(name, &parents.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let (_, problems) = Graph::build(&b.project);
    assert!(problems.iter().all(|p| p.code == codes::CYCLE));
    let messages =
        problems.iter().map(|p| p.message.rsplit(": ").next().unwrap_or_default().replace("model.shop.", ""));
    let messages = messages.collect();
    (b.project, messages)
}

#[test]
fn names_one_shortest_cycle_for_each_knot() {
    for (edges, expected) in [
        (&[("a", &["b"][..]), ("b", &["a"])][..], &["a -> b -> a"][..]),
        (&[("a", &["a"])], &["a -> a"]),
        (&[("a", &["b"]), ("b", &["c"]), ("c", &["a", "d"]), ("d", &["c"])], &["c -> d -> c"]),
        (
            &[("a", &["b"]), ("b", &["a"]), ("x", &["y"]), ("y", &["z"]), ("z", &["x"])],
            &["a -> b -> a", "x -> y -> z -> x"],
        ),
        (&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"])], &[]),
    ] {
        assert_eq!(cyclic(edges).1, expected);
    }
}

#[test]
fn shows_where_the_references_are() {
    let (project, _) = cyclic(&[("a", &["b"]), ("b", &["a"])]);
    let (graph, problems) = Graph::build(&project);
    assert_eq!(graph.topological_order().count(), 2, "the order is complete even so");
    let problem = problems.iter().next().expect("a cycle");
    let labels: Vec<(String, &str)> = problem.labels.iter().map(|l| (l.span.to_string(), l.span.text())).collect();
    assert_eq!(labels, [("models/a.sql:1:23".to_owned(), "b"), ("models/b.sql:1:23".to_owned(), "a")]);
    assert_eq!(problem.span.as_ref(), problem.labels.first().map(|l| &l.span));
}

#[test]
fn reports_parents_that_do_not_exist() {
    let mut b = Builder::new();
    b.model("a", &["model.shop.gone"]);
    b.semantic(ResourceType::Metric, "m", &["model.shop.a"]);
    let (graph, problems) = Graph::build(&b.project);
    assert_eq!(problems.len(), 1);
    assert!(problems.iter().all(|p| p.code == codes::REF_NOT_FOUND && p.message.contains("model.shop.gone")));
    assert_eq!(graph.len(), 2);
}

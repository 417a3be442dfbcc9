//! Large projects: everything once, after its parents. No clock is looked at, but with quadratic work this takes minutes.

use std::collections::HashMap;

use super::build::{Builder, Change};
use crate::base::NodeId;
use crate::graph::{
    Command, ExecutionGraph, ExecutionMode, Graph, Outcome, Queue, SelectionFacts, SelectionRequest, select,
};
use crate::node::Project;

/// Models in layers, each with three parents, four tests a model; every tenth test is over two models.
fn large(models: usize) -> Project {
    let mut b = Builder::new();
    let id = |i: usize| format!("model.shop.m{i}");
    for i in 0..models {
        let parents: Vec<String> =
            if i < 100 { Vec::new() } else { [i - 100, i - 57, i / 2].into_iter().map(id).collect() };
        let parents: Vec<&str> = parents.iter().map(String::as_str).collect();
        b.model(&format!("layer{}/m{i}", i / 100), &parents).tags(if i % 7 == 0 { &["nightly"] } else { &[] });
    }
    for i in 0..models * 4 {
        let other = if i % 10 == 0 { (i / 4).saturating_sub(31) } else { i / 4 };
        b.test("models", "unique", &format!("t{i}"), &[&id(i / 4), &id(other)]);
    }
    b.project
}

#[test]
fn ten_thousand_models_with_forty_thousand_tests() {
    let project = large(10_000);
    let (graph, problems) = Graph::build(&project);
    assert!(problems.is_empty());
    let request = SelectionRequest {
        command: Command::Build,
        select: vec!["+tag:nightly+".into(), "m99*".into(), "path:models/layer7".into(), "@m50".into()],
        exclude: vec!["test_name:relationships".into(), "layer3".into()],
        ..SelectionRequest::default()
    };
    let (selection, _) = select(&graph, &project, &request, SelectionFacts::default());
    assert!(selection.len() > 30_000, "{}", selection.len());
    let mut queue = Queue::new(ExecutionGraph::new(&graph, &project, &selection, ExecutionMode::Build));
    let mut visited: Vec<NodeId> = Vec::new();
    while let Some(id) = queue.pop() {
        queue.on_done(&id, Outcome::Proceed);
        visited.push(id);
    }
    let places: HashMap<&NodeId, usize> = visited.iter().enumerate().map(|(place, id)| (id, place)).collect();
    assert_eq!((visited.len(), places.len()), (selection.len(), selection.len()));
    let parents = |id| project.parents(id).iter().filter_map(|parent| places.get(parent));
    assert!(visited.iter().enumerate().all(|(place, id)| parents(id).all(|parent| *parent < place)));
}

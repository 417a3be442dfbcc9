//! What runs when, and what a failure skips.

use proptest::prelude::*;

use super::build::{Builder, Change, shop};
use crate::base::NodeId;
use crate::graph::{ExecutionGraph, ExecutionMode, Graph, Outcome, Queue, Selection};
use crate::node::{Project, ResourceType};

fn execution(project: &Project, ids: &[&str], mode: ExecutionMode) -> ExecutionGraph {
    let (graph, problems) = Graph::build(project);
    assert!(problems.is_empty(), "{problems:?}");
    let selection: Selection = ids.iter().map(|id| NodeId::from(*id)).collect();
    ExecutionGraph::new(&graph, project, &selection, mode)
}

fn waits_for(execution: &ExecutionGraph, id: &str) -> String {
    let ids = execution.dependencies(&id.into());
    ids.iter().map(|id| id.as_str().rsplit('.').next().unwrap_or_default()).collect::<Vec<_>>().join(" ")
}

#[test]
fn keeps_order_through_what_does_not_run() {
    let project = shop();
    let ids = ["model.shop.stg_orders", "model.shop.int_orders", "model.shop.revenue", "model.shop.profit"];
    let execution = execution(&project, &ids, ExecutionMode::Topological);
    assert_eq!(execution.len(), 3, "the ephemeral model only passes on");
    assert_eq!(waits_for(&execution, "model.shop.revenue"), "stg_orders");
    assert_eq!(waits_for(&execution, "model.shop.profit"), "revenue");
    let order: Vec<&str> = execution.order().map(NodeId::as_str).collect();
    assert_eq!(order, ["model.shop.stg_orders", "model.shop.revenue", "model.shop.profit"]);
    let free = self::execution(&project, &ids, ExecutionMode::Independent);
    assert_eq!(waits_for(&free, "model.shop.profit"), "");
}

#[test]
fn build_puts_tests_between() {
    let project = shop();
    let ids: Vec<&str> = project.nodes.keys().chain(project.unit_tests.keys()).map(NodeId::as_str).collect();
    let ids: Vec<&str> = ids.into_iter().filter(|id| !id.starts_with("analysis")).collect();
    let build = execution(&project, &ids, ExecutionMode::Build);
    assert_eq!(waits_for(&build, "model.shop.stg_orders"), "not_null_raw_orders", "tests of a source come first");
    assert_eq!(
        waits_for(&build, "model.shop.customers"),
        "stg_customers unique_stg_customers",
        "a test over two nodes does not block what reads only one"
    );
    let before_orders = "stg_customers stg_orders not_null_stg_orders rel_stg_orders_stg_customers unique_stg_customers \
                         unique_stg_orders";
    assert_eq!(waits_for(&build, "model.shop.orders"), format!("{before_orders} test_orders_logic"));
    assert_eq!(waits_for(&build, "unit_test.shop.orders.test_orders_logic"), before_orders);
    assert_eq!(
        waits_for(&build, "model.shop.profit"),
        "revenue rel_revenue_customers test_profit",
        "customers is an ancestor of profit, so the test over revenue and customers blocks it"
    );
    assert_eq!(waits_for(&build, "test.shop.unique_orders"), "orders");
    let run = execution(&project, &ids, ExecutionMode::Topological);
    assert_eq!(waits_for(&run, "model.shop.profit"), "revenue");
}

#[test]
fn unit_tests_of_models_that_do_not_run_block_nothing() {
    let project = shop();
    let ids = ["unit_test.shop.orders.test_orders_logic", "model.shop.stg_orders", "model.shop.revenue"];
    let build = execution(&project, &ids, ExecutionMode::Build);
    assert_eq!(waits_for(&build, "unit_test.shop.orders.test_orders_logic"), "stg_orders");
    assert_eq!(waits_for(&build, "model.shop.revenue"), "stg_orders");
}

#[test]
fn selected_tests_block_across_unselected_models() {
    let project = shop();
    let ids = ["test.shop.unique_stg_orders", "test.shop.not_null_raw_orders", "model.shop.revenue"];
    let build = execution(&project, &ids, ExecutionMode::Build);
    assert_eq!(waits_for(&build, "model.shop.revenue"), "not_null_raw_orders unique_stg_orders");
}

#[test]
fn longest_chain_starts_first() {
    let mut b = Builder::new();
    for (name, parents) in [("lone", vec![]), ("a", vec![]), ("b", vec!["model.shop.a"]), ("c", vec!["model.shop.b"])] {
        b.model(name, &parents);
    }
    let ids: Vec<String> = b.project.nodes.keys().map(NodeId::to_string).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut queue = Queue::new(execution(&b.project, &ids, ExecutionMode::Topological));
    assert_eq!((queue.ready(), queue.running(), queue.unfinished()), (2, 0, 4));
    assert_eq!(queue.pop(), Some("model.shop.a".into()));
    let progress = queue.on_done(&"model.shop.a".into(), Outcome::Proceed);
    assert_eq!(progress.ready, ["model.shop.b".into()]);
    assert_eq!(queue.pop(), Some("model.shop.b".into()));
    assert_eq!(queue.on_done(&"model.shop.c".into(), Outcome::Block), Default::default(), "c does not run");
}

#[test]
fn seeds_start_before_the_longest_chain() {
    let mut b = Builder::new();
    b.other(ResourceType::Seed, "seeds/rows.csv", &[]);
    for (name, parents) in [("a", vec![]), ("b", vec!["model.shop.a"]), ("c", vec!["model.shop.b"])] {
        b.model(name, &parents);
    }
    let ids: Vec<String> = b.project.nodes.keys().map(NodeId::to_string).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut queue = Queue::new(execution(&b.project, &ids, ExecutionMode::Build));
    assert_eq!(queue.pop().map(|id| id.resource_type().to_owned()), Some("seed".to_owned()));
    assert_eq!(queue.pop(), Some("model.shop.a".into()));
}

#[test]
fn failure_skips_what_is_below_and_names_the_cause() {
    let project = shop();
    let ids: Vec<&str> = ["stg_orders", "int_orders", "orders", "revenue", "stg_customers", "customers"]
        .map(|n| project.nodes.keys().find(|id| id.as_str() == format!("model.shop.{n}")).expect(n).as_str())
        .to_vec();
    let mut queue = Queue::new(execution(&project, &ids, ExecutionMode::Topological));
    let mut first: Vec<NodeId> = std::iter::from_fn(|| queue.pop()).collect();
    first.sort();
    assert_eq!(first, ["model.shop.stg_customers".into(), "model.shop.stg_orders".into()]);
    let progress = queue.on_done(&"model.shop.stg_orders".into(), Outcome::Block);
    let skipped: Vec<(&str, &str)> = progress.skipped.iter().map(|s| (s.id.as_str(), s.because_of.as_str())).collect();
    assert_eq!(
        skipped,
        [("model.shop.orders", "model.shop.stg_orders"), ("model.shop.revenue", "model.shop.stg_orders")],
        "the ephemeral model carries the failure on"
    );
    let progress = queue.on_done(&"model.shop.stg_customers".into(), Outcome::Proceed);
    assert_eq!(progress.ready, ["model.shop.customers".into()]);
    assert_eq!(queue.cancel(), ["model.shop.customers".into()]);
    assert!(queue.is_finished() && queue.pop().is_none());
}

#[test]
fn a_failing_unit_test_skips_its_model_and_the_models_later_unit_tests() {
    let mut b = Builder::new();
    b.model("a", &[]);
    b.model("b", &["model.shop.a"]);
    b.unit_test("", "one", "a", &[]);
    b.unit_test("", "two", "a", &[]);
    let ids = ["model.shop.a", "model.shop.b", "unit_test.shop.a.one", "unit_test.shop.a.two"];
    let mut queue = Queue::new(execution(&b.project, &ids, ExecutionMode::Build));
    assert_eq!(queue.ready(), 1);
    let one = queue.pop().expect("ready");
    let skipped = queue.on_done(&one, Outcome::Block).skipped;
    let skipped: Vec<&str> = skipped.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(skipped, ["unit_test.shop.a.two", "model.shop.a", "model.shop.b"]);
    assert!(queue.is_finished());
}

/// A random project: models m0..m14, tests over one or two of them, some models ephemeral.
fn random(edges: &[(usize, usize)], tests: &[(usize, usize)], ephemeral: u16) -> Project {
    let mut b = Builder::new();
    let id = |i: usize| format!("model.shop.m{i}");
    for i in 0..15_usize {
        let parents: Vec<String> = edges.iter().filter(|(p, c)| *c == i && p < c).map(|(p, _)| id(*p)).collect();
        let node = b.model(&format!("m{i}"), &parents.iter().map(String::as_str).collect::<Vec<_>>());
        node.set("materialized", if ephemeral >> i & 1 == 1 { "ephemeral" } else { "table" });
    }
    for (n, (i, j)) in tests.iter().enumerate() {
        b.test("models", "t", &format!("t{n}"), &[&id(*i), &id(*j)]);
    }
    b.unit_test("", "unit", "m7", &[]);
    b.project
}

/// dbt's rule, said plainly: a node waits for a test if all parents of the test are above the node.
fn must_wait(graph: &Graph, node: &NodeId, test: &NodeId) -> bool {
    let above = graph.ancestors(node, None);
    node.resource_type() == "model" && graph.parents(test).iter().all(|parent| above.contains(parent))
}

proptest! {
    #[test]
    fn queue_visits_each_node_once_in_order(
        edges in prop::collection::vec((0..15_usize, 0..15_usize), 0..40),
        tests in prop::collection::vec((0..15_usize, 0..15_usize), 0..10),
        (ephemeral, chosen, failing) in (any::<u16>(), any::<u32>(), any::<u32>()),
    ) {
        let project = random(&edges, &tests, ephemeral & 0x1111);
        let (graph, problems) = Graph::build(&project);
        prop_assert!(problems.is_empty());
        let members: Vec<NodeId> = project.member_ids().cloned().collect();
        let selection: Selection =
            members.iter().enumerate().filter(|(i, _)| chosen >> i & 1 == 1).map(|(_, id)| id.clone()).collect();
        let execution = ExecutionGraph::new(&graph, &project, &selection, ExecutionMode::Build);
        let runs: Vec<NodeId> = execution.order().cloned().collect();
        let expected =
            selection.iter().filter(|id| project.nodes.get(*id).is_none_or(|n| !n.is_ephemeral())).count();
        prop_assert_eq!(runs.len(), expected);
        let mut queue = Queue::new(execution);
        let (mut done, mut blocked, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(id) = queue.pop() {
            for earlier in &runs {
                let before = match earlier.resource_type() {
                    "test" => must_wait(&graph, &id, earlier),
                    "unit_test" => id.resource_type() == "model" && *earlier != id
                        && selection.contains(&"model.shop.m7".into())
                        && (id.as_str() == "model.shop.m7" || graph.ancestors(&id, None).contains(&&"model.shop.m7".into())),
                    _ => graph.ancestors(&id, None).contains(&earlier)
                        && !(id.resource_type() == "unit_test" && earlier.as_str() == "model.shop.m7"),
                };
                prop_assert!(!before || done.contains(earlier), "{} before {}", id, earlier);
                prop_assert!(!before || !blocked.contains(earlier), "{} after the failure of {}", id, earlier);
            }
            let fails = failing >> (done.len() % 32) & 1 == 1 && done.len() % 3 == 0;
            done.push(id.clone());
            if fails {
                blocked.push(id.clone());
            }
            let progress = queue.on_done(&id, if fails { Outcome::Block } else { Outcome::Proceed });
            for skip in progress.skipped {
                prop_assert_eq!(&skip.because_of, &id);
                skipped.push(skip.id);
            }
        }
        prop_assert!(queue.is_finished());
        let mut all: Vec<NodeId> = done.into_iter().chain(skipped).collect();
        all.sort();
        let mut runs = runs;
        runs.sort();
        prop_assert_eq!(all, runs);
    }
}

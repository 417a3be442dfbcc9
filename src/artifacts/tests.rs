//! A small project and its run as files.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::base::{NodeId, Relation};
use crate::diag::SourceFile;
use crate::execute::outcome::{CompiledFacts, NodeFacts, NodeOutcome, RunOutcome, Status};
use crate::files::MemoryFiles;
use crate::node::dict::CompiledCode;
use crate::node::{
    Checksum, Detail, GenericTest, Group, ModelDetail, Node, Project, ProjectInfo, ResourceType, Template,
};

use super::*;

fn node(kind: ResourceType, name: &str, detail: Detail, parents: &[&str]) -> Node {
    let file = SourceFile::new(format!("models/{name}.sql"), "\nselect 1 as id\n");
    let range = 0..file.text.len();
    Node {
        id: NodeId::from(format!("{kind}.shop.{name}")),
        resource_type: kind,
        name: name.to_owned(),
        package: "shop".to_owned(),
        path: format!("{name}.sql"),
        original_path: format!("models/{name}.sql"),
        fqn: vec!["shop".to_owned(), name.to_owned()],
        template: Template { file, range },
        checksum: Checksum { name: "sha256".to_owned(), checksum: "abc".to_owned() },
        relation: Relation::new("db", "main", name),
        alias: name.to_owned(),
        relation_name: Some(format!("\"db\".\"main\".\"{name}\"")),
        depends_on: parents.iter().map(|p| NodeId::from(*p)).collect(),
        created_at: 1.5,
        detail,
        ..Node::blank()
    }
}

fn project() -> Project {
    let mut orders =
        node(ResourceType::Model, "orders", Detail::Model(ModelDetail::default()), &["seed.shop.raw", "seed.shop.raw"]);
    orders.config.0.insert("group".into(), "finance".into());
    let generic = GenericTest {
        name: "unique".to_owned(),
        namespace: None,
        kwargs: Dict::new(),
        column_name: Some("id".to_owned()),
        attached_node: Some(orders.id.clone()),
        file_key_name: "models.orders".to_owned(),
        tags: Vec::new(),
        span: None,
    };
    let nodes = [
        orders,
        node(ResourceType::Test, "unique_orders_id", Detail::Test(Some(generic)), &["model.shop.orders"]),
        node(ResourceType::Seed, "raw", Detail::Seed { root_path: "/p".to_owned() }, &[]),
        node(ResourceType::Snapshot, "snap", Detail::Snapshot, &["model.shop.orders", "model.shop.gone"]),
        node(ResourceType::Operation, "shop-on-run-end-0", Detail::Operation { index: Some(1) }, &[]),
    ];
    let group = Group {
        unique_id: "group.shop.finance".to_owned(),
        name: "finance".to_owned(),
        package: "shop".to_owned(),
        original_path: "models/marts/groups.yml".to_owned(),
        owner: Dict::new(),
        fields: Dict::new(),
    };
    Project {
        info: ProjectInfo { name: "jaffle_shop".to_owned(), adapter_type: "duckdb".to_owned(), ..Default::default() },
        nodes: nodes.into_iter().map(|n| (n.id.clone(), Arc::new(n))).collect(),
        groups: [(group.unique_id.clone(), Arc::new(group))].into_iter().collect(),
        ..Project::default()
    }
}

fn metadata() -> Metadata {
    let at = DateTime::from_timestamp(1_717_243_261, 0).expect("a valid moment");
    Metadata {
        dbt_version: "1.11.16".to_owned(),
        generated_at: at,
        invocation_id: "id-1".to_owned(),
        invocation_started_at: at,
        env: Dict::new(),
    }
}

fn written(artifact: &impl Artifact) -> Json {
    let files = MemoryFiles::default();
    artifact.write(&files, Path::new("target")).expect("memory takes every file");
    let path = Path::new("target").join(artifact.kind().file_name());
    let bytes = files.read(&path).expect("the file was written");
    serde_json::from_slice(&bytes).expect("the file is JSON")
}

fn keys(json: &Json) -> Vec<&str> {
    json.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

#[test]
fn manifest_of_a_small_project() {
    let (project, metadata) = (project(), metadata());
    let orders = NodeId::from("model.shop.orders");
    let code = CompiledCode { code: "select 1".to_owned(), path: Some("c.sql".to_owned()), ..CompiledCode::default() };
    let compiled: HashMap<_, _> = [(orders.clone(), code)].into();
    let build_paths: HashMap<_, _> =
        [(orders.clone(), node_path("target", Subfolder::Run, &project.nodes[&orders]))].into();
    let run_started_at = metadata.generated_at;
    let json = written(&Manifest {
        metadata: &metadata,
        run_started_at,
        project: &project,
        compiled: &compiled,
        build_paths: &build_paths,
    });
    let sections = "metadata nodes sources macros docs exposures metrics groups selectors disabled parent_map child_map \
                    group_map saved_queries semantic_models unit_tests functions";
    assert_eq!(keys(&json).join(" "), sections);
    assert_eq!(json["metadata"]["generated_at"], "2024-06-01T12:01:01.000000Z");
    assert_eq!(json["metadata"]["project_id"], "06e5b98c2db46f8a72cc4f66410e9b3b");
    let common = "database schema name resource_type package_name path original_file_path unique_id fqn alias checksum \
                  config tags description columns meta group docs patch_path build_path unrendered_config created_at \
                  relation_name raw_code doc_blocks";
    let code = "language refs sources metrics functions depends_on compiled_path";
    let done = "compiled compiled_code extra_ctes_injected extra_ctes";
    for (id, rest) in [
        (
            "model.shop.orders",
            format!(
                "{code} {done} contract access constraints version latest_version deprecation_date primary_key time_spine"
            ),
        ),
        ("seed.shop.raw", "root_path depends_on".to_owned()),
        ("snapshot.shop.snap", format!("{code} contract")),
        (
            "test.shop.unique_orders_id",
            format!("{code} contract column_name file_key_name attached_node test_metadata"),
        ),
        ("operation.shop.shop-on-run-end-0", format!("{code} contract index")),
    ] {
        assert_eq!(keys(&json["nodes"][id]).join(" "), format!("{common} {rest}"), "{id}");
    }
    let model = &json["nodes"]["model.shop.orders"];
    assert_eq!(model["raw_code"], "select 1 as id");
    assert_eq!(model["build_path"], "target/run/shop/models/orders.sql");
    assert_eq!(json["nodes"]["snapshot.shop.snap"]["raw_code"], "\nselect 1 as id\n");
    assert_eq!(json["nodes"]["operation.shop.shop-on-run-end-0"]["tags"], json!(["on-run-end"]));
    assert_eq!(json["nodes"]["test.shop.unique_orders_id"]["group"], "finance");
    assert_eq!(json["groups"]["group.shop.finance"]["path"], "marts/groups.yml");
    assert_eq!(json["group_map"], json!({ "finance": ["model.shop.orders", "test.shop.unique_orders_id"] }));
    assert_eq!(json["parent_map"]["model.shop.orders"], json!(["seed.shop.raw"]));
    assert_eq!(json["child_map"]["model.shop.orders"], json!(["snapshot.shop.snap", "test.shop.unique_orders_id"]));
    assert_eq!(json["child_map"].get("model.shop.gone"), None);
}

#[test]
fn run_results_of_seeds_and_models_differ() {
    let (project, metadata) = (project(), metadata());
    let outcomes = ["model.shop.orders", "seed.shop.raw", "snapshot.shop.snap"].map(|id| {
        let node = NodeFacts::of_node(&project.nodes[&NodeId::from(id)], Some("db"));
        let mut outcome = NodeOutcome::new(Arc::new(node), Status::Success);
        if id.starts_with("model") {
            outcome.compiled = Some(CompiledFacts { code: "select 1".to_owned(), ..CompiledFacts::default() });
        }
        outcome
    });
    let outcome = RunOutcome {
        outcomes: outcomes.into(),
        freshness: Vec::new(),
        elapsed: 1.5,
        generated_at: metadata.generated_at,
        interrupted: false,
        broken_hook: None,
        inlined: Vec::new(),
    };
    let json = written(&RunResults { metadata: &metadata, outcome: &outcome, args: &Dict::new() });
    assert_eq!(keys(&json), ["metadata", "results", "elapsed_time", "args"]);
    let keys_of_result = "status timing thread_id execution_time adapter_response message failures unique_id compiled \
                          compiled_code relation_name batch_results";
    let rows: Vec<Json> = (0..3)
        .map(|i| {
            let row = &json["results"][i];
            assert_eq!(keys(row).join(" "), keys_of_result);
            json!([row["compiled"], row["compiled_code"], row["relation_name"]])
        })
        .collect();
    let expected = json!([
        [true, "select 1", "\"db\".\"main\".\"orders\""],
        [null, null, null],
        [false, null, "\"db\".\"main\".\"snap\""]
    ]);
    assert_eq!(Json::from(rows), expected);
}

#[test]
fn a_catalog_is_read_back() {
    let table = CatalogTable {
        unique_id: "model.shop.orders".to_owned(),
        kind: "BASE TABLE".to_owned(),
        database: Some("db".to_owned()),
        schema: "main".to_owned(),
        name: "orders".to_owned(),
        comment: None,
        owner: None,
        columns: vec![CatalogColumn {
            name: "id".to_owned(),
            data_type: "INTEGER".to_owned(),
            index: 1,
            comment: None,
        }],
    };
    let catalog = Catalog { metadata: metadata(), nodes: vec![table.clone()], sources: Vec::new(), errors: Vec::new() };
    let files = MemoryFiles::default();
    catalog.write(&files, Path::new("target")).expect("memory takes every file");
    let (nodes, sources) = Catalog::read(&files, Path::new("target")).expect("the file is there");
    assert_eq!((nodes, sources), (vec![table], Vec::new()));
    assert!(Catalog::read(&files, Path::new("elsewhere")).is_err());
}

//! A small builder of projects.

use std::sync::Arc;

use crate::base::{Dict, NodeId, Value};
use crate::diag::{SourceFile, Span};
use crate::node::{
    Checksum, Config, Detail, Exposure, Fixture, FixtureFormat, GenericTest, ModelDetail, Node, Patch, Project,
    ResourceType, Semantic, Source, Template, UnitTest,
};

/// Adds members to a project, the root package `shop`.
pub(super) struct Builder {
    pub(super) project: Project,
}

fn ids(parents: &[&str]) -> Vec<NodeId> {
    parents.iter().map(|p| NodeId::from(*p)).collect()
}

fn no_span() -> Span {
    Span::file_start(&SourceFile::new("models/properties.yml", ""))
}

fn file_fqn(package: &str, path: &str) -> Vec<String> {
    let folders = path.split('/').skip(1).collect::<Vec<_>>();
    let (name, folders) = folders.split_last().expect("a path has a name");
    let name = name.rsplit_once('.').map_or(*name, |(stem, _)| stem);
    [package].iter().chain(folders).chain([&name]).map(|s| (*s).to_owned()).collect()
}

impl Builder {
    pub(super) fn new() -> Self {
        let mut project = Project::default();
        project.info.name = "shop".into();
        Self { project }
    }

    fn node(&mut self, kind: ResourceType, package: &str, path: &str, parents: &[&str], detail: Detail) -> &mut Node {
        let fqn = file_fqn(package, path);
        let name = fqn.last().cloned().unwrap_or_default();
        let id = NodeId::from(format!("{kind}.{package}.{name}"));
        let refs: String =
            parents.iter().map(|p| format!("{{{{ ref('{}') }}}} ", p.rsplit('.').next().unwrap_or(p))).collect();
        let file = SourceFile::new(path, format!("select * from {refs}"));
        let node = Node {
            id: id.clone(),
            resource_type: kind,
            name: name.clone(),
            package: package.into(),
            path: path.into(),
            original_path: path.into(),
            fqn,
            template: Template::whole(file),
            alias: name,
            depends_on: ids(parents),
            detail,
            ..Node::blank()
        };
        let slot = self.project.nodes.entry(id).or_insert_with(|| Arc::new(node));
        Arc::make_mut(slot)
    }

    /// A model of the root package; `path` under `models/`, without extension.
    pub(super) fn model(&mut self, path: &str, parents: &[&str]) -> &mut Node {
        self.model_of("shop", path, parents)
    }

    pub(super) fn model_of(&mut self, package: &str, path: &str, parents: &[&str]) -> &mut Node {
        let detail = Detail::Model(ModelDetail { access: "protected".into(), ..ModelDetail::default() });
        self.node(ResourceType::Model, package, &format!("models/{path}.sql"), parents, detail)
    }

    /// A versioned model of which version 2 is the latest.
    pub(super) fn version(&mut self, path: &str, version: i64) {
        let mut node = self.model(&format!("{path}_v{version}"), &[]).clone();
        self.project.nodes.shift_remove(&node.id);
        node.name = path.rsplit('/').next().unwrap_or(path).into();
        node.id = NodeId::from(format!("model.shop.{}.v{version}", node.name));
        node.fqn.pop();
        node.fqn.extend([node.name.clone(), format!("v{version}")]);
        if let Detail::Model(model) = &mut node.detail {
            (model.version, model.latest_version) = (version.into(), 2.into());
        }
        node.set("materialized", "table");
        self.project.nodes.insert(node.id.clone(), Arc::new(node));
    }

    pub(super) fn other(&mut self, kind: ResourceType, path: &str, parents: &[&str]) -> &mut Node {
        let detail = match kind {
            ResourceType::Seed => Detail::Seed { root_path: String::new() },
            ResourceType::Snapshot => Detail::Snapshot,
            ResourceType::Analysis => Detail::Analysis,
            ResourceType::Test => Detail::Test(None),
            _ => Detail::Operation { index: Some(0) },
        };
        self.node(kind, "shop", path, parents, detail)
    }

    /// A generic test, declared in a properties file of `folder`.
    pub(super) fn test(&mut self, folder: &str, generic: &str, name: &str, parents: &[&str]) -> &mut Node {
        let detail = Detail::Test(Some(GenericTest {
            name: generic.into(),
            namespace: None,
            kwargs: Dict::new(),
            column_name: None,
            attached_node: None,
            file_key_name: String::new(),
            tags: Vec::new(),
            span: None,
        }));
        let node = self.node(ResourceType::Test, "shop", &format!("{folder}/{name}.yml"), parents, detail);
        node.original_path = format!("{folder}/properties.yml");
        node.set("severity", if name == "unique_stg_customers" { "warn" } else { "ERROR" })
    }

    pub(super) fn source(&mut self, source: &str, table: &str, tags: &[&str]) -> &mut Source {
        let id = NodeId::from(format!("source.shop.{source}.{table}"));
        let fqn = ["shop", "staging", source, table].map(str::to_owned).to_vec();
        let made = Source {
            id: id.clone(),
            source_name: source.into(),
            name: table.into(),
            package: "shop".into(),
            original_path: "models/staging/properties.yml".into(),
            fqn,
            tags: tags.iter().map(|t| (*t).to_owned()).collect(),
            span: no_span(),
            ..Source::blank()
        };
        Arc::make_mut(self.project.sources.entry(id).or_insert_with(|| Arc::new(made)))
    }

    pub(super) fn exposure(&mut self, name: &str, tag: &str, parents: &[&str]) {
        let id = NodeId::from(format!("exposure.shop.{name}"));
        let made = Exposure {
            id: id.clone(),
            name: name.into(),
            package: "shop".into(),
            path: "marts/properties.yml".into(),
            original_path: "models/marts/properties.yml".into(),
            fqn: ["shop", "marts", name].map(str::to_owned).to_vec(),
            config: Config::default(),
            unrendered_config: Dict::new(),
            fields: [("tags".to_owned(), Value::from(vec![tag]))].into_iter().collect(),
            refs: Vec::new(),
            sources: Vec::new(),
            metrics: Vec::new(),
            depends_on: ids(parents),
            span: no_span(),
        };
        self.project.exposures.insert(id, Arc::new(made));
    }

    pub(super) fn semantic(&mut self, kind: ResourceType, name: &str, parents: &[&str]) -> &mut Semantic {
        let id = NodeId::from(format!("{kind}.shop.{name}"));
        let made = Semantic {
            id: id.clone(),
            kind,
            name: name.into(),
            package: "shop".into(),
            original_path: "models/semantic/sem.yml".into(),
            fqn: ["shop", "semantic", name].map(str::to_owned).to_vec(),
            config: Config::default(),
            fields: Dict::new(),
            depends_on: ids(parents),
            span: no_span(),
        };
        Arc::make_mut(self.project.semantics.entry(id).or_insert_with(|| Arc::new(made)))
    }

    pub(super) fn unit_test(&mut self, folder: &str, name: &str, model: &str, inputs: &[&str]) -> &mut UnitTest {
        let tested = NodeId::from(format!("model.shop.{model}"));
        let id = NodeId::from(format!("unit_test.shop.{model}.{name}"));
        let fixture = Fixture {
            input: String::new(),
            format: FixtureFormat::Dict,
            rows: Value::Null,
            fixture: None,
            span: no_span(),
        };
        let fqn =
            format!("shop/{folder}/{model}/{name}").split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect();
        let made = UnitTest {
            id: id.clone(),
            name: name.into(),
            model: model.into(),
            tested_node: tested.clone(),
            package: "shop".into(),
            path: String::new(),
            original_path: format!("models/{folder}/properties.yml"),
            fqn,
            description: String::new(),
            given: Vec::new(),
            expect: fixture,
            overrides: Dict::new(),
            config: Config::default(),
            version: Value::Null,
            checksum: Checksum::default(),
            depends_on: std::iter::once(tested).chain(ids(inputs)).collect(),
            span: no_span(),
        };
        Arc::make_mut(self.project.unit_tests.entry(id).or_insert_with(|| Arc::new(made)))
    }

    /// Defines selectors from JSON text.
    pub(super) fn selectors(&mut self, json: &str) {
        let json = serde_json::from_str(json).expect("valid JSON");
        let Value::Map(map) = Value::from_json(&json) else { panic!("a mapping") };
        self.project.selectors = map;
    }
}

/// Changes to a node, in a chain.
pub(super) trait Change {
    fn set(&mut self, key: &str, value: impl Into<Value>) -> &mut Self;
    fn tags(&mut self, tags: &[&str]) -> &mut Self;
    fn described_in(&mut self, path: &str) -> &mut Self;
    fn access(&mut self, access: &str) -> &mut Self;
}

impl Change for Node {
    fn set(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.config.0.insert(key.into(), value.into());
        self
    }

    fn tags(&mut self, tags: &[&str]) -> &mut Self {
        self.set("tags", tags.to_vec())
    }

    fn described_in(&mut self, path: &str) -> &mut Self {
        self.patch = Some(Patch { path: format!("shop://{path}"), span: no_span() });
        self
    }

    fn access(&mut self, access: &str) -> &mut Self {
        if let Detail::Model(model) = &mut self.detail {
            model.access = access.into();
        }
        self
    }
}

fn dict(json: &str) -> Value {
    Value::from_json(&serde_json::from_str(json).expect("valid JSON"))
}

/// A shop with every kind of member. Its twin in dbt's own format gave the expectations of the selection table.
pub(super) fn shop() -> Project {
    let mut b = Builder::new();
    shop_models(&mut b);
    shop_tests(&mut b);
    shop_semantics(&mut b);
    b.selectors(SELECTORS);
    b.project
}

fn shop_models(b: &mut Builder) {
    b.source("raw", "orders", &["raw_tag"]).freshness =
        dict(r#"{"warn_after": {"count": 1, "period": "day"}, "error_after": {"count": null, "period": null}}"#);
    b.source("raw", "customers", &["raw_tag"]);
    b.source("crm", "accounts", &["crm_tag"]);
    b.other(ResourceType::Seed, "seeds/raw_countries.csv", &[]).set("materialized", "seed");
    let staging = "models/staging/properties.yml";
    let view = |n: &mut Node| {
        n.set("materialized", "view");
    };
    view(b.model("staging/stg_orders", &["source.shop.raw.orders"]).tags(&["stg"]).described_in(staging));
    let customers = b.model("staging/stg_customers", &["source.shop.raw.customers"]);
    view(customers.tags(&["stg", "nightly"]).access("public").described_in(staging));
    view(b.model("staging/stg.countries", &["seed.shop.raw_countries"]).tags(&["stg"]));
    let marts = "models/marts/properties.yml";
    b.model("marts/int_orders", &["model.shop.stg_orders"]).set("materialized", "ephemeral");
    b.model("marts/orders", &["model.shop.int_orders", "model.shop.stg_customers"])
        .tags(&["nightly"])
        .set("materialized", "table")
        .set("unique_key", vec!["id", "day"])
        .described_in(marts);
    b.model("marts/customers", &["model.shop.stg_customers"])
        .set("materialized", "table")
        .set("alias", "cust")
        .set("group", "mark")
        .set("meta", dict(r#"{"owners": ["a", "b"], "depth": 3}"#))
        .described_in(marts);
    let finance = r#"{"owner": "fin", "pii": true}"#;
    b.model("marts/finance/revenue", &["model.shop.orders", "model.shop.customers"])
        .set("materialized", "table")
        .set("group", "finance")
        .set("meta", dict(finance))
        .access("private")
        .described_in(marts);
    b.model("marts/finance/profit", &["model.shop.revenue"])
        .set("materialized", "table")
        .set("group", "finance")
        .set("meta", dict(finance));
    for version in [1, 2, 3] {
        b.version("marts/dim", version);
    }
    b.model("marts/uses_dim", &["model.shop.dim.v2"]).set("materialized", "table");
    let empty = b.model("marts/empty_one", &[]).set("materialized", "table");
    empty.template = Template { file: SourceFile::new("models/marts/empty_one.sql", " \n"), range: 0..2 };
    b.other(ResourceType::Snapshot, "snapshots/snap_orders.yml", &["model.shop.orders"]).set("strategy", "check");
    b.other(ResourceType::Analysis, "analyses/look.sql", &["model.shop.orders"]);
    view(b.model_of("pkg", "pkg_dir/pkg_model", &[]));
    view(b.model_of("pkg", "pkg_child", &["model.pkg.pkg_model"]));
    view(b.model_of("pkg", "customers", &[]));
}

fn shop_tests(b: &mut Builder) {
    let (staging, marts) = ("models/staging", "models/marts");
    b.test(staging, "not_null", "not_null_raw_orders", &["source.shop.raw.orders"]);
    b.test(staging, "unique", "unique_stg_orders", &["model.shop.stg_orders"]);
    b.test(staging, "not_null", "not_null_stg_orders", &["model.shop.stg_orders"]);
    let both = ["model.shop.stg_customers", "model.shop.stg_orders"];
    b.test(staging, "relationships", "rel_stg_orders_stg_customers", &both);
    b.test(staging, "unique", "unique_stg_customers", &["model.shop.stg_customers"]).tags(&["tt"]);
    b.test(marts, "unique", "unique_orders", &["model.shop.orders"]);
    b.test(marts, "not_null", "not_null_orders", &["model.shop.orders"]).set("where", "1=1");
    b.test(marts, "dbt_stub", "stub_orders", &["model.shop.orders"]);
    b.test(marts, "relationships", "rel_revenue_customers", &["model.shop.customers", "model.shop.revenue"]);
    for version in ["v1", "v2", "v3"] {
        b.test(marts, "not_null", &format!("not_null_dim_{version}"), &[&format!("model.shop.dim.{version}")]);
    }
    b.other(ResourceType::Test, "tests/assert_orders.sql", &["model.shop.orders"]);
    b.other(ResourceType::Test, "tests/assert_two.sql", &["model.shop.orders", "model.pkg.pkg_child"]).tags(&["sing"]);
    b.unit_test("marts", "test_orders_logic", "orders", &["model.shop.int_orders", "model.shop.stg_customers"]);
    let profit = b.unit_test("marts", "test_profit", "profit", &["model.shop.revenue"]);
    profit.config.0.insert("tags".into(), vec!["ut"].into());
}

fn shop_semantics(b: &mut Builder) {
    b.exposure("dash", "exp", &["model.shop.profit", "source.shop.crm.accounts"]);
    b.semantic(ResourceType::SemanticModel, "sem_orders", &["model.shop.orders"]);
    let metric = b.semantic(ResourceType::Metric, "order_count", &["semantic_model.shop.sem_orders"]);
    metric.config.0.insert("tags".into(), vec!["met"].into());
    metric.config.0.insert("group".into(), "finance".into());
    let query = b.semantic(ResourceType::SavedQuery, "sq", &["metric.shop.order_count"]);
    query.fields.insert("tags".into(), vec!["sqt"].into());
}

/// selectors.yml of the shop: whole entries and bare definitions.
const SELECTORS: &str = r#"{
  "nightly": "tag:nightly",
  "uni": {"union": [
    {"method": "tag", "value": "nightly", "children": true, "children_depth": 1},
    "source:raw+1",
    {"exclude": [{"method": "fqn", "value": "revenue"}]}]},
  "inter": {"intersection": [
    {"tag": "stg"},
    {"method": "path", "value": "models/staging", "parents": true},
    {"exclude": ["stg_orders", "raw_countries"]}]},
  "inherit": {"definition": {"method": "selector", "value": "nightly"}, "default": false},
  "inherit_excl": {"union": [{"method": "selector", "value": "uni"}, {"exclude": ["orders"]}]},
  "caut": {"method": "fqn", "value": "stg_orders", "indirect_selection": "cautious"},
  "build_": {"method": "fqn", "value": "revenue", "indirect_selection": "buildable"},
  "empt": {"method": "fqn", "value": "stg_orders", "indirect_selection": "empty"},
  "caut_union": {"union": [
    {"method": "fqn", "value": "stg_orders", "indirect_selection": "cautious"},
    {"method": "fqn", "value": "stg_customers", "indirect_selection": "cautious"}]},
  "gp": {"definition": {"method": "fqn", "value": "customers", "childrens_parents": true}},
  "excl": {"method": "tag", "value": "stg", "exclude": [{"method": "fqn", "value": "stg_orders"}]},
  "single": {"config.materialized": "table"}
}"#;

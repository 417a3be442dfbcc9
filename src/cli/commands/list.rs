//! What `ls` prints of each selected resource. In: the project, a selection. Out: lines, in alphabetical order of ids.

use std::collections::HashMap;

use crate::base::{Dict, NodeId, Value};
use crate::cli::json_text;
use crate::cli::session::{Session, Step, Stop, tell};
use crate::cli::settings::Settings;
use crate::diag::{Diagnostic, codes, warnings};
use crate::execute::event::Event;
use crate::graph::Selection;
use crate::node::{Exposure, Node, Project, Semantic, Source, UnitTest, dict};

/// `--output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOutput {
    /// What node selection would accept.
    Selector,
    /// The name.
    Name,
    /// The file.
    Path,
    /// A JSON object.
    Json,
}

impl ListOutput {
    /// The output for dbt's name of it.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "selector" => Some(Self::Selector),
            "name" => Some(Self::Name),
            "path" => Some(Self::Path),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Prints the selected resources.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let request = settings.selection_request().ok_or(Stop(2))?;
    let selection = session.select(&request)?;
    session.write_manifest(&HashMap::new(), &HashMap::new())?;
    if selection.is_empty() {
        let problem =
            Diagnostic::warning(codes::SELECTION_EMPTY, "No nodes selected!").named(warnings::NO_NODES_SELECTED);
        tell(&session.inputs, problem.into())?;
    }
    super::build::adapter_chosen(session);
    super::build::project_found(session);
    let output = settings.text("output").and_then(ListOutput::parse).unwrap_or(ListOutput::Selector);
    let keys = settings.words("output_keys");
    let keys: Vec<String> = keys.iter().flat_map(|k| k.split_whitespace()).map(str::to_owned).collect();
    for line in render_list(&session.project, &selection, output, &keys) {
        session.inputs.sink.emit(&Event::Printed { message: &line });
    }
    Ok(0)
}

/// Keys of the JSON output if the user names none.
const USUAL_KEYS: [&str; 10] = [
    "alias",
    "name",
    "package_name",
    "depends_on",
    "tags",
    "config",
    "resource_type",
    "source_name",
    "original_file_path",
    "unique_id",
];

/// A line for every selected resource; `keys` are those of `--output-keys`.
pub fn render_list(project: &Project, selection: &Selection, output: ListOutput, keys: &[String]) -> Vec<String> {
    let listed = selection.sorted().into_iter().filter_map(|id| Listed::find(project, id));
    listed
        .map(|item| match output {
            ListOutput::Selector => item.selector(),
            ListOutput::Name => item.name(),
            ListOutput::Path => item.path().to_owned(),
            ListOutput::Json => {
                let shown = chosen(&item.dict(project.info.created_at), keys);
                json_text::compact(&Value::Map(shown).to_json())
            }
        })
        .collect()
}

/// The wanted keys of a resource; `config.materialized` goes into mappings, and is left out where that finds nothing.
fn chosen(resource: &Dict, keys: &[String]) -> Dict {
    if keys.is_empty() {
        let usual = resource.iter().filter(|(k, _)| USUAL_KEYS.contains(&k.as_str()));
        return usual.map(|(k, v)| (k.clone(), v.clone())).collect();
    }
    let find = |key: &str| match key.split_once('.') {
        None => resource.get(key),
        Some((first, rest)) => {
            rest.split('.').try_fold(resource.get(first)?, Value::get).filter(|value| !value.is_null())
        }
    };
    keys.iter().filter_map(|key| Some((key.clone(), find(key)?.clone()))).collect()
}

/// A resource that can be listed.
enum Listed<'a> {
    Node(&'a Node),
    Source(&'a Source),
    Exposure(&'a Exposure),
    UnitTest(&'a UnitTest),
    Semantic(&'a Semantic),
}

impl<'a> Listed<'a> {
    fn find(project: &'a Project, id: &NodeId) -> Option<Self> {
        None.or_else(|| project.nodes.get(id).map(|n| Self::Node(n)))
            .or_else(|| project.sources.get(id).map(|s| Self::Source(s)))
            .or_else(|| project.exposures.get(id).map(|e| Self::Exposure(e)))
            .or_else(|| project.unit_tests.get(id).map(|u| Self::UnitTest(u)))
            .or_else(|| project.semantics.get(id).map(|s| Self::Semantic(s)))
    }

    fn selector(&self) -> String {
        match self {
            Self::Node(n) => n.fqn.join("."),
            Self::Source(s) => format!("source:{}.{}.{}", s.package, s.source_name, s.name),
            Self::Exposure(e) => format!("exposure:{}.{}", e.package, e.name),
            Self::UnitTest(u) if u.version.is_null() => format!("unit_test:{}.{}", u.package, u.name),
            Self::UnitTest(u) => format!("unit_test:{}.{}_v{}", u.package, u.name, u.version),
            // Functions have no selector method; dbt shows where they are.
            Self::Semantic(s) if s.kind == crate::node::ResourceType::Function => s.fqn.join("."),
            Self::Semantic(s) => format!("{}:{}.{}", s.kind, s.package, s.name),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Node(n) => n.search_name(),
            Self::Source(s) => format!("{}.{}", s.source_name, s.name),
            Self::Exposure(e) => e.name.clone(),
            Self::UnitTest(u) => u.name.clone(),
            Self::Semantic(s) => s.name.clone(),
        }
    }

    fn path(&self) -> &str {
        match self {
            Self::Node(n) => &n.original_path,
            Self::Source(s) => &s.original_path,
            Self::Exposure(e) => &e.original_path,
            Self::UnitTest(u) => &u.original_path,
            Self::Semantic(s) => &s.original_path,
        }
    }

    fn dict(&self, created_at: f64) -> Dict {
        match self {
            Self::Node(n) => dict::node(n, None),
            Self::Source(s) => dict::source(s, created_at),
            Self::Exposure(e) => dict::exposure(e, created_at),
            Self::UnitTest(u) => dict::unit_test(u, created_at),
            Self::Semantic(s) => dict::semantic(s, created_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    use crate::diag::{SourceFile, Span};
    use crate::node::{Checksum, Config, Detail, Fixture, FixtureFormat, ModelDetail, ResourceType, Template};

    fn words(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    fn model(id: &str, fqn: &str, version: Value) -> Arc<Node> {
        let file = SourceFile::new("models/staging/orders.sql", "select 1");
        Arc::new(Node {
            id: NodeId::from(id),
            resource_type: ResourceType::Model,
            name: "orders".into(),
            package: "shop".into(),
            path: "staging/orders.sql".into(),
            original_path: "models/staging/orders.sql".into(),
            fqn: words(fqn),
            template: Template { file, range: 0..8 },
            alias: "orders".into(),
            config: Config(Dict::from([("materialized".to_owned(), "view".into())])),
            depends_on: vec![NodeId::from("source.shop.raw.orders")],
            detail: Detail::Model(ModelDetail { version, ..ModelDetail::default() }),
            ..Node::blank()
        })
    }

    fn source(span: &Span) -> Source {
        Source {
            id: NodeId::from("source.shop.raw.orders"),
            source_name: "raw".into(),
            name: "orders".into(),
            package: "shop".into(),
            original_path: "models/raw.yml".into(),
            fqn: words("shop.raw.orders"),
            span: span.clone(),
            ..Source::blank()
        }
    }

    fn unit_test(span: &Span) -> UnitTest {
        let rows = Fixture {
            input: String::new(),
            format: FixtureFormat::Dict,
            rows: Value::Null,
            fixture: None,
            span: span.clone(),
        };
        UnitTest {
            id: NodeId::from("unit_test.shop.orders.adds_up"),
            name: "adds_up".into(),
            model: "orders".into(),
            tested_node: NodeId::from("model.shop.orders.v2"),
            package: "shop".into(),
            path: "orders.yml".into(),
            original_path: "models/orders.yml".into(),
            fqn: words("shop.orders.adds_up"),
            description: String::new(),
            given: Vec::new(),
            expect: rows,
            overrides: Dict::new(),
            config: Config::default(),
            version: Value::Int(2),
            checksum: Checksum::default(),
            depends_on: Vec::new(),
            span: span.clone(),
        }
    }

    fn project() -> (Project, Selection) {
        let span = Span::file_start(&SourceFile::new("models/raw.yml", ""));
        let mut project = Project::default();
        for (id, fqn, version) in [
            ("model.shop.orders", "shop.staging.orders", Value::Null),
            ("model.shop.orders.v2", "shop.staging.orders.v2", Value::Int(2)),
        ] {
            project.nodes.insert(NodeId::from(id), model(id, fqn, version));
        }
        let source = source(&span);
        project.sources.insert(source.id.clone(), Arc::new(source));
        let unit_test = unit_test(&span);
        project.unit_tests.insert(unit_test.id.clone(), Arc::new(unit_test));
        let exposure = Exposure {
            id: NodeId::from("exposure.shop.board"),
            name: "board".into(),
            package: "shop".into(),
            path: "board.yml".into(),
            original_path: "models/board.yml".into(),
            fqn: words("shop.board"),
            config: Config::default(),
            unrendered_config: Dict::new(),
            fields: Dict::new(),
            refs: Vec::new(),
            sources: Vec::new(),
            metrics: Vec::new(),
            depends_on: Vec::new(),
            span: span.clone(),
        };
        project.exposures.insert(exposure.id.clone(), Arc::new(exposure));
        let metric = Semantic {
            id: NodeId::from("metric.shop.revenue"),
            kind: ResourceType::Metric,
            name: "revenue".into(),
            package: "shop".into(),
            original_path: "models/metrics.yml".into(),
            fqn: words("shop.revenue"),
            config: Config::default(),
            fields: Dict::new(),
            depends_on: Vec::new(),
            span,
        };
        project.semantics.insert(metric.id.clone(), Arc::new(metric));
        let selection = project.member_ids().cloned().collect();
        (project, selection)
    }

    #[test]
    fn prints_what_dbt_prints() {
        let (project, selection) = project();
        for (output, want) in [
            (
                ListOutput::Selector,
                [
                    "exposure:shop.board",
                    "metric:shop.revenue",
                    "shop.staging.orders",
                    "shop.staging.orders.v2",
                    "source:shop.raw.orders",
                    "unit_test:shop.adds_up_v2",
                ],
            ),
            (ListOutput::Name, ["board", "revenue", "orders", "orders.v2", "raw.orders", "adds_up"]),
            (
                ListOutput::Path,
                [
                    "models/board.yml",
                    "models/metrics.yml",
                    "models/staging/orders.sql",
                    "models/staging/orders.sql",
                    "models/raw.yml",
                    "models/orders.yml",
                ],
            ),
        ] {
            assert_eq!(render_list(&project, &selection, output, &[]), want);
        }
    }

    #[test]
    fn json_holds_the_wanted_keys() {
        let (project, _) = project();
        let one: Selection = [NodeId::from("model.shop.orders")].into_iter().collect();
        assert_eq!(
            render_list(&project, &one, ListOutput::Json, &[]),
            [concat!(
                r#"{"name": "orders", "resource_type": "model", "package_name": "shop", "#,
                r#""original_file_path": "models/staging/orders.sql", "unique_id": "model.shop.orders", "alias": "orders", "#,
                r#""config": {"materialized": "view"}, "tags": [], "#,
                r#""depends_on": {"macros": [], "nodes": ["source.shop.raw.orders"]}}"#
            )]
        );
        let keys = ["name", "config.materialized", "config.nothing", "nothing"].map(str::to_owned);
        assert_eq!(
            render_list(&project, &one, ListOutput::Json, &keys),
            [r#"{"name": "orders", "config.materialized": "view"}"#]
        );
    }
}

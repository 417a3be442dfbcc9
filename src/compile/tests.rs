//! Small projects in memory, compiled through the real engine.

use std::sync::Arc;

use crate::base::{Dict, Interval, NodeId, Relation, Value};
use crate::diag::{Diagnostic, SourceFile, Span, codes};
use crate::files::Env;
use crate::jinja::context::SharedContext;
use crate::jinja::context::host::{AdapterFacts, LogSink, Vars};
use crate::jinja::{Engine, MacroEntry, Registry, extract};
use crate::node::*;

use super::{Batch, CompileSettings, Compiled, Compiler};

struct Quiet;

impl Vars for Quiet {
    fn lookup(&self, _: &str, _: &str) -> Option<Value> {
        None
    }

    fn supplied(&self, _: &str) -> Dict {
        Dict::new()
    }
}

impl LogSink for Quiet {
    fn log(&self, _: &str, _: bool, _: Option<&NodeId>) {}

    fn print(&self, _: &str) {}

    fn warn(&self, _: Diagnostic) -> Result<(), Diagnostic> {
        Ok(())
    }
}

const MACROS: &str = "
{% macro test_positive(model, column_name) %}select {{ column_name }} from {{ model }} where {{ column_name }} < 0{% endmacro %}
{% macro py_script_postfix(model) %}# {{ ref('base') }}{% endmacro %}
{% macro get_fixture_sql(rows, column_name_to_data_types) %}
{%- for row in rows %}select {% for k, v in row.items() %}{{ v }} as {{ k }}{{ ', ' if not loop.last }}{% endfor -%}
{{ ' union all ' if not loop.last }}{% endfor -%}
{%- if not rows %}select * from {{ this }} limit 0{% endif %}{% endmacro %}
{% macro clock() %}now(){% endmacro %}";

fn dict(json: &str) -> Dict {
    Value::from_json(&serde_json::from_str(json).unwrap()).as_map().unwrap().clone()
}

/// A node `type.shop.name` with its parents.
fn node(kind: ResourceType, name: &str, config: &str, code: &str, parents: &[&str]) -> Node {
    let file = SourceFile::new(format!("models/{name}.sql"), code);
    Node {
        id: format!("{kind}.shop.{name}").into(),
        resource_type: kind,
        name: name.into(),
        package: "shop".into(),
        path: format!("{name}.sql"),
        original_path: file.path.clone(),
        fqn: vec!["shop".into(), name.into()],
        template: Template::whole(file),
        relation: Relation::new("dev", "main", name),
        alias: name.into(),
        config: Config(dict(config)),
        depends_on: parents.iter().map(|p| NodeId::from(*p)).collect(),
        detail: match kind {
            ResourceType::Model => Detail::Model(ModelDetail::default()),
            ResourceType::Test => Detail::Test(None),
            _ => Detail::Analysis,
        },
        ..Node::blank()
    }
}

fn ephemeral(name: &str, code: &str, parents: &[&str]) -> Node {
    node(ResourceType::Model, name, r#"{"materialized": "ephemeral"}"#, code, parents)
}

fn model(name: &str, code: &str, parents: &[&str]) -> Node {
    node(ResourceType::Model, name, r#"{"materialized": "view", "event_time": "at"}"#, code, parents)
}

fn source(name: &str, relation_name: &str) -> Source {
    Source {
        id: format!("source.shop.raw.{name}").into(),
        source_name: "raw".into(),
        name: name.into(),
        package: "shop".into(),
        original_path: "models/s.yml".into(),
        relation: Relation::new("dev", "raw", name),
        relation_name: relation_name.into(),
        reader: relation_name.contains('(').then(|| relation_name.into()),
        quoting: dict(r#"{"database": false}"#),
        span: Span::file_start(&SourceFile::new("models/s.yml", "")),
        ..Source::blank()
    }
}

fn adapter() -> AdapterFacts {
    AdapterFacts {
        adapter_type: "test".into(),
        dispatch_prefixes: vec!["default".into()],
        internal_packages: vec!["dbt".into()],
        default_database: "dev".into(),
        default_schema: "main".into(),
        incremental_strategies: Vec::new(),
        now_sql: "now()".into(),
        constraints: Vec::new(),
        subquery_alias: false,
        ducklake_databases: Vec::new(),
        disable_transactions: false,
        external_root: ".".into(),
        binding_char: "?".into(),
        temp_schema: "temp".into(),
    }
}

fn compiler(nodes: Vec<Node>, settings: CompileSettings) -> Compiler {
    let mut project = Project::default();
    project.info.name = "shop".into();
    project.nodes = nodes.into_iter().map(|n| (n.id.clone(), Arc::new(n))).collect();
    let sources = [source("people", r#"dev."raw"."people""#), source("files", "read_csv('files.csv')")];
    project.sources = sources.into_iter().map(|s| (s.id.clone(), Arc::new(s))).collect();
    let (definitions, problems) = extract(&SourceFile::new("m.sql", MACROS));
    assert!(problems.is_empty(), "{problems:?}");
    let entries = definitions.into_iter().map(|d| MacroEntry::new("dbt", d));
    let (registry, _) = Registry::new("shop", vec!["dbt".into()], Vec::new(), entries);
    let none: [(&str, &str); 0] = [];
    let env = Arc::new(Env::fixed("/", none));
    let shared = SharedContext::new("shop", adapter(), env, Arc::new(Quiet), Arc::new(Quiet));
    Compiler::new(Arc::new(project), Engine::new(registry), Arc::new(shared), settings)
}

fn compile(compiler: &Compiler, id: &str) -> Result<Compiled, Box<Diagnostic>> {
    compiler.compile(&Arc::clone(&compiler.names.project.nodes[id]), None)
}

fn code(compiler: &Compiler, id: &str) -> String {
    compile(compiler, id).unwrap().code.code.clone()
}

fn diamond() -> Vec<Node> {
    vec![
        model("base", "select 1 as id", &[]),
        ephemeral("a", "\nselect * from {{ ref('base') }}\n", &["model.shop.base"]),
        ephemeral("b", "select * from {{ ref('a') }} b", &["model.shop.a"]),
        ephemeral("c", "with x as (select 1) select * from {{ ref('a') }} c", &["model.shop.a"]),
        model(
            "d",
            "{{ config(materialized='view') }}\n\nwith recursive r as (select 1)\nselect * from {{ ref('b') }}, {{ ref('c') }}",
            &["model.shop.b", "model.shop.c"],
        ),
    ]
}

#[test]
fn ephemeral_parents_are_put_in_front_as_dbt_does() {
    let compiler = compiler(diamond(), CompileSettings::default());
    let a = " __dbt__cte__a as (\nselect * from \"dev\".\"main\".\"base\"\n)";
    let b = " __dbt__cte__b as (\nselect * from __dbt__cte__a b\n)";
    let c = " __dbt__cte__c as (\nwith x as (select 1) select * from __dbt__cte__a c\n)";
    assert_eq!(code(&compiler, "model.shop.b"), format!("with{a} select * from __dbt__cte__a b"));
    let d = compile(&compiler, "model.shop.d").unwrap();
    let tail = "r as (select 1)\nselect * from __dbt__cte__b, __dbt__cte__c";
    assert_eq!(d.code.code, format!("\n\nwith recursive {a}, {b}, {c}, {tail}"));
    let ids: Vec<&str> = d.code.extra_ctes.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["model.shop.a", "model.shop.b", "model.shop.c"]);

    // Every byte leads to the file that says it.
    let places =
        [("base", "models/a.sql:2:15"), ("__dbt__cte__a b", "models/b.sql:1:15"), ("r as", "models/d.sql:3:16")];
    for (needle, expected) in places {
        let (span, _) = d.locate(d.code.code.find(needle).unwrap()).unwrap();
        assert_eq!(span.to_string(), expected, "{needle}");
    }
    assert!(d.locate(d.code.code.find("__dbt__cte__a as").unwrap()).is_none());
}

#[test]
fn threads_share_ephemeral_models() {
    let alone = compiler(diamond(), CompileSettings::default());
    let ids = ["model.shop.d", "model.shop.c", "model.shop.b", "model.shop.a"];
    let expected: Vec<String> = ids.iter().map(|id| code(&alone, id)).collect();
    let shared = compiler(diamond(), CompileSettings::default());
    std::thread::scope(|scope| {
        for (id, expected) in ids.iter().zip(&expected).cycle().take(12) {
            let shared = &shared;
            scope.spawn(move || assert_eq!(code(shared, id), *expected));
        }
    });
}

#[test]
fn settings_change_what_parents_show() {
    let at = |text: &str| format!("{text}T00:00:00Z").parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let range = Interval::new(at("2024-01-01"), at("2024-01-02"));
    let select = |parent: &str| format!("select * from {parent}");
    let base = r#""dev"."main"."base""#;
    let empty = CompileSettings { empty: true, ..CompileSettings::default() };
    let cases = [
        (empty, format!("(select * from {base} where false limit 0)")),
        (
            CompileSettings { sample: Some(range), ..CompileSettings::default() },
            format!(
                "(select * from {base} where at >= '2024-01-01 00:00:00+00:00' and at < '2024-01-02 00:00:00+00:00')"
            ),
        ),
    ];
    let m = || model("m", "select * from {{ ref('base') }}", &["model.shop.base"]);
    for (settings, expected) in cases {
        let compiler = compiler(vec![model("base", "select 1", &[]), m()], settings);
        assert_eq!(code(&compiler, "model.shop.m"), select(&expected));
    }
    let compiler = compiler(vec![model("base", "select 1", &[]), m()], CompileSettings::default());
    let batch = Batch { id: "20240101".into(), label: "2024-01-01".into(), interval: range, format: None };
    let m = Arc::clone(&compiler.names.project.nodes["model.shop.m"]);
    let batched = compiler.compile_batch(&m, &batch, None).unwrap();
    assert!(batched.code.code.contains("at >= '2024-01-01 00:00:00+00:00'"), "{}", batched.code.code);

    let plain = CompileSettings { inject_ephemeral_ctes: false, ..CompileSettings::default() };
    assert_eq!(code(&self::compiler(diamond(), plain), "model.shop.b"), "select * from __dbt__cte__a b");
}

#[test]
fn problems_have_codes_and_places() {
    let nodes = vec![
        model("base", "select 1", &[]),
        ephemeral("a", "select 1", &[]),
        model("late", "select * from {{ ref('base') }}", &[]),
        model("gone", "select * from {{ ref('bas') }}", &[]),
        model("nothing", "{% if false %}select 1{% endif %} -- no", &[]),
        node(ResourceType::Analysis, "notes", "{}", "-- nothing", &[]),
    ];
    let compiler = compiler(nodes, CompileSettings::default());
    for (id, expected, place) in [
        ("model.shop.late", codes::REF_NOT_CAPTURED, "models/late.sql:1:18"),
        ("model.shop.gone", codes::REF_NOT_FOUND, "models/gone.sql:1:18"),
    ] {
        let problem = compile(&compiler, id).unwrap_err();
        assert_eq!((problem.code, problem.node.as_deref()), (expected, Some(id)));
        assert_eq!(problem.span.as_ref().map(ToString::to_string).as_deref(), Some(place), "{problem:?}");
    }
    let nothing = compile(&compiler, "model.shop.nothing").unwrap().require_sql().unwrap_err();
    assert_eq!((nothing.code, nothing.node.as_deref()), (codes::SQL_EMPTY, Some("model.shop.nothing")));
    let late = compile(&compiler, "model.shop.late").unwrap_err();
    assert!(late.help.unwrap().contains("-- depends_on: {{ ref('base') }}"));
    assert_eq!(code(&compiler, "analysis.shop.notes"), "-- nothing");
    let refused = compiler.package_resolver("shop").reference(None, "a", &Value::Null).unwrap_err();
    assert_eq!(refused.code, codes::COMPILER_ERROR);
}

#[test]
fn queries_tests_sources_and_python() {
    let mut positive = node(
        ResourceType::Test,
        "positive",
        "{}",
        "{{ test_positive(**_dbt_generic_test_kwargs) }}",
        &["model.shop.a"],
    );
    positive.detail = Detail::Test(Some(GenericTest {
        name: "positive".into(),
        namespace: None,
        kwargs: dict(r#"{"model": "{{ ref('a') }}", "column_name": "id"}"#),
        column_name: Some("id".into()),
        attached_node: None,
        file_key_name: "models.a".into(),
        tags: Vec::new(),
        span: None,
    }));
    let mut python = model("py", "def model(dbt, s):\n    return {{}}\n", &["model.shop.base"]);
    python.language = Language::Python;
    let mut nodes = diamond();
    nodes.extend([positive, python]);
    let compiler = compiler(nodes, CompileSettings { store_failures: true, ..CompileSettings::default() });
    let a = "with __dbt__cte__a as (\nselect * from \"dev\".\"main\".\"base\"\n)";
    let test = compile(&compiler, "test.shop.positive").unwrap();
    assert_eq!(test.code.code, format!("{a} select id from __dbt__cte__a where id < 0"));
    assert_eq!(test.node.relation_name.as_deref(), Some(r#""dev"."main"."positive""#));

    let inline = "select * from {{ ref('a') }}, {{ source('raw', 'people') }}, {{ source('raw', 'files') }}";
    let expected = format!("{a} select * from __dbt__cte__a, dev.\"raw\".\"people\", read_csv('files.csv')");
    assert_eq!(compiler.compile_inline("inline_query", inline, None).unwrap().code.code, expected);
    let expected = "def model(dbt, s):\n    return {{}}\n\n# \"dev\".\"main\".\"base\"";
    assert_eq!(code(&compiler, "model.shop.py"), expected);
}

#[test]
fn foreign_keys_point_to_relations() {
    let mut child = model("child", "select 1", &[]);
    let fields = dict(r#"{"type": "foreign_key", "to": "ref('base')", "to_columns": ["id"]}"#);
    let constraints = vec![Constraint { kind: "foreign_key".into(), fields }];
    child.columns.insert("id".into(), Column { name: "id".into(), constraints, ..Column::default() });
    let compiler = compiler(vec![model("base", "select 1", &[]), child], CompileSettings::default());
    let compiled = compile(&compiler, "model.shop.child").unwrap();
    let to = &compiled.node.columns["id"].constraints[0].fields["to"];
    assert_eq!(to.as_str(), Some(r#""dev"."main"."base""#));
}

fn unit_test(given: &[(&str, &str)], expect: &str) -> Arc<UnitTest> {
    let span = Span::file_start(&SourceFile::new("models/s.yml", "unit_tests:"));
    let fixture = |input: &str, json: &str| {
        let rows = Value::from_json(&serde_json::from_str(json).unwrap());
        let format = match &rows {
            Value::Str(text) if text.starts_with("select") => FixtureFormat::Sql,
            Value::Str(_) => FixtureFormat::Csv,
            _ => FixtureFormat::Dict,
        };
        Fixture { input: input.into(), format, rows, fixture: None, span: span.clone() }
    };
    Arc::new(UnitTest {
        id: "unit_test.shop.m.adds".into(),
        name: "adds".into(),
        model: "m".into(),
        tested_node: "model.shop.m".into(),
        package: "shop".into(),
        path: "s.yml".into(),
        original_path: "models/s.yml".into(),
        fqn: Vec::new(),
        description: String::new(),
        given: given.iter().map(|(input, rows)| fixture(input, rows)).collect(),
        expect: fixture("", expect),
        overrides: dict(r#"{"macros": {"clock": "date '2024-01-01'"}}"#),
        config: Config::default(),
        version: Value::Null,
        checksum: Checksum::default(),
        depends_on: Vec::new(),
        span,
    })
}

#[test]
fn unit_tests_read_their_inputs() {
    let sql = "select {{ clock() }} from {{ source('raw', 'people') }}, {{ ref('base') }}, {{ this }}";
    let nodes = vec![model("base", "select 1", &[]), model("m", sql, &["model.shop.base", "source.shop.raw.people"])];
    let compiler = compiler(nodes, CompileSettings { empty: true, ..CompileSettings::default() });
    let base = ("ref('base')", r#"[{"id": null}, {"id": 2}]"#);
    let people = ("source('raw', 'people')", r#""select 7 as id""#);
    let test = unit_test(&[base, people, ("this", r#""id\n5\n""#)], r#"[{"id": 1}]"#);
    let compiled = compiler.compile_unit_test(&test, None).unwrap();
    let ctes = " __dbt__cte__m as (\nselect 5 as id\n),  __dbt__cte__raw__people as (\nselect 7 as id\n),  \
                __dbt__cte__base as (\nselect 2 as id union all select None as id\n)";
    let tail = "select date '2024-01-01' from __dbt__cte__raw__people, __dbt__cte__base, __dbt__cte__m";
    assert_eq!(compiled.code.code, format!("with{ctes} {tail}"));
    assert_eq!(compiled.node.config.materialized(), "unit");
    assert_eq!(compiled.node.config.get("expected_rows").unwrap().to_string(), r#"[{"id":1}]"#);
    assert_eq!(compiled.node.relation, Relation::new("dev", "main", "adds"));
    let (span, _) = compiled.locate(compiled.code.code.rfind("__dbt__cte__base").unwrap()).unwrap();
    assert_eq!(span.to_string(), "models/m.sql:1:58");

    let problem = compiler.compile_unit_test(&unit_test(&[base], r#""select 1""#), None).unwrap_err();
    assert_eq!(problem.code, codes::UNIT_TEST_INVALID);
    assert!(problem.message.contains("source('raw', 'people')"), "{}", problem.message);
}

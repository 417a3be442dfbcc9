//! Small projects in code, run on an engine in memory.

mod snapshots;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::adapters::{self, Adapter};
use crate::base::{Dict, NodeId, Relation, Value};
use crate::compile::{CompileSettings, Compiler};
use crate::diag::{Diagnostic, SourceFile, Span, codes};
use crate::files::{Env, Files, MemoryFiles};
use crate::graph::{ExecutionGraph, ExecutionMode, Graph, Selection};
use crate::jinja::context::SharedContext;
use crate::jinja::context::host::{AdapterFacts, LogSink, Vars};
use crate::jinja::{Engine, MacroEntry, Registry, extract};
use crate::node::*;

use super::event::{Event, EventSink};
use super::outcome::{NodeOutcome, RunOutcome, Status};
use super::*;

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

/// Keeps the statements, and whether a node has started; panics when it hears of a statement that asks for it.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>, AtomicBool);

impl EventSink for Heard {
    fn emit(&self, event: &Event<'_>) {
        if let Event::Statement { sql, .. } = event {
            self.0.lock().unwrap().push((*sql).to_owned());
            assert!(!sql.contains("panic please"), "told to panic");
        }
        if let Event::NodeStarted { .. } = event {
            self.1.store(true, Ordering::SeqCst);
        }
    }
}

fn dict(json: &str) -> Dict {
    Value::from_json(&serde_json::from_str(json).unwrap()).as_map().unwrap().clone()
}

/// A node `kind.shop.name`; parents are full ids, and what its `ref` calls name.
pub(super) fn node(kind: ResourceType, name: &str, config: &str, code: &str, parents: &[&str]) -> Node {
    let folder = if kind == ResourceType::Seed { "seeds" } else { "models" };
    let ending = if kind == ResourceType::Seed { "csv" } else { "sql" };
    let file = SourceFile::new(format!("{folder}/{name}.{ending}"), code);
    let relation = Relation::new("memory", "shop", name);
    Node {
        id: format!("{kind}.shop.{name}").into(),
        resource_type: kind,
        name: name.into(),
        package: "shop".into(),
        path: format!("{name}.{ending}"),
        original_path: file.path.clone(),
        fqn: vec!["shop".into(), name.into()],
        template: Template::whole(file),
        relation_name: Some(relation.quoted()),
        relation,
        alias: name.into(),
        config: Config(dict(config)),
        depends_on: parents.iter().map(|p| NodeId::from(*p)).collect(),
        detail: match kind {
            ResourceType::Model => Detail::Model(ModelDetail::default()),
            ResourceType::Seed => Detail::Seed { root_path: "/project".into() },
            ResourceType::Test => Detail::Test(None),
            _ => Detail::Operation { index: Some(0) },
        },
        ..Node::blank()
    }
}

fn model(name: &str, materialized: &str, code: &str, parents: &[&str]) -> Node {
    let config = format!(r#"{{"materialized": "{materialized}", "pre-hook": [], "post-hook": [], "grants": {{}}}}"#);
    node(ResourceType::Model, name, &config, code, parents)
}

fn data_test(name: &str, severity: &str, code: &str, parent: &str) -> Node {
    let config = format!(
        r#"{{"materialized": "test", "severity": "{severity}", "fail_calc": "count(*)", "warn_if": "!= 0", "error_if": "!= 0"}}"#
    );
    node(ResourceType::Test, name, &config, code, &[parent])
}

fn hook(phase: &str, code: &str) -> Node {
    node(ResourceType::Operation, &format!("shop-{phase}-0"), "{}", code, &[])
}

const OWN_MACROS: &str = "{% macro add(a, b=1) %}{{ return(a + b) }}{% endmacro %}";

fn engine(adapter: &dyn Adapter) -> Engine {
    let library = crate::stdlib::files().into_iter().map(|(path, text)| ("dbt", path, text));
    let own = adapter.macros().into_iter().map(|(path, text)| (adapter.macro_package(), path, text));
    let project = [("shop", "macros/own.sql", OWN_MACROS)];
    let mut entries = Vec::new();
    for (package, path, text) in library.chain(own).chain(project) {
        let (definitions, problems) = extract(&SourceFile::new(path, text));
        assert!(problems.is_empty(), "{problems:?}");
        entries.extend(definitions.into_iter().map(|definition| MacroEntry::new(package, definition)));
    }
    let internal = vec![adapter.macro_package().to_owned(), "dbt".to_owned()];
    let (registry, problems) = Registry::new("shop", internal, Vec::new(), entries);
    assert!(problems.is_empty(), "{problems:?}");
    Engine::new(registry)
}

pub(super) struct House {
    pub(super) around: Surroundings,
    heard: Arc<Heard>,
    files: Arc<MemoryFiles>,
}

fn house(nodes: Vec<Node>, unit_tests: Vec<UnitTest>, sources: Vec<Source>) -> House {
    house_of(r#"{"type": "duckdb", "path": ":memory:", "schema": "shop"}"#, nodes, unit_tests, sources)
}

/// A project without tests on a target of its own.
pub(super) fn house_on(options: &str, nodes: Vec<Node>) -> House {
    house_of(options, nodes, Vec::new(), Vec::new())
}

fn house_of(options: &str, nodes: Vec<Node>, unit_tests: Vec<UnitTest>, sources: Vec<Source>) -> House {
    let options = dict(options);
    let adapter = adapters::open(&options, Path::new("/")).unwrap();
    let files = Arc::new(MemoryFiles::new([] as [(&str, &str); 0]));
    for seed in nodes.iter().filter(|n| n.resource_type == ResourceType::Seed) {
        let path = Path::new("/project").join(&seed.original_path);
        files.write_atomic(&path, seed.template.text().as_bytes()).unwrap();
    }
    let project = Project {
        info: ProjectInfo { name: "shop".into(), packages: vec!["shop".into()], ..ProjectInfo::default() },
        nodes: nodes.into_iter().map(|n| (n.id.clone(), Arc::new(n))).collect(),
        unit_tests: unit_tests.into_iter().map(|t| (t.id.clone(), Arc::new(t))).collect(),
        sources: sources.into_iter().map(|s| (s.id.clone(), Arc::new(s))).collect(),
        ..Project::default()
    };
    let project = Arc::new(project);
    let facts = AdapterFacts::new(
        ("duckdb", &["duckdb"]),
        vec!["dbt_duckdb".into(), "dbt".into()],
        adapter.default_database(),
        "shop",
    );
    let env = Arc::new(Env::fixed("/", [] as [(&str, &str); 0]));
    let mut shared = SharedContext::new("shop", facts, env, Arc::new(Quiet), Arc::new(Quiet));
    let paths = CodePaths {
        compiled: Arc::new(|node, _| format!("target/compiled/{}", node.original_path)),
        run: Arc::new(|node, _| format!("target/run/{}", node.original_path)),
    };
    let writer = Arc::new(ProjectFiles::new(files.clone(), "/project", paths, true));
    shared.files = Some(writer.clone());
    shared.flags = dict(r#"{"FULL_REFRESH": false, "STORE_FAILURES": false}"#);
    let (engine, shared, heard) = (engine(adapter.as_ref()), Arc::new(shared), Arc::new(Heard::default()));
    let compiler = Compiler::new(project.clone(), engine.clone(), shared.clone(), CompileSettings::default());
    let around = Surroundings {
        project,
        engine,
        shared,
        compiler: Arc::new(compiler),
        adapter,
        sink: heard.clone(),
        cancel: Arc::new(CancelFlag::new()),
        writer,
        query_comment: Some(QueryComment {
            text: Arc::new(|node| Ok(node.unwrap_or("none").to_owned())),
            append: false,
        }),
    };
    House { around, heard, files }
}

impl House {
    pub(super) fn run(&self, settings: RunSettings) -> RunOutcome {
        let project = &self.around.project;
        let mode = match settings.blocking {
            Blocking::ErrorsAndFailures => ExecutionMode::Build,
            _ => ExecutionMode::Topological,
        };
        let operation = |id: &&NodeId| id.resource_type() != "operation";
        let selection: Selection = project.member_ids().filter(operation).cloned().collect();
        let graph = ExecutionGraph::new(&Graph::build(project).0, project, &selection, mode);
        run(&RunRequest { surroundings: self.around.clone(), graph, settings }).unwrap()
    }

    pub(super) fn rows(&self, sql: &str) -> Vec<Vec<Value>> {
        let mut connection = self.around.adapter.connect().unwrap();
        connection.execute(sql, adapters::Fetch::All).unwrap().table.rows
    }
}

fn build(threads: usize) -> RunSettings {
    RunSettings { threads, blocking: Blocking::ErrorsAndFailures, ..RunSettings::default() }
}

fn verdict<'a>(outcome: &'a RunOutcome, name: &str) -> &'a NodeOutcome {
    outcome.outcomes.iter().find(|o| o.node.name == name).unwrap_or_else(|| panic!("no verdict on {name}"))
}

const SEED: &str = r#"{"materialized": "seed", "column_types": {}, "pre-hook": [], "post-hook": [], "grants": {}}"#;

#[test]
fn a_project_is_built_with_tests_and_hooks() {
    let house = house(
        vec![
            hook("on-run-start", "create table if not exists log_of_runs (line text)"),
            hook(
                "on-run-end",
                "{% for r in results %}insert into log_of_runs values ('{{ r.node.name }} {{ r.status }}');{% endfor %}\
                insert into log_of_runs values ('[{{ schemas | join }}')",
            ),
            node(ResourceType::Seed, "raw", SEED, "id,name,at\n1,a,2024-01-01\n2,b,\n3,,2024-01-03\n", &[]),
            model("one", "view", "select * from {{ ref('raw') }} -- all", &["seed.shop.raw"]),
            model("two", "table", "select id, name from {{ ref('one') }} where id > 1", &["model.shop.one"]),
            data_test("fine", "error", "select * from {{ ref('two') }} where id < 0", "model.shop.two"),
            data_test("warns", "WARN", "select * from {{ ref('two') }} where name is null", "model.shop.two"),
        ],
        Vec::new(),
        Vec::new(),
    );
    for round in 0..2 {
        let outcome = house.run(build(3));
        let failures: Vec<_> = outcome.outcomes.iter().filter(|o| o.status.is_failure()).map(|o| &o.message).collect();
        assert!(failures.is_empty(), "{round}: {failures:?}");
        assert_eq!(outcome.exit_code(), 0);
        assert_eq!(verdict(&outcome, "raw").message.as_deref(), Some("INSERT 3"));
        assert_eq!(verdict(&outcome, "two").message.as_deref(), Some("OK"));
        assert_eq!(verdict(&outcome, "fine").status, Status::Pass);
        let warns = verdict(&outcome, "warns");
        assert_eq!(warns.message.as_deref(), Some("Got 1 result, configured to warn if != 0"));
        assert_eq!((warns.status, warns.failures), (Status::Warn, Some(1)));
        assert!(verdict(&outcome, "two").timing.compile.is_some() && verdict(&outcome, "two").timing.execute.is_some());
    }
    assert_eq!(house.rows("select count(*) from shop.two"), [[Value::Int(2)]]);
    let kinds = "select table_type from information_schema.tables where table_schema = 'shop' order by table_name";
    assert_eq!(house.rows(kinds), [["VIEW"], ["BASE TABLE"], ["BASE TABLE"]].map(|[k]| vec![Value::from(k)]));
    let logged = house.rows("select count(*), max(line) filter (line like '[%') from log_of_runs");
    assert_eq!(logged, [vec![Value::Int(12), "[shop".into()]]);
    assert!(house.files.is_file(Path::new("/project/target/compiled/models/two.sql")));
    assert!(house.files.is_file(Path::new("/project/target/run/models/two.sql")));
    assert!(house.heard.0.lock().unwrap().iter().any(|sql| sql.starts_with("/* model.shop.two */\n")));
}

#[test]
fn a_failure_leads_to_the_file_and_skips_what_is_below() {
    let house = house(
        vec![
            model(
                "bad",
                "table",
                "\n\nselect 1 as id,\n  {{ 'nope' }} as n,\n  missing\nfrom (select 1 as mising)",
                &[],
            ),
            model("below", "view", "select * from {{ ref('bad') }}", &["model.shop.bad"]),
            model("apart", "view", "select 1 as id", &[]),
            data_test("fails", "error", "select * from {{ ref('apart') }}", "model.shop.apart"),
            model("guarded", "view", "select * from {{ ref('apart') }}", &["model.shop.apart"]),
        ],
        Vec::new(),
        Vec::new(),
    );
    let outcome = house.run(build(2));
    let bad = verdict(&outcome, "bad");
    assert_eq!(bad.status, Status::Error);
    let diagnostic = &bad.diagnostics[0];
    assert_eq!(diagnostic.code, codes::DATABASE_ERROR);
    assert!(
        diagnostic.notes.iter().any(|n| n.starts_with("compiled SQL: target/compiled/models/bad.sql:")),
        "{diagnostic:?}"
    );
    let place = diagnostic.span.as_ref().map(ToString::to_string);
    assert!(
        place.is_some_and(|p| p.starts_with("models/bad.sql:4") || p.starts_with("models/bad.sql:5")),
        "{diagnostic:?}"
    );
    let message = bad.message.clone().unwrap();
    assert!(message.starts_with("Runtime Error in model bad (models/bad.sql)\n  Binder Error: "), "{message}");
    let below = verdict(&outcome, "below");
    assert_eq!((below.status, below.skipped_because.as_ref()), (Status::Skipped, Some(&"model.shop.bad".into())));
    let reason = "Skipping due to fail/error in upstream node(s): model.shop.bad";
    assert_eq!(below.message.as_deref(), Some(reason));
    assert_eq!(verdict(&outcome, "fails").message.as_deref(), Some("Got 1 result, configured to fail if != 0"));
    assert_eq!(verdict(&outcome, "guarded").status, Status::Skipped);
    assert_eq!((verdict(&outcome, "apart").status, outcome.exit_code()), (Status::Success, 1));

    let settings = RunSettings { fail_fast: true, ..RunSettings::default() };
    let outcome = house.run(settings);
    let skipped = outcome.outcomes.iter().filter(|o| o.message.as_deref() == Some("Skipping due to fail_fast"));
    assert_eq!((outcome.outcomes.len(), skipped.count() > 0), (5, true));
}

#[test]
fn a_panic_is_a_verdict() {
    let house = house(
        vec![
            model("panics", "table", "select 'panic please' as x", &[]),
            model("below", "view", "select * from {{ ref('panics') }}", &["model.shop.panics"]),
            model("apart", "view", "select 1 as id", &[]),
        ],
        Vec::new(),
        Vec::new(),
    );
    let outcome = house.run(build(2));
    let panics = verdict(&outcome, "panics");
    assert_eq!((panics.status, panics.diagnostics[0].code), (Status::Error, codes::INTERNAL));
    assert_eq!(verdict(&outcome, "below").status, Status::Skipped);
    assert_eq!(verdict(&outcome, "apart").status, Status::Success);
}

#[test]
fn unknown_materializations_and_broken_starts() {
    let mut nodes = vec![model("odd", "tabel", "select 1 as id", &[])];
    let outcome = house(nodes.clone(), Vec::new(), Vec::new()).run(build(1));
    let odd = &verdict(&outcome, "odd").diagnostics[0];
    assert_eq!(odd.code, codes::MATERIALIZATION_NOT_FOUND);
    assert!(odd.help.as_ref().is_some_and(|h| h.contains("table")), "{odd:?}");

    nodes.push(hook("on-run-start", "select nothing"));
    let outcome = house(nodes, Vec::new(), Vec::new()).run(build(1));
    assert_eq!(verdict(&outcome, "odd").status, Status::Skipped);
    let hook = verdict(&outcome, "shop-on-run-start-0");
    assert!(hook.message.as_ref().is_some_and(|m| m.starts_with("shop.on-run-start.0 failed, error:")), "{hook:?}");
}

#[test]
fn a_cancelled_run_ends() {
    let house = house(vec![model("a", "view", "select 1 as id", &[])], Vec::new(), Vec::new());
    house.rows("create schema shop");
    house.around.cancel.cancel();
    let outcome = house.run(build(2));
    assert_eq!((outcome.interrupted, outcome.exit_code()), (true, 1));
    assert_eq!(verdict(&outcome, "a").status, Status::Skipped);
}

#[test]
fn a_running_statement_is_interrupted() {
    let endless = "select count(*) as n from range(1000000000000) as a(x) where x % 7 = 3";
    let nodes =
        vec![model("slow", "table", endless, &[]), model("later", "view", "select 1 as id", &["model.shop.slow"])];
    let house = house(nodes, Vec::new(), Vec::new());
    let outcome = std::thread::scope(|scope| {
        let run = scope.spawn(|| house.run(build(2)));
        while !run.is_finished() {
            std::thread::sleep(std::time::Duration::from_millis(100));
            if house.heard.1.load(Ordering::SeqCst) {
                house.around.cancel.cancel();
            }
        }
        run.join().unwrap()
    });
    let slow = verdict(&outcome, "slow");
    assert_eq!((slow.status, slow.diagnostics[0].code), (Status::Error, codes::INTERRUPTED));
    assert_eq!((verdict(&outcome, "later").status, outcome.interrupted), (Status::Skipped, true));
}

#[test]
fn unit_tests_compare_rows() {
    let model_node = model("doubled", "view", "select id * 2 as id from {{ ref('numbers') }}", &["model.shop.numbers"]);
    let numbers = model("numbers", "table", "select 1 as id", &[]);
    let file = SourceFile::new("models/units.yml", "unit_tests:");
    let fixture = |input: &str, rows: &str| Fixture {
        input: input.into(),
        format: FixtureFormat::Dict,
        rows: Value::from_json(&serde_json::from_str(rows).unwrap()),
        fixture: None,
        span: Span::file_start(&file),
    };
    let unit = |name: &str, expected: &str| UnitTest {
        id: format!("unit_test.shop.doubled.{name}").into(),
        name: name.into(),
        model: "doubled".into(),
        tested_node: "model.shop.doubled".into(),
        package: "shop".into(),
        path: "units.yml".into(),
        original_path: "models/units.yml".into(),
        fqn: vec!["shop".into(), name.into()],
        description: String::new(),
        given: vec![fixture("ref('numbers')", r#"[{"id": 1}, {"id": 5}]"#)],
        expect: fixture("", expected),
        overrides: Dict::new(),
        config: Config::default(),
        version: Value::Null,
        checksum: Checksum::default(),
        depends_on: vec!["model.shop.doubled".into()],
        span: Span::file_start(&file),
    };
    let tests = vec![unit("right", r#"[{"id": 10}, {"id": 2}]"#), unit("wrong", r#"[{"id": 3}, {"id": 2}]"#)];
    let house = house(vec![numbers, model_node], tests, Vec::new());
    let outcome = house.run(build(2));
    assert_eq!(verdict(&outcome, "right").status, Status::Pass, "{:?}", verdict(&outcome, "right"));
    let wrong = verdict(&outcome, "wrong");
    assert_eq!((wrong.status, wrong.failures), (Status::Fail, Some(1)));
    assert!(wrong.message.as_ref().is_some_and(|m| m.contains("---,3") && m.contains("+++,10")), "{wrong:?}");
    assert_eq!(verdict(&outcome, "doubled").status, Status::Skipped);
}

#[test]
fn freshness_operations_show_and_compile() {
    let source = |name: &str, field: Option<&str>| Source {
        id: format!("source.shop.raw.{name}").into(),
        source_name: "raw".into(),
        name: name.into(),
        package: "shop".into(),
        original_path: "models/s.yml".into(),
        relation: Relation::new("memory", "main", name),
        relation_name: Relation::new("memory", "main", name).quoted(),
        freshness: dict(
            r#"{"warn_after": {"count": 1, "period": "hour"}, "error_after": {"count": 2, "period": "day"}}"#,
        )
        .into(),
        loaded_at_field: field.map(str::to_owned),
        span: Span::file_start(&SourceFile::new("models/s.yml", "")),
        ..Source::blank()
    };
    let nodes = vec![model("three", "table", "select unnest([1, 2, 3]) as id", &[])];
    let sources = vec![
        source("young", Some("loaded")),
        source("old", Some("loaded")),
        source("empty", Some("loaded")),
        source("none", None),
    ];
    let house = house(nodes, Vec::new(), sources);
    house.rows("create table memory.main.young as select now() at time zone 'utc' - interval 2 hour as loaded");
    house.rows("create table memory.main.old as select timestamp '2020-01-01' as loaded");
    house.rows("create table memory.main.empty (loaded timestamp)");
    let settings = RunSettings { blocking: Blocking::Nothing, hooks: false, threads: 2, ..RunSettings::default() };
    let outcome = house.run(settings);
    let of = |name: &str| outcome.freshness.iter().find(|f| f.node.name == name).unwrap();
    assert_eq!(of("young").status, Status::Warn, "{:?}", of("young"));
    assert_eq!((of("old").status, of("empty").status), (Status::Error, Status::Error));
    assert_eq!(of("none").status, Status::RuntimeError);
    assert!((7190.0..7300.0).contains(&of("young").age), "{}", of("young").age);

    let three = run_operation(&house.around, "add", &dict(r#"{"a": 2}"#)).unwrap();
    assert_eq!((three.status, three.failures, three.node.name.as_str()), (Status::Success, Some(0), "add"));
    let unknown = run_operation(&house.around, "shop.ad", &Dict::new()).unwrap_err();
    assert_eq!((unknown.code, unknown.help.as_deref()), (codes::OPERATION_NOT_FOUND, Some("did you mean add?")));

    let node = &house.around.project.nodes["model.shop.three"];
    assert_eq!(show(&house.around, &Shown::Node(node), Some(2)).unwrap().1.rows.len(), 2);
    let inline = show(&house.around, &Shown::Inline("select max(id) as top from {{ ref('three') }}"), Some(5)).unwrap();
    assert_eq!(inline.1.rows, [[Value::Int(3)]]);
    let compiled = compile_nodes(&house.around, &["model.shop.three".into()], 2).unwrap();
    assert_eq!(compiled.outcomes[0].compiled.as_ref().unwrap().code, "select unnest([1, 2, 3]) as id");
}

#[test]
fn many_workers_do_not_trip_over_each_other() {
    let mut nodes: Vec<Node> = (0..40)
        .map(|i| model(&format!("m{i}"), if i % 3 == 0 { "view" } else { "table" }, "select 1 as id", &[]))
        .collect();
    nodes.push(model("last", "table", "select * from {{ ref('m1') }}", &["model.shop.m1"]));
    let house = house(nodes, Vec::new(), Vec::new());
    for _ in 0..2 {
        let outcome = house.run(build(8));
        let bad: Vec<_> = outcome.outcomes.iter().filter(|o| o.status != Status::Success).map(|o| &o.message).collect();
        assert!(bad.is_empty(), "{bad:?}");
    }
}

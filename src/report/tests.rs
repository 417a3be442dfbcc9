//! A small run, told to every reader.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value as Json;

use crate::base::{Dict, FixedClock, Interval, NodeId};
use crate::diag::{Diagnostic, SourceFile, Span, codes};
use crate::execute::event::{Event, EventSink, NoteLevel};
use crate::execute::outcome::{
    BatchResults, CompiledFacts, FreshnessOutcome, NodeFacts, NodeOutcome, Period, RunOutcome, Status, Timing,
};
use crate::node::ResourceType;

use super::*;

/// A stream whose content can be looked at.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("streams are UTF-8")
    }

    fn stream(&self) -> Box<dyn Write + Send> {
        Box::new(self.clone())
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_717_243_261, 500_000_000).expect("a valid moment")
}

fn shared() -> Shared {
    Shared { secrets: vec!["hunter2".to_owned()], ..Shared::new(Arc::new(FixedClock(noon())), "id-1", 42) }
}

fn facts(kind: ResourceType, name: &str, description: &str) -> Arc<NodeFacts> {
    Arc::new(NodeFacts {
        id: NodeId::from(format!("{kind}.shop.{name}")),
        resource_type: kind,
        name: name.to_owned(),
        description: description.to_owned(),
        representation: format!("main.{name}"),
        path: format!("{name}.sql"),
        original_path: format!("models/{name}.sql"),
        materialized: "table".to_owned(),
        database: Some("shop".to_owned()),
        schema: Some("main".to_owned()),
        alias: name.to_owned(),
        relation_name: Some(format!("\"shop\".\"main\".\"{name}\"")),
        checksum: "abc".to_owned(),
        meta: Dict::new(),
        group: None,
        attached_node: None,
        is_ephemeral: false,
        stores_failures: false,
        written_at: None,
        config: Dict::new(),
    })
}

fn outcome(node: Arc<NodeFacts>, status: Status, message: Option<&str>) -> NodeOutcome {
    let period = Period { started_at: noon(), completed_at: noon() + TimeDelta::milliseconds(120) };
    NodeOutcome {
        message: message.map(str::to_owned),
        execution_time: 0.12,
        thread_id: "Thread-1 (worker)".to_owned(),
        timing: Timing { compile: None, execute: Some(period) },
        ..NodeOutcome::new(node, status)
    }
}

fn outcomes() -> Vec<NodeOutcome> {
    let file = SourceFile::new("models/broken.sql", "select nope\nfrom x\n");
    let mut list = vec![
        outcome(facts(ResourceType::Seed, "raw", "seed file main.raw"), Status::Success, Some("INSERT 5")),
        outcome(facts(ResourceType::Model, "orders", "sql table model main.orders"), Status::Success, Some("OK")),
        outcome(
            facts(ResourceType::Test, "unique_id", "test unique_id"),
            Status::Fail,
            Some("Got 3 results, configured to fail if != 0"),
        ),
        outcome(
            facts(ResourceType::Model, "broken", "sql view model main.broken"),
            Status::Error,
            Some("Binder Error"),
        ),
        outcome(facts(ResourceType::Model, "after", "sql view model main.after"), Status::Skipped, None),
        outcome(facts(ResourceType::Exposure, "dash", "exposure dash"), Status::NoOp, Some("NO-OP")),
    ];
    list[2].failures = Some(3);
    list[2].compiled = Some(CompiledFacts {
        code: "select 1".into(),
        path: Some("target/compiled/shop/unique_id.sql".into()),
        ..CompiledFacts::default()
    });
    list[3].diagnostics = vec![
        Diagnostic::error(codes::DATABASE_ERROR, "Binder Error: column 'nope' not found").at(Span::new(&file, 7..11)),
    ];
    list
}

/// Everything that happens in the small run.
fn tell(sink: &dyn EventSink) {
    let list = outcomes();
    let settings = Dict::from([("threads".to_owned(), 4.into())]);
    sink.emit(&Event::CommandStarted {
        version: "0.1.0",
        dbt_version: "1.11.0",
        invocation: "transform build",
        settings: &settings,
    });
    sink.emit(&Event::AdapterChosen { adapter: "duckdb", adapter_version: "2.0.0", database: "shop.duckdb" });
    sink.emit(&Event::ProjectFound { found: "3 models, 1 seed" });
    sink.emit(&Event::RunStarted { target: "dev", threads: 4, total: list.len() });
    sink.emit(&Event::Note { level: NoteLevel::Debug, message: "the password is hunter2" });
    for (i, o) in list.iter().enumerate() {
        let (index, total) = (i + 1, list.len());
        if o.status != Status::Skipped {
            sink.emit(&Event::NodeStarted { index, total, node: &o.node });
        }
        sink.emit(&Event::NodeFinished { index, total, outcome: o, ephemeral_cause: None });
    }
    sink.emit(&Event::Logged { message: "said by a macro", info: true, node: Some(list[1].id()) });
    sink.emit(&Event::Printed { message: "printed" });
    let run = RunOutcome {
        outcomes: list,
        freshness: Vec::new(),
        elapsed: 63.5,
        generated_at: noon(),
        interrupted: false,
        broken_hook: None,
        inlined: Vec::new(),
    };
    sink.emit(&Event::RunFinished { outcome: &run, ran: "1 seed, 3 models" });
    sink.emit(&Event::CommandFinished { command: "build", success: false, elapsed: 64.0, at: noon() });
}

fn console(settings: ReportSettings) -> (String, String) {
    let (out, err) = (Captured::default(), Captured::default());
    tell(&Reporter::new(settings, shared(), Streams { out: out.stream(), err: err.stream() }));
    (out.text(), err.text())
}

#[test]
fn console_speaks_dbts_words() {
    let (out, err) = console(ReportSettings::default());
    assert_eq!(out, "printed\n");
    assert_eq!(
        err,
        "\
12:01:01  Running with transform=0.1.0
12:01:01  Registered adapter: duckdb=2.0.0 (shop.duckdb)
12:01:01  Found 3 models, 1 seed

12:01:01  Concurrency: 4 threads (target='dev')

12:01:01  1 of 6 START seed file main.raw ................................................ [RUN]
12:01:01  1 of 6 OK loaded seed file main.raw ............................................ [INSERT 5 in 0.12s]
12:01:01  2 of 6 START sql table model main.orders ....................................... [RUN]
12:01:01  2 of 6 OK created sql table model main.orders .................................. [OK in 0.12s]
12:01:01  3 of 6 START test unique_id .................................................... [RUN]
12:01:01  3 of 6 FAIL 3 unique_id ........................................................ [FAIL 3 in 0.12s]
12:01:01  4 of 6 START sql view model main.broken ........................................ [RUN]
12:01:01  4 of 6 ERROR creating sql view model main.broken ............................... [ERROR in 0.12s]
12:01:01  5 of 6 SKIP relation main.after ................................................ [SKIP]
12:01:01  6 of 6 NO-OP exposure dash ..................................................... [NO-OP in 0.12s]
12:01:01  said by a macro

12:01:01  Finished running 1 seed, 3 models in 0 hours 1 minutes and 3.50 seconds (63.50s).

12:01:01  Completed with 2 errors, 0 partial successes, and 0 warnings:

12:01:01  Failure in test unique_id (models/unique_id.sql)
12:01:01    Got 3 results, configured to fail if != 0

12:01:01    compiled code at target/compiled/shop/unique_id.sql

12:01:01  Failure in model broken (models/broken.sql)

error[T601]: Binder Error: column 'nope' not found
 --> models/broken.sql:1:8
  |
1 | select nope
  |        ^^^^

12:01:01  Done. PASS=2 WARN=0 ERROR=2 SKIP=1 NO-OP=1 TOTAL=6
"
    );
}

#[test]
fn quiet_shows_errors_and_prints() {
    let (out, err) = console(ReportSettings { quiet: true, ..ReportSettings::default() });
    assert_eq!(out, "printed\n");
    let words: Vec<&str> = err.lines().filter_map(|l| l.split_whitespace().nth(1)).collect();
    assert!(err.contains("FAIL 3") && err.contains("ERROR creating") && err.contains("error[T601]"), "{err}");
    assert!(!words.contains(&"Done.") && !err.contains("OK created") && !err.contains("SKIP"), "{err}");
}

#[test]
fn colours_only_when_told() {
    let (_, plain) = console(ReportSettings::default());
    assert!(!plain.contains('\u{1b}'));
    let (_, painted) = console(ReportSettings { color: true, ..ReportSettings::default() });
    assert!(painted.contains("[\u{1b}[1;31mFAIL 3\u{1b}[0m in 0.12s]"), "{painted}");
    let mut stripped = painted;
    while let Some(start) = stripped.find('\u{1b}') {
        let end = stripped[start..].find('m').map_or(stripped.len(), |i| start + i + 1);
        stripped.replace_range(start..end, "");
    }
    assert_eq!(stripped, plain);
}

#[test]
fn a_bar_takes_the_place_of_start_lines() {
    let (_, err) = console(ReportSettings { is_terminal: true, ..ReportSettings::default() });
    assert!(!err.contains("START"), "{err}");
    assert!(err.contains("2 of 6 OK created sql table model main.orders"), "{err}");
}

#[test]
fn json_lines_have_dbts_names_codes_and_keys() {
    let (out, err) = console(ReportSettings { format: LogFormat::Json, level: LogLevel::Debug, ..Default::default() });
    assert_eq!(err, "");
    let lines: Vec<Json> = out.lines().map(|l| serde_json::from_str(l).expect("each line is JSON")).collect();
    let keys = ["category", "code", "extra", "invocation_id", "level", "msg", "name", "pid", "thread", "ts"];
    for line in &lines {
        let mut found: Vec<&str> = line["info"].as_object().into_iter().flatten().map(|(k, _)| k.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, keys);
        assert!(line["data"].is_object(), "{line}");
    }
    let of = |name: &str| -> Vec<&Json> { lines.iter().filter(|l| l["info"]["name"] == name).collect() };
    for (name, code, count) in [
        ("MainReportVersion", "A001", 1),
        ("LogStartLine", "Q011", 4),
        ("LogModelResult", "Q012", 2),
        ("LogTestResult", "Q007", 1),
        ("LogSeedResult", "Q016", 1),
        ("SkippingDetails", "Q034", 1),
        ("LogNodeNoOpResult", "Q019", 1),
        ("NodeStart", "Q024", 6),
        ("NodeFinished", "Q025", 6),
        ("JinjaLogInfo", "I062", 1),
        ("PrintEvent", "Z052", 1),
        ("FinishedRunningStats", "E047", 1),
        ("EndOfRunSummary", "Z030", 1),
        ("RunResultError", "Z024", 2),
        ("StatsLine", "Z023", 1),
        ("CommandCompleted", "Q039", 1),
    ] {
        let found = of(name);
        assert_eq!((found.len(), &found[0]["info"]["code"]), (count, &Json::from(code)), "{name}");
    }
    let result = of("LogModelResult")[0];
    assert_eq!(result["info"]["thread"], Json::from(std::thread::current().name()));
    let info = &result["data"]["node_info"];
    assert_eq!(info["unique_id"], "model.shop.orders");
    assert_eq!(info["node_status"], "success");
    assert_eq!(info["node_finished_at"], "2024-06-01T12:01:01.620000");
    assert_eq!(info["node_relation"]["relation_name"], "\"shop\".\"main\".\"orders\"");
    assert_eq!(of("NodeFinished")[0]["data"]["run_result"]["message"], "INSERT 5");
    assert_eq!(of("RunResultError")[1]["data"]["diagnostics"][0]["line"], 1);
    assert_eq!(of("Note")[0]["info"]["msg"], "the password is *****");
}

#[test]
fn the_log_file_holds_everything_but_secrets() {
    let file = Captured::default();
    tell(&FileLog::new(LogFormat::Debug, LogLevel::Debug, shared(), file.stream()));
    let text = file.text();
    let head = format!("\n\n{0} 12:01:01.500000 | id-1 {0}\n12:01:01.500000 [info ] [", "=".repeat(30));
    assert!(text.starts_with(&head), "{text}");
    assert!(text.contains("]: the password is *****\n") && !text.contains("hunter2"), "{text}");
    assert!(text.contains("Command `transform build` failed at 12:01:01.500000 after 64.00 seconds"), "{text}");
}

#[test]
fn junit_and_annotations() {
    let (xml, commands) = (Captured::default(), Captured::default());
    tell(&JUnit::new(xml.stream()));
    tell(&Annotations::new("analytics", commands.stream()));
    assert_eq!(
        xml.text(),
        "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"transform\" tests=\"2\" failures=\"1\" errors=\"1\" skipped=\"0\" time=\"63.500\">
  <testsuite name=\"models/broken.sql\" timestamp=\"2024-06-01T12:01:01\" tests=\"1\" failures=\"0\" errors=\"1\" \
skipped=\"0\" time=\"0.120\">
    <testcase name=\"broken\" classname=\"model\" file=\"models/broken.sql\" time=\"0.120\">
      <error message=\"Binder Error\">Binder Error</error>
    </testcase>
  </testsuite>
  <testsuite name=\"models/unique_id.sql\" timestamp=\"2024-06-01T12:01:01\" tests=\"1\" failures=\"1\" errors=\"0\" \
skipped=\"0\" time=\"0.120\">
    <testcase name=\"unique_id\" classname=\"test\" file=\"models/unique_id.sql\" time=\"0.120\">
      <failure message=\"Got 3 results, configured to fail if != 0\">Got 3 results, configured to fail if != 0</failure>
    </testcase>
  </testsuite>
</testsuites>
"
    );
    assert_eq!(
        commands.text(),
        "\
::error file=analytics/models/unique_id.sql,line=1,title=test unique_id::Got 3 results, configured to fail if != 0
::error file=analytics/models/broken.sql,line=1,col=8,endColumn=12,title=T601::Binder Error: column 'nope' not found
"
    );
}

#[test]
fn batches_freshness_and_problems() {
    let model = facts(ResourceType::Model, "mb", "sql microbatch model main.mb");
    let mut partial = outcome(Arc::clone(&model), Status::PartialSuccess, None);
    let interval = Interval::new(noon(), noon());
    partial.batch_results = Some(BatchResults { successful: vec![interval, interval], failed: vec![interval] });
    let stale = FreshnessOutcome {
        node: facts(ResourceType::Source, "raw_orders", "freshness of raw.raw_orders"),
        source_name: "raw".to_owned(),
        status: Status::Error,
        message: None,
        max_loaded_at: None,
        snapshotted_at: None,
        age: 0.0,
        criteria: crate::base::Value::Null,
        timing: Timing::default(),
        execution_time: 0.02,
        thread_id: "main".to_owned(),
        adapter_response: Dict::new(),
        diagnostics: Vec::new(),
    };
    let deprecated = Diagnostic::warning(codes::DEPRECATED, "`tests:` is now `data_tests:`").help("rename it");
    let (out, err) = (Captured::default(), Captured::default());
    let console = Reporter::new(
        ReportSettings::default(),
        Shared { printer_width: 50, ..shared() },
        Streams { out: out.stream(), err: err.stream() },
    );
    let done = outcome(Arc::clone(&model), Status::Success, None);
    console.emit(&Event::Problem(&deprecated));
    console.emit(&Event::BatchStarted { index: 1, total: 3, batch: "2024", node: &model });
    console.emit(&Event::BatchFinished { index: 1, total: 3, batch: "2024", outcome: &done });
    console.emit(&Event::NodeFinished { index: 1, total: 2, outcome: &partial, ephemeral_cause: None });
    let hidden = outcome(Arc::clone(&model), Status::Skipped, None);
    console.emit(&Event::NodeFinished { index: 2, total: 2, outcome: &hidden, ephemeral_cause: Some(&partial) });
    console.emit(&Event::FreshnessFinished { index: 1, total: 1, outcome: &stale });
    assert_eq!(
        err.text(),
        "\
warning[T116]: `tests:` is now `data_tests:`
  = help: rename it
12:01:01  Batch 1 of 3 START batch 2024 of main.mb ............... [RUN]
12:01:01  Batch 1 of 3 OK created batch 2024 of main.mb .......... [OK in 0.12s]
12:01:01  1 of 2 PARTIALLY created sql microbatch model main.mb  [PARTIAL SUCCESS (2/3) in 0.12s]
12:01:01  2 of 2 SKIP relation main.mb due to ephemeral model status 'partial success'  [ERROR SKIP]
12:01:01  1 of 1 ERROR STALE freshness of raw.raw_orders ... [ERROR STALE in 0.02s]
"
    );
    assert_eq!(event_name(&deprecated), ("InternalDeprecation", "D008"));
}

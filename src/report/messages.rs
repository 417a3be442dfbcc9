//! Puts events into dbt's words: name, code, level, text and data of each line of dbt's log.
//!
//! In: an [`Event`]. Out: the [`Message`]s that it makes, in order. Console, file log and JSON lines show them.

use std::ops::Range;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};

use crate::base::Value;
use crate::diag::{Diagnostic, Severity, Warning, warnings};
use crate::execute::event::{Event, Exhibit, ExhibitKind};
use crate::execute::outcome::{FreshnessOutcome, NodeFacts, NodeOutcome, Status};
use crate::node::ResourceType;
use crate::node::contract::repr;

use super::end_of_run::end_of_run;
use super::node_info::{self, object};
use super::style::Tint;
use super::{LogLevel, Shared};

/// One line of the log; the text may have several.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// dbt's name of the event.
    pub name: &'static str,
    /// dbt's code of it.
    pub code: &'static str,
    /// Level.
    pub level: LogLevel,
    /// Text without colours.
    pub text: String,
    /// The part of the text that has a colour.
    pub tint: Option<(Range<usize>, Tint)>,
    /// Structured facts.
    pub data: Map<String, Json>,
    /// Problems that a console draws in place of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Message {
    pub fn new(name: &'static str, code: &'static str, level: LogLevel, text: impl Into<String>) -> Self {
        Self { name, code, level, text: text.into(), tint: None, data: Map::new(), diagnostics: Vec::new() }
    }

    /// Sets the structured facts.
    pub fn data(mut self, data: Map<String, Json>) -> Self {
        self.data = data;
        self
    }

    /// Colours the whole text.
    pub fn tinted(mut self, tint: Tint) -> Self {
        self.tint = Some((0..self.text.len(), tint));
        self
    }

    /// An empty line.
    pub fn blank() -> Self {
        Self::new("Formatting", "Z017", LogLevel::Info, "").data(object([("msg", json!(""))]))
    }
}

/// What an event says.
pub(super) fn messages(event: &Event<'_>, now: DateTime<Utc>, shared: &Shared) -> Vec<Message> {
    use LogLevel::{Debug, Info};
    let width = shared.printer_width;
    match event {
        Event::CommandStarted { .. } => command_started(event),
        Event::VariablesTaken { vars, checksum, profile, target, version } => {
            let text =
                format!("checksum: {checksum}, vars: {vars}, profile: {profile}, target: {target}, version: {version}");
            vec![Message::new("StateCheckVarsHash", "I025", Debug, text).data(object([
                ("checksum", json!(checksum)),
                ("vars", json!(vars)),
                ("profile", json!(profile)),
                ("target", json!(target)),
                ("version", json!(version)),
            ]))]
        }
        Event::AdapterChosen { adapter, adapter_version, database } => {
            let place = if database.is_empty() { String::new() } else { format!(" ({database})") };
            let text = format!("Registered adapter: {adapter}={adapter_version}{place}");
            vec![Message::new("AdapterRegistered", "E034", Info, text).data(object([
                ("adapter_name", json!(adapter)),
                ("adapter_version", json!(format!("={adapter_version}"))),
            ]))]
        }
        Event::ProjectFound { found } => {
            let line = Message::new("FoundStats", "W006", Info, format!("Found {found}"));
            vec![line.data(object([("stat_line", json!(found))]))]
        }
        Event::RunStarted { .. } => run_started(event),
        Event::NodeStarted { index, total, node } => node_started(Place::new(*index, *total, width), node, now),
        Event::NodeFinished { index, total, outcome, ephemeral_cause } => {
            node_finished(Place::new(*index, *total, width), outcome, *ephemeral_cause)
        }
        Event::ChildrenGivenUp { outcome } => vec![children_given_up(outcome)],
        Event::NodeOpened { node } => vec![begun(node, node_info::started(node, now))],
        Event::NodeClosed { outcome } => vec![ended(outcome)],
        Event::NodeCompiling { node } => vec![
            Message::new("NodeCompiling", "Q030", Debug, format!("Began compiling node {}", node.id))
                .data(about(shared, node.id.as_str())),
        ],
        Event::NodeExecuting { node } => vec![
            Message::new("NodeExecuting", "Q031", Debug, format!("Began executing node {}", node.id))
                .data(about(shared, node.id.as_str())),
        ],
        Event::Exhibited(exhibit) => vec![exhibited(exhibit)],
        Event::BatchPlaced { batch, node, concurrent } => {
            let how = if *concurrent { "concurrently" } else { "sequentially" };
            let text = format!("batch {batch} of {} is being run {how}", node.representation);
            let data = object([("msg", json!(text))]);
            vec![Message::new("MicrobatchExecutionDebug", "Q044", Debug, text).data(data)]
        }
        Event::BatchStarted { index, total, batch, node } => {
            let place = Place::new(*index, *total, width);
            let description = format!("batch {batch} of {}", node.representation);
            let line = place.line(&format!("START {description}"), "RUN", None);
            let text = format!("Batch {}", line.text);
            vec![Message::new("LogStartBatch", "Q045", Info, text).data(object([
                ("description", json!(description)),
                ("batch_index", json!(index)),
                ("total_batches", json!(total)),
                ("node_info", node_info::started(node, now)),
            ]))]
        }
        Event::BatchFinished { index, total, batch, outcome } => {
            let line = batch_finished(Place::new(*index, *total, width), batch, outcome);
            let broken = (outcome.status == Status::Error).then(|| batch_broken(outcome));
            [line].into_iter().chain(broken).collect()
        }
        Event::HookStarted { index, total, node } => {
            let place = Place::new(*index, *total, width);
            let text = place.line(&format!("START {}", node.description), "RUN", None).text;
            vec![Message::new("LogHookStartLine", "Q032", Info, text).data(object([
                ("statement", json!(hook_statement(node))),
                ("index", json!(index)),
                ("total", json!(total)),
                ("node_info", node_info::started(node, now)),
            ]))]
        }
        Event::HookFinished { index, total, outcome } => {
            vec![hook_finished(Place::new(*index, *total, width), outcome)]
        }
        Event::Logged { message, info, node } => {
            let (name, code, level) =
                if *info { ("JinjaLogInfo", "I062", Info) } else { ("JinjaLogDebug", "I063", Debug) };
            let mut data = object([("msg", json!(message))]);
            if let Some(id) = node {
                data.extend(about(shared, id.as_str()));
            }
            vec![Message::new(name, code, level, *message).data(data)]
        }
        Event::Printed { message } => {
            vec![Message::new("PrintEvent", "Z052", Info, *message).data(object([("msg", json!(message))]))]
        }
        Event::Problem(diagnostic) => vec![problem(diagnostic)],
        Event::DeprecationsCounted { counts, shows_all } => vec![deprecations(counts, *shows_all)],
        Event::Statement { .. } => statement(event, shared),
        Event::FreshnessFinished { index, total, outcome } => {
            let end = Message::new("NodeFinished", "Q025", Debug, format!("Finished running node {}", outcome.node.id));
            vec![
                freshness_finished(Place::new(*index, *total, width), outcome),
                end.data(object([
                    ("node_info", node_info::checked(outcome)),
                    ("run_result", node_info::check_result(outcome)),
                ])),
            ]
        }
        Event::ArtifactWritten { kind, path } => {
            vec![
                Message::new("ArtifactWritten", "P001", Debug, format!("Wrote artifact {kind} to {path}"))
                    .data(object([("artifact_type", json!(kind)), ("artifact_path", json!(path))])),
            ]
        }
        Event::RunFinished { outcome, ran } => end_of_run(outcome, ran),
        Event::CommandFinished { command, success, elapsed, at } => {
            let verdict = if *success { "succeeded" } else { "failed" };
            let text = format!(
                "Command `transform {command}` {verdict} at {} after {elapsed:.2} seconds",
                at.format("%H:%M:%S%.6f")
            );
            vec![Message::new("CommandCompleted", "Q039", Debug, text).data(object([
                ("command", json!(format!("transform {command}"))),
                ("completed_at", json!(at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())),
                ("elapsed", json!(elapsed)),
                ("success", json!(success)),
            ]))]
        }
        Event::Note { level, message } => {
            vec![Message::new("Note", "Z050", (*level).into(), *message).data(object([("msg", json!(message))]))]
        }
    }
}

/// Programs look here for the version of dbt, people for that of this program.
fn command_started(event: &Event<'_>) -> Vec<Message> {
    let Event::CommandStarted { version, dbt_version, invocation, settings } = event else { return Vec::new() };
    let mut args: Map<String, Json> =
        settings.iter().map(|(name, value)| (name.clone(), json!(value.to_string()))).collect();
    args.insert("invocation_command".to_owned(), json!(invocation));
    vec![
        Message::new("MainReportVersion", "A001", LogLevel::Info, format!("Running with transform={version}")).data(
            object([
                ("version", json!(format!("={dbt_version}"))),
                ("transform_version", json!(format!("={version}"))),
                ("log_version", json!(3)),
            ]),
        ),
        Message::new("MainReportArgs", "A002", LogLevel::Debug, format!("running with arguments {invocation}"))
            .data(object([("args", Json::Object(args))])),
    ]
}

/// Where in the run a line stands.
#[derive(Clone, Copy)]
struct Place {
    index: usize,
    total: usize,
    width: usize,
}

/// A line with dots, and where in it the status is.
struct StatusLine {
    text: String,
    status: Range<usize>,
}

impl Place {
    fn new(index: usize, total: usize, width: usize) -> Self {
        Self { index, total, width }
    }

    /// `3 of 10 OK created sql table model main.orders ........ [OK in 0.12s]`
    fn line(self, message: &str, status: &str, seconds: Option<f64>) -> StatusLine {
        let mut text = format!("{} of {} {message} ", self.index, self.total);
        let dots = self.width.saturating_sub(text.chars().count());
        text.push_str(&".".repeat(dots));
        text.push_str(" [");
        let start = text.len();
        text.push_str(status);
        let end = text.len();
        if let Some(seconds) = seconds {
            text.push_str(&format!(" in {seconds:.2}s"));
        }
        text.push(']');
        StatusLine { text, status: start..end }
    }

    fn message(self, kind: (&'static str, &'static str, LogLevel), line: StatusLine, tint: Tint) -> Message {
        let mut message = Message::new(kind.0, kind.1, kind.2, line.text);
        message.tint = Some((line.status, tint));
        message.data = object([("index", json!(self.index)), ("total", json!(self.total))]);
        message
    }
}

fn run_started(event: &Event<'_>) -> Vec<Message> {
    let Event::RunStarted { target, threads, total } = event else { return Vec::new() };
    let concurrency = format!("Concurrency: {threads} threads (target='{target}')");
    let mut list = Vec::new();
    if *total > 0 {
        let facts =
            object([("num_threads", json!(threads)), ("target_name", json!(target)), ("node_count", json!(total))]);
        list.push(Message::blank());
        list.push(Message::new("ConcurrencyLine", "Q027", LogLevel::Info, concurrency).data(facts));
        list.push(Message::blank());
    }
    list
}

fn node_started(place: Place, node: &NodeFacts, now: DateTime<Utc>) -> Vec<Message> {
    let info = node_info::started(node, now);
    let begin = begun(node, info.clone());
    if matches!(node.resource_type, ResourceType::Exposure | ResourceType::SavedQuery) {
        return vec![begin];
    }
    let text = place.line(&format!("START {}", node.description), "RUN", None).text;
    let line = Message::new("LogStartLine", "Q011", LogLevel::Info, text).data(object([
        ("description", json!(node.description)),
        ("index", json!(place.index)),
        ("total", json!(place.total)),
        ("node_info", info),
    ]));
    vec![begin, line]
}

fn node_finished(place: Place, outcome: &NodeOutcome, ephemeral_cause: Option<&NodeOutcome>) -> Vec<Message> {
    let line = match (outcome.status, outcome.node.resource_type) {
        (Status::Skipped, _) if outcome.node.is_ephemeral => None,
        (Status::Skipped, _) => Some(skipped(place, outcome, ephemeral_cause)),
        (Status::NoOp, _) => Some(result_line(
            place,
            outcome,
            ("LogNodeNoOpResult", "Q019", LogLevel::Info),
            (format!("NO-OP {}", outcome.node.description), "NO-OP".to_owned(), Tint::Yellow),
        )),
        (_, ResourceType::Test | ResourceType::UnitTest) => Some(test_finished(place, outcome)),
        (_, ResourceType::Seed) => Some(seed_finished(place, outcome)),
        (_, ResourceType::Snapshot) => Some(snapshot_finished(place, outcome)),
        (_, ResourceType::Function) => Some(model_finished(place, outcome, ("LogFunctionResult", "Q047"))),
        _ => Some(model_finished(place, outcome, ("LogModelResult", "Q012"))),
    };
    // A worker takes what is skipped too, if only to say so.
    let begin = (outcome.status == Status::Skipped).then(|| begun(&outcome.node, node_info::waiting(&outcome.node)));
    let broken = matches!(outcome.status, Status::Error | Status::RuntimeError).then(|| broken(outcome));
    let mut list: Vec<Message> = broken.into_iter().chain(begin).chain(line).collect();
    list.push(ended(outcome));
    list
}

fn children_given_up(outcome: &NodeOutcome) -> Message {
    let (id, status) = (outcome.id().as_str(), outcome.status.as_str());
    let reason = outcome.message.as_deref().filter(|m| !m.is_empty()).map(|m| format!(": {m}")).unwrap_or_default();
    let text = format!("Skipping the children of {id}, whose status is {status}{reason}");
    Message::new("MarkSkippedChildren", "Z033", LogLevel::Debug, text).data(object([
        ("unique_id", json!(id)),
        ("status", json!(status)),
        ("run_result", node_info::run_result(outcome)),
    ]))
}

/// Why a node could not be done, in all words: the console tells it at the end.
fn broken(outcome: &NodeOutcome) -> Message {
    let words = outcome.message.as_deref().unwrap_or_default();
    Message::new("CatchableExceptionOnRun", "W002", LogLevel::Debug, words).data(object([
        ("exc", json!(words)),
        ("exc_info", json!("")),
        ("node_info", node_info::finished(outcome)),
    ]))
}

/// A worker has a node in hand.
fn begun(node: &NodeFacts, info: Json) -> Message {
    Message::new("NodeStart", "Q024", LogLevel::Debug, format!("Began running node {}", node.id))
        .data(object([("node_info", info)]))
}

/// A worker is done with a node.
fn ended(outcome: &NodeOutcome) -> Message {
    Message::new("NodeFinished", "Q025", LogLevel::Debug, format!("Finished running node {}", outcome.id()))
        .data(object([("node_info", node_info::finished(outcome)), ("run_result", node_info::run_result(outcome))]))
}

fn statement(event: &Event<'_>, shared: &Shared) -> Vec<Message> {
    let Event::Statement { connection, sql, status, elapsed } = event else { return Vec::new() };
    let mut sent = Message::new("SQLQuery", "E016", LogLevel::Debug, format!("On {connection}: {sql}"))
        .data(object([("conn_name", json!(connection)), ("sql", json!(sql))]));
    let text = format!("SQL status: {status} in {elapsed:.3} seconds");
    let mut answered = Message::new("SQLQueryStatus", "E017", LogLevel::Debug, text).data(object([
        ("status", json!(status)),
        ("elapsed", json!(elapsed)),
        ("query_id", json!("")),
    ]));
    sent.data.extend(about(shared, connection));
    answered.data.extend(about(shared, connection));
    vec![sent, answered]
}

/// `node_info` of a node that a worker has in hand.
fn about(shared: &Shared, id: &str) -> Map<String, Json> {
    shared.in_hand.info(id).into_iter().map(|info| ("node_info".to_owned(), info)).collect()
}

/// dbt's name for a query from the command line.
const INLINE: &str = "inline_query";

fn exhibited(shown: &Exhibit<'_>) -> Message {
    let (name, code, content) = match shown.kind {
        ExhibitKind::Code => ("CompiledNode", "Q042", "compiled"),
        ExhibitKind::Rows => ("ShowNode", "Q041", "preview"),
    };
    let id = shown.node.map_or_else(|| format!("sqloperation.{INLINE}"), |node| node.id.to_string());
    Message::new(name, code, LogLevel::Info, shown.text).data(object([
        ("node_name", json!(if shown.node.is_some() { shown.name } else { INLINE })),
        (content, json!(shown.content)),
        ("is_inline", json!(shown.node.is_none())),
        ("output_format", json!(shown.format)),
        ("unique_id", json!(id)),
        ("quiet", json!(shown.quiet)),
    ]))
}

/// A result line with the facts that all kinds share.
fn result_line(
    place: Place,
    outcome: &NodeOutcome,
    kind: (&'static str, &'static str, LogLevel),
    words: (String, String, Tint),
) -> Message {
    let line = place.line(&words.0, &words.1, Some(outcome.execution_time));
    let mut message = place.message(kind, line, words.2);
    message.data.insert("description".to_owned(), json!(outcome.node.description));
    message.data.insert("execution_time".to_owned(), json!(outcome.execution_time));
    message.data.insert("status".to_owned(), json!(outcome.status.as_str()));
    message.data.insert("node_info".to_owned(), node_info::finished(outcome));
    if let Some(group) = &outcome.node.group {
        message.data.insert("group".to_owned(), node_info::group(group));
    }
    message
}

fn said(outcome: &NodeOutcome) -> String {
    let first = outcome.message.as_deref().and_then(|m| m.lines().next()).filter(|m| !m.is_empty());
    first.unwrap_or("OK").to_owned()
}

fn model_finished(place: Place, outcome: &NodeOutcome, event: (&'static str, &'static str)) -> Message {
    let (verb, status, level, tint) = match outcome.status {
        Status::Error | Status::RuntimeError | Status::Fail => {
            ("ERROR creating", "ERROR".to_owned(), LogLevel::Error, Tint::Red)
        }
        Status::PartialSuccess => {
            let done = outcome.batch_results.as_ref().map_or(0, |b| b.successful.len());
            let all = done + outcome.batch_results.as_ref().map_or(0, |b| b.failed.len());
            ("PARTIALLY created", format!("PARTIAL SUCCESS ({done}/{all})"), LogLevel::Warn, Tint::Yellow)
        }
        _ => ("OK created", said(outcome), LogLevel::Info, Tint::Green),
    };
    let words = (format!("{verb} {}", outcome.node.description), status.clone(), tint);
    let mut message = result_line(place, outcome, (event.0, event.1, level), words);
    let shown = if outcome.status == Status::Error { "error".to_owned() } else { status };
    message.data.insert("status".to_owned(), json!(shown));
    message
}

fn seed_finished(place: Place, outcome: &NodeOutcome) -> Message {
    let words = match outcome.status {
        Status::Success => (format!("OK loaded {}", outcome.node.description), said(outcome), Tint::Green),
        _ => (format!("ERROR loading {}", outcome.node.description), "ERROR".to_owned(), Tint::Red),
    };
    let level = if outcome.status.is_failure() { LogLevel::Error } else { LogLevel::Info };
    let mut message = result_line(place, outcome, ("LogSeedResult", "Q016", level), words);
    message.data.remove("description");
    message.data.insert("result_message".to_owned(), json!(outcome.message.clone().unwrap_or_default()));
    message.data.insert("schema".to_owned(), json!(outcome.node.schema));
    message.data.insert("relation".to_owned(), json!(outcome.node.alias));
    message
}

fn snapshot_finished(place: Place, outcome: &NodeOutcome) -> Message {
    let what = &outcome.node.representation;
    let words = match outcome.status {
        Status::Success => (format!("OK snapshotted {what}"), said(outcome), Tint::Green),
        _ => (format!("ERROR snapshotting {what}"), "ERROR".to_owned(), Tint::Red),
    };
    let level = if outcome.status.is_failure() { LogLevel::Error } else { LogLevel::Info };
    let mut message = result_line(place, outcome, ("LogSnapshotResult", "Q015", level), words);
    message.data.insert("description".to_owned(), json!(what));
    message.data.insert("result_message".to_owned(), json!(outcome.message));
    let config = outcome.node.config.iter().filter(|(_, value)| !value.is_null());
    let config = config.map(|(key, value)| match value {
        Value::Str(text) => (key.clone(), json!(text)),
        other => (key.clone(), json!(repr(other))),
    });
    message.data.insert("cfg".to_owned(), Json::Object(config.collect()));
    message
}

fn test_finished(place: Place, outcome: &NodeOutcome) -> Message {
    let name = match outcome.node.resource_type {
        ResourceType::UnitTest => &outcome.node.representation,
        _ => &outcome.node.name,
    };
    let failures = outcome.failures.unwrap_or(0);
    let (status, level, tint) = match outcome.status {
        Status::Pass | Status::Success => ("PASS".to_owned(), LogLevel::Info, Tint::Green),
        Status::Warn => (format!("WARN {failures}"), LogLevel::Warn, Tint::Yellow),
        Status::Fail => (format!("FAIL {failures}"), LogLevel::Error, Tint::Red),
        _ => ("ERROR".to_owned(), LogLevel::Error, Tint::Red),
    };
    let words = (format!("{status} {name}"), status, tint);
    let mut message = result_line(place, outcome, ("LogTestResult", "Q007", level), words);
    message.data.remove("description");
    message.data.remove("total");
    message.data.insert("name".to_owned(), json!(name));
    message.data.insert("num_models".to_owned(), json!(place.total));
    message.data.insert("num_failures".to_owned(), json!(failures));
    let attached = outcome.node.attached_node.as_ref().map_or("", |id| id.as_str());
    message.data.insert("attached_node".to_owned(), json!(attached));
    message
}

fn skipped(place: Place, outcome: &NodeOutcome, ephemeral_cause: Option<&NodeOutcome>) -> Message {
    let node = &outcome.node;
    let schema = node.schema.clone().unwrap_or_default();
    if let Some(cause) = ephemeral_cause {
        let status = cause.status.as_str();
        let text = format!("SKIP relation {schema}.{} due to ephemeral model status '{status}'", node.name);
        let line = place.line(&text, "ERROR SKIP", None);
        let mut message = place.message(("LogSkipBecauseError", "Z034", LogLevel::Error), line, Tint::Red);
        message.data.insert("schema".to_owned(), json!(schema));
        message.data.insert("relation".to_owned(), json!(node.name));
        message.data.insert("status".to_owned(), json!(status));
        message.data.extend(node.group.as_deref().map(|group| ("group".to_owned(), node_info::group(group))));
        return message;
    }
    let text = match node.resource_type {
        ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot => {
            format!("SKIP relation {schema}.{}", node.name)
        }
        kind => format!("SKIP {kind} {}", node.name),
    };
    let text = match &outcome.skipped_because {
        Some(id) => format!("{text} because of {}", short_name(id.as_str())),
        None => text,
    };
    let line = place.line(&text, "SKIP", None);
    let mut message = place.message(("SkippingDetails", "Q034", LogLevel::Info), line, Tint::Yellow);
    message.data.insert("node_info".to_owned(), node_info::finished(outcome));
    message.data.extend(node.group.as_deref().map(|group| ("group".to_owned(), node_info::group(group))));
    message.data.insert("node_name".to_owned(), json!(node.name));
    message.data.insert("resource_type".to_owned(), json!(node.resource_type.as_str()));
    message.data.insert("schema".to_owned(), json!(schema));
    message
}

/// `model.orders` of `model.shop.orders`, `test.unique_a` of `test.shop.unique_a.0f3c...`.
fn short_name(id: &str) -> String {
    let Some((kind, (_, name))) = id.split_once('.').and_then(|(kind, rest)| Some((kind, rest.split_once('.')?)))
    else {
        return id.to_owned();
    };
    let name = if kind == "test" { name.split_once('.').map_or(name, |(name, _)| name) } else { name };
    format!("{kind}.{name}")
}

fn batch_finished(place: Place, batch: &str, outcome: &NodeOutcome) -> Message {
    let description = format!("batch {batch} of {}", outcome.node.representation);
    let (verb, status, level, tint) = match outcome.status {
        Status::Skipped => ("SKIP", "SKIPPED".to_owned(), LogLevel::Info, Tint::Yellow),
        s if s.is_failure() => ("ERROR creating", "ERROR".to_owned(), LogLevel::Error, Tint::Red),
        _ => ("OK created", said(outcome), LogLevel::Info, Tint::Green),
    };
    let line = place.line(&format!("{verb} {description}"), &status, Some(outcome.execution_time));
    let shift = "Batch ".len();
    let mut message = Message::new("LogBatchResult", "Q046", level, format!("Batch {}", line.text));
    message.tint = Some((line.status.start + shift..line.status.end + shift, tint));
    message.data(object([
        ("description", json!(description)),
        ("status", json!(if outcome.status == Status::Success { status.as_str() } else { outcome.status.as_str() })),
        ("batch_index", json!(place.index)),
        ("total_batches", json!(place.total)),
        ("execution_time", json!(outcome.execution_time)),
        ("node_info", node_info::finished(outcome)),
    ]))
}

/// For the log: the console tells what is wrong once, with the model.
fn batch_broken(outcome: &NodeOutcome) -> Message {
    let words = outcome.message.as_deref().unwrap_or_default();
    let text = format!("Unhandled error while executing {}\n{words}", outcome.node.id);
    Message::new("GenericExceptionOnRun", "W004", LogLevel::Debug, text).data(object([
        ("unique_id", json!(outcome.node.id.as_str())),
        ("exc", json!(words)),
        ("node_info", node_info::finished(outcome)),
    ]))
}

fn hook_statement(node: &NodeFacts) -> &str {
    node.description.strip_prefix("hook: ").unwrap_or(&node.description)
}

fn hook_finished(place: Place, outcome: &NodeOutcome) -> Message {
    let (word, tint, level) = match outcome.status {
        Status::Success => ("OK", Tint::Green, LogLevel::Info),
        Status::Skipped => ("SKIP", Tint::Yellow, LogLevel::Info),
        _ => ("ERROR", Tint::Red, LogLevel::Error),
    };
    let line = place.line(&format!("{word} {}", outcome.node.description), word, Some(outcome.execution_time));
    let mut message = place.message(("LogHookEndLine", "Q033", level), line, tint);
    message.data.insert("statement".to_owned(), json!(hook_statement(&outcome.node)));
    message.data.insert("status".to_owned(), json!(outcome.status.as_str()));
    message.data.insert("execution_time".to_owned(), json!(outcome.execution_time));
    message.data.insert("node_info".to_owned(), node_info::finished(outcome));
    message
}

fn freshness_finished(place: Place, outcome: &FreshnessOutcome) -> Message {
    let (word, tint, level) = match outcome.status {
        Status::RuntimeError => ("ERROR", Tint::Red, LogLevel::Error),
        Status::Error => ("ERROR STALE", Tint::Red, LogLevel::Error),
        Status::Warn => ("WARN", Tint::Yellow, LogLevel::Warn),
        _ => ("PASS", Tint::Green, LogLevel::Info),
    };
    let text = format!("{word} freshness of {}.{}", outcome.source_name, outcome.node.name);
    let line = place.line(&text, word, Some(outcome.execution_time));
    let mut message = place.message(("LogFreshnessResult", "Q018", level), line, tint);
    message.data.insert("status".to_owned(), json!(outcome.status.as_str()));
    message.data.insert("source_name".to_owned(), json!(outcome.source_name));
    message.data.insert("table_name".to_owned(), json!(outcome.node.name));
    message.data.insert("execution_time".to_owned(), json!(outcome.execution_time));
    message.data.insert("node_info".to_owned(), node_info::checked(outcome));
    message
}

/// The name and code under which dbt's log, `--warn-error-options` and the tools that read them know a problem.
pub fn event_name(diagnostic: &Diagnostic) -> (&'static str, &'static str) {
    if diagnostic.is_error() {
        return ("MainEncounteredError", "Z002");
    }
    diagnostic.warning_name().map_or(("Note", "Z050"), |warning| (warning.name, warning.code))
}

fn problem(diagnostic: &Diagnostic) -> Message {
    let (name, code) = event_name(diagnostic);
    let place = diagnostic.span.as_ref().map(|s| format!(" ({s})")).unwrap_or_default();
    let mut text = match diagnostic.severity {
        Severity::Error => "Encountered an error:\n",
        Severity::Warning if diagnostic.warning_name().is_none_or(Warning::is_tagged) => "[WARNING]: ",
        Severity::Warning => "",
        Severity::Info => "",
    }
    .to_owned();
    text.push_str(&format!("{}{place} [{}]", diagnostic.message, diagnostic.code));
    for line in diagnostic.notes.iter().chain(&diagnostic.help) {
        text.push_str("\n  ");
        text.push_str(line);
    }
    let level = match diagnostic.severity {
        Severity::Error => LogLevel::Error,
        Severity::Warning => LogLevel::Warn,
        Severity::Info => LogLevel::Info,
    };
    let mut message = Message::new(name, code, level, text).data(problem_data(diagnostic));
    message.diagnostics = vec![diagnostic.clone()];
    message
}

/// How often there was each kind of deprecation.
fn deprecations(counts: &[(Warning, usize)], shows_all: bool) -> Message {
    let times = |count: usize| if count == 1 { String::new() } else { format!(" ({count} times)") };
    let kinds: Vec<String> = counts.iter().map(|(kind, count)| format!("{}{}", kind.name, times(*count))).collect();
    let mut text = format!("[WARNING]: Deprecated: {}", kinds.join(", "));
    if !shows_all {
        text.push_str(". --show-all-deprecations shows each of them");
    }
    let summaries: Vec<Json> = counts
        .iter()
        .map(|(kind, count)| json!({"event_name": kind.name, "event_code": kind.code, "occurrences": count}))
        .collect();
    let name = warnings::DEPRECATIONS_SUMMARY;
    Message::new(name.name, name.code, LogLevel::Warn, text)
        .data(object([("summaries", json!(summaries)), ("show_all_hint", json!(!shows_all))]))
}

/// A problem as structured facts: its words under dbt's key, and what dbt does not know under a key of its own.
pub(super) fn problem_data(diagnostic: &Diagnostic) -> Map<String, Json> {
    let position = diagnostic.span.as_ref().map(|s| s.position());
    let facts = object([
        ("code", json!(diagnostic.code.as_str())),
        ("message", json!(diagnostic.message)),
        ("file", json!(diagnostic.span.as_ref().map(|s| s.file.path.clone()))),
        ("line", json!(position.map(|p| p.line))),
        ("column", json!(position.map(|p| p.column))),
        ("notes", json!(diagnostic.notes)),
        ("help", json!(diagnostic.help)),
        ("node_id", json!(diagnostic.node)),
    ]);
    let words = if diagnostic.is_error() { "exc" } else { "msg" };
    let mut data = object([(words, json!(diagnostic.message)), ("diagnostic", Json::Object(facts))]);
    data.extend(diagnostic.facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    data
}

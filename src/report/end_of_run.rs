//! The summary at the end of a run: what ran, what went wrong with each node, the counts.
//!
//! In: a [`RunOutcome`]. Out: [`Message`]s in dbt's order and words.

use serde_json::{Value as Json, json};

use crate::execute::event::plural;
use crate::execute::outcome::{FreshnessOutcome, NodeFacts, NodeOutcome, RunOutcome, Status};
use crate::node::ResourceType;

use super::LogLevel;
use super::messages::{Message, problem_data};
use super::node_info::{group as group_facts, object, run_result, summed_up};
use super::style::Tint;

/// Everything that is said when a run has ended. `ran` counts what ran, by kind.
pub(super) fn end_of_run(outcome: &RunOutcome, ran: &str) -> Vec<Message> {
    let mut list = vec![Message::blank(), finished_running(outcome, ran)];
    if outcome.freshness.is_empty() {
        let results: Vec<Json> = outcome.outcomes.iter().map(run_result).collect();
        list.push(Message::new("EndRunResult", "Q037", LogLevel::Debug, "Command end result").data(object([
            ("elapsed_time", json!(outcome.elapsed)),
            ("generated_at", json!(outcome.generated_at.format("%Y-%m-%dT%H:%M:%SZ").to_string())),
            ("results", json!(results)),
            ("success", json!(outcome.exit_code() == 0)),
        ])));
        summary(outcome, &mut list);
    } else {
        for check in outcome.freshness.iter().filter(|f| f.status.is_failure()) {
            stale(check, &mut list);
        }
        list.push(Message::new("FreshnessCheckComplete", "Q003", LogLevel::Info, "Done."));
    }
    list
}

fn finished_running(outcome: &RunOutcome, ran: &str) -> Message {
    let hours = (outcome.elapsed / 3600.0).floor();
    let minutes = ((outcome.elapsed - hours * 3600.0) / 60.0).floor();
    let seconds = outcome.elapsed - hours * 3600.0 - minutes * 60.0;
    let execution = format!(" in {hours} hours {minutes} minutes and {seconds:.2} seconds");
    let text = format!("Finished running {ran}{execution} ({:.2}s).", outcome.elapsed);
    Message::new("FinishedRunningStats", "E047", LogLevel::Info, text).data(object([
        ("stat_line", json!(ran)),
        ("execution", json!(execution)),
        ("execution_time", json!(outcome.elapsed)),
    ]))
}

fn summary(outcome: &RunOutcome, list: &mut Vec<Message>) {
    let of = |wanted: fn(&NodeOutcome) -> bool| outcome.outcomes.iter().filter(|o| wanted(o)).collect::<Vec<_>>();
    let errors = of(|o| {
        // A skip for another node's failure is no error of its own, unless it tells that failure.
        let tells = o.skipped_because.is_none() || !o.diagnostics.is_empty();
        let caused = o.status == Status::Skipped && tells && o.message.as_ref().is_some_and(|m| !m.is_empty());
        o.status.is_failure() || (caused && o.node.resource_type != ResourceType::Exposure)
    });
    let warnings = of(|o| o.status == Status::Warn);
    let partial = of(|o| o.status == Status::PartialSuccess);
    list.push(Message::blank());
    list.push(verdict(errors.len(), partial.len(), warnings.len(), outcome.interrupted));
    for failed in errors.into_iter().chain(partial) {
        describe(failed, list);
    }
    for warned in warnings {
        describe(warned, list);
    }
    list.push(Message::blank());
    let counts = outcome.counts();
    let text = format!(
        "Done. PASS={} WARN={} ERROR={} SKIP={} NO-OP={} TOTAL={}",
        counts.pass, counts.warn, counts.error, counts.skip, counts.noop, counts.total
    );
    let stats = json!({
        "error": counts.error,
        "noop": counts.noop,
        "pass": counts.pass,
        "skip": counts.skip,
        "total": counts.total,
        "warn": counts.warn,
    });
    list.push(Message::new("StatsLine", "Z023", LogLevel::Info, text).data(object([("stats", stats)])));
}

fn verdict(errors: usize, partial: usize, warnings: usize, interrupted: bool) -> Message {
    let partials = if partial == 1 { "1 partial success".to_owned() } else { format!("{partial} partial successes") };
    let warned = plural(warnings, "warning");
    let (text, tint) = if interrupted {
        ("Exited because of keyboard interrupt".to_owned(), Tint::Yellow)
    } else if errors > 0 {
        (format!("Completed with {}, {partials}, and {warned}:", plural(errors, "error")), Tint::Red)
    } else if partial > 0 {
        (format!("Completed with {partials} and {warned}"), Tint::Yellow)
    } else if warnings > 0 {
        (format!("Completed with {warned}:"), Tint::Yellow)
    } else {
        ("Completed successfully".to_owned(), Tint::Green)
    };
    Message::new("EndOfRunSummary", "Z030", LogLevel::Info, text).tinted(tint).data(object([
        ("num_errors", json!(errors)),
        ("num_warnings", json!(warnings)),
        ("num_partial_success", json!(partial)),
        ("keyboard_interrupt", json!(interrupted)),
    ]))
}

/// A node that went wrong, with its message, its compiled file and its failing rows.
fn describe(outcome: &NodeOutcome, list: &mut Vec<Message>) {
    let node = &outcome.node;
    let info = summed_up(node);
    let message = outcome.message.as_deref().filter(|m| !m.trim().is_empty());
    if outcome.status == Status::Skipped {
        if let Some(text) = message {
            // A problem that an ephemeral parent has is told with the first node that it stops.
            let level = if outcome.diagnostics.is_empty() { LogLevel::Debug } else { LogLevel::Error };
            if level == LogLevel::Error {
                list.push(Message::blank());
                list.push(Message::new("RunResultError", "Z024", level, text));
            }
            list.push(error_text(outcome, text, level));
        }
        return;
    }
    list.push(Message::blank());
    let is_warning = outcome.status == Status::Warn;
    if outcome.status != Status::PartialSuccess {
        list.push(headline(node, is_warning));
    }
    match message {
        Some(text) if is_warning => {
            let mut line = Message::new("RunResultWarningMessage", "Z046", LogLevel::Warn, format!("  {text}"));
            line.data = object([("msg", json!(text)), ("node_info", info.clone())]);
            list.push(line);
        }
        Some(text) => list.push(error_text(outcome, text, LogLevel::Error)),
        None if outcome.diagnostics.is_empty() => list.push(no_message(outcome.status, node)),
        None => list.push(error_text(outcome, "", LogLevel::Error)),
    }
    if let Some(path) = outcome.compiled.as_ref().and_then(|c| c.path.as_deref()) {
        list.push(Message::blank());
        let text = format!("  compiled code at {path}");
        let line = Message::new("SQLCompiledPath", "Z026", LogLevel::Info, text);
        list.push(line.data(object([("path", json!(path)), ("node_info", info.clone())])));
    }
    if let (true, Some(relation)) = (node.stores_failures, &node.relation_name) {
        let query = format!("select * from {relation}");
        let border = "-".repeat(query.chars().count());
        list.push(Message::blank());
        let text = format!("  See test failures:\n  {border}\n  {query}\n  {border}");
        let line = Message::new("CheckNodeTestFailure", "Z027", LogLevel::Info, text);
        list.push(line.data(object([("relation_name", json!(relation)), ("node_info", info)])));
    }
}

fn headline(node: &NodeFacts, is_warning: bool) -> Message {
    let (word, name, code, level, tint) = if is_warning {
        ("Warning", "RunResultWarning", "Z021", LogLevel::Warn, Tint::Yellow)
    } else {
        ("Failure", "RunResultFailure", "Z022", LogLevel::Error, Tint::Red)
    };
    let text = format!("{word} in {} {} ({})", node.resource_type, node.name, node.original_path);
    let mut data = object([
        ("resource_type", json!(node.resource_type.as_str())),
        ("node_name", json!(node.name)),
        ("path", json!(node.original_path)),
        ("node_info", summed_up(node)),
    ]);
    if let Some(group) = &node.group {
        data.insert("group".to_owned(), group_facts(group));
    }
    Message::new(name, code, level, text).tinted(tint).data(data)
}

fn error_text(outcome: &NodeOutcome, text: &str, level: LogLevel) -> Message {
    let mut line = Message::new("RunResultError", "Z024", level, format!("  {text}"));
    line.data = object([("msg", json!(text)), ("node_info", summed_up(&outcome.node))]);
    line.data.extend(outcome.node.group.as_deref().map(|group| ("group".to_owned(), group_facts(group))));
    if !outcome.diagnostics.is_empty() {
        let facts: Vec<Json> =
            outcome.diagnostics.iter().filter_map(|d| problem_data(d).remove("diagnostic")).collect();
        line.data.insert("diagnostics".to_owned(), Json::Array(facts));
        line.diagnostics.clone_from(&outcome.diagnostics);
    }
    line
}

fn no_message(status: Status, node: &NodeFacts) -> Message {
    Message::new("RunResultErrorNoMessage", "Z025", LogLevel::Error, format!("  Status: {}", status.as_str()))
        .data(object([("status", json!(status.as_str())), ("node_info", summed_up(node))]))
}

/// A source that is stale or could not be checked.
fn stale(check: &FreshnessOutcome, list: &mut Vec<Message>) {
    list.push(Message::blank());
    if check.status == Status::Error {
        list.push(headline(&check.node, false));
    }
    let Some(text) = check.message.as_deref().filter(|m| !m.trim().is_empty()) else {
        list.push(no_message(check.status, &check.node));
        return;
    };
    let mut line = Message::new("RunResultError", "Z024", LogLevel::Error, format!("  {text}"));
    line.data = object([("msg", json!(text)), ("node_info", summed_up(&check.node))]);
    line.diagnostics.clone_from(&check.diagnostics);
    list.push(line);
}

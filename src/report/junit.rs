//! Test results in JUnit's XML, which CI systems show.
//!
//! In: the end of a run. Out: one document with a suite per file that declares tests; nodes that failed to build count as
//! errors of the suite of their own file.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use crate::execute::event::{Event, EventSink};
use crate::execute::outcome::{NodeOutcome, RunOutcome, Status};
use crate::node::ResourceType;

/// Writes the document when the run has ended.
pub struct JUnit {
    out: Mutex<Box<dyn Write + Send>>,
}

impl JUnit {
    /// A document on a writer.
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out: Mutex::new(out) }
    }
}

impl EventSink for JUnit {
    fn emit(&self, event: &Event<'_>) {
        if let Event::RunFinished { outcome, .. } = event {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            // The verdicts are in the artifacts too; a lost report must not fail the run.
            let _ = out.write_all(junit_xml(outcome).as_bytes()).and_then(|()| out.flush());
        }
    }
}

/// The document.
pub fn junit_xml(outcome: &RunOutcome) -> String {
    let mut suites: BTreeMap<&str, Vec<&NodeOutcome>> = BTreeMap::new();
    for o in &outcome.outcomes {
        let is_test = matches!(o.node.resource_type, ResourceType::Test | ResourceType::UnitTest);
        if is_test || o.status.is_failure() {
            suites.entry(&o.node.original_path).or_default().push(o);
        }
    }
    let all: Vec<&NodeOutcome> = suites.values().flatten().copied().collect();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.push_str(&format!("<testsuites name=\"transform\" {}>\n", totals(&all, outcome.elapsed)));
    let at = outcome.generated_at.format("%Y-%m-%dT%H:%M:%S");
    for (path, list) in &suites {
        let seconds = list.iter().map(|o| o.execution_time).sum();
        let totals = totals(list, seconds);
        xml.push_str(&format!("  <testsuite name=\"{}\" timestamp=\"{at}\" {totals}>\n", escape(path)));
        for o in list {
            case(o, &mut xml);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn totals(list: &[&NodeOutcome], seconds: f64) -> String {
    let count = |wanted: fn(Status) -> bool| list.iter().filter(|o| wanted(o.status)).count();
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{seconds:.3}\"",
        list.len(),
        count(|s| s == Status::Fail),
        count(|s| matches!(s, Status::Error | Status::RuntimeError)),
        count(|s| matches!(s, Status::Skipped | Status::NoOp)),
    )
}

fn case(o: &NodeOutcome, xml: &mut String) {
    let class = o.node.attached_node.as_ref().map_or(o.node.resource_type.as_str(), |id| id.as_str());
    xml.push_str(&format!(
        "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" time=\"{:.3}\"",
        escape(&o.node.name),
        escape(class),
        escape(&o.node.original_path),
        o.execution_time
    ));
    let message = o.message.as_deref().unwrap_or_default().trim();
    let first = message.lines().next().unwrap_or_default();
    let body = match o.status {
        Status::Fail => format!("<failure message=\"{}\">{}</failure>", escape(first), escape(message)),
        Status::Error | Status::RuntimeError => {
            format!("<error message=\"{}\">{}</error>", escape(first), escape(message))
        }
        Status::Skipped | Status::NoOp => "<skipped/>".to_owned(),
        Status::Warn => format!("<system-out>WARN {}</system-out>", escape(message)),
        Status::Success | Status::Pass | Status::PartialSuccess => {
            xml.push_str("/>\n");
            return;
        }
    };
    xml.push_str(&format!(">\n      {body}\n    </testcase>\n"));
}

/// Text for attributes and bodies; characters that XML cannot hold are replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

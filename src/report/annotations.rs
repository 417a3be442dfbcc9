//! GitHub's workflow commands: problems and failures shown at their line in a pull request.
//!
//! In: events. Out: lines like `::error file=models/x.sql,line=3,col=15,title=T401::ref to nothing: 'stg_order'`.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use crate::diag::{Diagnostic, Severity};
use crate::execute::event::{Event, EventSink};
use crate::execute::outcome::{NodeOutcome, Status};

/// Writes workflow commands.
pub struct Annotations {
    /// The project's folder relative to the repository's root, without slash at the end; empty if they are the same.
    folder: String,
    out: Mutex<Box<dyn Write + Send>>,
}

impl Annotations {
    /// Commands on a stream for a project that lies in a folder of its repository.
    pub fn new(folder: impl Into<String>, out: Box<dyn Write + Send>) -> Self {
        Self { folder: folder.into(), out: Mutex::new(out) }
    }

    fn path(&self, path: &str) -> String {
        if self.folder.is_empty() { path.to_owned() } else { format!("{}/{path}", self.folder) }
    }

    fn problem(&self, diagnostic: &Diagnostic) -> String {
        let word = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let mut text = diagnostic.message.trim().to_owned();
        if let Some(help) = &diagnostic.help {
            text.push_str("\nhelp: ");
            text.push_str(help);
        }
        let place = diagnostic.span.as_ref().map(|span| {
            let position = span.position();
            let end = span.file.position(span.end);
            let mut place = format!("file={},line={}", property(&self.path(&span.file.path)), position.line);
            if end.line == position.line {
                place.push_str(&format!(",col={},endColumn={}", position.column, end.column.max(position.column)));
            }
            format!("{place},")
        });
        let place = place.unwrap_or_default();
        format!("::{word} {place}title={}::{}\n", property(diagnostic.code.as_str()), body(&text))
    }

    fn node(&self, outcome: &NodeOutcome) -> String {
        let word = match outcome.status {
            Status::Error | Status::Fail | Status::RuntimeError => "error",
            Status::Warn | Status::PartialSuccess => "warning",
            _ => return String::new(),
        };
        if !outcome.diagnostics.is_empty() {
            return outcome.diagnostics.iter().map(|d| self.problem(d)).collect();
        }
        let node = &outcome.node;
        let title = format!("{} {}", node.resource_type, node.name);
        let text = outcome.message.as_deref().map(str::trim).filter(|m| !m.is_empty());
        let text = text.unwrap_or(outcome.status.as_str());
        let file = property(&self.path(&node.original_path));
        format!("::{word} file={file},line=1,title={}::{}\n", property(&title), body(text))
    }
}

impl EventSink for Annotations {
    fn emit(&self, event: &Event<'_>) {
        let lines = match event {
            Event::Problem(diagnostic) => self.problem(diagnostic),
            Event::NodeFinished { outcome, .. } | Event::HookFinished { outcome, .. } => self.node(outcome),
            _ => return,
        };
        if !lines.is_empty() {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            // The console tells the same; a closed stream must not stop the run.
            let _ = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
        }
    }
}

fn body(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    body(text).replace(':', "%3A").replace(',', "%2C")
}

//! One JSON object per line, with the event names, codes and fields of dbt v1's structured log.
//!
//! In: events. Out: lines like `{"info": {"name": "LogModelResult", "code": "Q012", ...}, "data": {...}}`.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use crate::base::Value;
use crate::execute::event::{Event, EventSink};

use super::messages::{Message, messages};
use super::settings::thread_name;
use super::{LogLevel, ReportSettings, Shared};

/// Writes the structured log.
pub struct JsonLines {
    level: LogLevel,
    shared: Shared,
    out: Mutex<Box<dyn Write + Send>>,
}

impl JsonLines {
    /// A structured log on a stream.
    pub fn new(settings: ReportSettings, shared: Shared, out: Box<dyn Write + Send>) -> Self {
        Self { level: settings.effective_level(), shared, out: Mutex::new(out) }
    }
}

impl EventSink for JsonLines {
    fn emit(&self, event: &Event<'_>) {
        let now = self.shared.now();
        // What was asked for as data is there at every level.
        let asked_for = matches!(event, Event::Printed { .. } | Event::Exhibited(_));
        let mut lines = String::new();
        for message in messages(event, now, &self.shared) {
            if asked_for || message.level >= self.level {
                lines.push_str(&json_line(&message, &self.shared));
                lines.push('\n');
            }
        }
        if !lines.is_empty() {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            // A reader that has gone away is no reason to stop the run.
            let _ = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
        }
    }
}

/// A message as one line without its end.
pub(super) fn json_line(message: &Message, shared: &Shared) -> String {
    let line = json!({
        "info": {
            "category": "",
            "code": message.code,
            "extra": Value::Map(shared.extra.clone()).to_json(),
            "invocation_id": shared.invocation_id,
            "level": message.level.as_str(),
            "msg": message.text,
            "name": message.name,
            "pid": shared.pid,
            "thread": thread_name(),
            "ts": shared.now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        },
        "data": message.data,
    });
    shared.scrub(line.to_string())
}

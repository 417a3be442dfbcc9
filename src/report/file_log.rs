//! The log file: everything that happens, for questions that come up later.
//!
//! In: events. Out: lines on a writer (`logs/dbt.log`), as text or as JSON.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::execute::event::{Event, EventSink};

use super::json_lines::json_line;
use super::messages::{Message, messages};
use super::render_diagnostic::{RenderStyle, render_diagnostic};
use super::settings::thread_name;
use super::{LogFormat, LogLevel, Shared};

/// Writes the log file.
pub struct FileLog {
    format: LogFormat,
    level: LogLevel,
    shared: Shared,
    out: Mutex<Box<dyn Write + Send>>,
}

impl FileLog {
    /// A log on a writer. dbt's defaults are the debug format and the debug level.
    pub fn new(format: LogFormat, level: LogLevel, shared: Shared, out: Box<dyn Write + Send>) -> Self {
        Self { format, level, shared, out: Mutex::new(out) }
    }

    fn line(&self, message: &Message, now: DateTime<Utc>) -> String {
        if self.format == LogFormat::Json {
            return json_line(message, &self.shared);
        }
        let mut text = message.text.clone();
        if !message.diagnostics.is_empty() {
            let drawn: Vec<String> =
                message.diagnostics.iter().map(|d| render_diagnostic(d, RenderStyle::plain())).collect();
            text = drawn.join("\n");
        }
        let line = match self.format {
            LogFormat::Text => format!("{}  {text}", now.format("%H:%M:%S")),
            _ => {
                let separator = "=".repeat(30);
                let head = match message.name {
                    "MainReportVersion" => {
                        let id = &self.shared.invocation_id;
                        format!("\n\n{separator} {} | {id} {separator}\n", now.format("%H:%M:%S%.6f"))
                    }
                    _ => String::new(),
                };
                format!("{head}{}", debug_line(message.level, &text, now))
            }
        };
        self.shared.scrub(line)
    }
}

/// `05:03:11.123456 [info ] [MainThread]: text`
pub(super) fn debug_line(level: LogLevel, text: &str, now: DateTime<Utc>) -> String {
    let thread: String = thread_name().chars().take(10).collect();
    format!("{} [{:<5}] [{thread:<10}]: {text}", now.format("%H:%M:%S%.6f"), level.as_str())
}

impl EventSink for FileLog {
    fn emit(&self, event: &Event<'_>) {
        let now = self.shared.now();
        let mut lines = String::new();
        for message in messages(event, now, &self.shared) {
            if message.level >= self.level {
                lines.push_str(&self.line(&message, now));
                lines.push('\n');
            }
        }
        if !lines.is_empty() {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            // A full disk must not stop the run; the console still tells what happens.
            let _ = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
        }
    }
}

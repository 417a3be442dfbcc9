//! Floor 3: tells people and programs what happens. The only room besides `cli/` that writes to the screen.
//!
//! In: [`Event`]s and diagnostics. Out: lines on the streams it was given.
//!
//! | reader | for whom | where |
//! |---|---|---|
//! | console | people | standard error; what Jinja prints goes to standard output |
//! | JSON lines | programs, `--log-format json` | standard output: the stream was asked for as data |
//! | file log | later questions | `logs/dbt.log` |
//! | JUnit, annotations | CI | where the caller says |
//!
//! Readers get `messages`: the one place that puts events into dbt's words, with dbt's event names and codes.

mod annotations;
mod console;
mod end_of_run;
mod file_log;
pub mod impact;
mod in_hand;
mod json_lines;
mod junit;
pub mod lineage;
mod messages;
mod node_info;
pub mod plan;
mod render_diagnostic;
mod settings;
mod style;
#[cfg(test)]
mod tests;
pub mod upkeep;

use std::io::Write;

use crate::execute::event::{Event, EventSink};

pub use annotations::Annotations;
pub use console::Console;
pub use file_log::FileLog;
pub use json_lines::JsonLines;
pub use junit::{JUnit, junit_xml};
pub use messages::event_name;
pub use render_diagnostic::{RenderStyle, render_diagnostic};
pub use settings::{LogFormat, LogLevel, ReportSettings, Shared};

/// The two streams of a program.
pub struct Streams {
    /// Data.
    pub out: Box<dyn Write + Send>,
    /// Talk.
    pub err: Box<dyn Write + Send>,
}

/// Passes every event on to all readers.
pub struct Reporter {
    sinks: Vec<Box<dyn EventSink>>,
    shared: Shared,
}

impl Reporter {
    /// The main reader, console or JSON lines.
    pub fn new(settings: ReportSettings, shared: Shared, streams: Streams) -> Self {
        let kept = shared.clone();
        let main: Box<dyn EventSink> = match settings.format {
            LogFormat::Json => Box::new(JsonLines::new(settings, shared, streams.out)),
            LogFormat::Text | LogFormat::Debug => Box::new(Console::new(settings, shared, streams)),
        };
        Self { sinks: vec![main], shared: kept }
    }

    /// Adds a reader.
    #[must_use]
    pub fn with(mut self, sink: Box<dyn EventSink>) -> Self {
        self.sinks.push(sink);
        self
    }
}

impl EventSink for Reporter {
    fn emit(&self, event: &Event<'_>) {
        self.shared.in_hand.before(event, self.shared.now());
        for sink in &self.sinks {
            sink.emit(event);
        }
        self.shared.in_hand.after(event);
    }
}

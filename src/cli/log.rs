//! Templates' messages as events. In: `log()`, `print()`, `exceptions.warn()`. Out: events on the stream.

use std::sync::Arc;

use crate::base::NodeId;
use crate::diag::Diagnostic;
use crate::execute::event::{Event, EventSink};
use crate::jinja::context::host::LogSink;

use super::judge::Judge;

/// Passes messages to the stream of events.
pub struct EventLog {
    /// The stream.
    pub sink: Arc<dyn EventSink>,
    /// Whether `print()` is shown (`--print`).
    pub print: bool,
    /// What happens to warnings.
    pub judge: Arc<Judge>,
}

impl LogSink for EventLog {
    fn log(&self, message: &str, info: bool, node: Option<&NodeId>) {
        self.sink.emit(&Event::Logged { message, info, node });
    }

    fn print(&self, message: &str) {
        if self.print {
            self.sink.emit(&Event::Printed { message });
        }
    }

    fn warn(&self, warning: Diagnostic) -> Result<(), Diagnostic> {
        match self.judge.judge(warning) {
            Some(problem) if problem.is_error() => return Err(problem),
            Some(warning) => self.sink.emit(&Event::Problem(&warning)),
            None => {}
        }
        Ok(())
    }
}

//! Templates' messages as events. In: `log()`, `print()`, `exceptions.warn()`. Out: events on the stream.

use std::sync::Arc;

use crate::base::NodeId;
use crate::diag::{Diagnostic, Severity};
use crate::execute::event::{Event, EventSink};
use crate::jinja::context::host::LogSink;

/// Passes messages to the stream of events.
pub struct EventLog {
    /// The stream.
    pub sink: Arc<dyn EventSink>,
    /// Whether warnings are errors.
    pub warn_error: bool,
}

impl LogSink for EventLog {
    fn log(&self, message: &str, info: bool, _node: Option<&NodeId>) {
        self.sink.emit(&Event::Logged { message, info, node: None });
    }

    fn print(&self, message: &str) {
        self.sink.emit(&Event::Printed { message });
    }

    fn warn(&self, warning: Diagnostic) -> Result<(), Diagnostic> {
        if self.warn_error {
            return Err(Diagnostic { severity: Severity::Error, ..warning });
        }
        self.sink.emit(&Event::Problem(&warning));
        Ok(())
    }
}

//! Two runs on one database: the second one waits for the first, or ends and names it.
//!
//! In: the adapter of a session, how long to wait. Out: an open database, or the refusal with its holder. It is asked before
//! anything is written, so that a run that cannot begin leaves the artifacts of the one that is at work alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::adapters::{Adapter, AdapterError, ErrorKind};
use crate::diag::Diagnostic;
use crate::execute::connection_diagnostic;
use crate::execute::event::{Event, NoteLevel};

use super::session::{Inputs, Stop};

/// The pause between two attempts: no engine tells when its lock becomes free.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Opens the database if another process does not hold it, or no longer. Other refusals are left to whoever connects next.
pub fn wait(inputs: &Inputs, adapter: &dyn Adapter) -> Result<(), Stop> {
    let started = Instant::now();
    let mut told = false;
    loop {
        let Some(error) = held(adapter) else { return Ok(()) };
        let left = inputs.lock_wait.saturating_sub(started.elapsed());
        if left.is_zero() {
            inputs.sink.emit(&Event::Problem(&refusal(inputs, &error)));
            return Err(Stop(2));
        }
        if inputs.cancel.is_cancelled() {
            return Err(Stop(1));
        }
        if !told {
            let who = holder(&error);
            let message = format!("Waiting up to {} s for {who}, which holds the database", inputs.lock_wait.as_secs());
            inputs.sink.emit(&Event::Note { level: NoteLevel::Info, message: &message });
            told = true;
        }
        std::thread::sleep(PAUSE.min(left));
    }
}

/// Waits as [`wait`] does, if that is wanted, for commands that may do without the database.
pub fn wait_if_wanted(inputs: &Inputs, adapter: &dyn Adapter) -> Result<(), Stop> {
    if inputs.lock_wait.is_zero() { Ok(()) } else { wait(inputs, adapter) }
}

/// An adapter that may only look, where another process holds the database and lets others look.
pub fn for_reading_where_held(adapter: &Arc<dyn Adapter>) -> Option<Arc<dyn Adapter>> {
    held(&**adapter)?;
    adapter.for_reading().ok().filter(|reading| reading.connect().is_ok())
}

/// The refusal, if it is about a lock.
fn held(adapter: &dyn Adapter) -> Option<AdapterError> {
    adapter.connect().err().filter(|error| matches!(error.kind, ErrorKind::Locked { .. }))
}

fn holder(error: &AdapterError) -> String {
    match error.kind {
        ErrorKind::Locked { pid: Some(pid) } => format!("process {pid}"),
        _ => "another process".to_owned(),
    }
}

fn refusal(inputs: &Inputs, error: &AdapterError) -> Diagnostic {
    let problem = connection_diagnostic(error);
    match inputs.lock_wait.as_secs() {
        0 => problem,
        waited => problem.note(format!("waited {waited} s for {}", holder(error))),
    }
}

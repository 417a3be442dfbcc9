//! How a run is stopped from outside.
//!
//! In: Ctrl-C, through [`CancelFlag::cancel`]. Out: a flag that workers look at, and calls of whoever must be woken.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

type Listener = Box<dyn Fn() + Send + Sync>;

/// Set once, seen by everybody.
#[derive(Default)]
pub struct CancelFlag {
    set: AtomicBool,
    listeners: Mutex<Vec<Listener>>,
}

impl CancelFlag {
    /// A flag that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the run: no node starts any more, running statements are interrupted. Calling it again interrupts again.
    pub fn cancel(&self) {
        self.set.store(true, Ordering::SeqCst);
        for listener in self.listeners.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            listener();
        }
    }

    /// Whether the run is being stopped.
    pub fn is_cancelled(&self) -> bool {
        self.set.load(Ordering::SeqCst)
    }

    /// Calls `listener` when the run is stopped; at once if it already is.
    pub fn on_cancel(&self, listener: impl Fn() + Send + Sync + 'static) {
        if self.is_cancelled() {
            listener();
        }
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }
}

impl fmt::Debug for CancelFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelFlag({})", self.is_cancelled())
    }
}

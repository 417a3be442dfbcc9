//! What was found out about files, remembered for the next query that reads them.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::execution::context::SessionState;

use super::glob::Found;

/// More is not remembered: then all is forgotten.
const MOST: usize = 10_000;

/// What is known of files: by what they are called, how large and how old they are, and how they are read.
#[derive(Debug, Default)]
pub(in crate::adapters::datafusion) struct Seen {
    known: Mutex<HashMap<String, Arc<dyn Any + Send + Sync>>>,
}

/// The key of a file that is read in a way.
pub(super) fn key(file: &Found, way: &str) -> String {
    let meta = &file.meta;
    format!("{} {} {} {:?} {way}", meta.location, meta.size, meta.last_modified, meta.e_tag)
}

/// What is known under a key.
pub(super) fn known<T: Any + Send + Sync>(session: &SessionState, key: &str) -> Option<Arc<T>> {
    let seen = session.config().get_extension::<Seen>()?;
    let found = seen.known.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()?;
    found.downcast::<T>().ok()
}

/// Remembers it.
pub(super) fn remember<T: Any + Send + Sync>(session: &SessionState, key: String, what: &Arc<T>) {
    let Some(seen) = session.config().get_extension::<Seen>() else { return };
    let mut known = seen.known.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= MOST {
        known.clear();
    }
    let kept: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(what);
    known.insert(key, kept);
}

//! What was found out about files, remembered for the next query that reads them.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::execution::context::SessionState;
use futures::{FutureExt, StreamExt, TryStreamExt};

use super::bytes::{self, Opened};
use super::glob::{Found, FoundFiles};
use super::options::Options;
use crate::adapters::datafusion::errors;
use crate::adapters::{AdapterError, ErrorKind};

/// More is not remembered: then all is forgotten.
const MOST: usize = 10_000;
/// Files that are looked at at a time.
const AT_ONCE: usize = 8;

/// What is known of files: by what they are called, how large and how old they are, and how they are read.
#[derive(Debug, Default)]
pub(in crate::adapters::datafusion) struct Seen {
    known: Mutex<HashMap<String, Arc<dyn Any + Send + Sync>>>,
}

/// What is found out about the first files, several at a time, on threads that may wait; `format` is what they are read as.
pub(super) async fn looked_at<T: Any + Send + Sync>(
    session: &SessionState,
    found: &FoundFiles,
    most: usize,
    format: &str,
    options: &Arc<Options>,
    look: fn(Opened, &str, &Options) -> Result<T, AdapterError>,
) -> Result<Vec<Arc<T>>, AdapterError> {
    let way = format!("{format} {options:?}");
    let looks = found.files.iter().take(most).map(|file| {
        let (store, options, way) = (Arc::clone(&found.store), Arc::clone(options), &way);
        async move {
            let key = key(file, way);
            if let Some(known) = known::<T>(session, &key) {
                return Ok(known);
            }
            let compression = options.compression_of(&file.shown);
            let opened =
                bytes::open(&store, &file.meta.location, compression).await.map_err(|e| errors::running(&e))?;
            let shown = file.shown.clone();
            let looked = tokio::task::spawn_blocking(move || look(opened, &shown, &options)).await;
            let what = Arc::new(looked.map_err(|e| errors::told(ErrorKind::Other, e.to_string()))??);
            remember(session, key, &what);
            Ok::<_, AdapterError>(what)
        }
        .boxed()
    });
    // All are made before one is awaited: the compiler cannot follow a stream that makes them of borrowed files.
    let looks = futures::stream::iter(looks.collect::<Vec<_>>());
    looks.buffered(AT_ONCE).try_collect().await
}

/// The key of a file that is read in a way.
fn key(file: &Found, way: &str) -> String {
    let meta = &file.meta;
    format!("{} {} {} {:?} {way}", meta.location, meta.size, meta.last_modified, meta.e_tag)
}

/// What is known under a key.
fn known<T: Any + Send + Sync>(session: &SessionState, key: &str) -> Option<Arc<T>> {
    let seen = session.config().get_extension::<Seen>()?;
    let found = seen.known.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()?;
    found.downcast::<T>().ok()
}

/// Remembers it.
fn remember<T: Any + Send + Sync>(session: &SessionState, key: String, what: &Arc<T>) {
    let Some(seen) = session.config().get_extension::<Seen>() else { return };
    let mut known = seen.known.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= MOST {
        known.clear();
    }
    let kept: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(what);
    known.insert(key, kept);
}

//! Who works on which relation. In: names of relations. Out: [`Lease`]s, which end with their transaction.
//!
//! A lease saves wasted work: without it two processes that build the same relation would both do all of it, and one would meet a
//! conflict at its end. What is true is decided by the catalog alone. A lease is a small file that must not be there yet; it
//! expires unless it is renewed, and at once where its process is gone. Within a process whoever came first is next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use object_store::ObjectStoreExt;
use object_store::path::Path as StorePath;
use serde::{Deserialize, Serialize};

use super::catalog::{Key, Writer, host_name};
use super::delta::Lake;
use super::errors;
use super::store::{OWN_FOLDER, Put};
use crate::adapters::{AdapterError, ErrorKind};

/// Without renewal a lease ends after so many seconds.
const LASTS: i64 = 120;
const RENEWED_EVERY: Duration = Duration::from_secs(40);
/// How long to wait for another's lease.
const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(100);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Holder {
    id: String,
    writer: Writer,
    /// Seconds since 1970, UTC.
    expires: i64,
}

impl Holder {
    fn is_gone(&self, host: &str) -> bool {
        self.expires < Utc::now().timestamp() || (self.writer.host == host && !is_running(self.writer.pid))
    }
}

/// Whether a lease's file tells of a holder who is gone.
pub(super) fn is_over(text: &str) -> bool {
    let holder: Option<Holder> = serde_json::from_str(text).ok();
    holder.is_some_and(|holder| holder.is_gone(&host_name()))
}

/// Whether a process of this machine runs. Where nobody can tell, it does.
pub(super) fn is_running(pid: u32) -> bool {
    let processes = std::path::Path::new("/proc");
    !processes.join("self").exists() || processes.join(pid.to_string()).exists()
}

/// The leases of a lake.
#[derive(Debug)]
pub(super) struct Leases {
    lake: Lake,
    patience: Duration,
    /// Who of this process is next.
    turns: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>,
}

/// Work on one relation; ended by [`Lease::release`]. Dropped without that, it is renewed no longer.
#[derive(Debug)]
pub(super) struct Lease {
    lake: Lake,
    path: StorePath,
    renewal: tokio::task::AbortHandle,
    _turn: tokio::sync::OwnedMutexGuard<()>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

impl Lease {
    /// Ends it.
    pub(super) async fn release(self) {
        self.renewal.abort();
        let _ = self.lake.store.delete(&self.path).await;
    }
}

impl Leases {
    /// The leases of a lake.
    pub(super) fn new(lake: Lake) -> Self {
        Self { lake, patience: PATIENCE, turns: Mutex::default() }
    }

    /// The same with another patience.
    #[cfg(test)]
    pub(super) fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Takes a lease; waits a while for a holder who is at work.
    pub(super) async fn take(&self, key: &Key, writer: Writer) -> Result<Lease, AdapterError> {
        let path = StorePath::from(format!("{OWN_FOLDER}/leases/{}.{}.json", key.0, key.1));
        let turn = self.turns.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default().clone();
        let Ok(turn) = tokio::time::timeout(self.patience, turn.lock_owned()).await else {
            return Err(self.refused(key, &path).await);
        };
        let mut holder =
            Holder { id: uuid::Uuid::new_v4().to_string(), writer, expires: Utc::now().timestamp() + LASTS };
        let mut waited = Duration::ZERO;
        loop {
            holder.expires = Utc::now().timestamp() + LASTS;
            if self.lake.put_new(&path, text_of(&holder)?).await? == Put::Done {
                break;
            }
            match self.holder(&path).await? {
                Some(other) if other.is_gone(&holder.writer.host) => {
                    let _ = self.lake.store.delete(&path).await;
                }
                _ if waited >= self.patience => return Err(self.refused(key, &path).await),
                _ => {
                    tokio::time::sleep(GLANCE).await;
                    waited += GLANCE;
                }
            }
        }
        let renewal = tokio::spawn(renew(self.lake.clone(), path.clone(), holder)).abort_handle();
        Ok(Lease { lake: self.lake.clone(), path, renewal, _turn: turn })
    }

    async fn holder(&self, path: &StorePath) -> Result<Option<Holder>, AdapterError> {
        Ok(self.lake.read(path).await?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    async fn refused(&self, key: &Key, path: &StorePath) -> AdapterError {
        match self.holder(path).await {
            Ok(Some(other)) => held(key, &other),
            Ok(None) => {
                let text = format!("the lease {path} cannot be read");
                AdapterError::new(ErrorKind::Locked { pid: None }, text).with_help("delete the file")
            }
            Err(error) => error,
        }
    }
}

fn text_of(holder: &Holder) -> Result<String, AdapterError> {
    serde_json::to_string(holder).map_err(|e| AdapterError::new(ErrorKind::Other, e.to_string()))
}

async fn renew(lake: Lake, path: StorePath, mut holder: Holder) {
    loop {
        tokio::time::sleep(RENEWED_EVERY).await;
        holder.expires = Utc::now().timestamp() + LASTS;
        if let Ok(text) = text_of(&holder) {
            let _ = lake.store.put(&path, text.into()).await;
        }
    }
}

fn held(key: &Key, other: &Holder) -> AdapterError {
    let pid = other.writer.pid;
    let text = format!(
        "{}.{} is being written by process {pid} on {}, since {} UTC",
        key.0, key.1, other.writer.host, other.writer.time
    );
    errors::told(ErrorKind::Locked { pid: Some(pid) }, text)
        .with_help("wait until that run has ended; if its machine is gone, the lease ends by itself after two minutes")
}

/// Leases of one transaction.
#[derive(Debug, Default)]
pub(super) struct Held {
    leases: Vec<(Key, Lease)>,
}

impl Held {
    /// Takes one, unless it is held. Whether it was taken now.
    pub(super) async fn take(&mut self, leases: &Leases, key: &Key, writer: Writer) -> Result<bool, AdapterError> {
        if self.leases.iter().any(|(held, _)| held == key) {
            return Ok(false);
        }
        let lease = leases.take(key, writer).await?;
        self.leases.push((key.clone(), lease));
        Ok(true)
    }

    /// What they are on.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.leases.iter().map(|(key, _)| key.clone()).collect()
    }

    /// Ends all.
    pub(super) async fn release(&mut self) {
        for (_, lease) in self.leases.drain(..) {
            lease.release().await;
        }
    }
}

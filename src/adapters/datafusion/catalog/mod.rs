//! The catalog of a lake: versioned files that say which relations there are and which version of each is current.
//!
//! In: one [`Edit`] a transaction. Out: [`State`]s. Putting the file of version N+1, which must not be there yet, is the commit of
//! a transaction; the file holds the commits of the tables as well, so that whoever comes next can finish what a crash cut off
//! between this file and the tables' own logs. Every 64 versions the whole state is written down, once all logs are known to be
//! complete; readers start from there.

mod edit;
mod state;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Utc;
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path as StorePath;
use serde::de::DeserializeOwned;

use super::delta::Lake;
use super::errors;
use super::store::{OWN_FOLDER, Put};
use crate::adapters::{AdapterError, ErrorKind};
use crate::files::{Env, Files, RealFiles};

pub(super) use edit::{Advance, Change, Edit, Writer};
pub(super) use state::{Entry, Key, Kind, State, ViewColumn};

/// Versions between two checkpoints.
const CHECKPOINT_EVERY: u64 = 64;
/// Edits kept in memory, for conflicts with transactions that have been open for long.
const KEPT_EDITS: usize = 512;

/// A lake's catalog, shared by all connections of a process.
#[derive(Debug)]
pub(super) struct Catalog {
    lake: Lake,
    read_only: bool,
    session: String,
    host: String,
    known: Mutex<Known>,
    /// Held by whoever reads new versions or makes one.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    state: Arc<State>,
    edits: VecDeque<Arc<Edit>>,
}

impl Catalog {
    /// Reads the newest version; finishes what a crash has left.
    pub(super) async fn open(lake: Lake, read_only: bool) -> Result<Self, AdapterError> {
        let known = Known { state: Arc::new(State::initial()), edits: VecDeque::new() };
        let catalog = Self {
            lake,
            read_only,
            session: uuid::Uuid::new_v4().to_string(),
            host: host_name(),
            known: Mutex::new(known),
            turn: tokio::sync::Mutex::new(()),
        };
        let turn = catalog.turn.lock().await;
        let (checkpoint, newest) = catalog.survey().await?;
        if let Some(version) = checkpoint {
            let path = checkpoint_path(version);
            let state: State = catalog.read_json(&path).await?.ok_or_else(|| missing(&path, newest))?;
            catalog.known().state = Arc::new(state);
        }
        let reached = catalog.follow().await?;
        if reached.version < newest {
            return Err(missing(&edit_path(reached.version + 1), newest));
        }
        if !read_only {
            catalog.finish_logs(0).await?;
        }
        drop(turn);
        Ok(catalog)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest checkpoint and the newest version that have files.
    async fn survey(&self) -> Result<(Option<u64>, u64), AdapterError> {
        let (mut checkpoint, mut newest) = (None, 0);
        let folder = StorePath::from(format!("{OWN_FOLDER}/catalog"));
        let mut files = self.lake.store.list(Some(&folder));
        while let Some(file) = files.try_next().await.map_err(|e| errors::store(&e, folder.as_ref()))? {
            let Some(name) = file.location.filename().and_then(|n| n.strip_suffix(".json")) else { continue };
            let (number, is_checkpoint) = match name.strip_suffix(".checkpoint") {
                Some(number) => (number, true),
                None => (name, false),
            };
            let Ok(number) = number.parse::<u64>() else { continue };
            newest = newest.max(number);
            if is_checkpoint {
                checkpoint = checkpoint.max(Some(number));
            }
        }
        Ok((checkpoint, newest))
    }

    async fn read_json<T: DeserializeOwned>(&self, path: &StorePath) -> Result<Option<T>, AdapterError> {
        let Some(text) = self.lake.read(path).await? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            let text = format!("the lake's catalog is damaged: {path} cannot be read: {error}");
            AdapterError::new(ErrorKind::Io, text)
                .with_help("restore the file from a backup of the lake; nothing was changed")
        })
    }

    /// Reads the versions that others have made since; to be called by whoever has the turn.
    async fn follow(&self) -> Result<Arc<State>, AdapterError> {
        loop {
            let next = self.known().state.version + 1;
            let Some(edit) = self.read_json::<Edit>(&edit_path(next)).await? else {
                return Ok(Arc::clone(&self.known().state));
            };
            self.install(Arc::new(edit));
        }
    }

    fn install(&self, edit: Arc<Edit>) {
        let mut known = self.known();
        edit.apply(Arc::make_mut(&mut known.state));
        if known.edits.len() == KEPT_EDITS {
            known.edits.pop_front();
        }
        known.edits.push_back(edit);
    }

    /// The newest state.
    pub(super) async fn refresh(&self) -> Result<Arc<State>, AdapterError> {
        let _turn = self.turn.lock().await;
        self.follow().await
    }

    /// The newest state that this process has seen.
    pub(super) fn seen(&self) -> Arc<State> {
        Arc::clone(&self.known().state)
    }

    /// The changes after a version, oldest first.
    pub(super) async fn edits_after(&self, version: u64) -> Result<Vec<Arc<Edit>>, AdapterError> {
        let kept: Vec<Arc<Edit>> = self.known().edits.iter().filter(|e| e.version > version).cloned().collect();
        let first_kept = kept.first().map_or_else(|| self.known().state.version + 1, |e| e.version);
        let mut edits = Vec::new();
        for number in version + 1..first_kept {
            let path = edit_path(number);
            let edit = self.read_json::<Edit>(&path).await?.ok_or_else(|| missing(&path, first_kept))?;
            edits.push(Arc::new(edit));
        }
        edits.extend(kept);
        Ok(edits)
    }

    /// Who this process is, now.
    pub(super) fn writer(&self) -> Writer {
        Writer {
            session: self.session.clone(),
            host: self.host.clone(),
            pid: std::process::id(),
            time: Utc::now().format("%Y-%m-%d %H:%M:%S").to_string(),
        }
    }

    /// Whether nothing may be written.
    pub(super) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Commits. `make` gets the newest state and gives the edit on top of it, or the conflict that it met. Taken from version to
    /// version until nobody was faster.
    pub(super) async fn commit<F, Fut>(&self, mut make: F) -> Result<Arc<Edit>, AdapterError>
    where
        F: FnMut(Arc<State>) -> Fut,
        Fut: Future<Output = Result<Edit, AdapterError>>,
    {
        let _turn = self.turn.lock().await;
        loop {
            let edit = make(self.follow().await?).await?;
            let text = serde_json::to_string(&edit).map_err(|e| AdapterError::new(ErrorKind::Other, e.to_string()))?;
            if self.lake.put_new(&edit_path(edit.version), text).await? == Put::Taken {
                continue;
            }
            let edit = Arc::new(edit);
            self.install(Arc::clone(&edit));
            return Ok(edit);
        }
    }

    /// Writes the whole state down when it is time; a failure costs later readers some reading.
    pub(super) async fn checkpoint_if_due(&self, version: u64) {
        if !version.is_multiple_of(CHECKPOINT_EVERY) {
            return;
        }
        let _turn = self.turn.lock().await;
        let state = self.seen();
        if state.version == version
            && self.finish_logs(version - CHECKPOINT_EVERY).await.is_ok()
            && let Ok(text) = serde_json::to_string(&*state)
        {
            let _ = self.lake.put_new(&checkpoint_path(version), text).await;
        }
    }

    /// Writes commits after a version into the tables' logs that a crash has kept out of them.
    async fn finish_logs(&self, after: u64) -> Result<(), AdapterError> {
        let mut newest: BTreeMap<String, Advance> = BTreeMap::new();
        for edit in self.known().edits.iter().filter(|e| e.version > after) {
            for advance in &edit.tables {
                newest.insert(advance.location.clone(), advance.clone());
            }
        }
        // What is no table any more may have been deleted.
        let state = self.seen();
        for advance in newest.values().filter(|advance| state.tables.contains_key(&advance.location)) {
            self.heal(&advance.location, advance.version).await?;
        }
        Ok(())
    }

    /// The commits of a table after a version and up to another that the catalog remembers, oldest first.
    pub(super) fn remembered(&self, location: &str, after: Option<u64>, version: u64) -> Vec<(u64, String)> {
        let known = self.known();
        let advances = known.edits.iter().flat_map(|e| &e.tables);
        advances
            .filter(|a| a.location == location && a.version <= version && after.is_none_or(|after| a.version > after))
            .filter_map(|a| Some((a.version, a.commit.clone()?)))
            .collect()
    }

    /// The remembered commits from the first on that the log of a table lacks.
    pub(super) async fn unfinished(&self, location: &str, version: u64) -> Result<Vec<(u64, String)>, AdapterError> {
        // As a rule the log is complete: the newest commit tells.
        if self.lake.has(&Lake::log_path(location, version)).await? {
            return Ok(Vec::new());
        }
        let mut commits = self.remembered(location, None, version);
        let mut first_missing = commits.len();
        while let Some((version, _)) = first_missing.checked_sub(1).and_then(|at| commits.get(at)) {
            if self.lake.has(&Lake::log_path(location, *version)).await? {
                break;
            }
            first_missing -= 1;
        }
        Ok(commits.split_off(first_missing))
    }

    /// Completes the log of a table up to a version, as far as the catalog knows how. Oldest first: a log has no holes.
    pub(super) async fn heal(&self, location: &str, version: u64) -> Result<(), AdapterError> {
        for (version, commit) in self.unfinished(location, version).await? {
            // If somebody was faster, it is there.
            self.lake.put_new(&Lake::log_path(location, version), commit).await?;
        }
        Ok(())
    }
}

fn edit_path(version: u64) -> StorePath {
    StorePath::from(format!("{OWN_FOLDER}/catalog/{version:020}.json"))
}

fn checkpoint_path(version: u64) -> StorePath {
    StorePath::from(format!("{OWN_FOLDER}/catalog/{version:020}.checkpoint.json"))
}

fn missing(path: &StorePath, newest: u64) -> AdapterError {
    let text = format!("the lake's catalog is damaged: {path} is missing, though there is version {newest}");
    AdapterError::new(ErrorKind::Io, text).with_help("restore the file from a backup of the lake; nothing was changed")
}

/// The machine's name, as far as it says.
pub(super) fn host_name() -> String {
    let told = RealFiles.read_text(std::path::Path::new("/etc/hostname")).ok();
    let told = told.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    told.or_else(|| Env::process().var("HOSTNAME").map(str::to_owned)).unwrap_or_else(|| "this machine".to_owned())
}

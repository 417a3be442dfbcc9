//! A transaction. In: changes of tables and of the catalog, one after the other. Out: one version of the catalog in which all of
//! them are true, or nothing.
//!
//! It reads one version of the catalog and its own changes. Tables stage their changes; the commit squashes each to one entry of
//! its log, puts the catalog's version, which holds those entries, and then the entries themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use object_store::ObjectStoreExt;
use object_store::path::Path as StorePath;
use serde_json::Value;

use super::catalog::{Advance, Change, Edit, Entry, Key, State};
use super::delta::{self, DeltaError, Lake, Published, StagedCommit, StagedTable};
use super::errors;
use super::instance::Instance;
use super::lease::Held;
use super::space::Temporary;
use super::store::OWN_FOLDER;
use crate::adapters::{AdapterError, ErrorKind};

/// Versions of a table between two checkpoints of its log.
const CHECKPOINT_EVERY: u64 = 16;

/// Versions of the lake's own tables whose log is kept. A transaction that is open for longer than so many others fails.
const KEPT_VERSIONS: u64 = 256;

/// Folders of the lake that no table may have.
const OWN_PLACES: [&str; 2] = ["_transform/catalog", "_transform/leases"];

/// What users named temporary tables, by name.
pub(super) type Temporaries = Arc<BTreeMap<String, Temporary>>;

/// A table that the transaction writes to.
struct Table {
    key: Key,
    staged: StagedTable,
    /// The version in the catalog; none for a table that the transaction makes, or whose log others went on with.
    pinned: Option<u64>,
}

/// See the module.
pub(super) struct Transaction {
    base: Arc<State>,
    state: Arc<State>,
    changed: BTreeSet<Key>,
    schemas: BTreeMap<String, bool>,
    tables: BTreeMap<String, Table>,
    held: Held,
    /// Temporary tables as they were before it.
    pub(super) before: Temporaries,
    /// Whether it is one statement's own.
    pub(super) implicit: bool,
}

impl Transaction {
    /// Begins on the newest version of the catalog.
    pub(super) async fn begin(instance: &Instance, before: Temporaries, implicit: bool) -> Result<Self, AdapterError> {
        Self::begin_with(instance, before, implicit, &[]).await
    }

    /// The same with leases from the start: nobody else changes those relations any more. For work that met another's before.
    pub(super) async fn begin_with(
        instance: &Instance,
        before: Temporaries,
        implicit: bool,
        wanted: &[Key],
    ) -> Result<Self, AdapterError> {
        if !wanted.is_empty() {
            Self::refuse_if_read_only(instance)?;
        }
        let mut held = Held::default();
        for key in wanted.iter().filter(|key| key.0 != OWN_FOLDER) {
            if let Err(error) = held.take(&instance.leases, key, instance.catalog.writer()).await {
                held.release().await;
                return Err(error);
            }
        }
        let base = instance.catalog.refresh().await?;
        Ok(Self {
            state: Arc::clone(&base),
            base,
            changed: BTreeSet::new(),
            schemas: BTreeMap::new(),
            tables: BTreeMap::new(),
            held,
            before,
            implicit,
        })
    }

    /// What it sees.
    pub(super) fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// A table that it writes to.
    pub(super) fn staged(&self, location: &str) -> Option<&StagedTable> {
        self.tables.get(location).map(|table| &table.staged)
    }

    fn refuse_if_read_only(instance: &Instance) -> Result<(), AdapterError> {
        if instance.catalog.is_read_only() {
            let text = "the lake is opened for reading only";
            return Err(errors::told(ErrorKind::Unsupported, text));
        }
        Ok(())
    }

    /// Takes the lease on a relation for changes that others' changes would undo.
    pub(super) async fn lease(&mut self, instance: &Instance, key: &Key) -> Result<(), AdapterError> {
        Self::refuse_if_read_only(instance)?;
        if key.0 == OWN_FOLDER {
            return Ok(());
        }
        if self.held.take(&instance.leases, key, instance.catalog.writer()).await? {
            self.refuse_outdated(instance, key).await?;
        }
        Ok(())
    }

    /// The relations that it has leases on.
    pub(super) fn leased(&self) -> Vec<Key> {
        self.held.keys()
    }

    /// Whoever had the lease before may have changed what this transaction has seen already: its commit would be refused.
    async fn refuse_outdated(&self, instance: &Instance, key: &Key) -> Result<(), AdapterError> {
        if instance.catalog.refresh().await?.version == self.base.version {
            return Ok(());
        }
        let location = self.base.find(&key.0, &key.1).and_then(|(_, entry)| entry.location());
        for edit in instance.catalog.edits_after(self.base.version).await? {
            let replaced = edit.relations.iter().any(|change| change.schema == key.0 && change.name == key.1);
            let changed = edit.tables.iter().any(|a| Some(a.location.as_str()) == location && !a.blind);
            if replaced || changed {
                return Err(conflict(&edit, &format!("{}.{}", key.0, key.1)));
            }
        }
        Ok(())
    }

    /// A table to be changed. Versions that other programs have added to its log are taken over first.
    pub(super) async fn table(
        &mut self,
        instance: &Instance,
        key: &Key,
        location: &str,
    ) -> Result<&mut StagedTable, AdapterError> {
        Self::refuse_if_read_only(instance)?;
        if !self.tables.contains_key(location) {
            let pinned = self.state.tables.get(location).copied();
            let version = pinned.ok_or_else(|| lost(key))?;
            let version = self.foreign_version(instance, location, version).await?;
            let mut staged = instance.open_to_change(location, version).await?;
            staged.signed(signature(instance));
            self.tables.insert(location.to_owned(), Table { key: key.clone(), staged, pinned });
        }
        self.tables.get_mut(location).map(|table| &mut table.staged).ok_or_else(|| lost(key))
    }

    /// The version to go on from: later than the pinned one where a program that does not know the catalog was here.
    async fn foreign_version(&self, instance: &Instance, location: &str, pinned: u64) -> Result<u64, AdapterError> {
        if !instance.lake.has(&Lake::log_path(location, pinned + 1)).await? {
            return Ok(pinned);
        }
        let newest = instance.catalog.refresh().await?;
        if newest.tables.get(location).is_some_and(|&known| known > pinned) {
            return Ok(pinned);
        }
        let latest = StagedTable::latest_version(&instance.lake, location).await.map_err(|e| errors::delta(&e))?;
        Ok(latest.unwrap_or(pinned).max(pinned))
    }

    /// A new table of a name, to be filled by [`Transaction::adopt`]'s caller. Its folder is named like the relation, unless
    /// another relation lives there.
    pub(super) async fn new_table(
        &mut self,
        instance: &Instance,
        key: &Key,
    ) -> Result<(String, StagedTable), AdapterError> {
        Self::refuse_if_read_only(instance)?;
        let plain = format!("{}/{}", folder_name(&key.0), folder_name(&key.1));
        let mut location = plain.clone();
        let mut number = 1;
        loop {
            if !self.state.is_used(&location) && !OWN_PLACES.contains(&location.as_str()) {
                match StagedTable::new_at(&instance.lake, &location).await {
                    Ok(mut staged) => {
                        staged.signed(signature(instance));
                        return Ok((location, staged));
                    }
                    // A former table's log that nobody can read is nothing to build on.
                    Err(DeltaError::Corrupt { .. }) => {}
                    Err(error) => return Err(errors::delta(&error)),
                }
            }
            number += 1;
            location = format!("{plain}__{number}");
        }
    }

    /// Makes a filled new table part of the transaction.
    pub(super) fn adopt(&mut self, key: &Key, location: String, staged: StagedTable) {
        self.tables.insert(location, Table { key: key.clone(), staged, pinned: None });
    }

    /// Makes, replaces or changes a relation.
    pub(super) fn put(&mut self, key: &Key, entry: Entry) {
        Arc::make_mut(&mut self.state).put(key, Arc::new(entry));
        self.changed.insert(key.clone());
    }

    /// Removes a relation; its files stay.
    pub(super) fn remove(&mut self, key: &Key) {
        if let Some((_, entry)) = self.state.find(&key.0, &key.1)
            && let Some(location) = entry.location().map(str::to_owned)
        {
            self.tables.remove(&location);
        }
        Arc::make_mut(&mut self.state).remove(key);
        self.changed.insert(key.clone());
    }

    /// Gives a relation another name.
    pub(super) fn rename(&mut self, from: &Key, to: &Key, entry: Entry) {
        if let Some(location) = entry.location()
            && let Some(table) = self.tables.get_mut(location)
        {
            table.key = to.clone();
        }
        Arc::make_mut(&mut self.state).remove(from);
        self.changed.insert(from.clone());
        self.put(to, entry);
    }

    /// Makes a schema.
    pub(super) fn create_schema(&mut self, name: &str) {
        Arc::make_mut(&mut self.state).schemas.entry(name.to_owned()).or_default();
        self.schemas.insert(name.to_owned(), true);
    }

    /// Drops a schema, which must be empty.
    pub(super) fn drop_schema(&mut self, name: &str) {
        Arc::make_mut(&mut self.state).schemas.remove(name);
        self.schemas.insert(name.to_owned(), false);
    }

    /// Ends it without a trace but files that nobody names.
    pub(super) async fn rollback(mut self) {
        self.held.release().await;
    }

    /// Makes everything true, or nothing.
    pub(super) async fn commit(mut self, instance: &Instance) -> Result<(), AdapterError> {
        let result = self.publish(instance).await;
        self.held.release().await;
        result
    }

    async fn publish(&self, instance: &Instance) -> Result<(), AdapterError> {
        let mut commits: Vec<(&str, &Table, StagedCommit)> = Vec::new();
        for (location, table) in &self.tables {
            if let Some(commit) = table.staged.squash().await.map_err(|e| errors::delta(&e))? {
                commits.push((location, table, commit));
            }
        }
        let relations = self.changes();
        let schemas = self.schema_changes();
        if commits.is_empty() && relations.is_empty() && schemas.is_empty() {
            return Ok(());
        }
        Self::refuse_if_read_only(instance)?;
        let commits = tokio::sync::Mutex::new(commits);
        let edit = instance
            .catalog
            .commit(async |newest: Arc<State>| {
                let mut commits = commits.lock().await;
                self.refuse_conflicts(instance, &newest, &relations, &mut commits).await?;
                let mut tables = Vec::with_capacity(commits.len());
                for (location, table, commit) in commits.iter_mut() {
                    if table.pinned.is_some()
                        && let Some(&current) = newest.tables.get(*location)
                        && current + 1 > commit.version
                    {
                        commit.move_to(current + 1);
                    }
                    tables.push(Advance {
                        location: (*location).to_owned(),
                        version: commit.version,
                        blind: commit.blind_append,
                        commit: Some(commit.json.clone()),
                    });
                }
                Ok(Edit {
                    version: newest.version + 1,
                    writer: instance.catalog.writer(),
                    schemas: schemas.clone(),
                    relations: relations.clone(),
                    tables,
                })
            })
            .await?;
        for (location, table, commit) in commits.into_inner() {
            let name = format!("{}.{}", table.key.0, table.key.1);
            // Whoever has the version before may not have written it yet: a log must have no holes.
            let before = commit.version.checked_sub(1).filter(|before| table.staged.base_version() != Some(*before));
            if let Some(before) = before {
                instance.catalog.heal(location, before).await.map_err(committed)?;
            }
            match delta::publish(&instance.lake, &commit).await {
                Ok(Published::Written | Published::AlreadyThere) => {}
                Ok(Published::Conflict) => return Err(self.step_back(instance, location, &name).await),
                Err(error) => {
                    let mut error = errors::delta(&error);
                    error.message = format!("{name}: {}", error.message);
                    return Err(committed(error));
                }
            }
        }
        instance.catalog.checkpoint_if_due(edit.version).await;
        for advance in edit.tables.iter().filter(|a| a.version > 0) {
            let own = advance.location.starts_with(OWN_FOLDER);
            if !advance.version.is_multiple_of(CHECKPOINT_EVERY) {
                continue;
            }
            // Without it readers go through a longer log.
            let written = delta::checkpoint(&instance.lake, &advance.location, advance.version).await;
            if written.is_ok() && own {
                forget_log(instance, &advance.location, advance.version).await;
            }
        }
        Ok(())
    }

    /// Another program, which does not know the catalog, has written the version that this transaction had for a table, in the
    /// moment between the look at its log and the commit. Its version becomes the current one.
    async fn step_back(&self, instance: &Instance, location: &str, name: &str) -> AdapterError {
        let latest = StagedTable::latest_version(&instance.lake, location).await.ok().flatten().unwrap_or_default();
        let advance = Advance { location: location.to_owned(), version: latest, blind: false, commit: None };
        let repaired = instance
            .catalog
            .commit(async |newest: Arc<State>| {
                Ok(Edit {
                    version: newest.version + 1,
                    writer: instance.catalog.writer(),
                    schemas: BTreeMap::new(),
                    relations: Vec::new(),
                    tables: vec![advance.clone()],
                })
            })
            .await;
        let text = format!("another program wrote to {name} at the same moment; its change stays, this one is lost");
        match repaired {
            Ok(_) => errors::told(ErrorKind::TransactionConflict, text),
            Err(error) => error,
        }
    }

    /// Relations that are not as they were.
    fn changes(&self) -> Vec<Change> {
        let entry = |state: &State, key: &Key| state.schemas.get(&key.0).and_then(|s| s.get(&key.1)).cloned();
        let change = |key: &Key| {
            let (before, after) = (entry(&self.base, key), entry(&self.state, key));
            (before != after).then(|| Change { schema: key.0.clone(), name: key.1.clone(), entry: after })
        };
        self.changed.iter().filter_map(change).collect()
    }

    fn schema_changes(&self) -> BTreeMap<String, bool> {
        let differs = |(name, made): &(&String, &bool)| self.base.schemas.contains_key(*name) != **made;
        self.schemas.iter().filter(differs).map(|(name, made)| (name.clone(), *made)).collect()
    }

    /// Looks whether what others have committed since is compatible.
    async fn refuse_conflicts(
        &self,
        instance: &Instance,
        newest: &State,
        relations: &[Change],
        commits: &mut [(&str, &Table, StagedCommit)],
    ) -> Result<(), AdapterError> {
        if newest.version == self.base.version {
            return Ok(());
        }
        for edit in instance.catalog.edits_after(self.base.version).await? {
            for change in &edit.relations {
                let same = |schema: &str, name: &str| change.schema == schema && change.name == name;
                let mine = relations.iter().any(|r| same(&r.schema, &r.name))
                    || commits.iter().any(|(_, table, _)| same(&table.key.0, &table.key.1));
                let in_dropped = change.entry.is_some() && self.schemas.get(&change.schema) == Some(&false);
                if mine || in_dropped {
                    return Err(conflict(&edit, &format!("{}.{}", change.schema, change.name)));
                }
            }
            for (schema, made) in &edit.schemas {
                let used = relations.iter().any(|r| r.entry.is_some() && &r.schema == schema)
                    || commits.iter().any(|(_, table, _)| &table.key.0 == schema);
                if !made && used {
                    return Err(conflict(&edit, &format!("the schema {schema}")));
                }
            }
            for advance in &edit.tables {
                let mine = commits.iter_mut().find(|(location, _, _)| *location == advance.location);
                if let Some((_, table, commit)) = mine
                    && table.staged.base_version().is_none_or(|base| base < advance.version)
                    && !can_follow(commit, advance)
                {
                    // Both have compacted what was there: the other's compaction stays, our rows go on top.
                    match table.staged.squash_appends().filter(|plain| can_follow(plain, advance)) {
                        Some(plain) => *commit = plain,
                        None => return Err(conflict(&edit, &format!("{}.{}", table.key.0, table.key.1))),
                    }
                }
            }
        }
        Ok(())
    }
}

/// Another transaction was faster.
fn conflict(edit: &Edit, what: &str) -> AdapterError {
    let text = format!("{what} was changed meanwhile by {}", edit.writer.told());
    errors::told(ErrorKind::TransactionConflict, text)
}

/// Whether a commit means the same after another's commit that it has not seen: rows that are only added go together with
/// anything but another description of the table, and changes of rows go together with rows that were only added.
fn can_follow(mine: &StagedCommit, other: &Advance) -> bool {
    let describes =
        |json: &str| json.lines().any(|line| line.starts_with("{\"metaData\"") || line.starts_with("{\"protocol\""));
    if describes(&mine.json) || other.commit.as_deref().is_none_or(describes) {
        return false;
    }
    mine.blind_append || other.blind
}

/// What commits say of their author.
fn signature(instance: &Instance) -> Vec<(String, Value)> {
    let writer = instance.catalog.writer();
    let invocation = instance.invocation.clone().map(|id| ("invocationId", Value::from(id)));
    let process = [("session", writer.session.into()), ("host", writer.host.into()), ("pid", writer.pid.into())];
    invocation.into_iter().chain(process).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Nobody goes back in the lake's own tables, and every transaction lists their log: it is kept short.
async fn forget_log(instance: &Instance, location: &str, version: u64) {
    let Some(oldest) = version.checked_sub(KEPT_VERSIONS) else { return };
    // One step further than last time, and a little more for those that failed.
    for gone in oldest.saturating_sub(2 * CHECKPOINT_EVERY)..oldest {
        let entry = Lake::log_path(location, gone);
        let _ = instance.lake.store.delete(&entry).await;
        if gone.is_multiple_of(CHECKPOINT_EVERY) {
            let checkpoint = format!("{location}/_delta_log/{gone:020}.checkpoint.parquet");
            let _ = instance.lake.store.delete(&StorePath::from(checkpoint)).await;
        }
    }
}

/// A failure after the commit point.
fn committed(error: AdapterError) -> AdapterError {
    error.with_help("the change is committed and will be completed when the lake is opened for writing next")
}

fn lost(key: &Key) -> AdapterError {
    errors::told(ErrorKind::Catalog, format!("the catalog has no version of {}.{}", key.0, key.1))
}

/// A name as a folder: what file systems and URLs would take for something else is replaced.
fn folder_name(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let cleaned: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    match cleaned.as_str() {
        "." | ".." | "" => "_".to_owned(),
        _ => cleaned,
    }
}

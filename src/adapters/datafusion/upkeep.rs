//! Upkeep of a lake, versions of its tables. In: relations. Out: what would be done, what was done.
//!
//! Nothing that the catalog or a version within the retention names is deleted. Folders of dropped tables, catalog files before
//! the newest checkpoint, expired leases and half-written files belong to nobody; they go when everything is looked after, not a
//! selection.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use object_store::path::Path as StorePath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::catalog::{Key, State};
use super::connection::no_relation;
use super::delta::{self, StagedTable};
use super::errors;
use super::instance::Instance;
use super::lease;
use super::space::no_temporaries;
use super::store::OWN_FOLDER;
use super::transaction::Transaction;
use crate::adapters::{
    AdapterError, ErrorKind, Restored, TableVersion, Upkeep, UpkeepDone, UpkeepKind, UpkeepScope, UpkeepStep,
};
use crate::base::{AsOf, Relation};
use crate::files::{Files, RealFiles};

/// So many log entries after the last checkpoint are worth a new one.
const LONG_LOG: u64 = 20;
/// Versions whose row counts are looked up for a history.
const COUNTED: usize = 50;

/// Looks after one lake.
pub(super) struct LakeUpkeep {
    instance: Arc<Instance>,
}

/// A table that is looked after.
struct Place {
    key: Key,
    location: String,
    version: u64,
}

impl Place {
    fn name(&self) -> String {
        format!("{}.{}", self.key.0, self.key.1)
    }
}

impl LakeUpkeep {
    /// For an open lake.
    pub(super) fn new(instance: Arc<Instance>) -> Self {
        Self { instance }
    }

    fn run<T>(&self, work: impl Future<Output = Result<T, AdapterError>>) -> Result<T, AdapterError> {
        self.instance.engine.runtime.block_on(work)
    }

    /// The tables in question. Selected relations that are views, or not built yet, have nothing to look after.
    fn places(&self, state: &State, scope: &UpkeepScope) -> Vec<Place> {
        let wanted = |key: &Key| {
            let Some(relations) = &scope.relations else { return true };
            let same =
                |part: &Option<String>, name: &str| part.as_deref().is_some_and(|p| p.eq_ignore_ascii_case(name));
            relations.iter().any(|r| same(&r.schema, &key.0) && same(&r.identifier, &key.1))
        };
        let place = |(schema, name, entry): (&str, &str, &Arc<super::catalog::Entry>)| {
            let location = entry.location()?.to_owned();
            let version = *state.tables.get(&location)?;
            Some(Place { key: (schema.to_owned(), name.to_owned()), location, version })
        };
        state.relations().filter_map(place).filter(|place| wanted(&place.key)).collect()
    }

    /// The table of a relation; `None` of a view.
    fn place_of(&self, state: &State, relation: &Relation) -> Result<Option<Place>, AdapterError> {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let found = state.find(&part(&relation.schema), &part(&relation.identifier));
        let (key, entry) = found.ok_or_else(|| no_relation(relation))?;
        let Some(location) = entry.location().map(str::to_owned) else { return Ok(None) };
        let version = state.tables.get(&location).copied().ok_or_else(|| no_relation(relation))?;
        Ok(Some(Place { key, location, version }))
    }

    async fn open(&self, place: &Place) -> Result<StagedTable, AdapterError> {
        self.instance.open_table(&place.location, place.version).await
    }

    async fn steps_of(&self, place: &Place, retention: Duration) -> Result<Vec<UpkeepStep>, AdapterError> {
        let table = self.open(place).await?;
        let mut steps = Vec::new();
        let compaction = table.compaction().await.map_err(|e| errors::delta(&e))?;
        if compaction.removed_files > 1 {
            steps.push(UpkeepStep {
                kind: UpkeepKind::Compact,
                place: place.name(),
                files: compaction.removed_files,
                bytes: compaction.bytes,
                reason: "small files, far below the size that reads fast".to_owned(),
            });
        }
        let vacuum = table.unneeded(retention, &[place.version]).await.map_err(|e| errors::delta(&e))?;
        let (mut files, mut bytes) = (vacuum.files.len() as u64, vacuum.bytes);
        if retention.is_zero() && compaction.removed_files > 1 {
            // The version before the compaction is a former one as soon as that is done.
            files += compaction.removed_files;
            bytes += compaction.bytes;
        }
        if files > 0 {
            steps.push(UpkeepStep {
                kind: UpkeepKind::Vacuum,
                place: place.name(),
                files,
                bytes,
                reason: "data that no version within the retention reads".to_owned(),
            });
        }
        let entries = self.entries_since_checkpoint(place).await?;
        if entries > LONG_LOG {
            steps.push(UpkeepStep {
                kind: UpkeepKind::Checkpoint,
                place: place.name(),
                files: entries,
                bytes: 0,
                reason: "log entries since the last checkpoint".to_owned(),
            });
        }
        Ok(steps)
    }

    async fn list(&self, folder: &str) -> Result<Vec<ObjectMeta>, AdapterError> {
        let path = StorePath::from(folder);
        let listed = self.instance.lake.store.list(Some(&path)).try_collect::<Vec<_>>().await;
        listed.map_err(|e| errors::store(&e, folder))
    }

    async fn entries_since_checkpoint(&self, place: &Place) -> Result<u64, AdapterError> {
        let files = self.list(&format!("{}/_delta_log", place.location)).await?;
        let version = |name: &str| name.get(..20).and_then(|digits| digits.parse::<u64>().ok());
        let names = files.iter().filter_map(|f| f.location.filename());
        let checkpoint = names.filter(|n| n.contains(".checkpoint")).filter_map(version).max();
        Ok(checkpoint.map_or(place.version + 1, |at| place.version.saturating_sub(at)))
    }

    /// Folders with a Delta log that no relation lives in, with their files; those that were touched within the retention may be
    /// a transaction's that is not committed yet.
    async fn abandoned(
        &self,
        state: &State,
        oldest: DateTime<Utc>,
    ) -> Result<Vec<(String, Vec<ObjectMeta>)>, AdapterError> {
        let store = &self.instance.lake.store;
        let children = async |prefix: Option<&StorePath>| {
            let listed = store.list_with_delimiter(prefix).await;
            listed.map(|found| found.common_prefixes).map_err(|e| errors::store(&e, "the lake"))
        };
        let used: BTreeSet<&str> = state.relations().filter_map(|(_, _, entry)| entry.location()).collect();
        let mut found = Vec::new();
        for schema in children(None).await? {
            if schema.filename() == Some(OWN_FOLDER) {
                continue;
            }
            for folder in children(Some(&schema)).await? {
                if used.contains(folder.as_ref()) {
                    continue;
                }
                let files = self.list(folder.as_ref()).await?;
                let has_log = files.iter().any(|f| f.location.as_ref().contains("/_delta_log/"));
                let is_ours = has_log || files.iter().all(|f| f.location.as_ref().ends_with(".parquet"));
                if is_ours && !files.is_empty() && files.iter().all(|f| f.last_modified <= oldest) {
                    found.push((folder.to_string(), files));
                }
            }
        }
        Ok(found)
    }

    /// Catalog files that readers do not need any more, and leases whose holders are gone.
    async fn stale(&self, oldest: DateTime<Utc>) -> Result<Vec<ObjectMeta>, AdapterError> {
        let files = self.list(&format!("{OWN_FOLDER}/catalog")).await?;
        let version = |meta: &ObjectMeta| {
            let name = meta.location.filename()?;
            name.get(..20)?.parse::<u64>().ok()
        };
        let is_checkpoint = |meta: &ObjectMeta| meta.location.as_ref().ends_with(".checkpoint.json");
        let newest = files.iter().filter(|f| is_checkpoint(f)).filter_map(version).max();
        let old = |meta: &ObjectMeta| {
            meta.last_modified <= oldest && version(meta).zip(newest).is_some_and(|(version, newest)| version < newest)
        };
        let mut stale: Vec<ObjectMeta> = files.into_iter().filter(old).collect();
        for meta in self.list(&format!("{OWN_FOLDER}/leases")).await? {
            let text = self.instance.lake.read(&meta.location).await?;
            if text.is_some_and(|text| lease::is_over(&text)) {
                stale.push(meta);
            }
        }
        Ok(stale)
    }

    async fn planned(&self, scope: &UpkeepScope) -> Result<Vec<UpkeepStep>, AdapterError> {
        let state = self.instance.catalog.refresh().await?;
        let mut steps = Vec::new();
        for place in self.places(&state, scope) {
            steps.extend(self.steps_of(&place, std_duration(scope.retention)).await?);
        }
        if scope.relations.is_some() {
            return Ok(steps);
        }
        let oldest = Utc::now() - scope.retention;
        let bytes = |files: &[ObjectMeta]| files.iter().map(|f| f.size).sum();
        for (folder, files) in self.abandoned(&state, oldest).await? {
            steps.push(UpkeepStep {
                kind: UpkeepKind::Remove,
                place: folder,
                files: files.len() as u64,
                bytes: bytes(&files),
                reason: "no relation lives there any more".to_owned(),
            });
        }
        let begun = self.instance.lake.half_written(oldest)?;
        if !begun.is_empty() {
            steps.push(UpkeepStep {
                kind: UpkeepKind::Unfinished,
                place: self.instance.settings.database.clone(),
                files: begun.len() as u64,
                bytes: begun.iter().map(|file| file.size).sum(),
                reason: "a killed run had begun to write them".to_owned(),
            });
        }
        let stale = self.stale(oldest).await?;
        if !stale.is_empty() {
            steps.push(UpkeepStep {
                kind: UpkeepKind::Catalog,
                place: OWN_FOLDER.to_owned(),
                files: stale.len() as u64,
                bytes: bytes(&stale),
                reason: "catalog versions before the newest checkpoint, leases of ended runs".to_owned(),
            });
        }
        Ok(steps)
    }

    async fn delete(&self, files: &[ObjectMeta]) -> Result<UpkeepDone, AdapterError> {
        let mut done = UpkeepDone::default();
        // The log goes last: without it, what is left could not be told from a folder of somebody's files.
        let mut ordered: Vec<&ObjectMeta> = files.iter().collect();
        ordered.sort_by_key(|f| f.location.as_ref().contains("/_delta_log/"));
        for file in ordered {
            match self.instance.lake.store.delete(&file.location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(errors::store(&error, file.location.as_ref())),
            }
            done.files_removed += 1;
            done.bytes_freed += i64::try_from(file.size).unwrap_or(i64::MAX);
        }
        Ok(done)
    }

    async fn applied(&self, scope: &UpkeepScope, step: &UpkeepStep) -> Result<UpkeepDone, AdapterError> {
        if self.instance.catalog.is_read_only() {
            return Err(errors::told(ErrorKind::Unsupported, "the lake is opened for reading only"));
        }
        let state = self.instance.catalog.refresh().await?;
        let oldest = Utc::now() - scope.retention;
        match step.kind {
            UpkeepKind::Remove => {
                let folders = self.abandoned(&state, oldest).await?;
                match folders.into_iter().find(|(folder, _)| *folder == step.place) {
                    Some((_, files)) => self.delete(&files).await,
                    None => Ok(UpkeepDone::default()),
                }
            }
            UpkeepKind::Unfinished => {
                let mut done = UpkeepDone::default();
                for file in self.instance.lake.half_written(oldest)? {
                    match RealFiles.remove_file(&file.path) {
                        Err(error) if !error.is_not_found() => {
                            return Err(errors::told(ErrorKind::Io, error.to_string()));
                        }
                        _ => {}
                    }
                    done.files_removed += 1;
                    done.bytes_freed += i64::try_from(file.size).unwrap_or(i64::MAX);
                }
                Ok(done)
            }
            UpkeepKind::Catalog => {
                let stale = self.stale(oldest).await?;
                self.delete(&stale).await
            }
            UpkeepKind::Compact | UpkeepKind::Vacuum | UpkeepKind::Checkpoint => {
                let places = self.places(&state, &UpkeepScope { relations: None, ..scope.clone() });
                let Some(place) = places.into_iter().find(|place| place.name() == step.place) else {
                    return Ok(UpkeepDone::default());
                };
                self.tended(&place, step.kind, std_duration(scope.retention)).await
            }
        }
    }

    async fn tended(&self, place: &Place, kind: UpkeepKind, retention: Duration) -> Result<UpkeepDone, AdapterError> {
        match kind {
            UpkeepKind::Compact => {
                let session = &self.instance.engine.session;
                let compact = async |transaction: &mut Transaction| {
                    let table = transaction.table(&self.instance, &place.key, &place.location).await?;
                    table.compact(session).await.map_err(|e| errors::delta(&e))
                };
                let done = self.change(std::slice::from_ref(&place.key), compact).await?;
                Ok(UpkeepDone { files_added: done.added_files, files_removed: done.removed_files, bytes_freed: 0 })
            }
            UpkeepKind::Vacuum => {
                let table = self.open(place).await?;
                let gone = table.vacuum(retention, &[place.version]).await.map_err(|e| errors::delta(&e))?;
                let freed = i64::try_from(gone.bytes).unwrap_or(i64::MAX);
                Ok(UpkeepDone { files_removed: gone.files.len() as u64, bytes_freed: freed, ..UpkeepDone::default() })
            }
            _ => {
                let written = delta::checkpoint(&self.instance.lake, &place.location, place.version).await;
                written.map_err(|e| errors::delta(&e))?;
                Ok(UpkeepDone { files_added: 1, ..UpkeepDone::default() })
            }
        }
    }

    /// Changes one table in a transaction of its own.
    async fn change<T>(
        &self,
        keys: &[Key],
        work: impl AsyncFnOnce(&mut Transaction) -> Result<T, AdapterError>,
    ) -> Result<T, AdapterError> {
        let mut transaction = Transaction::begin_with(&self.instance, no_temporaries(), true, keys).await?;
        match work(&mut transaction).await {
            Ok(result) => transaction.commit(&self.instance).await.map(|()| result),
            Err(error) => {
                transaction.rollback().await;
                Err(error)
            }
        }
    }

    async fn versions(&self, relation: &Relation) -> Result<Option<Vec<TableVersion>>, AdapterError> {
        let state = self.instance.catalog.refresh().await?;
        let Some(place) = self.place_of(&state, relation)? else { return Ok(None) };
        let log = delta::history(&self.instance.lake, &place.location, None).await.map_err(|e| errors::delta(&e))?;
        let mut versions = Vec::with_capacity(log.len());
        for entry in log.into_iter().filter(|entry| entry.version <= place.version) {
            let mut rows = entry.rows;
            if rows.is_none() && versions.len() < COUNTED {
                let opened = self.instance.open_table(&place.location, entry.version).await;
                if let Ok(table) = opened {
                    rows = table.stats().await.ok().and_then(|stats| stats.rows);
                }
            }
            versions.push(TableVersion {
                version: entry.version,
                at: DateTime::from_timestamp_millis(entry.timestamp).unwrap_or_default(),
                operation: entry.operation,
                rows,
                invocation_id: entry.info.get("invocationId").and_then(|id| id.as_str()).map(str::to_owned),
                current: entry.version == place.version,
            });
        }
        Ok(Some(versions))
    }

    async fn restored(&self, relations: &[Relation], to: AsOf) -> Result<Vec<Option<Restored>>, AdapterError> {
        let state = self.instance.catalog.refresh().await?;
        let mut places = Vec::with_capacity(relations.len());
        for relation in relations {
            places.push(match self.place_of(&state, relation)? {
                Some(place) => {
                    let name = place.name();
                    let from = version_as_of(&self.instance, &name, &place.location, place.version, to).await?;
                    Some((place, from))
                }
                None => None,
            });
        }
        let keys: Vec<Key> = places.iter().flatten().map(|(place, _)| place.key.clone()).collect();
        self.change(&keys, async |transaction: &mut Transaction| {
            for (place, from) in places.iter().flatten().filter(|(place, from)| *from != place.version) {
                let table = transaction.table(&self.instance, &place.key, &place.location).await?;
                table.restore(*from).await.map_err(|e| errors::delta(&e))?;
            }
            Ok(())
        })
        .await?;
        let state = self.instance.catalog.refresh().await?;
        let restored = |(place, from): (Place, u64)| {
            let changed = state.tables.get(&place.location).copied().filter(|_| from != place.version);
            Restored { from, version: changed.unwrap_or(place.version) }
        };
        Ok(places.into_iter().map(|place| place.map(restored)).collect())
    }
}

impl Upkeep for LakeUpkeep {
    fn plan(&mut self, scope: &UpkeepScope) -> Result<Vec<UpkeepStep>, AdapterError> {
        self.run(self.planned(scope))
    }

    fn apply(&mut self, scope: &UpkeepScope, step: &UpkeepStep) -> Result<UpkeepDone, AdapterError> {
        self.run(self.applied(scope, step))
    }

    fn history(&mut self, relation: &Relation) -> Result<Option<Vec<TableVersion>>, AdapterError> {
        self.run(self.versions(relation))
    }

    fn restore(&mut self, relations: &[Relation], to: AsOf) -> Result<Vec<Option<Restored>>, AdapterError> {
        self.run(self.restored(relations, to))
    }
}

/// Which version of a table is meant; never a later one than readers see.
pub(super) async fn version_as_of(
    instance: &Instance,
    name: &str,
    location: &str,
    current: u64,
    at: AsOf,
) -> Result<u64, AdapterError> {
    let version = match at {
        AsOf::Version(version) => Some(version).filter(|version| *version <= current),
        AsOf::Time(time) => {
            let found = delta::version_at(&instance.lake, location, time.timestamp_millis()).await;
            found.map_err(|e| errors::delta(&e))?.map(|version| version.min(current))
        }
    };
    version.ok_or_else(|| {
        let text = match at {
            AsOf::Version(_) => format!("{name} has no {at}: its current version is {current}"),
            AsOf::Time(_) => format!("{name} has no version as old as {at}"),
        };
        errors::told(ErrorKind::Catalog, text).with_help("`transform restore -s NODE` lists the versions there are")
    })
}

fn std_duration(time: TimeDelta) -> Duration {
    time.to_std().unwrap_or_default()
}

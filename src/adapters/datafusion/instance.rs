//! The open lake that all connections of an adapter share. In: settings. Out: [`Instance`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use futures::future::{Either, select};
use tokio::sync::watch;

use super::catalog::Catalog;
use super::delta::{Head, Lake, StagedTable, TableStats};
use super::errors;
use super::lease::Leases;
use super::session::Engine;
use super::settings::Settings;
use super::store;
use crate::adapters::{AdapterError, ErrorKind};

/// A table at a version, opened.
pub(super) struct Pinned {
    /// What queries read.
    pub(super) provider: Arc<dyn TableProvider>,
    /// Its size.
    pub(super) stats: TableStats,
    /// Its columns, with what must not be NULL.
    pub(super) schema: SchemaRef,
    table: StagedTable,
}

/// The open lake.
pub(super) struct Instance {
    /// The engine.
    pub(super) engine: Engine,
    /// The storage.
    pub(super) lake: Lake,
    /// What is in it.
    pub(super) catalog: Catalog,
    /// Who works on what.
    pub(super) leases: Leases,
    /// The profile's settings.
    pub(super) settings: Arc<Settings>,
    /// The invocation that commits name.
    pub(super) invocation: Option<String>,
    /// Tables by location, each at the version that was asked for last.
    pinned: Mutex<HashMap<String, (u64, Arc<Pinned>)>>,
    /// What is known of the tables that this process adds to, by location.
    heads: Mutex<HashMap<String, Head>>,
    interrupts: Mutex<Vec<Weak<watch::Sender<u64>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Instance {
    /// Opens the lake.
    pub(super) fn open(settings: &Arc<Settings>, invocation: Option<String>) -> Result<Self, AdapterError> {
        let engine = Engine::start(settings)?;
        let lake = store::open(settings)?;
        Ok(Self { invocation, ..Self::over(settings, engine, lake)? })
    }

    /// Opens a lake in a store.
    pub(super) fn over(settings: &Arc<Settings>, engine: Engine, lake: Lake) -> Result<Self, AdapterError> {
        let catalog = engine.runtime.block_on(Catalog::open(lake.clone(), settings.read_only))?;
        let leases = Leases::new(lake.clone());
        Ok(Self {
            engine,
            lake,
            catalog,
            leases,
            settings: Arc::clone(settings),
            invocation: None,
            pinned: Mutex::default(),
            heads: Mutex::default(),
            interrupts: Mutex::default(),
        })
    }

    /// A table at a version of the catalog.
    pub(super) async fn pinned(&self, location: &str, version: u64) -> Result<Arc<Pinned>, AdapterError> {
        if let Some(pinned) = self.known(location, version) {
            return Ok(pinned);
        }
        let table = self.open_table(location, version).await?;
        let pinned = Arc::new(Pinned {
            provider: table.provider().await.map_err(|e| errors::delta(&e))?,
            stats: table.stats().await.map_err(|e| errors::delta(&e))?,
            schema: table.schema().map_err(|e| errors::delta(&e))?,
            table,
        });
        lock(&self.pinned).insert(location.to_owned(), (version, Arc::clone(&pinned)));
        Ok(pinned)
    }

    /// A table that was opened at that version before.
    fn known(&self, location: &str, version: u64) -> Option<Arc<Pinned>> {
        lock(&self.pinned).get(location).filter(|(known, _)| *known == version).map(|(_, pinned)| Arc::clone(pinned))
    }

    /// A table at a version. A log that a crash has cut off is completed first; by readers in memory alone.
    pub(super) async fn open_table(&self, location: &str, version: u64) -> Result<StagedTable, AdapterError> {
        if let Ok(table) = StagedTable::open(&self.lake, location, version).await {
            return Ok(table);
        }
        // Others may be about to write the entries that the log lacks: what was missing may be there a moment later.
        if self.catalog.is_read_only() {
            let missing = self.catalog.unfinished(location, version).await?;
            if !missing.is_empty() {
                let table = StagedTable::open_completed(&self.lake, location, version, &missing).await;
                return table.map_err(|e| errors::delta(&e));
            }
        } else {
            self.catalog.heal(location, version).await?;
        }
        StagedTable::open(&self.lake, location, version).await.map_err(|e| errors::delta(&e))
    }

    /// A table at a version, to be changed. Its log is not read again for what this process knows of it.
    pub(super) async fn open_to_change(&self, location: &str, version: u64) -> Result<StagedTable, AdapterError> {
        if let Some(head) = self.head(location, version) {
            // The commit before this one may be another thread's, who has not written it into the log yet.
            self.catalog.heal(location, version).await?;
            return StagedTable::resumed(&self.lake, location, head).map_err(|e| errors::delta(&e));
        }
        let table = match self.known(location, version) {
            Some(pinned) => pinned.table.reopened().map_err(|e| errors::delta(&e))?,
            None => self.open_table(location, version).await?,
        };
        let head = table.head().await.map_err(|e| errors::delta(&e))?;
        lock(&self.heads).insert(location.to_owned(), head);
        Ok(table)
    }

    /// What is known of a table at a version: what was known before, and the commits since.
    fn head(&self, location: &str, version: u64) -> Option<Head> {
        let mut head = lock(&self.heads).get(location).filter(|head| head.version() <= version)?.clone();
        for (version, commit) in self.catalog.remembered(location, Some(head.version()), version) {
            head = head.after(version, &commit)?;
        }
        let head = (head.version() == version).then_some(head)?;
        let mut heads = lock(&self.heads);
        if heads.get(location).is_none_or(|other| other.version() < version) {
            heads.insert(location.to_owned(), head.clone());
        }
        Some(head)
    }

    /// What interrupts a new connection.
    pub(super) fn new_interrupt(&self) -> Arc<watch::Sender<u64>> {
        let sender = Arc::new(watch::Sender::new(0));
        let mut all = lock(&self.interrupts);
        all.retain(|weak| weak.strong_count() > 0);
        all.push(Arc::downgrade(&sender));
        sender
    }

    /// Interrupts whatever is running.
    pub(super) fn interrupt_all(&self) {
        for sender in lock(&self.interrupts).iter().filter_map(Weak::upgrade) {
            interrupt(&sender);
        }
    }

    /// Runs asynchronous work to its end, or until the interruption.
    pub(super) fn run<T>(
        &self,
        sender: &watch::Sender<u64>,
        work: impl Future<Output = Result<T, AdapterError>>,
    ) -> Result<T, AdapterError> {
        let mut receiver = sender.subscribe();
        receiver.mark_unchanged();
        self.engine.runtime.block_on(async {
            let (work, interruption) = (std::pin::pin!(work), std::pin::pin!(receiver.changed()));
            match select(work, interruption).await {
                Either::Left((result, _)) => result,
                Either::Right(_) => Err(AdapterError::new(ErrorKind::Interrupted, "interrupted")),
            }
        })
    }
}

/// Interrupts what a connection is running; nothing, if it is running nothing.
pub(super) fn interrupt(sender: &watch::Sender<u64>) {
    sender.send_modify(|count| *count += 1);
}

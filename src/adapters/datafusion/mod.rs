//! DataFusion on Delta Lake. In: a profile target, SQL. Out: connections of one shared lake.
//!
//! A lake is a folder (or a prefix of an object store) with one Delta table a relation and a versioned catalog that says which
//! version of which table is current. This adapter makes a transactional SQL database of it.
//!
//! * [`settings`]: profile options -> where the lake is; [`store`]: its storage; [`session`], [`optimizer`], [`cooperative`]: DataFusion
//!   itself; [`spill`]: where it spills
//! * [`rewrite`], [`decorrelate`], [`offsets`], [`functions`]: what users write daily and the engine's SQL lacks
//! * [`delta`]: one table: staged writes, squashed into one commit
//! * [`catalog`]: which relations there are, at which version; what is published at once; [`lease`]: who works on what
//! * [`transaction`]: changes of tables and catalog until they are committed together
//! * [`space`]: what names in SQL stand for; [`statements`]: SQL statements -> changes of tables and of the catalog
//! * [`instance`]: the shared open lake; [`connection`]: the trait; [`inventory`], [`seeds`]: its longer methods
//! * [`upkeep`]: compaction, what may be deleted, former versions
//! * [`interchange`]: tables for other engines
//! * [`types`], [`type_names`], [`errors`]: the engine's values, types and failures in our words
//! * [`shadow`]: binding without data, and where columns come from

mod catalog;
mod connection;
mod cooperative;
mod decorrelate;
mod delta;
mod errors;
mod functions;
mod instance;
mod interchange;
mod inventory;
mod lease;
mod offsets;
mod optimizer;
mod rewrite;
mod seeds;
mod session;
mod settings;
mod shadow;
mod space;
mod spill;
mod statements;
mod store;
#[cfg(test)]
mod tests;
mod transaction;
mod type_names;
mod types;
mod upkeep;

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use include_dir::{Dir, include_dir};

use self::connection::LakeConnection;
use self::instance::Instance;
pub(super) use self::interchange::delta_files;
use self::settings::{Place, Settings};
use self::shadow::DataFusionShadow;
use self::upkeep::LakeUpkeep;
use crate::adapters::shadow::Shadow;
use crate::adapters::{Adapter, AdapterError, Capabilities, Connection, Upkeep};
use crate::base::Dict;

static MACROS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src/adapters/datafusion/macros");

/// The adapter of one target. The lake is opened by the first connection.
pub(super) struct DataFusion {
    options: Dict,
    settings: Arc<Settings>,
    capabilities: Capabilities,
    instance: Mutex<Option<Arc<Instance>>>,
    /// The invocation that works with it.
    invocation: OnceLock<String>,
}

impl DataFusion {
    /// Reads the target; opens nothing.
    pub(super) fn new(options: &Dict, base_dir: &Path) -> Result<Self, AdapterError> {
        let settings = Settings::parse(options, base_dir)?;
        Ok(Self::with(options, settings))
    }

    fn with(options: &Dict, settings: Settings) -> Self {
        let capabilities = Capabilities {
            transactional_ddl: true,
            merge: true,
            catalogs: false,
            cross_database_transactions: false,
            persistent: true,
            transactions: settings.transactions,
            time_travel: true,
            declares_keys: false,
            default_incremental_strategy: "delete+insert",
        };
        Self {
            options: options.clone(),
            settings: Arc::new(settings),
            capabilities,
            instance: Mutex::new(None),
            invocation: OnceLock::new(),
        }
    }

    fn instance(&self) -> Result<Arc<Instance>, AdapterError> {
        let mut instance = self.instance.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(instance) = &*instance {
            return Ok(Arc::clone(instance));
        }
        let opened = Arc::new(Instance::open(&self.settings, self.invocation.get().cloned())?);
        *instance = Some(Arc::clone(&opened));
        Ok(opened)
    }
}

impl Adapter for DataFusion {
    fn type_name(&self) -> &'static str {
        "datafusion"
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn options(&self) -> &Dict {
        &self.options
    }

    fn connect(&self) -> Result<Box<dyn Connection>, AdapterError> {
        Ok(Box::new(LakeConnection::new(self.instance()?)))
    }

    fn macros(&self) -> Vec<(&'static str, &'static str)> {
        let mut files = Vec::new();
        collect_macros(&MACROS, &mut files);
        files.sort_unstable();
        files
    }

    fn macro_package(&self) -> &'static str {
        "dbt_datafusion"
    }

    fn dispatch_prefixes(&self) -> &'static [&'static str] {
        &["datafusion", "duckdb"]
    }

    fn default_database(&self) -> &str {
        &self.settings.database
    }

    fn default_schema(&self) -> &str {
        &self.settings.schema
    }

    fn interrupt_all(&self) {
        // Taken out of the lock first: opening may take long, and an interrupt must not wait for it.
        let instance = self.instance.try_lock().ok().and_then(|i| i.clone());
        if let Some(instance) = instance {
            instance.interrupt_all();
        }
    }

    fn sign(&self, invocation_id: &str) {
        // The first one counts: what is open has it already.
        let _ = self.invocation.set(invocation_id.to_owned());
    }

    fn upkeep(&self) -> Result<Box<dyn Upkeep>, AdapterError> {
        Ok(Box::new(LakeUpkeep::new(self.instance()?)))
    }

    fn shadow(&self) -> Result<Box<dyn Shadow>, AdapterError> {
        Ok(Box::new(DataFusionShadow::open(&self.settings)?))
    }

    fn for_reading(&self) -> Result<Arc<dyn Adapter>, AdapterError> {
        Ok(Arc::new(Self::with(&self.options, self.settings.for_reading())))
    }

    fn describe(&self) -> Vec<(String, String)> {
        let path = match &self.settings.place {
            Place::Folder(folder) => folder.display().to_string(),
            Place::Remote(url) => url.to_string(),
            Place::Nowhere => "(not there yet)".to_owned(),
        };
        let mut out = vec![
            ("datafusion version".to_owned(), datafusion::DATAFUSION_VERSION.to_owned()),
            ("database".to_owned(), self.settings.database.clone()),
            ("schema".to_owned(), self.settings.schema.clone()),
            ("path".to_owned(), path),
        ];
        for name in ["memory_limit", "spill_directory", "temp_directory", "settings", "disable_transactions"] {
            if let Some(value) = self.options.get(name) {
                out.push((name.to_owned(), value.to_string()));
            }
        }
        // Options of the storage are names and secrets: only the names are shown.
        if !self.settings.storage.is_empty() {
            let names: Vec<&str> = self.settings.storage.iter().map(|(name, _)| name.as_str()).collect();
            out.push(("storage_options".to_owned(), names.join(", ")));
        }
        out
    }
}

fn collect_macros(dir: &'static Dir<'static>, files: &mut Vec<(&'static str, &'static str)>) {
    for file in dir.files() {
        let named = file.path().to_str().filter(|path| path.ends_with(".sql"));
        if let (Some(path), Some(text)) = (named, file.contents_utf8()) {
            files.push((path, text));
        }
    }
    for inner in dir.dirs() {
        collect_macros(inner, files);
    }
}

//! DuckDB, in process. In: a profile target, SQL. Out: connections of one shared instance.
//!
//! * [`settings`], [`attach`], [`secrets`]: profile options -> what to open and to run
//! * [`engine`]: handles around the C API; [`types`], [`vectors`], [`text`], [`fallback`]: results -> values
//! * [`errors`]: texts of failures -> errors with a place
//! * [`instance`]: the shared database; [`connection`]: the trait; [`catalog`], [`seeds`]: its longer methods
//! * [`delta`]: Delta Lake tables, by their files
//! * [`python`]: Python models in a process of their own
//! * [`publish`]: schemas in a file for readers
//! * [`shadow`]: binding without data, and where columns come from
//! * [`timezone`]: time zones where the ICU extension is not linked in
//!
//! Two adapters must not open the same file in one process: DuckDB's lock is the process's, so it would not notice.

mod attach;
mod catalog;
mod connection;
mod delta;
mod engine;
mod errors;
mod fallback;
mod instance;
mod publish;
mod python;
mod secrets;
mod seeds;
mod settings;
mod shadow;
mod signatures;
mod statements;
mod text;
mod timezone;
mod types;
mod vectors;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use include_dir::{Dir, include_dir};

use self::connection::DuckConnection;
use self::instance::Instance;
use self::settings::Settings;
use self::shadow::DuckShadow;
use crate::adapters::shadow::Shadow;
use crate::adapters::{Adapter, AdapterError, Capabilities, Connection};
use crate::base::{Dict, Value};

static MACROS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src/adapters/duckdb/macros");

/// The DuckDB adapter of one target. The database is opened by the first connection and closed with the adapter.
pub(super) struct DuckDb {
    options: Dict,
    settings: Arc<Settings>,
    capabilities: Capabilities,
    instance: Mutex<Option<Arc<Instance>>>,
}

impl DuckDb {
    /// Reads the target; opens nothing.
    pub(super) fn new(options: &Dict, base_dir: &Path) -> Result<Self, AdapterError> {
        let settings = Settings::parse(options, base_dir)?;
        let capabilities = Capabilities {
            transactional_ddl: true,
            merge: true,
            catalogs: true,
            cross_database_transactions: false,
            persistent: settings.is_persistent(),
            transactions: settings.transactions,
            time_travel: false,
            declares_keys: true,
            default_incremental_strategy: "delete+insert",
        };
        Ok(Self { options: options.clone(), settings: Arc::new(settings), capabilities, instance: Mutex::new(None) })
    }

    fn instance(&self) -> Result<Arc<Instance>, AdapterError> {
        let mut instance = self.instance.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(instance) = &*instance {
            return Ok(Arc::clone(instance));
        }
        let opened = Arc::new(Instance::open(&self.settings)?);
        *instance = Some(Arc::clone(&opened));
        Ok(opened)
    }
}

impl Adapter for DuckDb {
    fn type_name(&self) -> &'static str {
        "duckdb"
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn options(&self) -> &Dict {
        &self.options
    }

    fn connect(&self) -> Result<Box<dyn Connection>, AdapterError> {
        let instance = self.instance()?;
        Ok(Box::new(DuckConnection::new(instance, Arc::clone(&self.settings))?))
    }

    fn macros(&self) -> Vec<(&'static str, &'static str)> {
        let mut files = Vec::new();
        collect_macros(&MACROS, &mut files);
        files.sort_unstable();
        files
    }

    fn macro_package(&self) -> &'static str {
        "dbt_duckdb"
    }

    fn dispatch_prefixes(&self) -> &'static [&'static str] {
        &["duckdb"]
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

    fn storage(&self) -> Option<Vec<PathBuf>> {
        let settings = &self.settings;
        if !settings.attach.is_empty() || settings.refusal.is_some() || !settings.is_local() {
            return None;
        }
        let path = &settings.path;
        Some(if settings.is_persistent() { vec![path.into(), format!("{path}.wal").into()] } else { Vec::new() })
    }

    fn shadow(&self) -> Result<Box<dyn Shadow>, AdapterError> {
        Ok(Box::new(DuckShadow::open(&self.options, &self.settings)?))
    }

    fn publish(&self, schemas: &[String], file: &Path) -> Result<usize, AdapterError> {
        let mut connection = DuckConnection::new(self.instance()?, Arc::clone(&self.settings))?;
        publish::publish(&mut connection, &self.settings.database, schemas, file)
    }

    fn for_reading(&self) -> Result<Arc<dyn Adapter>, AdapterError> {
        let settings = Arc::new(self.settings.for_reading(&self.options)?);
        let (options, capabilities) = (self.options.clone(), self.capabilities.clone());
        Ok(Arc::new(Self { options, settings, capabilities, instance: Mutex::new(None) }))
    }

    fn target_options(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("path", ":memory:".into()),
            ("config_options", Value::Null),
            ("extensions", Value::Null),
            ("settings", Value::Map(Dict::new())),
            ("external_root", ".".into()),
            ("use_credential_provider", Value::Null),
            ("attach", Value::Null),
            ("filesystems", Value::Null),
            ("remote", Value::Null),
            ("plugins", Value::Null),
            ("disable_transactions", false.into()),
        ]
    }

    fn describe(&self) -> Vec<(String, String)> {
        let mut out = vec![
            ("duckdb version".to_owned(), engine::version()),
            ("database".to_owned(), self.settings.database.clone()),
            ("schema".to_owned(), self.settings.schema.clone()),
            ("path".to_owned(), self.options.get("path").map_or_else(|| ":memory:".to_owned(), Value::to_string)),
        ];
        for name in ["config_options", "extensions", "settings", "external_root", "attach", "disable_transactions"] {
            if let Some(value) = self.options.get(name) {
                out.push((name.to_owned(), without_secrets(value).to_string()));
            }
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

/// The value with everything masked whose name sounds secret.
fn without_secrets(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.iter().map(without_secrets).collect()),
        Value::Map(map) => {
            let secret = |key: &str| {
                let key = key.to_lowercase();
                ["secret", "password", "token", "key"].iter().any(|sign| key.contains(sign))
            };
            let entry = |(k, v): (&String, &Value)| {
                (k.clone(), if secret(k) { Value::from("****") } else { without_secrets(v) })
            };
            Value::Map(map.iter().map(entry).collect())
        }
        other => other.clone(),
    }
}

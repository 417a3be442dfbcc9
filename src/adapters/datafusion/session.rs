//! DataFusion itself. In: settings. Out: [`Engine`]: a runtime for its asynchronous code and the session that connections start
//! from.
//!
//! The planner knows Delta's nodes, queries spill to disk within a fair share of memory, the dialect is that of the first engine.

use std::path::Path;
use std::sync::Arc;

use datafusion::common::config::Dialect;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionState;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionConfig;
use deltalake_core::delta_datafusion::planner::DeltaPlanner;
use object_store::aws::AmazonS3Builder;
use tokio::runtime::Runtime;
use url::Url;

use super::cooperative::Cooperative;
use super::settings::{Place, Settings};
use super::space::files::Seen;
use super::spill::Spill;
use super::{errors, functions, optimizer};
use crate::adapters::{AdapterError, ErrorKind};
use crate::files::{Files, RealFiles};

/// How deeply expressions and queries may be nested. Parser and planner recurse; those who call have deep stacks.
const MAX_DEPTH: &str = "300";
/// Spill files may take so much room.
const SPILL_LIMIT: u64 = 1 << 40;

/// The parts that all connections share.
#[derive(Debug)]
pub(super) struct Engine {
    /// Runs what is asynchronous.
    pub(super) runtime: Runtime,
    /// Where connections start from.
    pub(super) session: SessionState,
    /// Where queries spill.
    pub(super) spill: Spill,
}

impl Engine {
    /// Starts it.
    pub(super) fn start(settings: &Settings) -> Result<Self, AdapterError> {
        let failed = |what: &str, why: &dyn std::fmt::Display| {
            AdapterError::new(ErrorKind::Connection, format!("{what} cannot be started: {why}"))
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("lake")
            .thread_stack_size(16 << 20)
            .build()
            .map_err(|e| failed("the runtime", &e))?;
        let spill = Spill::open(settings.spill.as_deref())?;
        let session = session(settings, &spill)?;
        Ok(Self { runtime, session, spill })
    }
}

fn session(settings: &Settings, spill: &Spill) -> Result<SessionState, AdapterError> {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(&settings.database, &settings.schema)
        .with_extension(Arc::new(Seen::default()));
    let options = config.options_mut();
    options.sql_parser.dialect = Dialect::DuckDB;
    options.sql_parser.collect_spans = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    set(options, "datafusion.sql_parser.recursion_limit", MAX_DEPTH)?;
    for (name, value) in &settings.options {
        set(options, name, value).map_err(|e| e.about_option("settings"))?;
    }
    let memory = settings.memory_limit.unwrap_or_else(default_memory);
    let tracked = std::num::NonZeroUsize::new(5).unwrap_or(std::num::NonZeroUsize::MIN);
    let pool = TrackConsumersPool::new(FairSpillPool::new(memory), tracked);
    let mut disk = DiskManagerBuilder::default().with_max_temp_directory_size(SPILL_LIMIT);
    if let Some(folder) = spill.folder() {
        disk = disk.with_mode(DiskManagerMode::Directories(vec![folder.to_owned()]));
    }
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(disk)
        .build_arc()
        .map_err(|e| errors::running(&e))?;
    if let Place::Remote(url) = &settings.place {
        let (bucket, store) = bucket(url, &settings.storage)?;
        runtime.register_object_store(&bucket, store);
    }
    let builder = SessionStateBuilder::new()
        .with_default_features()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_query_planner(DeltaPlanner::new())
        .with_optimizer_rules(optimizer::rules())
        .with_physical_optimizer_rule(Arc::new(Cooperative));
    Ok(functions::install(builder).build())
}

/// Sets an option of DataFusion.
pub(super) fn set(
    options: &mut datafusion::common::config::ConfigOptions,
    name: &str,
    value: &str,
) -> Result<(), AdapterError> {
    let Err(error) = options.set(name, value) else { return Ok(()) };
    let known: Vec<String> = options.entries().into_iter().map(|entry| entry.key).collect();
    if known.iter().any(|key| key == name) {
        let text = format!("`{name}` cannot be set to `{value}`: {}", errors::running(&error).message);
        return Err(AdapterError::new(ErrorKind::Settings, text));
    }
    let mut told = AdapterError::new(ErrorKind::Settings, format!("DataFusion has no setting `{name}`"));
    told.candidates = errors::nearest(name, known.iter().map(String::as_str)).into_iter().take(3).collect();
    Err(told)
}

/// The whole bucket of a lake, as the engine reads files of it.
fn bucket(url: &Url, options: &[(String, String)]) -> Result<(Url, Arc<dyn object_store::ObjectStore>), AdapterError> {
    let bucket = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    let mut builder = AmazonS3Builder::from_env().with_url(bucket.as_str());
    for (name, value) in options {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    let store = builder.build().map_err(|e| errors::store(&e, &bucket))?;
    let url = Url::parse(&bucket).map_err(|e| AdapterError::new(ErrorKind::Settings, format!("{bucket}: {e}")))?;
    Ok((url, Arc::new(store)))
}

/// Two thirds of the machine's memory, where it says how much it has.
fn default_memory() -> usize {
    let told = RealFiles.read_text(Path::new("/proc/meminfo")).ok();
    let kilobytes = told.as_deref().and_then(|text| {
        let line = text.lines().find(|l| l.starts_with("MemTotal:"))?;
        line.split_whitespace().nth(1)?.parse::<usize>().ok()
    });
    kilobytes.map_or(4 << 30, |k| k.saturating_mul(1024) / 3 * 2)
}

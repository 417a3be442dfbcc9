//! What every render of one invocation shares.
//!
//! In: settings, the project's facts, the doors of [`super::host`]. Out: [`SharedContext`], always behind an `Arc`.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use minijinja::value::Value;

use crate::base::{Dict, NodeId};
use crate::files::Env;
use crate::jinja::{DispatchSettings, modules, pylib};
use crate::node::previous::Deferral;

use super::host::{AdapterFacts, GraphSource, LogSink, NodeFiles, Policy, Resolved, Vars};

/// The invocation as templates see it. Make one with [`SharedContext::new`], then set the public fields.
pub struct SharedContext {
    /// Name of the root project.
    pub project_name: String,
    /// The engine's facts.
    pub adapter: AdapterFacts,
    /// `target`, without secrets.
    pub target: Dict,
    /// When the invocation began.
    pub run_started_at: DateTime<Utc>,
    /// Identity of the invocation.
    pub invocation_id: String,
    /// The version of dbt whose behaviour this is.
    pub dbt_version: String,
    /// `flags`: upper-case names.
    pub flags: Dict,
    /// `invocation_args_dict`.
    pub invocation_args: Dict,
    /// `dbt_metadata_envs`: variables that begin with `DBT_ENV_CUSTOM_ENV_`, without the prefix.
    pub metadata_envs: Dict,
    /// All packages, the root first.
    pub packages: Vec<String>,
    /// How `adapter.dispatch` searches.
    pub dispatch: DispatchSettings,
    /// `quoting:` of the root project.
    pub quoting: Dict,
    /// What `ref.config` shows of the root project.
    pub project_facts: Dict,
    /// The same of each package, by name.
    pub package_facts: Arc<Vec<(String, Dict)>>,
    /// Environment variables.
    pub env: Arc<Env>,
    /// Project variables.
    pub vars: Arc<dyn Vars>,
    /// Messages.
    pub log: Arc<dyn LogSink>,
    /// Files of nodes; none while parsing.
    pub files: Option<Arc<dyn NodeFiles>>,
    /// Makes `graph`; none while parsing.
    pub graph: Option<Arc<dyn GraphSource>>,
    /// Where nodes are in another state; none without `--defer`, and for all commands but `clone`.
    pub deferral: Option<Arc<Deferral>>,
    /// Pure functions and `modules`, by name.
    pub(super) library: HashMap<&'static str, Value>,
    state: State,
}

/// What changes during an invocation.
#[derive(Default)]
struct State {
    selected_resources: RwLock<Vec<String>>,
    graph: OnceLock<Value>,
    warned: Mutex<BTreeSet<String>>,
}

impl SharedContext {
    /// A context with its required parts; the public fields take the rest.
    pub fn new(
        project_name: impl Into<String>,
        adapter: AdapterFacts,
        env: Arc<Env>,
        vars: Arc<dyn Vars>,
        log: Arc<dyn LogSink>,
    ) -> Self {
        let project_name = project_name.into();
        Self {
            packages: vec![project_name.clone()],
            project_name,
            target: Dict::new(),
            run_started_at: DateTime::UNIX_EPOCH,
            invocation_id: String::new(),
            dbt_version: String::new(),
            flags: Dict::new(),
            invocation_args: Dict::new(),
            metadata_envs: Dict::new(),
            dispatch: DispatchSettings { prefixes: adapter.dispatch_prefixes.clone(), ..DispatchSettings::default() },
            adapter,
            quoting: Dict::new(),
            project_facts: Dict::new(),
            package_facts: Arc::default(),
            env,
            vars,
            log,
            files: None,
            graph: None,
            deferral: None,
            library: pylib::dbt_functions().into_iter().chain([("modules", modules::modules())]).collect(),
            state: State::default(),
        }
    }

    /// Sets `selected_resources`, once the selection is known.
    pub fn set_selected_resources(&self, unique_ids: Vec<String>) {
        *self.state.selected_resources.write().unwrap_or_else(PoisonError::into_inner) = unique_ids;
    }

    /// Unique ids of the selected resources.
    pub fn selected_resources(&self) -> Vec<String> {
        self.state.selected_resources.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a resource is selected.
    pub fn is_selected(&self, id: &NodeId) -> bool {
        let selected = self.state.selected_resources.read().unwrap_or_else(PoisonError::into_inner);
        selected.iter().any(|s| s == id.as_str())
    }

    /// A node's relation in the other state.
    pub fn deferred(&self, id: &NodeId) -> Option<Resolved> {
        let other = self.deferral.as_ref()?.relations.get(id)?;
        Some(Resolved::relation(other.relation.clone(), self.quote_policy().with(&other.quoting)))
    }

    /// The project's quoting over the engine's default.
    pub fn quote_policy(&self) -> Policy {
        Policy::ALL.with(&self.quoting)
    }

    /// `graph`: made once, an empty dict while parsing.
    pub(super) fn graph_value(&self) -> Value {
        let make =
            || self.graph.as_ref().map_or_else(|| super::dict([]), |source| super::to_value(&source.graph().into()));
        self.state.graph.get_or_init(make).clone()
    }

    /// Whether a message is new in this invocation.
    pub(super) fn first_time(&self, message: &str) -> bool {
        self.state.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(message.to_owned())
    }
}

impl fmt::Debug for SharedContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedContext({})", self.project_name)
    }
}

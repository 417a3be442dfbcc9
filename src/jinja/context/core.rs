//! The state that dbt's objects of one render share.
//!
//! In: what [`super::scope`] puts together. Out: [`Core`], behind an `Arc` in every object.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use indexmap::IndexMap;
use minijinja::Error;
use minijinja::value::Value;

use crate::base::{Dict, Relation};
use crate::diag::{Diagnostic, codes};

use super::capture::Capture;
use super::facts::NodeFacts;
use super::host::{Database, DocLookup, HostError, Policy, Resolver};
use super::raise::raise;
use super::relation::RelationObject;
use super::shared::SharedContext;
use super::statement::Results;

/// What a render is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Finding out what a node refers to: nothing is resolved, the database is a stub.
    Parse,
    /// `generate_*_name` macros: as parsing, but configs and variables answer.
    Names,
    /// Compiling and running.
    Run,
}

/// Which names a render sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    /// Everything: nodes, macros, hooks.
    Node,
    /// Properties files and `dbt_project.yml`: no macros, no references, no database.
    Yaml,
    /// `profiles.yml` and `packages.yml`: secrets are allowed, there is no target yet.
    Secret,
    /// Descriptions: as [`Surface::Yaml`], with `doc`.
    Docs,
    /// The text of a docs block: nothing but Jinja itself.
    Block,
}

/// Values of a unit test that stand in for real ones.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// By variable name.
    pub vars: Dict,
    /// By environment variable.
    pub env_vars: Dict,
    /// By macro name, with or without package: the value that a call returns.
    pub macros: Dict,
    /// The CTE that stands for `this`; none where the test gives no rows for it.
    pub this: Option<String>,
}

/// One render's state.
pub(super) struct Core {
    pub shared: Arc<SharedContext>,
    pub facts: NodeFacts,
    pub phase: Phase,
    pub surface: Surface,
    pub capture: Option<Arc<Capture>>,
    pub database: Option<Arc<dyn Database>>,
    pub resolver: Option<Arc<dyn Resolver>>,
    pub docs: Option<Arc<dyn DocLookup>>,
    pub overrides: Option<Overrides>,
    /// Names that cover even macros: `sql`, `results`, ...
    pub extra: IndexMap<String, Value>,
    pub results: Mutex<Results>,
    pub model: OnceLock<Value>,
    pub config: OnceLock<Value>,
    pub target: OnceLock<Value>,
}

impl Core {
    /// Whether this render runs for real.
    pub(super) fn executes(&self) -> bool {
        self.phase == Phase::Run
    }

    /// The database; an error where this render has none.
    pub(super) fn database(&self, purpose: &str) -> Result<&Arc<dyn Database>, Error> {
        self.database.as_ref().ok_or_else(|| {
            let message =
                format!("connection never acquired for thread: {purpose} needs a database, and none is open here");
            raise(
                Diagnostic::error(codes::JINJA_RUNTIME, message).help("`--introspect` lets templates ask the database"),
            )
        })
    }

    /// The quoting of the node over the project's over the engine's.
    pub(super) fn quote_policy(&self) -> Policy {
        let policy = self.shared.quote_policy();
        self.facts.config.map("quoting").map_or(policy, |own| policy.with(own))
    }

    /// The node's own relation; an unnamed one where the node has none.
    pub(super) fn own_relation(&self) -> RelationObject {
        let path = self.facts.relation.clone().unwrap_or_else(|| Relation {
            database: Some(self.shared.adapter.default_database.clone()),
            schema: Some(self.shared.adapter.default_schema.clone()),
            identifier: Some(self.facts.name.clone()).filter(|name| !name.is_empty()),
        });
        let mut relation = RelationObject::new(path, None, self.quote_policy());
        relation.require_alias = self.shared.adapter.subquery_alias;
        relation
    }

    /// Notes that the text depends on the database or on `execute`.
    pub(super) fn introspects(&self) {
        if let Some(capture) = &self.capture {
            capture.with(|c| c.introspective = true);
        }
    }

    /// A host's failure as a template error that names the node.
    pub(super) fn host_error(&self, error: HostError) -> Error {
        self.raise(error.into_diagnostic())
    }

    /// A diagnostic as a template error that names the node.
    pub(super) fn raise(&self, mut diagnostic: Diagnostic) -> Error {
        if diagnostic.node.is_none() {
            diagnostic.node = self.facts.id.as_ref().map(ToString::to_string);
        }
        raise(diagnostic)
    }

    /// A compilation error with dbt's message.
    pub(super) fn compiler_error(&self, message: impl Into<String>) -> Error {
        self.raise(Diagnostic::error(codes::COMPILER_ERROR, message))
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Core({:?}, {})", self.phase, self.facts.display_name())
    }
}

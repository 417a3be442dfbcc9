//! What became of a run: a verdict per node, with times and messages, and the exit code that follows.
//!
//! In: nodes of the project, seen as [`NodeFacts`]. Out: [`NodeOutcome`], [`FreshnessOutcome`], [`RunOutcome`]. Reports and
//! artifacts read these values; nothing here runs anything.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::failure::first_line;
use crate::base::{Dict, Interval, NodeId, Value};
use crate::diag::{Diagnostic, Span};
use crate::node::dict::CompiledCode;
use crate::node::{Exposure, Group, Node, ResourceType, Semantic, Source, UnitTest};

/// dbt's verdict on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Built.
    Success,
    /// Not built: an error.
    Error,
    /// Not tried, because something it needs did not succeed.
    Skipped,
    /// Some batches of a microbatch model succeeded, some did not.
    PartialSuccess,
    /// Nothing to do.
    NoOp,
    /// A test or freshness check that holds.
    Pass,
    /// A test that found failures.
    Fail,
    /// A test or freshness check that warns.
    Warn,
    /// A freshness check that could not be made.
    RuntimeError,
}

impl Status {
    /// dbt's spelling, as artifacts hold it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Skipped => "skipped",
            Self::PartialSuccess => "partial success",
            Self::NoOp => "no-op",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::RuntimeError => "runtime error",
        }
    }

    /// The status for dbt's spelling.
    pub fn parse(text: &str) -> Option<Self> {
        const ALL: [Status; 9] = [
            Status::Success,
            Status::Error,
            Status::Skipped,
            Status::PartialSuccess,
            Status::NoOp,
            Status::Pass,
            Status::Fail,
            Status::Warn,
            Status::RuntimeError,
        ];
        ALL.into_iter().find(|s| s.as_str() == text)
    }

    /// Whether the node itself went wrong: error, fail or a check that could not be made.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Fail | Self::RuntimeError)
    }
}

/// What reports say about a node, whatever kind of node it is. Shared by events and outcomes.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeFacts {
    /// Unique id.
    pub id: NodeId,
    /// Resource type.
    pub resource_type: ResourceType,
    /// Name.
    pub name: String,
    /// What it is, in dbt's words: `sql table model main.orders`, `test unique_orders_id`, `seed file main.raw`.
    pub description: String,
    /// `schema.alias`, with the database in front where that is not the target's own.
    pub representation: String,
    /// Path relative to the resource folder.
    pub path: String,
    /// Path relative to the package root.
    pub original_path: String,
    /// `materialized`; empty where there is none.
    pub materialized: String,
    /// Database.
    pub database: Option<String>,
    /// Schema.
    pub schema: Option<String>,
    /// Alias; empty where there is none.
    pub alias: String,
    /// The relation as SQL text.
    pub relation_name: Option<String>,
    /// Hash of the code.
    pub checksum: String,
    /// `meta`.
    pub meta: Dict,
    /// The config, of snapshots alone: their messages repeat it.
    pub config: Dict,
    /// The group, if the project was asked.
    pub group: Option<Arc<Group>>,
    /// The node that a generic test is written under.
    pub attached_node: Option<NodeId>,
    /// Whether the node is inlined into its readers.
    pub is_ephemeral: bool,
    /// Whether a test keeps its failing rows in `relation_name`.
    pub stores_failures: bool,
    /// Where the node is written: the place of errors that have no place of their own.
    pub written_at: Option<Span>,
}

impl NodeFacts {
    fn new(id: &NodeId, resource_type: ResourceType, name: &str, original_path: &str) -> Self {
        Self {
            id: id.clone(),
            resource_type,
            name: name.to_owned(),
            description: format!("{resource_type} {name}"),
            representation: name.to_owned(),
            path: below_first_folder(original_path).to_owned(),
            original_path: original_path.to_owned(),
            materialized: String::new(),
            database: None,
            schema: None,
            alias: String::new(),
            relation_name: None,
            checksum: String::new(),
            meta: Dict::new(),
            config: Dict::new(),
            group: None,
            attached_node: None,
            is_ephemeral: false,
            stores_failures: false,
            written_at: None,
        }
    }

    /// Facts about a node. `default_database` is the target's own, which messages leave out.
    pub fn of_node(node: &Node, default_database: Option<&str>) -> Self {
        let representation = match (&node.relation.database, &node.relation.schema) {
            (Some(db), Some(schema)) if Some(db.as_str()) != default_database => {
                format!("{db}.{schema}.{}", node.alias)
            }
            (_, Some(schema)) => format!("{schema}.{}", node.alias),
            _ => node.alias.clone(),
        };
        let materialized = node.config.materialized();
        let description = match node.resource_type {
            ResourceType::Model => {
                let kind = if node.is_microbatch() { "microbatch" } else { materialized };
                format!("{} {kind} model {representation}", node.language.as_str())
            }
            ResourceType::Seed => format!("seed file {representation}"),
            ResourceType::Snapshot => format!("snapshot {representation}"),
            ResourceType::Function => format!("function {representation}"),
            ResourceType::Operation => format!("hook: {}", hook_title(node)),
            kind => format!("{kind} {}", node.name),
        };
        Self {
            description,
            representation,
            path: node.path.clone(),
            materialized: materialized.to_owned(),
            database: node.relation.database.clone(),
            schema: node.relation.schema.clone(),
            alias: node.alias.clone(),
            relation_name: node.relation_name.clone(),
            checksum: node.checksum.checksum.clone(),
            meta: node.config.map("meta").cloned().unwrap_or_default(),
            config: if node.resource_type == ResourceType::Snapshot { node.config.0.clone() } else { Dict::new() },
            attached_node: node.generic_test().and_then(|t| t.attached_node.clone()),
            is_ephemeral: node.is_ephemeral(),
            stores_failures: node.resource_type == ResourceType::Test && stores_failures(node),
            written_at: Some(first_line(&node.template.span())),
            ..Self::new(&node.id, node.resource_type, &node.name, &node.original_path)
        }
    }

    /// Facts about a unit test. `schema` is that of the tested model.
    pub fn of_unit_test(test: &UnitTest, schema: Option<&str>) -> Self {
        let name = match &test.version {
            Value::Null => test.name.clone(),
            version => format!("{}_v{version}", test.name),
        };
        let folder = test.original_path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = if folder.is_empty() { format!("{name}.sql") } else { format!("{folder}/{name}.sql") };
        Self {
            description: format!("unit_test {}::{name}", test.model),
            representation: format!("{}::{name}", test.model),
            path,
            materialized: "unit".to_owned(),
            schema: schema.map(str::to_owned),
            alias: test.name.clone(),
            checksum: test.checksum.checksum.clone(),
            meta: test.config.map("meta").cloned().unwrap_or_default(),
            ..Self::new(&test.id, ResourceType::UnitTest, &test.name, &test.original_path)
        }
    }

    /// Facts about a source table.
    pub fn of_source(source: &Source) -> Self {
        Self {
            description: format!("freshness of {}.{}", source.source_name, source.name),
            representation: format!("{}.{}", source.source_name, source.name),
            path: source.original_path.clone(),
            database: source.relation.database.clone(),
            schema: source.relation.schema.clone(),
            relation_name: Some(source.relation_name.clone()),
            meta: source.meta.clone(),
            ..Self::new(&source.id, ResourceType::Source, &source.name, &source.original_path)
        }
    }

    /// Facts about a macro that is run by itself.
    pub fn of_macro(id: &NodeId, name: &str) -> Self {
        Self { path: String::new(), alias: name.to_owned(), ..Self::new(id, ResourceType::Operation, name, "") }
    }

    /// Facts about an exposure.
    pub fn of_exposure(exposure: &Exposure) -> Self {
        Self {
            path: exposure.path.clone(),
            meta: exposure.fields.get("meta").and_then(Value::as_map).cloned().unwrap_or_default(),
            ..Self::new(&exposure.id, ResourceType::Exposure, &exposure.name, &exposure.original_path)
        }
    }

    /// Facts about a saved query, metric, semantic model or function.
    pub fn of_semantic(semantic: &Semantic) -> Self {
        let facts = Self::new(&semantic.id, semantic.kind, &semantic.name, &semantic.original_path);
        let description = format!("{} {}", semantic.kind.as_str().replace('_', " "), semantic.name);
        Self { description, ..facts }
    }
}

fn below_first_folder(path: &str) -> &str {
    path.split_once('/').map_or(path, |(_, rest)| rest)
}

/// As dbt decides: `store_failures_as` beats `store_failures`.
fn stores_failures(node: &Node) -> bool {
    match node.config.str("store_failures_as") {
        Some(kind) => kind != "ephemeral",
        None => node.config.bool("store_failures").unwrap_or(false),
    }
}

/// `shop.on-run-start.0` for the operation `shop-on-run-start-0`.
fn hook_title(node: &Node) -> String {
    for phase in ["on-run-start", "on-run-end"] {
        if let Some((package, index)) = node.name.split_once(&format!("-{phase}-")) {
            return format!("{package}.{phase}.{index}");
        }
    }
    node.name.clone()
}

/// When a step of the work began and ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Begin.
    pub started_at: DateTime<Utc>,
    /// End.
    pub completed_at: DateTime<Utc>,
}

/// Times of the two steps of a node; a step that was not reached has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Rendering the code.
    pub compile: Option<Period>,
    /// Running it.
    pub execute: Option<Period>,
}

impl Timing {
    /// The first moment known.
    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        self.compile.or(self.execute).map(|s| s.started_at)
    }

    /// The last moment known.
    pub fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.execute.or(self.compile).map(|s| s.completed_at)
    }
}

/// The rendered code of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompiledFacts {
    /// Final code.
    pub code: String,
    /// The written file relative to the project, if it was written.
    pub path: Option<String>,
    /// Inlined parents: unique id and the CTE's text.
    pub extra_ctes: Vec<(String, String)>,
    /// What the foreign keys point to, as written and as relation.
    pub foreign_keys: Vec<(String, String)>,
    /// Whether it is that of a hook that ran.
    pub ran: bool,
}

impl CompiledFacts {
    /// The facts about code that may have been written to a file.
    pub fn of(code: &CompiledCode, path: Option<String>) -> Self {
        let CompiledCode { code, extra_ctes, foreign_keys, .. } = code.clone();
        Self { code, path, extra_ctes, foreign_keys, ran: false }
    }

    /// The code as a node's dict shows it.
    pub fn to_code(&self) -> CompiledCode {
        let Self { code, path, extra_ctes, foreign_keys, ran } = self.clone();
        CompiledCode { code, path, extra_ctes, foreign_keys, ran }
    }
}

/// Which batches of a microbatch model are done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchResults {
    /// Batches that are in the table.
    pub successful: Vec<Interval>,
    /// Batches that are not.
    pub failed: Vec<Interval>,
}

/// What became of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeOutcome {
    /// The node.
    pub node: Arc<NodeFacts>,
    /// The verdict.
    pub status: Status,
    /// `OK`, `INSERT 5`, `Got 3 results, configured to fail if != 0`, or the error's text.
    pub message: Option<String>,
    /// Failing rows of a test.
    pub failures: Option<i64>,
    /// Times of the steps.
    pub timing: Timing,
    /// Seconds from start to end, waiting for nothing.
    pub execution_time: f64,
    /// `Thread-1 (worker)`, `main`.
    pub thread_id: String,
    /// What the engine answered: `_message`, `code`, `rows_affected`.
    pub adapter_response: Dict,
    /// The rendered code; none if the node was not rendered.
    pub compiled: Option<CompiledFacts>,
    /// Problems with their places in the source.
    pub diagnostics: Vec<Diagnostic>,
    /// The node whose verdict caused the skip.
    pub skipped_because: Option<NodeId>,
    /// Batches of a microbatch model.
    pub batch_results: Option<BatchResults>,
}

impl NodeOutcome {
    /// An outcome with a verdict and nothing else.
    pub fn new(node: Arc<NodeFacts>, status: Status) -> Self {
        Self {
            node,
            status,
            message: None,
            failures: None,
            timing: Timing::default(),
            execution_time: 0.0,
            thread_id: "main".to_owned(),
            adapter_response: Dict::new(),
            compiled: None,
            diagnostics: Vec::new(),
            skipped_because: None,
            batch_results: None,
        }
    }

    /// The node's unique id.
    pub fn id(&self) -> &NodeId {
        &self.node.id
    }
}

/// What became of one freshness check.
#[derive(Clone, Debug, PartialEq)]
pub struct FreshnessOutcome {
    /// The source table.
    pub node: Arc<NodeFacts>,
    /// `source` of `source.table`.
    pub source_name: String,
    /// Pass, warn, error, or runtime error.
    pub status: Status,
    /// The error's text, if the check could not be made.
    pub message: Option<String>,
    /// When the newest row was loaded.
    pub max_loaded_at: Option<DateTime<Utc>>,
    /// When the check was made.
    pub snapshotted_at: Option<DateTime<Utc>>,
    /// Seconds between the two.
    pub age: f64,
    /// `warn_after`, `error_after`, `filter`.
    pub criteria: Value,
    /// Times of the steps.
    pub timing: Timing,
    /// Seconds from start to end.
    pub execution_time: f64,
    /// Name of the worker.
    pub thread_id: String,
    /// What the engine answered.
    pub adapter_response: Dict,
    /// Problems with their places in the source.
    pub diagnostics: Vec<Diagnostic>,
}

/// What became of a whole run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunOutcome {
    /// Nodes and hooks in the order in which they ended.
    pub outcomes: Vec<NodeOutcome>,
    /// Freshness checks in the order in which they ended.
    pub freshness: Vec<FreshnessOutcome>,
    /// Seconds that the run took.
    pub elapsed: f64,
    /// When the run ended.
    pub generated_at: DateTime<Utc>,
    /// Whether the user stopped the run.
    pub interrupted: bool,
    /// A hook of `on-run-end` that could not be rendered: dbt ends there, with everything before it kept.
    pub broken_hook: Option<Diagnostic>,
    /// The code of ephemeral models that is in that of others.
    pub inlined: Vec<(NodeId, CompiledFacts)>,
}

impl RunOutcome {
    /// The outcome of work that began at a moment and ends now.
    pub fn of(outcomes: Vec<NodeOutcome>, started: Instant) -> Self {
        let elapsed = started.elapsed().as_secs_f64();
        Self {
            outcomes,
            freshness: Vec::new(),
            elapsed,
            generated_at: Utc::now(),
            interrupted: false,
            broken_hook: None,
            inlined: Vec::new(),
        }
    }

    /// dbt's exit code: 1 if anything failed, was skipped (exposures aside) or was stopped, else 0.
    pub fn exit_code(&self) -> u8 {
        let bad_node = |o: &NodeOutcome| match o.status {
            Status::Error | Status::Fail | Status::RuntimeError | Status::PartialSuccess => true,
            Status::Skipped => o.node.resource_type != ResourceType::Exposure,
            Status::Success | Status::NoOp | Status::Pass | Status::Warn => false,
        };
        let failed = self.outcomes.iter().any(bad_node) || self.freshness.iter().any(|f| f.status.is_failure());
        u8::from(failed || self.interrupted)
    }

    /// Counts for the summary line.
    pub fn counts(&self) -> StatusCounts {
        let mut counts = StatusCounts::default();
        let all = self.outcomes.iter().map(|o| o.status).chain(self.freshness.iter().map(|f| f.status));
        for status in all {
            counts.total += 1;
            match status {
                Status::Success | Status::Pass => counts.pass += 1,
                Status::Warn => counts.warn += 1,
                Status::Error | Status::Fail | Status::PartialSuccess | Status::RuntimeError => counts.error += 1,
                Status::Skipped => counts.skip += 1,
                Status::NoOp => counts.noop += 1,
            }
        }
        counts
    }
}

/// How many nodes ended how, as the summary line counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusCounts {
    /// Built or held.
    pub pass: usize,
    /// Warned.
    pub warn: usize,
    /// Failed, wholly or in part.
    pub error: usize,
    /// Not tried.
    pub skip: usize,
    /// Nothing to do.
    pub noop: usize,
    /// All of them.
    pub total: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    type Verdict = (&'static str, ResourceType, Status);

    fn run(list: &[Verdict], interrupted: bool) -> RunOutcome {
        let outcomes = list.iter().map(|(name, kind, status)| {
            let facts = NodeFacts::new(&NodeId::from(*name), *kind, name, "models/x.sql");
            NodeOutcome::new(Arc::new(facts), *status)
        });
        let generated_at = DateTime::UNIX_EPOCH;
        RunOutcome {
            outcomes: outcomes.collect(),
            freshness: Vec::new(),
            elapsed: 0.0,
            generated_at,
            interrupted,
            broken_hook: None,
            inlined: Vec::new(),
        }
    }

    #[test]
    fn exit_codes_are_dbts() {
        use ResourceType::{Exposure, Model, Test};
        let cases: [(&[Verdict], bool, u8); 7] = [
            (&[], false, 0),
            (&[("a", Model, Status::Success), ("b", Test, Status::Warn), ("c", Exposure, Status::NoOp)], false, 0),
            (&[("a", Model, Status::Error)], false, 1),
            (&[("a", Test, Status::Fail)], false, 1),
            (&[("a", Model, Status::Skipped)], false, 1),
            (&[("a", Exposure, Status::Skipped)], false, 0),
            (&[("a", Model, Status::Success)], true, 1),
        ];
        for (list, interrupted, code) in cases {
            assert_eq!(run(list, interrupted).exit_code(), code, "{list:?} {interrupted}");
        }
        assert_eq!(run(&[("a", Model, Status::PartialSuccess)], false).exit_code(), 1);
    }

    #[test]
    fn statuses_are_read_back() {
        for status in ["success", "partial success", "no-op", "runtime error", "pass"] {
            assert_eq!(Status::parse(status).map(Status::as_str), Some(status));
        }
        assert_eq!(Status::parse("reused"), None);
    }
}

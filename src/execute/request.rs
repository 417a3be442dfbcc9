//! What a run needs to know.
//!
//! In: values that earlier stages made. Out: [`RunRequest`] for [`run`](super::run), [`Surroundings`] for everything here.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::adapters::Adapter;
use crate::base::NodeId;
use crate::compile::Compiler;
use crate::diag::{Diagnostic, Span};
use crate::graph::ExecutionGraph;
use crate::jinja::Engine;
use crate::jinja::context::SharedContext;
use crate::node::{Node, Project};
use crate::plan::BatchWish;

use super::cancel::CancelFlag;
use super::event::EventSink;
use super::outcome::BatchResults;

/// A text by the id of the node that a statement belongs to.
pub type CommentText = Arc<dyn Fn(Option<&str>) -> Result<String, Diagnostic> + Send + Sync>;

/// The comment that every statement carries.
#[derive(Clone)]
pub struct QueryComment {
    /// Its text without the marks.
    pub text: CommentText,
    /// Whether it stands behind the statement.
    pub append: bool,
}

impl QueryComment {
    /// What stands in front of a node's statements and what behind.
    pub(super) fn around(&self, node: Option<&str>) -> Result<(String, String), Diagnostic> {
        let text = (self.text)(node)?;
        Ok(match (text.is_empty(), self.append) {
            (true, _) => (String::new(), String::new()),
            (_, true) => (String::new(), format!("\n/* {text} */")),
            (_, false) => (format!("/* {text} */\n"), String::new()),
        })
    }
}

/// Keeps rendered code: `target/compiled/`.
pub trait CodeWriter: Send + Sync {
    /// Writes a node's code; the path relative to the project, if the node's code is kept at all. The node of a unit test
    /// has the test's name and path. The code of a batch goes to a file that is named after it.
    fn write_compiled(&self, node: &Node, batch: Option<&str>, code: &str) -> Result<Option<String>, Diagnostic>;

    /// A line of a seed's file.
    fn seed_line(&self, file: &Path, line: usize) -> Option<Span>;
}

/// Everything around a node that runs. Cheap to clone.
#[derive(Clone)]
pub struct Surroundings {
    /// The parsed project.
    pub project: Arc<Project>,
    /// The project's macros.
    pub engine: Engine,
    /// The invocation as templates see it.
    pub shared: Arc<SharedContext>,
    /// Renders nodes.
    pub compiler: Arc<Compiler>,
    /// The engine that runs the SQL.
    pub adapter: Arc<dyn Adapter>,
    /// Who listens.
    pub sink: Arc<dyn EventSink>,
    /// How the user stops the run.
    pub cancel: Arc<CancelFlag>,
    /// Keeps rendered code.
    pub writer: Arc<dyn CodeWriter>,
    /// The comment that every statement carries.
    pub query_comment: Option<QueryComment>,
}

/// What the end of a node means for those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocking {
    /// Errors skip what is below: `run`, `seed`, `snapshot`, `test`.
    Errors,
    /// Failed tests do so too: `build`.
    ErrorsAndFailures,
    /// Nothing does: `source freshness`.
    Nothing,
}

/// How a run goes about its nodes.
#[derive(Clone, Debug)]
pub struct RunSettings {
    /// Number of workers.
    pub threads: usize,
    /// Start nothing more after the first failure.
    pub fail_fast: bool,
    /// What skips the nodes below.
    pub blocking: Blocking,
    /// Whether a test's warning is a failure (`--warn-error`, or its options name `LogTestResult`).
    pub warn_error: bool,
    /// Whether `on-run-start` and `on-run-end` run.
    pub hooks: bool,
    /// Whether a failed `on-run-start` skips all nodes (`skip_nodes_if_on_run_start_fails`).
    pub skip_nodes_if_on_run_start_fails: bool,
    /// Whether imported packages may replace built-in materializations (`require_explicit_package_overrides...: false`).
    pub packages_may_override_materializations: bool,
    /// Whether nodes are cloned from another state instead of being built.
    pub clones: bool,
    /// Whether missing schemas are created first.
    pub create_schemas: bool,
    /// Which batches of microbatch models are wanted.
    pub batches: BatchRequest,
    /// The query of a change log, from which snapshots are told anew.
    pub rebuild_from: Option<String>,
}

/// Which batches of microbatch models are wanted.
#[derive(Clone, Debug)]
pub struct BatchRequest {
    /// What the user asks for.
    pub wish: BatchWish,
    /// The time until which batches run, if it is not the begin of this invocation (`retry`).
    pub now: Option<DateTime<Utc>>,
    /// Whether parents show only a part of their rows: `--sample`, `--empty`.
    pub partial: bool,
    /// What became of the batches of an earlier run: of these models, only failed batches run (`retry`).
    pub previous: HashMap<NodeId, BatchResults>,
    /// When the run began that was killed and is gone on with: what it has recorded is done (`retry`).
    pub resumes: Option<DateTime<Utc>>,
}

impl Default for BatchRequest {
    fn default() -> Self {
        Self { wish: BatchWish::Run(None), now: None, partial: false, previous: HashMap::new(), resumes: None }
    }
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            threads: 1,
            fail_fast: false,
            blocking: Blocking::Errors,
            warn_error: false,
            hooks: true,
            skip_nodes_if_on_run_start_fails: true,
            packages_may_override_materializations: false,
            clones: false,
            create_schemas: true,
            batches: BatchRequest::default(),
            rebuild_from: None,
        }
    }
}

/// One run: what, among what, and how.
#[derive(Clone)]
pub struct RunRequest {
    /// Everything around.
    pub surroundings: Surroundings,
    /// What runs, in which order.
    pub graph: ExecutionGraph,
    /// How.
    pub settings: RunSettings,
}

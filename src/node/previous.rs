//! What an earlier invocation left behind, as plain values: its manifest, its results, its freshness checks, and the
//! relations that unbuilt parents are read from. Files are read elsewhere; nothing here knows their format.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use indexmap::IndexMap;

use crate::base::{Dict, Interval, NodeId, Relation, Value};

/// An earlier manifest.
#[derive(Clone, Debug, Default)]
pub struct PreviousManifest {
    /// The folder it was read from, as the user wrote it.
    pub folder: String,
    /// Every member of the graph (nodes, sources, exposures, unit tests, semantic layer) as its dict.
    pub members: IndexMap<NodeId, Dict>,
    /// The text of every macro by unique id.
    pub macros: HashMap<String, String>,
}

/// One verdict of an earlier run.
#[derive(Clone, Debug, PartialEq)]
pub struct PreviousResult {
    /// The node.
    pub id: NodeId,
    /// dbt's spelling of the status.
    pub status: String,
    /// `batch_results` of a microbatch model: `successful` and `failed`, lists of start and end.
    pub batches: Option<PreviousBatches>,
}

/// Which batches an earlier run had done and which not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PreviousBatches {
    /// Batches that are in the table.
    pub successful: Vec<Interval>,
    /// Batches that are not.
    pub failed: Vec<Interval>,
}

/// In what a node or a source differs from the earlier one, beside what its SQL gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// A config; none where it was or is not set.
    Config {
        /// Its key; hooks under `pre-hook` and `post-hook`.
        key: String,
        /// What was written.
        was: Option<Value>,
        /// What is written.
        is: Option<Value>,
    },
    /// The rows of a seed's file.
    File,
    /// The table or the files behind a source.
    Table {
        /// As SQL text.
        was: String,
        /// As SQL text.
        is: String,
    },
    /// These macros, which a hook or the materialization calls.
    Macros(Vec<String>),
}

impl Difference {
    /// In which part of its name the relation is elsewhere.
    pub fn moves(&self) -> Option<&str> {
        match self {
            Self::Config { key, .. } if key == "schema" || key == "database" => Some(key),
            _ => None,
        }
    }
}

/// An earlier run.
#[derive(Clone, Debug, Default)]
pub struct PreviousRun {
    /// The command's settings under dbt's names.
    pub args: Dict,
    /// The verdicts in order.
    pub results: Vec<PreviousResult>,
    /// When the command began, or else when it ended.
    pub started_at: Option<DateTime<Utc>>,
}

/// Earlier freshness checks: when the newest row of each source was loaded; none if that could not be found out.
pub type PreviousFreshness = HashMap<NodeId, Option<DateTime<Utc>>>;

/// What `retry` does again: these nodes, and of microbatch models only the batches that failed.
#[derive(Clone, Debug, Default)]
pub struct RetryScope {
    /// The nodes.
    pub nodes: HashSet<NodeId>,
    /// Batches of models that succeeded in part.
    pub batches: HashMap<NodeId, PreviousBatches>,
    /// When the first attempt began: its moment decides which batches there are.
    pub started_at: Option<DateTime<Utc>>,
    /// Nobody knows what the first attempt has done: it was killed. Of batches the ledger knows.
    pub was_killed: bool,
}

/// Where a node is in another state.
#[derive(Clone, Debug, PartialEq)]
pub struct DeferredRelation {
    /// The relation.
    pub relation: Relation,
    /// `quoting` of the node's config there.
    pub quoting: Dict,
    /// The relation as SQL text, as the other state wrote it.
    pub relation_name: Option<String>,
    /// The node there, as `defer_relation` of the node's dict shows it.
    pub fields: Dict,
}

/// Nodes' relations in another state, for `--defer` and `clone`.
#[derive(Clone, Debug, Default)]
pub struct Deferral {
    /// The relations by node.
    pub relations: HashMap<NodeId, DeferredRelation>,
    /// `--defer`: references go there where there is nothing here.
    pub refs: bool,
    /// `--favor-state`: references to what is not selected go there in any case.
    pub favor_state: bool,
}

impl Deferral {
    /// The relations of a manifest: of its models, seeds and snapshots that have one.
    pub fn new(manifest: &PreviousManifest, refs: bool, favor_state: bool) -> Self {
        let of_node = |(id, node): (&NodeId, &Dict)| Some((id.clone(), DeferredRelation::of(id, node)?));
        Self { relations: manifest.members.iter().filter_map(of_node).collect(), refs, favor_state }
    }
}

impl DeferredRelation {
    fn of(id: &NodeId, node: &Dict) -> Option<Self> {
        let text = |key: &str| node.get(key).and_then(Value::as_str).map(str::to_owned);
        let config = |key: &str| node.get("config").and_then(|c| c.get(key));
        let is_ephemeral = config("materialized").and_then(Value::as_str) == Some("ephemeral");
        if !matches!(id.resource_type(), "model" | "seed" | "snapshot") || is_ephemeral {
            return None;
        }
        let keys = ["database", "schema", "alias", "relation_name", "resource_type", "name", "description"];
        let keys = keys.into_iter().chain(["compiled_code", "meta", "tags", "config"]);
        let fields = keys.map(|key| (key.to_owned(), node.get(key).cloned().unwrap_or_default())).collect();
        Some(Self {
            relation: Relation {
                database: text("database"),
                schema: text("schema"),
                identifier: text("alias").or_else(|| text("name")),
            },
            quoting: config("quoting").and_then(Value::as_map).cloned().unwrap_or_default(),
            relation_name: text("relation_name"),
            fields,
        })
    }
}

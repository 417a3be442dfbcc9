//! The plan as data.
//!
//! In: what [`plan`](super::plan) decides. Out: [`Plan`], [`Step`], [`Action`], each with a stable word for programs and one for
//! people.

use crate::base::{Dict, NodeId, Value};
use crate::node::ResourceType;

use super::batches::{BatchPlan, Why};
use super::incremental::{Addition, Strategy};
use super::schema_change::SchemaChange;
use super::snapshot::SnapshotPlan;

/// What a run does with a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A table is made where nothing was.
    CreateTable,
    /// A table takes the place of what was there.
    ReplaceTable,
    /// A view is made where nothing was.
    CreateView,
    /// A view takes the place of what was there.
    ReplaceView,
    /// Rows get into a table that exists.
    Add(Box<Addition>),
    /// A model is built batch by batch.
    Batches {
        /// The batches; none where only the data tells them.
        plan: Option<Box<BatchPlan>>,
        /// Whether the table is made anew by the first of them.
        creates: bool,
        /// What becomes of the columns of a table that exists.
        schema: Option<SchemaChange>,
    },
    /// The first run of a snapshot.
    CreateSnapshot(Box<SnapshotPlan>),
    /// A later run of a snapshot.
    UpdateSnapshot(Box<SnapshotPlan>),
    /// A seed's table is made.
    CreateSeed,
    /// A seed's table is emptied and filled.
    ReloadSeed,
    /// A seed's table is made anew.
    ReplaceSeed,
    /// A data test runs.
    Test {
        /// Whether it keeps failing rows in its relation.
        stores_failures: bool,
    },
    /// A unit test runs.
    UnitTest,
    /// A file is written and a view put on it.
    External {
        /// The location, as the config has it.
        location: Option<String>,
        /// Whether only partitions that have new rows are replaced.
        by_partition: bool,
    },
    /// A table function is made or replaced.
    TableFunction,
    /// A macro of the project decides.
    Custom {
        /// Its unique id, where it is not a built-in one that decides as it runs.
        maker: Option<String>,
    },
    /// A hook of the project runs.
    Hook,
    /// Nothing is done, and that is in order.
    Skip,
    /// The run is going to refuse it.
    Refuse,
    /// What it needs is going to fail.
    Blocked(NodeId),
}

impl Action {
    /// The word that programs see. Stable.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::CreateTable => "create_table",
            Self::ReplaceTable => "replace_table",
            Self::CreateView => "create_view",
            Self::ReplaceView => "replace_view",
            Self::Add(addition) => match addition.strategy {
                Strategy::Append => "append",
                Strategy::DeleteInsert => "delete_insert",
                Strategy::Merge => "merge",
                Strategy::InsertOverwrite => "insert_overwrite",
                Strategy::Microbatch => "microbatch",
                Strategy::Custom(_) => "custom_strategy",
            },
            Self::Batches { .. } => "microbatch",
            Self::CreateSnapshot(_) => "create_snapshot",
            Self::UpdateSnapshot(_) => "update_snapshot",
            Self::CreateSeed => "create_seed",
            Self::ReloadSeed => "reload_seed",
            Self::ReplaceSeed => "replace_seed",
            Self::Test { .. } => "test",
            Self::UnitTest => "unit_test",
            Self::External { .. } => "external",
            Self::TableFunction => "table_function",
            Self::Custom { .. } => "custom",
            Self::Hook => "hook",
            Self::Skip => "skip",
            Self::Refuse => "fail",
            Self::Blocked(_) => "skip_upstream_failed",
        }
    }

    /// The words that people see.
    pub fn words(&self) -> String {
        match self {
            Self::Add(addition) => match &addition.strategy {
                Strategy::Custom(name) => format!("add ({name})"),
                strategy => strategy.as_str().to_owned(),
            },
            Self::Batches { plan: Some(plan), .. } => match plan.batches.len() {
                1 => "1 batch".to_owned(),
                count => format!("{count} batches"),
            },
            Self::Batches { plan: None, .. } => "batches".to_owned(),
            Self::Blocked(_) => "skip".to_owned(),
            other => other.as_str().replace('_', " "),
        }
    }

    /// What belongs to this kind of action, for programs.
    pub fn details(&self) -> Dict {
        let texts = |items: &[String]| Value::List(items.iter().map(|i| i.as_str().into()).collect());
        let schema = |change: &Option<SchemaChange>| change.as_ref().map_or(Value::Null, |c| Value::Map(c.to_dict()));
        let pairs: Vec<(&str, Value)> = match self {
            Self::Add(a) => vec![
                ("strategy", a.strategy.as_str().into()),
                ("unique_key", texts(&a.keys)),
                ("predicates", texts(&a.predicates)),
                ("partition_by", texts(&a.partitions)),
                ("merge", Value::Map(a.merge.clone())),
                ("columns", a.columns.as_deref().map_or(Value::Null, texts)),
                ("schema_change", Value::Map(a.schema.to_dict())),
                ("macro", a.spelled_by.clone().into()),
            ],
            Self::Batches { plan, creates, schema: change } => vec![
                ("creates_table", (*creates).into()),
                ("batches", plan.as_deref().map_or(Value::Null, batches)),
                ("adopts", plan.as_ref().and_then(|p| p.adopt).map_or(Value::Null, |i| Value::Map(interval(i)))),
                ("schema_change", schema(change)),
            ],
            Self::CreateSnapshot(s) | Self::UpdateSnapshot(s) => vec![
                ("strategy", s.strategy.as_str().into()),
                ("unique_key", texts(&s.keys)),
                ("updated_at", s.updated_at.clone().into()),
                ("check_cols", texts(&s.check_columns)),
                ("hard_deletes", s.hard_deletes.as_str().into()),
                ("schema_change", schema(&s.schema)),
            ],
            Self::Test { stores_failures } => vec![("stores_failures", (*stores_failures).into())],
            Self::External { location, by_partition } => {
                vec![("location", location.clone().into()), ("by_partition", (*by_partition).into())]
            }
            Self::Custom { maker } => vec![("macro", maker.clone().into())],
            Self::Blocked(parent) => vec![("because_of", parent.as_str().into())],
            _ => Vec::new(),
        };
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Whether the node will not be built, so that what reads it cannot be either.
    pub fn blocks(&self) -> bool {
        matches!(self, Self::Refuse | Self::Blocked(_))
    }
}

fn interval(interval: crate::base::Interval) -> Dict {
    [("start", interval.start), ("end", interval.end)]
        .into_iter()
        .map(|(key, bound)| (key.to_owned(), bound.to_string().into()))
        .collect()
}

fn batches(plan: &BatchPlan) -> Value {
    let one = |batch: &super::batches::PlannedBatch| {
        let mut dict = interval(batch.interval);
        let why = match batch.why {
            Why::Build => "build",
            Why::Asked => "asked",
            Why::Lookback => "lookback",
            Why::Missing => "missing",
        };
        dict.insert("why".to_owned(), why.into());
        Value::Map(dict)
    };
    Value::List(plan.batches.iter().map(one).collect())
}

/// What is done with one node, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The node.
    pub id: NodeId,
    /// Its name, with the version.
    pub name: String,
    /// What kind of node it is.
    pub resource_type: ResourceType,
    /// Its relation, as SQL text.
    pub relation: Option<String>,
    /// Its relation, for people: the target's own database is left out.
    pub place: String,
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: String,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// Rows in the relation now, as the catalog believes.
    pub rows_now: Option<u64>,
    /// How many files of the relation are small and could be written together.
    pub small_files: u64,
    /// Rows afterwards, where that is known before.
    pub rows_after: Option<u64>,
    /// Hooks before and after.
    pub hooks: (usize, usize),
    /// Whether it is written in Python.
    pub python: bool,
}

/// What a run does, in the order in which it does it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Schemas that are made first: database and name.
    pub schemas: Vec<(String, String)>,
    /// The steps.
    pub steps: Vec<Step>,
    /// Nodes of the project that `enabled: false` takes out.
    pub disabled: Vec<NodeId>,
}

impl Plan {
    /// Whether something is going to be refused.
    pub fn fails(&self) -> bool {
        self.steps.iter().any(|step| step.action == Action::Refuse)
    }
}

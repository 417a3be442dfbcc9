//! All steps of a transaction -> one log entry. In: the steps' actions. Out: [`StagedCommit`].
//!
//! What one step added and a later one removed never was, so readers and other writers see one change without a middle.
//! The laws: the squashed entry leaves the same files active as the steps one after the other, and squashing it again changes nothing.

use std::collections::HashSet;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::{DeltaError, StagedTable};

/// One staged change.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Delta's name of the operation: `WRITE`, `MERGE`, `DELETE`.
    pub(super) operation: &'static str,
    /// What it was asked to do.
    pub(super) parameters: Map<String, Value>,
    /// How many rows it touched, by Delta's names.
    pub(super) metrics: Map<String, Value>,
    /// Without `commitInfo`.
    pub(super) actions: Vec<Value>,
    /// Adds rows and has read nothing of the table: it may go on top of any other change.
    pub(super) blind: bool,
}

impl Step {
    pub(super) fn new(operation: &'static str, actions: Vec<Value>) -> Self {
        Self { operation, parameters: Map::new(), metrics: Map::new(), actions, blind: false }
    }

    pub(super) fn with(mut self, parameter: &str, value: impl Into<Value>) -> Self {
        // The protocol wants the parameters' values as text.
        let text = match value.into() {
            Value::String(text) => text,
            other => other.to_string(),
        };
        self.parameters.insert(parameter.to_string(), Value::String(text));
        self
    }

    pub(super) fn counted(mut self, metric: &str, rows: u64) -> Self {
        self.metrics.insert(metric.to_string(), Value::String(rows.to_string()));
        self
    }

    /// Whether it brings files and nothing else.
    pub(super) fn only_adds(&self) -> bool {
        self.actions.iter().all(|action| action.get("add").is_some())
    }

    /// The step as a log entry of its own, for the overlay.
    pub(super) fn entry(&self) -> String {
        lines(&self.actions)
    }
}

/// One commit, ready to be published.
#[derive(Clone, Debug)]
pub struct StagedCommit {
    /// Where the table lies in the lake.
    pub location: String,
    /// The version it becomes.
    pub version: u64,
    /// It only adds rows and has read nothing of the table, so it may be renumbered to go on top of others' commits.
    pub blind_append: bool,
    /// The log entry.
    pub json: String,
    /// Data files that were written and replaced within the transaction: nobody will ever see them.
    pub orphans: Vec<String>,
    actions: Vec<Value>,
}

impl StagedCommit {
    /// Makes it another version: on top of what others have committed meanwhile. Whether it means the same there, the caller
    /// knows.
    pub fn move_to(&mut self, version: u64) {
        for action in &mut self.actions {
            if let Some(txn) = action.get_mut("txn") {
                txn["version"] = json!(version);
            }
        }
        self.version = version;
        self.json = lines(&self.actions);
    }
}

fn lines(actions: &[Value]) -> String {
    let mut text = String::new();
    for action in actions {
        text.push_str(&action.to_string());
        text.push('\n');
    }
    text
}

/// The identity of a data file in the log: a file with another deletion vector is another file.
pub(super) fn file_key(file: &Value) -> String {
    let path = file.get("path").and_then(Value::as_str).unwrap_or_default();
    match file.get("deletionVector").filter(|dv| !dv.is_null()) {
        Some(dv) => format!("{path}\n{dv}"),
        None => path.to_string(),
    }
}

/// The net effect of a sequence of actions, and the files that came and went within it.
pub(super) fn net<'a>(actions: impl Iterator<Item = &'a Value>) -> (Vec<Value>, Vec<String>) {
    let (mut protocol, mut meta) = (None, None);
    let mut adds: IndexMap<String, Value> = IndexMap::new();
    let mut removes: IndexMap<String, Value> = IndexMap::new();
    let mut named: IndexMap<String, Value> = IndexMap::new();
    let mut orphans = Vec::new();
    for action in actions {
        if let Some(add) = action.get("add") {
            let key = file_key(add);
            // A file that comes back as it was is no change at all.
            if removes.shift_remove(&key).is_none() {
                adds.insert(key, action.clone());
            }
        } else if let Some(remove) = action.get("remove") {
            let key = file_key(remove);
            match adds.shift_remove(&key) {
                Some(_) => orphans.extend(remove.get("path").and_then(Value::as_str).map(str::to_string)),
                None => {
                    removes.insert(key, action.clone());
                }
            }
        } else if action.get("protocol").is_some() {
            protocol = Some(action.clone());
        } else if action.get("metaData").is_some() {
            meta = Some(action.clone());
        } else if let Some(txn) = action.get("txn") {
            named.insert(format!("txn {}", txn["appId"]), action.clone());
        } else if let Some(domain) = action.get("domainMetadata") {
            named.insert(format!("domain {}", domain["domain"]), action.clone());
        }
    }
    let kept: HashSet<&String> = adds.keys().collect();
    orphans.retain(|path| !kept.contains(path));
    let mut net: Vec<Value> = protocol.into_iter().chain(meta).chain(named.into_values()).collect();
    net.extend(removes.into_values());
    net.extend(adds.into_values());
    (net, orphans)
}

impl StagedTable {
    /// One commit of all that was staged; `None` if nothing was, or if it cancels out.
    pub async fn squash(&self) -> Result<Option<StagedCommit>, DeltaError> {
        Ok(self.squashed(self.steps.iter().collect()))
    }

    /// The same without the compaction that appends have brought with them: it goes on top of others' commits, which may have
    /// compacted the same files. `None` if there was no compaction, or more than appends.
    pub fn squash_appends(&self) -> Option<StagedCommit> {
        let (compaction, others): (Vec<&Step>, Vec<&Step>) = self.steps.iter().partition(|s| s.operation == "OPTIMIZE");
        if compaction.is_empty() || others.is_empty() || !others.iter().all(|step| step.blind) {
            return None;
        }
        self.squashed(others)
    }

    fn squashed(&self, steps: Vec<&Step>) -> Option<StagedCommit> {
        let (mut actions, orphans) = net(steps.iter().flat_map(|step| &step.actions));
        if actions.is_empty() {
            return None;
        }
        let compaction = steps.iter().all(|step| step.operation == "OPTIMIZE");
        if !compaction {
            // Rows may have moved through several files on their way: only the whole says that data changed.
            for action in &mut actions {
                for kind in ["add", "remove"] {
                    if let Some(file) = action.get_mut(kind) {
                        file["dataChange"] = json!(true);
                    }
                }
            }
        }
        let version = self.next_version();
        let blind_append = self.base.is_some() && steps.iter().all(|step| step.blind);
        actions.insert(0, self.commit_info(&steps, blind_append));
        let txn = json!({"appId": app_id(&self.location), "version": version, "lastUpdated": now()});
        actions.insert(1, json!({ "txn": txn }));
        Some(StagedCommit {
            location: self.location.clone(),
            version,
            blind_append,
            json: lines(&actions),
            orphans,
            actions,
        })
    }

    fn commit_info(&self, steps: &[&Step], blind_append: bool) -> Value {
        let mut info = Map::new();
        info.insert("timestamp".to_string(), json!(now()));
        // Compaction that goes with a change is not what the commit is about.
        let told = steps.iter().copied().filter(|step| step.operation != "OPTIMIZE").collect::<Vec<_>>();
        let told = if told.is_empty() { steps.to_vec() } else { told };
        let (operation, parameters, metrics) = match told.as_slice() {
            [only] => (only.operation.to_string(), only.parameters.clone(), only.metrics.clone()),
            steps => {
                let names: Vec<&str> = steps.iter().map(|step| step.operation).collect();
                let mut parameters = Map::new();
                parameters.insert("steps".to_string(), json!(json!(names).to_string()));
                ("TRANSACTION".to_string(), parameters, summed(steps))
            }
        };
        info.insert("operation".to_string(), json!(operation));
        info.insert("operationParameters".to_string(), Value::Object(parameters));
        if !metrics.is_empty() {
            info.insert("operationMetrics".to_string(), Value::Object(metrics));
        }
        info.insert("isBlindAppend".to_string(), json!(blind_append));
        info.insert("engineInfo".to_string(), json!(format!("transform/{}", env!("CARGO_PKG_VERSION"))));
        info.extend(self.signature.iter().cloned());
        json!({ "commitInfo": info })
    }
}

/// Row counts of several steps together.
fn summed(steps: &[&Step]) -> Map<String, Value> {
    let mut sums: IndexMap<&String, u64> = IndexMap::new();
    for (name, value) in steps.iter().flat_map(|step| &step.metrics) {
        *sums.entry(name).or_default() += value.as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    }
    sums.into_iter().map(|(name, sum)| (name.clone(), json!(sum.to_string()))).collect()
}

/// The application id under which a table's commits count their versions.
pub(super) fn app_id(location: &str) -> String {
    format!("transform/{}", location.replace('/', "."))
}

pub(super) fn now() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

//! One transaction's changes of the catalog, as its file holds them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::state::{Entry, Key, State};

/// Who wrote a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::adapters::datafusion) struct Writer {
    /// A name of this process's use of the lake.
    pub session: String,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// When, in UTC.
    pub time: String,
}

impl Writer {
    /// The writer in words.
    pub fn told(&self) -> String {
        format!("process {} on {} at {}", self.pid, self.host, self.time)
    }
}

/// A table's step to its next version, with the commit itself: whoever finds it missing in the log writes it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::adapters::datafusion) struct Advance {
    /// The table's folder.
    pub location: String,
    /// The version that is current now.
    pub version: u64,
    /// Whether rows were only added, without a look at those that are there.
    pub blind: bool,
    /// The commit, as Delta's log holds it. None where the version is another program's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// One relation, changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::adapters::datafusion) struct Change {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it is now; none if it is gone.
    pub entry: Option<Arc<Entry>>,
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::adapters::datafusion) struct Edit {
    /// The version it makes.
    pub version: u64,
    /// Who made it.
    pub writer: Writer,
    /// Schemas made (true) and dropped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub schemas: BTreeMap<String, bool>,
    /// Relations made, replaced, dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<Change>,
    /// Tables advanced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Advance>,
}

impl Edit {
    /// The state after it.
    pub fn apply(&self, state: &mut State) {
        state.version = self.version;
        let before = |change: &Change| -> Option<String> {
            state.schemas.get(&change.schema)?.get(&change.name)?.location().map(str::to_owned)
        };
        let mut left: Vec<String> = self.relations.iter().filter_map(before).collect();
        left.extend(self.tables.iter().filter(|_| !self.relations.is_empty()).map(|a| a.location.clone()));
        let dropped = self.schemas.iter().filter(|(_, made)| !**made).filter_map(|(name, _)| state.schemas.get(name));
        left.extend(dropped.flat_map(|schema| schema.values()).filter_map(|e| e.location().map(str::to_owned)));
        for (name, made) in &self.schemas {
            if *made {
                state.schemas.entry(name.clone()).or_default();
            } else {
                state.schemas.remove(name);
            }
        }
        let key = |change: &Change| -> Key { (change.schema.clone(), change.name.clone()) };
        for change in self.relations.iter().filter(|c| c.entry.is_none()) {
            state.remove(&key(change));
        }
        for change in &self.relations {
            if let Some(entry) = &change.entry {
                state.put(&key(change), Arc::clone(entry));
            }
        }
        for advance in &self.tables {
            state.tables.insert(advance.location.clone(), advance.version);
        }
        // Versions of tables that no relation has any more.
        for location in left {
            if !state.is_used(&location) {
                state.tables.remove(&location);
            }
        }
    }
}

//! What workers are at, so that an event that names a node by its id can say what dbt says of that node.
//!
//! In: events, before and after the readers see them. Out: `node_info` of nodes that have begun and not ended.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use crate::execute::event::Event;
use crate::execute::outcome::NodeFacts;

use super::node_info;

/// Nodes that have begun and not ended.
#[derive(Debug, Default)]
pub struct InHand(Mutex<HashMap<String, Json>>);

impl InHand {
    /// Takes note of what begins.
    pub(super) fn before(&self, event: &Event<'_>, now: DateTime<Utc>) {
        match event {
            Event::NodeStarted { node, .. } | Event::HookStarted { node, .. } | Event::NodeOpened { node } => {
                self.nodes().insert(node.id.to_string(), node_info::started(node, now));
            }
            Event::NodeCompiling { node } => self.turn(node, "compiling"),
            Event::NodeExecuting { node } => self.turn(node, "executing"),
            _ => {}
        }
    }

    /// Forgets what has ended.
    pub(super) fn after(&self, event: &Event<'_>) {
        let id = match event {
            Event::NodeFinished { outcome, .. } | Event::HookFinished { outcome, .. } => outcome.id(),
            Event::NodeClosed { outcome } => outcome.id(),
            Event::FreshnessFinished { outcome, .. } => &outcome.node.id,
            _ => return,
        };
        self.nodes().remove(id.as_str());
    }

    /// `node_info` of a node, if a worker has it.
    pub(super) fn info(&self, id: &str) -> Option<Json> {
        self.nodes().get(id).cloned()
    }

    fn turn(&self, node: &NodeFacts, status: &str) {
        if let Some(info) = self.nodes().get_mut(node.id.as_str()) {
            info["node_status"] = Json::from(status);
        }
    }

    fn nodes(&self) -> MutexGuard<'_, HashMap<String, Json>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

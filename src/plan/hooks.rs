//! `on-run-start` and `on-run-end`: which operations run, in which order.
//!
//! In: the project. Out: operations: the root project first, then packages by name, each by position.

use std::sync::Arc;

use crate::node::{Detail, Node, Project, ResourceType};

/// When hooks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before the first node.
    Start,
    /// After the last.
    End,
}

impl Phase {
    /// dbt's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "on-run-start",
            Self::End => "on-run-end",
        }
    }
}

/// The hooks of a phase, in order.
pub fn run_hooks(project: &Project, phase: Phase) -> Vec<Arc<Node>> {
    let marker = format!("-{}-", phase.as_str());
    let is_hook = |node: &&Arc<Node>| node.resource_type == ResourceType::Operation && node.name.contains(&marker);
    let mut hooks: Vec<Arc<Node>> = project.nodes.values().filter(is_hook).cloned().collect();
    let root = &project.info.name;
    hooks.sort_by_key(|node| {
        let index = if let Detail::Operation { index } = node.detail { index } else { None };
        (node.package != *root, node.package.clone(), index)
    });
    hooks
}

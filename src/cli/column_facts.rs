//! Columns for `--select column:...`.
//!
//! In: a session. Out: [`Columns`], which binds the project when the first such criterion is met, and not before.

use std::cell::OnceCell;

use crate::base::NodeId;
use crate::diag::{Diagnostic, codes};
use crate::graph::{ColumnFacts, Reach};
use crate::lineage::{ColumnGraph, ColumnId, Direction, Ways, named_columns};

use super::inspect::inspect;
use super::session::Session;

/// The columns of a project, bound when they are asked for.
pub struct Columns<'a> {
    session: &'a Session,
    graph: OnceCell<Option<ColumnGraph>>,
}

impl<'a> Columns<'a> {
    /// Binds nothing yet.
    pub fn new(session: &'a Session) -> Self {
        Self { session, graph: OnceCell::new() }
    }

    fn graph(&self) -> Result<&ColumnGraph, Box<Diagnostic>> {
        let bound = self.graph.get_or_init(|| {
            let nodes = self.session.project.nodes.values().filter(|n| n.is_refable()).map(|n| n.id.clone());
            let all = nodes.chain(self.session.project.sources.keys().cloned());
            inspect(self.session, all).ok().map(|inspected| ColumnGraph::new(&inspected.checked))
        });
        let message = "the columns of the project cannot be found out";
        bound.as_ref().ok_or_else(|| Box::new(Diagnostic::error(codes::SELECTION_INVALID, message)))
    }
}

impl ColumnFacts for Columns<'_> {
    fn reached(&self, named: &str, upstream: Reach, downstream: Reach) -> Result<Vec<NodeId>, Box<Diagnostic>> {
        let columns = self.graph()?;
        let from: Vec<ColumnId> = named_columns(&self.session.project, columns, named)?;
        let ways = Ways { project: &self.session.project, graph: &self.session.graph, columns };
        let mut nodes: Vec<NodeId> = from.iter().map(|c| c.node.clone()).collect();
        for (reach, direction) in [(upstream, Direction::Upstream), (downstream, Direction::Downstream)] {
            if let Some(depth) = reach.walk() {
                nodes.extend(ways.reached(&from, direction, depth));
            }
        }
        Ok(nodes)
    }
}

//! Models whose new rows cannot be brought into their table. One that cannot follow its query in place is built anew where
//! its config allows it.
//!
//! In: a node. Out: what [`Worker::run_node`] says of it, or of its full refresh.

use std::sync::Arc;

use crate::base::Value;
use crate::diag::{Diagnostic, Span, codes};
use crate::jinja::context::host::Database as _;
use crate::node::Node;
use crate::plan::{Rebuild, rebuild};

use super::outcome::NodeOutcome;
use super::worker::Worker;

impl Worker<'_> {
    /// Runs a node. If its table would have to be rebuilt and may be, everything begins again as a full refresh of this one
    /// node: its query sees `is_incremental()` false.
    pub fn run_or_rebuild(&self, node: &Arc<Node>, outcome: &mut NodeOutcome) -> Result<(), Box<Diagnostic>> {
        let mut refusal = match self.run_node(node, outcome) {
            Err(refusal)
                if [codes::REBUILD_NEEDED, codes::MERGE_DUPLICATES, codes::SNAPSHOT_DUPLICATES]
                    .contains(&refusal.code) =>
            {
                refusal
            }
            result => return result,
        };
        // The built-in macros that found out are not where it can be mended.
        refusal.span = Some(first_line(node));
        refusal.notes.clear();
        if refusal.code != codes::REBUILD_NEEDED {
            return Err(refusal);
        }
        match rebuild(&node.config) {
            Rebuild::Anew if node.is_microbatch() && !self.is_about_all(node) => {
                return Err(Box::new(refusal.note(
                    "the batches of this run are a part of the table: run without bounds, or with --full-refresh",
                )));
            }
            Rebuild::Anew => {}
            Rebuild::Refused => return Err(refusal),
            Rebuild::Forbidden => {
                return Err(Box::new(refusal.note("the model has `full_refresh: false`, which forbids to rebuild it")));
            }
        }
        let _ = self.database.rollback();
        let reason = refusal.message.lines().skip(1).collect::<Vec<_>>().join("; ");
        let words = format!("Rebuilding {} (on_schema_change: full_refresh): {reason}", node.name);
        self.around.shared.log.log(&words, true, Some(&node.id));
        let mut anew = (**node).clone();
        anew.config.0.insert("full_refresh".to_owned(), Value::Bool(true));
        self.run_node(&Arc::new(anew), outcome)
    }
}

fn first_line(node: &Node) -> Span {
    let whole = node.template.span();
    let text = whole.text();
    let start = whole.start + (text.len() - text.trim_start().len());
    let line = text.trim_start().lines().next().unwrap_or_default().len();
    Span::new(&whole.file, start..start + line)
}

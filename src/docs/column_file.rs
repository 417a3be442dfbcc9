//! `lineage.json`: every edge between columns, for programs.
//!
//! In: what binding the project gave. Out: JSON:
//!
//! ```json
//! { "metadata": {"generated_at": "...", "invocation_id": "...", "project_name": "..."},
//!   "columns": { "<unique_id>": [{"name": "...", "type": "..."}] },
//!   "edges": [ {"from": {"node": "<unique_id>", "column": "..."}, "to": {"node": "...", "column": "..."},
//!               "kind": "copy | cast | expression | aggregate | window", "approximate": false} ],
//!   "influences": [ {"from": {"node": "...", "column": "..."}, "to": "<unique_id>", "kind": "filter | join | group | order"} ],
//!   "approximate": { "<unique_id>": "why it is not known for sure where its columns come from" } }
//! ```
//!
//! An edge means that values of `from` are in values of `to`. `approximate`: the engine does not tell where the node's
//! columns come from, so every column of its parents counts for each. An influence decides which rows `to` has.

use serde_json::{Map, Value as Json, json};

use crate::lineage::{Checked, ColumnGraph, ColumnId};

/// The file's name in the target folder.
pub const LINEAGE_FILE: &str = "lineage.json";

/// The file's content.
pub fn lineage_json(checked: &Checked, metadata: &Json) -> Json {
    let graph = ColumnGraph::new(checked);
    let place = |c: &ColumnId| json!({"node": c.node.as_str(), "column": c.column});
    let mut columns = Map::new();
    let mut influences = Vec::new();
    let mut doubts = Map::new();
    for (id, node) in &checked.nodes {
        let Some(own) = graph.columns(id) else { continue };
        let listed = own.iter().map(|(name, data_type)| json!({"name": name, "type": data_type}));
        columns.insert(id.to_string(), listed.collect());
        if let Some(why) = graph.doubt(id) {
            doubts.insert(id.to_string(), why.into());
        }
        for (from, kind) in node.lineage.iter().flat_map(|l| &l.influence) {
            influences.push(json!({"from": place(from), "to": id.as_str(), "kind": kind.as_str()}));
        }
    }
    let edges = graph.edges().map(|(to, (from, kind, approximate))| {
        json!({"from": place(from), "to": place(to), "kind": kind.as_str(), "approximate": approximate})
    });
    let edges: Vec<Json> = edges.collect();
    json!({"metadata": metadata, "columns": columns, "edges": edges, "influences": influences, "approximate": doubts})
}

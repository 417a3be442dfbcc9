//! What a run does with a snapshot.
//!
//! In: its config, its table's columns, its query's columns. Out: [`SnapshotPlan`].

use crate::adapters::shadow::ShadowColumn;
use crate::node::Node;

use super::incremental::words;
use super::schema_change::{SchemaChange, SchemaMode, Written};

/// A run of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotPlan {
    /// `timestamp`, `check` or a strategy of the project.
    pub strategy: String,
    /// What tells rows apart.
    pub keys: Vec<String>,
    /// The column that says when a row changed.
    pub updated_at: Option<String>,
    /// The columns that are compared.
    pub check_columns: Vec<String>,
    /// What becomes of rows that vanish: `ignore`, `invalidate`, `new_record`.
    pub hard_deletes: String,
    /// What becomes of the table's columns; none for the first run.
    pub schema: Option<SchemaChange>,
}

/// Columns that every snapshot has; a name can be configured.
const ALWAYS: [&str; 3] = ["dbt_scd_id", "dbt_valid_from", "dbt_valid_to"];
const DELETED: &str = "dbt_is_deleted";

impl SnapshotPlan {
    /// What the config says.
    pub fn of(node: &Node) -> Self {
        let config = &node.config;
        let legacy = config.bool("invalidate_hard_deletes").unwrap_or(false);
        let usual = if legacy { "invalidate" } else { "ignore" };
        Self {
            strategy: config.str("strategy").unwrap_or_default().to_owned(),
            keys: words(config.get("unique_key")),
            updated_at: config.str("updated_at").map(str::to_owned),
            check_columns: words(config.get("check_cols")),
            hard_deletes: config.str("hard_deletes").unwrap_or(usual).to_owned(),
            schema: None,
        }
    }

    /// Columns of a snapshot that its table lacks: it cannot go on with such a table.
    pub fn missing(&self, node: &Node, table: &[ShadowColumn]) -> Vec<String> {
        let wanted = ALWAYS.into_iter().chain((self.hard_deletes == "new_record").then_some(DELETED));
        let has = |name: &str| table.iter().any(|c| c.name.eq_ignore_ascii_case(name));
        wanted.map(|name| own_name(node, name)).filter(|name| !has(name)).collect()
    }

    /// What becomes of the table's columns.
    pub fn follow(node: &Node, query: &[ShadowColumn], table: &[ShadowColumn]) -> SchemaChange {
        let own: Vec<String> =
            ALWAYS.into_iter().chain([DELETED, "dbt_updated_at"]).map(|name| own_name(node, name)).collect();
        let of_query = |columns: &[ShadowColumn]| -> Vec<ShadowColumn> {
            columns.iter().filter(|c| !own.iter().any(|name| name.eq_ignore_ascii_case(&c.name))).cloned().collect()
        };
        SchemaChange::between(SchemaMode::of_snapshot(node), &of_query(query), &of_query(table), Written::OfBoth)
    }
}

/// The name that a snapshot's column has by `snapshot_meta_column_names`.
fn own_name(node: &Node, name: &str) -> String {
    let names = node.config.map("snapshot_meta_column_names");
    let given = names.and_then(|n| n.get(name)).and_then(|v| v.as_str()).filter(|v| !v.is_empty());
    given.unwrap_or(name).to_owned()
}

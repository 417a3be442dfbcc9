//! The columns that a snapshot adds to those of its query.
//!
//! In: a snapshot's config, the columns of its query. Out: names, types and origins, in the table's order.
//!
//! Times have the type of `updated_at` where the config names one; a table that is there already keeps its types.

use crate::adapters::shadow::{EdgeKind, Shadow, ShadowColumn};
use crate::base::Value;
use crate::node::Node;

use super::columns::{Edge, NodeLineage};

/// The type of the engine's own time.
const NOW: &str = "TIMESTAMP";

/// What is known of a snapshot.
pub(super) struct Snapshot<'a> {
    pub(super) node: &'a Node,
    pub(super) sql: &'a str,
    /// Columns of the query.
    pub(super) columns: &'a [ShadowColumn],
    /// Columns of the table, if it is there.
    pub(super) table: Option<&'a [ShadowColumn]>,
}

impl Snapshot<'_> {
    /// The columns that are added, each with its origins.
    pub(super) fn added(
        &self,
        lineage: &NodeLineage,
        shadow: &mut dyn Shadow,
    ) -> impl Iterator<Item = (ShadowColumn, Vec<Edge>)> {
        let config = &self.node.config;
        let strategy = config.str("strategy").unwrap_or_default();
        let updated_at = config.str("updated_at").filter(|_| ["timestamp", "check"].contains(&strategy));
        let origins = |expression: &str, kind: EdgeKind| -> Vec<Edge> {
            let at = self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(expression.trim_matches('"')));
            let edges = at.and_then(|at| lineage.values.get(at)).into_iter().flatten();
            edges.map(|edge| Edge { from: edge.from.clone(), kind: edge.kind.max(kind) }).collect()
        };
        let keys = words(config.get("unique_key"));
        let mut of_id: Vec<Edge> =
            keys.iter().map(String::as_str).chain(updated_at).flat_map(|e| origins(e, EdgeKind::Expression)).collect();
        of_id.sort();
        of_id.dedup();
        let of_time = |kind| updated_at.map(|e| origins(e, kind)).unwrap_or_default();
        let time = updated_at.and_then(|e| self.type_of(e, shadow)).unwrap_or_else(|| NOW.to_owned());
        let end = config.get("dbt_valid_to_current").filter(|v| !v.is_null()).map(ToString::to_string);
        let now = format!("cast(null as {NOW})");
        let end = end.and_then(|end| {
            let at = updated_at.unwrap_or(&now);
            self.type_of(&format!("coalesce(nullif({at}, {at}), {end})"), shadow)
        });
        let end = end.unwrap_or_else(|| time.clone());
        let mut added = vec![
            ("dbt_scd_id", "VARCHAR".to_owned(), of_id),
            ("dbt_updated_at", time.clone(), of_time(EdgeKind::Copy)),
            ("dbt_valid_from", time, of_time(EdgeKind::Copy)),
            ("dbt_valid_to", end, of_time(EdgeKind::Expression)),
        ];
        if config.str("hard_deletes") == Some("new_record") {
            added.push(("dbt_is_deleted", "VARCHAR".to_owned(), Vec::new()));
        }
        let column = |(name, data_type, edges): (&str, String, Vec<Edge>)| {
            let name = self.name(name);
            let kept = self.table.into_iter().flatten().find(|c| c.name.eq_ignore_ascii_case(&name));
            let data_type = kept.map_or(data_type, |kept| kept.data_type.clone());
            (ShadowColumn { name, data_type }, edges)
        };
        added.into_iter().map(column).collect::<Vec<_>>().into_iter()
    }

    /// The type of an expression over the query.
    fn type_of(&self, expression: &str, shadow: &mut dyn Shadow) -> Option<String> {
        if let Some(column) = self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(expression)) {
            return Some(column.data_type.clone());
        }
        let bound = shadow.bind(&format!("select {expression} as typed from (\n{}\n) as snapshot_query", self.sql));
        bound.ok()?.columns.into_iter().next().map(|c| c.data_type)
    }

    /// The name that a column has by `snapshot_meta_column_names`.
    fn name(&self, name: &str) -> String {
        let names = self.node.config.map("snapshot_meta_column_names");
        let given = names.and_then(|n| n.get(name)).and_then(Value::as_str).filter(|v| !v.is_empty());
        given.unwrap_or(name).to_owned()
    }
}

/// A config's text, or its list of texts.
pub(super) fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::List(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::Str(text)) => vec![text.clone()],
        _ => Vec::new(),
    }
}

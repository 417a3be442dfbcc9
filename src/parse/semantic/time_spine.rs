//! The time spine that semantic models need.
//!
//! In: the project. Out: problems. Rule: `core/dbt/contracts/graph/semantic_manifest.py`.

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::node::{Node, Project, ResourceType};

/// Granularities at most a day long.
const UP_TO_A_DAY: [&str; 7] = ["nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "day"];

/// The columns of a time spine's own granularities have to be the model's.
fn custom_columns<'a>(node: &'a Node, spine: &'a Dict) -> impl Iterator<Item = Diagnostic> + 'a {
    let custom = spine.get("custom_granularities").and_then(Value::as_list).unwrap_or_default();
    custom.iter().filter_map(|granularity| {
        let named = |key| granularity.get(key).and_then(Value::as_str);
        let column = named("column_name").or_else(|| named("name"))?;
        let message =
            format!("the custom granularity '{column}' of the time spine '{}' is not among its columns", node.name);
        let problem = Diagnostic::error(codes::SEMANTIC_INVALID, message);
        (!node.columns.contains_key(column)).then(|| problem.help("list the column under `columns:`"))
    })
}

/// Semantic models need a time spine of days or finer: the model `metricflow_time_spine`, or one with `time_spine:`.
pub fn check_time_spine(project: &Project, diagnostics: &mut Diagnostics) {
    for node in project.nodes.values() {
        let Some(spine) = node.model().and_then(|m| m.time_spine.as_map()) else { continue };
        let span = node.patch.as_ref().map_or_else(|| node.template.span(), |p| p.span.clone());
        let Some(column) = spine.get("standard_granularity_column").and_then(Value::as_str) else {
            diagnostics.push(
                Diagnostic::error(
                    codes::SEMANTIC_INVALID,
                    format!("the time spine '{}' names no standard_granularity_column", node.name),
                )
                .at(span)
                .help("add `standard_granularity_column:` to its `time_spine:`"),
            );
            continue;
        };
        diagnostics.extend(custom_columns(node, spine).map(|problem| problem.at(span.clone())));
        let why = match node.columns.get(column) {
            None => "is not among its columns",
            Some(column) if column.granularity.is_none() => "has no granularity",
            Some(_) => continue,
        };
        diagnostics.push(
            Diagnostic::error(
                codes::SEMANTIC_INVALID,
                format!("the standard_granularity_column '{column}' of the time spine '{}' {why}", node.name),
            )
            .at(span)
            .help("list the column under `columns:` with `granularity: day` (or finer)"),
        );
    }
    let Some(first) = project.semantics.values().find(|s| s.kind == ResourceType::SemanticModel) else { return };
    let fine = |node: &Node| {
        let column = node.model()?.time_spine.get("standard_granularity_column")?.as_str()?;
        node.columns.get(column)?.granularity.clone()
    };
    let found = project.nodes.values().filter(|n| n.resource_type == ResourceType::Model).any(|n| {
        n.name == "metricflow_time_spine" || fine(n).is_some_and(|g| UP_TO_A_DAY.contains(&g.to_lowercase().as_str()))
    });
    if !found {
        diagnostics.push(
            Diagnostic::error(
                codes::SEMANTIC_INVALID,
                "the semantic layer requires a time spine model with granularity DAY or smaller in the project, but none was found",
            )
            .at(first.span.clone())
            .help("add a model with one row a day and `time_spine: {standard_granularity_column: date_day}`"),
        );
    }
}

//! Old ways to write semantic models and metrics.
//!
//! In: the project. Out: dbt's deprecations of them, or errors where the project's flags ask for the new ways.

use crate::diag::{Diagnostic, Diagnostics, Warning, codes, warnings};
use crate::node::{Project, ResourceType, Semantic};
use crate::parse::assemble::Cx;

/// The model that is a time spine by its name alone.
const LEGACY_SPINE: &str = "metricflow_time_spine";

/// Windows of cumulative metrics in their old place, and a time spine that is not declared.
pub fn check_old_ways(cx: &Cx<'_>, project: &Project, diagnostics: &mut Diagnostics) {
    let of = |kind| project.semantics.values().filter(move |s| s.kind == kind);
    if of(ResourceType::SemanticModel).next().is_none() {
        return;
    }
    let Some(first) = of(ResourceType::Metric).next() else { return };
    let deprecated = |message: String, warning: Warning| Diagnostic::warning(codes::DEPRECATED, message).named(warning);
    if let Some(metric) = of(ResourceType::Metric).find(|metric| has_old_window(metric)) {
        let message = format!("`window` and `grain_to_date` of the metric '{}' have moved", metric.name);
        let problem = match cx.flag("REQUIRE_NESTED_CUMULATIVE_TYPE_PARAMS") {
            true => Diagnostic::error(codes::SEMANTIC_INVALID, message),
            false => deprecated(message, warnings::METRIC_CUMULATIVE_PARAMS_DEPRECATION),
        };
        let help = "write them under `type_params: {cumulative_type_params: {...}}`";
        diagnostics.push(problem.at(metric.span.clone()).help(help));
    }
    let models = || project.nodes.values().map(|n| &**n).filter(|n| n.resource_type == ResourceType::Model);
    let undeclared =
        |n: &&crate::node::Node| n.name == LEGACY_SPINE && n.model().is_some_and(|m| m.time_spine.as_map().is_none());
    let daily = |n: &crate::node::Node| {
        let column = n.model()?.time_spine.get("standard_granularity_column")?.as_str()?;
        n.columns.get(column)?.granularity.clone()
    };
    let Some(spine) = models().find(undeclared) else { return };
    let has_daily = models().filter_map(daily).any(|grain| grain.eq_ignore_ascii_case("day"));
    if !has_daily && !cx.flag("REQUIRE_YAML_CONFIGURATION_FOR_MF_TIME_SPINES") {
        let message = format!("the time spine `{}` is not declared in YAML", spine.name);
        let problem = deprecated(message, warnings::TIME_SPINE_WITHOUT_YAML_DEPRECATION);
        let help =
            "add `time_spine: {standard_granularity_column: date_day}` to its properties, and the column's granularity";
        diagnostics.push(problem.at(first.span.clone()).help(help));
    }
}

fn has_old_window(metric: &Semantic) -> bool {
    let Some(params) = metric.fields.get("type_params") else { return false };
    ["window", "grain_to_date"].iter().any(|key| params.get(key).is_some_and(|value| !value.is_null()))
}

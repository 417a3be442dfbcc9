//! Dates on which models stop being there for others.
//!
//! In: `deprecation_date` as written; the project. Out: the date as the manifest shows it; warnings about models that are
//! past it and about their readers.

use chrono::{DateTime, FixedOffset, Local, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeZone, Utc};

use crate::base::Value;
use crate::diag::{Diagnostic, Diagnostics, codes, warnings};
use crate::node::{ModelDetail, Node, Project, ResourceType};

use super::checks::place;
use super::resolve::place_of;

/// A date as dbt keeps it: a moment with its time zone. What is no date stays as it is written.
pub(super) fn normalized(value: &Value) -> Value {
    moment(value).map_or_else(|| value.clone(), |date| shown(date).into())
}

fn shown(date: DateTime<FixedOffset>) -> String {
    let whole = date.timestamp_subsec_micros() == 0;
    date.to_rfc3339_opts(if whole { SecondsFormat::Secs } else { SecondsFormat::Micros }, false)
}

/// A version of a model as text; empty if it has none.
fn version_of(node: &Node, which: impl Fn(&ModelDetail) -> &Value) -> String {
    node.model().map(which).filter(|version| !version.is_null()).map(ToString::to_string).unwrap_or_default()
}

/// Models whose `deprecation_date` has come, and models that read one with such a date.
pub(super) fn warn(project: &Project, now: DateTime<Utc>, diagnostics: &mut Diagnostics) {
    let dated = |node: &Node| moment(&node.model()?.deprecation_date);
    if !project.nodes.values().any(|n| dated(n).is_some()) {
        return;
    }
    for node in project.nodes.values() {
        let Some(date) = dated(node) else { continue };
        let (name, past, shown) = (node.search_name(), date < now, shown(date));
        if past {
            let message = format!("Model {name} has passed its deprecation date of {shown}");
            let problem = Diagnostic::warning(codes::DEPRECATED, message)
                .named(warnings::DEPRECATED_MODEL)
                .fact("model_name", node.name.as_str())
                .fact("model_version", version_of(node, |m| &m.version))
                .fact("deprecation_date", shown.as_str());
            diagnostics.push(problem.at(place(node)).node(node.id.to_string()).help("disable or remove the model"));
        }
        let model = node.model().filter(|m| !m.version.is_null() && m.version != m.latest_version);
        let newer =
            model.map(|m| format!("{{{{ ref('{}', '{}', v='{}') }}}}", node.package, node.name, m.latest_version));
        let readers = project.nodes.values().filter(|n| n.resource_type == ResourceType::Model);
        for reader in readers.filter(|n| n.depends_on.contains(&node.id)) {
            let (verdict, warning) = match past {
                true => ("was deprecated on", warnings::DEPRECATED_REFERENCE),
                false => ("is slated for deprecation on", warnings::UPCOMING_REFERENCE_DEPRECATION),
            };
            let message =
                format!("While compiling '{}': Found a reference to {name}, which {verdict} '{shown}'", reader.name);
            let problem = Diagnostic::warning(codes::DEPRECATED, message)
                .named(warning)
                .fact("model_name", reader.name.as_str())
                .fact("ref_model_package", node.package.as_str())
                .fact("ref_model_name", node.name.as_str())
                .fact("ref_model_version", version_of(node, |m| &m.version))
                .fact("ref_model_latest_version", version_of(node, |m| &m.latest_version))
                .fact("ref_model_deprecation_date", shown.as_str())
                .at(place_of(&reader.template.span(), "ref", &node.name))
                .node(reader.id.to_string());
            diagnostics.push(match &newer {
                Some(newer) => problem.help(format!("a newer version is there: {newer}")),
                None => problem,
            });
        }
    }
}

/// A date as YAML or text has it; without a time zone it is that of the machine.
fn moment(value: &Value) -> Option<DateTime<FixedOffset>> {
    let text = value.to_string();
    let text = text.trim();
    if let Ok(moment) =
        DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%:z"))
    {
        return Some(moment);
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
    let naive = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map(|day| day.and_time(NaiveTime::MIN))
        .ok()
        .or_else(|| formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok()))?;
    Some(Local.from_local_datetime(&naive).earliest()?.fixed_offset())
}

//! `impact`: what the changes since an earlier state mean for those who read the columns.

use std::collections::HashSet;

use crate::base::NodeId;
use crate::cli::former::{Changes, former};
use crate::cli::inspect::{Scope, inspect_these};
use crate::cli::session::{Session, Step, Stop, tell};
use crate::cli::settings::Settings;
use crate::diag::{Diagnostic, codes};
use crate::execute::event::Event;
use crate::graph::StateKind;
use crate::lineage::{ColumnGraph, Impact, ImpactRequest, Side, impact};
use crate::report::impact::ImpactReport;

/// Compares the project with `--state`.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let stop = |problem: Box<Diagnostic>| {
        session.inputs.sink.emit(&Event::Problem(&problem));
        Stop(2)
    };
    let target = session.target_dir();
    let Some(earlier) = session.earlier(&target) else {
        let problem =
            Diagnostic::error(codes::STATE_MISSING, "impact compares with an earlier state, and none is named")
                .help("name the folder that holds the former manifest.json with --state (or DBT_STATE)");
        return Err(stop(Box::new(problem)));
    };
    let selection = match settings.selection_request() {
        Some(request) if !request.select.is_empty() || !request.exclude.is_empty() || request.selector.is_some() => {
            Some(session.select(&request)?)
        }
        _ => None,
    };
    let manifest = earlier.manifest().map_err(stop)?;
    let kinds =
        [StateKind::ModifiedBody, StateKind::ModifiedConfigs, StateKind::ModifiedMacros, StateKind::ModifiedRelation];
    let modified: HashSet<NodeId> = earlier.any_state(&kinds).map_err(stop)?.into_iter().collect();
    let differences = earlier.differences(&modified).map_err(stop)?;
    tell(&session.inputs, earlier.warnings())?;
    let all = session.project.nodes.keys().chain(session.project.sources.keys()).cloned().collect();
    let reloaded = Scope { reloads: &|id| modified.contains(id), ..Scope::default() };
    let now = inspect_these(session, &all, &reloaded)?;
    let before = former(session, &now, &Changes { manifest, modified: &modified, differences: &differences })?;
    let graphs = [ColumnGraph::new(&before.checked), ColumnGraph::new(&now.checked)];
    let mut found = impact(&ImpactRequest {
        before: Side { project: &before.project, checked: &before.checked, columns: &graphs[0] },
        now: Side { project: &session.project, checked: &now.checked, columns: &graphs[1] },
        graph: &session.graph,
        modified: &modified,
        differences: &differences,
        unsure: &before.unsure,
    });
    if let Some(selection) = selection {
        found = Impact { nodes: found.nodes.into_iter().filter(|n| selection.contains(&n.id)).collect() };
    }
    let state = settings.text("state").unwrap_or_default();
    let report = ImpactReport { impact: &found, now: &session.project, before: &before.project, state };
    let text = report.render(settings.text("output").unwrap_or("text"));
    session.inputs.sink.emit(&Event::Printed { message: text.trim_end() });
    let fails = match settings.text("fail_on") {
        Some("breaking") => found.breaking() > 0,
        Some("any") => !found.nodes.is_empty(),
        _ => false,
    };
    Ok(u8::from(fails))
}

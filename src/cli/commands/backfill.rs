//! `backfill`: fills or rewrites the history of microbatch models.
//!
//! In: a selection and a window. Out: the exit code. It is a run of the selected microbatch models and of nothing else; which of
//! their batches run is decided by the window and the run ledger.

use crate::diag::{Diagnostic, codes};
use crate::execute::event::Event;
use crate::graph::Selection;

use crate::cli::session::{Session, Step, Stop};
use crate::cli::settings::Settings;

/// Runs batches of the selected models.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let request = settings.selection_request().ok_or(Stop(2))?;
    let selected = session.select(&request)?;
    let microbatch =
        |id: &&crate::base::NodeId| session.project.nodes.get(*id).is_some_and(|node| node.is_microbatch());
    let selection: Selection = selected.iter().filter(microbatch).cloned().collect();
    if selection.iter().next().is_none() && selected.iter().next().is_some() {
        let problem = Diagnostic::error(codes::SELECTION_EMPTY, "no microbatch model is selected: there are no batches to fill")
            .help("only models with `incremental_strategy: microbatch` have a history that can be filled; use `run` for others");
        session.inputs.sink.emit(&Event::Problem(&problem));
        return Err(Stop(2));
    }
    super::build::run_selected(session, settings, &selection)
}

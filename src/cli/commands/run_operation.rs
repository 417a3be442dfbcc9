//! `run-operation`: one macro.

use std::collections::HashMap;
use std::time::Instant;

use crate::execute::event::Event;
use crate::execute::{RunOutcome, run_operation};

use crate::cli::session::{Session, Step, Stop};
use crate::cli::settings::Settings;

/// Runs a macro with `--args`.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let started = Instant::now();
    session.write_manifest(&HashMap::new(), &HashMap::new())?;
    session.write_graph_summary()?;
    let name = settings.text("macro").unwrap_or_default();
    let result = run_operation(&session.surroundings(), name, &settings.dict("args")).map_err(|problem| {
        session.inputs.sink.emit(&Event::Problem(&problem));
        // As in dbt: a macro that fails is the project's fault, one that does not exist is the command line's.
        Stop(2)
    })?;
    for problem in &result.diagnostics {
        session.inputs.sink.emit(&Event::Problem(problem));
    }
    let outcome = RunOutcome::of(vec![result], started);
    super::build::write(session, settings, &outcome)?;
    Ok(outcome.exit_code())
}

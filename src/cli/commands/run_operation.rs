//! `run-operation`: one macro.

use crate::diag::codes;
use crate::execute::event::Event;
use crate::execute::run_operation;

use crate::cli::session::{Session, Step, Stop};
use crate::cli::settings::Settings;

/// Runs a macro with `--args`.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let name = settings.text("macro").unwrap_or_default();
    match run_operation(&session.surroundings(), name, &settings.dict("args")) {
        Ok(_) => Ok(0),
        Err(problem) => {
            session.inputs.sink.emit(&Event::Problem(&problem));
            // As in dbt: a macro that fails is the project's fault, one that does not exist is the command line's.
            Err(Stop(if problem.code == codes::OPERATION_NOT_FOUND { 2 } else { 1 }))
        }
    }
}

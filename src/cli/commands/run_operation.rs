//! `run-operation`: one macro, or one statement.

use std::collections::HashMap;
use std::time::Instant;

use crate::execute::event::Event;
use crate::execute::event::NoteLevel;
use crate::execute::{RunOutcome, run_operation, run_sql_operation};

use crate::cli::session::{Session, Step, Stop};
use crate::cli::settings::Settings;

/// Runs a macro with `--args`, or what `--sql` holds.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let started = Instant::now();
    session.open_database()?;
    let _claim = session.claim_target();
    session.write_manifest(&HashMap::new(), &HashMap::new())?;
    session.write_graph_summary()?;
    super::build::adapter_chosen(session);
    super::build::project_found(session);
    let arguments = settings.dict("args");
    let around = session.surroundings();
    let usage = |message: &str| {
        session.inputs.sink.emit(&Event::Note { level: NoteLevel::Error, message });
        Stop(2)
    };
    let result = match (settings.text("macro"), settings.text("sql").filter(|sql| !sql.trim().is_empty())) {
        (None, None) => return Err(usage("Either a macro name or --sql must be passed to run-operation")),
        (Some(_), Some(_)) => return Err(usage("Cannot specify both a macro name and --sql for run-operation")),
        (None, Some(_)) if !arguments.is_empty() => {
            return Err(usage("--args cannot be used with --sql; pass arguments directly in the SQL"));
        }
        (None, Some(sql)) => run_sql_operation(&around, sql),
        (Some(name), None) => run_operation(&around, name, &arguments),
    };
    let result = result.map_err(|problem| {
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

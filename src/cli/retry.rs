//! `retry`: the former command once more, for what did not succeed.
//!
//! In: the settings of `retry`, `run_results.json` of the former command, or what it was at when it was killed. Out: [`Again`]: the settings of the former command
//! and what of it is to be done. Where things are (folders, target path) and `--vars`, `--threads` come from `retry` itself.

use crate::base::{Dict, NodeId, Value};
use crate::diag::{Diagnostic, codes};
use crate::load::RootConfig;
use crate::node::previous::{PreviousResult, RetryScope};

use super::args::{Invocation, OPTIONS, Scope, Which};
use super::context::CommandContext;
use super::earlier::{run_results, unfinished};
use super::settings::{OWN_COMMAND, Settings};

/// What is done again.
pub struct Again {
    /// The former command's settings.
    pub settings: Settings,
    /// What of it; none for a macro that was run by itself.
    pub scope: RetryScope,
    /// Whether everything had succeeded.
    pub nothing: bool,
}

/// Options that say where things are: those of the former command count for nothing.
const OWN: [&str; 7] =
    ["log_path", "output_path", "profiles_dir", "project_dir", "defer_state", "target_path", "warn_error"];
/// Options of `retry` that win over the former command's, if they stand on the command line.
const OVERRIDES: [&str; 2] = ["vars", "threads"];
const COMMANDS: [Which; 9] = [
    Which::Build,
    Which::Run,
    Which::Backfill,
    Which::Test,
    Which::Seed,
    Which::Snapshot,
    Which::Compile,
    Which::Clone,
    Which::RunOperation,
];

/// Reads the former run and decides what is to be done again.
pub fn again(cx: &CommandContext<'_>, root: &RootConfig) -> Result<Again, Box<Diagnostic>> {
    let settings = cx.settings;
    let folder = settings.text("state").unwrap_or(&root.config.target_path);
    let (files, project) = (cx.files.as_ref(), &settings.project_dir);
    let killed = unfinished(files, project, folder)?;
    let was_killed = killed.is_some();
    let Some(run) = killed.map_or_else(|| run_results(files, project, folder), |run| Ok(Some(run)))? else {
        let message = format!("Could not find previous run in '{folder}' target directory");
        return Err(Box::new(
            Diagnostic::error(codes::STATE_MISSING, message)
                .help("name the folder of its run_results.json with --state"),
        ));
    };
    let named = |key: &str| run.args.get(key).and_then(Value::as_str);
    let name = named(OWN_COMMAND).or_else(|| named("which")).unwrap_or_default();
    let Some(which) = COMMANDS.into_iter().find(|which| which.as_str() == name) else {
        let message = format!("the former command '{name}' cannot be retried");
        return Err(Box::new(Diagnostic::error(codes::UNSUPPORTED, message).help("run it again by itself")));
    };
    let warn_error = settings.bool("warn_error");
    let failed = |result: &&PreviousResult| {
        let status =
            matches!(result.status.as_str(), "error" | "fail" | "skipped" | "runtime error" | "partial success");
        let is_hook = which != Which::RunOperation && result.id.resource_type() == "operation";
        !is_hook && (status || (warn_error && result.status == "warn"))
    };
    let nodes: std::collections::HashSet<NodeId> = run.results.iter().filter(failed).map(|r| r.id.clone()).collect();
    let partly = run.results.iter().filter_map(|r| Some((r.id.clone(), r.batches.clone()?)));
    let batches = partly.filter(|(_, b)| !b.successful.is_empty() && !b.failed.is_empty()).collect();
    let nothing = nodes.is_empty();
    let scope = RetryScope { nodes, batches, started_at: run.started_at, was_killed };
    let given = given(which, &run.args, settings);
    let again = Settings::new(
        Invocation { which, given, line: settings.invocation_line().to_owned(), old_spellings: Vec::new() },
        cx.env.clone(),
        cx.files.as_ref(),
    )
    .and_then(|s| s.with_project_flags(settings.project_flags()))
    .map_err(|problem| {
        let message = format!("the settings of the former command cannot be used: {problem}");
        Box::new(Diagnostic::error(codes::STATE_UNREADABLE, message).help("run the former command again by itself"))
    })?;
    Ok(Again { settings: again, scope, nothing })
}

/// The former command's options as if they stood on the command line, with those of `retry` over them.
fn given(which: Which, former: &Dict, settings: &Settings) -> Dict {
    let mut given = Dict::new();
    for opt in OPTIONS.iter().filter(|o| o.applies_to(which)) {
        let own = OWN.contains(&opt.name) || (opt.name == "warn_error_options" && settings.bool("warn_error"));
        let overridden = OVERRIDES.contains(&opt.name) && settings.on_command_line(opt.name);
        let value = if own || overridden {
            let known = matches!(opt.scope, Scope::Global) && settings.is_set(opt.name);
            known.then(|| settings.value(opt.name).clone())
        } else {
            // `--show` shows seeds that were loaded; loading them again shows nothing new.
            former.get(opt.name).filter(|_| opt.name != "show").cloned()
        };
        let said = |value: &Value| match value {
            Value::Null => false,
            Value::List(items) => !items.is_empty(),
            // An option of nothing but empty lists is one that nobody gave.
            Value::Map(map) => map.values().any(Value::is_truthy),
            _ => true,
        };
        if let Some(value) = value.filter(said) {
            given.insert(opt.name.to_owned(), value);
        }
    }
    given.insert("project_dir".to_owned(), settings.project_dir.to_string_lossy().into_owned().into());
    given
}

//! `build`, `run`, `test`, `seed`, `snapshot`, `clone`, `source freshness`: select, run, write artifacts.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use crate::artifacts::{RunResults, Sources, Subfolder, node_path};
use crate::base::{NodeId, Value};
use crate::diag::{Diagnostic, Treatment, codes, warnings};
use crate::execute::event::{Event, NoteLevel, count_line};
use crate::execute::{
    BatchRequest, BatchResults, Blocking, RunOutcome, RunRequest, RunSettings, Status, run as execute,
};
use crate::files::Files;
use crate::graph::{ExecutionGraph, ExecutionMode, Selection};
use crate::node::ResourceType;
use crate::node::dict::CompiledCode;
use crate::node::previous::PreviousBatches;

use super::check;
use crate::cli::args::Which;
use crate::cli::publish::Publication;
use crate::cli::session::{Session, Step, Stop, tell};
use crate::cli::settings::Settings;
use crate::cli::table::{Limits, text_table_within};
use crate::cli::unfinished::Unfinished;

/// Runs the selected nodes.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    let request = settings.selection_request().ok_or(Stop(2))?;
    let selection = session.select(&request)?;
    if settings.bool("check") {
        check::before_running(session, &selection)?;
    }
    run_selected(session, settings, &selection)
}

/// Runs what has been selected.
pub fn run_selected(session: &Session, settings: &Settings, selection: &Selection) -> Step<u8> {
    if settings.is_set("rebuild_from") {
        exactly_one_snapshot(session, selection)?;
    }
    if settings.plans() {
        return super::plan::run_selected(session, settings, selection);
    }
    let mode = match settings.which {
        Which::Build => ExecutionMode::Build,
        Which::Clone => ExecutionMode::Independent,
        _ => ExecutionMode::Topological,
    };
    let graph = ExecutionGraph::new(&session.graph, &session.project, selection, mode);
    let publishes = matches!(settings.which, Which::Build | Which::Run | Which::Backfill);
    let publication = if publishes { Publication::of(session)? } else { None };
    session.open_database()?;
    let _claim = session.claim_target();
    session.write_manifest(&HashMap::new(), &HashMap::new())?;
    session.write_graph_summary()?;
    let threads = session.tree.profile.threads;
    started(session, threads, graph.len());
    if graph.is_empty() {
        let message = "Nothing to do. Try checking your model configs and model specification args";
        let problem = Diagnostic::warning(codes::SELECTION_EMPTY, message).named(warnings::NOTHING_TO_DO);
        tell(&session.inputs, problem.into())?;
        write(session, settings, &RunOutcome::of(Vec::new(), Instant::now()))?;
        return Ok(0);
    }
    let freshness = settings.which == Which::SourceFreshness;
    let runs_hooks = !freshness || settings.project_flag("source_freshness_run_project_hooks");
    if !runs_hooks && session.project.nodes.values().any(|n| n.resource_type == ResourceType::Operation) {
        let message = "`source freshness` leaves out on-run-start and on-run-end: newer versions of dbt run them";
        let problem = Diagnostic::warning(codes::DEPRECATED, message)
            .named(warnings::SOURCE_FRESHNESS_PROJECT_HOOKS_NOT_RUN)
            .help("set the flag `source_freshness_run_project_hooks` to true to run them now");
        tell(&session.inputs, problem.into())?;
    }
    let packages_may_override_materializations =
        !settings.project_flag("require_explicit_package_overrides_for_builtin_materializations");
    if packages_may_override_materializations {
        tell(&session.inputs, replaced_materializations(session, graph.order()).into())?;
    }
    let _unfinished = Unfinished::begin(session, settings, graph.order());
    let run = RunSettings {
        threads,
        fail_fast: settings.bool("fail_fast"),
        blocking: match settings.which {
            Which::Build => Blocking::ErrorsAndFailures,
            Which::SourceFreshness | Which::Clone => Blocking::Nothing,
            _ => Blocking::Errors,
        },
        warn_error: settings.warning_policy().treatment(warnings::LOG_TEST_RESULT) == Treatment::Error,
        hooks: settings.which != Which::Clone && runs_hooks,
        packages_may_override_materializations,
        skip_nodes_if_on_run_start_fails: settings.project_flag("skip_nodes_if_on_run_start_fails"),
        clones: settings.which == Which::Clone,
        create_schemas: !freshness,
        batches: batches(session, settings),
        rebuild_from: settings.text("rebuild_from").map(str::to_owned),
    };
    let request = RunRequest { surroundings: session.surroundings(), graph, settings: run };
    let outcome = execute(&request).map_err(|problem| {
        session.inputs.sink.emit(&Event::Problem(&problem));
        Stop(if session.inputs.cancel.is_cancelled() { 1 } else { 2 })
    })?;
    write(session, settings, &outcome)?;
    if let Some(problem) = &outcome.broken_hook {
        session.inputs.sink.emit(&Event::Problem(problem));
        return Err(Stop(2));
    }
    if settings.which == Which::Seed && settings.bool("show") {
        show_seeds(session, &outcome);
    }
    if let Some(publication) = publication.filter(|_| outcome.exit_code() == 0) {
        publication.publish(session)?;
    }
    Ok(outcome.exit_code())
}

/// Which batches of microbatch models run: `retry` builds those that failed, and asks for no later ones.
fn batches(session: &Session, settings: &Settings) -> BatchRequest {
    let request = settings.batches();
    let Some(retry) = &session.inputs.retry else { return request };
    let results = |b: &PreviousBatches| BatchResults { successful: b.successful.clone(), failed: b.failed.clone() };
    let previous = retry.batches.iter().map(|(id, batches)| (id.clone(), results(batches)));
    let resumes = retry.started_at.filter(|_| retry.was_killed);
    BatchRequest { now: retry.started_at, previous: previous.collect(), resumes, ..request }
}

/// A change log tells of one snapshot.
fn exactly_one_snapshot(session: &Session, selection: &Selection) -> Step<()> {
    let selected = selection.iter().filter_map(|id| session.project.nodes.get(id));
    let snapshots = selected.filter(|node| node.resource_type == ResourceType::Snapshot);
    let mut names: Vec<&str> = snapshots.map(|node| node.name.as_str()).collect();
    names.sort_unstable();
    if names.len() == 1 {
        return Ok(());
    }
    let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let message = format!("--rebuild-from tells the history of exactly one snapshot anew; selected: {found}");
    let problem = Diagnostic::error(codes::SELECTION_EMPTY, message).help("name the snapshot with --select");
    session.inputs.sink.emit(&Event::Problem(&problem));
    Err(Stop(2))
}

/// A word on each built-in materialization that an installed package replaces for the nodes of a run.
fn replaced_materializations<'n>(session: &Session, nodes: impl Iterator<Item = &'n NodeId>) -> Vec<Diagnostic> {
    let registry = session.engine.registry();
    let types = [session.shared.adapter.adapter_type.clone()];
    let found = |name: &str, may_override| registry.materialization(name, &types, may_override).ok().flatten();
    let used: BTreeSet<&str> =
        nodes.filter_map(|id| session.project.nodes.get(id)?.config.str("materialized")).collect();
    let replaced = used
        .into_iter()
        .filter_map(|name| Some((name, found(name, true)?)))
        .filter(|(name, theirs)| found(name, false).is_some_and(|builtin| builtin != *theirs));
    replaced
        .map(|(name, theirs)| {
            let theirs = registry.entry(theirs);
            let message = format!("the package `{}` replaces the built-in materialization `{name}`", theirs.package);
            Diagnostic::warning(codes::DEPRECATED, message)
                .named(warnings::PACKAGE_MATERIALIZATION_OVERRIDE_DEPRECATION)
                .fact("package_name", theirs.package.as_str())
                .fact("materialization_name", name)
                .at(theirs.definition.span.clone())
                .help("give the project a materialization of that name that calls the package's")
        })
        .collect()
}

/// `seed --show`: the first rows of every loaded seed.
fn show_seeds(session: &Session, outcome: &RunOutcome) {
    let Some(files) = &session.shared.files else { return };
    for result in outcome.outcomes.iter().filter(|r| r.status == Status::Success) {
        let Some(node) = session.project.nodes.get(result.id()) else { continue };
        let Ok(table) = files.seed_table(node) else { continue };
        let message = format!("First rows of the seed {}\n{}", node.relation, text_table_within(&table, Limits::SEED));
        session.inputs.sink.emit(&Event::Printed { message: message.trim_end() });
    }
}

/// Tells what was found and where it will run.
pub fn started(session: &Session, threads: usize, total: usize) {
    adapter_chosen(session);
    project_found(session);
    let target = &session.tree.profile.target_name;
    session.inputs.sink.emit(&Event::RunStarted { target, threads, total });
}

/// Tells which engine there is.
pub fn adapter_chosen(session: &Session) {
    let facts = session.adapter.describe();
    let fact = |is: fn(&str) -> bool| facts.iter().find(|(key, _)| is(key)).map_or("", |(_, v)| v.as_str());
    session.inputs.sink.emit(&Event::AdapterChosen {
        adapter: session.adapter.type_name(),
        adapter_version: fact(|key| key.ends_with(" version")).trim_start_matches('v'),
        database: fact(|key| key == "path"),
    });
}

/// Tells what was found.
pub fn project_found(session: &Session) {
    session.inputs.sink.emit(&Event::ProjectFound { found: &found(session) });
}

/// dbt's line of counts: `5 models, 3 seeds, 20 data tests, 4 sources, 480 macros`.
fn found(session: &Session) -> String {
    let project = &session.project;
    let nodes = project.nodes.values().map(|n| match n.resource_type {
        ResourceType::Test => "data test".to_owned(),
        other => other.as_str().replace('_', " "),
    });
    let semantic = |metrics: bool| {
        let wanted = project.semantics.values().filter(move |s| (s.kind == ResourceType::Metric) == metrics);
        wanted.map(|s| s.kind.as_str().replace('_', " "))
    };
    let kinds: Vec<String> = nodes
        .chain(project.sources.keys().map(|_| "source".to_owned()))
        .chain(project.exposures.keys().map(|_| "exposure".to_owned()))
        .chain(semantic(true))
        .chain(project.macros.keys().map(|_| "macro".to_owned()))
        .chain(project.groups.keys().map(|_| "group".to_owned()))
        .chain(semantic(false))
        .chain(project.unit_tests.keys().map(|_| "unit test".to_owned()))
        .collect();
    count_line(kinds.iter().map(String::as_str))
}

/// manifest.json with compiled code, and run_results.json or sources.json.
pub fn write(session: &Session, settings: &Settings, outcome: &RunOutcome) -> Step<()> {
    let mut compiled: HashMap<NodeId, CompiledCode> = HashMap::new();
    let mut built: HashMap<NodeId, String> = HashMap::new();
    compiled.extend(outcome.inlined.iter().map(|(id, code)| (id.clone(), code.to_code())));
    for result in &outcome.outcomes {
        if let Some(code) = &result.compiled {
            compiled.insert(result.id().clone(), code.to_code());
        }
        if let Some(node) = session.project.nodes.get(result.id()) {
            let path = node_path(session.target_path(), Subfolder::Run, node);
            if session.inputs.files.is_file(&session.tree.root.root_dir.join(&path)) {
                built.insert(node.id.clone(), path);
            }
        }
    }
    session.write_manifest(&compiled, &built)?;
    if !session.inputs.write_json {
        return Ok(());
    }
    let metadata = session.metadata();
    if settings.which == Which::SourceFreshness {
        let sources = Sources { metadata: &metadata, outcome };
        return match settings.text("output") {
            Some(path) => write_sources_to(session, &sources, path),
            None => session.write(&sources),
        };
    }
    let mut args = session.inputs.args.clone();
    args.entry("which".into()).or_insert_with(|| Value::from(settings.which.as_str()));
    session.write(&RunResults { metadata: &metadata, outcome, args: &args })
}

/// `source freshness --output PATH`.
fn write_sources_to(session: &Session, sources: &Sources<'_>, path: &str) -> Step<()> {
    use crate::artifacts::Artifact;
    let target = session.tree.root.root_dir.join(path);
    let files: &dyn Files = &*session.inputs.files;
    let written = sources
        .to_bytes()
        .map_err(|e| e.to_string())
        .and_then(|bytes| files.write_atomic(&target, &bytes).map_err(|e| e.to_string()));
    written.map_err(|message| {
        session.inputs.sink.emit(&Event::Note { level: NoteLevel::Error, message: &message });
        Stop(2)
    })
}

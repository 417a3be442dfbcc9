//! `docs generate`, `docs publish`: catalog.json, lineage.json and the site.

use std::collections::{BTreeSet, HashMap};

use serde_json::json;

use crate::adapters::Connection;
use crate::artifacts::{Catalog, CatalogTables, catalog_tables, timestamp};
use crate::base::NodeId;
use crate::cli::inspect::inspect_compiled;
use crate::cli::session::{Session, Step, Stop};
use crate::cli::settings::Settings;
use crate::diag::{Diagnostic, codes};
use crate::docs::{FOLDER, LINEAGE_FILE, LastResults, SiteData, SiteInput, lineage_json, publish, site_data};
use crate::execute::event::{Event, NoteLevel};
use crate::execute::{Status, compile_nodes_with_code, connection_diagnostic};
use crate::files::{FilesError, slashed};
use crate::graph::{Command, SelectionRequest};
use crate::lineage::Checked;
use crate::node::dict::CompiledCode;

/// What compiling gave: nothing without `--compile`.
#[derive(Default)]
struct Work {
    compiled: HashMap<NodeId, CompiledCode>,
    selected: Option<BTreeSet<NodeId>>,
    checked: Option<Checked>,
}

/// Writes catalog.json and the site to the target folder.
pub fn run(session: &Session, settings: &Settings) -> Step<u8> {
    session.wait_for_database()?;
    let _claim = session.claim_target();
    let (site, exit) = generate(session, settings)?;
    let Some(site) = site else { return Ok(exit) };
    let target = session.target_dir();
    if settings.bool("single_file") {
        write(session, "index.html", site.single_file().as_bytes())?;
    } else {
        for (path, text) in site.files() {
            write(session, &path, text.as_bytes())?;
        }
    }
    if settings.bool("static") {
        write(session, "static_index.html", site.single_file().as_bytes())?;
    }
    copy_assets(session)?;
    note(session, &format!("Catalog written to {}", slashed(&target.join("catalog.json"))));
    note(session, &format!("Site written to {}", slashed(&target.join("index.html"))));
    Ok(exit)
}

/// The same, and the site alone into another folder.
pub fn run_publish(session: &Session, settings: &Settings) -> Step<u8> {
    let (site, exit) = generate(session, settings)?;
    let Some(site) = site.filter(|_| exit == 0) else { return Ok(exit) };
    let folder = session.inputs.env.absolute(std::path::Path::new(settings.text("dir").unwrap_or_default()));
    let mut parts: Vec<(String, Vec<u8>)> = if settings.bool("single_file") {
        vec![("index.html".to_owned(), site.single_file().into_bytes())]
    } else {
        site.files().into_iter().map(|(path, text)| (path, text.into_bytes())).collect()
    };
    let (files, root) = (&*session.inputs.files, &session.tree.root.root_dir);
    for asset in &session.tree.root.config.asset_paths {
        for file in files.walk(&root.join(asset)).map_err(|e| refused(session, &e))? {
            let path = file.path.strip_prefix(root).map(slashed).unwrap_or_default();
            parts.push((path, files.read(&file.path).map_err(|e| refused(session, &e))?));
        }
    }
    publish(files, &folder, &parts, &session.inputs.invocation_id).map_err(|error| {
        let problem = Diagnostic::error(codes::TARGET_UNWRITABLE, error.to_string());
        session.inputs.sink.emit(&Event::Problem(&problem));
        Stop(2)
    })?;
    note(session, &format!("Site published to {}", slashed(&folder)));
    Ok(0)
}

/// Everything up to the site; no site if the project cannot be compiled.
fn generate(session: &Session, settings: &Settings) -> Step<(Option<SiteData>, u8)> {
    let files = &*session.inputs.files;
    // Compiling replaces the file with the last verdicts.
    let results = LastResults::read(files, &session.target_dir());
    let work = if settings.bool("compile") {
        let Some(work) = compile(session, settings)? else {
            let message = "compile failed; cannot generate docs";
            session.inputs.sink.emit(&Event::Note { level: NoteLevel::Error, message });
            return Ok((None, 2));
        };
        work
    } else {
        session.write_manifest(&HashMap::new(), &HashMap::new())?;
        Work::default()
    };
    let metadata = session.metadata();
    let (mut tables, mut errors) = (CatalogTables::default(), Vec::new());
    if !settings.bool("empty_catalog") {
        note(session, "Building catalog");
        match catalog(session, &work) {
            Ok(found) => tables = found,
            Err(problem) => {
                session.inputs.sink.emit(&Event::Problem(&problem));
                errors.push(problem.message.clone());
            }
        }
    }
    let failed = !errors.is_empty();
    let written = Catalog { metadata: metadata.clone(), nodes: tables.0, sources: tables.1, errors };
    session.write(&written)?;
    let tables = (written.nodes, written.sources);
    let at = timestamp(metadata.generated_at);
    if let Some(checked) = &work.checked {
        let about = json!({
            "generated_at": at, "invocation_id": metadata.invocation_id, "project_name": session.project.info.name,
        });
        write(session, LINEAGE_FILE, lineage_json(checked, &about).to_string().as_bytes())?;
    }
    let internal = [session.adapter.macro_package().to_owned(), crate::stdlib::PACKAGE.to_owned()];
    let site = site_data(&SiteInput {
        project: &session.project,
        compiled: &work.compiled,
        checked: work.checked.as_ref(),
        catalog: &tables,
        results: &results,
        generated_at: &at,
        internal_packages: &internal,
    });
    Ok((Some(site), u8::from(failed)))
}

/// Compiles the selection, writes manifest.json and run_results.json, and binds what was compiled. None if nodes fail.
fn compile(session: &Session, settings: &Settings) -> Step<Option<Work>> {
    let request = settings.selection_request().ok_or(Stop(2))?;
    let selection = session.select(&request)?;
    session.write_graph_summary()?;
    let ids: Vec<NodeId> = selection.iter().cloned().collect();
    let threads = session.tree.profile.threads;
    super::build::started(session, threads, ids.len());
    let (outcome, code) = compile_nodes_with_code(&session.surroundings(), &ids, threads).map_err(|problem| {
        session.inputs.sink.emit(&Event::Problem(&problem));
        Stop(2)
    })?;
    super::build::write(session, settings, &outcome)?;
    let failed = outcome.outcomes.iter().filter(|o| o.status == Status::Error);
    let problems: Vec<&Diagnostic> = failed.flat_map(|o| &o.diagnostics).collect();
    problems.iter().for_each(|problem| session.inputs.sink.emit(&Event::Problem(problem)));
    if !problems.is_empty() || outcome.exit_code() != 0 {
        return Ok(None);
    }
    let shown = |o: &crate::execute::NodeOutcome| {
        let code = o.compiled.as_ref()?;
        Some((
            o.id().clone(),
            CompiledCode { code: code.code.clone(), path: None, extra_ctes: Vec::new(), ..CompiledCode::default() },
        ))
    };
    let compiled = outcome.outcomes.iter().filter_map(shown).collect();
    let mut selected: BTreeSet<NodeId> = ids.iter().cloned().collect();
    selected.extend(selected_sources(session, &request));
    let inspected = inspect_compiled(session, selected.iter().cloned(), Some(&code))?;
    Ok(Some(Work { compiled, selected: Some(selected), checked: Some(inspected.checked) }))
}

/// Sources are never compiled, but the catalog has those that the selection names.
fn selected_sources(session: &Session, request: &SelectionRequest) -> Vec<NodeId> {
    let of_sources = SelectionRequest {
        command: Command::List,
        resource_types: vec!["source".to_owned()],
        exclude_resource_types: Vec::new(),
        ..request.clone()
    };
    // What is wrong with the selection has been told.
    session.find(&of_sources).0.iter().cloned().collect()
}

/// Asks the warehouse once, about every schema in which something of the project can be.
fn catalog(session: &Session, work: &Work) -> Result<CatalogTables, Box<Diagnostic>> {
    let project = &session.project;
    let nodes = project.nodes.values().filter(|n| n.is_relational()).map(|n| &n.relation);
    let places: BTreeSet<(String, String)> = nodes
        .chain(project.sources.values().map(|s| &s.relation))
        .filter_map(|r| Some((r.database.clone()?, r.schema.clone()?)))
        .collect();
    let places: Vec<_> = places.into_iter().collect();
    let connected = session.adapter.connect();
    let rows = connected
        .and_then(|mut connection: Box<dyn Connection>| connection.catalog(&places))
        .map_err(|error| Box::new(connection_diagnostic(&error)))?;
    let wanted = |id: &NodeId| work.selected.as_ref().is_none_or(|selected| selected.contains(id));
    Ok(catalog_tables(&rows, project, &wanted))
}

/// `asset-paths`: folders that descriptions show pictures from.
fn copy_assets(session: &Session) -> Step<()> {
    let files = &*session.inputs.files;
    for asset in &session.tree.root.config.asset_paths {
        let (from, to) = (session.tree.root.root_dir.join(asset), session.target_dir().join(asset));
        let inside = crate::files::normalize(&to);
        if !inside.starts_with(session.target_dir()) || inside == session.target_dir().join(FOLDER) {
            continue;
        }
        let copied = || -> Result<(), FilesError> {
            if files.is_dir(&to) {
                files.remove_dir(&to)?;
            }
            if files.is_dir(&from) { files.copy_dir(&from, &to) } else { Ok(()) }
        };
        copied().map_err(|error| refused(session, &error))?;
    }
    Ok(())
}

fn write(session: &Session, path: &str, bytes: &[u8]) -> Step<()> {
    session.inputs.files.write_atomic(&session.target_dir().join(path), bytes).map_err(|e| refused(session, &e))
}

fn refused(session: &Session, error: &FilesError) -> Stop {
    let problem = Diagnostic::error(codes::TARGET_UNWRITABLE, error.to_string())
        .help("check the folder's permissions and free space, or choose another with --target-path");
    session.inputs.sink.emit(&Event::Problem(&problem));
    Stop(2)
}

fn note(session: &Session, message: &str) {
    session.inputs.sink.emit(&Event::Note { level: NoteLevel::Info, message });
}

//! The way from a folder to a project that commands work on: load, open the adapter, parse, build the graph.
//!
//! In: [`Inputs`] out of the settings. Out: [`Session`], or [`Stop`] after every problem was told.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::adapters::Adapter;
use crate::artifacts::{Artifact, ArtifactKind, GraphSummary, Manifest, Metadata, SemanticManifest, graph_dict};
use crate::base::{AsOf, Dict, Fingerprint, Interval, NodeId, Value};
use crate::compile::{CompileSettings, Compiler};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::execute::event::{Event, EventSink};
use crate::execute::{CancelFlag, QueryComment, Surroundings};
use crate::files::{Env, Files};
use crate::graph::{Graph, Selection, SelectionFacts, SelectionRequest, StateFacts, check_selectors, select};
use crate::jinja::context::SharedContext;
use crate::jinja::context::host::{AdapterFacts, LogSink};
use crate::jinja::{DispatchSettings, Engine, Registry};
use crate::load::{self, DBT_VERSION, LoadRequest, Profile, SourceTree, VarScope, YamlContext, YamlRenderer};
use crate::node::Project;
use crate::node::dict::CompiledCode;
use crate::node::previous::RetryScope;
use crate::parse::{InternalPackage, ParseRequest, TreeVars, Yaml, parse};
use crate::stdlib;

use super::code_writer::project_files;
use super::column_facts::Columns;
use super::context::{adapter_problem, open_adapter};
use super::earlier::{Earlier, EarlierSettings, deferral};
use super::judge::Judge;
use super::lock_wait;
use super::profile_places::ProfilePlaces;
use super::project_facts;
use super::query_comment;
use super::target_claim;

/// The command cannot go on; everything has been told. Holds the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(pub u8);

/// A result of a step of a command.
pub type Step<T> = Result<T, Stop>;

/// What a session is opened with.
#[derive(Clone)]
pub struct Inputs {
    /// What to load.
    pub load: LoadRequest,
    /// `flags` as Jinja shows them; `flags:` of the project are merged by the caller.
    pub flags: Dict,
    /// `invocation_args_dict`.
    pub args: Dict,
    /// Where events go.
    pub sink: Arc<dyn EventSink>,
    /// Where templates' messages go.
    pub log: Arc<dyn LogSink>,
    /// The environment.
    pub env: Arc<Env>,
    /// The file system.
    pub files: Arc<dyn Files>,
    /// Identity of this run.
    pub invocation_id: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// What happens to warnings.
    pub judge: Arc<Judge>,
    /// `--empty`.
    pub empty: bool,
    /// `--sample`.
    pub sample: Option<Interval>,
    /// `--as-of`.
    pub as_of: Option<AsOf>,
    /// `--store-failures`.
    pub store_failures: bool,
    /// Whether ephemeral parents become part of their readers' code.
    pub inject_ephemeral_ctes: bool,
    /// Whether templates may ask the database while they are compiled.
    pub introspect: bool,
    /// Whether to write manifest.json.
    pub write_json: bool,
    /// Earlier states.
    pub earlier: EarlierSettings,
    /// How long to wait for a database that another process holds.
    pub lock_wait: Duration,
    /// What `retry` does again, in place of a selection.
    pub retry: Option<Arc<RetryScope>>,
    /// Ctrl-C.
    pub cancel: Arc<CancelFlag>,
}

/// A parsed project with everything to work on it.
pub struct Session {
    /// What it was opened with.
    pub inputs: Inputs,
    /// The loaded files.
    pub tree: SourceTree,
    /// The engine that runs SQL.
    pub adapter: Arc<dyn Adapter>,
    /// Macros.
    pub engine: Engine,
    /// All resources.
    pub project: Arc<Project>,
    /// The graph.
    pub graph: Graph,
    /// The run-time context.
    pub shared: Arc<SharedContext>,
}

/// Renders YAML of a project; knows what the adapter adds to `target`.
pub struct ProjectYaml {
    yaml: Yaml,
    base_dir: std::path::PathBuf,
    env: Arc<Env>,
}

impl ProjectYaml {
    /// A renderer for the project in a folder.
    pub fn new(inputs: &Inputs) -> Self {
        let (env, log, started) = (Arc::clone(&inputs.env), Arc::clone(&inputs.log), inputs.started_at);
        let (flags, invocation) = (inputs.flags.clone(), inputs.invocation_id.clone());
        let shared = move |vars: VarScope, target: Dict| {
            let name = vars.root.clone();
            let mut context = SharedContext::new(
                name,
                facts_without_adapter(),
                Arc::clone(&env),
                Arc::new(TreeVars(vars)),
                Arc::clone(&log),
            );
            context.target = target;
            context.flags.clone_from(&flags);
            context.invocation_id.clone_from(&invocation);
            context.run_started_at = started;
            context.dbt_version = DBT_VERSION.to_owned();
            Arc::new(context)
        };
        let (registry, _) = Registry::new(String::new(), Vec::new(), Vec::new(), Vec::new());
        let yaml = Yaml { engine: Engine::new(registry), shared: Box::new(shared) };
        Self { yaml, base_dir: inputs.load.project_dir.clone(), env: Arc::clone(&inputs.env) }
    }
}

impl YamlRenderer for ProjectYaml {
    fn render(&self, text: &str, span: &crate::diag::Span, context: &YamlContext<'_>) -> Result<Value, Diagnostic> {
        self.yaml.render(text, span, context)
    }

    fn target(&self, profile: &Profile) -> Dict {
        let given = profile.target();
        let Ok(adapter) = open_adapter(profile, &self.base_dir, &self.env) else { return given };
        let mut target = Dict::new();
        target.insert("database".into(), adapter.default_database().into());
        target.insert("schema".into(), adapter.default_schema().into());
        for (name, otherwise) in adapter.target_options() {
            target.insert(name.to_owned(), given.get(name).cloned().unwrap_or(otherwise));
        }
        for (name, value) in given {
            target.entry(name).or_insert(value);
        }
        target
    }
}

fn facts_without_adapter() -> AdapterFacts {
    AdapterFacts::new(("", &[]), vec![stdlib::PACKAGE.to_owned()], "", "main")
}

/// What Jinja knows of an opened adapter.
pub fn adapter_facts(adapter: &dyn Adapter) -> AdapterFacts {
    let internal = vec![adapter.macro_package().to_owned(), stdlib::PACKAGE.to_owned()];
    let (database, schema) = (adapter.default_database().to_owned(), adapter.default_schema().to_owned());
    let kind = (adapter.type_name(), adapter.dispatch_prefixes());
    let mut facts = AdapterFacts::new(kind, internal, database, schema);
    let options = adapter.options();
    facts.disable_transactions = !adapter.capabilities().transactions;
    if !adapter.capabilities().declares_keys {
        facts.keys_are_looked_for();
    }
    if let Some(root) = options.get("external_root").and_then(Value::as_str) {
        root.clone_into(&mut facts.external_root);
    }
    facts
}

impl Session {
    /// Loads and parses. Problems go to the sink; errors stop.
    pub fn open(inputs: Inputs, renderer: &ProjectYaml) -> Step<Self> {
        let (tree, problems) = load::load(&inputs.load, &*inputs.files, &inputs.env, renderer);
        tell(&inputs, problems)?;
        let tree = tree.ok_or(Stop(2))?;
        let sink = ProfilePlaces::new(Arc::clone(&inputs.sink), &tree.profile);
        let inputs = Inputs { sink: Arc::new(sink), ..inputs };
        tell_variables(&inputs);
        if let Some(path) = &tree.profile.embedded {
            note(&inputs, &format!("No profiles.yml found: using the embedded database {path} in the project."));
        }
        let adapter = open_adapter(&tree.profile, &inputs.load.project_dir, &inputs.env).map_err(|problem| {
            inputs.sink.emit(&Event::Problem(&problem));
            Stop(2)
        })?;
        adapter.sign(&inputs.invocation_id);
        if let Some(at) = inputs.as_of.filter(|_| !adapter.capabilities().time_travel) {
            let message = format!("--as-of {at}: tables of {} keep no former versions", adapter.type_name());
            return Err(told(&inputs, &Diagnostic::error(codes::UNSUPPORTED, message)));
        }
        let facts = adapter_facts(&*adapter);
        let mut internal = vec![InternalPackage { name: adapter.macro_package().to_owned(), files: adapter.macros() }];
        internal.push(InternalPackage { name: stdlib::PACKAGE.to_owned(), files: stdlib::files() });
        let parse_shared = Arc::new(shared_context(&inputs, &tree, facts.clone()));
        let request =
            ParseRequest { tree: &tree, internal: &internal, shared: &parse_shared, renderer, env: &inputs.env };
        let (parsed, problems) = parse(&request);
        tell(&inputs, problems)?;
        let project = Arc::new(parsed.project);
        let (graph, problems) = Graph::build(&project);
        tell(&inputs, problems)?;
        tell(&inputs, check_selectors(&project))?;
        let mut shared = shared_context(&inputs, &tree, facts);
        let for_graph = Arc::clone(&project);
        shared.graph = Some(Arc::new(move || graph_dict(&for_graph)));
        let deferred = deferral(&inputs.earlier, &*inputs.files);
        shared.deferral = deferred.map_err(|problem| told(&inputs, &problem))?.map(Arc::new);
        shared.files = Some(Arc::new(project_files(&inputs, &tree)));
        Ok(Self { inputs, adapter, engine: parsed.engine, project, graph, shared: Arc::new(shared), tree })
    }

    /// Ends the session with the process: what the end of the process frees at once is not taken apart piece by piece.
    pub fn leave(self) {
        let Self { project, tree, engine, graph, .. } = self;
        std::mem::forget((project, tree, engine, graph));
    }

    /// Opens the database, waiting for another process if that is wanted.
    pub fn open_database(&self) -> Step<()> {
        lock_wait::wait(&self.inputs, &*self.adapter)
    }

    /// Waits for another process that has the database, if that is wanted; what does not need the database goes on without.
    pub fn wait_for_database(&self) -> Step<()> {
        lock_wait::wait_if_wanted(&self.inputs, &*self.adapter)
    }

    /// Claims the target folder, until what is returned is dropped.
    pub fn claim_target(&self) -> target_claim::Guard {
        target_claim::claim(&self.inputs, &self.target_dir())
    }

    /// The same session on a warehouse that is only looked at.
    pub fn for_reading(mut self) -> Step<Self> {
        self.adapter = self.adapter.for_reading().map_err(|error| {
            self.inputs.sink.emit(&Event::Problem(&adapter_problem(&error)));
            Stop(2)
        })?;
        Ok(self)
    }

    /// The same session for a command that writes nothing into the warehouse: what another process holds is only looked at.
    pub fn beside_others(mut self) -> Self {
        if let Some(reading) = lock_wait::for_reading_where_held(&self.adapter) {
            self.adapter = reading;
        }
        self
    }

    /// `target-path`.
    pub fn target_path(&self) -> &str {
        &self.tree.root.config.target_path
    }

    /// The folder that artifacts go to.
    pub fn target_dir(&self) -> std::path::PathBuf {
        self.tree.root.root_dir.join(self.target_path())
    }

    /// The selection of a command; problems are told.
    pub fn select(&self, request: &SelectionRequest) -> Step<Selection> {
        let selection = match &self.inputs.retry {
            Some(retry) => self.select_again(retry)?,
            None => {
                let (selection, problems) = self.find(request);
                tell(&self.inputs, problems)?;
                selection
            }
        };
        self.shared.set_selected_resources(selection.iter().map(ToString::to_string).collect());
        Ok(selection)
    }

    /// The earlier state that `--state` names.
    pub fn earlier<'s>(&'s self, target: &'s Path) -> Option<Earlier<'s>> {
        Earlier::new(&self.project, &self.shared.adapter, &*self.inputs.files, &self.inputs.earlier, target)
    }

    /// What a request selects, and what is to be said of it.
    pub fn find(&self, request: &SelectionRequest) -> (Selection, Diagnostics) {
        let target = self.target_dir();
        let earlier = self.earlier(&target);
        let columns = Columns::new(self);
        let facts = SelectionFacts { earlier: earlier.as_ref().map(|e| e as &dyn StateFacts), columns: Some(&columns) };
        let (selection, mut problems) = select(&self.graph, &self.project, request, facts);
        problems.extend(earlier.map(|e| e.warnings()).unwrap_or_default());
        (selection, problems)
    }

    /// What `retry` does again; all of it must still be there.
    fn select_again(&self, retry: &RetryScope) -> Step<Selection> {
        let known: HashSet<&NodeId> = self.project.member_ids().collect();
        let gone = retry.nodes.iter().filter(|id| !known.contains(id)).min();
        if let Some(id) = gone {
            let message =
                format!("Couldn't find {} '{id}' -- does it not exist or is it disabled?", id.resource_type());
            let problem = Diagnostic::error(codes::STATE_MISSING, message)
                .help("run the former command again by itself: what it worked on has changed");
            return Err(told(&self.inputs, &problem));
        }
        Ok(retry.nodes.iter().cloned().collect())
    }

    /// What the command says about compiling.
    pub fn compile_settings(&self) -> CompileSettings {
        CompileSettings {
            empty: self.inputs.empty,
            store_failures: self.inputs.store_failures,
            sample: self.inputs.sample,
            as_of: self.inputs.as_of,
            inject_ephemeral_ctes: self.inputs.inject_ephemeral_ctes,
            introspect: self.inputs.introspect,
        }
    }

    /// Everything that running nodes needs.
    pub fn surroundings(&self) -> Surroundings {
        let settings = self.compile_settings();
        let compiler =
            Compiler::new(Arc::clone(&self.project), self.engine.clone(), Arc::clone(&self.shared), settings);
        Surroundings {
            project: Arc::clone(&self.project),
            engine: self.engine.clone(),
            shared: Arc::clone(&self.shared),
            compiler: Arc::new(compiler),
            adapter: Arc::clone(&self.adapter),
            sink: Arc::clone(&self.inputs.sink),
            cancel: Arc::clone(&self.inputs.cancel),
            writer: Arc::new(project_files(&self.inputs, &self.tree)),
            query_comment: self.query_comment(),
        }
    }

    fn query_comment(&self) -> Option<QueryComment> {
        query_comment::maker(&self.tree, &self.engine, &self.shared, &self.project)
    }

    /// About this run, for artifacts.
    pub fn metadata(&self) -> Metadata {
        Metadata {
            dbt_version: DBT_VERSION.to_owned(),
            generated_at: Utc::now(),
            invocation_id: self.inputs.invocation_id.clone(),
            invocation_started_at: self.inputs.started_at,
            env: self.shared.metadata_envs.clone(),
        }
    }

    /// Writes manifest.json and semantic_manifest.json.
    pub fn write_manifest(
        &self,
        compiled: &HashMap<NodeId, CompiledCode>,
        build_paths: &HashMap<NodeId, String>,
    ) -> Step<()> {
        if !self.inputs.write_json {
            return Ok(());
        }
        let metadata = self.metadata();
        let manifest = Manifest {
            metadata: &metadata,
            run_started_at: self.inputs.started_at,
            project: &self.project,
            compiled,
            build_paths,
        };
        self.write(&manifest)?;
        self.write(&SemanticManifest { project: &self.project })
    }

    /// Writes graph_summary.json.
    pub fn write_graph_summary(&self) -> Step<()> {
        if !self.inputs.write_json {
            return Ok(());
        }
        self.write(&GraphSummary { invocation_id: &self.inputs.invocation_id, graph: &self.graph })
    }

    /// Writes an artifact; a failure is told and stops.
    pub fn write(&self, artifact: &dyn WriteArtifact) -> Step<()> {
        let folder = self.target_dir();
        let written = artifact.write_to(&*self.inputs.files, &folder).map_err(|problem| {
            let problem = Diagnostic::error(codes::TARGET_UNWRITABLE, problem)
                .help("check the folder's permissions and free space, or choose another with --target-path");
            self.inputs.sink.emit(&Event::Problem(&problem));
            Stop(2)
        });
        written?;
        let (kind, path) = (artifact.kind_of(), folder.join(artifact.kind_of().file_name()));
        if kind != ArtifactKind::GraphSummary {
            let path = path.to_string_lossy();
            self.inputs.sink.emit(&Event::ArtifactWritten { kind: kind.logged_as(), path: &path });
        }
        Ok(())
    }
}

/// Any artifact, behind one door.
pub trait WriteArtifact {
    /// Writes the file into the target folder.
    fn write_to(&self, files: &dyn Files, target: &Path) -> Result<(), String>;

    /// Which file it is.
    fn kind_of(&self) -> ArtifactKind;
}

impl<A: Artifact> WriteArtifact for A {
    fn write_to(&self, files: &dyn Files, target: &Path) -> Result<(), String> {
        self.write(files, target).map(|_| ()).map_err(|e| e.to_string())
    }

    fn kind_of(&self) -> ArtifactKind {
        self.kind()
    }
}

/// Tells all problems; an error (or a warning that counts as one) stops with exit code 2, as dbt ends.
pub fn tell(inputs: &Inputs, problems: Diagnostics) -> Step<()> {
    let mut stop = false;
    for problem in problems.into_iter().filter_map(|problem| inputs.judge.judge(problem)) {
        stop |= problem.is_error();
        inputs.sink.emit(&Event::Problem(&problem));
    }
    if stop { Err(Stop(2)) } else { Ok(()) }
}

/// Tells what the project is parsed with.
fn tell_variables(inputs: &Inputs) {
    let vars = inputs.args.get("vars").map_or_else(|| "{}".to_owned(), crate::node::contract::repr);
    let given = |key: &str| inputs.args.get(key).filter(|v| !v.is_null()).map_or("None".to_owned(), Value::to_string);
    inputs.sink.emit(&Event::VariablesTaken {
        vars: &vars,
        checksum: &Fingerprint::of(vars.as_bytes()).to_hex(),
        profile: &given("profile"),
        target: &given("target"),
        version: DBT_VERSION,
    });
}

/// Tells an error that ends the command.
fn told(inputs: &Inputs, problem: &Diagnostic) -> Stop {
    inputs.sink.emit(&Event::Problem(problem));
    Stop(2)
}

fn note(inputs: &Inputs, message: &str) {
    inputs.sink.emit(&Event::Note { level: crate::execute::NoteLevel::Info, message });
}

/// The variables `DBT_ENV_CUSTOM_ENV_*` without their prefix: what artifacts, the log and Jinja repeat of the surroundings.
pub fn metadata_env(env: &Env) -> Dict {
    let named = env.vars().filter_map(|(k, v)| Some((k.strip_prefix("DBT_ENV_CUSTOM_ENV_")?, v)));
    named.map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

fn shared_context(inputs: &Inputs, tree: &SourceTree, facts: AdapterFacts) -> SharedContext {
    let root = &tree.root.config;
    let vars = Arc::new(TreeVars(tree.vars.clone()));
    let mut shared =
        SharedContext::new(root.name.clone(), facts, Arc::clone(&inputs.env), vars, Arc::clone(&inputs.log));
    shared.target = tree.target.clone();
    shared.run_started_at = inputs.started_at;
    shared.invocation_id.clone_from(&inputs.invocation_id);
    shared.dbt_version = DBT_VERSION.to_owned();
    shared.flags.clone_from(&inputs.flags);
    shared.invocation_args.clone_from(&inputs.args);
    shared.metadata_envs = metadata_env(&inputs.env);
    shared.packages = tree.all_packages().map(|p| p.config.name.clone()).collect();
    shared.dispatch = DispatchSettings {
        prefixes: shared.adapter.dispatch_prefixes.clone(),
        search_order: root.dispatch.iter().map(|d| (d.macro_namespace.clone(), d.search_order.clone())).collect(),
    };
    shared.quoting.clone_from(&root.quoting);
    shared.project_facts = project_facts::of_root(tree, inputs);
    shared.package_facts = Arc::new(project_facts::of_packages(tree, inputs));
    shared
}

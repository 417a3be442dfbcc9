//! Earlier invocations as commands need them: the state that selection compares with, the relations that `--defer` reads.
//!
//! In: the folders that `--state` and `--defer-state` name. Out: [`Earlier`], which reads a file when it is first asked for;
//! [`deferral`]. Missing files are told with the way out.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::artifacts::{read_manifest, read_run_results, read_sources, semantic_entry};
use crate::base::NodeId;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::files::Files;
use crate::graph::{StateFacts, StateKind};
use crate::jinja::context::host::{AdapterFacts, ConstraintSupport};
use crate::node::Project;
use crate::node::previous::{Deferral, Difference, PreviousFreshness, PreviousManifest, PreviousRun};
use crate::state::{Aspect, Comparison, ComparisonRules};

use super::args::Which;
use super::settings::Settings;

type Read<T> = Result<T, Box<Diagnostic>>;

/// What the user says about earlier invocations.
#[derive(Clone, Debug, Default)]
pub struct EarlierSettings {
    /// The project's folder: others are relative to it.
    pub project_dir: PathBuf,
    /// `--state`.
    pub state: Option<String>,
    /// `--defer-state`.
    pub defer_state: Option<String>,
    /// `--defer`.
    pub defer: bool,
    /// `--favor-state`.
    pub favor_state: bool,
    /// `state_modified_compare_more_unrendered_values`.
    pub compare_unrendered: bool,
    /// Whether the command looks at the other state even without `--defer`.
    pub clones: bool,
    /// Whether the command runs nodes: all others do not defer.
    pub runs: bool,
}

impl EarlierSettings {
    /// Out of all settings.
    pub fn new(settings: &Settings) -> Self {
        let text = |name: &str| settings.text(name).filter(|t| !t.is_empty()).map(str::to_owned);
        Self {
            project_dir: settings.project_dir.clone(),
            state: text("state"),
            defer_state: text("defer_state"),
            defer: settings.bool("defer"),
            favor_state: settings.bool("favor_state"),
            compare_unrendered: settings.project_flag("state_modified_compare_more_unrendered_values"),
            clones: settings.which == Which::Clone,
            runs: settings.which.selecting().is_some() && settings.which != Which::List,
        }
    }
}

/// A file of a state folder; none if it is not there.
fn bytes(files: &dyn Files, project_dir: &Path, folder: &str, name: &str) -> Read<Option<(String, Vec<u8>)>> {
    let path = project_dir.join(folder).join(name);
    if !files.is_file(&path) {
        return Ok(None);
    }
    let shown = Path::new(folder).join(name).to_string_lossy().into_owned();
    match files.read(&path) {
        Ok(bytes) => Ok(Some((shown, bytes))),
        Err(problem) => Err(Box::new(Diagnostic::error(codes::STATE_UNREADABLE, problem.to_string()))),
    }
}

fn missing(message: String) -> Box<Diagnostic> {
    let help = "name the folder that holds the artifacts of the earlier run with --state (or DBT_STATE)";
    Box::new(Diagnostic::error(codes::STATE_MISSING, message).help(help))
}

/// Reads the manifest of a folder.
fn manifest(files: &dyn Files, project_dir: &Path, folder: &str) -> Read<Option<PreviousManifest>> {
    let found = bytes(files, project_dir, folder, "manifest.json")?;
    found.map(|(path, bytes)| read_manifest(folder, &path, &bytes)).transpose()
}

/// Reads the results of a folder.
pub fn run_results(files: &dyn Files, project_dir: &Path, folder: &str) -> Read<Option<PreviousRun>> {
    let found = bytes(files, project_dir, folder, "run_results.json")?;
    found.map(|(path, bytes)| read_run_results(&path, &bytes)).transpose()
}

/// Reads what a run in a folder was at when it was killed; none if the last one has ended.
pub fn unfinished(files: &dyn Files, project_dir: &Path, folder: &str) -> Read<Option<PreviousRun>> {
    let found = bytes(files, project_dir, folder, super::unfinished::FILE)?;
    found.map(|(path, bytes)| read_run_results(&path, &bytes)).transpose()
}

/// Where nodes are in the other state, for commands that defer or clone.
pub fn deferral(settings: &EarlierSettings, files: &dyn Files) -> Read<Option<Deferral>> {
    let wanted = settings.clones || (settings.defer && settings.runs);
    if !wanted {
        return Ok(None);
    }
    let Some(folder) = settings.defer_state.as_ref().or(settings.state.as_ref()) else {
        return Err(missing("--state or --defer-state are required for deferral, but neither was provided".to_owned()));
    };
    match manifest(files, &settings.project_dir, folder)? {
        Some(manifest) => Ok(Some(Deferral::new(&manifest, settings.defer, settings.favor_state))),
        None => Err(missing(format!("Could not find manifest in --state path: \"{folder}\""))),
    }
}

/// The state that a selection asks about.
pub struct Earlier<'a> {
    /// The parsed project.
    pub project: &'a Project,
    /// What the engine enforces, and which macros are built in.
    pub adapter: &'a AdapterFacts,
    /// The file system.
    pub files: &'a dyn Files,
    /// Where the project and the state are.
    pub settings: &'a EarlierSettings,
    /// `--state`.
    pub folder: &'a str,
    /// The folder that this command writes to.
    pub target_dir: &'a Path,
    manifest: OnceCell<Read<PreviousManifest>>,
    warnings: RefCell<Diagnostics>,
}

impl<'a> Earlier<'a> {
    /// The state of a folder; nothing is read yet.
    pub fn new(
        project: &'a Project,
        adapter: &'a AdapterFacts,
        files: &'a dyn Files,
        settings: &'a EarlierSettings,
        target_dir: &'a Path,
    ) -> Option<Self> {
        let folder = settings.state.as_deref()?;
        let earlier = Self {
            project,
            adapter,
            files,
            settings,
            folder,
            target_dir,
            manifest: OnceCell::new(),
            warnings: RefCell::default(),
        };
        if settings.project_dir.join(folder) == target_dir {
            let message = format!("The state and target directories are the same: '{folder}'");
            let warning = Diagnostic::warning(codes::STATE_IS_TARGET, message);
            earlier.warnings.borrow_mut().push(warning.help("copy the earlier artifacts to a folder of their own"));
        }
        Some(earlier)
    }

    /// What is to be said about the comparison.
    pub fn warnings(&self) -> Diagnostics {
        self.warnings.take()
    }

    /// The manifest.
    pub fn manifest(&self) -> Read<&PreviousManifest> {
        let read = self.manifest.get_or_init(|| {
            let read = manifest(self.files, &self.settings.project_dir, self.folder)?;
            read.ok_or_else(|| missing(format!("Could not find manifest in --state path: \"{}\"", self.folder)))
        });
        read.as_ref().map_err(Clone::clone)
    }

    fn rules(&self) -> ComparisonRules {
        let enforced = |(kind, support): &(String, ConstraintSupport)| {
            (*support == ConstraintSupport::Enforced).then(|| kind.clone())
        };
        let semantic = |(id, s): (&NodeId, &std::sync::Arc<_>)| (id.clone(), semantic_entry(s, self.project));
        ComparisonRules {
            unrendered: self.settings.compare_unrendered,
            enforced_constraints: self.adapter.constraints.iter().filter_map(enforced).collect(),
            internal_packages: self.adapter.internal_packages.clone(),
            semantics: self.project.semantics.iter().map(semantic).collect(),
        }
    }

    fn checks(&self, folder: &Path, which: &str) -> Read<PreviousFreshness> {
        let folder = folder.to_string_lossy();
        let found = bytes(self.files, &self.settings.project_dir, &folder, "sources.json")?;
        let (path, bytes) = found.ok_or_else(|| {
            let message = format!("No {which} state comparison freshness results in sources.json");
            Box::new(
                Diagnostic::error(codes::STATE_MISSING, message)
                    .help(format!("`transform source freshness` writes sources.json; it is looked for in {folder}")),
            )
        })?;
        read_sources(&path, &bytes)
    }
}

impl Earlier<'_> {
    /// The members of any of some states; these say nothing about contracts.
    pub fn any_state(&self, kinds: &[StateKind]) -> Read<Vec<NodeId>> {
        let rules = self.rules();
        let aspects: Vec<Aspect> = kinds.iter().map(|kind| aspect(*kind)).collect();
        Comparison::new(self.project, self.manifest()?, &rules).find_any(&aspects)
    }

    /// What is different about members that were there, beside what their SQL gives.
    pub fn differences(&self, ids: &HashSet<NodeId>) -> Read<HashMap<NodeId, Vec<Difference>>> {
        let rules = self.rules();
        let comparison = Comparison::new(self.project, self.manifest()?, &rules);
        let of_member = |id: &NodeId| (id.clone(), comparison.differences(id));
        Ok(ids.iter().map(of_member).filter(|(_, found)| !found.is_empty()).collect())
    }
}

fn aspect(kind: StateKind) -> Aspect {
    match kind {
        StateKind::New => Aspect::New,
        StateKind::Old => Aspect::Old,
        StateKind::Modified => Aspect::Modified,
        StateKind::Unmodified => Aspect::Unmodified,
        StateKind::ModifiedBody => Aspect::Body,
        StateKind::ModifiedConfigs => Aspect::Configs,
        StateKind::ModifiedPersistedDescriptions => Aspect::PersistedDescriptions,
        StateKind::ModifiedRelation => Aspect::Relation,
        StateKind::ModifiedMacros => Aspect::Macros,
        StateKind::ModifiedContract => Aspect::Contract,
    }
}

impl StateFacts for Earlier<'_> {
    fn state(&self, kind: StateKind) -> Result<Vec<NodeId>, Box<Diagnostic>> {
        let rules = self.rules();
        let (found, said) = Comparison::new(self.project, self.manifest()?, &rules).find(aspect(kind))?;
        let mut warnings = self.warnings.borrow_mut();
        let new: Vec<Diagnostic> = said.into_iter().filter(|w| !warnings.iter().any(|known| known == w)).collect();
        warnings.extend(new);
        Ok(found)
    }

    fn result(&self, status: &str) -> Result<Vec<NodeId>, Box<Diagnostic>> {
        let run = run_results(self.files, &self.settings.project_dir, self.folder)?;
        let run =
            run.ok_or_else(|| missing(format!("No comparison run_results in --state path: \"{}\"", self.folder)))?;
        Ok(run.results.into_iter().filter(|r| r.status == status).map(|r| r.id).collect())
    }

    fn source_status(&self, status: &str) -> Result<Vec<NodeId>, Box<Diagnostic>> {
        let before = self.checks(Path::new(self.folder), "previous")?;
        let now = self.checks(self.target_dir, "current")?;
        if status != "fresher" {
            return Ok(Vec::new());
        }
        let is_fresher = |id: &NodeId, loaded: chrono::DateTime<chrono::Utc>| match before.get(id) {
            None => true,
            Some(Some(earlier)) => loaded > *earlier,
            // Checked without an answer: nothing to compare with.
            Some(None) => false,
        };
        Ok(now.into_iter().filter_map(|(id, at)| is_fresher(&id, at?).then_some(id)).collect())
    }
}

//! The profile: which warehouse, with which credentials. In: profiles.yml where dbt looks for it. Out: [`Profile`].

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span, codes, nearest};
use crate::files::{Env, Files, slashed};

use super::problems::unreadable;
use super::render::Rendering;
use super::tree::LoadRequest;
use super::yaml::{self, YamlNode};

/// What to use when no profiles.yml exists anywhere: a database in the project folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedDefault {
    /// What every target is that has no engine of its own below.
    pub engine: EmbeddedEngine,
    /// Targets that are something else, by name.
    pub targets: Vec<(String, EmbeddedEngine)>,
}

impl EmbeddedDefault {
    fn engine_of(&self, target: &str) -> &EmbeddedEngine {
        self.targets.iter().find(|(name, _)| name == target).map_or(&self.engine, |(_, engine)| engine)
    }
}

/// An engine with a database of its own in the project folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedEngine {
    /// The adapter's `type`.
    pub adapter_type: String,
    /// Extension of the database's file or folder, without a dot.
    pub file_extension: String,
    /// Schema for models.
    pub schema: String,
    /// Whether the database has to be told its name: the project's.
    pub names_database: bool,
}

/// The chosen target of the chosen profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Name of the profile.
    pub name: String,
    /// Name of the target.
    pub target_name: String,
    /// `type`.
    pub adapter_type: String,
    /// Concurrent nodes; at least 1.
    pub threads: usize,
    /// `database` (or an old name of it), if the profile says one.
    pub database: Option<String>,
    /// `schema` (or an old name of it); `main` if the profile says none.
    pub schema: String,
    /// Everything under the target but `type` and `threads`, rendered. Holds secrets.
    pub credentials: Dict,
    /// `config:` of profiles.yml.
    pub config: Dict,
    /// The target in profiles.yml; none if no profiles.yml was found.
    pub span: Option<Span>,
    /// Everything under the target, rendered, with its places.
    pub written: Option<YamlNode>,
    /// Set if no profiles.yml was found: the path of the database file that is used instead, relative to the project.
    pub embedded: Option<String>,
}

impl Profile {
    /// Where an option stands, such as `path` or `attach.0`; of what is not written the nearest that is.
    pub fn place(&self, option: &str) -> Option<Span> {
        let mut node = self.written.as_ref()?;
        let mut place = self.span.clone();
        for part in option.split('.') {
            let below = node.entries().find(|(key, ..)| key == part).map(|(_, _, value)| value);
            let below = below.or_else(|| node.items().get(part.parse::<usize>().ok()?));
            let Some(below) = below else { break };
            node = below;
            place = Some(node.span.clone());
        }
        place
    }

    /// `target` as Jinja shows it: the credentials without secrets, and dbt's names for the rest.
    pub fn target(&self) -> Dict {
        let secret = |key: &str| {
            let key = key.to_lowercase();
            ["pass", "token", "secret", "private_key", "keyfile"].iter().any(|part| key.contains(part))
        };
        let mut target: Dict =
            self.credentials.iter().filter(|(k, _)| !secret(k)).map(|(k, v)| (k.clone(), v.clone())).collect();
        if let Some(database) = &self.database {
            target.insert("database".into(), Value::from(database.as_str()));
        }
        target.insert("schema".into(), Value::from(self.schema.as_str()));
        target.insert("type".into(), Value::from(self.adapter_type.as_str()));
        target.insert("threads".into(), Value::Int(self.threads as i128));
        target.insert("name".into(), Value::from(self.target_name.as_str()));
        target.insert("target_name".into(), Value::from(self.target_name.as_str()));
        target.insert("profile_name".into(), Value::from(self.name.as_str()));
        target
    }
}

/// Name of the file.
const FILE_NAME: &str = "profiles.yml";

/// Without a profiles.yml nobody has chosen a number; more than this helps little on one file.
const MAX_EMBEDDED_THREADS: usize = 4;

/// Where profiles.yml is, or where it was looked for.
enum Found {
    File(PathBuf),
    /// A folder was named, and the file is not in it.
    NotIn(PathBuf),
    Nowhere(Vec<PathBuf>),
}

/// dbt's places: the named folder alone; else the working folder, the project's, `~/.dbt`.
fn locate(request: &LoadRequest, files: &dyn Files, env: &Env) -> Found {
    let named = request.profiles_dir.clone().or_else(|| env.dbt_setting("PROFILES_DIR").map(PathBuf::from));
    if let Some(folder) = named {
        let folder = env.absolute(&folder);
        let path = folder.join(FILE_NAME);
        return if files.is_file(&path) { Found::File(path) } else { Found::NotIn(folder) };
    }
    let mut places = vec![env.working_dir().to_path_buf(), request.project_dir.clone()];
    places.extend(env.home_dir().map(|home| home.join(".dbt")));
    match places.iter().map(|p| p.join(FILE_NAME)).find(|p| files.is_file(p)) {
        Some(path) => Found::File(path),
        None => {
            places.dedup();
            Found::Nowhere(places)
        }
    }
}

/// The profiles.yml in use; where there is none, the one that would be: in the named folder, else the user's own.
pub fn profile_file(request: &LoadRequest, files: &dyn Files, env: &Env) -> PathBuf {
    let folder = match locate(request, files, env) {
        Found::File(path) => return path,
        Found::NotIn(folder) => folder,
        Found::Nowhere(_) => env.home_dir().unwrap_or_else(|| env.working_dir().to_path_buf()).join(".dbt"),
    };
    folder.join(FILE_NAME)
}

/// What the project says about itself, as far as the profile needs it.
pub(super) struct ProjectHint<'a> {
    /// `name`, raw.
    pub name: &'a str,
    /// `profile`, rendered, and where it stands.
    pub profile: Option<(String, Span)>,
    /// dbt_project.yml.
    pub file: &'a Arc<SourceFile>,
}

/// Finds and reads the profile. Problems are collected; with an error there is no profile.
pub(super) fn load(
    request: &LoadRequest,
    project: &ProjectHint<'_>,
    files: &dyn Files,
    rendering: &Rendering<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Profile> {
    let env = rendering.env;
    let result = match locate(request, files, env) {
        Found::File(path) => {
            let shown = path.strip_prefix(&request.project_dir).map_or_else(|_| slashed(&path), slashed);
            let read = files.read_text(&path).map_err(|e| unreadable(&shown, e));
            read.and_then(|text| {
                let file = SourceFile::new(shown, text);
                let parsed = yaml::parse(&file)?;
                diagnostics.extend(parsed.warnings);
                let reader = Reader { request, project, rendering, file: &file };
                reader.read(parsed.root, diagnostics)
            })
        }
        Found::NotIn(folder) => Err(not_found(format!("there is no {FILE_NAME} in {}", slashed(&folder)))
            .help("name another folder with --profiles-dir, or leave the option out")),
        Found::Nowhere(places) => match &request.embedded {
            Some(embedded) => Ok(embedded_profile(request, project, env, embedded)),
            None => {
                let listed: Vec<String> = places.iter().map(|p| slashed(p)).collect();
                Err(not_found(format!("no {FILE_NAME} was found")).note(format!("looked in {}", listed.join(", "))))
            }
        },
    };
    result.map_err(|problem| diagnostics.push(problem)).ok()
}

fn not_found(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::PROFILE_NOT_FOUND, message)
}

/// A text that is rendered to choose a target or profile: only text can be a name.
fn name_of(node: &YamlNode, what: &str) -> Result<String, Diagnostic> {
    node.expect_str(codes::PROFILE_INVALID, what).map(str::to_owned)
}

/// Adds the nearest of the names and the list of all to an error.
fn with_names(problem: Diagnostic, wanted: &str, what: &str, names: &[String]) -> Diagnostic {
    let listed = names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let problem =
        problem.note(if names.is_empty() { format!("there are no {what}") } else { format!("{what}: {listed}") });
    match nearest(wanted, names.iter().map(String::as_str)).first() {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem,
    }
}

fn embedded_profile(
    request: &LoadRequest,
    project: &ProjectHint<'_>,
    env: &Env,
    embedded: &EmbeddedDefault,
) -> Profile {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let named =
        |flag: &Option<String>, setting: &str| flag.clone().or_else(|| env.dbt_setting(setting).map(str::to_owned));
    let target_name = named(&request.target, "TARGET").unwrap_or_else(|| "dev".to_owned());
    let embedded = embedded.engine_of(&target_name);
    let file_name = format!("{}.{}", project.name, embedded.file_extension);
    let path = request.project_dir.join(&file_name);
    let database = embedded.names_database.then(|| project.name.to_owned());
    let mut credentials = Dict::from([
        ("path".to_owned(), Value::Str(path.to_string_lossy().into_owned())),
        ("schema".to_owned(), Value::Str(embedded.schema.clone())),
    ]);
    credentials.extend(database.iter().map(|name| ("database".to_owned(), Value::from(name.as_str()))));
    let name = named(&request.profile, "PROFILE").or_else(|| project.profile.as_ref().map(|(name, _)| name.clone()));
    Profile {
        name: name.unwrap_or_else(|| project.name.to_owned()),
        target_name,
        adapter_type: embedded.adapter_type.clone(),
        threads: request.threads.unwrap_or(cores.min(MAX_EMBEDDED_THREADS)).max(1),
        database,
        schema: embedded.schema.clone(),
        credentials,
        config: Dict::new(),
        span: None,
        written: None,
        embedded: Some(file_name),
    }
}

/// The content of one profiles.yml, about to be read.
struct Reader<'a> {
    request: &'a LoadRequest,
    project: &'a ProjectHint<'a>,
    rendering: &'a Rendering<'a>,
    file: &'a Arc<SourceFile>,
}

impl Reader<'_> {
    fn read(&self, root: Option<YamlNode>, diagnostics: &mut Diagnostics) -> Result<Profile, Diagnostic> {
        let Some(root) = root.filter(|r| !r.is_null()) else {
            return Err(not_found(format!("{} is empty", self.file.path)).at(Span::file_start(self.file)));
        };
        root.expect_map(codes::PROFILE_INVALID, FILE_NAME)?;
        let profiles: Vec<String> = root.entries().map(|(k, ..)| k.into_owned()).filter(|k| k != "config").collect();
        let (name, name_span) = self.profile_name(&profiles)?;
        let Some(profile) = root.get(&name) else {
            let problem = not_found(format!("there is no profile `{name}` in {}", self.file.path)).at(name_span);
            return Err(with_names(problem, &name, "profiles", &profiles));
        };
        let what = format!("the profile `{name}`");
        profile.expect_map(codes::PROFILE_INVALID, &what)?;
        let Some(outputs) = profile.get("outputs").filter(|o| !o.is_null()) else {
            let problem = Diagnostic::error(codes::PROFILE_INVALID, format!("{what} has no `outputs`"));
            return Err(problem.at(profile.span.clone()).help("add the targets under `outputs:`"));
        };
        outputs.expect_map(codes::PROFILE_INVALID, &format!("`outputs` of {what}"))?;
        let (target_name, target_span) = self.target_name(profile)?;
        let Some(target) = outputs.get(&target_name) else {
            let problem = not_found(format!("{what} has no target `{target_name}`")).at(target_span);
            let targets: Vec<String> = outputs.entries().map(|(k, ..)| k.into_owned()).collect();
            return Err(with_names(problem, &target_name, "targets", &targets));
        };
        target.expect_map(codes::PROFILE_INVALID, &format!("the target `{target_name}` of {what}"))?;
        let config = root.get("config").map(YamlNode::to_dict).unwrap_or_default();
        self.target(name, target_name, target, config, diagnostics)
    }

    fn setting(&self, flag: &Option<String>, name: &str) -> Option<String> {
        flag.clone().or_else(|| self.rendering.env.dbt_setting(name).map(str::to_owned))
    }

    fn profile_name(&self, profiles: &[String]) -> Result<(String, Option<Span>), Diagnostic> {
        if let Some(name) = self.setting(&self.request.profile, "PROFILE") {
            return Ok((name, None));
        }
        if let Some((name, span)) = &self.project.profile {
            return Ok((name.clone(), Some(span.clone())));
        }
        let problem =
            not_found(format!("{} names no profile", self.project.file.path)).at(Span::file_start(self.project.file));
        let help = match profiles.first() {
            Some(first) => format!("add a line such as `profile: {first}`"),
            None => "add a line `profile: ...`".to_owned(),
        };
        Err(with_names(problem, "", "profiles", profiles).help(help))
    }

    fn target_name(&self, profile: &YamlNode) -> Result<(String, Span), Diagnostic> {
        if let Some(name) = self.setting(&self.request.target, "TARGET") {
            return Ok((name, profile.span.clone()));
        }
        match profile.get("target").filter(|t| !t.is_null()) {
            Some(node) => Ok((name_of(&self.rendering.scalar(node)?, "`target`")?, node.span.clone())),
            None => Ok(("default".to_owned(), profile.span.clone())),
        }
    }

    fn target(
        &self,
        name: String,
        target_name: String,
        target: &YamlNode,
        config: Dict,
        diagnostics: &mut Diagnostics,
    ) -> Result<Profile, Diagnostic> {
        let mut problems = Diagnostics::new();
        let rendered = self.rendering.tree(target, &|_| true, &mut problems);
        let failed = problems.has_errors();
        diagnostics.extend(problems);
        let mut credentials = rendered.to_dict();
        let threads = self.threads(&rendered)?;
        credentials.shift_remove("threads");
        let Some(type_node) = rendered.get("type") else {
            let message = format!("the target `{target_name}` of the profile `{name}` has no `type`");
            let problem = Diagnostic::error(codes::PROFILE_INVALID, message).at(target.span.clone());
            return Err(problem.help("say which engine it is, with a line `type: ...`"));
        };
        let adapter_type = name_of(type_node, "`type`")?;
        credentials.shift_remove("type");
        if failed {
            // Values are missing; the reasons are collected already.
            let message = format!("the target `{target_name}` of the profile `{name}` cannot be used");
            return Err(Diagnostic::error(codes::PROFILE_INVALID, message).at(target.span.clone()));
        }
        let text = |keys: &[&str]| keys.iter().find_map(|k| credentials.get(*k)?.as_str()).map(str::to_owned);
        Ok(Profile {
            name,
            target_name,
            adapter_type,
            threads,
            database: text(&["database", "dbname", "catalog", "project"]),
            schema: text(&["schema", "dataset"]).unwrap_or_else(|| "main".to_owned()),
            credentials,
            config,
            span: Some(target.span.clone()),
            written: Some(rendered),
            embedded: None,
        })
    }

    fn threads(&self, target: &YamlNode) -> Result<usize, Diagnostic> {
        if let Some(threads) = self.request.threads {
            return Ok(threads.max(1));
        }
        let Some(node) = target.get("threads").filter(|n| !n.is_null()) else { return Ok(1) };
        // A number from an environment variable is text.
        let number = node.as_i64().or_else(|| node.as_str().and_then(|s| s.trim().parse().ok()));
        match number.and_then(|n| usize::try_from(n).ok()).filter(|n| *n >= 1) {
            Some(threads) => Ok(threads),
            None => {
                let message = format!("`threads` must be a whole number of at least 1, found {}", node.to_base());
                Err(Diagnostic::error(codes::PROFILE_INVALID, message).at(node.span.clone()))
            }
        }
    }
}

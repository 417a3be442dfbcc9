//! What the user wants, from all places where it can be said.
//!
//! In: an [`Invocation`], the environment, later `flags:` of dbt_project.yml. Out: [`Settings`] with dbt's precedence: command
//! line, `DBT_ENGINE_X`, `DBT_X`, `flags:`, default; and the forms that Jinja, artifacts and other rooms want.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use crate::base::{AsOf, BatchKey, Clock as _, Dict, Fingerprint, Interval, SystemClock, Value};
use crate::diag::{self, Diagnostic, Diagnostics, SourceFile, WarningPolicy, codes};
use crate::execute::BatchRequest;
use crate::files::{Env, Files};
use crate::graph::{IndirectSelection, SelectionRequest};
use crate::load::{self, EmbeddedDefault, EmbeddedEngine, LoadRequest};
use crate::plan::BatchWish;
use crate::report::{LogFormat, LogLevel, ReportSettings};

use super::args::{Default, Invocation, Kind, OPTIONS, Opt, PROJECT_ONLY, Which};
use super::engine_names;
use super::event_time;
use super::warnings;

/// Settings that contradict each other or have no meaning. The exit code is 2.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value that an option does not take, or options that exclude each other.
    #[error("{0}")]
    Usage(String),
    /// Text that cannot be read.
    #[error("an option cannot be read")]
    Unreadable(Diagnostics),
}

/// Where a value was set, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Default,
    Project,
    Environment,
    CommandLine,
}

/// In the arguments of a command that tells macros and tools that it is another one: its own name.
pub const OWN_COMMAND: &str = "transform_command";

/// Former names of environment variables, without `DBT_`.
const OLD_NAMES: [(&str, &str); 3] =
    [("state", "ARTIFACT_STATE_PATH"), ("defer", "DEFER_TO_STATE"), ("favor_state", "FAVOR_STATE_MODE")];

/// Everything the user has set, resolved.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The subcommand.
    pub which: Which,
    /// The project's folder, absolute.
    pub project_dir: PathBuf,
    invocation: Invocation,
    env: Arc<Env>,
    project_flags: Dict,
    values: Dict,
    origins: Vec<(&'static str, Origin)>,
    /// As the user wrote it, maybe under old keys.
    written_warn_error_options: Dict,
}

impl Settings {
    /// Resolves command line and environment.
    pub fn new(invocation: Invocation, env: Arc<Env>, files: &dyn Files) -> Result<Self, SettingsError> {
        let mut settings = Self {
            which: invocation.which,
            project_dir: PathBuf::new(),
            invocation,
            env,
            project_flags: Dict::new(),
            values: Dict::new(),
            origins: Vec::new(),
            written_warn_error_options: warnings::none(),
        };
        settings.resolve()?;
        settings.project_dir = match settings.text("project_dir") {
            Some(given) => settings.env.absolute(Path::new(given)),
            None => load::find_project_dir(files, settings.env.working_dir()),
        };
        Ok(settings)
    }

    /// The same with `flags:` of dbt_project.yml behind command line and environment.
    pub fn with_project_flags(mut self, flags: &Dict) -> Result<Self, SettingsError> {
        self.project_flags = flags.clone();
        self.resolve()?;
        Ok(self)
    }

    fn resolve(&mut self) -> Result<(), SettingsError> {
        self.values.clear();
        self.origins.clear();
        for opt in OPTIONS.iter().filter(|o| o.applies_to(self.invocation.which)) {
            let (value, origin) = self.find(opt)?;
            self.values.insert(opt.name.to_owned(), value);
            self.origins.push((opt.name, origin));
        }
        self.written_warn_error_options = self.dict("warn_error_options");
        let options = warnings::normalized(&self.written_warn_error_options).map_err(SettingsError::Usage)?;
        self.values.insert("warn_error_options".to_owned(), Value::Map(options));
        for (lead, follower) in
            [("use_colors", "use_colors_file"), ("log_level", "log_level_file"), ("log_format", "log_format_file")]
        {
            if self.is_set(lead) && !self.is_set(follower) {
                let value = self.value(lead).clone();
                self.values.insert(follower.to_owned(), value);
            }
        }
        for (one, other) in [
            ("warn_error", "warn_error_options"),
            ("select", "inline"),
            ("selector", "inline"),
            ("models", "select"),
            ("models", "resource_types"),
        ] {
            if self.is_set(one) && self.is_set(other) {
                let names = [one, other].map(|n| format!("--{}", n.replace('_', "-")));
                return Err(SettingsError::Usage(format!("{} cannot be used with {}", names[1], names[0])));
            }
        }
        self.bounds_are_in_order("event_time_start", "event_time_end", true)?;
        self.bounds_are_in_order("start", "end", false)
    }

    /// Bounds of batches: both or none where a window is meant, and the start before the end.
    fn bounds_are_in_order(&self, start: &str, end: &str, both: bool) -> Result<(), SettingsError> {
        let [start_flag, end_flag] = [start, end].map(|name| format!("--{}", name.replace('_', "-")));
        let refuse = |message: String| Err(SettingsError::Usage(message));
        match (self.key(start), self.key(end)) {
            (Some(_), None) if both => refuse(format!("{start_flag} was given without {end_flag}: both are needed")),
            (None, Some(_)) if both => refuse(format!("{end_flag} was given without {start_flag}: both are needed")),
            (Some(first), Some(last)) if first.time().is_some() != last.time().is_some() => {
                refuse(format!("{start_flag} and {end_flag} must both be times, or both be numbers"))
            }
            (Some(first), Some(last)) if first >= last => {
                refuse(format!("the value of {start_flag} must be less than that of {end_flag}"))
            }
            _ => Ok(()),
        }
    }

    /// A bound of batches.
    fn key(&self, name: &str) -> Option<BatchKey> {
        BatchKey::of(self.value(name))
    }

    /// `--sample`.
    pub fn sample(&self) -> Option<Interval> {
        self.value("sample").as_map().and_then(event_time::interval)
    }

    /// A state of tables: `--as-of`, `--to`.
    pub fn as_of(&self, name: &str) -> Option<AsOf> {
        self.text(name).and_then(|text| AsOf::parse(text).ok())
    }

    /// `--retention`.
    pub fn retention(&self) -> TimeDelta {
        self.text("retention").and_then(|text| event_time::span(text).ok()).unwrap_or_default()
    }

    /// Whether nodes are only planned.
    pub fn plans(&self) -> bool {
        self.which == Which::Plan || (self.bool("dry_run") && self.which != Which::Maintain)
    }

    /// Which batches of microbatch models are wanted.
    pub fn batches(&self) -> BatchRequest {
        let window = self.key("event_time_start").zip(self.key("event_time_end"));
        let window = self.sample().or(window.map(|(start, end)| Interval { start, end }));
        let wish = if self.which == Which::Backfill {
            let restate = self.bool("restate").then(|| Fingerprint::of(self.value("vars").to_string()));
            BatchWish::Backfill { start: self.key("start"), end: self.key("end"), restate }
        } else {
            BatchWish::Run(window)
        };
        BatchRequest { wish, partial: self.sample().is_some() || self.bool("empty"), ..BatchRequest::default() }
    }

    /// The strongest place that sets an option.
    fn find(&self, opt: &Opt) -> Result<(Value, Origin), SettingsError> {
        if let Some(value) = self.invocation.given.get(opt.name) {
            return Ok((typed(opt, value, &format!("--{}", opt.long()))?, Origin::CommandLine));
        }
        let setting = opt.name.to_uppercase();
        let old = || OLD_NAMES.iter().find(|(new, _)| *new == opt.name).and_then(|(_, old)| self.env.dbt_setting(old));
        if let Some(text) = opt.env.then(|| self.env.dbt_setting(&setting).or_else(old)).flatten() {
            return Ok((typed(opt, &Value::from(text), &format!("DBT_{setting}"))?, Origin::Environment));
        }
        match self.project_flags.get(opt.name).filter(|v| opt.project && !v.is_null()) {
            Some(value) => Ok((typed(opt, value, &format!("flag `{}`", opt.name))?, Origin::Project)),
            None => Ok((default(opt), Origin::Default)),
        }
    }

    /// An option's value; null if the subcommand does not know it.
    pub fn value(&self, name: &str) -> &Value {
        const NULL: &Value = &Value::Null;
        self.values.get(name).unwrap_or(NULL)
    }

    /// A switch.
    pub fn bool(&self, name: &str) -> bool {
        self.value(name).as_bool().unwrap_or(false)
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name).as_str()
    }

    /// A number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.value(name).as_i64()
    }

    /// Words; none if there are none.
    pub fn words(&self, name: &str) -> Vec<String> {
        self.value(name).as_list().unwrap_or_default().iter().map(Value::to_string).collect()
    }

    /// A mapping; empty if there is none.
    pub fn dict(&self, name: &str) -> Dict {
        self.value(name).as_map().cloned().unwrap_or_default()
    }

    /// What happens to warnings.
    pub fn warning_policy(&self) -> WarningPolicy {
        let policy = warnings::policy(self.bool("warn_error"), &self.dict("warn_error_options"));
        WarningPolicy { handles_all: self.project_flag("require_all_warnings_handled_by_warn_error"), ..policy }
    }

    /// What is wrong with the settings themselves, though they can be used.
    pub fn problems(&self) -> Diagnostics {
        let mut problems: Vec<Diagnostic> = warnings::old_keys(&self.written_warn_error_options).into_iter().collect();
        problems.extend(self.invocation.old_spellings.iter().map(|old| {
            Diagnostic::warning(codes::DEPRECATED, format!("`{old}` is an old spelling of `--select`"))
                .named(diag::warnings::MODEL_PARAM_USAGE_DEPRECATION)
                .help("write `--select` or `-s`")
        }));
        problems.extend(self.env.vars().filter_map(|(name, _)| engine_names::reserved(name)));
        if let Some(path) = self.text("output").filter(|_| self.which == Which::SourceFreshness) {
            let message = format!("`--output {path}` puts sources.json where dbt does not expect it");
            let problem = Diagnostic::warning(codes::DEPRECATED, message)
                .named(diag::warnings::CUSTOM_OUTPUT_PATH_IN_SOURCE_FRESHNESS_DEPRECATION);
            problems.push(problem.fact("path", path).help("`--target-path` moves all artifacts"));
        }
        problems.into()
    }

    /// Whether somebody set the option.
    pub fn is_set(&self, name: &str) -> bool {
        self.origins.iter().any(|(n, origin)| *n == name && *origin > Origin::Default)
    }

    /// Whether the option stands on the command line.
    pub fn on_command_line(&self, name: &str) -> bool {
        self.origins.iter().any(|(n, origin)| *n == name && *origin == Origin::CommandLine)
    }

    /// `flags:` of dbt_project.yml.
    pub fn project_flags(&self) -> &Dict {
        &self.project_flags
    }

    /// A flag of dbt_project.yml that no option sets, such as `skip_nodes_if_on_run_start_fails`.
    pub fn project_flag(&self, name: &str) -> bool {
        let default = PROJECT_ONLY.iter().find(|(n, _)| *n == name).is_some_and(|(_, default)| *default);
        self.project_flags.get(name).and_then(as_bool).unwrap_or(default)
    }

    /// The whole command line.
    pub fn invocation_line(&self) -> &str {
        &self.invocation.line
    }

    /// How long to wait for a database that another process holds.
    pub fn lock_wait(&self) -> Duration {
        Duration::from_secs(self.integer("lock_wait").and_then(|s| u64::try_from(s).ok()).unwrap_or_default())
    }

    /// What loading wants to know.
    pub fn load_request(&self) -> LoadRequest {
        let owned = |name| self.text(name).map(str::to_owned);
        LoadRequest {
            project_dir: self.project_dir.clone(),
            profiles_dir: self.text("profiles_dir").map(PathBuf::from),
            profile: owned("profile"),
            target: owned("target"),
            threads: self.integer("threads").and_then(|t| usize::try_from(t).ok()),
            vars: self.dict("vars"),
            target_path: owned("target_path"),
            log_path: owned("log_path"),
            skip_version_check: !self.bool("version_check"),
            embedded: Some(embedded()),
            without_profile: matches!(self.which, Which::Deps | Which::Clean),
        }
    }

    /// What node selection wants to know; none if the subcommand selects nothing.
    pub fn selection_request(&self) -> Option<SelectionRequest> {
        let command = self.which.selecting()?;
        let models = self.words("models");
        let only_models = !models.is_empty();
        Some(SelectionRequest {
            command,
            select: if only_models { models } else { self.words("select") },
            exclude: self.words("exclude"),
            selector: self.text("selector").map(str::to_owned),
            default_selector: None,
            resource_types: if only_models { vec!["model".to_owned()] } else { self.words("resource_types") },
            exclude_resource_types: self.words("exclude_resource_types"),
            indirect: self.text("indirect_selection").and_then(IndirectSelection::parse).unwrap_or_default(),
        })
    }

    /// What the console wants to know; `is_terminal` and `width` are facts of standard error.
    pub fn report_settings(&self, is_terminal: bool, width: usize) -> ReportSettings {
        let wanted = self.env.var("NO_COLOR").is_none_or(str::is_empty);
        let color = if self.is_set("use_colors") { self.bool("use_colors") } else { is_terminal && wanted };
        let format = self.text("log_format").and_then(LogFormat::parse).unwrap_or_default();
        let debug = self.bool("debug");
        ReportSettings {
            format: if debug && format == LogFormat::Text { LogFormat::Debug } else { format },
            level: if debug { LogLevel::Debug } else { self.level("log_level") },
            quiet: self.bool("quiet"),
            color,
            is_terminal,
            width,
        }
    }

    /// Format and level of the log file.
    pub fn file_log(&self) -> (LogFormat, LogLevel) {
        let format = self.text("log_format_file").and_then(LogFormat::parse).unwrap_or(LogFormat::Debug);
        (format, self.level("log_level_file"))
    }

    fn level(&self, name: &str) -> LogLevel {
        self.text(name).and_then(LogLevel::parse).unwrap_or_default()
    }

    /// Jinja's `flags`: upper-case names.
    pub fn flags_dict(&self) -> Dict {
        self.named().into_iter().map(|(name, value)| (name.to_uppercase(), value)).collect()
    }

    /// `args` of run_results.json and `invocation_args_dict`: lower-case names, without what is unset and without switches
    /// that dbt mentions only when they are on.
    pub fn args_dict(&self) -> Dict {
        const ONLY_IF_ON: [&str; 9] = [
            "dry_run",
            "debug",
            "full_refresh",
            "fail_fast",
            "warn_error",
            "single_threaded",
            "log_cache_events",
            "store_failures",
            "use_experimental_parser",
        ];
        let mut named = self.named();
        named.retain(|name, value| {
            let off = *value == Value::Bool(false) && ONLY_IF_ON.contains(&name.as_str());
            !(off || value.is_null())
        });
        named
    }

    fn named(&self) -> Dict {
        let mut named = Dict::new();
        // dbt has these for every subcommand.
        for (name, value) in
            [("full_refresh", false), ("store_failures", false), ("empty", false), ("introspect", true)]
        {
            named.insert(name.to_owned(), Value::Bool(value));
        }
        named.insert("strict_mode".to_owned(), Value::Bool(false));
        named.extend(self.values.clone());
        for (name, _) in PROJECT_ONLY {
            named.insert((*name).to_owned(), Value::Bool(self.project_flag(name)));
        }
        named.insert("project_dir".to_owned(), self.project_dir.to_string_lossy().into_owned().into());
        let log_path = self.text("log_path").unwrap_or("logs");
        let log_path = self.project_dir.join(log_path).to_string_lossy().into_owned();
        named.insert("log_path".to_owned(), log_path.into());
        // Macros and tools see a run: that is what it is to them.
        let which = match self.which {
            Which::Backfill => Which::Run,
            Which::Plan => Which::Build,
            which => which,
        };
        named.insert("which".to_owned(), which.as_str().into());
        if which != self.which {
            named.insert(OWN_COMMAND.to_owned(), self.which.as_str().into());
        }
        named.insert("invocation_command".to_owned(), self.invocation.line.as_str().into());
        named
    }
}

/// A project without profiles.yml has a database file; its target `lake` is a lake.
fn embedded() -> EmbeddedDefault {
    let engine = |adapter_type: &str, file_extension: &str, names_database| EmbeddedEngine {
        adapter_type: adapter_type.to_owned(),
        file_extension: file_extension.to_owned(),
        schema: "main".to_owned(),
        names_database,
    };
    EmbeddedDefault {
        engine: engine("duckdb", "duckdb", false),
        targets: vec![("lake".to_owned(), engine("datafusion", "lake", true))],
    }
}

fn default(opt: &Opt) -> Value {
    match opt.default {
        Default::None => Value::Null,
        Default::Bool(b) => Value::Bool(b),
        Default::Int(i) => Value::from(i),
        Default::Text(t) => Value::from(t),
        Default::NoWords => Value::List(Vec::new()),
        Default::NoKeys => Value::Map(Dict::new()),
    }
}

/// A switch as dbt reads it from text.
fn as_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::Int(0) => Some(false),
        Value::Int(1) => Some(true),
        Value::Str(text) => match text.trim().to_lowercase().as_str() {
            "1" | "true" | "t" | "yes" | "y" | "on" => Some(true),
            "0" | "false" | "f" | "no" | "n" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A value in the kind that its option takes; `place` names where it was set.
fn typed(opt: &Opt, value: &Value, place: &str) -> Result<Value, SettingsError> {
    let refuse = |wanted: &str| Err(SettingsError::Usage(format!("{place} must be {wanted}, found `{value}`")));
    match opt.kind {
        Kind::Switch | Kind::Flag => match as_bool(value) {
            Some(b) => Ok(Value::Bool(b)),
            None => refuse("true or false"),
        },
        Kind::Integer(least) => {
            let number = value.as_i64().or_else(|| value.as_str().and_then(|t| t.trim().parse().ok()));
            match number.filter(|n| *n >= least) {
                Some(number) => Ok(Value::from(number)),
                None => refuse("a whole number in range"),
            }
        }
        Kind::Choice(words) => match value.as_str().map(str::to_lowercase).filter(|t| words.contains(&t.as_str())) {
            Some(word) => Ok(Value::Str(word)),
            None => refuse(&format!("one of {}", words.join(", "))),
        },
        Kind::Words => match value {
            Value::List(_) => Ok(value.clone()),
            other => Ok(Value::List(other.to_string().split_whitespace().map(Value::from).collect())),
        },
        Kind::Yaml => match value {
            Value::Map(_) => Ok(value.clone()),
            other => mapping(opt, &other.to_string(), place).map(Value::Map),
        },
        Kind::Bound => match value {
            Value::Timestamp(_) | Value::Int(_) => Ok(value.clone()),
            other => event_time::bound(&other.to_string()).map_err(|m| SettingsError::Usage(format!("{place}: {m}"))),
        },
        Kind::Window => match value {
            Value::Map(_) => Ok(value.clone()),
            other => event_time::sample(&other.to_string(), SystemClock.now())
                .map_err(|m| SettingsError::Usage(format!("{place}: {m}"))),
        },
        Kind::AsOf => match AsOf::parse(&value.to_string()) {
            Ok(_) => Ok(Value::Str(value.to_string())),
            Err(words) => Err(SettingsError::Usage(format!("{place}: {words}"))),
        },
        Kind::Span => match event_time::span(&value.to_string()) {
            Ok(_) => Ok(Value::Str(value.to_string())),
            Err(words) => Err(SettingsError::Usage(format!("{place}: {words}"))),
        },
        Kind::Text | Kind::Positional(_) => Ok(Value::Str(value.to_string())),
    }
}

/// Reads a YAML mapping.
fn mapping(opt: &Opt, text: &str, place: &str) -> Result<Dict, SettingsError> {
    if opt.name == "vars" {
        return load::parse_cli_vars(text).map_err(SettingsError::Unreadable);
    }
    let file = SourceFile::new(place, text);
    let help = format!("write a mapping, such as --{} '{{key: value}}'", opt.long());
    let unreadable = |problem: Diagnostic| SettingsError::Unreadable(problem.help(help.as_str()).into());
    match load::yaml::parse(&file).map_err(unreadable)?.root {
        Some(root) if root.is_map() => Ok(root.to_dict()),
        found => {
            let kind = found.map_or("nothing", |n| n.kind());
            Err(unreadable(Diagnostic::error(codes::YAML_SYNTAX, format!("{place} must be a mapping, found {kind}"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Request, parse};
    use crate::files::MemoryFiles;

    fn settings(line: &str, vars: &[(&str, &str)], flags: &[(&str, Value)]) -> Result<Settings, SettingsError> {
        let words = std::iter::once("transform").chain(line.split_whitespace());
        let Ok(Request::Command(invocation)) = parse(words) else { panic!("{line}") };
        let env = Arc::new(Env::fixed("/shop/models", vars.iter().copied()));
        let files = MemoryFiles::new([("/shop/dbt_project.yml", "name: x")]);
        let flags: Dict = flags.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        Settings::new(invocation, env, &files)?.with_project_flags(&flags)
    }

    #[test]
    fn the_strongest_place_wins() {
        let project = [("fail_fast", Value::Bool(true))];
        for (line, vars, flags, want) in [
            ("run", &[][..], &[][..], false),
            ("run", &[], &project[..], true),
            ("run", &[("DBT_FAIL_FAST", "no")], &project, false),
            ("run", &[("DBT_FAIL_FAST", "")], &project, true),
            ("run", &[("DBT_FAIL_FAST", "no"), ("DBT_ENGINE_FAIL_FAST", "T")], &[], true),
            ("run --no-fail-fast", &[("DBT_ENGINE_FAIL_FAST", "1")], &project, false),
            ("run -x", &[("DBT_FAIL_FAST", "0")], &[], true),
        ] {
            let found = settings(line, vars, flags).unwrap();
            assert_eq!(found.bool("fail_fast"), want, "{line} {vars:?} {flags:?}");
            assert_eq!(found.flags_dict().get("FAIL_FAST"), Some(&Value::Bool(want)));
        }
        // Only dbt's own list of flags may stand in dbt_project.yml.
        assert!(!settings("run", &[], &[("quiet", Value::Bool(true))]).unwrap().bool("quiet"));
    }

    #[test]
    fn dicts_have_dbt_s_names() {
        let found = settings("run --vars [1]", &[], &[]);
        assert!(matches!(found, Err(SettingsError::Unreadable(_))));
        let found = settings("run -s a+ --full-refresh --log-level warn", &[("DBT_TARGET", "ci")], &[]).unwrap();
        let args = found.args_dict();
        assert_eq!(args.get("which"), Some(&"run".into()));
        assert_eq!(args.get("select"), Some(&vec!["a+"].into()));
        assert_eq!(args.get("full_refresh"), Some(&Value::Bool(true)));
        assert_eq!(args.get("log_level_file"), Some(&"warn".into()));
        assert_eq!(args.get("target"), Some(&"ci".into()));
        assert_eq!(args.get("project_dir"), Some(&"/shop".into()));
        assert_eq!((args.get("debug"), args.get("profile")), (None, None));
        let flags = found.flags_dict();
        assert_eq!(flags.get("DEBUG"), Some(&Value::Bool(false)));
        assert_eq!(flags.get("PROFILE"), Some(&Value::Null));
        assert_eq!(flags.get("REQUIRE_GENERIC_TEST_ARGUMENTS_PROPERTY"), Some(&Value::Bool(true)));
        assert_eq!(settings("list", &[], &[]).unwrap().flags_dict().get("EMPTY"), Some(&Value::Bool(false)));
    }

    #[test]
    fn nonsense_is_refused() {
        for (line, vars) in [
            ("run", &[("DBT_QUIET", "perhaps")][..]),
            ("run", &[("DBT_PRINTER_WIDTH", "wide")]),
            ("run", &[("DBT_LOG_FORMAT", "xml")]),
            ("show --inline x -s y", &[]),
            ("ls -m x -s y", &[]),
            ("run-operation m --args [1]", &[]),
        ] {
            assert!(settings(line, vars, &[]).is_err(), "{line} {vars:?}");
        }
    }

    #[test]
    fn selection_of_models_lists_models() {
        let request = settings("ls -m a b", &[], &[]).unwrap().selection_request().unwrap();
        assert_eq!((request.select.join(" "), request.resource_types.join(" ")), ("a b".into(), "model".into()));
        let request = settings("run -m a", &[], &[]).unwrap().selection_request().unwrap();
        assert_eq!((request.select.join(" "), request.resource_types.is_empty()), ("a".into(), true));
    }
}

//! What every command is given, and the few things that all commands do with it. In: what `session` has set up.
//! Out: [`CommandContext`], [`CommandResult`].

use std::path::Path;
use std::sync::Arc;

use crate::adapters::{self, Adapter, AdapterError, ErrorKind};
use crate::base::Value;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::execute::connection_diagnostic;
use crate::execute::event::{Event, EventSink, NoteLevel};
use crate::files::{Env, Files};
use crate::load::{Profile, RootConfig, YamlRenderer, load_root};

use super::judge::Judge;
use super::settings::Settings;

/// The exit code: 0 for success, 1 for failed work, 2 for what cannot be worked on at all.
pub type CommandResult = anyhow::Result<u8>;

/// What a command works with.
pub struct CommandContext<'a> {
    /// What the user wants.
    pub settings: &'a Settings,
    /// The file system.
    pub files: Arc<dyn Files>,
    /// The environment.
    pub env: Arc<Env>,
    /// Renders Jinja in YAML.
    pub renderer: &'a dyn YamlRenderer,
    /// Who tells the user.
    pub events: &'a dyn EventSink,
    /// Who says what becomes of problems.
    pub judge: &'a Judge,
}

impl CommandContext<'_> {
    /// A line for people.
    pub fn say(&self, message: &str) {
        self.events.emit(&Event::Note { level: NoteLevel::Info, message });
    }

    /// A result, for standard output.
    pub fn print(&self, message: &str) {
        self.events.emit(&Event::Printed { message });
    }

    /// Tells all problems; whether one of them is an error.
    pub fn tell(&self, problems: &Diagnostics) -> bool {
        let mut stop = false;
        for problem in problems.iter().filter_map(|problem| self.judge.judge(problem.clone())) {
            stop |= problem.is_error();
            self.events.emit(&Event::Problem(&problem));
        }
        stop
    }

    /// dbt_project.yml and the profile; none, and the problems told, if they cannot be used.
    pub fn root(&self) -> Option<RootConfig> {
        let request = self.settings.load_request();
        let (root, problems) = load_root(&request, self.files.as_ref(), &self.env, self.renderer);
        if self.tell(&problems) { None } else { root }
    }
}

/// The adapter of a profile. Relative paths in it are relative to the project.
pub fn open_adapter(profile: &Profile, project_dir: &Path, env: &Env) -> Result<Arc<dyn Adapter>, Diagnostic> {
    let mut options = profile.credentials.clone();
    let given = |name: &str| env.var(name).filter(|value| !value.is_empty());
    let activated = || {
        let program = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
        given("VIRTUAL_ENV").map(|folder| format!("{folder}/{program}"))
    };
    if let Some(python) = given("TRANSFORM_PYTHON") {
        options.insert("python".to_owned(), python.into());
    } else if !options.get("python").is_some_and(Value::is_truthy)
        && let Some(python) = activated()
    {
        options.insert("python".to_owned(), python.into());
    }
    options.insert("type".to_owned(), Value::from(profile.adapter_type.as_str()));
    adapters::open(&options, project_dir).map_err(|e| {
        let place = e.option.as_deref().map_or_else(|| profile.span.clone(), |option| profile.place(option));
        adapter_problem(&e).at(place)
    })
}

/// An engine's refusal that belongs to no node.
pub fn adapter_problem(error: &AdapterError) -> Diagnostic {
    let code = match error.kind {
        ErrorKind::Settings => codes::PROFILE_INVALID,
        ErrorKind::Unsupported => codes::UNSUPPORTED,
        ErrorKind::Locked { .. } => codes::DATABASE_LOCKED,
        ErrorKind::Connection | ErrorKind::Io => codes::DATABASE_OPEN,
        ErrorKind::Interrupted => codes::INTERRUPTED,
        _ => codes::DATABASE_ERROR,
    };
    let mut problem = Diagnostic::error(code, error.labelled());
    if let Some(help) = &error.help {
        problem = problem.help(help.as_str());
    }
    match error.kind {
        ErrorKind::Locked { .. } => connection_diagnostic(error),
        _ => problem,
    }
}

//! What the user asked for, and what all readers of the stream share.
//!
//! In: flags, resolved by `cli/`. Out: [`ReportSettings`], [`Shared`].

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::base::{Clock, Dict};
use crate::execute::event::NoteLevel;

use super::in_hand::InHand;

/// `--log-format`, `--log-format-file`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// Text with level and thread on every line.
    Debug,
    /// One JSON object per line, with dbt's event names and codes.
    Json,
}

impl LogFormat {
    /// The format for dbt's name of it; `default` depends on the place and is not one.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "debug" => Some(Self::Debug),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// `--log-level`, `--log-level-file`: the least important level that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What people want to see.
    #[default]
    Info,
    /// Warnings and errors.
    Warn,
    /// Errors only (`--quiet`).
    Error,
    /// Nothing.
    None,
}

impl LogLevel {
    /// dbt's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::None => "none",
        }
    }

    /// The level for dbt's name of it.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Debug, Self::Info, Self::Warn, Self::Error, Self::None];
        all.into_iter().find(|l| l.as_str() == name)
    }
}

impl From<NoteLevel> for LogLevel {
    fn from(level: NoteLevel) -> Self {
        match level {
            NoteLevel::Debug => Self::Debug,
            NoteLevel::Info => Self::Info,
            NoteLevel::Warn => Self::Warn,
            NoteLevel::Error => Self::Error,
        }
    }
}

/// How the main reader of the stream shows it.
#[derive(Clone, Copy, Debug)]
pub struct ReportSettings {
    /// Format of what is shown.
    pub format: LogFormat,
    /// Least important level that is shown.
    pub level: LogLevel,
    /// Only errors, and what Jinja prints.
    pub quiet: bool,
    /// Whether escape codes are wanted.
    pub color: bool,
    /// Whether standard error is a terminal: a progress bar then takes the place of `START` lines.
    pub is_terminal: bool,
    /// Width of the terminal in cells.
    pub width: usize,
}

impl Default for ReportSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: LogLevel::Info,
            quiet: false,
            color: false,
            is_terminal: false,
            width: 140,
        }
    }
}

impl ReportSettings {
    /// The level with `--quiet` taken into account.
    pub(super) fn effective_level(&self) -> LogLevel {
        if self.quiet { self.level.max(LogLevel::Error) } else { self.level }
    }
}

/// What all readers share.
#[derive(Clone)]
pub struct Shared {
    /// The time of day on lines.
    pub clock: Arc<dyn Clock>,
    /// Id of this run of the program.
    pub invocation_id: String,
    /// Process id.
    pub pid: u32,
    /// The variables `DBT_ENV_CUSTOM_ENV_*` without their prefix.
    pub extra: Dict,
    /// `--printer-width`: where the status of a line begins.
    pub printer_width: usize,
    /// Values of secret variables: they are never shown.
    pub secrets: Vec<String>,
    /// What workers are at.
    pub(super) in_hand: Arc<InHand>,
}

impl Shared {
    /// Facts of a run with dbt's printer width and no secrets.
    pub fn new(clock: Arc<dyn Clock>, invocation_id: impl Into<String>, pid: u32) -> Self {
        let invocation_id = invocation_id.into();
        let in_hand = Arc::default();
        Self { clock, invocation_id, pid, extra: Dict::new(), printer_width: 80, secrets: Vec::new(), in_hand }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The text without secrets.
    pub(super) fn scrub(&self, text: String) -> String {
        self.secrets.iter().filter(|s| !s.trim().is_empty()).fold(text, |text, secret| {
            if text.contains(secret.as_str()) { text.replace(secret.as_str(), "*****") } else { text }
        })
    }
}

/// The current thread under the name that dbt would show.
pub(super) fn thread_name() -> String {
    match std::thread::current().name() {
        Some("main") => "MainThread".to_owned(),
        Some(name) => name.to_owned(),
        // Parsing is spread over threads of a pool; as in dbt it belongs to the main one.
        None => "MainThread".to_owned(),
    }
}

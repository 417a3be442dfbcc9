//! The shared database. In: [`Settings`]. Out: sessions, each set up alike.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::engine::{Database, Handle, Session};
use super::python::Killable;
use super::settings::{Extension, Settings};
use super::types::{LogicalType, Type};
use super::vectors::Column;
use super::{errors, timezone};
use crate::adapters::{AdapterError, ErrorKind};
use crate::base::Value;

/// What every instance needs: errors as data; and, as in DuckDB 1, a name that does not resolve leaves the transaction whole,
/// so that asking for an absent relation within one does no harm.
const SETUP: [&str; 2] = [
    "SET GLOBAL errors_as_json = true",
    "SET GLOBAL default_transaction_invalidation_policy = 'SYNTACTIC_ERRORS_DO_NOT_INVALIDATE'",
];

/// An open database with its extensions, secrets and attached databases.
pub(super) struct Instance {
    database: Arc<Database>,
    /// Words that DuckDB quotes in type names.
    pub(super) keywords: HashSet<String>,
    /// Whether the ICU extension is there; without it the time zone is UTC.
    pub(super) icu: bool,
    running: Mutex<Vec<Weak<Handle>>>,
    /// Python processes at work.
    children: Mutex<Vec<Killable>>,
    interrupted: AtomicBool,
}

impl Instance {
    /// Opens and sets up the database, trying again as the profile says.
    pub(super) fn open(settings: &Settings) -> Result<Self, AdapterError> {
        if let Some(refusal) = &settings.refusal {
            return Err(refusal.clone());
        }
        let retries = &settings.retries;
        let mut attempt = 0;
        let database = loop {
            match Database::open(&settings.path, &settings.config) {
                Ok(database) => break Arc::new(database),
                Err(failure) => {
                    let error = open_error(&errors::read(&failure, None), settings);
                    attempt += 1;
                    if attempt >= retries.connect_attempts || !is_retryable(&error, &retries.exceptions) {
                        return Err(error);
                    }
                    std::thread::sleep(backoff(attempt - 1));
                }
            }
        };
        let session = database.connect().map_err(|f| errors::read(&f, None))?;
        for sql in SETUP {
            run(&session, sql)?;
        }
        let icu = session.run("LOAD icu").is_ok();
        if !icu {
            timezone::install(&session).map_err(|f| errors::read(&f, None))?;
        }
        for extension in settings.extensions.iter().filter(|e| icu || !e.name.eq_ignore_ascii_case("icu")) {
            load_extension(&session, extension)?;
        }
        for (index, sql) in settings.secrets.iter().enumerate() {
            // The statement holds the secret, so it is no part of the error.
            session
                .run(sql)
                .map_err(|f| about("a secret", &errors::read(&f, None)).about_option(format!("secrets.{index}")))?;
        }
        for (index, (sql, path)) in settings.attach.iter().enumerate() {
            let what = format!("attached database `{path}`");
            run(&session, sql).map_err(|e| about(&what, &e).about_option(format!("attach.{index}")))?;
        }
        let keywords = keywords(&session)?;
        Ok(Self {
            database,
            keywords,
            icu,
            running: Mutex::default(),
            children: Mutex::default(),
            interrupted: AtomicBool::new(false),
        })
    }

    /// A new session with the profile's settings.
    pub(super) fn session(&self, settings: &Settings) -> Result<Session, AdapterError> {
        let session = self.plain_session()?;
        if !self.icu {
            timezone::prepare(&session).map_err(|f| errors::read(&f, None))?;
        }
        for sql in &settings.session {
            run(&session, sql).map_err(|e| about("profile option `settings`", &e).about_option("settings"))?;
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|handle| handle.strong_count() > 0);
        running.push(Arc::downgrade(session.handle()));
        Ok(session)
    }

    /// A session for the adapter's own use.
    pub(super) fn plain_session(&self) -> Result<Session, AdapterError> {
        self.database.connect().map_err(|f| errors::read(&f, None))
    }

    /// Has a process killed when the work is interrupted, now if it already was.
    pub(super) fn watch(&self, child: &Killable) {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain(|child| !child.has_ended());
        children.push(child.clone());
        if self.is_interrupted() {
            child.kill();
        }
    }

    /// Whether the work was interrupted.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }

    /// Interrupts every session's query and ends every Python process.
    pub(super) fn interrupt_all(&self) {
        self.interrupted.store(true, Ordering::SeqCst);
        self.children.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Killable::kill);
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.iter().filter_map(Weak::upgrade).for_each(|handle| handle.interrupt());
    }
}

/// Whether an error is among those that a profile wants tried again.
pub(super) fn is_retryable(error: &AdapterError, exceptions: &[String]) -> bool {
    let name = errors::exception_name(error);
    exceptions.contains(&name)
}

/// The pause before the attempt after the given one: 1, 2, 4 ... seconds.
pub(super) fn backoff(attempt: u32) -> Duration {
    Duration::from_secs(1_u64.checked_shl(attempt).unwrap_or(u64::MAX).min(300))
}

fn run(session: &Session, sql: &str) -> Result<(), AdapterError> {
    session.run(sql).map_err(|f| errors::read(&f, Some(sql)))
}

fn about(what: &str, error: &AdapterError) -> AdapterError {
    AdapterError { message: format!("{what}: {}", error.message), ..error.clone() }
}

/// An error of opening, in words for whoever wrote the profile.
fn open_error(error: &AdapterError, settings: &Settings) -> AdapterError {
    let path = &settings.path;
    let (kind, message) = match &error.kind {
        ErrorKind::Locked { pid } => {
            let holder = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
            let text = format!(
                "the database file {path} is open in {holder}; close it there (DuckDB lets one process write) and try again"
            );
            (error.kind.clone(), text)
        }
        kind if *kind == ErrorKind::Settings || error.message.contains("options were not recognized") => {
            (ErrorKind::Settings, format!("profile option `config_options`: {}", error.message))
        }
        kind if error.message.contains("No such file or directory") => {
            (kind.clone(), format!("the database file {path} cannot be created: its folder does not exist"))
        }
        ErrorKind::Other => (ErrorKind::Connection, format!("the database {path} cannot be opened: {}", error.message)),
        kind => (kind.clone(), format!("the database {path} cannot be opened: {}", error.message)),
    };
    let option = match kind {
        ErrorKind::Locked { .. } => None,
        ErrorKind::Settings => Some("config_options".to_owned()),
        _ => Some("path".to_owned()),
    };
    AdapterError { kind, message, option, ..error.clone() }
}

/// Loads an extension that is linked in or installed; nothing is downloaded.
fn load_extension(session: &Session, extension: &Extension) -> Result<(), AdapterError> {
    let name = &extension.name;
    let Err(failure) = session.run(&format!("LOAD '{}'", name.replace('\'', "''"))) else { return Ok(()) };
    let cause = errors::read(&failure, None);
    let install = match &extension.repository {
        Some(repository) => format!("INSTALL {name} FROM {repository}"),
        None => format!("INSTALL {name}"),
    };
    Err(AdapterError::new(
        ErrorKind::Unsupported,
        format!(
            "extension `{name}` of the profile cannot be loaded; it is neither built in nor installed, and nothing is \
             downloaded here. With the duckdb shell of version {}, run `{install}`. DuckDB says: {}",
            super::engine::version(),
            cause.message.lines().next().unwrap_or_default()
        ),
    )
    .about_option("extensions"))
}

fn keywords(session: &Session) -> Result<HashSet<String>, AdapterError> {
    let sql = "select keyword_name from duckdb_keywords()";
    let read = || {
        let statements = session.statements(sql)?;
        let prepared = statements.prepare(0)?;
        let mut result = prepared.execute(false)?;
        let types: Vec<Type> = result
            .columns()
            .into_iter()
            .map(|(_, raw)| super::types::read(&LogicalType(raw), &HashSet::new()))
            .collect();
        let mut words = HashSet::new();
        while let (Some(chunk), Some(text)) = (result.next_chunk()?, types.first()) {
            let column = Column::new(&chunk, 0, text);
            words.extend((0..chunk.len()).filter_map(|row| match column.value(row) {
                Value::Str(word) => Some(word),
                _ => None,
            }));
        }
        Ok(words)
    };
    read().map_err(|f: String| errors::read(&f, Some(sql)))
}

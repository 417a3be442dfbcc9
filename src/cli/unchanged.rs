//! A command that only looks need not look again while nothing it looked at has changed.
//!
//! In: the command's settings, a recording of every file that was read, the warehouse's own files. Out: [`Witness`], which
//! listens while the command works and keeps what it said; [`recall`], which says it again if everything is as it was, on
//! the same day: templates may ask for the date.
//!
//! Kept is only what went well without a warning, and only where the warehouse is files whose age and size can be seen, and
//! no template asked an engine anything: its answer may rest on other files, or on chance.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::Local;
use serde::{Deserialize, Serialize};

use crate::adapters::Adapter;
use crate::base::Fingerprint;
use crate::execute::event::{Event, EventSink, NoteLevel};
use crate::files::{Env, Files, Observation, Recorder};
use crate::lineage::Remembered;
use crate::load::load_root;

use super::context::open_adapter;
use super::session::{Inputs, ProjectYaml, Session};

/// The file's name in the target folder.
const FILE: &str = "checked.unchanged";

/// Variables of the environment that say nothing about the project.
const IGNORED: [&str; 8] = ["_", "PWD", "OLDPWD", "SHLVL", "TERM", "COLUMNS", "LINES", "PS1"];

/// What a command has seen and said.
#[derive(Serialize, Deserialize)]
struct Kept {
    asked: String,
    warehouse: Vec<(PathBuf, String)>,
    seen: Vec<Observation>,
    said: Vec<(bool, String)>,
}

/// Stands for everything that decides about the outcome and is no file: the program, the command line, the environment.
fn asked(inputs: &Inputs) -> String {
    let mut parts =
        vec![env!("CARGO_PKG_VERSION").to_owned(), crate::base::Value::Map(inputs.args.clone()).to_string()];
    parts.push(crate::base::Value::Map(inputs.load.vars.clone()).to_string());
    parts.push(inputs.load.project_dir.to_string_lossy().into_owned());
    parts.push(format!("{} {}", inputs.started_at.date_naive(), Local::now().date_naive()));
    let mut variables: Vec<String> = environment(&inputs.env).collect();
    variables.sort_unstable();
    parts.extend(variables);
    Fingerprint::of_parts(parts.iter().map(String::as_bytes)).to_hex()
}

fn environment(env: &Env) -> impl Iterator<Item = String> + '_ {
    env.vars().filter(|(name, _)| !IGNORED.contains(name)).map(|(name, value)| format!("{name}={value}"))
}

/// Age and size of the warehouse's files; none where the warehouse is more than files.
fn warehouse(adapter: &dyn Adapter, files: &dyn Files) -> Option<Vec<(PathBuf, String)>> {
    let look = |path: PathBuf| {
        let facts = files.info(&path).map_or_else(|_| "none".to_owned(), |i| format!("{} {:?}", i.size, i.modified));
        (path, facts)
    };
    Some(adapter.storage()?.into_iter().map(look).collect())
}

/// Says again what the same command said last time, if nothing has changed since.
pub fn recall(inputs: &Inputs, renderer: &ProjectYaml) -> Option<u8> {
    let files = &*inputs.files;
    let (root, _) = load_root(&inputs.load, files, &inputs.env, renderer);
    let root = root?;
    let path = root.root_dir.join(&root.config.target_path).join(FILE);
    let kept: Kept = serde_json::from_slice(&files.read(&path).ok()?).ok()?;
    if kept.asked != asked(inputs) {
        return None;
    }
    let adapter = open_adapter(root.profile.as_ref()?, &inputs.load.project_dir, &inputs.env).ok()?;
    if warehouse(&*adapter, files)? != kept.warehouse || !Observation::all_hold(&kept.seen, files) {
        return None;
    }
    for (printed, message) in &kept.said {
        inputs.sink.emit(&match printed {
            true => Event::Printed { message },
            false => Event::Note { level: NoteLevel::Info, message },
        });
    }
    Some(0)
}

/// Listens to a command.
pub struct Witness {
    recorder: Arc<Recorder>,
    transcript: Arc<Transcript>,
}

/// Passes events on, and keeps notes and output. A problem spoils it, and so does a statement.
struct Transcript {
    sink: Arc<dyn EventSink>,
    said: Mutex<Vec<(bool, String)>>,
    spoilt: AtomicBool,
}

impl EventSink for Transcript {
    fn emit(&self, event: &Event<'_>) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Note { level: NoteLevel::Info, message } => said.push((false, (*message).to_owned())),
            Event::Printed { message } => said.push((true, (*message).to_owned())),
            // What is deprecated has been said once: it is no reason to look again.
            Event::Problem(problem)
                if problem.warning_name().is_some_and(|w| !problem.is_error() && w.is_summed_up()) => {}
            Event::Note { .. } | Event::Problem(_) | Event::Statement { .. } => {
                self.spoilt.store(true, Ordering::Relaxed)
            }
            _ => {}
        }
        drop(said);
        self.sink.emit(event);
    }
}

impl Witness {
    /// A witness, and inputs that it hears of.
    pub fn of(inputs: Inputs) -> (Self, Inputs) {
        let recorder = Arc::new(Recorder::new(Arc::clone(&inputs.files)));
        let sink = Arc::clone(&inputs.sink);
        let transcript = Arc::new(Transcript { sink, said: Mutex::default(), spoilt: AtomicBool::new(false) });
        let heard = Inputs {
            files: Arc::clone(&recorder) as Arc<dyn Files>,
            sink: Arc::clone(&transcript) as Arc<dyn EventSink>,
            ..inputs
        };
        (Self { recorder, transcript }, heard)
    }

    /// Keeps what was seen and said.
    pub fn keep(&self, session: &Session) {
        if self.transcript.spoilt.load(Ordering::Relaxed) || !session.inputs.write_json {
            return;
        }
        let files = &*session.inputs.files;
        let Some(warehouse) = warehouse(&*session.adapter, files) else { return };
        let target = session.target_dir();
        // Other files in the target folder may be the state of an earlier run.
        let own = [target.join(FILE), target.join(Remembered::FILE), session.tree.root.root_dir.join("logs")];
        let own: Vec<PathBuf> = own.into_iter().chain(warehouse.iter().map(|(path, _)| path.clone())).collect();
        let kept = Kept {
            asked: asked(&session.inputs),
            warehouse,
            seen: self.recorder.observations(&own),
            said: self.transcript.said.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        if let Ok(bytes) = serde_json::to_vec(&kept) {
            // A target that cannot be written to costs time, nothing else.
            let _ = files.write_atomic(&target.join(FILE), &bytes);
        }
    }
}

//! The process that runs a Python model. In: the job. Out: its messages, one a line; its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde_json::{Value as Json, json};

use super::super::connection::DuckConnection;
use crate::adapters::{AdapterError, ErrorKind, PythonJob};

/// The other end of the conversation.
const RUNNER: &str = include_str!("runner.py");
/// How much of what a dead process wrote to standard error is shown.
const LAST_WORDS: usize = 4000;

/// A running child that another thread may kill.
#[derive(Clone)]
pub(in crate::adapters::duckdb) struct Killable(Arc<Mutex<Child>>);

impl Killable {
    /// Kills it; nothing if it has ended.
    pub(in crate::adapters::duckdb) fn kill(&self) {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }

    /// Whether it has ended.
    pub(in crate::adapters::duckdb) fn has_ended(&self) -> bool {
        !matches!(self.0.lock().unwrap_or_else(PoisonError::into_inner).try_wait(), Ok(None))
    }
}

/// A Python process at work on a job. Killed when dropped.
pub(super) struct Process {
    child: Killable,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    errors: Option<JoinHandle<String>>,
    interrupted: Box<dyn Fn() -> bool + Send>,
}

/// What came from the process.
pub(super) enum Heard {
    /// A line of JSON.
    Message(Json),
    /// Nothing will come any more.
    End,
}

impl Process {
    /// Starts Python and gives it the job.
    pub(super) fn start(connection: &DuckConnection, job: &PythonJob<'_>, folder: &Path) -> Result<Self, AdapterError> {
        let settings = connection.settings();
        let python = python(settings.python.as_deref(), &settings.base_dir);
        let mut command = Command::new(&python);
        command.args(["-c", RUNNER]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.current_dir(&settings.base_dir).env("PYTHONIOENCODING", "utf-8");
        // Ctrl-C is for the program that started it, which ends it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| {
            AdapterError::new(
                ErrorKind::Python,
                format!("Python models need Python, and `{python}` cannot be started: {error}"),
            )
            .with_help("install Python 3, or name one: TRANSFORM_PYTHON=/path/to/python, or `python` in the profile")
        })?;
        let (Some(input), Some(output), Some(mut errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(AdapterError::new(ErrorKind::Python, "the Python process has no pipes"));
        };
        let errors = std::thread::spawn(move || {
            let mut words = Vec::new();
            let _ = errors.read_to_end(&mut words);
            String::from_utf8_lossy(&words).into_owned()
        });
        let child = Killable(Arc::new(Mutex::new(child)));
        connection.instance().watch(&child);
        let instance = Arc::clone(connection.instance());
        let interrupted = Box::new(move || instance.is_interrupted());
        let mut process = Self { child, input, output: BufReader::new(output), errors: Some(errors), interrupted };
        process.tell(&json!({
            "code": job.code,
            "file": job.file,
            "name": job.name,
            "first_line": job.first_line,
            "folder": folder.to_string_lossy(),
            "database": settings.database,
            "paths": settings.module_paths,
            "setup": settings.python_setup(),
        }));
        Ok(process)
    }

    /// Sends a line. If nobody hears it, the next [`Process::hear`] tells.
    pub(super) fn tell(&mut self, message: &Json) {
        let _ = self.input.write_all(format!("{message}\n").as_bytes()).and_then(|()| self.input.flush());
    }

    /// The next line.
    pub(super) fn hear(&mut self) -> Result<Heard, AdapterError> {
        let mut line = String::new();
        let count = self.output.read_line(&mut line).unwrap_or(0);
        if (self.interrupted)() {
            return Err(AdapterError::new(ErrorKind::Interrupted, "interrupted"));
        }
        if count == 0 {
            return Ok(Heard::End);
        }
        Ok(serde_json::from_str(&line).map_or(Heard::Message(Json::Null), Heard::Message))
    }

    /// The error of a process that ended without a word: killed, out of memory, a crash in a library.
    pub(super) fn died(mut self, job: &PythonJob<'_>) -> AdapterError {
        let status = self.child.0.lock().unwrap_or_else(PoisonError::into_inner).wait();
        let how = status.map_or_else(|e| e.to_string(), |status| status.to_string());
        let words = self.errors.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let words = words.trim();
        let cut = words.char_indices().rev().nth(LAST_WORDS).map_or(0, |(at, _)| at);
        let message =
            format!("the Python process of {} ended before the model was done ({how})\n{}", job.file, &words[cut..]);
        AdapterError::new(ErrorKind::Python, message.trim_end())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill();
        let _ = self.child.0.lock().unwrap_or_else(PoisonError::into_inner).wait();
    }
}

/// The Python to start: a name is looked for in the path, a relative path counts from the project.
fn python(configured: Option<&str>, base_dir: &Path) -> String {
    let usual = if cfg!(windows) { "python" } else { "python3" };
    match configured {
        Some(path) if path.contains(['/', '\\']) => base_dir.join(path).to_string_lossy().into_owned(),
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => usual.to_owned(),
    }
}

//! Runs a command on files in memory. In: a command line. Out: exit code and all that was said.

use std::sync::{Arc, Mutex, PoisonError};

use crate::base::Value;
use crate::cli::args::{Request, parse};
use crate::cli::context::{CommandContext, CommandResult};
use crate::cli::judge::Judge;
use crate::cli::settings::Settings;
use crate::diag::{Diagnostic, Span};
use crate::execute::event::{Event, EventSink};
use crate::files::{Env, MemoryFiles};
use crate::load::{YamlContext, YamlRenderer};

/// Leaves templates as they are.
pub struct Plain;

impl YamlRenderer for Plain {
    fn render(&self, text: &str, _: &Span, _: &YamlContext<'_>) -> Result<Value, Diagnostic> {
        Ok(Value::from(text))
    }
}

/// Keeps what is said.
#[derive(Default)]
struct Kept(Mutex<String>);

impl EventSink for Kept {
    fn emit(&self, event: &Event<'_>) {
        let line = match event {
            Event::Note { message, .. } | Event::Printed { message } => (*message).to_owned(),
            Event::Problem(problem) => problem.to_string(),
            other => format!("{other:?}"),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_str(&line);
        kept.push('\n');
    }
}

/// Runs a command in the folder `/p`.
pub fn run_in(line: &str, files: Arc<MemoryFiles>, command: fn(&CommandContext<'_>) -> CommandResult) -> (u8, String) {
    let words = std::iter::once("transform").chain(line.split_whitespace());
    let Ok(Request::Command(invocation)) = parse(words) else { panic!("{line} is refused") };
    let env = Arc::new(Env::fixed::<&str, &str>("/p", []));
    let settings = Settings::new(invocation, Arc::clone(&env), files.as_ref()).expect("settings");
    let kept = Kept::default();
    let judge = Judge::new(settings.warning_policy(), settings.bool("show_all_deprecations"));
    let cx = CommandContext { settings: &settings, files, env, renderer: &Plain, events: &kept, judge: &judge };
    let code = command(&cx).expect("a command's environment");
    (code, kept.0.into_inner().unwrap_or_else(PoisonError::into_inner))
}

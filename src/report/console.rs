//! The console: one line per node in dbt's words, problems drawn where they are, a progress bar on terminals.
//!
//! In: events. Out: talk on standard error; what Jinja prints on standard output.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::execute::event::{Event, EventSink};

use super::file_log::debug_line;
use super::messages::{Message, messages};
use super::render_diagnostic::{RenderStyle, render_diagnostic};
use super::style::Painter;
use super::{LogFormat, LogLevel, ReportSettings, Shared, Streams};

/// How many names of running nodes the bar shows.
const NAMES: usize = 3;

/// Writes for people.
pub struct Console {
    settings: ReportSettings,
    level: LogLevel,
    shared: Shared,
    state: Mutex<State>,
}

struct State {
    streams: Streams,
    bar: Option<Bar>,
    /// Whether the last thing on the screen is an empty line; two in a row are one too many.
    blank: bool,
}

struct Bar {
    bar: ProgressBar,
    running: Vec<String>,
}

impl Console {
    /// A console on two streams.
    pub fn new(settings: ReportSettings, shared: Shared, streams: Streams) -> Self {
        let state = Mutex::new(State { streams, bar: None, blank: true });
        Self { settings, level: settings.effective_level(), shared, state }
    }

    /// Whether a progress bar takes the place of `START` lines.
    fn has_bar(&self) -> bool {
        self.settings.is_terminal && self.settings.format == LogFormat::Text && self.level == LogLevel::Info
    }

    /// A message as it appears on the screen, with its line end; nothing for a second empty line.
    fn shown(&self, message: &Message, now: DateTime<Utc>, blank: &mut bool) -> String {
        let mut shown = String::new();
        if !message.diagnostics.is_empty() {
            let style = RenderStyle { color: self.settings.color, width: self.settings.width };
            for diagnostic in &message.diagnostics {
                if !*blank {
                    shown.push('\n');
                }
                shown.push_str(&render_diagnostic(diagnostic, style));
                shown.push('\n');
                *blank = false;
            }
            return shown;
        }
        if message.text.is_empty() && message.name == "Formatting" {
            if !*blank {
                shown.push('\n');
            }
            *blank = true;
            return shown;
        }
        *blank = false;
        shown = match self.settings.format {
            LogFormat::Debug => debug_line(message.level, &message.text, now),
            _ => format!("{}  {}", now.format("%H:%M:%S"), self.painted(message)),
        };
        shown.truncate(shown.trim_end().len());
        shown.push('\n');
        shown
    }

    fn painted(&self, message: &Message) -> String {
        let painter = Painter { color: self.settings.color };
        let parts = message.tint.as_ref().and_then(|(range, tint)| {
            let (before, after) = (message.text.get(..range.start)?, message.text.get(range.end..)?);
            Some((before, message.text.get(range.clone())?, after, *tint))
        });
        match parts {
            Some((before, inside, after, tint)) => format!("{before}{}{after}", painter.paint(tint, inside)),
            None if message.name == "RunResultError" => painter.rows(&message.text),
            None => message.text.clone(),
        }
    }
}

impl EventSink for Console {
    fn emit(&self, event: &Event<'_>) {
        let now = self.shared.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let asked_for = match event {
            Event::Printed { message } => Some(*message),
            Event::Exhibited(exhibit) => Some(exhibit.text),
            _ => None,
        };
        if let Some(text) = asked_for {
            let text = self.shared.scrub(text.to_owned());
            state.write(&format!("{text}\n"), Stream::Out);
            return;
        }
        if (self.level > LogLevel::Debug && is_detail(event)) || repeats(event) {
            return;
        }
        if self.has_bar() {
            state.before(event);
        }
        let mut text = String::new();
        let mut blank = state.blank;
        for message in messages(event, now, &self.shared) {
            let replaced = self.has_bar() && matches!(message.name, "LogStartLine" | "LogStartBatch");
            if message.level >= self.level && !replaced {
                text.push_str(&self.shown(&message, now, &mut blank));
            }
        }
        state.blank = blank;
        if !text.is_empty() {
            state.write(&self.shared.scrub(text), Stream::Err);
        }
        if self.has_bar() {
            state.after(event);
        }
    }
}

/// Whether all that an event has to say is for [`LogLevel::Debug`]: there are many of them.
fn is_detail(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::Statement { .. } | Event::NodeCompiling { .. } | Event::NodeExecuting { .. } | Event::BatchPlaced { .. }
    )
}

/// Whether an event says what the screen says already: that each deprecation which is told is the only one of its kind.
fn repeats(event: &Event<'_>) -> bool {
    matches!(event, Event::DeprecationsCounted { counts, shows_all } if *shows_all || counts.iter().all(|(_, n)| *n == 1))
}

#[derive(Clone, Copy)]
enum Stream {
    Out,
    Err,
}

impl State {
    /// Writes above the bar. A reader that has gone away is no reason to stop the run.
    fn write(&mut self, text: &str, stream: Stream) {
        let out = match stream {
            Stream::Out => &mut self.streams.out,
            Stream::Err => &mut self.streams.err,
        };
        let mut write = || {
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        };
        match &self.bar {
            Some(bar) => bar.bar.suspend(write),
            None => write(),
        }
    }

    /// What the bar learns before the event's lines are written.
    fn before(&mut self, event: &Event<'_>) {
        match event {
            Event::NodeFinished { outcome, .. } => self.node_done(&outcome.node.name),
            Event::FreshnessFinished { outcome, .. } => self.node_done(&outcome.node.name),
            Event::RunFinished { .. } | Event::CommandFinished { .. } => {
                if let Some(bar) = self.bar.take() {
                    bar.bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }

    /// What the bar learns after the event's lines are written.
    fn after(&mut self, event: &Event<'_>) {
        match event {
            Event::RunStarted { total, .. } if *total > 0 => self.bar = Some(Bar::new(*total)),
            Event::NodeStarted { node, .. } => {
                if let Some(bar) = &mut self.bar {
                    bar.running.push(node.name.clone());
                    bar.show();
                }
            }
            _ => {}
        }
    }

    fn node_done(&mut self, name: &str) {
        if let Some(bar) = &mut self.bar {
            if let Some(at) = bar.running.iter().position(|n| n == name) {
                bar.running.remove(at);
            }
            bar.bar.inc(1);
            bar.show();
        }
    }
}

impl Bar {
    fn new(total: usize) -> Self {
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(Some(u64::try_from(total).unwrap_or(u64::MAX)), target);
        if let Ok(style) = ProgressStyle::with_template("{elapsed:>8} [{bar:24}] {pos}/{len}  {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, running: Vec::new() }
    }

    fn show(&self) {
        self.bar.set_message(running(&self.running));
    }
}

/// `orders, customers, payments and 4 more`
fn running(names: &[String]) -> String {
    let shown = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

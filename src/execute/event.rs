//! What happens during a command, told while it happens. One stream; console, log file, JSON lines, JUnit and annotations
//! are its readers.
//!
//! In: facts and outcomes. Out: [`Event`] and the trait that readers implement, [`EventSink`].

use chrono::{DateTime, Utc};

use crate::base::{Dict, NodeId};
use crate::diag::{Diagnostic, Warning};

use super::outcome::{FreshnessOutcome, NodeFacts, NodeOutcome, RunOutcome};

/// How important a [`Event::Note`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteLevel {
    /// For the log file.
    Debug,
    /// For everybody.
    Info,
    /// Something is odd.
    Warn,
    /// Something is wrong.
    Error,
}

/// Something that happened. Borrowed: a sink copies what it keeps.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The command begins. First event of all.
    CommandStarted {
        /// Version of this program.
        version: &'a str,
        /// The version of dbt that this one behaves as.
        dbt_version: &'a str,
        /// The command line, secrets removed.
        invocation: &'a str,
        /// The settings, secrets removed.
        settings: &'a Dict,
    },
    /// The project is about to be parsed with these variables.
    VariablesTaken {
        /// The variables as Python shows a dict, secrets removed.
        vars: &'a str,
        /// A hash of them.
        checksum: &'a str,
        /// `--profile`, if given.
        profile: &'a str,
        /// `--target`, if given.
        target: &'a str,
        /// The version of dbt that this program behaves as.
        version: &'a str,
    },
    /// The engine that the command works with.
    AdapterChosen {
        /// `duckdb`.
        adapter: &'a str,
        /// Version of the engine.
        adapter_version: &'a str,
        /// Where the data is: a path or a name; empty if that says nothing.
        database: &'a str,
    },
    /// What the project has.
    ProjectFound {
        /// `5 models, 3 seeds, 20 data tests, 480 macros`: see [`count_line`].
        found: &'a str,
    },
    /// Nodes are about to run (or to be compiled).
    RunStarted {
        /// Name of the target.
        target: &'a str,
        /// Number of workers.
        threads: usize,
        /// How many nodes will run.
        total: usize,
    },
    /// A worker took a node.
    NodeStarted {
        /// Position in the run, from 1.
        index: usize,
        /// How many nodes run.
        total: usize,
        /// The node.
        node: &'a NodeFacts,
    },
    /// A node is done: built, tested, failed, skipped or without work.
    NodeFinished {
        /// Position in the run, from 1.
        index: usize,
        /// How many nodes run.
        total: usize,
        /// The verdict.
        outcome: &'a NodeOutcome,
        /// For a skip: the ephemeral parent that failed, whose status the message names.
        ephemeral_cause: Option<&'a NodeOutcome>,
    },
    /// What a node could not give, its children will not wait for: they are skipped.
    ChildrenGivenUp {
        /// The verdict on the node.
        outcome: &'a NodeOutcome,
    },
    /// A worker took a node that is not built: it is compiled or shown.
    NodeOpened {
        /// The node.
        node: &'a NodeFacts,
    },
    /// What was not to be built is compiled or shown.
    NodeClosed {
        /// The verdict.
        outcome: &'a NodeOutcome,
    },
    /// A node's code is rendered from here on.
    NodeCompiling {
        /// The node.
        node: &'a NodeFacts,
    },
    /// A node's code runs from here on.
    NodeExecuting {
        /// The node.
        node: &'a NodeFacts,
    },
    /// A batch of a microbatch model has found its worker.
    BatchPlaced {
        /// `2024-05-01`, as the batch is called.
        batch: &'a str,
        /// The model.
        node: &'a NodeFacts,
        /// Whether other batches of the model may run at the same time.
        concurrent: bool,
    },
    /// A batch of a microbatch model begins.
    BatchStarted {
        /// Position among the model's batches, from 1.
        index: usize,
        /// How many batches the model has.
        total: usize,
        /// `2024-05-01`, as the batch is called.
        batch: &'a str,
        /// The model.
        node: &'a NodeFacts,
    },
    /// A batch of a microbatch model is done.
    BatchFinished {
        /// Position among the model's batches, from 1.
        index: usize,
        /// How many batches the model has.
        total: usize,
        /// `2024-05-01`, as the batch is called.
        batch: &'a str,
        /// The batch's own verdict on the model.
        outcome: &'a NodeOutcome,
    },
    /// An `on-run-start` or `on-run-end` hook begins.
    HookStarted {
        /// Position among the hooks of its phase, from 1.
        index: usize,
        /// How many hooks the phase has.
        total: usize,
        /// The operation.
        node: &'a NodeFacts,
    },
    /// A hook is done.
    HookFinished {
        /// Position among the hooks of its phase, from 1.
        index: usize,
        /// How many hooks the phase has.
        total: usize,
        /// The verdict.
        outcome: &'a NodeOutcome,
    },
    /// Jinja's `log()`.
    Logged {
        /// The text.
        message: &'a str,
        /// `info=true`: for the console too, not only for the log file.
        info: bool,
        /// The node that is being rendered.
        node: Option<&'a NodeId>,
    },
    /// Jinja's `print()`, and the result of commands like `list`: data for standard output.
    Printed {
        /// The text, without final line end.
        message: &'a str,
    },
    /// The result of `compile` or `show` for one node: data for standard output.
    Exhibited(&'a Exhibit<'a>),
    /// A problem that belongs to no node's outcome: of the project, of the selection, a deprecation.
    Problem(&'a Diagnostic),
    /// Deprecations were met. Near the end of a command.
    DeprecationsCounted {
        /// Each kind, and how often.
        counts: &'a [(Warning, usize)],
        /// Whether every one was told, not only the first of its kind.
        shows_all: bool,
    },
    /// A statement went to the engine and came back. For the log file.
    Statement {
        /// The connection, dbt names it after the node.
        connection: &'a str,
        /// The text that was sent.
        sql: &'a str,
        /// `OK`, `ERROR`, `INSERT 5`.
        status: &'a str,
        /// Seconds.
        elapsed: f64,
    },
    /// A freshness check is done.
    FreshnessFinished {
        /// Position in the run, from 1.
        index: usize,
        /// How many checks run.
        total: usize,
        /// The verdict.
        outcome: &'a FreshnessOutcome,
    },
    /// A file of `target/` was written.
    ArtifactWritten {
        /// `manifest`, `run_results`, `sources`, `catalog`, ...
        kind: &'a str,
        /// The file.
        path: &'a str,
    },
    /// All nodes are done.
    RunFinished {
        /// Every verdict.
        outcome: &'a RunOutcome,
        /// `3 seeds, 2 table models, 20 data tests`: see [`count_line`].
        ran: &'a str,
    },
    /// The command ends. Last event of all.
    CommandFinished {
        /// `run`, `docs generate`.
        command: &'a str,
        /// Whether the exit code will be 0.
        success: bool,
        /// Seconds since the command began.
        elapsed: f64,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Anything else worth a line.
    Note {
        /// How important.
        level: NoteLevel,
        /// The text.
        message: &'a str,
    },
}

/// Code or rows that the user asked to see.
#[derive(Clone, Copy, Debug)]
pub struct Exhibit<'a> {
    /// Which of the two.
    pub kind: ExhibitKind,
    /// The node; none for a query from the command line.
    pub node: Option<&'a NodeFacts>,
    /// The node's name as people know it, with its version.
    pub name: &'a str,
    /// The code, or the rows in the wanted format.
    pub content: &'a str,
    /// What a console prints.
    pub text: &'a str,
    /// `text` or `json`.
    pub format: &'a str,
    /// Whether `text` is the content alone.
    pub quiet: bool,
}

/// What an [`Exhibit`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExhibitKind {
    /// Compiled code.
    Code,
    /// The first rows.
    Rows,
}

/// A reader of the stream. Workers call it at the same time.
pub trait EventSink: Send + Sync {
    /// Takes note of an event.
    fn emit(&self, event: &Event<'_>);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSink;

impl EventSink for NoSink {
    fn emit(&self, _event: &Event<'_>) {}
}

/// dbt's count line of things: `1 seed, 2 table models, 20 data tests`. `kinds` come in any order with repetitions; the
/// order of first appearance is kept.
pub fn count_line<'a>(kinds: impl IntoIterator<Item = &'a str>) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for kind in kinds {
        match counts.iter_mut().find(|(k, _)| *k == kind) {
            Some((_, n)) => *n += 1,
            None => counts.push((kind, 1)),
        }
    }
    let words: Vec<String> = counts.into_iter().map(|(kind, n)| plural(n, kind)).collect();
    words.join(", ")
}

/// `1 seed`, `2 seeds`, `3 analyses`, `2 saved queries`.
pub fn plural(count: usize, kind: &str) -> String {
    if count == 1 {
        return format!("1 {kind}");
    }
    match kind {
        "analysis" => format!("{count} analyses"),
        "batch" => format!("{count} batches"),
        _ => match kind.strip_suffix("query") {
            Some(stem) => format!("{count} {stem}queries"),
            None => format!("{count} {kind}s"),
        },
    }
}

/// What [`count_line`] calls a node: `table model`, `data test`, `project hook`, `seed`.
pub fn counted_kind(node: &NodeFacts) -> String {
    use crate::node::ResourceType;
    match node.resource_type {
        ResourceType::Model => format!("{} model", node.materialized.replace('_', " ")),
        ResourceType::Operation => "project hook".to_owned(),
        ResourceType::Test => "data test".to_owned(),
        kind => kind.as_str().replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::count_line;

    #[test]
    fn counts_in_words() {
        let kinds = ["seed", "data test", "seed", "analysis", "analysis", "saved query", "saved query"];
        assert_eq!(count_line(kinds), "2 seeds, 1 data test, 2 analyses, 2 saved queries");
        assert_eq!(count_line([]), "");
    }
}

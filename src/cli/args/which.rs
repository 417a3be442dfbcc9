//! The subcommands. In: nothing. Out: [`Which`].

use crate::graph::Command;

/// A subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// `build`.
    Build,
    /// `run`.
    Run,
    /// `backfill`.
    Backfill,
    /// `test`.
    Test,
    /// `seed`.
    Seed,
    /// `snapshot`.
    Snapshot,
    /// `compile`.
    Compile,
    /// `show`.
    Show,
    /// `clone`.
    Clone,
    /// `retry`.
    Retry,
    /// `list`, `ls`.
    List,
    /// `parse`.
    Parse,
    /// `run-operation`.
    RunOperation,
    /// `source freshness`.
    SourceFreshness,
    /// `deps`.
    Deps,
    /// `clean`.
    Clean,
    /// `debug`.
    Debug,
    /// `check`.
    Check,
    /// `lineage`.
    Lineage,
    /// `impact`.
    Impact,
    /// `plan`.
    Plan,
    /// `maintain`.
    Maintain,
    /// `restore`.
    Restore,
    /// `docs generate`.
    DocsGenerate,
    /// `docs serve`.
    DocsServe,
    /// `docs publish`.
    DocsPublish,
    /// `docs graph`.
    DocsGraph,
    /// `init`.
    Init,
    /// `explain`.
    Explain,
}

impl Which {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 29] = [
        Self::Build,
        Self::Plan,
        Self::Run,
        Self::Backfill,
        Self::Test,
        Self::Seed,
        Self::Snapshot,
        Self::Compile,
        Self::Show,
        Self::Clone,
        Self::Retry,
        Self::List,
        Self::Check,
        Self::Lineage,
        Self::Impact,
        Self::DocsGenerate,
        Self::DocsServe,
        Self::DocsPublish,
        Self::DocsGraph,
        Self::Parse,
        Self::RunOperation,
        Self::SourceFreshness,
        Self::Maintain,
        Self::Restore,
        Self::Deps,
        Self::Clean,
        Self::Debug,
        Self::Init,
        Self::Explain,
    ];

    /// dbt's `flags.WHICH`: the last word of the subcommand.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Plan => "plan",
            Self::Run => "run",
            Self::Backfill => "backfill",
            Self::Test => "test",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
            Self::Compile => "compile",
            Self::Show => "show",
            Self::Clone => "clone",
            Self::Retry => "retry",
            Self::List => "list",
            Self::Parse => "parse",
            Self::RunOperation => "run-operation",
            Self::SourceFreshness => "freshness",
            Self::Deps => "deps",
            Self::Clean => "clean",
            Self::Debug => "debug",
            Self::Check => "check",
            Self::Lineage => "lineage",
            Self::Maintain => "maintain",
            Self::Restore => "restore",
            Self::Impact => "impact",
            Self::DocsGenerate => "generate",
            Self::DocsServe => "serve",
            Self::DocsPublish => "publish",
            Self::DocsGraph => "graph",
            Self::Init => "init",
            Self::Explain => "explain",
        }
    }

    /// The whole subcommand, as the user types it.
    pub fn words(self) -> &'static str {
        match self {
            Self::SourceFreshness => "source freshness",
            Self::DocsGenerate => "docs generate",
            Self::DocsServe => "docs serve",
            Self::DocsPublish => "docs publish",
            Self::DocsGraph => "docs graph",
            other => other.as_str(),
        }
    }

    /// One line for the help.
    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Build => "Build seeds, models and snapshots and test each of them before its children are built",
            Self::Plan => "Show what build would do with every node, and why; nothing is changed",
            Self::Run => "Build models",
            Self::Backfill => "Fill or rewrite the history of microbatch models, batch by batch",
            Self::Test => "Run data tests and unit tests",
            Self::Seed => "Load CSV files into tables",
            Self::Snapshot => "Record how rows change over time",
            Self::Compile => "Write the SQL of models, tests and analyses to the target folder without running it",
            Self::Show => "Run a node's SQL, or an inline query, and print the first rows; nothing is written",
            Self::Clone => "Make the relations of another state visible here, as clones or views",
            Self::Retry => "Run the last command again for what did not succeed",
            Self::List => "List the resources of the project",
            Self::Parse => "Read the whole project, report problems and write manifest.json",
            Self::RunOperation => "Run a macro",
            Self::SourceFreshness => "Check how old the data of sources is",
            Self::Deps => "Install the packages of packages.yml",
            Self::Clean => "Delete the folders in clean-targets",
            Self::Debug => "Show versions, paths and the connection's settings, and test the connection",
            Self::Check => "Find unknown columns and tables, wrong types and calls in SQL, without running it",
            Self::Lineage => "Show where a column comes from and who reads it",
            Self::Maintain => "Compact tables, delete what no version needs any more; shows its plan first",
            Self::Restore => "Set a table back to a former version",
            Self::Impact => "Show what changed since an earlier state, who reads it, and whether it breaks them",
            Self::DocsGenerate => "Write catalog.json and the documentation site to the target folder",
            Self::DocsServe => "Show the documentation site of the target folder in a browser on this machine",
            Self::DocsPublish => "Write the documentation site into a folder for a web server, at once",
            Self::DocsGraph => "Print the graph of resources as Mermaid or dot",
            Self::Init => "Start a new project that runs at once, on an embedded database",
            Self::Explain => "Explain an error code such as T401",
        }
    }

    /// The command under the name that node selection knows, if it selects nodes.
    pub fn selecting(self) -> Option<Command> {
        match self {
            Self::Build | Self::Plan => Some(Command::Build),
            Self::Run | Self::Backfill => Some(Command::Run),
            Self::Test => Some(Command::Test),
            Self::Seed => Some(Command::Seed),
            Self::Snapshot => Some(Command::Snapshot),
            Self::Compile => Some(Command::Compile),
            Self::Check => Some(Command::Check),
            Self::Show => Some(Command::Show),
            Self::Clone => Some(Command::Clone),
            Self::Maintain | Self::Restore => Some(Command::Clone),
            Self::List | Self::DocsGraph | Self::Impact => Some(Command::List),
            Self::DocsGenerate | Self::DocsPublish => Some(Command::DocsGenerate),
            Self::SourceFreshness => Some(Command::SourceFreshness),
            Self::Retry
            | Self::Lineage
            | Self::Parse
            | Self::RunOperation
            | Self::Deps
            | Self::Clean
            | Self::Debug
            | Self::DocsServe
            | Self::Init
            | Self::Explain => None,
        }
    }
}

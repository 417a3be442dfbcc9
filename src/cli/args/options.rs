//! Every option as data: name, kind, default, and where else than on the command line it may be set.
//!
//! In: nothing. Out: [`OPTIONS`], from which the parser, the settings, Jinja's `flags` and the artifacts' `args` are made.

use super::which::Which;
use super::which::Which as W;

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `--x` and `--no-x`.
    Switch,
    /// `--x` alone.
    Flag,
    /// Any text.
    Text,
    /// A whole number, at least so much.
    Integer(i64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Words, several after one option and the option several times.
    Words,
    /// A YAML mapping.
    Yaml,
    /// A time, or a number: a bound of batches.
    Bound,
    /// A window of time, up to now or with two bounds.
    Window,
    /// A version of a table, or a time.
    AsOf,
    /// A length of time: `7 days`.
    Span,
    /// An argument without a name; required or not.
    Positional(bool),
}

/// The value of an option that nobody has set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Default {
    /// Nothing: `None` in Python.
    None,
    /// On or off.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A text.
    Text(&'static str),
    /// No words.
    NoWords,
    /// No keys.
    NoKeys,
}

/// Which subcommands know an option.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    /// All, and it may stand before the subcommand.
    Global,
    /// These.
    Only(&'static [Which]),
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// dbt's name with underscores.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The value if nobody sets it.
    pub default: Default,
    /// Who knows it.
    pub scope: Scope,
    /// The short form.
    pub short: Option<char>,
    /// Further long names.
    pub aliases: &'static [&'static str],
    /// Further short names.
    pub short_aliases: &'static [char],
    /// Another name of `--no-x`.
    pub negative_alias: Option<&'static str>,
    /// Whether `DBT_X` sets it.
    pub env: bool,
    /// Whether `flags:` of dbt_project.yml sets it.
    pub project: bool,
    /// Whether the help leaves it out: accepted for dbt's sake, without effect here.
    pub hidden: bool,
    /// A line for the help.
    pub help: &'static str,
}

const fn opt(name: &'static str, kind: Kind, default: Default, help: &'static str) -> Opt {
    Opt {
        name,
        kind,
        default,
        scope: Scope::Global,
        short: None,
        aliases: &[],
        short_aliases: &[],
        negative_alias: None,
        env: false,
        project: false,
        hidden: false,
        help,
    }
}

const fn switch(name: &'static str, default: bool, help: &'static str) -> Opt {
    opt(name, Kind::Switch, Default::Bool(default), help).env()
}

const fn flag(name: &'static str, help: &'static str) -> Opt {
    opt(name, Kind::Flag, Default::Bool(false), help)
}

const fn text(name: &'static str, help: &'static str) -> Opt {
    opt(name, Kind::Text, Default::None, help)
}

const fn words(name: &'static str, help: &'static str) -> Opt {
    opt(name, Kind::Words, Default::NoWords, help)
}

const fn choice(name: &'static str, of: &'static [&'static str], default: &'static str, help: &'static str) -> Opt {
    opt(name, Kind::Choice(of), Default::Text(default), help)
}

impl Opt {
    const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn env(mut self) -> Self {
        self.env = true;
        self
    }

    const fn project(mut self) -> Self {
        self.project = true;
        self
    }

    const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    const fn only(mut self, commands: &'static [Which]) -> Self {
        self.scope = Scope::Only(commands);
        self
    }

    const fn models(mut self) -> Self {
        self.aliases = &["models", "model"];
        self.short_aliases = &['m'];
        self
    }

    const fn negative_color(mut self) -> Self {
        self.negative_alias = Some("no-color");
        self
    }

    /// Whether a subcommand knows the option.
    pub fn applies_to(&self, which: Which) -> bool {
        match self.scope {
            Scope::Global => true,
            // A plan is of a build.
            Scope::Only(commands) => commands.contains(&which) || (which == W::Plan && commands.contains(&W::Build)),
        }
    }

    /// The long name.
    pub fn long(&self) -> String {
        self.name.replace('_', "-")
    }
}

const LOG_FORMATS: &[&str] = &["text", "debug", "json", "default"];
const LOG_LEVELS: &[&str] = &["debug", "info", "warn", "error", "none"];
const INDIRECT: &[&str] = &["eager", "cautious", "buildable", "empty"];

const SELECTING_BUT_LIST: &[Which] = &[
    W::Maintain,
    W::Restore,
    W::Build,
    W::Run,
    W::Backfill,
    W::Test,
    W::Seed,
    W::Snapshot,
    W::Clone,
    W::Compile,
    W::Check,
    W::Show,
    W::SourceFreshness,
    W::DocsGenerate,
    W::DocsPublish,
    W::DocsGraph,
    W::Impact,
];
const SELECTING: &[Which] = &[
    W::Maintain,
    W::Restore,
    W::Build,
    W::Run,
    W::Backfill,
    W::Test,
    W::Seed,
    W::Snapshot,
    W::Clone,
    W::Compile,
    W::Check,
    W::Show,
    W::SourceFreshness,
    W::List,
    W::DocsGenerate,
    W::DocsPublish,
    W::DocsGraph,
    W::Impact,
];
const READING: &[Which] =
    &[W::Build, W::Run, W::Backfill, W::Test, W::Snapshot, W::Compile, W::Check, W::Show, W::SourceFreshness];
const RUNNING: &[Which] = &[W::Build, W::Run, W::Backfill, W::Test, W::Seed, W::Snapshot];
const TYPED: &[Which] = &[W::Build, W::Test, W::Clone, W::List];
const DOCS: &[Which] = &[W::DocsGenerate, W::DocsPublish];

/// All options. Names repeat only where subcommands differ, never within one.
pub const OPTIONS: &[Opt] = &[
    // Where things are.
    text("project_dir", "The project's folder; without it the working folder and those above it are searched").env(),
    text("profiles_dir", "The folder of profiles.yml").env(),
    text("profile", "The profile to use").env(),
    text("target", "The target of the profile").short('t').env(),
    text("target_path", "The folder for compiled SQL and artifacts").env(),
    text("log_path", "The folder for log files").env(),
    opt("vars", Kind::Yaml, Default::NoKeys, "Variables, as a YAML mapping: '{key: value}'"),
    opt("threads", Kind::Integer(1), Default::None, "How many nodes may run at the same time"),
    // What is shown.
    switch("debug", false, "Show everything that happens").short('d').project(),
    switch("quiet", false, "Show only errors and results").short('q'),
    switch("print", true, "Show what macros print()"),
    switch("use_colors", true, "Use colours on the console").project().negative_color(),
    switch("use_colors_file", true, "Use colours in the log file").project(),
    choice("log_format", LOG_FORMATS, "default", "Format of what is shown").env().project(),
    choice("log_format_file", LOG_FORMATS, "debug", "Format of the log file").env().project(),
    choice("log_level", LOG_LEVELS, "info", "The least important messages to show").env().project(),
    choice("log_level_file", LOG_LEVELS, "debug", "The least important messages for the log file").env().project(),
    opt("log_file_max_bytes", Kind::Integer(0), Default::Int(10 * 1024 * 1024), "Size at which a new log file begins")
        .env()
        .hidden(),
    opt("printer_width", Kind::Integer(1), Default::Int(80), "Where the status of a line begins").env().project(),
    // How to work.
    switch("fail_fast", false, "Stop at the first failure").short('x').project(),
    opt("warn_error", Kind::Flag, Default::None, "Treat warnings as errors").env().project(),
    opt(
        "warn_error_options",
        Kind::Yaml,
        Default::NoKeys,
        "Which warnings are errors, as YAML: '{error: all, warn: []}'",
    )
    .env()
    .project(),
    choice("indirect_selection", INDIRECT, "eager", "Which tests come along with selected nodes").env().project(),
    opt(
        "lock_wait",
        Kind::Integer(0),
        Default::Int(0),
        "Seconds to wait for another process that holds the database, before giving up",
    )
    .env(),
    switch("version_check", true, "Compare require-dbt-version of the project").project(),
    switch("write_json", true, "Write artifacts to the target folder").project(),
    switch("introspect", true, "Let templates query the warehouse while they compile"),
    switch("cache_selected_only", false, "Look only at schemas of selected nodes at the start").project(),
    switch("populate_cache", true, "Look at the warehouse's schemas at the start").project(),
    // Earlier states.
    text("state", "The folder with the artifacts of an earlier run, to compare with and to defer to").env(),
    switch("defer", false, "Read what is neither selected nor built from the state's relations"),
    switch("favor_state", false, "With --defer: read all that is not selected from the state's relations"),
    text("defer_state", "Another state folder, for --defer alone").env(),
    // Accepted, without effect: there is nothing here that they would switch.
    switch("partial_parse", true, "").project().hidden(),
    switch("static_parser", true, "").project().hidden(),
    switch("use_experimental_parser", false, "").project().hidden(),
    switch("send_anonymous_usage_stats", true, "").project().hidden(),
    switch("macro_debugging", false, "").hidden(),
    switch("log_cache_events", false, "").hidden(),
    switch("use_fast_test_edges", false, "").hidden(),
    opt(
        "show_all_deprecations",
        Kind::Switch,
        Default::Bool(false),
        "Tell every deprecated form, not only the first of a kind",
    ),
    text("record_timing_info", "").short('r').hidden(),
    // Node selection.
    words("select", "Nodes to work on").short('s').models().only(SELECTING_BUT_LIST),
    words("select", "Resources to list").short('s').only(&[W::List]),
    words("models", "Models to list").short('m').aliases(&["model"]).only(&[W::List]),
    words("exclude", "Nodes to leave out").only(SELECTING),
    text("selector", "A selector of selectors.yml").only(SELECTING),
    words("resource_types", "Types of resources to work on").aliases(&["resource-type"]).env().only(TYPED),
    words("exclude_resource_types", "Types of resources to leave out")
        .aliases(&["exclude-resource-type"])
        .env()
        .only(TYPED),
    // Of some commands.
    switch("full_refresh", false, "Rebuild incremental models and seeds from nothing").short('f').only(&[
        W::Build,
        W::Run,
        W::Seed,
        W::Compile,
        W::Show,
        W::Clone,
        W::Retry,
    ]),
    switch("empty", false, "Read no rows from parents and seeds: builds the shape without the data").only(&[
        W::Build,
        W::Run,
        W::Seed,
        W::Snapshot,
        W::Compile,
    ]),
    opt("event_time_start", Kind::Bound, Default::None, "The first moment that microbatch models are built for")
        .env()
        .only(&[W::Build, W::Run]),
    opt("event_time_end", Kind::Bound, Default::None, "The first moment after those that they are built for")
        .env()
        .only(&[W::Build, W::Run]),
    opt("sample", Kind::Window, Default::None, "Read only recent rows of parents with an event_time, such as '3 days'")
        .env()
        .only(&[W::Build, W::Run]),
    opt("start", Kind::Bound, Default::None, "Fill from here; without it, from the model's `begin`")
        .only(&[W::Backfill]),
    opt("end", Kind::Bound, Default::None, "Fill to here, exclusive; without it, until now").only(&[W::Backfill]),
    text("rebuild_from", "A query of the changes of one snapshot, to tell its history anew from").only(&[W::Snapshot]),
    opt("as_of", Kind::AsOf, Default::None, "Read sources as they were: a version, or a time such as 2026-01-31")
        .only(READING),
    opt("to", Kind::AsOf, Default::None, "The version to go back to, or a time; without it the versions are listed")
        .only(&[W::Restore]),
    opt("retention", Kind::Span, Default::Text("7 days"), "How long former versions and leftovers are kept")
        .only(&[W::Maintain]),
    flag("dry_run", "Show the plan; nothing is changed").only(&[W::Maintain]),
    opt("output", Kind::Choice(&["text", "json"]), Default::None, "Format of the plan")
        .only(&[W::Maintain, W::Restore]),
    flag("restate", "Build batches again that are there already").only(&[W::Backfill]),
    flag("store_failures", "Keep the rows that fail tests, in tables").env().only(&[W::Build, W::Test]),
    switch("export_saved_queries", false, "").hidden().only(&[W::Build]),
    flag("show", "Print the first rows of each seed").only(&[W::Build, W::Seed]),
    switch("inject_ephemeral_ctes", true, "Put ephemeral parents into the code of their readers").only(&[W::Compile]),
    text("inline", "A query with Jinja to use in place of a node").only(&[W::Compile, W::Show]),
    text("inline_direct", "A query without Jinja to run as it is").only(&[W::Show]),
    opt("limit", Kind::Integer(i64::MIN), Default::Int(5), "How many rows to show; -1 for all").only(&[W::Show]),
    choice("output", &["text", "json"], "text", "Format of the result").only(&[W::Compile, W::Check, W::Show]),
    flag("dry_run", "Show what would be done, and why, as `plan` does; nothing is changed").only(RUNNING),
    opt("output", Kind::Choice(&["text", "json"]), Default::None, "Format of the plan").only(RUNNING),
    choice("output", &["text", "json", "mermaid", "dot"], "text", "Format of the result").only(&[W::Lineage]),
    choice("output", &["text", "markdown", "json"], "text", "Format of the result; markdown for a pull request")
        .only(&[W::Impact]),
    choice("fail_on", &["never", "breaking", "any"], "never", "Which changes give the exit code 1").only(&[W::Impact]),
    choice("output", &["mermaid", "dot"], "mermaid", "Format of the graph").only(&[W::DocsGraph]),
    choice("output", &["selector", "name", "path", "json"], "selector", "What to print of each resource")
        .only(&[W::List]),
    text("output", "Where to write sources.json").short('o').only(&[W::SourceFreshness]),
    words("output_keys", "Keys of the JSON output, such as name or config.materialized").only(&[W::List]),
    opt("macro", Kind::Positional(false), Default::None, "The macro, as name or package.name").only(&[W::RunOperation]),
    text("sql", "A statement to run in place of a macro; it may hold Jinja").only(&[W::RunOperation]),
    opt("args", Kind::Yaml, Default::NoKeys, "The macro's arguments, as a YAML mapping").only(&[W::RunOperation]),
    switch("clean_project_files_only", true, "Delete only folders inside the project").only(&[W::Clean]),
    flag("upgrade", "Choose the newest versions again, although package-lock.yml fits the list").only(&[W::Deps]),
    flag("check", "Bind all SQL first; run nothing if something in the selection cannot run").only(&[W::Run, W::Build]),
    flag("lock", "Write schemas.lock: the columns of every source, for checks without a warehouse").only(&[W::Check]),
    opt("column", Kind::Positional(true), Default::None, "The column, as model.column; a model for all its columns")
        .only(&[W::Lineage]),
    flag("upstream", "Show only where it comes from").only(&[W::Lineage]),
    flag("downstream", "Show only who reads it").only(&[W::Lineage]),
    opt("depth", Kind::Integer(1), Default::None, "How many steps to go").only(&[W::Lineage]),
    flag("lock", "Write package-lock.yml and install nothing").only(&[W::Deps]),
    text("add_package", "Add NAME@VERSION to the list, then install").only(&[W::Deps]),
    choice("source", &["hub", "git", "local", "tarball"], "hub", "Where the added package comes from").only(&[W::Deps]),
    flag("connection", "Test nothing but the connection").only(&[W::Debug]),
    flag("config_dir", "Print the folder of profiles.yml and stop").only(&[W::Debug]),
    opt("project_name", Kind::Positional(true), Default::None, "Name of the project and of its folder")
        .only(&[W::Init]),
    flag("skip_profile_setup", "Write no profiles.yml").short('s').only(&[W::Init]),
    opt("compile", Kind::Switch, Default::Bool(true), "Compile the project: without it there is no lineage of columns")
        .only(DOCS),
    flag("empty_catalog", "Ask the warehouse for nothing: catalog.json without relations").only(DOCS),
    flag("static", "Write the site as the one file static_index.html, too").only(&[W::DocsGenerate]),
    flag("single_file", "Write the site as one HTML file, without others beside it").only(DOCS),
    opt("dir", Kind::Positional(true), Default::None, "The folder to publish to").only(&[W::DocsPublish]),
    opt("port", Kind::Integer(0), Default::Int(8080), "The port to listen on; 0 for any that is free")
        .only(&[W::DocsServe]),
    opt("host", Kind::Text, Default::Text("127.0.0.1"), "The address to listen on").only(&[W::DocsServe]),
    opt("browser", Kind::Switch, Default::Bool(true), "Open the site in the browser").only(&[W::DocsServe]),
    opt("code", Kind::Positional(true), Default::None, "The code").only(&[W::Explain]),
];

/// Flags that only dbt_project.yml sets, with dbt's defaults.
pub const PROJECT_ONLY: &[(&str, bool)] = &[
    ("require_batched_execution_for_custom_microbatch_strategy", false),
    ("require_explicit_package_overrides_for_builtin_materializations", true),
    ("require_resource_names_without_spaces", true),
    ("source_freshness_run_project_hooks", true),
    ("skip_nodes_if_on_run_start_fails", false),
    ("state_modified_compare_more_unrendered_values", false),
    ("state_modified_compare_vars", false),
    ("require_yaml_configuration_for_mf_time_spines", false),
    ("require_nested_cumulative_type_params", false),
    ("validate_macro_args", false),
    ("latest_version_pointer_enabled_by_default", false),
    ("require_all_warnings_handled_by_warn_error", false),
    ("require_generic_test_arguments_property", true),
    ("require_unique_project_resource_names", false),
    ("require_ref_searches_node_package_before_root", false),
];

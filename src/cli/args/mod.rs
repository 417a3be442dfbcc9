//! The command line. In: the process's arguments. Out: an [`Invocation`] (which subcommand, which options were given), or
//! clap's refusal, help included.
//!
//! The parser is made from [`OPTIONS`]: what dbt calls an option, whether it may stand before the subcommand, and what a
//! `--no-` form means is said once, there.

mod options;
mod which;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::adapters::TYPES;
use crate::base::{Dict, Value};

pub use options::{Default, Kind, OPTIONS, Opt, PROJECT_ONLY, Scope};
pub use which::Which;

/// Name of the program.
pub const PROGRAM: &str = "transform";

/// What the command line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// `--version`.
    Version,
    /// A subcommand.
    Command(Invocation),
}

/// A subcommand with what was given for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// The subcommand.
    pub which: Which,
    /// Options that the command line sets, by dbt's name with underscores. YAML is text still.
    pub given: Dict,
    /// The whole command line.
    pub line: String,
    /// Old spellings of options that stand on it.
    pub old_spellings: Vec<&'static str>,
}

/// Old spellings of `--select`.
const OLD_SPELLINGS: [&str; 3] = ["--models", "--model", "-m"];

/// Reads a command line; the first argument is the program. The error knows its exit code: 0 for help, 2 for misuse.
pub fn parse(args: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Request, clap::Error> {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let line = std::iter::once(PROGRAM.into()).chain(args.iter().skip(1).map(|a| a.to_string_lossy()));
    let line = line.collect::<Vec<_>>().join(" ");
    let old = OLD_SPELLINGS.into_iter().filter(|old| args.iter().any(|arg| arg == old)).collect();
    let mut parser = command();
    let matches = parser.try_get_matches_from_mut(args)?;
    if matches.get_flag("version") {
        return Ok(Request::Version);
    }
    let (mut words, mut leaf) = (Vec::new(), &matches);
    while let Some((word, below)) = leaf.subcommand() {
        words.push(word);
        leaf = below;
    }
    if leaf.get_flag("version") {
        return Ok(Request::Version);
    }
    let words = words.join(" ");
    let Some(which) = Which::ALL.into_iter().find(|w| w.words() == words) else {
        return Err(parser.error(ErrorKind::MissingSubcommand, "a subcommand is missing"));
    };
    let applying = OPTIONS.iter().filter(|opt| opt.applies_to(which));
    let given = applying.filter_map(|opt| Some((opt.name.to_owned(), given(leaf, opt)?))).collect();
    Ok(Request::Command(Invocation { which, given, line, old_spellings: old }))
}

/// What this is.
pub fn version_lines() -> [String; 2] {
    let dbt = crate::load::DBT_VERSION;
    [format!("{PROGRAM} {}", env!("CARGO_PKG_VERSION")), format!("behaves as dbt {dbt}")]
}

/// The text of `--version`. Programs that drive dbt take the first number for its version, or look for dbt's layout.
pub fn version_text() -> String {
    let [name, behaviour] = version_lines();
    let dbt = crate::load::DBT_VERSION;
    let plugins: String = TYPES.iter().map(|adapter| format!("  - {adapter}: {dbt}\n")).collect();
    format!("Core:\n  - installed: {dbt}\n\nPlugins:\n{plugins}\n{name} {behaviour}")
}

/// The parser.
pub fn command() -> Command {
    let version = Arg::new("version")
        .short('V')
        .short_alias('v')
        .long("version")
        .action(ArgAction::SetTrue)
        .global(true)
        .help("Print the version");
    let mut root = Command::new(PROGRAM)
        .about("Runs dbt projects on an embedded database")
        .arg_required_else_help(true)
        .arg(version)
        .args(OPTIONS.iter().filter(|o| matches!(o.scope, Scope::Global)).flat_map(arguments));
    let mut source = Command::new("source").about("Check sources").subcommand_required(true);
    let mut docs = Command::new("docs").about("Generate or serve the documentation site").subcommand_required(true);
    for which in Which::ALL {
        let own = OPTIONS.iter().filter(|o| !matches!(o.scope, Scope::Global) && o.applies_to(which));
        let command = Command::new(which.as_str()).about(which.about()).args(own.flat_map(arguments));
        match which {
            Which::SourceFreshness => source = source.subcommand(command.alias("snapshot-freshness")),
            Which::DocsGenerate | Which::DocsServe | Which::DocsPublish | Which::DocsGraph => {
                docs = docs.subcommand(command);
            }
            Which::List => root = root.subcommand(command.visible_alias("ls")),
            _ => root = root.subcommand(command),
        }
    }
    root.subcommand(source).subcommand(docs)
}

/// Id of the `--no-` form.
fn negative(opt: &Opt) -> String {
    format!("no_{}", opt.name)
}

/// The one or two arguments of an option.
fn arguments(opt: &Opt) -> Vec<Arg> {
    let global = matches!(opt.scope, Scope::Global);
    let mut arg = Arg::new(opt.name).help(opt.help).hide(opt.hidden);
    if global {
        arg = arg.global(true).help_heading("Global options");
    }
    if let Kind::Positional(required) = opt.kind {
        return vec![arg.required(required)];
    }
    arg = arg.long(opt.long()).aliases(opt.aliases).short_aliases(opt.short_aliases.to_vec());
    if let Some(short) = opt.short {
        arg = arg.short(short);
    }
    arg = match opt.kind {
        Kind::Switch | Kind::Flag => arg.action(ArgAction::SetTrue),
        Kind::Text | Kind::Yaml | Kind::Bound | Kind::Window | Kind::AsOf | Kind::Span => arg.overrides_with(opt.name),
        Kind::Integer(least) => {
            let arg = arg.value_parser(value_parser!(i64).range(least..)).overrides_with(opt.name);
            if least < 0 { arg.allow_negative_numbers(true) } else { arg }
        }
        Kind::Choice(words) => arg.value_parser(words.to_vec()).ignore_case(true).overrides_with(opt.name),
        Kind::Words => arg.num_args(1..).action(ArgAction::Append),
        Kind::Positional(_) => arg,
    };
    if opt.kind != Kind::Switch {
        return vec![arg];
    }
    // Of the two forms the help shows the one that changes something.
    let on = opt.default == Default::Bool(true);
    let mut off = Arg::new(negative(opt))
        .long(format!("no-{}", opt.long()))
        .aliases(opt.negative_alias)
        .action(ArgAction::SetTrue)
        .overrides_with(opt.name)
        .help(format!("Not: {}", opt.help))
        .hide(opt.hidden || !on);
    if global {
        off = off.global(true).help_heading("Global options");
    }
    vec![arg.overrides_with(negative(opt)).hide(opt.hidden || on), off]
}

/// What the command line sets an option to.
fn given(matches: &ArgMatches, opt: &Opt) -> Option<Value> {
    let text = || matches.get_one::<String>(opt.name);
    match opt.kind {
        // Both can be there if they stand on both sides of the subcommand.
        Kind::Switch if matches.get_flag(&negative(opt)) => Some(Value::Bool(false)),
        Kind::Switch | Kind::Flag => matches.get_flag(opt.name).then_some(Value::Bool(true)),
        Kind::Text | Kind::Yaml | Kind::Bound | Kind::Window | Kind::AsOf | Kind::Span | Kind::Positional(_) => {
            text().map(|t| Value::from(t.as_str()))
        }
        Kind::Choice(_) => text().map(|t| Value::Str(t.to_lowercase())),
        Kind::Integer(_) => matches.get_one::<i64>(opt.name).map(|i| Value::from(*i)),
        Kind::Words => {
            let words = matches.get_many::<String>(opt.name)?;
            Some(Value::List(words.map(|w| Value::from(w.as_str())).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(line: &str) -> Invocation {
        match parse(std::iter::once(PROGRAM).chain(line.split_whitespace())) {
            Ok(Request::Command(invocation)) => invocation,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_parser_is_consistent() {
        command().debug_assert();
        for which in Which::ALL {
            let mut names: Vec<&str> = OPTIONS.iter().filter(|o| o.applies_to(which)).map(|o| o.name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{which:?}");
        }
    }

    #[test]
    fn options_stand_before_and_after_the_subcommand() {
        for (line, which, key, value) in [
            ("--quiet run", Which::Run, "quiet", Value::Bool(true)),
            ("run -q", Which::Run, "quiet", Value::Bool(true)),
            ("run --quiet --no-quiet", Which::Run, "quiet", Value::Bool(false)),
            ("run --no-quiet -q", Which::Run, "quiet", Value::Bool(true)),
            ("--target dev run -t prod", Which::Run, "target", "prod".into()),
            ("ls --no-color", Which::List, "use_colors", Value::Bool(false)),
            ("build -s a b -m c", Which::Build, "select", vec!["a", "b", "c"].into()),
            ("ls -m a", Which::List, "models", vec!["a"].into()),
            ("show --limit -1", Which::Show, "limit", Value::Int(-1)),
            ("list --output JSON", Which::List, "output", "json".into()),
            ("--threads 3 source snapshot-freshness", Which::SourceFreshness, "threads", Value::Int(3)),
            ("test --resource-type test unit_test", Which::Test, "resource_types", vec!["test", "unit_test"].into()),
            ("init shop -s", Which::Init, "skip_profile_setup", Value::Bool(true)),
            ("run-operation grant --args {a:1}", Which::RunOperation, "macro", "grant".into()),
        ] {
            let found = invocation(line);
            assert_eq!(found.which, which, "{line}");
            assert_eq!(found.given.get(key), Some(&value), "{line}");
            assert_eq!(found.line, format!("transform {line}"));
        }
        assert_eq!(invocation("run").given, Dict::new());
    }

    #[test]
    fn misuse_is_refused() {
        for line in
            ["run --nonsense", "run --threads 0", "ls --output xml", "source", "explain", "--quiet", "seed --sample 1"]
        {
            let refusal = parse(std::iter::once(PROGRAM).chain(line.split_whitespace()));
            assert_eq!(refusal.map_err(|e| e.exit_code()), Err(2), "{line}");
        }
        for line in ["--version", "-v", "run -V"] {
            let answer = parse(std::iter::once(PROGRAM).chain(line.split_whitespace()));
            assert_eq!(answer.ok(), Some(Request::Version), "{line}");
        }
    }
}

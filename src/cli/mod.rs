//! Floor 3: the command line. Resolves settings, runs one command, gives the exit code.
//!
//! In: the process's arguments. Out: the exit code; everything else goes through events to `report/`.
//!
//! [`args`] and [`settings`] say what the user wants, [`session`] leads from a folder to a parsed project, `commands`
//! has one file a command.

mod allocator;
mod args;
mod code_writer;
mod column_facts;
mod commands;
mod context;
mod earlier;
mod engine_names;
mod event_time;
mod former;
mod inspect;
mod json_text;
mod judge;
mod lock_wait;
mod log;
mod plan_facts;
mod profile_places;
mod project_facts;
mod publish;
mod query_comment;
mod retry;
mod session;
mod settings;
mod table;
mod target_claim;
mod unchanged;
mod unfinished;
mod warnings;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Instant;

use crate::base::{Clock, DEEP_STACK, Dict, SystemClock, Value};
use crate::diag::{Diagnostic, codes};
use crate::execute::CancelFlag;
use crate::execute::event::{Event, EventSink};
use crate::files::{Env, Files, RealFiles};
use crate::load::SECRET_PREFIX;
use crate::report::{FileLog, RenderStyle, Reporter, Shared, Streams, render_diagnostic};

use args::{Request, Which};
use context::{CommandContext, CommandResult};
use earlier::EarlierSettings;
use judge::Judge;
use session::{Inputs, ProjectYaml, Session, Stop, tell};
use settings::{Settings, SettingsError};

/// Usage, environment, or our own fault.
const EXIT_TROUBLE: u8 = 2;

/// Runs a command line; the first argument is the program. The exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    allocator::tune();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // What users nest, and how deep, is theirs to say: the default stacks end at a hundred levels of YAML.
    let _ = rayon::ThreadPoolBuilder::new().stack_size(DEEP_STACK).build_global();
    let work = {
        let arguments = arguments.clone();
        move || run_here(arguments)
    };
    match std::thread::Builder::new().name("main".to_owned()).stack_size(DEEP_STACK).spawn(work) {
        Ok(thread) => thread.join().unwrap_or(EXIT_TROUBLE),
        // No room for such a stack: the one that is there has to do.
        Err(_) => run_here(arguments),
    }
}

fn run_here(arguments: Vec<OsString>) -> u8 {
    let invocation = match args::parse(arguments) {
        Ok(Request::Version) => {
            // A closed pipe is nobody's fault.
            let _ = writeln!(std::io::stdout(), "{}", args::version_text());
            return 0;
        }
        Ok(Request::Command(invocation)) => invocation,
        Err(refusal) => {
            let _ = refusal.print();
            return u8::try_from(refusal.exit_code()).unwrap_or(EXIT_TROUBLE);
        }
    };
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let env = Arc::new(Env::process().with_dotenv(&*files));
    match Settings::new(invocation, Arc::clone(&env), &*files) {
        Ok(settings) => with_project_flags(settings, env, files),
        Err(error) => usage_trouble(&error),
    }
}

fn usage_trouble(error: &SettingsError) -> u8 {
    let text = match error {
        SettingsError::Usage(message) => format!("error: {message}\n"),
        SettingsError::Unreadable(problems) => {
            problems.iter().map(|p| render_diagnostic(p, RenderStyle::plain())).collect()
        }
    };
    let _ = write!(std::io::stderr(), "{text}");
    EXIT_TROUBLE
}

/// `flags:` of dbt_project.yml lie below command line and environment, but they are needed before anything is told.
fn with_project_flags(settings: Settings, env: Arc<Env>, files: Arc<dyn Files>) -> u8 {
    let text = files.read_text(&settings.project_dir.join("dbt_project.yml")).unwrap_or_default();
    let parsed = crate::load::yaml::parse(&crate::diag::SourceFile::new("dbt_project.yml", text)).ok();
    let flags = parsed.and_then(|p| p.root).and_then(|root| root.get("flags").map(crate::load::YamlNode::to_dict));
    let settings = match settings.clone().with_project_flags(&flags.unwrap_or_default()) {
        Ok(settings) => settings,
        Err(error) => return usage_trouble(&error),
    };
    command(&settings, env, files)
}

fn command(settings: &Settings, env: Arc<Env>, files: Arc<dyn Files>) -> u8 {
    let started = Instant::now();
    // As dbt does. Without a project there, the command says what is wrong; paths of its own are absolute already.
    crate::files::enter(&settings.project_dir);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let invocation_id = uuid::Uuid::new_v4().to_string();
    let sink = reporter(settings, &env, &files, &clock, &invocation_id);
    let version = env!("CARGO_PKG_VERSION");
    let args = without_secrets(settings.args_dict(), &secrets(settings, &env));
    sink.emit(&Event::CommandStarted {
        version,
        dbt_version: crate::load::DBT_VERSION,
        invocation: settings.invocation_line(),
        settings: &args,
    });
    let judge = Arc::new(Judge::new(settings.warning_policy(), settings.bool("show_all_deprecations")));
    let print = settings.bool("print");
    let log = Arc::new(log::EventLog { sink: Arc::clone(&sink), print, judge: Arc::clone(&judge) });
    let cancel = Arc::new(CancelFlag::new());
    let on_signal = Arc::clone(&cancel);
    // Without a handler Ctrl-C still ends the process, only less tidily.
    let _ = ctrlc::set_handler(move || on_signal.cancel());
    let inputs = Inputs {
        load: settings.load_request(),
        flags: settings.flags_dict(),
        args,
        sink: Arc::clone(&sink),
        log,
        env,
        files,
        invocation_id,
        started_at: clock.now(),
        judge: Arc::clone(&judge),
        empty: settings.bool("empty"),
        sample: settings.sample(),
        as_of: settings.as_of("as_of"),
        store_failures: settings.bool("store_failures"),
        inject_ephemeral_ctes: settings.value("inject_ephemeral_ctes").as_bool().unwrap_or(true),
        introspect: settings.which != Which::Compile || settings.bool("introspect"),
        write_json: settings.bool("write_json"),
        earlier: EarlierSettings::new(settings),
        lock_wait: settings.lock_wait(),
        retry: None,
        cancel,
    };
    let code = tell(&inputs, settings.problems()).map_or_else(|Stop(code)| Ok(code), |()| dispatch(settings, inputs));
    let code = code.unwrap_or_else(|error| {
        let problem = Diagnostic::error(codes::INTERNAL, format!("{error:#}"))
            .note(format!("transform {version}: {}", settings.invocation_line()));
        sink.emit(&Event::Problem(&problem));
        EXIT_TROUBLE
    });
    let code = if judge.sum_up(&*sink) { code.max(1) } else { code };
    sink.emit(&Event::CommandFinished {
        command: settings.which.words(),
        success: code == 0,
        elapsed: started.elapsed().as_secs_f64(),
        at: clock.now(),
    });
    code
}

/// Values of secret variables, of the environment and of the command line.
fn secrets(settings: &Settings, env: &Env) -> Vec<String> {
    let given = settings.load_request().vars;
    let given = given.iter().map(|(name, value)| (name.as_str(), value.to_string()));
    let all = env.vars().map(|(name, value)| (name, value.to_owned())).chain(given);
    let secret = all.filter(|(name, value)| name.starts_with(SECRET_PREFIX) && !value.trim().is_empty());
    secret.map(|(_, value)| value).collect()
}

/// The arguments as artifacts keep them.
fn without_secrets(args: Dict, secrets: &[String]) -> Dict {
    fn scrubbed(value: Value, secrets: &[String]) -> Value {
        match value {
            Value::Str(text) => Value::Str(secrets.iter().fold(text, |text, secret| text.replace(secret, "*****"))),
            Value::List(items) => Value::List(items.into_iter().map(|item| scrubbed(item, secrets)).collect()),
            Value::Map(map) => Value::Map(without_secrets(map, secrets)),
            other => other,
        }
    }
    args.into_iter().map(|(key, value)| (key, scrubbed(value, secrets))).collect()
}

fn reporter(
    settings: &Settings,
    env: &Arc<Env>,
    files: &Arc<dyn Files>,
    clock: &Arc<dyn Clock>,
    invocation_id: &str,
) -> Arc<dyn EventSink> {
    let mut shared = Shared::new(Arc::clone(clock), invocation_id, std::process::id());
    shared.secrets = secrets(settings, env);
    shared.extra = session::metadata_env(env);
    if let Some(width) = settings.integer("printer_width").and_then(|w| usize::try_from(w).ok()) {
        shared.printer_width = width;
    }
    let is_terminal = std::io::stderr().is_terminal();
    let streams = Streams { out: Box::new(std::io::stdout()), err: Box::new(std::io::stderr()) };
    let mut reporter = Reporter::new(settings.report_settings(is_terminal, 140), shared.clone(), streams);
    let in_project = files.is_file(&settings.project_dir.join("dbt_project.yml"));
    if in_project && !matches!(settings.which, Which::Init | Which::Clean | Which::Explain) {
        let folder = settings.text("log_path").unwrap_or("logs");
        let (format, level) = settings.file_log();
        if let Ok(out) = files.append(&settings.project_dir.join(folder).join("dbt.log")) {
            reporter = reporter.with(Box::new(FileLog::new(format, level, shared, out)));
        }
    }
    Arc::new(reporter)
}

fn dispatch(settings: &Settings, inputs: Inputs) -> CommandResult {
    let renderer = ProjectYaml::new(&inputs);
    let (sink, files, env) = (Arc::clone(&inputs.sink), Arc::clone(&inputs.files), Arc::clone(&inputs.env));
    let judge = Arc::clone(&inputs.judge);
    let cx = CommandContext { settings, files, env, renderer: &renderer, events: &*sink, judge: &judge };
    match settings.which {
        Which::Deps => commands::deps::run(&cx),
        Which::DocsServe => commands::docs_serve::run(&cx, &inputs.cancel),
        Which::Clean => commands::clean::run(&cx),
        Which::Debug => commands::debug::run(&cx),
        Which::Init => commands::init::run(&cx),
        Which::Explain => commands::explain::run(&cx),
        Which::Retry => {
            let Some(root) = cx.root() else { return Ok(EXIT_TROUBLE) };
            match retry::again(&cx, &root) {
                Ok(again) => again_in(&again, inputs),
                Err(problem) => {
                    inputs.sink.emit(&Event::Problem(&problem));
                    Ok(EXIT_TROUBLE)
                }
            }
        }
        Which::Check if !settings.bool("lock") => Ok(check(settings, inputs, &renderer)),
        which => {
            let open = Session::open(inputs, &renderer);
            let open = match which {
                _ if settings.plans() => open.and_then(Session::for_reading),
                Which::Lineage | Which::Impact | Which::DocsGenerate | Which::DocsPublish | Which::DocsGraph => {
                    open.map(Session::beside_others)
                }
                _ => open,
            };
            let run = |session: &Session| match which {
                Which::Plan => commands::plan::run(session, settings),
                Which::Backfill => commands::backfill::run(session, settings),
                Which::Maintain => commands::maintain::run(session, settings),
                Which::Restore => commands::restore::run(session, settings),
                Which::List => commands::list::run(session, settings),
                Which::Parse => commands::parse::run(session),
                Which::Compile => commands::compile::run(session, settings),
                Which::Check => commands::check::run(session, settings).map(|(code, _)| code),
                Which::Lineage => commands::lineage::run(session, settings),
                Which::Impact => commands::impact::run(session, settings),
                Which::DocsGenerate => commands::docs_generate::run(session, settings),
                Which::DocsPublish => commands::docs_generate::run_publish(session, settings),
                Which::DocsGraph => commands::docs_graph::run(session, settings),
                Which::Show => commands::show::run(session, settings),
                Which::RunOperation => commands::run_operation::run(session, settings),
                _ => commands::build::run(session, settings),
            };
            let ended = open.and_then(|session| {
                let ended = run(&session);
                session.leave();
                ended
            });
            Ok(ended.unwrap_or_else(|Stop(code)| code))
        }
    }
}

/// Checks, unless everything is as it was when the same check found nothing.
fn check(settings: &Settings, inputs: Inputs, renderer: &ProjectYaml) -> u8 {
    if let Some(code) = unchanged::recall(&inputs, renderer) {
        return code;
    }
    let (witness, inputs) = unchanged::Witness::of(inputs);
    let checked = Session::open(inputs, renderer).map(Session::beside_others).and_then(|session| {
        let (code, repeatable) = commands::check::run(&session, settings)?;
        if code == 0 && repeatable {
            witness.keep(&session);
        }
        session.leave();
        Ok(code)
    });
    checked.unwrap_or_else(|Stop(code)| code)
}

/// The former command, for what is to be done again.
fn again_in(again: &retry::Again, inputs: Inputs) -> CommandResult {
    let settings = &again.settings;
    if settings.which == Which::RunOperation && again.nothing {
        return Ok(0);
    }
    let retry = (settings.which != Which::RunOperation).then(|| Arc::new(again.scope.clone()));
    let judge = Arc::new(inputs.judge.under(settings.warning_policy()));
    let inputs = Inputs {
        load: settings.load_request(),
        flags: settings.flags_dict(),
        args: without_secrets(settings.args_dict(), &secrets(settings, &inputs.env)),
        log: Arc::new(log::EventLog {
            sink: Arc::clone(&inputs.sink),
            print: settings.bool("print"),
            judge: Arc::clone(&judge),
        }),
        judge,
        empty: settings.bool("empty"),
        sample: settings.sample(),
        as_of: settings.as_of("as_of"),
        store_failures: settings.bool("store_failures"),
        inject_ephemeral_ctes: settings.value("inject_ephemeral_ctes").as_bool().unwrap_or(true),
        introspect: settings.which != Which::Compile || settings.bool("introspect"),
        write_json: settings.bool("write_json"),
        earlier: EarlierSettings::new(settings),
        retry,
        ..inputs
    };
    dispatch(settings, inputs)
}

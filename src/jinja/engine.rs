//! The Jinja engine of a project: built once, immutable, shared by all threads.
//!
//! In: a [`Registry`] of macros; per render a [`TemplateSource`] and a [`Scope`]. Out: [`Rendered`] text, values, diagnostics.
//! Macros are rewritten and compiled when a render first needs them.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use minijinja::value::{Kwargs, Rest};
use minijinja::{AutoEscape, Environment, Error, State, UndefinedBehavior, Value};

use super::defs::syntax_error;
use super::error::{self, RaisedError, RootTemplate};
use super::lexer::LexError;
use super::macro_call::{self, PREFIX, call_macro};
use super::native;
use super::pylib;
use super::registry::{MacroId, Registry};
use super::rewrite::{self, EditMap, Options, Rewritten, Signature};
use super::root::Root;
use super::scope::{Scope, UndefinedMode};
use super::span_map::{Sink, SpanMap};
use crate::diag::{Diagnostic, SourceFile, codes};

/// A macro's template in the environment.
const TEMPLATE_PREFIX: &str = "@macro:";

/// Units of minijinja's own limit; our limit on nested macros comes first.
const RECURSION_LIMIT: usize = 100_000;

/// Names that the engine uses inside templates.
const OWN_NAMES: [&str; 5] = ["__reg", "__load", "__n", "__void", "__m"];

/// The name of a macro's template.
pub(super) fn template_name(id: MacroId) -> String {
    format!("{TEMPLATE_PREFIX}{}", id.0)
}

/// The macro whose template has that name.
pub(super) fn macro_of_template(name: &str) -> Option<MacroId> {
    name.strip_prefix(TEMPLATE_PREFIX)?.parse().ok().map(MacroId)
}

/// Text to render: a file or a part of it.
#[derive(Clone, Debug)]
pub struct TemplateSource {
    /// How messages call it.
    pub name: String,
    /// The file.
    pub file: Arc<SourceFile>,
    /// The part to render.
    pub range: Range<usize>,
}

impl TemplateSource {
    /// A whole file.
    pub fn file(file: &Arc<SourceFile>) -> Self {
        Self { name: file.path.clone(), range: 0..file.text.len(), file: Arc::clone(file) }
    }

    /// A part of a file, such as the body of a snapshot.
    pub fn part(file: &Arc<SourceFile>, range: Range<usize>) -> Self {
        Self { range, ..Self::file(file) }
    }

    /// Text that is in no file, such as a hook or a value of YAML.
    pub fn inline(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::file(&SourceFile::new(name, text))
    }

    /// The text to render.
    pub fn text(&self) -> &str {
        self.file.text.get(self.range.clone()).unwrap_or_default()
    }
}

/// The result of a render.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// Where it comes from.
    pub map: SpanMap,
}

/// The rewritten macros, made on first use and shared by both environments.
struct Sources {
    registry: Arc<Registry>,
    made: Vec<OnceLock<Result<(Rewritten, Signature), LexError>>>,
}

impl Sources {
    fn get(&self, id: MacroId) -> Option<&Result<(Rewritten, Signature), LexError>> {
        let made = self.made.get(id.0)?;
        Some(made.get_or_init(|| rewrite::definition(&self.registry.entry(id).definition)))
    }

    /// The error for a macro whose text is no Jinja.
    fn broken(&self, id: MacroId, error: &LexError) -> Error {
        RaisedError::from(syntax_error(&self.registry.entry(id).definition.span.file, error)).into()
    }
}

/// What all clones of an engine share.
pub(super) struct Inner {
    pub registry: Arc<Registry>,
    sources: Arc<Sources>,
    /// Unknown names stay undefined through attributes and calls.
    parsing: Environment<'static>,
    running: Environment<'static>,
    globals: HashSet<String>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine({} macros)", self.registry.entries().len())
    }
}

impl Inner {
    fn environment(&self, mode: UndefinedMode) -> &Environment<'static> {
        match mode {
            UndefinedMode::Permissive => &self.parsing,
            UndefinedMode::Strict => &self.running,
        }
    }

    /// Whether the engine itself uses a name.
    pub fn is_own_name(&self, name: &str) -> bool {
        name.starts_with("__") && OWN_NAMES.contains(&name)
    }

    /// Whether a name is one of Jinja's globals.
    pub fn is_global(&self, name: &str) -> bool {
        self.globals.contains(name)
    }

    /// One of Jinja's globals.
    pub fn global(&self, name: &str) -> Option<Value> {
        if name.starts_with("__") {
            return None;
        }
        self.running.globals().find(|(global, _)| *global == name).map(|(_, value)| value)
    }

    /// How a macro is called.
    pub fn signature(&self, id: MacroId) -> Result<&Signature, Error> {
        match self.sources.get(id) {
            Some(Ok((_, signature))) => Ok(signature),
            Some(Err(error)) => Err(self.sources.broken(id, error)),
            None => Err(RaisedError::new(codes::INTERNAL, "a macro of another project").into()),
        }
    }

    /// The way back from a macro's template.
    pub fn macro_map(&self, id: MacroId) -> Option<&EditMap> {
        self.sources.get(id)?.as_ref().ok().map(|(rewritten, _)| &rewritten.map)
    }
}

/// Renders templates and calls macros of one project.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

impl Engine {
    /// The engine of a project.
    pub fn new(registry: Registry) -> Self {
        let registry = Arc::new(registry);
        let made = registry.entries().iter().map(|_| OnceLock::new()).collect();
        let sources = Arc::new(Sources { registry: Arc::clone(&registry), made });
        let running = environment(&sources, UndefinedBehavior::Lenient);
        let parsing = environment(&sources, UndefinedBehavior::Chainable);
        let globals = running.globals().map(|(name, _)| name.to_owned()).collect();
        Self { inner: Arc::new(Inner { registry, sources, parsing, running, globals }) }
    }

    /// The engine that a running state belongs to.
    pub(super) fn from_inner(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// The project's macros.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.inner.registry
    }

    /// Renders a template to text. Text without any Jinja is taken over as it is.
    pub fn render(&self, source: &TemplateSource, scope: Arc<dyn Scope>) -> Result<Rendered, Diagnostic> {
        if !has_jinja(source.text()) {
            let map = SpanMap::identity(&source.file, source.range.clone());
            return Ok(Rendered { text: source.text().to_owned(), map });
        }
        let (text, map, _) = self.run(source, scope, false)?;
        Ok(Rendered { text, map })
    }

    /// Renders a value of YAML as dbt does: a lone `{{ ... }}` keeps its type, unless it is a literal; the filters `as_bool`,
    /// `as_number`, `as_native` read the text as a Python literal; everything else is text.
    pub fn render_value(&self, source: &TemplateSource, scope: Arc<dyn Scope>) -> Result<Value, Diagnostic> {
        if !has_jinja(source.text()) {
            return Ok(Value::from(source.text()));
        }
        let (text, _, printed) = self.run(source, scope, true)?;
        native::value(text, &printed).map_err(|problem| {
            let span = crate::diag::Span::new(&source.file, source.range.clone());
            Diagnostic::error(codes::JINJA_RUNTIME, problem).at(span)
        })
    }

    fn run(
        &self,
        source: &TemplateSource,
        scope: Arc<dyn Scope>,
        native: bool,
    ) -> Result<(String, SpanMap, Vec<Value>), Diagnostic> {
        let options = Options { literals: false, native };
        let rewritten = rewrite::template(&source.file.text, source.range.clone(), PREFIX, options)
            .map_err(|error| syntax_error(&source.file, &error))?;
        let environment = self.inner.environment(scope.undefined());
        let template = environment
            .template_from_named_str(&source.name, &rewritten.text)
            .map_err(|error| error::compile_error(&error, &source.file, &rewritten.map))?;
        let root = Root::new(Arc::clone(&self.inner), scope, native);
        let mut sink = Sink::new(&rewritten.text);
        let captured =
            template.render_captured_to(Value::from_dyn_object(Arc::clone(&root)), &mut sink).map_err(|error| {
                let place =
                    RootTemplate { name: &source.name, file: &source.file, map: &rewritten.map, prefix: PREFIX.len() };
                error::diagnose(&error, &self.inner, &root, Some(place))
            })?;
        let printed = if native { macro_call::printed(captured.state()) } else { Vec::new() };
        drop(captured);
        let (text, map) = sink.finish(&source.file, &rewritten.map, PREFIX.len());
        Ok((text, map, printed))
    }

    /// Calls a macro by its unique id: the value of its `return()`, or its text. Keyword arguments are a last
    /// [`Kwargs`] value.
    pub fn call(&self, unique_id: &str, args: &[Value], scope: Arc<dyn Scope>) -> Result<Value, Diagnostic> {
        let Some(id) = self.inner.registry.id(unique_id) else {
            return Err(Diagnostic::error(codes::JINJA_UNDEFINED, format!("there is no macro '{unique_id}'")));
        };
        self.with_state(scope, |state| call_macro(state, id, args))
    }

    /// Runs Rust code that calls macros, all in one state: [`call_macro`] and [`super::call_named`] work on it.
    pub fn with_state<R>(
        &self,
        scope: Arc<dyn Scope>,
        run: impl FnOnce(&mut State<'_, '_>) -> Result<R, Error>,
    ) -> Result<R, Diagnostic> {
        let environment = self.inner.environment(scope.undefined());
        let root = Root::new(Arc::clone(&self.inner), scope, false);
        let diagnose = |error: &Error| error::diagnose(error, &self.inner, &root, None);
        let template = environment.template_from_named_str("<entry>", PREFIX).map_err(|error| diagnose(&error))?;
        let context = Value::from_dyn_object(Arc::clone(&root));
        let mut captured = template.render_captured(context).map_err(|error| diagnose(&error))?;
        captured.with_state_mut(|state| run(state)).map_err(|error| diagnose(&error))
    }

    /// Compiles every macro now; the syntax errors of all of them.
    pub fn check_macros(&self) -> Vec<Diagnostic> {
        let ids = (0..self.inner.registry.entries().len()).map(MacroId);
        ids.filter_map(|id| self.check_macro(id)).collect()
    }

    /// Compiles a macro now; its syntax error, if it has one.
    pub fn check_macro(&self, id: MacroId) -> Option<Diagnostic> {
        let file = &self.inner.registry.entry(id).definition.span.file;
        match self.inner.sources.get(id)? {
            Err(error) => Some(syntax_error(file, error)),
            Ok((rewritten, _)) => {
                let compiled = self.inner.running.get_template(&template_name(id));
                compiled.err().map(|error| error::compile_error(&error, file, &rewritten.map))
            }
        }
    }
}

/// Whether text has anything that Jinja would look at, by dbt's test.
fn has_jinja(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| matches!(pair, [b'{', b'{' | b'%' | b'#'] | [b'#' | b'}' | b'%', b'}']))
}

/// Python's library, our own hooks, and the macros behind a loader.
fn environment(sources: &Arc<Sources>, behavior: UndefinedBehavior) -> Environment<'static> {
    let mut environment = Environment::new();
    pylib::install(&mut environment);
    for (name, value) in pylib::globals() {
        environment.add_global(name, value);
    }
    environment.set_undefined_behavior(behavior);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_debug(false);
    environment.set_recursion_limit(RECURSION_LIMIT);
    environment.add_filter("__native", |state: &mut State<'_, '_>, value: Value| {
        macro_call::note_printed(state, &value);
        value
    });
    native::install(&mut environment);
    environment.add_test("__missing", |value: &Value| macro_call::is_missing(value));
    environment.add_function("__reg", |state: &mut State<'_, '_>, value: Value| macro_call::register(state, value));
    environment.add_function("return", |state: &mut State<'_, '_>, args: Rest<Value>, kwargs: Kwargs| {
        macro_call::return_value(state, args, &kwargs)
    });
    let sources = Arc::clone(sources);
    environment.set_loader(move |name: &str| {
        let Some(id) = macro_of_template(name) else { return Ok(None) };
        match sources.get(id) {
            Some(Ok((rewritten, _))) => Ok(Some(rewritten.text.clone())),
            Some(Err(error)) => Err(sources.broken(id, error)),
            None => Ok(None),
        }
    });
    environment
}

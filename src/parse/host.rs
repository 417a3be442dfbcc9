//! What parsing asks of Jinja: captures of node templates, names by users' macros, values of YAML.
//!
//! In: the engine, the shared context. Out: plain values. Every render of this room goes through here.

use std::sync::Arc;

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, Span};
use crate::jinja::context::host::DocLookup;
use crate::jinja::context::host::Vars;
use crate::jinja::context::{Capture, Captured, NodeFacts, NodeScope, SharedContext, call, render, render_value};
use crate::jinja::{Engine, StaticCall, TemplateSource, static_calls};
use crate::load::{VarScope, YamlContext, YamlRenderer};
use crate::node::{Node, RefCall};

/// Project variables behind Jinja's door.
pub struct TreeVars(pub VarScope);

impl Vars for TreeVars {
    fn lookup(&self, package: &str, name: &str) -> Option<Value> {
        self.0.lookup(package, name).cloned()
    }

    fn supplied(&self, package: &str) -> Dict {
        let names = self.0.names(package);
        names.iter().filter_map(|n| Some(((*n).to_owned(), self.0.lookup(package, n)?.clone()))).collect()
    }
}

/// Renders YAML values over a context that has no macros of the project: what `load/` is handed.
pub struct Yaml {
    /// An engine without macros.
    pub engine: Engine,
    /// Makes the shared context for some variables and target.
    pub shared: Box<dyn Fn(VarScope, Dict) -> Arc<SharedContext> + Sync + Send>,
}

impl YamlRenderer for Yaml {
    fn render(&self, text: &str, span: &Span, context: &YamlContext<'_>) -> Result<Value, Diagnostic> {
        let flat = |vars: &Dict| VarScope { cli: vars.clone(), ..VarScope::default() };
        let scope = match context {
            YamlContext::Profile { vars } | YamlContext::Packages { vars } => {
                NodeScope::secret(&(self.shared)(flat(vars), Dict::new()))
            }
            YamlContext::Project { vars, target } => {
                NodeScope::yaml(&(self.shared)(flat(vars), (*target).clone()), "", None)
            }
            YamlContext::Properties { package, vars, target } => {
                NodeScope::yaml(&(self.shared)((*vars).clone(), (*target).clone()), *package, None)
            }
        };
        render_value(&self.engine, &TemplateSource::inline(span.file.path.clone(), text), &scope.build())
            // The text of a YAML value is not the file: its own offsets would mislead.
            .map_err(|problem| Diagnostic { span: Some(span.clone()), ..problem })
    }
}

/// Calls and config of a node's template, by reading it where that suffices, else by rendering it.
pub fn capture(engine: &Engine, shared: &Arc<SharedContext>, node: &Arc<Node>) -> Result<Captured, Diagnostic> {
    let overridden =
        ["ref", "source", "config", "var"].iter().any(|n| engine.registry().find_macro(&node.package, n).is_some());
    if !overridden
        && let Some(calls) = static_calls(&node.template.file, node.template.range.clone())
        && let Some(captured) = from_static(&calls, shared, &node.package)
    {
        return Ok(captured);
    }
    let capture = Arc::new(Capture::new());
    let scope = NodeScope::parse(shared, NodeFacts::of(node, None), &capture).build();
    let source = TemplateSource::part(&node.template.file, node.template.range.clone());
    render(engine, &source, &scope)?;
    Ok(capture.take())
}

/// Adds what a text of the node's config (a hook) refers to.
pub fn capture_text(
    engine: &Engine,
    shared: &Arc<SharedContext>,
    node: &Arc<Node>,
    text: &str,
) -> Result<Captured, Diagnostic> {
    let capture = Arc::new(Capture::new());
    let scope = NodeScope::parse(shared, NodeFacts::of(node, None), &capture).build();
    render(engine, &TemplateSource::inline(node.original_path.clone(), text), &scope)?;
    Ok(capture.take())
}

/// What a generic test refers to: its arguments, then its macro.
pub fn capture_test(
    engine: &Engine,
    shared: &Arc<SharedContext>,
    node: &Arc<Node>,
    kwargs: &Dict,
) -> Result<Captured, Diagnostic> {
    let capture = Arc::new(Capture::new());
    let scope = NodeScope::parse(shared, NodeFacts::of(node, None), &capture).build_test(engine, kwargs)?;
    let source = TemplateSource::part(&node.template.file, node.template.range.clone());
    render(engine, &source, &scope)?;
    Ok(capture.take())
}

fn from_static(calls: &[StaticCall], shared: &SharedContext, package: &str) -> Option<Captured> {
    let mut captured = Captured::default();
    for call in calls {
        let texts: Option<Vec<String>> = call.args.iter().map(|a| a.as_str().map(str::to_owned)).collect();
        match (call.function.as_str(), texts) {
            ("ref", Some(args)) if (1..=2).contains(&args.len()) => {
                captured.refs.push(static_ref(args, &call.kwargs)?);
            }
            ("source", Some(args)) if args.len() == 2 && call.kwargs.is_empty() => {
                captured.sources.push((args[0].clone(), args[1].clone()));
            }
            // Several calls, hooks and positional dicts have rules of their own: they are rendered.
            ("config", _) if call.args.is_empty() && captured.config.is_empty() => {
                captured.config = call.kwargs.iter().map(|(k, v)| (super::config::canonical(k), v.clone())).collect();
            }
            ("var", Some(args)) if args.len() == 1 => {
                // A text may be a template, which may refer to anything.
                let value = shared.vars.lookup(package, &args[0])?;
                if value.as_str().is_some_and(|text| text.contains('{')) {
                    return None;
                }
                captured.vars.insert(args[0].clone());
            }
            _ => return None,
        }
    }
    Some(captured)
}

fn static_ref(mut args: Vec<String>, kwargs: &Dict) -> Option<RefCall> {
    let mut version = Value::Null;
    for (key, value) in kwargs {
        match key.as_str() {
            "version" | "v" => version = value.clone(),
            _ => return None,
        }
    }
    let name = args.pop()?;
    Some(RefCall { package: args.pop(), name, version })
}

/// A user's `generate_<component>_name` for a node; `None` if the built-in rule is in force.
pub fn name_macro(
    engine: &Engine,
    shared: &Arc<SharedContext>,
    component: &str,
    node: &Node,
    custom: Value,
) -> Option<Result<Value, Diagnostic>> {
    let registry = engine.registry();
    let entry = registry.entry(registry.generate_name_macro(component, &node.package)?);
    let dispatches_elsewhere = || {
        let name = format!("generate_{component}_name");
        let dispatched = registry.dispatch(&name, Some("dbt"), &node.package, &shared.dispatch).ok();
        dispatched.is_some_and(|id| !registry.internal_packages().contains(&registry.entry(id).package))
    };
    if registry.internal_packages().contains(&entry.package) && !dispatches_elsewhere() {
        return None;
    }
    let parameter = format!("custom_{component}_name");
    let scope = NodeScope::names(shared, entry.package.clone()).build();
    let first = entry.definition.arguments.first().map_or(parameter, |a| a.name.clone());
    let mut arguments = vec![(first, custom.into())];
    if let Some(second) = entry.definition.arguments.get(1) {
        arguments.push((second.name.clone(), Value::Map(crate::node::dict::node(node, None)).into()));
    }
    let arguments: Vec<(&str, crate::jinja::context::Argument)> =
        arguments.iter().map(|(n, a): &(String, crate::jinja::context::Argument)| (n.as_str(), a.clone())).collect();
    let returned = call(engine, &entry.unique_id, arguments, &scope);
    Some(returned.map(|r| r.value()))
}

/// The text of a docs block: Jinja without any names.
pub fn docs_block(
    engine: &Engine,
    shared: &Arc<SharedContext>,
    package: &str,
    body: &Span,
) -> Result<String, Diagnostic> {
    let scope = NodeScope::docs_block(shared, package).build();
    render(engine, &TemplateSource::part(&body.file, body.start..body.end), &scope).map(|r| r.text)
}

/// A description with more Jinja than plain `doc()` calls.
pub fn description(
    engine: &Engine,
    shared: &Arc<SharedContext>,
    package: &str,
    text: &str,
    docs: Arc<dyn DocLookup>,
) -> Result<String, Diagnostic> {
    let scope = NodeScope::docs(shared, NodeFacts::package(package), docs).build();
    render(engine, &TemplateSource::inline("description", text), &scope).map(|r| r.text)
}

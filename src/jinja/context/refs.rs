//! `ref`, `source`, `function` and `metric`.
//!
//! In: calls. Out: while parsing, entries of the [`Capture`](super::Capture) and the node's own relation; while running,
//! what the [`Resolver`](super::host::Resolver) answers.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value};
use minijinja::{Error, State};

use crate::base;
use crate::diag::{Diagnostic, codes};
use crate::node::RefCall;

use super::args::{Arguments, type_name, wrong};
use super::core::Core;
use super::host::{HostError, Resolved, Resolver};
use super::relation::RelationObject;

/// `ref(name)`, `ref(package, name)`, `version=` / `v=`.
pub(super) fn reference(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let Arguments { positional, named } = Arguments::split(args);
    let (package, name) = one_or_two("ref", &positional)?;
    let version = version(&named)?;
    if core.executes() {
        let resolved = resolver(core, "ref")?.reference(package.as_deref(), &name, &version);
        return relation(core, resolved.and_then(|resolved| existing(core, resolved)));
    }
    if let Some(capture) = &core.capture {
        capture.with(|c| c.refs.push(RefCall { package, name, version }));
    }
    Ok(core.own_relation().into_value())
}

fn version(named: &[(String, Value)]) -> Result<base::Value, Error> {
    let given = |key: &str| named.iter().find(|(name, _)| name == key).map(|(_, v)| v).filter(|v| v.is_true());
    let Some(value) = given("version").or_else(|| given("v")) else { return Ok(base::Value::Null) };
    match super::to_base(value) {
        version @ (base::Value::Str(_) | base::Value::Int(_) | base::Value::Float(_) | base::Value::Bool(_)) => {
            Ok(version)
        }
        _ => Err(wrong(format!(
            "The version argument to ref() must be a string, int, float, or None - got {}",
            type_name(value)
        ))),
    }
}

/// `source(source, table)`.
pub(super) fn source(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let Arguments { positional, .. } = Arguments::split(args);
    let [source, table] = positional.as_slice() else {
        return Err(wrong(format!("source() takes exactly two arguments ({} given)", positional.len())));
    };
    let text = |value: &Value, which: &str| {
        value.as_str().map(str::to_owned).ok_or_else(|| {
            wrong(format!("The {which} argument to source() must be a string, got {}", type_name(value)))
        })
    };
    let (source, table) = (text(source, "source name (first)")?, text(table, "table name (second)")?);
    if core.executes() {
        let resolved = resolver(core, "source")?.source(&source, &table);
        return relation(core, resolved);
    }
    if let Some(capture) = &core.capture {
        capture.with(|c| c.sources.push((source, table)));
    }
    Ok(core.own_relation().into_value())
}

/// `function(name)`, `function(package, name)`.
pub(super) fn function(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (package, name) = one_or_two("function", &Arguments::split(args).positional)?;
    if core.executes() {
        let resolved = resolver(core, "function")?.function(package.as_deref(), &name);
        return relation(core, resolved.map(|r| Resolved { is_function: true, ..r }));
    }
    if let Some(capture) = &core.capture {
        capture.with(|c| c.functions.push(package.into_iter().chain([name]).collect()));
    }
    let mut own = core.own_relation();
    own.kind = Some("function".into());
    Ok(own.into_value())
}

/// `metric(name)`, `metric(package, name)`.
pub(super) fn metric(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (package, name) = one_or_two("metric", &Arguments::split(args).positional)?;
    let fields = if core.executes() {
        let found = resolver(core, "metric")?.metric(package.as_deref(), &name).map_err(|d| core.raise(d))?;
        Some(super::to_value(&found.into()))
    } else {
        let names = package.into_iter().chain([name.clone()]).collect();
        if let Some(capture) = &core.capture {
            capture.with(|c| c.metrics.push(names));
        }
        None
    };
    Ok(Value::from_object(MetricReference { name, fields }))
}

fn one_or_two(function: &str, positional: &[Value]) -> Result<(Option<String>, String), Error> {
    let (package, name) = match positional {
        [name] => (None, name),
        [package, name] => (Some(package), name),
        _ => {
            return Err(wrong(format!("{function}() takes at most two arguments ({} given)", positional.len())));
        }
    };
    let Some(name) = name.as_str() else {
        return Err(wrong(format!("The name argument to {function}() must be a string, got {}", type_name(name))));
    };
    let package = match package {
        Some(value) if !value.is_none() => Some(value.as_str().ok_or_else(|| {
            wrong(format!("The package argument to {function}() must be a string or None, got {}", type_name(value)))
        })?),
        _ => None,
    };
    Ok((package.map(str::to_owned), name.to_owned()))
}

/// The relation itself where it exists, else that of the other state.
fn existing(core: &Core, mut resolved: Resolved) -> Result<Resolved, Diagnostic> {
    if let (Some((relation, quote)), Some(database)) = (resolved.deferred.take(), &core.database)
        && database.get_relation(&resolved.relation).map_err(HostError::into_diagnostic)?.is_none()
    {
        resolved = Resolved { relation, quote, ..resolved };
    }
    Ok(resolved)
}

fn resolver<'a>(core: &'a Core, function: &str) -> Result<&'a Arc<dyn Resolver>, Error> {
    core.resolver
        .as_ref()
        .ok_or_else(|| core.raise(Diagnostic::error(codes::JINJA_RUNTIME, format!("{function}() cannot be used here"))))
}

fn relation(core: &Core, resolved: Result<Resolved, Diagnostic>) -> Result<Value, Error> {
    let resolved = resolved.map_err(|diagnostic| core.raise(diagnostic))?;
    Ok(RelationObject::from_resolved(resolved, core.shared.adapter.subquery_alias).into_value())
}

/// What `metric()` answers: prints as the metric's name.
#[derive(Debug)]
struct MetricReference {
    name: String,
    fields: Option<Value>,
}

impl Object for MetricReference {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "metric_name" => Some(Value::from(self.name.as_str())),
            key => self.fields.as_ref()?.get_attr(key).ok().filter(|v| !v.is_undefined()),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

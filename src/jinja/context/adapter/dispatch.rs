//! `adapter.dispatch` and the choice of incremental strategies.
//!
//! In: macro names and namespaces. Out: callable macros.

use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Error, State};

use crate::diag::{Diagnostic, codes};
use crate::jinja::registry::MacroId;
use crate::jinja::{engine_of, macro_value, scope_of};

use super::super::args::{bind, given, required_text, type_name};
use super::super::core::Core;

type Answer = Result<Value, Error>;

/// `dispatch(macro_name, macro_namespace=None)`.
pub(super) fn dispatch(core: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [name, namespace, packages] = bind("dispatch", args, ["macro_name", "macro_namespace", "packages"])?;
    let name = required_text("dispatch", "macro_name", name)?;
    if given(packages).is_some() {
        let message = format!(
            "The \"packages\" argument of adapter.dispatch() is gone. Use the \"macro_namespace\" argument instead \
             (dispatch of macro \"{name}\")"
        );
        return Err(core.raise(Diagnostic::error(codes::MACRO_ARGUMENTS, message)));
    }
    let namespace = match given(namespace) {
        Some(value) => match value.as_str() {
            Some(text) => Some(text.to_owned()),
            None => {
                let message = format!(
                    "In adapter.dispatch, got a {} macro_namespace argument (\"{value}\"), but macro_namespace should \
                     be None or a string.",
                    type_name(&value)
                );
                return Err(core.raise(Diagnostic::error(codes::MACRO_ARGUMENTS, message)));
            }
        },
        None => None,
    };
    match find(core, state, &name, namespace.as_deref()) {
        Some(Ok(id)) => Ok(macro_value(state, id).unwrap_or_default()),
        Some(Err(message)) => Err(core.raise(Diagnostic::error(codes::DISPATCH_FAILED, message))),
        None => Err(core.raise(Diagnostic::error(codes::DISPATCH_FAILED, "adapter.dispatch() needs a running render"))),
    }
}

/// The macro that a dispatch means; `None` outside of a render.
fn find(core: &Core, state: &State<'_, '_>, name: &str, namespace: Option<&str>) -> Option<Result<MacroId, String>> {
    let (engine, scope) = (engine_of(state)?, scope_of(state)?);
    let found = engine.registry().dispatch(name, namespace, scope.package(), &core.shared.dispatch);
    Some(found.map_err(|e| e.to_string()))
}

/// Whether the project or a package replaces a built-in macro, by name or by dispatch.
pub(super) fn is_overridden(core: &Core, state: &State<'_, '_>, name: &str) -> bool {
    let Some((engine, scope)) = engine_of(state).zip(scope_of(state)) else { return false };
    let registry = engine.registry();
    let built_in = |id: MacroId| registry.internal_packages().contains(&registry.entry(id).package);
    if registry.find_macro(scope.package(), name).is_some_and(|id| !built_in(id)) {
        return true;
    }
    matches!(find(core, state, name, Some("dbt")), Some(Ok(id)) if !built_in(id))
}

/// `get_incremental_strategy_macro(model_context, strategy)`.
pub(super) fn get_incremental_strategy_macro(core: &Arc<Core>, state: &mut State<'_, '_>, args: &[Value]) -> Answer {
    const BUILT_IN: &[&str] = &["append", "delete+insert", "merge", "insert_overwrite", "microbatch"];
    let [_context, strategy] = bind("get_incremental_strategy_macro", args, ["model_context", "strategy"])?;
    let strategy = given(strategy).map_or_else(|| "default".to_owned(), |v| v.to_string());
    let refuse = |message: String, valid: Option<String>| {
        let mut diagnostic = Diagnostic::error(codes::INCREMENTAL_STRATEGY, message);
        diagnostic.help = valid.map(|list| format!("available strategies are {list}"));
        Err(core.raise(diagnostic))
    };
    let valid = &core.shared.adapter.incremental_strategies;
    if BUILT_IN.contains(&strategy.as_str()) && !valid.contains(&strategy) {
        let message = format!("The incremental strategy '{strategy}' is not valid for this adapter");
        return refuse(message, Some(valid.join(", ")));
    }
    let name = format!("get_incremental_{}_sql", strategy.replace('+', "_"));
    let found = engine_of(state).zip(scope_of(state)).and_then(|(engine, scope)| {
        let id = engine.registry().find_macro(scope.package(), &name)?;
        macro_value(state, id)
    });
    match found {
        Some(value) => Ok(value),
        None => {
            let project = &core.shared.project_name;
            let message =
                format!("dbt could not find an incremental strategy macro with the name \"{name}\" in {project}");
            refuse(message, Some(valid.join(", ")))
        }
    }
}

/// `valid_incremental_strategies()`.
pub(super) fn valid_incremental_strategies(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [] = bind("valid_incremental_strategies", args, [])?;
    let strategies = &core.shared.adapter.incremental_strategies;
    Ok(super::super::list(strategies.iter().map(|s| Value::from(s.as_str()))))
}

//! Methods that answer from the engine's facts.
//!
//! In: [`AdapterFacts`](super::super::host::AdapterFacts). Out: values; no database is asked.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value};
use minijinja::{Error, State};

use crate::diag::{Diagnostic, codes};

use super::super::args::{bind, given, required};
use super::super::core::Core;
use super::super::exceptions;
use super::super::relation::RelationObject;
use super::super::shared::SharedContext;

type Answer = Result<Value, Error>;

pub(super) fn adapter_type(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [] = bind("type", args, [])?;
    Ok(Value::from(core.shared.adapter.adapter_type.as_str()))
}

pub(super) fn is_motherduck(_: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [] = bind("is_motherduck", args, [])?;
    Ok(Value::from(false))
}

pub(super) fn is_ducklake(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [relation] = bind("is_ducklake", args, ["relation"])?;
    let database = given(relation).and_then(|v| v.get_attr("database").ok());
    let database = database.as_ref().and_then(Value::as_str);
    Ok(Value::from(database.is_some_and(|name| core.shared.adapter.ducklake_databases.iter().any(|db| db == name))))
}

/// The embedded engine is newer than the versions that need them.
pub(super) fn use_ducklake_table_workarounds(_: &Arc<Core>, _: &mut State<'_, '_>, _: &[Value]) -> Answer {
    Ok(Value::from(false))
}

pub(super) fn disable_transactions(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [] = bind("disable_transactions", args, [])?;
    Ok(Value::from(core.shared.adapter.disable_transactions))
}

pub(super) fn get_binding_char(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [] = bind("get_binding_char", args, [])?;
    Ok(Value::from(core.shared.adapter.binding_char.as_str()))
}

pub(super) fn external_root(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [] = bind("external_root", args, [])?;
    Ok(Value::from(core.shared.adapter.external_root.as_str()))
}

/// A warning, once per invocation.
pub(super) fn warn_once(core: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let [message] = bind("warn_once", args, ["msg"])?;
    let message = super::super::shown(&required("warn_once", "msg", message)?);
    if core.shared.first_time(&message) {
        exceptions::warn(core, Diagnostic::warning(codes::MACRO_WARNING, message))?;
    }
    Ok(Value::from(()))
}

/// Whether a relation can be replaced in place (BigQuery's question): DuckDB replaces tables by tables and views by views.
pub(super) fn is_replaceable(_: &Arc<Core>, _: &mut State<'_, '_>, args: &[Value]) -> Answer {
    let relation = args.first().and_then(RelationObject::from_value);
    Ok(Value::from(relation.is_none_or(|r| matches!(r.kind.as_deref(), None | Some("table" | "view")))))
}

/// `adapter.behavior`: behaviour flags of the adapter; one that `flags:` does not set is off.
#[derive(Debug)]
pub(super) struct Behavior(pub(super) Arc<SharedContext>);

impl Object for Behavior {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let on = self.0.flags.get(&key.as_str()?.to_uppercase()).is_some_and(crate::base::Value::is_truthy);
        Some(Value::from_object(BehaviorFlag(on)))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }
}

/// One behaviour flag: true or false, also through `.no_warn` and `.setting`.
#[derive(Debug)]
struct BehaviorFlag(bool);

impl Object for BehaviorFlag {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        matches!(key.as_str()?, "no_warn" | "setting").then(|| Value::from(self.0))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.0
    }

    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0 { "True" } else { "False" })
    }
}

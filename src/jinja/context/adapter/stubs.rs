//! What methods answer while parsing, and methods that do nothing on an embedded engine.
//!
//! In: nothing. Out: empty values.

use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Error, State};

use crate::base::Table;

use super::super::core::Core;
use super::super::host::AdapterResponse;
use super::super::statement::ResponseObject;

/// Makes an answer.
pub(super) type Stub = fn() -> Value;

pub(super) const NONE: Stub = || Value::from(());
pub(super) const FALSE: Stub = || Value::from(false);
pub(super) const EMPTY_TEXT: Stub = || Value::from("");
pub(super) const EMPTY_LIST: Stub = || super::super::list([]);
pub(super) const NONE_PAIR: Stub = || super::super::tuple([Value::from(()), Value::from(())]);
pub(super) const EXECUTED: Stub = || executed(AdapterResponse::default(), Table::default());

/// The pair that `adapter.execute` answers.
pub(super) fn executed(response: AdapterResponse, table: Table) -> Value {
    super::super::tuple([Value::from_object(ResponseObject(response)), super::super::table_value(table)])
}

/// Hooks of the adapter around a model: an embedded engine has nothing to prepare.
pub(super) fn model_hook(_: &Arc<Core>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
    Ok(Value::from(()))
}

/// Catalog integrations: none is configured.
pub(super) fn no_catalog(_: &Arc<Core>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
    Ok(Value::from(()))
}

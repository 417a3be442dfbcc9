//! `builtins`: the context's own names, also where a macro of the same name covers them; and `api`.
//!
//! In: a name. Out: what [`super::names`] answers for it, or a function of the engine's library.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value};
use minijinja::{Error, ErrorKind, State};

use super::adapter::AdapterObject;
use super::args::{bind, required_text};
use super::column::ColumnClass;
use super::core::Core;
use super::names;

/// `builtins`.
#[derive(Debug)]
pub(super) struct BuiltinsObject(pub(super) Arc<Core>);

impl Object for BuiltinsObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        names::builtin(&self.0, key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(names::names(&self.0).into_iter().map(Value::from).collect())
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        if method != "get" {
            let library = || state.env().globals().find(|(name, _)| *name == method).map(|(_, function)| function);
            return match names::builtin(&self.0, method).or_else(library) {
                Some(function) => function.call(state, args),
                None => Err(Error::from(ErrorKind::UnknownMethod)),
            };
        }
        let [key, default] = bind("get", args, ["key", "default"])?;
        let key = required_text("get", "key", key)?;
        Ok(names::builtin(&self.0, &key).or(default).unwrap_or_else(|| Value::from(())))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<builtins>")
    }
}

/// `api`: a few names.
#[derive(Debug)]
pub(super) struct ApiObject(pub(super) Arc<Core>);

impl Object for ApiObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "Relation" => Some(AdapterObject::relation_class(&self.0)),
            "Column" => Some(Value::from_object(ColumnClass)),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["Relation", "Column"])
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match self.get_value(&Value::from(method)) {
            Some(class) => class.call(state, args),
            None => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

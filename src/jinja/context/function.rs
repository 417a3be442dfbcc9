//! dbt's context functions as callable values.
//!
//! In: a Rust function over the render's state. Out: a Jinja value.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value};
use minijinja::{Error, State};

use super::core::Core;
use super::runtime_config::RuntimeConfig;

/// The Rust side of a context function.
pub(super) type Body = fn(&Arc<Core>, &mut State<'_, '_>, &[Value]) -> Result<Value, Error>;

/// A function of dbt's context.
pub(super) struct ContextFunction {
    name: &'static str,
    core: Arc<Core>,
    body: Body,
}

impl ContextFunction {
    /// The value of a function.
    pub(super) fn value(name: &'static str, core: &Arc<Core>, body: Body) -> Value {
        Value::from_object(Self { name, core: Arc::clone(core), body })
    }
}

impl fmt::Debug for ContextFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<function {}>", self.name)
    }
}

impl Object for ContextFunction {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        // Packages reach dbt's configuration through the objects behind these two functions.
        let resolves = matches!(self.name, "ref" | "source");
        (resolves && key.as_str() == Some("config")).then(|| RuntimeConfig::root(&self.core.shared))
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        (self.body)(&self.core, state, args)
    }
}

/// A function that always answers the same.
pub(super) struct ConstantFunction {
    name: String,
    answer: Value,
}

impl ConstantFunction {
    /// The value of a function.
    pub(super) fn value(name: &str, answer: Value) -> Value {
        Value::from_object(Self { name: name.to_owned(), answer })
    }
}

impl fmt::Debug for ConstantFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<function {}>", self.name)
    }
}

impl Object for ConstantFunction {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        Ok(self.answer.clone())
    }
}

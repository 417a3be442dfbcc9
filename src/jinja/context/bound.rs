//! A method taken as a value: `{% set get = config.get %}`.
//!
//! In: an object and a method's name. Out: a callable that calls the method.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Value};
use minijinja::{Error, State};

/// A method bound to its object.
#[derive(Debug)]
pub(in crate::jinja) struct BoundMethod {
    target: Value,
    name: String,
}

impl BoundMethod {
    /// A callable for `target.name`.
    pub(in crate::jinja) fn value(target: Value, name: &str) -> Value {
        Value::from_object(Self { target, name: name.to_owned() })
    }
}

impl Object for BoundMethod {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        self.target.call_method(state, &self.name, args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<bound method {}>", self.name)
    }
}

//! Functions written in Rust, as values.
//!
//! In: a name and a closure over the arguments as they were given. Out: a value that templates can call and pass on.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, State, Value};

type Body = Box<dyn Fn(&mut State<'_, '_>, &[Value]) -> Result<Value, Error> + Send + Sync>;

/// A function; keyword arguments come as the last argument.
pub struct PyFunction {
    name: &'static str,
    body: Body,
}

impl fmt::Debug for PyFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<built-in function {}>", self.name)
    }
}

impl Object for PyFunction {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        (self.body)(state, args)
    }
}

/// A callable value.
pub fn function(
    name: &'static str,
    body: impl Fn(&mut State<'_, '_>, &[Value]) -> Result<Value, Error> + Send + Sync + 'static,
) -> Value {
    Value::from_object(PyFunction { name, body: Box::new(body) })
}

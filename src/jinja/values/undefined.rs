//! dbt's permissive undefined: what an unknown name is while a project is parsed.
//!
//! In: the name that was looked up. Out: a value whose every member, item and call is itself, which is false, empty and
//! prints nothing.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr};
use minijinja::{Error, State, Value};

/// The permissive undefined value.
#[derive(Debug)]
pub struct Undefined {
    name: String,
}

impl Undefined {
    /// The name that was not found.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Object for Undefined {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, _key: &Value) -> Option<Value> {
        Some(Value::from_dyn_object(self.clone()))
    }

    fn get_value_by_str(self: &Arc<Self>, _key: &str) -> Option<Value> {
        Some(Value::from_dyn_object(self.clone()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, _args: &[Value]) -> Result<Value, Error> {
        Ok(Value::from_dyn_object(self.clone()))
    }

    fn call_method(
        self: &Arc<Self>,
        _state: &mut State<'_, '_>,
        _method: &str,
        _args: &[Value],
    ) -> Result<Value, Error> {
        Ok(Value::from_dyn_object(self.clone()))
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other.downcast_ref::<Self>().map(|_| Ordering::Equal)
    }

    fn render(self: &Arc<Self>, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

/// The permissive undefined for a name.
pub fn undefined(name: &str) -> Value {
    Value::from_object(Undefined { name: name.to_owned() })
}

/// Whether a value is undefined, of either sort.
pub fn is_undefined(value: &Value) -> bool {
    value.is_undefined() || value.downcast_object_ref::<Undefined>().is_some()
}

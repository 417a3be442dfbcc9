//! Run results as `on-run-end` hooks see them: objects with attributes and `to_dict()`.
//!
//! In: dicts. Out: [`Record`] values; everything a dict can do works on them too.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value};
use minijinja::{Error, State};

use crate::base::{self, Dict};

/// An object over a dict.
#[derive(Debug)]
pub(super) struct Record(Value);

impl Record {
    /// The object of a dict.
    pub(super) fn value(dict: Dict) -> Value {
        Value::from_object(Self(super::to_value(&base::Value::Map(dict))))
    }
}

impl Object for Record {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let found = self.0.get_item(key).ok().filter(|v| !v.is_undefined())?;
        // The node and the timings of a result are objects of their own.
        Some(match key.as_str() {
            Some("node") if !found.is_none() => Value::from_object(Self(found)),
            Some("timing") => match found.try_iter() {
                Ok(timings) => super::list(timings.map(|timing| Value::from_object(Self(timing)))),
                Err(_) => found,
            },
            _ => found,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.0.try_iter() {
            Ok(keys) => Enumerator::Values(keys.collect()),
            Err(_) => Enumerator::Empty,
        }
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        if method == "to_dict" { Ok(self.0.clone()) } else { self.0.call_method(state, method, args) }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::shown(&self.0))
    }
}

//! Methods of values that are not our objects: text, numbers, tuples, bytes, sequences of minijinja's.
//!
//! In: a method call that the value itself did not know. Out: the result, or Jinja's complaint about an unknown member.

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, UndefinedBehavior, Value};

use super::arguments::{bind, none_bound};
use super::str_methods;
use crate::jinja::values::{
    PyList, attribute_error, dict, elements, is_undefined, own, pairs, sequence_method, undefined,
};

/// The callback for unknown methods.
pub(super) fn unknown_method(
    state: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let result = match value.kind() {
        ValueKind::String => str_methods::call(value.as_str().unwrap_or_default(), method, args)?,
        ValueKind::Number | ValueKind::Bool => number(value, method, args)?,
        ValueKind::Bytes => bytes(value, method, args)?,
        ValueKind::Seq | ValueKind::Iterable => sequence(state, value, method, args)?,
        ValueKind::Map if has_own_entries(value) => {
            let copy = dict(pairs(value)?);
            return copy.call_method(state, method, args);
        }
        _ => None,
    };
    match result {
        Some(result) => Ok(result),
        // An entry that can be called: asked here already, because what follows answers for any name while parsing.
        None if let Some(entry) = entry(value, method) => entry.call(state, args),
        // While parsing, what is unknown stays undefined.
        None if state.undefined_behavior() == UndefinedBehavior::Chainable => Ok(undefined(method)),
        None if is_undefined(value) => Err(Error::from(ErrorKind::UnknownMethod)),
        None => Err(attribute_error(value, method)),
    }
}

/// What a map holds under a name.
fn entry(value: &Value, name: &str) -> Option<Value> {
    (value.kind() == ValueKind::Map).then(|| value.get_attr(name).ok()).flatten().filter(|entry| !is_undefined(entry))
}

/// Whether a map is one of minijinja's own, such as keyword arguments.
fn has_own_entries(value: &Value) -> bool {
    let owned = own(value.clone());
    owned.as_object().map(|object| object.type_name()) != value.as_object().map(|object| object.type_name())
}

fn number(value: &Value, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    let result = match method {
        "bit_length" if value.is_integer() => {
            let magnitude = i128::try_from(value.clone()).unwrap_or(0).unsigned_abs();
            Value::from(u128::BITS - magnitude.leading_zeros())
        }
        "is_integer" => Value::from(f64::try_from(value.clone()).is_ok_and(|float| float.fract() == 0.0)),
        "conjugate" => value.clone(),
        _ => return Ok(None),
    };
    none_bound(method, args)?;
    Ok(Some(result))
}

fn bytes(value: &Value, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    let bytes = value.as_bytes().unwrap_or_default();
    Ok(match method {
        "decode" => {
            bind(method, args, ["encoding", "errors"], 0)?;
            Some(Value::from(String::from_utf8_lossy(bytes).into_owned()))
        }
        "hex" => {
            none_bound(method, args)?;
            Some(Value::from(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
        }
        _ => None,
    })
}

fn sequence(state: &mut State<'_, '_>, value: &Value, method: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    if let Some(tuple) = value.downcast_object_ref::<Tuple>() {
        return match method {
            "index" | "count" => sequence_method(tuple, "tuple", method, args).map(Some),
            _ => Ok(None),
        };
    }
    if value.downcast_object_ref::<PyList>().is_some() {
        return match method {
            "index" | "count" => sequence_method(&elements(value)?, "list", method, args).map(Some),
            _ => Ok(None),
        };
    }
    let owned = own(value.clone());
    if owned.downcast_object_ref::<PyList>().is_some() {
        return owned.call_method(state, method, args).map(Some);
    }
    Ok(None)
}

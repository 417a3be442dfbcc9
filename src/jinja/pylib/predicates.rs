//! Jinja2's tests, and dbt's.
//!
//! In: the tested value and arguments. Out: true or false.

use std::cmp::Ordering;

use minijinja::value::{ObjectRepr, Rest, Tuple, ValueKind};
use minijinja::{Environment, Error, Value};

use super::operators;
use super::str_methods::ask;
use crate::jinja::values::{
    Decimal, DictView, PyDict, PyIterator, PyList, PySet, compare, elements, equal, is_mapping, is_undefined, to_str,
    type_error, type_name,
};

/// Registers all tests.
pub(super) fn install(environment: &mut Environment<'_>) {
    type Test = fn(&Value) -> bool;
    let plain: [(&'static str, Test); 20] = [
        ("defined", |value| !is_undefined(value)),
        ("undefined", is_undefined),
        ("none", Value::is_none),
        ("boolean", |value| value.kind() == ValueKind::Bool),
        ("true", |value| value.kind() == ValueKind::Bool && value.is_true()),
        ("false", |value| value.kind() == ValueKind::Bool && !value.is_true()),
        ("integer", |value| value.kind() == ValueKind::Number && value.is_integer()),
        ("int", |value| value.kind() == ValueKind::Number && value.is_integer()),
        ("float", |value| value.kind() == ValueKind::Number && !value.is_integer()),
        ("number", is_number),
        ("string", |value| value.kind() == ValueKind::String),
        ("mapping", is_mapping),
        ("sequence", is_sequence),
        ("iterable", is_iterable),
        ("callable", is_callable),
        ("lower", |value| ask(&to_str(value), "islower").unwrap_or(false)),
        ("upper", |value| ask(&to_str(value), "isupper").unwrap_or(false)),
        ("escaped", Value::is_safe),
        ("is_list", is_list),
        ("list", is_list),
    ];
    for (name, test) in plain {
        environment.add_test(name, move |value: &Value| test(value));
    }
    type Comparison = fn(&Value, &Value) -> Result<bool, Error>;
    let comparisons: [(&[&'static str], Comparison); 9] = [
        (&["eq", "==", "equalto"], |left, right| Ok(equal(left, right))),
        (&["ne", "!="], |left, right| Ok(!equal(left, right))),
        (&["lt", "<", "lessthan"], |left, right| compare(left, right).map(Ordering::is_lt)),
        (&["le", "<="], |left, right| compare(left, right).map(Ordering::is_le)),
        (&["gt", ">", "greaterthan"], |left, right| compare(left, right).map(Ordering::is_gt)),
        (&["ge", ">="], |left, right| compare(left, right).map(Ordering::is_ge)),
        (&["in"], contained),
        (&["sameas"], |left, right| Ok(same(left, right))),
        (&["divisibleby"], |value, by| Ok(equal(&operators::modulo(value, by)?, &Value::from(0)))),
    ];
    for (names, test) in comparisons {
        for name in names {
            environment.add_test(*name, move |left: &Value, right: &Value| test(left, right));
        }
    }
    for (name, wanted) in [("odd", 1), ("even", 0)] {
        environment.add_test(name, move |value: &Value, _: Rest<Value>| -> Result<bool, Error> {
            Ok(equal(&operators::modulo(value, &Value::from(2))?, &Value::from(wanted)))
        });
    }
}

/// Whether the value is a list.
pub(super) fn is_list(value: &Value) -> bool {
    value.downcast_object_ref::<PyList>().is_some() || (value.kind() == ValueKind::Seq && type_name(value) == "list")
}

fn is_number(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Number | ValueKind::Bool) || value.downcast_object_ref::<Decimal>().is_some()
}

/// Whether the value has a length and places.
fn is_sequence(value: &Value) -> bool {
    match value.kind() {
        ValueKind::String | ValueKind::Bytes | ValueKind::Seq | ValueKind::Map => true,
        ValueKind::Iterable if value.downcast_object_ref::<DictView>().is_some() => false,
        ValueKind::Iterable if value.downcast_object_ref::<PyIterator>().is_some() => false,
        ValueKind::Iterable => value.downcast_object_ref::<PySet>().is_none() && value.len().is_some(),
        _ => is_undefined(value),
    }
}

fn is_iterable(value: &Value) -> bool {
    is_undefined(value) || (!value.is_none() && value.try_iter().is_ok())
}

/// Functions, macros, classes and dbt's callable objects are opaque; what is known to be data is not callable.
fn is_callable(value: &Value) -> bool {
    let Some(object) = value.as_object() else { return false };
    let known_data = crate::jinja::modules::python_type(value).is_some_and(|name| name != "type");
    let name = object.type_name();
    let function = name.contains("Function") || name.contains("Macro");
    is_undefined(value) || function || (object.repr() == ObjectRepr::Plain && !known_data && !is_number(value))
}

fn contained(item: &Value, container: &Value) -> Result<bool, Error> {
    if let (ValueKind::String, Some(text)) = (container.kind(), container.as_str()) {
        return match (item.kind(), item.as_str()) {
            (ValueKind::String, Some(part)) => Ok(text.contains(part)),
            _ => {
                let kind = type_name(item);
                Err(type_error(format!("'in <string>' requires string as left operand, not {kind}")))
            }
        };
    }
    Ok(elements(container)?.iter().any(|candidate| equal(candidate, item)))
}

/// Python's `is`: the same object, or equal constants of one type.
fn same(left: &Value, right: &Value) -> bool {
    fn one<T: 'static>(left: &Value, right: &Value) -> Option<bool> {
        Some(std::ptr::eq(left.downcast_object_ref::<T>()?, right.downcast_object_ref::<T>()?))
    }
    let container = one::<PyList>(left, right)
        .or_else(|| one::<PyDict>(left, right))
        .or_else(|| one::<PySet>(left, right))
        .or_else(|| one::<Tuple>(left, right));
    match (left.as_object(), right.as_object()) {
        _ if container.is_some() => container == Some(true),
        (Some(a), Some(b)) => a.type_name() == b.type_name() && left == right,
        (None, None) => left.kind() == right.kind() && left.is_integer() == right.is_integer() && left == right,
        _ => false,
    }
}

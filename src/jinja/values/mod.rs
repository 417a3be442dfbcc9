//! Python's values inside minijinja: mutable lists, dicts and sets with aliasing, Python's printing, and the way to and from
//! [`base::Value`](crate::base::Value).
//!
//! In: minijinja values (whose own containers are immutable) and engine-free values. Out: values that behave as a template
//! author who knows Python expects. No lock is held while templates run.

mod compare;
mod convert;
mod decimal;
mod dict;
mod error;
mod float;
mod function;
mod keys;
mod list;
mod order;
mod own;
mod set;
mod text;
mod undefined;
mod view;

use minijinja::Value;

pub(crate) use compare::Number;
pub use compare::{compare, equal};
pub use convert::{from_base, to_base};
pub use decimal::Decimal;
pub use dict::PyDict;
pub use error::{attribute_error, index_error, key_error, type_error, value_error};
pub use float::float_repr;
pub use function::{PyFunction, function};
pub use keys::{Entries, Items};
pub use list::PyList;
pub(crate) use list::sequence_method;
pub use order::sort_values;
pub(crate) use order::{sort_by_keys, try_sort};
pub(crate) use own::is_lazy;
pub use own::{check_hashable, elements, is_mapping, own, pairs};
pub use set::PySet;
pub(crate) use set::{Combine, combine};
pub use text::{repr, string_repr, to_str, type_name};
pub use undefined::{Undefined, is_undefined, undefined};
pub use view::{DictView, PyIterator, ViewKind};

/// A fresh mutable list.
pub fn list(items: Vec<Value>) -> Value {
    Value::from_object(PyList::new(items))
}

/// A fresh mutable dict, in the order given; of equal keys the last value wins.
pub fn dict(entries: impl IntoIterator<Item = (Value, Value)>) -> Value {
    Value::from_object(PyDict::new(entries.into_iter().collect()))
}

/// A fresh mutable dict with text keys.
pub fn str_dict<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    dict(entries.into_iter().map(|(key, value)| (Value::from(key), value)))
}

/// A tuple.
pub fn tuple(items: Vec<Value>) -> Value {
    Value::from(minijinja::value::Tuple::new(items))
}

/// A fresh mutable set of the distinct items, in order of first appearance.
pub fn set(items: impl IntoIterator<Item = Value>) -> Value {
    Value::from_object(PySet::new(items))
}

/// Python's truth of a value.
pub fn truthy(value: &Value) -> bool {
    value.is_true()
}

/// An integer in the smallest form minijinja has for it.
pub fn int(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
}

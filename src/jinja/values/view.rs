//! Views of a dict (`keys()`, `values()`, `items()`) and one-pass iterators.
//!
//! In: a shared dict, or items. Out: iterables that print and behave as Python's do.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::{PyDict, PySet, text};

/// What a view shows of its dict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewKind {
    /// The keys.
    Keys,
    /// The values.
    Values,
    /// Tuples of key and value.
    Items,
}

/// A live view of a dict.
#[derive(Debug)]
pub struct DictView {
    dict: Arc<PyDict>,
    kind: ViewKind,
}

impl DictView {
    /// A view of a dict.
    pub fn new(dict: Arc<PyDict>, kind: ViewKind) -> Self {
        Self { dict, kind }
    }

    /// The name that Python prints in front of the view's items.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            ViewKind::Keys => "dict_keys",
            ViewKind::Values => "dict_values",
            ViewKind::Items => "dict_items",
        }
    }

    /// What the view shows now.
    pub fn items(&self) -> Vec<Value> {
        let entries = self.dict.entries();
        match self.kind {
            ViewKind::Keys => entries.into_keys().collect(),
            ViewKind::Values => entries.into_values().collect(),
            ViewKind::Items => entries.into_iter().map(|(key, value)| super::tuple(vec![key, value])).collect(),
        }
    }
}

impl Object for DictView {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.dict.len())
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "isdisjoint" => Arc::new(PySet::new(self.items())).call_method(state, method, args),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::repr(&Value::from_dyn_object(self.clone())))
    }
}

type Items = Box<dyn Iterator<Item = Value> + Send + Sync>;

/// An iterator that can be walked once, such as the result of `zip()`.
pub struct PyIterator {
    kind: &'static str,
    items: Mutex<Items>,
}

impl fmt::Debug for PyIterator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} object>", self.kind)
    }
}

impl PyIterator {
    /// An iterator with the name of its Python type.
    pub fn value(kind: &'static str, items: impl Iterator<Item = Value> + Send + Sync + 'static) -> Value {
        Value::from_object(Self { kind, items: Mutex::new(Box::new(items)) })
    }

    /// The next item.
    pub fn next(&self) -> Option<Value> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    /// The name of the Python type.
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

struct Drain(Arc<PyIterator>);

impl Iterator for Drain {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        self.0.next()
    }
}

impl Object for PyIterator {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, _key: &Value) -> Option<Value> {
        None
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Iter(Box::new(Drain(self.clone())))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        None
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, _: &[Value]) -> Result<Value, Error> {
        match method {
            "__next__" | "next" => self.next().ok_or_else(|| super::value_error("StopIteration")),
            "__iter__" => Ok(Value::from_dyn_object(self.clone())),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        Some((&raw const **self).cmp(&std::ptr::from_ref(other)))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

//! Python's dict.
//!
//! In: entries. Out: a mutable mapping in insertion order that is shared, not copied, when it is assigned or passed on.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::{DictView, Entries, ViewKind, key_error, own, text};
use crate::jinja::pylib::arguments::{bind, none_bound, split_kwargs};

/// A mutable dict.
#[derive(Debug, Default)]
pub struct PyDict(RwLock<Entries>);

impl PyDict {
    /// A dict of these entries.
    pub fn new(entries: Entries) -> Self {
        Self(RwLock::new(entries))
    }

    /// The entries as they are now.
    pub fn entries(&self) -> Entries {
        self.read().clone()
    }

    /// The keys as they are now.
    pub fn keys(&self) -> Vec<Value> {
        self.read().keys().cloned().collect()
    }

    /// How many entries there are now.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there are no entries now.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// The value of a key.
    pub fn get(&self, key: &Value) -> Option<Value> {
        self.read().get(key).cloned()
    }

    /// Sets the value of a key.
    pub fn insert(&self, key: Value, value: Value) {
        self.write().insert(key, value);
    }

    /// Adds or replaces entries.
    pub fn update(&self, entries: impl IntoIterator<Item = (Value, Value)>) {
        self.write().extend(entries);
    }

    /// Takes an entry out.
    pub fn remove(&self, key: &Value) -> Option<Value> {
        self.write().shift_remove(key)
    }

    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(self: &Arc<Self>, kind: ViewKind, method: &str, args: &[Value]) -> Result<Value, Error> {
        none_bound(method, args)?;
        Ok(Value::from_object(DictView::new(self.clone(), kind)))
    }
}

impl Object for PyDict {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.keys())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.len())
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "get" => {
                let [key, default] = bind("get", args, ["key", "default"], 1)?;
                Ok(self.get(&key.unwrap_or_default()).or(default).unwrap_or(Value::from(())))
            }
            "keys" => self.view(ViewKind::Keys, method, args),
            "values" => self.view(ViewKind::Values, method, args),
            "items" => self.view(ViewKind::Items, method, args),
            "update" => {
                let (positional, kwargs) = split_kwargs(args);
                for other in positional {
                    let entries = super::pairs(other)?;
                    self.update(entries.into_iter().map(|(key, value)| (key, own(value))));
                }
                if let Some(kwargs) = kwargs {
                    self.update(super::pairs(kwargs)?.into_iter().map(|(key, value)| (key, own(value))));
                }
                Ok(Value::from(()))
            }
            "pop" => {
                let [key, default] = bind("pop", args, ["key", "default"], 1)?;
                let key = key.unwrap_or_default();
                self.remove(&key).or(default).ok_or_else(|| key_error(&key))
            }
            "popitem" => {
                none_bound(method, args)?;
                let last = self.write().pop();
                let (key, value) = last.ok_or_else(|| super::value_error("popitem(): dictionary is empty"))?;
                Ok(super::tuple(vec![key, value]))
            }
            "setdefault" => {
                let [key, default] = bind("setdefault", args, ["key", "default"], 1)?;
                let default = own(default.unwrap_or(Value::from(())));
                Ok(self.write().entry(key.unwrap_or_default()).or_insert(default).clone())
            }
            "clear" => {
                none_bound(method, args)?;
                self.write().clear();
                Ok(Value::from(()))
            }
            "copy" => {
                none_bound(method, args)?;
                Ok(super::dict(self.entries()))
            }
            "fromkeys" => {
                let [keys, value] = bind("fromkeys", args, ["iterable", "value"], 1)?;
                let value = value.unwrap_or(Value::from(()));
                let keys = super::elements(&keys.unwrap_or_default())?;
                Ok(super::dict(keys.into_iter().map(|key| (key, value.clone()))))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::repr(&Value::from_dyn_object(self.clone())))
    }
}

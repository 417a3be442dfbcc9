//! Python's list.
//!
//! In: items. Out: a mutable sequence that is shared, not copied, when it is assigned or passed on.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, State, Value};

use super::{index_error, own, sort_values, text, type_error, value_error};
use crate::jinja::pylib::arguments::{bind, integer, none_bound};

/// A mutable list.
#[derive(Debug, Default)]
pub struct PyList(RwLock<Vec<Value>>);

impl PyList {
    /// A list of these items.
    pub fn new(items: Vec<Value>) -> Self {
        Self(RwLock::new(items))
    }

    /// The items as they are now.
    pub fn items(&self) -> Vec<Value> {
        self.read().clone()
    }

    /// How many items there are now.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there are no items now.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// Adds an item at the end.
    pub fn push(&self, item: Value) {
        self.write().push(item);
    }

    /// Puts other items in place of the present ones.
    pub fn replace(&self, items: Vec<Value>) {
        *self.write() = items;
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Value>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Value>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The position of an item between two bounds, which count from the end where negative.
    fn position(&self, item: &Value, start: i64, stop: i64) -> Option<usize> {
        position(&self.items(), item, start, stop)
    }

    fn pop(&self, index: i64) -> Result<Value, Error> {
        let mut items = self.write();
        if items.is_empty() {
            return Err(index_error("pop from empty list"));
        }
        let place = if index < 0 { index + items.len() as i64 } else { index };
        match usize::try_from(place) {
            Ok(place) if place < items.len() => Ok(items.remove(place)),
            _ => Err(index_error("pop index out of range")),
        }
    }
}

/// Python's `index()` of a sequence.
pub(crate) fn position(items: &[Value], item: &Value, start: i64, stop: i64) -> Option<usize> {
    let length = items.len() as i64;
    let clamp = |bound: i64| (if bound < 0 { bound + length } else { bound }).clamp(0, length) as usize;
    let (start, stop) = (clamp(start), clamp(stop));
    (start..stop).find(|place| items[*place] == *item)
}

/// Iterates as Python does: what is appended meanwhile is seen.
struct Live {
    list: Arc<PyList>,
    next: usize,
}

impl Iterator for Live {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let item = self.list.read().get(self.next).cloned();
        self.next += usize::from(item.is_some());
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.list.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl Object for PyList {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.read().get(key.as_usize()?).cloned()
    }

    fn get_value_by_str(self: &Arc<Self>, _key: &str) -> Option<Value> {
        None
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Iter(Box::new(Live { list: self.clone(), next: 0 }))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.len())
    }

    fn call_method(self: &Arc<Self>, state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "append" => {
                let [item] = bind("append", args, ["object"], 1)?;
                self.push(own(item.unwrap_or_default()));
            }
            "extend" => {
                let [items] = bind("extend", args, ["iterable"], 1)?;
                let items = super::elements(&items.unwrap_or_default())?;
                self.write().extend(items.into_iter().map(own));
            }
            "insert" => {
                let [index, item] = bind("insert", args, ["index", "object"], 2)?;
                let index = integer(&index.unwrap_or_default())?;
                let item = own(item.unwrap_or_default());
                let mut items = self.write();
                let length = items.len() as i64;
                let place = (if index < 0 { index + length } else { index }).clamp(0, length) as usize;
                items.insert(place, item);
            }
            "pop" => {
                let [index] = bind("pop", args, ["index"], 0)?;
                return self.pop(index.map_or(Ok(-1), |index| integer(&index))?);
            }
            "remove" => {
                let [item] = bind("remove", args, ["value"], 1)?;
                let place = self.position(&item.unwrap_or_default(), 0, i64::MAX);
                let place = place.ok_or_else(|| value_error("list.remove(x): x not in list"))?;
                self.write().remove(place);
            }
            "clear" => {
                none_bound("clear", args)?;
                self.write().clear();
            }
            "reverse" => {
                none_bound("reverse", args)?;
                self.write().reverse();
            }
            "sort" => {
                let [key, reverse] = bind("sort", args, ["key", "reverse"], 0)?;
                let mut items = self.items();
                sort_values(state, &mut items, key.filter(|key| !key.is_none()), reverse.is_some_and(|r| r.is_true()))?;
                self.replace(items);
            }
            "copy" => {
                none_bound("copy", args)?;
                return Ok(super::list(self.items()));
            }
            _ => return Err(Error::from(minijinja::ErrorKind::UnknownMethod)),
        }
        Ok(Value::from(()))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::repr(&Value::from_dyn_object(self.clone())))
    }
}

/// The methods that lists and tuples share: `index` and `count`.
pub(crate) fn sequence_method(items: &[Value], kind: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    match method {
        "index" => {
            let [item, start, stop] = bind("index", args, ["value", "start", "stop"], 1)?;
            let item = item.unwrap_or_default();
            let start = start.map_or(Ok(0), |start| integer(&start))?;
            let stop = stop.map_or(Ok(i64::MAX), |stop| integer(&stop))?;
            let place = position(items, &item, start, stop);
            place.map(Value::from).ok_or_else(|| match kind {
                "tuple" => value_error("tuple.index(x): x not in tuple"),
                _ => value_error(format!("{} is not in {kind}", super::repr(&item))),
            })
        }
        "count" => {
            let [item] = bind("count", args, ["value"], 1)?;
            let item = item.unwrap_or_default();
            Ok(Value::from(items.iter().filter(|candidate| **candidate == item).count()))
        }
        _ => Err(type_error(format!("'{kind} object' has no attribute '{method}'"))),
    }
}

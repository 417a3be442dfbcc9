//! Python's set.
//!
//! In: items. Out: a mutable collection of distinct items; it keeps the order in which they came, which Python leaves open.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::{Items, check_hashable, elements, key_error, text};
use crate::jinja::pylib::arguments::{bind, none_bound};

/// A mutable set.
#[derive(Debug, Default)]
pub struct PySet(RwLock<Items>);

/// The four ways to combine two sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Combine {
    Union,
    Intersection,
    Difference,
    SymmetricDifference,
}

impl PySet {
    /// A set of the distinct items.
    pub fn new(items: impl IntoIterator<Item = Value>) -> Self {
        Self(RwLock::new(items.into_iter().collect()))
    }

    /// The items as they are now.
    pub fn items(&self) -> Items {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many items there are now.
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are no items now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether an item is in the set.
    pub fn contains(&self, item: &Value) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(item)
    }

    fn change<R>(&self, change: impl FnOnce(&mut Items) -> R) -> R {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The combination of two sets of items.
pub(crate) fn combine(left: &Items, right: &Items, how: Combine) -> Items {
    match how {
        Combine::Union => left.union(right).cloned().collect(),
        Combine::Intersection => left.intersection(right).cloned().collect(),
        Combine::Difference => left.difference(right).cloned().collect(),
        Combine::SymmetricDifference => left.symmetric_difference(right).cloned().collect(),
    }
}

fn other_items(value: &Value) -> Result<Items, Error> {
    let items = elements(value)?;
    items.iter().try_for_each(check_hashable)?;
    Ok(items.into_iter().collect())
}

impl Object for PySet {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, _key: &Value) -> Option<Value> {
        None
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.items().into_iter().collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.len())
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let (mine, theirs) = (self.items(), other.downcast_ref::<Self>()?.items());
        if mine.len() == theirs.len() && mine.is_subset(&theirs) {
            return Some(Ordering::Equal);
        }
        Some(mine.len().cmp(&theirs.len()).then_with(|| mine.iter().cmp(theirs.iter())))
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let none = Value::from(());
        match method {
            "add" => {
                let [item] = bind(method, args, ["elem"], 1)?;
                let item = item.unwrap_or_default();
                check_hashable(&item)?;
                self.change(|items| items.insert(item));
                Ok(none)
            }
            "remove" | "discard" => {
                let [item] = bind(method, args, ["elem"], 1)?;
                let item = item.unwrap_or_default();
                let found = self.change(|items| items.shift_remove(&item));
                if found || method == "discard" { Ok(none) } else { Err(key_error(&item)) }
            }
            "pop" => {
                none_bound(method, args)?;
                let first = self.change(|items| items.shift_remove_index(0));
                first.ok_or_else(|| super::value_error("'pop from an empty set'"))
            }
            "clear" => {
                none_bound(method, args)?;
                self.change(Items::clear);
                Ok(none)
            }
            "copy" => {
                none_bound(method, args)?;
                Ok(super::set(self.items()))
            }
            "update"
            | "union"
            | "intersection"
            | "difference"
            | "symmetric_difference"
            | "difference_update"
            | "intersection_update"
            | "symmetric_difference_update" => {
                let how = match method.trim_end_matches("_update") {
                    "intersection" => Combine::Intersection,
                    "difference" => Combine::Difference,
                    "symmetric_difference" => Combine::SymmetricDifference,
                    _ => Combine::Union,
                };
                let mut items = self.items();
                for other in args {
                    items = combine(&items, &other_items(other)?, how);
                }
                if method.ends_with("update") {
                    self.change(|mine| *mine = items);
                    Ok(none)
                } else {
                    Ok(super::set(items))
                }
            }
            "issubset" | "issuperset" | "isdisjoint" => {
                let [other] = bind(method, args, ["other"], 1)?;
                let (mine, other) = (self.items(), other_items(&other.unwrap_or_default())?);
                Ok(Value::from(match method {
                    "issubset" => mine.is_subset(&other),
                    "issuperset" => mine.is_superset(&other),
                    _ => mine.is_disjoint(&other),
                }))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::repr(&Value::from_dyn_object(self.clone())))
    }
}

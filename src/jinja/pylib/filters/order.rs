//! Filters that order and group: `sort`, `dictsort`, `min`, `max`, `unique`, `groupby`.
//!
//! In: iterables. Out: lists and items.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, State, Value};

use super::Filter;
use super::attribute::{Path, fold_case};
use crate::jinja::pylib::arguments::{bind, flag};
use crate::jinja::values::{
    Items, check_hashable, compare, elements, equal, list, pairs, repr, sort_by_keys, to_str, tuple, value_error,
};

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("sort", sort),
    ("dictsort", dict_sort),
    ("min", |_, args| extreme("min", Ordering::Less, args)),
    ("max", |_, args| extreme("max", Ordering::Greater, args)),
    ("unique", unique),
    ("groupby", group_by),
];

/// By what items are compared.
struct Key {
    paths: Vec<Path>,
    case_sensitive: bool,
    default: Option<Value>,
}

impl Key {
    fn new(attribute: Option<&Value>, case_sensitive: Option<&Value>) -> Self {
        let attribute = attribute.filter(|attribute| !attribute.is_none());
        let paths = attribute.map(|attribute| vec![Path::of(attribute)]).unwrap_or_default();
        Self { paths, case_sensitive: flag(case_sensitive, false), default: None }
    }

    fn fold(&self, value: Value) -> Value {
        if self.case_sensitive { value } else { fold_case(value) }
    }

    fn of(&self, item: &Value) -> Result<Value, Error> {
        let value = match self.paths.as_slice() {
            [] => item.clone(),
            [path] => path.get(item, self.default.as_ref())?,
            paths => {
                let parts = paths.iter().map(|path| Ok(self.fold(path.get(item, None)?)));
                return Ok(list(parts.collect::<Result<_, Error>>()?));
            }
        };
        Ok(self.fold(value))
    }
}

fn sort(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [items, reverse, case, attribute] = bind("sort", args, ["value", "reverse", "case_sensitive", "attribute"], 1)?;
    let mut key = Key::new(None, case.as_ref());
    if let Some(attribute) = attribute.filter(|attribute| !attribute.is_none()) {
        key.paths = Path::several(&attribute);
    }
    let mut items = elements(&items.unwrap_or_default())?;
    sort_by_keys(&mut items, flag(reverse.as_ref(), false), |item| key.of(item))?;
    Ok(list(items))
}

fn dict_sort(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [entries, case, by, reverse] = bind("dictsort", args, ["value", "case_sensitive", "by", "reverse"], 1)?;
    let place = match by.as_ref().map(to_str).as_deref() {
        None | Some("key") => 0,
        Some("value") => 1,
        Some(_) => return Err(value_error("You can only sort by either \"key\" or \"value\"")),
    };
    let key = Key::new(None, case.as_ref());
    let entries = pairs(&entries.unwrap_or_default())?;
    let mut items: Vec<Value> = entries.into_iter().map(|(key, value)| tuple(vec![key, value])).collect();
    sort_by_keys(&mut items, flag(reverse.as_ref(), false), |item| Ok(key.fold(item.get_item_by_index(place)?)))?;
    Ok(list(items))
}

fn extreme(name: &str, wanted: Ordering, args: &[Value]) -> Result<Value, Error> {
    let [items, case, attribute] = bind(name, args, ["value", "case_sensitive", "attribute"], 1)?;
    let key = Key::new(attribute.as_ref(), case.as_ref());
    let mut best: Option<(Value, Value)> = None;
    for item in elements(&items.unwrap_or_default())? {
        let rank = key.of(&item)?;
        let better = match &best {
            None => true,
            Some((best, _)) => compare(&rank, best)? == wanted,
        };
        if better {
            best = Some((rank, item));
        }
    }
    Ok(best.map_or(Value::UNDEFINED, |(_, item)| item))
}

fn unique(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [items, case, attribute] = bind("unique", args, ["value", "case_sensitive", "attribute"], 1)?;
    let key = Key::new(attribute.as_ref(), case.as_ref());
    let mut seen = Items::default();
    let mut kept = Vec::new();
    for item in elements(&items.unwrap_or_default())? {
        let rank = key.of(&item)?;
        check_hashable(&rank)?;
        if seen.insert(rank) {
            kept.push(item);
        }
    }
    Ok(list(kept))
}

/// A group: a pair of key and items whose parts also have names.
#[derive(Debug)]
struct Group {
    grouper: Value,
    items: Value,
}

impl Object for Group {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (key.as_usize(), key.as_str()) {
            (Some(0), _) | (_, Some("grouper")) => Some(self.grouper.clone()),
            (Some(1), _) | (_, Some("list")) => Some(self.items.clone()),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(2)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", repr(&self.grouper), repr(&self.items))
    }
}

fn group_by(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [items, attribute, default, case] =
        bind("groupby", args, ["value", "attribute", "default", "case_sensitive"], 2)?;
    let mut key = Key::new(attribute.as_ref(), case.as_ref());
    key.default = default.filter(|default| !default.is_none());
    let mut items = elements(&items.unwrap_or_default())?;
    sort_by_keys(&mut items, false, |item| key.of(item))?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for item in items {
        let rank = key.of(&item)?;
        match groups.last_mut() {
            Some((last, members)) if equal(last, &rank) => members.push(item),
            _ => groups.push((rank, vec![item])),
        }
    }
    let mut out = Vec::new();
    for (rank, members) in groups {
        let grouper = match (members.first(), key.paths.first()) {
            (Some(first), Some(path)) => path.get(first, key.default.as_ref())?,
            _ => rank,
        };
        out.push(Value::from_object(Group { grouper, items: list(members) }));
    }
    Ok(list(out))
}

//! The global functions of Jinja: `range`, `dict`, `namespace`, `cycler`, `joiner`.
//!
//! In: calls from templates. Out: the values they make.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueOrKwargs};
use minijinja::{Error, ErrorKind, State, Value};

use super::arguments::{bind, integer, none_bound, split_kwargs};
use crate::jinja::values::{Entries, dict, function, own, pairs, type_error, value_error};

/// Jinja's sandbox allows no longer ranges.
const MAX_RANGE: i64 = 100_000;

/// The global functions by name.
pub(super) fn globals() -> Vec<(&'static str, Value)> {
    vec![
        ("range", function("range", |_, args| range(args))),
        ("dict", function("dict", |_, args| merged(args))),
        ("namespace", function("namespace", |_, args| namespace(args))),
        ("cycler", function("cycler", |_, args| cycler(args))),
        ("joiner", function("joiner", |_, args| joiner(args))),
    ]
}

/// Python's `range`.
#[derive(Debug)]
struct Range {
    start: i64,
    stop: i64,
    step: i64,
}

impl Range {
    fn len(&self) -> usize {
        let (low, high, step) =
            if self.step > 0 { (self.start, self.stop, self.step) } else { (self.stop, self.start, -self.step) };
        usize::try_from((high.saturating_sub(low).max(0).saturating_add(step - 1)) / step).unwrap_or(0)
    }

    fn at(&self, place: usize) -> Option<i64> {
        (place < self.len()).then(|| self.start + self.step * place as i64)
    }
}

impl Object for Range {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if let Some(place) = key.as_usize() {
            return self.at(place).map(Value::from);
        }
        match key.as_str()? {
            "start" => Some(Value::from(self.start)),
            "stop" => Some(Value::from(self.stop)),
            "step" => Some(Value::from(self.step)),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            1 => write!(f, "range({}, {})", self.start, self.stop),
            step => write!(f, "range({}, {}, {step})", self.start, self.stop),
        }
    }
}

fn range(args: &[Value]) -> Result<Value, Error> {
    let numbers = args.iter().map(integer).collect::<Result<Vec<_>, _>>()?;
    let range = match numbers.as_slice() {
        [stop] => Range { start: 0, stop: *stop, step: 1 },
        [start, stop] => Range { start: *start, stop: *stop, step: 1 },
        [_, _, 0] => return Err(value_error("range() arg 3 must not be zero")),
        [start, stop, step] => Range { start: *start, stop: *stop, step: *step },
        [] => return Err(type_error("range expected at least 1 argument, got 0")),
        more => return Err(type_error(format!("range expected at most 3 arguments, got {}", more.len()))),
    };
    if range.len() as i64 > MAX_RANGE {
        let message = format!("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MAX_RANGE}).");
        return Err(value_error(message));
    }
    Ok(Value::from_object(range))
}

/// `dict(mapping_or_pairs, **kwargs)`.
fn merged(args: &[Value]) -> Result<Value, Error> {
    let (positional, kwargs) = split_kwargs(args);
    if positional.len() > 1 {
        return Err(type_error(format!("dict expected at most 1 argument, got {}", positional.len())));
    }
    let mut entries = Entries::default();
    for part in positional.iter().chain(kwargs) {
        entries.extend(pairs(part)?.into_iter().map(|(key, value)| (key, own(value))));
    }
    Ok(dict(entries))
}

/// minijinja's own namespace, the only value to which `{% set ns.x = ... %}` assigns, filled with our values.
fn namespace(args: &[Value]) -> Result<Value, Error> {
    let entries = merged(args)?;
    let (defaults,): (ValueOrKwargs,) = minijinja::value::from_args(std::slice::from_ref(&entries))?;
    minijinja::functions::namespace(Some(defaults))
}

/// Gives its items in turn.
#[derive(Debug)]
struct Cycler {
    items: Vec<Value>,
    place: AtomicUsize,
}

fn cycler(args: &[Value]) -> Result<Value, Error> {
    if args.is_empty() {
        return Err(type_error("at least one item has to be provided"));
    }
    Ok(Value::from_object(Cycler { items: args.to_vec(), place: AtomicUsize::new(0) }))
}

impl Cycler {
    fn current(&self) -> Value {
        self.items[self.place.load(Ordering::Relaxed) % self.items.len()].clone()
    }
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        (key == "current").then(|| self.current())
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "next" | "__next__" => {
                none_bound(method, args)?;
                let item = self.current();
                self.place.fetch_add(1, Ordering::Relaxed);
                Ok(item)
            }
            "reset" => {
                none_bound(method, args)?;
                self.place.store(0, Ordering::Relaxed);
                Ok(Value::from(()))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// Empty at the first call, its text at all others.
#[derive(Debug)]
struct Joiner {
    separator: Value,
    used: AtomicBool,
}

fn joiner(args: &[Value]) -> Result<Value, Error> {
    let [separator] = bind("joiner", args, ["sep"], 0)?;
    let separator = separator.unwrap_or_else(|| Value::from(", "));
    Ok(Value::from_object(Joiner { separator, used: AtomicBool::new(false) }))
}

impl Object for Joiner {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        none_bound("joiner", args)?;
        let used = self.used.swap(true, Ordering::Relaxed);
        Ok(if used { self.separator.clone() } else { Value::from("") })
    }
}

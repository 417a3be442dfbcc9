//! Python's `itertools` module, as far as dbt exposes it.
//!
//! In: iterables. Out: iterators that are walked once; endless ones are computed as they are read.

use std::sync::{Arc, Mutex, PoisonError};

use minijinja::{Error, State, Value};

use crate::jinja::pylib::arguments::{bind, integer, named, optional_integer, split_kwargs};
use crate::jinja::pylib::operators;
use crate::jinja::values::{PyIterator, dict, elements, function, str_dict, tuple, type_error, type_name, value_error};

type Lazy = Box<dyn Iterator<Item = Value> + Send + Sync>;

/// The module.
pub(super) fn module() -> Value {
    str_dict([
        ("count", function("count", |_, args| count(args))),
        ("cycle", function("cycle", |_, args| cycle(args))),
        ("repeat", function("repeat", |_, args| repeat(args))),
        ("accumulate", function("accumulate", accumulate)),
        ("chain", function("chain", |_, args| chain(args))),
        ("compress", function("compress", |_, args| compress(args))),
        ("islice", function("islice", |_, args| islice(args))),
        ("starmap", function("starmap", starmap)),
        ("tee", function("tee", |_, args| tee(args))),
        ("zip_longest", function("zip_longest", |_, args| zip_longest(args))),
        ("product", function("product", |_, args| product(args))),
        ("permutations", function("permutations", |_, args| permutations(args))),
        ("combinations", function("combinations", |_, args| combinations(args, false))),
        (
            "combinations_with_replacement",
            function("combinations_with_replacement", |_, args| combinations(args, true)),
        ),
    ])
}

/// The module whose functions are heard of when they are called.
pub(super) fn heard(hear: &super::Hear) -> Value {
    let plain = module();
    let names = plain.try_iter().into_iter().flatten();
    let functions = names.filter_map(|name| {
        let (inner, hear) = (plain.get_item(&name).ok()?, Arc::clone(hear));
        let call = move |state: &mut State<'_, '_>, args: &[Value]| {
            hear()?;
            inner.call(state, args)
        };
        Some((name, function("itertools", call)))
    });
    dict(functions)
}

/// The items of a value, computed as they are read.
pub(crate) fn lazy(value: &Value) -> Result<Lazy, Error> {
    if value.is_none() || value.as_bytes().is_some() && value.as_str().is_none() {
        return elements(value).map(|items| Box::new(items.into_iter()) as Lazy);
    }
    match value.try_iter() {
        Ok(items) => Ok(Box::new(items)),
        Err(_) => Err(type_error(format!("'{}' object is not iterable", type_name(value)))),
    }
}

fn count(args: &[Value]) -> Result<Value, Error> {
    let [start, step] = bind("count", args, ["start", "step"], 0)?;
    let (mut next, step) = (start.unwrap_or(Value::from(0)), step.unwrap_or(Value::from(1)));
    if !next.is_number() || !step.is_number() {
        return Err(type_error("a number is required"));
    }
    Ok(PyIterator::value(
        "itertools.count",
        std::iter::from_fn(move || {
            let item = next.clone();
            next = operators::add(&item, &step).ok()?;
            Some(item)
        }),
    ))
}

fn cycle(args: &[Value]) -> Result<Value, Error> {
    let [items] = bind("cycle", args, ["iterable"], 1)?;
    Ok(PyIterator::value("itertools.cycle", elements(&items.unwrap_or_default())?.into_iter().cycle()))
}

fn repeat(args: &[Value]) -> Result<Value, Error> {
    let [item, times] = bind("repeat", args, ["object", "times"], 1)?;
    let item = item.unwrap_or_default();
    Ok(match optional_integer(times.as_ref())? {
        Some(times) => {
            PyIterator::value("itertools.repeat", std::iter::repeat_n(item, usize::try_from(times).unwrap_or(0)))
        }
        None => PyIterator::value("itertools.repeat", std::iter::repeat(item)),
    })
}

fn accumulate(state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [items, function, initial] = bind("accumulate", args, ["iterable", "func", "initial"], 1)?;
    let function = function.filter(|function| !function.is_none());
    let mut items = elements(&items.unwrap_or_default())?.into_iter();
    let mut total = initial.filter(|initial| !initial.is_none()).or_else(|| items.next());
    let mut out: Vec<Value> = total.iter().cloned().collect();
    for item in items {
        let before = total.unwrap_or_default();
        let next = match &function {
            Some(function) => function.call(state, &[before, item])?,
            None => operators::add(&before, &item)?,
        };
        out.push(next.clone());
        total = Some(next);
    }
    Ok(PyIterator::value("itertools.accumulate", out.into_iter()))
}

fn chain(args: &[Value]) -> Result<Value, Error> {
    let parts = args.iter().map(lazy).collect::<Result<Vec<_>, _>>()?;
    Ok(PyIterator::value("itertools.chain", parts.into_iter().flatten()))
}

fn compress(args: &[Value]) -> Result<Value, Error> {
    let [data, selectors] = bind("compress", args, ["data", "selectors"], 2)?;
    let (data, selectors) = (lazy(&data.unwrap_or_default())?, lazy(&selectors.unwrap_or_default())?);
    let kept = data.zip(selectors).filter(|(_, selector)| selector.is_true()).map(|(item, _)| item);
    Ok(PyIterator::value("itertools.compress", kept))
}

fn islice(args: &[Value]) -> Result<Value, Error> {
    let (positional, _) = split_kwargs(args);
    let [items, bounds @ ..] = positional else {
        return Err(type_error("islice expected at least 2 arguments, got 0"));
    };
    let bounds = bounds.iter().map(|bound| optional_integer(Some(bound))).collect::<Result<Vec<_>, _>>()?;
    let (start, stop, step) = match bounds.as_slice() {
        [stop] => (None, *stop, None),
        [start, stop] => (*start, *stop, None),
        [start, stop, step] => (*start, *stop, *step),
        _ => return Err(type_error(format!("islice expected at most 4 arguments, got {}", positional.len()))),
    };
    let size = |bound: Option<i64>, default: usize, least: i64| match bound {
        None => Ok(default),
        Some(bound) if bound >= least => Ok(usize::try_from(bound).unwrap_or(usize::MAX)),
        Some(_) if least == 1 => Err(value_error("Step for islice() must be a positive integer or None.")),
        Some(_) => Err(value_error("Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize.")),
    };
    let (start, stop, step) = (size(start, 0, 0)?, size(stop, usize::MAX, 0)?, size(step, 1, 1)?);
    let taken = lazy(items)?.take(stop).skip(start).step_by(step);
    Ok(PyIterator::value("itertools.islice", taken))
}

fn starmap(state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [function, items] = bind("starmap", args, ["function", "iterable"], 2)?;
    let function = function.unwrap_or_default();
    let mut out = Vec::new();
    for item in elements(&items.unwrap_or_default())? {
        out.push(function.call(state, &elements(&item)?)?);
    }
    Ok(PyIterator::value("itertools.starmap", out.into_iter()))
}

/// One source read by several iterators: what one has read waits for the others.
struct Shared {
    source: Lazy,
    read: Vec<Value>,
}

fn tee(args: &[Value]) -> Result<Value, Error> {
    let [items, n] = bind("tee", args, ["iterable", "n"], 1)?;
    let copies = n.map_or(Ok(2), |n| integer(&n))?;
    let copies = usize::try_from(copies).map_err(|_| value_error("n must be >= 0"))?;
    let shared = Arc::new(Mutex::new(Shared { source: lazy(&items.unwrap_or_default())?, read: Vec::new() }));
    let copy = || {
        let (shared, mut place) = (shared.clone(), 0);
        PyIterator::value(
            "itertools._tee",
            std::iter::from_fn(move || {
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if place == shared.read.len() {
                    let item = shared.source.next()?;
                    shared.read.push(item);
                }
                place += 1;
                shared.read.get(place - 1).cloned()
            }),
        )
    };
    Ok(tuple((0..copies).map(|_| copy()).collect()))
}

fn zip_longest(args: &[Value]) -> Result<Value, Error> {
    let (positional, kwargs) = split_kwargs(args);
    let mut fill = Value::from(());
    for (name, value) in named(kwargs) {
        if name != "fillvalue" {
            return Err(type_error(format!("zip_longest() got an unexpected keyword argument '{name}'")));
        }
        fill = value;
    }
    let mut sources = positional.iter().map(lazy).collect::<Result<Vec<_>, _>>()?;
    Ok(PyIterator::value(
        "itertools.zip_longest",
        std::iter::from_fn(move || {
            let row: Vec<Option<Value>> = sources.iter_mut().map(Iterator::next).collect();
            let any = row.iter().any(Option::is_some);
            any.then(|| tuple(row.into_iter().map(|item| item.unwrap_or_else(|| fill.clone())).collect()))
        }),
    ))
}

fn product(args: &[Value]) -> Result<Value, Error> {
    let (positional, kwargs) = split_kwargs(args);
    let mut times = 1;
    for (name, value) in named(kwargs) {
        if name != "repeat" {
            return Err(type_error(format!("product() got an unexpected keyword argument '{name}'")));
        }
        times = usize::try_from(integer(&value)?).map_err(|_| value_error("repeat argument cannot be negative"))?;
    }
    let pools = positional.iter().map(elements).collect::<Result<Vec<_>, _>>()?;
    let pools: Vec<Vec<Value>> = std::iter::repeat_n(pools, times).flatten().collect();
    let mut places = (!pools.iter().any(Vec::is_empty)).then(|| vec![0; pools.len()]);
    Ok(PyIterator::value(
        "itertools.product",
        std::iter::from_fn(move || {
            let current = places.clone()?;
            places = places.take().and_then(|mut next| {
                let turn = (0..next.len()).rev().find(|place| next[*place] + 1 < pools[*place].len())?;
                next[turn] += 1;
                next[turn + 1..].fill(0);
                Some(next)
            });
            Some(tuple(current.iter().zip(&pools).map(|(place, pool)| pool[*place].clone()).collect()))
        }),
    ))
}

fn chosen(pool: &[Value], places: &[usize]) -> Value {
    tuple(places.iter().map(|place| pool[*place].clone()).collect())
}

fn length(r: Option<&Value>, default: usize) -> Result<usize, Error> {
    let r = optional_integer(r)?;
    r.map_or(Ok(default), |r| usize::try_from(r).map_err(|_| value_error("r must be non-negative")))
}

fn permutations(args: &[Value]) -> Result<Value, Error> {
    let [items, r] = bind("permutations", args, ["iterable", "r"], 1)?;
    let pool = elements(&items.unwrap_or_default())?;
    let r = length(r.as_ref(), pool.len())?;
    let mut places: Option<Vec<usize>> = (r <= pool.len()).then(|| (0..r).collect());
    Ok(PyIterator::value(
        "itertools.permutations",
        std::iter::from_fn(move || {
            let current = places.clone()?;
            places = places.take().and_then(|before| next_permutation(before, pool.len()));
            Some(chosen(&pool, &current))
        }),
    ))
}

/// The next arrangement in lexicographic order.
fn next_permutation(mut places: Vec<usize>, size: usize) -> Option<Vec<usize>> {
    for turn in (0..places.len()).rev() {
        let free = (places[turn] + 1..size).find(|candidate| !places[..turn].contains(candidate));
        if let Some(free) = free {
            places[turn] = free;
            for place in turn + 1..places.len() {
                places[place] = (0..size).find(|candidate| !places[..place].contains(candidate))?;
            }
            return Some(places);
        }
    }
    None
}

fn combinations(args: &[Value], replace: bool) -> Result<Value, Error> {
    let name = if replace { "combinations_with_replacement" } else { "combinations" };
    let [items, r] = bind(name, args, ["iterable", "r"], 2)?;
    let pool = elements(&items.unwrap_or_default())?;
    let r = length(r.as_ref(), 0)?;
    let possible = if replace { !pool.is_empty() || r == 0 } else { r <= pool.len() };
    let mut places: Option<Vec<usize>> =
        possible.then(|| (0..r).map(|place| if replace { 0 } else { place }).collect());
    let kind = if replace { "itertools.combinations_with_replacement" } else { "itertools.combinations" };
    Ok(PyIterator::value(
        kind,
        std::iter::from_fn(move || {
            let current = places.clone()?;
            places = places.take().and_then(|mut next| {
                let last = |place: usize| if replace { pool.len() - 1 } else { pool.len() - r + place };
                let turn = (0..r).rev().find(|place| next[*place] < last(*place))?;
                let start = next[turn] + 1;
                for (step, place) in next[turn..].iter_mut().enumerate() {
                    *place = if replace { start } else { start + step };
                }
                Some(next)
            });
            Some(chosen(&pool, &current))
        }),
    ))
}

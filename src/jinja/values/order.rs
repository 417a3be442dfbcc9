//! Sorting that can fail: Python raises a `TypeError` where two items have no order.
//!
//! In: items and a comparison. Out: the items in a stable order, or the first error.

use std::cmp::Ordering;

use minijinja::{Error, State, Value};

use super::compare;

/// A stable merge sort whose comparison may fail or be inconsistent.
pub(crate) fn try_sort<T: Clone>(
    items: &mut [T],
    order: &mut impl FnMut(&T, &T) -> Result<Ordering, Error>,
) -> Result<(), Error> {
    if items.len() < 2 {
        return Ok(());
    }
    let middle = items.len() / 2;
    try_sort(&mut items[..middle], order)?;
    try_sort(&mut items[middle..], order)?;
    let left = items[..middle].to_vec();
    let (mut from_left, mut from_right) = (0, middle);
    for place in 0..items.len() {
        let take_right = from_left == left.len()
            || (from_right < items.len() && order(&items[from_right], &left[from_left])? == Ordering::Less);
        if take_right {
            items[place] = items[from_right].clone();
            from_right += 1;
        } else {
            items[place] = left[from_left].clone();
            from_left += 1;
        }
    }
    Ok(())
}

/// Sorts by keys made from the items.
pub(crate) fn sort_by_keys(
    items: &mut Vec<Value>,
    reverse: bool,
    mut key: impl FnMut(&Value) -> Result<Value, Error>,
) -> Result<(), Error> {
    let mut keyed = items.iter().map(|item| Ok((key(item)?, item.clone()))).collect::<Result<Vec<_>, Error>>()?;
    try_sort(&mut keyed, &mut |(left, _), (right, _)| {
        let order = compare(left, right)?;
        Ok(if reverse { order.reverse() } else { order })
    })?;
    *items = keyed.into_iter().map(|(_, item)| item).collect();
    Ok(())
}

/// Python's `list.sort(key, reverse)`.
pub fn sort_values(
    state: &mut State<'_, '_>,
    items: &mut Vec<Value>,
    key: Option<Value>,
    reverse: bool,
) -> Result<(), Error> {
    match key {
        Some(key) => sort_by_keys(items, reverse, |item| key.call(state, std::slice::from_ref(item))),
        None => sort_by_keys(items, reverse, |item| Ok(item.clone())),
    }
}

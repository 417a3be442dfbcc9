//! Python's slices: `x[start:stop:step]`.
//!
//! In: a sequence and the three parts, each of which may be `None`. Out: a new sequence of the same type.

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, UndefinedBehavior, Value};

use crate::jinja::values::{elements, is_undefined, list, tuple, type_error, type_name, undefined, value_error};

/// The filter behind a slice.
pub(super) fn slice(
    state: &State<'_, '_>,
    value: &Value,
    start: &Value,
    stop: &Value,
    step: Option<&Value>,
) -> Result<Value, Error> {
    if is_undefined(value) {
        let chains = state.undefined_behavior() == UndefinedBehavior::Chainable;
        return if chains { Ok(undefined("slice")) } else { Err(Error::from(ErrorKind::UndefinedError)) };
    }
    let parts = [index(start)?, index(stop)?, step.map_or(Ok(None), index)?];
    match value.kind() {
        ValueKind::String => {
            let text: Vec<char> = value.as_str().unwrap_or_default().chars().collect();
            Ok(Value::from(picked(&text, parts)?.into_iter().collect::<String>()))
        }
        ValueKind::Bytes => Ok(Value::from_bytes(picked(value.as_bytes().unwrap_or_default(), parts)?)),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = picked(&elements(value)?, parts)?;
            Ok(if value.downcast_object_ref::<Tuple>().is_some() { tuple(items) } else { list(items) })
        }
        ValueKind::Map => Err(type_error("unhashable type: 'slice'")),
        _ => Err(type_error(format!("'{}' object is not subscriptable", type_name(value)))),
    }
}

/// One part of a slice: `None` for one that was left out.
fn index(part: &Value) -> Result<Option<i128>, Error> {
    match part.kind() {
        ValueKind::None => Ok(None),
        ValueKind::Bool => Ok(Some(i128::from(part.is_true()))),
        ValueKind::Number if part.is_integer() => Ok(i128::try_from(part.clone()).ok()),
        _ => Err(type_error("slice indices must be integers or None or have an __index__ method")),
    }
}

fn picked<T: Clone>(items: &[T], [start, stop, step]: [Option<i128>; 3]) -> Result<Vec<T>, Error> {
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(value_error("slice step cannot be zero"));
    }
    let length = i128::try_from(items.len()).unwrap_or(i128::MAX);
    // Where a part may point: one before the first item when going backwards.
    let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let place = |part: Option<i128>, default: i128| match part {
        None => default,
        Some(at) if at < 0 => at.saturating_add(length).max(lowest),
        Some(at) => at.min(highest),
    };
    let (first, last) = if step > 0 { (lowest, highest) } else { (highest, lowest) };
    let (mut at, end) = (place(start, first), place(stop, last));
    let mut found = Vec::new();
    while if step > 0 { at < end } else { at > end } {
        found.extend(usize::try_from(at).ok().and_then(|at| items.get(at)).cloned());
        at = at.saturating_add(step);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_as_python_does() {
        let cases: [([Option<i128>; 3], &str); 11] = [
            ([Some(1), None, None], "bcde"),
            ([None, Some(-1), None], "abcd"),
            ([None, None, Some(-1)], "edcba"),
            ([None, None, Some(2)], "ace"),
            ([Some(-2), None, None], "de"),
            ([Some(9), None, None], ""),
            ([Some(-9), Some(2), None], "ab"),
            ([Some(3), Some(0), Some(-2)], "db"),
            ([Some(3), Some(1), None], ""),
            ([Some(9), Some(-9), Some(-3)], "eb"),
            ([None, None, Some(i128::MAX)], "a"),
        ];
        let letters: Vec<char> = "abcde".chars().collect();
        for (parts, expected) in cases {
            assert_eq!(picked(&letters, parts).unwrap().into_iter().collect::<String>(), expected, "{parts:?}");
        }
        assert!(picked(&letters, [None, None, Some(0)]).is_err());
        assert!(picked::<char>(&[], [None, None, Some(-1)]).unwrap().is_empty());
    }
}

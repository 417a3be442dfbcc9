//! Work shared between the forks of a shadow. In: shadows, items. Out: results in the order of the items.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::adapters::shadow::Shadow;

/// Items that one worker does faster than a thread starts.
const FEW: usize = 3;

/// Does something with each item; every worker has a shadow of its own.
pub(super) fn share<T: Sync, R: Send>(
    shadows: &mut [Box<dyn Shadow>],
    items: &[T],
    each: impl Fn(&mut dyn Shadow, &T) -> R + Sync,
) -> Vec<R> {
    let Some(first) = shadows.first_mut() else { return Vec::new() };
    if items.len() <= FEW {
        return items.iter().map(|item| each(first.as_mut(), item)).collect();
    }
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    let (each, next, taken) = (&each, &next, &results);
    std::thread::scope(|scope| {
        for shadow in shadows.iter_mut() {
            scope.spawn(move || {
                while let Some((index, item)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, items.get(i)?)))
                {
                    let result = each(shadow.as_mut(), item);
                    taken.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

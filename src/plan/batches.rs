//! Which batches of a microbatch model run.
//!
//! In: [`BatchFacts`] (config, what is recorded, now) and [`BatchWish`] (what the user asks for). Out: [`BatchPlan`]: the batches
//! in order, each with its reason. A pure function.
//!
//! * First build and full refresh: everything from `begin` to now, as dbt does.
//! * A window (`--event-time-start`, `--event-time-end`): what lies in it, as dbt does.
//! * A plain run: dbt's lookback from now, and what is missing since the first recorded batch. A batch that dbt's daily visits
//!   would have built again, had there been any, is missing too.
//! * A table without records was built by another tool: its past is adopted as it is, and dbt's lookback runs.
//! * Batches of numbers without rows are left out where it is known which have some: keys may be far apart.
//! * A backfill: what is missing in its window (adopted batches are), or all of it for a rewriting. A rewriting that was killed goes
//!   on if all that decides about its rows is the same; one that somebody stopped begins anew, for they may have mended the data.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use crate::base::{BatchKey, Fingerprint, Interval};
use crate::node::Microbatch;

use super::coverage::Coverage;
use crate::state::{EntryKind, EntryStatus, Recorded};

/// What the user asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BatchWish {
    /// `run` and `build`, perhaps for a window.
    Run(Option<Interval>),
    /// `backfill`: from `begin` and until now, if no bounds are given.
    Backfill {
        /// First key.
        start: Option<BatchKey>,
        /// First key after the window.
        end: Option<BatchKey>,
        /// Batches that are there are built again. What decides about their rows beside the code, the vars: a restatement that was
        /// killed is continued by one with the same, and by no other.
        restate: Option<Fingerprint>,
    },
}

impl BatchWish {
    /// What is wrong with the wish for a model: bounds of another kind than its batches.
    pub fn misfit(self, config: &Microbatch) -> Option<String> {
        let bounds = match self {
            Self::Run(window) => [window.map(|w| w.start), window.map(|w| w.end)],
            Self::Backfill { start, end, .. } => [start, end],
        };
        let is_number = |key: BatchKey| matches!(key, BatchKey::Number(_));
        let other = bounds.into_iter().flatten().find(|bound| is_number(*bound) != is_number(config.begin))?;
        let (own, other_kind) = if is_number(config.begin) { ("numbers", "time") } else { ("times", "number") };
        Some(format!("its batches are of {own}, and {other} is a {other_kind}"))
    }
}

/// What is known about a model.
#[derive(Clone, Copy, Debug)]
pub struct BatchFacts<'a> {
    /// Its config.
    pub config: &'a Microbatch,
    /// Whether batches are added to a table that exists; else the table is built anew.
    pub incremental: bool,
    /// The time, or the end of the input for batches of numbers.
    pub now: BatchKey,
    /// What is recorded, oldest first; none where there is no ledger.
    pub recorded: Option<&'a [Recorded]>,
    /// Begins of the batches in which the input or the table has rows: others are left out. None where nobody has looked.
    pub occupied: Option<&'a BTreeSet<BatchKey>>,
    /// Hash of the model as it is now.
    pub fingerprint: &'a str,
    /// Hash of the code beside it: macros, ephemeral parents.
    pub around: Fingerprint,
}

/// Why a batch runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The table is built anew.
    Build,
    /// The user named it.
    Asked,
    /// Rows may have come late.
    Lookback,
    /// It is not recorded.
    Missing,
}

/// A batch to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedBatch {
    /// The batch.
    pub interval: Interval,
    /// Why.
    pub why: Why,
}

/// A rewriting of an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restate {
    /// The interval.
    pub interval: Interval,
    /// Hash of what decides about the new rows.
    pub fingerprint: String,
    /// When the one that is continued began; none for a new one.
    pub since: Option<DateTime<Utc>>,
}

/// The decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchPlan {
    /// The batches, in order.
    pub batches: Vec<PlannedBatch>,
    /// What another tool has built.
    pub adopt: Option<Interval>,
    /// How many batches of earlier code stay as they are.
    pub of_earlier_code: usize,
    /// The rewriting that the batches belong to.
    pub restate: Option<Restate>,
}

impl BatchPlan {
    /// How many batches run for a reason.
    pub fn count(&self, why: Why) -> usize {
        self.batches.iter().filter(|batch| batch.why == why).count()
    }
}

/// Decides which batches run.
pub fn plan_batches(facts: &BatchFacts<'_>, wish: BatchWish) -> BatchPlan {
    let grid = facts.config.grid;
    // The last batch of numbers ends where the input ends: what comes later is not in it.
    let ceiling = |key: BatchKey| if matches!(key, BatchKey::Number(_)) { key } else { grid.ceiling(key) };
    let begin = grid.truncate(facts.config.begin);
    let all = |start: BatchKey, end: BatchKey, why: Why| {
        let intervals = match facts.occupied {
            Some(occupied) => with_rows(facts.config, occupied, (start, end), why == Why::Build),
            None => grid.batches(start, end),
        };
        intervals.into_iter().map(|interval| PlannedBatch { interval, why }).collect::<Vec<_>>()
    };
    let (start, end) = match wish {
        BatchWish::Run(window) => (window.map(|w| w.start), window.map(|w| w.end)),
        BatchWish::Backfill { start, end, .. } => (start, end),
    };
    let start = start.map(|start| grid.truncate(start));
    let end = ceiling(end.unwrap_or(facts.now));
    if !facts.incremental {
        return BatchPlan { batches: all(start.unwrap_or(begin), end, Why::Build), ..BatchPlan::default() };
    }
    let visited_from = |end: BatchKey| {
        let whole = i64::from(grid.truncate(end) == end);
        // What lies before `begin` is not the model's.
        grid.offset(end, -(facts.config.lookback + whole)).max(begin)
    };
    let mut plan = BatchPlan::default();
    if facts.recorded.is_some_and(|rows| !rows.iter().any(|row| row.kind == EntryKind::Batch)) {
        // What the next plain run would not visit is taken as it is.
        let past = Interval { start: begin, end: visited_from(ceiling(facts.now)) };
        plan.adopt = (!past.is_empty()).then_some(past);
    }
    let rows = facts.recorded.unwrap_or_default();
    plan.batches = match wish {
        BatchWish::Run(Some(_)) => all(start.unwrap_or(begin), end, Why::Asked),
        BatchWish::Run(None) => {
            let from = visited_from(end);
            let known = rows.iter().filter(|row| row.kind == EntryKind::Batch).map(|row| row.interval.start).min();
            let since = known.map_or(from, |known| grid.truncate(known).min(from));
            let covered = coverage(facts, |row| row.status == EntryStatus::Adopted || settled(facts, row));
            let mut batches = all(since, end, Why::Missing);
            batches.iter_mut().filter(|b| b.interval.start >= from).for_each(|b| b.why = Why::Lookback);
            batches.retain(|b| b.why == Why::Lookback || !covered.contains(b.interval));
            batches
        }
        BatchWish::Backfill { restate: None, .. } => {
            let covered = coverage(facts, |row| settled(facts, row));
            let mut batches = all(start.unwrap_or(begin), end, Why::Missing);
            batches.retain(|b| !covered.contains(b.interval));
            batches
        }
        BatchWish::Backfill { restate: Some(vars), .. } => {
            let interval = Interval { start: start.unwrap_or(begin), end };
            let beside = [facts.around, vars].map(Fingerprint::to_hex);
            let parts = [facts.fingerprint, &beside[0], &beside[1]].map(str::as_bytes);
            let fingerprint = Fingerprint::of_parts(parts).to_hex();
            let fingerprint = fingerprint[..32].to_owned();
            let since = rows.iter().rfind(|row| {
                let same = row.interval == interval && row.fingerprint == fingerprint;
                row.kind == EntryKind::Restate && row.status == EntryStatus::Running && same
            });
            let since = since.map(|row| row.started_at);
            plan.restate = Some(Restate { interval, fingerprint, since });
            let covered =
                coverage(facts, |row| since.is_some_and(|since| row.started_at >= since) && settled(facts, row));
            let mut batches = all(interval.start, interval.end, Why::Asked);
            batches.retain(|b| !covered.contains(b.interval));
            batches
        }
    };
    plan.of_earlier_code = of_earlier_code(facts, &plan.batches);
    plan
}

/// The batches from `start` to `end` that have rows. A new table is made by the first batch, whether it has rows or not.
fn with_rows(
    config: &Microbatch,
    occupied: &BTreeSet<BatchKey>,
    (start, end): (BatchKey, BatchKey),
    makes_table: bool,
) -> Vec<Interval> {
    let whole = |start: BatchKey| {
        let next = config.grid.offset(start, 1);
        Interval { start, end: if next > start { next.min(end).max(start) } else { end.max(start) } }
    };
    let inside = occupied.iter().copied().filter(|key| (start..end).contains(key));
    let first = Some(start).filter(|start| makes_table && !occupied.contains(start));
    let first = first.or_else(|| Some(start).filter(|start| makes_table && *start >= end));
    first.into_iter().chain(inside).map(whole).collect()
}

/// The keys covered by the rows that count.
fn coverage(facts: &BatchFacts<'_>, counts: impl Fn(&Recorded) -> bool) -> Coverage {
    let mut covered = Coverage::default();
    for row in facts.recorded.unwrap_or_default().iter().filter(|row| row.kind == EntryKind::Batch) {
        if row.status == EntryStatus::Partial {
            covered.remove(row.interval);
        } else if counts(row) {
            covered.add(row.interval);
        }
    }
    covered
}

/// Whether a batch was built when no visit of it was due any more: when it was over at least, or later if rows may come late.
fn settled(facts: &BatchFacts<'_>, row: &Recorded) -> bool {
    if row.status != EntryStatus::Success {
        return false;
    }
    match row.interval.end {
        BatchKey::Number(_) => true,
        end => BatchKey::Time(row.started_at) >= facts.config.grid.offset(end, (facts.config.lookback - 1).max(0)),
    }
}

/// How many batches were last built by other code and stay.
fn of_earlier_code(facts: &BatchFacts<'_>, planned: &[PlannedBatch]) -> usize {
    let built = facts.recorded.unwrap_or_default().iter();
    let built = built.filter(|row| row.kind == EntryKind::Batch && row.status == EntryStatus::Success);
    // The last word on an interval counts.
    let mut earlier: HashMap<Interval, bool> =
        built.map(|row| (row.interval, row.fingerprint != facts.fingerprint)).collect();
    for batch in planned {
        earlier.remove(&batch.interval);
    }
    earlier.into_values().filter(|earlier| *earlier).count()
}

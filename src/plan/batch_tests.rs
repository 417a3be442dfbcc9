//! Which batches run: dbt's answers where there is no ledger, ours where there is one, and the law behind resuming.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::*;
use crate::base::{BatchKey, Dict, Fingerprint, Interval, Value};
use crate::node::{Config, Microbatch};
use crate::state::{EntryKind, EntryStatus, LedgerTable, Recorded};

fn key(text: &str) -> BatchKey {
    BatchKey::parse(text).unwrap()
}

fn time(text: &str) -> DateTime<Utc> {
    key(text).time().unwrap()
}

fn config(size: Value, begin: Value, lookback: i64) -> Microbatch {
    let entries =
        [("event_time", Value::from("at")), ("batch_size", size), ("begin", begin), ("lookback", lookback.into())];
    let entries: Dict = entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Microbatch::of(&Config(entries)).unwrap()
}

fn daily(lookback: i64) -> Microbatch {
    config("day".into(), "2024-01-01".into(), lookback)
}

fn row(start: &str, end: &str, at: &str, status: EntryStatus) -> Recorded {
    let interval = Interval { start: key(start), end: key(end) };
    Recorded { kind: EntryKind::Batch, interval, fingerprint: "new".into(), started_at: time(at), status }
}

/// `01!` is a batch that was asked for or is built anew, `01<` lookback, `01?` missing.
fn shown(plan: &BatchPlan) -> String {
    let mark = |why: Why| match why {
        Why::Build | Why::Asked => '!',
        Why::Lookback => '<',
        Why::Missing => '?',
    };
    let name = |batch: &PlannedBatch| format!("{}{}", &batch.interval.start.to_string()[8..], mark(batch.why));
    plan.batches.iter().map(name).collect::<Vec<_>>().join(" ")
}

fn plan(config: &Microbatch, incremental: bool, now: &str, rows: Option<&[Recorded]>, wish: BatchWish) -> BatchPlan {
    plan_batches(
        &BatchFacts {
            config,
            incremental,
            now: key(now),
            recorded: rows,
            occupied: None,
            fingerprint: "new",
            around: Fingerprint::of(""),
        },
        wish,
    )
}

const RUN: BatchWish = BatchWish::Run(None);

#[test]
fn without_a_ledger_batches_are_dbts() {
    for (lookback, incremental, now, want) in [
        (1, false, "2024-01-03 13:57:00", "01! 02! 03!"),
        (1, true, "2024-01-09 13:57:00", "08< 09<"),
        (1, true, "2024-01-09", "07< 08<"),
        (0, true, "2024-01-09 13:57:00", "09<"),
        (3, true, "2024-01-09 13:57:00", "06< 07< 08< 09<"),
    ] {
        assert_eq!(shown(&plan(&daily(lookback), incremental, now, None, RUN)), want, "{lookback} {now}");
    }
    let window = BatchWish::Run(Some(Interval { start: key("2024-01-04 12:00:00"), end: key("2024-01-05 12:00:00") }));
    assert_eq!(shown(&plan(&daily(1), true, "2024-02-01", None, window)), "04! 05!");
}

#[test]
fn gaps_and_batches_built_too_early_run_again() {
    use EntryStatus::{Adopted, Partial, Success};
    let rows = [
        row("2024-01-02", "2024-01-03", "2024-01-04 01:00:00", Success),
        row("2024-01-04", "2024-01-05", "2024-01-04 01:00:00", Success),
        row("2024-01-05", "2024-01-06", "2024-01-06 01:00:00", Success),
    ];
    let run =
        |lookback: i64, rows: &[Recorded]| shown(&plan(&daily(lookback), true, "2024-01-09 10:00:00", Some(rows), RUN));
    assert_eq!(run(1, &rows), "03? 04? 06? 07? 08< 09<");
    // Without lookback a batch is built once when it is over; with more than one, until rows come no more.
    assert_eq!(run(0, &rows), "03? 04? 06? 07? 08? 09<");
    assert_eq!(run(2, &rows), "03? 04? 05? 06? 07< 08< 09<");
    let adopted = [
        row("2024-01-01", "2024-01-06", "2024-01-06 01:00:00", Adopted),
        row("2024-01-03", "2024-01-04", "2024-01-07 01:00:00", Partial),
    ];
    assert_eq!(run(1, &adopted), "03? 06? 07? 08< 09<");
}

#[test]
fn a_table_without_records_is_adopted() {
    let found = plan(&daily(1), true, "2024-01-09 10:00:00", Some(&[]), RUN);
    assert_eq!(shown(&found), "08< 09<");
    assert_eq!(found.adopt.map(|past| past.to_string()).as_deref(), Some("2024-01-01 to 2024-01-08"));
    let window = BatchWish::Run(Some(Interval { start: key("2024-01-02"), end: key("2024-01-03") }));
    let asked = plan(&daily(1), true, "2024-01-09 10:00:00", Some(&[]), window);
    assert_eq!((shown(&asked).as_str(), asked.adopt), ("02!", found.adopt));
    assert_eq!(plan(&daily(1), false, "2024-01-09 10:00:00", Some(&[]), RUN).adopt, None);
}

#[test]
fn backfills_fill_or_rewrite() {
    use EntryStatus::{Adopted, Running, Success};
    let mut rows = vec![
        row("2024-01-01", "2024-01-04", "2024-01-09 09:00:00", Adopted),
        row("2024-01-02", "2024-01-03", "2024-01-09 09:00:00", Success),
        row("2024-01-04", "2024-01-05", "2024-01-09 09:00:00", Success),
    ];
    rows[2].fingerprint = "old".to_owned();
    let fill = |restate: bool| {
        let restate = restate.then(|| Fingerprint::of("rate: 2"));
        BatchWish::Backfill { start: None, end: Some(key("2024-01-06")), restate }
    };
    let now = "2024-01-09 10:00:00";
    let filled = plan(&daily(1), true, now, Some(&rows), fill(false));
    assert_eq!((shown(&filled).as_str(), filled.of_earlier_code), ("01? 03? 05?", 1));
    let rewritten = plan(&daily(1), true, now, Some(&rows), fill(true));
    assert_eq!((shown(&rewritten).as_str(), rewritten.of_earlier_code), ("01! 02! 03! 04! 05!", 0));
    let mut begun = row("2024-01-01", "2024-01-06", "2024-01-09 09:30:00", Running);
    begun.kind = EntryKind::Restate;
    begun.fingerprint = rewritten.restate.unwrap().fingerprint;
    rows.push(begun);
    rows.push(row("2024-01-01", "2024-01-02", "2024-01-09 09:31:00", Success));
    let resumed = plan(&daily(1), true, now, Some(&rows), fill(true));
    assert_eq!(shown(&resumed), "02! 03! 04! 05!");
    assert_eq!(resumed.restate.and_then(|restate| restate.since), Some(time("2024-01-09 09:30:00")));
    let restate = Some(Fingerprint::of("rate: 3"));
    let other = BatchWish::Backfill { start: None, end: Some(key("2024-01-06")), restate };
    assert_eq!(shown(&plan(&daily(1), true, now, Some(&rows), other)), "01! 02! 03! 04! 05!");
}

#[test]
fn numbers_end_where_the_input_ends() {
    let numbers = config(Value::Int(100), Value::Int(0), 1);
    let of = |a: i64, b: i64| Interval::new(BatchKey::Number(a), BatchKey::Number(b));
    let batches = |incremental: bool, end: &str, rows: &[Recorded]| {
        let found = plan(&numbers, incremental, end, Some(rows), RUN);
        found.batches.iter().map(|batch| batch.interval).collect::<Vec<_>>()
    };
    assert_eq!(batches(false, "250", &[]), [of(0, 100), of(100, 200), of(200, 250)]);
    let rows = ["0 100", "100 200", "200 250"].map(|pair| {
        let (start, end) = pair.split_once(' ').unwrap();
        row(start, end, "2024-01-01", EntryStatus::Success)
    });
    assert_eq!(batches(true, "650", &rows), [of(200, 300), of(300, 400), of(400, 500), of(500, 600), of(600, 650)]);
}

#[test]
fn rows_are_written_and_read() {
    let table = LedgerTable::new("dev", |name| format!("\"{name}\""));
    assert!(table.read("main.it's").contains(r#"from "dev"."_transform"."runs" where relation = 'main.it''s'"#));
    let texts = ["batch", "2024-01-01", "2024-01-02", "f", "2024-01-02 03:04:05.5", "success"];
    let good = texts.map(Value::from).to_vec();
    let mut bad = good.clone();
    bad[5] = "lost".into();
    let found = LedgerTable::recorded(&crate::base::Table { columns: Vec::new(), rows: vec![good, bad] });
    let [recorded] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(recorded.started_at, time("2024-01-02 03:04:05.5"));
}

/// A model whose input grows with time, and a table that holds of each hour what was there when its batch ran.
struct Warehouse {
    config: Microbatch,
    exists: bool,
    rows: Vec<Recorded>,
    /// By hour since `begin`: the time of the batch that built it last.
    built: Vec<Option<DateTime<Utc>>>,
}

impl Warehouse {
    /// Runs the planned batches in some order and stops after `survives` of them.
    fn run(&mut self, now: DateTime<Utc>, wish: BatchWish, order: u64, survives: usize) {
        let facts = BatchFacts {
            config: &self.config,
            incremental: self.exists,
            now: BatchKey::Time(now),
            recorded: Some(&self.rows),
            occupied: None,
            fingerprint: "new",
            around: Fingerprint::of(""),
        };
        let mut batches = plan_batches(&facts, wish).batches;
        // The first batch runs first; then any order will do.
        let shift = usize::try_from(order).unwrap_or(0);
        if batches.len() > 2 {
            let rest = batches.len() - 1;
            batches[1..].rotate_left(shift % rest);
        }
        for (number, batch) in batches.iter().take(survives).enumerate() {
            if number == 0 && !self.exists {
                (self.exists, self.built, self.rows) = (true, vec![None; self.built.len()], Vec::new());
            }
            let at = now + TimeDelta::seconds(i64::try_from(number).unwrap());
            for (hour, built) in self.built.iter_mut().enumerate() {
                let moment = BatchKey::Time(self.config.begin.time().unwrap() + TimeDelta::hours(hour as i64));
                if batch.interval.start <= moment && moment < batch.interval.end {
                    *built = Some(at);
                }
            }
            self.rows.push(Recorded {
                kind: EntryKind::Batch,
                interval: batch.interval,
                fingerprint: "new".into(),
                started_at: at,
                status: EntryStatus::Success,
            });
        }
    }
}

proptest! {
    /// Whatever was run, in any order, killed at any point: one plain run to its end, and the table holds what a full
    /// refresh would hold.
    #[test]
    fn batches_in_any_order_with_any_crash_equal_one_full_refresh(
        size in prop::sample::select(vec!["hour", "day", "week", "2 days", "5 hours"]),
        lookback in 0_i64..4,
        steps in prop::collection::vec((1_i64..60, 0_u64..20, 0_usize..12), 1..8),
        last in 1_i64..60,
    ) {
        let config = config(size.into(), "2024-01-01".into(), lookback);
        let begin = config.begin.time().unwrap();
        let mut house = Warehouse { config, exists: false, rows: Vec::new(), built: vec![None; 24 * 30] };
        let mut now = begin + TimeDelta::hours(1);
        for (hours, order, survives) in steps {
            house.run(now, RUN, order, survives);
            now += TimeDelta::hours(hours);
        }
        now += TimeDelta::hours(last);
        house.run(now, RUN, 0, usize::MAX);
        let seen = usize::try_from((now - begin).num_hours()).unwrap();
        for hour in 0..seen {
            let begins = begin + TimeDelta::hours(hour as i64);
            let built = house.built[hour];
            // Built, and not before the batch that the hour belongs to was over, unless it is not over yet.
            let end = house.config.grid.offset(BatchKey::Time(begins), 1).time().unwrap();
            prop_assert!(built.is_some_and(|at| at >= end.min(now)), "hour {hour}: {built:?}");
        }
        // A second run has nothing to make up for.
        let facts = BatchFacts {
            config: &house.config,
            incremental: true,
            now: BatchKey::Time(now),
            recorded: Some(&house.rows),
            occupied: None,
            fingerprint: "new",
            around: Fingerprint::of(""),
        };
        prop_assert_eq!(plan_batches(&facts, RUN).count(Why::Missing), 0);
    }
}

#[test]
fn batches_without_rows_are_left_out() {
    let number = BatchKey::Number;
    let config = config(Value::Int(1000), Value::Int(0), 1);
    let shown = |occupied: &[i64], incremental: bool, now: i64, rows: &[Recorded], wish: BatchWish| {
        let occupied: BTreeSet<BatchKey> = occupied.iter().copied().map(number).collect();
        let facts = BatchFacts {
            config: &config,
            incremental,
            now: number(now),
            recorded: Some(rows),
            occupied: Some(&occupied),
            fingerprint: "new",
            around: Fingerprint::of(""),
        };
        let batches = plan_batches(&facts, wish).batches;
        batches.iter().map(|batch| batch.interval.to_string()).collect::<Vec<_>>().join(", ")
    };
    let far = 999_999_999;
    assert_eq!(
        shown(&[2000, far - 999], false, far + 1, &[], RUN),
        format!("0 to 1000, 2000 to 3000, {} to {}", far - 999, far + 1)
    );
    assert_eq!(shown(&[], false, 0, &[], RUN), "0 to 0");
    assert_eq!(shown(&[0, 2000], false, 2500, &[], RUN), "0 to 1000, 2000 to 2500");
    // Rows that come late into a stretch that nobody has built are missing, whatever was built after it.
    let built = [(0, 1000), (5000, 6000)].map(|(start, end)| Recorded {
        kind: EntryKind::Batch,
        interval: Interval { start: number(start), end: number(end) },
        fingerprint: "new".into(),
        started_at: time("2024-01-01 00:00:00"),
        status: EntryStatus::Success,
    });
    assert_eq!(shown(&[0, 3000, 5000], true, 6000, &built, RUN), "3000 to 4000, 5000 to 6000");
    let window = BatchWish::Run(Some(Interval { start: number(1000), end: number(4000) }));
    assert_eq!(shown(&[0, 3000, 5000], true, 6000, &built, window), "3000 to 4000");
}

//! Batches on an engine: in any order, stopped anywhere, they end as one full refresh.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::event::{Event, EventSink};
use super::outcome::Status;
use super::tests::{House, house_on, node};
use super::*;
use crate::base::{BatchKey, Fingerprint, Interval, Value};
use crate::node::ResourceType;
use crate::plan::BatchWish;

/// Ids 0 to 99 in batches of ten.
const LAST: i64 = 99;

/// Stops the run when so many batches have ended.
struct StopAfter {
    left: AtomicUsize,
    cancel: Arc<CancelFlag>,
}

impl EventSink for StopAfter {
    fn emit(&self, event: &Event<'_>) {
        if let Event::BatchFinished { outcome, .. } = event
            && outcome.status == Status::Success
            && self.left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            self.cancel.cancel();
        }
    }
}

/// What one step of a history does.
#[derive(Clone, Debug)]
enum Step {
    Run,
    Window(i64, i64),
    Restate(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Run),
        2 => (0..LAST, 1..40_i64).prop_map(|(start, length)| Step::Window(start, start + length)),
        1 => (1..=LAST + 1).prop_map(Step::Restate),
    ]
}

fn warehouse(path: &str, ordered: bool) -> House {
    let input = r#"{"materialized": "table", "event_time": "id", "pre-hook": [], "post-hook": [], "grants": {}}"#;
    let batched = r#"{"materialized": "incremental", "incremental_strategy": "microbatch", "event_time": "id", "begin": 0,
        "batch_size": 10, "lookback": 1, "pre-hook": [], "post-hook": [], "grants": {}, "full_refresh": null}"#;
    let own = if ordered { "-- {{ this }}" } else { "" };
    let options = format!(r#"{{"type": "duckdb", "path": "{path}", "schema": "shop"}}"#);
    let mut house = house_on(
        &options,
        vec![
            node(ResourceType::Model, "raw", input, "select i as id, i * i as v from range(0, 100) t(i)", &[]),
            node(
                ResourceType::Model,
                "batched",
                batched,
                &format!("select id, v, '{{{{ model.batch.id }}}}' as batch from {{{{ ref('raw') }}}} {own}"),
                &["model.shop.raw"],
            ),
        ],
    );
    house.around.query_comment = None;
    house
}

impl House {
    /// Runs batches until so many have ended.
    fn batches(&mut self, wish: BatchWish, threads: usize, survive: usize) {
        let cancel = Arc::new(CancelFlag::new());
        if survive == 0 {
            return;
        }
        self.around.cancel = Arc::clone(&cancel);
        self.around.sink = Arc::new(StopAfter { left: AtomicUsize::new(survive), cancel });
        let batches = BatchRequest { wish, ..BatchRequest::default() };
        self.run(RunSettings { threads, batches, ..RunSettings::default() });
    }

    fn number(&self, sql: &str) -> i64 {
        self.rows(sql)[0][0].as_i64().unwrap_or(-1)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn batches_in_any_order_with_any_stop_between_equal_one_full_refresh(
        first in 0_usize..12,
        steps in prop::collection::vec((step(), 0_usize..8, 1_usize..4), 0..5),
        ordered in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("memory.duckdb").to_string_lossy().into_owned();
        let mut house = warehouse(&path, ordered);
        house.batches(BatchWish::Run(None), 2, first);
        for (step, survive, threads) in steps {
            let exists = house.number("select count(*) from information_schema.tables where table_name = 'batched'");
            let key = BatchKey::Number;
            let wish = match step {
                Step::Window(start, end) if exists == 1 => BatchWish::Run(Some(Interval::new(key(start), key(end)))),
                Step::Restate(end) => BatchWish::Backfill { start: None, end: Some(key(end)), restate: Some(Fingerprint::of("")) },
                Step::Run | Step::Window(..) => BatchWish::Run(None),
            };
            house.batches(wish, threads, survive);
        }
        house.batches(BatchWish::Run(None), 3, usize::MAX);
        let of = |what: &str| house.rows(&format!("select id, v, {what} as batch from shop.batched order by id, v"));
        let expected: Vec<Vec<Value>> = house.rows("select id, v, cast(id // 10 * 10 as varchar) from shop.raw order by id");
        prop_assert_eq!(of("batch"), expected);
        let unrecorded = "select count(*) from (select distinct cast(batch as int) as start from shop.batched) \
            where start not in (select cast(interval_start as int) from _transform.runs \
            where kind = 'batch' and status = 'success' and relation = 'shop.batched')";
        prop_assert_eq!(house.number(unrecorded), 0);
    }
}

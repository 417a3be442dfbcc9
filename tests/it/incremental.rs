//! Laws of incremental models, on random histories: what a table holds after any sequence of batches, repeated and late ones
//! and full refreshes among them, is what its strategy promises of the whole sequence; nothing is lost, nothing doubled.
//!
//! `INCREMENTAL_CASES=200 cargo test incremental` runs longer. Every case is a project of many models, each with a strategy and
//! batches of its own, so that one start of the program tries many histories.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestError};

use crate::warehouse::{Warehouse, engines, runner};

/// Models of one project.
const MODELS: usize = 14;
/// Batches that a model's source knows.
const BATCHES: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Append,
    Default,
    DefaultWithoutKey,
    DeleteInsert,
    DeleteInsertComposite,
    Merge,
    MergeComposite,
    Overwrite,
    OverwriteTwo,
}

use Kind::*;

const STRATEGIES: [Kind; 9] = [
    Append,
    Default,
    DefaultWithoutKey,
    DeleteInsert,
    DeleteInsertComposite,
    Merge,
    MergeComposite,
    Overwrite,
    OverwriteTwo,
];

impl Kind {
    fn config(self) -> &'static str {
        match self {
            Append => "incremental_strategy='append'",
            Default => "unique_key='k1'",
            DefaultWithoutKey => "unique_key=[]",
            DeleteInsert => "incremental_strategy='delete+insert', unique_key=['k1']",
            DeleteInsertComposite => "incremental_strategy='delete+insert', unique_key=['k1', 'k2']",
            Merge => "incremental_strategy='merge', unique_key='k1'",
            MergeComposite => {
                "incremental_strategy='merge', unique_key=['k1', 'k2'], on_schema_change='sync_all_columns'"
            }
            Overwrite => "incremental_strategy='insert_overwrite', partition_by='p'",
            OverwriteTwo => "incremental_strategy='insert_overwrite', partition_by=['p', 'k2']",
        }
    }

    fn is_merge(self) -> bool {
        matches!(self, Merge | MergeComposite)
    }

    /// What of a row decides which older rows it replaces; `None` where it replaces none.
    fn identity(self, row: &Row) -> Option<String> {
        let with_k1 = |rest: &str| row.k1.map(|k1| format!("{k1}|{rest}"));
        match self {
            Append | DefaultWithoutKey => None,
            Default | DeleteInsert | Merge => with_k1(""),
            DeleteInsertComposite | MergeComposite => with_k1(row.k2),
            Overwrite => Some(format!("{:?}", row.p)),
            OverwriteTwo => Some(format!("{:?}|{}", row.p, row.k2)),
        }
    }

    /// Whether the batch has two rows of which a merge could not tell which one wins.
    fn refuses(self, batch: &[Row]) -> bool {
        let mut seen = BTreeSet::new();
        self.is_merge() && batch.iter().filter_map(|row| self.identity(row)).any(|identity| !seen.insert(identity))
    }

    /// The rows after a sequence of batches, told from the whole sequence: of each identity those of the last batch that has
    /// it; of rows without identity all.
    fn promised(self, applied: &[&Vec<Row>]) -> Vec<String> {
        let mut last = BTreeMap::new();
        for (position, batch) in applied.iter().enumerate() {
            last.extend(batch.iter().filter_map(|row| Some((self.identity(row)?, position))));
        }
        let holds = |position, row: &&Row| self.identity(row).is_none_or(|identity| last[&identity] == position);
        let rows = applied.iter().enumerate().flat_map(|(at, batch)| batch.iter().filter(move |row| holds(at, row)));
        let mut rows: Vec<String> = rows.map(Row::shown).collect();
        rows.sort();
        rows
    }
}

#[derive(Clone, Debug)]
struct Row {
    k1: Option<u8>,
    k2: &'static str,
    p: Option<u8>,
    v: u8,
}

fn or_null(value: Option<u8>) -> String {
    value.map_or_else(|| "null".to_owned(), |v| v.to_string())
}

impl Row {
    fn shown(&self) -> String {
        format!("{}|{}|{}|{}", or_null(self.k1), self.k2, or_null(self.p), self.v)
    }

    fn sql(&self) -> String {
        format!("({}::int, '{}', {}::int, {}::int)", or_null(self.k1), self.k2, or_null(self.p), self.v)
    }
}

#[derive(Clone, Debug)]
struct Model {
    strategy: Kind,
    batches: Vec<Vec<Row>>,
}

impl Model {
    fn sql(&self) -> String {
        let selects = self.batches.iter().map(|batch| match batch.as_slice() {
            [] => "\"select null::int as k1, '' as k2, null::int as p, 0 as v where false\"".to_owned(),
            rows => {
                let rows: Vec<String> = rows.iter().map(Row::sql).collect();
                format!("\"select * from (values {}) as t(k1, k2, p, v)\"", rows.join(", "))
            }
        });
        format!(
            "{{{{ config(materialized='incremental', {}) }}}}\n{{% set batches = [{}] %}}\n{{{{ batches[var('batch')] }}}}\n",
            self.strategy.config(),
            selects.collect::<Vec<_>>().join(", ")
        )
    }

    /// The first batch of a table is not merged; twice the same key there is the query's own affair.
    fn tidy(mut self) -> Self {
        if self.strategy.is_merge() {
            let mut seen = BTreeSet::new();
            let strategy = self.strategy;
            self.batches[0].retain(|row| strategy.identity(row).is_none_or(|identity| seen.insert(identity)));
        }
        self
    }
}

/// A run: which batch, and whether everything is built anew (always with the first batch).
#[derive(Clone, Debug)]
struct Step {
    batch: usize,
    full_refresh: bool,
}

fn row() -> impl Strategy<Value = Row> {
    let some = |top: u8| prop_oneof![1 => Just(None), 6 => (0..top).prop_map(Some)];
    (some(5), prop_oneof![Just("a"), Just("b")], some(3), 0..100_u8).prop_map(|(k1, k2, p, v)| Row { k1, k2, p, v })
}

fn model() -> impl Strategy<Value = Model> {
    let batch = prop::collection::vec(row(), 0..5);
    (0..STRATEGIES.len(), prop::collection::vec(batch, BATCHES))
        .prop_map(|(strategy, batches)| Model { strategy: STRATEGIES[strategy], batches }.tidy())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..BATCHES).prop_map(|batch| Step { batch, full_refresh: false }),
        1 => Just(Step { batch: 0, full_refresh: true }),
    ]
}

fn history_holds(engine: &'static str, models: &[Model], steps: &[Step]) -> TestCaseResult {
    let shop = Warehouse::new(engine);
    for (i, model) in models.iter().enumerate() {
        shop.write(&format!("models/m{i}.sql"), &model.sql());
    }
    let shown = "coalesce(k1::varchar, 'null') || '|' || k2 || '|' || coalesce(p::varchar, 'null') || '|' || v";
    let queries: Vec<String> = (0..models.len()).map(|i| format!("select {shown} from main.m{i} order by 1")).collect();

    let mut applied: Vec<Vec<&Vec<Row>>> = vec![Vec::new(); models.len()];
    let first = Step { batch: 0, full_refresh: false };
    for (number, step) in std::iter::once(&first).chain(steps).enumerate() {
        let vars = format!("batch: {}", step.batch);
        let mut args = vec!["run", "--quiet", "--vars", &vars];
        if step.full_refresh {
            args.push("--full-refresh");
        }
        let merges = number > 0 && !step.full_refresh;
        let mut all_well = true;
        for (model, applied) in models.iter().zip(&mut applied) {
            if !merges {
                applied.clear();
            }
            let refused = merges && model.strategy.refuses(&model.batches[step.batch]);
            all_well &= !refused;
            if !refused {
                applied.push(&model.batches[step.batch]);
            }
        }
        prop_assert_eq!(shop.run(&args)?, all_well, "verdict of run {}", number);
        for (i, found) in shop.answers(&queries).into_iter().enumerate() {
            let mut found = found;
            found.sort();
            prop_assert_eq!(found, models[i].strategy.promised(&applied[i]), "run {} of {:?}", number, models[i]);
        }
    }
    Ok(())
}

#[test]
fn a_history_of_batches_equals_what_the_strategy_promises() {
    let histories = (prop::collection::vec(model(), MODELS), prop::collection::vec(step(), 1..5));
    for (engine, cases) in engines() {
        match runner(cases).run(&histories, |(models, steps)| history_holds(engine, &models, &steps)) {
            Ok(()) => {}
            Err(TestError::Fail(why, (models, steps))) => {
                panic!("{engine}: {why}\nsteps {steps:?}\nmodels {models:#?}")
            }
            Err(TestError::Abort(why)) => panic!("{engine}: {why}"),
        }
    }
}

/// The table of a run that is killed stays as it was, and the next run finishes what that one began.
#[test]
fn a_killed_full_refresh_leaves_the_old_table() {
    for (engine, _) in engines() {
        killed_full_refresh(engine);
    }
}

fn killed_full_refresh(engine: &'static str) {
    let shop = Warehouse::new(engine);
    let slow = "{% if var('slow', false) %} where (select sum(a.range % 7) from range(3000000) a, range(300000) b) > 0 {% endif %}";
    let model =
        format!("{{{{ config(materialized='incremental') }}}}\nselect '{{{{ var('text') }}}}' as text {slow}\n");
    shop.write("models/m.sql", &model);
    assert!(shop.run(&["run", "--quiet", "--vars", "text: old"]).expect("the first run ends well"));

    for flags in [&["--full-refresh"][..], &[]] {
        let mut command = shop.command(&["run", "--log-format", "text", "--vars", "{text: new, slow: true}"]);
        command.args(flags);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let talk = child.stderr.take().expect("standard error is piped");
        assert!(BufReader::new(talk).lines().map_while(Result::ok).any(|line| line.contains("START")), "nothing began");
        std::thread::sleep(std::time::Duration::from_millis(300));
        child.kill().expect("the program still runs");
        let _ = child.wait();
        assert_eq!(shop.answers(&["select text from main.m".into()]), [["old"]]);
    }

    assert!(shop.run(&["run", "--quiet", "--vars", "text: new"]).expect("the next run ends well"));
    let questions = [
        "select text from main.m order by text",
        "select string_agg(table_name, ' ') from information_schema.tables where table_schema = 'main'",
    ];
    assert_eq!(shop.answers(&questions.map(str::to_owned)), [vec!["new", "old"], vec!["m"]]);
}

/// A run that was killed is gone on with: the batches that it has recorded stay, the others follow, even of a full refresh.
#[test]
fn a_retry_goes_on_where_a_killed_run_stood() {
    for (engine, _) in engines() {
        retried(engine);
    }
}

fn retried(engine: &'static str) {
    let shop = Warehouse::new(engine);
    shop.write(
        "models/raw.sql",
        "{{ config(materialized='table', event_time='id') }} select i as id from (values (0), (1), (2), (3), (4), (5)) t(i)",
    );
    let endless = "(select sum(a.range % 7) from range(3000000) a, range(300000) b)";
    let model = format!(
        "{{{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='id', batch_size=2, begin=0,
            lookback=0, concurrent_batches=false) }}}}
        select id, '{{{{ invocation_id }}}}' as run,
        {{{{ \"{endless}\" if var('slow', false) and model.batch and model.batch.id == '4' else 0 }}}} as n from {{{{ ref('raw') }}}}\n"
    );
    shop.write("models/m.sql", &model);
    let runs =
        ["select string_agg(cast(id as varchar), ' ' order by id) from main.m group by run order by min(id)".into()];
    for (flags, before, after) in [
        (&[][..], vec!["0 1 2 3"], vec!["0 1 2 3", "4 5"]),
        (&["--full-refresh"][..], vec!["0 1 2 3"], vec!["0 1 2 3", "4 5"]),
    ] {
        let mut command = shop.command(&["run", "--log-format", "text", "--vars", "slow: true", "--threads", "1"]);
        let mut child = command.args(flags).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let talk = child.stderr.take().expect("standard error is piped");
        let mut lines = BufReader::new(talk).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("START batch 4")), "the last batch never began");
        child.kill().expect("the program still runs");
        let _ = child.wait();
        assert_eq!(shop.answers(&runs), [before]);
        assert!(shop.run(&["retry", "--quiet", "--vars", "slow: false"]).expect("it ends"), "the retry failed");
        assert_eq!(shop.answers(&runs), [after]);
        assert!(shop.run(&["retry", "--quiet"]).expect("it ends"), "there is nothing left to retry");
    }
}

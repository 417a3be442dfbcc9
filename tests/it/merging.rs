//! Laws of merges with clauses, conditions and predicates, and of tables whose columns change, on random batches: the table
//! holds what an interpreter of the configs, twenty lines for each, says that it holds; a run that is refused changes nothing.
//!
//! `INCREMENTAL_CASES=200 cargo test merging` runs longer.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{TestCaseResult, TestError};

use crate::warehouse::{Warehouse, engines, runner};

/// Models of one project.
const MODELS: usize = 14;
/// Batches that a model's source knows.
const BATCHES: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    k: Option<i64>,
    p: i64,
    v: i64,
}

/// What a clause asks of its rows.
#[derive(Clone, Copy, Debug)]
enum Condition {
    Always,
    SourceBelow(i64),
    SourceFrom(i64),
    Newer,
    TargetBelow(i64),
    Both(i64, i64),
}

use Condition::{Always, Both, Newer, SourceBelow, SourceFrom, TargetBelow};

impl Condition {
    fn config(self) -> Option<String> {
        let (source, target) = ("DBT_INTERNAL_SOURCE.v", "DBT_INTERNAL_DEST.v");
        let text = match self {
            Always => return None,
            SourceBelow(n) => format!("'{source} < {n}'"),
            SourceFrom(n) => format!("'{source} >= {n}'"),
            Newer => format!("'{source} > {target}'"),
            TargetBelow(n) => format!("'{target} < {n}'"),
            Both(from, below) => format!("['{source} >= {from}', '{source} < {below}']"),
        };
        Some(text)
    }

    fn holds(self, source: Option<Row>, target: Option<Row>) -> bool {
        let (source, target) = (source.map(|r| r.v), target.map(|r| r.v));
        match self {
            Always => true,
            SourceBelow(n) => source.is_some_and(|v| v < n),
            SourceFrom(n) => source.is_some_and(|v| v >= n),
            Newer => source > target,
            TargetBelow(n) => target.is_some_and(|v| v < n),
            Both(from, below) => source.is_some_and(|v| v >= from && v < below),
        }
    }
}

/// What a clause does.
#[derive(Clone, Copy, Debug)]
enum Action {
    UpdateByName,
    UpdateStar,
    UpdateOnlyV,
    UpdateAllButV,
    AddToV,
    Delete,
    Nothing,
    Error,
    Insert,
    InsertKeyAlone,
    MarkOrphan,
}

impl Action {
    fn config(self) -> &'static str {
        match self {
            Self::UpdateByName => "'action': 'update', 'mode': 'by_name'",
            Self::UpdateStar => "'action': 'update', 'mode': 'star'",
            Self::UpdateOnlyV => "'action': 'update', 'mode': 'explicit', 'update': {'include': ['v']}",
            Self::UpdateAllButV => "'action': 'update', 'mode': 'explicit', 'update': {'exclude': ['v']}",
            Self::AddToV => {
                "'action': 'update', 'mode': 'explicit', \
                 'update': {'set_expressions': {'v': 'DBT_INTERNAL_DEST.v + DBT_INTERNAL_SOURCE.v'}}"
            }
            Self::Delete => "'action': 'delete'",
            Self::Nothing => "'action': 'do_nothing'",
            Self::Error => "'action': 'error', 'error_message': 'it\\'s refused'",
            Self::Insert => "'action': 'insert', 'mode': 'by_name'",
            Self::InsertKeyAlone => {
                "'action': 'insert', 'mode': 'explicit', 'insert': {'columns': ['k', 'p', 'v'], \
                 'values': ['DBT_INTERNAL_SOURCE.k', '0', 'DBT_INTERNAL_SOURCE.v']}"
            }
            Self::MarkOrphan => "'action': 'update', 'set_expressions': {'p': '9'}",
        }
    }

    /// The row that is left of a target row.
    fn updated(self, source: Row, target: Row) -> Option<Row> {
        match self {
            Self::UpdateByName | Self::UpdateStar => Some(source),
            Self::UpdateOnlyV => Some(Row { v: source.v, ..target }),
            Self::UpdateAllButV => Some(Row { v: target.v, ..source }),
            Self::AddToV => Some(Row { v: target.v + source.v, ..source }),
            Self::Delete => None,
            _ => Some(target),
        }
    }
}

type Clause = (Condition, Action);

fn first(clauses: &[Clause], source: Option<Row>, target: Option<Row>) -> Option<Action> {
    clauses.iter().find(|(condition, _)| condition.holds(source, target)).map(|(_, action)| *action)
}

#[derive(Clone, Debug)]
enum Way {
    /// `merge_clauses`.
    Clauses {
        matched: Vec<Clause>,
        missing: Vec<Clause>,
        orphans: Vec<Clause>,
    },
    /// `merge_update_columns` and the like.
    Simple {
        update: Action,
        update_if: Condition,
        insert_if: Condition,
    },
    DeleteInsert,
    Overwrite,
}

#[derive(Clone, Debug)]
struct Model {
    way: Way,
    /// One column, or a list of two.
    composite: bool,
    /// `merge_on_using_columns`, with which nothing else may narrow the match.
    using: bool,
    /// Rows of the target with a `v` from here on are out of reach.
    reach: Option<i64>,
    batches: Vec<Vec<Row>>,
}

impl Model {
    fn config(&self) -> String {
        let is_merge = matches!(self.way, Way::Clauses { .. } | Way::Simple { .. });
        let mut parts = vec!["materialized='incremental'".to_owned()];
        let keys = if self.composite { "['k', 'p']" } else { "'k'" };
        match &self.way {
            Way::Overwrite => {
                parts.push("incremental_strategy='insert_overwrite', partition_by='p'".to_owned());
            }
            Way::DeleteInsert => parts.push(format!("incremental_strategy='delete+insert', unique_key={keys}")),
            _ if self.using => {
                let columns = if self.composite { keys } else { "['k']" };
                parts.push(format!("incremental_strategy='merge', merge_on_using_columns={columns}"));
            }
            _ => parts.push(format!("incremental_strategy='merge', unique_key={keys}")),
        }
        if let Some(reach) = self.reach {
            let table = match (&self.way, self.composite) {
                _ if is_merge => "DBT_INTERNAL_DEST.",
                (Way::DeleteInsert, true) => "DBT_INCREMENTAL_TARGET.",
                _ => "",
            };
            parts.push(format!("incremental_predicates=['{table}v < {reach}']"));
        }
        match &self.way {
            Way::Clauses { matched, missing, orphans } => {
                let mut lists = Vec::new();
                if !matched.is_empty() {
                    lists.push(format!("'when_matched': [{}]", spelled(matched, "")));
                }
                if !(missing.is_empty() && orphans.is_empty()) {
                    let orphans = spelled(orphans, "'by': 'source', ");
                    lists.push(format!("'when_not_matched': [{} {orphans}]", spelled(missing, "")));
                }
                parts.push(format!("merge_clauses={{{}}}", lists.join(", ")));
            }
            Way::Simple { update, update_if, insert_if } => {
                parts.extend(match update {
                    Action::UpdateOnlyV => Some("merge_update_columns=['v']".to_owned()),
                    Action::UpdateAllButV => Some("merge_exclude_columns=['v']".to_owned()),
                    Action::AddToV => Some(
                        "merge_update_set_expressions={'v': 'DBT_INTERNAL_DEST.v + DBT_INTERNAL_SOURCE.v'}".to_owned(),
                    ),
                    _ => None,
                });
                parts.extend(update_if.config().map(|text| format!("merge_update_condition={text}")));
                parts.extend(insert_if.config().map(|text| format!("merge_insert_condition={text}")));
            }
            _ => {}
        }
        parts.join(", ")
    }

    fn sql(&self) -> String {
        let selects = self.batches.iter().map(|batch| match batch.as_slice() {
            [] => "\"select 0 as k, 0 as p, 0 as v where 1 = 0\"".to_owned(),
            rows => {
                let row = |r: &Row| {
                    let k = r.k.map_or_else(|| "cast(null as int)".to_owned(), |k| format!("cast({k} as int)"));
                    format!("select {k} as k, cast({} as int) as p, cast({} as int) as v", r.p, r.v)
                };
                format!("\"{}\"", rows.iter().map(row).collect::<Vec<_>>().join(" union all "))
            }
        });
        let batches = selects.collect::<Vec<_>>().join(", ");
        format!(
            "{{{{ config({}) }}}}\n{{% set batches = [{batches}] %}}\n{{{{ batches[var('batch')] }}}}\n",
            self.config()
        )
    }

    fn key(&self, row: &Row) -> Option<(i64, i64)> {
        row.k.map(|k| (k, if self.composite { row.p } else { 0 }))
    }

    fn in_reach(&self, target: &Row) -> bool {
        self.reach.is_none_or(|reach| target.v < reach)
    }

    fn meets(&self, source: &Row, target: &Row) -> bool {
        self.key(source).is_some() && self.key(source) == self.key(target) && self.in_reach(target)
    }

    /// The table after a batch; nothing if the batch is refused.
    fn after(&self, table: &[Row], batch: &[Row]) -> Option<Vec<Row>> {
        let missing_alone;
        let (matched, missing, orphans): (&[Clause], &[Clause], &[Clause]) = match &self.way {
            Way::DeleteInsert | Way::Overwrite => {
                let goes = |old: &Row, new: &Row| match self.way {
                    Way::Overwrite => old.p == new.p && self.in_reach(old),
                    _ => self.meets(new, old),
                };
                let stay = table.iter().filter(|old| !batch.iter().any(|new| goes(old, new)));
                return Some(stay.chain(batch).copied().collect());
            }
            Way::Clauses { matched, missing, orphans } => (matched, missing, orphans),
            Way::Simple { update, update_if, insert_if } => {
                missing_alone = [(*update_if, *update), (*insert_if, Action::Insert)];
                (&missing_alone[..1], &missing_alone[1..], &[])
            }
        };
        // What `merge_clauses` leaves out is done as without it.
        let by_default = |clauses, left_out, action| if left_out { vec![(Always, action)] } else { Vec::from(clauses) };
        let left_out = missing.is_empty() && orphans.is_empty();
        let matched = by_default(matched, matched.is_empty(), Action::UpdateByName);
        let missing = by_default(missing, left_out, Action::Insert);
        let inserts = |action: Action| matches!(action, Action::Insert | Action::InsertKeyAlone);
        let may_be_inserted =
            |row: &&Row| missing.iter().any(|(c, action)| inserts(*action) && c.holds(Some(**row), None));
        let mut keys: Vec<_> = batch.iter().filter(may_be_inserted).filter_map(|row| self.key(row)).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|two| two[0] == two[1]) {
            return None;
        }
        let mut result = Vec::new();
        for old in table {
            let met: Vec<_> = batch.iter().filter(|new| self.meets(new, old)).collect();
            let actions = met.iter().filter_map(|new| Some((**new, first(&matched, Some(**new), Some(*old))?)));
            let actions: Vec<_> = actions.filter(|(_, action)| !matches!(action, Action::Nothing)).collect();
            match actions.as_slice() {
                _ if actions.iter().any(|(_, action)| matches!(action, Action::Error)) => return None,
                [] if met.is_empty() => match first(orphans, None, Some(*old)) {
                    Some(Action::Delete) => {}
                    Some(Action::MarkOrphan) => result.push(Row { p: 9, ..*old }),
                    _ => result.push(*old),
                },
                [] => result.push(*old),
                [(new, action)] => result.extend(action.updated(*new, *old)),
                _ => return None,
            }
        }
        for new in batch.iter().filter(|new| !table.iter().any(|old| self.meets(new, old))) {
            match first(&missing, Some(*new), None) {
                Some(Action::Insert) => result.push(*new),
                Some(Action::InsertKeyAlone) => result.push(Row { p: 0, ..*new }),
                Some(Action::Error) => return None,
                _ => {}
            }
        }
        Some(result)
    }
}

fn spelled(clauses: &[Clause], by: &str) -> String {
    clauses.iter().fold(String::new(), |mut text, (condition, action)| {
        let condition = condition.config().map(|c| format!("'condition': {c}, ")).unwrap_or_default();
        let _ = write!(text, "{{{by}{condition}{}}}, ", action.config());
        text
    })
}

fn row() -> impl Strategy<Value = Row> {
    let k = prop_oneof![1 => Just(None), 8 => (0..6_i64).prop_map(Some)];
    (k, 0..2_i64, 0..100_i64).prop_map(|(k, p, v)| Row { k, p, v })
}

/// Clauses of one kind, of which only the last may be without condition.
fn clauses(conditions: &'static [Condition], actions: &'static [Action]) -> impl Strategy<Value = Vec<Clause>> {
    let conditional = prop::collection::vec((select(conditions), select(actions)), 0..2);
    (conditional, prop::option::of(select(actions)))
        .prop_map(|(some, last)| some.into_iter().chain(last.map(|action| (Always, action))).collect())
}

fn way() -> impl Strategy<Value = Way> {
    use Action::*;
    const OF_MATCHED: &[Condition] = &[SourceBelow(30), SourceFrom(60), Newer, TargetBelow(50), Both(20, 80)];
    const OF_SOURCE: &[Condition] = &[SourceBelow(50), SourceFrom(30), Both(20, 80)];
    const UPDATES: &[Action] = &[UpdateByName, UpdateStar, UpdateOnlyV, UpdateAllButV, AddToV, Delete, Nothing, Error];
    let matched = clauses(OF_MATCHED, UPDATES);
    let missing = clauses(OF_SOURCE, &[Insert, Insert, InsertKeyAlone, Nothing, Error]);
    let orphans = clauses(&[TargetBelow(50)], &[Delete, MarkOrphan, Nothing]);
    let clauses = (matched, missing, orphans)
        .prop_filter("a merge has clauses", |(a, b, c)| !(a.is_empty() && b.is_empty() && c.is_empty()))
        .prop_map(|(matched, missing, orphans)| Way::Clauses { matched, missing, orphans });
    let update = select(&[UpdateByName, UpdateOnlyV, UpdateAllButV, AddToV][..]);
    let update_if = select(&[Always, Newer, SourceFrom(30), TargetBelow(50)][..]);
    let insert_if = select(&[Always, Always, SourceFrom(30)][..]);
    let simple = (update, update_if, insert_if).prop_map(|(update, update_if, insert_if)| Way::Simple {
        update,
        update_if,
        insert_if,
    });
    prop_oneof![4 => clauses, 3 => simple, 1 => Just(Way::DeleteInsert), 1 => Just(Way::Overwrite)]
}

fn model() -> impl Strategy<Value = Model> {
    let batches = prop::collection::vec(prop::collection::vec(row(), 0..5), BATCHES);
    let reach = prop_oneof![2 => Just(None), 1 => Just(Some(60))];
    (way(), any::<bool>(), prop::bool::weighted(0.2), reach, batches).prop_map(
        |(way, composite, using, reach, batches)| {
            let is_merge = !matches!(way, Way::DeleteInsert | Way::Overwrite);
            let using = using && is_merge;
            Model { way, composite, using, reach: reach.filter(|_| !using), batches }
        },
    )
}

fn in_order(mut rows: Vec<Row>) -> Vec<String> {
    rows.sort_unstable();
    let shown = |r: Row| format!("{}|{}|{}", r.k.map_or_else(|| "null".to_owned(), |k| k.to_string()), r.p, r.v);
    let mut rows: Vec<String> = rows.into_iter().map(shown).collect();
    rows.sort();
    rows
}

fn merges_hold(engine: &'static str, models: &[Model], steps: &[usize]) -> TestCaseResult {
    let shop = Warehouse::new(engine);
    for (i, model) in models.iter().enumerate() {
        shop.write(&format!("models/m{i}.sql"), &model.sql());
    }
    let shown = "coalesce(cast(k as varchar), 'null') || '|' || cast(p as varchar) || '|' || cast(v as varchar)";
    let queries: Vec<String> = (0..models.len()).map(|i| format!("select {shown} from main.m{i}")).collect();
    let mut tables: Vec<Vec<Row>> = models.iter().map(|model| model.batches[0].clone()).collect();
    for (number, batch) in std::iter::once(&0).chain(steps).enumerate() {
        let mut all_well = true;
        for (model, table) in models.iter().zip(&mut tables).filter(|_| number > 0) {
            match model.after(table, &model.batches[*batch]) {
                Some(after) => *table = after,
                None => all_well = false,
            }
        }
        let vars = format!("batch: {batch}");
        let well = shop.run(&["run", "--quiet", "--vars", &vars])?;
        for ((mut found, model), table) in shop.answers(&queries).into_iter().zip(models).zip(&tables) {
            found.sort();
            prop_assert_eq!(found, in_order(table.clone()), "run {} with batch {} of {:?}", number, batch, model);
        }
        prop_assert_eq!(well, all_well, "verdict of run {}", number);
    }
    Ok(())
}

#[test]
fn a_merge_does_what_its_clauses_say() {
    let histories = (prop::collection::vec(model(), MODELS), prop::collection::vec(0..BATCHES, 1..5));
    for (engine, cases) in engines() {
        match runner(cases).run(&histories, |(models, steps)| merges_hold(engine, &models, &steps)) {
            Ok(()) => {}
            Err(TestError::Fail(why, (models, steps))) => {
                let texts: Vec<String> = models.iter().map(Model::sql).collect();
                panic!("{engine}: {why}\nsteps {steps:?}\n{}", texts.join("\n"));
            }
            Err(TestError::Abort(why)) => panic!("{engine}: {why}"),
        }
    }
}

//! Microbatch models: which batches run, in which order, and what that makes of the model.
//!
//! In: a model, the user's wish, the ledger. Out: the model's [`NodeOutcome`], with its batches. The decision itself is
//! [`plan_batches`]; here it gets its facts and is carried out: the first batch alone, those between the first and the last at the
//! same time where their order does not matter, then the last.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::{BatchKey, BatchSize, Interval, Value};
use crate::compile::Batch;
use crate::diag::{Diagnostic, codes};
use crate::jinja::context::host::Database as _;
use crate::jinja::names_used;
use crate::node::{Microbatch, Node};
use crate::plan::{BatchFacts, BatchPlan, BatchWish, PlannedBatch, Why, adds_to, full_refresh, plan_batches};
use crate::state::{Entry, EntryKind, EntryStatus, LedgerTable, Recorded, fingerprint, fingerprint_around};

use super::batch_set::BatchSet;
use super::event::{Event, NoteLevel, plural};
use super::ledger::{complete, to_micros};
use super::outcome::{BatchResults, NodeOutcome, Status};
use super::worker::{Worker, timed};

type Step<T> = Result<T, Box<Diagnostic>>;

impl Worker<'_> {
    /// Runs a microbatch model.
    pub fn run_microbatch(&self, node: &Arc<Node>, outcome: &mut NodeOutcome) -> Step<()> {
        let invalid = |message: String| Diagnostic::error(codes::CONFIG_INVALID, message).at(node.template.span());
        let config = Microbatch::of(&node.config)
            .map_err(|problem| invalid(format!("Microbatch model '{}' {problem}", node.name)))?;
        if let Some(problem) = self.settings.batches.wish.misfit(&config) {
            let help = "leave the model out with --exclude, or give bounds of its kind";
            return Err(Box::new(invalid(format!("Microbatch model '{}': {problem}", node.name)).help(help)));
        }
        let (result, period) = timed(|| self.run_batches(node, &config, outcome));
        outcome.timing.execute = Some(period);
        result
    }

    fn run_batches(&self, node: &Arc<Node>, config: &Microbatch, outcome: &mut NodeOutcome) -> Step<()> {
        let existing = self.database.get_relation(&complete(self.around, node)).map_err(|e| e.into_diagnostic())?;
        let previous = self.settings.batches.previous.get(&node.id);
        // What an earlier run has built of a table stays, even if that run was a full refresh.
        let done = self.done_before(node)?;
        let anew = previous.is_none() && done.is_empty() && self.is_full_refresh(node);
        let incremental = adds_to(existing.map(|(_, kind)| kind), anew);
        let mut plan = match previous {
            Some(previous) => BatchPlan {
                batches: previous.failed.iter().map(|i| PlannedBatch { interval: *i, why: Why::Asked }).collect(),
                ..BatchPlan::default()
            },
            None => self.plan_of(node, config, incremental)?,
        };
        plan.batches.retain(|planned| !done.contains(&planned.interval));
        let batches: Vec<Batch> = plan
            .batches
            .iter()
            .map(|planned| Batch::new(config.grid, planned.interval, config.format.as_deref()))
            .collect();
        let count = batches.len();
        let partial = self.settings.batches.partial;
        let set = Arc::new(BatchSet::new(node, &outcome.node, batches, incremental, partial));
        if count > 0 {
            let parallel = config.concurrent.unwrap_or_else(|| !reads_itself(node));
            self.work_off(&set, parallel);
            if let Some(refusal) = rebuild_needed(&set) {
                return Err(Box::new(refusal));
            }
        }
        self.judge(&set, previous, outcome);
        if outcome.status == Status::Success {
            self.point_to_latest(node)?;
            self.database.commit().map_err(|error| error.into_diagnostic())?;
        }
        if let Some(restate) = plan.restate {
            let done = outcome.status == Status::Success;
            let status = if done { EntryStatus::Success } else { EntryStatus::Stopped };
            let written =
                self.write_down(node, |table, relation| vec![table.restated(relation, restate.interval, status)]);
            if done {
                written?;
            }
        }
        Ok(())
    }

    /// Whether a run of the model is about all of it, not about batches that were named or failed before.
    pub(super) fn is_about_all(&self, node: &Node) -> bool {
        let batches = &self.settings.batches;
        batches.wish == BatchWish::Run(None) && !batches.previous.contains_key(&node.id)
    }

    fn is_full_refresh(&self, node: &Node) -> bool {
        full_refresh(&node.config, self.around.shared.flags.get("FULL_REFRESH").is_some_and(Value::is_truthy))
    }

    /// The batches that a run has recorded which was killed and is gone on with.
    fn done_before(&self, node: &Node) -> Step<Vec<Interval>> {
        let (Some(since), Some(recorded)) = (self.settings.batches.resumes, self.recorded(node)?) else {
            return Ok(Vec::new());
        };
        let of_it = |row: &&Recorded| {
            row.kind == EntryKind::Batch && row.status == EntryStatus::Success && row.started_at >= since
        };
        Ok(recorded.iter().filter(of_it).map(|row| row.interval).collect())
    }

    /// What the ledger tells of a model's batches; none where there is no ledger.
    fn recorded(&self, node: &Node) -> Step<Option<Vec<Recorded>>> {
        let Some(table) = self.ledger.as_ref().and_then(|ledger| ledger.table(node)) else { return Ok(None) };
        let sql = table.read(&LedgerTable::relation_key(&node.relation));
        let (_, rows) = self.database.query(&sql, None).map_err(|e| e.into_diagnostic())?;
        Ok(Some(LedgerTable::recorded(&rows)))
    }

    /// Asks the ledger, decides, and says what is not obvious.
    fn plan_of(&self, node: &Arc<Node>, config: &Microbatch, incremental: bool) -> Step<BatchPlan> {
        let wish = self.settings.batches.wish;
        let table = self.ledger.as_ref().and_then(|ledger| ledger.table(node));
        let recorded = self.recorded(node)?;
        let ends = match wish {
            BatchWish::Run(window) => window.is_some(),
            BatchWish::Backfill { end, .. } => end.is_some(),
        };
        let now = match config.grid.size() {
            BatchSize::Time(..) => {
                BatchKey::Time(to_micros(self.settings.batches.now.unwrap_or(self.around.shared.run_started_at)))
            }
            BatchSize::Numbers(_) if ends => config.begin,
            BatchSize::Numbers(_) => self.end_of_input(node, config)?,
        };
        let fingerprint = fingerprint(node);
        let around = fingerprint_around(&self.around.project, node);
        let recorded = recorded.as_deref();
        let occupied = match config.grid.size() {
            BatchSize::Time(..) => None,
            BatchSize::Numbers(step) => self.with_rows(node, config, step, incremental)?,
        };
        if occupied.is_none() && !incremental && !ends {
            refuse_too_many(node, config, now)?;
        }
        let (occupied, fingerprint) = (occupied.as_ref(), fingerprint.as_str());
        let facts = BatchFacts { config, incremental, now, recorded, occupied, fingerprint, around };
        let plan = plan_batches(&facts, wish);
        self.tell_plan(node, &plan);
        if let (Some(ledger), Some(_)) = (&self.ledger, &table) {
            let row = |kind, interval: Interval, status| ledger.row(node, kind, Some(interval), status);
            let adopted = plan.adopt.map(|interval| row(EntryKind::Batch, interval, EntryStatus::Adopted));
            let begun = plan.restate.as_ref().filter(|restate| restate.since.is_none()).map(|restate| Entry {
                fingerprint: restate.fingerprint.clone(),
                ..row(EntryKind::Restate, restate.interval, EntryStatus::Running)
            });
            self.write_down(node, |table, _| adopted.iter().chain(&begun).map(|entry| table.insert(entry)).collect())?;
        }
        Ok(plan)
    }

    /// Lines about what a reader of the model would not expect.
    fn tell_plan(&self, node: &Node, plan: &BatchPlan) {
        let say = |message: String| {
            self.around.sink.emit(&Event::Note { level: NoteLevel::Info, message: &message });
        };
        let missing = plan.count(Why::Missing);
        if let Some(first) = plan.batches.iter().find(|batch| batch.why == Why::Missing) {
            say(format!("{}: {} missing, from {}", node.name, plural(missing, "batch"), first.interval.start));
        }
        if let Some(past) = plan.adopt {
            let until = past.end;
            say(format!("{}: no record of how its table was built; what it holds before {until} stays", node.name));
        }
        if plan.of_earlier_code > 0 {
            let kept = plural(plan.of_earlier_code, "batch");
            let name = &node.name;
            say(format!("{name}: {kept} of earlier code stay; `backfill -s {name} --restate` rewrites them"));
        }
        if let Some(since) = plan.restate.as_ref().and_then(|restate| restate.since) {
            let at = since.format("%Y-%m-%d %H:%M:%S");
            say(format!("{}: goes on with the restatement begun at {at} UTC", node.name));
        }
    }

    /// Writes to the ledger what belongs to no batch.
    fn write_down(&self, node: &Node, sql: impl FnOnce(&LedgerTable, &str) -> Vec<String>) -> Step<()> {
        let Some(table) = self.ledger.as_ref().and_then(|ledger| ledger.table(node)) else { return Ok(()) };
        for statement in sql(&table, &LedgerTable::relation_key(&node.relation)) {
            self.database.query(&statement, None).map_err(|e| e.into_diagnostic())?;
        }
        self.database.commit().map_err(|e| Box::new(e.into_diagnostic()))
    }

    /// Begins of the batches of numbers in which the input or the table has rows. None where the model may make rows of
    /// something else: a parent that its batches do not cut, or nothing at all.
    fn with_rows(
        &self,
        node: &Node,
        config: &Microbatch,
        step: i64,
        incremental: bool,
    ) -> Step<Option<BTreeSet<BatchKey>>> {
        let BatchKey::Number(begin) = config.grid.truncate(config.begin) else { return Ok(None) };
        let project = &self.around.project;
        // `ref(...).render()` reads all of a parent.
        if node.depends_on.is_empty() || node.template.text().contains("render()") {
            return Ok(None);
        }
        let mut places: Vec<(String, String)> = Vec::new();
        for id in &node.depends_on {
            let parent = project.nodes.get(id).map(|n| (&n.config, n.relation_name.clone()));
            let parent = parent.or_else(|| project.sources.get(id).map(|s| (&s.config, Some(s.relation_name.clone()))));
            let found = parent.and_then(|(config, relation)| Some((config.str("event_time")?.to_owned(), relation?)));
            let Some(place) = found else { return Ok(None) };
            places.push(place);
        }
        if incremental {
            let own = node.config.str("event_time").map(str::to_owned).zip(node.relation_name.clone());
            let Some(own) = own else { return Ok(None) };
            places.push(own);
        }
        let mut found = BTreeSet::new();
        for (column, relation) in places {
            let [from, step] = [begin, step].map(|number| format!("cast({number} as bigint)"));
            let sql = format!(
                "select distinct {column} - ((({column} - {from}) % {step}) + {step}) % {step} from {relation} \
                 where {column} is not null"
            );
            let (_, rows) = self.database.query(&sql, None).map_err(|e| e.into_diagnostic())?;
            for value in rows.rows.iter().filter_map(|row| row.first()) {
                let Some(key) = value.as_i64() else { return Ok(None) };
                found.insert(BatchKey::Number(key));
            }
        }
        Ok(Some(found))
    }

    /// The end of the input of a model whose batches are numbers: the greatest key in what it reads.
    fn end_of_input(&self, node: &Node, config: &Microbatch) -> Step<BatchKey> {
        let project = &self.around.project;
        let mut greatest: Option<i64> = None;
        for id in &node.depends_on {
            let parent = project.nodes.get(id).map(|n| (&n.config, n.relation_name.clone()));
            let parent = parent.or_else(|| project.sources.get(id).map(|s| (&s.config, Some(s.relation_name.clone()))));
            let Some((parent, Some(relation))) = parent else { continue };
            let Some(column) = parent.str("event_time") else { continue };
            let sql = format!("select max({column}) from {relation}");
            let (_, rows) = self.database.query(&sql, Some(1)).map_err(|e| e.into_diagnostic())?;
            let found = rows.rows.first().and_then(|row| row.first()).and_then(Value::as_i64);
            greatest = greatest.max(found);
        }
        // An empty input has no batch but the first.
        Ok(greatest.map_or(config.begin, |key| BatchKey::Number(key.saturating_add(1))))
    }

    fn work_off(&self, set: &Arc<BatchSet>, parallel: bool) {
        let count = set.batches.len();
        let first = self.run_batch(set, 0, false);
        let skip = first.status != Status::Success;
        set.keep(0, first);
        if skip {
            (1..count).for_each(|position| set.keep(position, self.skip_batch(set, position)));
            return;
        }
        if count > 2 {
            set.open(1..count - 1);
            let crew = self.crew.filter(|_| parallel);
            if let Some(crew) = crew {
                crew.offer(set);
            }
            while let Some(position) = set.take() {
                if self.around.cancel.is_cancelled() {
                    let outcome = self.skip_batch(set, position);
                    set.ended(position, outcome);
                    continue;
                }
                set.ended(position, self.run_batch(set, position, crew.is_some()));
            }
            set.wait();
            if let Some(crew) = crew {
                crew.withdraw(set);
            }
        }
        if count > 1 {
            let cancelled = self.around.cancel.is_cancelled();
            let last = if cancelled { self.skip_batch(set, count - 1) } else { self.run_batch(set, count - 1, false) };
            set.keep(count - 1, last);
        }
    }

    /// What the batches make of the model.
    fn judge(&self, set: &BatchSet, previous: Option<&BatchResults>, outcome: &mut NodeOutcome) {
        let mut results = BatchResults::default();
        for (batch, ended) in set.batches.iter().zip(set.outcomes()) {
            match ended {
                Some(ended) if ended.status == Status::Success => results.successful.push(batch.interval),
                Some(ended) => {
                    results.failed.push(batch.interval);
                    // The same mistake is told once, not once a batch.
                    for problem in ended.diagnostics {
                        if !outcome.diagnostics.iter().any(|known| known.message == problem.message) {
                            outcome.diagnostics.push(problem);
                        }
                    }
                }
                None => results.failed.push(batch.interval),
            }
        }
        let (done, wrong) = (results.successful.len(), results.failed.len());
        (outcome.status, outcome.message) = match (done, wrong) {
            (_, 0) if set.batches.is_empty() => (Status::Success, Some("no batch to run".to_owned())),
            (_, 0) => (Status::Success, Some("SUCCESS".to_owned())),
            (0, _) => (Status::Error, Some("ERROR".to_owned())),
            _ => (Status::PartialSuccess, Some(format!("PARTIAL SUCCESS ({done}/{})", done + wrong))),
        };
        outcome.failures = Some(0);
        results.successful.sort_unstable();
        results.failed.sort_unstable();
        if let Some(previous) = previous {
            results.successful.extend_from_slice(&previous.successful);
        }
        outcome.batch_results = Some(results);
    }
}

/// One key far from all others makes more batches than anybody waits for.
fn refuse_too_many(node: &Node, config: &Microbatch, end: BatchKey) -> Step<()> {
    const MOST: i64 = 1_000_000;
    let (BatchSize::Numbers(step), BatchKey::Number(begin), BatchKey::Number(end)) =
        (config.grid.size(), config.begin, end)
    else {
        return Ok(());
    };
    let count = end.saturating_sub(begin) / step;
    if count <= MOST {
        return Ok(());
    }
    let message = format!(
        "Microbatch model '{}' would have {count} batches: the greatest key of its input is {}",
        node.name,
        end.saturating_sub(1)
    );
    let help = "give every parent an `event_time`, so that batches without rows are left out, choose a larger `batch_size`, \
                or keep such keys out of the input";
    Err(Box::new(Diagnostic::error(codes::CONFIG_INVALID, message).at(node.template.span()).help(help)))
}

/// The refusal of the first batch that would need its table rebuilt; none of the others has run then.
fn rebuild_needed(set: &BatchSet) -> Option<Diagnostic> {
    let first = set.outcomes().into_iter().next().flatten()?;
    first.diagnostics.into_iter().find(|problem| problem.code == codes::REBUILD_NEEDED)
}

/// Whether a model's SQL looks at the model's own table: then its batches need their order.
fn reads_itself(node: &Node) -> bool {
    let template = &node.template;
    let names = names_used(&template.file, template.range.clone());
    names.is_none_or(|names| names.iter().any(|name| name == "this"))
}

//! Goes over the nodes of a run and decides on each.
//!
//! In: [`PlanRequest`]. Out: [`Plan`].

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::adapters::shadow::ShadowColumn;
use crate::base::{BatchKey, BatchSize, NodeId, Relation, RelationKind, Value};
use crate::graph::{ExecutionGraph, Selection};
use crate::node::{Language, Microbatch, Node, Project, ResourceType};
use crate::state::{LedgerTable, fingerprint, fingerprint_around, seed_is_unchanged};

use super::action::{Action, Plan, Step};
use super::batches::{BatchFacts, BatchPlan, BatchWish, Why, plan_batches};
use super::facts::{Existing, Facts, Maker};
use super::hooks::{Phase, run_hooks};
use super::incremental::{Addition, Strategy, strategy};
use super::refresh::{Rebuild, adds_to, full_refresh, rebuild};
use super::schema_change::{Outcome, SchemaChange, SchemaMode, Written};
use super::schemas::missing_schemas;
use super::snapshot::SnapshotPlan;

/// How a run is asked for.
#[derive(Clone, Debug)]
pub struct PlanSettings {
    /// `--full-refresh`.
    pub full_refresh: bool,
    /// `--store-failures`.
    pub store_failures: bool,
    /// Which batches are wanted.
    pub batches: BatchWish,
    /// The time until which batches run.
    pub now: DateTime<Utc>,
    /// The database of relations that name none.
    pub default_database: String,
    /// The engine's strategy for models that name none.
    pub default_strategy: &'static str,
    /// Whether microbatch models run batch by batch.
    pub runs_in_batches: bool,
}

/// What a plan is made from.
#[derive(Clone, Copy)]
pub struct PlanRequest<'a> {
    /// The project.
    pub project: &'a Project,
    /// What runs, in which order.
    pub graph: &'a ExecutionGraph,
    /// What was selected: ephemeral models do not run.
    pub selection: &'a Selection,
    /// What is known.
    pub facts: &'a Facts,
    /// How the run is asked for.
    pub settings: &'a PlanSettings,
}

/// What is decided on a node.
struct Decision {
    action: Action,
    reason: String,
    notes: Vec<String>,
    rows_after: Option<u64>,
}

fn decided(action: Action, reason: impl Into<String>) -> Decision {
    Decision { action, reason: reason.into(), notes: Vec::new(), rows_after: None }
}

/// Decides on everything that a run does.
pub fn plan(request: &PlanRequest<'_>) -> Plan {
    let PlanRequest { project, graph, facts, settings, .. } = *request;
    let nodes = graph.order().filter_map(|id| project.nodes.get(id));
    let exists = |database: &str, schema: &str| -> Result<bool, std::convert::Infallible> {
        Ok(facts.schemas.contains(&(database.to_lowercase(), schema.to_lowercase())))
    };
    let Ok(schemas) = missing_schemas(nodes, &settings.default_database, settings.store_failures, exists);
    let mut plan = Plan { schemas, ..Plan::default() };
    let hooks = |phase| run_hooks(project, phase).into_iter().filter(|_| !graph.is_empty());
    plan.steps
        .extend(hooks(Phase::Start).map(|node| request.step(&node, decided(Action::Hook, Phase::Start.as_str()))));
    let mut blocked: HashMap<&NodeId, ()> = HashMap::new();
    for id in graph.order() {
        let Some(mut step) = request.step_of(id) else { continue };
        let parent = graph.dependencies(id).into_iter().find(|parent| blocked.contains_key(parent));
        if let Some(parent) = parent {
            let name = project.nodes.get(parent).map_or_else(|| parent.to_string(), |node| node.search_name());
            step.reason = format!("{name} is not going to succeed");
            step.action = Action::Blocked(parent.clone());
        }
        let goes_on = project.nodes.get(id).is_some_and(|node| node.config.str("on_error") == Some("continue"));
        if step.action.blocks() && !goes_on {
            blocked.insert(id, ());
        }
        plan.steps.push(step);
    }
    for id in request.selection.sorted() {
        if let Some(node) = project.nodes.get(id).filter(|node| node.is_ephemeral()) {
            plan.steps.push(request.step(node, decided(Action::Skip, "ephemeral: part of the code of its readers")));
        }
    }
    plan.steps.extend(hooks(Phase::End).map(|node| request.step(&node, decided(Action::Hook, Phase::End.as_str()))));
    plan.disabled = project.disabled.keys().cloned().collect();
    plan
}

/// The columns that a relation has after a run that builds it, given those of its query. Without a decision of its own, a relation
/// has its query's.
pub fn columns_after(
    node: &Node,
    query: &[ShadowColumn],
    existing: Option<&Existing>,
    flag: bool,
    default_strategy: &str,
) -> Option<Vec<ShadowColumn>> {
    let adds = node.config.materialized() == "incremental"
        && adds_to(existing.map(|e| e.kind), full_refresh(&node.config, flag));
    let table = existing?.columns.as_deref().filter(|_| adds)?;
    let written = written(node, &strategy(&node.config, default_strategy));
    let change = SchemaChange::between(SchemaMode::of_model(&node.config), query, table, written);
    (!matches!(change.outcome, Outcome::RebuildNeeded(_))).then(|| change.applied_to(table))
}

/// Which columns a strategy writes: a merge those of the query, by name, unless clauses say otherwise; others those of the table.
fn written(node: &Node, strategy: &Strategy) -> Written {
    match strategy {
        Strategy::Custom(_) => Written::OfBoth,
        Strategy::Merge if !merges_by_name(node) => Written::OfBoth,
        Strategy::Merge => Written::OfQuery,
        _ => Written::OfTable,
    }
}

/// Whether a merge has a clause that takes all columns of the query by their names, as those do that it has by itself.
fn merges_by_name(node: &Node) -> bool {
    let Some(clauses) = node.config.get("merge_clauses").filter(|clauses| clauses.is_truthy()) else { return true };
    let by_name = |clause: &Value| clause.get("mode").and_then(Value::as_str) == Some("by_name");
    ["when_matched", "when_not_matched"]
        .iter()
        .any(|side| clauses.get(side).is_none_or(|list| list.as_list().is_some_and(|list| list.iter().any(by_name))))
}

impl PlanRequest<'_> {
    fn step_of(&self, id: &NodeId) -> Option<Step> {
        if let Some(node) = self.project.nodes.get(id) {
            return Some(self.step(node, self.decide(node)));
        }
        let bare = |name: &str, resource_type, decision: Decision| Step {
            id: id.clone(),
            name: name.to_owned(),
            resource_type,
            relation: None,
            place: String::new(),
            action: decision.action,
            reason: decision.reason,
            notes: decision.notes,
            rows_now: None,
            small_files: 0,
            rows_after: None,
            hooks: (0, 0),
            python: false,
        };
        if let Some(test) = self.project.unit_tests.get(id) {
            let decision = decided(Action::UnitTest, format!("of {}, on the rows it gives", test.model));
            return Some(bare(&test.name, ResourceType::UnitTest, decision));
        }
        if let Some(exposure) = self.project.exposures.get(id) {
            return Some(bare(
                &exposure.name,
                ResourceType::Exposure,
                decided(Action::Skip, "nothing is built for it"),
            ));
        }
        let semantic = self.project.semantics.get(id)?;
        Some(bare(&semantic.name, semantic.kind, decided(Action::Skip, "nothing is built for it")))
    }

    fn step(&self, node: &Node, decision: Decision) -> Step {
        let stores = matches!(decision.action, Action::Test { stores_failures: true });
        let has_relation = node.is_relational() || stores;
        let existing = self.existing(node).filter(|_| has_relation);
        let mut notes = decision.notes;
        let hooks = |key: &str| node.config.get(key).and_then(Value::as_list).map_or(0, <[Value]>::len);
        if node.is_relational() && node.language == Language::Python {
            notes.push("written in Python".to_owned());
        }
        Step {
            id: node.id.clone(),
            name: node.search_name(),
            resource_type: node.resource_type,
            relation: node.relation_name.clone().filter(|_| has_relation),
            place: if has_relation { self.place(&node.relation) } else { String::new() },
            action: decision.action,
            reason: decision.reason,
            notes,
            rows_now: existing.and_then(|e| e.rows),
            small_files: existing.map_or(0, |e| e.small_files),
            rows_after: decision.rows_after,
            hooks: (hooks("pre-hook"), hooks("post-hook")),
            python: node.language == Language::Python,
        }
    }

    fn place(&self, relation: &Relation) -> String {
        let own = relation.database.as_deref().is_some_and(|d| d.eq_ignore_ascii_case(&self.settings.default_database));
        let shown = if own { Relation { database: None, ..relation.clone() } } else { relation.clone() };
        shown.to_string()
    }

    fn existing(&self, node: &Node) -> Option<&Existing> {
        self.facts.existing(&node.relation, &self.settings.default_database)
    }

    fn decide(&self, node: &Node) -> Decision {
        if node.resource_type == ResourceType::Test {
            return self.test(node);
        }
        if node.resource_type == ResourceType::Analysis {
            return decided(Action::Skip, "analyses are compiled, never run");
        }
        match self.facts.makers.get(&node.id) {
            Some(Maker::Missing) => {
                return decided(
                    Action::Refuse,
                    format!("no materialization '{}' was found", node.config.materialized()),
                );
            }
            Some(Maker::Project(id)) => {
                let reason = format!("the materialization '{}' of the project decides", node.config.materialized());
                return decided(Action::Custom { maker: Some(id.clone()) }, reason);
            }
            _ => {}
        }
        match (node.resource_type, node.config.materialized()) {
            (ResourceType::Seed, _) => self.seed(node),
            (ResourceType::Snapshot, _) => self.snapshot(node),
            (_, "table") => self.table(node),
            (_, "view") => self.view(node),
            (_, "incremental") => self.incremental(node),
            (_, "external") => self.external(node),
            (_, "table_function") | (ResourceType::Function, "function") => {
                decided(Action::TableFunction, "functions are replaced in every run")
            }
            (_, other) => {
                decided(Action::Custom { maker: None }, format!("the materialization '{other}' decides as it runs"))
            }
        }
    }

    fn table(&self, node: &Node) -> Decision {
        let decision = match self.existing(node).map(|e| e.kind) {
            None => decided(Action::CreateTable, "there is no such relation yet"),
            Some(RelationKind::Table) => decided(Action::ReplaceTable, "tables are built anew in every run"),
            Some(kind) => decided(Action::ReplaceTable, format!("it is a {} now", kind.as_str())),
        };
        self.with_code(node, decision)
    }

    fn view(&self, node: &Node) -> Decision {
        let decision = match self.existing(node).map(|e| e.kind) {
            None => decided(Action::CreateView, "there is no such relation yet"),
            Some(RelationKind::View) => decided(Action::ReplaceView, "views are replaced in every run"),
            Some(kind) => decided(Action::ReplaceView, format!("it is a {} now", kind.as_str())),
        };
        self.with_code(node, decision)
    }

    /// Adds what becomes of the columns, and what the ledger knows of the code that the relation was built with.
    fn with_code(&self, node: &Node, mut decision: Decision) -> Decision {
        if matches!(decision.action, Action::ReplaceTable | Action::ReplaceView) {
            decision.notes.extend(self.other_columns(node));
        }
        let known = self.facts.fingerprints.get(&LedgerTable::relation_key(&node.relation));
        if self.existing(node).is_some() && known.is_some_and(|known| *known != fingerprint(node)) {
            decision.notes.push("its code has changed".to_owned());
        }
        decision
    }

    /// What readers of a relation that is built anew find changed in its columns.
    fn other_columns(&self, node: &Node) -> Option<String> {
        let table = self.existing(node)?.columns.as_deref()?;
        match self.facts.queries.get(&node.id)? {
            Ok(query) => {
                let difference = SchemaChange::between(SchemaMode::Sync, query, table, Written::OfBoth).difference();
                (!difference.is_empty()).then(|| format!("its columns change ({difference})"))
            }
            Err(why) => Some(format!("its query does not bind: {}", why.lines().next().unwrap_or_default())),
        }
    }

    fn external(&self, node: &Node) -> Decision {
        let by_partition = node.config.str("incremental_strategy") == Some("insert_overwrite");
        let refreshed = full_refresh(&node.config, self.settings.full_refresh);
        let location = node.config.str("location").map(str::to_owned);
        let reason = match (by_partition, refreshed) {
            (true, false) => "partitions that have new rows are replaced, if there are files yet",
            (true, true) => "--full-refresh: the folder is replaced",
            _ => "files are written anew in every run",
        };
        decided(Action::External { location, by_partition: by_partition && !refreshed }, reason)
    }

    fn test(&self, node: &Node) -> Decision {
        let stores_failures = super::schemas::writes(node, self.settings.store_failures);
        let parents: Vec<&str> = node
            .depends_on
            .iter()
            .filter_map(|id| {
                let of_node = self.project.nodes.get(id).map(|n| n.name.as_str());
                of_node.or_else(|| self.project.sources.get(id).map(|s| s.name.as_str()))
            })
            .collect();
        let mut reason = format!("reads {}", parents.join(", "));
        if stores_failures {
            reason.push_str("; rows that fail are kept");
        }
        decided(Action::Test { stores_failures }, reason)
    }

    fn seed(&self, node: &Node) -> Decision {
        let file = match self.facts.seeds.get(&node.id) {
            Some(Err(problem)) => return decided(Action::Refuse, problem.as_str()),
            Some(Ok(file)) => Some(file),
            None => None,
        };
        let existing = self.existing(node);
        let refreshed = full_refresh(&node.config, self.settings.full_refresh);
        let unknown_columns = || {
            let table = existing?.columns.as_ref()?;
            let has = |name: &str| table.iter().any(|c| c.name.eq_ignore_ascii_case(name));
            let missing: Vec<&str> = file?.columns.iter().map(String::as_str).filter(|name| !has(name)).collect();
            (!missing.is_empty()).then(|| missing.join(", "))
        };
        let mut decision = match existing.map(|e| e.kind) {
            None => decided(Action::CreateSeed, "there is no such relation yet"),
            Some(RelationKind::View) => {
                return decided(Action::Refuse, "it is a view, and seeds are loaded into tables");
            }
            Some(_) if refreshed => decided(Action::ReplaceSeed, "--full-refresh"),
            Some(_) => match unknown_columns() {
                Some(names) => {
                    let reason = format!("the table has no column {names}: use --full-refresh");
                    return decided(Action::Refuse, reason);
                }
                None => decided(Action::ReloadSeed, "the table is emptied and filled in every run"),
            },
        };
        let known = self.facts.fingerprints.get(&LedgerTable::relation_key(&node.relation));
        if existing.is_some() {
            let same = known.map(|known| seed_is_unchanged(&node.checksum, &fingerprint(node), Some(known)));
            decision.notes.extend(
                same.map(|same| if same { "its file has not changed" } else { "its file has changed" }.to_owned()),
            );
        }
        decision.rows_after = file.map(|f| f.rows);
        decision
    }

    fn snapshot(&self, node: &Node) -> Decision {
        let mut plan = SnapshotPlan::of(node);
        let how = match plan.strategy.as_str() {
            "timestamp" => format!("by {}", plan.updated_at.as_deref().unwrap_or("its time")),
            "check" => format!("by comparing {}", plan.check_columns.join(", ")),
            other => format!("by the strategy '{other}'"),
        };
        let Some(existing) = self.existing(node) else {
            return decided(
                Action::CreateSnapshot(Box::new(plan)),
                format!("first run: all rows are taken; later {how}"),
            );
        };
        if existing.kind != RelationKind::Table {
            let reason = format!("it is a {}, and snapshots are kept in tables", existing.kind.as_str());
            return decided(Action::Refuse, reason);
        }
        let mut notes = Vec::new();
        if let Some(table) = &existing.columns {
            let missing = plan.missing(node, table);
            if !missing.is_empty() {
                return decided(Action::Refuse, format!("its table has no column {}", missing.join(", ")));
            }
            let change = match self.facts.queries.get(&node.id) {
                Some(Ok(query)) => SnapshotPlan::follow(node, query, table),
                Some(Err(why)) => SchemaChange::unknown(SchemaMode::of_snapshot(node), why),
                None => SchemaChange::unknown(SchemaMode::of_snapshot(node), "its query was not bound"),
            };
            if let Outcome::Fails(why) = &change.outcome {
                return decided(Action::Refuse, format!("on_schema_change: fail, and {why}"));
            }
            notes.extend(unknown_note(&change));
            plan.schema = Some(change);
        }
        let mut reason = format!("changes are found {how}");
        match plan.hard_deletes.as_str() {
            "invalidate" => reason.push_str("; rows that vanish are closed"),
            "new_record" => reason.push_str("; rows that vanish are recorded as deleted"),
            _ => {}
        }
        if let Some(alterations) = plan.schema.as_ref().and_then(SchemaChange::alterations) {
            reason.push_str(&format!("; {alterations}"));
        }
        Decision { notes, ..decided(Action::UpdateSnapshot(Box::new(plan)), reason) }
    }

    fn incremental(&self, node: &Node) -> Decision {
        let strategy = strategy(&node.config, self.settings.default_strategy);
        if strategy == Strategy::Microbatch && self.settings.runs_in_batches {
            return self.batches(node);
        }
        let existing = self.existing(node);
        let kind = existing.map(|e| e.kind);
        let refreshed = full_refresh(&node.config, self.settings.full_refresh);
        let spelled_by = match self.facts.strategies.get(&node.id) {
            Some(Maker::Missing) if adds_to(kind, refreshed) => {
                let name = strategy.as_str();
                return decided(Action::Refuse, format!("there is no incremental strategy '{name}'"));
            }
            Some(Maker::Project(id)) => Some(id.clone()),
            _ => None,
        };
        let decision = match kind {
            None => decided(Action::CreateTable, "first run: there is no table yet"),
            Some(RelationKind::View) => decided(Action::ReplaceTable, "it is a view now"),
            Some(_) if refreshed => decided(Action::ReplaceTable, self.why_refreshed(node)),
            Some(_) => self.addition(node, strategy, existing, spelled_by),
        };
        self.with_code(node, decision)
    }

    fn why_refreshed(&self, node: &Node) -> &'static str {
        match node.config.bool("full_refresh") {
            Some(true) => "its config has full_refresh: true",
            _ => "--full-refresh",
        }
    }

    fn addition(
        &self,
        node: &Node,
        strategy: Strategy,
        existing: Option<&Existing>,
        spelled_by: Option<String>,
    ) -> Decision {
        let change = self.schema_change(node, &strategy, existing);
        let mut notes: Vec<String> = unknown_note(&change).into_iter().collect();
        match &change.outcome {
            Outcome::Fails(why) => {
                return decided(Action::Refuse, format!("on_schema_change: {}, and {why}", change.mode.as_str()));
            }
            Outcome::RebuildNeeded(why) => {
                return match rebuild(&node.config) {
                    Rebuild::Anew => {
                        decided(Action::ReplaceTable, format!("on_schema_change: full_refresh, and {why}"))
                    }
                    Rebuild::Forbidden => {
                        decided(Action::Refuse, format!("{why}, and full_refresh: false forbids to build it anew"))
                    }
                    Rebuild::Refused => decided(Action::Refuse, why.as_str()),
                };
            }
            Outcome::Kept => notes.push(format!("the table keeps its columns ({})", change.difference())),
            _ => notes.extend(misfit_note(&change)),
        }
        if self.settings.full_refresh && node.config.bool("full_refresh") == Some(false) {
            notes.push("full_refresh: false keeps the table".to_owned());
        }
        let by_query = change.mode != SchemaMode::Ignore;
        let of_query = self.facts.queries.get(&node.id).and_then(|q| q.as_deref().ok());
        let listed = if by_query { of_query } else { existing.and_then(|e| e.columns.as_deref()) };
        let columns = listed.map(|columns| columns.iter().map(|c| c.name.clone()).collect());
        let mut addition = Addition::of(&node.config, strategy, change, spelled_by);
        addition.columns = columns;
        let reason = addition.reason();
        Decision { notes, ..decided(Action::Add(Box::new(addition)), reason) }
    }

    fn schema_change(&self, node: &Node, strategy: &Strategy, existing: Option<&Existing>) -> SchemaChange {
        let mode = SchemaMode::of_model(&node.config);
        let table = existing.and_then(|e| e.columns.as_deref());
        match (table, self.facts.queries.get(&node.id)) {
            (Some(table), Some(Ok(query))) => SchemaChange::between(mode, query, table, written(node, strategy)),
            (_, Some(Err(why))) => SchemaChange::unknown(mode, why),
            _ => SchemaChange::unknown(mode, "its query was not bound"),
        }
    }

    fn batches(&self, node: &Node) -> Decision {
        let config = match Microbatch::of(&node.config) {
            Ok(config) => config,
            Err(problem) => return decided(Action::Refuse, format!("it {problem}")),
        };
        if let Some(problem) = self.settings.batches.misfit(&config) {
            return decided(Action::Refuse, problem);
        }
        let existing = self.existing(node);
        let kind = existing.map(|e| e.kind);
        let refreshed = full_refresh(&node.config, self.settings.full_refresh);
        let adds = adds_to(kind, refreshed);
        let schema = adds.then(|| self.schema_change(node, &Strategy::Microbatch, existing));
        let mut rebuilt = None;
        match schema.as_ref().map(|s| &s.outcome) {
            Some(Outcome::Fails(why)) => return decided(Action::Refuse, why.as_str()),
            Some(Outcome::RebuildNeeded(why)) => match rebuild(&node.config) {
                Rebuild::Anew if self.settings.batches == BatchWish::Run(None) => rebuilt = Some(why.clone()),
                Rebuild::Anew => {
                    return decided(Action::Refuse, format!("{why}, and only a part of it would be built anew"));
                }
                Rebuild::Forbidden => {
                    return decided(Action::Refuse, format!("{why}, and full_refresh: false forbids to build it anew"));
                }
                Rebuild::Refused => return decided(Action::Refuse, why.as_str()),
            },
            _ => {}
        }
        let incremental = adds && rebuilt.is_none();
        let ends = match self.settings.batches {
            BatchWish::Run(window) => window.is_some(),
            BatchWish::Backfill { end, .. } => end.is_some(),
        };
        let now = match config.grid.size() {
            BatchSize::Time(..) => Some(BatchKey::Time(self.settings.now)),
            BatchSize::Numbers(_) if ends => Some(config.begin),
            // The end is the greatest number in the input: only the run looks.
            BatchSize::Numbers(_) => None,
        };
        let recorded = self.facts.recorded.get(&node.id).map(Vec::as_slice);
        let fingerprint = fingerprint(node);
        let plan = now.map(|now| {
            let around = fingerprint_around(self.project, node);
            // Only the run looks which batches of numbers have rows.
            let (config, occupied, fingerprint) = (&config, None, fingerprint.as_str());
            let facts = BatchFacts { config, incremental, now, recorded, occupied, fingerprint, around };
            plan_batches(&facts, self.settings.batches)
        });
        let why = match kind {
            _ if incremental => String::new(),
            None => "first run: there is no table yet; ".to_owned(),
            Some(RelationKind::View) => "it is a view now; ".to_owned(),
            Some(_) => match &rebuilt {
                Some(why) => format!("on_schema_change: full_refresh, and {why}; "),
                None => format!("{}; ", self.why_refreshed(node)),
            },
        };
        let reason = match &plan {
            Some(plan) => format!("{why}{}", describe(plan)),
            None => format!("{why}until the greatest number in the input"),
        };
        let mut notes = Vec::new();
        if matches!(config.grid.size(), BatchSize::Numbers(_)) && plan.as_ref().is_none_or(|p| p.batches.len() > 1) {
            notes.push("those without rows are left out where the run can tell".to_owned());
        }
        if let Some(plan) = &plan {
            notes.extend(plan.adopt.map(|past| format!("what the table holds before {} stays", past.end)));
            if plan.of_earlier_code > 0 {
                notes.push(format!("{} batches of earlier code stay", plan.of_earlier_code));
            }
        }
        let schema = schema.filter(|_| incremental);
        if let Some(schema) = &schema {
            notes.extend(schema.alterations());
            notes.extend(misfit_note(schema));
        }
        Decision {
            notes,
            ..decided(Action::Batches { plan: plan.map(Box::new), creates: !incremental, schema }, reason)
        }
    }
}

/// What happens if a value in the table does not fit into a new type.
fn misfit_note(change: &SchemaChange) -> Option<String> {
    let what = if change.mode == SchemaMode::FullRefresh { "built anew" } else { "fails" };
    change.depends_on_values().then(|| format!("{what} if a value does not fit"))
}

fn unknown_note(change: &SchemaChange) -> Option<String> {
    match &change.outcome {
        Outcome::Unknown(why) => Some(format!("its columns are not known: {why}")),
        _ => None,
    }
}

fn describe(plan: &BatchPlan) -> String {
    let (Some(first), Some(last)) = (plan.batches.first(), plan.batches.last()) else {
        return "everything is there".to_owned();
    };
    let parts: Vec<String> = [
        (Why::Build, "to build"),
        (Why::Asked, "asked for"),
        (Why::Missing, "missing"),
        (Why::Lookback, "for late rows"),
    ]
    .into_iter()
    .map(|(why, words)| (plan.count(why), words))
    .filter(|(count, _)| *count > 0)
    .map(|(count, words)| format!("{count} {words}"))
    .collect();
    format!("{}, from {} until {}", parts.join(", "), first.interval.start, last.interval.end)
}

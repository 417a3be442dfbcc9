//! Binds nodes in the order of the DAG, each against the columns that binding its parents gave.
//!
//! In: compiled nodes, columns of what lies outside, a shadow. Out: [`Checked`]. One bad node does not hide the next: its
//! children are bound against the columns that the warehouse has of it, or are named as not checkable.
//!
//! Nodes of one level of the DAG are bound side by side, each worker with a fork of the shadow. What was bound before with
//! the same code and the same columns of its parents is taken from [`Remembered`], and tables are declared only once
//! somebody who must be bound reads them.

use std::collections::{BTreeSet, HashMap, HashSet};

use indexmap::IndexMap;

use crate::adapters::shadow::{BindError, BindProblem, Bound, BoundLineage, Influence, Shadow, ShadowColumn};
use crate::base::{NodeId, Relation, Value};
use crate::compile::{Compiled, Deed};
use crate::diag::{Code, Diagnostic, codes};
use crate::node::{Language, Node, Project, ResourceType};

use super::columns::{ColumnId, NodeLineage, Relations, approximate, inlined_relation};
use super::faces::{Face, united};
use super::objection::{About, diagnostic, first_line};
use super::reason::{Beside, Reasons, Thing, makes};
use super::remembered::{Answer, Key, Remembered};
use super::schemas::Schemas;
use super::share::share;
use super::snapshot::Snapshot;
use super::{contract, fixtures, keys};

/// The code of a node, or why there is none.
pub type CodeOf = Result<Compiled, Box<Diagnostic>>;

/// The columns that a node's relation has for its readers, given those of its query; none where these are the same.
pub type Leaves<'a> = &'a (dyn Fn(&Node, &[ShadowColumn]) -> Option<Vec<ShadowColumn>> + Sync);

/// What to check, and what is known.
pub struct CheckRequest<'a> {
    /// The project.
    pub project: &'a Project,
    /// Nodes and unit tests in the order of the DAG: what is to be checked, and all ancestors.
    pub order: &'a [NodeId],
    /// Their code as of a first run, and that of later runs where it is another.
    pub compiled: &'a HashMap<NodeId, (CodeOf, Option<CodeOf>)>,
    /// The statements that make the functions of the project.
    pub functions: &'a HashMap<NodeId, String>,
    /// Columns in the warehouse, of seeds' files, of the lock.
    pub known: &'a Schemas,
    /// What relations keep that do not follow their queries.
    pub leaves: Leaves<'a>,
    /// What runs beside the query of a node.
    pub beside: Beside<'a>,
    /// What `on-run-start` does.
    pub start: &'a [Deed],
    /// The macros, types and sequences among it, which the shadows have.
    pub definitions: &'a str,
    /// The database and the schema in which names without them are looked up.
    pub home: &'a Relation,
}

/// What became of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The engine can run it.
    Good,
    /// The engine objects.
    Failed(Box<Diagnostic>),
    /// It cannot be said without running something, for this reason.
    Unchecked(String),
}

/// A node after checking.
#[derive(Clone, Debug)]
pub struct NodeCheck {
    /// Verdict.
    pub verdict: Verdict,
    /// Output columns; none if they are not known.
    pub columns: Option<Vec<ShadowColumn>>,
    /// Where they come from; none where they come from outside, or where that is not known.
    pub lineage: Option<NodeLineage>,
}

impl NodeCheck {
    /// Why it is not known for sure where the columns come from, if it is not.
    pub fn doubt(&self) -> Option<&str> {
        match (&self.lineage, &self.verdict) {
            (Some(lineage), _) => lineage.approximate.as_deref(),
            (None, Verdict::Good) => None,
            (None, Verdict::Unchecked(why)) => Some(why),
            (None, Verdict::Failed(problem)) => Some(&problem.message),
        }
    }
}

/// All nodes after checking, in the order of the DAG.
#[derive(Clone, Debug)]
pub struct Checked {
    /// By id; sources and seeds among them.
    pub nodes: IndexMap<NodeId, NodeCheck>,
    /// Whether the verdicts rest on nothing but the code and the columns of what lies outside: no query reads files.
    pub repeatable: bool,
}

impl Default for Checked {
    fn default() -> Self {
        Self { nodes: IndexMap::new(), repeatable: true }
    }
}

/// Queries that one call of the engine binds.
const AT_ONCE: usize = 32;

pub(super) type Done = HashMap<NodeId, NodeCheck>;

/// Checks the nodes of a request on the shadow and its forks.
pub fn check(request: &CheckRequest<'_>, shadows: &mut [Box<dyn Shadow>], remembered: &mut Remembered) -> Checked {
    check_more(request, shadows, remembered, Checked::default())
}

/// Checks further nodes, whose parents are among those that are checked already or of the request.
pub fn check_more(
    request: &CheckRequest<'_>,
    shadows: &mut [Box<dyn Shadow>],
    remembered: &mut Remembered,
    before: Checked,
) -> Checked {
    let Checked { mut nodes, mut repeatable } = before;
    let mut done: Done = nodes.iter().map(|(id, check)| (id.clone(), check.clone())).collect();
    if let Some(first) = shadows.first_mut() {
        make_rooms(request, first.as_mut());
        let relations = Relations::new(request.project, request.home);
        let identity = [first.identity().as_str(), request.definitions].join("\0");
        let mut run = Run { request, relations, identity, defined: HashSet::new() };
        let mut declared = HashSet::new();
        for level in levels(request) {
            if let Some(first) = shadows.first_mut() {
                run.define(&level, first.as_mut(), &done, &mut declared);
            }
            repeatable &= run.level(&level, shadows, &mut done, &mut declared, remembered);
        }
    }
    nodes.extend(request.order.iter().filter_map(|id| Some((id.clone(), done.remove(id)?))));
    Checked { nodes, repeatable }
}

/// Databases and schemas, once, before workers could race for them.
fn make_rooms(request: &CheckRequest<'_>, shadow: &mut dyn Shadow) {
    let mut seen = HashSet::new();
    for relation in request.order.iter().filter_map(|id| relation_of(request.project, id)) {
        let (database, schema, _) = relation.key();
        if seen.insert((database, schema)) {
            // A failure shows when something in there is declared.
            let _ = shadow.make_room(relation);
        }
    }
}

/// The nodes by their distance from what has no parents.
fn levels<'r>(request: &CheckRequest<'r>) -> Vec<Vec<&'r NodeId>> {
    let mut level_of: HashMap<&NodeId, usize> = HashMap::new();
    let mut levels: Vec<Vec<&NodeId>> = Vec::new();
    for id in request.order {
        let parents: &[NodeId] = match (request.project.nodes.get(id), request.project.unit_tests.get(id)) {
            (Some(node), _) => &node.depends_on,
            (None, Some(test)) => std::slice::from_ref(&test.tested_node),
            (None, None) => &[],
        };
        let level = parents.iter().filter_map(|p| level_of.get(p)).max().map_or(0, |l| l + 1);
        level_of.insert(id, level);
        if levels.len() <= level {
            levels.resize_with(level + 1, Vec::new);
        }
        levels[level].push(id);
    }
    levels
}

/// Something that must be bound.
struct Job<'r> {
    node: &'r Node,
    /// The id under which the result is kept: the node's, or that of a unit test of it.
    id: &'r NodeId,
    first: &'r Compiled,
    later: Option<&'r Compiled>,
    /// Why the code of later runs is not known, if it is not.
    unseen: Option<String>,
    /// Whether ephemeral parents stand in front of the node's own SQL.
    inlines: bool,
    key: Key,
    known: Option<Answer>,
}

struct Run<'r> {
    request: &'r CheckRequest<'r>,
    relations: Relations<'r>,
    identity: String,
    /// Functions of the project that the shadow has.
    defined: HashSet<NodeId>,
}

impl<'r> Run<'r> {
    /// Makes the functions of a level, over the tables that they read.
    fn define(&mut self, level: &[&'r NodeId], shadow: &mut dyn Shadow, done: &Done, declared: &mut HashSet<NodeId>) {
        let project = self.request.project;
        for id in level {
            let (Some(node), Some(sql)) = (project.nodes.get(*id), self.request.functions.get(*id)) else { continue };
            for (parent, columns) in readable_parents(project, node, done) {
                if let Some(relation) = relation_of(project, &parent).filter(|_| declared.insert(parent.clone())) {
                    let _ = shadow.declare(relation, columns);
                }
            }
            // What the engine does not make is missed by those who call it.
            if shadow.make_room(&node.relation).and_then(|()| shadow.define(sql)).is_ok() {
                self.defined.insert((*id).clone());
            }
        }
    }

    /// What the answers to a node's query rest on beside tables: the engine, and the functions that it calls.
    fn ground(&self, node: &Node) -> String {
        let mut ground = self.identity.clone();
        for id in functions(self.request.project, node) {
            ground.push('\0');
            ground.push_str(self.request.functions.get(id).filter(|_| self.defined.contains(id)).map_or("", |sql| sql));
        }
        ground
    }

    /// Binds what is on one level; whether all of it can be remembered.
    fn level(
        &self,
        level: &[&'r NodeId],
        shadows: &mut [Box<dyn Shadow>],
        done: &mut Done,
        declared: &mut HashSet<NodeId>,
        remembered: &mut Remembered,
    ) -> bool {
        let (mut jobs, mut found) = (Vec::new(), Vec::new());
        let mut repeatable = true;
        for id in level {
            match self.prepare(id, done, remembered) {
                Some(Ok(job)) => jobs.push(job),
                Some(Err(check)) => found.push(((*id).clone(), check)),
                None => {}
            }
        }
        // Tables that somebody now reads.
        let wanted: Vec<NodeId> = jobs
            .iter()
            .filter(|job| job.known.is_none() || job.later.is_some())
            .flat_map(|job| {
                let inlined = job.inlines.then(|| inlined(self.request.project, job.node).cloned());
                let inlined = inlined.into_iter().flatten();
                let parents = readable_parents(self.request.project, job.node, done).into_iter().map(|(id, _)| id);
                inlined.chain(parents).collect::<Vec<_>>()
            })
            .filter(|id| declared.insert(id.clone()))
            .collect();
        let done_before = &*done;
        share(shadows, &wanted, |shadow, id| {
            let columns = done_before.get(id).and_then(|c| c.columns.as_deref());
            let relation = relation_of(self.request.project, id).cloned().or_else(|| self.stand_in(id));
            if let (Some(columns), Some(relation)) = (columns, relation) {
                // What cannot be declared is missed by those who read it.
                let _ = shadow.declare(&relation, columns);
            }
        });
        let each = (jobs.len() / (shadows.len() * 4).max(1)).clamp(1, AT_ONCE);
        let chunks: Vec<&[Job<'_>]> = jobs.chunks(each).collect();
        let results = share(shadows, &chunks, |shadow, jobs| self.bind_several(shadow, jobs, done_before));
        let results: Vec<_> = results.into_iter().flatten().collect();
        for (job, (mut check, answer)) in jobs.into_iter().zip(results) {
            match answer {
                Some(answer) => remembered.add(job.key, answer),
                None => repeatable &= job.known.is_some(),
            }
            let left = check.columns.as_deref().filter(|_| check.verdict == Verdict::Good && job.id == &job.node.id);
            if let Some(left) = left.and_then(|columns| (self.request.leaves)(job.node, columns)) {
                check.columns = Some(left);
            }
            found.push((job.id.clone(), check));
        }
        done.extend(found);
        repeatable
    }

    /// What can be said without binding, or the work to do; nothing of what is no node.
    fn prepare(&self, id: &'r NodeId, done: &Done, remembered: &mut Remembered) -> Option<Result<Job<'r>, NodeCheck>> {
        let (project, known) = (self.request.project, self.request.known);
        if let Some(source) = project.sources.get(id) {
            return Some(Err(outside(known.get(&source.relation))));
        }
        let test = project.unit_tests.get(id);
        let node = project.nodes.get(test.map_or(id, |t| &t.tested_node)).filter(|n| n.function().is_none())?;
        if node.resource_type == ResourceType::Seed {
            return Some(Err(outside(known.get(&node.relation))));
        }
        let built = known.get(&node.relation).filter(|_| node.is_relational() && test.is_none());
        let fallback = |verdict| Some(Err(self.unbound(node, test.is_none(), verdict, done)));
        if node.language == Language::Python {
            return fallback(Verdict::Unchecked("it is written in Python".into()));
        }
        if test.is_some() && done.get(&node.id).is_some_and(|n| n.verdict != Verdict::Good) {
            return fallback(Verdict::Unchecked(format!("{} itself cannot be bound", node.name)));
        }
        if let Some(test) = test
            && let Some(problem) = fixtures::misspelt(test, done)
        {
            return fallback(Verdict::Failed(Box::new(problem)));
        }
        let (first, later) = match self.request.compiled.get(id) {
            Some((Ok(first), later)) => (first, later),
            Some((Err(problem), _)) if asks_the_warehouse(problem.code) => {
                return fallback(Verdict::Unchecked(format!(
                    "its template asks the warehouse: {}",
                    first_line(&problem.message)
                )));
            }
            Some((Err(problem), _)) => return fallback(Verdict::Failed(problem.clone())),
            None => return fallback(Verdict::Unchecked("it has no SQL".into())),
        };
        let (later, unseen) = match later {
            Some(Ok(later)) => (Some(later), None),
            Some(Err(problem)) if !asks_the_warehouse(problem.code) => {
                return fallback(Verdict::Failed(problem.clone()));
            }
            Some(Err(problem)) => {
                let why = first_line(&problem.message);
                (None, Some(format!("the template of its later runs asks the warehouse: {why}")))
            }
            None => (None, None),
        };
        if let Some(problem) = keys::ended(node, first).filter(|_| test.is_none()) {
            return fallback(Verdict::Failed(Box::new(problem)));
        }
        let parents = readable_parents(project, node, done);
        let tables = parents.iter().filter_map(|(id, columns)| Some((id, relation_of(project, id)?, *columns)));
        let own = built.map(|columns| (&node.id, &node.relation, columns));
        let sql = [Some(first), later].map(|c| c.map_or("", |c| c.code.code.as_str()));
        let key = Key::of(&self.ground(node), (id, &node.depends_on), sql, tables.chain(own));
        let inlines = test.is_none() && inlined(project, node).next().is_some();
        Some(Ok(Job { node, id, first, later, unseen, inlines, known: remembered.get(&key), key }))
    }

    /// A node that cannot be bound: what the warehouse has of it serves its children. Its columns may come from all that its
    /// parents have, if that is known.
    fn unbound(&self, node: &Node, is_node: bool, verdict: Verdict, done: &Done) -> NodeCheck {
        let built = self.request.known.get(&node.relation).filter(|_| node.is_relational() && is_node);
        let mut check = NodeCheck { verdict, columns: built.map(<[_]>::to_vec), lineage: None };
        let parents = readable_parents(self.request.project, node, done);
        if let (Some(columns), Some(why)) = (&check.columns, check.doubt())
            && all_readable(self.request.project, node, done)
        {
            check.lineage = Some(approximate(&parents, columns.len(), why.to_owned()));
        }
        check
    }

    fn reasons<'s>(&'s self, done: &'s Done) -> Reasons<'s> {
        let CheckRequest { project, beside, start, home, .. } = *self.request;
        Reasons { project, beside, start, home, done, defined: &self.defined }
    }

    /// Binds what is not known, all at once as far as the engine can.
    fn bind_several(&self, shadow: &mut dyn Shadow, jobs: &[Job<'_>], done: &Done) -> Vec<(NodeCheck, Option<Answer>)> {
        let unknown = jobs.iter().filter(|job| job.known.is_none());
        let queries: Vec<&str> = unknown.map(|job| job.first.code.code.as_str()).collect();
        let mut answers = shadow.bind_all(&queries).into_iter();
        let bind = |job: &Job<'_>| {
            let answer = if job.known.is_none() { answers.next() } else { None };
            self.bind(shadow, job, answer, done)
        };
        jobs.iter().map(bind).collect()
    }

    fn bind(
        &self,
        shadow: &mut dyn Shadow,
        job: &Job<'_>,
        first: Option<Result<Bound, BindError>>,
        done: &Done,
    ) -> (NodeCheck, Option<Answer>) {
        let node = job.node;
        let built = self.request.known.get(&node.relation).filter(|_| node.is_relational());
        let objects = |compiled: &Compiled, error: &BindError| {
            let verdict = match self.reasons(done).of(node, compiled, error) {
                Some(why) => Verdict::Unchecked(why),
                None => Verdict::Failed(Box::new(diagnostic(self.request.project, &self.about(job), compiled, error))),
            };
            self.unbound(node, job.id == &node.id, verdict, done)
        };
        if let Some(answer) = &job.known {
            return (self.finished(shadow, job, answer.clone(), done), None);
        }
        let bound = match self.attempt(shadow, job, job.first, first, done) {
            Ok(bound) => bound,
            Err(error) => return (objects(job.first, &error), None),
        };
        let Bound { columns, lineage } = bound;
        let (mut lineage, mut keep) = self.lineage(shadow, job, job.first, (&columns, lineage), done);
        if let Some(code) = job.later {
            // Later runs read the table that is there, or the one that the first run makes.
            let _ = shadow.declare(&node.relation, built.unwrap_or(&columns));
            let later = match self.attempt(shadow, job, code, None, done) {
                Ok(later) => later,
                Err(error) => return (objects(code, &error), None),
            };
            let (of_later, keeps) = self.lineage(shadow, job, code, (&later.columns, later.lineage), done);
            keep &= keeps;
            let first = Face { columns: &columns, lineage };
            lineage = united(&node.id, first, Face { columns: &later.columns, lineage: of_later });
        }
        let answer = Answer { columns, lineage };
        (self.finished(shadow, job, answer.clone(), done), keep.then_some(answer))
    }

    /// What an objection is told of.
    fn about(&self, job: &Job<'r>) -> About<'r> {
        match self.request.project.unit_tests.get(job.id) {
            Some(test) => About::Test(test),
            None => About::Node(job.node),
        }
    }

    /// Where the columns of one code come from, and whether that rests on nothing but the tables that the project names.
    fn lineage(
        &self,
        shadow: &mut dyn Shadow,
        job: &Job<'_>,
        code: &Compiled,
        (columns, found): (&[ShadowColumn], Result<BoundLineage, String>),
        done: &Done,
    ) -> (NodeLineage, bool) {
        let (node, project) = (job.node, self.request.project);
        let parents = readable_parents(project, node, done);
        let found = match found {
            Ok(found) => found,
            Err(why) => return (approximate(&parents, columns.len(), why), false),
        };
        let allowed: HashSet<_> = parents.iter().filter_map(|(id, _)| relation_of(project, id)).collect();
        let expected = |r: &Relation| r.key() == node.relation.key() || allowed.iter().any(|a| a.key() == r.key());
        let keep = found.tables.iter().all(expected);
        let own = if job.inlines { code.own_sql() } else { None };
        let found = match own {
            Some(own) => through_inlined(shadow, &own, columns, found),
            None => found,
        };
        (self.relations.lineage(found, &node.depends_on), keep)
    }

    /// The table that stands for an ephemeral model.
    fn stand_in(&self, id: &NodeId) -> Option<Relation> {
        let node = self.request.project.nodes.get(id).filter(|n| n.is_ephemeral())?;
        Some(inlined_relation(node, self.request.home))
    }

    /// Binds; a table that the project does not name, but has or knows, is declared when it is missed.
    fn attempt(
        &self,
        shadow: &mut dyn Shadow,
        job: &Job<'_>,
        compiled: &Compiled,
        mut answer: Option<Result<Bound, BindError>>,
        done: &Done,
    ) -> Result<Bound, BindError> {
        let mut tried: HashSet<String> = HashSet::new();
        loop {
            let error = match answer.take().unwrap_or_else(|| shadow.bind(&compiled.code.code)) {
                Ok(bound) => return Ok(bound),
                Err(error) => error,
            };
            let missing = error.name.clone().filter(|_| error.problem == BindProblem::MissingRelation);
            let Some(name) = missing.filter(|name| tried.insert(name.clone())) else { return Err(error) };
            let name = name.rsplit('.').next().unwrap_or_default().trim_matches('"').to_lowercase();
            let (project, known) = (self.request.project, self.request.known);
            let own = std::iter::once((&job.node.id, &job.node.relation)).filter(|_| job.node.is_relational());
            let nodes = project.nodes.iter().filter(|(_, n)| n.is_relational()).map(|(id, n)| (id, &n.relation));
            let all = own.chain(nodes).chain(project.sources.iter().map(|(id, s)| (id, &s.relation)));
            for (id, relation) in all.filter(|(_, r)| r.key().2 == name) {
                let columns = done.get(id).and_then(|c| c.columns.as_deref()).or_else(|| known.get(relation));
                if let Some(columns) = columns {
                    let _ = shadow.declare(relation, columns);
                }
            }
        }
    }

    /// What a good query gives, with what the node adds and what its config and its contract say.
    fn finished(&self, shadow: &mut dyn Shadow, job: &Job<'_>, answer: Answer, done: &Done) -> NodeCheck {
        let (node, mut columns, mut lineage) = (job.node, answer.columns, answer.lineage);
        if job.id != &node.id {
            return NodeCheck { verdict: Verdict::Good, columns: Some(columns), lineage: Some(lineage) };
        }
        if let Some(why) = &job.unseen {
            let parents = readable_parents(self.request.project, node, done);
            let of_parent = |(id, columns): &(NodeId, &[ShadowColumn])| -> Vec<ColumnId> {
                columns.iter().map(|c| ColumnId { node: id.clone(), column: c.name.clone() }).collect()
            };
            let all = parents.iter().flat_map(of_parent).map(|column| (column, Influence::Filter));
            lineage.influence.extend(all);
            lineage.approximate.get_or_insert_with(|| why.clone());
        }
        let sql = job.first.code.code.as_str();
        let problem = contract::broken(node, &columns, shadow).or_else(|| keys::missing(node, sql, &columns, shadow));
        contract::given(node, &mut columns, shadow);
        let table = self.request.known.get(&node.relation).filter(|_| node.is_relational());
        if node.resource_type == ResourceType::Snapshot {
            let snapshot = Snapshot { node, sql, columns: &columns, table };
            let (added, origins): (Vec<_>, Vec<_>) = snapshot.added(&lineage, shadow).unzip();
            lineage.values.resize(columns.len(), Vec::new());
            columns.extend(added);
            lineage.values.extend(origins);
        }
        self.add_of_hooks(node, table, &mut columns);
        lineage.values.resize(columns.len(), Vec::new());
        let verdict = problem.map_or(Verdict::Good, |problem| Verdict::Failed(Box::new(problem)));
        NodeCheck { verdict, columns: Some(columns), lineage: Some(lineage) }
    }

    /// Columns that the node's hooks have added to its table.
    fn add_of_hooks(&self, node: &Node, table: Option<&[ShadowColumn]>, columns: &mut Vec<ShadowColumn>) {
        let has_hooks = ["pre-hook", "post-hook"].iter().any(|key| {
            let hooks = node.config.get(key).and_then(Value::as_list);
            hooks.is_some_and(|hooks| !hooks.is_empty())
        });
        let is_new = |c: &&ShadowColumn| !columns.iter().any(|known| known.name.eq_ignore_ascii_case(&c.name));
        let new: Vec<ShadowColumn> = table.unwrap_or_default().iter().filter(is_new).cloned().collect();
        if !has_hooks || new.is_empty() {
            return;
        }
        let deeds = (self.request.beside)(&node.id);
        let made = |c: &ShadowColumn| deeds.iter().any(|d| makes(&d.text, &c.name.to_lowercase(), Thing::Column));
        columns.extend(new.into_iter().filter(made));
    }
}

/// The same lineage with ephemeral parents as stations: the node's own SQL over tables in their place. How columns are
/// computed stays that of the whole.
fn through_inlined(shadow: &mut dyn Shadow, own: &str, columns: &[ShadowColumn], whole: BoundLineage) -> BoundLineage {
    let bound = shadow.bind(own).ok().filter(|bound| bound.columns == columns);
    match bound.map(|bound| bound.lineage) {
        Some(Ok(own)) => BoundLineage { prints: whole.prints, rows_print: whole.rows_print, ..own },
        _ => whole,
    }
}

/// Ephemeral parents.
fn inlined<'p>(project: &'p Project, node: &'p Node) -> impl Iterator<Item = &'p NodeId> {
    node.depends_on.iter().filter(|id| project.nodes.get(*id).is_some_and(|n| n.is_ephemeral()))
}

fn relation_of<'p>(project: &'p Project, id: &NodeId) -> Option<&'p Relation> {
    match project.sources.get(id) {
        Some(source) => Some(&source.relation),
        None => project.nodes.get(id).filter(|n| n.is_relational()).map(|n| &n.relation),
    }
}

fn outside(columns: Option<&[ShadowColumn]>) -> NodeCheck {
    let verdict = match columns {
        Some(_) => Verdict::Good,
        None => Verdict::Unchecked("its columns are not known".to_owned()),
    };
    NodeCheck { verdict, columns: columns.map(<[_]>::to_vec), lineage: None }
}

/// The functions of the project that a node calls, and those that these call, each once.
fn functions<'p>(project: &'p Project, node: &'p Node) -> BTreeSet<&'p NodeId> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&NodeId> = node.depends_on.iter().collect();
    while let Some(id) = open.pop() {
        let Some(parent) = project.nodes.get(id) else { continue };
        let is_function = parent.function().is_some();
        if parent.is_ephemeral() || (is_function && found.insert(id)) {
            open.extend(&parent.depends_on);
        }
    }
    found
}

/// Parents whose columns are known; of ephemeral ones and of functions, which the engine puts in place, their parents.
fn readable_parents<'c>(project: &Project, node: &Node, done: &'c Done) -> Vec<(NodeId, &'c [ShadowColumn])> {
    let mut found = Vec::new();
    let mut open: Vec<&NodeId> = node.depends_on.iter().collect();
    while let Some(id) = open.pop() {
        match project.nodes.get(id) {
            Some(parent) if parent.is_ephemeral() || parent.function().is_some() => open.extend(&parent.depends_on),
            _ => {
                let columns = done.get(id).and_then(|c| c.columns.as_deref());
                found.extend(columns.map(|c| (id.clone(), c)));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.dedup_by(|a, b| a.0 == b.0);
    found
}

/// Whether the columns of everything that a node reads are known.
fn all_readable(project: &Project, node: &Node, done: &Done) -> bool {
    let mut open: Vec<&NodeId> = node.depends_on.iter().collect();
    while let Some(id) = open.pop() {
        match project.nodes.get(id) {
            Some(parent) if parent.is_ephemeral() || parent.function().is_some() => open.extend(&parent.depends_on),
            _ if done.get(id).is_none_or(|c| c.columns.is_none()) => return false,
            _ => {}
        }
    }
    true
}

fn asks_the_warehouse(code: Code) -> bool {
    [codes::DATABASE_ERROR, codes::DATABASE_OPEN, codes::DATABASE_LOCKED, codes::COMPILER_ERROR].contains(&code)
}

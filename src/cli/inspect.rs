//! Binding the project without running it, for `check`, `lineage` and the docs.
//!
//! In: a session, the nodes of interest. Out: [`Checked`] over them and all their ancestors.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::adapters::shadow::{Shadow, ShadowColumn};
use crate::adapters::{AdapterError, Connection};
use crate::base::{NodeId, Relation};
use crate::compile::{Compiled, Deed};
use crate::diag::{Diagnostic, codes};
use crate::execute::event::Event;
use crate::execute::{ForeseenColumns, NodeCode, Surroundings, compile_code, compile_code_over, connection_diagnostic};
use crate::lineage::{CheckRequest, Checked, CodeOf, Leaves, NodeCheck, Remembered, SchemaLock, Schemas, check_more};
use crate::node::{Detail, Language, Node, ResourceType};

use super::session::{Session, Step, Stop, tell};

/// The checked project, and what is known of sources now.
pub struct Inspected {
    /// Verdicts and columns.
    pub checked: Checked,
    /// Columns of sources, as the warehouse has them; for `schemas.lock`.
    pub sources: SchemaLock,
    /// Columns of what lies outside.
    pub known: Schemas,
    /// The code that was bound.
    pub code: CodeByNode,
    /// What binding said.
    pub remembered: Remembered,
}

/// The code of nodes as of a first run, and that of later runs where it is another.
pub type CodeByNode = HashMap<NodeId, (CodeOf, Option<CodeOf>)>;

/// Binds nodes and their ancestors.
pub fn inspect(session: &Session, wanted: impl IntoIterator<Item = NodeId>) -> Step<Inspected> {
    inspect_compiled(session, wanted, None)
}

/// The same where some code is there already.
pub fn inspect_compiled(
    session: &Session,
    wanted: impl IntoIterator<Item = NodeId>,
    compiled: Option<&HashMap<NodeId, Compiled>>,
) -> Step<Inspected> {
    let mut all: BTreeSet<NodeId> = BTreeSet::new();
    for id in wanted {
        all.extend(session.graph.ancestors(&id, None).into_iter().cloned());
        all.insert(id);
    }
    inspect_these(session, &all, &Scope { compiled, ..Scope::default() })
}

/// How much of the project is bound, and as of which run.
pub struct Scope<'a> {
    /// Whether a node's query is bound; the warehouse knows the columns of the others.
    pub renders: &'a dyn Fn(&NodeId) -> bool,
    /// Whether a model now adds to its table or is built anew; none for both.
    pub adds: &'a dyn Fn(&NodeId) -> Option<bool>,
    /// What relations keep that do not follow their queries.
    pub leaves: Leaves<'a>,
    /// Whether a seed gets the columns of its file, whatever its table has.
    pub reloads: &'a dyn Fn(&NodeId) -> bool,
    /// Code that is there already.
    pub compiled: Option<&'a HashMap<NodeId, Compiled>>,
}

impl Default for Scope<'_> {
    fn default() -> Self {
        Self { renders: &|_| true, adds: &|_| None, leaves: &|_, _| None, reloads: &|_| false, compiled: None }
    }
}

/// Binds the nodes of a set, in the order of the DAG.
pub fn inspect_these(session: &Session, all: &BTreeSet<NodeId>, scope: &Scope<'_>) -> Step<Inspected> {
    let order = session.graph.sort_topologically(all);
    // The fixtures of unit tests have the columns that binding gives their parents.
    let (unit_tests, order): (Vec<NodeId>, Vec<NodeId>) =
        order.into_iter().partition(|id| session.project.unit_tests.contains_key(id));
    let around = session.surroundings();
    let stop = |problem: Box<Diagnostic>| {
        session.inputs.sink.emit(&Event::Problem(&problem));
        Stop(2)
    };
    let mut binding = Binding::open(session, &around, order.len())?;
    let (mut known, mut sources) = warehouse(session, &order)?;
    binding.external(session, &order, &mut known, &mut sources);
    locked(session, &order, &mut known)?;
    declared(session, &order, &mut known);
    seeds(session, &order, scope.reloads, &mut known, &mut binding)?;
    let threads = session.tree.profile.threads;
    // What adds to its table has other code in its first run than in later ones.
    let is_there = |id: &NodeId| {
        let adds = session.project.nodes.get(id).is_none_or(|n| n.config.materialized() == "incremental");
        scope.compiled.and_then(|c| c.get(id)).filter(|_| !adds)
    };
    let rendered = order.iter().filter(|id| (scope.renders)(id) && is_there(id).is_none());
    let rendered: Vec<NodeId> = rendered.cloned().collect();
    let faces = |id: NodeId, code: NodeCode| match (scope.adds)(&id) {
        None => (id, (code.first, code.later)),
        Some(true) => (id, (code.later.unwrap_or(code.first), None)),
        Some(false) => (id, (code.first, None)),
    };
    let code = compile_code(&around, &rendered, threads).map_err(stop)?;
    let mut code: CodeByNode = code.into_iter().map(|(id, code)| faces(id, code)).collect();
    let there = order.iter().filter_map(|id| Some((id.clone(), is_there(id).filter(|_| (scope.renders)(id))?.clone())));
    code.extend(there.map(|(id, compiled)| (id, (Ok(compiled), None))));
    let functions = function_definitions(&around, &code);
    let home = home(session);
    let beside = beside(&around);
    let start = std::mem::take(&mut binding.start);
    let definitions = std::mem::take(&mut binding.definitions);
    let request = CheckRequest {
        project: &session.project,
        order: &order,
        compiled: &code,
        functions: &functions,
        known: &known,
        leaves: scope.leaves,
        beside: &beside,
        start: &start,
        definitions: &definitions,
        home: &home,
    };
    let mut checked = binding.check(&request, Checked::default());
    let mut of_tests = CodeByNode::new();
    if !unit_tests.is_empty() {
        let foreseen = Arc::new(foreseen(session, &checked));
        let tests = compile_code_over(&around, &unit_tests, threads, &foreseen).map_err(stop)?;
        of_tests.extend(tests.into_iter().map(|(id, code)| faces(id, code)));
        checked = binding.check(&CheckRequest { order: &unit_tests, compiled: &of_tests, ..request }, checked);
    }
    code.extend(of_tests);
    binding.keep(session);
    Ok(Inspected { checked, sources, known, code, remembered: binding.remembered })
}

/// What runs beside the queries of nodes.
pub fn beside(around: &Surroundings) -> impl Fn(&NodeId) -> Vec<Deed> + Sync + '_ {
    |id| around.project.nodes.get(id).map(|node| around.compiler.beside(node)).unwrap_or_default()
}

/// The statements that make the functions among the nodes. What cannot be spelled is missed by those who call it.
pub fn function_definitions(around: &Surroundings, code: &CodeByNode) -> HashMap<NodeId, String> {
    let is_function = |id: &NodeId| around.project.nodes.get(id).is_some_and(|n| n.function().is_some());
    let functions = code.iter().filter(|(id, _)| is_function(id));
    let spelled = functions.filter_map(|(id, (first, _))| {
        let compiled = first.as_ref().ok()?;
        Some((id.clone(), around.compiler.definition(compiled).ok()?))
    });
    spelled.collect()
}

/// The columns that relations will have.
fn foreseen(session: &Session, checked: &Checked) -> ForeseenColumns {
    let one = |(id, check): (&NodeId, &NodeCheck)| {
        let relation = match session.project.nodes.get(id) {
            Some(node) => Some(&node.relation).filter(|_| node.is_relational()),
            None => session.project.sources.get(id).map(|s| &s.relation),
        };
        let columns = check.columns.as_ref()?.iter().map(|c| (c.name.clone(), c.data_type.clone())).collect();
        Some((relation?.key(), columns))
    };
    checked.nodes.iter().filter_map(one).collect()
}

/// The database and the schema of the target.
pub fn home(session: &Session) -> Relation {
    Relation::new(session.adapter.default_database(), session.adapter.default_schema(), "")
}

/// Shadows, with what was bound before at hand.
pub struct Binding {
    shadows: Vec<Box<dyn Shadow>>,
    remembered: Remembered,
    /// What `on-run-start` does.
    pub start: Vec<Deed>,
    /// The definitions among it.
    pub definitions: String,
}

impl Binding {
    /// Shadows for so many nodes, with the definitions that hooks make.
    pub fn open(session: &Session, around: &Surroundings, nodes: usize) -> Step<Self> {
        let path = session.target_dir().join(Remembered::FILE);
        let remembered = session.inputs.files.read_text(&path).map(|text| Remembered::parse(&text));
        Self::with(session, around, nodes, remembered.unwrap_or_default())
    }

    /// The same with what was bound just now at hand.
    pub fn after(session: &Session, around: &Surroundings, nodes: usize, before: &Inspected) -> Step<Self> {
        Self::with(session, around, nodes, before.remembered.clone())
    }

    fn with(session: &Session, around: &Surroundings, nodes: usize, remembered: Remembered) -> Step<Self> {
        let broken = |e: &AdapterError| {
            session.inputs.sink.emit(&Event::Problem(&connection_diagnostic(e)));
            Stop(2)
        };
        let mut shadow = session.adapter.shadow().map_err(|e| broken(&e))?;
        let (start, definitions) = definitions(session, around, shadow.as_mut());
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_WORKERS).min(nodes / 8 + 1);
        let mut shadows = (1..workers).map(|_| shadow.fork()).collect::<Result<Vec<_>, _>>().map_err(|e| broken(&e))?;
        shadows.insert(0, shadow);
        Ok(Self { shadows, remembered, start, definitions })
    }

    /// Checks nodes, beside those that are checked already.
    pub fn check(&mut self, request: &CheckRequest<'_>, before: Checked) -> Checked {
        check_more(request, &mut self.shadows, &mut self.remembered, before)
    }

    /// Keeps what was bound.
    pub fn keep(&self, session: &Session) {
        if let Some(text) =
            self.remembered.text(session.project.member_ids().count()).filter(|_| session.inputs.write_json)
        {
            // A target that cannot be written to costs time, nothing else.
            let path = session.target_dir().join(Remembered::FILE);
            let _ = session.inputs.files.write_atomic(&path, text.as_bytes());
        }
    }

    /// The columns of a query over what lies outside; none if the engine cannot say.
    pub fn columns(&mut self, sql: &str) -> Option<Vec<ShadowColumn>> {
        self.shadows.first_mut()?.bind(sql).ok().map(|bound| bound.columns)
    }

    /// Sources in files have the columns that the files have, where these are there.
    fn external(&mut self, session: &Session, order: &[NodeId], known: &mut Schemas, sources: &mut SchemaLock) {
        for source in order.iter().filter_map(|id| session.project.sources.get(id)) {
            let Some(reader) = source.reader.as_ref().filter(|_| known.get(&source.relation).is_none()) else {
                continue;
            };
            if let Some(columns) = self.columns(&format!("select * from {reader}")) {
                known.foresee(&source.relation, columns.clone());
                sources.sources.insert(source.id.to_string(), columns);
            }
        }
    }
}

/// More would wait for each other in the catalog.
const MOST_WORKERS: usize = 8;

/// What `on-run-start` does, and the text of the macros, types and sequences that it makes: queries may use them.
fn definitions(session: &Session, around: &Surroundings, shadow: &mut dyn Shadow) -> (Vec<Deed>, String) {
    let mut hooks: Vec<&Arc<Node>> = session
        .project
        .nodes
        .values()
        .filter(|n| n.resource_type == ResourceType::Operation && n.name.contains("-on-run-start-"))
        .collect();
    hooks.sort_by_key(|node| {
        let index = if let Detail::Operation { index } = node.detail { index } else { None };
        (node.package == session.project.info.name, node.package.clone(), index)
    });
    let ids: Vec<NodeId> = hooks.into_iter().map(|n| n.id.clone()).collect();
    let (mut deeds, mut text) = (Vec::new(), String::new());
    if ids.is_empty() {
        return (deeds, text);
    }
    for (id, code) in compile_code(around, &ids, 1).unwrap_or_default() {
        let rendered = code.first.as_ref().ok().map(|compiled| compiled.code.code.as_str());
        let definition = rendered.filter(|sql| is_definition(sql));
        let made = definition.is_some_and(|sql| shadow.define(sql).is_ok());
        if let Some(sql) = definition {
            text.push_str(sql);
            text.push('\0');
        }
        // What the shadow has is known, if it is all that the hook does.
        let is_all = |hook: &Node| rendered.is_some_and(|sql| sql.trim() == hook.template.text().trim());
        let hook = session.project.nodes.get(&id).filter(|hook| !(made && is_all(hook)));
        deeds.extend(hook.map(|hook| around.compiler.deed_of_operation(hook, rendered)));
    }
    (deeds, text)
}

/// Whether a statement makes a macro, a type or a sequence.
fn is_definition(sql: &str) -> bool {
    let words: Vec<String> = sql.split_whitespace().take(5).map(str::to_lowercase).collect();
    words.first().is_some_and(|w| w == "create")
        && words.iter().skip(1).any(|w| ["macro", "function", "type", "sequence"].contains(&w.as_str()))
}

/// What the warehouse has of sources, of seeds, and of nodes that read themselves or cannot be bound, in one catalog query.
/// A warehouse that cannot be asked knows nothing.
fn warehouse(session: &Session, order: &[NodeId]) -> Step<(Schemas, SchemaLock)> {
    let project = &session.project;
    let of_node = |node: &Node| {
        node.is_relational()
            && (node.language == Language::Python
                || node.config.materialized() != "view"
                || node.resource_type == ResourceType::Seed)
    };
    let relations = order.iter().filter_map(|id| match project.sources.get(id) {
        Some(source) => Some(&source.relation),
        None => project.nodes.get(id).filter(|n| of_node(n)).map(|n| &n.relation),
    });
    let places: BTreeSet<(String, String)> =
        relations.filter_map(|r| Some((r.database.clone()?, r.schema.clone()?))).collect();
    let places: Vec<_> = places.into_iter().collect();
    let catalog = session.adapter.connect().and_then(|mut c: Box<dyn Connection>| c.catalog(&places));
    let known = match catalog {
        Ok(table) => Schemas::of_catalog(&table),
        Err(error) => {
            let problem = connection_diagnostic(&error).note("only what files say about sources is known");
            tell(&session.inputs, Diagnostic { severity: crate::diag::Severity::Warning, ..problem }.into())?;
            Schemas::default()
        }
    };
    let mut sources = SchemaLock::default();
    for (id, source) in &project.sources {
        if let Some(columns) = known.get(&source.relation) {
            sources.sources.insert(id.to_string(), columns.to_vec());
        }
    }
    Ok((known, sources))
}

/// The lock stands in for what the warehouse has not; where both know a source and differ, that is told.
fn locked(session: &Session, order: &[NodeId], known: &mut Schemas) -> Step<()> {
    let path = session.inputs.load.project_dir.join(SchemaLock::FILE);
    if !session.inputs.files.exists(&path) {
        return Ok(());
    }
    let read = session.inputs.files.read_text(&path).map_err(|e| e.to_string());
    let lock = match read.and_then(|text| SchemaLock::parse(&text)) {
        Ok(lock) => lock,
        Err(why) => {
            let problem = Diagnostic::error(codes::SCHEMA_DRIFT, format!("{} cannot be read: {why}", SchemaLock::FILE))
                .help("write it anew with `check --lock`, where the warehouse can be reached");
            return tell(&session.inputs, problem.into());
        }
    };
    for id in order {
        let Some(source) = session.project.sources.get(id) else { continue };
        if let Some(drift) = known.get(&source.relation).and_then(|now| lock.drift(id.as_str(), now)) {
            let message =
                format!("the source {}.{} differs from {}: {drift}", source.source_name, source.name, SchemaLock::FILE);
            let problem = Diagnostic::warning(codes::SCHEMA_DRIFT, message)
                .at(source.span.clone())
                .help("adapt the models, then run `check --lock` and commit the file");
            tell(&session.inputs, problem.into())?;
        }
        if let Some(columns) = lock.sources.get(id.as_str()) {
            known.add(&source.relation, columns.clone());
        }
    }
    Ok(())
}

/// Columns with `data_type` in the properties of a source, if all have one.
fn declared(session: &Session, order: &[NodeId], known: &mut Schemas) {
    for source in order.iter().filter_map(|id| session.project.sources.get(id)) {
        let columns: Option<Vec<ShadowColumn>> = source
            .columns
            .values()
            .map(|c| Some(ShadowColumn { name: c.name.clone(), data_type: c.data_type.clone()? }))
            .collect();
        if let Some(columns) = columns.filter(|c| !c.is_empty()) {
            known.add(&source.relation, columns);
        }
    }
}

/// Types as the engine spells them.
fn spelled(binding: &mut Binding, tables: &mut [(&Relation, Vec<ShadowColumn>)]) {
    let written: BTreeSet<String> = tables.iter().flat_map(|(_, c)| c).map(|c| c.data_type.clone()).collect();
    let spelling = |data_type: String| {
        // A type that the engine does not know is told when the table is made.
        let columns = binding.columns(&format!("select cast(null as {data_type}) as spelled"))?;
        Some((data_type, columns.into_iter().next()?.data_type))
    };
    let spellings: HashMap<String, String> = written.into_iter().filter_map(spelling).collect();
    for column in tables.iter_mut().flat_map(|(_, columns)| columns) {
        if let Some(spelling) = spellings.get(&column.data_type) {
            column.data_type.clone_from(spelling);
        }
    }
}

/// Seeds that the warehouse has not, or not as they are going to be, are read, as loading them would.
fn seeds(
    session: &Session,
    order: &[NodeId],
    reloads: &dyn Fn(&NodeId) -> bool,
    known: &mut Schemas,
    binding: &mut Binding,
) -> Step<()> {
    let Some(files) = &session.shared.files else { return Ok(()) };
    let mut read: Vec<(&Relation, Vec<ShadowColumn>)> = Vec::new();
    for node in order.iter().filter_map(|id| session.project.nodes.get(id)) {
        let is_known = known.get(&node.relation).is_some() && !reloads(&node.id);
        if node.resource_type != ResourceType::Seed || is_known {
            continue;
        }
        let shape = match files.seed(node) {
            Ok((shape, _)) => shape,
            Err(problem) => {
                tell(&session.inputs, problem.into())?;
                continue;
            }
        };
        let given = node.config.map("column_types");
        let columns = shape.names.iter().zip(&shape.types).zip(&shape.decimals).map(|((name, kind), decimals)| {
            let data_type =
                given.and_then(|g| g.get(name)).map_or_else(|| kind.sql(*decimals).to_owned(), ToString::to_string);
            ShadowColumn { name: name.clone(), data_type }
        });
        read.push((&node.relation, columns.collect()));
    }
    spelled(binding, &mut read);
    for (relation, columns) in read {
        known.foresee(relation, columns);
    }
    Ok(())
}

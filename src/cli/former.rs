//! The project as an earlier manifest holds it, rendered and bound again in today's surroundings.
//!
//! In: a session, the manifest, the project bound as it is. Out: [`Former`]. Code and macros are those of the manifest;
//! variables, target and what the warehouse has are today's, so that only what somebody changed makes a difference. What
//! nobody changed is not rendered again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use crate::adapters::shadow::ShadowColumn;
use crate::artifacts::read_catalog_columns;
use crate::base::{Dict, NodeId, Relation, Value};
use crate::compile::Compiler;
use crate::diag::{SourceFile, Span};
use crate::execute::event::Event;
use crate::execute::{Surroundings, compile_code};
use crate::graph::Graph;
use crate::jinja::{DefinitionKind, Engine, MacroEntry, Registry, extract_only};
use crate::lineage::{CheckRequest, Checked, Schemas};
use crate::node::previous::{Difference, PreviousManifest};
use crate::node::{
    Config, Detail, FunctionDetail, Language, ModelDetail, Node, Project, RefCall, ResourceType, Source, Template,
};

use super::inspect::{Binding, Inspected, beside, function_definitions, home};
use super::session::{Session, Step, Stop};

/// The project at the earlier time.
pub struct Former {
    /// Models, seeds, snapshots and sources.
    pub project: Arc<Project>,
    /// What binding them gave.
    pub checked: Checked,
    /// Changed seeds and sources of which the former columns are not known, with the reason: the present ones stand in.
    pub unsure: HashMap<NodeId, String>,
}

/// What somebody changed.
#[derive(Clone, Copy)]
pub struct Changes<'a> {
    /// The project as it was.
    pub manifest: &'a PreviousManifest,
    /// Nodes and sources that are not as they were.
    pub modified: &'a HashSet<NodeId>,
    /// What is different about them beside their SQL.
    pub differences: &'a HashMap<NodeId, Vec<Difference>>,
}

impl Changes<'_> {
    /// The former table of a source that now has another, as SQL text.
    fn former_table(&self, id: &NodeId) -> Option<&str> {
        self.differences.get(id)?.iter().find_map(|difference| match difference {
            Difference::Table { was, .. } => Some(was.as_str()),
            _ => None,
        })
    }
}

/// Renders and binds what the manifest holds.
pub fn former(session: &Session, now: &Inspected, changes: &Changes<'_>) -> Step<Former> {
    let project = Arc::new(former_project(&session.project, changes));
    let (graph, _) = Graph::build(&project);
    let order: Vec<NodeId> = graph.topological_order().cloned().collect();
    let around = surroundings(session, &project, changes.manifest);
    let again = rendered_again(&project, &session.project, &order, changes);
    let unchanged = now.code.iter().filter(|(id, _)| project.nodes.contains_key(*id) && !again.contains(*id));
    let mut code: HashMap<NodeId, _> = unchanged.map(|(id, code)| (id.clone(), code.clone())).collect();
    let again: Vec<NodeId> = order.iter().filter(|id| again.contains(*id)).cloned().collect();
    let rendered = compile_code(&around, &again, session.tree.profile.threads).map_err(|problem| {
        session.inputs.sink.emit(&Event::Problem(&problem));
        Stop(2)
    })?;
    code.extend(rendered.into_iter().map(|(id, code)| (id, (code.first, code.later))));
    let mut binding = Binding::after(session, &around, order.len(), now)?;
    let start = std::mem::take(&mut binding.start);
    let definitions = std::mem::take(&mut binding.definitions);
    let (known, unsure) = known(session, now, changes, &project, &mut binding);
    let request = CheckRequest {
        project: &project,
        order: &order,
        compiled: &code,
        functions: &function_definitions(&around, &code),
        known: &known,
        leaves: &|_, _| None,
        beside: &beside(&around),
        start: &start,
        definitions: &definitions,
        home: &home(session),
    };
    let checked = binding.check(&request, Checked::default());
    binding.keep(session);
    Ok(Former { project, checked, unsure })
}

/// Nodes whose code may be another: what was changed, what is gone, and what has a changed ephemeral model or the former
/// table of a source in its code.
fn rendered_again(project: &Project, now: &Project, order: &[NodeId], changes: &Changes<'_>) -> HashSet<NodeId> {
    let mut again: HashSet<NodeId> = HashSet::new();
    for id in order {
        let Some(node) = project.nodes.get(id) else { continue };
        let inlines = |p: &NodeId| {
            let ephemeral = again.contains(p) && project.nodes.get(p).is_some_and(|n| n.is_ephemeral());
            ephemeral || changes.former_table(p).is_some()
        };
        if changes.modified.contains(id) || !now.nodes.contains_key(id) || node.depends_on.iter().any(inlines) {
            again.insert(id.clone());
        }
    }
    again
}

/// Columns outside as they are now; those of changed seeds and of Python models as the state's catalog.json has them, those
/// of a source's former table as the warehouse has them.
fn known(
    session: &Session,
    now: &Inspected,
    changes: &Changes<'_>,
    project: &Project,
    binding: &mut Binding,
) -> (Schemas, HashMap<NodeId, String>) {
    let mut known = now.known.clone();
    let path = session.inputs.earlier.project_dir.join(&changes.manifest.folder).join("catalog.json");
    let bytes = session.inputs.files.read(&path).unwrap_or_default();
    let catalog: HashMap<NodeId, Vec<ShadowColumn>> = read_catalog_columns(&bytes)
        .into_iter()
        .map(|(id, columns)| {
            let column = |(name, data_type)| ShadowColumn { name, data_type };
            (id, columns.into_iter().map(column).collect())
        })
        .collect();
    let mut unsure = HashMap::new();
    for (id, node) in &project.nodes {
        let is_seed = node.resource_type == ResourceType::Seed;
        let changed = changes.modified.contains(id) || !session.project.nodes.contains_key(id);
        if !changed || !(is_seed || node.language == Language::Python) {
            continue;
        }
        match catalog.get(id) {
            Some(columns) => known.foresee(&node.relation, columns.clone()),
            None if is_seed => {
                let why = "its former columns are not known, the present ones stand in: `docs generate` writes the \
                           catalog.json that has them, to lie beside the state's manifest.json";
                unsure.insert(id.clone(), why.to_owned());
            }
            None => {}
        }
    }
    for source in project.sources.values() {
        let Some(table) = changes.former_table(&source.id) else { continue };
        if known.get(&source.relation).is_none() {
            let columns = former_columns(session, source, binding).or_else(|| catalog.get(&source.id).cloned());
            if columns.is_none() {
                let why =
                    format!("the columns of its former table {table} are not known, those of the present one stand in");
                unsure.insert(source.id.clone(), why);
            }
            let present = || session.project.sources.get(&source.id).and_then(|s| now.known.get(&s.relation));
            if let Some(columns) = columns.or_else(|| present().map(<[_]>::to_vec)) {
                known.foresee(&source.relation, columns);
            }
        }
    }
    (known, unsure)
}

/// What a source's former table or files have.
fn former_columns(session: &Session, source: &Source, binding: &mut Binding) -> Option<Vec<ShadowColumn>> {
    if let Some(reader) = &source.reader {
        return binding.columns(&format!("select * from {reader}"));
    }
    let place = (source.relation.database.clone()?, source.relation.schema.clone()?);
    let found = session.adapter.connect().and_then(|mut c| c.catalog(&[place])).ok()?;
    Schemas::of_catalog(&found).get(&source.relation).map(<[_]>::to_vec)
}

fn surroundings(session: &Session, project: &Arc<Project>, manifest: &PreviousManifest) -> Surroundings {
    let engine = Engine::new(former_macros(session.engine.registry(), manifest));
    let settings = session.compile_settings();
    let compiler = Compiler::new(Arc::clone(project), engine.clone(), Arc::clone(&session.shared), settings);
    Surroundings { project: Arc::clone(project), engine, compiler: Arc::new(compiler), ..session.surroundings() }
}

/// The manifest's macros; built-in ones are the program's.
fn former_macros(now: &Registry, manifest: &PreviousManifest) -> Registry {
    const KINDS: [DefinitionKind; 3] = [DefinitionKind::Macro, DefinitionKind::Test, DefinitionKind::Materialization];
    let is_internal = |package: &str| now.internal_packages().iter().any(|p| p == package);
    let written = |id: &str, package: &str, text: &str| {
        let (found, _) = extract_only(&SourceFile::new(id, text), &KINDS);
        found.into_iter().map(|definition| MacroEntry::new(package, definition)).collect::<Vec<_>>()
    };
    let mut entries: Vec<MacroEntry> = Vec::new();
    for entry in now.entries() {
        match manifest.macros.get(&entry.unique_id) {
            _ if is_internal(&entry.package) => entries.push((**entry).clone()),
            Some(text) if text.trim() == entry.definition.text().trim() => entries.push((**entry).clone()),
            Some(text) => entries.extend(written(&entry.unique_id, &entry.package, text)),
            None => {}
        }
    }
    for (id, text) in &manifest.macros {
        let package = id.split('.').nth(1).unwrap_or_default();
        // Packages of other programs that wrote the manifest have built-in macros, too.
        if now.id(id).is_none() && now.is_known_package(package) && !is_internal(package) {
            entries.extend(written(id, package, text));
        }
    }
    Registry::new(now.root(), now.internal_packages().to_vec(), now.installed_packages().to_vec(), entries).0
}

fn former_project(now: &Project, changes: &Changes<'_>) -> Project {
    let (manifest, modified) = (changes.manifest, changes.modified);
    let mut nodes: IndexMap<NodeId, Arc<Node>> = IndexMap::new();
    let mut sources: IndexMap<NodeId, Arc<Source>> = IndexMap::new();
    for (id, member) in &manifest.members {
        match id.resource_type() {
            "model" | "seed" | "snapshot" | "function" => {
                let node = match now.nodes.get(id) {
                    Some(node) if !modified.contains(id) => Arc::clone(node),
                    node => Arc::new(former_node(node.map(|n| &**n), id, member)),
                };
                nodes.insert(id.clone(), node);
            }
            "source" => {
                let source = match (now.sources.get(id), changes.former_table(id)) {
                    (Some(source), Some(table)) => Arc::new(moved_back(source, member, table)),
                    (Some(source), None) => Arc::clone(source),
                    (None, _) => Arc::new(former_source(id, member)),
                };
                sources.insert(id.clone(), source);
            }
            _ => {}
        }
    }
    // What is not in the manifest is not there to be read.
    for node in nodes.values_mut() {
        if !node.depends_on.iter().all(|id| manifest.members.contains_key(id)) {
            let depends_on = node.depends_on.iter().filter(|id| manifest.members.contains_key(*id)).cloned().collect();
            *node = Arc::new(Node { depends_on, ..(**node).clone() });
        }
    }
    Project { info: now.info.clone(), nodes, sources, macros: now.macros.clone(), ..Project::default() }
}

fn text(member: &Dict, key: &str) -> String {
    member.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn relation_of(member: &Dict, name: &str) -> Relation {
    let part = |key: &str| member.get(key).and_then(Value::as_str).map(str::to_owned);
    Relation { database: part("database"), schema: part("schema"), identifier: part(name).or_else(|| part("name")) }
}

/// A node out of its dict. Where it is stands in today's project, if it is there: the state may be of another target.
fn former_node(now: Option<&Node>, id: &NodeId, member: &Dict) -> Node {
    let path = text(member, "original_file_path");
    let file = SourceFile::new(path.clone(), text(member, "raw_code"));
    let resource_type = ResourceType::parse(id.resource_type()).unwrap_or(ResourceType::Model);
    let model = || ModelDetail {
        access: text(member, "access"),
        version: member.get("version").cloned().unwrap_or_default(),
        latest_version: member.get("latest_version").cloned().unwrap_or_default(),
        ..ModelDetail::default()
    };
    let list = |key: &str| member.get(key).and_then(Value::as_list).unwrap_or_default();
    let detail = match resource_type {
        ResourceType::Seed => Detail::Seed { root_path: text(member, "root_path") },
        ResourceType::Snapshot => Detail::Snapshot,
        ResourceType::Function => Detail::Function(FunctionDetail {
            arguments: list("arguments").iter().filter_map(Value::as_map).cloned().collect(),
            returns: member.get("returns").and_then(Value::as_map).cloned().unwrap_or_default(),
        }),
        _ => Detail::Model(model()),
    };
    let call = |value: &Value| RefCall {
        package: value.get("package").and_then(Value::as_str).map(str::to_owned),
        name: value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        version: value.get("version").cloned().unwrap_or_default(),
    };
    let pair = |value: &Value| match texts(Some(value)).as_slice() {
        [source, table] => Some((source.clone(), table.clone())),
        _ => None,
    };
    let parents = texts(member.get("depends_on").and_then(|d| d.get("nodes")));
    Node {
        id: id.clone(),
        resource_type,
        name: text(member, "name"),
        package: text(member, "package_name"),
        path: text(member, "path"),
        original_path: path,
        fqn: texts(member.get("fqn")),
        language: if text(member, "language") == "python" { Language::Python } else { Language::Sql },
        template: Template::whole(file),
        relation: now.map_or_else(|| relation_of(member, "alias"), |n| n.relation.clone()),
        alias: text(member, "alias"),
        relation_name: member.get("relation_name").and_then(Value::as_str).map(str::to_owned),
        config: Config(member.get("config").and_then(Value::as_map).cloned().unwrap_or_default()),
        // The contract of the past is not checked again.
        refs: list("refs").iter().map(call).collect(),
        sources: list("sources").iter().filter_map(pair).collect(),
        depends_on: parents.into_iter().map(NodeId::from).collect(),
        depends_on_macros: texts(member.get("depends_on").and_then(|d| d.get("macros"))),
        detail,
        ..Node::blank()
    }
}

/// A source that is gone.
fn former_source(id: &NodeId, member: &Dict) -> Source {
    let dict = |key: &str| member.get(key).and_then(Value::as_map).cloned().unwrap_or_default();
    Source {
        id: id.clone(),
        source_name: text(member, "source_name"),
        name: text(member, "name"),
        package: text(member, "package_name"),
        original_path: text(member, "original_file_path"),
        fqn: texts(member.get("fqn")),
        relation: relation_of(member, "identifier"),
        relation_name: text(member, "relation_name"),
        quoting: dict("quoting"),
        config: Config(dict("config")),
        span: Span::file_start(&SourceFile::new(text(member, "original_file_path"), "")),
        ..Source::blank()
    }
}

/// A source over its former table. Parts of the name that are written as they were are today's: the state may be of another
/// target.
fn moved_back(now: &Source, member: &Dict, table: &str) -> Source {
    let former = relation_of(member, "identifier");
    let part = |key: &str, written: &Option<String>, former: &Option<String>, present: &Option<String>| {
        let same = text(member, key) == written.as_deref().unwrap_or_default();
        if same { present.clone() } else { former.clone() }
    };
    let relation = Relation {
        database: part("unrendered_database", &now.unrendered_database, &former.database, &now.relation.database),
        schema: part("unrendered_schema", &now.unrendered_schema, &former.schema, &now.relation.schema),
        identifier: former.identifier,
    };
    let parts = relation_of(member, "identifier");
    let parts = [parts.database, parts.schema, parts.identifier].into_iter().flatten().collect::<Vec<_>>();
    // Else it is a text that reads files.
    let is_name = table.replace('"', "") == parts.join(".");
    let reader = (!is_name).then(|| table.to_owned());
    Source { reader, relation, relation_name: table.to_owned(), ..now.clone() }
}

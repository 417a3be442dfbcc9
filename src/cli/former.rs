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
use crate::diag::{Diagnostic, SourceFile, Span};
use crate::execute::event::Event;
use crate::execute::{Surroundings, compile_code};
use crate::graph::Graph;
use crate::jinja::{DefinitionKind, Engine, MacroEntry, Registry, extract_only};
use crate::lineage::{CheckRequest, Checked};
use crate::node::previous::PreviousManifest;
use crate::node::{
    Config, Detail, FunctionDetail, Language, ModelDetail, Node, Project, RefCall, ResourceType, Source, Template,
};

use super::inspect::{Binding, Inspected, function_definitions, home};
use super::session::{Session, Step, Stop};

/// The project at the earlier time.
pub struct Former {
    /// Models, seeds, snapshots and sources.
    pub project: Arc<Project>,
    /// What binding them gave.
    pub checked: Checked,
    /// Changed seeds of which the former columns are not known: the present ones stand in.
    pub unsure: Vec<NodeId>,
}

/// Renders and binds what the manifest holds; `modified` are the nodes that somebody changed since.
pub fn former(
    session: &Session,
    manifest: &PreviousManifest,
    now: &Inspected,
    modified: &HashSet<NodeId>,
) -> Step<Former> {
    let project = Arc::new(former_project(&session.project, manifest, modified));
    let (graph, _) = Graph::build(&project);
    let order: Vec<NodeId> = graph.topological_order().cloned().collect();
    let around = surroundings(session, &project, manifest);
    let again = rendered_again(&project, &session.project, &order, modified);
    let unchanged = now.code.iter().filter(|(id, _)| project.nodes.contains_key(*id) && !again.contains(*id));
    let mut code: HashMap<NodeId, _> = unchanged.map(|(id, code)| (id.clone(), code.clone())).collect();
    let again: Vec<NodeId> = order.iter().filter(|id| again.contains(*id)).cloned().collect();
    let rendered = compile_code(&around, &again, session.tree.profile.threads).map_err(|problem| {
        session.inputs.sink.emit(&Event::Problem(&problem));
        Stop(2)
    })?;
    code.extend(rendered.into_iter().map(|(id, code)| (id, (code.first, None))));
    let (known, unsure) = known(session, manifest, now, modified, &project);
    let request = CheckRequest {
        project: &project,
        order: &order,
        compiled: &code,
        functions: &function_definitions(&around, &code),
        known: &known,
        leaves: &|_, _| None,
        home: &home(session),
    };
    let mut binding = Binding::after(session, &around, order.len(), now)?;
    let checked = binding.check(&request, Checked::default());
    binding.keep(session);
    Ok(Former { project, checked, unsure })
}

/// Nodes whose code may be another: what was changed, what is gone, and what has a changed ephemeral model in its code.
fn rendered_again(project: &Project, now: &Project, order: &[NodeId], modified: &HashSet<NodeId>) -> HashSet<NodeId> {
    let mut again: HashSet<NodeId> = HashSet::new();
    for id in order {
        let Some(node) = project.nodes.get(id) else { continue };
        let inlines = |p: &NodeId| again.contains(p) && project.nodes.get(p).is_some_and(|n| n.is_ephemeral());
        if modified.contains(id) || !now.nodes.contains_key(id) || node.depends_on.iter().any(inlines) {
            again.insert(id.clone());
        }
    }
    again
}

/// Columns outside as they are now; those of changed seeds and of Python models as the state's catalog.json has them.
fn known(
    session: &Session,
    manifest: &PreviousManifest,
    now: &Inspected,
    modified: &HashSet<NodeId>,
    project: &Project,
) -> (crate::lineage::Schemas, Vec<NodeId>) {
    let mut known = now.known.clone();
    let path = session.inputs.earlier.project_dir.join(&manifest.folder).join("catalog.json");
    let bytes = session.inputs.files.read(&path).unwrap_or_default();
    let catalog: HashMap<NodeId, Vec<ShadowColumn>> = read_catalog_columns(&bytes)
        .into_iter()
        .map(|(id, columns)| {
            let column = |(name, data_type)| ShadowColumn { name, data_type };
            (id, columns.into_iter().map(column).collect())
        })
        .collect();
    let mut unsure = Vec::new();
    for (id, node) in &project.nodes {
        let is_seed = node.resource_type == ResourceType::Seed;
        let changed = modified.contains(id) || !session.project.nodes.contains_key(id);
        if !changed || !(is_seed || node.language == Language::Python) {
            continue;
        }
        match catalog.get(id) {
            Some(columns) => known.foresee(&node.relation, columns.clone()),
            None if is_seed => unsure.push(id.clone()),
            None => {}
        }
    }
    (known, unsure)
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

fn former_project(now: &Project, manifest: &PreviousManifest, modified: &HashSet<NodeId>) -> Project {
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
                let source = now.sources.get(id).cloned().unwrap_or_else(|| Arc::new(former_source(id, member)));
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

/// What is to be said of seeds whose former columns are not known.
pub fn doubt(session: &Session, unsure: &[NodeId]) -> Option<Diagnostic> {
    let names = unsure.iter().filter_map(|id| session.project.nodes.get(id)).map(|n| n.name.as_str());
    let names: Vec<&str> = names.collect();
    (!names.is_empty()).then(|| {
        let message = format!("the former columns of {} are not known: the present ones stand in", names.join(", "));
        Diagnostic::warning(crate::diag::codes::STATE_MISSING, message)
            .help("put the catalog.json of `docs generate` beside the manifest.json of the state")
    })
}

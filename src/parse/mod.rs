//! Floor 2, second stage: from files to nodes with resolved references.
//!
//! In: the [`SourceTree`], the internal packages, what templates may see. Out: [`Parsed`] (the [`Project`] and the macro
//! [`Engine`]) and every problem found.
//!
//! ```text
//! macros ─> engine      properties files ─> patches       .sql/.csv ─> raw
//!                └──────────────┬──────────────┴────────────────┘
//!                            assemble (capture calls, merge config, names)  ─> nodes, tests, sources
//!                               └─> resolve (names to ids) ─> Project
//! ```

mod assemble;
mod checks;
mod columns;
mod config;
mod config_call;
mod contracts;
mod deprecation;
mod docs;
mod external;
mod extras;
pub mod fixture_rows;
mod functions;
mod generic_tests;
mod host;
mod link;
mod macro_checks;
mod macros;
mod microbatch;
mod names;
mod node_color;
mod patches;
mod primary_keys;
mod python;
mod raw;
mod redirected;
pub mod resolve;
mod semantic;
mod shapes;
mod snapshots;
mod source_config;
mod source_overrides;
mod sources;
mod test_arguments;
pub mod test_names;
mod unit_tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use indexmap::IndexMap;
use rayon::prelude::*;

use crate::base::{NodeId, Value};
use crate::diag::{Diagnostic, Diagnostics, SourceFile};
use crate::files::Env;
use crate::jinja::context::host::DocLookup;
use crate::jinja::context::{NodeFacts, NodeScope, SharedContext};
use crate::jinja::{DefinitionKind, Engine, Scope, extract_only};
use crate::load::{FileKind, Rendering, SourceTree, YamlContext, YamlRenderer};
use crate::node::{Disabled, Doc, Language, Node, Project, ProjectInfo, ResourceType, Source, Template};
use crate::stdlib;

use assemble::{Cx, Version};
use docs::{Docs, find_doc};
use generic_tests::{Place, Target, TestDraft};
use patches::{Entry, Patches};
use raw::Raw;

pub use host::{TreeVars, Yaml};
pub use macros::InternalPackage;
pub use microbatch::runs_in_batches;

/// What parsing works on.
pub struct ParseRequest<'a> {
    /// The loaded project.
    pub tree: &'a SourceTree,
    /// Macros that come with the program, the winning package first.
    pub internal: &'a [InternalPackage],
    /// The parse-time context: no files, no graph.
    pub shared: &'a Arc<SharedContext>,
    /// Renders YAML values.
    pub renderer: &'a dyn YamlRenderer,
    /// Environment variables.
    pub env: &'a Env,
}

/// The result of parsing.
pub struct Parsed {
    /// All resources.
    pub project: Project,
    /// All macros.
    pub engine: Engine,
}

/// Resources while they are being collected.
#[derive(Default)]
struct Collected {
    nodes: IndexMap<NodeId, Arc<Node>>,
    sources: IndexMap<NodeId, Arc<Source>>,
    disabled: BTreeMap<NodeId, Vec<Disabled>>,
    diagnostics: Diagnostics,
}

impl Collected {
    fn add(&mut self, node: Node) {
        let node = Arc::new(node);
        if !node.config.enabled() {
            self.disabled.entry(node.id.clone()).or_default().push(Disabled::Node(node));
        } else if let Some(first) = self.nodes.get(&node.id) {
            self.diagnostics.push(checks::duplicate(first, &node));
        } else {
            self.nodes.insert(node.id.clone(), node);
        }
    }

    fn add_source(&mut self, source: Source) {
        let source = Arc::new(source);
        if !source.config.enabled() {
            self.disabled.entry(source.id.clone()).or_default().push(Disabled::Source(source));
        } else if let Some(first) = self.sources.get(&source.id) {
            self.diagnostics.push(checks::duplicate_source(first, &source));
        } else {
            self.sources.insert(source.id.clone(), source);
        }
    }
}

/// Parses a project.
pub fn parse(request: &ParseRequest<'_>) -> (Parsed, Diagnostics) {
    let tree = request.tree;
    let mut diagnostics = Diagnostics::new();
    let (engine, macro_paths) = macros::engine(tree, request.internal, &mut diagnostics);
    let created_at = request.shared.run_started_at.timestamp_micros() as f64 / 1e6;
    let rendering = |package: &str| {
        // The package's name lives as long as the tree: find it there.
        let name = tree.package(package).map_or("", |p| p.config.name.as_str());
        Rendering {
            renderer: request.renderer,
            context: YamlContext::Properties { package: name, vars: &tree.vars, target: &request.shared.target },
            env: request.env,
        }
    };
    let mut patches = Patches::collect(tree.all_packages(), rendering, &mut diagnostics);
    source_overrides::apply(&mut patches, &mut diagnostics);
    let cx = Cx::new(tree, &engine, request.shared, created_at);
    let blocks = docs_blocks(&cx, &mut diagnostics);
    let mut collected = Collected::default();
    collect_nodes(&cx, &patches, &blocks, &mut collected);
    checks::ambiguously_enabled(&patches, &collected.disabled, &mut diagnostics);
    let mut drafts = test_drafts(&cx, &patches, &collected, &rendering, &mut diagnostics);
    with_docs(&cx, &blocks, &mut diagnostics, |docs, _| {
        for draft in &mut drafts {
            docs.span = Some(draft.span.clone());
            draft.description = docs.describe(Some(&draft.description), &draft.package).text.into();
        }
    });
    collect_sources(&cx, &patches, &blocks, &mut collected);
    collect_tests(&cx, drafts, &mut collected);
    let Collected { nodes, sources, disabled, diagnostics: found } = collected;
    diagnostics.extend(found);

    let mut project = Project {
        info: info(request, created_at),
        nodes,
        sources,
        disabled,
        selectors: selectors(tree),
        ..Project::default()
    };
    let builtins = NodeScope::parse(request.shared, NodeFacts::package(cx.root()), &Arc::default()).build().names();
    project.macros = macros::domain(&engine, &macro_paths, &request.shared.dispatch, &builtins, &patches);
    if cx.flag("VALIDATE_MACRO_ARGS") {
        macros::validate(&engine, &patches, &mut project.macros, &mut diagnostics);
    }
    let groups = extras::groups(&patches);
    project.groups = groups.into_iter().map(|g| (g.unique_id.clone(), Arc::new(g))).collect();
    collect_extras(&cx, &patches, &blocks, &mut project, &mut diagnostics);
    project.docs = blocks;
    describe_macros(&cx, &mut project, &mut diagnostics);
    link::link(&cx, &mut project, &mut diagnostics);
    primary_keys::infer(&mut project);
    checks::project(&cx, &project, &mut diagnostics);
    report_unused(&project, &patches, &mut diagnostics);
    (Parsed { project, engine }, diagnostics)
}

const OWN_PACKAGE_FIRST: &str = "REQUIRE_REF_SEARCHES_NODE_PACKAGE_BEFORE_ROOT";

fn info(request: &ParseRequest<'_>, created_at: f64) -> ProjectInfo {
    let tree = request.tree;
    ProjectInfo {
        name: tree.root.config.name.clone(),
        packages: tree.all_packages().map(|p| p.config.name.clone()).collect(),
        adapter_type: request.shared.adapter.adapter_type.clone(),
        quoting: request.shared.quoting.clone(),
        target: request.shared.target.clone(),
        own_package_first: request.shared.flags.get(OWN_PACKAGE_FIRST).is_some_and(Value::is_truthy),
        created_at,
    }
}

fn selectors(tree: &SourceTree) -> IndexMap<String, Value> {
    tree.selectors
        .iter()
        .map(|s| {
            let mut entry = crate::base::Dict::new();
            entry.insert("name".into(), s.name.as_str().into());
            entry.insert("description".into(), s.description.clone().into());
            entry.insert("default".into(), s.default.into());
            entry.insert("definition".into(), s.definition.to_base());
            (s.name.clone(), Value::Map(entry))
        })
        .collect()
}

fn docs_blocks(cx: &Cx<'_>, diagnostics: &mut Diagnostics) -> IndexMap<String, Arc<Doc>> {
    let mut blocks: IndexMap<String, Arc<Doc>> = IndexMap::new();
    let mut places = HashMap::new();
    let mut read = |package: &str, path: &str, file: &Arc<SourceFile>| {
        let (definitions, problems) = extract_only(file, &[DefinitionKind::Docs]);
        diagnostics.extend(problems);
        for definition in definitions {
            let unique_id = format!("doc.{package}.{}", definition.label);
            if let Some(first) = places.get(&unique_id) {
                diagnostics.push(checks::duplicate_doc(&definition, first));
                continue;
            }
            places.insert(unique_id.clone(), definition.span.clone());
            let text = definition.body.text();
            let rendered = docs::has_jinja(text)
                .then(|| host::docs_block(cx.engine, cx.shared, package, &definition.body))
                .transpose()
                .unwrap_or_else(|problem| {
                    diagnostics.push(problem);
                    None
                });
            let doc = Doc {
                unique_id: unique_id.clone(),
                package: package.to_owned(),
                name: definition.label.clone(),
                original_path: path.to_owned(),
                contents: rendered.as_deref().unwrap_or(text).trim().to_owned(),
            };
            blocks.insert(unique_id, Arc::new(doc));
        }
    };
    for (path, text) in stdlib::docs() {
        read(stdlib::PACKAGE, path, &SourceFile::new(path, text));
    }
    for package in cx.tree.all_packages() {
        for entry in package.files.iter().filter(|f| f.kind == FileKind::Docs) {
            read(&package.config.name, &entry.path, &entry.file);
        }
    }
    blocks
}

/// Docs blocks behind Jinja's door.
struct Blocks {
    blocks: IndexMap<String, Arc<Doc>>,
    root: String,
    package: String,
}

impl DocLookup for Blocks {
    fn doc(&self, package: Option<&str>, name: &str) -> Option<String> {
        let names: Vec<String> = package.into_iter().chain([name]).map(str::to_owned).collect();
        find_doc(&self.blocks, &self.root, &names, &self.package).map(|d| d.contents.clone())
    }
}

/// Runs some work with a renderer of descriptions; its problems join the others.
fn with_docs<R>(
    cx: &Cx<'_>,
    blocks: &IndexMap<String, Arc<Doc>>,
    diagnostics: &mut Diagnostics,
    work: impl FnOnce(&mut Docs<'_>, &mut Diagnostics) -> R,
) -> R {
    let render = |text: &str, package: &str| -> Result<String, Diagnostic> {
        let lookup = Blocks { blocks: blocks.clone(), root: cx.root().to_owned(), package: package.to_owned() };
        host::description(cx.engine, cx.shared, package, text, Arc::new(lookup))
    };
    let mut docs = Docs::new(blocks, cx.root(), &render);
    let result = work(&mut docs, diagnostics);
    diagnostics.extend(std::mem::take(&mut docs.diagnostics));
    result
}

/// Versions of models by package and file name.
type Versions<'p> = HashMap<(String, String), (&'p Entry, Version)>;

fn versions<'p>(patches: &'p Patches, diagnostics: &mut Diagnostics) -> Versions<'p> {
    let mut found = Versions::new();
    for entry in patches.section("models") {
        let list = entry.value.get("versions").and_then(Value::as_list).unwrap_or_default();
        checks::versions(entry, list, diagnostics);
        if list.is_empty() {
            continue;
        }
        let newest = list.iter().filter_map(|v| v.get("v")).max_by(|a, b| resolve::version_order(a, b));
        let latest = entry.value.get("latest_version").filter(|v| !v.is_null()).or(newest).cloned().unwrap_or_default();
        for version in list.iter().filter_map(Value::as_map) {
            let Some(v) = version.get("v").cloned() else { continue };
            let file = version.get("defined_in").and_then(Value::as_str).map_or_else(
                || format!("{}_v{v}", entry.name),
                |f| f.trim_end_matches(".sql").trim_end_matches(".py").to_owned(),
            );
            let made = Version { latest: latest.clone(), entry: version.clone(), v: v.clone() };
            // The latest version may live in a file without suffix.
            if resolve::same_version(&v, &latest) {
                found.entry((entry.package.clone(), entry.name.clone())).or_insert_with(|| (entry, made.clone()));
            }
            found.insert((entry.package.clone(), file), (entry, made));
        }
    }
    found
}

fn section_of(resource_type: ResourceType) -> &'static str {
    match resource_type {
        ResourceType::Seed => "seeds",
        ResourceType::Snapshot => "snapshots",
        ResourceType::Analysis => "analyses",
        ResourceType::Test => "data_tests",
        ResourceType::Function => "functions",
        _ => "models",
    }
}

fn collect_nodes(cx: &Cx<'_>, patches: &Patches, blocks: &IndexMap<String, Arc<Doc>>, out: &mut Collected) {
    let versions = versions(patches, &mut out.diagnostics);
    let mut raws: Vec<Raw> = Vec::new();
    for package in cx.tree.all_packages() {
        raws.extend(raw::collect(package, &mut out.diagnostics));
        raws.extend(hooks(package));
    }
    raws.extend(yaml_snapshots(patches, &raws));
    let assembled_alone = |raw: &Raw| {
        let mut unheard = Diagnostics::new();
        with_docs(cx, blocks, &mut unheard, |docs, problems| assemble::node(cx, raw, None, docs, problems))
    };
    let is_enabled = |raw: &Raw| assembled_alone(raw).is_some_and(|node| node.config.enabled());
    let redirected = redirected::find(patches, &raws, &is_enabled);
    let made: Vec<(Option<Node>, Diagnostics)> = raws
        .par_iter()
        .enumerate()
        .map(|(position, raw)| {
            let mut problems = Diagnostics::new();
            let key = (raw.package.clone(), raw.name.clone());
            let versioned = (raw.resource_type == ResourceType::Model).then(|| versions.get(&key)).flatten();
            let patch = match (versioned, redirected.get(&position)) {
                (Some((entry, version)), _) => Some((*entry, Some(version.clone()))),
                (None, Some(entry)) => entry.map(|e| (e, None)),
                (None, None) => patches.find(&raw.package, section_of(raw.resource_type), &raw.name).map(|e| (e, None)),
            };
            let node =
                with_docs(cx, blocks, &mut problems, |docs, problems| assemble::node(cx, raw, patch, docs, problems));
            (node, problems)
        })
        .collect();
    for (node, problems) in made {
        out.diagnostics.extend(problems);
        if let Some(node) = node {
            out.add(node);
        }
    }
}

/// `on-run-start` and `on-run-end` of a package as operations.
fn hooks(package: &crate::load::Package) -> Vec<Raw> {
    let name = &package.config.name;
    let mut raws = Vec::new();
    for (kind, list) in [("on-run-start", &package.config.on_run_start), ("on-run-end", &package.config.on_run_end)] {
        for (index, hook) in list.iter().enumerate() {
            let hook_name = format!("{name}-{kind}-{index}");
            let file = SourceFile::made_from(hook.span.clone(), hook.sql.clone());
            raws.push(Raw {
                resource_type: ResourceType::Operation,
                package: name.clone(),
                path: format!("hooks/{hook_name}.sql"),
                original_path: "./dbt_project.yml".into(),
                fqn: vec![name.clone(), "hooks".into(), hook_name.clone()],
                name: hook_name,
                language: Language::Sql,
                template: Template { range: 0..hook.sql.len(), file },
                checksum: raw::checksum(&hook.span.file.text),
                config: crate::base::Dict::new(),
                hook_index: Some(index + 1),
            });
        }
    }
    raws
}

/// Snapshots that a properties file defines by `relation:`.
fn yaml_snapshots(patches: &Patches, raws: &[Raw]) -> Vec<Raw> {
    let exists = |entry: &Entry| {
        raws.iter()
            .any(|r| r.resource_type == ResourceType::Snapshot && r.package == entry.package && r.name == entry.name)
    };
    patches
        .section("snapshots")
        .filter(|entry| !exists(entry))
        .filter_map(|entry| {
            let relation = entry.value.get("relation").and_then(Value::as_str)?;
            let text = format!("select * from {{{{ {relation} }}}}");
            // Unlike that of a snapshot in SQL, the fully qualified name leaves the file out.
            let folders = entry.relative_path.rsplit_once('/').map(|(folders, _)| folders.split('/'));
            let mut fqn = vec![entry.package.clone()];
            fqn.extend(folders.into_iter().flatten().map(str::to_owned));
            fqn.push(entry.name.clone());
            Some(Raw {
                resource_type: ResourceType::Snapshot,
                package: entry.package.clone(),
                name: entry.name.clone(),
                path: format!("{}/{}.sql", entry.relative_path, entry.name),
                original_path: entry.path.clone(),
                fqn,
                language: Language::Sql,
                checksum: raw::checksum(&entry.node.span.file.text),
                template: Template { range: 0..text.len(), file: SourceFile::made_from(entry.span(), text) },
                config: crate::base::Dict::new(),
                hook_index: None,
            })
        })
        .collect()
}

fn test_drafts<'a>(
    cx: &Cx<'_>,
    patches: &Patches,
    collected: &Collected,
    rendering: &impl Fn(&str) -> Rendering<'a>,
    diagnostics: &mut Diagnostics,
) -> Vec<TestDraft> {
    let mut drafts = Vec::new();
    for section in ["models", "seeds", "snapshots"] {
        for entry in patches.section(section) {
            for target in targets(cx, entry, collected) {
                let place = Place {
                    package: &entry.package,
                    path: &entry.path,
                    file_key_name: format!("{section}.{}", entry.name),
                    attached_node: target.1.as_ref().map(|n| n.id.clone()),
                    nests_arguments: cx.nests_arguments(),
                };
                let render = |node: &crate::load::YamlNode, problems: &mut Diagnostics| {
                    rendering(&entry.package).tree(node, &|_| true, problems).to_base()
                };
                let found = generic_tests::drafts(&target.2, &target.0, &place, &[], &render, diagnostics);
                drafts.extend(found);
            }
        }
    }
    for entry in patches.section("sources") {
        let render = |node: &crate::load::YamlNode, problems: &mut Diagnostics| {
            rendering(&entry.package).tree(node, &|_| true, problems).to_base()
        };
        drafts.extend(sources::tests(cx, entry, &render, diagnostics));
    }
    drafts
}

/// What an entry's tests are about: target, the node if there is one, the YAML with the tests. One per version.
fn targets(
    cx: &Cx<'_>,
    entry: &Entry,
    collected: &Collected,
) -> Vec<(Target, Option<Arc<Node>>, crate::load::YamlNode)> {
    let versions = entry.node.get("versions").map(crate::load::YamlNode::items).unwrap_or_default();
    let kind = entry.section.trim_end_matches('s');
    let find = |id: String| {
        let id = NodeId::from(id);
        collected.nodes.get(&id).cloned().or_else(|| match collected.disabled.get(&id).and_then(|d| d.first()) {
            Some(Disabled::Node(n)) => Some(Arc::clone(n)),
            _ => None,
        })
    };
    if versions.is_empty() {
        let own = find(format!("{kind}.{}.{}", entry.package, entry.name));
        let node = own.or_else(|| find(format!("{kind}.{}.{}", cx.root(), entry.name)));
        return vec![(Target::Node { name: entry.name.clone(), version: Value::Null }, node, entry.node.clone())];
    }
    versions
        .iter()
        .filter_map(|version| {
            let v = version.get("v")?.to_base();
            let node = find(format!("{kind}.{}.{}.v{v}", entry.package, entry.name));
            let yaml = link::version_yaml(&entry.node, version);
            Some((Target::Node { name: entry.name.clone(), version: v }, node, yaml))
        })
        .collect()
}

fn collect_tests(cx: &Cx<'_>, drafts: Vec<TestDraft>, out: &mut Collected) {
    let made: Vec<(Option<Node>, Diagnostics)> = drafts
        .into_par_iter()
        .map(|draft| {
            let mut problems = Diagnostics::new();
            let node = assemble::generic_test(cx, draft, &mut problems);
            (node, problems)
        })
        .collect();
    for (node, problems) in made {
        out.diagnostics.extend(problems);
        if let Some(node) = node {
            out.add(node);
        }
    }
}

fn collect_sources(cx: &Cx<'_>, patches: &Patches, blocks: &IndexMap<String, Arc<Doc>>, out: &mut Collected) {
    let mut problems = Diagnostics::new();
    let found = with_docs(cx, blocks, &mut problems, |docs, problems| {
        let mut found = Vec::new();
        for entry in patches.section("sources") {
            let (own, root) = cx.trees(&entry.package, ResourceType::Source, false);
            let context = sources::SourceContext {
                defaults: &cx.defaults,
                trees: sources::Trees { own, root, raw: cx.trees(&entry.package, ResourceType::Source, true) },
                quoting: &cx.shared.quoting,
            };
            docs.span = Some(entry.span());
            found.extend(sources::tables(entry, &context, docs, problems));
        }
        found
    });
    out.diagnostics.extend(problems);
    for source in found {
        out.add_source(source);
    }
}

fn collect_extras(
    cx: &Cx<'_>,
    patches: &Patches,
    blocks: &IndexMap<String, Arc<Doc>>,
    project: &mut Project,
    diagnostics: &mut Diagnostics,
) {
    let exposures = with_docs(cx, blocks, diagnostics, |docs, problems| extras::exposures(cx, patches, docs, problems));
    for exposure in exposures {
        let exposure = Arc::new(exposure);
        if exposure.config.enabled() {
            project.exposures.insert(exposure.id.clone(), exposure);
        } else {
            project.disabled.entry(exposure.id.clone()).or_default().push(Disabled::Exposure(exposure));
        }
    }
    for test in find_unit_tests(cx, patches, project, diagnostics) {
        if test.config.enabled() {
            project.unit_tests.insert(test.id.clone(), Arc::new(test));
        }
    }
    let semantics = with_docs(cx, blocks, diagnostics, |docs, problems| semantic::collect(cx, patches, docs, problems));
    for semantic in semantics {
        let semantic = Arc::new(semantic);
        if semantic.config.enabled() {
            project.semantics.insert(semantic.id.clone(), semantic);
        } else {
            project.disabled.entry(semantic.id.clone()).or_default().push(Disabled::Semantic(semantic));
        }
    }
}

/// Puts docs blocks into the descriptions of macros and of their arguments.
fn describe_macros(cx: &Cx<'_>, project: &mut Project, diagnostics: &mut Diagnostics) {
    let blocks = project.docs.clone();
    with_docs(cx, &blocks, diagnostics, |docs, _| {
        for described in project.macros.values_mut() {
            let texts =
                std::iter::once(&described.description).chain(described.arguments.iter().map(|a| &a.description));
            if !texts.into_iter().any(|text| text.contains("{{")) {
                continue;
            }
            let described = Arc::make_mut(described);
            docs.span = Some(described.span.clone());
            let package = described.package.clone();
            let arguments = described.arguments.iter_mut().map(|a| &mut a.description);
            for text in std::iter::once(&mut described.description).chain(arguments) {
                *text = docs.describe(Some(&Value::from(text.as_str())), &package).text;
            }
        }
    });
}

fn find_unit_tests(
    cx: &Cx<'_>,
    patches: &Patches,
    project: &Project,
    diagnostics: &mut Diagnostics,
) -> Vec<crate::node::UnitTest> {
    let key = |node: &Node| (node.package.clone(), node.name.clone());
    let mut models: HashMap<(String, String), Vec<Arc<Node>>> = HashMap::new();
    for node in project.nodes.values().filter(|n| n.resource_type == ResourceType::Model) {
        models.entry(key(node)).or_default().push(Arc::clone(node));
    }
    let seeds = project.nodes.values().filter(|n| n.resource_type == ResourceType::Seed).map(|n| key(n));
    let disabled = project.disabled.values().flatten().filter_map(|d| match d {
        Disabled::Node(node) if node.resource_type == ResourceType::Model => Some(key(node)),
        _ => None,
    });
    let (seeds, disabled): (Vec<_>, Vec<_>) = (seeds.collect(), disabled.collect());
    let known = unit_tests::Known { models: &models, disabled: &disabled, seeds: &seeds };
    unit_tests::unit_tests(cx, patches, &known, diagnostics)
}

fn report_unused(project: &Project, patches: &Patches, diagnostics: &mut Diagnostics) {
    let mut known: HashMap<&'static str, Vec<String>> = HashMap::new();
    for section in ["models", "seeds", "snapshots", "analyses", "macros", "data_tests", "functions"] {
        known.insert(section, Vec::new());
    }
    for node in project.nodes.values() {
        if let Some(names) = known.get_mut(section_of(node.resource_type)) {
            names.push(node.name.clone());
        }
    }
    if let Some(names) = known.get_mut("macros") {
        names.extend(project.macros.values().map(|m| m.name.clone()));
    }
    patches.report_unused(&known, diagnostics);
}

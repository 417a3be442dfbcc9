//! The project as the site shows it: one list of resources, edges as positions in it.
//!
//! In: a [`SiteInput`]. Out: [`SiteData`]: JSON with short keys, since a large project is read by a browser at once. Keys of
//! a resource: `id`, `k` kind, `n` name, `p` package, `f` file, `q` fully qualified name, `db`/`s`/`a` relation, `m`
//! materialization, `d` description, `g` tags, `c` columns, `u` parents, `e` column edges (flat: column, parent, parent's
//! column, kind), `i` columns that decide about rows (flat: parent, column), `nt` not traced: nobody knows where its columns come
//! from, `l` place in the graph (rank, y), `x` part with its code; further ones below. Empty values are left out, and so is what
//! the page can say itself: see [`Maker::shorten`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::IndexSet;
use serde_json::{Map, Value as Json, json};

use crate::artifacts::CatalogTables;
use crate::base::{Dict, NodeId, Relation, Value};
use crate::lineage::{Checked, ColumnGraph, ColumnId, Direction, Verdict, inherited_description};
use crate::node::dict::CompiledCode;
use crate::node::{Column, Node, Project, ResourceType, Semantic, Source};

use super::layout::layout;
use super::page::SiteData;
use super::results::LastResults;

/// Bytes of code after which a new part begins.
const PART: usize = 1 << 20;

/// What the site is made of.
pub struct SiteInput<'a> {
    /// The project.
    pub project: &'a Project,
    /// Compiled code.
    pub compiled: &'a HashMap<NodeId, CompiledCode>,
    /// Nodes bound without data, if they were.
    pub checked: Option<&'a Checked>,
    /// What the warehouse has.
    pub catalog: &'a CatalogTables,
    /// The last verdicts.
    pub results: &'a LastResults,
    /// When the site is made, as text.
    pub generated_at: &'a str,
    /// Packages whose macros are part of the program.
    pub internal_packages: &'a [String],
}

/// Makes the site's data.
pub fn site_data(input: &SiteInput<'_>) -> SiteData {
    let mut made = Maker::new(input);
    let project = input.project;
    for node in project.nodes.values().filter(|n| n.resource_type != ResourceType::Operation) {
        made.node(node);
    }
    project.sources.values().for_each(|source| made.source(source));
    project.unit_tests.values().for_each(|test| {
        let mut d = Map::new();
        put(&mut d, "d", test.description.as_str());
        put(&mut d, "f", test.original_path.as_str());
        made.add(&test.id, "unit_test", &test.name, &test.package, d);
    });
    for exposure in project.exposures.values() {
        let mut d = fields(&exposure.fields);
        put(&mut d, "f", exposure.original_path.as_str());
        put(&mut d, "q", exposure.fqn.join("."));
        made.add(&exposure.id, "exposure", &exposure.name, &exposure.package, d);
    }
    project.semantics.values().for_each(|semantic| made.semantic(semantic));
    made.macros();
    made.finish()
}

struct Maker<'a> {
    input: &'a SiteInput<'a>,
    graph: ColumnGraph,
    position: HashMap<NodeId, usize>,
    columns_of: HashMap<NodeId, HashMap<String, usize>>,
    relations: HashMap<&'a str, &'a crate::artifacts::CatalogTable>,
    resources: Vec<Map<String, Json>>,
    parts: Vec<Vec<(usize, Json)>>,
    part_size: usize,
}

impl<'a> Maker<'a> {
    fn new(input: &'a SiteInput<'a>) -> Self {
        let tables = input.catalog.0.iter().chain(&input.catalog.1);
        Self {
            input,
            graph: input.checked.map(ColumnGraph::new).unwrap_or_default(),
            position: HashMap::new(),
            columns_of: HashMap::new(),
            relations: tables.map(|t| (t.unique_id.as_str(), t)).collect(),
            resources: Vec::new(),
            parts: vec![Vec::new()],
            part_size: 0,
        }
    }

    fn add(&mut self, id: &NodeId, kind: &str, name: &str, package: &str, rest: Map<String, Json>) {
        self.position.insert(id.clone(), self.resources.len());
        let mut d = Map::new();
        put(&mut d, "id", id.as_str());
        put(&mut d, "k", kind);
        put(&mut d, "n", name);
        put(&mut d, "p", package);
        d.extend(rest);
        self.resources.push(d);
    }

    fn node(&mut self, node: &'a Node) {
        let mut d = Map::new();
        put(&mut d, "f", node.original_path.as_str());
        put(&mut d, "q", node.fqn.join("."));
        put(&mut d, "d", node.description.as_str());
        put(&mut d, "g", node.tags());
        put(&mut d, "m", node.config.materialized());
        put(&mut d, "gr", node.group());
        put(&mut d, "meta", dict(node.config.map("meta")));
        put(&mut d, "lang", Some(node.language.as_str()).filter(|l| *l != "sql"));
        if node.config.map("docs").and_then(|docs| docs.get("show")) == Some(&Value::Bool(false)) {
            put(&mut d, "hide", true);
        }
        let color = node.config.map("docs").and_then(|docs| docs.get("node_color")).and_then(Value::as_str);
        put(&mut d, "color", color);
        put(&mut d, "contract", node.config.contract_enforced());
        if let Some(model) = node.model() {
            put(&mut d, "ac", model.access.as_str());
            put(&mut d, "v", model.version.to_json());
            put(&mut d, "lv", model.latest_version.to_json());
            put(&mut d, "dep", model.deprecation_date.to_json());
            put(&mut d, "pk", json!(model.primary_key));
        }
        if node.is_relational() {
            self.relation(&mut d, &node.id, &node.relation);
        }
        if let Some(test) = node.generic_test() {
            put(&mut d, "on", test.attached_node.as_ref().map(|id| id.as_str()));
            put(&mut d, "col", test.column_name.as_deref());
            put(&mut d, "test", test.name.as_str());
        }
        if node.resource_type == ResourceType::Test {
            put(&mut d, "sev", node.config.str("severity").filter(|s| !s.eq_ignore_ascii_case("error")));
        }
        if let Some(check) = self.input.checked.and_then(|c| c.nodes.get(&node.id)) {
            match &check.verdict {
                Verdict::Failed(problem) => put(&mut d, "bad", problem.message.as_str()),
                Verdict::Unchecked(why) => put(&mut d, "why", why.as_str()),
                Verdict::Good => {}
            }
            put(&mut d, "guess", check.columns.as_ref().and_then(|_| check.doubt()));
            let has_lineage = matches!(node.resource_type, ResourceType::Model | ResourceType::Snapshot);
            put(&mut d, "nt", has_lineage && !self.graph.is_traced(&node.id));
        }
        if !matches!(node.resource_type, ResourceType::Test | ResourceType::Analysis) {
            self.columns(&mut d, &node.id, &node.columns);
        }
        let raw = node.template.text().trim();
        let compiled = self.input.compiled.get(&node.id).map(|c| c.code.trim()).filter(|c| *c != raw);
        self.code(&mut d, raw, compiled);
        let name = node.search_name();
        self.add(&node.id, node.resource_type.as_str(), &name, &node.package, d);
    }

    fn source(&mut self, source: &'a Source) {
        let mut d = Map::new();
        put(&mut d, "f", source.original_path.as_str());
        put(&mut d, "q", source.fqn.join("."));
        put(&mut d, "d", source.description.as_str());
        put(&mut d, "sd", source.source_description.as_str());
        put(&mut d, "src", source.source_name.as_str());
        put(&mut d, "g", json!(source.tags));
        put(&mut d, "meta", dict(Some(&source.meta)));
        put(&mut d, "loader", source.loader.as_str());
        put(&mut d, "atf", source.loaded_at_field.as_deref());
        put(&mut d, "atq", source.loaded_at_query.as_deref());
        put(&mut d, "reader", source.reader.as_deref());
        if source.has_freshness() {
            put(&mut d, "fresh", source.freshness.to_json());
        }
        self.relation(&mut d, &source.id, &source.relation);
        self.columns(&mut d, &source.id, &source.columns);
        let name = format!("{}.{}", source.source_name, source.name);
        self.add(&source.id, "source", &name, &source.package, d);
    }

    fn semantic(&mut self, semantic: &Semantic) {
        let mut d = fields(&semantic.fields);
        put(&mut d, "f", semantic.original_path.as_str());
        put(&mut d, "q", semantic.fqn.join("."));
        put(&mut d, "gr", semantic.config.str("group"));
        self.add(&semantic.id, semantic.kind.as_str(), &semantic.name, &semantic.package, d);
    }

    fn macros(&mut self) {
        for (id, found) in &self.input.project.macros {
            if self.input.internal_packages.contains(&found.package) {
                continue;
            }
            let json = Value::Map(found.to_dict(0.0)).to_json();
            let mut d = Map::new();
            put(&mut d, "f", json["original_file_path"].clone());
            put(&mut d, "d", json["description"].clone());
            put(&mut d, "meta", json["meta"].clone());
            put(&mut d, "args", json["arguments"].clone());
            self.code(&mut d, json["macro_sql"].as_str().unwrap_or_default(), None);
            self.add(&NodeId::new(id.clone()), "macro", &found.name, &found.package, d);
        }
    }

    /// Where the relation is, and what the warehouse says of it.
    fn relation(&self, d: &mut Map<String, Json>, id: &NodeId, relation: &Relation) {
        put(d, "db", relation.database.as_deref());
        put(d, "s", relation.schema.as_deref());
        put(d, "a", relation.identifier.as_deref());
        if let Some(table) = self.relations.get(id.as_str()) {
            put(d, "rel", table.kind.as_str());
            put(d, "own", table.owner.as_deref());
            put(d, "com", table.comment.as_deref());
        }
    }

    /// Columns as the SQL makes them, else as the warehouse has them, else as declared; and those declared beside them.
    fn columns(&mut self, d: &mut Map<String, Json>, id: &NodeId, declared: &indexmap::IndexMap<String, Column>) {
        let table = self.relations.get(id.as_str());
        let bound = self.graph.columns(id);
        let known: Vec<(String, String)> = match (bound, table) {
            (Some(bound), _) => bound.to_vec(),
            (None, Some(table)) => table.columns.iter().map(|c| (c.name.clone(), c.data_type.clone())).collect(),
            (None, None) => Vec::new(),
        };
        let mut used = Vec::new();
        let mut list = Vec::new();
        let mut positions = HashMap::new();
        for (name, data_type) in &known {
            let own = declared.get(name).or_else(|| declared.values().find(|c| c.name.eq_ignore_ascii_case(name)));
            used.extend(own.map(|c| c.name.as_str()));
            let mut column = self.column(name, Some(data_type), own);
            if own.is_none_or(|c| c.description.trim().is_empty()) {
                let place = ColumnId { node: id.clone(), column: name.clone() };
                if let Some(found) = inherited_description(self.input.project, &self.graph, &place) {
                    put(&mut column, "d", found.text);
                    put(&mut column, "h", json!([found.from.node.as_str(), found.from.column]));
                }
            }
            let comment =
                table.and_then(|t| t.columns.iter().find(|c| c.name == *name)).and_then(|c| c.comment.clone());
            if !column.contains_key("d") {
                put(&mut column, "com", comment);
            }
            positions.insert(name.clone(), list.len());
            list.push(Json::Object(column));
        }
        for own in declared.values().filter(|c| !used.contains(&c.name.as_str())) {
            let mut column = self.column(&own.name, own.data_type.as_ref(), Some(own));
            put(&mut column, "gone", !known.is_empty());
            positions.entry(own.name.clone()).or_insert(list.len());
            list.push(Json::Object(column));
        }
        self.columns_of.insert(id.clone(), positions);
        put(d, "c", Json::Array(list));
    }

    fn column(&self, name: &str, data_type: Option<&String>, own: Option<&Column>) -> Map<String, Json> {
        let mut d = Map::new();
        put(&mut d, "n", name);
        put(&mut d, "t", data_type.map(String::as_str));
        if let Some(own) = own {
            put(&mut d, "d", own.description.trim());
            put(&mut d, "g", json!(own.tags));
            put(&mut d, "meta", dict(Some(&own.meta)));
            put(&mut d, "k", own.constraints.iter().map(|c| c.kind.as_str()).collect::<Vec<_>>());
        }
        d
    }

    fn code(&mut self, d: &mut Map<String, Json>, raw: &str, compiled: Option<&str>) {
        if raw.is_empty() && compiled.is_none() {
            return;
        }
        let size = raw.len() + compiled.map_or(0, str::len);
        if self.part_size > 0 && self.part_size + size > PART {
            self.parts.push(Vec::new());
            self.part_size = 0;
        }
        self.part_size += size;
        put(d, "x", json!(self.parts.len() - 1));
        if let Some(part) = self.parts.last_mut() {
            part.push((self.resources.len(), compiled.map_or_else(|| json!([raw]), |code| json!([raw, code]))));
        }
    }

    fn finish(mut self) -> SiteData {
        let project = self.input.project;
        let mut parents: Vec<Vec<usize>> = vec![Vec::new(); self.resources.len()];
        let ids: Vec<NodeId> = {
            let mut all: Vec<(&NodeId, &usize)> = self.position.iter().collect();
            all.sort_by_key(|(_, place)| **place);
            all.into_iter().map(|(id, _)| id.clone()).collect()
        };
        for (place, id) in ids.iter().enumerate() {
            let mut list: Vec<usize> =
                project.parents(id).iter().filter_map(|p| self.position.get(p).copied()).collect();
            list.sort_unstable();
            list.dedup();
            put(&mut self.resources[place], "u", json!(list));
            let edges = self.column_edges(id);
            put(&mut self.resources[place], "e", json!(edges));
            let deciding = self.deciding_columns(id);
            put(&mut self.resources[place], "i", json!(deciding));
            parents[place] = list;
        }
        self.places(&parents);
        let files = self.shorten();
        let data = json!({
            "project": project.info.name,
            "adapter": project.info.adapter_type,
            "generated_at": self.input.generated_at,
            "lineage": self.input.checked.is_some(),
            "overview": overview(project),
            "groups": groups(project),
            "kinds": EDGE_KINDS,
            "files": files,
            "nodes": self.resources,
            "parts": self.parts.len(),
        });
        let code = self.parts.into_iter().map(|part| {
            Json::Object(part.into_iter().map(|(place, code)| (place.to_string(), code)).collect()).to_string()
        });
        SiteData {
            title: project.info.name.clone(),
            data: data.to_string(),
            results: Json::Object(self.input.results.0.clone()).to_string(),
            code: code.collect(),
        }
    }

    /// Leaves out what the page can say itself, and puts numbers in place of paths and ids: half of a large site's data.
    /// Gives the paths.
    fn shorten(&mut self) -> Vec<String> {
        let project = self.input.project.info.name.as_str();
        let mut files: IndexSet<String> = IndexSet::new();
        for d in &mut self.resources {
            let text = |key: &str| d.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
            let [id, kind, name, package] = ["id", "k", "n", "p"].map(text);
            let [file, full, on, materialized] = ["f", "q", "on", "m"].map(text);
            let usual = format!("{kind}.{package}.{name}");
            match id.strip_prefix(&usual) {
                Some("") => drop(d.shift_remove("id")),
                Some(rest) if rest.starts_with('.') => drop(d.insert("id".to_owned(), rest.into())),
                _ => {}
            }
            let folders: Vec<&str> = file.split('/').collect();
            let folders = folders.get(1..folders.len() - 1).unwrap_or_default();
            let parts = std::iter::once(package.as_str()).chain(folders.iter().copied()).chain([name.as_str()]);
            if full == parts.collect::<Vec<_>>().join(".") {
                d.shift_remove("q");
            }
            if let Some(on) = self.position.get(&NodeId::from(on)) {
                d.insert("on".to_owned(), (*on).into());
            } else {
                d.shift_remove("on");
            }
            if !file.is_empty() {
                d.insert("f".to_owned(), files.insert_full(file).0.into());
            }
            if package == project {
                d.shift_remove("p");
            }
            if kind == "test" && materialized == "test" {
                d.shift_remove("m");
            }
        }
        files.into_iter().collect()
    }

    /// Everything but tests and macros has a place in the graph.
    fn places(&mut self, parents: &[Vec<usize>]) {
        let kind = |place: usize| self.resources[place]["k"].as_str().unwrap_or_default();
        let members: Vec<usize> =
            (0..parents.len()).filter(|n| !matches!(kind(*n), "test" | "unit_test" | "macro")).collect();
        let number: HashMap<usize, usize> = members.iter().enumerate().map(|(at, n)| (*n, at)).collect();
        let within: Vec<Vec<usize>> =
            members.iter().map(|n| parents[*n].iter().filter_map(|p| number.get(p).copied()).collect()).collect();
        for (node, place) in members.iter().zip(layout(&within)) {
            put(&mut self.resources[*node], "l", json!([place.rank, place.y]));
        }
    }

    /// Columns that decide about the rows of a node, as pairs of resource and column.
    fn deciding_columns(&self, id: &NodeId) -> Vec<usize> {
        if matches!(id.resource_type(), "test" | "unit_test") {
            return Vec::new();
        }
        let lineage = self.input.checked.and_then(|c| c.nodes.get(id)).and_then(|check| check.lineage.as_ref());
        let of_column = |column: &ColumnId| {
            let place = self.columns_of.get(&column.node).and_then(|columns| columns.get(&column.column));
            Some([*self.position.get(&column.node)?, *place?])
        };
        let pairs: BTreeSet<[usize; 2]> =
            lineage.into_iter().flat_map(|l| &l.influence).filter_map(|(column, _)| of_column(column)).collect();
        pairs.into_iter().flatten().collect()
    }

    fn column_edges(&self, id: &NodeId) -> Vec<usize> {
        let Some(own) = self.columns_of.get(id) else { return Vec::new() };
        let mut flat = Vec::new();
        for (name, _) in self.graph.columns(id).unwrap_or_default() {
            let column = ColumnId { node: id.clone(), column: name.clone() };
            for (from, kind, _) in self.graph.ends(&column, Direction::Upstream) {
                let parent = self.position.get(&from.node);
                let place = self.columns_of.get(&from.node).and_then(|columns| columns.get(&from.column));
                let kind = EDGE_KINDS.iter().position(|k| *k == kind.as_str());
                if let (Some(at), Some(parent), Some(place), Some(kind)) = (own.get(name), parent, place, kind) {
                    flat.extend([*at, *parent, *place, kind]);
                }
            }
        }
        flat
    }
}

const EDGE_KINDS: [&str; 5] = ["copy", "cast", "expression", "aggregate", "window"];

/// Puts a value under a key, unless it is empty.
fn put(d: &mut Map<String, Json>, key: &str, value: impl Into<Json>) {
    let value = value.into();
    let empty = match &value {
        Json::Null | Json::Bool(false) => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
        _ => false,
    };
    if !empty {
        d.insert(key.to_owned(), value);
    }
}

fn dict(given: Option<&Dict>) -> Json {
    given.map_or(Json::Null, |d| Value::Map(d.clone()).to_json())
}

/// What exposures and the semantic layer have in common, and the rest of their properties as they are.
fn fields(given: &Dict) -> Map<String, Json> {
    let mut d = Map::new();
    let mut rest = Map::new();
    for (key, value) in given {
        let json = value.to_json();
        match key.as_str() {
            "description" => put(&mut d, "d", json),
            "tags" => put(&mut d, "g", json),
            "meta" => put(&mut d, "meta", json),
            "owner" => put(&mut d, "o", json),
            "name" | "depends_on" | "config" => {}
            _ => put(&mut rest, key, json),
        }
    }
    put(&mut d, "props", Json::Object(rest));
    d
}

/// The docs block `__overview__` of the root project.
fn overview(project: &Project) -> &str {
    let own = |name: &str| project.docs.values().find(|d| d.package == project.info.name && d.name == name);
    own("__overview__").or_else(|| own(&format!("__{}__", project.info.name))).map_or("", |d| d.contents.as_str())
}

fn groups(project: &Project) -> Json {
    let all: BTreeMap<&str, Json> =
        project.groups.values().map(|g| (g.name.as_str(), Value::Map(g.owner.clone()).to_json())).collect();
    json!(all)
}

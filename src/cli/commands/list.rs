//! What `ls` prints of each selected resource. In: the project, a selection. Out: lines, in alphabetical order of ids.

use crate::base::{Dict, NodeId, Value};
use crate::cli::json_text;
use crate::graph::Selection;
use crate::node::{Exposure, Node, Project, Semantic, Source, UnitTest, dict};

/// `--output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOutput {
    /// What node selection would accept.
    Selector,
    /// The name.
    Name,
    /// The file.
    Path,
    /// A JSON object.
    Json,
}

impl ListOutput {
    /// The output for dbt's name of it.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "selector" => Some(Self::Selector),
            "name" => Some(Self::Name),
            "path" => Some(Self::Path),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Keys of the JSON output if the user names none.
const USUAL_KEYS: [&str; 10] = [
    "alias",
    "name",
    "package_name",
    "depends_on",
    "tags",
    "config",
    "resource_type",
    "source_name",
    "original_file_path",
    "unique_id",
];

/// A line for every selected resource; `keys` are those of `--output-keys`.
pub fn render_list(project: &Project, selection: &Selection, output: ListOutput, keys: &[String]) -> Vec<String> {
    let listed = selection.sorted().into_iter().filter_map(|id| Listed::find(project, id));
    listed
        .map(|item| match output {
            ListOutput::Selector => item.selector(),
            ListOutput::Name => item.name(),
            ListOutput::Path => item.path().to_owned(),
            ListOutput::Json => {
                let shown = chosen(&item.dict(project.info.created_at), keys);
                json_text::compact(&Value::Map(shown).to_json())
            }
        })
        .collect()
}

/// The wanted keys of a resource; `config.materialized` goes into mappings, and is left out where that finds nothing.
fn chosen(resource: &Dict, keys: &[String]) -> Dict {
    if keys.is_empty() {
        let usual = resource.iter().filter(|(k, _)| USUAL_KEYS.contains(&k.as_str()));
        return usual.map(|(k, v)| (k.clone(), v.clone())).collect();
    }
    let find = |key: &str| match key.split_once('.') {
        None => resource.get(key),
        Some((first, rest)) => {
            rest.split('.').try_fold(resource.get(first)?, Value::get).filter(|value| !value.is_null())
        }
    };
    keys.iter().filter_map(|key| Some((key.clone(), find(key)?.clone()))).collect()
}

/// A resource that can be listed.
enum Listed<'a> {
    Node(&'a Node),
    Source(&'a Source),
    Exposure(&'a Exposure),
    UnitTest(&'a UnitTest),
    Semantic(&'a Semantic),
}

impl<'a> Listed<'a> {
    fn find(project: &'a Project, id: &NodeId) -> Option<Self> {
        None.or_else(|| project.nodes.get(id).map(|n| Self::Node(n)))
            .or_else(|| project.sources.get(id).map(|s| Self::Source(s)))
            .or_else(|| project.exposures.get(id).map(|e| Self::Exposure(e)))
            .or_else(|| project.unit_tests.get(id).map(|u| Self::UnitTest(u)))
            .or_else(|| project.semantics.get(id).map(|s| Self::Semantic(s)))
    }

    fn selector(&self) -> String {
        match self {
            Self::Node(n) => n.fqn.join("."),
            Self::Source(s) => format!("source:{}.{}.{}", s.package, s.source_name, s.name),
            Self::Exposure(e) => format!("exposure:{}.{}", e.package, e.name),
            Self::UnitTest(u) if u.version.is_null() => format!("unit_test:{}.{}", u.package, u.name),
            Self::UnitTest(u) => format!("unit_test:{}.{}_v{}", u.package, u.name, u.version),
            // Functions have no selector method; dbt shows where they are.
            Self::Semantic(s) if s.kind == crate::node::ResourceType::Function => s.fqn.join("."),
            Self::Semantic(s) => format!("{}:{}.{}", s.kind, s.package, s.name),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Node(n) => n.search_name(),
            Self::Source(s) => format!("{}.{}", s.source_name, s.name),
            Self::Exposure(e) => e.name.clone(),
            Self::UnitTest(u) => u.name.clone(),
            Self::Semantic(s) => s.name.clone(),
        }
    }

    fn path(&self) -> &str {
        match self {
            Self::Node(n) => &n.original_path,
            Self::Source(s) => &s.original_path,
            Self::Exposure(e) => &e.original_path,
            Self::UnitTest(u) => &u.original_path,
            Self::Semantic(s) => &s.original_path,
        }
    }

    fn dict(&self, created_at: f64) -> Dict {
        match self {
            Self::Node(n) => dict::node(n, None),
            Self::Source(s) => dict::source(s, created_at),
            Self::Exposure(e) => dict::exposure(e, created_at),
            Self::UnitTest(u) => dict::unit_test(u, created_at),
            Self::Semantic(s) => dict::semantic(s, created_at),
        }
    }
}

//! Nodes: everything with SQL of its own, and seeds.

use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::base::{Dict, NodeId, Relation, Value};
use crate::diag::{SourceFile, Span};

use super::{Column, Config, Constraint, ResourceType};

/// The language of a node's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Jinja SQL.
    Sql,
    /// Python.
    Python,
}

impl Language {
    /// dbt's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Python => "python",
        }
    }
}

/// A part of a file that is rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// The file.
    pub file: Arc<SourceFile>,
    /// The bytes of it that belong to the node.
    pub range: Range<usize>,
}

impl Template {
    /// All of a file.
    pub fn whole(file: Arc<SourceFile>) -> Self {
        Self { range: 0..file.text.len(), file }
    }

    /// The raw text. dbt strips white space at both ends of `raw_code`.
    pub fn text(&self) -> &str {
        self.file.text.get(self.range.clone()).unwrap_or_default()
    }

    /// The place of the whole template.
    pub fn span(&self) -> Span {
        Span::new(&self.file, self.range.clone())
    }
}

/// A `ref()` as written.
#[derive(Clone, Debug, PartialEq)]
pub struct RefCall {
    /// Package, if two names were given.
    pub package: Option<String>,
    /// Name of the model, seed or snapshot.
    pub name: String,
    /// `version=` / `v=`: null if absent, else a number or text.
    pub version: Value,
}

/// A content hash in dbt's form.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Checksum {
    /// `sha256`, `path` or `none`.
    pub name: String,
    /// Hexadecimal digits or the path.
    pub checksum: String,
}

/// The properties entry that was applied to a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// `package://path/to/file.yml`.
    pub path: String,
    /// The entry.
    pub span: Span,
}

/// What only models have.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ModelDetail {
    /// `private`, `protected` or `public`.
    pub access: String,
    /// Version, null if the model has none.
    pub version: Value,
    /// The version that an unpinned ref means.
    pub latest_version: Value,
    /// `deprecation_date`.
    pub deprecation_date: Value,
    /// Model-level constraints.
    pub constraints: Vec<Constraint>,
    /// Columns of the primary key, from constraints or tests.
    pub primary_key: Vec<String>,
    /// `time_spine`.
    pub time_spine: Value,
}

/// A generic test's arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct GenericTest {
    /// `unique`, `expression_is_true`, ...
    pub name: String,
    /// Package prefix as written: `dbt_utils`.
    pub namespace: Option<String>,
    /// Keyword arguments, including `model` (`{{ get_where_subquery(ref('x')) }}`) and `column_name`.
    pub kwargs: Dict,
    /// The tested column.
    pub column_name: Option<String>,
    /// The node that the test is written under.
    pub attached_node: Option<NodeId>,
    /// `models.orders` or `sources.raw`: the entry in the properties file.
    pub file_key_name: String,
    /// Tags of the test's own entry and of the column or source that it is written under. They are no part of its config.
    pub tags: Vec<String>,
    /// Where the test is written; none for tests made by hand.
    pub span: Option<Span>,
}

/// What differs between kinds of nodes.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// A model.
    Model(ModelDetail),
    /// A seed: the absolute folder of its package.
    Seed {
        /// Absolute path of the package.
        root_path: String,
    },
    /// A snapshot.
    Snapshot,
    /// A data test; `None` for a singular one.
    Test(Option<GenericTest>),
    /// An analysis.
    Analysis,
    /// A user-defined function.
    Function(FunctionDetail),
    /// An `on-run-start` / `on-run-end` hook with its position, or an inline query (`index` none).
    Operation {
        /// Position in the project's list.
        index: Option<usize>,
    },
}

/// What only functions have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FunctionDetail {
    /// `arguments`: maps with `name`, `data_type`, `description`, `default_value`.
    pub arguments: Vec<Dict>,
    /// `returns`: `data_type` and `description`.
    pub returns: Dict,
}

/// A node of the graph. `Arc`ed and never changed after parsing.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique id.
    pub id: NodeId,
    /// Resource type.
    pub resource_type: ResourceType,
    /// Name.
    pub name: String,
    /// Package.
    pub package: String,
    /// Path relative to the resource folder (`staging/stg_orders.sql`).
    pub path: String,
    /// Path relative to the package root (`models/staging/stg_orders.sql`).
    pub original_path: String,
    /// Fully qualified name: package, folders, name.
    pub fqn: Vec<String>,
    /// Language.
    pub language: Language,
    /// Code; for generic tests a generated call, for seeds the empty text.
    pub template: Template,
    /// Hash of the code.
    pub checksum: Checksum,
    /// The relation that the node is or would be. Its identifier is the alias.
    pub relation: Relation,
    /// Alias.
    pub alias: String,
    /// `relation` as SQL text; none for what has no relation.
    pub relation_name: Option<String>,
    /// Merged config.
    pub config: Config,
    /// Config as written, before rendering.
    pub unrendered_config: Dict,
    /// The `config()` call in the file.
    pub config_call: Dict,
    /// Description.
    pub description: String,
    /// Docs blocks in the description.
    pub doc_blocks: Vec<String>,
    /// Declared columns by name.
    pub columns: IndexMap<String, Column>,
    /// The properties entry.
    pub patch: Option<Patch>,
    /// `ref` calls.
    pub refs: Vec<RefCall>,
    /// `source` calls.
    pub sources: Vec<(String, String)>,
    /// `metric` calls.
    pub metrics: Vec<String>,
    /// `function` calls: a name, or package and name.
    pub functions: Vec<Vec<String>>,
    /// Resolved parents, in order of their calls.
    pub depends_on: Vec<NodeId>,
    /// Macros called while parsing (unique ids).
    pub depends_on_macros: Vec<String>,
    /// Seconds since 1970, when the node was parsed.
    pub created_at: f64,
    /// What differs between kinds.
    pub detail: Detail,
}

impl Node {
    /// A node of which nothing is known: the rest of a node of which little is said (`..Node::blank()`).
    pub fn blank() -> Self {
        Self {
            id: NodeId::from(""),
            resource_type: ResourceType::Analysis,
            name: String::new(),
            package: String::new(),
            path: String::new(),
            original_path: String::new(),
            fqn: Vec::new(),
            language: Language::Sql,
            template: Template::whole(SourceFile::new("", "")),
            checksum: Checksum::default(),
            relation: Relation::default(),
            alias: String::new(),
            relation_name: None,
            config: Config::default(),
            unrendered_config: Dict::new(),
            config_call: Dict::new(),
            description: String::new(),
            doc_blocks: Vec::new(),
            columns: IndexMap::new(),
            patch: None,
            refs: Vec::new(),
            sources: Vec::new(),
            metrics: Vec::new(),
            functions: Vec::new(),
            depends_on: Vec::new(),
            depends_on_macros: Vec::new(),
            created_at: 0.0,
            detail: Detail::Analysis,
        }
    }

    /// The generic test's arguments, if this is a generic test.
    pub fn generic_test(&self) -> Option<&GenericTest> {
        match &self.detail {
            Detail::Test(generic) => generic.as_ref(),
            _ => None,
        }
    }

    /// Tags of the config, and for a generic test those of what it is written under.
    pub fn tags(&self) -> Vec<&str> {
        let mut tags: Vec<&str> = self.generic_test().iter().flat_map(|g| &g.tags).map(String::as_str).collect();
        for tag in self.config.tags() {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        tags
    }

    /// What only models have.
    pub fn model(&self) -> Option<&ModelDetail> {
        match &self.detail {
            Detail::Model(model) => Some(model),
            _ => None,
        }
    }

    /// What only functions have.
    pub fn function(&self) -> Option<&FunctionDetail> {
        match &self.detail {
            Detail::Function(function) => Some(function),
            _ => None,
        }
    }

    /// Whether the node is inlined into its readers.
    pub fn is_ephemeral(&self) -> bool {
        self.resource_type == ResourceType::Model && self.config.materialized() == "ephemeral"
    }

    /// Whether building the node leaves a relation that others can read.
    pub fn is_relational(&self) -> bool {
        matches!(self.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot)
            && !self.is_ephemeral()
    }

    /// Whether other nodes may `ref` this one.
    pub fn is_refable(&self) -> bool {
        matches!(self.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot)
    }

    /// `group` of the config.
    pub fn group(&self) -> Option<&str> {
        self.config.str("group")
    }

    /// Name with version, as messages show it: `orders` or `orders.v2`.
    pub fn search_name(&self) -> String {
        match self.model().map(|m| &m.version) {
            None | Some(Value::Null) => self.name.clone(),
            Some(version) => format!("{}.v{version}", self.name),
        }
    }
}

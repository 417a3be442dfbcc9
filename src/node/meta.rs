//! Resources around the data: docs blocks, exposures, groups and the semantic layer.

use crate::base::{Dict, NodeId};
use crate::diag::Span;

use super::{Config, RefCall, ResourceType};

/// A `{% docs %}` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Doc {
    /// `doc.package.name`.
    pub unique_id: String,
    /// Package.
    pub package: String,
    /// Name.
    pub name: String,
    /// Path relative to the package root.
    pub original_path: String,
    /// The text between the tags.
    pub contents: String,
}

/// A use of the data outside the project.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    /// `exposure.package.name`.
    pub id: NodeId,
    /// Name.
    pub name: String,
    /// Package.
    pub package: String,
    /// Path relative to the properties folder.
    pub path: String,
    /// Path relative to the package root.
    pub original_path: String,
    /// Fully qualified name.
    pub fqn: Vec<String>,
    /// Merged config.
    pub config: Config,
    /// Config before rendering.
    pub unrendered_config: Dict,
    /// All properties as dbt shows them: `type`, `owner`, `maturity`, `url`, `description`, `label`, `meta`, `tags`.
    pub fields: Dict,
    /// References by `ref`.
    pub refs: Vec<RefCall>,
    /// References by `source`.
    pub sources: Vec<(String, String)>,
    /// References by `metric`.
    pub metrics: Vec<String>,
    /// Resolved parents.
    pub depends_on: Vec<NodeId>,
    /// Where it is declared.
    pub span: Span,
}

/// An owner of nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// `group.package.name`.
    pub unique_id: String,
    /// Name.
    pub name: String,
    /// Package.
    pub package: String,
    /// Path relative to the package root.
    pub original_path: String,
    /// `owner`, as written.
    pub owner: Dict,
    /// `description` and `config`, as written.
    pub fields: Dict,
}

/// A metric, semantic model, saved query or function: parsed and handed on, never run.
#[derive(Clone, Debug, PartialEq)]
pub struct Semantic {
    /// Unique id.
    pub id: NodeId,
    /// Which of them.
    pub kind: ResourceType,
    /// Name.
    pub name: String,
    /// Package.
    pub package: String,
    /// Path relative to the package root.
    pub original_path: String,
    /// Fully qualified name.
    pub fqn: Vec<String>,
    /// Merged config.
    pub config: Config,
    /// All properties as written.
    pub fields: Dict,
    /// Resolved parents.
    pub depends_on: Vec<NodeId>,
    /// Where it is declared.
    pub span: Span,
}

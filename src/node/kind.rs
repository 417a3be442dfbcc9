//! dbt's resource types.

use std::fmt;

/// The first part of a unique id and the `resource_type` of artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceType {
    /// A SQL or Python model.
    Model,
    /// A CSV file.
    Seed,
    /// A snapshot.
    Snapshot,
    /// A generic or singular data test.
    Test,
    /// A unit test.
    UnitTest,
    /// SQL that is compiled, never run.
    Analysis,
    /// A hook or an inline query.
    Operation,
    /// A table that others load.
    Source,
    /// A use of the data outside the project.
    Exposure,
    /// A metric.
    Metric,
    /// A semantic model.
    SemanticModel,
    /// A saved query.
    SavedQuery,
    /// A user-defined function.
    Function,
    /// An owner of nodes.
    Group,
    /// A Jinja macro.
    Macro,
    /// A docs block.
    Doc,
}

impl ResourceType {
    /// dbt's name: `model`, `unit_test`, ...
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
            Self::Test => "test",
            Self::UnitTest => "unit_test",
            Self::Analysis => "analysis",
            Self::Operation => "operation",
            Self::Source => "source",
            Self::Exposure => "exposure",
            Self::Metric => "metric",
            Self::SemanticModel => "semantic_model",
            Self::SavedQuery => "saved_query",
            Self::Function => "function",
            Self::Group => "group",
            Self::Macro => "macro",
            Self::Doc => "doc",
        }
    }

    /// The type for dbt's name of it.
    pub fn parse(name: &str) -> Option<Self> {
        const ALL: [ResourceType; 16] = [
            ResourceType::Model,
            ResourceType::Seed,
            ResourceType::Snapshot,
            ResourceType::Test,
            ResourceType::UnitTest,
            ResourceType::Analysis,
            ResourceType::Operation,
            ResourceType::Source,
            ResourceType::Exposure,
            ResourceType::Metric,
            ResourceType::SemanticModel,
            ResourceType::SavedQuery,
            ResourceType::Function,
            ResourceType::Group,
            ResourceType::Macro,
            ResourceType::Doc,
        ];
        ALL.into_iter().find(|t| t.as_str() == name)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

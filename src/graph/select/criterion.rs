//! The vocabulary of selection as pure data.
//!
//! In: nothing. Out: [`SelectionSpec`], a tree of [`Criterion`]s under set operators.

use crate::base::Value;

/// Which tests come along with the nodes that they test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndirectSelection {
    /// Tests of which any parent is selected.
    #[default]
    Eager,
    /// Tests of which all parents are selected.
    Cautious,
    /// Tests of which all parents are selected or ancestors of selected nodes.
    Buildable,
    /// No tests but those that are named.
    Empty,
}

impl IndirectSelection {
    /// The mode for dbt's name of it.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "eager" => Some(Self::Eager),
            "cautious" => Some(Self::Cautious),
            "buildable" => Some(Self::Buildable),
            "empty" => Some(Self::Empty),
            _ => None,
        }
    }

    /// dbt's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Cautious => "cautious",
            Self::Buildable => "buildable",
            Self::Empty => "empty",
        }
    }
}

macro_rules! methods {
    ($($variant:ident = $name:literal $doc:literal;)*) => {
        /// A selection method: the word before the colon.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = $doc] $variant,)*
        }

        impl Method {
            /// Every method.
            pub const ALL: &[Method] = &[$(Method::$variant,)*];

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

methods! {
    Fqn = "fqn" "Fully qualified name, or the end or a dotted start of it.";
    Tag = "tag" "Tag.";
    Group = "group" "Group.";
    Access = "access" "Access of a model.";
    Source = "source" "Source table.";
    Path = "path" "File or folder.";
    File = "file" "File name, with or without extension.";
    Package = "package" "Package.";
    Config = "config" "Config value; the key follows after a dot.";
    TestName = "test_name" "Name of a generic test or of a unit test.";
    TestType = "test_type" "Kind of test.";
    ResourceType = "resource_type" "Resource type.";
    State = "state" "Difference from an earlier state of the project.";
    Exposure = "exposure" "Exposure.";
    Metric = "metric" "Metric.";
    Result = "result" "Status in an earlier run.";
    SourceStatus = "source_status" "Freshness compared with an earlier run.";
    Version = "version" "Kind of model version.";
    SemanticModel = "semantic_model" "Semantic model.";
    SavedQuery = "saved_query" "Saved query.";
    UnitTest = "unit_test" "Unit test.";
    Function = "function" "User-defined function.";
    Column = "column" "A column, and with graph operators what its values reach or come from.";
    Selector = "selector" "Selector of selectors.yml.";
}

impl Method {
    /// The method for its word.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|m| m.as_str() == name)
    }
}

/// How far to follow the graph from what a criterion matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Not at all.
    #[default]
    None,
    /// To the end.
    All,
    /// This many steps.
    Steps(usize),
}

impl Reach {
    /// The limit of a walk, or `None` if there is no walk.
    pub fn walk(self) -> Option<Option<usize>> {
        match self {
            Self::None => None,
            Self::All => Some(None),
            Self::Steps(steps) => Some(Some(steps)),
        }
    }
}

/// One condition with its graph operators.
#[derive(Clone, Debug, PartialEq)]
pub struct Criterion {
    /// As written, for messages.
    pub raw: String,
    /// The method.
    pub method: Method,
    /// What follows the method after dots: the key of `config.materialized`.
    pub arguments: Vec<String>,
    /// What to compare with. Text from the command line; selectors.yml may give booleans and numbers.
    pub value: Value,
    /// `@`: also the descendants, and all that they rest on.
    pub childrens_parents: bool,
    /// `+x`: also ancestors.
    pub parents: Reach,
    /// `x+`: also descendants.
    pub children: Reach,
    /// Which tests come along.
    pub indirect: IndirectSelection,
}

/// A set operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// In any part.
    Union,
    /// In every part.
    Intersection,
    /// In the first part and no other.
    Difference,
}

/// A whole selection.
#[derive(Clone, Debug, PartialEq)]
pub enum SelectionSpec {
    /// One condition.
    Criterion(Criterion),
    /// Several selections combined.
    Group {
        /// How they are combined.
        operator: Operator,
        /// The parts.
        parts: Vec<SelectionSpec>,
        /// Which tests of the parts' nodes come back in once the parts are combined.
        indirect: IndirectSelection,
        /// The text to name in the warning if the group turns out empty; none for groups that may be empty.
        expected: Option<String>,
    },
}

impl SelectionSpec {
    /// A group that may be empty, without tests that come back in.
    pub(super) fn group(operator: Operator, parts: Vec<SelectionSpec>) -> Self {
        Self::Group { operator, parts, indirect: IndirectSelection::Eager, expected: None }
    }
}

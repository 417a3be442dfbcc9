//! selectors.yml. In: its rendered YAML. Out: [`SelectorDefinition`]s, shape-checked; the graph room gives them meaning.

use crate::diag::Span;

use super::yaml::YamlNode;

/// A named selector.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectorDefinition {
    /// `name`.
    pub name: String,
    /// `description`.
    pub description: Option<String>,
    /// `default`: whether it applies when the command line selects nothing.
    pub default: bool,
    /// `definition`: text or a mapping.
    pub definition: YamlNode,
    /// Where the selector stands.
    pub span: Span,
}

//! A unit test: given rows, a model, expected rows.

use crate::base::{Dict, NodeId, Value};
use crate::diag::Span;

use super::{Checksum, Config};

/// How a fixture's rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixtureFormat {
    /// A list of mappings.
    Dict,
    /// CSV text.
    Csv,
    /// A SELECT.
    Sql,
}

impl FixtureFormat {
    /// dbt's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dict => "dict",
            Self::Csv => "csv",
            Self::Sql => "sql",
        }
    }
}

/// Rows for an input or for the expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct Fixture {
    /// `ref('x')`, `source('a', 'b')` or `this`; empty for the expectation.
    pub input: String,
    /// The format of `rows`.
    pub format: FixtureFormat,
    /// A list of mappings or text; null if absent.
    pub rows: Value,
    /// Name of a fixture file.
    pub fixture: Option<String>,
    /// Where it is written.
    pub span: Span,
}

/// A unit test of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitTest {
    /// `unit_test.package.model.name`.
    pub id: NodeId,
    /// Name.
    pub name: String,
    /// Model under test, as written.
    pub model: String,
    /// The model's node.
    pub tested_node: NodeId,
    /// Package.
    pub package: String,
    /// Path of the properties file relative to its folder.
    pub path: String,
    /// Path relative to the package root.
    pub original_path: String,
    /// Fully qualified name.
    pub fqn: Vec<String>,
    /// Description.
    pub description: String,
    /// Inputs.
    pub given: Vec<Fixture>,
    /// Expected rows.
    pub expect: Fixture,
    /// `overrides`: `macros`, `vars`, `env_vars`.
    pub overrides: Dict,
    /// Merged config.
    pub config: Config,
    /// Version of the model under test.
    pub version: Value,
    /// Hash of the declaration.
    pub checksum: Checksum,
    /// Parents: the tested node, then the inputs.
    pub depends_on: Vec<NodeId>,
    /// Where it is declared.
    pub span: Span,
}

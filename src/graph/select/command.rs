//! Which resource types each command works on.
//!
//! In: a command, `--resource-type` and `--exclude-resource-type`. Out: the resource types to keep.

use crate::diag::{Diagnostic, Diagnostics, codes, nearest};
use crate::node::ResourceType as T;

/// A command that selects nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Command {
    /// `build`.
    #[default]
    Build,
    /// `run`.
    Run,
    /// `test`.
    Test,
    /// `seed`.
    Seed,
    /// `snapshot`.
    Snapshot,
    /// `compile`.
    Compile,
    /// `check`.
    Check,
    /// `show`.
    Show,
    /// `ls`.
    List,
    /// `clone`.
    Clone,
    /// `source freshness`.
    SourceFreshness,
    /// `docs generate`: the nodes of the catalog.
    DocsGenerate,
}

impl Command {
    /// What the command takes when the user does not say.
    pub fn default_types(self) -> &'static [T] {
        match self {
            Self::Build => {
                &[T::Model, T::Seed, T::Snapshot, T::Test, T::UnitTest, T::Exposure, T::SavedQuery, T::Function]
            }
            Self::Run => &[T::Model],
            Self::Test => &[T::Test, T::UnitTest],
            Self::Seed => &[T::Seed],
            Self::Snapshot => &[T::Snapshot],
            Self::Clone => &[T::Model, T::Seed, T::Snapshot],
            Self::SourceFreshness => &[T::Source],
            Self::Check => &[T::Model, T::Snapshot, T::Test, T::UnitTest, T::Analysis],
            Self::Compile | Self::Show | Self::DocsGenerate => {
                &[T::Model, T::Seed, T::Snapshot, T::Test, T::Analysis, T::Operation, T::Function]
            }
            Self::List => &[
                T::Model,
                T::Seed,
                T::Snapshot,
                T::Test,
                T::UnitTest,
                T::Source,
                T::Exposure,
                T::Metric,
                T::SavedQuery,
                T::SemanticModel,
                T::Function,
            ],
        }
    }

    /// What the command can be asked to take.
    pub fn all_types(self) -> Vec<T> {
        let mut types = self.default_types().to_vec();
        if self == Self::List {
            types.push(T::Analysis);
        }
        types
    }

    /// Whether files without SQL stay in: `ls` and the catalog show them, nothing else can work on them.
    pub(super) fn takes_empty_files(self) -> bool {
        matches!(self, Self::List | Self::DocsGenerate)
    }

    /// The types to keep. Types that the command cannot take are left out silently, as in dbt.
    pub(super) fn resource_types(self, include: &[String], exclude: &[String], problems: &mut Diagnostics) -> Vec<T> {
        let possible = self.all_types();
        let mut wanted = Vec::new();
        for name in include.iter().flat_map(|names| names.split_whitespace()) {
            match name {
                "all" => wanted.extend(&possible),
                "default" => wanted.extend(self.default_types()),
                name => wanted.extend(resource_type(name, problems)),
            }
        }
        if include.is_empty() {
            wanted.extend(self.default_types());
        }
        let excluded = exclude.iter().flat_map(|names| names.split_whitespace());
        let unwanted: Vec<T> = excluded.filter_map(|name| resource_type(name, problems)).collect();
        wanted.retain(|t| possible.contains(t) && !unwanted.contains(t));
        wanted
    }
}

/// Resource types that a selection can name.
pub(super) const SELECTABLE: &[T] = &[
    T::Model,
    T::Seed,
    T::Snapshot,
    T::Test,
    T::UnitTest,
    T::Analysis,
    T::Operation,
    T::Source,
    T::Exposure,
    T::Metric,
    T::SemanticModel,
    T::SavedQuery,
    T::Function,
];

fn resource_type(name: &str, problems: &mut Diagnostics) -> Option<T> {
    let found = T::parse(name).filter(|t| SELECTABLE.contains(t));
    if found.is_none() {
        problems.push(unknown_resource_type(name, "--resource-type"));
    }
    found
}

/// A diagnostic about a resource type that does not exist.
pub(super) fn unknown_resource_type(name: &str, place: &str) -> Diagnostic {
    let all = SELECTABLE.iter().map(|t| t.as_str());
    let help = match nearest(name, all.clone()).as_slice() {
        [] => format!("the resource types are {}", all.collect::<Vec<_>>().join(", ")),
        near => format!("did you mean {}?", near.join(" or ")),
    };
    Diagnostic::error(codes::SELECTION_INVALID, format!("'{name}' is not a resource type, in {place}")).help(help)
}

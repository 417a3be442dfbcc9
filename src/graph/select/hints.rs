//! Why a criterion matched nothing, and what may have been meant.
//!
//! In: the criterion as written and its parts. Out: a warning with names that are near, or the fact that explains it.

use std::collections::BTreeSet;

use crate::diag::{Diagnostic, codes, nearest};
use crate::node::{Disabled, ResourceType};

use super::Member;
use super::criterion::{Criterion, Method, SelectionSpec};
use super::evaluate::Evaluator;
use super::methods::config_value;

/// The warning for a part of the command line that selects nothing.
pub(super) fn nothing_matched(evaluator: &Evaluator<'_>, raw: &str, parts: &[SelectionSpec]) -> Diagnostic {
    let message = format!("The selection criterion '{raw}' does not match any enabled nodes");
    let mut warning = Diagnostic::warning(codes::SELECTION_EMPTY, message);
    let mut near: Vec<String> = Vec::new();
    let mut all_match = true;
    for part in parts {
        let SelectionSpec::Criterion(criterion) = part else { continue };
        let value = criterion.value.to_string();
        if criterion.method == Method::Selector || evaluator.find(criterion, &value).is_ok_and(|set| !set.is_empty()) {
            continue;
        }
        all_match = false;
        if is_disabled(evaluator, criterion, &value) {
            warning = warning.note(format!("'{value}' is disabled"));
        }
        let candidates = candidates(evaluator, criterion);
        for name in nearest(&value, candidates.iter().map(String::as_str)) {
            let name = format!("'{}'", as_written(criterion, name));
            if !near.contains(&name) {
                near.push(name);
            }
        }
    }
    if all_match && parts.len() > 1 {
        warning = warning.note("each of its parts matches something, but no node is in all of them");
    }
    if !near.is_empty() {
        warning = warning.help(format!("did you mean {}?", near.join(" or ")));
    }
    warning
}

/// A candidate with the method that the user would write.
fn as_written(criterion: &Criterion, name: &str) -> String {
    match criterion.method {
        Method::Fqn | Method::File | Method::Path if !criterion.raw.contains(':') => name.to_owned(),
        Method::Config => format!("config.{}:{name}", criterion.arguments.join(".")),
        method => format!("{}:{name}", method.as_str()),
    }
}

fn is_disabled(evaluator: &Evaluator<'_>, criterion: &Criterion, value: &str) -> bool {
    let last = value.rsplit('.').next().unwrap_or_default();
    let kind_fits = matches!(criterion.method, Method::Fqn | Method::Source | Method::Exposure);
    let name = |disabled: &Disabled| match disabled {
        Disabled::Node(n) => n.name == last,
        Disabled::Source(s) => s.name == last || s.source_name == last,
        Disabled::Exposure(e) => e.name == last,
        Disabled::Semantic(s) => s.name == last,
    };
    kind_fits && evaluator.project.disabled.values().flatten().any(name)
}

/// Values that would have matched something.
fn candidates(evaluator: &Evaluator<'_>, criterion: &Criterion) -> BTreeSet<String> {
    let members = || evaluator.members.iter().flatten().copied();
    let of_kind = |kind: ResourceType| -> BTreeSet<String> {
        members().filter(|m| m.resource_type() == kind).map(|m| m.name().to_owned()).collect()
    };
    match criterion.method {
        // Names and folders; tests are too many and too long to be meant.
        Method::Fqn => {
            let named = members().filter(|m| !m.is_test() && m.resource_type() != ResourceType::Source);
            named.flat_map(|m| m.fqn().iter().cloned()).collect()
        }
        Method::Tag => members().flat_map(|m| m.tags()).map(str::to_owned).collect(),
        Method::Group => evaluator.project.groups.values().map(|g| g.name.clone()).collect(),
        Method::Access => ["private", "protected", "public"].map(str::to_owned).into(),
        Method::Source => members()
            .filter_map(|m| match m {
                Member::Source(s) => Some([s.source_name.clone(), format!("{}.{}", s.source_name, s.name)]),
                _ => None,
            })
            .flatten()
            .collect(),
        Method::Path => evaluator.known_paths().iter().map(|(path, _)| path.clone()).collect(),
        Method::File => {
            members().map(|m| m.original_path().rsplit('/').next().unwrap_or_default().to_owned()).collect()
        }
        Method::Package => members().map(|m| m.package().to_owned()).collect(),
        Method::Config => members()
            .filter_map(|m| match m {
                Member::Node(n) => config_value(&n.config.0, &criterion.arguments)?.as_str().map(str::to_owned),
                _ => None,
            })
            .collect(),
        Method::TestName => members()
            .filter_map(|m| match m {
                Member::Node(n) => n.generic_test().map(|test| test.name.clone()),
                Member::UnitTest(u) => Some(u.name.clone()),
                _ => None,
            })
            .collect(),
        Method::Exposure => of_kind(ResourceType::Exposure),
        Method::Metric => of_kind(ResourceType::Metric),
        Method::SemanticModel => of_kind(ResourceType::SemanticModel),
        Method::SavedQuery => of_kind(ResourceType::SavedQuery),
        Method::UnitTest => of_kind(ResourceType::UnitTest),
        Method::Function => of_kind(ResourceType::Function),
        Method::TestType
        | Method::ResourceType
        | Method::State
        | Method::Result
        | Method::SourceStatus
        | Method::Version
        | Method::Column
        | Method::Selector => BTreeSet::new(),
    }
}

//! dbt's node selection: `--select`, `--exclude`, `--selector`, resource types and indirect selection of tests.
//!
//! In: a [`SelectionRequest`], the [`Graph`] and its [`Project`], facts about earlier runs
//! and columns through [`SelectionFacts`].
//! Out: a [`Selection`]: what the command works on, parents before children; problems as diagnostics.
//!
//! `criterion` is the vocabulary, `parse` reads the command line, `yaml` reads selectors.yml, `methods` finds what one
//! criterion matches, `evaluate` combines the sets, `hints` explains why nothing matched, `command` knows which resource
//! types a command takes.

mod command;
mod criterion;
mod evaluate;
mod facts;
mod hints;
mod methods;
mod parse;
mod yaml;

use indexmap::IndexSet;

use crate::base::NodeId;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::node::{Detail, Project, ResourceType};

pub use command::Command;
pub use criterion::{Criterion, IndirectSelection, Method, Operator, Reach, SelectionSpec};
pub use facts::{ColumnFacts, SelectionFacts, StateFacts, StateKind};

use super::dag::Graph;
use super::members::Member;
use super::set::NodeSet;
use evaluate::Evaluator;

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub struct SelectionRequest {
    /// The command that will work on the selection.
    pub command: Command,
    /// Arguments of `--select`; empty if it is not given.
    pub select: Vec<String>,
    /// Arguments of `--exclude`.
    pub exclude: Vec<String>,
    /// `--selector`.
    pub selector: Option<String>,
    /// The selector with `default: true`, for when nothing is selected or excluded.
    pub default_selector: Option<String>,
    /// Arguments of `--resource-type`, including `all` and `default`.
    pub resource_types: Vec<String>,
    /// Arguments of `--exclude-resource-type`.
    pub exclude_resource_types: Vec<String>,
    /// `--indirect-selection`.
    pub indirect: IndirectSelection,
}

/// What a command works on: ids without repetition, parents before children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    ids: IndexSet<NodeId>,
}

impl Selection {
    /// Whether a node is selected.
    pub fn contains(&self, id: &NodeId) -> bool {
        self.ids.contains(id)
    }

    /// The ids, parents before children.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &NodeId> {
        self.ids.iter()
    }

    /// How many nodes are selected.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The ids in alphabetical order, as `ls` shows them.
    pub fn sorted(&self) -> Vec<&NodeId> {
        let mut ids: Vec<&NodeId> = self.ids.iter().collect();
        ids.sort_unstable();
        ids
    }
}

impl FromIterator<NodeId> for Selection {
    fn from_iter<T: IntoIterator<Item = NodeId>>(ids: T) -> Self {
        Self { ids: ids.into_iter().collect() }
    }
}

/// Selects. With errors among the diagnostics the selection is empty.
pub fn select(
    graph: &Graph,
    project: &Project,
    request: &SelectionRequest,
    facts: SelectionFacts<'_>,
) -> (Selection, Diagnostics) {
    let mut problems = Diagnostics::new();
    let types = request.command.resource_types(&request.resource_types, &request.exclude_resource_types, &mut problems);
    let mut evaluator = Evaluator::new(graph, project, request.indirect, facts);
    let Some(spec) = specification(project, request, &mut problems) else { return (Selection::default(), problems) };
    let mut chosen = evaluator.select(&spec);
    problems.extend(std::mem::take(&mut evaluator.problems));
    if problems.has_errors() {
        return (Selection::default(), problems);
    }
    chosen = keep_workable(&evaluator, &chosen, &types, request.command);
    (graph.in_order(&chosen).cloned().collect(), problems)
}

/// Reads every definition of selectors.yml and reports what is wrong with them.
pub fn check_selectors(project: &Project) -> Diagnostics {
    let mut problems = Diagnostics::new();
    for name in project.selectors.keys() {
        if let Err(problem) = yaml::definition(project, name, IndirectSelection::Eager, &mut problems) {
            problems.push(*problem);
        }
    }
    let defaults: Vec<&str> =
        project.selectors.iter().filter(|(_, v)| yaml::is_default(v)).map(|(name, _)| name.as_str()).collect();
    if defaults.len() > 1 {
        let message = format!("several selectors have `default: true`: {}", defaults.join(", "));
        problems.push(Diagnostic::error(codes::SELECTORS_INVALID, message).help("keep it on one of them"));
    }
    problems
}

/// What is to be evaluated: a named selector, the default one, or the command line.
fn specification(project: &Project, request: &SelectionRequest, problems: &mut Diagnostics) -> Option<SelectionSpec> {
    let on_command_line = !request.select.is_empty() || !request.exclude.is_empty();
    let default = || {
        let written = || project.selectors.iter().find(|(_, v)| yaml::is_default(v)).map(|(name, _)| name);
        request.default_selector.as_ref().or_else(written).filter(|_| !on_command_line)
    };
    let result = match request.selector.as_ref().or_else(default) {
        Some(name) => {
            if on_command_line {
                let message = "--select and --exclude have no effect beside --selector";
                problems.push(Diagnostic::warning(codes::SELECTION_INVALID, message));
            }
            yaml::definition(project, name, request.indirect, problems)
        }
        None => parse::command_line(&request.select, &request.exclude, request.indirect),
    };
    result.map_err(|problem| problems.push(*problem)).ok()
}

/// Leaves out what the command does not take: other resource types, files without SQL, sources without freshness.
fn keep_workable(evaluator: &Evaluator<'_>, chosen: &NodeSet, types: &[ResourceType], command: Command) -> NodeSet {
    let mut kept = NodeSet::new(evaluator.graph.len());
    for position in chosen.iter() {
        let Some(member) = evaluator.members[position] else { continue };
        let works = types.contains(&member.resource_type())
            && (command.takes_empty_files() || !is_empty_file(member))
            && (command != Command::SourceFreshness || matches!(member, Member::Source(s) if s.has_freshness()));
        if works {
            kept.insert(position);
        }
    }
    kept
}

fn is_empty_file(member: Member<'_>) -> bool {
    matches!(member, Member::Node(node)
        if matches!(node.detail, Detail::Model(_) | Detail::Analysis | Detail::Test(None))
            && node.template.text().trim().is_empty())
}

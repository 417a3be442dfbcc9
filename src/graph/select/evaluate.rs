//! From a selection to the set of nodes: matching, graph operators, indirect selection of tests, set operators.
//!
//! In: a [`SelectionSpec`], graph and project. Out: the selected positions. Beside the selected nodes every step carries
//! the tests that would be selected if their other parents were: a wider group may bring those parents in.

use std::cell::OnceCell;
use std::collections::HashSet;

use crate::diag::Diagnostics;
use crate::node::{Project, ResourceType};

use super::criterion::{Criterion, IndirectSelection, Method, Operator, SelectionSpec};
use super::facts::SelectionFacts;
use super::parse::invalid;
use super::{Graph, Member, NodeSet, hints, yaml};
use crate::graph::members::members;
use crate::graph::pattern::Pattern;

/// Evaluates selections over one graph.
pub(super) struct Evaluator<'a> {
    pub(super) graph: &'a Graph,
    pub(super) project: &'a Project,
    /// The member at every position of the graph.
    pub(super) members: Vec<Option<Member<'a>>>,
    pub(super) indirect: IndirectSelection,
    pub(super) facts: SelectionFacts<'a>,
    pub(super) problems: Diagnostics,
    /// Selectors under evaluation, outermost first.
    open: Vec<String>,
    /// Fully qualified names joined by dots, made when first needed.
    pub(super) joined_fqns: OnceCell<Vec<String>>,
    /// Files and folders of the root project, made when first needed.
    pub(super) known_paths: OnceCell<Vec<(String, bool)>>,
}

/// What a selection brings.
pub(super) struct Found {
    /// Selected.
    direct: NodeSet,
    /// Tests with a parent that is selected and one that is not (yet).
    pending: NodeSet,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        project: &'a Project,
        indirect: IndirectSelection,
        facts: SelectionFacts<'a>,
    ) -> Self {
        let mut by_position = vec![None; graph.len()];
        for (id, member) in members(project) {
            if let Some(position) = graph.position(id) {
                by_position[position] = Some(member);
            }
        }
        Self {
            graph,
            project,
            members: by_position,
            indirect,
            facts,
            problems: Diagnostics::new(),
            open: Vec::new(),
            joined_fqns: OnceCell::new(),
            known_paths: OnceCell::new(),
        }
    }

    /// The selected positions.
    pub(super) fn select(&mut self, spec: &SelectionSpec) -> NodeSet {
        self.evaluate(spec).direct
    }

    pub(super) fn empty(&self) -> NodeSet {
        NodeSet::new(self.graph.len())
    }

    fn evaluate(&mut self, spec: &SelectionSpec) -> Found {
        let (operator, parts, indirect, expected) = match spec {
            SelectionSpec::Criterion(criterion) => return self.evaluate_criterion(criterion),
            SelectionSpec::Group { operator, parts, indirect, expected } => (*operator, parts, *indirect, expected),
        };
        let mut direct = Vec::with_capacity(parts.len());
        let mut pending = Vec::with_capacity(parts.len());
        for part in parts {
            let mut found = self.evaluate(part);
            found.pending.union(&found.direct);
            direct.push(found.direct);
            pending.push(found.pending);
        }
        let direct = self.combine(operator, direct);
        let pending = self.combine(operator, pending);
        let direct = self.take_in_pending(direct, &pending, indirect);
        if let Some(raw) = expected
            && direct.is_empty()
            && !self.problems.has_errors()
        {
            let warning = hints::nothing_matched(self, raw, parts);
            self.problems.push(warning);
        }
        Found { direct, pending }
    }

    fn combine(&self, operator: Operator, sets: Vec<NodeSet>) -> NodeSet {
        let combined = sets.into_iter().reduce(|mut all, next| {
            match operator {
                Operator::Union => all.union(&next),
                Operator::Intersection => all.intersect(&next),
                Operator::Difference => all.subtract(&next),
            }
            all
        });
        combined.unwrap_or_else(|| self.empty())
    }

    fn evaluate_criterion(&mut self, criterion: &Criterion) -> Found {
        if criterion.method == Method::Selector {
            return self.evaluate_selector(criterion);
        }
        let matched = self.matching(criterion);
        let selected = self.with_relatives(criterion, matched);
        self.expand(selected, criterion.indirect)
    }

    /// Follows the graph operators.
    fn with_relatives(&self, criterion: &Criterion, matched: NodeSet) -> NodeSet {
        if criterion.method == Method::Column {
            // The operators followed the columns; what else it takes to build the nodes is a matter of the graph.
            return if criterion.childrens_parents { self.with_ancestors(&matched) } else { matched };
        }
        let mut selected = matched.clone();
        if criterion.childrens_parents {
            let mut below = self.graph.downstream(&matched, None);
            below.union(&matched);
            selected.union(&self.graph.upstream(&below, None));
            selected.union(&below);
        }
        if let Some(depth) = criterion.parents.walk() {
            selected.union(&self.graph.upstream(&matched, depth));
        }
        if let Some(depth) = criterion.children.walk() {
            selected.union(&self.graph.downstream(&matched, depth));
        }
        selected
    }

    /// Adds the tests of the selected nodes, as far as the mode allows.
    fn expand(&self, selected: NodeSet, mode: IndirectSelection) -> Found {
        let mut found = Found { direct: selected.clone(), pending: self.empty() };
        if mode == IndirectSelection::Empty {
            return found;
        }
        let buildable = (mode == IndirectSelection::Buildable).then(|| {
            let mut reach = self.with_ancestors(&selected);
            for (position, member) in self.members.iter().enumerate() {
                if member.is_some_and(|m| m.resource_type() == ResourceType::Source) {
                    reach.insert(position);
                }
            }
            reach
        });
        for parent in selected.iter() {
            for test in self.graph.children_at(parent).filter(|c| self.is_test(*c)) {
                let comes_along = mode == IndirectSelection::Eager
                    || self.has_parents_in(test, &selected)
                    || buildable.as_ref().is_some_and(|reach| self.has_parents_in(test, reach));
                if comes_along {
                    found.direct.insert(test);
                } else {
                    found.pending.insert(test);
                }
            }
        }
        found
    }

    /// Selects pending data tests whose parents have all come in.
    fn take_in_pending(&self, mut direct: NodeSet, pending: &NodeSet, mode: IndirectSelection) -> NodeSet {
        let reach = match mode {
            IndirectSelection::Cautious => direct.clone(),
            IndirectSelection::Buildable => self.with_ancestors(&direct),
            IndirectSelection::Eager | IndirectSelection::Empty => return direct,
        };
        for test in pending.iter() {
            let is_node = matches!(self.members[test], Some(Member::Node(_)));
            if is_node && self.has_parents_in(test, &reach) {
                direct.insert(test);
            }
        }
        direct
    }

    fn with_ancestors(&self, selected: &NodeSet) -> NodeSet {
        let mut reach = self.graph.upstream(selected, None);
        reach.union(selected);
        reach
    }

    fn is_test(&self, position: usize) -> bool {
        self.members[position].is_some_and(Member::is_test)
    }

    fn has_parents_in(&self, position: usize, set: &NodeSet) -> bool {
        self.graph.parents_at(position).all(|p| set.contains(p))
    }

    /// A selector brings exactly what it selects on its own, tests included; operators then work on that.
    fn evaluate_selector(&mut self, criterion: &Criterion) -> Found {
        let wanted = criterion.value.to_string();
        let pattern = Pattern::new(&wanted);
        let names: HashSet<&String> = self.project.selectors.keys().filter(|name| pattern.matches(name)).collect();
        let mut names: Vec<String> = names.into_iter().cloned().collect();
        names.sort_unstable();
        if names.is_empty() {
            self.problems.push(yaml::unknown_selector(self.project, &wanted));
        }
        let mut all = Found { direct: self.empty(), pending: self.empty() };
        for name in names {
            if let Some(from) = self.open.iter().position(|open| *open == name) {
                let path = [&self.open[from..], std::slice::from_ref(&name)].concat().join(" -> ");
                self.problems.push(invalid(format!("selector '{name}' refers to itself: {path}")));
                continue;
            }
            match yaml::definition(self.project, &name, self.indirect, &mut self.problems) {
                Ok(spec) => {
                    self.open.push(name);
                    let found = self.evaluate(&spec);
                    self.open.pop();
                    all.direct.union(&found.direct);
                    all.pending.union(&found.pending);
                }
                Err(problem) => self.problems.push(*problem),
            }
        }
        all.direct = self.with_relatives(criterion, all.direct);
        all
    }
}

//! Why the engine's objection may not be the node's own fault.
//!
//! In: a node, its code, the objection; what runs beside queries. Out: the reason for which the node cannot be checked.
//!
//! What hooks and templates make in the warehouse is not known here, so a name that such a text makes is neither good nor
//! wrong. Texts are read word by word; a name that none of them has stays an error.

use std::collections::HashSet;

use crate::adapters::shadow::{BindError, BindProblem};
use crate::base::{NodeId, Relation};
use crate::compile::{Compiled, Deed, Doer};
use crate::node::{Node, Project};

use super::check::Done;
use super::objection::first_line;

/// What runs beside the query of a node.
pub type Beside<'a> = &'a (dyn Fn(&NodeId) -> Vec<Deed> + Sync);

/// What reasons are looked for in.
pub(super) struct Reasons<'a> {
    pub(super) project: &'a Project,
    pub(super) beside: Beside<'a>,
    /// What `on-run-start` does.
    pub(super) start: &'a [Deed],
    pub(super) home: &'a Relation,
    pub(super) done: &'a Done,
    /// Functions of the project that the engine has.
    pub(super) defined: &'a HashSet<NodeId>,
}

/// What a text would have to make.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    Column,
    Function,
    Other,
}

impl Reasons<'_> {
    /// The reason; none if the fault is the node's own.
    pub(super) fn of(&self, node: &Node, compiled: &Compiled, error: &BindError) -> Option<String> {
        if error.problem == BindProblem::Dynamic {
            return Some("its columns depend on data (a pivot without an IN list)".into());
        }
        let of_parent = self.of_parents(node, error).or_else(|| self.made_beside(node, compiled, error));
        let of_file =
            || (error.problem == BindProblem::File).then(|| format!("it reads a file: {}", first_line(&error.message)));
        of_parent.or_else(of_file)
    }

    /// A parent without columns, a function that is not there yet.
    fn of_parents(&self, node: &Node, error: &BindError) -> Option<String> {
        let project = self.project;
        let mut open: Vec<&NodeId> = node.depends_on.iter().collect();
        while let Some(id) = open.pop() {
            if let Some(parent) = project.nodes.get(id).filter(|n| n.is_ephemeral()) {
                open.extend(&parent.depends_on);
                continue;
            }
            let unknown = self.done.get(id).is_some_and(|c| c.columns.is_none());
            // Only a missing table can be the parent's fault.
            if unknown && error.problem == BindProblem::MissingRelation {
                let name = project.nodes.get(id).map(|n| n.name.clone());
                let name = name.or_else(|| project.sources.get(id).map(|s| format!("{}.{}", s.source_name, s.name)));
                return Some(format!("the columns of {} are not known", name.unwrap_or_else(|| id.to_string())));
            }
            let is_function = |n: &Node| n.function().is_some() || n.config.materialized() == "table_function";
            let function = project.nodes.get(id).filter(|n| is_function(n) && !self.defined.contains(id));
            if let Some(function) = function.filter(|_| error.problem == BindProblem::Function) {
                return Some(format!("it calls {}, a function of the project", function.name));
            }
        }
        None
    }

    /// A hook, or a statement of a template, that names what is missing.
    fn made_beside(&self, node: &Node, compiled: &Compiled, error: &BindError) -> Option<String> {
        let thing = match error.problem {
            BindProblem::MissingColumn => Thing::Column,
            BindProblem::Function => Thing::Function,
            BindProblem::MissingRelation | BindProblem::Other => Thing::Other,
            _ => return None,
        };
        let names = self.names(compiled, error);
        let made = |deed: &Deed| names.iter().find(|name| makes(&deed.text, name, thing)).cloned();
        let told = |name: &str, by: &str| format!("'{name}' may be made by {by}, which does not run here");
        let own = (self.beside)(&node.id);
        for deed in &own {
            // What a hook makes afterwards is there for later runs.
            if let Some(name) = made(deed) {
                return Some(told(&name, doer(deed.by, "its")));
            }
        }
        for id in self.ancestors(node) {
            let hooks = (self.beside)(id).into_iter().filter(|deed| deed.by != Doer::Template);
            for deed in hooks {
                if let Some(name) = made(&deed) {
                    let of = self.project.nodes.get(id).map_or(id.as_str(), |n| n.name.as_str());
                    return Some(told(&name, &format!("{} of {of}", doer(deed.by, "a"))));
                }
            }
        }
        self.start.iter().find_map(|deed| Some(told(&made(deed)?, doer(deed.by, ""))))
    }

    fn ancestors(&self, node: &Node) -> Vec<&NodeId> {
        let mut seen: HashSet<&NodeId> = HashSet::new();
        let mut found = Vec::new();
        let mut open: Vec<&NodeId> =
            self.project.nodes.get(&node.id).map_or(&[][..], |n| &n.depends_on).iter().collect();
        while let Some(id) = open.pop() {
            if let Some((id, parent)) = self.project.nodes.get_key_value(id).filter(|(id, _)| seen.insert(id)) {
                found.push(id);
                open.extend(&parent.depends_on);
            }
        }
        found
    }

    /// The names that an objection is about, without those of the places that the project writes to.
    fn names(&self, compiled: &Compiled, error: &BindError) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut add = |text: &str| found.extend(text.split('.').map(|part| part.trim_matches('"').to_lowercase()));
        error.name.iter().for_each(|name| add(name));
        if error.problem != BindProblem::MissingColumn {
            let line = first_line(&error.message);
            line.split('"').skip(1).step_by(2).for_each(&mut add);
            let after = |mark: &str| line.split_once(mark).and_then(|(_, rest)| rest.split_whitespace().next());
            [after(" name "), after("table '")].into_iter().flatten().for_each(&mut add);
            if let Some(at) = &error.span {
                add(dotted(&compiled.code.code, at.start));
            }
        }
        let places = self.project.nodes.values().filter(|n| n.is_relational()).map(|n| &n.relation);
        let places: HashSet<String> = places
            .chain([self.home])
            .flat_map(|r| [r.database.as_deref(), r.schema.as_deref()])
            .filter_map(|part| Some(part?.to_lowercase()))
            .collect();
        let is_name = |name: &String| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        found.retain(|name| is_name(name) && !places.contains(name));
        found
    }
}

fn doer(by: Doer, whose: &str) -> &'static str {
    match (by, whose) {
        (Doer::RunStart, _) => "on-run-start",
        (Doer::PreHook, "its") => "its pre-hook",
        (Doer::PreHook, _) => "a pre-hook",
        (Doer::PostHook, "its") => "its post-hook",
        (Doer::PostHook, _) => "a post-hook",
        (Doer::Template, _) => "a statement of its template",
    }
}

/// The name with dots and quotes around a place of a text.
fn dotted(text: &str, at: usize) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | '$');
    let Some((before, after)) = text.split_at_checked(at) else { return "" };
    let start = before.char_indices().rev().take_while(|(_, c)| is_part(*c)).last().map_or(at, |(start, _)| start);
    let end = after.find(|c| !is_part(c)).map_or(text.len(), |length| at + length);
    &text[start..end]
}

/// Statements that make something.
const MAKING: [&str; 7] = ["create", "attach", "import", "rename", "load", "install", "use"];

/// Whether a text has a statement that makes a thing of that name, as far as its words tell.
pub(super) fn makes(text: &str, name: &str, thing: Thing) -> bool {
    let text = text.to_lowercase();
    text.split(';').any(|statement| {
        let words: Vec<&str> =
            statement.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty()).collect();
        let has = |word: &str| words.contains(&word);
        match thing {
            Thing::Column => {
                let named = words.iter().enumerate().filter(|(_, word)| **word == name).map(|(at, _)| &words[..at]);
                let is_filler = |word: &&&str| ["column", "if", "not", "exists"].contains(*word);
                let adds = |before: &[&str]| match before.iter().rev().find(|word| !is_filler(word)) {
                    Some(&"add") => true,
                    Some(&"to") => has("rename"),
                    _ => false,
                };
                let made_with = || has("create") && (has("table") || has("view")) && has(name);
                (has("alter") && named.into_iter().any(adds)) || made_with()
            }
            // Of an extension it is not said what it brings.
            Thing::Function
                if words.first() == Some(&"load") || words.windows(2).any(|w| w == ["run_query", "load"]) =>
            {
                true
            }
            Thing::Function | Thing::Other => has(name) && MAKING.iter().any(|verb| has(verb)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_makes_what_its_statements_name() {
        for (text, name, thing, expected) in [
            ("create or replace temp table tmp_e as select 1 as x", "tmp_e", Thing::Other, true),
            ("create or replace temp table tmp_e as select 1 as x", "x", Thing::Column, true),
            ("drop table tmp_e", "tmp_e", Thing::Other, false),
            ("create table a (b int); insert into log select 'c'", "c", Thing::Other, false),
            ("alter table {{ this }} add column if not exists x integer", "x", Thing::Column, true),
            ("ALTER TABLE t ADD X integer", "x", Thing::Column, true),
            ("alter table t rename column a to b", "b", Thing::Column, true),
            ("alter table t rename column a to b", "a", Thing::Column, false),
            ("alter table t add primary key (id)", "id", Thing::Column, false),
            ("create index i on t (id)", "id", Thing::Column, false),
            ("create macro plus2(x) as x + 2", "plus2", Thing::Function, true),
            ("install spatial; load spatial", "st_point", Thing::Function, true),
            ("insert into log values ('load')", "st_point", Thing::Function, false),
        ] {
            assert_eq!(makes(text, name, thing), expected, "{text}: {name}");
        }
    }
}

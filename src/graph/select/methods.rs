//! What one criterion matches, without its graph operators.
//!
//! In: a [`Criterion`]. Out: the matching positions. One function a method; texts compare as in dbt: wildcards where dbt
//! uses `fnmatch`, exact where it does not.

use std::collections::{BTreeSet, HashSet};

use crate::base::{NodeId, Value};
use crate::diag::{Diagnostic, nearest};
use crate::graph::pattern::{PathPattern, Pattern};
use crate::node::ResourceType;

use super::command::unknown_resource_type;
use super::criterion::{Criterion, Method, Reach};
use super::evaluate::Evaluator;
use super::facts::StateKind;
use super::parse::invalid;
use super::{Member, NodeSet};

impl<'a> Evaluator<'a> {
    /// The positions that a criterion matches; problems go to the evaluator.
    pub(super) fn matching(&mut self, criterion: &Criterion) -> NodeSet {
        let result = self.find(criterion, &criterion.value.to_string());
        result.unwrap_or_else(|problem| {
            self.problems.push(*problem);
            self.empty()
        })
    }

    pub(super) fn find(&self, criterion: &Criterion, value: &str) -> Result<NodeSet, Box<Diagnostic>> {
        let pattern = Pattern::new(value);
        Ok(match criterion.method {
            Method::Fqn => self.by_fqn(value),
            Method::Tag => self.filter(|m| m.tags().into_iter().any(|t| pattern.matches(t))),
            Method::Group => self.filter(|m| group(m).is_some_and(|g| !g.is_empty() && pattern.matches(g))),
            Method::Access => {
                self.filter(|m| matches!(m, Member::Node(n) if n.model().is_some_and(|model| model.access == value)))
            }
            Method::Source => self.by_source(value, criterion)?,
            Method::Path => self.by_path(value, criterion)?,
            Method::File => self.filter(|m| {
                let name = m.original_path().rsplit('/').next().unwrap_or_default();
                pattern.matches(name) || pattern.matches(stem(name))
            }),
            Method::Package => {
                let pattern = Pattern::new(if value == "this" { &self.project.info.name } else { value });
                self.filter(|m| pattern.matches(m.package()))
            }
            Method::Config => self.by_config(criterion),
            Method::TestName => self.filter(|m| match m {
                Member::Node(n) => n.generic_test().is_some_and(|test| pattern.matches(&test.name)),
                Member::UnitTest(u) => pattern.matches(&u.name),
                _ => false,
            }),
            Method::TestType => self.by_test_type(value, criterion)?,
            Method::ResourceType => {
                let wanted =
                    ResourceType::parse(value).ok_or_else(|| Box::new(unknown_resource_type(value, &criterion.raw)))?;
                self.filter(|m| m.resource_type() == wanted)
            }
            Method::State => self.by_state(value, criterion)?,
            Method::Result => self.by_ids(self.known_facts(criterion)?.result(value)?),
            Method::SourceStatus => self.by_ids(self.known_facts(criterion)?.source_status(value)?),
            Method::Version => self.by_version(value, criterion)?,
            Method::Exposure => self.by_name(ResourceType::Exposure, value, criterion)?,
            Method::Metric => self.by_name(ResourceType::Metric, value, criterion)?,
            Method::SemanticModel => self.by_name(ResourceType::SemanticModel, value, criterion)?,
            Method::SavedQuery => self.by_name(ResourceType::SavedQuery, value, criterion)?,
            Method::UnitTest => self.by_name(ResourceType::UnitTest, value, criterion)?,
            Method::Function => self.by_name(ResourceType::Function, value, criterion)?,
            Method::Column => self.by_column(value, criterion)?,
            // Selectors are evaluated as whole selections.
            Method::Selector => self.empty(),
        })
    }

    fn filter(&self, keep: impl Fn(Member<'a>) -> bool) -> NodeSet {
        let mut set = self.empty();
        for (position, member) in self.members.iter().enumerate() {
            if member.is_some_and(&keep) {
                set.insert(position);
            }
        }
        set
    }

    /// Everything but sources, by fully qualified name with or without its package.
    fn by_fqn(&self, wanted: &str) -> NodeSet {
        let joined = self
            .joined_fqns
            .get_or_init(|| self.members.iter().map(|m| m.map(|m| m.fqn().join(".")).unwrap_or_default()).collect());
        let name = QualifiedName::new(wanted);
        let mut set = self.empty();
        for (position, member) in self.members.iter().enumerate() {
            let Some(member) = member.filter(|m| m.resource_type() != ResourceType::Source) else { continue };
            let versioned = member.is_versioned();
            let (fqn, joined) = (member.fqn(), joined[position].as_str());
            let without_package = fqn.first().and_then(|package| joined.get(package.len() + 1..)).unwrap_or_default();
            if name.matches(fqn, joined, versioned)
                || (fqn.len() > 1 && name.matches(&fqn[1..], without_package, versioned))
            {
                set.insert(position);
            }
        }
        set
    }

    fn by_source(&self, value: &str, criterion: &Criterion) -> Result<NodeSet, Box<Diagnostic>> {
        let (package, source, table) = match value.split('.').collect::<Vec<_>>()[..] {
            [source] => ("*", source, "*"),
            [source, table] => ("*", source, table),
            [package, source, table] => (package, source, table),
            _ => {
                let message = format!("'{}' has too many dots for a source", criterion.raw);
                return Err(Box::new(
                    invalid(message).help("write source:name, source:name.table or source:package.name.table"),
                ));
            }
        };
        let [package, source, table] = [package, source, table].map(Pattern::new);
        Ok(self.filter(|m| match m {
            Member::Source(s) => {
                package.matches(&s.package) && source.matches(&s.source_name) && table.matches(&s.name)
            }
            _ => false,
        }))
    }

    /// `name` or `package.name` of one resource type.
    fn by_name(&self, kind: ResourceType, value: &str, criterion: &Criterion) -> Result<NodeSet, Box<Diagnostic>> {
        let (package, name) = match value.split('.').collect::<Vec<_>>()[..] {
            [name] => ("*", name),
            [package, name] => (package, name),
            _ => {
                let word = criterion.method.as_str();
                let message = format!("'{}' has too many dots for {word}", criterion.raw);
                return Err(Box::new(invalid(message).help(format!("write {word}:name or {word}:package.name"))));
            }
        };
        let (package, name) = (Pattern::new(package), Pattern::new(name));
        Ok(self.filter(|m| m.resource_type() == kind && package.matches(m.package()) && name.matches(m.name())))
    }

    /// Files and folders of the root project, by the file that defines a member, the properties file that describes it, or
    /// a folder above the former. A path counts only if the root project has it: `models/` of a package is not ours.
    fn by_path(&self, value: &str, criterion: &Criterion) -> Result<NodeSet, Box<Diagnostic>> {
        let glob = if cfg!(windows) { value.replace('\\', "/") } else { value.to_owned() };
        let Some(pattern) = PathPattern::new(&glob) else {
            let message = format!("'{}' is not a path inside the project", criterion.raw);
            return Err(Box::new(
                invalid(message).help("write it relative to the project, such as path:models/staging"),
            ));
        };
        let matched: HashSet<&str> = self
            .known_paths()
            .iter()
            .filter(|(path, is_folder)| pattern.matches(path, *is_folder))
            .map(|(path, _)| path.as_str())
            .collect();
        Ok(self.filter(|m| {
            let path = m.original_path();
            matched.contains(path)
                || m.patch_path().is_some_and(|patch| matched.contains(patch))
                || folders(path).any(|folder| matched.contains(folder))
        }))
    }

    /// Files and folders (true) that members of the root project name.
    pub(super) fn known_paths(&self) -> &[(String, bool)] {
        self.known_paths.get_or_init(|| {
            let root = &self.project.info.name;
            let mut paths = BTreeSet::new();
            for member in self.members.iter().flatten().filter(|m| m.package() == root) {
                for file in [Some(member.original_path()), member.patch_path()].into_iter().flatten() {
                    if paths.insert((file.to_owned(), false)) {
                        paths.extend(folders(file).map(|folder| (folder.to_owned(), true)));
                    }
                }
            }
            paths.into_iter().collect()
        })
    }

    fn by_config(&self, criterion: &Criterion) -> NodeSet {
        let ignore_case = criterion.arguments == ["severity"];
        self.filter(|m| {
            let config = match m {
                Member::Node(n) => &n.config,
                Member::Source(s) => &s.config,
                _ => return false,
            };
            config_value(&config.0, &criterion.arguments).is_some_and(|found| match found {
                Value::List(items) => items.iter().any(|item| config_equals(item, &criterion.value, ignore_case)),
                found => config_equals(found, &criterion.value, ignore_case),
            })
        })
    }

    fn by_test_type(&self, value: &str, criterion: &Criterion) -> Result<NodeSet, Box<Diagnostic>> {
        let (generic, singular, unit) = match value {
            "generic" | "schema" => (true, false, false),
            "singular" => (false, true, false),
            "data" => (true, true, false),
            "unit" => (false, false, true),
            _ => return Err(not_one_of(criterion, value, &["generic", "singular", "data", "unit"])),
        };
        Ok(self.filter(|m| match m {
            Member::Node(n) if n.resource_type == ResourceType::Test => {
                if n.generic_test().is_some() {
                    generic
                } else {
                    singular
                }
            }
            Member::UnitTest(_) => unit,
            _ => false,
        }))
    }

    fn by_version(&self, value: &str, criterion: &Criterion) -> Result<NodeSet, Box<Diagnostic>> {
        if !["latest", "prerelease", "old", "none"].contains(&value) {
            return Err(not_one_of(criterion, value, &["latest", "prerelease", "old", "none"]));
        }
        Ok(self.filter(|m| {
            let Member::Node(node) = m else { return false };
            let Some(model) = node.model() else { return false };
            let (version, latest) = (&model.version, &model.latest_version);
            let both = version.is_truthy() && latest.is_truthy();
            match value {
                "none" => version.is_null(),
                "latest" => !version.is_null() && !is_older(version, latest) && !is_older(latest, version),
                "prerelease" => both && is_older(latest, version),
                _ => both && is_older(version, latest),
            }
        }))
    }

    fn by_state(&self, value: &str, criterion: &Criterion) -> Result<NodeSet, Box<Diagnostic>> {
        let Some(kind) = StateKind::parse(value) else {
            let known: Vec<&str> = StateKind::ALL.iter().map(|(name, _)| *name).collect();
            return Err(not_one_of(criterion, value, &known));
        };
        Ok(self.by_ids(self.known_facts(criterion)?.state(kind)?))
    }

    fn known_facts(&self, criterion: &Criterion) -> Result<&'a dyn super::StateFacts, Box<Diagnostic>> {
        self.facts.earlier.ok_or_else(|| {
            let message = format!(
                "Got a state selector method, but no comparison manifest: '{}' needs the artifacts of an earlier run",
                criterion.raw
            );
            Box::new(invalid(message).help("name the folder that holds them with --state (or DBT_STATE)"))
        })
    }

    /// The nodes along the way of a column. Where the graph operators lead is decided by columns, not by the graph.
    fn by_column(&self, value: &str, criterion: &Criterion) -> Result<NodeSet, Box<Diagnostic>> {
        let Some(columns) = self.facts.columns else {
            let message = format!("'{}' needs the columns of the project, which are not known here", criterion.raw);
            return Err(Box::new(invalid(message)));
        };
        let downstream = if criterion.childrens_parents { Reach::All } else { criterion.children };
        Ok(self.by_ids(columns.reached(value, criterion.parents, downstream)?))
    }

    fn by_ids(&self, ids: Vec<NodeId>) -> NodeSet {
        let mut set = self.empty();
        for position in ids.iter().filter_map(|id| self.graph.position(id)) {
            set.insert(position);
        }
        set
    }
}

/// A wanted name, taken apart once.
struct QualifiedName<'a> {
    text: &'a str,
    parts: Vec<&'a str>,
    /// The first part with a wildcard, and the pattern from there on.
    wildcard: Option<(usize, Pattern)>,
    /// The last two parts joined by an underscore: `orders.v1` and `orders_v1` mean the same version.
    end: String,
}

impl<'a> QualifiedName<'a> {
    fn new(text: &'a str) -> Self {
        let parts: Vec<&str> = text.split('.').collect();
        let first = parts.iter().position(|part| part.contains(['*', '?', '[', ']']));
        let wildcard = first.map(|i| (i, Pattern::new(&parts[i..].join("."))));
        let end = parts[parts.len().saturating_sub(2)..].join("_");
        Self { text, parts, wildcard, end }
    }

    /// Whether a name matches: its last part alone, a dotted start of it, or a pattern over all of it; a pattern without
    /// dots may also match the last part alone. Dots inside a part separate too.
    fn matches(&self, fqn: &[String], joined: &str, versioned: bool) -> bool {
        let is_name = match fqn {
            [.., name, version] if versioned => name == self.text || is_versioned_name(&self.end, name, version),
            [.., name] => !versioned && name == self.text,
            [] => false,
        };
        if is_name {
            return true;
        }
        if joined.bytes().filter(|b| *b == b'.').count() + 1 < self.parts.len() {
            return false;
        }
        let mut rest = joined;
        for (index, part) in self.parts.iter().enumerate() {
            if let Some((from, pattern)) = &self.wildcard
                && *from == index
            {
                return pattern.matches(rest) || (self.parts.len() == 1 && pattern.matches(leaf(fqn, versioned)));
            }
            let (segment, after) = rest.split_once('.').unwrap_or((rest, ""));
            if segment != *part {
                return false;
            }
            rest = after;
        }
        true
    }
}

/// The node's own name: the last part, or the one before the version.
fn leaf(fqn: &[String], versioned: bool) -> &str {
    let from_end = if versioned { 2 } else { 1 };
    fqn.len().checked_sub(from_end).and_then(|at| fqn.get(at)).map(String::as_str).unwrap_or_default()
}

fn is_versioned_name(wanted: &str, name: &str, version: &str) -> bool {
    wanted.strip_prefix(name).and_then(|rest| rest.strip_prefix('_')).is_some_and(|rest| rest == version)
}

fn group(member: Member<'_>) -> Option<&str> {
    match member {
        Member::Node(n) => n.group(),
        Member::Semantic(s) if s.kind == ResourceType::Metric => s.config.str("group"),
        _ => None,
    }
}

/// A file name without its last extension.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

/// All folders above a path, the project's own (the empty path) last.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    let above = path.rmatch_indices('/').map(|(at, _)| &path[..at]);
    above.chain(std::iter::once(""))
}

/// The value under a path of keys. Hooks are known by either spelling.
pub(super) fn config_value<'v>(config: &'v crate::base::Dict, keys: &[String]) -> Option<&'v Value> {
    let (first, rest) = keys.split_first()?;
    let hook = || matches!(first.as_str(), "pre_hook" | "post_hook").then(|| first.replace('_', "-"));
    let start = config.get(first).or_else(|| config.get(&hook()?))?;
    rest.iter().try_fold(start, |value, key| value.get(key))
}

/// Equality of a config value with what the user wrote: texts never equal numbers, but `true` and `false` in any case
/// equal booleans.
fn config_equals(found: &Value, wanted: &Value, ignore_case: bool) -> bool {
    match (found, wanted) {
        (Value::Str(found), Value::Str(wanted)) if ignore_case => found.eq_ignore_ascii_case(wanted),
        (Value::Bool(found), Value::Str(wanted)) => wanted.eq_ignore_ascii_case(if *found { "true" } else { "false" }),
        (found, wanted) => found == wanted,
    }
}

/// Versions compare as numbers if both are numbers, else as texts.
fn is_older(a: &Value, b: &Value) -> bool {
    let (a, b) = (a.to_string(), b.to_string());
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a < b,
        _ => a < b,
    }
}

fn not_one_of(criterion: &Criterion, value: &str, known: &[&str]) -> Box<Diagnostic> {
    let word = criterion.method.as_str();
    let help = match nearest(value, known.iter().copied()).as_slice() {
        [] => format!("{word}: takes {}", known.join(", ")),
        near => {
            format!("did you mean {}?", near.iter().map(|n| format!("{word}:{n}")).collect::<Vec<_>>().join(" or "))
        }
    };
    Box::new(invalid(format!("'{value}' is not a value of {word}:, in '{}'", criterion.raw)).help(help))
}

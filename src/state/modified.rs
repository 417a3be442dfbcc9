//! What differs between the project and an earlier manifest.
//!
//! In: a [`Project`], a [`PreviousManifest`]. Out: the members that are new, modified in some [`Aspect`] or the same, with what
//! is to be said about contracts and big seeds. Rules: `StateSelectorMethod` of `core/dbt/graph/selector_methods.py` and the
//! `same_...` methods of `core/dbt/contracts/graph/nodes.py`.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};

use chrono::Utc;

use crate::base::{Dict, NodeId, Value};
use crate::diag::{Diagnostic, codes, warnings};
use crate::node::previous::PreviousManifest;
use crate::node::{Disabled, Node, Project, ResourceType, dict};

use super::contract::{self, ContractChange};
use super::values::{inner, same_entry, same_said, text};

/// In which respect members are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aspect {
    /// Not there before.
    New,
    /// There before.
    Old,
    /// In any respect.
    Modified,
    /// In no respect.
    Unmodified,
    /// The code.
    Body,
    /// The config.
    Configs,
    /// Descriptions that are written to the warehouse.
    PersistedDescriptions,
    /// Database, schema and alias.
    Relation,
    /// Macros, through all that they call.
    Macros,
    /// The contract.
    Contract,
}

/// What a comparison has to know beside the two sides.
#[derive(Clone, Debug, Default)]
pub struct ComparisonRules {
    /// `state_modified_compare_more_unrendered_values`.
    pub unrendered: bool,
    /// Kinds of constraints that the engine refuses rows for.
    pub enforced_constraints: Vec<String>,
    /// Packages of built-in macros: a new version of the program changes no node.
    pub internal_packages: Vec<String>,
    /// The semantic layer as a manifest shows it.
    pub semantics: HashMap<NodeId, Dict>,
}

/// A project beside an earlier manifest.
pub struct Comparison<'a> {
    pub(super) project: &'a Project,
    pub(super) previous: &'a PreviousManifest,
    rules: &'a ComparisonRules,
    pub(super) macros: OnceCell<HashSet<String>>,
    warnings: RefCell<Vec<Diagnostic>>,
}

type Answer<T> = Result<T, Box<Diagnostic>>;

/// Configs that say where a node is or who looks at it, not what it is.
const NOT_COMPARED: [&str; 5] = ["alias", "schema", "database", "tags", "group"];
/// Configs that change what a data test finds.
const TEST_MODIFIERS: [&str; 8] =
    ["severity", "where", "limit", "fail_calc", "warn_if", "error_if", "store_failures", "store_failures_as"];

impl<'a> Comparison<'a> {
    /// Puts the two sides beside each other.
    pub fn new(project: &'a Project, previous: &'a PreviousManifest, rules: &'a ComparisonRules) -> Self {
        Self { project, previous, rules, macros: OnceCell::new(), warnings: RefCell::new(Vec::new()) }
    }

    /// The members for which the aspect holds, and warnings. A contract of a versioned model that breaks is an error.
    pub fn find(&self, aspect: Aspect) -> Answer<(Vec<NodeId>, Vec<Diagnostic>)> {
        let mut found = Vec::new();
        for id in self.project.member_ids() {
            let old = self.previous.members.get(id);
            if self.holds(aspect, id, old)? {
                found.push(id.clone());
            }
        }
        if matches!(aspect, Aspect::Modified | Aspect::Unmodified | Aspect::Contract) {
            self.check_removed()?;
        }
        Ok((found, self.warnings.take()))
    }

    /// The members for which one of the aspects holds, in one pass.
    pub fn find_any(&self, aspects: &[Aspect]) -> Answer<Vec<NodeId>> {
        let mut found = Vec::new();
        for id in self.project.member_ids() {
            let (old, new) = (self.previous.members.get(id), OnceCell::new());
            for aspect in aspects {
                if self.holds_of(*aspect, id, old, &new)? {
                    found.push(id.clone());
                    break;
                }
            }
        }
        Ok(found)
    }

    fn holds(&self, aspect: Aspect, id: &NodeId, old: Option<&Dict>) -> Answer<bool> {
        self.holds_of(aspect, id, old, &OnceCell::new())
    }

    /// The same with the member's dict, which is made once however many aspects are asked about.
    fn holds_of(&self, aspect: Aspect, id: &NodeId, old: Option<&Dict>, new: &OnceCell<Dict>) -> Answer<bool> {
        let node = self.project.nodes.get(id).map(|n| &**n);
        match aspect {
            Aspect::New => return Ok(old.is_none()),
            Aspect::Old => return Ok(old.is_some()),
            Aspect::Macros => return self.macros_modified(node),
            _ => {}
        }
        let new = new.get_or_init(|| self.current(id));
        match aspect {
            Aspect::Modified => self.is_modified(id, node, new, old),
            Aspect::Unmodified => Ok(!self.is_modified(id, node, new, old)?),
            // What is not there before is changed in every respect that it has.
            Aspect::Body => Ok(node.is_some() && old.is_none_or(|old| !self.same_body(new, old))),
            Aspect::PersistedDescriptions => {
                Ok(node.is_some() && old.is_none_or(|old| !same_persisted_description(new, old)))
            }
            Aspect::Relation => {
                let has = node.is_some() || self.project.sources.contains_key(id);
                Ok(has && old.is_none_or(|old| !self.same_relation(id, new, old)))
            }
            Aspect::Configs => {
                let has = !self.project.unit_tests.contains_key(id);
                Ok(has && old.is_none_or(|old| !same_config(id, new, old)))
            }
            Aspect::Contract => match old {
                None => Ok(node.is_some()),
                Some(old) => Ok(node.is_some() && !self.same_contract(new, old)?),
            },
            Aspect::New | Aspect::Old | Aspect::Macros => Ok(false),
        }
    }

    /// A member's dict as a manifest shows it.
    pub(super) fn current(&self, id: &NodeId) -> Dict {
        let created = self.project.info.created_at;
        if let Some(node) = self.project.nodes.get(id) {
            dict::node(node, None)
        } else if let Some(source) = self.project.sources.get(id) {
            dict::source(source, created)
        } else if let Some(exposure) = self.project.exposures.get(id) {
            dict::exposure(exposure, created)
        } else if let Some(test) = self.project.unit_tests.get(id) {
            dict::unit_test(test, created)
        } else {
            self.rules.semantics.get(id).cloned().unwrap_or_default()
        }
    }

    fn is_modified(&self, id: &NodeId, node: Option<&Node>, new: &Dict, old: Option<&Dict>) -> Answer<bool> {
        let different = match (node, old) {
            (Some(node), Some(old)) => !self.same_node(node, new, old)?,
            (Some(_), None) => true,
            // dbt counts new sources and the like as unmodified: `state:new` finds them.
            (None, None) => id.resource_type() == "unit_test",
            (None, Some(old)) => !self.same_other(id, new, old),
        };
        Ok(self.macros_modified(node)? || different)
    }

    fn same_node(&self, node: &Node, new: &Dict, old: &Dict) -> Answer<bool> {
        if node.generic_test().is_some() {
            return Ok(same_config(&node.id, new, old) && same_entry(new, old, "fqn"));
        }
        // First of all, because it may refuse.
        let same_contract = self.same_contract(new, old)?;
        let keys: &[&str] = match node.resource_type {
            ResourceType::Model => &["latest_version", "access"],
            ResourceType::Function => &["arguments", "returns"],
            _ => &[],
        };
        Ok(same_contract
            && self.same_body(new, old)
            && same_config(&node.id, new, old)
            && same_persisted_description(new, old)
            && same_entry(new, old, "fqn")
            && self.same_relation(&node.id, new, old)
            && keys.iter().all(|key| same_entry(new, old, key))
            && same_moment(new.get("deprecation_date"), old.get("deprecation_date")))
    }

    fn same_other(&self, id: &NodeId, new: &Dict, old: &Dict) -> bool {
        let all = |keys: &[&str]| keys.iter().all(|key| said(new, old, key));
        match id.resource_type() {
            "source" => {
                self.same_relation(id, new, old)
                    && same_entry(new, old, "fqn")
                    && same_config(id, new, old)
                    && all(&["quoting", "freshness", "loaded_at_field", "external"])
            }
            "exposure" => {
                let parents = |d: &Dict| -> HashSet<String> {
                    let list = inner(d, "depends_on", "nodes").as_list().unwrap_or_default();
                    list.iter().map(Value::to_string).collect()
                };
                same_entry(new, old, "fqn")
                    && all(&["type", "owner", "maturity", "url", "description", "label"])
                    && parents(new) == parents(old)
                    && same_config(id, new, old)
            }
            "unit_test" => all(&["model", "given", "expect", "overrides"]),
            "metric" => all(&["type", "description", "label"]) && same_config(id, new, old),
            "semantic_model" => {
                let keys = ["model", "description", "defaults", "entities", "dimensions", "measures"];
                all(&keys) && all(&["primary_entity", "group", "config"])
            }
            "saved_query" => {
                let query = |key: &str| same_said(inner(new, "query_params", key), inner(old, "query_params", key));
                ["metrics", "group_by", "where"].into_iter().all(query)
                    && all(&["description", "label", "config", "group", "exports", "tags"])
            }
            _ => all(&["description", "config"]),
        }
    }

    pub(super) fn same_body(&self, new: &Dict, old: &Dict) -> bool {
        if text(new, "resource_type") != "seed" {
            return text(new, "raw_code") == text(old, "raw_code");
        }
        let part = |d: &Dict, key: &str| inner(d, "checksum", key).to_string();
        let same = part(new, "name") == part(old, "name") && part(new, "checksum") == part(old, "checksum");
        if part(new, "name") == "path" {
            let (warning, verdict) = if part(old, "name") != "path" {
                (warnings::SEED_INCREASED, "the previous file was smaller, so it has changed")
            } else if same {
                let verdict = "whether its content has changed cannot be told: it is taken as the same";
                (warnings::SEED_EXCEEDS_LIMIT_SAME_PATH, verdict)
            } else {
                let verdict = "the previous file was at another path, so it is taken as changed";
                (warnings::SEED_EXCEEDS_LIMIT_AND_PATH_CHANGED, verdict)
            };
            let name = format!("{}.{}", text(new, "package_name"), text(new, "name"));
            self.warn(
                Diagnostic::warning(codes::STATE_SEED, format!("the seed {name} is >1MB in size: {verdict}"))
                    .named(warning)
                    .node(text(new, "unique_id"))
                    .help("big files are compared by their path alone; keep them outside the project, or name the seed in --select"),
            );
        }
        same
    }

    fn same_relation(&self, id: &NodeId, new: &Dict, old: &Dict) -> bool {
        if id.resource_type() == "source" {
            let keys = if self.rules.unrendered {
                ["unrendered_database", "unrendered_schema"]
            } else {
                ["database", "schema"]
            };
            return keys.iter().all(|key| same_entry(new, old, key)) && same_entry(new, old, "identifier");
        }
        let (new, old) = (unrendered(new), unrendered(old));
        ["database", "schema", "alias"].iter().all(|key| same_entry(&new, &old, key))
    }

    fn same_contract(&self, new: &Dict, old: &Dict) -> Answer<bool> {
        if text(new, "resource_type") != "model" || text(old, "resource_type") != "model" {
            return Ok(true);
        }
        match contract::compare(old, new, &self.rules.enforced_constraints) {
            ContractChange::None => Ok(true),
            ContractChange::Harmless => Ok(false),
            ContractChange::Breaking(changes) => {
                self.broken(new, &changes)?;
                Ok(false)
            }
        }
    }

    /// A model without versions may change; its readers are to know. One with versions has a better way.
    fn broken(&self, model: &Dict, changes: &[String]) -> Answer<()> {
        let (id, path) = (text(model, "unique_id"), text(model, "original_file_path"));
        let changes = changes.join("\n  - ");
        let way = "make a change that only adds to the contract";
        if model.get("version").is_none_or(Value::is_null) {
            let message = format!(
                "Breaking change to contracted, unversioned model {} ({path})\nWhile comparing to previous project state, dbt detected a breaking change to an unversioned model.\n  - {changes}",
                text(model, "name"),
            );
            self.warn(
                Diagnostic::warning(codes::CONTRACT_BROKEN, message)
                    .named(warnings::UNVERSIONED_BREAKING_CHANGE)
                    .node(id)
                    .help(format!("{way}, or give the model versions")),
            );
            return Ok(());
        }
        let message = format!(
            "Breaking change to the contract of {id} ({path})\nWhile comparing to previous project state, dbt detected a breaking change to an enforced contract.\n  - {changes}"
        );
        let problem = Diagnostic::error(codes::CONTRACT_BROKEN, message).node(id);
        Err(Box::new(problem.help(format!("{way}, or add a new version of the model"))))
    }

    fn warn(&self, warning: Diagnostic) {
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// Models that are gone or disabled are never selected, but readers of their contracts trip over that.
    fn check_removed(&self) -> Answer<()> {
        for (id, old) in &self.previous.members {
            if id.resource_type() != "model" {
                continue;
            }
            let disabled = self.project.disabled.get(id).and_then(|list| match list.first() {
                Some(Disabled::Node(node)) => Some(dict::node(node, None)),
                _ => None,
            });
            let gone = match &disabled {
                Some(node) => node,
                None if !self.project.nodes.contains_key(id) => old,
                None => continue,
            };
            if let Some(change) = contract::removed(gone, Utc::now()) {
                self.broken(gone, &[change])?;
            }
        }
        Ok(())
    }

    fn macros_modified(&self, node: Option<&Node>) -> Answer<bool> {
        let Some(node) = node else { return Ok(false) };
        if let Some(test) = node.generic_test() {
            let end = format!(".test_{}", test.name);
            if !node.depends_on_macros.iter().any(|id| id.ends_with(&end)) {
                let message = format!(
                    "{} ({}) is a test by a macro that does not exist: {}",
                    node.id, node.original_path, test.name
                );
                return Err(Box::new(
                    Diagnostic::error(codes::TEST_NOT_FOUND, message)
                        .node(node.id.as_str())
                        .help("correct the name, take the test out, or install the package that has it"),
                ));
            }
        }
        let changed = self.macros.get_or_init(|| self.changed_macros());
        let mut called = self.project.macros_called(&node.depends_on_macros);
        Ok(!changed.is_empty() && called.any(|(id, _)| changed.contains(id)))
    }

    /// Macros that are new, gone or have another text. Built-in ones are ours on one side and perhaps dbt's on the other.
    pub(super) fn changed_macros(&self) -> HashSet<String> {
        let (new, old) = (&self.project.macros, &self.previous.macros);
        let different =
            new.iter().filter(|(id, m)| old.get(*id).is_none_or(|text| text.trim() != m.span.text().trim()));
        let gone = old.keys().filter(|id| !new.contains_key(*id));
        let internal = |id: &&String| {
            let package = id.split('.').nth(1).unwrap_or_default();
            self.rules.internal_packages.iter().any(|p| p == package)
        };
        different.map(|(id, _)| id).chain(gone).filter(|id| !internal(id)).cloned().collect()
    }
}

fn said(new: &Dict, old: &Dict, key: &str) -> bool {
    same_said(new.get(key).unwrap_or(&Value::Null), old.get(key).unwrap_or(&Value::Null))
}

/// The config before rendering, hooks under one spelling.
pub(super) fn unrendered(member: &Dict) -> Dict {
    let config = member.get("unrendered_config").and_then(Value::as_map).cloned().unwrap_or_default();
    let spelled = |key: String| match key.as_str() {
        "pre_hook" => "pre-hook".to_owned(),
        "post_hook" => "post-hook".to_owned(),
        _ => key,
    };
    config.into_iter().map(|(key, value)| (spelled(key), value)).collect()
}

fn same_config(id: &NodeId, new: &Dict, old: &Dict) -> bool {
    if matches!(id.resource_type(), "semantic_model" | "saved_query") {
        return said(new, old, "config");
    }
    let (new, old) = (unrendered(new), unrendered(old));
    let is_same = |key: &str| new.contains_key(key) == old.contains_key(key) && same_entry(&new, &old, key);
    match id.resource_type() {
        "test" => TEST_MODIFIERS.iter().all(|key| is_same(key)),
        kind => {
            let compared = |key: &&String| match kind {
                "source" | "exposure" => true,
                "metric" => *key != "group",
                _ => !NOT_COMPARED.contains(&key.as_str()),
            };
            new.keys().chain(old.keys()).filter(compared).all(|key| is_same(key))
        }
    }
}

fn same_persisted_description(new: &Dict, old: &Dict) -> bool {
    let persists = |key: &str| inner(new, "config", "persist_docs").get(key).is_some_and(Value::is_truthy);
    let of_columns = |d: &Dict| -> HashMap<String, String> {
        let columns = d.get("columns").and_then(Value::as_map).into_iter().flatten();
        let described = |c: &Value| c.get("description").map(Value::to_string).unwrap_or_default();
        columns.map(|(name, column)| (name.clone(), described(column))).collect()
    };
    (!persists("relation") || text(new, "description") == text(old, "description"))
        && (!persists("columns") || of_columns(new) == of_columns(old))
}

/// Whether two dates are the same moment, whatever the form that they are written in.
fn same_moment(new: Option<&Value>, old: Option<&Value>) -> bool {
    let plain = |value: Option<&Value>| {
        let text = value.filter(|v| !v.is_null()).map(Value::to_string).unwrap_or_default().replacen('T', " ", 1);
        let text = text.trim_end_matches('Z').trim_end_matches("+00:00");
        text.strip_suffix(" 00:00:00").unwrap_or(text).to_owned()
    };
    plain(new) == plain(old)
}

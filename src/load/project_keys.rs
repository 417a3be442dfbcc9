//! The top-level keys of dbt_project.yml: spellings, old names, typed access. In: the rendered mapping. Out:
//! [`Keys`], from which `project` reads its fields; everything wrong is collected on the way.

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, Diagnostics, Span, codes, nearest, warnings};

use super::yaml::YamlNode;

/// Keys with hyphens; dbt knows no other spelling.
const KEYS: [&str; 30] = [
    "name",
    "version",
    "config-version",
    "profile",
    "project-root",
    "model-paths",
    "seed-paths",
    "test-paths",
    "analysis-paths",
    "macro-paths",
    "snapshot-paths",
    "function-paths",
    "docs-paths",
    "asset-paths",
    "target-path",
    "log-path",
    "packages-install-path",
    "clean-targets",
    "quoting",
    "restrict-access",
    "require-dbt-version",
    "on-run-start",
    "on-run-end",
    "dispatch",
    "query-comment",
    "vars",
    "flags",
    "packages",
    "dbt-cloud",
    "tests",
];

/// Config trees by dbt's key with underscores. Hyphens are as good.
pub(super) const TREES: [&str; 13] = [
    "models",
    "seeds",
    "snapshots",
    "data_tests",
    "unit_tests",
    "sources",
    "exposures",
    "analyses",
    "metrics",
    "semantic_models",
    "saved_queries",
    "functions",
    "groups",
];

/// Names that dbt has given up, and their successors.
const OLD_NAMES: [(&str, &str); 5] = [
    ("source-paths", "model-paths"),
    ("data-paths", "seed-paths"),
    ("tests-paths", "test-paths"),
    ("modules-path", "packages-install-path"),
    ("module-path", "packages-install-path"),
];

/// The entries of dbt_project.yml under their present names.
pub(super) struct Keys<'n> {
    entries: Vec<(&'static str, &'n YamlNode, &'n YamlNode)>,
    /// Problems so far.
    pub diagnostics: Diagnostics,
}

impl<'n> Keys<'n> {
    /// Sorts the entries of a mapping by known key; unknown and old ones are reported.
    pub fn new(root: &'n YamlNode) -> Self {
        let mut keys = Self { entries: Vec::new(), diagnostics: Diagnostics::new() };
        let mut old = Vec::new();
        for (written, key, value) in root.entries() {
            let hyphenated = written.replace('_', "-");
            if let Some(name) = TREES.into_iter().find(|t| t.replace('_', "-") == hyphenated) {
                keys.entries.push((name, key, value));
            } else if let Some((_, successor)) = OLD_NAMES.iter().find(|(name, _)| *name == hyphenated) {
                old.push((*successor, key, value));
            } else if let Some(name) = KEYS.into_iter().find(|k| *k == hyphenated) {
                if written != name && name != "dbt-cloud" {
                    keys.deprecated(&written, name, key);
                }
                keys.entries.push((name, key, value));
            } else {
                keys.unknown(&written, key);
            }
        }
        for (successor, key, value) in old {
            keys.take_old(successor, key, value);
        }
        keys.join_tests();
        keys
    }

    fn deprecated(&mut self, written: &str, name: &str, key: &YamlNode) {
        let problem = Diagnostic::warning(codes::DEPRECATED, format!("`{written}` is an old spelling of `{name}`"))
            .fact("deprecated_path", written)
            .fact("exp_path", name)
            .at(key.span.clone())
            .help(format!("write `{name}`"));
        self.diagnostics.push(match name {
            "model-paths" => problem.named(warnings::CONFIG_SOURCE_PATH_DEPRECATION),
            "seed-paths" => problem.named(warnings::CONFIG_DATA_PATH_DEPRECATION),
            _ => problem,
        });
    }

    fn unknown(&mut self, written: &str, key: &YamlNode) {
        let warning = Diagnostic::warning(codes::PROJECT_KEY, format!("the key `{written}` is unknown and ignored"))
            .at(key.span.clone());
        let candidates = KEYS.into_iter().chain(TREES);
        self.diagnostics.push(match nearest(written, candidates).first() {
            Some(near) => warning.help(format!("did you mean `{near}`?")),
            None => warning.help("values of your own belong under `vars:`"),
        });
    }

    fn take_old(&mut self, successor: &'static str, key: &'n YamlNode, value: &'n YamlNode) {
        let written = key.key_text();
        if let Some((_, present, _)) = self.entries.iter().find(|(k, ..)| *k == successor) {
            let message = format!("`{written}` and `{successor}` cannot both be set: they mean the same");
            let problem = Diagnostic::error(codes::PROJECT_KEY, message)
                .at(key.span.clone())
                .label(present.span.clone(), "the present name")
                .help(format!("remove `{written}`"));
            self.diagnostics.push(problem);
            return;
        }
        self.deprecated(&written, successor, key);
        self.entries.push((successor, key, value));
    }

    /// `tests` is `data_tests`; dbt takes either, not both.
    fn join_tests(&mut self) {
        let has_new = self.entries.iter().any(|(k, ..)| *k == "data_tests");
        let Some(at) = self.entries.iter().position(|(k, ..)| *k == "tests") else { return };
        let filled = self.entries[at].2.entries().next().is_some();
        if !has_new {
            self.entries[at].0 = "data_tests";
        } else if filled {
            let message =
                "Invalid project config: cannot have both 'tests' and 'data_tests' defined: they mean the same";
            self.diagnostics.push(
                Diagnostic::error(codes::PROJECT_KEY, message)
                    .at(self.entries[at].1.span.clone())
                    .help("move everything under `data_tests`"),
            );
        }
    }

    /// Adds a problem.
    pub fn push(&mut self, problem: Diagnostic) {
        self.diagnostics.push(problem);
    }

    /// The value of a key; null counts as absent.
    pub fn get(&self, key: &str) -> Option<&'n YamlNode> {
        self.raw(key).filter(|value| !value.is_null())
    }

    /// The value of a key, null or not.
    pub fn raw(&self, key: &str) -> Option<&'n YamlNode> {
        self.entries.iter().find(|(k, ..)| *k == key).map(|(_, _, value)| *value)
    }

    fn keep<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|problem| self.diagnostics.push(problem)).ok()
    }

    /// A text.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let read = self.get(key)?.expect_str(codes::PROJECT_KEY, &format!("`{key}`")).map(str::to_owned);
        self.keep(read)
    }

    /// A text or number, as text.
    pub fn text_or_number(&mut self, key: &str) -> Option<String> {
        let node = self.get(key)?;
        match node.as_scalar() {
            Some(value @ (Value::Str(_) | Value::Int(_) | Value::Float(_))) => Some(value.to_string()),
            _ => {
                self.diagnostics.push(node.mismatch(codes::PROJECT_KEY, &format!("`{key}`"), "a string or a number"));
                None
            }
        }
    }

    /// A list of texts, with what stands for an absent key.
    pub fn texts(&mut self, key: &str, default: &[&str]) -> Vec<String> {
        let or_default = || default.iter().map(|s| (*s).to_owned()).collect();
        let Some(node) = self.get(key) else { return or_default() };
        let what = format!("`{key}`");
        let read = match node.as_str() {
            Some(text) => {
                let problem = node.mismatch(codes::PROJECT_KEY, &what, "a list of strings");
                Err(problem.help(format!("write `{key}: [\"{text}\"]`")))
            }
            None => node.expect_strings(codes::PROJECT_KEY, &what),
        };
        self.keep(read).unwrap_or_else(or_default)
    }

    /// A list of texts (or one text) with the place of each.
    pub fn statements(&mut self, key: &str) -> Vec<(String, Span)> {
        let Some(node) = self.get(key) else { return Vec::new() };
        if let Some(text) = node.as_str() {
            return vec![(text.to_owned(), node.span.clone())];
        }
        let items = match node.as_seq() {
            Some(items) => items,
            None => {
                let what = format!("`{key}`");
                self.diagnostics.push(node.mismatch(codes::PROJECT_KEY, &what, "a string or a list of strings"));
                return Vec::new();
            }
        };
        let item_name = format!("an item of `{key}`");
        let mut out = Vec::new();
        for item in items {
            let read = item.expect_str(codes::PROJECT_KEY, &item_name).map(str::to_owned);
            if let Some(text) = self.keep(read) {
                out.push((text, item.span.clone()));
            }
        }
        out
    }

    /// A boolean.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        let Some(node) = self.get(key) else { return default };
        let read = node.expect_bool(codes::PROJECT_KEY, &format!("`{key}`"));
        self.keep(read).unwrap_or(default)
    }

    /// A mapping.
    pub fn map(&mut self, key: &str) -> Option<&'n YamlNode> {
        let node = self.get(key)?;
        let read = node.expect_map(codes::PROJECT_KEY, &format!("`{key}`"));
        self.keep(read)
    }

    /// A mapping as a plain value.
    pub fn dict(&mut self, key: &str) -> Dict {
        self.map(key).map(YamlNode::to_dict).unwrap_or_default()
    }
}

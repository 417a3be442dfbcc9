//! Properties files (schema.yml). In: their YAML. Out: [`PropertiesFile`]: entries by section, shapes checked, meaning
//! left to `parse/`.

use std::sync::Arc;

use crate::base::Value;
use crate::diag::{Diagnostic, Diagnostics, SourceFile, codes, nearest};

use super::discover::SourceEntry;
use super::yaml::{self, YamlNode};

/// One properties file, split into entries. Every entry is a mapping with a `name`.
#[derive(Clone, Debug)]
pub struct PropertiesFile {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Path relative to the package, forward slashes.
    pub path: String,
    /// The configured folder in which it was found.
    pub search_path: String,
    /// `version`.
    pub version: Option<Value>,
    /// `models`.
    pub models: Vec<YamlNode>,
    /// `seeds`.
    pub seeds: Vec<YamlNode>,
    /// `snapshots`.
    pub snapshots: Vec<YamlNode>,
    /// `sources`.
    pub sources: Vec<YamlNode>,
    /// `macros`.
    pub macros: Vec<YamlNode>,
    /// `analyses`.
    pub analyses: Vec<YamlNode>,
    /// `exposures`.
    pub exposures: Vec<YamlNode>,
    /// `data_tests` and its old name `tests`: properties of singular tests.
    pub data_tests: Vec<YamlNode>,
    /// `unit_tests`.
    pub unit_tests: Vec<YamlNode>,
    /// `groups`.
    pub groups: Vec<YamlNode>,
    /// `metrics`.
    pub metrics: Vec<YamlNode>,
    /// `semantic_models`.
    pub semantic_models: Vec<YamlNode>,
    /// `saved_queries`.
    pub saved_queries: Vec<YamlNode>,
    /// `functions`.
    pub functions: Vec<YamlNode>,
}

impl PropertiesFile {
    /// All sections as (dbt's key, entries), in the order in which dbt reads them.
    pub fn sections(&self) -> [(&'static str, &[YamlNode]); 14] {
        [
            ("models", &self.models),
            ("seeds", &self.seeds),
            ("snapshots", &self.snapshots),
            ("sources", &self.sources),
            ("macros", &self.macros),
            ("data_tests", &self.data_tests),
            ("analyses", &self.analyses),
            ("exposures", &self.exposures),
            ("functions", &self.functions),
            ("metrics", &self.metrics),
            ("groups", &self.groups),
            ("semantic_models", &self.semantic_models),
            ("unit_tests", &self.unit_tests),
            ("saved_queries", &self.saved_queries),
        ]
    }

    fn new(entry: &SourceEntry) -> Self {
        Self {
            file: Arc::clone(&entry.file),
            path: entry.path.clone(),
            search_path: entry.search_path.clone(),
            version: None,
            models: Vec::new(),
            seeds: Vec::new(),
            snapshots: Vec::new(),
            sources: Vec::new(),
            macros: Vec::new(),
            analyses: Vec::new(),
            exposures: Vec::new(),
            data_tests: Vec::new(),
            unit_tests: Vec::new(),
            groups: Vec::new(),
            metrics: Vec::new(),
            semantic_models: Vec::new(),
            saved_queries: Vec::new(),
            functions: Vec::new(),
        }
    }

    fn section(&mut self, key: &str) -> Option<&mut Vec<YamlNode>> {
        Some(match key {
            "models" => &mut self.models,
            "seeds" => &mut self.seeds,
            "snapshots" => &mut self.snapshots,
            "sources" => &mut self.sources,
            "macros" => &mut self.macros,
            "analyses" => &mut self.analyses,
            "exposures" => &mut self.exposures,
            "data_tests" | "tests" => &mut self.data_tests,
            "unit_tests" => &mut self.unit_tests,
            "groups" => &mut self.groups,
            "metrics" => &mut self.metrics,
            "semantic_models" => &mut self.semantic_models,
            "saved_queries" => &mut self.saved_queries,
            "functions" => &mut self.functions,
            _ => return None,
        })
    }
}

/// Sections for "did you mean".
const SECTIONS: [&str; 15] = [
    "models",
    "seeds",
    "snapshots",
    "sources",
    "macros",
    "analyses",
    "exposures",
    "data_tests",
    "unit_tests",
    "groups",
    "metrics",
    "semantic_models",
    "saved_queries",
    "functions",
    "version",
];

/// Splits a properties file. None if it is empty or cannot be read at all.
pub(super) fn read(entry: &SourceEntry) -> (Option<PropertiesFile>, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let root = match yaml::parse(&entry.file) {
        Ok(parsed) => {
            diagnostics.extend(parsed.warnings);
            parsed.root
        }
        Err(problem) => {
            diagnostics.push(problem);
            None
        }
    };
    let Some(root) = root.filter(|root| !root.is_null()) else { return (None, diagnostics) };
    if let Err(problem) = root.expect_map(codes::PROPERTIES_INVALID, "a properties file") {
        diagnostics.push(problem.note("Dictionary expected").help("start with a section, such as `models:`"));
        return (None, diagnostics);
    }
    let mut out = PropertiesFile::new(entry);
    for (key, key_node, value) in root.entries() {
        if key == "version" {
            out.version = value.as_scalar().cloned();
        } else if let Some(section) = out.section(&key) {
            let mut problems = Diagnostics::new();
            section.extend(entries(&key, value, &mut problems));
            if matches!(&*key, "data_tests" | "tests") {
                diagnostics.extend(problems.into_iter().map(|problem| not_of_a_test(&key, entry, problem)));
            } else {
                diagnostics.extend(problems);
            }
        } else if !may_be_foreign(&key) {
            diagnostics.push(unknown_section(&key, key_node));
        }
    }
    (Some(out), diagnostics)
}

/// What cannot be read as properties of singular tests is left out, as in dbt: people keep lists of tests under an anchor there.
fn not_of_a_test(section: &str, entry: &SourceEntry, problem: Diagnostic) -> Diagnostic {
    let message = format!("Unable to parse '{section}' section of file '{}'", entry.path);
    let nameless = problem.message.ends_with("has no `name`");
    let why = if nameless { "Entry did not contain a name".to_owned() } else { problem.message };
    let warning = Diagnostic::warning(codes::PROPERTIES_INVALID, format!("{message}: {why}"));
    let warning = warning.help("it is left out; put anchors under `anchors:`");
    Diagnostic { span: problem.span, ..warning }
}

/// Keys that people use for their own ends: anchors to reuse, and what other tools keep in the same file.
fn may_be_foreign(key: &str) -> bool {
    key == "anchors" || key.starts_with(['.', '_']) || key.starts_with("x-")
}

fn unknown_section(key: &str, node: &YamlNode) -> Diagnostic {
    let warning = Diagnostic::warning(codes::PROPERTIES_INVALID, format!("the section `{key}` is unknown and ignored"))
        .at(node.span.clone());
    match nearest(key, SECTIONS).first() {
        Some(near) => warning.help(format!("did you mean `{near}`?")),
        None => warning.help("put anchors and other values of your own under `anchors:`"),
    }
}

fn entries(section: &str, value: &YamlNode, diagnostics: &mut Diagnostics) -> Vec<YamlNode> {
    let code = codes::PROPERTIES_INVALID;
    if value.is_null() {
        // dbt refuses an empty section; nothing is lost by taking it for an empty list.
        diagnostics.push(Diagnostic::warning(code, format!("the section `{section}` is empty")).at(value.span.clone()));
        return Vec::new();
    }
    let items = match value.expect_seq(code, &format!("`{section}`")) {
        Ok(items) => items,
        Err(problem) => {
            diagnostics.push(problem.help("start every entry with `- name: ...`"));
            return Vec::new();
        }
    };
    let mut good = Vec::with_capacity(items.len());
    for item in items {
        match check_entry(section, item) {
            Ok(()) => good.push(item.clone()),
            Err(problem) => diagnostics.push(problem),
        }
    }
    good
}

fn check_entry(section: &str, item: &YamlNode) -> Result<(), Diagnostic> {
    let code = codes::PROPERTIES_INVALID;
    let what = format!("an entry of `{section}`");
    item.expect_map(code, &what)?;
    let Some(name) = item.get("name") else {
        let problem = Diagnostic::error(code, format!("{what} has no `name`")).at(item.span.clone());
        let keys: Vec<String> = item.entries().map(|(key, _, _)| key.into_owned()).collect();
        return Err(match nearest("name", keys.iter().map(String::as_str)).first() {
            Some(near) => problem.help(format!("`{near}` looks like it")),
            None => problem.help("add `name: ...`"),
        });
    };
    match name.as_str() {
        Some("") => Err(Diagnostic::error(code, format!("the `name` of {what} is empty")).at(name.span.clone())),
        Some(_) => Ok(()),
        None => Err(name.mismatch(code, &format!("the `name` of {what}"), "a string").help("put the name in quotes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::discover::FileKind;

    fn entry(text: &str) -> SourceEntry {
        SourceEntry {
            kind: FileKind::Properties,
            path: "models/schema.yml".into(),
            search_path: "models".into(),
            size: text.len() as u64,
            file: SourceFile::new("models/schema.yml", text),
            disk_hash: None,
        }
    }

    #[test]
    fn splits_sections_and_keeps_the_good_entries() {
        let text = "version: 2\nmodels:\n  - name: a\n  - nam: b\n  - plain\n  - name: 7\ntests: [{name: t}]\nmodel: []\n\
                    anchors: {x: &x 1}\nseeds: {name: s}\nsources:\n";
        let (file, problems) = read(&entry(text));
        let file = file.unwrap();
        assert_eq!((file.models.len(), file.data_tests.len(), file.seeds.len()), (1, 1, 0));
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(shown.join("\n"), @"
        error[T111]: an entry of `models` has no `name` (models/schema.yml:4:5)
        error[T111]: an entry of `models` must be a mapping, found a string (models/schema.yml:5:5)
        error[T111]: the `name` of an entry of `models` must be a string, found an integer (models/schema.yml:6:11)
        warning[T111]: the section `model` is unknown and ignored (models/schema.yml:8:1)
        error[T111]: `seeds` must be a list, found a mapping (models/schema.yml:10:8)
        warning[T111]: the section `sources` is empty (models/schema.yml:11:9)
        ");
    }
}

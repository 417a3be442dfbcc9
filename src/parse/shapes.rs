//! The shapes of the keys of a properties entry: what must be a text, a list, a mapping or one of a few words.
//!
//! In: an entry as it was read. Out: a diagnostic at every value of a wrong shape. Values that are absent, null or made by
//! Jinja pass: nobody knows their shape yet. Rules: `dbt/contracts/graph/unparsed.py`.

use crate::diag::{Diagnostic, Diagnostics, codes, nearest};
use crate::load::YamlNode;

const EXPOSURE_TYPES: [&str; 5] = ["dashboard", "notebook", "analysis", "ml", "application"];
const MATURITIES: [&str; 3] = ["low", "medium", "high"];
const QUOTED_PARTS: [&str; 4] = ["database", "schema", "identifier", "column"];

/// What a value must be.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Flag,
    List,
    Map,
}

/// Keys of an entry, wherever they are allowed.
const OF_ENTRY: &[(&str, Shape)] = &[
    ("description", Shape::Text),
    ("docs", Shape::Map),
    ("meta", Shape::Map),
    ("config", Shape::Map),
    ("columns", Shape::List),
    ("data_tests", Shape::List),
    ("tests", Shape::List),
    ("constraints", Shape::List),
    ("versions", Shape::List),
    ("tables", Shape::List),
    ("arguments", Shape::List),
    ("depends_on", Shape::List),
];

const OF_COLUMN: &[(&str, Shape)] = &[
    ("description", Shape::Text),
    ("data_type", Shape::Text),
    ("quote", Shape::Flag),
    ("meta", Shape::Map),
    ("config", Shape::Map),
    ("data_tests", Shape::List),
    ("tests", Shape::List),
    ("constraints", Shape::List),
];

/// Reports what has a wrong shape in an entry of a section.
pub(super) fn check(section: &str, entry: &YamlNode, out: &mut Diagnostics) {
    if matches!(section, "semantic_models" | "saved_queries" | "metrics" | "unit_tests" | "functions") {
        return;
    }
    let what = format!("an entry of `{section}`");
    keys(entry, OF_ENTRY, &what, out);
    columns(entry, out);
    config_tags(entry, out);
    match section {
        "sources" => {
            source_level(entry, out);
            for table in items(entry, "tables") {
                named(table, "an entry of `tables`", out);
                keys(table, OF_ENTRY, "an entry of `tables`", out);
                source_level(table, out);
                columns(table, out);
                config_tags(table, out);
            }
        }
        "exposures" => exposure(entry, out),
        "groups" => owner(entry, &what, false, out),
        _ => {}
    }
}

fn items<'n>(entry: &'n YamlNode, key: &str) -> impl Iterator<Item = &'n YamlNode> {
    entry.get(key).map(YamlNode::items).unwrap_or_default().iter()
}

/// Whether the shape of a value is still open.
fn is_open(node: &YamlNode) -> bool {
    node.is_null() || node.as_str().is_some_and(|text| text.contains("{{") || text.contains("{%"))
}

/// The value of a key, if it has a shape of its own.
fn given<'n>(entry: &'n YamlNode, key: &str) -> Option<&'n YamlNode> {
    entry.get(key).filter(|node| !is_open(node))
}

fn error(message: String, at: &YamlNode) -> Diagnostic {
    Diagnostic::error(codes::PROPERTIES_INVALID, message).at(at.span.clone())
}

fn keys(entry: &YamlNode, shapes: &[(&str, Shape)], what: &str, out: &mut Diagnostics) {
    for (key, shape) in shapes {
        let Some(node) = given(entry, key) else { continue };
        let (fits, wanted) = match shape {
            Shape::Text => (node.as_str().is_some(), "a string"),
            Shape::Flag => (node.as_bool().is_some(), "true or false"),
            Shape::List => (node.is_seq(), "a list"),
            Shape::Map => (node.is_map(), "a mapping"),
        };
        if !fits {
            let problem = node.mismatch(codes::PROPERTIES_INVALID, &format!("`{key}`"), wanted);
            out.push(match (shape, node.as_str()) {
                (Shape::List, Some(text)) if matches!(*key, "data_tests" | "tests") => {
                    problem.help(format!("write `{key}: [{text}]`"))
                }
                (Shape::Text, None) if !node.is_map() && !node.is_seq() => problem.help("put it in quotes"),
                _ => problem,
            });
        }
    }
    if let (Some(tests), Some((old, _))) = (entry.get("data_tests"), entry.entry("tests")) {
        out.push(
            error(
                format!("Invalid test config: cannot have both 'tests' and 'data_tests' defined: {what} has them"),
                old,
            )
            .label(tests.span.clone(), "the other one")
            .help("move the tests under `data_tests`"),
        );
    }
}

fn named(entry: &YamlNode, what: &str, out: &mut Diagnostics) {
    if !entry.is_map() {
        if !is_open(entry) {
            let problem = entry.mismatch(codes::PROPERTIES_INVALID, what, "a mapping");
            out.push(problem.help("write it as `- name: ...`"));
        }
        return;
    }
    if entry.get("name").is_none() {
        out.push(error(format!("{what} has no `name`"), entry).help("add `name: ...`"));
    }
}

fn columns(entry: &YamlNode, out: &mut Diagnostics) {
    for column in items(entry, "columns") {
        named(column, "an entry of `columns`", out);
        keys(column, OF_COLUMN, "an entry of `columns`", out);
        tags(column, out);
    }
}

fn config_tags(entry: &YamlNode, out: &mut Diagnostics) {
    if let Some(config) = entry.get("config") {
        tags(config, out);
    }
}

fn tags(entry: &YamlNode, out: &mut Diagnostics) {
    let Some(node) = given(entry, "tags") else { return };
    let is_text = |node: &YamlNode| node.as_str().is_some() || node.is_null();
    if !is_text(node) && !node.as_seq().is_some_and(|items| items.iter().all(is_text)) {
        out.push(node.mismatch(codes::PROPERTIES_INVALID, "`tags`", "a string or a list of strings"));
    }
}

/// What a source and its tables have in common.
fn source_level(entry: &YamlNode, out: &mut Diagnostics) {
    let places = [Some(entry), entry.get("config").filter(|config| config.is_map())];
    for freshness in places.into_iter().flatten().filter_map(|place| given(place, "freshness")) {
        if !freshness.is_map() {
            let problem = freshness.mismatch(codes::PROPERTIES_INVALID, "`freshness`", "a mapping");
            out.push(problem.help("write `freshness: null` to check nothing"));
        }
    }
    let Some(quoting) = given(entry, "quoting") else { return };
    if !quoting.is_map() {
        out.push(quoting.mismatch(codes::PROPERTIES_INVALID, "`quoting`", "a mapping"));
        return;
    }
    for (key, key_node, value) in quoting.entries() {
        if !QUOTED_PARTS.contains(&&*key) {
            let problem = error(format!("`quoting` has no key `{key}`"), key_node);
            out.push(problem.help(format!("the keys are {}", QUOTED_PARTS.join(", "))));
        } else if !is_open(value) && value.as_bool().is_none() {
            out.push(value.mismatch(codes::PROPERTIES_INVALID, &format!("`quoting.{key}`"), "true or false"));
        }
    }
}

fn exposure(entry: &YamlNode, out: &mut Diagnostics) {
    if entry.get("type").is_none() {
        let problem = error("an entry of `exposures` has no `type`".to_owned(), entry);
        out.push(problem.help(format!("add `type: ...`, one of {}", EXPOSURE_TYPES.join(", "))));
    }
    one_of(entry, "type", &EXPOSURE_TYPES, out);
    one_of(entry, "maturity", &MATURITIES, out);
    owner(entry, "an entry of `exposures`", true, out);
}

fn one_of(entry: &YamlNode, key: &str, words: &[&str], out: &mut Diagnostics) {
    let Some(node) = given(entry, key) else { return };
    let word = node.to_base().to_string();
    if words.contains(&word.as_str()) {
        return;
    }
    let problem = error(format!("`{key}` cannot be '{word}'; it is one of {}", words.join(", ")), node);
    out.push(match nearest(&word, words.iter().copied()).first() {
        Some(near) => problem.help(format!("did you mean '{near}'?")),
        None => problem,
    });
}

fn owner(entry: &YamlNode, what: &str, is_reachable: bool, out: &mut Diagnostics) {
    let Some(owner) = entry.get("owner") else {
        out.push(error(format!("{what} has no `owner`"), entry).help("add `owner: {name: ..., email: ...}`"));
        return;
    };
    if is_open(owner) && !owner.is_null() {
        return;
    }
    if !owner.is_map() {
        out.push(owner.mismatch(codes::PROPERTIES_INVALID, "`owner`", "a mapping"));
    } else if is_reachable && owner.get("name").is_none() && owner.get("email").is_none() {
        out.push(error(format!("the `owner` of {what} has neither `name` nor `email`"), owner));
    }
}

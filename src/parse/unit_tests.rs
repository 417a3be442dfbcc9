//! Unit tests out of properties entries.
//!
//! In: rendered entries, the models of all packages. Out: [`UnitTest`]s, one per tested version, with rows read from
//! fixture files. What cannot be built is told here, before anything runs. Rules: `core/dbt/parser/unit_tests.py`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::{NodeId, Value};
use crate::diag::{Diagnostic, Diagnostics, codes, nearest};
use crate::load::{FileKind, SourceEntry, YamlNode};
use crate::node::{Checksum, Fixture, FixtureFormat, Node, ResourceType, UnitTest};

use super::assemble::Cx;
use super::columns::texts;
use super::extras::{TextCall, merged, text_call};
use super::fixture_rows::csv_rows;
use super::patches::{Entry, Patches};
use super::raw::fqn;

/// The macro that tells an incremental model whether it adds to its table.
const IS_INCREMENTAL: &str = "macro.dbt.is_incremental";

/// What entries are checked against.
pub struct Known<'a> {
    /// Enabled models by package and name, all versions.
    pub models: &'a HashMap<(String, String), Vec<Arc<Node>>>,
    /// Disabled models by package and name.
    pub disabled: &'a [(String, String)],
    /// Enabled seeds by package and name.
    pub seeds: &'a [(String, String)],
}

fn invalid(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::UNIT_TEST_INVALID, message)
}

/// The unit tests of all packages; a test of a versioned model is made once a version.
pub fn unit_tests(cx: &Cx<'_>, patches: &Patches, known: &Known<'_>, diagnostics: &mut Diagnostics) -> Vec<UnitTest> {
    let mut found: Vec<UnitTest> = Vec::new();
    for entry in patches.section("unit_tests") {
        let made =
            tested_models(entry, known).and_then(|(model, targets)| of_entry(cx, entry, &model, &targets, known));
        match made {
            Ok(tests) => {
                for test in tests {
                    match found.iter().find(|first| first.id == test.id) {
                        Some(first) => diagnostics.push(duplicate(first, &test)),
                        None => found.push(test),
                    }
                }
            }
            Err(problem) => diagnostics.push(*problem),
        }
    }
    found
}

fn duplicate(first: &UnitTest, second: &UnitTest) -> Diagnostic {
    let message = format!("two unit tests of the model '{}' are named '{}'", second.model, second.name);
    Diagnostic::error(codes::DUPLICATE_RESOURCE, message)
        .at(second.span.clone())
        .label(first.span.clone(), "the first one")
        .help("rename one of the two")
}

type Checked<T> = Result<T, Box<Diagnostic>>;

/// The model that an entry names, in the versions that it wants. None of them if the model is disabled.
fn tested_models(entry: &Entry, known: &Known<'_>) -> Checked<(String, Vec<Arc<Node>>)> {
    let Some(written) = entry.value.get("model").and_then(Value::as_str) else {
        let problem = invalid(format!("the unit test '{}' names no model", entry.name)).at(entry.span());
        return Err(Box::new(problem.help("add `model: <name of the model under test>`")));
    };
    let at = || entry.node.get("model").map_or_else(|| entry.span(), |n| n.span.clone());
    let model = written.split_whitespace().next().unwrap_or_default().to_owned();
    let key = (entry.package.clone(), model.clone());
    let Some(targets) = known.models.get(&key) else {
        if known.disabled.contains(&key) {
            return Ok((model, Vec::new()));
        }
        let message = format!(
            "Unable to find model '{}.{model}' for unit test '{}' in {}",
            entry.package, entry.name, entry.path
        );
        let names = known.models.keys().map(|(_, name)| name.as_str());
        let near = nearest(&model, names);
        let problem = invalid(message).at(at());
        return Err(Box::new(match near.first() {
            Some(near) => problem.help(format!("did you mean '{near}'?")),
            None => problem.help("name a model of the same package"),
        }));
    };
    let list = |key: &str| texts(entry.value.get("versions").and_then(|v| v.get(key)));
    let (include, exclude) = (list("include"), list("exclude"));
    let at = || entry.node.get("versions").map_or_else(|| entry.span(), |n| n.span.clone());
    if !include.is_empty() && !exclude.is_empty() {
        let message = format!("the unit test '{}' both includes and excludes versions", entry.name);
        return Err(Box::new(invalid(message).at(at()).help("keep `include` or `exclude`")));
    }
    let version = |node: &Arc<Node>| node.model().map(|m| m.version.to_string()).unwrap_or_default();
    let unversioned = !targets.iter().any(|n| n.model().is_some_and(|m| !m.version.is_null()));
    if unversioned && (!include.is_empty() || !exclude.is_empty()) {
        let message = format!(
            "Unit test '{}' should not have a versions include or exclude when referencing non-versioned model '{model}'",
            entry.name
        );
        return Err(Box::new(invalid(message).at(at()).help("remove `versions`")));
    }
    let wanted = |node: &&Arc<Node>| {
        let version = version(node);
        if include.is_empty() { !exclude.contains(&version) } else { include.contains(&version) }
    };
    let wanted: Vec<Arc<Node>> = targets.iter().filter(wanted).cloned().collect();
    if wanted.is_empty() {
        let message = format!("Unit test '{}' referenced a version of '{model}' which was not found", entry.name);
        let known: Vec<String> = targets.iter().map(version).collect();
        return Err(Box::new(invalid(message).at(at()).help(format!("versions are {}", known.join(", ")))));
    }
    Ok((model, wanted))
}

/// The unit tests of one entry.
fn of_entry(
    cx: &Cx<'_>,
    entry: &Entry,
    model: &str,
    targets: &[Arc<Node>],
    known: &Known<'_>,
) -> Checked<Vec<UnitTest>> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let mut given = Vec::new();
    for node in entry.node.get("given").map(YamlNode::items).unwrap_or_default() {
        let input = fixture(cx, entry, node)?;
        if input.rows.is_null() && input.format == FixtureFormat::Dict {
            must_be_seed(cx, entry, &input, known)?;
        }
        given.push(input);
    }
    let Some(expect) = entry.node.get("expect") else {
        let problem = invalid(format!("the unit test '{}' expects nothing", entry.name)).at(entry.span());
        return Err(Box::new(problem.help("add `expect: {rows: [...]}`")));
    };
    let expect = fixture(cx, entry, expect)?;
    let made = targets.iter().map(|target| {
        let test = unit_test(cx, entry, model, target, (&given, &expect));
        if test.config.enabled() {
            check_incremental(entry, target, &given)?;
        }
        Ok(test)
    });
    made.collect()
}

/// An input without rows stands for a seed's file.
fn must_be_seed(cx: &Cx<'_>, entry: &Entry, input: &Fixture, known: &Known<'_>) -> Checked<()> {
    let Some(TextCall::Ref(call)) = text_call(&input.input) else {
        let message =
            format!("Unit test {} has input rows which do not match format dict: {} has none", entry.name, input.input);
        return Err(Box::new(
            invalid(message).at(input.span.clone()).help("give `rows:`; `rows: []` is an empty input"),
        ));
    };
    let package = call.package.unwrap_or_else(|| entry.package.clone());
    let is = |(p, name): &&(String, String)| *name == call.name && (*p == package || *p == cx.root());
    if known.seeds.iter().any(|seed| is(&seed)) {
        return Ok(());
    }
    let paths = cx.tree.package(&entry.package).map(|p| p.config.seed_paths.join(", ")).unwrap_or_default();
    let message = format!("Unable to find seed '{package}.{}' for unit tests in directories: {paths}", call.name);
    let help = "only seeds stand for themselves: give `rows:`; `rows: []` is an empty input";
    Err(Box::new(invalid(message).at(input.span.clone()).help(help)))
}

/// A model that asks `is_incremental()` is tested for one answer at a time.
fn check_incremental(entry: &Entry, target: &Node, given: &[Fixture]) -> Checked<()> {
    if !target.depends_on_macros.iter().any(|id| id == IS_INCREMENTAL) {
        return Ok(());
    }
    let answer = entry.value.get("overrides").and_then(|o| o.get("macros")).and_then(|m| m.get("is_incremental"));
    match answer.and_then(Value::as_bool) {
        None => {
            let message = format!(
                "Boolean override for 'is_incremental' must be provided for unit test '{}' in model '{}'",
                entry.name, target.name
            );
            let help = "add `overrides: {macros: {is_incremental: true}}`, or false";
            Err(Box::new(invalid(message).at(entry.span()).help(help)))
        }
        Some(true) if !given.iter().any(|fixture| fixture.input.trim() == "this") => {
            let message =
                format!("Unit test '{}' for incremental model '{}' must have a 'this' input", entry.name, target.name);
            let help = "add `- input: this` with the rows that the table holds before the run";
            Err(Box::new(invalid(message).at(entry.span()).help(help)))
        }
        Some(_) => Ok(()),
    }
}

fn unit_test(
    cx: &Cx<'_>,
    entry: &Entry,
    model: &str,
    target: &Arc<Node>,
    (given, expect): (&[Fixture], &Fixture),
) -> UnitTest {
    let version = target.model().map(|m| m.version.clone()).unwrap_or_default();
    let mut id = format!("unit_test.{}.{model}.{}", entry.package, entry.name);
    let mut fqn = fqn(&entry.package, &entry.relative_path, model);
    fqn.push(entry.name.clone());
    if !version.is_null() {
        id.push_str(&format!("_v{version}"));
    }
    let config = merged(cx, entry, ResourceType::UnitTest, &fqn);
    let text = Value::Map(entry.value.clone()).to_json().to_string();
    UnitTest {
        id: NodeId::from(id),
        name: entry.name.clone(),
        model: model.to_owned(),
        tested_node: target.id.clone(),
        package: entry.package.clone(),
        path: entry.relative_path.clone(),
        original_path: entry.path.clone(),
        fqn,
        description: entry.value.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
        given: given.to_vec(),
        expect: expect.clone(),
        overrides: entry.value.get("overrides").and_then(Value::as_map).cloned().unwrap_or_default(),
        config,
        version,
        checksum: Checksum { name: "sha256".into(), checksum: super::raw::checksum(&text).checksum },
        depends_on: vec![target.id.clone()],
        span: entry.span(),
    }
}

/// YAML's dates as ISO text: that is how dbt hands them to the fixture's macro, which quotes text.
fn dates_as_text(value: Value) -> Value {
    match value {
        Value::Date(date) => Value::Str(date.to_string()),
        Value::Timestamp(at) => Value::Str(at.format("%Y-%m-%dT%H:%M:%S%.f").to_string()),
        Value::TimestampTz(at) => Value::Str(at.format("%Y-%m-%dT%H:%M:%S%.f%:z").to_string()),
        Value::List(items) => Value::List(items.into_iter().map(dates_as_text).collect()),
        Value::Map(map) => Value::Map(map.into_iter().map(|(k, v)| (k, dates_as_text(v))).collect()),
        other => other,
    }
}

fn fixture(cx: &Cx<'_>, entry: &Entry, node: &YamlNode) -> Checked<Fixture> {
    let problem = |text: String| Box::new(invalid(text).at(node.span.clone()));
    let format = match node.get("format").and_then(YamlNode::as_str) {
        None | Some("dict") => FixtureFormat::Dict,
        Some("csv") => FixtureFormat::Csv,
        Some("sql") => FixtureFormat::Sql,
        Some(other) => {
            return Err(problem(format!("'{other}' is no fixture format; it must be dict, csv or sql")));
        }
    };
    let input = node.get("input").and_then(YamlNode::as_str).unwrap_or_default().to_owned();
    let fixture = node.get("fixture").and_then(YamlNode::as_str).map(str::to_owned);
    let mut rows = node.get("rows").map(|r| dates_as_text(r.to_base())).unwrap_or_default();
    if let Some(name) = &fixture {
        let extension = if format == FixtureFormat::Sql { "sql" } else { "csv" };
        let packages = cx.tree.package(&entry.package).into_iter().chain(cx.tree.all_packages());
        let mut found = packages.filter_map(|package| {
            let is = |f: &&SourceEntry| f.kind == FileKind::Fixture && f.stem() == name && f.extension() == extension;
            let files: Vec<_> = package.files.iter().filter(is).collect();
            (!files.is_empty()).then_some(files)
        });
        let files = found.next().unwrap_or_default();
        if let [first, second, ..] = files[..] {
            let message = format!("two fixtures are named '{name}': {} and {}", first.path, second.path);
            return Err(Box::new(invalid(message).at(node.span.clone()).help("rename one of the two files")));
        }
        let Some(file) = files.first() else {
            let message =
                format!("File not found for fixture '{name}' in unit tests in {}: no {name}.{extension}", entry.path);
            return Err(Box::new(invalid(message).at(node.span.clone()).help("fixtures lie in tests/fixtures")));
        };
        rows = file.file.text.trim_end().into();
    }
    // As Jinja ends a text: without its last line end.
    if let Value::Str(text) = &mut rows
        && text.ends_with('\n')
    {
        text.pop();
    }
    let fits = match (format, &rows) {
        (FixtureFormat::Dict, Value::List(items)) => items.iter().all(|i| i.as_map().is_some()),
        // A seed stands for itself; an expectation does not.
        (FixtureFormat::Dict, Value::Null) => !input.is_empty(),
        (FixtureFormat::Dict, _) => false,
        (_, rows) => rows.as_str().is_some(),
    };
    if !fits {
        let wanted = if format == FixtureFormat::Dict { "a list of mappings" } else { "text" };
        let which = if input.is_empty() { "expected" } else { "input" };
        return Err(problem(format!(
            "Unit test {} has {which} rows which do not match format {}: it takes {wanted}, found {}",
            entry.name,
            format.as_str(),
            rows.kind()
        )));
    }
    if let (FixtureFormat::Csv, Value::Str(text)) = (format, &rows)
        && let Ok(parsed) = csv_rows(text)
    {
        rows = Value::List(parsed);
    }
    Ok(Fixture { input, format, rows, fixture, span: node.span.clone() })
}

//! Generic data tests out of properties entries.
//!
//! In: an entry with its `data_tests` (model level and column level). Out: [`TestDraft`]s: name, arguments, config and
//! unique id as dbt derives them. Rules: `core/dbt/parser/{generic_test_builders,schema_generic_tests}.py`.

use crate::base::{Dict, NodeId, Value};
use crate::diag::{Diagnostic, Diagnostics, Span, codes};
use crate::load::YamlNode;
use crate::node::GenericTest;

use super::columns::texts;
use super::test_arguments::Written;
use super::test_names::{python_repr, synthesize, unique_hash};

/// Keys of a test that are config wherever they stand.
pub(super) const CONFIG_KEYS: &[&str] = &[
    "severity",
    "tags",
    "enabled",
    "where",
    "limit",
    "warn_if",
    "error_if",
    "fail_calc",
    "store_failures",
    "store_failures_as",
    "meta",
    "database",
    "schema",
    "alias",
];

/// What is tested.
#[derive(Clone, Debug)]
pub enum Target {
    /// A model, seed or snapshot, with its version if it has one.
    Node {
        /// Name.
        name: String,
        /// Version.
        version: Value,
    },
    /// A source table.
    Source {
        /// Name of the source.
        source: String,
        /// Name of the table.
        table: String,
    },
}

impl Target {
    /// The name without version.
    pub(super) fn plain_name(&self) -> String {
        match self {
            Self::Node { name, .. } => name.clone(),
            Self::Source { source, table } => format!("{source}_{table}"),
        }
    }

    /// The text that dbt passes as `model`.
    fn model_text(&self) -> String {
        let call = match self {
            Self::Node { name, version: Value::Null } => format!("ref('{name}')"),
            Self::Node { name, version } => format!("ref('{name}', version='{version}')"),
            Self::Source { source, table } => format!("source('{source}', '{table}')"),
        };
        format!("{{{{ get_where_subquery({call}) }}}}")
    }
}

/// Where a test is written.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// Package of the properties file.
    pub package: &'a str,
    /// Path of the file relative to the package.
    pub path: &'a str,
    /// Section and entry: `models.orders`, `sources.raw`.
    pub file_key_name: String,
    /// The node that the entry describes.
    pub attached_node: Option<NodeId>,
    /// Whether `arguments:` holds a test's arguments: `require_generic_test_arguments_property`.
    pub nests_arguments: bool,
}

/// A test before its config is merged and its macro looked up.
#[derive(Clone, Debug)]
pub struct TestDraft {
    /// Full name: in unique id and fully qualified name.
    pub name: String,
    /// Short name: the file's.
    pub file_name: String,
    /// `test.package.name.hash`.
    pub unique_id: NodeId,
    /// Package.
    pub package: String,
    /// Path of the properties file relative to the package.
    pub original_path: String,
    /// Package, folders, name.
    pub fqn: Vec<String>,
    /// Arguments and target.
    pub generic: GenericTest,
    /// Config as written, rendered.
    pub config: Dict,
    /// Generated code.
    pub raw_code: String,
    /// `description`.
    pub description: Value,
    /// What is tested.
    pub target: Target,
    /// Where the test is written.
    pub span: Span,
}

/// Renders a config text of a test.
pub type ConfigRenderer<'a> = dyn Fn(&YamlNode, &mut Diagnostics) -> Value + 'a;

/// The tests of an entry: those of its columns first, then its own.
pub fn drafts(
    entry: &YamlNode,
    target: &Target,
    place: &Place<'_>,
    inherited_tags: &[String],
    render: &ConfigRenderer<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<TestDraft> {
    let mut found = Vec::new();
    let quote_columns = entry.get("quote_columns").and_then(YamlNode::as_bool).unwrap_or(false);
    for column in entry.get("columns").map(YamlNode::items).unwrap_or_default() {
        let Some(name) = column.get("name").and_then(YamlNode::as_scalar).map(Value::to_string) else { continue };
        let quoted = column.get("quote").and_then(YamlNode::as_bool).unwrap_or(quote_columns);
        let name = if quoted { format!("\"{name}\"") } else { name };
        let mut tags = inherited_tags.to_vec();
        tags.extend(texts(column.get("tags").map(YamlNode::to_base).as_ref()));
        tags.extend(texts(column.at(&["config", "tags"]).map(YamlNode::to_base).as_ref()));
        for test in tests_of(column) {
            found.extend(draft(test, target, place, (Some(&name), &tags), render, diagnostics));
        }
    }
    for test in tests_of(entry) {
        found.extend(draft(test, target, place, (None, inherited_tags), render, diagnostics));
    }
    found
}

fn tests_of(node: &YamlNode) -> impl Iterator<Item = &YamlNode> {
    ["data_tests", "tests"].into_iter().filter_map(|key| node.get(key)).flat_map(YamlNode::items)
}

/// Name and arguments of a test entry, in any of the forms that dbt accepts.
fn name_and_args(test: &YamlNode) -> Result<(String, Vec<(String, YamlNode)>), Diagnostic> {
    let wrong = |message: &str| {
        Diagnostic::error(codes::PROPERTIES_INVALID, message)
            .at(test.span.clone())
            .help("write the test's name, or a mapping from its name to its arguments")
    };
    if let Some(name) = test.as_str() {
        return Ok((name.to_owned(), Vec::new()));
    }
    if !test.is_map() {
        return Err(wrong(&format!("a data test must be a name or a mapping, found {}", test.kind())));
    }
    let pairs = |node: &YamlNode| node.entries().map(|(k, _, v)| (k.into_owned(), v.clone())).collect::<Vec<_>>();
    if let Some(name) = test.get("test_name") {
        let args = pairs(test).into_iter().filter(|(k, _)| k != "test_name").collect();
        return name.as_str().map(|n| (n.to_owned(), args)).ok_or_else(|| wrong("`test_name` must be a string"));
    }
    let entries = pairs(test);
    match entries.as_slice() {
        [(name, args)] if args.is_map() || args.is_null() => Ok((name.clone(), pairs(args))),
        [(name, args)] => Err(wrong(&format!("the arguments of `{name}` must be a mapping, found {}", args.kind()))),
        _ => Err(wrong("a data test must have exactly one key, its name; indent its arguments below it")),
    }
}

fn draft(
    test: &YamlNode,
    target: &Target,
    place: &Place<'_>,
    (column, tags): (Option<&str>, &[String]),
    render: &ConfigRenderer<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<TestDraft> {
    let (label, mut args) = match name_and_args(test) {
        Ok(found) => found,
        Err(problem) => {
            diagnostics.push(problem);
            return None;
        }
    };
    let written = Written { label: &label, span: &test.span, target, place };
    let nested = written.nested(&mut args, diagnostics);
    let (namespace, name) = match label.split_once('.') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
        None => (None, label),
    };
    let mut split = split_args(args, render, diagnostics);
    split.arguments.extend(nested.iter().flat_map(YamlNode::to_dict));
    let mut all_tags: Vec<String> = tags.iter().cloned().chain(texts(split.config.get("tags"))).collect();
    all_tags.sort();
    all_tags.dedup();
    if split.kwargs.contains_key("model") || split.arguments.contains_key("model") {
        let message = format!("the test `{name}` must not be given an argument `model`: it is the tested relation");
        diagnostics.push(Diagnostic::error(codes::PROPERTIES_INVALID, message).at(test.span.clone()));
        return None;
    }
    if let Some(column) = column {
        split.kwargs.insert("column_name".into(), column.into());
    }
    split.kwargs.extend(std::mem::take(&mut split.arguments));
    split.kwargs.insert("model".into(), target.model_text().into());
    let (file_name, full) = match &split.custom_name {
        Some(custom) => (custom.clone(), custom.clone()),
        None => synthetic_names(&name, namespace.as_deref(), target, &split.kwargs),
    };
    if file_name != full && !split.config.contains_key("alias") {
        split.config.insert("alias".into(), file_name.as_str().into());
    }
    let hash = unique_hash(&full, &name, namespace.as_deref(), &split.kwargs);
    let macro_name = match &namespace {
        Some(package) => format!("{package}.test_{name}"),
        None => format!("test_{name}"),
    };
    let within = place.path.split_once('/').map_or(place.path, |(_, rest)| rest);
    Some(TestDraft {
        unique_id: NodeId::from(format!("test.{}.{full}.{hash}", place.package)),
        package: place.package.to_owned(),
        original_path: place.path.to_owned(),
        fqn: super::raw::fqn(place.package, within, &full),
        raw_code: format!("{{{{ {macro_name}(**_dbt_generic_test_kwargs) }}}}{}", config_call(&split.config)),
        generic: GenericTest {
            name,
            namespace,
            column_name: column.map(str::to_owned),
            kwargs: split.kwargs,
            attached_node: place.attached_node.clone(),
            file_key_name: place.file_key_name.clone(),
            tags: all_tags,
            span: Some(test.span.clone()),
        },
        name: full,
        file_name,
        config: split.config,
        description: split.description,
        target: target.clone(),
        span: test.span.clone(),
    })
}

/// A test's arguments sorted by what they are for.
#[derive(Default)]
struct Split {
    kwargs: Dict,
    /// Those under `arguments`: after all others.
    arguments: Dict,
    config: Dict,
    custom_name: Option<String>,
    description: Value,
}

fn split_args(args: Vec<(String, YamlNode)>, render: &ConfigRenderer<'_>, diagnostics: &mut Diagnostics) -> Split {
    let mut split = Split::default();
    let mut config: Vec<(String, YamlNode)> = Vec::new();
    let mut direct: Vec<(String, YamlNode)> = Vec::new();
    for (key, node) in args {
        match key.as_str() {
            "config" => config.extend(node.entries().map(|(k, _, v)| (k.into_owned(), v.clone()))),
            "name" => split.custom_name = Some(node.to_base().to_string()),
            "description" => split.description = node.to_base(),
            k if CONFIG_KEYS.contains(&k) => direct.push((key, node)),
            _ => {
                split.kwargs.insert(key, node.to_base());
            }
        }
    }
    for (key, node) in direct.iter().filter(|(key, _)| config.iter().any(|(k, _)| k == key)) {
        let message = format!("Test cannot have the same key at the top-level and in config: `{key}`");
        let problem = Diagnostic::error(codes::PROPERTIES_INVALID, message).at(node.span.clone());
        diagnostics.push(problem.help("keep the one under `config`"));
    }
    let mut put = |key: &str, node: &YamlNode| {
        let mut found = Diagnostics::new();
        let value = render(node, &mut found);
        diagnostics.extend(found.into_iter().map(|problem| match problem.is_error() {
            true => {
                let message = format!("Invalid generic test configuration `{key}`: {}", problem.message);
                Diagnostic { message, ..problem }
            }
            false => problem,
        }));
        if !value.is_null() {
            split.config.insert(super::config::canonical(key), value);
        }
    };
    for key in CONFIG_KEYS {
        let written = direct.iter().chain(&config).find(|(k, _)| k == key);
        if let Some((_, node)) = written {
            put(key, node);
        }
    }
    for (key, node) in &config {
        if !CONFIG_KEYS.contains(&key.as_str()) {
            put(key, node);
        }
    }
    split
}

fn synthetic_names(name: &str, namespace: Option<&str>, target: &Target, kwargs: &Dict) -> (String, String) {
    let (prefix, target_name) = match target {
        Target::Node { name, version: Value::Null } => ("", name.clone()),
        Target::Node { name, version } => ("", format!("{name}_v{version}")),
        Target::Source { source, table } => ("source_", format!("{source}_{table}")),
    };
    let mut test = format!("{prefix}{name}");
    if let Some(namespace) = namespace {
        test = format!("{namespace}_{test}");
    }
    synthesize(&test, &target_name, kwargs)
}

/// The `config(...)` call that dbt writes behind the test's call.
fn config_call(config: &Dict) -> String {
    if config.is_empty() {
        return String::new();
    }
    let parts: Vec<String> = config
        .iter()
        .map(|(key, value)| match value {
            Value::Str(s) => format!("{key}=\"{}\"", s.replace('"', "\\\"")),
            other => format!("{key}={}", python_repr(other)),
        })
        .collect();
    format!("{{{{ config({}) }}}}", parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceFile;

    fn entry(yaml: &str) -> YamlNode {
        let parsed = crate::load::yaml::parse(&SourceFile::new("models/schema.yml", yaml));
        parsed.expect("test YAML").root.expect("a document")
    }

    fn drafts_of(yaml: &str, target: &Target) -> (Vec<TestDraft>, Diagnostics) {
        let place = Place {
            package: "shop",
            path: "models/staging/schema.yml",
            file_key_name: "models.orders".into(),
            attached_node: None,
            nests_arguments: true,
        };
        let mut diagnostics = Diagnostics::new();
        let plain = |node: &YamlNode, _: &mut Diagnostics| node.to_base();
        let found = drafts(&entry(yaml), target, &place, &[], &plain, &mut diagnostics);
        (found, diagnostics)
    }

    #[test]
    fn forms_of_tests() {
        let target = Target::Node { name: "orders".into(), version: Value::Null };
        let yaml = "name: orders\ncolumns:\n- name: id\n  data_tests:\n  - unique\n  - not_null: {severity: warn}\n\
                    data_tests:\n- dbt_utils.expression_is_true: {arguments: {expression: a > 1}, name: mine}\n";
        let (found, problems) = drafts_of(yaml, &target);
        let old: Vec<&str> = problems.iter().filter_map(|p| Some(p.warning_name()?.code)).collect();
        assert_eq!(old, ["D030"], "`severity` beside `config`");
        let names: Vec<&str> = found.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["unique_orders_id", "not_null_orders_id", "mine"]);
        assert_eq!(found[0].fqn, ["shop", "staging", "unique_orders_id"]);
        assert!(found[1].raw_code.ends_with("{{ config(severity=\"warn\") }}"));
        assert_eq!(found[2].generic.namespace.as_deref(), Some("dbt_utils"));
        assert_eq!(found[2].raw_code, "{{ dbt_utils.test_expression_is_true(**_dbt_generic_test_kwargs) }}");
    }

    #[test]
    fn sources_are_named_after_source_and_table() {
        let target = Target::Source { source: "raw".into(), table: "orders".into() };
        let (found, _) = drafts_of("columns: [{name: id, tests: [unique]}]", &target);
        assert_eq!(found[0].name, "source_unique_raw_orders_id");
        assert_eq!(found[0].generic.kwargs["model"].to_string(), "{{ get_where_subquery(source('raw', 'orders')) }}");
    }

    #[test]
    fn malformed_tests_are_reported_one_by_one() {
        let target = Target::Node { name: "orders".into(), version: Value::Null };
        let (found, problems) = drafts_of("tests: [3, {a: 1, b: 2}, {unique: [x]}, unique]", &target);
        assert_eq!((found.len(), problems.len()), (1, 3));
    }
}

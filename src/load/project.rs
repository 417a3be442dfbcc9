//! dbt_project.yml. In: its text and a renderer. Out: [`ProjectConfig`], every wrong key as a diagnostic.

use std::sync::Arc;

use crate::base::Dict;
use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span, codes};

use super::project_keys::{Keys, TREES};
use super::render::KeyPath;
use super::version::VersionSpec;
use super::yaml::YamlNode;

/// An `on-run-start` or `on-run-end` statement, unrendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// The statement.
    pub sql: String,
    /// Where it stands.
    pub span: Span,
}

/// An entry of `dispatch:`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// The namespace whose macros are looked up.
    pub macro_namespace: String,
    /// Packages in order of search.
    pub search_order: Vec<String>,
}

/// `query-comment:`, unrendered.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum QueryComment {
    /// Not set: dbt's JSON comment.
    #[default]
    Default,
    /// Set to null, false or an empty text: no comment.
    Off,
    /// Set.
    Custom {
        /// The template; none means dbt's own.
        comment: Option<String>,
        /// Whether the comment goes behind the statement; none leaves it to the engine.
        append: Option<bool>,
        /// Whether job labels carry it (BigQuery).
        job_label: bool,
    },
}

/// dbt_project.yml, rendered except where dbt renders late: hooks, `query-comment`, `vars`.
#[derive(Clone, Debug)]
pub struct ProjectConfig {
    /// The file.
    pub file: Arc<SourceFile>,
    /// The file's content before rendering.
    pub raw: YamlNode,
    /// `name`.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// `version`, as text.
    pub version: Option<String>,
    /// `profile`.
    pub profile: Option<String>,
    /// `model-paths`.
    pub model_paths: Vec<String>,
    /// `seed-paths`.
    pub seed_paths: Vec<String>,
    /// `test-paths`.
    pub test_paths: Vec<String>,
    /// `analysis-paths`.
    pub analysis_paths: Vec<String>,
    /// `macro-paths`.
    pub macro_paths: Vec<String>,
    /// `snapshot-paths`.
    pub snapshot_paths: Vec<String>,
    /// `function-paths`.
    pub function_paths: Vec<String>,
    /// `docs-paths`; by default all other paths.
    pub docs_paths: Vec<String>,
    /// `asset-paths`.
    pub asset_paths: Vec<String>,
    /// `target-path`, or what the command line or environment put in its place.
    pub target_path: String,
    /// `log-path`, likewise.
    pub log_path: String,
    /// `packages-install-path`.
    pub packages_install_path: String,
    /// `clean-targets`.
    pub clean_targets: Vec<String>,
    /// `quoting`.
    pub quoting: Dict,
    /// `require-dbt-version`.
    pub require_dbt_version: Vec<VersionSpec>,
    /// `restrict-access`.
    pub restrict_access: bool,
    /// `on-run-start`.
    pub on_run_start: Vec<Hook>,
    /// `on-run-end`.
    pub on_run_end: Vec<Hook>,
    /// `dispatch`.
    pub dispatch: Vec<Dispatch>,
    /// `query-comment`.
    pub query_comment: QueryComment,
    /// `flags`, unrendered.
    pub flags: Dict,
    /// `vars` (or vars.yml), unrendered.
    pub vars: Dict,
    /// `dbt-cloud`.
    pub dbt_cloud: Dict,
    /// The config trees by dbt's key with underscores (`models`, `seeds`, `snapshots`, `data_tests`, `unit_tests`,
    /// `sources`, `exposures`, `analyses`, `metrics`, `semantic_models`, `saved_queries`, `functions`, `groups`), where present
    /// and a mapping.
    pub trees: Vec<(&'static str, YamlNode)>,
}

impl ProjectConfig {
    /// A config tree by dbt's key with underscores; `tests` means `data_tests`.
    pub fn tree(&self, key: &str) -> Option<&YamlNode> {
        let key = if key == "tests" { "data_tests" } else { key };
        self.trees.iter().find(|(k, _)| *k == key).map(|(_, tree)| tree)
    }

    /// The same tree before rendering.
    pub fn raw_tree(&self, key: &str) -> Option<&YamlNode> {
        let hyphenated = key.replace('_', "-");
        let old = if matches!(key, "data_tests" | "tests") { "tests" } else { key };
        [key, hyphenated.as_str(), old].into_iter().find_map(|k| self.raw.get(k))
    }

    /// All folders that are searched for properties files, without repetition.
    pub fn all_paths(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        let groups = [
            &self.model_paths,
            &self.seed_paths,
            &self.snapshot_paths,
            &self.analysis_paths,
            &self.macro_paths,
            &self.test_paths,
            &self.function_paths,
        ];
        for path in groups.into_iter().flatten() {
            let path = path.trim_end_matches('/');
            if !all.contains(&path) {
                all.push(path);
            }
        }
        all
    }
}

/// Name of the file.
pub(super) const FILE_NAME: &str = "dbt_project.yml";

/// Names that Jinja already uses for something else.
const RESERVED_NAMES: [&str; 40] = [
    "_sql_results",
    "adapter",
    "api",
    "column",
    "config",
    "context",
    "database",
    "env",
    "env_var",
    "exceptions",
    "execute",
    "flags",
    "fromjson",
    "fromyaml",
    "graph",
    "invocation_id",
    "load_agate_table",
    "load_result",
    "log",
    "model",
    "modules",
    "post_hooks",
    "pre_hooks",
    "ref",
    "render",
    "return",
    "run_started_at",
    "schema",
    "source",
    "sql",
    "sql_now",
    "store_result",
    "store_raw_result",
    "target",
    "this",
    "tojson",
    "toyaml",
    "try_or_compiler_error",
    "var",
    "write",
];

/// The keys of `quoting`.
const QUOTED_PARTS: [&str; 5] = ["database", "schema", "identifier", "project", "snowflake_ignore_case"];

/// Whether dbt renders the value at a key path when it reads dbt_project.yml; the rest is rendered when it is used.
pub(super) fn is_rendered_early(path: &KeyPath<'_>) -> bool {
    let Some(first) = path.first() else { return true };
    match &**first {
        "on-run-start" | "on-run-end" | "query-comment" | "vars" => false,
        "seeds" | "models" | "snapshots" | "tests" | "data_tests" => !path.iter().any(|key| {
            let key = key.trim_start_matches(['+', ' ']);
            matches!(key, "pre-hook" | "post-hook" | "pre_hook" | "post_hook")
        }),
        _ => true,
    }
}

/// Reads the rendered content of dbt_project.yml. None if it has no usable name.
pub(super) fn read(file: &Arc<SourceFile>, raw: YamlNode, root: &YamlNode) -> (Option<ProjectConfig>, Diagnostics) {
    let mut keys = Keys::new(root);
    let name = read_name(&mut keys, root);
    check_versions(&mut keys);
    let target_path = keys.text("target-path").unwrap_or_else(|| "target".to_owned());
    let clean_targets = keys.texts("clean-targets", &[&target_path]);
    let mut config = ProjectConfig {
        file: Arc::clone(file),
        name: String::new(),
        name_span: root.span.clone(),
        version: keys.text_or_number("version"),
        profile: keys.text("profile"),
        model_paths: keys.texts("model-paths", &["models"]),
        seed_paths: keys.texts("seed-paths", &["seeds"]),
        test_paths: keys.texts("test-paths", &["tests"]),
        analysis_paths: keys.texts("analysis-paths", &["analyses"]),
        macro_paths: keys.texts("macro-paths", &["macros"]),
        snapshot_paths: keys.texts("snapshot-paths", &["snapshots"]),
        function_paths: keys.texts("function-paths", &["functions"]),
        docs_paths: Vec::new(),
        asset_paths: keys.texts("asset-paths", &[]),
        target_path,
        log_path: keys.text("log-path").unwrap_or_else(|| "logs".to_owned()),
        packages_install_path: keys.text("packages-install-path").unwrap_or_else(|| "dbt_packages".to_owned()),
        clean_targets,
        quoting: read_quoting(&mut keys),
        require_dbt_version: read_requirements(&mut keys),
        restrict_access: keys.flag("restrict-access", false),
        on_run_start: hooks(&mut keys, "on-run-start"),
        on_run_end: hooks(&mut keys, "on-run-end"),
        dispatch: read_dispatch(&mut keys),
        query_comment: read_query_comment(&mut keys),
        flags: raw.get("flags").map(YamlNode::to_dict).unwrap_or_default(),
        vars: keys.dict("vars"),
        dbt_cloud: keys.dict("dbt-cloud"),
        trees: Vec::new(),
        raw,
    };
    keys.map("flags");
    for key in TREES {
        if let Some(tree) = keys.map(key) {
            config.trees.push((key, tree.clone()));
        }
    }
    let all: Vec<&str> = config.all_paths();
    config.docs_paths = keys.texts("docs-paths", &all);
    let config = name.map(|(name, name_span)| ProjectConfig { name, name_span, ..config });
    (config, keys.diagnostics)
}

fn read_name(keys: &mut Keys<'_>, root: &YamlNode) -> Option<(String, Span)> {
    let Some(node) = keys.get("name") else {
        let message = format!("{FILE_NAME} has no `name`");
        let problem = Diagnostic::error(codes::PROJECT_KEY, message).at(Span::new(&root.span.file, 0..0));
        keys.push(problem.help("add a line such as `name: my_project`"));
        return None;
    };
    let name = keys.text("name")?;
    let starts_well = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if !(starts_well && name.chars().all(|c| c.is_alphanumeric() || c == '_')) {
        let message = format!("`{name}` is not a project name: only letters, digits and `_`, no digit first");
        let fixed: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        let problem = Diagnostic::error(codes::PROJECT_KEY, message).at(node.span.clone());
        let usable = fixed.starts_with(|c: char| c.is_alphabetic() || c == '_');
        keys.push(if usable { problem.help(format!("write `{fixed}`")) } else { problem });
    } else if RESERVED_NAMES.contains(&name.as_str()) {
        let message = format!("`{name}` cannot be the name of a project: Jinja uses it for something else");
        keys.push(Diagnostic::error(codes::PROJECT_KEY, message).at(node.span.clone()).help("choose another name"));
    }
    Some((name, node.span.clone()))
}

fn check_versions(keys: &mut Keys<'_>) {
    let Some(node) = keys.get("config-version") else { return };
    if node.as_i64() != Some(2) {
        let message = format!("`config-version` must be 2, found {}", node.to_base());
        let problem = Diagnostic::error(codes::PROJECT_KEY, message).at(node.span.clone());
        keys.push(problem.help("write `config-version: 2` or remove the line"));
    }
}

fn read_quoting(keys: &mut Keys<'_>) -> Dict {
    let Some(map) = keys.map("quoting") else { return Dict::new() };
    let mut out = Dict::new();
    for (key, place, value) in map.entries() {
        if !QUOTED_PARTS.contains(&&*key) {
            let problem = Diagnostic::error(codes::PROJECT_KEY, format!("`quoting` has no key `{key}`"));
            keys.push(problem.at(place.span.clone()).help("the keys are database, schema and identifier"));
            continue;
        }
        if value.is_null() {
            continue;
        }
        match value.expect_bool(codes::PROJECT_KEY, &format!("`quoting.{key}`")) {
            Ok(flag) => {
                out.insert(key.into_owned(), flag.into());
            }
            Err(problem) => keys.push(problem),
        }
    }
    out
}

fn read_requirements(keys: &mut Keys<'_>) -> Vec<VersionSpec> {
    let Some(node) = keys.get("require-dbt-version") else { return Vec::new() };
    let written: Vec<String> = match (node.as_seq(), node.as_scalar()) {
        (Some(items), _) => items.iter().map(|i| i.to_base().to_string()).collect(),
        (_, Some(scalar)) => vec![scalar.to_string()],
        _ => {
            keys.push(node.mismatch(codes::PROJECT_KEY, "`require-dbt-version`", "a string or a list of strings"));
            return Vec::new();
        }
    };
    let mut specs = Vec::new();
    for part in written.iter().flat_map(|w| w.split(',')) {
        match VersionSpec::parse(part) {
            Some(spec) => specs.push(spec),
            None => {
                let message = format!("`{part}` in `require-dbt-version` is not a version requirement");
                let problem = Diagnostic::error(codes::PROJECT_KEY, message).at(node.span.clone());
                keys.push(problem.help("write requirements such as \">=1.6.0\" or [\">=1.6.0\", \"<2.0.0\"]"));
            }
        }
    }
    specs
}

fn hooks(keys: &mut Keys<'_>, key: &str) -> Vec<Hook> {
    keys.statements(key).into_iter().map(|(sql, span)| Hook { sql, span }).collect()
}

fn read_dispatch(keys: &mut Keys<'_>) -> Vec<Dispatch> {
    let code = codes::PROJECT_KEY;
    let Some(node) = keys.get("dispatch") else { return Vec::new() };
    let items = match node.expect_seq(code, "`dispatch`") {
        Ok(items) => items,
        Err(problem) => {
            keys.push(problem);
            return Vec::new();
        }
    };
    let mut out = Vec::new();
    for item in items {
        let missing = |key: &str| {
            let message = format!("an entry of `dispatch` has no `{key}`");
            Diagnostic::error(code, message)
                .at(item.span.clone())
                .help("every entry needs `macro_namespace` and `search_order`")
        };
        let read = item.expect_map(code, "an entry of `dispatch`").and_then(|map| {
            let namespace = map.get("macro_namespace").ok_or_else(|| missing("macro_namespace"))?;
            let order = map.get("search_order").ok_or_else(|| missing("search_order"))?;
            order.expect_seq(code, "`search_order`")?;
            Ok(Dispatch {
                macro_namespace: namespace.expect_str(code, "`macro_namespace`")?.to_owned(),
                search_order: order.expect_strings(code, "`search_order`")?,
            })
        });
        match read {
            Ok(dispatch) => out.push(dispatch),
            Err(problem) => keys.push(problem),
        }
    }
    out
}

fn read_query_comment(keys: &mut Keys<'_>) -> QueryComment {
    let Some(node) = keys.raw("query-comment") else { return QueryComment::Default };
    if !node.to_base().is_truthy() {
        return QueryComment::Off;
    }
    if let Some(text) = node.as_str() {
        return QueryComment::Custom { comment: Some(text.to_owned()), append: None, job_label: false };
    }
    if !node.is_map() {
        keys.push(node.mismatch(codes::PROJECT_KEY, "`query-comment`", "a string or a mapping"));
        return QueryComment::Default;
    }
    let mut flag = |key: &str| {
        let value = node.get(key).filter(|v| !v.is_null())?;
        value.expect_bool(codes::PROJECT_KEY, &format!("`query-comment.{key}`")).map_err(|p| keys.push(p)).ok()
    };
    let (append, job_label) = (flag("append"), flag("job-label").unwrap_or(false));
    let comment = match node.get("comment") {
        None => None,
        Some(text) if text.is_null() => Some(String::new()),
        Some(text) => text
            .expect_str(codes::PROJECT_KEY, "`query-comment.comment`")
            .map(str::to_owned)
            .map_err(|p| keys.push(p))
            .ok(),
    };
    QueryComment::Custom { comment, append, job_label }
}

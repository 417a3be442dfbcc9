//! The semantic layer: semantic models, metrics, saved queries, and functions, out of properties entries.
//!
//! In: rendered entries; then the project, whose models are known. Out: [`Semantic`]s with descriptions, the metrics
//! that `create_metric` asks for, and parents. Rules: `core/dbt/parser/schema_yaml_readers.py`, and for parents
//! `core/dbt/parser/manifest.py`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::base::{Dict, NodeId, Value};
use crate::diag::{Diagnostic, Diagnostics, Span, codes, nearest};
use crate::load::YamlNode;
use crate::node::{Config, Disabled, Project, ResourceType, Semantic};

use super::assemble::Cx;
use super::config::{ConfigSources, resolve, unrendered};
use super::docs::Docs;
use super::extras::{TextCall, text_call};
use super::patches::{Entry, Patches};
use super::raw::fqn;
use super::resolve::{Found, Lookup, place_of};

/// Elements of a semantic model that have descriptions and configs of their own.
const ELEMENTS: [&str; 3] = ["entities", "measures", "dimensions"];

/// The semantic layer of all packages; parents are still empty.
pub fn collect(cx: &Cx<'_>, patches: &Patches, docs: &mut Docs<'_>, diagnostics: &mut Diagnostics) -> Vec<Semantic> {
    let kinds = [
        ("semantic_models", ResourceType::SemanticModel),
        ("metrics", ResourceType::Metric),
        ("saved_queries", ResourceType::SavedQuery),
        ("functions", ResourceType::Function),
    ];
    let mut found: Vec<Semantic> = Vec::new();
    let mut seen: HashMap<NodeId, Span> = HashMap::new();
    for (section, kind) in kinds {
        for entry in patches.section(section) {
            let problems = shape_problems(entry, kind);
            if !problems.is_empty() {
                diagnostics.extend(problems);
                continue;
            }
            let made = semantic(cx, entry, kind, docs);
            let created = if kind == ResourceType::SemanticModel { created_metrics(cx, entry, &made) } else { vec![] };
            for semantic in std::iter::once(made).chain(created) {
                if let Some(first) = seen.get(&semantic.id) {
                    diagnostics.push(twice(&semantic, first));
                    continue;
                }
                seen.insert(semantic.id.clone(), semantic.span.clone());
                found.push(semantic);
            }
        }
    }
    found
}

fn twice(semantic: &Semantic, first: &Span) -> Diagnostic {
    let message = format!("two {}s are named '{}' in the package '{}'", semantic.kind, semantic.name, semantic.package);
    Diagnostic::error(codes::DUPLICATE_RESOURCE, message)
        .at(semantic.span.clone())
        .label(first.clone(), "the first one")
        .help("rename one of the two; a measure with `create_metric: true` makes a metric of its name")
}

fn configs(cx: &Cx<'_>, entry: &Entry, kind: ResourceType, fqn: &[String]) -> (Config, Dict) {
    let sources = |raw: bool, properties| {
        let (own, root) = cx.trees(&entry.package, kind, raw);
        ConfigSources { own, properties: Some(properties), call: None, root }
    };
    let mut properties = entry.config();
    if kind == ResourceType::SavedQuery
        && let Some(tags) = entry.value.get("tags")
    {
        properties.entry("tags".into()).or_insert(tags.clone());
    }
    let config = resolve(kind, fqn, sources(false, &properties));
    (config, unrendered(fqn, sources(true, &entry.raw_config)))
}

fn semantic(cx: &Cx<'_>, entry: &Entry, kind: ResourceType, docs: &mut Docs<'_>) -> Semantic {
    let fqn = fqn(&entry.package, &entry.relative_path, &entry.name);
    let (config, unrendered_config) = configs(cx, entry, kind, &fqn);
    let mut fields = entry.value.clone();
    docs.span = Some(entry.span());
    describe(&mut fields, &entry.package, docs);
    if kind == ResourceType::SemanticModel {
        let meta = config.map("meta").cloned().unwrap_or_default();
        for key in ELEMENTS {
            for_each(&mut fields, key, |element| {
                describe(element, &entry.package, docs);
                let own = element.get("config").and_then(|c| c.get("meta")).and_then(Value::as_map).cloned();
                let mut all = meta.clone();
                all.extend(own.unwrap_or_default());
                element.insert("config".into(), Value::Map(Dict::from_iter([("meta".to_owned(), Value::Map(all))])));
            });
        }
    }
    if kind == ResourceType::Metric
        && let Some(meta) = config.map("meta").filter(|m| !m.is_empty())
    {
        fields.insert("meta".into(), Value::Map(meta.clone()));
    }
    if kind == ResourceType::SavedQuery {
        let mut tags = config.tags();
        tags.sort();
        tags.dedup();
        fields.insert("tags".into(), tags.into());
    }
    fields.insert("unrendered_config".into(), Value::Map(unrendered_config));
    Semantic {
        id: NodeId::from(format!("{kind}.{}.{}", entry.package, entry.name)),
        kind,
        name: entry.name.clone(),
        package: entry.package.clone(),
        original_path: entry.path.clone(),
        fqn,
        config,
        fields,
        depends_on: Vec::new(),
        span: entry.span(),
    }
}

fn describe(fields: &mut Dict, package: &str, docs: &mut Docs<'_>) {
    if let Some(value) = fields.get("description").filter(|v| !v.is_null()) {
        let text = docs.describe(Some(value), package).text;
        fields.insert("description".into(), text.into());
    }
}

fn for_each(fields: &mut Dict, key: &str, mut change: impl FnMut(&mut Dict)) {
    if let Some(Value::List(items)) = fields.get_mut(key) {
        for item in items {
            if let Value::Map(item) = item {
                change(item);
            }
        }
    }
}

/// A metric for each measure with `create_metric: true`.
fn created_metrics(cx: &Cx<'_>, entry: &Entry, model: &Semantic) -> Vec<Semantic> {
    let wanted = measures(model).iter().filter(|m| m.get("create_metric") == Some(&Value::Bool(true)));
    wanted
        .filter_map(|measure| {
            let name = measure.get("name")?.to_string();
            let text = |key: &str, otherwise: String| {
                measure.get(key).filter(|v| !v.is_null()).map_or(otherwise, Value::to_string)
            };
            let mut given = Dict::new();
            given.insert("enabled".into(), model.config.enabled().into());
            given.insert("meta".into(), Value::Map(model.config.map("meta").cloned().unwrap_or_default()));
            let fqn = fqn(&entry.package, &entry.relative_path, &name);
            let (own, root) = cx.trees(&entry.package, ResourceType::Metric, false);
            let sources = ConfigSources { own, properties: Some(&given), call: None, root };
            let config = resolve(ResourceType::Metric, &fqn, sources);
            let mut params = Dict::new();
            params.insert("measure".into(), name.as_str().into());
            params.insert("expr".into(), text("expr", name.clone()).into());
            let mut fields = Dict::new();
            fields.insert("name".into(), name.as_str().into());
            fields.insert("label".into(), text("label", name.clone()).into());
            fields.insert("type".into(), "simple".into());
            fields.insert("type_params".into(), Value::Map(params));
            let made_from = format!("Metric created from measure {name}");
            fields.insert("description".into(), text("description", made_from).into());
            fields.insert("meta".into(), config.map("meta").cloned().unwrap_or_default().into());
            fields.insert("unrendered_config".into(), Value::Map(given));
            Some(Semantic {
                id: NodeId::from(format!("metric.{}.{name}", entry.package)),
                kind: ResourceType::Metric,
                name,
                package: entry.package.clone(),
                original_path: entry.path.clone(),
                fqn,
                config,
                fields,
                depends_on: Vec::new(),
                span: entry.span(),
            })
        })
        .collect()
}

/// What the entry lacks, or holds in a wrong form.
fn shape_problems(entry: &Entry, kind: ResourceType) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let needed: &[&str] = match kind {
        ResourceType::Metric => &["label", "type", "type_params"],
        ResourceType::SemanticModel => &["model"],
        ResourceType::SavedQuery => &["query_params"],
        _ => &[],
    };
    let invalid = |text: String, span: Span| Diagnostic::error(codes::SEMANTIC_INVALID, text).at(span);
    for key in needed.iter().filter(|key| entry.node.get(key).is_none_or(YamlNode::is_null)) {
        problems.push(
            invalid(format!("the {kind} '{}' has no `{key}`", entry.name), entry.span())
                .help(format!("add `{key}:` to it")),
        );
    }
    if kind != ResourceType::Metric {
        return problems;
    }
    problems.extend(metric_name(&entry.name).map(|why| {
        invalid(format!("the metric name '{}' is invalid: it {why}", entry.name), entry.span())
            .help("use letters, digits and underscores, and a letter first")
    }));
    let metric_type = entry.node.get("type").and_then(YamlNode::as_str);
    const TYPES: [&str; 5] = ["simple", "ratio", "cumulative", "derived", "conversion"];
    if let Some(written) = metric_type.filter(|t| !TYPES.contains(t)) {
        let span = entry.node.get("type").map_or_else(|| entry.span(), |n| n.span.clone());
        problems.push(
            invalid(format!("'{written}' is no type of a metric"), span)
                .help(format!("it must be one of {}", TYPES.join(", "))),
        );
    }
    for path in [
        &["type_params", "window"][..],
        &["type_params", "cumulative_type_params", "window"],
        &["type_params", "conversion_type_params", "window"],
    ] {
        let Some(node) = entry.node.at(path).filter(|n| !n.is_null()) else { continue };
        let parts: Vec<&str> = node.as_str().unwrap_or_default().split(' ').collect();
        if !matches!(parts[..], [count, _] if !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit())) {
            problems.push(
                invalid(
                    format!("the window of the metric '{}' is not of the form `<count> <granularity>`", entry.name),
                    node.span.clone(),
                )
                .help("write it like `28 days`"),
            );
        }
    }
    problems
}

/// Why a metric's name is not allowed.
fn metric_name(name: &str) -> Option<String> {
    let mut reasons = Vec::new();
    if name.contains(' ') {
        reasons.push("cannot contain spaces");
    }
    if name.chars().count() > 250 {
        reasons.push("cannot contain more than 250 characters");
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        reasons.push("must begin with a letter");
    }
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        reasons.push("must contain only letters, numbers and underscores");
    }
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

/// Granularities at most a day long.
const UP_TO_A_DAY: [&str; 7] = ["nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "day"];

/// Semantic models need a time spine of days or finer: the model `metricflow_time_spine`, or one with `time_spine:`.
pub fn check_time_spine(project: &Project, diagnostics: &mut Diagnostics) {
    for node in project.nodes.values() {
        let Some(spine) = node.model().and_then(|m| m.time_spine.as_map()) else { continue };
        let span = node.patch.as_ref().map_or_else(|| node.template.span(), |p| p.span.clone());
        let Some(column) = spine.get("standard_granularity_column").and_then(Value::as_str) else {
            diagnostics.push(
                Diagnostic::error(
                    codes::SEMANTIC_INVALID,
                    format!("the time spine '{}' names no standard_granularity_column", node.name),
                )
                .at(span)
                .help("add `standard_granularity_column:` to its `time_spine:`"),
            );
            continue;
        };
        let why = match node.columns.get(column) {
            None => "is not among its columns",
            Some(column) if column.granularity.is_none() => "has no granularity",
            Some(_) => continue,
        };
        diagnostics.push(
            Diagnostic::error(
                codes::SEMANTIC_INVALID,
                format!("the standard_granularity_column '{column}' of the time spine '{}' {why}", node.name),
            )
            .at(span)
            .help("list the column under `columns:` with `granularity: day` (or finer)"),
        );
    }
    let Some(first) = project.semantics.values().find(|s| s.kind == ResourceType::SemanticModel) else { return };
    let fine = |node: &crate::node::Node| {
        let column = node.model()?.time_spine.get("standard_granularity_column")?.as_str()?;
        node.columns.get(column)?.granularity.clone()
    };
    let found = project.nodes.values().filter(|n| n.resource_type == ResourceType::Model).any(|n| {
        n.name == "metricflow_time_spine" || fine(n).is_some_and(|g| UP_TO_A_DAY.contains(&g.to_lowercase().as_str()))
    });
    if !found {
        diagnostics.push(
            Diagnostic::error(
                codes::SEMANTIC_INVALID,
                "the semantic layer requires a time spine model with granularity DAY or smaller in the project, but none was found",
            )
            .at(first.span.clone())
            .help("add a model with one row a day and `time_spine: {standard_granularity_column: date_day}`"),
        );
    }
}

/// Puts parents in: a semantic model's model, a metric's measures and metrics, the metrics of saved queries, exposures
/// and nodes.
pub fn link(project: &mut Project, lookup: &Lookup, diagnostics: &mut Diagnostics) {
    let models: Vec<Arc<Semantic>> = of_kind(project, ResourceType::SemanticModel);
    for model in models {
        let mut linked = (*model).clone();
        let written = model.fields.get("model").map(Value::to_string).unwrap_or_default();
        let Some(TextCall::Ref(call)) = text_call(&written).filter(|_| is_quoted_call(&written)) else {
            diagnostics.push(
                Diagnostic::error(
                    codes::SEMANTIC_INVALID,
                    format!("the semantic model '{}' names its model as `{written}`", model.name),
                )
                .at(model.span.clone())
                .help("write it like: model: ref('orders')"),
            );
            continue;
        };
        match lookup.reference(&call, &model.package) {
            Found::Enabled(node) => linked.depends_on.push(node.id.clone()),
            found => diagnostics.push(lookup.bad_reference(
                model.id.as_str(),
                &call,
                &found,
                Some(place_of(&model.span, "ref", &call.name)),
            )),
        }
        linked.fields.insert("refs".into(), crate::node::dict::refs(&[call]));
        project.semantics.insert(linked.id.clone(), Arc::new(linked));
    }
    let linker = Linker::new(project);
    let mut done = HashMap::new();
    let mut problems = Vec::new();
    for metric in of_kind(project, ResourceType::Metric) {
        linker.metric(&metric, &mut done, &mut HashSet::new(), &mut problems);
    }
    for query in of_kind(project, ResourceType::SavedQuery) {
        let mut linked = (*query).clone();
        let metrics = query.fields.get("query_params").and_then(|p| p.get("metrics")).and_then(Value::as_list);
        for name in metrics.unwrap_or_default() {
            match linker.resolve(&name.to_string(), None, &query.package) {
                Ok(metric) => push(&mut linked.depends_on, &metric.id),
                Err(why) => problems.push(why.diagnostic(&query.id, &query.span)),
            }
        }
        done.insert(linked.id.clone(), linked);
    }
    let mut nodes = Vec::new();
    for node in project.nodes.values().filter(|n| !n.metrics.is_empty()) {
        let mut linked = (**node).clone();
        for name in &node.metrics {
            match linker.resolve(name, None, &node.package) {
                Ok(metric) => push(&mut linked.depends_on, &metric.id),
                Err(why) => problems.push(why.diagnostic(&node.id, &place_of(&node.template.span(), "metric", name))),
            }
        }
        nodes.push(linked);
    }
    let mut exposures = Vec::new();
    for exposure in project.exposures.values().filter(|e| !e.metrics.is_empty()) {
        let mut linked = (**exposure).clone();
        for name in &exposure.metrics {
            match linker.resolve(name, None, &exposure.package) {
                Ok(metric) => push(&mut linked.depends_on, &metric.id),
                Err(why) => problems.push(why.diagnostic(&exposure.id, &exposure.span)),
            }
        }
        exposures.push(linked);
    }
    diagnostics.extend(problems);
    for (id, semantic) in done {
        if let Some(place) = project.semantics.get_mut(&id) {
            *place = Arc::new(semantic);
        }
    }
    for node in nodes {
        project.nodes.insert(node.id.clone(), Arc::new(node));
    }
    for exposure in exposures {
        project.exposures.insert(exposure.id.clone(), Arc::new(exposure));
    }
}

/// `ref('x')`, and not `ref(x)`.
fn is_quoted_call(text: &str) -> bool {
    text.split_once('(').is_some_and(|(_, inner)| inner.trim_start().starts_with(['\'', '"']))
}

fn of_kind(project: &Project, kind: ResourceType) -> Vec<Arc<Semantic>> {
    project.semantics.values().filter(|s| s.kind == kind).cloned().collect()
}

fn push(parents: &mut Vec<NodeId>, id: &NodeId) {
    if !parents.contains(id) {
        parents.push(id.clone());
    }
}

/// Metrics by name, and semantic models by measure.
struct Linker {
    root: String,
    metrics: HashMap<String, Vec<Arc<Semantic>>>,
    measures: HashMap<String, Vec<Arc<Semantic>>>,
    /// Names of disabled metrics.
    disabled: HashSet<String>,
    /// Disabled semantic models.
    off: Vec<Arc<Semantic>>,
}

/// Why a metric is not to be had.
struct Unresolved {
    name: String,
    disabled: bool,
    near: Option<String>,
}

impl Unresolved {
    fn diagnostic(self, from: &NodeId, span: &Span) -> Diagnostic {
        let what = if self.disabled { "is disabled" } else { "does not exist" };
        let problem = Diagnostic::error(
            codes::SEMANTIC_INVALID,
            format!("{from} depends on a metric named '{}', which {what}", self.name),
        )
        .at(span.clone());
        match self.near {
            Some(near) => problem.help(format!("did you mean '{near}'?")),
            None => problem.help("define it under `metrics:`, or take the reference out"),
        }
    }
}

impl Linker {
    fn new(project: &Project) -> Self {
        let mut linker = Self {
            root: project.info.name.clone(),
            metrics: HashMap::new(),
            measures: HashMap::new(),
            disabled: HashSet::new(),
            off: Vec::new(),
        };
        for metric in of_kind(project, ResourceType::Metric) {
            linker.metrics.entry(metric.name.clone()).or_default().push(metric);
        }
        for model in of_kind(project, ResourceType::SemanticModel) {
            for measure in measures(&model) {
                linker.measures.entry(name_of(measure)).or_default().push(Arc::clone(&model));
            }
        }
        for resource in project.disabled.values().flatten() {
            match resource {
                Disabled::Semantic(s) if s.kind == ResourceType::Metric => {
                    linker.disabled.insert(s.name.clone());
                }
                Disabled::Semantic(s) if s.kind == ResourceType::SemanticModel => linker.off.push(Arc::clone(s)),
                _ => {}
            }
        }
        linker
    }

    /// Root project, own package, any: as a `ref`.
    fn pick<'a>(&self, found: Option<&'a Vec<Arc<Semantic>>>, package: &str) -> Option<&'a Arc<Semantic>> {
        let found = found?;
        [Some(self.root.as_str()), Some(package), None]
            .iter()
            .find_map(|p| found.iter().find(|s| p.is_none_or(|p| s.package == p)))
    }

    fn resolve(&self, name: &str, only: Option<&str>, package: &str) -> Result<&Arc<Semantic>, Unresolved> {
        let found = self.metrics.get(name);
        let picked = match only {
            Some(only) => found.and_then(|f| f.iter().find(|s| s.package == only)),
            None => self.pick(found, package),
        };
        picked.ok_or_else(|| Unresolved {
            name: name.to_owned(),
            disabled: self.disabled.contains(name),
            near: nearest(name, self.metrics.keys().map(String::as_str)).first().map(|n| (*n).to_owned()),
        })
    }

    /// Links a metric, and before it the metrics it is made of; answers its input measures.
    fn metric(
        &self,
        metric: &Arc<Semantic>,
        done: &mut HashMap<NodeId, Semantic>,
        open: &mut HashSet<NodeId>,
        problems: &mut Vec<Diagnostic>,
    ) -> Vec<Value> {
        if let Some(linked) = done.get(&metric.id) {
            return input_measures(linked);
        }
        if !open.insert(metric.id.clone()) {
            problems.push(
                Diagnostic::error(codes::CYCLE, format!("the metric '{}' is made of itself", metric.name))
                    .at(metric.span.clone())
                    .help("take one of the metrics out of the chain"),
            );
            return Vec::new();
        }
        let params = metric.fields.get("type_params").cloned().unwrap_or_default();
        let mut linked = (**metric).clone();
        let mut measures = Vec::new();
        let fail = |text: String| Diagnostic::error(codes::SEMANTIC_INVALID, text).at(metric.span.clone());
        match metric.fields.get("type").and_then(Value::as_str).unwrap_or_default() {
            "simple" | "cumulative" => match params.get("measure").filter(|m| !m.is_null()) {
                Some(measure) => measures.push(measure.clone()),
                None => problems.push(
                    fail(format!("the metric '{}' has no measure", metric.name))
                        .help("add `type_params: {measure: ...}`"),
                ),
            },
            "conversion" => {
                let inner = params.get("conversion_type_params");
                for key in ["base_measure", "conversion_measure"] {
                    match inner.and_then(|i| i.get(key)).filter(|m| !m.is_null()) {
                        Some(measure) => measures.push(measure.clone()),
                        None => problems.push(
                            fail(format!("the conversion metric '{}' has no {key}", metric.name))
                                .help(format!("add `{key}` to its `conversion_type_params`")),
                        ),
                    }
                }
            }
            kind => {
                let inputs: Vec<Value> = if kind == "ratio" {
                    ["numerator", "denominator"]
                        .iter()
                        .filter_map(|k| params.get(k))
                        .filter(|v| !v.is_null())
                        .cloned()
                        .collect()
                } else {
                    params.get("metrics").and_then(Value::as_list).unwrap_or_default().to_vec()
                };
                if kind == "ratio" && inputs.len() < 2 {
                    problems.push(
                        fail(format!("the ratio metric '{}' lacks a numerator or a denominator", metric.name))
                            .help("add both to its `type_params`"),
                    );
                }
                for input in &inputs {
                    match self.resolve(&name_of(input), None, &metric.package) {
                        Ok(found) => {
                            for measure in self.metric(found, done, open, problems) {
                                add(&mut measures, measure);
                            }
                            push(&mut linked.depends_on, &found.id);
                        }
                        Err(why) => problems.push(why.diagnostic(&metric.id, &metric.span)),
                    }
                }
                return self.finish(linked, measures, done, open);
            }
        }
        for measure in &measures {
            let name = name_of(measure);
            match self.pick(self.measures.get(&name), &metric.package) {
                Some(model) => push(&mut linked.depends_on, &model.id),
                None => problems.push(self.missing_measure(metric, &name)),
            }
        }
        self.finish(linked, measures, done, open)
    }

    fn missing_measure(&self, metric: &Semantic, name: &str) -> Diagnostic {
        let off = self.off.iter().find(|model| measures(model).iter().any(|m| name_of(m) == name));
        if let Some(off) = off {
            let message = format!("The measure `{name}` is referenced on disabled semantic model `{}`.", off.name);
            return Diagnostic::error(codes::SEMANTIC_INVALID, message)
                .at(metric.span.clone())
                .help("enable the semantic model, or disable the metric");
        }
        let problem = Diagnostic::error(
            codes::SEMANTIC_INVALID,
            format!("{} reads the measure '{name}', which no semantic model has", metric.id),
        )
        .at(metric.span.clone());
        match nearest(name, self.measures.keys().map(String::as_str)).first() {
            Some(near) => problem.help(format!("did you mean '{near}'?")),
            None => problem.help("add the measure to a semantic model"),
        }
    }

    fn finish(
        &self,
        mut linked: Semantic,
        measures: Vec<Value>,
        done: &mut HashMap<NodeId, Semantic>,
        open: &mut HashSet<NodeId>,
    ) -> Vec<Value> {
        open.remove(&linked.id);
        if let Some(Value::Map(params)) = linked.fields.get_mut("type_params") {
            params.insert("input_measures".into(), Value::List(measures.clone()));
        }
        done.insert(linked.id.clone(), linked);
        measures
    }
}

/// A measure counts once, whether it is written by name or in full.
fn add(measures: &mut Vec<Value>, measure: Value) {
    let plain =
        |m: &Value| m.as_map().is_none_or(|d| d.iter().all(|(k, v)| k == "name" || v.is_null() || *v == false.into()));
    let same = |a: &Value, b: &Value| a == b || (plain(a) && plain(b) && name_of(a) == name_of(b));
    if !measures.iter().any(|known| same(known, &measure)) {
        measures.push(measure);
    }
}

fn name_of(input: &Value) -> String {
    input.get("name").unwrap_or(input).to_string()
}

fn measures(model: &Semantic) -> &[Value] {
    model.fields.get("measures").and_then(Value::as_list).unwrap_or_default()
}

fn input_measures(metric: &Semantic) -> Vec<Value> {
    let params = metric.fields.get("type_params");
    params.and_then(|p| p.get("input_measures")).and_then(Value::as_list).unwrap_or_default().to_vec()
}

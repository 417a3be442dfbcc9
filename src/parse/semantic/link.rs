//! Parents of the semantic layer.
//!
//! In: the project with its semantic models, metrics and saved queries. Out: the same with `depends_on`, and what refers to
//! nothing. Rules: `core/dbt/parser/manifest.py`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::base::{NodeId, Value};
use crate::diag::{Diagnostic, Diagnostics, Span, codes, nearest};
use crate::node::{Disabled, Project, ResourceType, Semantic};
use crate::parse::extras::{TextCall, text_call};
use crate::parse::resolve::{Found, Lookup, place_of};

use super::measures;

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

fn input_measures(metric: &Semantic) -> Vec<Value> {
    let params = metric.fields.get("type_params");
    params.and_then(|p| p.get("input_measures")).and_then(Value::as_list).unwrap_or_default().to_vec()
}

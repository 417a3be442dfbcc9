//! Checks of microbatch models that need the whole project.
//!
//! In: nodes with their configs and parents. Out: diagnostics; and whether such models run batch by batch at all.

use crate::base::{Value, event_time_format_objection};
use crate::diag::{Diagnostic, Diagnostics, Span, codes};
use crate::jinja::Engine;
use crate::jinja::context::SharedContext;
use crate::node::{Microbatch, Node, Project};

use super::assemble::Cx;

/// The macro that spells the SQL of the strategy.
const STRATEGY: &str = "get_incremental_microbatch_sql";

/// Whether microbatch models run batch by batch: unless the project has a strategy macro of its own and does not ask for it.
pub fn runs_in_batches(engine: &Engine, shared: &SharedContext) -> bool {
    let flag = shared.flags.get("REQUIRE_BATCHED_EXECUTION_FOR_CUSTOM_MICROBATCH_STRATEGY");
    flag.is_some_and(Value::is_truthy) || !has_own_strategy(engine, shared)
}

fn has_own_strategy(engine: &Engine, shared: &SharedContext) -> bool {
    let internal = &shared.adapter.internal_packages;
    engine.registry().entries().iter().any(|entry| entry.name == STRATEGY && !internal.contains(&entry.package))
}

/// Checks all microbatch models.
pub fn check(cx: &Cx<'_>, project: &Project, diagnostics: &mut Diagnostics) {
    let mut models = project.nodes.values().filter(|node| node.is_microbatch()).peekable();
    if models.peek().is_none() {
        return;
    }
    if !runs_in_batches(cx.engine, cx.shared) {
        let flag = "require_batched_execution_for_custom_microbatch_strategy";
        diagnostics.push(
            Diagnostic::warning(codes::BATCH_STRATEGY, format!("the project's own {STRATEGY} is used without batches"))
                .help(format!("set `flags: {{{flag}: true}}` in dbt_project.yml to run it batch by batch")),
        );
        return;
    }
    for model in models {
        if let Err(problem) = Microbatch::of(&model.config) {
            let message = format!("Microbatch model '{}' {problem}", model.name);
            diagnostics
                .push(Diagnostic::error(codes::CONFIG_INVALID, message).at(place(model)).node(model.id.as_str()));
            continue;
        }
        inputs(model, project, diagnostics);
    }
}

/// What a model reads can be limited to a batch only where it has an `event_time`.
fn inputs(model: &Node, project: &Project, diagnostics: &mut Diagnostics) {
    let mut filtered = false;
    for id in &model.depends_on {
        let node = project.nodes.get(id).map(|node| (&node.config, &node.name));
        let source = || project.sources.get(id).map(|source| (&source.config, &source.name));
        let Some((config, name)) = node.or_else(source) else { continue };
        if let Some(format) = config.str("event_time_format")
            && let Some(wanted) = event_time_format_objection(format)
        {
            let message = format!(
                "Microbatch model '{}' reads '{name}', whose 'event_time_format' config must be {wanted}, but is: {format}",
                model.name
            );
            diagnostics.push(Diagnostic::error(codes::CONFIG_INVALID, message).at(place(model)));
            return;
        }
        match config.get("event_time").filter(|value| value.is_truthy()) {
            None => {}
            Some(Value::Str(_)) => filtered = true,
            Some(other) => {
                let message = format!(
                    "Microbatch model '{}' reads '{name}', whose 'event_time' config must be the name of a column, \
                     but is: {other}",
                    model.name
                );
                diagnostics.push(Diagnostic::error(codes::CONFIG_INVALID, message).at(place(model)));
                return;
            }
        }
    }
    if !filtered {
        let message = format!("no input of the microbatch model '{}' has an 'event_time' config", model.name);
        diagnostics.push(
            Diagnostic::warning(codes::BATCH_INPUTS, message)
                .at(place(model))
                .node(model.id.as_str())
                .note("every batch reads its inputs whole, and rows may come into the table more than once")
                .help("set `event_time` for the models and sources that it reads"),
        );
    }
}

fn place(node: &Node) -> Span {
    Span::file_start(&node.template.file)
}

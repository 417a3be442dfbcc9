//! Models, seeds and snapshots: compile, run the materialization, commit.
//!
//! In: nodes. Out: their [`NodeOutcome`]s, relations in the warehouse, the cache in step with it.

use std::sync::Arc;

use crate::base::RelationKind;
use crate::compile::Compiled;
use crate::diag::{Diagnostic, codes, nearest};
use crate::jinja::context::host::{AdapterResponse, Database};
use crate::jinja::context::{NodeScope, ScopeBuilder, run_materialization};
use crate::node::dict::CompiledCode;
use crate::node::{Node, ResourceType};
use crate::parse;
use crate::parse::test_names::python_repr;

use super::code::RunningCode;
use super::event::Event;
use super::ledger::Pending;
use super::outcome::{CompiledFacts, NodeOutcome};
use super::worker::{Worker, response_dict, timed};

type Step<T> = Result<T, Box<Diagnostic>>;

impl Worker<'_> {
    /// Runs a node of any kind but a hook.
    pub fn run_node(&self, node: &Arc<Node>, outcome: &mut NodeOutcome) -> Step<()> {
        if self.settings.clones {
            return self.clone_node(node, outcome);
        }
        if node.resource_type == ResourceType::Seed {
            self.around.sink.emit(&Event::NodeCompiling { node: &outcome.node });
            let scope = self.materialize(node, None, self.pending(node), outcome, |scope| scope)?;
            return self.succeed(&scope, outcome);
        }
        if node.is_microbatch() && parse::runs_in_batches(&self.around.engine, &self.around.shared) {
            return self.run_microbatch(node, outcome);
        }
        let database = Arc::clone(&self.database) as Arc<dyn Database>;
        let node = &self.told_anew(node);
        let compiled = self.compile(outcome, None, || self.around.compiler.compile(node, Some(database)))?;
        if node.resource_type == ResourceType::Analysis {
            return Ok(());
        }
        compiled.require_sql()?;
        let code = outcome_code(&compiled, outcome);
        let pending = self.pending(&compiled.node);
        let scope = self.materialize(&compiled.node, Some(code), pending, outcome, |scope| scope)?;
        match node.resource_type {
            ResourceType::Test => self.judge_data_test(&compiled.node, &scope, outcome)?,
            _ => self.succeed(&scope, outcome)?,
        }
        Ok(())
    }

    /// A snapshot that is told anew says so in its config, where its materialization reads it.
    fn told_anew(&self, node: &Arc<Node>) -> Arc<Node> {
        match &self.settings.rebuild_from {
            Some(query) if node.resource_type == ResourceType::Snapshot => {
                let mut anew = (**node).clone();
                anew.config.0.insert("rebuild_from".to_owned(), query.trim().trim_end_matches(';').into());
                Arc::new(anew)
            }
            _ => Arc::clone(node),
        }
    }

    /// Makes the node's relation in another state visible here.
    fn clone_node(&self, node: &Arc<Node>, outcome: &mut NodeOutcome) -> Step<()> {
        let code = self.around.shared.deferral.as_ref().and_then(|d| d.relations.get(&node.id)).map(|there| {
            let relation = there.relation_name.clone().unwrap_or_else(|| there.relation.quoted());
            Arc::new(CompiledCode { code: format!("select * from {relation}"), ..CompiledCode::default() })
        });
        let scope = self.run_macro(node, code, "clone", |scope| scope)?;
        let response = scope.response("main");
        outcome.adapter_response = response.as_ref().map(response_dict).unwrap_or_default();
        outcome.message = Some(response.map_or_else(|| "No-op".to_owned(), |response| response.message));
        Ok(())
    }

    /// The ledger's row for a whole node.
    fn pending(&self, node: &Node) -> Option<Pending> {
        self.ledger.as_ref()?.entry(node, None)
    }

    /// Compiles a node, or a batch by its name, writes the code down, and has errors lead to it from now on.
    pub fn compile(
        &self,
        outcome: &mut NodeOutcome,
        batch: Option<&str>,
        compile: impl FnOnce() -> Step<Compiled>,
    ) -> Step<Compiled> {
        self.around.sink.emit(&Event::NodeCompiling { node: &outcome.node });
        let (compiled, period) = timed(compile);
        outcome.timing.compile = Some(period);
        let compiled = compiled?;
        let path = self.around.writer.write_compiled(&compiled.node, batch, &compiled.code.code)?;
        outcome.compiled = Some(CompiledFacts::of(&compiled.code, path.clone()));
        let id = outcome.node.id.to_string();
        self.database.turn_to(Some(&id), Some(RunningCode::compiled(&compiled, path)));
        Ok(compiled)
    }

    /// Runs the node's materialization; what it made goes into the cache, what it left open is committed. `pending` is
    /// committed with it; `more` adds to what the macro sees.
    pub fn materialize(
        &self,
        node: &Arc<Node>,
        code: Option<Arc<CompiledCode>>,
        pending: Option<Pending>,
        outcome: &mut NodeOutcome,
        more: impl FnOnce(ScopeBuilder) -> ScopeBuilder,
    ) -> Step<Arc<NodeScope>> {
        self.around.sink.emit(&Event::NodeExecuting { node: &outcome.node });
        self.database.expect(pending);
        let (result, period) = timed(|| self.run_macro(node, code, node.config.materialized(), more));
        outcome.timing.execute = Some(period);
        result
    }

    fn run_macro(
        &self,
        node: &Arc<Node>,
        code: Option<Arc<CompiledCode>>,
        name: &str,
        more: impl FnOnce(ScopeBuilder) -> ScopeBuilder,
    ) -> Step<Arc<NodeScope>> {
        let unique_id = self.materialization(node, name)?;
        let around = self.around;
        let database = Arc::clone(&self.database) as Arc<dyn Database>;
        let resolver = around.compiler.resolver(node);
        let scope = more(NodeScope::run(&around.shared, node, code, resolver).database(database)).build();
        let relations = run_materialization(&around.engine, &unique_id, &scope).map_err(Diagnostic::from)?;
        for (relation, kind) in &relations {
            self.database.cache_added(relation, kind.unwrap_or(RelationKind::Table));
        }
        if !node.is_microbatch() {
            self.point_to_latest(node)?;
        }
        self.database.commit().map_err(|error| error.into_diagnostic())?;
        Ok(scope)
    }

    /// The macro that builds the node.
    fn materialization(&self, node: &Node, name: &str) -> Step<String> {
        let registry = self.around.engine.registry();
        let types = [self.around.shared.adapter.adapter_type.clone()];
        let may_override = self.settings.packages_may_override_materializations;
        if let Some(id) = registry.materialization(name, &types, may_override)? {
            let found = registry.entry(id);
            let languages = &found.definition.supported_languages;
            let language = node.language.as_str();
            if self.settings.clones || languages.iter().any(|l| l == language) {
                return Ok(found.unique_id.clone());
            }
            let message = format!(
                "Materialization '{name}' only supports languages {}; found the language '{language}'",
                python_repr(&languages.clone().into())
            );
            return Err(Box::new(
                Diagnostic::error(codes::MATERIALIZATION_NOT_FOUND, message)
                    .at(node.template.span())
                    .node(node.id.as_str())
                    .help("a materialization declares its languages: supported_languages=['sql', 'python']"),
            ));
        }
        let known = registry.entries().iter().filter_map(|entry| {
            let rest = entry.name.strip_prefix("materialization_")?;
            rest.rsplit_once('_').map(|(name, _)| name)
        });
        let message = format!(
            "No materialization '{name}' was found for adapter {}! (searched types 'default' and '{}')",
            types[0], types[0]
        );
        let mut diagnostic = Diagnostic::error(codes::MATERIALIZATION_NOT_FOUND, message)
            .at(node.template.span())
            .node(node.id.as_str());
        let near = nearest(name, known);
        if !near.is_empty() {
            diagnostic = diagnostic.help(format!("did you mean {}?", near.join(", ")));
        }
        Err(Box::new(diagnostic))
    }

    pub(super) fn succeed(&self, scope: &NodeScope, outcome: &mut NodeOutcome) -> Step<()> {
        let response = match scope.response("main") {
            Some(response) => response,
            None if scope.result_table("main").is_some() => {
                AdapterResponse { message: "OK".to_owned(), ..AdapterResponse::default() }
            }
            None => {
                let message = "main is not being called during running model";
                return Err(Box::new(
                    Diagnostic::error(codes::COMPILER_ERROR, message)
                        .help("a materialization runs its SQL in {% call statement('main') %}"),
                ));
            }
        };
        outcome.adapter_response = response_dict(&response);
        outcome.message = Some(response.message);
        Ok(())
    }
}

/// The compiled code with the path that it was written to.
pub(super) fn outcome_code(compiled: &Compiled, outcome: &NodeOutcome) -> Arc<CompiledCode> {
    match outcome.compiled.as_ref().and_then(|c| c.path.clone()) {
        Some(path) => Arc::new(CompiledCode { path: Some(path), ..(*compiled.code).clone() }),
        None => Arc::clone(&compiled.code),
    }
}

//! The pointer to the latest version of a model: a view whose name has no version in it.
//!
//! In: the latest version of a model, just built, with `latest_version_pointer` on. Out: the view, in the same transaction.
//! The view is built by the `view` materialization, so grants and overrides hold for it; hooks and comments are the model's.

use std::sync::Arc;

use crate::base::{Dict, RelationKind, Value};
use crate::diag::{Diagnostic, SourceFile, codes};
use crate::jinja::context::host::Database;
use crate::jinja::context::{Argument, NodeScope, call_named, run_materialization};
use crate::node::dict::{self, CompiledCode};
use crate::node::{Node, Template};
use crate::parse::resolve::same_version;

use super::worker::Worker;

type Step<T> = Result<T, Box<Diagnostic>>;

impl Worker<'_> {
    /// Builds the pointer to a model if it is to have one. The transaction stays open.
    pub(super) fn point_to_latest(&self, node: &Arc<Node>) -> Step<()> {
        if !self.wants_pointer(node) {
            return Ok(());
        }
        let around = self.around;
        let registry = around.engine.registry();
        let types = [around.shared.adapter.adapter_type.clone()];
        let may_override = self.settings.packages_may_override_materializations;
        let Some(view) = registry.materialization("view", &types, may_override)? else { return Ok(()) };
        let materialization = registry.entry(view).unique_id.clone();
        let pointer = Arc::new(pointer(node, &self.pointer_alias(node)?)?);
        let code = CompiledCode { code: pointer.template.text().to_owned(), ..CompiledCode::default() };
        let resolver = around.compiler.resolver(&pointer);
        let database = Arc::clone(&self.database) as Arc<dyn Database>;
        let scope = NodeScope::run(&around.shared, &pointer, Some(Arc::new(code)), resolver).database(database).build();
        let relations = run_materialization(&around.engine, &materialization, &scope).map_err(Diagnostic::from)?;
        for (relation, kind) in &relations {
            self.database.cache_added(relation, kind.unwrap_or(RelationKind::View));
        }
        Ok(())
    }

    fn wants_pointer(&self, node: &Node) -> bool {
        let Some(model) = node.model().filter(|m| same_version(&m.version, &m.latest_version)) else { return false };
        let by_default = || self.around.shared.flags.get("LATEST_VERSION_POINTER_ENABLED_BY_DEFAULT");
        let said = match node.config.get("latest_version_pointer") {
            Some(Value::Map(config)) => config.get("enabled"),
            other => other,
        };
        let said = said.filter(|value| !value.is_null()).or_else(by_default);
        !model.version.is_null() && said.is_some_and(Value::is_truthy)
    }

    fn pointer_alias(&self, node: &Arc<Node>) -> Step<String> {
        let around = self.around;
        let custom = node.config.map("latest_version_pointer").and_then(|config| config.get("alias")).cloned();
        let resolver = around.compiler.package_resolver(&around.project.info.name);
        let scope = NodeScope::macro_run(&around.shared, &around.project.info.name, resolver).build();
        let arguments = [
            ("custom_alias_name", Argument::Value(custom.unwrap_or_default())),
            ("node", Argument::Value(Value::Map(dict::node(node, None)))),
        ];
        let alias = call_named(&around.engine, "generate_latest_version_pointer_alias", arguments, &scope)?;
        Ok(alias.text().trim().to_owned())
    }
}

/// The node that stands for the view while it is built.
fn pointer(node: &Node, alias: &str) -> Step<Node> {
    if alias.eq_ignore_ascii_case(&node.alias) {
        let message = format!(
            "Cannot create latest version pointer: the latest version of '{}' is already aliased to '{alias}'",
            node.name
        );
        return Err(Box::new(
            Diagnostic::error(codes::AMBIGUOUS_RELATION, message)
                .at(node.template.span())
                .node(node.id.as_str())
                .help("set `latest_version_pointer: {enabled: false}`, or give the version another alias"),
        ));
    }
    let target = node.relation_name.clone().unwrap_or_else(|| node.relation.quoted());
    let code = format!("select * from {target}");
    let mut pointer = node.clone();
    pointer.id = format!("{}__latest_version_pointer", node.id).into();
    alias.clone_into(&mut pointer.alias);
    pointer.relation.identifier = Some(alias.to_owned());
    pointer.relation_name = Some(pointer.relation.quoted());
    pointer.template = Template { range: 0..code.len(), file: SourceFile::new(node.original_path.clone(), code) };
    for hooks in ["pre-hook", "post-hook"] {
        pointer.config.0.insert(hooks.into(), Value::List(Vec::new()));
    }
    pointer.config.0.insert("persist_docs".into(), Value::Map(Dict::new()));
    Ok(pointer)
}

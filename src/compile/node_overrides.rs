//! What only compiling can know about a node.
//!
//! In: a parsed node. Out: the same node, or one with the relation of a test that stores failures, or with the relations
//! that its foreign keys point to. Rules: `_compile_code` of `core/dbt/compilation.py`.

use std::sync::Arc;

use crate::base::Value;
use crate::diag::{Diagnostic, SourceFile, codes};
use crate::jinja::static_calls;
use crate::node::{Constraint, Detail, Node, RefCall, ResourceType};

use super::resolver::Names;

/// The node as it is to run.
pub(super) fn finished(names: &Names, node: &Arc<Node>, store_failures: bool) -> Result<Arc<Node>, Diagnostic> {
    if node.resource_type == ResourceType::Test {
        let stores = node.config.bool("store_failures").unwrap_or(store_failures);
        if !stores || node.relation_name.is_some() {
            return Ok(Arc::clone(node));
        }
        let relation_name = Some(names.shown(&names.node_relation(node)));
        return Ok(Arc::new(Node { relation_name, ..Node::clone(node) }));
    }
    if node.resource_type != ResourceType::Model || !constraints(node).any(points_elsewhere) {
        return Ok(Arc::clone(node));
    }
    let mut node = Node::clone(node);
    let (id, package) = (node.id.to_string(), node.package.clone());
    let own = match &mut node.detail {
        Detail::Model(model) => model.constraints.as_mut_slice(),
        _ => &mut [],
    };
    let columns = node.columns.values_mut().flat_map(|c| &mut c.constraints);
    for constraint in own.iter_mut().chain(columns).filter(|c| points_elsewhere(c)) {
        let target = target(names, constraint, &id, &package)?;
        constraint.fields.insert("to".into(), target.into());
    }
    Ok(Arc::new(node))
}

fn constraints(node: &Node) -> impl Iterator<Item = &Constraint> {
    let own = node.model().into_iter().flat_map(|m| &m.constraints);
    node.columns.values().flat_map(|c| &c.constraints).chain(own)
}

/// What the foreign keys of a parsed node became: the call as written, and the relation.
pub(super) fn foreign_keys(parsed: &Node, finished: &Node) -> Vec<(String, String)> {
    let pairs = constraints(parsed).zip(constraints(finished)).filter(|(written, _)| points_elsewhere(written));
    let pairs = pairs.filter_map(|(written, made)| Some((expression(written)?, expression(made)?)));
    pairs.map(|(written, made)| (written.to_owned(), made.to_owned())).collect()
}

fn expression(constraint: &Constraint) -> Option<&str> {
    constraint.fields.get("to").and_then(Value::as_str).filter(|to| !to.trim().is_empty())
}

fn points_elsewhere(constraint: &Constraint) -> bool {
    constraint.kind == "foreign_key" && expression(constraint).is_some()
}

/// A lone `ref(...)` or `source(...)`.
pub(super) enum Call {
    Ref(RefCall),
    Source(String, String),
}

/// Reads a lone call with literal arguments, as properties files hold it without braces.
pub(super) fn lone_call(text: &str) -> Option<Call> {
    let file = SourceFile::new("<call>", format!("{{{{ {} }}}}", text.trim()));
    let mut calls = static_calls(&file, 0..file.text.len())?;
    let call = if calls.len() == 1 { calls.pop()? } else { return None };
    let texts: Vec<&str> = call.args.iter().map(Value::as_str).collect::<Option<_>>()?;
    match (call.function.as_str(), texts.as_slice()) {
        ("ref", [.., name]) if texts.len() <= 2 => {
            let version = call.kwargs.get("version").or_else(|| call.kwargs.get("v")).cloned().unwrap_or_default();
            let package = (texts.len() == 2).then(|| texts[0].to_owned());
            Some(Call::Ref(RefCall { package, name: (*name).to_owned(), version }))
        }
        ("source", [source, table]) => Some(Call::Source((*source).to_owned(), (*table).to_owned())),
        _ => None,
    }
}

fn target(names: &Names, constraint: &Constraint, from: &str, package: &str) -> Result<String, Diagnostic> {
    let expression = expression(constraint).unwrap_or_default();
    match lone_call(expression) {
        Some(Call::Ref(call)) => {
            names.find_reference(&call, from, package).map(|node| names.shown(&names.key_relation(&node)))
        }
        Some(Call::Source(source, table)) => {
            let found = names.find_source((&source, &table), from, package)?;
            Ok(names.shown(&Names::source_relation(&found)))
        }
        None => {
            let message = format!("the foreign key of {from} points to `{expression}`, which is no ref() or source()");
            Err(Diagnostic::error(codes::PROPERTIES_INVALID, message)
                .node(from)
                .help("write `to: ref('model')` or `to: source('source', 'table')`"))
        }
    }
}

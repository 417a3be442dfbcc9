//! Contracts and constraints, as far as parsing can judge them.
//!
//! In: a node with its properties put in. Out: the calls in its foreign keys, and problems: a contract without columns or
//! of a Python model, constraints where nothing enforces them, more than one primary key.
//! Rules: `ModelPatchParser` in `core/dbt/parser/schemas.py`.

use crate::diag::{Diagnostic, Diagnostics, codes, warnings};
use crate::jinja::context::Captured;
use crate::node::{Constraint, Language, Node, ResourceType};

use super::extras::{TextCall, text_call};

/// The constraints that dbt knows.
const KINDS: [&str; 6] = ["check", "not_null", "unique", "primary_key", "foreign_key", "custom"];

fn all(node: &Node) -> impl Iterator<Item = &Constraint> {
    let own = node.model().map(|m| m.constraints.as_slice()).unwrap_or_default();
    node.columns.values().flat_map(|c| &c.constraints).chain(own)
}

/// The `ref` and `source` calls in the foreign keys of a model: what they point to is built first.
pub(super) fn calls(node: &Node, captured: &mut Captured, diagnostics: &mut Diagnostics) {
    if node.resource_type != ResourceType::Model {
        return;
    }
    for constraint in all(node).filter(|c| c.kind == "foreign_key") {
        let Some(to) = constraint.fields.get("to").filter(|to| !to.is_null()).map(ToString::to_string) else {
            continue;
        };
        match text_call(&to) {
            Some(TextCall::Ref(call)) => captured.refs.push(call),
            Some(TextCall::Source(source, table)) => captured.sources.push((source, table)),
            _ => diagnostics.push(
                problem(
                    node,
                    format!(
                        "Invalid 'ref' or 'source' syntax on foreign key constraint 'to' on model {}: {to}",
                        node.name
                    ),
                )
                .help("write `to: ref('customers')` or `to: source('raw', 'customers')`"),
            ),
        }
    }
}

fn problem(node: &Node, message: String) -> Diagnostic {
    let at = node.patch.as_ref().map_or_else(|| node.template.span(), |p| p.span.clone());
    Diagnostic::error(codes::CONTRACT, message).at(at).node(node.id.to_string())
}

/// What is wrong with the contract and the constraints of a model that a properties file describes.
pub(super) fn check(node: &Node, diagnostics: &mut Diagnostics) {
    let Some(model) = node.model().filter(|_| node.patch.is_some()) else { return };
    if node.config.contract_enforced() {
        let file = &node.original_path;
        if node.columns.is_empty() {
            let message =
                format!("Constraints must be defined in a `yml` schema configuration file: {file} has a contract");
            diagnostics.push(problem(node, message).help("list the model's `columns` with their `data_type`"));
        }
        if node.language != Language::Sql {
            let found = node.language.as_str();
            let message = format!("Language Error: Expected 'sql' but found '{found}' in the contract of {file}");
            diagnostics.push(
                problem(node, message)
                    .help("set `contract: {enforced: false}`; data tests check what a Python model returns"),
            );
        }
        for constraint in &model.constraints {
            if !KINDS.contains(&constraint.kind.as_str()) {
                let message = format!("{} has a constraint of the type '{}'", node.id, constraint.kind);
                diagnostics.push(problem(node, message).help(format!("the types are {}", KINDS.join(", "))));
            }
        }
        unenforced(node, diagnostics);
    }
    primary_keys(node, diagnostics);
}

/// Warns of constraints where the materialization makes no table of its own.
fn unenforced(node: &Node, diagnostics: &mut Diagnostics) {
    let materialized = node.config.materialized();
    let warns = |c: &Constraint| c.fields.get("warn_unsupported").and_then(crate::base::Value::as_bool) != Some(false);
    if matches!(materialized, "table" | "incremental") || !all(node).any(warns) {
        return;
    }
    let message = format!("Constraint types are not supported for {materialized} materializations and will be ignored");
    diagnostics.push(
        Diagnostic { severity: crate::diag::Severity::Warning, ..problem(node, message) }
            .named(warnings::UNSUPPORTED_CONSTRAINT_MATERIALIZATION)
            .help("make the model a table, or set `warn_unsupported: false` on the constraint"),
    );
}

fn primary_keys(node: &Node, diagnostics: &mut Diagnostics) {
    let is_key = |c: &Constraint| c.kind == "primary_key";
    let keyed = node.columns.values().flat_map(|c| c.constraints.iter().filter(|k| is_key(k)).map(|_| &c.name));
    let keyed: Vec<String> = keyed.map(|name| format!("'{name}'")).collect();
    if keyed.len() > 1 {
        let names = keyed.join(", ");
        let message = format!("Found {} columns ([{names}]) with primary key constraints defined", keyed.len());
        diagnostics
            .push(problem(node, message).help("define one key over several columns under the model's `constraints`"));
    }
    if !keyed.is_empty() && node.model().is_some_and(|m| m.constraints.iter().any(is_key)) {
        let message = "Primary key constraints defined at the model level and the columns level".to_owned();
        diagnostics.push(problem(node, message).help("define the key at one level"));
    }
}

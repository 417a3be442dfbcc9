//! Contracts against what the SQL gives. In: a node with its declared columns, the columns of its query. Out: the problem,
//! at the line of the properties file that names the column.
//!
//! Names and types must agree, as when the model runs; the order may differ, because the table is made in declared order.

use crate::adapters::shadow::{Shadow, ShadowColumn};
use crate::diag::{Diagnostic, Span, codes};
use crate::node::{Column, Node};

/// The problem of an enforced contract, if there is one: at the first column that differs, the others in notes.
pub(super) fn broken(node: &Node, returned: &[ShadowColumn], shadow: &mut dyn Shadow) -> Option<Diagnostic> {
    if !node.config.contract_enforced() || node.columns.is_empty() {
        return None;
    }
    let mut problems: Vec<(Option<&str>, String)> = Vec::new();
    for column in node.columns.values() {
        let name = &column.name;
        let Some(twin) = returned.iter().find(|r| r.name.eq_ignore_ascii_case(name)) else {
            problems
                .push((Some(name), format!("the contract of {} has a column '{name}', its SQL has not", node.name)));
            continue;
        };
        let Some(declared) = &column.data_type else { continue };
        if !shadow.takes(declared, &twin.data_type) && !is_same_type(declared, &twin.data_type, shadow) {
            problems.push((
                Some(name),
                format!(
                    "the contract of {} says that '{name}' is {declared}, its SQL gives {}",
                    node.name, twin.data_type
                ),
            ));
        }
    }
    let is_declared = |r: &ShadowColumn| node.columns.values().any(|c: &Column| c.name.eq_ignore_ascii_case(&r.name));
    for extra in returned.iter().filter(|r| !is_declared(r)) {
        problems
            .push((None, format!("the SQL of {} gives a column '{}', its contract has not", node.name, extra.name)));
    }
    let mut problems = problems.into_iter();
    let (column, message) = problems.next()?;
    let mut problem = Diagnostic::error(codes::CONTRACT, message).at(place(node, column)).node(node.id.as_str());
    for (_, message) in problems {
        problem = problem.note(message);
    }
    Some(problem.help("change the SQL, or the column in the properties file"))
}

/// Gives columns the types that an enforced contract declares for them, where the engine casts to these.
pub(super) fn given(node: &Node, returned: &mut [ShadowColumn], shadow: &mut dyn Shadow) {
    if !node.config.contract_enforced() {
        return;
    }
    for column in returned {
        let twin = node.columns.values().find(|c| c.name.eq_ignore_ascii_case(&column.name));
        let Some(declared) = twin.and_then(|c| c.data_type.as_deref()) else { continue };
        if shadow.takes(declared, &column.data_type)
            && let Some(data_type) = spelled(declared, shadow)
        {
            column.data_type = data_type;
        }
    }
}

/// A type as the engine spells it; none where it does not know it.
fn spelled(declared: &str, shadow: &mut dyn Shadow) -> Option<String> {
    let bound = shadow.bind(&format!("select cast(null as {declared}) as declared")).ok()?;
    bound.columns.into_iter().next().map(|c| c.data_type)
}

/// Whether two spellings mean one type; how many digits a decimal has is not part of a contract.
fn is_same_type(declared: &str, returned: &str, shadow: &mut dyn Shadow) -> bool {
    let plain = |t: &str| {
        let t = t.trim().to_uppercase();
        if t.starts_with("DECIMAL") { "DECIMAL".to_owned() } else { t }
    };
    if plain(declared) == plain(returned) {
        return true;
    }
    // A type that the engine does not know is told when the table is made.
    spelled(declared, shadow).is_none_or(|declared| plain(&declared) == plain(returned))
}

/// The line that names a column in the properties of a node, else the node's entry.
fn place(node: &Node, column: Option<&str>) -> Span {
    let Some(patch) = &node.patch else { return node.template.span() };
    let entry = &patch.span;
    let from = entry.start;
    let text = entry.file.text.get(from..).unwrap_or_default();
    let Some(columns) = text.find("columns:") else { return entry.clone() };
    let mut at = from + columns;
    for line in text[columns..].split_inclusive('\n') {
        let named = line.trim().trim_start_matches("- ").trim_start_matches('{').trim_start();
        let value = named.strip_prefix("name:").map(|v| v.split([',', '}', '#']).next().unwrap_or(v).trim());
        if let (Some(value), Some(column)) = (value, column)
            && value.trim_matches(['\'', '"']).eq_ignore_ascii_case(column)
        {
            let start = at + (line.len() - line.trim_start().len());
            return Span::new(&entry.file, start..at + line.trim_end().len());
        }
        at += line.len();
    }
    entry.clone()
}

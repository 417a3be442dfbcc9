//! Columns that the fixtures of a unit test name.
//!
//! In: a unit test, what is known of the model. Out: the problem of a column that is expected and that the model has not.

use crate::compile::fixture_columns;
use crate::diag::{Diagnostic, codes, nearest};
use crate::node::UnitTest;

use super::check::Done;

/// The first column of the expected rows that the tested model has not.
pub(super) fn misspelt(test: &UnitTest, done: &Done) -> Option<Diagnostic> {
    let columns = done.get(&test.tested_node)?.columns.as_deref()?;
    let has = |name: &str| columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
    let name = fixture_columns(&test.expect).into_iter().find(|name| !has(name))?;
    let message = format!("unit test {}: '{name}' is expected, and {} has no such column", test.name, test.model);
    let problem = Diagnostic::error(codes::UNIT_TEST_INVALID, message).at(test.expect.span.clone());
    let problem = problem.node(test.id.as_str());
    let names = || columns.iter().map(|c| c.name.as_str());
    Some(match nearest(&name, names()).first() {
        Some(near) => problem.help(format!("did you mean {near}?")),
        None => problem.help(format!("its columns are {}", names().take(12).collect::<Vec<_>>().join(", "))),
    })
}

//! SQL written for DuckDB -> SQL that DataFusion plans, with the same meaning, or a refusal that names the way out.
//!
//! What the session calls, in this order:
//!
//! 1. `functions::install` on the builder of the session, once. Most of what follows counts on it.
//! 2. [`parse`] for every text: statements of the parser's own kind, rewritten. DDL, DML and transactions come through as they
//!    were written; queries inside of them are rewritten. The rewriting is stable: what it has made may be parsed again, so the
//!    text of a view may be kept in either form.
//! 3. [`plan`] in place of `SessionState::statement_to_plan`, for every statement (or query, see [`plan_query`]) that is to be
//!    planned. It does what needs the catalog: aliases used in the same SELECT, and names in another case.
//!
//! A [`Refusal`] from `plan` arrives as `DataFusionError::External`. Both know the place in the text.
//!
//! * [`dialect`], [`tokens`]: the grammar; [`select`], [`tables`], [`ctes`], [`calls`]: the rewriting; [`naming`]: columns' names
//! * [`aliases`]: what is found out by planning

mod aliases;
mod calls;
mod ctes;
mod dialect;
mod naming;
mod refusal;
mod select;
mod tables;
#[cfg(test)]
mod tests;
mod tokens;

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Select, Statement, TableFactor, VisitMut, VisitorMut};
use datafusion::sql::sqlparser::parser::Parser;

pub(crate) use aliases::{plan, plan_query};
pub(crate) use refusal::Refusal;

/// How deeply expressions and queries may be nested.
const DEPTH: usize = 300;

/// Parses a text of one or several statements, and rewrites each.
pub(crate) fn parse(sql: &str) -> Result<Vec<Statement>, Refusal> {
    let tokens = tokens::tokens(sql)?;
    let mut statements = Parser::new(&dialect::LakeDialect)
        .with_recursion_limit(DEPTH)
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|e| Refusal::parser(e.to_string().trim_start_matches("sql parser error: ")))?;
    for statement in &mut statements {
        rewrite(statement)?;
    }
    Ok(statements)
}

fn rewrite(statement: &mut Statement) -> Result<(), Refusal> {
    ctes::rename(statement);
    match VisitMut::visit(statement, &mut Rewriting) {
        ControlFlow::Break(refusal) => Err(refusal),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Rewriting;

impl VisitorMut for Rewriting {
    type Break = Refusal;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Refusal> {
        select::before(select)
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Refusal> {
        tables::rewrite(factor)
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refusal> {
        calls::rewrite(expr)
    }
}

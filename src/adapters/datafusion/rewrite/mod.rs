//! SQL written for DuckDB -> SQL that DataFusion plans, with the same meaning, or a refusal that names the way out.
//!
//! What is called, in this order:
//!
//! 1. `functions::install` on the builder of the session, once. Most of what follows counts on it.
//! 2. [`parse_as`] with [`LakeDialect`] for every statement: one of DataFusion's own kind, rewritten. DDL, DML and transactions come through as they were
//!    written; queries and expressions inside of them are rewritten. The rewriting is stable: what it has made may be parsed
//!    again, so the text of a view may be kept in either form.
//! 3. [`plan`] in place of `SessionState::statement_to_plan`. It does what needs the catalog: aliases used in the same SELECT,
//!    names in another case, and the columns of `*` and of joins by name.
//!
//! A [`Refusal`] knows its place in the text.
//!
//! * [`dialect`], [`tokens`]: the grammar; [`select`], [`tables`], [`ctes`], [`calls`]: the rewriting; [`order`]: ORDER BY ALL; [`windows`]: WINDOW;
//!   [`naming`]: columns' names; [`sought`]: IN, ANY, ALL; [`patterns`]: LIKE
//! * [`exact`]: casts whose types are what they are for
//! * [`aliases`], [`stars`], [`duplicates`], [`using`]: what is found out by planning; [`around`]: WITH around a SELECT

mod aliases;
mod around;
mod calls;
mod ctes;
mod dialect;
mod duplicates;
mod exact;
mod naming;
mod order;
mod patterns;
mod refusal;
mod select;
mod sought;
mod stars;
mod tables;
#[cfg(test)]
mod tests;
mod tokens;
mod using;
mod windows;

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{Expr, Query, Select, TableFactor, VisitMut, VisitorMut};
use datafusion::sql::sqlparser::dialect::Dialect;

pub(super) use aliases::plan;
pub(super) use dialect::LakeDialect;
pub(super) use refusal::Refusal;

/// How deeply expressions and queries may be nested.
const DEPTH: usize = 300;

/// Parses a text of one statement, and rewrites it.
#[cfg(test)]
pub(super) fn parse(sql: &str) -> Result<Statement, Refusal> {
    parse_as(sql, &LakeDialect)
}

/// The same in the grammar of another dialect.
pub(super) fn parse_as(sql: &str, dialect: &dyn Dialect) -> Result<Statement, Refusal> {
    let text = tokens::prepare(sql)?;
    let mut statements = DFParserBuilder::new(text.as_ref())
        .with_dialect(dialect)
        .with_recursion_limit(DEPTH)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|e| Refusal::parser(&e))?;
    let (Some(mut statement), true) = (statements.pop_front(), statements.is_empty()) else {
        return Err(Refusal::syntax("exactly one statement is expected"));
    };
    rewrite(&mut statement)?;
    Ok(statement)
}

fn rewrite(statement: &mut Statement) -> Result<(), Refusal> {
    match statement {
        Statement::Statement(inner) => {
            ctes::rename(&mut **inner);
            visit(&mut **inner)
        }
        Statement::Explain(explain) => rewrite(&mut explain.statement),
        Statement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => {
                ctes::rename(&mut **query);
                visit(&mut **query)
            }
            CopyToSource::Relation(_) => Ok(()),
        },
        Statement::CreateExternalTable(_) | Statement::Reset(_) => Ok(()),
    }
}

fn visit(node: &mut impl VisitMut) -> Result<(), Refusal> {
    match VisitMut::visit(node, &mut Rewriting) {
        ControlFlow::Break(refusal) => Err(refusal),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Rewriting;

impl VisitorMut for Rewriting {
    type Break = Refusal;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Refusal> {
        order::fetched(query)?;
        order::rewrite(query);
        exact::in_values(query);
        windows::of_query(query)
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Refusal> {
        windows::inline(select, None)?;
        select::before(select)
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Refusal> {
        tables::rewrite(factor)
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refusal> {
        calls::rewrite(expr)
    }
}

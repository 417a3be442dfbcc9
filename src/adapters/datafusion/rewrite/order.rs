//! Orders and limits. `ORDER BY ALL`: by the places of the columns. The engine reads it over plain columns alone, and drops it after a UNION.

use std::ops::ControlFlow;

use datafusion::common::Result;
use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, LimitClause, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, Query, SelectItem, SetExpr, Value,
    VisitorMut,
};

use super::refusal::Refusal;

/// How many orders are written out before giving up.
const ROUNDS: usize = 100;

/// Writes out the order of one query.
pub(super) fn rewrite(query: &mut Query) {
    by_place(query);
    // Where a star hides how many columns there are, [`expand`] asks.
    if let (Some(options), Some(count)) = (all(query), columns(&query.body)) {
        query.order_by = Some(places(count, options));
    }
}

/// `FETCH FIRST 2 ROWS ONLY` is a limit.
pub(super) fn fetched(query: &mut Query) -> ControlFlow<Refusal> {
    let Some(fetch) = query.fetch.take() else { return ControlFlow::Continue(()) };
    if fetch.percent || fetch.with_ties {
        let text = "FETCH with a percentage or WITH TIES is not available on this engine";
        let help = "rank the rows: qualify rank() over (order by x) <= 10";
        return ControlFlow::Break(Refusal::unsupported(text, help).on(&*query.body));
    }
    let count = fetch.quantity.unwrap_or_else(|| Expr::Value(Value::Number("1".to_owned(), false).into()));
    let offset = match query.limit_clause.take() {
        Some(LimitClause::LimitOffset { offset, .. }) => offset,
        _ => None,
    };
    query.limit_clause = Some(LimitClause::LimitOffset { limit: Some(count), offset, limit_by: Vec::new() });
    ControlFlow::Continue(())
}

/// Writes out the orders that only the catalog can tell: over a star.
pub(super) async fn expand(state: &SessionState, statement: &mut Parsed) -> Result<()> {
    for _ in 0..ROUNDS {
        let Some((body, withs)) = super::around::innermost_query(statement, |query| all(query).is_some()) else {
            return Ok(());
        };
        let plan = Box::pin(super::aliases::plan(state, super::stars::asked(body, &withs))).await?;
        let _ = super::aliases::visit_mut(statement, &mut Writing { columns: plan.schema().fields().len() });
    }
    Ok(())
}

/// Writes the order of the innermost query that is ordered by all of its columns.
struct Writing {
    columns: usize,
}

impl VisitorMut for Writing {
    type Break = ();

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Some(options) = all(query) else { return ControlFlow::Continue(()) };
        query.order_by = Some(places(self.columns, options));
        ControlFlow::Break(())
    }
}

/// The options of ORDER BY ALL.
fn all(query: &Query) -> Option<OrderByOptions> {
    match &query.order_by {
        Some(OrderBy { kind: OrderByKind::All(options), .. }) => Some(*options),
        _ => None,
    }
}

/// By the first column, then the second, and so on.
fn places(count: usize, options: OrderByOptions) -> OrderBy {
    let place = |n: usize| OrderByExpr {
        expr: Expr::Value(Value::Number(n.to_string(), false).into()),
        options,
        with_fill: None,
    };
    OrderBy { kind: OrderByKind::Expressions((1..=count).map(place).collect()), interpolate: None }
}

/// After DISTINCT an expression of the list is ordered by its place: the engine compares it with the column that it has become.
fn by_place(query: &mut Query) {
    let SetExpr::Select(select) = &*query.body else { return };
    if select.distinct.is_none() || matches!(select.distinct, Some(Distinct::On(_))) {
        return;
    }
    let Some(OrderBy { kind: OrderByKind::Expressions(order), .. }) = &mut query.order_by else { return };
    let written: Vec<Option<String>> = select
        .projection
        .iter()
        .map(|item| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr.to_string()),
            _ => None,
        })
        .collect();
    if written.contains(&None) {
        return;
    }
    for by in order {
        let text = by.expr.to_string();
        let simple = matches!(by.expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_));
        if let (false, Some(n)) = (simple, written.iter().position(|w| w.as_ref() == Some(&text))) {
            by.expr = Expr::Value(Value::Number((n + 1).to_string(), false).into());
        }
    }
}

/// How many columns there are, where no star hides it.
fn columns(body: &SetExpr) -> Option<usize> {
    match body {
        SetExpr::Select(select) => {
            let plain = |item: &SelectItem| match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    !super::stars::has_columns(expr)
                }
                _ => false,
            };
            (!select.projection.is_empty() && select.projection.iter().all(plain)).then_some(select.projection.len())
        }
        SetExpr::Query(query) => columns(&query.body),
        SetExpr::SetOperation { left, .. } => columns(left),
        SetExpr::Values(values) => values.rows.first().map(|row| row.len()),
        _ => None,
    }
}

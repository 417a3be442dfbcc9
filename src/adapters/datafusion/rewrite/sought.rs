//! Values sought in a subquery: `x IN (SELECT ...)` where it stands for true, false or NULL, rows of several values, ANY and ALL. In:
//! a SELECT as it was parsed. Out: the same with subqueries that the engine plans: each has one value.
//!
//! The engine plans `x IN (SELECT ...)` as a condition of WHERE alone. Elsewhere it becomes a count of the rows that are equal, and
//! where there is none, a look at whether any NULL leaves it open. ANY and ALL need the least and the greatest value alone.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Ident, Query, Select, SelectItem, SetExpr, TableFactor, Value, VisitMut,
    VisitorMut,
};

use super::calls::{has_call, number};
use super::tables::query;

/// The values of the subquery, by their place.
const VALUE: &str = "__sought_";

/// Rewrites what one SELECT seeks; queries inside of it have their own turn.
pub(super) fn rewrite(select: &mut Select) {
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty())
        || select.having.is_some()
        || select.projection.iter().any(|item| match item {
            SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. } => aggregates(e),
            _ => false,
        });
    if let Some(condition) = &mut select.selection {
        conjunct(condition);
    }
    let mut values = Values { depth: 0, grouped };
    // What stands in FROM, and what WHERE asks for, is done.
    let (from, selection) = (std::mem::take(&mut select.from), select.selection.take());
    let _ = VisitMut::visit(select, &mut values);
    (select.from, select.selection) = (from, selection);
}

/// Whether one of the usual aggregates is called.
fn aggregates(expr: &Expr) -> bool {
    let text = expr.to_string().to_lowercase();
    ["sum(", "count(", "min(", "max(", "avg("].iter().any(|call| text.contains(call)) && !text.contains(" over ")
}

/// A condition that only has to be true: the engine joins what it seeks. Below OR that holds for what is not negated.
fn conjunct(expr: &mut Expr) {
    compared(expr);
    match expr {
        Expr::Nested(inner) => conjunct(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjunct(left);
            conjunct(right);
        }
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            alternative(left);
            alternative(right);
        }
        Expr::InSubquery { expr: of, subquery, negated } => {
            if let (Expr::Tuple(row), false) = (&**of, *negated) {
                if let Some(found) = equal_rows(row, subquery) {
                    *expr = Expr::Exists { subquery: found, negated: false };
                }
            } else if matches!(**of, Expr::Tuple(_)) {
                value(expr);
            }
        }
        other => value(other),
    }
}

fn alternative(expr: &mut Expr) {
    compared(expr);
    match expr {
        Expr::Nested(inner) => alternative(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
            alternative(left);
            alternative(right);
        }
        Expr::InSubquery { expr: of, subquery, negated: false }
            if !matches!(**of, Expr::Tuple(_)) && matches!(*subquery.body, SetExpr::Select(_)) => {}
        other => value(other),
    }
}

fn value(expr: &mut Expr) {
    let _ = VisitMut::visit(expr, &mut Values { depth: 0, grouped: false });
}

/// Everything that is sought in expressions of one SELECT.
struct Values {
    /// Queries around, below the SELECT.
    depth: usize,
    /// Whether values may be aggregates, which no subquery can name.
    grouped: bool,
}

impl VisitorMut for Values {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        compared(expr);
        if let Expr::InSubquery { expr: of, subquery, negated } = expr {
            let found = match &**of {
                Expr::Tuple(row) => row_among(row, subquery),
                one if self.grouped && has_call(one) => listed(one, subquery),
                one => among(one, subquery),
            };
            if let Some(found) = found {
                *expr = if *negated { not(found) } else { found };
            }
        }
        ControlFlow::Continue(())
    }
}

/// `x = ANY (SELECT ...)` is IN; the others compare with the least and the greatest value.
fn compared(expr: &mut Expr) {
    let (left, op, right, any) = match expr {
        Expr::AnyOp { left, compare_op, right, .. } => (left, compare_op.clone(), right, true),
        Expr::AllOp { left, compare_op, right } => (left, compare_op.clone(), right, false),
        _ => return,
    };
    let Some(subquery) = plain(right) else { return };
    let found = match (&op, any) {
        (BinaryOperator::Eq, true) | (BinaryOperator::NotEq, false) => {
            Some(Expr::InSubquery { expr: left.clone(), subquery, negated: !any })
        }
        _ => extremes(left, &op, &subquery, any),
    };
    if let Some(found) = found {
        *expr = found;
    }
}

/// The query in brackets.
fn plain(expr: &Expr) -> Option<Box<Query>> {
    match expr {
        Expr::Subquery(query) => Some(query.clone()),
        Expr::Nested(inner) => plain(inner),
        _ => None,
    }
}

/// A query over the subquery, whose columns have names of their own.
fn over(select: &str, subquery: &Query, width: usize) -> Option<Box<Query>> {
    let names: Vec<String> = (1..=width).map(|n| format!("{VALUE}{n}")).collect();
    let mut made = query(&format!("select {select} from (select 1) as __sought({})", names.join(", ")))?;
    let SetExpr::Select(inner) = made.body.as_mut() else { return None };
    let TableFactor::Derived { subquery: place, .. } = &mut inner.from.first_mut()?.relation else { return None };
    **place = subquery.clone();
    Some(made)
}

fn column(place: usize) -> Expr {
    Expr::Identifier(Ident::new(format!("{VALUE}{place}")))
}

/// The same with a condition.
fn filtered(select: &str, subquery: &Query, width: usize, condition: Expr) -> Option<Box<Query>> {
    let mut made = over(select, subquery, width)?;
    let SetExpr::Select(inner) = made.body.as_mut() else { return None };
    inner.selection = Some(condition);
    Some(made)
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn nested(expr: &Expr) -> Expr {
    Expr::Nested(Box::new(expr.clone()))
}

fn not(expr: Expr) -> Expr {
    Expr::UnaryOp {
        op: datafusion::sql::sqlparser::ast::UnaryOperator::Not,
        expr: Box::new(Expr::Nested(Box::new(expr))),
    }
}

fn boolean(value: bool) -> Expr {
    Expr::Value(Value::Boolean(value).into())
}

/// CASE with these branches; no value is NULL.
fn choose(branches: Vec<(Expr, Option<bool>)>, otherwise: bool) -> Expr {
    let mut rest = boolean(otherwise);
    for (condition, result) in branches.into_iter().rev() {
        let result = result.map_or_else(|| Expr::Value(Value::Null.into()), boolean);
        rest = super::calls::case(condition, result, Some(rest));
    }
    rest
}

/// 0: the subquery has no rows, 1: it has, 2: one of them is NULL.
const STATE: &str = "case when count(*) = 0 then 0 when count(__sought_1) < count(*) then 2 else 1 end";

/// Whether a NULL leaves it open: one of the subquery's, or the value sought among any.
fn open(of: &Expr, subquery: &Query) -> Option<Expr> {
    let state = || over(STATE, subquery, 1).map(Expr::Subquery);
    let has_null = binary(state()?, BinaryOperator::Eq, number("2"));
    let any = binary(state()?, BinaryOperator::Gt, number("0"));
    let sought_null = binary(Expr::IsNull(Box::new(nested(of))), BinaryOperator::And, any);
    Some(binary(has_null, BinaryOperator::Or, Expr::Nested(Box::new(sought_null))))
}

/// `x IN (SELECT ...)` as a value.
fn among(of: &Expr, subquery: &Query) -> Option<Expr> {
    let equal = binary(column(1), BinaryOperator::Eq, nested(of));
    let found = Expr::Subquery(filtered("count(*) > 0", subquery, 1, equal)?);
    Some(choose(vec![(found, Some(true)), (open(of, subquery)?, None)], false))
}

/// The same for what no subquery can name: the values become a list.
fn listed(of: &Expr, subquery: &Query) -> Option<Expr> {
    let list = Expr::Subquery(over("array_agg(distinct __sought_1)", subquery, 1)?);
    let found = super::dialect::call("array_has", vec![list, of.clone()]);
    Some(choose(vec![(found, Some(true)), (open(of, subquery)?, None)], false))
}

/// The rows of a subquery that are equal to one.
fn equal_rows(row: &[Expr], subquery: &Query) -> Option<Box<Query>> {
    let equal = |(n, of): (usize, &Expr)| binary(column(n + 1), BinaryOperator::Eq, nested(of));
    let all = row.iter().enumerate().map(equal).reduce(|a, b| binary(a, BinaryOperator::And, b))?;
    filtered("1", subquery, row.len(), all)
}

/// `(a, b) IN (SELECT ...)` as a value.
fn row_among(row: &[Expr], subquery: &Query) -> Option<Expr> {
    let count = |mut query: Box<Query>| {
        let counting = over("count(*) > 0", subquery, row.len())?;
        let (SetExpr::Select(inner), SetExpr::Select(counting)) = (query.body.as_mut(), *counting.body) else {
            return None;
        };
        inner.projection = counting.projection;
        Some(Expr::Subquery(query))
    };
    let maybe = |(n, of): (usize, &Expr)| {
        Expr::IsNotFalse(Box::new(Expr::Nested(Box::new(binary(column(n + 1), BinaryOperator::Eq, nested(of))))))
    };
    let all = row.iter().enumerate().map(maybe).reduce(|a, b| binary(a, BinaryOperator::And, b))?;
    let found = count(equal_rows(row, subquery)?)?;
    let open = count(filtered("1", subquery, row.len(), all)?)?;
    Some(choose(vec![(found, Some(true)), (open, None)], false))
}

/// `x > ALL (SELECT ...)`, `x < ANY (SELECT ...)` and their like.
fn extremes(left: &Expr, op: &BinaryOperator, subquery: &Query, any: bool) -> Option<Expr> {
    let with = |aggregate: &str, op: &BinaryOperator| {
        let most = over(&format!("{aggregate}(__sought_1)"), subquery, 1)?;
        Some(Expr::Nested(Box::new(binary(nested(left), op.clone(), Expr::Subquery(most)))))
    };
    let either = |op: &BinaryOperator| Some(binary(with("min", op)?, BinaryOperator::Or, with("max", op)?));
    let unlike = BinaryOperator::NotEq;
    // True as soon as this is, for ANY; false as soon as it is not, for ALL.
    let decides = match (op, any) {
        (BinaryOperator::Gt | BinaryOperator::GtEq, true) => with("min", op)?,
        (BinaryOperator::Lt | BinaryOperator::LtEq, true) => with("max", op)?,
        (BinaryOperator::Gt | BinaryOperator::GtEq, false) => not(with("max", op)?),
        (BinaryOperator::Lt | BinaryOperator::LtEq, false) => not(with("min", op)?),
        (BinaryOperator::NotEq, true) | (BinaryOperator::Eq, false) => either(&unlike)?,
        _ => return None,
    };
    Some(choose(vec![(decides, Some(any)), (open(left, subquery)?, None)], !any))
}

//! `ORDER BY ALL`: by the places of the columns. The engine reads it over plain columns alone, and drops it after a UNION.

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, OrderBy, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, TableAlias, Value,
};
use datafusion::sql::sqlparser::ast::{Ident, TableFactor};
use datafusion::sql::sqlparser::parser::Parser;

use super::dialect::LakeDialect;

/// Writes out the order of one query.
pub(super) fn rewrite(query: &mut Query) {
    by_place(query);
    let Some(OrderBy { kind: OrderByKind::All(options), .. }) = &query.order_by else { return };
    let options = *options;
    if let Some(count) = columns(&query.body) {
        let place = |n: usize| OrderByExpr {
            expr: Expr::Value(Value::Number(n.to_string(), false).into()),
            options,
            with_fill: None,
        };
        query.order_by =
            Some(OrderBy { kind: OrderByKind::Expressions((1..=count).map(place).collect()), interpolate: None });
        return;
    }
    if matches!(&*query.body, SetExpr::Select(select) if only_stars(select)) {
        return;
    }
    // How many columns a star has is not known here: the order goes around, where all are plain columns.
    let Some(mut outer) = template() else { return };
    let inner = Query {
        with: query.with.take(),
        body: query.body.clone(),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    };
    if let SetExpr::Select(select) = outer.as_mut()
        && let Some(from) = select.from.first_mut()
    {
        let alias = TableAlias { explicit: true, name: Ident::new("ordered"), columns: Vec::new(), at: None };
        from.relation =
            TableFactor::Derived { lateral: false, subquery: Box::new(inner), alias: Some(alias), sample: None };
    }
    query.body = outer;
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

fn only_stars(select: &Select) -> bool {
    select.projection.iter().all(|item| match item {
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(_, _) => true,
        SelectItem::UnnamedExpr(expr) => matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)),
        _ => false,
    })
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

/// `select * from <something>`.
fn template() -> Option<Box<SetExpr>> {
    let mut statements = Parser::parse_sql(&LakeDialect, "select * from t").ok()?;
    match statements.pop()? {
        datafusion::sql::sqlparser::ast::Statement::Query(query) => Some(query.body),
        _ => None,
    }
}

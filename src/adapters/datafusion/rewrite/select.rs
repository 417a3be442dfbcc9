//! One SELECT at a time: `FROM` first, names of columns, joins.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident,
    JoinOperator, ObjectNamePart, Query, Select, SelectFlavor, SelectItem, SetExpr, Spanned, TableFactor,
    TableWithJoins, UnaryOperator, Value, Visit, VisitMut, Visitor, VisitorMut, WildcardAdditionalOptions,
};

use super::naming::name_of;
use super::refusal::Refusal;

/// Before the parts are rewritten, as names are made of what was written.
pub(super) fn before(select: &mut Select) -> ControlFlow<Refusal> {
    if select.flavor != SelectFlavor::Standard {
        select.flavor = SelectFlavor::Standard;
        if select.projection.is_empty() {
            select.projection.push(SelectItem::Wildcard(WildcardAdditionalOptions::default()));
        }
    }
    for from in &mut select.from {
        joins(from)?;
    }
    name_sides(&mut select.from);
    let tables: HashSet<String> = select.from.iter().flat_map(table_names).collect();
    name_columns(&mut select.projection, &tables);
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            count_existing(expr);
        }
    }
    super::sought::rewrite(select);
    constants(select);
    ControlFlow::Continue(())
}

/// A whole number that is grouped by under its alias is not the place of a column: `select 2024 as year ... group by year`.
fn constants(select: &mut Select) {
    let GroupByExpr::Expressions(by, _) = &select.group_by else { return };
    let grouped = |name: &Ident| {
        by.iter().any(|expr| matches!(expr, Expr::Identifier(by) if by.value.eq_ignore_ascii_case(&name.value)))
    };
    for item in &mut select.projection {
        let SelectItem::ExprWithAlias { expr, alias } = item else { continue };
        let digits = match &*expr {
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => &**expr,
            other => other,
        };
        let whole = matches!(digits, Expr::Value(value)
            if matches!(&value.value, Value::Number(digits, _) if digits.parse::<i64>().is_ok()));
        if whole && grouped(alias) {
            let plain = std::mem::replace(expr, Expr::Identifier(Ident::new("")));
            *expr = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(plain),
                data_type: DataType::BigInt(None),
                array: false,
                format: None,
            };
        }
    }
}

/// A query in FROM may name columns of the tables to its left without saying LATERAL.
fn name_sides(all: &mut [TableWithJoins]) {
    let mut left: HashSet<String> = HashSet::new();
    for from in all {
        let TableWithJoins { relation, joins } = from;
        for factor in std::iter::once(relation).chain(joins.iter_mut().map(|j| &mut j.relation)) {
            if let TableFactor::Derived { lateral, subquery, .. } = factor {
                *lateral = *lateral || names_one(subquery, &left);
            }
            left.extend(table_names(&TableWithJoins { relation: factor.clone(), joins: Vec::new() }));
        }
    }
}

/// Whether a query names a column of one of these tables, and has no table of that name itself.
fn names_one(query: &Query, tables: &HashSet<String>) -> bool {
    struct Named<'t> {
        tables: &'t HashSet<String>,
        own: HashSet<String>,
        named: HashSet<String>,
    }
    impl Visitor for Named<'_> {
        type Break = ();

        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            self.own.extend(select.from.iter().flat_map(table_names));
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::CompoundIdentifier(parts) = expr
                && let Some(first) = parts.first().map(|p| p.value.to_lowercase())
                && self.tables.contains(&first)
            {
                self.named.insert(first);
            }
            ControlFlow::Continue(())
        }
    }
    if tables.is_empty() {
        return false;
    }
    let mut found = Named { tables, own: HashSet::new(), named: HashSet::new() };
    let _ = query.visit(&mut found);
    found.named.iter().any(|name| !found.own.contains(name))
}

/// `SEMI JOIN` and `ANTI JOIN` keep the left side.
fn joins(from: &mut TableWithJoins) -> ControlFlow<Refusal> {
    for join in &mut from.joins {
        let operator = std::mem::replace(&mut join.join_operator, JoinOperator::CrossApply);
        join.join_operator = match operator {
            JoinOperator::Semi(constraint) => JoinOperator::LeftSemi(constraint),
            JoinOperator::Anti(constraint) => JoinOperator::LeftAnti(constraint),
            JoinOperator::AsOf { .. } => return ControlFlow::Break(asof().on(&join.relation)),
            other => other,
        };
    }
    ControlFlow::Continue(())
}

pub(super) fn asof() -> Refusal {
    Refusal::unsupported(
        "ASOF JOIN is not available on this engine",
        "join on the inequality and keep the nearest row: qualify row_number() over (partition by <key of the left row> \
         order by <time> desc) = 1",
    )
}

/// The names by which columns may be qualified.
fn table_names(from: &TableWithJoins) -> Vec<String> {
    let mut all = Vec::new();
    for factor in std::iter::once(&from.relation).chain(from.joins.iter().map(|j| &j.relation)) {
        match factor {
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. }
            | TableFactor::Function { alias: Some(alias), .. }
            | TableFactor::UNNEST { alias: Some(alias), .. }
            | TableFactor::Pivot { alias: Some(alias), .. }
            | TableFactor::Unpivot { alias: Some(alias), .. }
            | TableFactor::NestedJoin { alias: Some(alias), .. } => all.push(alias.name.value.to_lowercase()),
            TableFactor::Table { name, .. } => {
                all.extend(name.0.iter().filter_map(ObjectNamePart::as_ident).map(|i| i.value.to_lowercase()));
            }
            TableFactor::NestedJoin { table_with_joins, .. } => all.extend(table_names(table_with_joins)),
            _ => {}
        }
    }
    all
}

/// Every expression gets the name that DuckDB gives it; of equal names the later ones get a number.
fn name_columns(items: &mut [SelectItem], tables: &HashSet<String>) {
    let mut seen: HashSet<String> = HashSet::new();
    for item in items {
        let (name, span, bare) = match item {
            SelectItem::ExprWithAlias { alias, .. } => (alias.value.clone(), alias.span, false),
            SelectItem::UnnamedExpr(expr) => {
                let bare = match &*expr {
                    Expr::Identifier(_) => true,
                    // `s.field` of a struct is called `field`; a table's column is as it is.
                    Expr::CompoundIdentifier(parts) => {
                        parts.first().is_some_and(|p| tables.contains(&p.value.to_lowercase()))
                    }
                    _ => false,
                };
                (name_of(expr), expr.span(), bare)
            }
            _ => continue,
        };
        let mut unique = name.clone();
        let mut number = 0;
        while !seen.insert(unique.to_lowercase()) {
            number += 1;
            unique = format!("{name}_{number}");
        }
        let changed = unique != name;
        if let SelectItem::ExprWithAlias { alias, .. } = item {
            if changed {
                *alias = Ident { value: unique, quote_style: alias.quote_style, span: alias.span };
            }
            continue;
        }
        if bare && !changed {
            continue;
        }
        if let SelectItem::UnnamedExpr(expr) = item {
            if expands(expr) {
                continue;
            }
            let expr = std::mem::replace(expr, Expr::Identifier(Ident::new("")));
            let alias = Ident { value: unique, quote_style: Some('"'), span };
            *item = SelectItem::ExprWithAlias { expr, alias };
        }
    }
}

/// What may become several columns has no name of its own.
fn expands(expr: &Expr) -> bool {
    let unnest = matches!(expr, Expr::Function(f) if f.name.to_string().eq_ignore_ascii_case("unnest"));
    unnest || super::stars::has_columns(expr)
}

/// `EXISTS` in the list of a SELECT is planned as a count; elsewhere the engine has its own way.
fn count_existing(expr: &mut Expr) {
    struct Counting;
    impl VisitorMut for Counting {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let Expr::Exists { subquery, negated } = expr else { return ControlFlow::Continue(()) };
            let SetExpr::Select(select) = subquery.body.as_mut() else { return ControlFlow::Continue(()) };
            let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
            if grouped || select.having.is_some() || select.qualify.is_some() || subquery.limit_clause.is_some() {
                return ControlFlow::Continue(());
            }
            let zero = Expr::Value(Value::Number("0".to_owned(), false).into());
            let mut count = super::dialect::call("count", Vec::new());
            if let Expr::Function(function) = &mut count
                && let FunctionArguments::List(list) = &mut function.args
            {
                list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Wildcard));
            }
            let op = if *negated { BinaryOperator::Eq } else { BinaryOperator::Gt };
            select.distinct = None;
            subquery.order_by = None;
            select.projection =
                vec![SelectItem::UnnamedExpr(Expr::BinaryOp { left: Box::new(count), op, right: Box::new(zero) })];
            *expr = Expr::Subquery(subquery.clone());
            ControlFlow::Continue(())
        }
    }
    let _ = VisitMut::visit(expr, &mut Counting);
}

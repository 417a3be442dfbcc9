//! Joins by name: `JOIN ... USING (k)` and NATURAL joins. In: a statement. Out: the statement with ON in their place, and with the
//! value that DuckDB gives to the column that both sides share.
//!
//! That is the left side's value, the right side's after a RIGHT join, and whichever there is after a FULL join; `*` shows it once,
//! where the left side has it. The engine would always take the value of one side, for `*` the one whose name comes first in the
//! alphabet. Which side has the column is found out by planning, as in [`super::stars`].

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::common::Result;
use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator, OneOrManyWithParens, OrderBy,
    OrderByKind, Query, Select, SelectItem, SetExpr, Spanned, TableAlias, TableFactor, TableWithJoins, VisitMut,
    VisitorMut, WildcardAdditionalOptions, With,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use super::around;
use super::refusal::Refusal;
use super::stars::{columns, external};

const WAY_OUT: &str = "write the condition with ON, and coalesce(a.k, b.k) where the key is meant";

/// Writes out all joins by name.
pub(super) async fn expand(state: &SessionState, statement: &mut Parsed) -> Result<()> {
    loop {
        let Some((mut select, withs)) = around::innermost(statement, |select| select.from.iter().any(merges)) else {
            return Ok(());
        };
        let keys = Box::pin(written_out(state, &mut select, &withs)).await?;
        let mut writing = Writing { written: Some(select), keys, depth: 0, below: None };
        let _ = super::aliases::visit_mut(statement, &mut writing);
    }
}

/// Replaces the SELECT that [`around::innermost`] finds, and the keys in the order of its query.
struct Writing {
    written: Option<Select>,
    keys: Keys,
    depth: usize,
    /// How deep the SELECT lies.
    below: Option<usize>,
}

impl VisitorMut for Writing {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if select.from.iter().any(merges)
            && let Some(written) = self.written.take()
        {
            *select = written;
            self.below = Some(self.depth);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if self.below == Some(self.depth) {
            if let SetExpr::Select(select) = query.body.as_ref()
                && let Some(order) = &mut query.order_by
            {
                ordered(order, select, &self.keys);
                super::order::rewrite(query);
            }
            return ControlFlow::Break(());
        }
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}

/// Names of shared columns, in lower case -> their values.
type Keys = HashMap<String, Expr>;

/// A column that may be named after FROM.
#[derive(Clone)]
struct Visible {
    name: String,
    value: Expr,
    shared: bool,
}

impl Visible {
    fn is(&self, name: &str) -> bool {
        self.name.to_lowercase() == name
    }

    /// Whether `table.column` or `column` names it.
    fn named(&self, parts: &[String]) -> bool {
        let Some((name, tables)) = parts.split_last() else { return false };
        let Some(table) = tables.last() else { return self.is(name) };
        let Expr::CompoundIdentifier(own) = &self.value else { return false };
        let of_table = own.iter().rev().nth(1).is_some_and(|t| t.value.to_lowercase() == *table);
        self.is(name) && of_table && !self.shared
    }
}

/// What a join makes of its sides.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// The columns of both, the shared ones of this side.
    Left,
    Right,
    Full,
    /// The columns of one.
    OnlyLeft,
    OnlyRight,
}

fn kind(operator: &JoinOperator) -> Kind {
    match operator {
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) => Kind::Right,
        JoinOperator::FullOuter(_) => Kind::Full,
        JoinOperator::Semi(_) | JoinOperator::LeftSemi(_) | JoinOperator::Anti(_) | JoinOperator::LeftAnti(_) => {
            Kind::OnlyLeft
        }
        JoinOperator::RightSemi(_) | JoinOperator::RightAnti(_) => Kind::OnlyRight,
        _ => Kind::Left,
    }
}

fn constraint(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(on)
        | JoinOperator::Inner(on)
        | JoinOperator::Left(on)
        | JoinOperator::LeftOuter(on)
        | JoinOperator::Right(on)
        | JoinOperator::RightOuter(on)
        | JoinOperator::FullOuter(on)
        | JoinOperator::Semi(on)
        | JoinOperator::LeftSemi(on)
        | JoinOperator::RightSemi(on)
        | JoinOperator::Anti(on)
        | JoinOperator::LeftAnti(on)
        | JoinOperator::RightAnti(on) => Some(on),
        _ => None,
    }
}

/// Whether a join has columns that both sides share: SEMI and ANTI joins show one side.
fn merges(from: &TableWithJoins) -> bool {
    let by_name = |operator: &JoinOperator| {
        matches!(
            operator,
            JoinOperator::Join(JoinConstraint::Using(_) | JoinConstraint::Natural)
                | JoinOperator::Inner(JoinConstraint::Using(_) | JoinConstraint::Natural)
                | JoinOperator::Left(JoinConstraint::Using(_) | JoinConstraint::Natural)
                | JoinOperator::LeftOuter(JoinConstraint::Using(_) | JoinConstraint::Natural)
                | JoinOperator::Right(JoinConstraint::Using(_) | JoinConstraint::Natural)
                | JoinOperator::RightOuter(JoinConstraint::Using(_) | JoinConstraint::Natural)
                | JoinOperator::FullOuter(JoinConstraint::Using(_) | JoinConstraint::Natural)
        )
    };
    from.joins.iter().any(|join| by_name(&join.join_operator)) || factors(from).any(nests)
}

fn nests(factor: &TableFactor) -> bool {
    matches!(factor, TableFactor::NestedJoin { table_with_joins, .. } if merges(table_with_joins))
}

fn factors(from: &TableWithJoins) -> impl Iterator<Item = &TableFactor> {
    std::iter::once(&from.relation).chain(from.joins.iter().map(|j| &j.relation))
}

fn factors_mut(from: &mut TableWithJoins) -> impl Iterator<Item = &mut TableFactor> {
    std::iter::once(&mut from.relation).chain(from.joins.iter_mut().map(|j| &mut j.relation))
}

/// Writes one SELECT out.
async fn written_out(state: &SessionState, select: &mut Select, withs: &[With]) -> Result<Keys> {
    let place = select.from.first().map(|f| f.span().start);
    let mut unnamed = 0;
    for from in &mut select.from {
        name_tables(from, &mut unnamed);
    }
    let mut apart = select.clone();
    apart.from.iter_mut().for_each(cross);
    let all = columns(state, &apart, withs, SelectItem::Wildcard(WildcardAdditionalOptions::default())).await?;
    let mut tables: Vec<(Vec<Ident>, Vec<Visible>)> = Vec::new();
    for (value, name) in all {
        let Expr::CompoundIdentifier(parts) = &value else { return Err(external(beyond(place))) };
        let table = parts[..parts.len() - 1].to_vec();
        if tables.last().is_none_or(|(last, _)| *last != table) {
            tables.push((table, Vec::new()));
        }
        if let Some((_, columns)) = tables.last_mut() {
            columns.push(Visible { name, value, shared: false });
        }
    }
    let mut tables = tables.into_iter().map(|(_, columns)| columns);
    let mut visible = Vec::new();
    for from in &mut select.from {
        visible.extend(joined(from, &mut tables).map_err(external)?);
    }
    if tables.next().is_some() {
        return Err(external(beyond(place)));
    }
    let keys = keys(&visible);
    list(select, &visible, &keys).map_err(external)?;
    // What stands in FROM is done already.
    let from = std::mem::take(&mut select.from);
    replace(select, &keys);
    select.from = from;
    Ok(keys)
}

fn beyond(place: Option<Location>) -> Refusal {
    let refusal = Refusal::unsupported("this join by name is not available on this engine", WAY_OUT);
    match place {
        Some(place) => refusal.at(place),
        None => refusal,
    }
}

/// Queries get the names that DuckDB gives them, so that their columns can be told apart; a join with a name becomes a query.
fn name_tables(from: &mut TableWithJoins, unnamed: &mut usize) {
    for factor in factors_mut(from) {
        match factor {
            TableFactor::Derived { alias: alias @ None, .. } => {
                *unnamed += 1;
                let number = if *unnamed > 1 { unnamed.to_string() } else { String::new() };
                let name = Ident::new(format!("unnamed_subquery{number}"));
                *alias = Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None });
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => name_tables(table_with_joins, unnamed),
            TableFactor::NestedJoin { table_with_joins, alias } if merges(table_with_joins) => {
                let Some(mut subquery) = super::tables::query("select * from t") else { continue };
                if let SetExpr::Select(select) = subquery.body.as_mut() {
                    select.from = vec![(**table_with_joins).clone()];
                }
                *factor = TableFactor::Derived { lateral: false, subquery, alias: alias.take(), sample: None };
            }
            _ => {}
        }
    }
}

/// The same tables, all columns of each: only their names are asked for.
fn cross(from: &mut TableWithJoins) {
    for join in &mut from.joins {
        join.join_operator = JoinOperator::CrossJoin(JoinConstraint::None);
    }
    for factor in factors_mut(from) {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            cross(table_with_joins);
        }
    }
}

type Tables<'a> = &'a mut dyn Iterator<Item = Vec<Visible>>;

/// The columns of one entry of FROM, its joins by name written out.
fn joined(from: &mut TableWithJoins, tables: Tables<'_>) -> std::result::Result<Vec<Visible>, Refusal> {
    let mut left = table(&mut from.relation, tables)?;
    for join in &mut from.joins {
        let right = table(&mut join.relation, tables)?;
        let place = join.relation.span().start;
        let kind = kind(&join.join_operator);
        let Some(constraint) = constraint(&mut join.join_operator) else {
            left.extend(right);
            continue;
        };
        let names: Vec<String> = match &mut *constraint {
            JoinConstraint::Using(names) => {
                names.iter().filter_map(|name| Some(name.0.last()?.as_ident()?.value.to_lowercase())).collect()
            }
            JoinConstraint::Natural => {
                let shared = |c: &&Visible| right.iter().any(|r| r.is(&c.name.to_lowercase()));
                let mut seen = HashSet::new();
                left.iter().filter(shared).map(|c| c.name.to_lowercase()).filter(|n| seen.insert(n.clone())).collect()
            }
            JoinConstraint::On(condition) => {
                let both: Vec<Visible> = left.iter().chain(&right).cloned().collect();
                replace(condition, &keys(&both));
                Vec::new()
            }
            JoinConstraint::None => Vec::new(),
        };
        if matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural) {
            *constraint = JoinConstraint::On(share(kind, &mut left, &right, &names).map_err(|r| r.at(place))?);
        }
        match kind {
            Kind::OnlyLeft => {}
            Kind::OnlyRight => left = right,
            _ => left.extend(right.into_iter().filter(|c| !names.contains(&c.name.to_lowercase()))),
        }
    }
    Ok(left)
}

fn table(factor: &mut TableFactor, tables: Tables<'_>) -> std::result::Result<Vec<Visible>, Refusal> {
    if let TableFactor::NestedJoin { table_with_joins, alias: None } = factor {
        return joined(table_with_joins, tables);
    }
    let place = factor.span().start;
    tables.next().ok_or_else(|| beyond(Some(place)))
}

/// The condition of a join over these columns, which have their common value from now on.
fn share(kind: Kind, left: &mut [Visible], right: &[Visible], names: &[String]) -> std::result::Result<Expr, Refusal> {
    let mut condition: Option<Expr> = None;
    for name in names {
        let place = only(left, name, "left")?;
        let other = right[only(right, name, "right")?].value.clone();
        let column = &mut left[place];
        let equal = Expr::BinaryOp {
            left: Box::new(column.value.clone()),
            op: BinaryOperator::Eq,
            right: Box::new(other.clone()),
        };
        condition = Some(match condition {
            None => equal,
            Some(others) => Expr::BinaryOp { left: Box::new(others), op: BinaryOperator::And, right: Box::new(equal) },
        });
        match kind {
            Kind::Right => column.value = other,
            Kind::Full => {
                column.value = super::dialect::call("coalesce", vec![column.value.clone(), other]);
            }
            Kind::Left | Kind::OnlyLeft | Kind::OnlyRight => {}
        }
        column.shared |= !matches!(kind, Kind::OnlyLeft | Kind::OnlyRight);
    }
    condition.ok_or_else(|| {
        Refusal::unsupported(
            "the sides of this NATURAL JOIN have no column in common",
            "write CROSS JOIN to combine all rows, or the condition with ON",
        )
    })
}

/// The place of the one column of that name: a shared one, if there is one.
fn only(columns: &[Visible], name: &str, side: &str) -> std::result::Result<usize, Refusal> {
    let places = |shared: bool| {
        let fits =
            move |(place, column): (usize, &Visible)| (column.is(name) && (column.shared || !shared)).then_some(place);
        columns.iter().enumerate().filter_map(fits).collect::<Vec<_>>()
    };
    match (places(true).as_slice(), places(false).as_slice()) {
        ([one], _) | ([], [one]) => Ok(*one),
        ([], []) => Err(Refusal::unsupported(
            format!("the {side} side of the join has no column {name}"),
            "USING names columns that both sides have; write the condition with ON if they are called differently",
        )),
        _ => Err(Refusal::unsupported(
            format!("the {side} side of the join has several columns {name}"),
            "write the condition with ON, and say of which table the column is",
        )),
    }
}

/// The values of shared columns. A name that is shared twice means none of them.
fn keys(visible: &[Visible]) -> Keys {
    let mut keys = Keys::new();
    let mut twice = Vec::new();
    for column in visible.iter().filter(|c| c.shared) {
        let name = column.name.to_lowercase();
        if keys.insert(name.clone(), column.value.clone()).is_some() {
            twice.push(name);
        }
    }
    for name in twice {
        keys.remove(&name);
    }
    keys
}

/// The list of a SELECT: `*` in full, and a name for every key that stands alone.
fn list(select: &mut Select, visible: &[Visible], keys: &Keys) -> std::result::Result<(), Refusal> {
    let mut items = Vec::new();
    for item in std::mem::take(&mut select.projection) {
        match item {
            SelectItem::Wildcard(options) => items.extend(star(&options, visible)?),
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => items.push(match keys.get(&name.value.to_lowercase()) {
                Some(value) => item_of(value.clone(), name),
                None => SelectItem::UnnamedExpr(Expr::Identifier(name)),
            }),
            other => items.push(other),
        }
    }
    select.projection = items;
    Ok(())
}

/// A column keeps its table; what is computed gets the name.
fn item_of(value: Expr, name: Ident) -> SelectItem {
    match value {
        Expr::CompoundIdentifier(_) => SelectItem::UnnamedExpr(value),
        expr => SelectItem::ExprWithAlias { expr, alias: name },
    }
}

fn star(options: &WildcardAdditionalOptions, visible: &[Visible]) -> std::result::Result<Vec<SelectItem>, Refusal> {
    let AttachedToken(token) = &options.wildcard_token;
    let place = token.span.start;
    if options.opt_ilike.is_some() || options.opt_alias.is_some() {
        return Err(
            Refusal::unsupported("this form of * is not available over a join by name", "list the columns").at(place)
        );
    }
    let mut excluded: Vec<Vec<String>> = Vec::new();
    let lower = |name: &Ident| name.value.to_lowercase();
    let names = match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(one)) => std::slice::from_ref(one),
        Some(ExcludeSelectItem::Multiple(all)) => all.as_slice(),
        None => &[],
    };
    for name in names {
        excluded.push(name.0.iter().filter_map(|p| p.as_ident()).map(lower).collect());
    }
    if let Some(except) = &options.opt_except {
        excluded
            .extend(std::iter::once(&except.first_element).chain(&except.additional_elements).map(|n| vec![lower(n)]));
    }
    let replaced = options.opt_replace.iter().flat_map(|r| &r.items);
    let named = excluded.iter().filter(|n| n.len() == 1).cloned();
    for name in named.chain(replaced.clone().map(|r| vec![lower(&r.column_name)])) {
        if !visible.iter().any(|c| c.named(&name)) {
            let known: Vec<&str> = visible.iter().map(|c| c.name.as_str()).collect();
            let message = format!("there is no column {} to leave out or replace", name.join("."));
            return Err(Refusal::unsupported(message, format!("there are {}", known.join(", "))).at(place));
        }
    }
    let mut items = Vec::new();
    for column in visible.iter().filter(|c| !excluded.iter().any(|n| c.named(n))) {
        let name = Ident::with_quote('"', column.name.clone());
        items.push(match replaced.clone().find(|r| column.is(&lower(&r.column_name))) {
            Some(replaced) => SelectItem::ExprWithAlias { expr: replaced.expr.clone(), alias: name },
            None => item_of(column.value.clone(), name),
        });
    }
    Ok(items)
}

/// ORDER BY: an alias of the list goes before a column.
fn ordered(order: &mut OrderBy, select: &Select, keys: &Keys) {
    let OrderByKind::Expressions(all) = &mut order.kind else { return };
    let mut keys = keys.clone();
    for item in &select.projection {
        if let SelectItem::ExprWithAlias { alias, .. } = item {
            keys.remove(&alias.value.to_lowercase());
        }
    }
    for by in all {
        replace(&mut by.expr, &keys);
    }
}

/// Puts the values of keys where they are named.
fn replace(node: &mut impl VisitMut, keys: &Keys) {
    let mut replacing = Replacing { keys, depth: 0, hidden: Vec::new() };
    let _ = VisitMut::visit(node, &mut replacing);
}

struct Replacing<'a> {
    keys: &'a Keys,
    /// Queries around, which may have a column of that name.
    depth: usize,
    /// Parameters of the lambdas around.
    hidden: Vec<Vec<String>>,
}

impl VisitorMut for Replacing<'_> {
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
        if let Expr::Lambda(lambda) = expr {
            self.hidden.push(match &lambda.params {
                OneOrManyWithParens::One(one) => vec![one.name.value.to_lowercase()],
                OneOrManyWithParens::Many(all) => all.iter().map(|p| p.name.value.to_lowercase()).collect(),
            });
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Lambda(_) => {
                self.hidden.pop();
            }
            Expr::Identifier(name) if self.depth == 0 => {
                let name = name.value.to_lowercase();
                if let Some(value) = self.keys.get(&name)
                    && !self.hidden.iter().flatten().any(|h| *h == name)
                {
                    *expr = value.clone();
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

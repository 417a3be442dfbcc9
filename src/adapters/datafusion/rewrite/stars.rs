//! `* RENAME` and `COLUMNS(...)`, which need to know what the columns are. In: a statement. Out: the statement with the columns
//! written out. The columns of a SELECT are those that `SELECT *` over its FROM has when planned.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::common::{DataFusionError, Result, TableReference};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, Query, RenameSelectItem,
    Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement, Value, Visit, VisitMut, Visitor,
    VisitorMut, WildcardAdditionalOptions, With,
};
use fancy_regex::Regex;

use super::around;
use super::refusal::Refusal;

/// How many SELECTs are written out before giving up.
const ROUNDS: usize = 100;

/// Which lists of columns are written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// Those that need the columns' names.
    Needed,
    /// Those with a star and something beside it as well. What comes second under a name gets a number: `select *, id` has a column
    /// `id_1`.
    Mixed,
}

impl Which {
    fn has(self, select: &Select) -> bool {
        select.projection.iter().any(|item| self.takes(select, item))
    }

    fn takes(self, select: &Select, item: &SelectItem) -> bool {
        needs_columns(item) || self == Self::Mixed && select.projection.len() > 1 && is_star(item)
    }
}

fn is_star(item: &SelectItem) -> bool {
    matches!(
        item,
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(_), _)
    )
}

/// Writes out columns.
pub(super) async fn expand(state: &SessionState, statement: &mut Parsed, which: Which) -> Result<()> {
    for _ in 0..ROUNDS {
        let Some((select, withs)) = around::innermost(statement, |select| which.has(select)) else {
            return Ok(());
        };
        let mut items = Vec::new();
        for item in &select.projection {
            if !which.takes(&select, item) {
                items.push(item.clone());
                continue;
            }
            items.extend(written_out(state, &select, &withs, item).await?);
        }
        if which == Which::Mixed {
            number(&mut items);
        }
        let mut replacing = Writing { which, items: Some(items) };
        let _ = super::aliases::visit_mut(statement, &mut replacing);
    }
    Ok(())
}

/// Gives a number to what has the name of something before it.
fn number(items: &mut [SelectItem]) {
    let mut seen: HashSet<String> = HashSet::new();
    for item in items {
        let name = match item {
            SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
            SelectItem::UnnamedExpr(expr) => super::naming::name_of(expr),
            _ => continue,
        };
        // One that has a number already is counted on with its like.
        let base = name
            .rsplit_once('_')
            .filter(|(base, number)| number.bytes().all(|b| b.is_ascii_digit()) && seen.contains(&base.to_lowercase()));
        let base = base.map_or(name.as_str(), |(base, _)| base);
        let (mut unique, mut number) = (name.clone(), 0);
        while !seen.insert(unique.to_lowercase()) {
            number += 1;
            unique = format!("{base}_{number}");
        }
        if unique == name {
            continue;
        }
        if let SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr) = item {
            let expr = std::mem::replace(expr, Expr::Identifier(Ident::new("")));
            *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', unique) };
        }
    }
}

fn needs_columns(item: &SelectItem) -> bool {
    match item {
        SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => options.opt_rename.is_some(),
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => has_columns(expr),
        SelectItem::ExprWithAliases { .. } => false,
    }
}

/// Whether an expression stands for several columns.
pub(super) fn has_columns(expr: &Expr) -> bool {
    columns_call(expr).is_some()
}

/// The call of COLUMNS in an expression.
fn columns_call(expr: &Expr) -> Option<Function> {
    struct Calls(Option<Function>);
    impl Visitor for Calls {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function) if is_columns(function) => {
                    self.0 = Some(function.clone());
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    let mut calls = Calls(None);
    let _ = expr.visit(&mut calls);
    calls.0
}

fn is_columns(function: &Function) -> bool {
    function.name.0.len() == 1 && function.name.to_string().eq_ignore_ascii_case("columns")
}

/// Replaces the list of the SELECT that [`around::innermost`] finds.
struct Writing {
    which: Which,
    items: Option<Vec<SelectItem>>,
}

impl VisitorMut for Writing {
    type Break = ();

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if self.which.has(select)
            && let Some(items) = self.items.take()
        {
            select.projection = items;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// A column: how it is written, and its name.
pub(super) type Known = (Expr, String);

/// The columns that a star over this FROM has.
pub(super) async fn columns(
    state: &SessionState,
    select: &Select,
    withs: &[With],
    star: SelectItem,
) -> Result<Vec<Known>> {
    known(&Box::pin(super::aliases::plan(state, only_star(select, withs, star))).await?)
}

/// The same where no query below has columns of one name.
pub(super) async fn columns_told_apart(
    state: &SessionState,
    select: &Select,
    withs: &[With],
    star: SelectItem,
) -> Result<Vec<Known>> {
    known(&Box::pin(super::aliases::plan_told_apart(state, only_star(select, withs, star))).await?)
}

fn only_star(select: &Select, withs: &[With], star: SelectItem) -> Parsed {
    let mut only = select.clone();
    only.distinct = None;
    only.projection = vec![star];
    only.selection = None;
    only.having = None;
    only.qualify = None;
    only.group_by = GroupByExpr::Expressions(Vec::new(), Vec::new());
    only.named_window = Vec::new();
    asked(SetExpr::Select(Box::new(only)), withs)
}

fn known(plan: &LogicalPlan) -> Result<Vec<Known>> {
    let all = plan.schema().iter().map(|(qualifier, field)| {
        let mut parts: Vec<Ident> = qualifier.map(qualifiers).unwrap_or_default();
        parts.push(Ident::with_quote('"', field.name()));
        let expr = if parts.len() == 1 { Expr::Identifier(parts.remove(0)) } else { Expr::CompoundIdentifier(parts) };
        (expr, field.name().clone())
    });
    Ok(all.collect())
}

/// A query of its own, with what WITH names around it.
pub(super) fn asked(body: SetExpr, withs: &[With]) -> Parsed {
    let mut query = Query {
        with: withs.first().cloned(),
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    };
    if let Some(with) = &mut query.with {
        for more in &withs[1..] {
            with.recursive |= more.recursive;
            with.cte_tables.extend(more.cte_tables.iter().cloned());
        }
    }
    Parsed::Statement(Box::new(Statement::Query(Box::new(query))))
}

fn qualifiers(table: &TableReference) -> Vec<Ident> {
    [table.catalog(), table.schema(), Some(table.table())]
        .into_iter()
        .flatten()
        .map(|p| Ident::with_quote('"', p))
        .collect()
}

async fn written_out(
    state: &SessionState,
    select: &Select,
    withs: &[With],
    item: &SelectItem,
) -> Result<Vec<SelectItem>> {
    match item {
        SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => {
            renamed(state, select, withs, item, options).await
        }
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            let Some(call) = columns_call(expr) else { return Ok(vec![item.clone()]) };
            let chosen = chosen(state, select, withs, &call).await?;
            Ok(chosen
                .into_iter()
                .map(|(column, name)| {
                    let mut expr = expr.clone();
                    let _ = VisitMut::visit(&mut expr, &mut Putting { column });
                    SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) }
                })
                .collect())
        }
        SelectItem::ExprWithAliases { .. } => Ok(vec![item.clone()]),
    }
}

/// Puts a column in the place of COLUMNS(...).
struct Putting {
    column: Expr,
}

impl VisitorMut for Putting {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Function(function) if is_columns(function)) {
            *expr = self.column.clone();
        }
        ControlFlow::Continue(())
    }
}

pub(super) fn external(refusal: Refusal) -> DataFusionError {
    DataFusionError::External(Box::new(refusal))
}

/// The columns that COLUMNS(...) stands for: all, all but some, or those whose name matches.
async fn chosen(state: &SessionState, select: &Select, withs: &[With], call: &Function) -> Result<Vec<Known>> {
    let refuse = || {
        let help = "write COLUMNS(*), COLUMNS(* EXCLUDE (a, b)) or COLUMNS('regular expression')";
        external(Refusal::unsupported("this form of COLUMNS is not available on this engine", help).on(&call.name))
    };
    let FunctionArguments::List(list) = &call.args else { return Err(refuse()) };
    let star = |options| SelectItem::Wildcard(options);
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] => {
            columns(state, select, withs, star(WildcardAdditionalOptions::default())).await
        }
        [FunctionArg::Unnamed(FunctionArgExpr::WildcardWithOptions(options))] => {
            columns(state, select, withs, star(options.clone())).await
        }
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] => {
            let Value::SingleQuotedString(pattern) = &value.value else { return Err(refuse()) };
            let regex = Regex::new(pattern).map_err(|e| {
                let text = format!("'{pattern}' is no regular expression: {e}");
                external(Refusal::unsupported(text, "it is matched against the names of the columns").on(&call.name))
            })?;
            let all = columns(state, select, withs, star(WildcardAdditionalOptions::default())).await?;
            let found: Vec<Known> = all.into_iter().filter(|(_, n)| regex.is_match(n).unwrap_or(false)).collect();
            if found.is_empty() {
                let text = format!("no column has a name that matches '{pattern}'");
                return Err(external(Refusal::unsupported(text, "see the columns with select *").on(&call.name)));
            }
            Ok(found)
        }
        _ => Err(refuse()),
    }
}

/// `* RENAME (a AS b)` in full.
async fn renamed(
    state: &SessionState,
    select: &Select,
    withs: &[With],
    item: &SelectItem,
    options: &WildcardAdditionalOptions,
) -> Result<Vec<SelectItem>> {
    let mut plain = options.clone();
    plain.opt_rename = None;
    plain.opt_replace = None;
    let star = match item {
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name.clone()), plain)
        }
        _ => SelectItem::Wildcard(plain),
    };
    let renames: Vec<(String, Ident)> = match &options.opt_rename {
        Some(RenameSelectItem::Single(one)) => vec![(one.ident.value.to_lowercase(), one.alias.clone())],
        Some(RenameSelectItem::Multiple(all)) => {
            all.iter().map(|i| (i.ident.value.to_lowercase(), i.alias.clone())).collect()
        }
        None => Vec::new(),
    };
    let known = columns(state, select, withs, star).await?;
    if let Some((missing, alias)) = renames.iter().find(|(old, _)| !known.iter().any(|(_, n)| n.to_lowercase() == *old))
    {
        let names: Vec<&str> = known.iter().map(|(_, n)| n.as_str()).collect();
        let refusal = Refusal::unsupported(
            format!("there is no column {missing} to rename"),
            format!("there are {}", names.join(", ")),
        );
        return Err(external(refusal.at(alias.span.start)));
    }
    Ok(known
        .into_iter()
        .map(|(column, name)| {
            let lower = name.to_lowercase();
            let replaced =
                options.opt_replace.iter().flat_map(|r| &r.items).find(|i| i.column_name.value.to_lowercase() == lower);
            let expr = replaced.map_or(column, |r| r.expr.clone());
            let alias = renames.iter().find(|(old, _)| *old == lower).map(|(_, new)| new.clone());
            SelectItem::ExprWithAlias { expr, alias: alias.unwrap_or_else(|| Ident::with_quote('"', name)) }
        })
        .collect())
}

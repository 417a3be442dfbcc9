//! What only the catalog can tell. In: a statement. Out: its plan.
//!
//! DuckDB lets an expression use an alias of the same SELECT, in its list and in WHERE, unless a column of that name is there;
//! and it does not care about the case of names. Whether a column is there only the planner knows. So the statement is planned;
//! if a name does not resolve, it is replaced by the alias's expression or by the column's exact name, and planned again.

use std::ops::ControlFlow;

use datafusion::common::{Column, DataFusionError, Diagnostic, Result, SchemaError};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{CopyToSource, CopyToStatement, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, SetExpr, Visit, VisitMut, Visitor, VisitorMut,
};

use super::stars::Which;
use crate::adapters::datafusion::{decorrelate, offsets};

/// How many names are replaced before giving up.
const ROUNDS: usize = 200;

/// Plans a statement that [`super::parse`] has made.
pub(in crate::adapters::datafusion) async fn plan(state: &SessionState, statement: Parsed) -> Result<LogicalPlan> {
    plan_from(state, statement, false).await
}

/// Plans a statement in which no query below has columns of one name. Whoever finds them asks for a part of the same
/// statement: if that looked for them again, it would never end.
pub(super) async fn plan_told_apart(state: &SessionState, statement: Parsed) -> Result<LogicalPlan> {
    plan_from(state, statement, true).await
}

async fn plan_from(state: &SessionState, mut statement: Parsed, mut apart: bool) -> Result<LogicalPlan> {
    super::stars::expand(state, &mut statement, Which::Needed).await?;
    super::using::expand(state, &mut statement).await?;
    super::order::expand(state, &mut statement).await?;
    let (mut named, mut numbered) = (false, false);
    for _ in 0..ROUNDS {
        let planned = state.statement_to_plan(statement.clone()).await;
        // Columns of one name in a query below, or a name that one of them would have: then they are numbered, which takes planning.
        let unlike = match &planned {
            Ok(plan) => super::duplicates::any(plan)?,
            Err(error) => Missing::of(error).is_some(),
        };
        if unlike && !apart {
            apart = true;
            if super::duplicates::tell_apart(state, &mut statement).await? {
                continue;
            }
        }
        let error = match planned {
            Ok(plan) => return typed(state, plan),
            Err(error) => error,
        };
        if !named && is_twice(&error) {
            let _ = visit_mut(&mut statement, &mut super::exact::Naming);
            named = true;
            continue;
        }
        if !numbered && error.find_root().to_string().contains("Projections require unique expression names") {
            super::stars::expand(state, &mut statement, Which::Mixed).await?;
            numbered = true;
            continue;
        }
        let Some(missing) = Missing::of(&error) else { return Err(error) };
        if !missing.replace(&mut statement) {
            return Err(error);
        }
    }
    typed(state, state.statement_to_plan(statement).await?)
}

/// Whether two columns that are worked out have one name.
fn is_twice(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::SchemaError(told, _) => matches!(
            **told,
            SchemaError::DuplicateQualifiedField { .. } | SchemaError::DuplicateUnqualifiedField { .. }
        ),
        DataFusionError::Plan(text) => text.starts_with("Windows require unique expression names"),
        _ => false,
    }
}

/// The plan with the types that its columns really have, and without subqueries that the engine cannot plan. The planner takes the
/// first branch of a CASE for the whole; only the analyzer finds out what all branches have in common.
fn typed(state: &SessionState, plan: LogicalPlan) -> Result<LogicalPlan> {
    if matches!(
        plan,
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::Ddl(_) | LogicalPlan::Statement(_)
    ) {
        return Ok(plan);
    }
    decorrelate::analysed(state, offsets::numbered(plan)?)
}

/// Visits the parser's statement inside of DataFusion's.
pub(super) fn visit_mut<V: VisitorMut>(statement: &mut Parsed, visitor: &mut V) -> ControlFlow<V::Break> {
    match statement {
        Parsed::Statement(inner) => VisitMut::visit(&mut **inner, visitor),
        Parsed::Explain(explain) => visit_mut(&mut explain.statement, visitor),
        Parsed::CopyTo(CopyToStatement { source: CopyToSource::Query(query), .. }) => {
            VisitMut::visit(&mut **query, visitor)
        }
        _ => ControlFlow::Continue(()),
    }
}

/// The same without changing it.
pub(super) fn visit<V: Visitor>(statement: &Parsed, visitor: &mut V) -> ControlFlow<V::Break> {
    match statement {
        Parsed::Statement(inner) => Visit::visit(&**inner, visitor),
        Parsed::Explain(explain) => visit(&explain.statement, visitor),
        Parsed::CopyTo(CopyToStatement { source: CopyToSource::Query(query), .. }) => Visit::visit(&**query, visitor),
        _ => ControlFlow::Continue(()),
    }
}

/// A name that did not resolve.
struct Missing {
    column: Column,
    place: Option<(u64, u64)>,
    /// A column that is called so in another case.
    meant: Option<String>,
}

impl Missing {
    fn of(error: &DataFusionError) -> Option<Self> {
        let place = error.diagnostic().and_then(start);
        let DataFusionError::SchemaError(schema_error, _) = error.find_root() else { return None };
        let SchemaError::FieldNotFound { field, valid_fields } = &**schema_error else { return None };
        let same: Vec<&Column> = valid_fields
            .iter()
            .filter(|c| c.name.eq_ignore_ascii_case(&field.name) && c.name != field.name)
            .filter(|c| field.relation.is_none() || c.relation == field.relation)
            .collect();
        let mut names: Vec<&str> = same.iter().map(|c| c.name.as_str()).collect();
        names.dedup();
        let meant = if let [one] = names.as_slice() { Some((*one).to_owned()) } else { None };
        Some(Self { column: (**field).clone(), place, meant })
    }

    fn replace(&self, statement: &mut Parsed) -> bool {
        if let Some(meant) = &self.meant {
            let mut spelling = Spelling {
                missing: self,
                meant,
                scopes: Vec::new(),
                seen: 0,
                found: None,
                replaces: false,
                done: false,
            };
            let _ = visit_mut(statement, &mut spelling);
            (spelling.scopes, spelling.seen) = (Vec::new(), 0);
            if spelling.found.is_some() {
                spelling.replaces = true;
                let _ = visit_mut(statement, &mut spelling);
            }
            return spelling.done;
        }
        let mut replacing = Replacing { missing: self, done: false };
        let _ = visit_mut(statement, &mut replacing);
        replacing.done
    }

    fn named(&self, name: &Ident) -> bool {
        if name.quote_style.is_some() {
            name.value == self.column.name
        } else {
            name.value.to_lowercase() == self.column.name
        }
    }

    /// Whether the name stands where it was not found; a place that is not known fits all.
    fn stands_at(&self, name: &Ident) -> bool {
        let at = name.span.start;
        self.place.is_none_or(|place| place == (at.line, at.column))
    }
}

fn start(diagnostic: &Diagnostic) -> Option<(u64, u64)> {
    diagnostic.span.map(|s| (s.start.line, s.start.column))
}

struct Replacing<'a> {
    missing: &'a Missing,
    done: bool,
}

impl VisitorMut for Replacing<'_> {
    type Break = ();

    /// Aliases of a list, for what stands after them and in WHERE.
    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if self.missing.column.relation.is_some() {
            return ControlFlow::Continue(());
        }
        if !find(select, self.missing).meant {
            return ControlFlow::Continue(());
        }
        let mut alias: Option<Expr> = None;
        let mut done = false;
        for item in &mut select.projection {
            let expr = match item {
                SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr) => expr,
                _ => continue,
            };
            if let Some(value) = &alias {
                done |= substitute(expr, self.missing, value);
            }
            if let SelectItem::ExprWithAlias { expr, alias: name } = item
                && self.missing.named(name)
                && !find(expr, self.missing).named
            {
                alias = Some(Expr::Nested(Box::new(expr.clone())));
            }
        }
        if let Some(value) = &alias {
            for clause in [&mut select.selection, &mut select.having, &mut select.qualify].into_iter().flatten() {
                done |= substitute(clause, self.missing, value);
            }
        }
        self.done |= done;
        ControlFlow::Continue(())
    }
}

/// Puts the exact name of a column in the SELECT where it was not found. Other SELECTs have other columns: the same name may stand
/// there for another one. First it looks for the SELECT, then it replaces.
struct Spelling<'a> {
    missing: &'a Missing,
    meant: &'a str,
    /// The queries and SELECTs around, by the order in which they are met, and whether a SELECT in there is the query itself: its
    /// ORDER BY sees the same tables.
    scopes: Vec<(usize, bool)>,
    seen: usize,
    /// The one where the name was not found, with how deep it stands; 0 is the statement itself. Where the planner does not say
    /// the place, it is the outermost with the name: clauses such as ORDER BY have no places.
    found: Option<(usize, usize)>,
    replaces: bool,
    done: bool,
}

impl Spelling<'_> {
    fn enter(&mut self, is_select: bool) -> ControlFlow<()> {
        self.seen += 1;
        self.scopes.push((self.seen, is_select));
        ControlFlow::Continue(())
    }

    fn leave(&mut self) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }
}

impl VisitorMut for Spelling<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.enter(matches!(*query.body, SetExpr::Select(_)))
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.leave()
    }

    fn pre_visit_select(&mut self, _select: &mut Select) -> ControlFlow<()> {
        match self.scopes.last() {
            Some(&(query, true)) => {
                self.scopes.push((query, false));
                ControlFlow::Continue(())
            }
            _ => self.enter(false),
        }
    }

    fn post_visit_select(&mut self, _select: &mut Select) -> ControlFlow<()> {
        self.leave()
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let parts = match expr {
            Expr::Identifier(name) => std::slice::from_mut(name),
            Expr::CompoundIdentifier(parts) => parts.as_mut_slice(),
            _ => return ControlFlow::Continue(()),
        };
        let here = parts.first().is_some_and(|first| self.missing.stands_at(first));
        let [before @ .., name] = parts else { return ControlFlow::Continue(()) };
        let of_it = match (&self.missing.column.relation, before.last()) {
            (Some(relation), Some(table)) => relation.table().eq_ignore_ascii_case(&table.value),
            (relation, table) => relation.is_none() && table.is_none(),
        };
        if !of_it || !self.missing.named(name) {
            return ControlFlow::Continue(());
        }
        let scope = self.scopes.last().map_or(0, |(scope, _)| *scope);
        if !self.replaces {
            let found = (self.scopes.len(), scope);
            if here && self.found.is_none_or(|known| found.0 < known.0) {
                self.found = Some(found);
            }
        } else if self.found.is_some_and(|(_, found)| found == scope) {
            *name = Ident { value: self.meant.to_owned(), quote_style: Some('"'), span: name.span };
            self.done = true;
        }
        ControlFlow::Continue(())
    }
}

/// Puts the alias's expression in the place of its name: everywhere in this SELECT once it is known to be the one that is meant.
fn substitute(expr: &mut Expr, missing: &Missing, value: &Expr) -> bool {
    let mut substituting = Substituting { missing, value, depth: 0, done: false };
    let _ = VisitMut::visit(expr, &mut substituting);
    substituting.done
}

struct Substituting<'a> {
    missing: &'a Missing,
    value: &'a Expr,
    /// Queries around, below the expression.
    depth: usize,
    done: bool,
}

impl VisitorMut for Substituting<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr
            && self.missing.named(name)
            && (self.depth == 0 || self.missing.stands_at(name))
        {
            *expr = self.value.clone();
            self.done = true;
        }
        ControlFlow::Continue(())
    }
}

/// Whether an expression has the name, and where it is meant.
#[derive(Default)]
struct Found {
    named: bool,
    meant: bool,
}

fn find(node: &impl Visit, missing: &Missing) -> Found {
    struct Finding<'a> {
        missing: &'a Missing,
        found: Found,
    }
    impl Visitor for Finding<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::Identifier(name) = expr
                && self.missing.named(name)
            {
                self.found.named = true;
                self.found.meant |= self.missing.stands_at(name);
            }
            ControlFlow::Continue(())
        }
    }
    let mut finding = Finding { missing, found: Found::default() };
    let _ = node.visit(&mut finding);
    finding.found
}

//! Columns of one name in a query that others read: `select o.*, c.*`. In: a statement. Out: the statement with such columns written
//! out and numbered as DuckDB numbers them: `id`, `id_1`. The engine would call the second one `id:1`.

use std::cell::Cell;
use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Expr, Ident, Select, SelectItem, VisitorMut};

use super::around;
use super::stars::{Known, columns_told_apart};

/// How many SELECTs are looked at before giving up.
const ROUNDS: usize = 200;

/// Whether a query inside has columns that the engine has numbered.
pub(super) fn any(plan: &LogicalPlan) -> Result<bool> {
    let numbered = |name: &str| {
        let number = name.rsplit_once(':').map(|(_, number)| number);
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::SubqueryAlias(alias) = node {
            found |= alias.schema.fields().iter().any(|field| numbered(field.name()));
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Numbers the columns of every SELECT that gives one name to several; says whether there was any.
pub(super) async fn tell_apart(state: &SessionState, statement: &mut Parsed) -> Result<bool> {
    let (mut changed, mut done) = (false, 0);
    for _ in 0..ROUNDS {
        let passed = Cell::new(0);
        let next = |select: &Select| {
            let fits = has_star(select);
            passed.set(passed.get() + usize::from(fits));
            fits && passed.get() > done
        };
        let Some((select, withs)) = around::innermost(statement, next) else { break };
        let mut known = Vec::new();
        for item in &select.projection {
            known.extend(match item {
                SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options)
                    if options.opt_replace.is_none() =>
                {
                    // What cannot be planned is told by the planner, with its place.
                    let all = columns_told_apart(state, &select, &withs, item.clone()).await;
                    let Ok(all) = all else { return Ok(changed) };
                    all.into_iter().map(|column| (None, column)).collect()
                }
                SelectItem::UnnamedExpr(expr) => {
                    vec![(Some(item.clone()), (expr.clone(), super::naming::name_of(expr)))]
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    vec![(Some(item.clone()), (expr.clone(), alias.value.clone()))]
                }
                _ => Vec::new(),
            });
        }
        match numbered(known) {
            Some(items) => {
                changed = true;
                let mut writing = Writing { items: Some(items), left: done };
                let _ = super::aliases::visit_mut(statement, &mut writing);
            }
            None => done += 1,
        }
    }
    Ok(changed)
}

/// Whether a star may hide two columns of one name.
fn has_star(select: &Select) -> bool {
    let star = |item: &SelectItem| matches!(item, SelectItem::Wildcard(o) | SelectItem::QualifiedWildcard(_, o) if o.opt_replace.is_none());
    let several =
        select.projection.len() > 1 || select.from.len() > 1 || select.from.iter().any(|f| !f.joins.is_empty());
    several && select.projection.iter().any(star)
}

/// The items with names of their own, if some were equal.
fn numbered(known: Vec<(Option<SelectItem>, Known)>) -> Option<Vec<SelectItem>> {
    let mut seen: HashSet<String> = HashSet::new();
    let mut any = false;
    let mut items = Vec::new();
    for (written, (expr, name)) in known {
        let mut unique = name.clone();
        let mut number = 0;
        while !seen.insert(unique.to_lowercase()) {
            number += 1;
            unique = format!("{name}_{number}");
        }
        any |= number > 0;
        items.push(match (number, written, expr) {
            (0, Some(item), _) => item,
            (0, None, expr @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_))) => SelectItem::UnnamedExpr(expr),
            (_, _, expr) => SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', unique) },
        });
    }
    any.then_some(items)
}

/// Replaces the list of one SELECT with a star, after so many others.
struct Writing {
    items: Option<Vec<SelectItem>>,
    left: usize,
}

impl VisitorMut for Writing {
    type Break = ();

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if !has_star(select) {
            return ControlFlow::Continue(());
        }
        if self.left > 0 {
            self.left -= 1;
            return ControlFlow::Continue(());
        }
        if let Some(items) = self.items.take() {
            select.projection = items;
        }
        ControlFlow::Break(())
    }
}

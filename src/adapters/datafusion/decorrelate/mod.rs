//! Subqueries that name columns of the query around them, where the engine cannot plan them itself. In: a plan as the planner makes
//! it. Out: a plan of joins, windows and aggregates with the same rows, or a refusal that says where and what to write instead.
//!
//! The engine plans equality with an aggregate. What it leaves (inequalities, ORDER BY with LIMIT, unnest of a column, a subquery
//! below CASE ...) is done here: the *driver*, that is the rows around, goes to the place in the subquery where its columns are
//! named, and every operator above that place works for each row of the driver apart.
//!
//! * [`push`]: the way of the driver through the operators; [`repeatable`]: whether the rows around may be read twice

mod push;
mod repeatable;

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DataFusionError, Result, ScalarValue, Span};
use datafusion::execution::SessionState;
use datafusion::functions_aggregate::expr_fn::{bool_or, count};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::{Case, InSubquery};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Expr, ExprFunctionExt, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Operator,
    Projection, Sort, Window, lit,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use super::rewrite::Refusal;
use push::{Driver, Names};

/// Subqueries in subqueries: each round does one level at least.
const ROUNDS: usize = 8;

/// The analysed plan, without the subqueries that the engine cannot plan.
pub(super) fn analysed(state: &SessionState, plan: LogicalPlan) -> Result<LogicalPlan> {
    let analyse = |plan| state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {});
    if !suspicious(&plan)? {
        return analyse(plan);
    }
    let first = analyse(plan.clone());
    if let Ok(analysed) = &first
        && !misread(analysed)?
        && planned_by_engine(state, analysed)
    {
        return first;
    }
    let mut work = Work { state, names: Names::default() };
    let mut plan = plan;
    for _ in 0..ROUNDS {
        plan = plan.transform_up_with_subqueries(|node| work.operator(node))?.data;
        if !suspicious(&plan)? {
            break;
        }
    }
    analyse(plan)
}

/// Whether a plan has what the engine turns into joins of another meaning: it takes conditions out of queries with windows, and
/// LATERAL joins lose rows without a partner (DataFusion 55.2).
fn misread(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Join(join) = node {
            found |= !outer_columns(&join.right, join.left.schema())?.is_empty();
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                let query = match expr {
                    Expr::ScalarSubquery(query) => query,
                    Expr::Exists(exists) => &exists.subquery,
                    Expr::InSubquery(sought) => &sought.subquery,
                    _ => return Ok(TreeNodeRecursion::Continue),
                };
                found |= push::depends_on_rows(&query.subquery)?;
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

/// Whether the engine turns all subqueries into joins.
fn planned_by_engine(state: &SessionState, plan: &LogicalPlan) -> bool {
    let optimised = state.optimizer().optimize(plan.clone(), state, |_, _| {});
    optimised.is_ok_and(|plan| suspicious(&plan).is_ok_and(|left| !left))
}

/// Whether a plan has subqueries that may be beyond the engine: those that name columns around them, and those that stand for
/// true or false anywhere but in a condition.
fn suspicious(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        let conditions = matches!(node, LogicalPlan::Filter(_) | LogicalPlan::Join(_) | LogicalPlan::TableScan(_));
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                found |= match expr {
                    Expr::OuterReferenceColumn(..) => true,
                    Expr::Exists(_) | Expr::InSubquery(_) => !conditions,
                    _ => false,
                };
                Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    })?;
    Ok(found)
}

/// The columns of a schema that a plan names from inside.
fn outer_columns(plan: &LogicalPlan, schema: &DFSchema) -> Result<Vec<Column>> {
    let mut found: Vec<Column> = Vec::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::OuterReferenceColumn(_, column) = expr
                    && schema.has_column(column)
                {
                    let (relation, field) = schema.qualified_field_from_column(column)?;
                    let exact = Column::new(relation.cloned(), field.name());
                    if !found.contains(&exact) {
                        found.push(exact);
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

/// Something that is beyond this, too.
fn beyond(what: &str, at: Option<Span>) -> DataFusionError {
    let message =
        format!("{what} in a subquery that names columns of the query around it is not available on this engine");
    let help = "compute the value for each key in a CTE with GROUP BY or a window, and join that";
    let refusal = Refusal::unsupported(message, help);
    let refusal = match at {
        Some(span) => refusal.at(Location { line: span.start.line, column: span.start.column }),
        None => refusal,
    };
    DataFusionError::External(Box::new(refusal))
}

fn columns_of(schema: &DFSchema) -> Vec<Expr> {
    schema.columns().into_iter().map(Expr::Column).collect()
}

/// A value under a condition, NULL without.
fn only_if(condition: Expr, value: Expr) -> Expr {
    Expr::Case(Case::new(None, vec![(Box::new(condition), Box::new(value))], None))
}

fn and(conditions: impl IntoIterator<Item = Expr>) -> Option<Expr> {
    conditions
        .into_iter()
        .reduce(|a, b| Expr::BinaryExpr(BinaryExpr { left: Box::new(a), op: Operator::And, right: Box::new(b) }))
}

struct Work<'s> {
    state: &'s SessionState,
    names: Names,
}

/// Rows with further columns.
struct Attached {
    plan: LogicalPlan,
    values: Vec<Expr>,
}

impl Work<'_> {
    /// One operator whose inputs are done.
    fn operator(&mut self, node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        if let LogicalPlan::Join(join) = node {
            if !outer_columns(&join.right, join.left.schema())?.is_empty() {
                return self.lateral(join).map(Transformed::yes);
            }
            return self.condition(join);
        }
        let single = matches!(
            node,
            LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::Aggregate(_)
                | LogicalPlan::Window(_)
                | LogicalPlan::Sort(_)
        );
        let [input] = node.inputs()[..] else { return Ok(Transformed::no(node)) };
        if !single {
            return Ok(Transformed::no(node));
        }
        let subqueries = wanted(&node, input.schema())?;
        if subqueries.is_empty() {
            return Ok(Transformed::no(node));
        }
        let width = input.schema().fields().len();
        let mut rows = input.clone();
        let mut replaced = Vec::new();
        for subquery in subqueries {
            let one = self.one_row(&subquery, rows.schema())?;
            let Attached { plan, values } = self.attach(rows, &one, true)?;
            let value = values.into_iter().next();
            replaced.push((subquery, value.ok_or_else(|| beyond("this form of value", None))?));
            rows = plan;
        }
        over(&node, rows, width, &replaced).map(Transformed::yes)
    }

    /// A join whose condition has subqueries that name columns of one of its sides: that side gets their values.
    fn condition(&mut self, join: Join) -> Result<Transformed<LogicalPlan>> {
        let node = LogicalPlan::Join(join.clone());
        let subqueries = wanted(&node, &join.left.schema().join(join.right.schema())?)?;
        if subqueries.is_empty() {
            return Ok(Transformed::no(node));
        }
        let both = matches!(join.join_type, JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full);
        if !both || subqueries.iter().any(|s| matches!(s, Expr::InSubquery(_))) {
            return Err(beyond("this form of ON", None));
        }
        let (mut left, mut right) = (Arc::unwrap_or_clone(join.left), Arc::unwrap_or_clone(join.right));
        let own: Vec<Expr> = columns_of(left.schema()).into_iter().chain(columns_of(right.schema())).collect();
        let mut replaced = Vec::new();
        for subquery in subqueries {
            let one = self.one_row(&subquery, left.schema())?;
            let (in_left, in_right) = (outer_columns(&one, left.schema())?, outer_columns(&one, right.schema())?);
            let attached = if in_right.is_empty() {
                let Attached { plan, values } = self.attach(left, &one, true)?;
                left = plan;
                values
            } else if in_left.is_empty() {
                let Attached { plan, values } = self.attach(right, &one, true)?;
                right = plan;
                values
            } else {
                return Err(beyond("naming both sides of a join", None));
            };
            let value = attached.into_iter().next().ok_or_else(|| beyond("this form of value", None))?;
            replaced.push((subquery, value));
        }
        let conditions = join.on.into_iter().map(|(l, r)| l.eq(r)).chain(join.filter);
        let condition = and(conditions).unwrap_or_else(|| lit(true));
        let condition = with_values(&condition, &replaced)?;
        let made = LogicalPlanBuilder::from(left).join_on(right, join.join_type, [condition])?.project(own)?.build()?;
        Ok(Transformed::yes(made))
    }

    /// A join whose right side names columns of the left.
    fn lateral(&mut self, join: Join) -> Result<LogicalPlan> {
        let outer = match join.join_type {
            JoinType::Inner => false,
            JoinType::Left => true,
            _ => return Err(beyond("a LATERAL join other than INNER and LEFT", None)),
        };
        let schema = Arc::clone(join.right.schema());
        let around = Arc::clone(join.left.schema());
        let pairs = join.on.into_iter().map(|(l, r)| l.eq(r));
        let conditions = pairs.chain(join.filter).filter(|c| *c != lit(true));
        let mut right = Arc::unwrap_or_clone(join.right);
        if let Some(condition) = and(conditions) {
            let condition = condition.transform_up(|expr| match expr {
                Expr::Column(column) if !schema.has_column(&column) => outer_reference(column, &around),
                other => Ok(Transformed::no(other)),
            })?;
            right = LogicalPlan::Filter(Filter::try_new(condition.data, Arc::new(right))?);
        }
        let Attached { plan, values } = self.attach(Arc::unwrap_or_clone(join.left), &right, outer)?;
        let named = values
            .into_iter()
            .zip(schema.iter())
            .map(|(value, (relation, field))| value.alias_qualified(relation.cloned(), field.name()));
        let all = columns_of(&around).into_iter().chain(named).collect();
        Ok(LogicalPlan::Projection(Projection::try_new(all, Arc::new(plan))?))
    }

    /// Rows with the columns of a query that names theirs; each row as often as the query has rows for it, and once if it has none
    /// and the row is to stay.
    fn attach(&mut self, rows: LogicalPlan, query: &LogicalPlan, stays: bool) -> Result<Attached> {
        let used = outer_columns(query, rows.schema())?;
        if used.is_empty() {
            let names: Vec<String> = query.schema().fields().iter().map(|_| self.names.next()).collect();
            let named = columns_of(query.schema()).into_iter().zip(&names).map(|(c, n)| c.alias(n)).collect();
            let right = LogicalPlan::Projection(Projection::try_new(named, Arc::new(query.clone()))?);
            let kind = if stays { JoinType::Left } else { JoinType::Inner };
            let plan = LogicalPlanBuilder::from(rows).join_on(right, kind, [lit(true)])?.build()?;
            return Ok(Attached {
                plan,
                values: names.into_iter().map(|n| Expr::Column(Column::from_name(n))).collect(),
            });
        }
        if !push::needs_keys(query, stays)? {
            let pushed = Driver::new(rows.schema(), &mut self.names).push(rows, query)?;
            if !stays {
                let plan = LogicalPlanBuilder::from(pushed.plan).filter(pushed.here)?.build()?;
                return Ok(Attached { plan, values: pushed.columns });
            }
            let values = pushed.columns.into_iter().map(|value| only_if(pushed.here.clone(), value)).collect();
            return Ok(Attached { plan: pushed.plan, values });
        }
        if repeatable::check(&rows)? {
            self.by_values(rows, query, stays, used)
        } else {
            self.by_rows(rows, query, stays)
        }
    }

    /// The query once for each combination of the values that it names, joined with the rows that have them.
    fn by_values(
        &mut self,
        rows: LogicalPlan,
        query: &LogicalPlan,
        stays: bool,
        used: Vec<Column>,
    ) -> Result<Attached> {
        let keys: Vec<Expr> = used.into_iter().map(Expr::Column).collect();
        let distinct = LogicalPlanBuilder::from(rows.clone()).aggregate(keys.clone(), Vec::<Expr>::new())?.build()?;
        let pushed = Driver::new(distinct.schema(), &mut self.names).push(distinct, query)?;
        let mut all = Vec::new();
        let mut equal = Vec::new();
        for key in &keys {
            let name = self.names.next();
            all.push(key.clone().alias(&name));
            equal.push(Expr::BinaryExpr(BinaryExpr {
                left: Box::new(key.clone()),
                op: Operator::IsNotDistinctFrom,
                right: Box::new(Expr::Column(Column::from_name(name))),
            }));
        }
        let mut values = Vec::new();
        for value in pushed.columns {
            let name = self.names.next();
            all.push(value.alias(&name));
            values.push(Expr::Column(Column::from_name(name)));
        }
        let right = LogicalPlanBuilder::from(pushed.plan).filter(pushed.here)?.project(all)?.build()?;
        let kind = if stays { JoinType::Left } else { JoinType::Inner };
        let plan = LogicalPlanBuilder::from(rows).join_on(right, kind, equal)?.build()?;
        Ok(Attached { plan, values })
    }

    /// The query for each row, which gets a number. It is slower, and reads the rows once.
    fn by_rows(&mut self, rows: LogicalPlan, query: &LogicalPlan, stays: bool) -> Result<Attached> {
        let number = self.names.next();
        let own = columns_of(rows.schema());
        let numbered = LogicalPlanBuilder::from(rows).window(vec![row_number()])?.build()?;
        let counted = columns_of(numbered.schema()).into_iter().last();
        let counted = counted.ok_or_else(|| beyond("a query without columns", None))?;
        let all = own.into_iter().chain([counted.alias(&number)]);
        let numbered = LogicalPlanBuilder::from(numbered).project(all)?.build()?;
        let key = Expr::Column(Column::from_name(number));
        let pushed = Driver::new(numbered.schema(), &mut self.names).with_key(key.clone()).push(numbered, query)?;
        if !stays {
            let plan = LogicalPlanBuilder::from(pushed.plan).filter(pushed.here)?.build()?;
            return Ok(Attached { plan, values: pushed.columns });
        }
        let first =
            row_number().partition_by(vec![key]).order_by(vec![pushed.here.clone().sort(true, false)]).build()?;
        let plan = LogicalPlanBuilder::from(pushed.plan).window(vec![first])?.build()?;
        let place = columns_of(plan.schema()).into_iter().last();
        let place = place.ok_or_else(|| beyond("a query without columns", None))?;
        let kept = pushed.here.clone().is_not_null().or(place.eq(lit(1_u64)));
        let plan = LogicalPlanBuilder::from(plan).filter(kept)?.build()?;
        let values = pushed.columns.into_iter().map(|value| only_if(pushed.here.clone(), value)).collect();
        Ok(Attached { plan, values })
    }

    /// A query of one row and one column that gives the value of a subquery.
    fn one_row(&self, subquery: &Expr, around: &DFSchema) -> Result<LogicalPlan> {
        match subquery {
            Expr::ScalarSubquery(scalar) => {
                let plan = scalar.subquery.as_ref().clone();
                if plan.max_rows().is_some_and(|most| most <= 1) {
                    return Ok(plan);
                }
                let only = self.state.aggregate_functions().get("only_value").cloned();
                let only = only.ok_or_else(|| beyond("more than one row", scalar.spans.first()))?;
                let value = only.call(columns_of(plan.schema()));
                LogicalPlanBuilder::from(plan).aggregate(Vec::<Expr>::new(), vec![value])?.build()
            }
            Expr::Exists(exists) => {
                let rows = LogicalPlanBuilder::from(exists.subquery.subquery.as_ref().clone())
                    .aggregate(Vec::<Expr>::new(), vec![count(lit(1))])?
                    .build()?;
                let counted = columns_of(rows.schema()).into_iter().next().unwrap_or_else(|| lit(0));
                let value = if exists.negated { counted.eq(lit(0)) } else { counted.gt(lit(0)) };
                LogicalPlanBuilder::from(rows).project(vec![value.alias("exists")])?.build()
            }
            Expr::InSubquery(sought) => one_row_of_sought(sought, around),
            _ => Err(beyond("this form of value", None)),
        }
    }
}

/// Whether a value is among those of a query: true, false, or NULL where a NULL leaves it open.
fn one_row_of_sought(sought: &InSubquery, around: &DFSchema) -> Result<LogicalPlan> {
    let plan = sought.subquery.subquery.as_ref().clone();
    let value = columns_of(plan.schema()).into_iter().next().unwrap_or_else(|| lit(ScalarValue::Null));
    let expr = sought.expr.as_ref().clone().transform_up(|expr| match expr {
        Expr::Column(column) => outer_reference(column, around),
        other => Ok(Transformed::no(other)),
    })?;
    let equal = expr.data.eq(value);
    let found = vec![bool_or(equal.clone()), bool_or(equal.is_null())];
    let rows = LogicalPlanBuilder::from(plan).aggregate(Vec::<Expr>::new(), found)?.build()?;
    let mut columns = columns_of(rows.schema()).into_iter();
    let (Some(equal), Some(open)) = (columns.next(), columns.next()) else {
        return Err(beyond("this form of IN", sought.subquery.spans.first()));
    };
    let yes = (Box::new(equal.is_true()), Box::new(lit(!sought.negated)));
    let unknown = (Box::new(open.is_true()), Box::new(lit(ScalarValue::Boolean(None))));
    let value = Expr::Case(Case::new(None, vec![yes, unknown], Some(Box::new(lit(sought.negated)))));
    LogicalPlanBuilder::from(rows).project(vec![value.alias("in")])?.build()
}

fn outer_reference(column: Column, around: &DFSchema) -> Result<Transformed<Expr>> {
    let (_, field) = around.qualified_field_from_column(&column)?;
    Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(field), column)))
}

/// The subqueries of an operator that are to be replaced, each once.
fn wanted(node: &LogicalPlan, around: &DFSchema) -> Result<Vec<Expr>> {
    let condition = matches!(node, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
    let mut found: Vec<Expr> = Vec::new();
    node.apply_expressions(|expr| {
        expr.apply(|expr| {
            let (query, anyway) = match expr {
                Expr::ScalarSubquery(query) => (query, false),
                Expr::Exists(exists) => (&exists.subquery, !condition),
                Expr::InSubquery(sought) => (&sought.subquery, !condition),
                _ => return Ok(TreeNodeRecursion::Continue),
            };
            if (anyway || !outer_columns(&query.subquery, around)?.is_empty()) && !found.contains(expr) {
                found.push(expr.clone());
            }
            Ok(TreeNodeRecursion::Jump)
        })
    })?;
    Ok(found)
}

/// An expression with values in the place of its subqueries.
fn with_values(expr: &Expr, replaced: &[(Expr, Expr)]) -> Result<Expr> {
    let put = |expr: Expr| match replaced.iter().find(|(old, _)| *old == expr) {
        Some((_, new)) => Ok(Transformed::new(new.clone(), true, TreeNodeRecursion::Jump)),
        None => Ok(Transformed::no(expr)),
    };
    expr.clone().transform_down(put).map(|changed| changed.data)
}

/// An operator over rows that have the values of its subqueries as further columns; its own columns stay what they were. The
/// first `width` columns are those that its input had.
fn over(node: &LogicalPlan, rows: LogicalPlan, width: usize, replaced: &[(Expr, Expr)]) -> Result<LogicalPlan> {
    let with = |expr: &Expr| with_values(expr, replaced);
    let all = |exprs: &[Expr]| exprs.iter().map(with).collect::<Result<Vec<_>>>();
    let own: Vec<Expr> = columns_of(rows.schema()).into_iter().take(width).collect();
    let (made, columns) = match node {
        LogicalPlan::Projection(projection) => (rows, all(&projection.expr)?),
        LogicalPlan::Filter(filter) => {
            let kept = Filter::try_new(with(&filter.predicate)?, Arc::new(rows))?;
            (LogicalPlan::Filter(kept), own)
        }
        LogicalPlan::Sort(sort) => {
            let mut order = sort.expr.clone();
            for by in &mut order {
                by.expr = with(&by.expr)?;
            }
            (LogicalPlan::Sort(Sort { expr: order, input: Arc::new(rows), fetch: sort.fetch }), own)
        }
        LogicalPlan::Aggregate(aggregate) => {
            let (groups, functions) = (all(&aggregate.group_expr)?, all(&aggregate.aggr_expr)?);
            let made = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(rows), groups, functions)?);
            let columns = columns_of(made.schema());
            (made, columns)
        }
        LogicalPlan::Window(window) => {
            let before = rows.schema().fields().len();
            let made = LogicalPlan::Window(Window::try_new(all(&window.window_expr)?, Arc::new(rows))?);
            let windows = columns_of(made.schema()).into_iter().skip(before);
            let columns = own.into_iter().chain(windows).collect();
            (made, columns)
        }
        _ => return Err(beyond("this form of query", None)),
    };
    let named = columns.into_iter().zip(node.schema().iter()).map(|(value, (relation, field))| match &value {
        Expr::Column(column) if column.name == *field.name() && column.relation.as_ref() == relation => value,
        Expr::Alias(alias) if alias.name == *field.name() && alias.relation.as_ref() == relation => value,
        _ => value.alias_qualified(relation.cloned(), field.name()),
    });
    Ok(LogicalPlan::Projection(Projection::try_new(named.collect(), Arc::new(made))?))
}

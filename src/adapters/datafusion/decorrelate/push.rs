//! The driver's way through a query that names its columns. In: rows, a query over them. Out: the rows beside the query's columns:
//! every row is there at least once, and where the query has nothing for it, the mark *here* is NULL and the values mean nothing.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{
    Column, DFSchemaRef, NullHandling, RecursionUnnestOption, Result, ScalarValue, UnnestOptions,
};
use datafusion::functions_nested::expr_fn::array_length;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, ExprFunctionExt, FetchType, Filter, Join, JoinType, Limit, LogicalPlan,
    LogicalPlanBuilder, Projection, SkipType, SortExpr, Unnest, Window, lit,
};

use super::{and, beyond, columns_of, only_if};

/// Names that no query has.
#[derive(Default)]
pub(super) struct Names(usize);

impl Names {
    /// The next one.
    pub(super) fn next(&mut self) -> String {
        self.0 += 1;
        format!("__lateral_{}", self.0)
    }
}

/// Whether a query names columns of a query around it.
fn mentions(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.contains_outer();
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Whether the driver's rows have to differ, as operators work for each of them apart.
pub(super) fn needs_keys(plan: &LogicalPlan, stays: bool) -> Result<bool> {
    Ok(keyed(plan)? || (stays && !pads_once(plan)?))
}

fn keyed(plan: &LogicalPlan) -> Result<bool> {
    if !mentions(plan)? {
        return Ok(false);
    }
    match plan {
        LogicalPlan::Aggregate(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Union(_) => Ok(true),
        LogicalPlan::Sort(sort) if sort.fetch.is_some() => Ok(true),
        other => {
            for input in other.inputs() {
                if keyed(input)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// Whether a condition that names columns of the driver lies below an operator whose result depends on which rows it sees, other than
/// an aggregate.
pub(super) fn depends_on_rows(plan: &LogicalPlan) -> Result<bool> {
    if !mentions(plan)? {
        return Ok(false);
    }
    match plan {
        LogicalPlan::Limit(_) | LogicalPlan::Window(_) | LogicalPlan::Union(_) | LogicalPlan::Unnest(_) => Ok(true),
        LogicalPlan::Distinct(Distinct::On(_)) => Ok(true),
        LogicalPlan::Join(join) if join.join_type != JoinType::Inner => Ok(true),
        LogicalPlan::Sort(sort) if sort.fetch.is_some() => Ok(true),
        other => {
            for input in other.inputs() {
                if depends_on_rows(input)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// Whether a row for which a query has nothing comes out once, and other rows without any such row beside them.
fn pads_once(plan: &LogicalPlan) -> Result<bool> {
    if !mentions(plan)? {
        return Ok(true);
    }
    match plan {
        LogicalPlan::Filter(filter) => Ok(!mentions(&filter.input)? && !has_subquery(&filter.predicate)?),
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Subquery(_) => {
            pads_once(plan.inputs()[0])
        }
        LogicalPlan::Unnest(unnest) => Ok(is_one_row(&unnest.input)),
        _ => Ok(false),
    }
}

fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::EmptyRelation(empty) => empty.produce_one_row,
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Subquery(_) => {
            is_one_row(plan.inputs()[0])
        }
        _ => false,
    }
}

fn has_subquery(expr: &Expr) -> Result<bool> {
    expr.exists(|e| {
        Ok(matches!(e, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_)))
    })
}

/// The rows that go into a query.
pub(super) struct Driver<'n> {
    schema: DFSchemaRef,
    columns: Vec<Expr>,
    /// What tells its rows apart in windows.
    key: Vec<Expr>,
    names: &'n mut Names,
}

/// The driver's columns, those of the query, and whether it has the row at all.
pub(super) struct Pushed {
    pub(super) plan: LogicalPlan,
    /// For each column of the query.
    pub(super) columns: Vec<Expr>,
    pub(super) here: Expr,
    /// The order that the query asks for, if LIMIT is to take the first.
    order: Vec<SortExpr>,
}

impl<'n> Driver<'n> {
    /// Rows of this schema; all columns together tell them apart, where that matters.
    pub(super) fn new(schema: &DFSchemaRef, names: &'n mut Names) -> Self {
        let columns = columns_of(schema);
        Self { schema: Arc::clone(schema), key: columns.clone(), columns, names }
    }

    /// One column tells the rows apart.
    pub(super) fn with_key(mut self, key: Expr) -> Self {
        self.key = vec![key];
        self
    }

    /// The rows with what the query has for them.
    pub(super) fn push(&mut self, rows: LogicalPlan, query: &LogicalPlan) -> Result<Pushed> {
        if !mentions(query)? {
            return self.beside(rows, query, None);
        }
        match query {
            LogicalPlan::SubqueryAlias(alias) => self.push(rows, &alias.input),
            LogicalPlan::Subquery(inner) => self.push(rows, &inner.subquery),
            LogicalPlan::Filter(filter) => self.filter(rows, filter),
            LogicalPlan::Projection(projection) => {
                let below = self.push(rows, &projection.input)?;
                let columns = self.all(&projection.expr, &projection.input, &below.columns)?;
                self.project(below, columns)
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(rows, aggregate),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let below = self.push(rows, input)?;
                let all = self.columns.iter().chain([&below.here]).chain(&below.columns).cloned();
                let plan = LogicalPlanBuilder::from(below.plan).aggregate(all, Vec::<Expr>::new())?.build()?;
                Ok(Pushed { plan, columns: below.columns, here: below.here, order: Vec::new() })
            }
            LogicalPlan::Distinct(Distinct::On(on)) => self.first_of_each(rows, on),
            LogicalPlan::Sort(sort) => {
                let mut below = self.push(rows, &sort.input)?;
                below.order = sort.expr.clone();
                for by in &mut below.order {
                    by.expr = self.over(&by.expr, &sort.input, &below.columns)?;
                }
                let columns = below.columns.clone();
                let sorted = self.project(below, columns)?;
                match sort.fetch {
                    Some(fetch) => self.first(sorted, 0, Some(fetch)),
                    None => Ok(sorted),
                }
            }
            LogicalPlan::Limit(limit) => self.limit(rows, limit),
            LogicalPlan::Window(window) => self.window(rows, window),
            LogicalPlan::Unnest(unnest) => self.unnest(rows, unnest),
            LogicalPlan::Join(join) => self.join(rows, join),
            LogicalPlan::Union(union) => self.union(rows, &union.inputs),
            other => Err(beyond(&format!("this form of query ({})", kind(other)), None)),
        }
    }

    fn union(&mut self, rows: LogicalPlan, parts: &[Arc<LogicalPlan>]) -> Result<Pushed> {
        let mut all: Option<(LogicalPlan, usize)> = None;
        for part in parts {
            let below = self.push(rows.clone(), part)?;
            let columns = below.columns.clone();
            let below = self.project(Pushed { order: Vec::new(), ..below }, columns)?;
            all = Some(match all {
                None => (below.plan, below.columns.len()),
                Some((plan, width)) => (LogicalPlanBuilder::from(plan).union(below.plan)?.build()?, width),
            });
        }
        let (plan, width) = all.ok_or_else(|| beyond("UNION", None))?;
        // A union forgets of which tables its columns are.
        let mut made = columns_of(plan.schema()).into_iter();
        let mut named = Vec::new();
        for (relation, field) in self.schema.iter() {
            named.extend(made.next().map(|c| c.alias_qualified(relation.cloned(), field.name())));
        }
        let rest: Vec<Expr> = made.take(width + 1).collect();
        let [here, columns @ ..] = rest.as_slice() else { return Err(beyond("UNION", None)) };
        let (here, columns) = (here.clone(), columns.to_vec());
        named.extend(rest);
        let plan = LogicalPlan::Projection(Projection::try_new(named, Arc::new(plan))?);
        let unqualified = |expr: Expr| match expr {
            Expr::Column(column) => Expr::Column(Column::from_name(column.name)),
            other => other,
        };
        let columns = columns.into_iter().map(unqualified).collect();
        Ok(Pushed { plan, columns, here: unqualified(here), order: Vec::new() })
    }

    /// A query that names no column of the driver: all of its rows, or those under a condition, for each row.
    fn beside(&mut self, rows: LogicalPlan, query: &LogicalPlan, condition: Option<Expr>) -> Result<Pushed> {
        let here = self.names.next();
        let mark = Expr::Column(Column::from_name(&here));
        if let (LogicalPlan::EmptyRelation(empty), None) = (query, &condition)
            && empty.produce_one_row
            && empty.schema.fields().is_empty()
        {
            let all = self.columns.iter().cloned().chain([lit(true).alias(here)]);
            let plan = LogicalPlanBuilder::from(rows).project(all)?.build()?;
            return Ok(Pushed { plan, columns: Vec::new(), here: mark, order: Vec::new() });
        }
        let mut named = Vec::new();
        let mut columns = Vec::new();
        for column in columns_of(query.schema()) {
            let name = self.names.next();
            named.push(column.alias(&name));
            columns.push(Expr::Column(Column::from_name(name)));
        }
        named.push(lit(true).alias(here));
        let right = LogicalPlan::Projection(Projection::try_new(named, Arc::new(query.clone()))?);
        let condition = match condition {
            Some(condition) => self.over_schema(&condition, query.schema(), &columns)?,
            None => lit(true),
        };
        let plan = LogicalPlanBuilder::from(rows).join_on(right, JoinType::Left, [condition])?.build()?;
        Ok(Pushed { plan, columns, here: mark, order: Vec::new() })
    }

    fn filter(&mut self, rows: LogicalPlan, filter: &Filter) -> Result<Pushed> {
        let (mut inside, mut between, mut above) = (Vec::new(), Vec::new(), Vec::new());
        let base = !mentions(&filter.input)?;
        for condition in split_conjunction(&filter.predicate) {
            let condition = condition.clone();
            let nested = has_subquery(&condition)?;
            let outer = mentions(&LogicalPlan::Filter(Filter::try_new(condition.clone(), Arc::clone(&filter.input))?))?;
            match (base, outer, nested) {
                (true, false, _) => inside.push(condition),
                (true, true, false) => between.push(condition),
                _ => above.push(condition),
            }
        }
        let below = if base {
            let mut query = Arc::clone(&filter.input);
            if let Some(condition) = and(inside) {
                query = Arc::new(LogicalPlan::Filter(Filter::try_new(condition, query)?));
            }
            self.beside(rows, &query, and(between))?
        } else {
            self.push(rows, &filter.input)?
        };
        let Some(condition) = and(above) else { return Ok(below) };
        let condition = self.over(&condition, &filter.input, &below.columns)?;
        self.keep(below, condition)
    }

    /// The query has a row only where a condition holds.
    fn keep(&mut self, below: Pushed, condition: Expr) -> Result<Pushed> {
        let columns = below.columns.clone();
        let here = only_if(below.here.clone().is_true().and(condition), lit(true));
        self.project_as(below, columns, here)
    }

    fn project(&mut self, below: Pushed, columns: Vec<Expr>) -> Result<Pushed> {
        let here = below.here.clone();
        self.project_as(below, columns, here)
    }

    fn project_as(&mut self, below: Pushed, columns: Vec<Expr>, here: Expr) -> Result<Pushed> {
        let mut all = self.columns.clone();
        let mut name = |value: Expr, all: &mut Vec<Expr>| {
            let name = self.names.next();
            all.push(value.alias(&name));
            Expr::Column(Column::from_name(name))
        };
        let here = name(here, &mut all);
        let columns = columns.into_iter().map(|c| name(c, &mut all)).collect();
        let mut order = below.order;
        for by in &mut order {
            by.expr = name(by.expr.clone(), &mut all);
        }
        let plan = LogicalPlan::Projection(Projection::try_new(all, Arc::new(below.plan))?);
        Ok(Pushed { plan, columns, here, order })
    }

    fn aggregate(&mut self, rows: LogicalPlan, aggregate: &Aggregate) -> Result<Pushed> {
        if aggregate.group_expr.iter().any(|e| matches!(e, Expr::GroupingSet(_))) {
            return Err(beyond("GROUPING SETS", None));
        }
        let below = self.push(rows, &aggregate.input)?;
        let by = self.all(&aggregate.group_expr, &aggregate.input, &below.columns)?;
        let here = below.here.clone();
        let functions = self.all(&aggregate.aggr_expr, &aggregate.input, &below.columns)?;
        let functions = functions
            .into_iter()
            .map(|function| {
                let of_rows = |expr: Expr| match expr {
                    Expr::AggregateFunction(mut call) => {
                        let filter = call.params.filter.take().map(|f| *f);
                        call.params.filter = and([here.clone()].into_iter().chain(filter)).map(Box::new);
                        Ok(Transformed::new(Expr::AggregateFunction(call), true, TreeNodeRecursion::Jump))
                    }
                    other => Ok(Transformed::no(other)),
                };
                function.transform_down(of_rows).map(|changed| changed.data)
            })
            .collect::<Result<Vec<_>>>()?;
        let grouped = !by.is_empty();
        let width = self.columns.len();
        let groups = self.columns.clone().into_iter().chain(grouped.then(|| here.clone())).chain(by);
        let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(below.plan), groups.collect(), functions)?);
        let mut made = columns_of(plan.schema()).into_iter().skip(width);
        let here = if grouped { made.next() } else { None };
        let made = made.collect();
        let below = Pushed { plan, columns: Vec::new(), here: lit(true), order: Vec::new() };
        self.project_as(below, made, here.unwrap_or_else(|| lit(true)))
    }

    /// `DISTINCT ON`: the first row of each.
    fn first_of_each(&mut self, rows: LogicalPlan, on: &DistinctOn) -> Result<Pushed> {
        let mut below = self.push(rows, &on.input)?;
        let by = self.all(&on.on_expr, &on.input, &below.columns)?;
        let chosen = self.all(&on.select_expr, &on.input, &below.columns)?;
        let mut order = on.sort_expr.clone().unwrap_or_default();
        for by in &mut order {
            by.expr = self.over(&by.expr, &on.input, &below.columns)?;
        }
        let parts: Vec<Expr> = self.key.iter().cloned().chain([below.here.clone()]).chain(by).collect();
        let number = row_number().partition_by(parts).order_by(order).build()?;
        let place;
        (below.plan, place) = with_window(below.plan, number)?;
        let here = only_if(below.here.clone().is_true().and(place.eq(lit(1_u64))), lit(true));
        self.project_as(below, chosen, here)
    }

    fn limit(&mut self, rows: LogicalPlan, limit: &Limit) -> Result<Pushed> {
        let (Ok(SkipType::Literal(skip)), Ok(FetchType::Literal(fetch))) =
            (limit.get_skip_type(), limit.get_fetch_type())
        else {
            return Err(beyond("LIMIT that is no number", None));
        };
        let below = self.push(rows, &limit.input)?;
        self.first(below, skip, fetch)
    }

    /// The first rows in the order that is asked for.
    fn first(&mut self, mut below: Pushed, skip: usize, fetch: Option<usize>) -> Result<Pushed> {
        let order = [below.here.clone().sort(true, false)].into_iter().chain(below.order.clone()).collect();
        let number = row_number().partition_by(self.key.clone()).order_by(order).build()?;
        let place;
        (below.plan, place) = with_window(below.plan, number)?;
        let end = fetch.map(|fetch| skip.saturating_add(fetch));
        if let Some(end) = end {
            let kept = place.clone().lt_eq(lit(end.max(1) as u64));
            below.plan = LogicalPlanBuilder::from(below.plan).filter(kept)?.build()?;
        }
        if skip == 0 && end != Some(0) {
            let columns = below.columns.clone();
            return self.project(below, columns);
        }
        let within = place.gt(lit(skip as u64)).and(lit(end != Some(0) && end != Some(skip)));
        self.keep(below, within)
    }

    fn window(&mut self, rows: LogicalPlan, window: &Window) -> Result<Pushed> {
        let below = self.push(rows, &window.input)?;
        let parts: Vec<Expr> = self.key.iter().cloned().chain([below.here.clone()]).collect();
        let functions = self.all(&window.window_expr, &window.input, &below.columns)?;
        let functions = functions
            .into_iter()
            .map(|function| {
                let apart = |expr: Expr| match expr {
                    Expr::WindowFunction(mut call) => {
                        call.params.partition_by.splice(0..0, parts.iter().cloned());
                        Ok(Transformed::new(Expr::WindowFunction(call), true, TreeNodeRecursion::Jump))
                    }
                    other => Ok(Transformed::no(other)),
                };
                function.transform_down(apart).map(|changed| changed.data)
            })
            .collect::<Result<Vec<_>>>()?;
        let width = below.plan.schema().fields().len();
        let plan = LogicalPlan::Window(Window::try_new(functions, Arc::new(below.plan.clone()))?);
        let columns = below.columns.iter().cloned().chain(columns_of(plan.schema()).into_iter().skip(width)).collect();
        self.project(Pushed { plan, ..below }, columns)
    }

    fn unnest(&mut self, rows: LogicalPlan, unnest: &Unnest) -> Result<Pushed> {
        if !unnest.struct_type_columns.is_empty() || unnest.list_type_columns.iter().any(|(_, list)| list.depth != 1) {
            return Err(beyond("unnest of structs or of lists in lists", None));
        }
        let below = self.push(rows, &unnest.input)?;
        let lists: Vec<Expr> = unnest.list_type_columns.iter().map(|(at, _)| below.columns[*at].clone()).collect();
        let longer = |list: Expr| array_length(list).gt(lit(0));
        let any = lists.into_iter().map(longer).reduce(|a, b| a.or(b)).unwrap_or_else(|| lit(true));
        let columns = below.columns.clone();
        let here = only_if(below.here.clone().is_true().and(any), lit(true));
        let below = self.project_as(below, columns, here)?;
        let mut options = UnnestOptions { null_handling: NullHandling::PreserveAndExpandEmpty, recursions: Vec::new() };
        let mut exec = Vec::new();
        let mut made = Vec::new();
        for (at, list) in &unnest.list_type_columns {
            let Expr::Column(input) = below.columns[*at].clone() else { return Err(beyond("this unnest", None)) };
            let output = Column::from_name(self.names.next());
            made.push((&list.output_column, Expr::Column(output.clone())));
            options.recursions.push(RecursionUnnestOption {
                input_column: input.clone(),
                output_column: output,
                depth: 1,
            });
            if !exec.contains(&input) {
                exec.push(input);
            }
        }
        let plan = LogicalPlan::Unnest(Unnest::try_new(Arc::new(below.plan.clone()), exec, options)?);
        let columns = unnest
            .schema
            .columns()
            .iter()
            .zip(&unnest.dependency_indices)
            .map(|(column, from)| match made.iter().find(|(output, _)| output.name == column.name) {
                Some((_, value)) => value.clone(),
                None => below.columns[*from].clone(),
            })
            .collect();
        Ok(Pushed { plan, columns, ..below })
    }

    /// A join inside of the query: the driver goes to the side that names its columns, or to both, one after the other.
    fn join(&mut self, rows: LogicalPlan, join: &Join) -> Result<Pushed> {
        let (in_left, in_right) = (mentions(&join.left)?, mentions(&join.right)?);
        let inner = join.join_type == JoinType::Inner;
        if !inner && (join.join_type != JoinType::Left || in_right) {
            return Err(beyond("this form of join", None));
        }
        let turned = in_right && !in_left;
        let (first, second) = if turned { (&join.right, &join.left) } else { (&join.left, &join.right) };
        if in_left && in_right && keyed(second)? {
            return Err(beyond("a join of two queries of that kind", None));
        }
        let pairs = join.on.iter().map(|(l, r)| l.clone().eq(r.clone()));
        let condition = and(pairs.chain(join.filter.clone()));
        let one = self.push(rows, first)?;
        let condition = match condition {
            Some(condition) if has_subquery(&condition)? => return Err(beyond("a subquery in ON", None)),
            Some(condition) => Some(self.over(&condition, first, &one.columns)?),
            None => None,
        };
        let mut onward = Driver::new(one.plan.schema(), self.names);
        let two = match in_left && in_right {
            true => onward.push(one.plan, second)?,
            false => onward.beside(one.plan, second, condition.clone())?,
        };
        let later = match (condition, in_left && in_right) {
            (Some(condition), true) => Some(self.over(&condition, second, &two.columns)?),
            _ => None,
        };
        let met = and([one.here.clone().is_true(), two.here.clone().is_true()].into_iter().chain(later));
        let here = if inner { only_if(met.unwrap_or_else(|| lit(true)), lit(true)) } else { one.here };
        let columns = match turned {
            true => two.columns.iter().chain(&one.columns).cloned().collect(),
            false => one.columns.iter().chain(&two.columns).cloned().collect(),
        };
        self.project_as(Pushed { order: Vec::new(), ..two }, columns, here)
    }

    /// An expression of the query over what its operator's input has become.
    fn over(&self, expr: &Expr, input: &LogicalPlan, columns: &[Expr]) -> Result<Expr> {
        self.over_schema(expr, input.schema(), columns)
    }

    fn all(&self, exprs: &[Expr], input: &LogicalPlan, columns: &[Expr]) -> Result<Vec<Expr>> {
        exprs.iter().map(|expr| self.over(expr, input, columns)).collect()
    }

    fn over_schema(&self, expr: &Expr, schema: &DFSchemaRef, columns: &[Expr]) -> Result<Expr> {
        let put = |expr: Expr| match expr {
            Expr::Column(column) => {
                // What is not of this input has its name already.
                let value = schema.maybe_index_of_column(&column).and_then(|place| columns.get(place).cloned());
                Ok(value.map_or_else(|| Transformed::no(Expr::Column(column)), Transformed::yes))
            }
            Expr::OuterReferenceColumn(_, column) if self.schema.has_column(&column) => {
                Ok(Transformed::yes(Expr::Column(column)))
            }
            other => Ok(Transformed::no(other)),
        };
        expr.clone().transform_up(put).map(|changed| changed.data)
    }
}

/// A plan with one window more, and its column.
fn with_window(plan: LogicalPlan, window: Expr) -> Result<(LogicalPlan, Expr)> {
    let plan = LogicalPlanBuilder::from(plan).window(vec![window])?.build()?;
    let column = columns_of(plan.schema()).into_iter().last();
    let column = column.unwrap_or_else(|| lit(ScalarValue::Null));
    Ok((plan, column))
}

/// What an operator is called.
fn kind(plan: &LogicalPlan) -> String {
    let shown = plan.display().to_string();
    shown.split([':', ' ']).next().unwrap_or_default().to_owned()
}

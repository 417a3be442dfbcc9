//! The walk over an analysed, not yet optimised plan. In: the engine's logical plan. Out: for each output column the columns
//! of tables it comes from.
//!
//! A reference in the plan is looked up in the schema of the operator's input, as the engine itself does it when it makes a
//! physical plan. An operator that this does not know is an error, never a guess.

use std::collections::{BTreeSet, HashMap};

use datafusion::common::{DFSchema, JoinType, NullEquality};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::utils::{grouping_set_to_exprlist, split_conjunction};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, Join, LogicalPlan, RecursiveQuery, SortExpr, TableScan, Unnest,
};

use super::casts::{self, Written};
use super::tables::EmptyTable;
use crate::adapters::shadow::column::{Column, Columns, Origins, Print, absorb, merge, only_copy};
use crate::adapters::shadow::{BoundLineage, EdgeKind, ImplicitCast, Influence, SourceColumn};
use crate::base::Relation;

/// Rounds until the columns of a recursive query no longer change; each adds at least one origin.
const ROUNDS: usize = 64;

/// Operators and expressions inside each other: more would endanger the stack.
pub(super) const DEEPEST: usize = 6_000;

/// The lineage of a query. Conversions that nobody wrote are told from those that somebody did by the plan as it was before
/// the engine made types agree.
pub(super) fn lineage(plan: &LogicalPlan, written: Written) -> Result<BoundLineage, String> {
    let mut walk = Walk::new(written);
    let columns = walk.operator(plan)?;
    let width = plan.schema().fields().len();
    if columns.len() != width {
        return Err(format!("the walk puts out {} columns, the plan has {width}", columns.len()));
    }
    Ok(BoundLineage {
        tables: walk.tables,
        prints: columns.iter().map(|c| c.print.number()).collect(),
        rows_print: walk.rows.number(),
        values: columns.into_iter().map(|c| c.origins).collect(),
        influence: walk.influence,
        equal: walk.equal,
        casts: walk.casts,
    })
}

/// What an expression may refer to: the columns of its operator's input by name.
#[derive(Clone, Copy)]
pub(super) struct Scope<'p> {
    pub(super) schema: &'p DFSchema,
    pub(super) columns: &'p [Column],
}

pub(super) struct Walk {
    pub(super) written: Written,
    /// Columns of the queries around the one that is walked, innermost last.
    pub(super) outer: Vec<(DFSchema, Columns)>,
    /// For each query inside another: the values of its conditions that name columns of the other.
    pub(super) correlated: Vec<Vec<Column>>,
    pub(super) rows: Print,
    pub(super) depth: usize,
    working: HashMap<String, Columns>,
    tables: BTreeSet<Relation>,
    influence: BTreeSet<(SourceColumn, Influence)>,
    equal: BTreeSet<(SourceColumn, SourceColumn)>,
    casts: BTreeSet<ImplicitCast>,
}

impl Walk {
    fn new(written: Written) -> Self {
        Self {
            written,
            outer: Vec::new(),
            correlated: Vec::new(),
            rows: Print::default(),
            depth: 0,
            working: HashMap::new(),
            tables: BTreeSet::new(),
            influence: BTreeSet::new(),
            equal: BTreeSet::new(),
            casts: BTreeSet::new(),
        }
    }

    /// What an operator puts out.
    pub(super) fn operator(&mut self, plan: &LogicalPlan) -> Result<Columns, String> {
        self.deeper()?;
        let made = self.operator_inside(plan)?;
        self.depth -= 1;
        // The order of columns is the one thing on which all lookups rest.
        let width = plan.schema().fields().len();
        if made.len() != width {
            return Err(format!("the walk gives {} columns to {} that has {width}", made.len(), kind(plan)));
        }
        Ok(made)
    }

    pub(super) fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEEPEST { Err("the query is nested too deep".to_owned()) } else { Ok(()) }
    }

    fn operator_inside(&mut self, plan: &LogicalPlan) -> Result<Columns, String> {
        match plan {
            LogicalPlan::Projection(projection) => {
                let input = self.operator(&projection.input)?;
                let scope = Scope { schema: projection.input.schema(), columns: &input };
                projection.expr.iter().map(|e| self.value(e, scope)).collect()
            }
            LogicalPlan::Filter(filter) => {
                let input = self.operator(&filter.input)?;
                let scope = Scope { schema: filter.input.schema(), columns: &input };
                for condition in split_conjunction(&filter.predicate) {
                    self.condition(condition, scope, Influence::Filter)?;
                }
                Ok(input)
            }
            LogicalPlan::Window(window) => {
                let input = self.operator(&window.input)?;
                let scope = Scope { schema: window.input.schema(), columns: &input };
                let made: Columns =
                    window.window_expr.iter().map(|e| self.value(e, scope)).collect::<Result<_, _>>()?;
                Ok(input.into_iter().chain(made).collect())
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Sort(sort) => {
                let input = self.operator(&sort.input)?;
                self.order(&sort.expr, Scope { schema: sort.input.schema(), columns: &input })?;
                if let Some(fetch) = sort.fetch {
                    self.rows.text("fetch").text(&fetch.to_string());
                }
                Ok(input)
            }
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Union(union) => {
                let mut all: Option<Columns> = None;
                for input in &union.inputs {
                    let made = self.operator(input)?;
                    self.converted(input, &made)?;
                    match &mut all {
                        None => all = Some(made),
                        Some(all) => merge(all, made)?,
                    }
                }
                self.rows.text("union");
                all.ok_or_else(|| "the plan unites nothing".to_owned())
            }
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::EmptyRelation(empty) => Ok(vec![Column::default(); empty.schema.fields().len()]),
            LogicalPlan::SubqueryAlias(alias) => self.operator(&alias.input),
            // The right side of a lateral join.
            LogicalPlan::Subquery(query) => self.operator(&query.subquery),
            LogicalPlan::Limit(limit) => {
                let input = self.operator(&limit.input)?;
                for (name, number) in [("skip", &limit.skip), ("fetch", &limit.fetch)] {
                    let Some(number) = number else { continue };
                    self.rows.text(name);
                    let scope = Scope { schema: limit.input.schema(), columns: &input };
                    self.influenced(number, scope, Influence::Filter)?;
                }
                Ok(input)
            }
            LogicalPlan::Values(values) => {
                let mut all: Option<Columns> = None;
                let scope = Scope { schema: DFSchema::empty_ref(), columns: &[] };
                for row in &values.values {
                    let row: Columns = row.iter().map(|e| self.value(e, scope)).collect::<Result<_, _>>()?;
                    match &mut all {
                        None => all = Some(row),
                        Some(all) => merge(all, row)?,
                    }
                }
                all.ok_or_else(|| "an empty list of values".to_owned())
            }
            LogicalPlan::Distinct(distinct) => self.distinct(distinct),
            LogicalPlan::Unnest(unnest) => self.unnest(unnest),
            LogicalPlan::RecursiveQuery(query) => self.recursive(query),
            other => Err(format!("the plan holds {}", kind(other))),
        }
    }

    fn scan(&mut self, scan: &TableScan) -> Result<Columns, String> {
        let provider = source_as_provider(&scan.source).map_err(|e| e.to_string())?;
        let schema = provider.schema();
        let each = |column: &dyn Fn(&str) -> Column| schema.fields().iter().map(|f| column(f.name())).collect();
        let columns: Columns = if let Some(query) = provider.downcast_ref::<CteWorkTable>() {
            let known = self.working.get(query.name()).cloned();
            known.ok_or_else(|| format!("the plan reads rows of an unknown query {}", query.name()))?
        } else if let Some(table) = provider.downcast_ref::<EmptyTable>() {
            let relation = &table.relation;
            self.tables.insert(relation.clone());
            each(&|name| {
                let mut print = Print::default();
                print.text(&relation.to_string()).text(name);
                let column = SourceColumn { relation: relation.clone(), column: name.to_owned() };
                Column { origins: Origins::from([(column, EdgeKind::Copy)]), print }
            })
        } else {
            // A function over constants, or a table of the engine about itself: no column of a table is in there.
            let made = format!("{} {provider:?}", scan.table_name);
            each(&|name| {
                let mut print = Print::default();
                print.text(&made).text(name);
                Column { origins: Origins::new(), print }
            })
        };
        if !scan.filters.is_empty() || scan.fetch.is_some() {
            return Err("the plan was optimised".to_owned());
        }
        match &scan.projection {
            None => Ok(columns),
            Some(places) => {
                let at = |place: &usize| columns.get(*place).cloned();
                let found: Option<Columns> = places.iter().map(at).collect();
                found.ok_or_else(|| "the plan reads a column that the table has not".to_owned())
            }
        }
    }

    fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Columns, String> {
        let input = self.operator(&aggregate.input)?;
        let scope = Scope { schema: aggregate.input.schema(), columns: &input };
        self.rows.text("group");
        let sets = matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(_)]);
        if sets {
            // Which columns make up which set.
            for set in &aggregate.group_expr {
                let print = self.value(set, scope)?.print;
                self.rows.text("sets").print(&print);
            }
        }
        let mut made = Columns::new();
        for group in grouping_set_to_exprlist(&aggregate.group_expr).map_err(|e| e.to_string())? {
            self.influenced(group, scope, Influence::Group)?;
            made.push(self.value(group, scope)?);
        }
        if sets {
            // Which set a row belongs to does not come from any column.
            let mut set = Column::default();
            set.print.text("grouping");
            made.push(set);
        }
        for function in &aggregate.aggr_expr {
            made.push(self.value(function, scope)?);
        }
        Ok(made)
    }

    fn join(&mut self, join: &Join) -> Result<Columns, String> {
        let left = self.operator(&join.left)?;
        let right = match reads_left(&join.right) {
            true => {
                let around = Scope { schema: join.left.schema(), columns: &left };
                self.subquery(&join.right, around)?.0
            }
            false => self.operator(&join.right)?,
        };
        self.rows.text("join").text(&join.join_type.to_string());
        let set = join.null_equality == NullEquality::NullEqualsNull && join.filter.is_none();
        match join.join_type {
            JoinType::LeftSemi if set => return self.intersected(join, left, right),
            JoinType::LeftAnti if set => return Ok(self.excepted(left, right)),
            _ => {}
        }
        let left_scope = Scope { schema: join.left.schema(), columns: &left };
        let right_scope = Scope { schema: join.right.schema(), columns: &right };
        let holds = !matches!(join.join_type, JoinType::LeftAnti | JoinType::RightAnti);
        for (l, r) in &join.on {
            self.compared(l, left_scope)?;
            self.compared(r, right_scope)?;
            let (l, r) = (self.value(l, left_scope)?, self.value(r, right_scope)?);
            self.rows.text("on").print(&l.print).print(&r.print);
            if holds {
                self.held_equal(&l, &r);
            }
            self.influence.extend(l.origins.into_keys().chain(r.origins.into_keys()).map(|c| (c, Influence::Join)));
        }
        if let Some(filter) = &join.filter {
            let schema = join.left.schema().join(join.right.schema()).map_err(|e| e.to_string())?;
            let both: Columns = left.iter().chain(&right).cloned().collect();
            let scope = Scope { schema: &schema, columns: &both };
            for condition in split_conjunction(filter) {
                if holds {
                    self.condition(condition, scope, Influence::Join)?;
                } else {
                    self.influenced(condition, scope, Influence::Join)?;
                }
            }
        }
        match join.join_type {
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                Ok(left.into_iter().chain(right).collect())
            }
            JoinType::LeftSemi | JoinType::LeftAnti => Ok(left),
            JoinType::RightSemi | JoinType::RightAnti => Ok(right),
            other => Err(format!("the plan holds a {other} join")),
        }
    }

    /// INTERSECT: rows of the left side that the right side has too, so the values of both.
    fn intersected(&mut self, join: &Join, left: Columns, right: Columns) -> Result<Columns, String> {
        for (side, columns) in [(&join.left, &left), (&join.right, &right)] {
            self.converted(side, columns)?;
        }
        let mut all = left;
        merge(&mut all, right)?;
        Ok(all)
    }

    /// EXCEPT: the right side decides which rows come out.
    fn excepted(&mut self, left: Columns, right: Columns) -> Columns {
        for column in right {
            self.rows.print(&column.print);
            self.influence.extend(column.origins.into_keys().map(|c| (c, Influence::Filter)));
        }
        left
    }

    fn distinct(&mut self, distinct: &Distinct) -> Result<Columns, String> {
        self.rows.text("distinct");
        match distinct {
            Distinct::All(input) => {
                let made = self.operator(input)?;
                for column in &made {
                    self.rows.print(&column.print);
                    self.influence.extend(column.origins.keys().cloned().map(|c| (c, Influence::Group)));
                }
                Ok(made)
            }
            Distinct::On(on) => {
                let input = self.operator(&on.input)?;
                let scope = Scope { schema: on.input.schema(), columns: &input };
                for expression in &on.on_expr {
                    self.influenced(expression, scope, Influence::Group)?;
                }
                self.order(on.sort_expr.as_deref().unwrap_or_default(), scope)?;
                on.select_expr.iter().map(|e| self.value(e, scope)).collect()
            }
        }
    }

    fn unnest(&mut self, unnest: &Unnest) -> Result<Columns, String> {
        let input = self.operator(&unnest.input)?;
        self.rows.text("unnest");
        let taken_apart = |index: &usize| {
            unnest.list_type_columns.iter().any(|(list, _)| list == index) || unnest.struct_type_columns.contains(index)
        };
        for (index, _) in unnest.list_type_columns.iter().filter(|(i, _)| !is_as_long_as_written(&unnest.input, *i)) {
            let list = input.get(*index).ok_or("the plan takes an unknown column apart")?;
            self.rows.print(&list.print);
            self.influence.extend(list.origins.keys().cloned().map(|c| (c, Influence::Join)));
        }
        let mut made = Columns::new();
        for (out, index) in unnest.dependency_indices.iter().enumerate() {
            let column = input.get(*index).ok_or("the plan takes an unknown column apart")?;
            if !taken_apart(index) {
                made.push(column.clone());
                continue;
            }
            let mut part = Column::default();
            let name = unnest.schema.field(out).name();
            // The members of a struct differ by name, the items of a list by how deep they lie.
            let member = name.rsplit_once('.').map_or("", |(_, member)| member);
            let depth =
                unnest.list_type_columns.iter().find(|(list, l)| list == index && &l.output_column.name == name);
            part.print.text("unnest").text(&depth.map_or(0, |(_, l)| l.depth).to_string());
            if unnest.struct_type_columns.contains(index) {
                part.print.text(member);
            }
            part.print.print(&column.print);
            absorb(&mut part.origins, column.origins.clone(), EdgeKind::Expression);
            made.push(part);
        }
        Ok(made)
    }

    fn recursive(&mut self, query: &RecursiveQuery) -> Result<Columns, String> {
        let mut all = self.operator(&query.static_term)?;
        let hidden = self.working.remove(&query.name);
        let mut first: Option<(Vec<Print>, Print)> = None;
        for _ in 0..ROUNDS {
            self.working.insert(query.name.clone(), all.clone());
            let before: Vec<Origins> = all.iter().map(|c| c.origins.clone()).collect();
            let found = self.operator(&query.recursive_term)?;
            self.converted(&query.recursive_term, &found)?;
            merge(&mut all, found)?;
            self.rows.text(if query.is_distinct { "distinct recursion" } else { "recursion" });
            // How the columns are computed is said by the first round; later ones only find more origins.
            let (prints, rows) =
                first.get_or_insert_with(|| (all.iter().map(|c| c.print.clone()).collect(), self.rows.clone()));
            for (column, print) in all.iter_mut().zip(prints) {
                column.print = print.clone();
            }
            self.rows = rows.clone();
            if all.iter().map(|c| &c.origins).eq(&before) {
                self.working.remove(&query.name);
                self.working.extend(hidden.map(|columns| (query.name.clone(), columns)));
                return Ok(all);
            }
        }
        Err("the plan holds a recursion whose columns do not settle".to_owned())
    }

    fn order(&mut self, order: &[SortExpr], scope: Scope<'_>) -> Result<(), String> {
        for sort in order {
            self.rows.text(if sort.asc { "asc" } else { "desc" }).text(if sort.nulls_first { "first" } else { "last" });
            self.influenced(&sort.expr, scope, Influence::Order)?;
        }
        Ok(())
    }

    /// A query inside another one: its columns, and the values of its conditions that name columns of the other.
    pub(super) fn subquery(&mut self, plan: &LogicalPlan, around: Scope<'_>) -> Result<(Columns, Vec<Column>), String> {
        self.outer.push((around.schema.clone(), around.columns.to_vec()));
        self.correlated.push(Vec::new());
        let made = self.operator(plan);
        let correlated = self.correlated.pop().unwrap_or_default();
        self.outer.pop();
        Ok((made?, correlated))
    }

    /// One of the conditions that all must hold. One that names columns of the query around joins the two.
    fn condition(&mut self, condition: &Expr, scope: Scope<'_>, how: Influence) -> Result<(), String> {
        let correlated = condition.contains_outer();
        let how = if correlated { Influence::Join } else { how };
        let value = self.influenced(condition, scope, how)?;
        if how == Influence::Join
            && let Some((l, r)) = casts::equality(condition)
        {
            let (l, r) = (self.value(l, scope)?, self.value(r, scope)?);
            self.held_equal(&l, &r);
        }
        if let Expr::InSubquery(inner) = condition
            && !inner.negated
        {
            let rows = self.rows.clone();
            let sought = self.value(&inner.expr, scope)?;
            let (found, _) = self.subquery(&inner.subquery.subquery, scope)?;
            self.rows = rows;
            if let [found] = found.as_slice() {
                self.held_equal(&sought, found);
                let both = sought.origins.keys().chain(found.origins.keys()).cloned();
                self.influence.extend(both.map(|c| (c, Influence::Join)));
            }
        }
        if correlated && let Some(conditions) = self.correlated.last_mut() {
            conditions.push(value);
        }
        Ok(())
    }

    fn held_equal(&mut self, l: &Column, r: &Column) {
        if let (Some(a), Some(b)) = (only_copy(&l.origins), only_copy(&r.origins))
            && a != b
        {
            self.equal.insert(if a < b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) });
        }
    }

    fn influenced(&mut self, expression: &Expr, scope: Scope<'_>, how: Influence) -> Result<Column, String> {
        let found = self.value(expression, scope)?;
        self.rows.text(how.as_str()).print(&found.print);
        self.influence.extend(found.origins.keys().cloned().map(|c| (c, how)));
        Ok(found)
    }

    /// Notes a conversion that the engine put around one side of a comparison.
    pub(super) fn compared(&mut self, side: &Expr, scope: Scope<'_>) -> Result<(), String> {
        if let Some((inner, from, to)) = casts::made_up(side, scope.schema, &self.written) {
            let columns: BTreeSet<SourceColumn> = self.value(inner, scope)?.origins.into_keys().collect();
            if !columns.is_empty() {
                self.casts.insert(ImplicitCast { from, to, place: "comparison", columns });
            }
        }
        Ok(())
    }

    /// The same for the columns of one side of a set operation.
    fn converted(&mut self, side: &LogicalPlan, columns: &Columns) -> Result<(), String> {
        let LogicalPlan::Projection(projection) = side else { return Ok(()) };
        for (expression, column) in projection.expr.iter().zip(columns) {
            let Some((_, from, to)) = casts::made_up(expression, projection.input.schema(), &self.written) else {
                continue;
            };
            let columns: BTreeSet<SourceColumn> = column.origins.keys().cloned().collect();
            if !columns.is_empty() {
                self.casts.insert(ImplicitCast { from, to, place: "set operation", columns });
            }
        }
        Ok(())
    }
}

/// Whether a join's right side may read columns of the left one.
fn reads_left(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Subquery(_) => true,
        LogicalPlan::SubqueryAlias(alias) => reads_left(&alias.input),
        LogicalPlan::Projection(projection) => reads_left(&projection.input),
        LogicalPlan::Join(join) => reads_left(&join.left) || reads_left(&join.right),
        _ => false,
    }
}

fn kind(plan: &LogicalPlan) -> String {
    plan.display().to_string().split([':', ' ']).next().unwrap_or_default().to_owned()
}

/// Whether a list that is unnested has as many items as the query writes down.
fn is_as_long_as_written(input: &LogicalPlan, index: usize) -> bool {
    let LogicalPlan::Projection(projection) = input else { return false };
    match projection.expr.get(index) {
        Some(Expr::Alias(alias)) => is_array(&alias.expr),
        Some(made) => is_array(made),
        None => false,
    }
}

fn is_array(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.func.name() == "make_array")
}

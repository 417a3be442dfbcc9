//! Decimals that meet floating-point numbers become such, and dates that meet timestamps. In: a plan as it was bound. Out: the same
//! plan, in which the decimals that are compared or mixed with doubles are cast to double, and the dates to timestamps: in
//! conditions, joins, CASE, lists, VALUES and set operations.
//!
//! The engine's own coercion makes decimals of doubles, which loses digits, rows of joins, and infinity; and nanoseconds of dates,
//! which end in 2262. It runs after this rule and finds nothing left to do.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ExprSchema, Result, ScalarValue};
use datafusion::logical_expr::binary::{type_union_coercion, type_union_resolution};
use datafusion::logical_expr::expr::{Between, Case, Cast, InList, InSubquery, ScalarFunction, SetComparison};
use datafusion::logical_expr::expr_rewriter::{NamePreserver, coerce_plan_expr_for_schema};
use datafusion::logical_expr::expr_schema::cast_subquery;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Join, LogicalPlan, Operator, RecursiveQuery, Union, Values,
};
use datafusion::optimizer::AnalyzerRule;

use super::scalar::{as_list, element};

/// The rule.
#[derive(Debug)]
pub(super) struct Doubles;

impl AnalyzerRule for Doubles {
    fn name(&self) -> &str {
        "decimals_beside_doubles"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(settled(plan)?.data)
    }
}

/// The types that those become that are mixed; nothing if all stay.
pub(super) fn met(given: &[DataType]) -> Option<Vec<DataType>> {
    if given.len() < 2 {
        return None;
    }
    if given.iter().any(DataType::is_decimal) {
        let real = given.iter().filter(|t| t.is_floating()).max_by_key(|t| t.primitive_width())?;
        return Some(given.iter().map(|t| if t.is_decimal() { real.clone() } else { t.clone() }).collect());
    }
    let moment = |t: &&DataType| matches!(t, DataType::Timestamp(..));
    let zoned = |t: &&DataType| matches!(t, DataType::Timestamp(_, Some(_)));
    if let Some(moment) = given.iter().find(zoned).or_else(|| given.iter().find(moment)) {
        let day = |t: &DataType| matches!(t, DataType::Date32 | DataType::Date64);
        let cast = |t: &DataType| if day(t) { moment.clone() } else { t.clone() };
        return given.iter().any(day).then(|| given.iter().map(cast).collect());
    }
    if given.iter().any(is_list) {
        let lists: Vec<usize> = (0..given.len()).filter(|at| is_list(&given[*at])).collect();
        let inner: Vec<DataType> = lists.iter().map(|at| element(&given[*at])).collect();
        let mut types = given.to_vec();
        for (at, inner) in lists.into_iter().zip(met(&inner)?) {
            types[at] = list_of(&inner);
        }
        return Some(types);
    }
    met_structs(given)
}

/// The same where text is read as the timestamp that it is compared or mixed with.
fn mingled(given: &[DataType]) -> Option<Vec<DataType>> {
    let is_text = |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let types = met(given);
    let now = types.as_deref().unwrap_or(given);
    match now.iter().find(|t| matches!(t, DataType::Timestamp(..))) {
        Some(moment) if now.iter().any(is_text) => {
            Some(now.iter().map(|t| if is_text(t) { moment.clone() } else { t.clone() }).collect())
        }
        _ => types,
    }
}

/// The type that columns of a set operation have in common, if there is one. What is text beside dates or truth values stays text.
pub(super) fn common(given: &[DataType]) -> Option<DataType> {
    let texts = |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let written = |t: &DataType| t.is_temporal() || matches!(t, DataType::Boolean);
    if given.iter().any(texts) && given.iter().any(written) {
        return Some(DataType::Utf8);
    }
    let met = met(given);
    let mut types = met.as_deref().unwrap_or(given).iter();
    let first = types.next()?.clone();
    types.try_fold(first, |known, next| type_union_coercion(&known, next))
}

/// The same of structs that have the same fields.
fn met_structs(given: &[DataType]) -> Option<Vec<DataType>> {
    let fields: Vec<&Fields> =
        given.iter().filter_map(|t| if let DataType::Struct(fields) = t { Some(fields) } else { None }).collect();
    let first = *fields.first()?;
    let same = |other: &Fields| {
        other.len() == first.len() && other.iter().zip(first.iter()).all(|(a, b)| a.name() == b.name())
    };
    if !fields.iter().all(|other| same(other)) {
        return None;
    }
    let mut columns: Vec<Vec<DataType>> =
        (0..first.len()).map(|at| fields.iter().map(|f| f[at].data_type().clone()).collect()).collect();
    let mut changed = false;
    for column in &mut columns {
        if let Some(types) = met(column) {
            *column = types;
            changed = true;
        }
    }
    let mut rows = 0..;
    let retyped = |given: &DataType| {
        let DataType::Struct(fields) = given else { return given.clone() };
        let row = rows.next().unwrap_or_default();
        let of = |(at, field): (usize, &Arc<Field>)| field.as_ref().clone().with_data_type(columns[at][row].clone());
        DataType::Struct(fields.iter().enumerate().map(of).collect())
    };
    changed.then(|| given.iter().map(retyped).collect())
}

fn is_list(given: &DataType) -> bool {
    matches!(as_list(given), DataType::List(_))
}

fn list_of(item: &DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item.clone(), true)))
}

/// A plan whose inputs and subqueries come first.
fn settled(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let plan = plan.map_children(settled)?;
    let (plan, below) = (plan.data, plan.transformed);
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = &plan {
        let of = scan.source.schema();
        schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &of)?);
    }
    let plan = plan.map_subqueries(|inner| seen_from(inner, &schema)?.transform_data(settled))?;
    let (plan, within) = (plan.data, plan.transformed);
    let names = NamePreserver::new(&plan);
    let plan = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let changed = expr.transform_up(|expr| in_expression(expr, &schema))?;
        Ok(changed.update_data(|expr| name.restore(expr)))
    })?;
    let (plan, here) = (plan.data, plan.transformed);
    let plan = in_plan(plan, below)?;
    if below || within || here || plan.transformed {
        return Ok(Transformed::yes(plan.data.recompute_schema()?));
    }
    Ok(plan)
}

/// A subquery, in which columns of the query around have the types that they have there by now.
fn seen_from(inner: LogicalPlan, outer: &DFSchema) -> Result<Transformed<LogicalPlan>> {
    inner.transform_down_with_subqueries(|plan| {
        plan.map_expressions(|expr| {
            expr.transform_up(|expr| match expr {
                Expr::OuterReferenceColumn(field, column) => match outer.field_from_column(&column) {
                    Ok(known) if known.data_type() != field.data_type() => {
                        Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(known), column)))
                    }
                    _ => Ok(Transformed::no(Expr::OuterReferenceColumn(field, column))),
                },
                other => Ok(Transformed::no(other)),
            })
        })
    })
}

/// What stands in the plan beside expressions.
fn in_plan(plan: LogicalPlan, below: bool) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Join(join) if super::sets::is_one(&join) => match super::sets::settled(&join)? {
            Some(plan) => Ok(Transformed::yes(plan)),
            None => Ok(Transformed::no(LogicalPlan::Join(join))),
        },
        LogicalPlan::Join(join) => joined(join),
        LogicalPlan::Sort(sort) => super::plain::sorted(sort),
        LogicalPlan::Union(union) => united(union, below),
        LogicalPlan::Values(values) => listed(values),
        LogicalPlan::RecursiveQuery(query) => recursive(query),
        other => Ok(Transformed::no(other)),
    }
}

fn told<T>(data: T, changed: bool) -> Transformed<T> {
    if changed { Transformed::yes(data) } else { Transformed::no(data) }
}

fn joined(mut join: Join) -> Result<Transformed<LogicalPlan>> {
    let mut changed = false;
    let mut on = Vec::with_capacity(join.on.len());
    for (left, right) in join.on {
        let types = [left.get_type(join.left.schema())?, right.get_type(join.right.schema())?];
        on.push(match mingled(&types) {
            Some(types) => {
                changed = true;
                (left.cast_to(&types[0], join.left.schema())?, right.cast_to(&types[1], join.right.schema())?)
            }
            None => (left, right),
        });
    }
    join.on = on;
    Ok(told(LogicalPlan::Join(join), changed))
}

/// Every input has the types of the whole. What the planner takes for them are those of the first one; and where inputs are matched
/// by name, that is said of all of them.
fn united(union: Union, below: bool) -> Result<Transformed<LogicalPlan>> {
    let Union { inputs, schema } = union;
    let width = schema.fields().len();
    let mut own = Vec::with_capacity(inputs.len());
    for input in inputs {
        let input = Arc::unwrap_or_clone(input);
        own.push(Arc::new(if matches!(input, LogicalPlan::Projection(_)) { input.recompute_schema()? } else { input }));
    }
    let inputs = own;
    if inputs.iter().any(|input| input.schema().fields().len() != width) {
        return Ok(Transformed::no(LogicalPlan::Union(Union { inputs, schema })));
    }
    let column =
        |at: usize| inputs.iter().map(|input| input.schema().field(at).data_type().clone()).collect::<Vec<_>>();
    let Some(wanted) = (0..width).map(|at| common(&column(at))).collect::<Option<Vec<_>>>() else {
        return Ok(Transformed::no(LogicalPlan::Union(Union { inputs, schema })));
    };
    let same = |schema: &DFSchema| schema.fields().iter().zip(&wanted).all(|(f, t)| f.data_type() == t);
    if !below && same(&schema) && inputs.iter().all(|input| same(input.schema())) {
        return Ok(Transformed::no(LogicalPlan::Union(Union { inputs, schema })));
    }
    let mut cast = Vec::with_capacity(inputs.len());
    for input in inputs {
        let of = retyped(input.schema(), |at| wanted[at].clone())?;
        cast.push(Arc::new(coerce_plan_expr_for_schema(Arc::unwrap_or_clone(input), &of)?));
    }
    let schema = Arc::new(retyped(&schema, |at| wanted[at].clone())?);
    Ok(Transformed::yes(LogicalPlan::Union(Union { inputs: cast, schema })))
}

/// A schema with other types.
fn retyped(schema: &DFSchema, of: impl Fn(usize) -> DataType) -> Result<DFSchema> {
    let fields = schema
        .iter()
        .enumerate()
        .map(|(at, (relation, field))| (relation.cloned(), Arc::new(field.as_ref().clone().with_data_type(of(at)))));
    DFSchema::new_with_metadata(fields.collect(), schema.metadata().clone())
}

/// The planner has cast the rows of VALUES to what it takes for their common type: their own types are below these casts. A cast
/// to a decimal that is written in a row is doubled when it is rewritten, and so is not taken for one of these.
fn listed(mut values: Values) -> Result<Transformed<LogicalPlan>> {
    let nothing = DFSchema::empty();
    let mut found: Vec<Option<DataType>> = vec![None; values.schema.fields().len()];
    for (at, found) in found.iter_mut().enumerate() {
        let column = values.schema.field(at).data_type();
        let own = values.values.iter().map(|row| own_type(&row[at], column, &nothing)).collect::<Result<Vec<_>>>()?;
        // Rows that are inserted are cast to the type of the column that they are for.
        if type_union_resolution(&own).as_ref() == Some(column) {
            *found = met(&own).and_then(|types| type_union_resolution(&types));
        }
    }
    if found.iter().all(Option::is_none) {
        return Ok(Transformed::no(LogicalPlan::Values(values)));
    }
    for row in &mut values.values {
        for (at, wanted) in found.iter().enumerate() {
            if let Some(wanted) = wanted {
                let value = without_cast(std::mem::take(&mut row[at]), values.schema.field(at).data_type());
                row[at] = match value {
                    Expr::Literal(null, metadata) if null.is_null() => {
                        Expr::Literal(ScalarValue::try_from(wanted)?, metadata)
                    }
                    value => value.cast_to(wanted, &nothing)?,
                };
            }
        }
    }
    let of = |at: usize| found[at].clone().unwrap_or_else(|| values.schema.field(at).data_type().clone());
    values.schema = Arc::new(retyped(&values.schema, of)?);
    Ok(Transformed::yes(LogicalPlan::Values(values)))
}

fn without_cast(value: Expr, column: &DataType) -> Expr {
    match value {
        Expr::Cast(Cast { expr, field }) if field.data_type() == column => *expr,
        other => other,
    }
}

fn own_type(value: &Expr, column: &DataType, schema: &DFSchema) -> Result<DataType> {
    match value {
        Expr::Literal(null, _) if null.is_null() => Ok(DataType::Null),
        Expr::Cast(Cast { expr, field }) if field.data_type() == column => expr.get_type(schema),
        other => other.get_type(schema),
    }
}

/// The rows that come back keep the types that were planned for them.
fn recursive(query: RecursiveQuery) -> Result<Transformed<LogicalPlan>> {
    let types = |schema: &DFSchema| schema.fields().iter().map(|f| f.data_type().clone()).collect::<Vec<_>>();
    let wanted = types(&query.schema);
    let same = |plan: &LogicalPlan| types(plan.schema()) == wanted;
    if same(&query.static_term) && same(&query.recursive_term) {
        return Ok(Transformed::no(LogicalPlan::RecursiveQuery(query)));
    }
    let cast = |plan: Arc<LogicalPlan>| {
        let schema = retyped(plan.schema(), |at| wanted[at].clone())?;
        coerce_plan_expr_for_schema(Arc::unwrap_or_clone(plan), &schema).map(Arc::new)
    };
    let (static_term, recursive_term) = (cast(query.static_term)?, cast(query.recursive_term)?);
    let query = RecursiveQuery { static_term, recursive_term, ..query };
    Ok(Transformed::yes(LogicalPlan::RecursiveQuery(query)))
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// Expressions that are mixed, cast where they have to be.
fn cast_all(exprs: Vec<Expr>, schema: &DFSchema) -> Result<Transformed<Vec<Expr>>> {
    let types = exprs.iter().map(|e| e.get_type(schema)).collect::<Result<Vec<_>>>()?;
    let Some(types) = mingled(&types) else { return Ok(Transformed::no(exprs)) };
    let cast = exprs.into_iter().zip(types).map(|(e, t)| e.cast_to(&t, schema)).collect::<Result<Vec<_>>>()?;
    Ok(Transformed::yes(cast))
}

fn pair(left: Expr, right: Expr, schema: &DFSchema) -> Result<Transformed<[Expr; 2]>> {
    let types = [left.get_type(schema)?, right.get_type(schema)?];
    match mingled(&types) {
        Some(types) => Ok(Transformed::yes([left.cast_to(&types[0], schema)?, right.cast_to(&types[1], schema)?])),
        None => Ok(Transformed::no([left, right])),
    }
}

/// One expression whose parts are settled.
pub(super) fn in_expression(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
            pair(*left, *right, schema)?.map_data(|[left, right]| {
                Ok(Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op, right: Box::new(right) }))
            })
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            cast_all(vec![*expr, *low, *high], schema)?.map_data(|all| {
                let mut all = all.into_iter().map(Box::new);
                let mut next = || all.next().unwrap_or_default();
                Ok(Expr::Between(Between { expr: next(), negated, low: next(), high: next() }))
            })
        }
        Expr::InList(InList { expr, mut list, negated }) => {
            list.push(*expr);
            let cast = cast_all(list, schema)?;
            let mut list = cast.data;
            let expr = Box::new(list.pop().unwrap_or_default());
            let found = super::plain::in_list(InList { expr, list, negated });
            Ok(told(Expr::InList(found.data), cast.transformed || found.transformed))
        }
        Expr::Case(case) => in_case(case, schema),
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            let types = [expr.get_type(schema)?, subquery.subquery.schema().field(0).data_type().clone()];
            Ok(match mingled(&types) {
                Some(types) => Transformed::yes(Expr::InSubquery(InSubquery {
                    expr: Box::new(expr.cast_to(&types[0], schema)?),
                    subquery: cast_subquery(subquery, &types[1])?,
                    negated,
                })),
                None => Transformed::no(Expr::InSubquery(InSubquery { expr, subquery, negated })),
            })
        }
        Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) => {
            let types = [expr.get_type(schema)?, subquery.subquery.schema().field(0).data_type().clone()];
            Ok(match mingled(&types) {
                Some(types) => Transformed::yes(Expr::SetComparison(SetComparison {
                    expr: Box::new(expr.cast_to(&types[0], schema)?),
                    subquery: cast_subquery(subquery, &types[1])?,
                    op,
                    quantifier,
                })),
                None => Transformed::no(Expr::SetComparison(SetComparison { expr, subquery, op, quantifier })),
            })
        }
        Expr::ScalarFunction(call) => in_call(call, schema),
        Expr::WindowFunction(window) => super::plain::in_window(window, schema),
        other => Ok(Transformed::no(other)),
    }
}

fn in_case(case: Case, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Case { expr, when_then_expr, else_expr } = case;
    let (mut when, mut then): (Vec<Expr>, Vec<Expr>) = when_then_expr.into_iter().map(|(w, t)| (*w, *t)).unzip();
    let mut changed = false;
    let operand = match expr {
        Some(operand) => {
            when.push(*operand);
            let all = cast_all(when, schema)?;
            changed |= all.transformed;
            when = all.data;
            when.pop().map(Box::new)
        }
        None => None,
    };
    let has_else = else_expr.is_some();
    then.extend(else_expr.map(|e| *e));
    let all = cast_all(then, schema)?;
    changed |= all.transformed;
    let mut then = all.data;
    let else_expr = if has_else { then.pop().map(Box::new) } else { None };
    let when_then_expr = when.into_iter().zip(then).map(|(w, t)| (Box::new(w), Box::new(t))).collect();
    Ok(told(Expr::Case(Case { expr: operand, when_then_expr, else_expr }), changed))
}

/// How the arguments of a function belong together.
enum Mixed {
    /// All become one type.
    All,
    /// All but the first.
    Rest,
    /// The elements of the first, which is a list, and the others.
    Elements,
    /// The elements of the second, which is a list, and the first.
    ElementsOfSecond,
}

fn mixed(function: &str) -> Option<Mixed> {
    Some(match function {
        "coalesce" | "nvl" | "greatest" | "least" | "make_array" | "array_concat" | "array_has_all"
        | "array_has_any" | "array_except" | "array_intersect" | "array_union" => Mixed::All,
        "nvl2" => Mixed::Rest,
        "array_has" | "array_append" | "array_position" | "array_positions" | "array_remove" | "array_remove_all"
        | "array_replace" | "array_replace_all" => Mixed::Elements,
        "array_prepend" => Mixed::ElementsOfSecond,
        _ => return None,
    })
}

fn in_call(call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if call.func.name() == "nullif" && call.args.len() == 2 {
        return null_if(call, schema);
    }
    let Some(how) = mixed(call.func.name()) else { return Ok(Transformed::no(Expr::ScalarFunction(call))) };
    let types = call.args.iter().map(|e| e.get_type(schema)).collect::<Result<Vec<_>>>()?;
    let found = match (how, types.as_slice()) {
        (Mixed::All, _) => mingled(&types),
        (Mixed::Rest, [first, rest @ ..]) => {
            mingled(rest).map(|rest| [std::slice::from_ref(first), rest.as_slice()].concat())
        }
        (Mixed::Elements, [first, rest @ ..]) => met(&[&[element(first)], rest].concat())
            .map(|all| all.iter().enumerate().map(|(at, t)| if at == 0 { list_of(t) } else { t.clone() }).collect()),
        (Mixed::ElementsOfSecond, [first, second]) => {
            met(&[first.clone(), element(second)]).map(|both| vec![both[0].clone(), list_of(&both[1])])
        }
        _ => None,
    };
    let Some(found) = found else { return Ok(Transformed::no(Expr::ScalarFunction(call))) };
    let args = call.args.into_iter().zip(found).map(|(e, t)| e.cast_to(&t, schema)).collect::<Result<Vec<_>>>()?;
    Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction { func: call.func, args })))
}

/// `nullif` gives its first argument as it is; the second is only compared.
fn null_if(call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let types = call.args.iter().map(|e| e.get_type(schema)).collect::<Result<Vec<_>>>()?;
    let differ = mingled(&types).is_some() || (types.iter().all(DataType::is_numeric) && types[0] != types[1]);
    if !differ || call.args[0].is_volatile() {
        return Ok(Transformed::no(Expr::ScalarFunction(call)));
    }
    let mut both = call.args.into_iter();
    let (value, other) = (both.next().unwrap_or_default(), both.next().unwrap_or_default());
    let [left, right] = pair(value.clone(), other, schema)?.data;
    let null = Expr::Literal(ScalarValue::try_from(&types[0])?, None);
    let equal = Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op: Operator::Eq, right: Box::new(right) });
    let when_then_expr = vec![(Box::new(equal), Box::new(null))];
    Ok(Transformed::yes(Expr::Case(Case { expr: None, when_then_expr, else_expr: Some(Box::new(value)) })))
}

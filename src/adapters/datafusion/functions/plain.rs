//! Doubles that are equal and have several forms: there are two zeros and many that are not a number. DuckDB takes each for one,
//! and orders what is not a number behind all others; the engine orders and compares their bits.
//!
//! In: a quotient, a list behind IN, keys of an order. Out: the same of forms that compare as they should.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Cast, InList, ScalarFunction, WindowFunction};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, ScalarUDF, Sort, SortExpr};

use super::scalar::{Kind, Scalar};

/// The functions: `quotient` makes one of all that is not a number, `order_key` one of both zeros too.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![quotient(), order_key()]
}

/// `a / b` of doubles.
pub(super) fn quotient() -> Arc<ScalarUDF> {
    Scalar::new("quotient")
        .on(&[Kind::Float, Kind::Float], DataType::Float64, |args, _| {
            let divided: Float64Array = datafusion::arrow::compute::binary(
                args[0].as_primitive::<Float64Type>(),
                args[1].as_primitive::<Float64Type>(),
                |a, b| one_nan(a / b),
            )?;
            Ok(Arc::new(divided))
        })
        .build()
}

fn order_key() -> Arc<ScalarUDF> {
    Scalar::new("order_key")
        .on(&[Kind::Float], DataType::Float64, |args, _| {
            let plain = args[0].as_primitive::<Float64Type>().unary::<_, Float64Type>(|x| one_nan(x) + 0.0);
            Ok(Arc::new(plain) as ArrayRef)
        })
        .build()
}

fn one_nan(x: f64) -> f64 {
    if x.is_nan() { f64::NAN } else { x }
}

/// `x IN (...)` with a zero, or with what is not a number, has it in both forms.
pub(super) fn in_list(list: InList) -> Transformed<InList> {
    let other = |item: &Expr| {
        let flipped = match constant(item)? {
            ScalarValue::Float64(Some(x)) if x == 0.0 || x.is_nan() => ScalarValue::Float64(Some(-x)),
            ScalarValue::Float32(Some(x)) if x == 0.0 || x.is_nan() => ScalarValue::Float32(Some(-x)),
            _ => return None,
        };
        Some(Expr::Literal(flipped, None))
    };
    let more: Vec<Expr> = list.list.iter().filter_map(other).filter(|item| !list.list.contains(item)).collect();
    if more.is_empty() {
        return Transformed::no(list);
    }
    let InList { expr, list: mut items, negated } = list;
    items.extend(more);
    Transformed::yes(InList { expr, list: items, negated })
}

/// A literal, or one that is cast.
fn constant(item: &Expr) -> Option<ScalarValue> {
    match item {
        Expr::Literal(value, _) => Some(value.clone()),
        Expr::Cast(Cast { expr, field }) => constant(expr)?.cast_to(field.data_type()).ok(),
        _ => None,
    }
}

/// Keys of an order that are doubles, in their plain form.
fn keys(keys: Vec<SortExpr>, schema: &DFSchema) -> Result<Transformed<Vec<SortExpr>>> {
    let function = order_key();
    let mut changed = false;
    let keys = keys
        .into_iter()
        .map(|key| {
            let done = matches!(&key.expr, Expr::ScalarFunction(call) if call.func.name() == function.name());
            if done || matches!(key.expr, Expr::Literal(..)) || !key.expr.get_type(schema)?.is_floating() {
                return Ok(key);
            }
            changed = true;
            let expr = Expr::ScalarFunction(ScalarFunction { func: Arc::clone(&function), args: vec![key.expr] });
            Ok(SortExpr { expr, ..key })
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(if changed { Transformed::yes(keys) } else { Transformed::no(keys) })
}

/// `ORDER BY` of a query.
pub(super) fn sorted(sort: Sort) -> Result<Transformed<LogicalPlan>> {
    let Sort { expr, input, fetch } = sort;
    keys(expr, input.schema())?.map_data(|expr| Ok(LogicalPlan::Sort(Sort { expr, input, fetch })))
}

/// `ORDER BY` of a window, unless its frame counts from the values.
pub(super) fn in_window(mut window: Box<WindowFunction>, schema: &DFSchema) -> Result<Transformed<Expr>> {
    use datafusion::logical_expr::{WindowFrameBound, WindowFrameUnits};
    let frame = &window.params.window_frame;
    let counted = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::Preceding(by) | WindowFrameBound::Following(by) => !by.is_null(),
        WindowFrameBound::CurrentRow => false,
    };
    if frame.units == WindowFrameUnits::Range && (counted(&frame.start_bound) || counted(&frame.end_bound)) {
        return Ok(Transformed::no(Expr::WindowFunction(window)));
    }
    let found = keys(std::mem::take(&mut window.params.order_by), schema)?;
    window.params.order_by = found.data;
    let window = Expr::WindowFunction(window);
    Ok(if found.transformed { Transformed::yes(window) } else { Transformed::no(window) })
}

//! Operators whose result is another in DuckDB. In: an operator and two planned operands. Out: an expression of the same meaning.
//!
//! `/` is a division of doubles, `//` one of whole numbers; a date plus an interval is a timestamp; the difference of two
//! timestamps is an interval; intervals are compared by their length; `^` is a power; `->` and `->>` read JSON.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::functions_nested::concat::array_concat_udf;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, GetFieldAccess, Operator, ScalarUDF, cast, lit, when};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::plain::quotient;
use super::scalar::micros;

/// The planner, with the functions that it calls.
#[derive(Debug)]
pub(super) struct Operators {
    calls: Vec<Arc<ScalarUDF>>,
}

impl Operators {
    pub(super) fn new(functions: &[Arc<ScalarUDF>]) -> Self {
        const NEEDED: [&str; 12] = [
            "text_element",
            "text_slice",
            "divide",
            "power",
            "timestamp_minus",
            "interval_times",
            "interval_order",
            "json_extract",
            "json_extract_string",
            "json_extract_each",
            "json_extract_string_each",
            "to_text",
        ];
        Self { calls: functions.iter().filter(|f| NEEDED.contains(&f.name())).map(Arc::clone).collect() }
    }

    fn call(&self, name: &str, args: Vec<Expr>) -> Option<Expr> {
        self.calls.iter().find(|f| f.name() == name).map(|f| f.call(args))
    }

    /// The expression for an operator on these types, where it is not the engine's own.
    fn planned(&self, op: &BinaryOperator, left: &Expr, right: &Expr, types: (&DataType, &DataType)) -> Option<Expr> {
        let (l, r) = (|| left.clone(), || right.clone());
        let (lt, rt) = types;
        let number = |t: &DataType| t.is_numeric() || t.is_null();
        let moment = |t: &DataType| matches!(t, DataType::Timestamp(_, _));
        let day = |t: &DataType| matches!(t, DataType::Date32 | DataType::Date64);
        let interval = |t: &DataType| matches!(t, DataType::Interval(_) | DataType::Duration(_));
        let truth = |t: &DataType| matches!(t, DataType::Boolean);
        let count = |t: &DataType| t.is_integer() || t.is_floating();
        match op {
            BinaryOperator::Divide if interval(lt) && number(rt) => {
                self.call("interval_times", vec![l(), binary(lit(1.0), Operator::Divide, cast(r(), DataType::Float64))])
            }
            BinaryOperator::Divide if number(lt) && number(rt) => Some(ratio(l(), r(), types)),
            BinaryOperator::DuckIntegerDivide if lt.is_integer() && rt.is_integer() => {
                self.call("divide", vec![l(), r()])
            }
            BinaryOperator::DuckIntegerDivide if number(lt) && number(rt) => Some(ratio(l(), r(), types)),
            BinaryOperator::PGExp | BinaryOperator::BitwiseXor => self.call("power", vec![l(), r()]),
            BinaryOperator::Multiply if interval(lt) && number(rt) => self.call("interval_times", vec![l(), r()]),
            BinaryOperator::Multiply if number(lt) && interval(rt) => self.call("interval_times", vec![r(), l()]),
            BinaryOperator::Plus | BinaryOperator::Minus if day(lt) && interval(rt) => {
                Some(binary(cast(l(), micros()), operator(op), r()))
            }
            BinaryOperator::Plus if interval(lt) && day(rt) => Some(binary(cast(r(), micros()), Operator::Plus, l())),
            BinaryOperator::Plus if interval(lt) && moment(rt) => Some(binary(r(), Operator::Plus, l())),
            BinaryOperator::Plus if lt.is_integer() && day(rt) => Some(binary(r(), Operator::Plus, l())),
            BinaryOperator::Minus if (moment(lt) && (moment(rt) || day(rt))) || (day(lt) && moment(rt)) => {
                self.call("timestamp_minus", vec![l(), r()])
            }
            op if compares(op) && truth(lt) && count(rt) => Some(binary(cast(l(), rt.clone()), operator(op), r())),
            op if compares(op) && count(lt) && truth(rt) => Some(binary(l(), operator(op), cast(r(), lt.clone()))),
            op if compares(op) && interval(lt) && interval(rt) => Some(binary(
                self.call("interval_order", vec![l()])?,
                operator(op),
                self.call("interval_order", vec![r()])?,
            )),
            BinaryOperator::Arrow => self.call(path_call("json_extract", right), vec![l(), r()]),
            BinaryOperator::LongArrow => self.call(path_call("json_extract_string", right), vec![l(), r()]),
            BinaryOperator::StringConcat if is_list(lt) && is_list(rt) => {
                let missing = binary(l().is_null(), Operator::Or, r().is_null());
                let both = array_concat_udf().call(vec![l(), r()]);
                when(missing, lit(ScalarValue::Null)).otherwise(both).ok()
            }
            BinaryOperator::StringConcat if is_list(lt) && rt.is_null() => Some(cast(r(), lt.clone())),
            BinaryOperator::StringConcat if lt.is_null() && is_list(rt) => Some(cast(l(), rt.clone())),
            BinaryOperator::StringConcat if !is_list(lt) && !is_list(rt) => {
                let (wrap_left, wrap_right) = (own_text(lt), own_text(rt));
                if !wrap_left && !wrap_right {
                    return None;
                }
                let left = if wrap_left { self.call("to_text", vec![l()])? } else { l() };
                let right = if wrap_right { self.call("to_text", vec![r()])? } else { r() };
                Some(binary(left, Operator::StringConcat, right))
            }
            _ => None,
        }
    }
}

/// Types that the engine would write in another way.
pub(super) fn own_text(given: &DataType) -> bool {
    !matches!(
        given,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Null
            | DataType::Boolean
            | DataType::Date32
    ) && !given.is_integer()
        && !given.is_decimal()
}

fn compares(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

fn is_list(given: &DataType) -> bool {
    matches!(given, DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _))
}

/// A path with `*` finds a list of values.
pub(super) fn path_call<'a>(name: &'a str, path: &Expr) -> &'a str {
    let wild = match path {
        Expr::Literal(ScalarValue::Utf8(Some(p)) | ScalarValue::Utf8View(Some(p)), _) => {
            p.starts_with('$') && p.contains('*')
        }
        _ => false,
    };
    match (name, wild) {
        ("json_extract", true) => "json_extract_each",
        ("json_extract_string", true) => "json_extract_string_each",
        _ => name,
    }
}

/// Beside a double the quotient is a double; of a float and another number it is a float.
fn ratio(left: Expr, right: Expr, types: (&DataType, &DataType)) -> Expr {
    let quotient = quotient().call(vec![cast(left, DataType::Float64), cast(right, DataType::Float64)]);
    let of = |t: &DataType| matches!(types, (l, r) if l == t || r == t);
    if of(&DataType::Float32) && !of(&DataType::Float64) { cast(quotient, DataType::Float32) } else { quotient }
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

fn operator(op: &BinaryOperator) -> Operator {
    match op {
        BinaryOperator::Minus => Operator::Minus,
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        _ => Operator::Plus,
    }
}

impl ExprPlanner for Operators {
    /// `text[1]` and `text[2:3]`.
    fn plan_field_access(
        &self,
        expr: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let text = |t: DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        if !expr.expr.get_type(schema).is_ok_and(text) {
            return Ok(PlannerResult::Original(expr));
        }
        let of = expr.expr.clone();
        let planned = match &expr.field_access {
            GetFieldAccess::ListIndex { key } => self.call("text_element", vec![of, (**key).clone()]),
            GetFieldAccess::ListRange { start, stop, .. } => {
                self.call("text_slice", vec![of, (**start).clone(), (**stop).clone()])
            }
            GetFieldAccess::NamedStructField { .. } => None,
        };
        Ok(planned.map_or(PlannerResult::Original(expr), PlannerResult::Planned))
    }

    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        // A name that does not resolve is the planner's to report.
        let (Ok(lt), Ok(rt)) = (expr.left.get_type(schema), expr.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(expr));
        };
        Ok(match self.planned(&expr.op, &expr.left, &expr.right, (&lt, &rt)) {
            Some(planned) => PlannerResult::Planned(planned),
            None => PlannerResult::Original(expr),
        })
    }
}

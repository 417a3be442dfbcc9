//! Casts that give another value in DuckDB: numbers are rounded to whole ones where the engine cuts them, and timestamps,
//! doubles, lists and structs are written as DuckDB writes them. Sums, differences and products of bigints that are out of range
//! are errors instead of other numbers. Runs on bound plans, where types are known.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BinaryArray, Int64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::functions::expr_fn::round;
use datafusion::logical_expr::expr::{Between, Cast, InList, ScalarFunction, TryCast};
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, ScalarUDF, cast};

use super::operators::own_text;
use super::rounding;
use super::scalar::{Kind, Scalar, text};

/// The functions that casts become.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let read = |args: &[ArrayRef], _rows: usize| whole(args, false);
    let tried = |args: &[ArrayRef], _rows: usize| whole(args, true);
    vec![
        Scalar::new("whole_of_text").on(&[Kind::Text], DataType::Int64, read).build(),
        Scalar::new("try_whole_of_text").on(&[Kind::Text], DataType::Int64, tried).build(),
        Scalar::new("bytes_of_text").on(&[Kind::Text], DataType::Binary, |args, _| bytes(args, false)).build(),
        Scalar::new("try_bytes_of_text").on(&[Kind::Text], DataType::Binary, |args, _| bytes(args, true)).build(),
    ]
}

/// `'a\\xFF'` is two bytes: what is not ASCII is written in hexadecimal digits.
fn bytes(args: &[ArrayRef], lenient: bool) -> Result<ArrayRef> {
    let read = text(&args[0]).iter().map(|value| {
        let Some(value) = value else { return Ok(None) };
        match bytes_of(value) {
            None if !lenient => {
                let text = format!(
                    "Could not convert string '{value}' to BLOB: bytes that are not ASCII, and backslashes, are written as \\x and \
                     two hexadecimal digits"
                );
                Err(ArrowError::CastError(text).into())
            }
            read => Ok(read),
        }
    });
    Ok(Arc::new(read.collect::<Result<BinaryArray>>()?))
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'\\' => {
                let digits = after.strip_prefix(b"x")?.get(..2)?;
                let digit = |d: u8| char::from(d).to_digit(16).and_then(|d| u8::try_from(d).ok());
                bytes.push(digit(digits[0])? * 16 + digit(digits[1])?);
                &after[3..]
            }
            ascii if ascii.is_ascii() => {
                bytes.push(*ascii);
                after
            }
            _ => return None,
        };
    }
    Some(bytes)
}

/// `' 42 '`, `'1.5'` and `'1e3'` are whole numbers too, rounded.
fn whole(args: &[ArrayRef], lenient: bool) -> Result<ArrayRef> {
    let read = text(&args[0]).iter().map(|value| {
        let Some(value) = value else { return Ok(None) };
        let trimmed = value.trim();
        let parsed = trimmed.parse::<i64>().ok().or_else(|| {
            let number: f64 = trimmed.parse().ok()?;
            let digit = trimmed.bytes().any(|b| b.is_ascii_digit());
            (digit && number.abs() < 9.2e18).then(|| number.round() as i64)
        });
        match parsed {
            Some(n) => Ok(Some(n)),
            None if lenient => Ok(None),
            None => {
                let text = format!("Could not convert string '{value}' to a whole number");
                Err(ArrowError::CastError(text).into())
            }
        }
    });
    Ok(Arc::new(read.collect::<Result<Int64Array>>()?))
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// The rewrite of casts in bound plans.
#[derive(Debug)]
pub(super) struct Casts {
    calls: Vec<Arc<ScalarUDF>>,
}

impl Casts {
    pub(super) fn new(functions: &[Arc<ScalarUDF>]) -> Self {
        const NEEDED: [&str; 18] = [
            "json_extract_string",
            "round_each",
            "trunc_each",
            "checked_plus",
            "checked_minus",
            "checked_times",
            "whole_of_text",
            "try_whole_of_text",
            "bytes_of_text",
            "try_bytes_of_text",
            "moment_of_text",
            "try_moment_of_text",
            "instant_of_text",
            "try_instant_of_text",
            "day_of_text",
            "try_day_of_text",
            "to_text",
            "rounded_half_even",
        ];
        Self { calls: functions.iter().filter(|f| NEEDED.contains(&f.name())).map(Arc::clone).collect() }
    }

    fn call(&self, name: &str, arg: Expr) -> Option<Expr> {
        self.calls.iter().find(|f| f.name() == name).map(|f| f.call(vec![arg]))
    }

    /// What is cast instead of `given`, if it is something else.
    fn operand(&self, given: &Expr, from: &DataType, to: &DataType, lenient: bool) -> Option<Expr> {
        let is_text = |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        // A value of JSON is read as what it is: of `"5"` without quotes, and its null is null.
        if is_text(from)
            && !is_text(to)
            && !to.is_nested()
            && let Expr::ScalarFunction(ScalarFunction { func, args }) = given
            && func.name() == "json_extract"
            && let Some(plain) = self.calls.iter().find(|f| f.name() == "json_extract_string")
        {
            let plain = plain.call(args.clone());
            return Some(self.operand(&plain, from, to, lenient).unwrap_or(plain));
        }
        if to.is_integer() {
            if from.is_floating() {
                return self.call("rounded_half_even", given.clone());
            }
            if from.is_decimal() {
                return Some(round(vec![given.clone()]));
            }
            if is_text(from) {
                return self.call(if lenient { "try_whole_of_text" } else { "whole_of_text" }, given.clone());
            }
        }
        if is_text(to) && own_text(from) {
            return self.call("to_text", given.clone());
        }
        if is_text(from) && matches!(to, DataType::Binary | DataType::BinaryView | DataType::LargeBinary) {
            return self.call(if lenient { "try_bytes_of_text" } else { "bytes_of_text" }, given.clone());
        }
        if is_text(from) && matches!(to, DataType::Date32 | DataType::Timestamp(..)) {
            let name = match (to, lenient) {
                (DataType::Date32, false) => "day_of_text",
                (DataType::Date32, true) => "try_day_of_text",
                (DataType::Timestamp(_, Some(_)), false) => "instant_of_text",
                (DataType::Timestamp(_, Some(_)), true) => "try_instant_of_text",
                (_, false) => "moment_of_text",
                (_, true) => "try_moment_of_text",
            };
            return self.call(name, given.clone());
        }
        None
    }

    /// Text that is compared with a date or a timestamp is read as such; the engine would read fewer forms of it.
    fn compared(&self, side: Expr, other: &Expr, schema: &DFSchema) -> Transformed<Expr> {
        let Expr::Literal(ScalarValue::Utf8(Some(_)), _) = &side else { return Transformed::no(side) };
        let read =
            other.get_type(schema).ok().and_then(|t| Some((self.operand(&side, &DataType::Utf8, &t, false)?, t)));
        match read {
            Some((read, to)) if matches!(to, DataType::Date32 | DataType::Timestamp(..)) => {
                Transformed::yes(cast(read, to))
            }
            _ => Transformed::no(side),
        }
    }
}

impl FunctionRewrite for Casts {
    fn name(&self) -> &str {
        "duckdb_casts"
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema, _config: &ConfigOptions) -> Result<Transformed<Expr>> {
        match expr {
            Expr::Cast(Cast { expr, field }) => {
                let changed =
                    expr.get_type(schema).ok().and_then(|t| self.operand(&expr, &t, field.data_type(), false));
                Ok(match changed {
                    Some(inner) => Transformed::yes(Expr::Cast(Cast { expr: Box::new(inner), field })),
                    None => Transformed::no(Expr::Cast(Cast { expr, field })),
                })
            }
            Expr::TryCast(TryCast { expr, field }) => {
                let changed = expr.get_type(schema).ok().and_then(|t| self.operand(&expr, &t, field.data_type(), true));
                Ok(match changed {
                    Some(inner) => Transformed::yes(Expr::TryCast(TryCast { expr: Box::new(inner), field })),
                    None => Transformed::no(Expr::TryCast(TryCast { expr, field })),
                })
            }
            Expr::ScalarFunction(ScalarFunction { func, mut args }) if matches!(func.name(), "round" | "trunc") => {
                let literal = rounding::literal(&mut args);
                let other = rounding::settled(func.name(), &args);
                let func = other.and_then(|name| self.calls.iter().find(|f| f.name() == name)).map_or(func, Arc::clone);
                let expr = Expr::ScalarFunction(ScalarFunction { func, args });
                Ok(if literal || other.is_some() { Transformed::yes(expr) } else { Transformed::no(expr) })
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => {
                let texts = [*left, *right].map(|side| match side.get_type(schema) {
                    Ok(of) if own_text(&of) && !of.is_nested() => {
                        self.call("to_text", side.clone()).map_or(Transformed::no(side), Transformed::yes)
                    }
                    _ => Transformed::no(side),
                });
                let transformed = texts.iter().any(|side| side.transformed);
                let [left, right] = texts.map(|side| Box::new(side.data));
                let expr = Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right });
                Ok(if transformed { Transformed::yes(expr) } else { Transformed::no(expr) })
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) if matches!(func.name(), "concat" | "concat_ws") => {
                let wraps: Vec<bool> =
                    args.iter().map(|a| a.get_type(schema).is_ok_and(|t| own_text(&t) && !t.is_nested())).collect();
                if !wraps.contains(&true) {
                    return Ok(Transformed::no(Expr::ScalarFunction(ScalarFunction { func, args })));
                }
                let args = args
                    .into_iter()
                    .zip(wraps)
                    .map(|(a, wrap)| if wrap { self.call("to_text", a.clone()).unwrap_or(a) } else { a })
                    .collect();
                Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args })))
            }
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: op @ (Operator::Plus | Operator::Minus | Operator::Multiply),
                right,
            }) => {
                let whole = |e: &Expr| e.get_type(schema).is_ok_and(|t| t.is_signed_integer());
                let name = match op {
                    Operator::Plus => "checked_plus",
                    Operator::Minus => "checked_minus",
                    _ => "checked_times",
                };
                let wide = |e: &Expr| e.get_type(schema).is_ok_and(|t| t == DataType::Int64);
                // Narrower ones go on as they are: the type of the result is part of the plan.
                if whole(&left)
                    && whole(&right)
                    && (wide(&left) || wide(&right))
                    && let Some(call) = self.calls.iter().find(|f| f.name() == name)
                {
                    return Ok(Transformed::yes(call.call(vec![*left, *right])));
                }
                Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
                let (a, b) = (self.compared(*left.clone(), &right, schema), self.compared(*right, &left, schema));
                let transformed = a.transformed || b.transformed;
                let expr = Expr::BinaryExpr(BinaryExpr { left: Box::new(a.data), op, right: Box::new(b.data) });
                Ok(if transformed { Transformed::yes(expr) } else { Transformed::no(expr) })
            }
            Expr::Between(Between { expr, negated, low, high }) => {
                let (a, b) = (self.compared(*low, &expr, schema), self.compared(*high, &expr, schema));
                let transformed = a.transformed || b.transformed;
                let expr = Expr::Between(Between { expr, negated, low: Box::new(a.data), high: Box::new(b.data) });
                Ok(if transformed { Transformed::yes(expr) } else { Transformed::no(expr) })
            }
            Expr::InList(InList { expr, list, negated }) => {
                let list: Vec<_> = list.into_iter().map(|item| self.compared(item, &expr, schema)).collect();
                let transformed = list.iter().any(|item| item.transformed);
                let list = list.into_iter().map(|item| item.data).collect();
                let expr = Expr::InList(InList { expr, list, negated });
                Ok(if transformed { Transformed::yes(expr) } else { Transformed::no(expr) })
            }
            other => Ok(Transformed::no(other)),
        }
    }
}

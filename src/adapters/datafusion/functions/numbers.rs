//! Functions of numbers, where DuckDB's result or refusal is another than the engine's.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Datum, Float64Array, Int64Array};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::ScalarUDF;

use super::scalar::{Gives, Kind, Scalar, fail};

/// A body over one double.
macro_rules! of_double {
    ($work:expr) => {
        |args: &[ArrayRef], _rows: usize| {
            let worked = args[0].as_primitive::<Float64Type>().iter().map(|x| x.map($work).transpose());
            Ok(Arc::new(worked.collect::<Result<Float64Array>>()?) as ArrayRef)
        }
    };
}

/// A body over two doubles.
macro_rules! of_doubles {
    ($work:expr) => {
        |args: &[ArrayRef], _rows: usize| {
            let pairs = args[0].as_primitive::<Float64Type>().iter().zip(args[1].as_primitive::<Float64Type>().iter());
            let worked = pairs.map(|(a, b)| match (a, b) {
                (Some(a), Some(b)) => $work(a, b).map(Some),
                _ => Ok(None),
            });
            Ok(Arc::new(worked.collect::<Result<Float64Array>>()?) as ArrayRef)
        }
    };
}

/// A body over two whole numbers.
macro_rules! of_wholes {
    ($work:expr) => {
        |args: &[ArrayRef], _rows: usize| {
            let pairs = args[0].as_primitive::<Int64Type>().iter().zip(args[1].as_primitive::<Int64Type>().iter());
            let worked = pairs.map(|(a, b)| match (a, b) {
                (Some(a), Some(b)) => $work(a, b).map(Some),
                _ => Ok(None),
            });
            Ok(Arc::new(worked.collect::<Result<Int64Array>>()?) as ArrayRef)
        }
    };
}

fn logarithm(x: f64, name: &str, work: fn(f64) -> f64) -> Result<f64> {
    if x < 0.0 {
        return fail(name, "cannot take the logarithm of a negative number");
    }
    if x == 0.0 {
        return fail(name, "cannot take the logarithm of zero");
    }
    Ok(work(x))
}

fn divided(a: i64, b: i64) -> Result<i64> {
    if b == 0 {
        return fail("//", format!("division by zero: {a} // 0; nullif(..., 0) gives null instead"));
    }
    a.checked_div(b).ok_or_else(|| exec_datafusion_err!("//: {a} // {b} is out of range"))
}

type Kernel = fn(&dyn Datum, &dyn Datum) -> std::result::Result<ArrayRef, ArrowError>;

fn checked(args: &[ArrayRef], sign: char, work: Kernel) -> Result<ArrayRef> {
    let (left, right) = (args[0].as_primitive::<Int64Type>(), args[1].as_primitive::<Int64Type>());
    work(left, right).or_else(|error| match error {
        ArrowError::ArithmeticOverflow(_) => {
            fail("bigint", format!("the result of {sign} is out of range; cast an operand to decimal(38,0) or double"))
        }
        other => Err(other.into()),
    })
}

/// All functions of this module.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Kind::{Bool, Float, Int, Real};
    let double = DataType::Float64;
    vec![
        Scalar::new("sqrt")
            .on(
                &[Float],
                double.clone(),
                of_double!(|x: f64| {
                    if x < 0.0 {
                        fail("sqrt", "cannot take the square root of a negative number")
                    } else {
                        Ok(x.sqrt())
                    }
                }),
            )
            .build(),
        Scalar::new("ln").on(&[Float], double.clone(), of_double!(|x| logarithm(x, "ln", f64::ln))).build(),
        Scalar::new("log10").on(&[Float], double.clone(), of_double!(|x| logarithm(x, "log10", f64::log10))).build(),
        Scalar::new("log2").on(&[Float], double.clone(), of_double!(|x| logarithm(x, "log2", f64::log2))).build(),
        Scalar::new("log")
            .on(&[Float], double.clone(), of_double!(|x| logarithm(x, "log", f64::log10)))
            .on(
                &[Float, Float],
                double.clone(),
                of_doubles!(|b, x| { Ok(logarithm(x, "log", f64::log10)? / logarithm(b, "log", f64::log10)?) }),
            )
            .build(),
        Scalar::new("power")
            .alias(&["pow"])
            .on(&[Float, Float], double.clone(), of_doubles!(|a: f64, b| Ok(a.powf(b))))
            .build(),
        Scalar::new("sign")
            .on(&[Float], DataType::Int64, |args, _| {
                let signs = args[0].as_primitive::<Float64Type>().iter();
                Ok(Arc::new(
                    signs
                        .map(|x| {
                            x.map(|x| {
                                if x > 0.0 {
                                    1
                                } else if x < 0.0 {
                                    -1
                                } else {
                                    0
                                }
                            })
                        })
                        .collect::<Int64Array>(),
                ))
            })
            .build(),
        Scalar::new("even")
            .on(
                &[Float],
                double,
                of_double!(|x: f64| {
                    let up = x.abs().ceil();
                    Ok((if up % 2.0 == 0.0 { up } else { up + 1.0 }).copysign(x))
                }),
            )
            .build(),
        Scalar::new("isinf")
            .on(&[Float], DataType::Boolean, |args, _| {
                Ok(Arc::new(
                    args[0]
                        .as_primitive::<Float64Type>()
                        .iter()
                        .map(|x| x.map(f64::is_infinite))
                        .collect::<BooleanArray>(),
                ))
            })
            .build(),
        Scalar::new("isnan")
            .on(&[Float], DataType::Boolean, |args, _| {
                Ok(Arc::new(
                    args[0].as_primitive::<Float64Type>().iter().map(|x| x.map(f64::is_nan)).collect::<BooleanArray>(),
                ))
            })
            .build(),
        Scalar::new("bit_count")
            .on(&[Int], DataType::Int64, |args, _| {
                let counts = args[0].as_primitive::<Int64Type>().iter().map(|n| n.map(|n| i64::from(n.count_ones())));
                Ok(Arc::new(counts.collect::<Int64Array>()))
            })
            .build(),
        Scalar::new("xor").on(&[Int, Int], DataType::Int64, of_wholes!(|a: i64, b: i64| Ok(a ^ b))).build(),
        Scalar::new("divide").on(&[Int, Int], DataType::Int64, of_wholes!(divided)).build(),
        Scalar::new("checked_plus")
            .on(&[Int, Int], DataType::Int64, |args, _| checked(args, '+', numeric::add))
            .build(),
        Scalar::new("checked_minus")
            .on(&[Int, Int], DataType::Int64, |args, _| checked(args, '-', numeric::sub))
            .build(),
        Scalar::new("checked_times")
            .on(&[Int, Int], DataType::Int64, |args, _| checked(args, '*', numeric::mul))
            .build(),
        Scalar::new("bit_not")
            .on(&[Int], DataType::Int64, |args, _| {
                Ok(Arc::new(args[0].as_primitive::<Int64Type>().iter().map(|n| n.map(|n| !n)).collect::<Int64Array>()))
            })
            .build(),
        // Casts to whole numbers round: half to even for doubles. Ends at the edge of bigint.
        Scalar::new("rounded_half_even")
            .giving(&[Real], Gives::Type(DataType::Float64), of_double!(|x: f64| Ok(x.round_ties_even())))
            .build(),
        Scalar::new("number_of_bool")
            .on(&[Bool], DataType::Int64, |args, _| {
                Ok(Arc::new(args[0].as_boolean().iter().map(|b| b.map(i64::from)).collect::<Int64Array>()))
            })
            .build(),
    ]
}

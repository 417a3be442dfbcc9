//! `round`, `trunc`, `ceil` and `floor` of decimals, which give decimals of fewer digits: `round(12.5067::decimal(12,4), 2)` is a
//! `decimal(12,2)`. Other numbers are left to the engine's own functions.
//!
//! The type of a result is the same when a query is planned and when it runs: the number of digits counts for the type only where
//! it is a literal from the start, and [`settled`] gives the others a function of their own.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array};
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, DecimalType, Field, FieldRef, Float32Type, Float64Type, Int64Type,
};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::functions::math;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::display::type_name;

/// All functions of this module.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let of = |name, way, each| Arc::new(ScalarUDF::from(Rounding { name, way, each }));
    vec![
        of("round", Way::Nearest, false),
        of("trunc", Way::ToZero, false),
        of("ceil", Way::Up, false),
        of("floor", Way::Down, false),
        of("round_each", Way::Nearest, true),
        of("trunc_each", Way::ToZero, true),
    ]
}

/// Makes a literal of a number of digits that is cast, such as `2::int`; says whether it did.
pub(super) fn literal(args: &mut [Expr]) -> bool {
    let [_, places] = args else { return false };
    let (Expr::Cast(Cast { expr, field }), mut found) = (&*places, None) else { return false };
    if let Expr::Literal(value, _) = &**expr
        && field.data_type().is_integer()
    {
        found = value.cast_to(&DataType::Int64).ok().filter(|v| !v.is_null());
    }
    let Some(value) = found else { return false };
    *places = Expr::Literal(value, None);
    true
}

/// The function to call instead where the number of digits is worked out: whatever becomes of that later, the type stays.
pub(super) fn settled(name: &str, args: &[Expr]) -> Option<&'static str> {
    match (name, args) {
        (_, [_, Expr::Literal(..)]) => None,
        ("round", [_, _]) => Some("round_each"),
        ("trunc", [_, _]) => Some("trunc_each"),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Way {
    /// Halves away from zero.
    Nearest,
    ToZero,
    Up,
    Down,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Rounding {
    name: &'static str,
    way: Way,
    /// Whether each row has its own number of digits.
    each: bool,
}

/// The digits after the point that are asked for, as far as decimals have them.
fn places(wanted: i64) -> i8 {
    i8::try_from(wanted.clamp(-38, 38)).unwrap_or_default()
}

impl Rounding {
    /// The engine's own function.
    fn own(&self) -> Arc<ScalarUDF> {
        match self.way {
            Way::Nearest => math::round(),
            Way::ToZero => math::trunc(),
            Way::Up => math::ceil(),
            Way::Down => math::floor(),
        }
    }

    /// The type of a decimal rounded to so many places; nothing where each row has its own.
    fn decimal(precision: u8, scale: i8, places: Option<i8>) -> DataType {
        let wider = precision.saturating_add(1).min(Decimal128Type::MAX_PRECISION);
        match places {
            None => DataType::Decimal128(wider, scale),
            Some(places) if places >= scale => DataType::Decimal128(precision, scale),
            // 99 to tens is 100; with digits after the point that go there is room for one more before it.
            Some(places) if places < 0 && scale <= 0 => DataType::Decimal128(wider, 0),
            Some(places) => DataType::Decimal128(precision, places.max(0)),
        }
    }

    fn result(&self, given: &[DataType], literal: Option<&ScalarValue>) -> Result<DataType> {
        let DataType::Decimal128(precision, scale) = given[0] else {
            return Ok(if given[0].is_integer() && matches!(self.way, Way::Nearest | Way::ToZero) {
                given[0].clone()
            } else if given[0] == DataType::Float32 {
                DataType::Float32
            } else {
                DataType::Float64
            });
        };
        Ok(match (given.len(), literal) {
            (1, _) => Self::decimal(precision, scale, Some(0)),
            (_, Some(ScalarValue::Int64(Some(wanted)))) if !self.each => {
                Self::decimal(precision, scale, Some(places(*wanted)))
            }
            _ => Self::decimal(precision, scale, None),
        })
    }

    /// The digits of a decimal of scale `scale`, rounded to `places`, as digits of scale `out`.
    fn rounded(&self, digits: i128, scale: i8, places: i8, out: i8) -> Option<i128> {
        let gone = u32::try_from(scale - places).unwrap_or(0);
        let kept = match 10_i128.checked_pow(gone) {
            // Greater than twice any value.
            None => 0,
            Some(unit) => {
                let (whole, rest) = (digits / unit, digits % unit);
                match self.way {
                    Way::Nearest if rest.unsigned_abs() >= unit.unsigned_abs().div_ceil(2) && rest != 0 => {
                        whole + rest.signum()
                    }
                    Way::Up if rest > 0 => whole + 1,
                    Way::Down if rest < 0 => whole - 1,
                    _ => whole,
                }
            }
        };
        let at = scale.min(places);
        let up = u32::try_from(out - at).ok()?;
        if kept == 0 { Some(0) } else { kept.checked_mul(10_i128.checked_pow(up)?) }
    }

    fn work(&self, values: &ArrayRef, wanted: Option<&ArrayRef>, of: &DataType) -> Result<ArrayRef> {
        let (DataType::Decimal128(_, scale), DataType::Decimal128(precision, out)) = (values.data_type(), of) else {
            return exec_err!("{}: a decimal is expected, this is {}", self.name, values.data_type());
        };
        let values = values.as_primitive::<Decimal128Type>();
        let wanted = wanted.map(|w| w.as_primitive::<Int64Type>());
        let round = |row: usize| -> Result<Option<i128>> {
            if values.is_null(row) || wanted.is_some_and(|w| w.is_null(row)) {
                return Ok(None);
            }
            let places = wanted.map_or(0, |w| places(w.value(row)));
            let found = self.rounded(values.value(row), *scale, places, *out);
            match found.filter(|d| Decimal128Type::is_valid_decimal_precision(*d, *precision)) {
                Some(digits) => Ok(Some(digits)),
                None => exec_err!(
                    "{}: {} has no place in {}",
                    self.name,
                    Decimal128Type::format_decimal(values.value(row), 38, *scale),
                    type_name(of)
                ),
            }
        };
        let digits: Decimal128Array = (0..values.len()).map(round).collect::<Result<_>>()?;
        Ok(Arc::new(digits.with_data_type(of.clone())))
    }
}

impl ScalarUDFImpl for Rounding {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        static SIGNATURE: std::sync::LazyLock<Signature> =
            std::sync::LazyLock::new(|| Signature::user_defined(Volatility::Immutable));
        &SIGNATURE
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let most = if matches!(self.way, Way::Nearest | Way::ToZero) { 2 } else { 1 };
        if given.is_empty() || given.len() > most {
            return plan_err!("{} takes {most} argument(s) at most, there are {}", self.name, given.len());
        }
        let first = match &given[0] {
            DataType::Null => DataType::Float64,
            DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
            DataType::Decimal256(..) => DataType::Float64,
            whole if whole.is_integer() && most == 1 => DataType::Float64,
            whole if whole.is_integer() && self.way == Way::ToZero => DataType::Int64,
            number if number.is_numeric() => number.clone(),
            other => return plan_err!("{}: a number is needed, this is {}", self.name, type_name(other)),
        };
        let mut types = vec![first];
        if let Some(places) = given.get(1) {
            if !places.is_integer() && !places.is_null() {
                let text = "the number of digits must be a whole number, this is";
                return plan_err!("{}: {text} {}", self.name, type_name(places));
            }
            types.push(DataType::Int64);
        }
        Ok(types)
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        self.result(given, None)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        let of = self.result(&types, args.scalar_arguments.get(1).copied().flatten())?;
        let nullable = args.arg_fields.iter().any(|f| f.is_nullable());
        Ok(Arc::new(Field::new(self.name, of, nullable)))
    }

    fn evaluate_bounds(&self, input: &[&Interval]) -> Result<Interval> {
        let types: Vec<DataType> = input.iter().map(|range| range.data_type()).collect();
        let literal = input.get(1).filter(|range| range.lower() == range.upper()).map(|range| range.lower());
        Interval::make_unbounded(&self.result(&types, literal)?)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let of = args.return_field.data_type().clone();
        if !of.is_decimal() {
            return self.engine(args);
        }
        let constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args.args.into_iter().map(|a| a.into_array(rows)).collect::<Result<Vec<_>>>()?;
        let result = self.work(&arrays[0], arrays.get(1), &of)?;
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?)
        } else {
            ColumnarValue::Array(result)
        })
    }
}

impl Rounding {
    /// The engine's function, with arguments of the types that it wants.
    fn engine(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let own = self.own();
        let digits = if self.way == Way::Nearest { DataType::Int32 } else { DataType::Int64 };
        if let Some(places) = args.args.get_mut(1) {
            *places = places.cast_to(&digits, None)?;
        }
        if let Some(field) = args.arg_fields.get_mut(1) {
            *field = Arc::new(field.as_ref().clone().with_data_type(digits));
        }
        if self.way == Way::ToZero && args.return_field.data_type().is_integer() {
            return cut(args);
        }
        let given = args.args[0].clone();
        let found = own.invoke_with_args(args)?;
        if self.way == Way::Nearest { kept_where_lost(found, &given) } else { Ok(found) }
    }
}

/// A number that is too great for so many digits stays as it is.
fn kept_where_lost(found: ColumnarValue, given: &ColumnarValue) -> Result<ColumnarValue> {
    let one = matches!(found, ColumnarValue::Scalar(_));
    let array = found.to_array(1)?;
    let fine: BooleanArray = match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().iter().map(|x| x.is_none_or(f64::is_finite)).collect(),
        DataType::Float32 => array.as_primitive::<Float32Type>().iter().map(|x| x.is_none_or(f32::is_finite)).collect(),
        _ => return Ok(found),
    };
    if fine.true_count() == array.len() {
        return Ok(found);
    }
    let kept = zip(&fine, &array, &given.to_array(array.len())?)?;
    Ok(if one { ColumnarValue::Scalar(ScalarValue::try_from_array(&kept, 0)?) } else { ColumnarValue::Array(kept) })
}

/// `trunc` of whole numbers; the engine has that of doubles alone.
fn cut(mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    if args.args.len() == 1 {
        return Ok(args.args.swap_remove(0));
    }
    let rows = args.number_rows;
    let arrays = args.args.into_iter().map(|a| a.into_array(rows)).collect::<Result<Vec<_>>>()?;
    let pairs = arrays[0].as_primitive::<Int64Type>().iter().zip(arrays[1].as_primitive::<Int64Type>().iter());
    let cut = pairs.map(|(value, places)| {
        let (value, places) = (value?, places?);
        let unit = 10_i64.checked_pow(u32::try_from(places.saturating_neg()).unwrap_or(0));
        Some(unit.map_or(0, |unit| value - value % unit))
    });
    Ok(ColumnarValue::Array(Arc::new(cut.collect::<Int64Array>())))
}

//! Python's arithmetic on any two values.
//!
//! In: operands. Out: the result, or Python's `TypeError`. Numbers, text, sequences, sets, decimals, dates and timedeltas
//! take part.

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use super::printf;
use crate::jinja::modules::datetime;
use crate::jinja::values::{
    Combine, Decimal, DictView, Items, Number, PySet, combine, elements, int, is_undefined, list, set, tuple,
    type_error, type_name, value_error,
};

/// Text and lists may not grow beyond this by multiplication.
const MAX_REPEATED: usize = 100_000_000;

fn unsupported(operator: &str, left: &Value, right: &Value) -> Error {
    if is_undefined(left) || is_undefined(right) {
        return Error::from(ErrorKind::UndefinedError);
    }
    let (left, right) = (type_name(left), type_name(right));
    type_error(format!("unsupported operand type(s) for {operator}: '{left}' and '{right}'"))
}

fn too_large() -> Error {
    value_error("integer overflow: numbers have at most 128 bits")
}

/// Applies the operation of the widest kind among two numbers.
fn arithmetic(
    left: &Number,
    right: &Number,
    ints: fn(i128, i128) -> Option<i128>,
    decimals: fn(&Decimal, &Decimal) -> Option<Decimal>,
    floats: fn(f64, f64) -> f64,
) -> Result<Value, Error> {
    if let (Number::Int(left), Number::Int(right)) = (left, right) {
        return ints(*left, *right).map(int).ok_or_else(too_large);
    }
    let exact = left.as_decimal().zip(right.as_decimal()).and_then(|(left, right)| decimals(&left, &right));
    Ok(exact.map_or_else(|| Value::from(floats(left.as_f64(), right.as_f64())), Decimal::into_value))
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
        && !value.is_tuple()
        && !is_undefined(value)
        && value.downcast_object_ref::<PySet>().is_none()
}

/// The items of a set or of a view of keys, which take part in set arithmetic.
fn set_items(value: &Value) -> Option<Items> {
    if let Some(set) = value.downcast_object_ref::<PySet>() {
        return Some(set.items());
    }
    value.downcast_object_ref::<DictView>().map(|view| view.items().into_iter().collect())
}

/// `left + right`.
pub(crate) fn add(left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return arithmetic(&left, &right, i128::checked_add, Decimal::checked_add, |left, right| left + right);
    }
    if let (ValueKind::String, ValueKind::String) = (left.kind(), right.kind()) {
        return Ok(Value::from([left.as_str().unwrap_or_default(), right.as_str().unwrap_or_default()].concat()));
    }
    if let (Some(a), Some(b)) = (left.downcast_object_ref::<Tuple>(), right.downcast_object_ref::<Tuple>()) {
        return Ok(tuple(a.iter().chain(b.iter()).cloned().collect()));
    }
    if is_list(left) && is_list(right) {
        let mut items = elements(left)?;
        items.extend(elements(right)?);
        return Ok(list(items));
    }
    if let Some(result) = datetime::add(left, right) {
        return result;
    }
    match left.kind() {
        _ if is_undefined(left) || is_undefined(right) => Err(unsupported("+", left, right)),
        ValueKind::String => Err(type_error(format!("can only concatenate str (not \"{}\") to str", type_name(right)))),
        ValueKind::Seq => {
            let (left, right) = (type_name(left), type_name(right));
            Err(type_error(format!("can only concatenate {left} (not \"{right}\") to {left}")))
        }
        _ => Err(unsupported("+", left, right)),
    }
}

/// `left - right`.
pub(crate) fn subtract(left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return arithmetic(&left, &right, i128::checked_sub, Decimal::checked_sub, |left, right| left - right);
    }
    if let (Some(left), Some(right)) = (set_items(left), set_items(right)) {
        return Ok(set(combine(&left, &right, Combine::Difference)));
    }
    datetime::subtract(left, right).unwrap_or_else(|| Err(unsupported("-", left, right)))
}

/// `left * right`.
pub(crate) fn multiply(left: &Value, right: &Value) -> Result<Value, Error> {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return arithmetic(&left, &right, i128::checked_mul, Decimal::checked_mul, |left, right| left * right);
    }
    if let Some(result) = datetime::multiply(left, right, false) {
        return result;
    }
    let (sequence, times) =
        if matches!(Number::of(left), Some(Number::Int(_))) { (right, left) } else { (left, right) };
    let Some(Number::Int(times)) = Number::of(times) else { return Err(unsupported("*", left, right)) };
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    let fits = |length: usize| length.checked_mul(times).is_some_and(|total| total <= MAX_REPEATED);
    let repeated = |items: &[Value]| items.iter().cycle().take(items.len() * times).cloned().collect::<Vec<_>>();
    if let (ValueKind::String, Some(text)) = (sequence.kind(), sequence.as_str()) {
        return if fits(text.len()) {
            Ok(Value::from(text.repeat(times)))
        } else {
            Err(value_error("repeated string is too long"))
        };
    }
    if let Some(items) = sequence.downcast_object_ref::<Tuple>()
        && fits(items.len())
    {
        return Ok(tuple(repeated(items)));
    }
    if is_list(sequence) {
        let items = elements(sequence)?;
        return if fits(items.len()) {
            Ok(list(repeated(&items)))
        } else {
            Err(value_error("repeated list is too long"))
        };
    }
    Err(unsupported("*", left, right))
}

/// `left / right`.
pub(crate) fn divide(left: &Value, right: &Value) -> Result<Value, Error> {
    if let Some(result) = datetime::multiply(left, right, true) {
        return result;
    }
    let (Some(a), Some(b)) = (Number::of(left), Number::of(right)) else { return Err(unsupported("/", left, right)) };
    if b.as_f64() == 0.0 {
        return Err(value_error("division by zero"));
    }
    Ok(Value::from(a.as_f64() / b.as_f64()))
}

/// Python's quotient and remainder of floats, the remainder having the sign of the divisor.
fn float_divmod(left: f64, right: f64) -> (f64, f64) {
    let mut remainder = left % right;
    let mut quotient = (left - remainder) / right;
    if remainder == 0.0 {
        remainder = 0f64.copysign(right);
    } else if (remainder < 0.0) != (right < 0.0) {
        remainder += right;
        quotient -= 1.0;
    }
    (quotient.round(), remainder)
}

/// `left // right` and, for numbers, `left % right`.
fn divmod(operator: &str, left: &Value, right: &Value) -> Result<(Value, Value), Error> {
    let (Some(a), Some(b)) = (Number::of(left), Number::of(right)) else {
        return Err(unsupported(operator, left, right));
    };
    if b.as_f64() == 0.0 {
        return Err(value_error(if operator == "%" {
            "integer modulo by zero"
        } else {
            "integer division or modulo by zero"
        }));
    }
    if let (Number::Int(a), Number::Int(b)) = (&a, &b) {
        let quotient = a.checked_div(*b).ok_or_else(too_large)?;
        let remainder = a % b;
        let floored = remainder != 0 && (remainder < 0) != (*b < 0);
        return Ok((int(quotient - i128::from(floored)), int(if floored { remainder + b } else { remainder })));
    }
    let (quotient, remainder) = float_divmod(a.as_f64(), b.as_f64());
    Ok((Value::from(quotient), Value::from(remainder)))
}

/// `left // right`.
pub(crate) fn floor_divide(left: &Value, right: &Value) -> Result<Value, Error> {
    divmod("//", left, right).map(|(quotient, _)| quotient)
}

/// `left % right`: printf on text, the remainder of numbers.
pub(crate) fn modulo(left: &Value, right: &Value) -> Result<Value, Error> {
    match (left.kind(), left.as_str()) {
        (ValueKind::String, Some(template)) => printf::format(template, right).map(Value::from),
        _ => divmod("%", left, right).map(|(_, remainder)| remainder),
    }
}

/// `left ** right`.
pub(crate) fn power(left: &Value, right: &Value) -> Result<Value, Error> {
    let (Some(a), Some(b)) = (Number::of(left), Number::of(right)) else { return Err(unsupported("**", left, right)) };
    if let (Number::Int(a), Number::Int(b)) = (&a, &b)
        && *b >= 0
    {
        let exponent = u32::try_from(*b).map_err(|_| too_large())?;
        return a.checked_pow(exponent).map(int).ok_or_else(too_large);
    }
    let (a, b) = (a.as_f64(), b.as_f64());
    if a == 0.0 && b < 0.0 {
        return Err(value_error("0.0 cannot be raised to a negative power"));
    }
    let result = a.powf(b);
    if result.is_nan() && !a.is_nan() && !b.is_nan() {
        return Err(value_error("negative number cannot be raised to a fractional power"));
    }
    if result.is_infinite() && a.is_finite() && b.is_finite() {
        return Err(value_error("(34, 'Numerical result out of range')"));
    }
    Ok(Value::from(result))
}

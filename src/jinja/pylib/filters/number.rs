//! Filters on numbers: `abs`, `int`, `float`, `round`, `sum`, `filesizeformat`.
//!
//! In: numbers, or text that spells numbers. Out: numbers.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, UndefinedBehavior, Value};

use super::Filter;
use super::attribute::Path;
use crate::jinja::pylib::arguments::{bind, flag, integer};
use crate::jinja::pylib::operators;
use crate::jinja::values::{Number, elements, int, is_undefined, to_str, type_error, type_name, value_error};

pub(super) const FILTERS: &[(&str, Filter)] = &[
    ("abs", abs),
    ("int", to_int),
    ("float", to_float),
    ("round", round),
    ("sum", sum),
    ("filesizeformat", file_size),
];

fn abs(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value] = bind("abs", args, ["x"], 1)?;
    let value = value.unwrap_or_default();
    match Number::of(&value) {
        Some(Number::Int(number)) => number.checked_abs().map(int).ok_or_else(|| value_error("integer overflow")),
        Some(number) if number.as_f64() < 0.0 => operators::subtract(&Value::from(0), &value),
        Some(Number::Float(number)) => Ok(Value::from(number.abs())),
        Some(_) => Ok(value),
        None => Err(type_error(format!("bad operand type for abs(): '{}'", type_name(&value)))),
    }
}

/// Python's `int(text, base)`.
fn parse_int(text: &str, base: u32) -> Option<i128> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_lowercase();
    let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)];
    let (base, digits) =
        match prefixed.iter().find(|(prefix, of)| lower.starts_with(prefix) && (base == 0 || base == *of)) {
            Some((_, of)) => (*of, lower[2..].trim_start_matches('_')),
            None => (if base == 0 { 10 } else { base }, lower.as_str()),
        };
    if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") || digits.starts_with(['+', '-']) {
        return None;
    }
    let number = i128::from_str_radix(&digits.replace('_', ""), base).ok()?;
    Some(if negative { -number } else { number })
}

/// Python's `float(text)`.
fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.replace('_', "");
    let lower = plain.to_lowercase();
    let words = ["inf", "infinity", "nan"];
    let word = words.contains(&lower.trim_start_matches(['+', '-']));
    (word || !lower.contains(['n', 'i'])).then(|| lower.parse().ok()).flatten()
}

fn whole(number: f64) -> Option<i128> {
    (number.is_finite() && number.abs() < 1e38).then(|| number.trunc() as i128)
}

fn to_int(state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value, default, base] = bind("int", args, ["value", "default", "base"], 1)?;
    let (value, default) = (value.unwrap_or_default(), default.unwrap_or_else(|| Value::from(0)));
    let base = u32::try_from(base.map_or(Ok(10), |base| integer(&base))?).unwrap_or(10);
    let base = if base == 0 || (2..=36).contains(&base) { base } else { 10 };
    if value.is_undefined() && state.undefined_behavior() != UndefinedBehavior::Chainable {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let number = match (value.kind(), Number::of(&value)) {
        (ValueKind::String, _) => {
            let text = to_str(&value);
            parse_int(&text, base).or_else(|| parse_float(&text).and_then(whole))
        }
        (_, Some(Number::Int(number))) => Some(number),
        (_, Some(Number::Decimal(decimal))) => decimal.to_int(),
        (_, Some(Number::Float(number))) => whole(number),
        _ => None,
    };
    Ok(number.map_or(default, int))
}

fn to_float(state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value, default] = bind("float", args, ["value", "default"], 1)?;
    let value = value.unwrap_or_default();
    if value.is_undefined() && state.undefined_behavior() != UndefinedBehavior::Chainable {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let number = match value.kind() {
        ValueKind::String => parse_float(&to_str(&value)),
        _ => Number::of(&value).map(|number| number.as_f64()),
    };
    Ok(number.map_or_else(|| default.unwrap_or_else(|| Value::from(0.0)), Value::from))
}

/// Python's `round()`: half to even, judged by the exact binary value.
fn round_half_even(number: f64, places: i64) -> f64 {
    if !number.is_finite() {
        return number;
    }
    match usize::try_from(places) {
        Ok(places) => format!("{number:.*}", places.min(400)).parse().unwrap_or(number),
        Err(_) => {
            let scale = 10f64.powi(i32::try_from(-places).unwrap_or(i32::MAX));
            let rounded = (number / scale).round_ties_even() * scale;
            if rounded.is_nan() { 0.0 } else { rounded }
        }
    }
}

fn round(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value, precision, method] = bind("round", args, ["value", "precision", "method"], 1)?;
    let value = value.unwrap_or_default();
    let places = precision.map_or(Ok(0), |precision| integer(&precision))?;
    let method = method.map_or_else(|| "common".to_owned(), |method| to_str(&method));
    let Some(number) = Number::of(&value) else {
        return Err(type_error(format!("type {} doesn't define __round__ method", type_name(&value))));
    };
    let scale = 10f64.powi(i32::try_from(places).unwrap_or(i32::MAX));
    match (&*method, number) {
        ("common", Number::Int(number)) if places >= 0 => Ok(int(number)),
        ("common", Number::Int(number)) => Ok(int(round_half_even(number as f64, places) as i128)),
        ("common", number) => Ok(Value::from(round_half_even(number.as_f64(), places))),
        ("ceil", number) => Ok(Value::from((number.as_f64() * scale).ceil() / scale)),
        ("floor", number) => Ok(Value::from((number.as_f64() * scale).floor() / scale)),
        _ => Err(value_error("method must be common, ceil or floor")),
    }
}

fn sum(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [items, attribute, start] = bind("sum", args, ["iterable", "attribute", "start"], 1)?;
    let path = Path::optional(attribute.as_ref());
    let mut total = start.unwrap_or_else(|| Value::from(0));
    for item in elements(&items.unwrap_or_default())? {
        let item = match &path {
            Some(path) => path.get(&item, None)?,
            None => item,
        };
        total = operators::add(&total, &item)?;
    }
    Ok(total)
}

fn file_size(_: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let [value, binary] = bind("filesizeformat", args, ["value", "binary"], 1)?;
    let value = value.unwrap_or_default();
    let bytes = match Number::of(&value) {
        Some(number) => number.as_f64(),
        None if is_undefined(&value) => 0.0,
        None => parse_float(&to_str(&value)).ok_or_else(|| value_error("could not convert string to float"))?,
    };
    let binary = flag(binary.as_ref(), false);
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    if bytes == 1.0 {
        return Ok(Value::from("1 Byte"));
    }
    if bytes < base {
        return Ok(Value::from(format!("{} Bytes", bytes.trunc())));
    }
    let names = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
    let power = (1..=names.len()).find(|power| bytes < base.powi(*power as i32 + 1)).unwrap_or(names.len());
    let name = names[power - 1];
    let unit = if binary { format!("{}iB", name.to_uppercase()) } else { format!("{name}B") };
    Ok(Value::from(format!("{:.1} {unit}", bytes / base.powi(power as i32))))
}

//! Python's format specifications: what stands behind the colon in `'{:>10,.2f}'`.
//!
//! In: a value and a specification. Out: text, or Python's `ValueError`.

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use crate::jinja::values::{Number, float_repr, to_str, type_error, type_name, value_error};

/// A parsed specification.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spec {
    pub(super) fill: Option<char>,
    pub(super) align: Option<char>,
    pub(super) sign: Option<char>,
    pub(super) alternate: bool,
    pub(super) width: usize,
    pub(super) grouping: Option<char>,
    pub(super) precision: Option<usize>,
    pub(super) kind: Option<char>,
}

/// Widths and precisions beyond this are a mistake.
const MAX_WIDTH: usize = 100_000;

impl Spec {
    /// Reads `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let chars: Vec<char> = text.chars().collect();
        let mut spec = Self::default();
        let is_align = |place: usize| chars.get(place).is_some_and(|char| "<>=^".contains(*char));
        let mut place = 0;
        if is_align(1) {
            (spec.fill, spec.align, place) = (Some(chars[0]), Some(chars[1]), 2);
        } else if is_align(0) {
            (spec.align, place) = (Some(chars[0]), 1);
        }
        let mut take = |wanted: &str| {
            let found = chars.get(place).copied().filter(|char| wanted.contains(*char));
            place += usize::from(found.is_some());
            found
        };
        spec.sign = take("+- ");
        take("z");
        spec.alternate = take("#").is_some();
        if take("0").is_some() && spec.fill.is_none() {
            spec.fill = Some('0');
            spec.align = spec.align.or(Some('='));
        }
        while let Some(digit) = take("0123456789") {
            spec.width = (spec.width * 10 + digit as usize - '0' as usize).min(MAX_WIDTH);
        }
        spec.grouping = take(",_");
        if take(".").is_some() {
            let mut precision = None;
            while let Some(digit) = take("0123456789") {
                precision = Some((precision.unwrap_or(0) * 10 + digit as usize - '0' as usize).min(MAX_WIDTH));
            }
            spec.precision = Some(precision.ok_or_else(|| value_error("Format specifier missing precision"))?);
        }
        spec.kind = chars.get(place).copied();
        if chars.len() > place + 1 {
            return Err(value_error(format!("Invalid format specifier '{text}'")));
        }
        Ok(spec)
    }

    /// Separators go with decimal numbers only, underscores with those of other bases as well.
    fn check_grouping(&self, text: bool) -> Result<(), Error> {
        let kind = self.kind.or(text.then_some('s'));
        match (self.grouping, kind) {
            (Some(separator), Some(kind)) if "snc".contains(kind) || (separator == ',' && "boxX".contains(kind)) => {
                Err(value_error(format!("Cannot specify '{separator}' with '{kind}'.")))
            }
            _ => Ok(()),
        }
    }

    /// What makes sense for numbers only is an error with text.
    fn check_text(&self) -> Result<(), Error> {
        let wrong = match (self.sign, self.alternate, self.align) {
            (Some(' '), ..) => "Space",
            (Some(_), ..) => "Sign",
            (_, true, _) => "Alternate form (#)",
            (_, _, Some('=')) if self.fill != Some('0') => "'=' alignment",
            _ => return Ok(()),
        };
        Err(value_error(format!("{wrong} not allowed in string format specifier")))
    }
}

/// Python's `format(value, spec)`.
pub(super) fn format_value(value: &Value, text: &str) -> Result<String, Error> {
    if text.is_empty() {
        return Ok(to_str(value));
    }
    let spec = Spec::parse(text)?;
    let wrong =
        |kind: char| value_error(format!("Unknown format code '{kind}' for object of type '{}'", type_name(value)));
    let number = Number::of(value);
    spec.check_grouping(value.kind() == ValueKind::String)?;
    match (number, spec.kind) {
        (Some(Number::Int(int)), None | Some('d' | 'n' | 'b' | 'o' | 'x' | 'X' | 'c')) => format_int(int, &spec),
        (Some(_), Some(kind)) if !"eEfFgGn%".contains(kind) => Err(wrong(kind)),
        (Some(number), _) => Ok(format_float(number.as_f64(), &spec)),
        (None, None | Some('s')) if value.kind() == ValueKind::String => {
            spec.check_text()?;
            Ok(format_text(&to_str(value), &spec))
        }
        (None, Some(kind)) if value.kind() == ValueKind::String => Err(wrong(kind)),
        _ => Err(type_error(format!("unsupported format string passed to {}.__format__", type_name(value)))),
    }
}

/// Text cut to the precision and padded.
pub(super) fn format_text(text: &str, spec: &Spec) -> String {
    let cut: String = match spec.precision {
        Some(most) => text.chars().take(most).collect(),
        None => text.to_owned(),
    };
    pad("", &cut, spec, '<')
}

/// Puts fill characters around `sign` + `body`.
pub(super) fn pad(sign: &str, body: &str, spec: &Spec, default: char) -> String {
    let length = sign.chars().count() + body.chars().count();
    let missing = spec.width.saturating_sub(length);
    let fill = spec.fill.unwrap_or(' ');
    let fills = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    match spec.align.unwrap_or(default) {
        '<' => format!("{sign}{body}{}", fills(missing)),
        '^' => format!("{}{sign}{body}{}", fills(missing / 2), fills(missing - missing / 2)),
        '=' => format!("{sign}{}{body}", fills(missing)),
        _ => format!("{}{sign}{body}", fills(missing)),
    }
}

pub(super) fn sign_of(negative: bool, spec: &Spec) -> &'static str {
    match (negative, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    }
}

/// Separators between groups of digits before the decimal point.
fn grouped(digits: &str, separator: Option<char>, size: usize) -> String {
    let Some(separator) = separator else { return digits.to_owned() };
    let belongs = |char: &char| if size == 3 { char.is_ascii_digit() } else { char.is_ascii_alphanumeric() };
    let whole = digits.chars().take_while(belongs).count();
    let mut out = String::new();
    for (place, char) in digits.chars().enumerate() {
        if place > 0 && place < whole && (whole - place) % size == 0 {
            out.push(separator);
        }
        out.push(char);
    }
    out
}

/// Pads with zeros in such a way that separators go on into the padding, as Python does.
fn finish_number(sign: &str, digits: &str, suffix: &str, spec: &Spec, group: usize) -> String {
    let mut body = grouped(digits, spec.grouping, group);
    let zero_padded = spec.fill == Some('0') && spec.align == Some('=') && spec.grouping.is_some();
    let mut digits = digits.to_owned();
    while zero_padded && sign.len() + body.chars().count() + suffix.len() < spec.width {
        digits.insert(0, '0');
        body = grouped(&digits, spec.grouping, group);
    }
    pad(sign, &(body + suffix), spec, '>')
}

/// An integer in the base that the type asks for.
pub(super) fn format_int(number: i128, spec: &Spec) -> Result<String, Error> {
    if spec.precision.is_some() {
        return Err(value_error("Precision not allowed in integer format specifier"));
    }
    let magnitude = number.unsigned_abs();
    let (prefix, digits, group) = match spec.kind {
        Some('b') => ("0b", format!("{magnitude:b}"), 4),
        Some('o') => ("0o", format!("{magnitude:o}"), 4),
        Some('x') => ("0x", format!("{magnitude:x}"), 4),
        Some('X') => ("0X", format!("{magnitude:X}"), 4),
        Some('c') => {
            let char = u32::try_from(number).ok().and_then(char::from_u32);
            let char = char.ok_or_else(|| value_error("%c arg not in range(0x110000)"))?;
            return Ok(pad("", &char.to_string(), spec, '<'));
        }
        _ => ("", magnitude.to_string(), 3),
    };
    let prefix = if spec.alternate { prefix } else { "" };
    let sign = format!("{}{prefix}", sign_of(number < 0, spec));
    Ok(finish_number(&sign, &digits, "", spec, group))
}

/// A float in the notation that the type asks for.
pub(super) fn format_float(number: f64, spec: &Spec) -> String {
    let sign = sign_of(number.is_sign_negative() && !number.is_nan(), spec);
    let magnitude = number.abs();
    let upper = spec.kind.is_some_and(|kind| kind.is_ascii_uppercase());
    let (magnitude, suffix) = if spec.kind == Some('%') { (magnitude * 100.0, "%") } else { (magnitude, "") };
    let precision = spec.precision.unwrap_or(6);
    let mut digits = if !magnitude.is_finite() {
        float_repr(magnitude)
    } else {
        match spec.kind {
            Some('f' | 'F' | '%') => fixed(magnitude, precision, spec.alternate),
            Some('e' | 'E') => scientific(magnitude, precision, spec.alternate),
            Some('g' | 'G' | 'n') => general(magnitude, precision, spec.alternate, false),
            _ => match spec.precision {
                Some(precision) => general(magnitude, precision, spec.alternate, true),
                None => float_repr(magnitude),
            },
        }
    };
    if upper {
        digits = digits.to_uppercase();
    }
    finish_number(sign, &digits, suffix, spec, 3)
}

fn fixed(number: f64, precision: usize, alternate: bool) -> String {
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{number:.precision$}{point}")
}

fn scientific(number: f64, precision: usize, alternate: bool) -> String {
    let text = format!("{number:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{mantissa}{point}e{sign}{:02}", exponent.abs())
}

/// The shorter of fixed and scientific; `keep_point` is the form without a type, which always looks like a float.
fn general(number: f64, precision: usize, alternate: bool, keep_point: bool) -> String {
    let precision = precision.max(1);
    let probe = format!("{number:.*e}", precision - 1);
    let exponent: i32 = probe.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let limit = precision as i32 - i32::from(keep_point);
    let strip = |text: &str| match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{}e{exponent}", strip_zeros(mantissa)),
        None => strip_zeros(text),
    };
    let text = if (-4..limit).contains(&exponent) {
        let places = usize::try_from(precision as i32 - 1 - exponent).unwrap_or(0);
        fixed(number, places, alternate)
    } else {
        scientific(number, precision - 1, alternate)
    };
    let text = if alternate { text } else { strip(&text) };
    if keep_point && !text.contains(['.', 'e']) { text + ".0" } else { text }
}

fn strip_zeros(digits: &str) -> String {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.').to_owned() } else { digits.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_as_python() {
        let float = |number: f64| Value::from(number);
        for (value, spec, expected) in [
            (Value::from(1_234_567), ",", "1,234,567"),
            (Value::from(42), "08.2f", "00042.00"),
            (Value::from(255), "#x", "0xff"),
            (Value::from(-7), "+05d", "-0007"),
            (Value::from(1234), "012,d", "0,000,001,234"),
            (float(1234.5), "10,.2f", "  1,234.50"),
            (float(0.125), ".1%", "12.5%"),
            (float(1e20), "g", "1e+20"),
            (float(1234.0), ".3", "1.23e+03"),
            (float(3.0), ".3", "3.0"),
            (Value::from("ab"), "*^7", "**ab***"),
            (Value::from("abcdef"), ".3", "abc"),
            (Value::from(true), "d", "1"),
        ] {
            assert_eq!(format_value(&value, spec).unwrap(), expected, "{spec}");
        }
        assert!(format_value(&Value::from("x"), "d").is_err() && format_value(&Value::from(1), "s").is_err());
    }
}

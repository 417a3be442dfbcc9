//! Python's `%` on text.
//!
//! In: a template with `%s`, `%(name)05.2f` and the like, and the value on the right. Out: text, or Python's `TypeError`.

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, Value};

use super::number_format::{Spec, format_float, format_int, format_text, pad, sign_of};
use crate::jinja::values::{Number, is_mapping, key_error, pairs, repr, to_str, type_error, type_name, value_error};

/// The values on the right of `%`.
struct Values<'v> {
    mapping: Option<&'v Value>,
    positional: Vec<Value>,
    next: usize,
}

impl Values<'_> {
    fn take(&mut self) -> Result<Value, Error> {
        let value = self.positional.get(self.next).cloned();
        self.next += 1;
        value.ok_or_else(|| type_error("not enough arguments for format string"))
    }

    fn named(&self, name: &str) -> Result<Value, Error> {
        let mapping = self.mapping.ok_or_else(|| type_error("format requires a mapping"))?;
        let key = Value::from(name);
        pairs(mapping)?.get(&key).cloned().ok_or_else(|| key_error(&key))
    }
}

/// Python's `template % right`.
pub(super) fn format(template: &str, right: &Value) -> Result<String, Error> {
    let positional = match right.downcast_object_ref::<Tuple>() {
        Some(tuple) => tuple.to_vec(),
        None => vec![right.clone()],
    };
    let mapping = is_mapping(right).then_some(right);
    let mut values = Values { mapping, positional, next: 0 };
    let mut out = String::new();
    let mut chars = template.chars().peekable();
    while let Some(char) = chars.next() {
        if char != '%' {
            out.push(char);
            continue;
        }
        directive(&mut chars, &mut values, &mut out)?;
    }
    let subscriptable = mapping.is_some() || (right.kind() == ValueKind::Seq && !right.is_tuple());
    if values.next < values.positional.len() && !subscriptable {
        return Err(type_error("not all arguments converted during string formatting"));
    }
    Ok(out)
}

type Chars<'t> = std::iter::Peekable<std::str::Chars<'t>>;

fn directive(chars: &mut Chars<'_>, values: &mut Values<'_>, out: &mut String) -> Result<(), Error> {
    let incomplete = || value_error("incomplete format");
    let mut named = None;
    if chars.next_if_eq(&'(').is_some() {
        let mut name = String::new();
        let mut depth = 1;
        loop {
            let char = chars.next().ok_or_else(|| value_error("incomplete format key"))?;
            depth += i32::from(char == '(') - i32::from(char == ')');
            if depth == 0 {
                break;
            }
            name.push(char);
        }
        named = Some(values.named(&name)?);
    }
    let mut spec = Spec::default();
    let mut left = false;
    while let Some(flag) = chars.next_if(|char| "#0- +".contains(*char)) {
        match flag {
            '#' => spec.alternate = true,
            '0' => spec.fill = Some('0'),
            '-' => left = true,
            '+' => spec.sign = Some('+'),
            _ => spec.sign = spec.sign.or(Some(' ')),
        }
    }
    let mut width = count(chars, values)?.unwrap_or(0);
    if width < 0 {
        (width, left) = (-width, true);
    }
    spec.width = usize::try_from(width).unwrap_or(0);
    if chars.next_if_eq(&'.').is_some() {
        spec.precision = Some(usize::try_from(count(chars, values)?.unwrap_or(0)).unwrap_or(0));
    }
    while chars.next_if(|char| "hlL".contains(*char)).is_some() {}
    let kind = chars.next().ok_or_else(incomplete)?;
    if kind == '%' {
        out.push('%');
        return Ok(());
    }
    if left {
        (spec.align, spec.fill) = (Some('<'), None);
    } else if spec.fill.is_some() {
        spec.align = Some('=');
    }
    let value = match named {
        Some(value) => value,
        None => values.take()?,
    };
    out.push_str(&converted(kind, &value, spec)?);
    Ok(())
}

/// A width or precision: digits, or `*` for the next value.
fn count(chars: &mut Chars<'_>, values: &mut Values<'_>) -> Result<Option<i64>, Error> {
    if chars.next_if_eq(&'*').is_some() {
        return super::arguments::integer(&values.take()?).map(Some).map_err(|_| type_error("* wants int"));
    }
    let mut number: Option<i64> = None;
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        number = Some((number.unwrap_or(0) * 10 + i64::from(digit as u8 - b'0')).min(100_000));
    }
    Ok(number)
}

fn converted(kind: char, value: &Value, mut spec: Spec) -> Result<String, Error> {
    let text = |text: &str, mut spec: Spec| {
        spec.align = Some(if spec.align == Some('<') { '<' } else { '>' });
        spec.fill = None;
        format_text(text, &spec)
    };
    let needs = |what: &str| type_error(format!("%{kind} format: {what} is required, not {}", type_name(value)));
    spec.kind = Some(kind);
    match kind {
        's' => Ok(text(&to_str(value), spec)),
        'r' | 'a' => Ok(text(&repr(value), spec)),
        'c' => match (value.kind(), value.as_str()) {
            (ValueKind::String, Some(char)) if char.chars().count() == 1 => Ok(text(char, spec)),
            (ValueKind::Number, _) if value.is_integer() => {
                let char = u32::try_from(super::arguments::integer(value)?).ok().and_then(char::from_u32);
                Ok(text(&char.ok_or_else(|| value_error("%c arg not in range(0x110000)"))?.to_string(), spec))
            }
            _ => Err(type_error("%c requires int or char")),
        },
        'd' | 'i' | 'u' | 'o' | 'x' | 'X' => {
            let number = match Number::of(value) {
                Some(Number::Int(int)) => int,
                Some(number) if "diu".contains(kind) => number.as_f64().trunc() as i128,
                Some(_) => return Err(needs("an integer")),
                None if "diu".contains(kind) => return Err(needs("a real number")),
                None => return Err(needs("an integer")),
            };
            if let Some(digits) = spec.precision.take() {
                let body = Spec { kind: Some(if "iu".contains(kind) { 'd' } else { kind }), ..Spec::default() };
                let unsigned = i128::try_from(number.unsigned_abs()).unwrap_or(i128::MAX);
                let magnitude = format_int(unsigned, &body)?;
                let prefix = match kind {
                    'o' | 'x' | 'X' if spec.alternate => format!("0{kind}"),
                    _ => String::new(),
                };
                let sign = format!("{}{prefix}", sign_of(number < 0, &spec));
                return Ok(pad(&sign, &format!("{magnitude:0>digits$}"), &spec, '>'));
            }
            if "iu".contains(kind) {
                spec.kind = Some('d');
            }
            format_int(number, &spec)
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => match Number::of(value) {
            Some(number) => Ok(format_float(number.as_f64(), &spec)),
            None => Err(type_error(format!("must be real number, not {}", type_name(value)))),
        },
        _ => {
            let code = kind as u32;
            Err(value_error(format!("unsupported format character '{kind}' (0x{code:x})")))
        }
    }
}

//! `printf` and `format`: C's and Python's ways to lay out values.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::Result;

use super::display;
use super::scalar::{fail, text};

/// The arguments after the format, each as text and, where it is one, as number.
struct Values {
    texts: Vec<StringArray>,
    numbers: Vec<Option<ArrayRef>>,
    whole: Vec<Option<ArrayRef>>,
}

impl Values {
    fn of(args: &[ArrayRef]) -> Result<Self> {
        let numeric = |a: &ArrayRef, to: &DataType| a.data_type().is_numeric().then(|| cast(a, to)).transpose();
        Ok(Self {
            texts: args.iter().map(display::texts).collect::<Result<_>>()?,
            numbers: args.iter().map(|a| numeric(a, &DataType::Float64)).collect::<std::result::Result<_, _>>()?,
            whole: args
                .iter()
                .map(|a| if a.data_type().is_integer() { cast(a, &DataType::Int64).map(Some) } else { Ok(None) })
                .collect::<std::result::Result<_, _>>()?,
        })
    }

    fn missing(&self, row: usize) -> bool {
        self.texts.iter().any(|t| t.is_null(row))
    }

    fn show(&self, at: usize, row: usize, spec: &Spec, function: &str) -> Result<String> {
        let Some(texts) = self.texts.get(at) else {
            return fail(function, format!("the format asks for {} values, there are {}", at + 1, self.texts.len()));
        };
        let whole = self.whole[at].as_ref().map(|a| a.as_primitive::<Int64Type>().value(row));
        let number = self.numbers[at].as_ref().map(|a| a.as_primitive::<Float64Type>().value(row));
        let plain = match (spec.kind, whole, number) {
            ('f' | 'F' | 'e' | 'E' | 'g' | 'G' | '\0', None, Some(x)) if !x.is_finite() => {
                let word = display::double(x);
                if spec.kind.is_ascii_uppercase() { word.to_uppercase() } else { word }
            }
            ('d' | 'i' | 'u', Some(n), _) => spec.grouped(&n.to_string()),
            ('x', Some(n), _) => format!("{n:x}"),
            ('X', Some(n), _) => format!("{n:X}"),
            ('o', Some(n), _) => format!("{n:o}"),
            ('b', Some(n), _) => format!("{n:b}"),
            ('c', Some(n), _) => u32::try_from(n).ok().and_then(char::from_u32).unwrap_or('?').to_string(),
            ('f' | 'F', _, Some(x)) => spec.grouped(&format!("{x:.*}", spec.precision.unwrap_or(6))),
            ('e' | 'E', _, Some(x)) => scientific(x, spec.precision.unwrap_or(6), spec.kind),
            ('g' | 'G', _, Some(x)) => display::double(x).trim_end_matches(".0").to_owned(),
            ('s', _, _) => texts.value(row).chars().take(spec.precision.unwrap_or(usize::MAX)).collect(),
            ('\0', Some(n), _) => spec.grouped(&n.to_string()),
            ('\0', None, Some(x)) if spec.precision.is_some() => {
                spec.grouped(&format!("{x:.*}", spec.precision.unwrap_or(6)))
            }
            ('\0', _, _) => texts.value(row).to_owned(),
            (kind, _, _) => return fail(function, format!("'{kind}' does not fit the value '{}'", texts.value(row))),
        };
        Ok(spec.pad(plain, number.is_some() && spec.kind != 's'))
    }
}

fn scientific(x: f64, precision: usize, kind: char) -> String {
    let plain = format!("{x:.precision$e}");
    let (digits, exponent) = plain.split_once('e').unwrap_or((&plain, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    let sign = if power < 0 { '-' } else { '+' };
    let out = format!("{digits}e{sign}{:02}", power.abs());
    if kind == 'E' { out.to_uppercase() } else { out }
}

/// How a value is laid out.
#[derive(Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    plus: bool,
    zero: bool,
    width: usize,
    group: Option<char>,
    precision: Option<usize>,
    kind: char,
}

impl Spec {
    fn grouped(&self, digits: &str) -> String {
        let Some(mark) = self.group else { return digits.to_owned() };
        let (sign, rest) = digits.strip_prefix('-').map_or(("", digits), |d| ("-", d));
        let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(w, f)| (w, Some(f)));
        let mut out = String::new();
        for (i, c) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i) % 3 == 0 {
                out.push(mark);
            }
            out.push(c);
        }
        if let Some(fraction) = fraction {
            out.push('.');
            out.push_str(fraction);
        }
        format!("{sign}{out}")
    }

    fn pad(&self, plain: String, number: bool) -> String {
        let plain = if self.plus && number && !plain.starts_with('-') { format!("+{plain}") } else { plain };
        let missing = self.width.saturating_sub(plain.chars().count());
        if missing == 0 {
            return plain;
        }
        if self.zero && number && self.align.is_none() {
            let (sign, digits) = match plain.chars().next() {
                Some(c @ ('-' | '+')) => (c.to_string(), plain[1..].to_owned()),
                _ => (String::new(), plain),
            };
            return format!("{sign}{}{digits}", "0".repeat(missing));
        }
        let fill = |n: usize| self.fill.unwrap_or(' ').to_string().repeat(n);
        match self.align.unwrap_or(if number { '>' } else { '<' }) {
            '<' => plain + &fill(missing),
            '^' => fill(missing / 2) + &plain + &fill(missing - missing / 2),
            _ => fill(missing) + &plain,
        }
    }
}

/// Reads digits.
fn digits(letters: &[char], at: &mut usize) -> Option<usize> {
    let begin = *at;
    while letters.get(*at).is_some_and(char::is_ascii_digit) {
        *at += 1;
    }
    letters[begin..*at].iter().collect::<String>().parse().ok()
}

/// `printf('%05.2f', x)`.
pub(super) fn printf(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    each(args, rows, |format, values, row| {
        let letters: Vec<char> = format.chars().collect();
        let (mut out, mut at, mut used) = (String::new(), 0, 0);
        while at < letters.len() {
            let c = letters[at];
            at += 1;
            if c != '%' {
                out.push(c);
                continue;
            }
            if letters.get(at) == Some(&'%') {
                out.push('%');
                at += 1;
                continue;
            }
            let mut spec = Spec::default();
            let mut left = false;
            while let Some(flag) = letters.get(at).filter(|c| "-+ 0#,'_".contains(**c)) {
                match flag {
                    '-' => left = true,
                    '+' => spec.plus = true,
                    '0' => spec.zero = true,
                    ',' | '\'' | '_' => spec.group = Some(if *flag == '_' { '_' } else { ',' }),
                    _ => {}
                }
                at += 1;
            }
            spec.width = digits(&letters, &mut at).unwrap_or(0);
            if letters.get(at) == Some(&'.') {
                at += 1;
                spec.precision = Some(digits(&letters, &mut at).unwrap_or(0));
            }
            while letters.get(at).is_some_and(|c| "lhjzt".contains(*c)) {
                at += 1;
            }
            let Some(kind) = letters.get(at) else {
                return fail("printf", format!("'{format}' ends in the middle of a code"));
            };
            at += 1;
            spec.kind = *kind;
            spec.align = Some(if left { '<' } else { '>' }).filter(|_| left || !spec.zero);
            out.push_str(&values.show(used, row, &spec, "printf")?);
            used += 1;
        }
        Ok(out)
    })
}

/// `format('{:05d}', x)`.
pub(super) fn format(args: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
    each(args, rows, |format, values, row| {
        let letters: Vec<char> = format.chars().collect();
        let (mut out, mut at, mut used) = (String::new(), 0, 0);
        while at < letters.len() {
            let c = letters[at];
            at += 1;
            match c {
                '{' | '}' if letters.get(at) == Some(&c) => {
                    out.push(c);
                    at += 1;
                }
                '{' => {
                    let place = digits(&letters, &mut at);
                    let mut spec = Spec::default();
                    if letters.get(at) == Some(&':') {
                        at += 1;
                        layout(&letters, &mut at, &mut spec);
                    }
                    if letters.get(at) != Some(&'}') {
                        return fail(
                            "format",
                            format!("'{format}' has a brace that is not closed, or a code that is not known"),
                        );
                    }
                    at += 1;
                    let place = place.unwrap_or_else(|| {
                        used += 1;
                        used - 1
                    });
                    out.push_str(&values.show(place, row, &spec, "format")?);
                }
                _ => out.push(c),
            }
        }
        Ok(out)
    })
}

/// `[[fill]align][+][0][width][,][.precision][type]`
fn layout(letters: &[char], at: &mut usize, spec: &mut Spec) {
    let is_align = |c: Option<&char>| c.is_some_and(|c| "<>^".contains(*c));
    if is_align(letters.get(*at + 1)) {
        spec.fill = letters.get(*at).copied();
        *at += 1;
    }
    if is_align(letters.get(*at)) {
        spec.align = letters.get(*at).copied();
        *at += 1;
    }
    if letters.get(*at) == Some(&'+') {
        spec.plus = true;
        *at += 1;
    }
    if letters.get(*at) == Some(&'0') {
        spec.zero = true;
        *at += 1;
    }
    spec.width = digits(letters, at).unwrap_or(0);
    if let Some(mark) = letters.get(*at).filter(|c| **c == ',' || **c == '_') {
        spec.group = Some(*mark);
        *at += 1;
    }
    if letters.get(*at) == Some(&'.') {
        *at += 1;
        spec.precision = digits(letters, at);
    }
    if let Some(kind) = letters.get(*at).filter(|c| c.is_ascii_alphabetic()) {
        spec.kind = *kind;
        *at += 1;
    }
}

fn each(args: &[ArrayRef], rows: usize, write: impl Fn(&str, &Values, usize) -> Result<String>) -> Result<ArrayRef> {
    let formats = text(&args[0]);
    let values = Values::of(&args[1..])?;
    let all = (0..rows).map(|row| {
        if formats.is_null(row) || values.missing(row) {
            return Ok(None);
        }
        write(formats.value(row), &values, row).map(Some)
    });
    Ok(Arc::new(all.collect::<Result<StringArray>>()?))
}

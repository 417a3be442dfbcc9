//! Exact decimals that a float cannot carry.
//!
//! In: an engine's digits. Out: a number that prints those digits and computes exactly where 128 bits suffice.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{DynObject, Object, ObjectRepr};

/// The most significant digits of which every decimal survives the way through a float.
const FLOAT_DIGITS: usize = 15;

/// An exact decimal number.
#[derive(Clone, Debug)]
pub struct Decimal {
    digits: String,
    /// The number times ten to the `scale`, if it fits.
    exact: Option<(i128, u32)>,
}

impl Decimal {
    /// Reads `-12.50`; `None` for what is not a plain decimal.
    pub fn parse(digits: &str) -> Option<Self> {
        let digits = digits.trim();
        let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let sign = if digits.starts_with('-') { "-" } else { "" };
        let number = format!("{sign}{whole}{fraction}").parse().ok();
        let scale = u32::try_from(fraction.len()).ok()?;
        Some(Self { digits: digits.trim_start_matches('+').to_owned(), exact: number.map(|number| (number, scale)) })
    }

    /// The decimal of a whole number.
    pub fn from_int(number: i128) -> Self {
        Self { digits: number.to_string(), exact: Some((number, 0)) }
    }

    fn from_parts(number: i128, scale: u32) -> Self {
        let places = scale as usize;
        let mut digits = format!("{:0>width$}", number.unsigned_abs(), width = places + 1);
        if places > 0 {
            digits.insert(digits.len() - places, '.');
        }
        if number < 0 {
            digits.insert(0, '-');
        }
        Self { digits, exact: Some((number, scale)) }
    }

    /// The nearest float.
    pub fn to_f64(&self) -> f64 {
        self.digits.parse().unwrap_or(f64::NAN)
    }

    /// The whole part, cut towards zero.
    pub fn to_int(&self) -> Option<i128> {
        let whole = self.digits.split('.').next().unwrap_or_default();
        if whole.is_empty() || whole == "-" { Some(0) } else { whole.parse().ok() }
    }

    /// As a template value: an integer if there are no decimal places, a float where that keeps every digit that
    /// counts, else a decimal object. minijinja's `==` knows its own numbers only, hence the preference for those.
    pub fn into_value(self) -> Value {
        if let Some((number, 0)) = self.exact {
            return super::int(number);
        }
        let significant = self.digits.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
        let trailing = self.digits.len() - self.digits.trim_end_matches('0').len();
        if significant <= FLOAT_DIGITS
            || (self.digits.contains('.') && significant - trailing.min(significant) <= FLOAT_DIGITS)
        {
            return Value::from(self.to_f64());
        }
        Value::from_object(self)
    }

    fn aligned(&self, other: &Self) -> Option<(i128, i128, u32)> {
        let ((left, left_scale), (right, right_scale)) = (self.exact?, other.exact?);
        let scale = left_scale.max(right_scale);
        let raise = |number: i128, by: u32| number.checked_mul(10i128.checked_pow(by)?);
        Some((raise(left, scale - left_scale)?, raise(right, scale - right_scale)?, scale))
    }

    /// The exact sum, if it fits.
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        let (left, right, scale) = self.aligned(other)?;
        Some(Self::from_parts(left.checked_add(right)?, scale))
    }

    /// The exact difference, if it fits.
    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        let (left, right, scale) = self.aligned(other)?;
        Some(Self::from_parts(left.checked_sub(right)?, scale))
    }

    /// The exact product, if it fits.
    pub fn checked_mul(&self, other: &Self) -> Option<Self> {
        let ((left, left_scale), (right, right_scale)) = (self.exact?, other.exact?);
        Some(Self::from_parts(left.checked_mul(right)?, left_scale.checked_add(right_scale)?))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits)
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.aligned(other) {
            Some((left, right, _)) => left.cmp(&right),
            None => self.to_f64().total_cmp(&other.to_f64()),
        }
    }
}

impl Object for Decimal {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.digits.bytes().any(|byte| (b'1'..=b'9').contains(&byte))
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.as_ref().cmp(other.downcast_ref::<Self>()?))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    fn decimal(digits: &str) -> Decimal {
        Decimal::parse(digits).unwrap()
    }

    #[test]
    fn computes_exactly() {
        assert_eq!(decimal("12.50").checked_add(&decimal("0.005")).unwrap().to_string(), "12.505");
        assert_eq!(decimal("-0.10").checked_mul(&decimal("0.2")).unwrap().to_string(), "-0.020");
        assert!(decimal("1.10") == decimal("1.1") && decimal("-2") < decimal("1.5"));
        assert!(Decimal::parse("1e5").is_none() && Decimal::parse("").is_none() && Decimal::parse("1.2.3").is_none());
    }

    #[test]
    fn becomes_a_number_where_no_digit_is_lost() {
        for (digits, printed) in [("12", "12"), ("12.5", "12.5"), ("1234567890123456.789", "1234567890123456.789")] {
            assert_eq!(decimal(digits).into_value().to_string(), printed);
        }
    }
}

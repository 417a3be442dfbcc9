//! One type for a column that has another one in another file. In: two types. Out: the one that holds the values of both.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

/// The type that values of both have, if there is one.
pub(super) fn wider(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{Date32, Decimal128, Float64, Null, Timestamp};
    Some(match (a, b) {
        (a, b) if a == b => a.clone(),
        (Null, other) | (other, Null) => other.clone(),
        (a, b) if a.is_integer() && b.is_integer() => whole(a, b),
        (a, b) if (a.is_floating() || b.is_floating()) && a.is_numeric() && b.is_numeric() => Float64,
        (Decimal128(p, s), Decimal128(q, t)) => decimal((*p, *s), (*q, *t)),
        (Decimal128(p, s), other) | (other, Decimal128(p, s)) if other.is_integer() => {
            decimal((*p, *s), (digits(other), 0))
        }
        (Date32, Timestamp(unit, zone)) | (Timestamp(unit, zone), Date32) => Timestamp(*unit, zone.clone()),
        (Timestamp(_, None), Timestamp(_, None)) => Timestamp(TimeUnit::Microsecond, None),
        (Timestamp(..), Timestamp(..)) => Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        (a, b) if a.is_nested() || b.is_nested() => return None,
        _ => DataType::Utf8,
    })
}

fn whole(a: &DataType, b: &DataType) -> DataType {
    let signed = |t: &DataType| match t {
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(38, 0),
        other => other.clone(),
    };
    let (a, b) =
        if a.is_signed_integer() == b.is_signed_integer() { (a.clone(), b.clone()) } else { (signed(a), signed(b)) };
    if digits(&a) >= digits(&b) { a } else { b }
}

/// Digits that a whole number may have.
fn digits(t: &DataType) -> u8 {
    match t {
        DataType::Int8 | DataType::UInt8 => 3,
        DataType::Int16 | DataType::UInt16 => 5,
        DataType::Int32 | DataType::UInt32 => 10,
        DataType::Int64 => 19,
        DataType::UInt64 => 20,
        _ => 38,
    }
}

fn decimal((p, s): (u8, i8), (q, t): (u8, i8)) -> DataType {
    let scale = s.max(t);
    let whole = |p: u8, s: i8| i16::from(p) - i16::from(s);
    let precision = (whole(p, s).max(whole(q, t)) + i16::from(scale)).clamp(1, 38);
    DataType::Decimal128(u8::try_from(precision).unwrap_or(38), scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_both() {
        use DataType::{Date32, Decimal128, Float64, Int32, Int64, UInt32, Utf8};
        assert_eq!(wider(&Int32, &Int64), Some(Int64));
        assert_eq!(wider(&UInt32, &Int32), Some(Int64));
        assert_eq!(wider(&Int64, &Float64), Some(Float64));
        assert_eq!(wider(&Decimal128(10, 2), &Decimal128(6, 4)), Some(Decimal128(12, 4)));
        assert_eq!(wider(&Decimal128(4, 2), &Int32), Some(Decimal128(12, 2)));
        assert_eq!(wider(&Date32, &Int32), Some(Utf8));
        assert_eq!(wider(&DataType::new_list(Int32, true), &Int32), None);
    }
}

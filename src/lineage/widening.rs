//! Types that hold every value of another.
//!
//! In: two types as the engine spells them. Out: whether whoever reads the first can read the second.

/// Whole numbers, each holding those before it.
const SIGNED: [&str; 5] = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"];
const UNSIGNED: [&str; 5] = ["UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"];
const FLOATING: [&str; 2] = ["FLOAT", "DOUBLE"];

/// Whether every value of `was` is one of `is`, and stays what it is.
pub(super) fn is_wider(was: &str, is: &str) -> bool {
    let (was, is) = (was.trim().to_uppercase(), is.trim().to_uppercase());
    let grows = |family: &[&str]| {
        let place = |t: &str| family.iter().position(|f| *f == t);
        place(&was).zip(place(&is)).is_some_and(|(a, b)| a <= b)
    };
    if was == is || was == "\"NULL\"" || grows(&SIGNED) || grows(&UNSIGNED) || grows(&FLOATING) {
        return true;
    }
    match (digits(&was), digits(&is)) {
        (Some((p, s)), Some((q, t))) => t >= s && q - t >= p - s,
        _ => false,
    }
}

/// Precision and scale of a decimal.
fn digits(data_type: &str) -> Option<(i32, i32)> {
    let (precision, scale) = data_type.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?;
    Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::is_wider;

    #[test]
    fn growing_is_within_a_family() {
        for (was, is, expected) in [
            ("INTEGER", "BIGINT", true),
            ("BIGINT", "INTEGER", false),
            ("INTEGER", "DOUBLE", false),
            ("FLOAT", "double", true),
            ("DECIMAL(10,2)", "DECIMAL(12,2)", true),
            ("DECIMAL(10,2)", "DECIMAL(12,4)", true),
            ("DECIMAL(10,2)", "DECIMAL(10,4)", false),
            ("DATE", "TIMESTAMP", false),
            ("INTEGER", "VARCHAR", false),
        ] {
            assert_eq!(is_wider(was, is), expected, "{was} -> {is}");
        }
    }
}

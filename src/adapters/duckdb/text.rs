//! Values that have no counterpart in [`Value`], as DuckDB prints them. In: their parts. Out: text.

use std::fmt::Write;

use crate::base::Value;

/// A whole number with a decimal point so many digits from the right.
pub(super) fn scaled(number: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    if scale == 0 {
        return number.to_string();
    }
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{}{whole}.{fraction}", if number < 0 { "-" } else { "" })
}

/// `infinity` or `-infinity`, if the count is one of the two reserved ends.
pub(super) fn infinity(count: i64, end: i64) -> Option<Value> {
    (count == end)
        .then_some("infinity")
        .or_else(|| (count == -end).then_some("-infinity"))
        .map(|word| Value::Str(word.to_owned()))
}

/// Time of day from microseconds: `24:00:00`, `01:02:03.5`.
pub(super) fn clock(micros: i64) -> String {
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    let mut out = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if rest != 0 {
        let _ = write!(out, ".{}", format!("{rest:06}").trim_end_matches('0'));
    }
    out
}

/// Time of day with an offset in seconds east of UTC.
pub(super) fn time_with_offset(micros: i64, offset: i32) -> String {
    let size = offset.unsigned_abs();
    let mut out = format!("{}{}{:02}", clock(micros), if offset < 0 { '-' } else { '+' }, size / 3600);
    let (minutes, seconds) = (size / 60 % 60, size % 60);
    if minutes != 0 || seconds != 0 {
        let _ = write!(out, ":{minutes:02}");
    }
    if seconds != 0 {
        let _ = write!(out, ":{seconds:02}");
    }
    out
}

/// A date by days since 1970-01-01, also where calendar types end.
pub(super) fn far_date(days: i64) -> String {
    // Days from a 1 March, so that the leap day comes last; eras of 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    if year > 0 {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{:04}-{month:02}-{day:02} (BC)", 1 - year)
    }
}

/// An interval: `1 year 2 months -3 days 04:05:06.5`.
pub(super) fn interval(months: i32, days: i32, micros: i64) -> String {
    let mut parts = Vec::new();
    for (count, unit) in [(months / 12, "year"), (months % 12, "month"), (days, "day")] {
        if count != 0 {
            parts.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
        }
    }
    if micros != 0 || parts.is_empty() {
        // The smallest count has no positive twin; one microsecond off is what is left to print.
        let size = micros.checked_abs().unwrap_or(i64::MAX);
        parts.push(format!("{}{}", if micros < 0 { "-" } else { "" }, clock(size)));
    }
    parts.join(" ")
}

/// A UUID from DuckDB's hugeint, whose sign bit is flipped for sorting.
pub(super) fn uuid(upper: i64, lower: u64) -> String {
    let high = (upper as u64) ^ (1 << 63);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        lower >> 48,
        lower & 0xffff_ffff_ffff
    )
}

/// A bit string: the first byte says how many bits of the second are padding.
pub(super) fn bits(bytes: &[u8]) -> String {
    let Some((&padding, bytes)) = bytes.split_first() else { return String::new() };
    let all: String = bytes.iter().map(|b| format!("{b:08b}")).collect();
    all.get(usize::from(padding)..).unwrap_or_default().to_owned()
}

/// An integer of any size: three header bytes, then the magnitude, most significant byte first; all complemented if negative.
pub(super) fn bignum(bytes: &[u8]) -> String {
    let Some((header, magnitude)) = bytes.split_at_checked(3) else { return String::new() };
    let negative = header[0] & 0x80 == 0;
    // Groups of nine decimal digits, least significant first.
    let mut groups: Vec<u64> = vec![0];
    for &byte in magnitude {
        let mut carry = u64::from(if negative { !byte } else { byte });
        for group in &mut groups {
            let sum = *group * 256 + carry;
            *group = sum % 1_000_000_000;
            carry = sum / 1_000_000_000;
        }
        if carry != 0 {
            groups.push(carry);
        }
    }
    let mut out = if negative { "-".to_owned() } else { String::new() };
    let _ = write!(out, "{}", groups.last().copied().unwrap_or_default());
    for group in groups.iter().rev().skip(1) {
        let _ = write!(out, "{group:09}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendar_beyond_calendars() {
        assert_eq!(far_date(0), "1970-01-01");
        assert_eq!(far_date(11_016), "2000-02-29");
        assert_eq!(far_date(-719_163), "0001-12-31 (BC)");
        assert_eq!(clock(86_400_000_000), "24:00:00");
        assert_eq!(time_with_offset(3_600_500_000, -20_700), "01:00:00.5-05:45");
    }

    #[test]
    fn numbers_keep_their_digits() {
        assert_eq!(scaled(-5, 2), "-0.05");
        assert_eq!(scaled(12_345, 3), "12.345");
        assert_eq!(interval(-14, 1, -1_500_000), "-1 years -2 months 1 day -00:00:01.5");
        assert_eq!(interval(0, 0, 0), "00:00:00");
    }
}

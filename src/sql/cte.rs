//! Puts common table expressions in front of a query.
//! Rule: dbt's compiled form of ephemeral parents (`core/dbt/compilation.py`).

use super::scan::{PieceKind, scan};

/// The query with `ctes` (each ` name as (...)`) first: behind an existing `with` / `with recursive`, else behind a
/// new `with`.
pub fn prepend_ctes(sql: &str, ctes: &[String]) -> String {
    if ctes.is_empty() {
        return sql.to_owned();
    }
    let joined = ctes.join(", ");
    match with_end(sql) {
        Some(end) => format!("{}{joined}, {}", &sql[..end], sql[end..].trim_start()),
        None => format!("with {joined} {sql}"),
    }
}

/// The end of a leading `with` or `with recursive`.
fn with_end(sql: &str) -> Option<usize> {
    let mut words = scan(sql).into_iter().filter(|p| !matches!(p.kind, PieceKind::Space | PieceKind::Comment));
    let first = words.next()?;
    if first.kind != PieceKind::Word || !sql[first.range.clone()].eq_ignore_ascii_case("with") {
        return None;
    }
    match words.next() {
        Some(second) if sql[second.range.clone()].eq_ignore_ascii_case("recursive") => Some(second.range.end),
        _ => Some(first.range.end),
    }
}

#[cfg(test)]
mod tests {
    use super::prepend_ctes;

    #[test]
    fn goes_behind_an_existing_with() {
        let cte = [" __dbt__cte__a as (\nselect 1\n)".to_owned()];
        for (sql, expected) in [
            ("select 2", "with  __dbt__cte__a as (\nselect 1\n) select 2"),
            ("-- with x\nWITH b as (select 2) select 3", "-- with x\nWITH __dbt__cte__a as (\nselect 1\n), b as (select 2) select 3"),
            ("with recursive r as (select 1) select 3", "with recursive __dbt__cte__a as (\nselect 1\n), r as (select 1) select 3"),
            ("select 'with' from t", "with  __dbt__cte__a as (\nselect 1\n) select 'with' from t"),
        ] {
            assert_eq!(prepend_ctes(sql, &cte), expected);
        }
    }
}

//! Which SQL the engine may run at once, without being prepared first.
//!
//! In: text. Out: a verdict; in doubt it is no. Preparing is what tells apart the statements that begin and end transactions,
//! streams rows that nobody keeps, and lets this thread rest while others work.

/// Whether a text may run at once: nothing in it is about transactions or returns rows, and none of it keeps other threads busy.
pub(super) fn runs_at_once(sql: &str, single_threaded: bool) -> bool {
    let Some(statements) = split(sql) else { return false };
    !statements.is_empty()
        && statements.iter().all(|statement| match kind(statement) {
            Kind::Brief => true,
            Kind::Work => single_threaded,
            Kind::Other => false,
        })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Names change, or a few rows.
    Brief,
    /// As much as there are rows.
    Work,
    /// Anything else.
    Other,
}

fn kind(words: &[&str]) -> Kind {
    let is = |at: usize, word: &str| words.get(at).is_some_and(|w| w.eq_ignore_ascii_case(word));
    let has = |word: &str| words.iter().any(|w| w.eq_ignore_ascii_case(word));
    if has("returning") {
        return Kind::Other;
    }
    match words.first().map(|word| word.to_ascii_lowercase()).as_deref() {
        Some("drop" | "comment") => Kind::Brief,
        // A type that changes rewrites its column.
        Some("alter") if has("rename") => Kind::Brief,
        Some("create") => {
            let rest = if is(1, "or") && is(2, "replace") { 3 } else { 1 };
            let rest = if is(rest, "temp") || is(rest, "temporary") { rest + 1 } else { rest };
            if is(rest, "view") || is(rest, "schema") { Kind::Brief } else { Kind::Work }
        }
        Some("insert") if has("values") && !has("select") && !has("from") => Kind::Brief,
        Some("insert" | "update" | "delete" | "merge" | "truncate" | "alter") => Kind::Work,
        _ => Kind::Other,
    }
}

/// The words of every statement, without what is quoted or commented; nothing for text that this does not read.
fn split(sql: &str) -> Option<Vec<Vec<&str>>> {
    let bytes = sql.as_bytes();
    let (mut statements, mut words, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        let rest = &sql.get(at..)?;
        match byte {
            b'\'' | b'"' => at += quoted(&bytes[at..])?,
            b'-' if rest.starts_with("--") => at += rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => {
                let end = rest.find("*/")? + 2;
                // Comments nest.
                if rest[2..end].contains("/*") {
                    return None;
                }
                at += end;
            }
            b'$' => return None,
            b';' => {
                statements.push(std::mem::take(&mut words));
                at += 1;
            }
            _ if byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii() => {
                let end = bytes[at..].iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'_' || !b.is_ascii()));
                let end = end.map_or(bytes.len(), |end| at + end);
                // The quotes of an escape string go by other rules.
                if end - at == 1 && byte.eq_ignore_ascii_case(&b'e') && bytes.get(end) == Some(&b'\'') {
                    return None;
                }
                words.push(sql.get(at..end)?);
                at = end;
            }
            _ => at += 1,
        }
    }
    statements.push(words);
    statements.retain(|words| !words.is_empty());
    Some(statements)
}

/// The length of a quoted text; doubled quotes are two such texts.
fn quoted(bytes: &[u8]) -> Option<usize> {
    let quote = bytes.first()?;
    Some(bytes[1..].iter().position(|b| b == quote)? + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_at_once() {
        let verdict = |sql| (runs_at_once(sql, false), runs_at_once(sql, true));
        for brief in [
            "/* {\"app\": \"dbt\"} */\ncreate or replace view v as (select ';commit' as x from t)",
            "drop table if exists \"a;b\" cascade",
            "insert into t (a, b) values ('it''s; select', 1)",
            "alter table a rename to b; -- done; commit",
            "create schema if not exists s",
        ] {
            assert_eq!(verdict(brief), (true, true), "{brief}");
        }
        for work in [
            "create table t as select 1",
            "create temporary table t as (select 1)",
            "delete from t where true;\n\ninsert into t select * from s;",
            "merge into t using s on (t.id = s.id) when matched then update by name",
            "alter table t alter column c set data type bigint",
        ] {
            assert_eq!(verdict(work), (false, true), "{work}");
        }
        for other in [
            "",
            "select 1",
            "commit",
            "insert into t values (1); commit",
            "/* /* */ */ begin",
            "delete from t returning *",
            "with a as (select 1) insert into t from a",
            "create view v as select $$ ; $$",
            "insert into t values ('open",
            "insert into t values (e'\\'; commit; --')",
            "call pragma_version()",
        ] {
            assert_eq!(verdict(other), (false, false), "{other}");
        }
    }
}

//! Readers of files in a query's text: `read_csv(...)`, `'orders.parquet'`, and what else keeps a plan from being written
//! down. In: the query's syntax tree with places, its text. Out: pieces of the text, and what to put there.

use std::ops::Range;

use serde_json::Value as Json;

/// What comes in the place of a piece.
#[derive(Debug, PartialEq)]
pub(super) enum Replacement {
    /// A table that stands for this reader, under this alias where the query gives none itself.
    Reader { text: String, alias: Option<String> },
    /// This.
    Text(String),
}

/// A piece of the query.
#[derive(Debug, PartialEq)]
pub(super) struct Piece {
    range: Range<usize>,
    pub(super) with: Replacement,
}

/// The readers of a query, in the order of the text.
pub(super) fn readers(tree: &Json, sql: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    collect(tree, sql, &mut found);
    found.sort_by_key(|p| p.range.start);
    found.dedup_by(|a, b| a.range.start < b.range.end);
    found
}

/// The query with its pieces replaced.
pub(super) fn apply(sql: &str, pieces: &[Piece]) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut at = 0;
    for piece in pieces {
        out.push_str(&sql[at..piece.range.start]);
        match &piece.with {
            Replacement::Text(text) => out.push_str(text),
            Replacement::Reader { text, .. } => out.push_str(text),
        }
        at = piece.range.end;
    }
    out.push_str(&sql[at..]);
    out
}

fn collect(json: &Json, sql: &str, found: &mut Vec<Piece>) {
    match json {
        Json::Object(map) => {
            match map.get("type").and_then(Json::as_str) {
                Some("TABLE_FUNCTION") => found.extend(function(json, sql)),
                Some("BASE_TABLE") => found.extend(file(json, sql)),
                Some("RECURSIVE_CTE_NODE") => found.extend(keys(json, sql)),
                _ => {}
            }
            map.values().for_each(|inner| collect(inner, sql, found));
        }
        Json::Array(items) => items.iter().for_each(|inner| collect(inner, sql, found)),
        _ => {}
    }
}

fn function(json: &Json, sql: &str) -> Option<Piece> {
    let name = json.get("function")?.get("function_name")?.as_str()?.to_lowercase();
    let reads = name.starts_with("read_")
        || name.ends_with("_scan")
        || name.starts_with("parquet_")
        || matches!(name.as_str(), "glob" | "sniff_csv" | "st_read");
    if !reads || name == "seq_scan" {
        return None;
    }
    let range = place(json, sql)?;
    let text = &sql[range.clone()];
    let end = range.start + closing(text, text.find('(')?)?;
    let alias = json.get("alias").is_none().then_some(name);
    let range = range.start..end;
    let text = sql[range.clone()].to_owned();
    Some(Piece { range, with: Replacement::Reader { text, alias } })
}

/// A table whose name is the path of a file.
fn file(json: &Json, sql: &str) -> Option<Piece> {
    let path = json.get("qualified_name")?.get("path")?.as_array()?;
    let [name] = path.as_slice() else { return None };
    let name = name.as_str().filter(|n| n.contains(['.', '/', '*']))?;
    let range = place(json, sql)?;
    let text = &sql[range.clone()];
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let end = range.start + quoted_end(text, quote)?;
    let base = name.rsplit('/').next().unwrap_or(name);
    let alias = base.split('.').next().unwrap_or(base).to_owned();
    let alias = json.get("alias").is_none().then_some(alias);
    let range = range.start..end;
    let text = sql[range.clone()].to_owned();
    Some(Piece { range, with: Replacement::Reader { text, alias } })
}

/// `using key (...)` of a recursive query: which rows replace which does not change where columns come from.
fn keys(json: &Json, sql: &str) -> Option<Piece> {
    let first = json.get("key_targets")?.as_array()?.first()?;
    let at = place(first, sql)?.start;
    let open = sql[..at].rfind('(')?;
    let before = sql[..open].trim_end();
    let key = before.len().checked_sub(3).filter(|k| before[*k..].eq_ignore_ascii_case("key"))?;
    let before = before[..key].trim_end();
    let start = before.len().checked_sub(5).filter(|u| before[*u..].eq_ignore_ascii_case("using"))?;
    let end = open + closing(&sql[open..], 0)?;
    Some(Piece { range: start..end, with: Replacement::Text(String::new()) })
}

fn place(json: &Json, sql: &str) -> Option<Range<usize>> {
    let number = |key: &str| usize::try_from(json.get(key)?.as_u64()?).ok();
    let start = number("query_location").unwrap_or(0);
    let range = start..start + number("query_location_length")?;
    sql.get(range.clone()).map(|_| range)
}

/// Behind the bracket that closes the one at `open`.
fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = open;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '\'' | '"' => {
                at += quoted_end(&text[at..], c)?;
                continue;
            }
            '(' => depth += 1,
            ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += c.len_utf8();
    }
    None
}

/// Behind the quote that ends a quoted text; doubled ones are part of it.
fn quoted_end(text: &str, quote: char) -> Option<usize> {
    let mut from = 1;
    loop {
        let end = from + text.get(from..)?.find(quote)? + 1;
        if !text[end..].starts_with(quote) {
            return Some(end);
        }
        from = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_quotes_end_where_they_should() {
        assert_eq!(closing("f('a)', \"b(\", (1)) x", 1), Some(18));
        assert_eq!(closing("f(", 1), None);
        assert_eq!(quoted_end("'it''s' x", '\''), Some(7));
    }
}

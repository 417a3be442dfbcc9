//! What must be known before parsing: an operator that the tokenizer splits, and forms that the parser would take for something else.

use std::borrow::Cow;

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::dialect::LakeDialect;
use super::refusal::Refusal;

/// A text that the parser reads as it is meant: `**` is written `^ `, hints are blanks, `filter (a)` after a call is written
/// `filter (WHERE a)`, `TABLESAMPLE 10%` with brackets. Places change behind the last two alone.
pub(super) fn prepare(sql: &str) -> Result<Cow<'_, str>, Refusal> {
    let tokens = Tokenizer::new(&LakeDialect, sql).tokenize_with_location().map_err(|e| {
        let mut refusal = Refusal::syntax(&e.message);
        refusal.at = Some((e.location.line, e.location.column));
        refusal
    })?;
    refuse(&tokens)?;
    let mut text = Cow::Borrowed(sql);
    for pair in tokens.windows(2) {
        if let [first, second] = pair
            && first.token == Token::Mul
            && second.token == Token::Mul
            && let Some(at) = offset(first.span.start, sql)
        {
            text.to_mut().replace_range(at..at + 2, "^ ");
        }
    }
    let solid: Vec<&TokenWithSpan> = tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
    for hint in hints(&solid) {
        if let (Some(from), Some(to)) = (offset(hint.0, sql), offset(hint.1, sql)) {
            text.to_mut().replace_range(from..to, &" ".repeat(to - from));
        }
    }
    // From the end, so that the places before stay what they are.
    let mut written: Vec<(Location, Location, String)> =
        bare_filters(&tokens).into_iter().map(|at| (at, at, "WHERE ".to_owned())).collect();
    written.extend(bare_samples(&solid));
    written.sort_by_key(|(from, ..)| (from.line, from.column));
    for (from, to, new) in written.into_iter().rev() {
        if let (Some(from), Some(to)) = (offset(from, sql), offset(to, sql)) {
            text.to_mut().replace_range(from..to, &new);
        }
    }
    Ok(text)
}

/// What says how a query is to be run, or nothing at all: `WITH a AS [NOT] MATERIALIZED (...)`, `EXCLUDE NO OTHERS`. From, to.
fn hints(solid: &[&TokenWithSpan]) -> Vec<(Location, Location)> {
    let mut found = Vec::new();
    for n in 1..solid.len() {
        let rest: Vec<String> = solid[n..].iter().take(3).map(|t| word(t)).collect();
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        let opens = |n: usize| solid.get(n).is_some_and(|t| t.token == Token::LParen);
        let length = match rest.as_slice() {
            ["materialized", ..] if word(solid[n - 1]) == "as" && opens(n + 1) => 1,
            ["not", "materialized", ..] if word(solid[n - 1]) == "as" && opens(n + 2) => 2,
            ["exclude", "no", "others"] => 3,
            _ => continue,
        };
        found.extend(solid[n..n + length].iter().map(|t| (t.span.start, t.span.end)));
    }
    found
}

/// `TABLESAMPLE 10%` and `TABLESAMPLE 10 PERCENT`: from, to, and how it is written with brackets.
fn bare_samples(solid: &[&TokenWithSpan]) -> Vec<(Location, Location, String)> {
    let mut found = Vec::new();
    for three in solid.windows(3) {
        let [sample, number, unit] = three else { continue };
        let Token::Number(digits, _) = &number.token else { continue };
        let percent = unit.token == Token::Mod || word(unit) == "percent";
        if word(sample) == "tablesample" && (percent || word(unit) == "rows") {
            let unit_name = if percent { "PERCENT" } else { "ROWS" };
            found.push((number.span.start, unit.span.end, format!("({digits} {unit_name})")));
        }
    }
    found
}

/// Where the conditions begin of filters of calls that have no WHERE.
fn bare_filters(tokens: &[TokenWithSpan]) -> Vec<Location> {
    let solid: Vec<&TokenWithSpan> = tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
    let mut found = Vec::new();
    // For each open bracket, whether it is that of a call: a name stands before it.
    let mut open: Vec<bool> = Vec::new();
    for (n, token) in solid.iter().enumerate() {
        match token.token {
            Token::LParen => {
                let before = |back| n.checked_sub(back).map(|n| &solid[n]);
                let is_filter = before(1).is_some_and(|t| word(t) == "filter")
                    && before(2).is_some_and(|t| t.token == Token::RParen);
                let named = before(1).map(|t| &t.token);
                let is_name = matches!(named, Some(Token::Word(w)) if !BEFORE_BRACKETS.contains(&w.keyword));
                open.push(is_name && !is_filter);
            }
            Token::RParen => {
                let is_call = open.pop().unwrap_or(false);
                if let [filter, bracket, first, ..] = &solid[n + 1..]
                    && is_call
                    && word(filter) == "filter"
                    && bracket.token == Token::LParen
                    && keyword(first) != Some(Keyword::WHERE)
                {
                    found.push(first.span.start);
                }
            }
            _ => {}
        }
    }
    found
}

/// Words that stand before brackets and call nothing.
const BEFORE_BRACKETS: &[Keyword] = &[
    Keyword::FROM,
    Keyword::JOIN,
    Keyword::IN,
    Keyword::AS,
    Keyword::AND,
    Keyword::OR,
    Keyword::NOT,
    Keyword::ON,
    Keyword::USING,
    Keyword::VALUES,
    Keyword::LATERAL,
    Keyword::EXISTS,
];

fn offset(location: Location, sql: &str) -> Option<usize> {
    Refusal::unsupported("", "").at(location).offset(sql)
}

fn keyword(token: &TokenWithSpan) -> Option<Keyword> {
    match &token.token {
        Token::Word(w) if w.quote_style.is_none() => Some(w.keyword),
        _ => None,
    }
}

fn word(token: &TokenWithSpan) -> String {
    match &token.token {
        Token::Word(w) if w.quote_style.is_none() => w.value.to_lowercase(),
        _ => String::new(),
    }
}

fn refuse(tokens: &[TokenWithSpan]) -> Result<(), Refusal> {
    let solid: Vec<&TokenWithSpan> = tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
    for (n, token) in solid.iter().enumerate() {
        let next = solid.get(n + 1).map_or_else(String::new, |t| word(t));
        let joins = ["join", "left", "inner", "right", "full"].contains(&next.as_str());
        if keyword(token) == Some(Keyword::ASOF) && joins {
            return Err(super::select::asof().at(token.span.start));
        }
        if word(token) == "positional" && next == "join" {
            return Err(at(
                Refusal::unsupported(
                    "POSITIONAL JOIN is not available on this engine",
                    "number the rows of both sides with row_number() over (order by ...) and join on the number",
                ),
                token.span.start,
            ));
        }
        if word(token) == "using" && next == "sample" {
            return Err(at(
                Refusal::unsupported("USING SAMPLE is not read here", "write FROM t TABLESAMPLE (10 PERCENT)"),
                token.span.start,
            ));
        }
        limits(&solid[n..])?;
        let begins = n == 0
            || matches!(solid[n - 1].token, Token::LParen | Token::SemiColon)
            || keyword(solid[n - 1]) == Some(Keyword::AS);
        let statement = begins && ["pivot", "pivot_wider", "unpivot", "pivot_longer"].contains(&word(token).as_str());
        if statement
            && !matches!(solid.get(n + 1).map(|t| &t.token), None | Some(Token::Comma | Token::RParen | Token::Period))
        {
            return Err(at(
                Refusal::unsupported(
                    "PIVOT and UNPIVOT are read in FROM only, with the values listed",
                    "write SELECT * FROM t PIVOT (sum(x) FOR quarter IN ('q1', 'q2')) or SELECT * FROM t UNPIVOT (x FOR quarter IN (q1, q2))",
                ),
                token.span.start,
            ));
        }
    }
    Ok(())
}

/// Ends of windows and of results that the engine does not have; what is looked at begins the rest of a text.
fn limits(rest: &[&TokenWithSpan]) -> Result<(), Refusal> {
    let [first, more @ ..] = rest else { return Ok(()) };
    let words: Vec<String> = more.iter().take(2).map(|t| word(t)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let closes = more.get(1).is_some_and(|t| t.token == Token::RParen);
    let frame = match words.as_slice() {
        ["current", "row"] => Some("CURRENT ROW"),
        ["group", _] if closes => Some("GROUP"),
        ["ties", _] if closes => Some("TIES"),
        _ => None,
    };
    if let (Some(frame), "exclude") = (frame, word(first).as_str()) {
        let text = format!("a window without some of its rows (EXCLUDE {frame}) is not available on this engine");
        let help = "join the table with itself on the key and on t.id <> other.id, or take the row's own value off the sum and the count";
        return Err(Refusal::unsupported(text, help).at(first.span.start));
    }
    let share =
        matches!(more, [number, sign, ..] if matches!(number.token, Token::Number(..)) && sign.token == Token::Mod);
    let ends = more.get(2).is_none_or(|t| {
        matches!(t.token, Token::RParen | Token::SemiColon | Token::EOF)
            || matches!(keyword(t), Some(Keyword::OFFSET | Keyword::LIMIT))
    });
    if keyword(first) == Some(Keyword::LIMIT) && ((share && ends) || words.get(1) == Some(&"percent")) {
        let help = "number the rows: qualify row_number() over (order by x) <= 0.1 * count(*) over ()";
        let text = "LIMIT with a percentage is not available on this engine";
        return Err(Refusal::unsupported(text, help).at(first.span.start));
    }
    Ok(())
}

fn at(refusal: Refusal, location: Location) -> Refusal {
    refusal.at(location)
}

#[cfg(test)]
mod tests {
    use super::prepare;

    #[test]
    fn filters_get_their_where() {
        for (text, wanted) in [
            ("select sum(a) filter (b > 1), 2 ** 3", "select sum(a) filter (WHERE b > 1), 2 ^  3"),
            ("count(*)\nFILTER( (x) and y)", "count(*)\nFILTER( WHERE (x) and y)"),
            ("max(f(a)) filter (where b) filter (c)", "max(f(a)) filter (where b) filter (c)"),
            ("select * from (select 1) filter (a)", "select * from (select 1) filter (a)"),
            ("a in (1) filter (b)", "a in (1) filter (b)"),
            ("with a as Materialized (select 1)", "with a as              (select 1)"),
            ("with a as not\nmaterialized (select 1)", "with a as    \n             (select 1)"),
            ("select 1 as materialized", "select 1 as materialized"),
            ("t tablesample 10% where a", "t tablesample (10 PERCENT) where a"),
        ] {
            assert_eq!(prepare(text).as_deref().ok(), Some(wanted));
        }
    }
}

//! What must be known before parsing: an operator that the tokenizer splits, and forms that the parser would take for something else.

use std::borrow::Cow;

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::dialect::LakeDialect;
use super::refusal::Refusal;

/// A text that the parser reads as it is meant: `**` is written `^ `, `filter (a)` after a call `filter (WHERE a)`. Places change
/// behind the latter alone.
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
    // From the end, so that the places before stay what they are.
    for place in bare_filters(&tokens).into_iter().rev() {
        if let Some(at) = offset(place, sql) {
            text.to_mut().insert_str(at, "WHERE ");
        }
    }
    Ok(text)
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
        ] {
            assert_eq!(prepare(text).as_deref().ok(), Some(wanted));
        }
    }
}

//! What must be known before parsing: an operator that the tokenizer splits, and forms that the parser would take for something else.

use std::borrow::Cow;

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::dialect::LakeDialect;
use super::refusal::Refusal;

/// A text that the parser reads as it is meant, its places unchanged: `**` is written `^ `.
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
    Ok(text)
}

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

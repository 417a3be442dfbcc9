//! Text -> statements. In: SQL with any number of statements. Out: the pieces between semicolons, each piece parsed.

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::dialect::{Dialect, DuckDbDialect, PostgreSqlDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use crate::adapters::datafusion::{errors, rewrite};
use crate::adapters::{AdapterError, ErrorKind};

/// One statement's text and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::adapters::datafusion) struct Piece<'t> {
    /// Byte offset in the whole text.
    pub start: usize,
    /// The text, without its semicolon.
    pub text: &'t str,
}

/// The statements of a text; pieces that hold nothing but comments are none.
pub(in crate::adapters::datafusion) fn pieces(sql: &str) -> Result<Vec<Piece<'_>>, AdapterError> {
    let tokens = Tokenizer::new(&DuckDbDialect {}, sql).tokenize_with_location().map_err(|error| {
        let mut told = errors::told(ErrorKind::Syntax, error.message);
        told.position = errors::offset(error.location.line, error.location.column, sql);
        told.sql = Some(sql.to_owned());
        told
    })?;
    let (mut pieces, mut start, mut any) = (Vec::new(), 0, false);
    for token in &tokens {
        match &token.token {
            Token::SemiColon => {
                let at = errors::offset(token.span.start.line, token.span.start.column, sql).unwrap_or(sql.len());
                if any {
                    pieces.push(Piece { start, text: &sql[start..at] });
                }
                (start, any) = (at + 1, false);
            }
            Token::Whitespace(
                Whitespace::Space
                | Whitespace::Newline
                | Whitespace::Tab
                | Whitespace::SingleLineComment { .. }
                | Whitespace::MultiLineComment(_),
            )
            | Token::EOF => {}
            _ => any = true,
        }
    }
    if any {
        pieces.push(Piece { start, text: &sql[start..] });
    }
    Ok(pieces)
}

/// Parses text that holds exactly one statement.
pub(in crate::adapters::datafusion) fn one(text: &str) -> Result<Statement, AdapterError> {
    let first = words(text);
    let comment: &dyn Dialect = &PostgreSqlDialect {};
    let usual: &dyn Dialect = &rewrite::LakeDialect;
    // Only other dialects know COMMENT ON.
    let dialect = if first.first() == Some(&Keyword::COMMENT) { comment } else { usual };
    let renamed;
    let mut text = text;
    if first == [Keyword::ALTER, Keyword::VIEW]
        && let Some(at) = errors::find_word(text, "view")
    {
        renamed = format!("{}table{}", &text[..at], &text[at + 4..]);
        text = &renamed;
    }
    rewrite::parse_as(text, dialect).map_err(|refusal| errors::refused(&refusal, text))
}

/// The first two keywords.
fn words(text: &str) -> Vec<Keyword> {
    let tokens = Tokenizer::new(&DuckDbDialect {}, text).tokenize().unwrap_or_default();
    let keyword = |token: Token| match token {
        Token::Word(word) => Some(word.keyword),
        _ => None,
    };
    tokens.into_iter().filter(|t| !matches!(t, Token::Whitespace(_))).map_while(keyword).take(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_between_semicolons() {
        let sql = "select ';' -- ; no\n; /* ; */ ;\n update t set a = 1;";
        let found: Vec<(usize, &str)> = pieces(sql).expect("pieces").iter().map(|p| (p.start, p.text)).collect();
        assert_eq!(found, [(0, "select ';' -- ; no\n"), (30, "\n update t set a = 1")]);
        assert!(pieces("-- nothing\n;; /* at all */").expect("pieces").is_empty());
        let error = pieces("select 1;\nselect 'x").expect_err("not closed");
        assert_eq!((error.kind, error.position), (ErrorKind::Syntax, Some(17)));
    }

    #[test]
    fn statements_of_other_dialects() {
        assert!(one("comment on table a.b is 'x'").is_ok());
        assert!(one("alter view a.b rename to c").is_ok());
        assert!(one("create table a.b partitioned by (x, y) as select 1 as x, 2 as y, 3 as z").is_ok());
        assert!(one("insert overwrite a.b select 1").is_ok());
        assert!(one("merge into t using s on t.a = s.a when not matched by source then delete").is_ok());
        assert_eq!(one("select 1 frm t x y").expect_err("wrong").kind, ErrorKind::Syntax);
    }
}

//! DuckDB's grammar, closer than the parser's own dialect of that name.
//!
//! Against that: `=` in a call compares and does not name an argument, `->` reads JSON and makes no lambda, `lambda x: ...` and
//! list comprehensions are read, `^` binds more tightly than `*`, `->` than `||`, and `||` less than `+`; what is compared by
//! `IS DISTINCT FROM` ends before AND and OR.

use std::any::TypeId;

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    LambdaFunction, LambdaFunctionParameter, LambdaSyntax, ObjectName, OneOrManyWithParens, TimezoneInfo, Value,
};
use datafusion::sql::sqlparser::dialect::{Dialect, DuckDbDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// Between `+` and `*` on one side, comparisons on the other.
const CONCAT: u8 = 27;
const ARROW: u8 = 28;
const POWER: u8 = 42;

/// The dialect.
#[derive(Debug)]
pub(in crate::adapters::datafusion) struct LakeDialect;

impl Dialect for LakeDialect {
    fn dialect(&self) -> TypeId {
        TypeId::of::<DuckDbDialect>()
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '$' || ch == '_'
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    fn supports_trailing_commas(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_named_fn_args_with_assignment_operator(&self) -> bool {
        true
    }

    fn supports_dictionary_syntax(&self) -> bool {
        true
    }

    fn support_map_literal_syntax(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn supports_explain_with_utility_options(&self) -> bool {
        true
    }

    fn supports_load_extension(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        true
    }

    fn supports_from_first_select(&self) -> bool {
        true
    }

    fn supports_order_by_all(&self) -> bool {
        true
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        true
    }

    fn supports_select_wildcard_rename(&self) -> bool {
        true
    }

    fn supports_select_wildcard_replace(&self) -> bool {
        true
    }

    fn supports_notnull_operator(&self) -> bool {
        true
    }

    fn supports_install(&self) -> bool {
        true
    }

    fn supports_detach(&self) -> bool {
        true
    }

    fn supports_comma_separated_trim(&self) -> bool {
        true
    }

    fn supports_string_escape_constant(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        match parser.peek_token_ref().token {
            Token::StringConcat => Some(Ok(CONCAT)),
            Token::Arrow | Token::LongArrow => Some(Ok(ARROW)),
            Token::Caret => Some(Ok(POWER)),
            Token::CaretAt => Some(Ok(ARROW)),
            _ if is_glob(parser) => Some(Ok(self.prec_value(Precedence::Like))),
            _ => None,
        }
    }

    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, _precedence: u8) -> Option<Result<Expr, ParserError>> {
        if let Some(compared) = distinct_from(parser, expr, self.prec_value(Precedence::Is)) {
            return Some(compared);
        }
        if parser.peek_token_ref().token == Token::CaretAt {
            parser.advance_token();
            let start = parser.parse_subexpr(ARROW);
            return Some(start.map(|start| call("starts_with", vec![expr.clone(), start])));
        }
        if is_glob(parser) {
            parser.advance_token();
            let pattern = parser.parse_subexpr(self.prec_value(Precedence::Like));
            return Some(pattern.map(|pattern| call("glob_matches", vec![expr.clone(), pattern])));
        }
        // `x IN [1, 2]`, `x IN tags`: a list in place of a list of expressions.
        let list = match &parser.peek_nth_token_ref(1).token {
            Token::LBracket => true,
            Token::Word(word) => word.keyword != Keyword::UNNEST,
            _ => false,
        };
        if word_at(parser, 0) == Some(Keyword::IN) && list {
            parser.advance_token();
            let list = parser.parse_subexpr(self.prec_value(Precedence::Between));
            return Some(list.map(|list| call("array_has", vec![list, expr.clone()])));
        }
        None
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        if is_lambda(parser) {
            return Some(lambda(parser));
        }
        if is_absolute(parser) {
            return Some(absolute(parser));
        }
        if let Token::EscapedStringLiteral(text) = &parser.peek_token_ref().token {
            let text = Value::SingleQuotedString(text.clone());
            let span = parser.get_current_token().span;
            parser.advance_token();
            return Some(Ok(Expr::Value(text.with_span(span))));
        }
        if let Some(precision) = timestamp(parser) {
            parser.advance_token();
            let text = parser.parse_value();
            return Some(text.map(|text| Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(Expr::Value(text)),
                data_type: DataType::Timestamp(precision, TimezoneInfo::None),
                array: false,
                format: None,
            }));
        }
        if parser.peek_token_ref().token == Token::LBracket && is_comprehension(parser) {
            return Some(comprehension(parser));
        }
        None
    }
}

/// `timestamp_s '2024-01-01'`: how many digits the seconds have.
fn timestamp(parser: &Parser) -> Option<Option<u64>> {
    let Token::Word(w) = &parser.peek_token_ref().token else { return None };
    let precision = match w.value.to_lowercase().as_str() {
        "timestamp_s" => 0,
        "timestamp_ms" => 3,
        "timestamp_us" => 6,
        "timestamp_ns" => 9,
        _ => return None,
    };
    let literal = matches!(parser.peek_nth_token_ref(1).token, Token::SingleQuotedString(_));
    (w.quote_style.is_none() && literal).then_some(Some(precision))
}

/// `x IS [NOT] DISTINCT FROM y`.
fn distinct_from(parser: &mut Parser, expr: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
    if word_at(parser, 0) != Some(Keyword::IS) {
        return None;
    }
    let negated = word_at(parser, 1) == Some(Keyword::NOT);
    let from = 2 + usize::from(negated);
    if word_at(parser, from - 1) != Some(Keyword::DISTINCT) || word_at(parser, from) != Some(Keyword::FROM) {
        return None;
    }
    for _ in 0..=from {
        parser.advance_token();
    }
    let expr = Box::new(expr.clone());
    let other = parser.parse_subexpr(precedence).map(Box::new);
    Some(other.map(|other| match negated {
        true => Expr::IsNotDistinctFrom(expr, other),
        false => Expr::IsDistinctFrom(expr, other),
    }))
}

/// `@x` is the absolute value, unless a name follows as in `@variable`.
fn is_absolute(parser: &Parser) -> bool {
    parser.peek_token_ref().token == Token::AtSign
}

fn absolute(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.expect_token(&Token::AtSign)?;
    let of = parser.parse_subexpr(POWER)?;
    Ok(call("abs", vec![of]))
}

fn word_at(parser: &Parser, n: usize) -> Option<Keyword> {
    match &parser.peek_nth_token_ref(n).token {
        Token::Word(w) if w.quote_style.is_none() => Some(w.keyword),
        _ => None,
    }
}

fn is_glob(parser: &Parser) -> bool {
    matches!(&parser.peek_token_ref().token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case("glob"))
        && matches!(parser.peek_nth_token_ref(1).token, Token::SingleQuotedString(_))
}

/// `lambda x:` or `lambda x, y:`
fn is_lambda(parser: &Parser) -> bool {
    word_at(parser, 0) == Some(Keyword::LAMBDA)
        && matches!(parser.peek_nth_token_ref(1).token, Token::Word(_))
        && matches!(parser.peek_nth_token_ref(2).token, Token::Colon | Token::Comma)
}

fn lambda(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.expect_keyword_is(Keyword::LAMBDA)?;
    let mut names = vec![parser.parse_identifier()?];
    while parser.consume_token(&Token::Comma) {
        names.push(parser.parse_identifier()?);
    }
    parser.expect_token(&Token::Colon)?;
    let body = parser.parse_expr()?;
    Ok(lambda_of(names, body))
}

fn lambda_of(names: Vec<Ident>, body: Expr) -> Expr {
    let mut params: Vec<LambdaFunctionParameter> =
        names.into_iter().map(|name| LambdaFunctionParameter { name, data_type: None }).collect();
    let params =
        if params.len() == 1 { OneOrManyWithParens::One(params.remove(0)) } else { OneOrManyWithParens::Many(params) };
    Expr::Lambda(LambdaFunction { params, body: Box::new(body), syntax: LambdaSyntax::LambdaKeyword })
}

/// `[expression for name in list]`: a `for` before the bracket closes, at its own depth.
fn is_comprehension(parser: &Parser) -> bool {
    let mut depth = 0;
    let mut n = 0;
    loop {
        match &parser.peek_nth_token_ref(n).token {
            Token::LBracket | Token::LParen | Token::LBrace => depth += 1,
            Token::RBracket | Token::RParen | Token::RBrace => {
                depth -= 1;
                if depth == 0 {
                    return false;
                }
            }
            Token::Word(w) if depth == 1 && w.keyword == Keyword::FOR && w.quote_style.is_none() => return true,
            Token::EOF | Token::SemiColon => return false,
            _ => {}
        }
        n += 1;
    }
}

fn comprehension(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.expect_token(&Token::LBracket)?;
    let body = parser.parse_expr()?;
    parser.expect_keyword_is(Keyword::FOR)?;
    let name = parser.parse_identifier()?;
    parser.expect_keyword_is(Keyword::IN)?;
    let mut list = parser.parse_expr()?;
    if parser.parse_keyword(Keyword::IF) {
        let condition = parser.parse_expr()?;
        list = call("list_filter", vec![list, lambda_of(vec![name.clone()], condition)]);
    }
    parser.expect_token(&Token::RBracket)?;
    if matches!(&body, Expr::Identifier(i) if i.value == name.value) {
        return Ok(list);
    }
    Ok(call("list_transform", vec![list, lambda_of(vec![name], body)]))
}

/// A call by name.
pub(super) fn call(name: &str, args: Vec<Expr>) -> Expr {
    let args = args.into_iter().map(|a| FunctionArg::Unnamed(FunctionArgExpr::Expr(a))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

//! Rewrites one tag: finds the expressions of a statement and the changes to its keyword.
//!
//! In: a tag. Out: its [`Edits`] and [`Facts`]; nothing for a tag that cannot be read.

use super::edit::Edits;
use super::expression::Parser;
use super::facts::Facts;
use crate::jinja::lexer::{Tag, TokenKind};

/// How tags are rewritten.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep the values of literals in the facts.
    pub literals: bool,
    /// Note the value of every `{{ }}` that is no constant, for native rendering.
    pub native: bool,
}

/// The changes of a `{{ }}` tag.
pub fn print(text: &str, tag: &Tag, options: Options) -> Option<(Edits, Facts)> {
    let mut parser = Parser::new(text, &tag.tokens, 0, options.literals);
    let (node, tuple) = parser.tuple(true)?;
    if parser.peek().is_some() {
        return None;
    }
    if tuple {
        parser.edits.wrap(node.range(), "(", ")");
    }
    if options.native && !node.constant {
        parser.edits.wrap(node.range(), "(", ")|__native");
    }
    Some((parser.edits, parser.facts))
}

/// The changes of a `{% %}` tag.
pub fn statement(text: &str, tag: &Tag, options: Options) -> Option<(Edits, Facts)> {
    let mut parser = Parser::new(text, &tag.tokens, 1, options.literals);
    match tag.keyword(text) {
        "set" => set(text, &mut parser)?,
        "for" => for_loop(text, &mut parser)?,
        "if" | "elif" => {
            let (node, tuple) = parser.tuple(false)?;
            if tuple {
                parser.edits.wrap(node.range(), "(", ")");
            }
        }
        "do" => {
            let (node, tuple) = parser.tuple(true)?;
            if tuple || !node.is_call {
                parser.edits.replace(tag.tokens[0].range(), "set __void =");
            }
        }
        "call" => {
            if parser.is("(") {
                parameters(text, &mut parser)?;
            }
            parser.expression()?;
        }
        "filter" => parser.filter_chain()?,
        "with" => with(text, &mut parser)?,
        keyword @ ("macro" | "test" | "data_test") => inline_macro(text, tag, keyword, &mut parser)?,
        "endtest" | "enddata_test" | "endmaterialization" | "enddocs" => {
            parser.edits.replace(tag.tokens[0].range(), "endmacro");
        }
        keyword @ ("materialization" | "docs") => {
            let name = parser.name()?;
            let inside = tag.tokens[0].start..tag.tokens.last()?.end;
            parser.edits.replace(inside, format!("macro dbt_macro__{keyword}_{}()", name.text(text)));
            return Some((parser.edits, parser.facts));
        }
        _ => {
            if let Some(colon) = tag.tokens.last().filter(|token| token.text(text) == ":") {
                parser.edits.replace(colon.range(), "");
            }
            return Some((parser.edits, parser.facts));
        }
    }
    parser.finished().then_some((parser.edits, parser.facts))
}

/// `set target = value` owns what the engine made fresh, so that templates can change it later.
fn set(text: &str, parser: &mut Parser<'_>) -> Option<()> {
    targets(text, parser)?;
    if parser.skip("=") {
        let (node, tuple) = parser.tuple(true)?;
        if node.fresh {
            let (open, close) = if tuple { ("((", "))|__own") } else { ("(", ")|__own") };
            parser.edits.wrap(node.range(), open, close);
        }
    } else if parser.skip("|") {
        parser.filter_chain()?;
    }
    Some(())
}

/// Names, attributes and tuples of them that are being set.
fn targets(text: &str, parser: &mut Parser<'_>) -> Option<()> {
    loop {
        if parser.skip("(") {
            targets(text, parser)?;
            parser.expect(")")?;
        } else {
            let name = parser.name()?;
            if parser.is(".") {
                parser.facts.load(name.text(text), name.range());
                while parser.skip(".") {
                    parser.name()?;
                }
            } else {
                parser.facts.store(name.text(text), name.range());
            }
        }
        if !parser.skip(",") {
            return Some(());
        }
        if parser.is("in") || parser.is("=") || parser.is(")") {
            return Some(());
        }
    }
}

fn for_loop(text: &str, parser: &mut Parser<'_>) -> Option<()> {
    targets(text, parser)?;
    parser.expect("in")?;
    let (node, tuple) = parser.tuple(false)?;
    let (open, close) = if tuple { ("((", "))|__iter") } else { ("(", ")|__iter") };
    parser.edits.wrap(node.range(), open, close);
    if parser.skip("if") {
        parser.expression()?;
    }
    parser.skip("recursive");
    Some(())
}

fn with(text: &str, parser: &mut Parser<'_>) -> Option<()> {
    while parser.peek().is_some_and(|token| token.kind == TokenKind::Name) {
        targets(text, parser)?;
        parser.expect("=")?;
        let node = parser.expression()?;
        if node.fresh {
            parser.edits.wrap(node.range(), "(", ")|__own");
        }
        if !parser.skip(",") {
            break;
        }
    }
    Some(())
}

/// Parameters of a call block or of a macro inside a template: annotations go, defaults are rewritten.
fn parameters(text: &str, parser: &mut Parser<'_>) -> Option<()> {
    parser.expect("(")?;
    while !parser.is(")") {
        let name = parser.name()?;
        parser.facts.store(name.text(text), name.range());
        if let Some(colon) = parser.peek().filter(|_| parser.is(":")) {
            let mut end = colon.end;
            let mut depth = 0_usize;
            while let Some(token) = parser.peek() {
                match token.text(text) {
                    "[" => depth += 1,
                    "]" => depth = depth.checked_sub(1)?,
                    "," | ")" | "=" if depth == 0 => break,
                    _ => {}
                }
                end = token.end;
                parser.next();
            }
            parser.edits.replace(colon.start..end, "");
        }
        if parser.skip("=") {
            parser.expression()?;
        }
        if !parser.skip(",") {
            break;
        }
    }
    parser.expect(")")?;
    Some(())
}

/// A macro inside a template gets dbt's prefix, so that its bare name never hides a macro of the project.
fn inline_macro(text: &str, tag: &Tag, keyword: &str, parser: &mut Parser<'_>) -> Option<()> {
    let name = parser.name()?;
    let prefix = if keyword == "macro" { "dbt_macro__" } else { "dbt_macro__test_" };
    parser.edits.replace(tag.tokens[0].range(), "macro");
    parser.edits.replace(name.range(), format!("{prefix}{}", name.text(text)));
    parameters(text, parser)
}

//! The rules for the function `model(dbt, session)` of a file.
//!
//! In: logical lines. Out: the first rule that is broken.

use super::Problem;
use super::tokens::{Kind, Line, Token};

const HELP: &str = "write one function `def model(dbt, session):` that ends in `return` and a dataframe or relation";

/// One function, two parameters, one dataframe.
pub(super) fn check(lines: &[Line]) -> Result<(), Problem> {
    let found = definitions(lines);
    let &[index] = found.as_slice() else {
        let line = &lines[found.get(1).copied().unwrap_or(0)];
        let message = format!("dbt allows exactly one model defined per python file, found {}", found.len());
        return Err(Problem::new(line.tokens[0].start..line.tokens[0].end, message).help(HELP));
    };
    let line = &lines[index];
    let (parameters, header_end) = parameters(&line.tokens);
    if let Some(first) = parameters.first()
        && !first.is_name("dbt")
    {
        let message = "'dbt' not provided for model as the first argument";
        return Err(Problem::new(first.start..first.end, message).help(HELP));
    }
    if parameters.len() != 2 {
        let name = &line.tokens[1];
        let message = "model function should have two args, `dbt` and a session to current warehouse";
        return Err(Problem::new(name.start..name.end, message).help(HELP));
    }
    let last = last_statement(lines, index, header_end);
    let returns = last.first().is_some_and(|t| t.is_name("return"));
    if returns && !is_tuple(&last[1..]) {
        return Ok(());
    }
    let place = last.first().unwrap_or(&line.tokens[0]);
    let message = "In current version, model function should return only one dataframe object";
    Err(Problem::new(place.start..place.end, message).help(HELP))
}

/// Lines that define a function `model`, those inside of other functions aside.
fn definitions(lines: &[Line]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut function: Option<usize> = None;
    for (index, line) in lines.iter().enumerate() {
        if function.is_some_and(|indent| line.indent > indent) {
            continue;
        }
        function = None;
        let keyword = line.tokens.iter().position(|t| !t.is_name("async")).unwrap_or(0);
        if line.tokens.get(keyword).is_some_and(|t| t.is_name("def")) {
            function = Some(line.indent);
            if keyword == 0 && line.tokens.get(1).is_some_and(|t| t.is_name("model")) {
                found.push(index);
            }
        }
    }
    found
}

/// The names of the parameters that may be given by position and by name, and where the header's colon stands.
fn parameters(tokens: &[Token]) -> (Vec<&Token>, usize) {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut at_start = false;
    let mut done = false;
    for (index, token) in tokens.iter().enumerate().skip(2) {
        match token.kind {
            Kind::Operator("(" | "[" | "{") => {
                depth += 1;
                at_start = depth == 1 && names.is_empty();
                continue;
            }
            Kind::Operator(")" | "]" | "}") => depth = depth.saturating_sub(1),
            Kind::Operator(":") if depth == 0 => return (names, index),
            Kind::Operator(",") if depth == 1 => {
                at_start = true;
                continue;
            }
            Kind::Operator("*" | "**") if at_start => done = true,
            Kind::Operator("/") if at_start => names.clear(),
            Kind::Name(_) if at_start && depth == 1 && !done => names.push(token),
            _ => {}
        }
        at_start = false;
    }
    (names, tokens.len())
}

/// The last statement directly in the body of the function at a line.
fn last_statement(lines: &[Line], index: usize, header_end: usize) -> &[Token] {
    let header = &lines[index];
    let inline = header.tokens.get(header_end + 1..).unwrap_or_default();
    if !inline.is_empty() {
        return last_of_line(inline);
    }
    let body: Vec<&Line> = lines[index + 1..].iter().take_while(|line| line.indent > header.indent).collect();
    let indent = body.first().map_or(0, |line| line.indent);
    body.iter().rfind(|line| line.indent == indent).map_or(&[], |line| last_of_line(&line.tokens))
}

/// What stands behind the last semicolon with something behind it.
fn last_of_line(tokens: &[Token]) -> &[Token] {
    let end = tokens.iter().rposition(|t| !t.is(";")).map_or(0, |at| at + 1);
    let start = tokens[..end].iter().rposition(|t| t.is(";")).map_or(0, |at| at + 1);
    &tokens[start..end]
}

fn is_tuple(tokens: &[Token]) -> bool {
    let mut depth = 0_usize;
    let mut wrapped = tokens.first().is_some_and(|t| t.is("("));
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Operator("(" | "[" | "{") => depth += 1,
            Kind::Operator(")" | "]" | "}") => {
                depth = depth.saturating_sub(1);
                wrapped = wrapped && (depth > 0 || index + 1 == tokens.len());
            }
            Kind::Operator(",") if depth == 0 => return true,
            _ => {}
        }
    }
    wrapped && is_tuple_inside(&tokens[1..tokens.len() - 1])
}

fn is_tuple_inside(tokens: &[Token]) -> bool {
    // A generator in brackets may hold commas: `(a for a, b in c)`.
    let is_generator = tokens.iter().any(|t| t.is_name("for"));
    tokens.is_empty() || (!is_generator && is_tuple(tokens))
}

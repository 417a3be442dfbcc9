//! Reads expressions as Jinja2's parser does and notes the changes that minijinja needs.
//!
//! In: the tokens of one tag. Out: [`Edits`] and [`Facts`]. What cannot be read leaves no change, so that the engine
//! reports the syntax error at the user's own text.

use std::ops::Range;

use super::edit::Edits;
use super::facts::{Callee, Facts};
use crate::base::Value;
use crate::jinja::lexer::{Token, TokenKind};

/// Jinja's and minijinja's own limit is lower; this only protects our stack.
const MAX_DEPTH: usize = 120;

/// An expression that was read.
#[derive(Clone, Debug)]
pub struct Node {
    /// First byte.
    pub start: usize,
    /// Byte behind the last.
    pub end: usize,
    /// The value may be a list or mapping made by the engine, which templates could not change: wrap it when stored.
    pub fresh: bool,
    /// The whole expression is a call.
    pub is_call: bool,
    /// An operation that the engine itself does: as the subject of a filter it needs brackets.
    pub(super) loose: bool,
    /// Nothing but literals and operators.
    pub constant: bool,
    /// The value of a literal, where literals are wanted.
    pub literal: Option<Value>,
}

impl Node {
    /// A node without properties.
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self { start, end, fresh: false, is_call: false, loose: false, constant: false, literal: None }
    }

    /// An operation over this and another operand.
    fn joined(&self, right: &Self, fresh: bool) -> Self {
        Self { fresh, loose: true, constant: self.constant && right.constant, ..Self::new(self.start, right.end) }
    }

    /// The bytes covered.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// Reads the tokens of one tag.
pub struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: &'a [Token],
    pub(super) at: usize,
    depth: usize,
    /// Whether values of literals are wanted.
    pub(super) literals: bool,
    /// Changes noted so far.
    pub edits: Edits,
    /// What the tag mentions.
    pub facts: Facts,
}

impl<'a> Parser<'a> {
    /// A parser over the tokens of one tag, from the `at`th on.
    pub fn new(text: &'a str, tokens: &'a [Token], at: usize, literals: bool) -> Self {
        Self { text, tokens, at, depth: 0, literals, edits: Edits::default(), facts: Facts::default() }
    }

    /// The token to read next.
    pub fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    /// Whether the next token is this operator or word.
    pub fn is(&self, expected: &str) -> bool {
        self.peek().is_some_and(|token| token.kind != TokenKind::Str && token.text(self.text) == expected)
    }

    /// Whether the token after the next is this operator.
    pub(super) fn second_is(&self, expected: &str) -> bool {
        self.tokens
            .get(self.at + 1)
            .is_some_and(|token| token.kind == TokenKind::Op && token.text(self.text) == expected)
    }

    /// Takes the next token.
    pub fn next(&mut self) -> Option<Token> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    /// Takes the next token if it is this operator or word.
    pub fn skip(&mut self, expected: &str) -> bool {
        let found = self.is(expected);
        self.at += usize::from(found);
        found
    }

    /// Takes this operator or word, or fails.
    pub fn expect(&mut self, expected: &str) -> Option<Token> {
        let token = self.peek()?;
        self.skip(expected).then_some(token)
    }

    /// Takes a name, or fails.
    pub fn name(&mut self) -> Option<Token> {
        let token = self.peek().filter(|token| token.kind == TokenKind::Name)?;
        self.at += 1;
        Some(token)
    }

    /// Whether all tokens were read; a colon may stand before the end of a statement.
    pub fn finished(&mut self) -> bool {
        if self.at + 1 == self.tokens.len() && self.is(":") {
            let range = self.tokens[self.at].range();
            self.edits.replace(range, "");
            self.at += 1;
        }
        self.at == self.tokens.len()
    }

    /// One expression, or several with commas, which make a tuple. Without `conditional` an `if` ends it.
    pub fn tuple(&mut self, conditional: bool) -> Option<(Node, bool)> {
        let first = self.part(conditional)?;
        if !self.is(",") {
            return Some((first, false));
        }
        let mut node = Node { fresh: true, constant: first.constant, ..Node::new(first.start, first.end) };
        while let Some(comma) = self.peek().filter(|_| self.skip(",")) {
            node.end = comma.end;
            let ends = self.peek().is_none() || [")", "recursive", "if", ":"].iter().any(|word| self.is(word));
            if ends {
                break;
            }
            let item = self.part(conditional)?;
            node.end = item.end;
            node.constant &= item.constant;
        }
        Some((node, true))
    }

    fn part(&mut self, conditional: bool) -> Option<Node> {
        if conditional { self.expression() } else { self.deeper(Self::or) }
    }

    /// One expression.
    pub fn expression(&mut self) -> Option<Node> {
        self.deeper(Self::conditional)
    }

    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Option<Node>) -> Option<Node> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let node = read(self);
        self.depth -= 1;
        node
    }

    fn conditional(&mut self) -> Option<Node> {
        let mut node = self.or()?;
        while self.skip("if") {
            let test = self.or()?;
            let fresh = node.fresh;
            node = node.joined(&test, fresh);
            if self.skip("else") {
                let other = self.expression()?;
                node = node.joined(&other, fresh || other.fresh);
            }
        }
        Some(node)
    }

    /// Operators of one level that the engine does as Python would.
    fn binary(&mut self, operators: &[&str], read: fn(&mut Self) -> Option<Node>) -> Option<Node> {
        let mut node = read(self)?;
        while operators.iter().any(|operator| self.is(operator)) {
            self.at += 1;
            let right = read(self)?;
            let fresh = node.fresh || right.fresh;
            node = node.joined(&right, fresh);
        }
        Some(node)
    }

    /// Arithmetic of one level. The engine's own operators know only its own values: they become filters, one behind the
    /// other, with one pair of brackets around all.
    fn arithmetic(&mut self, operators: &[(&str, &str)], read: fn(&mut Self) -> Option<Node>) -> Option<Node> {
        let mut node = read(self)?;
        let mut rewritten = false;
        while let Some(operator) = self.peek() {
            let Some((_, filter)) = operators.iter().find(|(sign, _)| self.is(sign)) else { break };
            self.at += 1;
            let right = read(self)?;
            if node.loose {
                self.edits.wrap(node.range(), "(", ")");
            }
            self.edits.replace(operator.range(), format!("|{filter}("));
            self.edits.wrap(right.range(), "", ")");
            node = Node { loose: false, ..node.joined(&right, true) };
            rewritten = true;
        }
        if rewritten {
            self.edits.wrap(node.range(), "(", ")");
        }
        Some(node)
    }

    fn or(&mut self) -> Option<Node> {
        self.binary(&["or"], Self::and)
    }

    fn and(&mut self) -> Option<Node> {
        self.binary(&["and"], Self::not)
    }

    fn not(&mut self) -> Option<Node> {
        let Some(token) = self.peek().filter(|_| self.is("not")) else { return self.compare() };
        self.at += 1;
        let operand = self.deeper(Self::not)?;
        Some(Node { constant: operand.constant, ..Node::new(token.start, operand.end) })
    }

    fn compare(&mut self) -> Option<Node> {
        let first = self.sum()?;
        let mut node = first.clone();
        let mut count = 0;
        let mut ordered: Option<(Token, &str, Node)> = None;
        loop {
            if self.is("not") && self.tokens.get(self.at + 1).is_some_and(|token| token.text(self.text) == "in") {
                self.at += 1;
            } else if !["==", "!=", "<", "<=", ">", ">=", "in"].iter().any(|operator| self.is(operator)) {
                break;
            }
            let operator = self.next()?;
            let right = self.sum()?;
            node = node.joined(&right, false);
            count += 1;
            let filters = [("<", "__lt"), ("<=", "__le"), (">", "__gt"), (">=", "__ge")];
            let filter = filters.iter().find(|(sign, _)| operator.text(self.text) == *sign);
            ordered = filter.map(|(_, filter)| (operator, *filter, right));
        }
        // A lone order comparison is Python's; chains stay the engine's own.
        if let Some((operator, filter, right)) = ordered.filter(|_| count == 1) {
            if first.loose {
                self.edits.wrap(first.range(), "(", ")");
            }
            self.edits.replace(operator.range(), format!("|{filter}("));
            self.edits.wrap(right.range(), "", ")");
            self.edits.wrap(node.range(), "(", ")");
            node.loose = false;
        }
        Some(node)
    }

    fn sum(&mut self) -> Option<Node> {
        self.arithmetic(&[("+", "__add"), ("-", "__sub")], Self::concat)
    }

    fn concat(&mut self) -> Option<Node> {
        self.binary(&["~"], Self::product)
    }

    fn product(&mut self) -> Option<Node> {
        let operators = [("*", "__mul"), ("/", "__div"), ("//", "__floordiv"), ("%", "__mod")];
        self.arithmetic(&operators, Self::power)
    }

    fn power(&mut self) -> Option<Node> {
        self.arithmetic(&[("**", "__pow")], Self::unary)
    }

    fn unary(&mut self) -> Option<Node> {
        let node = self.signed()?;
        let node = self.postfix(node)?;
        self.filters(node)
    }

    fn signed(&mut self) -> Option<Node> {
        let Some(sign) = self.peek().filter(|_| self.is("-") || self.is("+")) else {
            return self.deeper(Self::primary);
        };
        self.at += 1;
        if sign.text(self.text) == "+" {
            self.edits.replace(sign.range(), "");
        }
        let operand = self.deeper(Self::signed)?;
        let operand = self.postfix(operand)?;
        let literal = match operand.literal {
            Some(Value::Int(number)) => Some(Value::Int(if sign.text(self.text) == "-" { -number } else { number })),
            Some(Value::Float(number)) => {
                Some(Value::Float(if sign.text(self.text) == "-" { -number } else { number }))
            }
            _ => None,
        };
        Some(Node { constant: operand.constant, literal, ..Node::new(sign.start, operand.end) })
    }

    fn filters(&mut self, mut node: Node) -> Option<Node> {
        loop {
            if self.skip("|") {
                let (end, marks) = self.filter()?;
                node = Node { fresh: true, constant: node.constant && !marks, ..Node::new(node.start, end) };
            } else if self.skip("is") {
                let end = self.test()?;
                node = Node { constant: node.constant, ..Node::new(node.start, end) };
            } else {
                return Some(node);
            }
        }
    }

    /// A filter's name and arguments; also whether it is one of dbt's type markers.
    fn filter(&mut self) -> Option<(usize, bool)> {
        let name = self.name()?;
        let marks = name.text(self.text).starts_with("as_");
        let mut end = name.end;
        while self.skip(".") {
            end = self.name()?.end;
        }
        if let Some(open) = self.peek().filter(|_| self.skip("(")) {
            end = self.call(name.start, open, Callee::Other)?;
        }
        Some((end, marks))
    }

    /// Filters of a filter block or a set block.
    pub fn filter_chain(&mut self) -> Option<()> {
        self.filter()?;
        while self.skip("|") {
            self.filter()?;
        }
        Some(())
    }

    fn test(&mut self) -> Option<usize> {
        self.skip("not");
        let name = self.name()?;
        let mut end = name.end;
        while self.skip(".") {
            end = self.name()?.end;
        }
        if let Some(open) = self.peek().filter(|_| self.skip("(")) {
            return self.call(name.start, open, Callee::Other);
        }
        let word_follows = ["and", "or", "else", "is", "if", "in", "not", "recursive"].iter().any(|word| self.is(word));
        let operand_follows =
            self.peek().is_some_and(|token| token.kind != TokenKind::Op || matches!(token.text(self.text), "[" | "{"));
        if operand_follows && !word_follows {
            let operand = self.deeper(Self::primary)?;
            end = self.postfix(operand)?.end;
        }
        Some(end)
    }
}

//! Operands of expressions: literals, names, and what may stand behind them: attributes, subscripts, calls.
//!
//! In: tokens. Out: [`Node`]s, with the changes for literals and slices, and the calls that were seen.

use super::expression::{Node, Parser};
use super::facts::{Argument, Call, Callee};
use crate::base::{Dict, Value};
use crate::jinja::lexer::{Token, TokenKind};

/// Words that cannot start an operand.
const OPERATORS: [&str; 7] = ["and", "or", "in", "is", "if", "else", "not"];

impl Parser<'_> {
    /// Attributes, subscripts and calls behind an operand.
    pub(super) fn postfix(&mut self, mut node: Node) -> Option<Node> {
        // The callee of the next call, while it is a name or an attribute of a name.
        let mut path = self.path_of(&node);
        loop {
            if self.skip(".") {
                let attribute =
                    self.next().filter(|token| matches!(token.kind, TokenKind::Name | TokenKind::Number))?;
                path = match path {
                    Callee::Name(name) => Callee::Attribute(name, attribute.text(self.text).to_owned()),
                    _ => Callee::Other,
                };
                node = Node::new(node.start, attribute.end);
            } else if let Some(open) = self.peek().filter(|_| self.skip("[")) {
                let (end, fresh) = self.subscript(node.start, open)?;
                path = Callee::Other;
                node = Node { fresh, constant: false, ..Node::new(node.start, end) };
            } else if let Some(open) = self.peek().filter(|_| self.is("(")) {
                self.at += 1;
                let end = self.call(node.start, open, std::mem::replace(&mut path, Callee::Other))?;
                node = Node { fresh: true, is_call: true, ..Node::new(node.start, end) };
            } else {
                return Some(node);
            }
        }
    }

    fn path_of(&self, node: &Node) -> Callee {
        let before = self.at.checked_sub(1).and_then(|index| self.tokens.get(index));
        match before {
            Some(token) if token.kind == TokenKind::Name && token.range() == node.range() && !node.constant => {
                Callee::Name(token.text(self.text).to_owned())
            }
            _ => Callee::Other,
        }
    }

    /// The inside of `[...]` behind an operand: an index, a slice, or several indexes, which make a tuple. A slice becomes a
    /// filter: the engine's own slices are views, and know only its own values.
    fn subscript(&mut self, start: usize, open: Token) -> Option<(usize, bool)> {
        let mut first: Option<Node> = None;
        let mut last_end = open.end;
        let mut commas = 0;
        let mut colons = 0;
        // Whether the part of a slice that is being read has a value.
        let mut given = false;
        while !self.is("]") {
            if let Some(colon) = self.peek().filter(|_| self.skip(":")) {
                colons += 1;
                self.edits.replace(colon.range(), if given { "," } else { "none," });
                given = false;
            } else if first.is_some() && self.skip(",") {
                commas += 1;
            } else {
                let item = self.expression()?;
                last_end = item.end;
                given = true;
                first.get_or_insert(item);
            }
        }
        let close = self.expect("]")?;
        if colons > 0 {
            if colons > 2 || commas > 0 {
                return None;
            }
            self.edits.replace(open.range(), "|__slice(");
            self.edits.replace(close.range(), if given { ")" } else { "none)" });
            self.edits.wrap(start..close.end, "(", ")");
        } else if let Some(first) = first.filter(|_| commas > 0) {
            self.edits.wrap(first.start..last_end, "(", ")");
        }
        Some((close.end, colons > 0))
    }

    /// Arguments up to the closing bracket, and where they end.
    pub(super) fn call(&mut self, start: usize, open: Token, callee: Callee) -> Option<usize> {
        let index = self.facts.calls.len();
        self.facts.calls.push(Call { callee, arguments: Vec::new(), range: start..open.end });
        let mut arguments = Vec::new();
        while !self.is(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
                if self.is(")") {
                    break;
                }
            }
            let keyword = self.peek().filter(|token| token.kind == TokenKind::Name && self.second_is("="));
            let spread = keyword.is_none() && (self.skip("*") || self.skip("**"));
            if keyword.is_some() {
                self.at += 2;
            }
            let value = self.expression()?;
            let keyword = keyword.map(|token| token.text(self.text).to_owned());
            arguments.push(Argument { keyword, spread, literal: value.literal, range: value.start..value.end });
        }
        let close = self.expect(")")?;
        let call = &mut self.facts.calls[index];
        call.arguments = arguments;
        call.range.end = close.end;
        Some(close.end)
    }

    /// A literal, a name or brackets.
    pub(super) fn primary(&mut self) -> Option<Node> {
        let token = self.next()?;
        let text = token.text(self.text);
        let node = Node::new(token.start, token.end);
        match token.kind {
            TokenKind::Name => {
                let literal = match text {
                    "true" | "True" => Some(Value::Bool(true)),
                    "false" | "False" => Some(Value::Bool(false)),
                    "none" | "None" => Some(Value::Null),
                    word if OPERATORS.contains(&word) => return None,
                    _ => None,
                };
                if literal.is_none() {
                    self.facts.load(text, token.range());
                }
                Some(Node { constant: literal.is_some(), literal, ..node })
            }
            TokenKind::Str => {
                let mut end = token.end;
                let mut value = self.literals.then(|| unescape(text));
                while let Some(more) = self.peek().filter(|token| token.kind == TokenKind::Str) {
                    self.at += 1;
                    end = more.end;
                    value = value.map(|value| value + &unescape(more.text(self.text)));
                }
                Some(Node { constant: true, literal: value.map(Value::Str), ..Node::new(token.start, end) })
            }
            TokenKind::Number => {
                Some(Node { constant: true, literal: self.literals.then(|| number(text)).flatten(), ..node })
            }
            TokenKind::Op => match text {
                "(" => self.parenthesis(token),
                "[" => self.list(token),
                "{" => self.mapping(token),
                _ => None,
            },
        }
    }

    fn parenthesis(&mut self, open: Token) -> Option<Node> {
        if let Some(close) = self.peek().filter(|_| self.skip(")")) {
            return Some(Node { fresh: true, constant: true, ..Node::new(open.start, close.end) });
        }
        let (inner, _) = self.tuple(true)?;
        let close = self.expect(")")?;
        Some(Node { start: open.start, end: close.end, is_call: false, loose: false, ..inner })
    }

    fn list(&mut self, open: Token) -> Option<Node> {
        let mut constant = true;
        let mut items = self.literals.then(Vec::new);
        let mut first = true;
        while !self.is("]") {
            if !first {
                self.expect(",")?;
                if self.is("]") {
                    break;
                }
            }
            first = false;
            let item = self.expression()?;
            constant &= item.constant;
            items = items.zip(item.literal).map(|(mut items, item)| {
                items.push(item);
                items
            });
        }
        let close = self.expect("]")?;
        self.edits.wrap(open.start..close.end, "(", "|__l)");
        Some(Node { constant, literal: items.map(Value::List), ..Node::new(open.start, close.end) })
    }

    /// A literal mapping becomes a list of keys and values: in the engine's own mappings chance would decide whether `1` and
    /// `true` are one key.
    fn mapping(&mut self, open: Token) -> Option<Node> {
        let mut constant = true;
        let mut entries = self.literals.then(Dict::new);
        let mut first = true;
        while !self.is("}") {
            if !first {
                self.expect(",")?;
                if self.is("}") {
                    break;
                }
            }
            first = false;
            let key = self.expression()?;
            let colon = self.expect(":")?;
            self.edits.replace(colon.range(), ",");
            let value = self.expression()?;
            constant &= key.constant && value.constant;
            entries = match (entries, key.literal, value.literal) {
                (Some(mut entries), Some(Value::Str(key)), Some(value)) => {
                    entries.insert(key, value);
                    Some(entries)
                }
                _ => None,
            };
        }
        let close = self.expect("}")?;
        self.edits.replace(open.range(), "[");
        self.edits.replace(close.range(), "]");
        self.edits.wrap(open.start..close.end, "(", "|__d)");
        Some(Node { constant, literal: entries.map(Value::Map), ..Node::new(open.start, close.end) })
    }
}

/// The value of a quoted string: Python's escapes, unknown ones kept.
pub fn unescape(quoted: &str) -> String {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains('\\') {
        return inner.to_owned();
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(escaped) = chars.next() else { break };
        let digits = match escaped {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let rest = chars.as_str();
        let coded = rest.get(..digits).and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
        match (escaped, coded) {
            ('x' | 'u' | 'U', Some(c)) => {
                out.push(c);
                chars = rest[digits..].chars();
            }
            ('n', _) => out.push('\n'),
            ('t', _) => out.push('\t'),
            ('r', _) => out.push('\r'),
            ('\n', _) => {}
            ('\\' | '\'' | '"', _) => out.push(escaped),
            _ => {
                out.push('\\');
                out.push(escaped);
            }
        }
    }
    out
}

fn number(text: &str) -> Option<Value> {
    let digits = text.replace('_', "");
    let radix = |prefix: &str, radix: u32| {
        digits.to_ascii_lowercase().strip_prefix(prefix).and_then(|digits| i128::from_str_radix(digits, radix).ok())
    };
    let whole = digits.parse().ok().or_else(|| radix("0x", 16)).or_else(|| radix("0o", 8)).or_else(|| radix("0b", 2));
    whole.map(Value::Int).or_else(|| digits.parse().ok().map(Value::Float))
}

//! Python's tokens, as far as finding calls needs them.
//!
//! In: text. Out: logical lines of tokens: comments are gone, brackets and backslashes join lines, strings have their values.

use crate::base::Value;

use super::Problem;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A name or keyword.
    Name(String),
    /// A number as written.
    Number(String),
    /// A string with its value.
    Text(String),
    /// Bytes or a string with a prefix that no text has.
    Bytes,
    /// An f-string with the tokens of its expressions.
    Formatted(Vec<Token>),
    /// An operator or bracket, one character or two.
    Operator(&'static str),
}

/// A token with its bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

impl Token {
    /// Whether this is the operator.
    pub(super) fn is(&self, operator: &str) -> bool {
        matches!(self.kind, Kind::Operator(found) if found == operator)
    }

    /// Whether this is the name or keyword.
    pub(super) fn is_name(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Name(found) if found == name)
    }
}

/// A logical line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// Columns in front of it; a tab reaches to the next multiple of eight.
    pub indent: usize,
    /// At least one.
    pub tokens: Vec<Token>,
}

const DOUBLE: &[&str] = &["**", "//", "==", "!=", "<=", ">=", "->", ":=", "+=", "-=", "*=", "/=", "<<", ">>"];
const SINGLE: &[&str] = &[
    "(", ")", "[", "]", "{", "}", ",", ":", ".", ";", "@", "=", "+", "-", "*", "/", "%", "&", "|", "^", "~", "<", ">",
    "!", "?", "$", "`",
];

/// The logical lines of a text.
pub(super) fn lines(text: &str) -> Result<Vec<Line>, Problem> {
    let mut scanner = Scanner { text, at: 0 };
    let mut lines: Vec<Line> = Vec::new();
    let mut open: Vec<(&'static str, usize)> = Vec::new();
    let mut current: Option<Line> = None;
    let mut indent = 0;
    let mut fresh = true;
    while let Some(c) = scanner.peek() {
        match c {
            '\n' => {
                scanner.at += 1;
                if open.is_empty() {
                    lines.extend(current.take());
                    (fresh, indent) = (true, 0);
                }
            }
            '\\' if scanner.rest().starts_with("\\\n") || scanner.rest().starts_with("\\\r\n") => {
                scanner.at += if scanner.rest().starts_with("\\\n") { 2 } else { 3 };
            }
            '#' => scanner.at += scanner.rest().find('\n').unwrap_or(scanner.rest().len()),
            _ if c.is_whitespace() || c == '\u{feff}' => {
                if fresh {
                    indent = if c == '\t' { (indent / 8 + 1) * 8 } else { indent + 1 };
                }
                scanner.at += c.len_utf8();
            }
            _ => {
                fresh = false;
                let token = scanner.token()?;
                balance(&token, &mut open)?;
                current.get_or_insert_with(|| Line { indent, tokens: Vec::new() }).tokens.push(token);
            }
        }
    }
    if let Some((bracket, at)) = open.first() {
        return Err(Problem::new(*at..at + 1, format!("this `{bracket}` is never closed")));
    }
    lines.extend(current);
    Ok(lines)
}

/// Follows brackets; a closing one must fit.
fn balance(token: &Token, open: &mut Vec<(&'static str, usize)>) -> Result<(), Problem> {
    let Kind::Operator(found) = token.kind else { return Ok(()) };
    let opening = match found {
        "(" | "[" | "{" => {
            open.push((found, token.start));
            return Ok(());
        }
        ")" => "(",
        "]" => "[",
        "}" => "{",
        _ => return Ok(()),
    };
    match open.pop() {
        Some((last, _)) if last == opening => Ok(()),
        _ => Err(Problem::new(token.start..token.end, format!("this `{found}` closes nothing"))),
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes characters as long as they fit.
    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn token(&mut self) -> Result<Token, Problem> {
        let start = self.at;
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or_default();
        let kind = if first.is_alphabetic() || first == '_' || !first.is_ascii() {
            let word = self.take(|c| c.is_alphanumeric() || c == '_' || !c.is_ascii());
            match self.peek() {
                Some('"' | '\'') if is_prefix(word) => self.string(word, start)?,
                _ => Kind::Name(word.to_owned()),
            }
        } else if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            Kind::Number(self.number().to_owned())
        } else if matches!(first, '"' | '\'') {
            self.string("", start)?
        } else if let Some(found) = DOUBLE.iter().chain(SINGLE).find(|o| rest.starts_with(**o)) {
            self.at += found.len();
            Kind::Operator(found)
        } else {
            return Err(Problem::new(start..start + first.len_utf8(), format!("`{first}` is no Python")));
        };
        Ok(Token { kind, start, end: self.at })
    }

    /// A number; the sign of an exponent belongs to it.
    fn number(&mut self) -> &'a str {
        let start = self.at;
        self.take(|c| c.is_alphanumeric() || matches!(c, '.' | '_'));
        let text = &self.text[start..self.at];
        if !text.starts_with("0x") && text.ends_with(['e', 'E']) && self.rest().starts_with(['+', '-']) {
            self.at += 1;
            self.take(|c| c.is_ascii_digit() || c == '_');
        }
        &self.text[start..self.at]
    }

    /// A string; the scanner is at its opening quote.
    fn string(&mut self, prefix: &str, start: usize) -> Result<Kind, Problem> {
        let quote = if self.rest().starts_with("\"\"\"") || self.rest().starts_with("'''") { 3 } else { 1 };
        let quote = &self.rest()[..quote];
        self.at += quote.len();
        let prefix = prefix.to_lowercase();
        let formatted = prefix.contains('f') || prefix.contains('t');
        let body = self.at;
        let mut inner = Vec::new();
        loop {
            let rest = self.rest();
            if rest.starts_with(quote) {
                break;
            }
            match rest.chars().next() {
                None => return Err(unclosed(self.text, start, quote)),
                Some('\n') if quote.len() == 1 => return Err(unclosed(self.text, start, quote)),
                Some('\\') => {
                    self.at += 1;
                    self.at += self.peek().map_or(0, char::len_utf8);
                }
                Some('{') if formatted && rest.starts_with("{{") => self.at += 2,
                Some('{') if formatted => inner.extend(self.expression(quote)),
                Some(c) => self.at += c.len_utf8(),
            }
        }
        let text = &self.text[body..self.at];
        self.at += quote.len();
        Ok(match (formatted, prefix.contains('b')) {
            (true, _) => Kind::Formatted(inner),
            (false, true) => Kind::Bytes,
            (false, false) if prefix.contains('r') => Kind::Text(text.to_owned()),
            (false, false) => Kind::Text(unescaped(text)),
        })
    }

    /// The tokens of a replacement field. What stands behind its `!` or `:` is no code, so nothing in it is an error.
    fn expression(&mut self, quote: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut depth = 0_usize;
        while let Some(c) = self.peek() {
            if c.is_whitespace() && (c != '\n' || quote.len() == 3) {
                self.at += c.len_utf8();
                continue;
            }
            // Until Python 3.12 the string's own quote ends it here; since then it may stand in a field.
            let Ok(token) = self.token() else { break };
            match token.kind {
                Kind::Operator("{") => depth += 1,
                Kind::Operator("}") if depth <= 1 => break,
                Kind::Operator("}") => depth -= 1,
                _ => {}
            }
            tokens.push(token);
        }
        tokens
    }
}

fn is_prefix(word: &str) -> bool {
    matches!(word.to_lowercase().as_str(), "r" | "u" | "b" | "f" | "t" | "br" | "rb" | "fr" | "rf" | "tr" | "rt")
}

fn unclosed(text: &str, start: usize, quote: &str) -> Problem {
    let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    Problem::new(start..end, format!("this string is never closed by {quote}"))
}

/// The value of a string's text.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else { break };
        rest = &rest[c.len_utf8()..];
        let simple = match c {
            '\n' => Some(""),
            '\\' => Some("\\"),
            '\'' => Some("'"),
            '"' => Some("\""),
            'a' => Some("\u{7}"),
            'b' => Some("\u{8}"),
            'f' => Some("\u{c}"),
            'n' => Some("\n"),
            'r' => Some("\r"),
            't' => Some("\t"),
            'v' => Some("\u{b}"),
            _ => None,
        };
        if let Some(simple) = simple {
            out.push_str(simple);
            continue;
        }
        let digits = |length: usize, radix: u32| {
            let end = rest.char_indices().take(length).take_while(|(_, c)| c.is_digit(radix)).last()?;
            let end = end.0 + 1;
            Some((char::from_u32(u32::from_str_radix(&rest[..end], radix).ok()?)?, end))
        };
        let coded = match c {
            'x' => digits(2, 16),
            'u' => digits(4, 16),
            'U' => digits(8, 16),
            '0'..='7' => {
                let octal: String =
                    std::iter::once(c).chain(rest.chars().take(2)).take_while(|c| c.is_digit(8)).collect();
                u32::from_str_radix(&octal, 8).ok().and_then(char::from_u32).map(|found| (found, octal.len() - 1))
            }
            _ => None,
        };
        match coded {
            Some((found, length)) => {
                out.push(found);
                rest = &rest[length..];
            }
            None => {
                out.push('\\');
                out.push(c);
            }
        }
    }
    out.push_str(rest);
    out
}

/// A number's value; complex ones have none.
pub(super) fn number(text: &str) -> Option<Value> {
    let digits = text.replace('_', "").to_lowercase();
    let based = |prefix: &str, radix: u32| digits.strip_prefix(prefix).map(|d| i128::from_str_radix(d, radix).ok());
    if let Some(found) = based("0x", 16).or_else(|| based("0o", 8)).or_else(|| based("0b", 2)) {
        return found.map(Value::Int);
    }
    match digits.parse::<i128>() {
        Ok(whole) => Some(Value::Int(whole)),
        Err(_) => digits.parse::<f64>().ok().map(Value::Float),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_have_their_values() {
        for (text, value) in [
            (r#"'a\'b\n\x41\u00e4\101\q'"#, "a'b\nAäA\\q"),
            (r#"r'\n'"#, "\\n"),
            ("'''a\n'b'''", "a\n'b"),
            (r#""""x"y""""#, "x\"y"),
        ] {
            let lines = lines(text).unwrap_or_else(|p| panic!("{text}: {}", p.message));
            assert_eq!(lines[0].tokens[0].kind, Kind::Text(value.to_owned()), "{text}");
        }
    }

    #[test]
    fn numbers_have_their_values() {
        for (text, value) in [("1_000", Value::Int(1000)), ("0x1F", Value::Int(31)), ("1e-3", Value::Float(0.001))] {
            let lines = lines(text).expect(text);
            assert_eq!(lines[0].tokens.len(), 1, "{text}");
            assert_eq!(number(text), Some(value));
        }
        assert_eq!(number("2j"), None);
    }

    #[test]
    fn lines_are_joined_by_brackets_and_backslashes() {
        let lines = lines("if a: # (\n\tb(\n  1,\n)\n  c \\\n  = 2\n\n").expect("readable");
        let shape: Vec<(usize, usize)> = lines.iter().map(|l| (l.indent, l.tokens.len())).collect();
        assert_eq!(shape, [(0, 3), (8, 5), (2, 3)]);
    }
}

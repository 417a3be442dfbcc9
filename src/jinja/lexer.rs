//! Splits a template into segments and the inside of its tags into tokens, as Jinja2's lexer does.
//!
//! In: text and a byte range of it. Out: [`Segment`]s that cover the range without gaps. Strings and brackets hide `%}` and
//! `}}`; `{% raw %}` and comments hide everything.

use std::ops::Range;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Text outside of tags.
    Data(Range<usize>),
    /// `{# ... #}`.
    Comment(Range<usize>),
    /// `{% raw %} ... {% endraw %}`, tags included.
    Raw(Range<usize>),
    /// `{{ ... }}`.
    Expr(Tag),
    /// `{% ... %}`.
    Stmt(Tag),
}

/// A tag with its delimiters and tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// `{{`, `{%-` and the like.
    pub open: Range<usize>,
    /// `}}`, `-%}` and the like.
    pub close: Range<usize>,
    /// What is between them.
    pub tokens: Vec<Token>,
}

impl Tag {
    /// The whole tag.
    pub fn outer(&self) -> Range<usize> {
        self.open.start..self.close.end
    }

    /// The text of the first token: the keyword of a statement.
    pub fn keyword<'a>(&self, text: &'a str) -> &'a str {
        self.tokens.first().map_or("", |token| token.text(text))
    }

    /// The whitespace mark of the closing delimiter: `-`, `+` or nothing.
    pub fn close_mark<'a>(&self, text: &'a str) -> &'a str {
        &text[self.close.start..self.close.end - 2]
    }

    /// The whitespace mark of the opening delimiter: `-`, `+` or nothing.
    pub fn open_mark<'a>(&self, text: &'a str) -> &'a str {
        &text[self.open.start + 2..self.open.end]
    }
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An identifier or keyword.
    Name,
    /// A quoted string, quotes included.
    Str,
    /// A number.
    Number,
    /// An operator, bracket or separator.
    Op,
}

/// A token inside a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// First byte.
    pub start: usize,
    /// Byte behind the last.
    pub end: usize,
}

impl Token {
    /// The text of the token in its template.
    pub fn text<'a>(&self, text: &'a str) -> &'a str {
        &text[self.start..self.end]
    }

    /// The bytes covered.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// Text that is no Jinja.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LexError {
    /// Where.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
}

/// Reads segments one after the other.
#[derive(Clone, Debug)]
pub struct Lexer<'a> {
    text: &'a str,
    position: usize,
    end: usize,
}

/// All segments of a range, or the first error.
pub fn lex(text: &str, range: Range<usize>) -> Result<Vec<Segment>, LexError> {
    let mut lexer = Lexer::new(text, range);
    let mut segments = Vec::new();
    while let Some(segment) = lexer.next_segment()? {
        segments.push(segment);
    }
    Ok(segments)
}

impl<'a> Lexer<'a> {
    /// A lexer over a byte range of a text.
    pub fn new(text: &'a str, range: Range<usize>) -> Self {
        Self { text, position: range.start, end: range.end.min(text.len()) }
    }

    /// Where the next segment starts.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Goes on at another place.
    pub fn seek(&mut self, position: usize) {
        self.position = position.min(self.end);
    }

    fn rest(&self) -> &'a str {
        &self.text[self.position..self.end]
    }

    /// The next segment. After an error the position stands where the broken tag starts.
    pub fn next_segment(&mut self) -> Result<Option<Segment>, LexError> {
        let rest = self.rest();
        if rest.is_empty() {
            return Ok(None);
        }
        let start = self.position;
        let bytes = rest.as_bytes();
        let found = bytes.windows(2).position(|pair| pair[0] == b'{' && matches!(pair[1], b'{' | b'%' | b'#'));
        match found {
            None => {
                self.position = self.end;
                Ok(Some(Segment::Data(start..self.end)))
            }
            Some(0) => self.tag(bytes[1]).map(Some),
            Some(offset) => {
                self.position = start + offset;
                Ok(Some(Segment::Data(start..self.position)))
            }
        }
    }

    fn tag(&mut self, second: u8) -> Result<Segment, LexError> {
        let start = self.position;
        if second == b'#' {
            let Some(length) = self.rest()[2..].find("#}") else {
                return Err(LexError { range: start..start + 2, message: "a comment that is never closed".into() });
            };
            self.position = start + 2 + length + 2;
            return Ok(Segment::Comment(start..self.position));
        }
        let mark = usize::from(matches!(self.rest().as_bytes().get(2), Some(b'-' | b'+')));
        let open = start..start + 2 + mark;
        if second == b'%' && self.raw_tag(open.end, "raw").is_some() {
            return self.raw(start, open.end);
        }
        let (tokens, close) = self.tokens(&open, if second == b'{' { "}}" } else { "%}" })?;
        self.position = close.end;
        let tag = Tag { open, close, tokens };
        Ok(if second == b'{' { Segment::Expr(tag) } else { Segment::Stmt(tag) })
    }

    /// The end of `raw %}` or `endraw %}` when that is what stands at `from`.
    fn raw_tag(&self, from: usize, word: &str) -> Option<usize> {
        let rest = &self.text[from..self.end];
        let after = rest.trim_start().strip_prefix(word)?.trim_start();
        let after = after.strip_prefix(['-', '+']).unwrap_or(after).strip_prefix("%}")?;
        Some(self.end - after.len())
    }

    fn raw(&mut self, start: usize, inside: usize) -> Result<Segment, LexError> {
        let mut from = inside;
        while let Some(offset) = self.text[from..self.end].find("{%") {
            let at = from + offset + 2;
            let marked = at + usize::from(matches!(self.text.as_bytes().get(at), Some(b'-' | b'+')));
            if let Some(end) = self.raw_tag(marked, "endraw") {
                self.position = end;
                return Ok(Segment::Raw(start..end));
            }
            from = at;
        }
        Err(LexError { range: start..inside, message: "a raw block that is never closed: no `{% endraw %}`".into() })
    }

    fn tokens(&self, open: &Range<usize>, closing: &str) -> Result<(Vec<Token>, Range<usize>), LexError> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut brackets: Vec<(u8, usize)> = Vec::new();
        let mut at = open.end;
        loop {
            let rest = &self.text[at..self.end];
            let trimmed = rest.trim_start();
            at += rest.len() - trimmed.len();
            let Some(first) = trimmed.chars().next() else {
                let what = if closing == "}}" { "an expression" } else { "a tag" };
                return Err(LexError {
                    range: open.clone(),
                    message: format!("{what} that is never closed: no `{closing}`"),
                });
            };
            if brackets.is_empty() {
                let unmarked = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
                if unmarked.starts_with(closing) {
                    return Ok((tokens, at..at + trimmed.len() - unmarked.len() + 2));
                }
            }
            let token = self.token(at, first, tokens.last())?;
            if token.kind == TokenKind::Op {
                balance(first, at, &mut brackets)?;
            }
            at = token.end;
            tokens.push(token);
        }
    }

    fn token(&self, start: usize, first: char, previous: Option<&Token>) -> Result<Token, LexError> {
        let rest = &self.text[start..self.end];
        let (kind, length) = match first {
            '\'' | '"' => (TokenKind::Str, string_length(rest, start)?),
            c if c.is_ascii_digit() => {
                let after_dot = previous.is_some_and(|token| token.end == start && token.text(self.text) == ".");
                (TokenKind::Number, number_length(rest, after_dot))
            }
            c if c == '_' || c.is_alphabetic() => {
                let length = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
                (TokenKind::Name, length)
            }
            c => {
                let double = ["//", "**", "==", "!=", ">=", "<="].iter().any(|op| rest.starts_with(op));
                (TokenKind::Op, if double { 2 } else { c.len_utf8() })
            }
        };
        Ok(Token { kind, start, end: start + length })
    }
}

/// Keeps the stack of open brackets; a closing bracket of another kind is an error right where it stands.
fn balance(first: char, at: usize, brackets: &mut Vec<(u8, usize)>) -> Result<(), LexError> {
    match first {
        '(' => brackets.push((b')', at)),
        '[' => brackets.push((b']', at)),
        '{' => brackets.push((b'}', at)),
        ')' | ']' | '}' => match brackets.pop() {
            Some((expected, _)) if char::from(expected) == first => {}
            Some((expected, _)) => {
                let message = format!("unexpected '{first}', expected '{}'", char::from(expected));
                return Err(LexError { range: at..at + 1, message });
            }
            None => return Err(LexError { range: at..at + 1, message: format!("unexpected '{first}'") }),
        },
        _ => {}
    }
    Ok(())
}

fn string_length(rest: &str, start: usize) -> Result<usize, LexError> {
    let bytes = rest.as_bytes();
    let quote = bytes[0];
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            byte if byte == quote => return Ok(at + 1),
            _ => at += 1,
        }
    }
    Err(LexError { range: start..start + 1, message: "a string that is never closed".into() })
}

/// Length of a number. Behind a dot only digits count: `x.0.1` is two subscripts.
fn number_length(rest: &str, after_dot: bool) -> usize {
    let bytes = rest.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count();
    if !after_dot && bytes[0] == b'0' && matches!(bytes.get(1), Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B')) {
        return 2 + bytes[2..].iter().take_while(|b| b.is_ascii_hexdigit() || **b == b'_').count();
    }
    let mut length = digits(0);
    if after_dot {
        return length;
    }
    if bytes.get(length) == Some(&b'.') && bytes.get(length + 1).is_some_and(u8::is_ascii_digit) {
        length += 1 + digits(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> String {
        let segments = match lex(text, 0..text.len()) {
            Ok(segments) => segments,
            Err(error) => return format!("error {}..{}: {}", error.range.start, error.range.end, error.message),
        };
        let words: Vec<String> = segments
            .iter()
            .map(|segment| match segment {
                Segment::Data(range) => format!("data({})", &text[range.clone()]),
                Segment::Comment(_) => "comment".into(),
                Segment::Raw(_) => "raw".into(),
                Segment::Expr(tag) | Segment::Stmt(tag) => {
                    tag.tokens.iter().map(|token| token.text(text)).collect::<Vec<_>>().join(" ")
                }
            })
            .collect();
        words.join(" | ")
    }

    #[test]
    fn segments_and_tokens() {
        let cases = [
            ("a{{ b }}c", "data(a) | b | data(c)"),
            ("{{ '}}' ~ {'a': {}} }}", "'}}' ~ { 'a' : { } }"),
            ("{%- if x == 1.5e3 +%}y{% endif -%}", "if x == 1.5e3 | data(y) | endif"),
            ("{# {{ #}{% raw %}{{ x }}{%- endraw -%}z", "comment | raw | data(z)"),
            ("{{ a.0.1 // 2**3 }}", "a . 0 . 1 // 2 ** 3"),
            ("{{ 'it\\'s' \"x\" }}", "'it\\'s' \"x\""),
        ];
        for (text, expected) in cases {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn errors_stand_where_they_are() {
        let cases = [
            ("{{ f(1 }}", "error 7..8: unexpected '}', expected ')'"),
            ("x {{ 'a }}", "error 5..6: a string that is never closed"),
            ("x {% if", "error 2..4: a tag that is never closed: no `%}`"),
            ("{% raw %}", "error 0..2: a raw block that is never closed: no `{% endraw %}`"),
            ("{# x", "error 0..2: a comment that is never closed"),
        ];
        for (text, expected) in cases {
            assert_eq!(shape(text), expected, "{text}");
        }
    }
}

//! Finds the blocks that define something: macros, tests, materializations, snapshots, docs.
//!
//! In: a file's text. Out: [`Definition`]s with their spans and signatures, and diagnostics for blocks that are broken.
//! Text and tags between definitions are passed over, as dbt does.

use std::ops::Range;
use std::sync::Arc;

use super::lexer::{LexError, Lexer, Segment, Tag, Token, TokenKind};
use crate::diag::{Diagnostic, SourceFile, Span, codes, warnings};

/// What a block defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DefinitionKind {
    /// `{% macro %}`.
    Macro,
    /// `{% test %}` or `{% data_test %}`.
    Test,
    /// `{% materialization %}`.
    Materialization,
    /// `{% snapshot %}`.
    Snapshot,
    /// `{% docs %}`.
    Docs,
}

impl DefinitionKind {
    const ALL: [Self; 5] = [Self::Macro, Self::Test, Self::Materialization, Self::Snapshot, Self::Docs];

    fn of_keyword(keyword: &str) -> Option<Self> {
        Some(match keyword {
            "macro" => Self::Macro,
            "test" | "data_test" => Self::Test,
            "materialization" => Self::Materialization,
            "snapshot" => Self::Snapshot,
            "docs" => Self::Docs,
            _ => return None,
        })
    }
}

/// A parameter of a macro or test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// The text of its default, if it has one.
    pub default: Option<String>,
    /// The text of its type annotation, if it has one.
    pub annotation: Option<String>,
    /// Where the default stands in the file.
    pub(super) default_range: Option<Range<usize>>,
}

/// A block of a file that defines something.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// What it defines.
    pub kind: DefinitionKind,
    /// dbt's name: `foo`, `test_foo`, `materialization_foo_duckdb`; snapshots and docs have their own name.
    pub name: String,
    /// The name as written.
    pub label: String,
    /// The whole block, tags included.
    pub span: Span,
    /// What is between the tags.
    pub body: Span,
    /// Where the name stands.
    pub name_span: Span,
    /// Parameters in order.
    pub arguments: Vec<Argument>,
    /// Languages of a materialization; `sql` alone where it names none. Empty for other kinds.
    pub supported_languages: Vec<String>,
    /// The adapter of a materialization: `default` where it names none.
    pub adapter: Option<String>,
    /// The opening tag.
    pub(super) open: Tag,
    /// The closing tag.
    pub(super) close: Tag,
}

impl Definition {
    /// The block's text, tags included: dbt's `macro_sql`.
    pub fn text(&self) -> &str {
        self.span.text()
    }
}

/// All definitions of a file.
pub fn extract(file: &Arc<SourceFile>) -> (Vec<Definition>, Vec<Diagnostic>) {
    extract_only(file, &DefinitionKind::ALL)
}

/// The definitions of a file that is for definitions alone, with a word on each tag that stands outside of them.
pub fn extract_strictly(file: &Arc<SourceFile>, kinds: &[DefinitionKind]) -> (Vec<Definition>, Vec<Diagnostic>) {
    let mut finder = Finder::new(file);
    finder.tells_strays = true;
    finder.run(kinds);
    (finder.found, finder.problems)
}

/// Definitions of certain kinds; other blocks are passed over like text. Markdown is read for docs alone, since its prose
/// may hold anything.
pub fn extract_only(file: &Arc<SourceFile>, kinds: &[DefinitionKind]) -> (Vec<Definition>, Vec<Diagnostic>) {
    let mut finder = Finder::new(file);
    finder.run(kinds);
    (finder.found, finder.problems)
}

struct Finder<'a> {
    file: &'a Arc<SourceFile>,
    lexer: Lexer<'a>,
    found: Vec<Definition>,
    problems: Vec<Diagnostic>,
    tells_strays: bool,
}

impl<'a> Finder<'a> {
    fn new(file: &'a Arc<SourceFile>) -> Self {
        let lexer = Lexer::new(&file.text, 0..file.text.len());
        Self { file, lexer, found: Vec::new(), problems: Vec::new(), tells_strays: false }
    }

    fn text(&self) -> &'a str {
        &self.file.text
    }

    fn run(&mut self, kinds: &[DefinitionKind]) {
        loop {
            match self.lexer.next_segment() {
                Ok(None) => return,
                Ok(Some(Segment::Stmt(tag))) => {
                    let kind = DefinitionKind::of_keyword(tag.keyword(self.text()));
                    if let Some(kind) = kind.filter(|kind| kinds.contains(kind)) {
                        self.definition(kind, tag);
                    } else if self.tells_strays {
                        self.stray(&tag);
                    }
                }
                Ok(Some(_)) => {}
                Err(error) => {
                    let start = self.lexer.position();
                    if self.starts_definition(start, kinds) {
                        self.problems.push(syntax_error(self.file, &error));
                    }
                    self.lexer.seek(start + 2);
                }
            }
        }
    }

    fn stray(&mut self, tag: &Tag) {
        let word = tag.keyword(self.text());
        let message = format!("`{word}` outside of every definition has no effect");
        let problem = Diagnostic::warning(codes::DEPRECATED, message.as_str())
            .named(warnings::UNEXPECTED_JINJA_BLOCK_DEPRECATION)
            .fact("msg", message)
            .fact("file", self.file.path.as_str())
            .at(Span::new(self.file, tag.outer()))
            .help("remove it, or move it into the macro that it was meant for");
        self.problems.push(problem);
    }

    /// Whether a broken tag was meant to open a definition.
    fn starts_definition(&self, start: usize, kinds: &[DefinitionKind]) -> bool {
        let inside = self.text()[start..].strip_prefix("{%").unwrap_or_default();
        let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside).trim_start();
        let word = &inside[..inside.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(inside.len())];
        DefinitionKind::of_keyword(word).is_some_and(|kind| kinds.contains(&kind))
    }

    fn definition(&mut self, kind: DefinitionKind, open: Tag) {
        let keyword = open.keyword(self.text()).to_owned();
        let end = if kind == DefinitionKind::Docs { self.docs_end(&open) } else { self.block_end(&keyword, &open) };
        let Some(close) = end else { return };
        match self.build(kind, open, close) {
            Ok(definition) => self.found.push(definition),
            Err(error) => self.problems.push(syntax_error(self.file, &error)),
        }
    }

    /// Finds the closing tag; nested blocks of the same keyword are counted.
    fn block_end(&mut self, keyword: &str, open: &Tag) -> Option<Tag> {
        let end_word = format!("end{keyword}");
        let mut depth = 1;
        loop {
            match self.lexer.next_segment() {
                Ok(Some(Segment::Stmt(tag))) => {
                    let word = tag.keyword(self.text());
                    if word == keyword {
                        depth += 1;
                    } else if word == end_word {
                        depth -= 1;
                        if depth == 0 {
                            return Some(tag);
                        }
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => {
                    self.unclosed(keyword, open);
                    self.lexer.seek(open.close.end);
                    self.skip_rest();
                    return None;
                }
                Err(error) => {
                    self.problems.push(syntax_error(self.file, &error));
                    let after = self.lexer.position() + 2;
                    self.lexer
                        .seek(find_end_tag(self.text(), after, &end_word).map_or(usize::MAX, |tag| tag.close.end));
                    return None;
                }
            }
        }
    }

    /// Docs hold prose: only the closing tag counts.
    fn docs_end(&mut self, open: &Tag) -> Option<Tag> {
        let close = find_end_tag(self.text(), open.close.end, "enddocs");
        match &close {
            Some(tag) => self.lexer.seek(tag.close.end),
            None => {
                self.unclosed("docs", open);
                self.skip_rest();
            }
        }
        close
    }

    fn unclosed(&mut self, keyword: &str, open: &Tag) {
        let label = open.tokens.get(1).map_or("", |token| token.text(self.text()));
        let message = format!("{keyword} '{label}' is never closed: no `{{% end{keyword} %}}`");
        let span = Span::new(self.file, open.outer());
        self.problems.push(Diagnostic::error(codes::JINJA_SYNTAX, message).at(span));
    }

    fn skip_rest(&mut self) {
        self.lexer.seek(usize::MAX);
    }

    fn build(&self, kind: DefinitionKind, open: Tag, close: Tag) -> Result<Definition, LexError> {
        let text = self.text();
        let keyword = open.keyword(text);
        let name = match open.tokens.get(1) {
            Some(token) if token.kind == TokenKind::Name => *token,
            _ => return Err(error_at(open.outer(), format!("{keyword} without a name"))),
        };
        let label = name.text(text).to_owned();
        let rest = &open.tokens[2..];
        let mut definition = Definition {
            kind,
            name: label.clone(),
            label: label.clone(),
            span: Span::new(self.file, open.open.start..close.close.end),
            body: Span::new(self.file, open.close.end..close.open.start),
            name_span: Span::new(self.file, name.range()),
            arguments: Vec::new(),
            supported_languages: Vec::new(),
            adapter: None,
            open: open.clone(),
            close,
        };
        match kind {
            DefinitionKind::Macro | DefinitionKind::Test => {
                let (arguments, used) = signature(text, rest, &open)?;
                if let Some(extra) = rest.get(used).filter(|token| token.text(text) != ":") {
                    return Err(error_at(
                        extra.range(),
                        format!("unexpected '{}', expected the end of the tag", extra.text(text)),
                    ));
                }
                definition.arguments = arguments;
                if kind == DefinitionKind::Test {
                    definition.name = format!("test_{label}");
                }
            }
            DefinitionKind::Materialization => materialization_header(text, &label, rest, &mut definition)?,
            DefinitionKind::Snapshot | DefinitionKind::Docs => {}
        }
        Ok(definition)
    }
}

/// The first `{% word %}` behind an offset, read as text.
fn find_end_tag(text: &str, from: usize, word: &str) -> Option<Tag> {
    let mut at = from.min(text.len());
    while let Some(offset) = text.get(at..)?.find("{%") {
        let start = at + offset;
        let marked = start + 2 + usize::from(matches!(text.as_bytes().get(start + 2), Some(b'-' | b'+')));
        let inside = text[marked..].trim_start();
        let word_start = text.len() - inside.len();
        if let Some(after) = inside.strip_prefix(word) {
            let after = after.trim_start();
            let close_start = text.len() - after.len();
            if after.strip_prefix(['-', '+']).unwrap_or(after).starts_with("%}") {
                let mark = usize::from(!after.starts_with('%'));
                let token = Token { kind: TokenKind::Name, start: word_start, end: word_start + word.len() };
                return Some(Tag {
                    open: start..marked,
                    close: close_start..close_start + 2 + mark,
                    tokens: vec![token],
                });
            }
        }
        at = start + 2;
    }
    None
}

fn error_at(range: Range<usize>, message: impl Into<String>) -> LexError {
    LexError { range, message: message.into() }
}

/// The diagnostic for text that is no Jinja.
pub(super) fn syntax_error(file: &Arc<SourceFile>, error: &LexError) -> Diagnostic {
    Diagnostic::error(codes::JINJA_SYNTAX, error.message.clone()).at(Span::new(file, error.range.clone()))
}

/// Index behind the expression that starts at `from`: up to a comma or closing bracket on this level.
pub(super) fn expression_end(text: &str, tokens: &[Token], from: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(from) {
        match token.text(text) {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 0 => return index,
            ")" | "]" | "}" => depth -= 1,
            "," if depth == 0 => return index,
            _ => {}
        }
    }
    tokens.len()
}

/// Parameters in brackets at the start of `tokens`, with annotations and defaults, and how many tokens they take.
pub(super) fn signature(text: &str, tokens: &[Token], tag: &Tag) -> Result<(Vec<Argument>, usize), LexError> {
    let is = |index: usize, expected: &str| tokens.get(index).is_some_and(|token: &Token| token.text(text) == expected);
    let place = |index: usize| tokens.get(index).map_or(tag.close.clone(), Token::range);
    if !is(0, "(") {
        return Err(error_at(place(0), "expected '(' and the parameters"));
    }
    let mut arguments: Vec<Argument> = Vec::new();
    let mut at = 1;
    while !is(at, ")") {
        if !arguments.is_empty() {
            if !is(at, ",") {
                return Err(error_at(place(at), "expected ',' or ')' behind a parameter"));
            }
            at += 1;
            if is(at, ")") {
                break;
            }
        }
        let Some(name) = tokens.get(at).filter(|token| token.kind == TokenKind::Name) else {
            return Err(error_at(place(at), "expected the name of a parameter"));
        };
        at += 1;
        let mut argument =
            Argument { name: name.text(text).to_owned(), default: None, annotation: None, default_range: None };
        if is(at, ":") {
            let start = at + 1;
            at = (start..tokens.len())
                .find(|&index| is(index, "=") || index == expression_end(text, tokens, start))
                .unwrap_or(tokens.len());
            argument.annotation = text_of(text, &tokens[start..at]);
        }
        if is(at, "=") {
            let end = expression_end(text, tokens, at + 1);
            let value = &tokens[at + 1..end];
            let Some(default) = text_of(text, value) else {
                return Err(error_at(place(end), "expected a default behind '='"));
            };
            argument.default = Some(default);
            argument.default_range = range_of(value);
            at = end;
        } else if arguments.last().is_some_and(|before| before.default.is_some()) {
            return Err(error_at(name.range(), "non-default argument follows default argument"));
        }
        arguments.push(argument);
    }
    Ok((arguments, at + 1))
}

fn range_of(tokens: &[Token]) -> Option<Range<usize>> {
    Some(tokens.first()?.start..tokens.last()?.end)
}

fn text_of(text: &str, tokens: &[Token]) -> Option<String> {
    range_of(tokens).map(|range| text[range].to_owned())
}

fn materialization_header(
    text: &str,
    label: &str,
    tokens: &[Token],
    definition: &mut Definition,
) -> Result<(), LexError> {
    let mut adapter = "default".to_owned();
    let mut languages: Option<(Range<usize>, Vec<String>)> = None;
    let mut at = 0;
    while let Some(comma) = tokens.get(at) {
        if comma.text(text) != "," {
            return Err(error_at(comma.range(), format!("unexpected '{}', expected ','", comma.text(text))));
        }
        let Some(key) = tokens.get(at + 1) else {
            return Err(error_at(comma.range(), "expected an argument behind ','"));
        };
        let end = expression_end(text, tokens, at + 1);
        let value = if tokens.get(at + 2).is_some_and(|token| token.text(text) == "=") {
            tokens.get(at + 3..end).unwrap_or_default()
        } else {
            &[]
        };
        let strings =
            || value.iter().filter(|token| token.kind == TokenKind::Str).map(|token| unquote(token.text(text)));
        match (key.text(text), range_of(value)) {
            ("default", None) => {}
            ("adapter", Some(_)) => adapter = strings().next().unwrap_or(adapter),
            ("supported_languages", Some(range)) => languages = Some((range, strings().collect())),
            (name, _) => {
                let message = format!("materialization '{label}' received unknown argument '{name}'");
                return Err(error_at(key.range(), message));
            }
        }
        at = end;
    }
    definition.name = format!("materialization_{label}_{adapter}");
    definition.adapter = Some(adapter);
    definition.supported_languages =
        languages.as_ref().map_or_else(|| vec!["sql".to_owned()], |(_, names)| names.clone());
    definition.arguments = vec![Argument {
        name: "supported_languages".to_owned(),
        default: Some(
            languages.as_ref().map_or_else(|| "['sql']".to_owned(), |(range, _)| text[range.clone()].to_owned()),
        ),
        annotation: None,
        default_range: languages.map(|(range, _)| range),
    }];
    Ok(())
}

fn unquote(text: &str) -> String {
    text.get(1..text.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> (Vec<String>, Vec<String>) {
        let (found, problems) = extract(&SourceFile::new("m.sql", text));
        let found = found.iter().map(|d| format!("{}={}", d.name, d.body.text())).collect();
        (found, problems.iter().map(|p| format!("{} {}", p.span.as_ref().unwrap(), p.message)).collect())
    }

    #[test]
    fn finds_every_kind_and_hides_what_is_quoted() {
        let text = "text {{ it's }} {% raw %}{% macro no() %}{% endraw %}{# {% macro no() %} #}\n\
            {% macro a(x, y=[1, 'a,b'], z: Dict[str, str] = {}) -%} {{ '{% endmacro %}' }} {%- endmacro %}\
            {% test nn(model, column_name) %}t{% endtest %}{% data_test dd(model) %}d{% enddata_test %}\
            {% materialization t, adapter='duckdb', supported_languages=['sql', 'python'] %}m{% endmaterialization %}\
            {% materialization u, default %}{% endmaterialization %}{% snapshot s %}select 1{% endsnapshot %}\
            {% docs d %}it's {{ prose {% enddocs %}";
        let (found, problems) = extract(&SourceFile::new("m.sql", text));
        assert_eq!(problems, []);
        let names: Vec<&str> = found.iter().map(|d| d.name.as_str()).collect();
        let expected = ["a", "test_nn", "test_dd", "materialization_t_duckdb", "materialization_u_default", "s", "d"];
        assert_eq!(names, expected);
        let arguments = &found[0].arguments;
        assert_eq!(arguments[1].default.as_deref(), Some("[1, 'a,b']"));
        assert_eq!(arguments[2].annotation.as_deref(), Some("Dict[str, str]"));
        assert_eq!(arguments[2].default.as_deref(), Some("{}"));
        assert_eq!(found[3].supported_languages, ["sql", "python"]);
        assert_eq!(found[4].supported_languages, ["sql"]);
        assert_eq!(found[6].body.text(), "it's {{ prose ");
    }

    #[test]
    fn nested_blocks_and_broken_ones() {
        let (found, problems) = names("{% macro a() %}{% macro b() %}{% endmacro %}x{% endmacro %}");
        assert_eq!((found.len(), problems.len()), (1, 0));
        let (found, problems) = names("{% macro a() %}{{ 'x }}{% endmacro %}\n{% macro b() %}y{% endmacro %}");
        assert_eq!(found, ["b=y"]);
        assert_eq!(problems, ["m.sql:1:19 a string that is never closed"]);
        let (_, problems) = names("\n{% macro a() %}x");
        assert_eq!(problems, ["m.sql:2:1 macro 'a' is never closed: no `{% endmacro %}`"]);
        let (_, problems) = names("{% macro a(x=1, y) %}{% endmacro %}");
        assert_eq!(problems, ["m.sql:1:17 non-default argument follows default argument"]);
        let (_, problems) = names("{% materialization a, foo=1 %}{% endmaterialization %}");
        assert_eq!(problems, ["m.sql:1:23 materialization 'a' received unknown argument 'foo'"]);
    }
}

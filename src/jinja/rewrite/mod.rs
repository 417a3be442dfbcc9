//! Turns dbt's Jinja2 into what minijinja reads, with a map back to the original.
//!
//! In: text of a template or a [`Definition`]. Out: [`Rewritten`] text, its [`EditMap`], and what the text mentions.
//! Changes: literal lists and mappings become mutable objects (`__l`, `__d`), values made by the engine are owned when stored
//! (`__own`), arithmetic, order and slices are Python's (`__add`, `__lt`, `__slice`, ...), loops run over Python's idea of an iterable (`__iter`), `do` takes any
//! expression, trailing colons, unary plus, tuples in subscripts and prints are spelled out, line ends are line feeds.
//! A definition becomes a macro of its own template, with defaults as `set` statements and `varargs`, `kwargs`, `caller` as
//! parameters.

mod edit;
mod expression;
mod facts;
mod operand;
mod statement;

use std::ops::Range;

pub use edit::EditMap;
use edit::{Edits, Output};
use expression::Parser;
pub use facts::{Call, Callee, Facts};
pub use operand::unescape;
pub use statement::Options;

use super::defs::Definition;
use super::lexer::{LexError, Segment, Tag, Token, lex};

/// The name under which every definition's template defines its macro.
const MACRO_NAME: &str = "__m";

/// Text for the engine.
#[derive(Clone, Debug)]
pub struct Rewritten {
    /// The new text.
    pub text: String,
    /// The way back.
    pub map: EditMap,
}

/// How a macro is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// Parameters in order, and whether each has a default.
    pub parameters: Vec<(String, bool)>,
    /// The body reads `varargs`: further positional arguments are welcome.
    pub varargs: bool,
    /// The body reads `kwargs`: further keyword arguments are welcome.
    pub kwargs: bool,
    /// The body reads `caller`.
    pub caller: bool,
}

/// Rewrites a template; `prefix` is put before it.
pub fn template(text: &str, range: Range<usize>, prefix: &str, options: Options) -> Result<Rewritten, LexError> {
    let (edits, _) = read(text, range.clone(), options)?;
    let mut output = Output::new(text);
    output.insert(prefix, range.start);
    edits.emit(&mut output, range);
    let (text, map) = output.finish();
    Ok(Rewritten { text, map })
}

/// What a template mentions.
pub fn facts(text: &str, range: Range<usize>, options: Options) -> Result<Facts, LexError> {
    read(text, range, options).map(|(_, facts)| facts)
}

/// What a definition mentions, defaults of its parameters first.
pub fn definition_facts(definition: &Definition, options: Options) -> Result<Facts, LexError> {
    let text = &definition.span.file.text;
    let mut facts = Facts::default();
    for range in definition.arguments.iter().filter_map(|argument| argument.default_range.clone()) {
        let tokens = header_tokens(definition, &range);
        let mut parser = Parser::new(text, &tokens, 0, options.literals);
        if parser.expression().is_some() {
            facts.append(parser.facts);
        }
    }
    facts.append(read(text, definition.body.start..definition.body.end, options)?.1);
    Ok(facts)
}

/// The call that a `{{ }}` tag consists of, if it is one call without filters around it.
pub fn lone_call(text: &str, tag: &Tag) -> Option<Call> {
    let mut parser = Parser::new(text, &tag.tokens, 0, true);
    let node = parser.expression()?;
    let only = parser.peek().is_none() && node.is_call && parser.facts.calls.len() == 1;
    if only { parser.facts.calls.pop() } else { None }
}

fn header_tokens(definition: &Definition, range: &Range<usize>) -> Vec<Token> {
    definition.open.tokens.iter().filter(|token| range.contains(&token.start)).copied().collect()
}

/// Reads all tags of a range.
fn read(text: &str, range: Range<usize>, options: Options) -> Result<(Edits, Facts), LexError> {
    let mut edits = Edits::default();
    let mut facts = Facts::default();
    for segment in lex(text, range)? {
        let read = match &segment {
            Segment::Expr(tag) => statement::print(text, tag, options),
            Segment::Stmt(tag) => statement::statement(text, tag, options),
            _ => None,
        };
        if let Some((more, mentioned)) = read {
            edits.append(more);
            facts.append(mentioned);
        }
    }
    Ok((edits, facts))
}

/// Rewrites a definition to a template that defines one macro and hands it to `__reg`.
pub fn definition(definition: &Definition) -> Result<(Rewritten, Signature), LexError> {
    let text = &definition.span.file.text;
    let body = definition.body.start..definition.body.end;
    let (edits, facts) = read(text, body.clone(), Options::default())?;
    let signature = signature(definition, &facts);
    let mut names: Vec<&str> = signature.parameters.iter().map(|(name, _)| name.as_str()).collect();
    let special = [("varargs", signature.varargs), ("kwargs", signature.kwargs), ("caller", signature.caller)];
    names.extend(special.iter().filter(|(_, used)| *used).map(|(name, _)| *name));

    let header = definition.span.start;
    let mark = definition.open.close_mark(text);
    let mut output = Output::new(text);
    output.insert(&format!("{{% macro {MACRO_NAME}({}) ", names.join(", ")), header);
    for argument in &definition.arguments {
        let Some(default) = &argument.default else { continue };
        output.insert(&format!("%}}{{% set {0} = (", argument.name), header);
        match &argument.default_range {
            Some(range) => default_value(text, definition, range.clone(), &mut output),
            None => output.insert(&format!("{default}|__l"), header),
        }
        output.insert(&format!(") if {0} is __missing else {0} ", argument.name), header);
    }
    output.insert(mark, header);
    output.insert("%}", header);
    edits.emit(&mut output, body.clone());
    let end = definition.close.open_mark(text);
    output.insert(&format!("{{%{end} endmacro %}}{{%- do __reg({MACRO_NAME}) -%}}"), body.end);
    let (text, map) = output.finish();
    Ok((Rewritten { text, map }, signature))
}

/// Writes a default, rewritten like any expression.
fn default_value(text: &str, definition: &Definition, range: Range<usize>, output: &mut Output<'_>) {
    let tokens = header_tokens(definition, &range);
    let mut parser = Parser::new(text, &tokens, 0, false);
    match parser.expression() {
        Some(node) if parser.peek().is_none() => {
            if node.fresh {
                parser.edits.wrap(node.range(), "(", ")|__own");
            }
            parser.edits.emit(output, range);
        }
        _ => output.copy(range),
    }
}

/// The signature of a definition whose body mentions `facts`.
fn signature(definition: &Definition, facts: &Facts) -> Signature {
    let parameters: Vec<(String, bool)> =
        definition.arguments.iter().map(|argument| (argument.name.clone(), argument.default.is_some())).collect();
    let reads = |name: &str| facts.reads(name) && !parameters.iter().any(|(parameter, _)| parameter == name);
    Signature { varargs: reads("varargs"), kwargs: reads("kwargs"), caller: reads("caller"), parameters }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceFile;
    use crate::jinja::defs::extract;

    fn rewritten(text: &str) -> String {
        template(text, 0..text.len(), "", Options::default()).map_or_else(|error| error.message, |done| done.text)
    }

    #[test]
    fn expressions() {
        let cases = [
            ("{{ [1, {'a': []}] }}", "{{ ([1, (['a', ([]|__l)]|__d)]|__l) }}"),
            ("{{ x[0] }}{{ x['a'].in }}", "{{ x[0] }}{{ x['a'].in }}"),
            ("{{ x[1:] }}{{ -x[::-1].y }}", "{{ (x|__slice(1,none)) }}{{ -(x|__slice(none,none,-1)).y }}"),
            ("{{ x[a, b] }}", "{{ x[(a, b)] }}"),
            ("{{ '%s' % x }}", "{{ ('%s' |__mod( x)) }}"),
            ("{{ a*b%c + d }}", "{{ ((a|__mul(b)|__mod(c)) |__add( d)) }}"),
            ("{{ a + b - (c + d) }}", "{{ (a |__add( b) |__sub( ((c |__add( d))))) }}"),
            ("{{ 'a' ~ b + -c ** 2 }}", "{{ (('a' ~ b) |__add( (-c |__pow( 2)))) }}"),
            ("{{ a ~ b < 1 and 1 < 2 < c }}", "{{ ((a ~ b) |__lt( 1)) and 1 < 2 < c }}"),
            ("{{ 1, 2 }}", "{{ (1, 2) }}"),
            ("{{ +1 }}{{ -x }}{{ 2 - +1 }}", "{{ 1 }}{{ -x }}{{ (2 |__sub( 1)) }}"),
            ("{{ f(*[1], **{'a': 2}, k=[3]) }}", "{{ f(*([1]|__l), **(['a', 2]|__d), k=([3]|__l)) }}"),
            ("{{ 'a' if x is in ['a'] else not b }}", "{{ 'a' if x is in (['a']|__l) else not b }}"),
            ("{{ x is divisibleby 3 and y }}", "{{ x is divisibleby 3 and y }}"),
            ("{{ a['%d'] | join(', ') }}", "{{ a['%d'] | join(', ') }}"),
            ("{{ 'a' 'b' }} %} [1] {# [1] #}", "{{ 'a' 'b' }} %} [1] {# [1] #}"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("{{ a b [1] }}", "{{ a b [1] }}"),
        ];
        for (text, expected) in cases {
            assert_eq!(rewritten(text), expected, "{text}");
        }
    }

    #[test]
    fn statements() {
        let cases = [
            ("{% set x = [] %}", "{% set x = ([]|__l) %}"),
            ("{% set x = a + b %}", "{% set x = ((a |__add( b)))|__own %}"),
            ("{% set x = f() if y else z %}", "{% set x = (f() if y else z)|__own %}"),
            ("{% set x, y = 1, 2 %}", "{% set x, y = ((1, 2))|__own %}"),
            ("{% set x = y %}{% set ns.z = 'a' ~ b %}", "{% set x = y %}{% set ns.z = 'a' ~ b %}"),
            ("{% set x | trim %}a{% endset %}", "{% set x | trim %}a{% endset %}"),
            ("{% for k, v in d.items() if v recursive %}", "{% for k, v in (d.items())|__iter if v recursive %}"),
            ("{% for x in 1, 2 %}", "{% for x in ((1, 2))|__iter %}"),
            ("{% if x: %}{% else: %}{% endif %}", "{% if x %}{% else %}{% endif %}"),
            ("{% do l.append([1]) %}", "{% do l.append(([1]|__l)) %}"),
            ("{% do x if y %}", "{% set __void = x if y %}"),
            ("{% call(x, y: int = [2]) f('a') %}", "{% call(x, y = ([2]|__l)) f('a') %}"),
            ("{% with a = b + c, d = 1 %}", "{% with a = ((b |__add( c)))|__own, d = 1 %}"),
            ("{% macro m(a: str) %}{% endmacro %}", "{% macro dbt_macro__m(a) %}{% endmacro %}"),
        ];
        for (text, expected) in cases {
            assert_eq!(rewritten(text), expected, "{text}");
        }
    }

    #[test]
    fn definitions_become_one_macro() {
        let text = "x {%- macro m(a, b=a, c=[1]) -%}\n {{ varargs }}{% call f() %}{{ caller() }}{% endcall %} {%- endmacro -%}";
        let (found, problems) = extract(&SourceFile::new("m.sql", text));
        assert!(problems.is_empty());
        let (done, signature) = definition(&found[0]).unwrap();
        assert_eq!(
            done.text,
            "{% macro __m(a, b, c, varargs, caller) %}{% set b = (a) if b is __missing else b \
             %}{% set c = (([1]|__l)) if c is __missing else c -%}\n {{ varargs }}{% call f() %}{{ caller() }}{% endcall %} \
             {%- endmacro %}{%- do __reg(__m) -%}"
        );
        assert!(signature.varargs && signature.caller && !signature.kwargs);
        let at = done.text.find("varargs }}").unwrap();
        assert_eq!(&text[done.map.original_range(at..at + 7)], "varargs");
        let (found, _) = extract(&SourceFile::new(
            "m.sql",
            "{% macro m(kwargs) %}{% set varargs = 1 %}{{ varargs }}{{ kwargs }}{% endmacro %}",
        ));
        let signature = definition(&found[0]).unwrap().1;
        assert!(!signature.varargs && !signature.kwargs);
    }
}

//! Answers about templates that need no render: literal calls of a model, macros that a macro mentions.
//!
//! In: text. Out: [`StaticCall`]s where a template holds nothing else, [`StaticMacroCall`]s, names.

use std::ops::Range;
use std::sync::Arc;

use super::defs::Definition;
use super::lexer::{Segment, lex};
use super::rewrite::{self, Call, Callee, Options};
use crate::base::{Dict, Value};
use crate::diag::{SourceFile, Span};

/// A call whose arguments are all literals.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticCall {
    /// `ref`, `source`, `config` or `var`.
    pub function: String,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Keyword arguments.
    pub kwargs: Dict,
    /// Where the call stands.
    pub span: Span,
}

/// A macro that a definition may call, as far as its text tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StaticMacroCall {
    /// `name(...)`.
    Name(String),
    /// `package.name(...)`.
    Namespaced(String, String),
    /// `adapter.dispatch('name', 'namespace')`.
    Dispatch {
        /// The macro's name without prefix.
        name: String,
        /// The namespace, if a literal names one.
        namespace: Option<String>,
    },
}

/// The calls of a template whose Jinja is nothing but `{{ ref(...) }}`, `{{ source(...) }}`, `{{ config(...) }}` and
/// `{{ var(...) }}` with literal arguments (comments and raw blocks aside). Such a template needs no render to be parsed.
/// `None` for every other template.
pub fn static_calls(file: &Arc<SourceFile>, range: Range<usize>) -> Option<Vec<StaticCall>> {
    let text = &file.text;
    let mut calls = Vec::new();
    for segment in lex(text, range).ok()? {
        match segment {
            Segment::Data(_) | Segment::Comment(_) | Segment::Raw(_) => {}
            Segment::Stmt(_) => return None,
            Segment::Expr(tag) => calls.push(static_call(file, rewrite::lone_call(text, &tag)?)?),
        }
    }
    Some(calls)
}

fn static_call(file: &Arc<SourceFile>, call: Call) -> Option<StaticCall> {
    let Callee::Name(function) = call.callee else { return None };
    if !matches!(function.as_str(), "ref" | "source" | "config" | "var") {
        return None;
    }
    let mut args = Vec::new();
    let mut kwargs = Dict::new();
    for argument in call.arguments {
        let value = argument.literal.filter(|_| !argument.spread)?;
        match argument.keyword {
            None => args.push(value),
            Some(keyword) => {
                kwargs.insert(keyword, value);
            }
        }
    }
    Some(StaticCall { function, args, kwargs, span: Span::new(file, call.range) })
}

/// The macros that a definition may call, in the order of its text, each once. Text that is no Jinja has none.
pub fn static_macro_calls(definition: &Definition) -> Vec<StaticMacroCall> {
    let options = Options { literals: true, native: false };
    let Ok(facts) = rewrite::definition_facts(definition, options) else { return Vec::new() };
    let mut found = Vec::new();
    for call in &facts.calls {
        let mention = match &call.callee {
            Callee::Name(name) if matches!(name.as_str(), "ref" | "source" | "config") => None,
            Callee::Name(name) => Some(StaticMacroCall::Name(name.clone())),
            Callee::Attribute(object, method) if object == "adapter" => {
                (method == "dispatch").then(|| dispatch(call)).flatten()
            }
            Callee::Attribute(package, name) => Some(StaticMacroCall::Namespaced(package.clone(), name.clone())),
            Callee::Other => None,
        };
        found.extend(mention.filter(|mention| !found.contains(mention)));
    }
    found
}

fn dispatch(call: &Call) -> Option<StaticMacroCall> {
    let text = |index: usize, keyword: &str| {
        let positional = call.arguments.iter().filter(|argument| argument.keyword.is_none()).nth(index);
        let named = call.arguments.iter().find(|argument| argument.keyword.as_deref() == Some(keyword));
        positional.or(named)?.literal.as_ref()?.as_str().map(str::to_owned)
    };
    Some(StaticMacroCall::Dispatch { name: text(0, "macro_name")?, namespace: text(1, "macro_namespace") })
}

/// The variables that a template reads, in the order of its text, each once; `None` where the text is no Jinja.
pub fn names_used(file: &Arc<SourceFile>, range: Range<usize>) -> Option<Vec<String>> {
    let facts = rewrite::facts(&file.text, range, Options::default()).ok()?;
    let mut names: Vec<String> = Vec::new();
    for mention in facts.names {
        if !mention.stored && !names.contains(&mention.name) {
            names.push(mention.name);
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(text: &str) -> Option<String> {
        let file = SourceFile::new("m.sql", text);
        let calls = static_calls(&file, 0..text.len())?;
        let shown = calls.iter().map(|call| {
            let args = Value::List(call.args.clone());
            format!("{}{args}{}", call.function, Value::Map(call.kwargs.clone()))
        });
        Some(shown.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn literal_calls_are_read_and_all_else_is_refused() {
        let text = "{{ config(materialized='table', tags=['a', \"b\"], meta={'k': -1.5}, on=True) }}\n\
                    select * from {{ ref('p', 'm', v=2) }}, {{- source(\"s\", 't') -}} {# x #}{% raw %}{{ y }}{% endraw %}";
        let expected = r#"config[]{"materialized":"table","tags":["a","b"],"meta":{"k":-1.5},"on":true} ref["p","m"]{"v":2} source["s","t"]{}"#;
        assert_eq!(calls(text).as_deref(), Some(expected));
        for other in [
            "{{ ref(x) }}",
            "{{ ref('a') | upper }}",
            "{% set a = 1 %}",
            "{{ this }}",
            "{{ config(enabled=var('a')) }}",
            "{{ ref('a').x() }}",
            "{{ ref(*['a']) }}",
            "{{ ref('a'",
        ] {
            assert_eq!(calls(other), None, "{other}");
        }
    }

    #[test]
    fn names() {
        let text = "{% set a = this %}{{ a.b(c=d) }}{{ this }}";
        let file = SourceFile::new("m.sql", text);
        assert_eq!(names_used(&file, 0..text.len()).unwrap(), ["this", "a", "d"]);
    }
}

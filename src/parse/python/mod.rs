//! What a Python model says of itself, read without running it: parents, config, the form of its `model` function.
//!
//! In: the text of a model's file. Out: [`Captured`] calls, or the first problem with its place.
//! * [`tokens`]: text -> tokens in logical lines; [`literal`]: tokens -> values; [`model`]: the rules for `model(dbt, session)`
//!
//! As dbt does, only literal arguments are understood: what a call would get at run time cannot order the models. Other than
//! dbt, calls are found wherever they stand, also in a lambda or a comprehension.

mod literal;
mod model;
mod tokens;

use std::ops::Range;
use std::sync::Arc;

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, SourceFile, Span, codes};
use crate::jinja::context::Captured;
use crate::node::RefCall;

use tokens::{Kind, Token};

/// A problem with its bytes in the text.
#[derive(Clone, Debug, PartialEq)]
struct Problem {
    range: Range<usize>,
    message: String,
    help: Option<&'static str>,
}

impl Problem {
    fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self { range, message: message.into(), help: None }
    }

    fn help(mut self, text: &'static str) -> Self {
        self.help = Some(text);
        self
    }
}

/// The calls of the model in a part of a file.
pub(super) fn capture(file: &Arc<SourceFile>, range: Range<usize>) -> Result<Captured, Diagnostic> {
    let text = &file.text[range.clone()];
    read(text).map_err(|problem| {
        let (start, end) = (range.start + problem.range.start, range.start + problem.range.end);
        let diagnostic = Diagnostic::error(codes::PYTHON_MODEL, problem.message).at(Span::new(file, start..end));
        Diagnostic { help: problem.help.map(str::to_owned), ..diagnostic }
    })
}

fn read(text: &str) -> Result<Captured, Problem> {
    refuse_jinja(text)?;
    let lines = tokens::lines(text)?;
    let mut captured = Captured::default();
    if lines.is_empty() {
        return Ok(captured);
    }
    model::check(&lines)?;
    let mut used = Used::default();
    for line in &lines {
        collect(&line.tokens, &mut captured, &mut used)?;
    }
    used.into_config(&mut captured.config);
    Ok(captured)
}

/// The code is not rendered, so a tag in it is a mistake.
fn refuse_jinja(text: &str) -> Result<(), Problem> {
    for (open, close) in [("{{", "}}"), ("{%", "%}"), ("{#", "#}")] {
        let Some(start) = text.find(open) else { continue };
        if let Some(length) = text[start..].find(close) {
            return Err(Problem::new(start..start + length + close.len(), "No jinja in python model code is allowed")
                .help("dbt.config.get('name') reads a config; set it in the properties file, where Jinja works"));
        }
    }
    Ok(())
}

/// Configs that the code asks for: the compiled code carries their values.
#[derive(Default)]
struct Used {
    config: (Vec<Value>, Vec<Value>),
    meta: (Vec<Value>, Vec<Value>),
}

impl Used {
    fn into_config(self, config: &mut Dict) {
        if self.config.0.is_empty() && self.meta.0.is_empty() {
            return;
        }
        config.insert("config_keys_used".to_owned(), Value::List(self.config.0));
        config.insert("config_keys_defaults".to_owned(), Value::List(self.config.1));
        config.insert("meta_keys_used".to_owned(), Value::List(self.meta.0));
        config.insert("meta_keys_defaults".to_owned(), Value::List(self.meta.1));
    }
}

/// Finds `dbt.<function>(...)` in tokens, and in the expressions of f-strings among them.
fn collect(tokens: &[Token], captured: &mut Captured, used: &mut Used) -> Result<(), Problem> {
    for (index, token) in tokens.iter().enumerate() {
        if let Kind::Formatted(inner) = &token.kind {
            collect(inner, captured, used)?;
        }
        let is_member = index > 0 && tokens[index - 1].is(".");
        if is_member || !token.is_name("dbt") {
            continue;
        }
        let mut path = Vec::new();
        let mut at = index + 1;
        while let [dot, name, ..] = &tokens[at..]
            && dot.is(".")
            && let Kind::Name(name) = &name.kind
        {
            path.push(name.as_str());
            at += 2;
        }
        if tokens.get(at).is_none_or(|t| !t.is("(")) {
            continue;
        }
        let function = path.join(".");
        if matches!(function.as_str(), "ref" | "source" | "config" | "config.get" | "config.meta_get") {
            let arguments = literal::arguments(tokens, at, &format!("dbt.{function}"))?;
            let end = tokens.get(at).map_or(token.end, |t| t.end);
            apply(&function, arguments, token.start..end, captured, used)?;
        }
    }
    Ok(())
}

/// Positional and named arguments of a call.
type Arguments = (Vec<Value>, Dict);

fn apply(
    function: &str,
    (args, kwargs): Arguments,
    range: Range<usize>,
    captured: &mut Captured,
    used: &mut Used,
) -> Result<(), Problem> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let wrong = |message: String| Err(Problem::new(range.clone(), message));
    match function {
        "ref" => {
            let names: Option<Vec<String>> = args.iter().map(text).collect();
            let version = kwargs.get("version").or_else(|| kwargs.get("v")).cloned().unwrap_or_default();
            match names.as_deref() {
                Some([name]) => captured.refs.push(RefCall { package: None, name: name.clone(), version }),
                Some([package, name]) => {
                    captured.refs.push(RefCall { package: Some(package.clone()), name: name.clone(), version })
                }
                Some(names) => {
                    return wrong(format!("dbt.ref() takes at most two arguments ({} given)", names.len()));
                }
                None => return wrong("dbt.ref() takes names: texts in quotes".to_owned()),
            }
        }
        "source" => match args.iter().map(text).collect::<Option<Vec<_>>>().as_deref() {
            Some([source, table]) => captured.sources.push((source.clone(), table.clone())),
            _ => return wrong(format!("dbt.source() takes exactly two arguments ({} given)", args.len())),
        },
        "config" => {
            for (key, value) in args.iter().filter_map(Value::as_map).flatten().chain(&kwargs) {
                captured.config.insert(key.clone(), value.clone());
            }
        }
        _ => {
            let (keys, defaults) = if function == "config.get" { &mut used.config } else { &mut used.meta };
            match args.as_slice() {
                [] => return wrong(format!("dbt.{function}() requires at least one argument")),
                [key] => {
                    keys.push(key.clone());
                    // The default may be named, which dbt leaves to the code itself.
                    defaults.push(kwargs.get("default").cloned().unwrap_or_default());
                }
                [key, default] => {
                    keys.push(key.clone());
                    defaults.push(default.clone());
                }
                more => {
                    return wrong(format!("dbt.{function}() takes at most 2 arguments ({} given)", more.len()));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refs(text: &str) -> Vec<String> {
        let captured = read(text).unwrap_or_else(|p| panic!("{text}: {}", p.message));
        captured.refs.iter().map(|r| format!("{}{}", r.name, if r.version.is_null() { "" } else { "+v" })).collect()
    }

    #[test]
    fn calls_are_found_wherever_they_stand() {
        let text = r#"
import pandas as pd  # dbt.ref('comment')
DOC = """dbt.ref('text')"""

def model(dbt, session):
    dbt.config(materialized="incremental", tags=['a', "b"], meta={'k': -1.5, 'n': None}, packages=[])
    a = dbt.ref("one").join(dbt . ref('pack', 'two', v=2), "id")
    b = [dbt.ref(r'thr' 'ee'), *(dbt.source("raw", 'orders').df() for _ in "x")]
    other.dbt.ref(not_ours)
    session.sql(f"select * from {dbt.ref('four')} where y > {dbt.config.get("days", 7):>5}")
    size = dbt.config.get('size'); limit = dbt.config.meta_get("limit", 0x10)
    return a
"#;
        assert_eq!(refs(text), ["one", "two+v", "three", "four"]);
        let captured = read(text).expect("readable");
        assert_eq!(captured.sources, [("raw".to_owned(), "orders".to_owned())]);
        let shown = Value::Map(captured.config).to_string();
        assert!(shown.contains(r#""materialized":"incremental""#), "{shown}");
        assert!(shown.contains(r#""k":-1.5"#) && shown.contains(r#""config_keys_used":["days","size"]"#), "{shown}");
        assert!(shown.contains(r#""meta_keys_defaults":[16]"#), "{shown}");
    }

    #[test]
    fn problems_name_their_place() {
        let model = |body: &str| format!("def model(dbt, session):\n    {body}\n    return 1\n");
        for (text, place, message) in [
            (model("x = dbt.ref(name)"), "name", "only literals"),
            (model("x = dbt.ref('a' + b)"), "+", "only literals"),
            (model("x = dbt.ref(f'a{b}')"), "f'a{b}'", "only literals"),
            (model("x = dbt.config(**options)"), "**", "only literals"),
            (model("x = dbt.config.get()"), "dbt.config.get(", "at least one"),
            (model("x = ("), "(", "never closed"),
            (model("x = 'abc"), "'abc", "never closed"),
            (model("x = {{ var('a') }}"), "{{ var('a') }}", "No jinja"),
            ("def model(dbt):\n  return 1".to_owned(), "model", "two args"),
            ("def model(session, dbt):\n  return 1".to_owned(), "session", "'dbt' not provided"),
            ("def model(dbt, session):\n  return 1, 2".to_owned(), "return", "only one dataframe"),
            ("def model(dbt, session):\n  return (1, 2)".to_owned(), "return", "only one dataframe"),
            ("def model(dbt, session):\n  if x:\n    return 1".to_owned(), "if", "only one dataframe"),
            ("def other(dbt, session):\n  return 1".to_owned(), "def", "exactly one model"),
        ] {
            let problem = read(&text).map(|_| ()).expect_err(&text);
            assert!(problem.message.contains(message), "{text}: {}", problem.message);
            assert_eq!(&text[problem.range], place, "{text}");
        }
    }

    #[test]
    fn usual_forms_of_the_function_pass() {
        for text in [
            "def model(dbt, session): return dbt.ref('a')",
            "def model(\n  dbt,\n  session: 'x' = {1: 2},\n) -> int:\n\n  def inner(a): return a, 1\n  # end\n  return (inner(1))\n\nX = 1",
            "class A:\n  def model(self): pass\n",
            "",
            "async def model(x): pass\ndef model(dbt, con):\n\tif con:\n\t\treturn 1\n\treturn [1, 2]",
        ] {
            let read = read(text);
            let two = text.starts_with("class");
            assert_eq!(read.is_err(), two, "{text}: {read:?}");
        }
    }
}

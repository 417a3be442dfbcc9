//! Keyword arguments of generic tests: dbt renders every text in them natively, in the scope of the test itself.
//!
//! In: arguments as the properties file gives them. Out: the value of `_dbt_generic_test_kwargs`, a dict to spread.

use std::sync::Arc;

use minijinja::value::Value;

use crate::base::{self, Dict};
use crate::diag::Diagnostic;
use crate::jinja::{Engine, Scope, TemplateSource};

use super::scope::NodeScope;
use super::{dict_of, list, to_value};

/// The name under which a test's template spreads its arguments.
pub(super) const NAME: &str = "_dbt_generic_test_kwargs";

/// Functions whose bare call in an argument is a call and no text.
const FUNCTIONS: [&str; 5] = ["env_var", "ref", "var", "source", "doc"];

/// Renders all texts of the arguments, at any depth; the column's name stays as it is.
pub(super) fn render(engine: &Engine, kwargs: &Dict, scope: &Arc<NodeScope>) -> Result<Value, Diagnostic> {
    let mut rendered = Vec::with_capacity(kwargs.len());
    for (key, value) in kwargs {
        let value = match value {
            base::Value::Str(text) if key == "column_name" => Value::from(text.as_str()),
            value => render_deep(engine, key, value, scope)?,
        };
        rendered.push((Value::from(key.as_str()), value));
    }
    Ok(dict_of(rendered))
}

fn render_deep(engine: &Engine, key: &str, value: &base::Value, scope: &Arc<NodeScope>) -> Result<Value, Diagnostic> {
    match value {
        base::Value::Str(text) => {
            let text = if is_call(text) { format!("{{{{ {text} }}}}") } else { text.clone() };
            let source = TemplateSource::inline(format!("argument '{key}'"), text);
            engine.render_value(&source, Arc::clone(scope) as Arc<dyn Scope>)
        }
        base::Value::List(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(|item| render_deep(engine, key, item, scope)).collect();
            Ok(list(items?))
        }
        base::Value::Map(map) => {
            let entry = |(name, value): (&String, &base::Value)| {
                Ok((Value::from(name.as_str()), render_deep(engine, key, value, scope)?))
            };
            Ok(dict_of(map.iter().map(entry).collect::<Result<Vec<_>, Diagnostic>>()?))
        }
        other => Ok(to_value(other)),
    }
}

/// Whether a text is a lone call of one of dbt's functions, on one line.
fn is_call(text: &str) -> bool {
    let text = text.trim();
    let Some(name) = FUNCTIONS.iter().find(|name| text.starts_with(**name)) else { return false };
    let inside = text[name.len()..].trim_start().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    inside.is_some_and(|inside| !inside.is_empty() && !inside.contains('\n'))
}

#[cfg(test)]
mod tests {
    use super::is_call;

    #[test]
    fn bare_calls() {
        for text in ["ref('a')", " source ('a', 'b') ", "var(x)", "env_var('A')"] {
            assert!(is_call(text), "{text}");
        }
        for text in ["ref", "ref()", "reference('a')", "a ref('b')", "{{ ref('a') }}", "ref(\n'a')"] {
            assert!(!is_call(text), "{text}");
        }
    }
}

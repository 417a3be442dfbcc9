//! Macro arguments as properties describe them, against the macros' own (flag `validate_macro_args`).
//!
//! In: a macro's parameters and its properties entry. Out: warnings. Rules: `MacroPatchParser` in
//! `core/dbt/parser/schemas.py`.

use crate::base::Value;
use crate::diag::{Diagnostic, Diagnostics, codes, warnings};

use super::columns::texts;
use super::patches::Entry;

/// Type names with the number of parameters that they take.
const TYPES: [(&str, usize); 12] = [
    ("str", 0),
    ("string", 0),
    ("bool", 0),
    ("int", 0),
    ("integer", 0),
    ("float", 0),
    ("any", 0),
    ("list", 1),
    ("dict", 2),
    ("optional", 1),
    ("relation", 0),
    ("column", 0),
];

/// Warns of arguments that the macro does not have, and of types that are none.
pub(super) fn check(parameters: &[String], entry: &Entry, diagnostics: &mut Diagnostics) {
    let described = entry.value.get("arguments").and_then(Value::as_list).unwrap_or_default();
    if described.is_empty() {
        return;
    }
    let mut warn = |message: String| {
        diagnostics.push(
            Diagnostic::warning(codes::PROPERTIES_INVALID, message)
                .named(warnings::INVALID_MACRO_ANNOTATION)
                .at(entry.span()),
        );
    };
    let name = |argument: &Value| texts(argument.get("name")).join("");
    for (own, argument) in parameters.iter().zip(described) {
        if *own != name(argument) {
            let (found, of) = (name(argument), &entry.name);
            warn(format!("Argument {found} in yaml for macro {of} does not match the jinja definition: '{own}'"));
        }
    }
    if parameters.len() != described.len() {
        let (wrote, has) = (described.len(), parameters.len());
        warn(format!("the yaml for macro {} describes {wrote} arguments, and it has {has}", entry.name));
    }
    for argument in described {
        let written = texts(argument.get("type")).join("");
        if !written.trim().is_empty() && !is_type(&written) {
            let (found, of) = (name(argument), &entry.name);
            warn(format!("Argument {found} in the yaml for macro {of} has an invalid type: '{written}'"));
        }
    }
}

/// Whether a text is a type such as `string`, `list[int]` or `dict[str, optional[relation]]`.
fn is_type(text: &str) -> bool {
    let text: String = text.chars().filter(|c| !matches!(c, ' ' | '\t')).collect();
    after_type(&text) == Some("")
}

fn after_type(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    let (_, parameters) = TYPES.iter().find(|(known, _)| *known == name)?;
    if *parameters == 0 {
        return Some(rest);
    }
    for position in 0..*parameters {
        rest = after_type(rest.strip_prefix(if position == 0 { '[' } else { ',' })?)?;
    }
    rest.strip_prefix(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        for good in ["string", "list[int]", "dict[str, optional[relation]]", "any"] {
            assert!(is_type(good), "{good}");
        }
        for bad in ["text", "int[int]", "list", "dict[str]", "list[int", "Int", ""] {
            assert!(!is_type(bad), "{bad}");
        }
    }
}

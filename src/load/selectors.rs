//! selectors.yml. In: its rendered YAML. Out: [`SelectorDefinition`]s, shape-checked; the graph room gives them meaning.

use crate::diag::{Diagnostic, Diagnostics, Span, codes};

use super::yaml::YamlNode;

/// A named selector.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectorDefinition {
    /// `name`.
    pub name: String,
    /// `description`.
    pub description: Option<String>,
    /// `default`: whether it applies when the command line selects nothing.
    pub default: bool,
    /// `definition`: text or a mapping.
    pub definition: YamlNode,
    /// Where the selector stands.
    pub span: Span,
}

/// Name of the file.
pub(super) const FILE_NAME: &str = "selectors.yml";

/// Reads the rendered content of selectors.yml.
pub(super) fn read(root: &YamlNode, diagnostics: &mut Diagnostics) -> Vec<SelectorDefinition> {
    let listed = root
        .expect_map(codes::SELECTORS_INVALID, FILE_NAME)
        .and_then(|map| {
            map.get("selectors").ok_or_else(|| {
                Diagnostic::error(codes::SELECTORS_INVALID, format!("{FILE_NAME} has no `selectors`"))
                    .at(root.span.clone())
                    .help("write a list of selectors under `selectors:`")
            })
        })
        .and_then(|list| list.expect_seq(codes::SELECTORS_INVALID, "`selectors`"));
    let items = match listed {
        Ok(items) => items,
        Err(problem) => {
            diagnostics.push(problem);
            return Vec::new();
        }
    };
    let mut found: Vec<SelectorDefinition> = Vec::new();
    for item in items {
        match read_one(item) {
            Ok(selector) => {
                if let Some(problem) = conflict(&found, &selector) {
                    diagnostics.push(problem);
                } else {
                    found.push(selector);
                }
            }
            Err(problem) => diagnostics.push(problem),
        }
    }
    found
}

fn read_one(item: &YamlNode) -> Result<SelectorDefinition, Diagnostic> {
    let code = codes::SELECTORS_INVALID;
    item.expect_map(code, "a selector")?;
    let missing = |key: &str| Diagnostic::error(code, format!("a selector has no `{key}`")).at(item.span.clone());
    let name = item.get("name").ok_or_else(|| missing("name"))?.expect_str(code, "a selector's `name`")?.to_owned();
    let definition = item.get("definition").ok_or_else(|| missing("definition"))?;
    if !(definition.is_map() || definition.as_str().is_some()) {
        return Err(definition.mismatch(
            code,
            &format!("`definition` of the selector `{name}`"),
            "a string or a mapping",
        ));
    }
    let description = match item.get("description") {
        None => None,
        Some(node) if node.is_null() => None,
        Some(node) => Some(node.expect_str(code, "`description`")?.to_owned()),
    };
    let default = match item.get("default") {
        None => false,
        Some(node) => node.expect_bool(code, &format!("`default` of the selector `{name}`"))?,
    };
    Ok(SelectorDefinition { name, description, default, definition: definition.clone(), span: item.span.clone() })
}

fn conflict(found: &[SelectorDefinition], new: &SelectorDefinition) -> Option<Diagnostic> {
    let code = codes::SELECTORS_INVALID;
    if let Some(first) = found.iter().find(|s| s.name == new.name) {
        let message = format!("the selector `{}` is defined twice", new.name);
        return Some(
            Diagnostic::error(code, message).at(new.span.clone()).label(first.span.clone(), "first defined here"),
        );
    }
    let first = found.iter().find(|s| s.default && new.default)?;
    let message = format!("two selectors are the default: `{}` and `{}`", first.name, new.name);
    Some(
        Diagnostic::error(code, message)
            .at(new.span.clone())
            .label(first.span.clone(), "the other one")
            .help("set `default: true` on one selector only"),
    )
}

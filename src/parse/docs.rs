//! Docs blocks: the index, and descriptions with `{{ doc('x') }}` put in.
//!
//! In: blocks from Markdown files. Out: [`Docs::describe`]. Lookup order: the entry's package, the root project, any.

use indexmap::IndexMap;
use std::sync::Arc;

use crate::base::Value;
use crate::diag::{Diagnostic, Diagnostics, Span, codes, nearest};
use crate::node::Doc;

/// A description after rendering.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// The text.
    pub text: String,
    /// Unique ids of the blocks it used.
    pub blocks: Vec<String>,
}

/// Renders a description that holds Jinja beyond plain `doc()` calls.
pub type DescriptionRenderer<'a> = dyn Fn(&str, &str) -> Result<String, Diagnostic> + 'a;

/// The docs blocks of a project with what is needed to render descriptions.
pub struct Docs<'a> {
    blocks: &'a IndexMap<String, Arc<Doc>>,
    root: &'a str,
    render: &'a DescriptionRenderer<'a>,
    /// Where the entry in work is written: the place of problems.
    pub span: Option<Span>,
    /// Problems found so far.
    pub diagnostics: Diagnostics,
}

impl<'a> Docs<'a> {
    /// A renderer of descriptions over an index.
    pub fn new(blocks: &'a IndexMap<String, Arc<Doc>>, root: &'a str, render: &'a DescriptionRenderer<'a>) -> Self {
        Self { blocks, root, render, span: None, diagnostics: Diagnostics::new() }
    }

    /// The description of a value as written in the properties of `package`.
    pub fn describe(&mut self, value: Option<&Value>, package: &str) -> Described {
        let text = match value {
            None | Some(Value::Null) => return Described::default(),
            Some(value) => value.to_string(),
        };
        if !has_jinja(&text) {
            return Described { text, blocks: Vec::new() };
        }
        let mut blocks = Vec::new();
        let mut replaced = String::new();
        let mut rest = text.as_str();
        let mut plain = true;
        while let Some(open) = rest.find("{{") {
            let Some(close) = rest[open..].find("}}") else { break };
            let Some(names) = doc_call(&rest[open + 2..open + close]) else {
                plain = false;
                break;
            };
            let Some(doc) = self.find(&names, package) else {
                self.missing(&names, &rest[open..open + close + 2]);
                return Described { text, blocks };
            };
            blocks.push(doc.unique_id.clone());
            replaced.push_str(&rest[..open]);
            replaced.push_str(&doc.contents);
            rest = &rest[open + close + 2..];
        }
        if plain && !rest.contains("{%") && !rest.contains("{#") && !replaced.contains("{%") {
            replaced.push_str(rest);
            // As Jinja ends a text: without its last line end.
            let text = replaced.strip_suffix('\n').map(str::to_owned).unwrap_or(replaced);
            return Described { text, blocks };
        }
        match (self.render)(&text, package) {
            Ok(text) => Described { text, blocks },
            Err(problem) => {
                let at = self.place_of(&text).or_else(|| problem.span.clone());
                self.diagnostics.push(problem.at(at));
                Described { text, blocks }
            }
        }
    }

    /// The block that `doc(name)` or `doc(package, name)` means, seen from a package.
    pub fn find(&self, names: &[String], package: &str) -> Option<Arc<Doc>> {
        find_doc(self.blocks, self.root, names, package)
    }

    /// Where a part of a text is written, at or below the place of the entry in work; else that place.
    fn place_of(&self, part: &str) -> Option<Span> {
        let entry = self.span.clone()?;
        let below = entry.file.text.get(entry.start..).unwrap_or_default();
        let Some(start) = below.find(part).map(|found| entry.start + found) else { return Some(entry) };
        Some(Span::new(&entry.file, start..start + part.len()))
    }

    fn missing(&mut self, names: &[String], call: &str) {
        let name = names.last().map_or("", String::as_str);
        let known: Vec<&str> = self.blocks.values().map(|d| d.name.as_str()).collect();
        let mut problem = Diagnostic::error(codes::DOC_NOT_FOUND, format!("no docs block named '{}'", names.join(".")))
            .at(self.place_of(call));
        if let [first, ..] = nearest(name, known)[..] {
            problem = problem.help(format!("did you mean '{first}'?"));
        } else {
            problem = problem.help(format!("write {{% docs {name} %}}...{{% enddocs %}} in a .md file"));
        }
        self.diagnostics.push(problem);
    }
}

/// Whether a text is more than text.
pub fn has_jinja(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

/// dbt's search order for docs blocks.
pub fn find_doc(blocks: &IndexMap<String, Arc<Doc>>, root: &str, names: &[String], package: &str) -> Option<Arc<Doc>> {
    match names {
        [name] => [package, root]
            .iter()
            .find_map(|p| blocks.get(&format!("doc.{p}.{name}")))
            .or_else(|| blocks.values().find(|d| d.name == *name))
            .cloned(),
        [package, name] => blocks.get(&format!("doc.{package}.{name}")).cloned(),
        _ => None,
    }
}

/// The literal arguments of a lone `doc('a')` or `doc("a", "b")`.
fn doc_call(expression: &str) -> Option<Vec<String>> {
    let inner =
        expression.trim_matches(['-', '+']).trim().strip_prefix("doc")?.trim().strip_prefix('(')?.strip_suffix(')')?;
    let names: Vec<&str> = inner.split(',').map(str::trim).collect();
    if names.is_empty() || names.len() > 2 {
        return None;
    }
    names.into_iter().map(literal).collect()
}

fn literal(text: &str) -> Option<String> {
    let mark = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let inner = text.get(1..)?.strip_suffix(mark)?;
    (!inner.contains([mark, '\\'])).then(|| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(package: &str, name: &str, contents: &str) -> (String, Arc<Doc>) {
        let unique_id = format!("doc.{package}.{name}");
        let doc = Doc {
            unique_id: unique_id.clone(),
            package: package.into(),
            name: name.into(),
            original_path: "models/docs.md".into(),
            contents: contents.into(),
        };
        (unique_id, Arc::new(doc))
    }

    #[test]
    fn doc_calls_are_put_in() {
        let blocks: IndexMap<_, _> = [block("shop", "status", "One of\nfour."), block("pkg", "status", "other")].into();
        let never = |text: &str, _: &str| -> Result<String, Diagnostic> { panic!("rendered {text}") };
        let mut docs = Docs::new(&blocks, "shop", &never);
        let described = docs.describe(Some(&"Status: {{ doc('status') }}".into()), "shop");
        assert_eq!(described.text, "Status: One of\nfour.");
        assert_eq!(described.blocks, ["doc.shop.status"]);
        assert_eq!(docs.describe(Some(&"{{doc(\"pkg\", 'status')}}".into()), "shop").text, "other");
        docs.describe(Some(&"{{ doc('statuss') }}".into()), "shop");
        assert_eq!(docs.diagnostics.len(), 1);
    }
}

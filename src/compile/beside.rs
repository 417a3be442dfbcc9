//! What runs beside a node's query: its hooks, and statements that its template runs while it is rendered.
//!
//! In: a node. Out: [`Deed`]s, as texts. Nothing runs: what a text does can be read, not known.

use std::collections::HashSet;
use std::sync::Arc;

use crate::base::Value;
use crate::jinja::context::NodeScope;
use crate::node::Node;

use super::compiler::Compiler;

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doer {
    /// `on-run-start`.
    RunStart,
    /// A hook before the node is built.
    PreHook,
    /// A hook after it.
    PostHook,
    /// The template or a macro that it calls.
    Template,
}

/// What one of them does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Who does it.
    pub by: Doer,
    /// Its text: rendered as far as that is possible without a warehouse, and as it is written.
    pub text: String,
}

impl Compiler {
    /// What runs beside a node's query.
    pub fn beside(&self, node: &Arc<Node>) -> Vec<Deed> {
        let mut deeds = Vec::new();
        let mut calls = false;
        for (key, by) in [("pre-hook", Doer::PreHook), ("post-hook", Doer::PostHook)] {
            let hooks = node.config.get(key).and_then(Value::as_list).unwrap_or_default();
            for written in hooks.iter().filter_map(|hook| hook.get("sql")).map(Value::to_string) {
                let mut text = written;
                if is_template(&text) {
                    calls = true;
                    let scope = NodeScope::run(&self.shared, node, None, self.resolver(node)).build();
                    // A hook that asks the warehouse stays as it is written.
                    if let Ok(rendered) = self.compile_text(&text, &scope) {
                        text = format!("{text};\n{rendered}");
                    }
                }
                deeds.push(Deed { by, text });
            }
        }
        let macros = self.macros_of(node);
        if calls && !macros.is_empty() {
            for deed in &mut deeds {
                if is_template(&deed.text) {
                    deed.text = format!("{};\n{macros}", deed.text);
                }
            }
        }
        let own = [jinja_of(node.template.text()), macros].join(";\n");
        deeds.push(Deed { by: Doer::Template, text: own });
        deeds
    }

    /// What an operation does: a hook of the project.
    pub fn deed_of_operation(&self, node: &Arc<Node>, rendered: Option<&str>) -> Deed {
        let text = [rendered.unwrap_or_default(), node.template.text(), &self.macros_of(node)].join(";\n");
        Deed { by: Doer::RunStart, text }
    }

    /// The project's macros that a node calls, and those that these call.
    fn macros_of(&self, node: &Node) -> String {
        let macros = &self.names.project.macros;
        let internal = self.engine.registry().internal_packages();
        let mut seen: HashSet<&str> = HashSet::new();
        let mut open: Vec<&str> = node.depends_on_macros.iter().map(String::as_str).collect();
        let mut texts = Vec::new();
        while let Some(id) = open.pop() {
            let Some(found) = macros.get(id).filter(|found| !internal.contains(&found.package)) else { continue };
            if seen.insert(id) {
                open.extend(found.depends_on.iter().map(String::as_str));
                texts.push(found.span.text());
            }
        }
        texts.join(";\n")
    }
}

fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// What stands between the marks of a template, and between the tags of its `call` and `set` blocks.
fn jinja_of(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let tag = &rest[start..];
        let close = if tag.starts_with("{{") { "}}" } else { "%}" };
        let end = tag.find(close).map_or(tag.len(), |end| end + close.len());
        out.push_str(&tag[..end]);
        let words: Vec<&str> = tag[2..end].trim_matches(['-', ' ', '%', '}']).split_whitespace().collect();
        let inside = match words.first() {
            Some(&"call") => tag.find("endcall"),
            Some(&"set") if !tag[..end].contains('=') => tag.find("endset"),
            _ => None,
        };
        let end = inside.filter(|inside| *inside > end).map_or(end, |inside| {
            out.push_str(&tag[end..inside]);
            inside
        });
        out.push_str(";\n");
        rest = &tag[end..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::jinja_of;

    #[test]
    fn only_what_the_template_does_is_read() {
        let text = "{% do run_query('create table x') %}\nselect a from x\n\
            {% call statement('s') %}create table y{% endcall %}{{ ref('z') }}";
        let read = jinja_of(text);
        for part in ["create table x", "create table y", "ref('z')"] {
            assert!(read.contains(part), "{part} in {read}");
        }
        assert!(!read.contains("select a"), "{read}");
    }
}

//! What runs beside a node's query: its hooks, and statements that its template runs while it is rendered.
//!
//! In: a node. Out: [`Deed`]s, as texts. Nothing runs: what a text does can be read, not known.

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
        let acting = self.macros_of(node, &acts);
        for (key, by) in [("pre-hook", Doer::PreHook), ("post-hook", Doer::PostHook)] {
            let hooks = node.config.get(key).and_then(Value::as_list).unwrap_or_default();
            for written in hooks.iter().filter_map(|hook| hook.get("sql")).map(Value::to_string) {
                if !is_template(&written) {
                    deeds.push(Deed { by, text: written });
                    continue;
                }
                let scope = NodeScope::run(&self.shared, node, None, self.resolver(node)).build();
                // A hook that asks the warehouse stays as it is written.
                let text = match self.compile_text(&written, &scope) {
                    Ok(rendered) => [written.as_str(), &rendered, &acting].join(";\n"),
                    Err(_) => [written.as_str(), &self.macros_of(node, &|_| true)].join(";\n"),
                };
                deeds.push(Deed { by, text });
            }
        }
        let own = [jinja_of(node.template.text()), acting].join(";\n");
        if acts(&own) {
            deeds.push(Deed { by: Doer::Template, text: own });
        }
        deeds
    }

    /// What an operation does: a hook of the project.
    pub fn deed_of_operation(&self, node: &Arc<Node>, rendered: Option<&str>) -> Deed {
        let macros = self.macros_of(node, &|text| rendered.is_none() || acts(text));
        let text = [rendered.unwrap_or_default(), node.template.text(), &macros].join(";\n");
        Deed { by: Doer::RunStart, text }
    }

    /// The texts of the project's macros that a node calls, and of those that these call, as far as they are wanted.
    fn macros_of(&self, node: &Node, wanted: &dyn Fn(&str) -> bool) -> String {
        let internal = self.engine.registry().internal_packages();
        let called = self.names.project.macros_called(&node.depends_on_macros).filter_map(|(_, found)| found);
        let own = called.filter(|found| !internal.contains(&found.package));
        let texts = own.map(|found| without_comments(found.span.text())).filter(|text| wanted(text));
        texts.collect::<Vec<_>>().join(";\n")
    }
}

/// Whether a template runs statements of its own.
fn acts(text: &str) -> bool {
    ["run_query", "statement", "adapter.execute", "add_query"].iter().any(|call| text.contains(call))
}

/// A template without its comments.
fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("{#") {
        out.push_str(before);
        rest = behind.split_once("#}").map_or("", |(_, rest)| rest);
    }
    out + rest
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

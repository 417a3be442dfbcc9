//! The code that a worker is running, with the way back to the file that it comes from.
//!
//! In: compiled nodes and rendered hooks. Out: [`RunningCode`], which errors are led back through.

use crate::compile::Compiled;
use crate::diag::Span;
use crate::jinja::{Exactness, Rendered};
use crate::node::Template;

/// Rendered code of any kind of node.
#[derive(Clone, Debug)]
enum Origin {
    Compiled(Compiled),
    Rendered(Rendered),
}

/// The code that a worker is running.
#[derive(Clone, Debug)]
pub(super) struct RunningCode {
    origin: Origin,
    /// The written file relative to the project.
    pub path: Option<String>,
    /// The node's own template, the place of errors without a place.
    pub template: Option<Template>,
}

impl RunningCode {
    /// The code of a compiled node.
    pub fn compiled(compiled: &Compiled, path: Option<String>) -> Self {
        let template = Some(compiled.node.template.clone());
        Self { origin: Origin::Compiled(compiled.clone()), path, template }
    }

    /// The code of a hook.
    pub fn rendered(rendered: Rendered, template: Template) -> Self {
        Self { origin: Origin::Rendered(rendered), path: None, template: Some(template) }
    }

    /// The final text.
    pub fn text(&self) -> &str {
        match &self.origin {
            Origin::Compiled(compiled) => &compiled.code.code,
            Origin::Rendered(rendered) => &rendered.text,
        }
    }

    /// The place in the project that a byte of the text comes from.
    pub fn locate(&self, offset: usize) -> Option<(Span, Exactness)> {
        match &self.origin {
            Origin::Compiled(compiled) => compiled.locate(offset),
            Origin::Rendered(rendered) => Some(rendered.map.locate(offset)),
        }
    }

    /// The offset in this code of an offset in a statement that contains it; none if the statement contains it not, or the
    /// offset lies outside of it.
    pub fn offset_in(&self, statement: &str, offset: usize) -> Option<usize> {
        let code = self.text();
        let trimmed = code.trim();
        if trimmed.is_empty() {
            return None;
        }
        let leading = code.len() - code.trim_start().len();
        let starts = statement.match_indices(trimmed).map(|(start, _)| start);
        let inside = |start: &usize| (*start..=*start + trimmed.len()).contains(&offset);
        starts.into_iter().find(inside).map(|start| offset - start + leading)
    }
}

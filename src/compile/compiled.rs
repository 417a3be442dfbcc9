//! The result of compiling, with the way back to the source.
//!
//! In: SQL, pieces with their origins. Out: [`Compiled`].

use std::ops::Range;
use std::sync::Arc;

use crate::diag::{Diagnostic, Span, codes};
use crate::jinja::{Exactness, SpanMap};
use crate::node::dict::CompiledCode;
use crate::node::{Language, Node, ResourceType};

/// Where a piece of compiled SQL comes from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// A rendered template.
    Template(SpanMap),
    /// Text taken as it is: its bytes are those of the place, what follows was put behind.
    Verbatim(Span),
    /// Something without a template of its own, such as the rows of a unit test.
    Place(Span),
}

/// Leads offsets of final SQL to the template of the node or of an inlined parent.
#[derive(Clone, Debug, Default)]
pub(super) struct CodeMap {
    /// Bytes of the final SQL, the origin, and the offset in the origin's own text where the piece starts.
    pub(super) pieces: Vec<(Range<usize>, Arc<Origin>, usize)>,
}

impl CodeMap {
    fn locate(&self, offset: usize) -> Option<(Span, Exactness)> {
        // An offset at the very end, where a parser meets the end of the text, belongs to the last piece.
        let inside = self.pieces.iter().find(|(range, ..)| range.contains(&offset));
        let at_end = || self.pieces.iter().rfind(|(range, ..)| range.end == offset);
        let (range, origin, from) = inside.or_else(at_end)?;
        Some(match &**origin {
            Origin::Template(map) => map.locate(from + (offset - range.start)),
            Origin::Verbatim(span) => {
                let at = span.start + from + (offset - range.start);
                let line = span.file.text.get(at..span.end)?.lines().next().unwrap_or_default();
                (Span::new(&span.file, at..at + line.len()), Exactness::Exact)
            }
            Origin::Place(span) => (span.clone(), Exactness::Tag),
        })
    }
}

/// A compiled node.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The node as it is to run: the parsed one, with what only compiling can know (the relation of a test that stores
    /// failures, the targets of foreign keys).
    pub node: Arc<Node>,
    /// The SQL; `path` is none until the file is written.
    pub code: Arc<CompiledCode>,
    pub(super) map: CodeMap,
    /// Whether the node's own code says nothing.
    pub(super) blank: bool,
}

impl Compiled {
    /// A model without SQL would fail in the database, with words that do not help. Materializations of the user's own may
    /// need none.
    pub fn require_sql(&self) -> Result<(), Box<Diagnostic>> {
        let node = &self.node;
        let is_model = node.resource_type == ResourceType::Model && node.language == Language::Sql;
        if !self.blank || !is_model || !matches!(node.config.materialized(), "view" | "table" | "incremental") {
            return Ok(());
        }
        let message = format!("{} has no SQL after rendering", node.id);
        let help = if node.template.text().trim().is_empty() {
            "write a SELECT, or delete the file"
        } else {
            "every branch of the template must give a SELECT; set `enabled: false` to leave the model out"
        };
        let diagnostic = Diagnostic::error(codes::SQL_EMPTY, message).at(node.template.span()).node(node.id.as_str());
        Err(Box::new(diagnostic.help(help)))
    }

    /// The node's own SQL, without what was put in front; none where nothing was.
    pub fn own_sql(&self) -> Option<String> {
        let (_, own, _) = self.map.pieces.last()?;
        let is_own = |piece: &&(Range<usize>, Arc<Origin>, usize)| Arc::ptr_eq(&piece.1, own);
        if self.map.pieces.iter().all(|piece| is_own(&piece)) {
            return None;
        }
        let pieces = self.map.pieces.iter().filter(is_own);
        Some(pieces.filter_map(|(range, ..)| self.code.code.get(range.clone())).collect())
    }

    /// The place in the project that a byte of the final SQL comes from: the node's own file, or that of an inlined parent.
    /// None for what compiling itself put there (`with`, commas, brackets).
    pub fn locate(&self, offset: usize) -> Option<(Span, Exactness)> {
        self.map.locate(offset)
    }
}

//! The way from rendered text back to its template.
//!
//! In: chunks that the engine writes; raw template text arrives as slices of the template, so its address tells its place.
//! Out: [`SpanMap`].

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::rewrite::EditMap;
use crate::diag::{SourceFile, Span};

/// How well a place is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exactness {
    /// The text stands in the template.
    Exact,
    /// The text was made by a tag; the place is that tag.
    Tag,
}

/// Leads offsets of rendered text to its template.
#[derive(Clone, Debug)]
pub struct SpanMap {
    file: Arc<SourceFile>,
    /// Start in the output, place in the template; sorted by start.
    pieces: Vec<(usize, Range<usize>, Exactness)>,
    length: usize,
}

impl SpanMap {
    /// The map of text that was taken over unchanged.
    pub(super) fn identity(file: &Arc<SourceFile>, range: Range<usize>) -> Self {
        let length = range.len();
        Self { file: Arc::clone(file), pieces: vec![(0, range, Exactness::Exact)], length }
    }

    /// The template that was rendered.
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.file
    }

    /// The place in the template that an offset of the output comes from.
    pub fn locate(&self, offset: usize) -> (Span, Exactness) {
        let offset = offset.min(self.length);
        let index = self.pieces.partition_point(|piece| piece.0 <= offset);
        match index.checked_sub(1).map(|index| &self.pieces[index]) {
            Some((start, range, Exactness::Exact)) => {
                let at = (range.start + (offset - start)).min(range.end);
                (Span::new(&self.file, at..at), Exactness::Exact)
            }
            Some((_, range, Exactness::Tag)) => (Span::new(&self.file, range.clone()), Exactness::Tag),
            None => (Span::file_start(&self.file), Exactness::Tag),
        }
    }

    /// The place in the template of a range of the output.
    pub fn locate_range(&self, range: Range<usize>) -> (Span, Exactness) {
        let (first, exact) = self.locate(range.start);
        let (last, _) = self.locate(range.end.saturating_sub(1).max(range.start));
        let longer = usize::from(exact == Exactness::Exact && range.end > range.start);
        let end = last.end.max(first.end) + longer;
        (Span::new(&self.file, first.start..end.max(first.start)), exact)
    }
}

/// Takes the output of a render and notes where its chunks come from.
pub(super) struct Sink {
    base: usize,
    source_length: usize,
    text: Vec<u8>,
    /// Start in the output, and the offset in the rewritten template of raw text.
    chunks: Vec<(usize, Option<Range<usize>>)>,
}

impl Sink {
    /// A sink for the render of a rewritten template.
    pub fn new(template: &str) -> Self {
        let text = Vec::with_capacity(template.len() + 256);
        Self { base: template.as_ptr() as usize, source_length: template.len(), text, chunks: Vec::new() }
    }

    /// The output and its map. The template's own prefix ends at `prefix`.
    pub fn finish(self, file: &Arc<SourceFile>, map: &EditMap, prefix: usize) -> (String, SpanMap) {
        let mut pieces = Vec::with_capacity(self.chunks.len());
        let mut previous_end = prefix;
        for (index, (start, source)) in self.chunks.iter().enumerate() {
            match source {
                Some(range) => {
                    // Removed carriage returns leave runs that must be mapped one by one.
                    let mut at = range.start;
                    while at < range.end {
                        let next = map.copied_until(at).min(range.end).max(at + 1);
                        let original = map.original(at);
                        pieces.push((start + (at - range.start), original..original + (next - at), Exactness::Exact));
                        at = next;
                    }
                    previous_end = range.end;
                }
                None => {
                    let following = self.chunks[index + 1..].iter().find_map(|(_, source)| source.clone());
                    let end = following.map_or(self.source_length, |range| range.start);
                    let place = if end > previous_end { previous_end..end } else { previous_end..previous_end };
                    pieces.push((*start, trimmed(file, map.original_range(place)), Exactness::Tag));
                }
            }
        }
        let length = self.text.len();
        let text =
            String::from_utf8(self.text).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned());
        (text, SpanMap { file: Arc::clone(file), pieces, length })
    }
}

/// A range without the blanks at its ends, which whitespace control has removed.
fn trimmed(file: &SourceFile, range: Range<usize>) -> Range<usize> {
    let Some(text) = file.text.get(range.clone()) else { return range };
    let start = range.start + (text.len() - text.trim_start().len());
    start..(start + text.trim().len())
}

impl io::Write for Sink {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        let address = chunk.as_ptr() as usize;
        let inside = address >= self.base && address + chunk.len() <= self.base + self.source_length;
        let source = inside.then(|| address - self.base..address - self.base + chunk.len());
        let start = self.text.len();
        let continues = source.is_none() && self.chunks.last().is_some_and(|(_, last)| last.is_none());
        if !chunk.is_empty() && !continues {
            self.chunks.push((start, source));
        }
        self.text.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

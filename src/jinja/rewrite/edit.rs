//! Changes to a text, and the way back from the changed text to the original.
//!
//! In: insertions and replacements at original offsets. Out: the new text with an [`EditMap`] from its offsets to original ones.

use std::collections::BTreeMap;
use std::ops::Range;

/// Leads offsets of a rewritten text back to its original.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EditMap {
    runs: Vec<Run>,
}

/// A stretch of new text: copied from the original, or made for one place of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    new: usize,
    old: usize,
    copied: bool,
}

impl EditMap {
    fn run_at(&self, new: usize) -> Option<Run> {
        let index = self.runs.partition_point(|run| run.new <= new);
        index.checked_sub(1).map(|index| self.runs[index])
    }

    /// The original offset of an offset in the new text.
    pub fn original(&self, new: usize) -> usize {
        self.run_at(new).map_or(0, |run| if run.copied { run.old + (new - run.new) } else { run.old })
    }

    /// Where the run of text that holds `new` ends: up to there offsets advance together.
    pub fn copied_until(&self, new: usize) -> usize {
        let index = self.runs.partition_point(|run| run.new <= new);
        self.runs.get(index).map_or(usize::MAX, |run| run.new)
    }

    /// The original range of a range in the new text.
    pub fn original_range(&self, new: Range<usize>) -> Range<usize> {
        let start = self.original(new.start);
        let end = if new.end > new.start {
            match self.run_at(new.end - 1) {
                Some(run) if run.copied => run.old + (new.end - run.new),
                Some(run) => run.old,
                None => start,
            }
        } else {
            start
        };
        start..end.max(start)
    }
}

/// New text under construction.
#[derive(Debug)]
pub struct Output<'a> {
    source: &'a str,
    text: String,
    map: EditMap,
}

impl<'a> Output<'a> {
    /// An empty text that copies from `source`.
    pub fn new(source: &'a str) -> Self {
        Self { source, text: String::with_capacity(source.len() + 128), map: EditMap::default() }
    }

    fn mark(&mut self, old: usize, copied: bool) {
        let new = self.text.len();
        if let Some(last) = self.map.runs.last_mut() {
            if last.new == new {
                *last = Run { new, old, copied };
                return;
            }
            let continues = if copied { last.old + (new - last.new) == old } else { last.old == old };
            if last.copied == copied && continues {
                return;
            }
        }
        self.map.runs.push(Run { new, old, copied });
    }

    /// Copies original text; every kind of line end becomes a line feed, as Jinja2's lexer makes it.
    pub fn copy(&mut self, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            let piece = &self.source[at..range.end];
            let length = piece.find('\r').unwrap_or(piece.len());
            if length > 0 {
                self.mark(at, true);
                self.text.push_str(&piece[..length]);
            }
            at += length;
            if at < range.end {
                if self.source.as_bytes().get(at + 1) != Some(&b'\n') || at + 1 >= range.end {
                    self.insert("\n", at);
                }
                at += 1;
            }
        }
    }

    /// Adds text that stands for the original place `at`.
    pub fn insert(&mut self, text: &str, at: usize) {
        if !text.is_empty() {
            self.mark(at, false);
            self.text.push_str(text);
        }
    }

    /// The new text and its map.
    pub fn finish(self) -> (String, EditMap) {
        (self.text, self.map)
    }
}

/// Collected changes of one text.
#[derive(Debug, Default)]
pub struct Edits {
    opens: BTreeMap<usize, String>,
    closes: BTreeMap<usize, String>,
    replaced: BTreeMap<usize, (usize, String)>,
}

impl Edits {
    /// Puts text before and behind a range. Call it for inner ranges first: an outer wrap goes around the inner ones.
    pub fn wrap(&mut self, range: Range<usize>, open: &str, close: &str) {
        self.opens.entry(range.start).or_default().insert_str(0, open);
        self.closes.entry(range.end).or_default().push_str(close);
    }

    /// Replaces a range.
    pub fn replace(&mut self, range: Range<usize>, text: impl Into<String>) {
        self.replaced.insert(range.start, (range.end, text.into()));
    }

    /// Adds the changes of another part of the text.
    pub fn append(&mut self, other: Self) {
        self.opens.extend(other.opens);
        self.closes.extend(other.closes);
        self.replaced.extend(other.replaced);
    }

    /// Writes a range of the original with its changes.
    pub fn emit(&self, output: &mut Output<'_>, range: Range<usize>) {
        let keys =
            |map: &BTreeMap<usize, String>| map.range(range.start..=range.end).map(|(at, _)| *at).collect::<Vec<_>>();
        let mut stops = keys(&self.opens);
        stops.extend(keys(&self.closes));
        stops.extend(self.replaced.range(range.clone()).map(|(at, _)| *at));
        stops.sort_unstable();
        stops.dedup();
        let mut at = range.start;
        for stop in stops {
            if stop < at {
                continue;
            }
            output.copy(at..stop);
            at = stop;
            if let Some(text) = self.closes.get(&stop).filter(|_| stop > range.start) {
                output.insert(text, stop);
            }
            if stop == range.end {
                continue;
            }
            if let Some(text) = self.opens.get(&stop) {
                output.insert(text, stop);
            }
            if let Some((end, text)) = self.replaced.get(&stop) {
                output.insert(text, stop);
                at = *end;
            }
        }
        output.copy(at..range.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_nest_and_map_back() {
        let source = "ab\r\ncd";
        let mut edits = Edits::default();
        edits.wrap(0..2, "<", ">");
        edits.wrap(0..6, "((", "))");
        edits.replace(4..5, "X");
        let mut output = Output::new(source);
        edits.emit(&mut output, 0..6);
        let (text, map) = output.finish();
        assert_eq!(text, "((<ab>\nXd))");
        assert_eq!(map.original(3), 0);
        assert_eq!(map.original(4), 1);
        assert_eq!(map.original_range(3..5), 0..2);
        assert_eq!(map.original(text.find('d').unwrap()), 5);
        assert_eq!(map.original_range(0..text.len()), 0..6);
    }
}

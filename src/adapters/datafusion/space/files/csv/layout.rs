//! How a CSV file is written. In: its beginning. Out: [`Layout`]: what parts values and what quotes them, found by which of the
//! usual ways gives all lines the same number of values.

use std::io::Read;

use super::super::options::Options;

/// What may part values, those first that are tried first.
const DELIMITERS: [u8; 4] = [b',', b'|', b';', b'\t'];

/// How a file is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    pub(super) escape: Option<u8>,
    pub(super) comment: Option<u8>,
    /// Lines before the first one that counts.
    pub(super) skip: usize,
    /// Whether the first line that counts names the columns.
    pub(super) header: bool,
}

impl Layout {
    /// What is usual, or what the call says.
    pub(super) fn said(options: &Options) -> Self {
        Self {
            delimiter: options.delimiter.unwrap_or(b','),
            quote: options.quote.unwrap_or(Some(b'"')),
            escape: options.escape,
            comment: options.comment.flatten(),
            skip: options.skip,
            header: options.header.unwrap_or(false),
        }
    }

    /// A reader of rows, which may be of any length.
    pub(super) fn reader<R: Read>(&self, input: R) -> csv::Reader<R> {
        let mut builder = csv::ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(self.delimiter).comment(self.comment);
        match self.quote {
            Some(quote) => builder.quote(quote),
            None => builder.quoting(false),
        };
        if let Some(escape) = self.escape.filter(|escape| Some(*escape) != self.quote) {
            builder.escape(Some(escape)).double_quote(false);
        }
        builder.buffer_capacity(64 << 10).from_reader(input)
    }
}

/// What a way to read the beginning of a file makes of it.
struct Trial {
    layout: Layout,
    /// Values of a row.
    width: usize,
    rows: usize,
    /// Rows that are part of the table.
    kept: usize,
    /// Whether some of them differ.
    odd: bool,
    /// The line of the first row that is not as long as the first one, from 1, and how many values it has.
    differs: Option<(u64, usize)>,
    /// Rows as long as the first one.
    like_first: usize,
    first_width: usize,
    quoted: bool,
}

/// A file of which no way to read it makes sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ragged {
    /// The line, from 1.
    pub(super) line: u64,
    pub(super) found: usize,
    pub(super) wanted: usize,
}

/// Finds out how a file is written of which this is the beginning, or all.
pub(super) fn find(beginning: &[u8], is_all: bool, options: &Options) -> Result<(Layout, usize), Ragged> {
    let said = Layout::said(options);
    let delimiters = options.delimiter.map_or_else(|| DELIMITERS.to_vec(), |d| vec![d]);
    let quotes = options.quote.map_or_else(|| vec![Some(b'"'), Some(b'\'')], |q| vec![q]);
    let comments = options.comment.map_or_else(|| vec![None, Some(b'#')], |c| vec![c]);
    let mut first: Option<Trial> = None;
    let mut ragged: Option<Ragged> = None;
    for comment in comments {
        let mut best: Option<Trial> = None;
        for quote in &quotes {
            for delimiter in &delimiters {
                let layout = Layout { delimiter: *delimiter, quote: *quote, comment, ..said.clone() };
                let trial = Trial::run(layout, beginning, is_all, options);
                if trial.odd && !options.null_padding && !options.ignore_errors {
                    ragged = ragged.or(trial.ragged());
                } else {
                    let better = best.as_ref().is_none_or(|best| trial.beats(best));
                    if better {
                        best = Some(trial);
                    }
                }
            }
        }
        let Some(best) = best else { continue };
        if best.width > 1 {
            return Ok((best.layout, best.width));
        }
        first = first.or(Some(best));
    }
    match (first, ragged) {
        // Lines of a text may have commas in them.
        (Some(single), None) => Ok((single.layout, single.width)),
        (_, Some(ragged)) => Err(ragged),
        (None, None) => Ok((said, 1)),
    }
}

impl Trial {
    fn run(layout: Layout, beginning: &[u8], is_all: bool, options: &Options) -> Self {
        let text = after_lines(beginning, layout.skip);
        let mut trial = Self {
            layout,
            width: 0,
            rows: 0,
            kept: 0,
            odd: false,
            differs: None,
            like_first: 0,
            first_width: 0,
            quoted: false,
        };
        let mut reader = trial.layout.reader(text);
        let mut record = csv::ByteRecord::new();
        let mut rows: Vec<(u64, usize, u64)> = Vec::new();
        while rows.len() < options.sample.min(20_480) && reader.read_byte_record(&mut record).unwrap_or(false) {
            let (line, start) = record.position().map_or((1, 0), |p| (p.line(), p.byte()));
            let end = usize::try_from(reader.position().byte()).unwrap_or(text.len());
            // What is cut off in the middle says nothing.
            if !is_all && end >= text.len() && !rows.is_empty() {
                break;
            }
            let start = usize::try_from(start).unwrap_or_default();
            trial.quoted |= text.get(start..end).is_some_and(|raw| trial.is_quoted(raw));
            rows.push((line, record.len(), reader.position().line()));
        }
        drop(reader);
        trial.judge(&rows, options);
        trial
    }

    /// Whether a value of a row is within quotes.
    fn is_quoted(&self, raw: &[u8]) -> bool {
        let Some(quote) = self.layout.quote else { return false };
        let ends = |at: usize| {
            matches!(raw.get(at), None | Some(b'\r' | b'\n')) || raw.get(at) == Some(&self.layout.delimiter)
        };
        let begins = |at: usize| at == 0 || raw[at - 1] == self.layout.delimiter || raw[at - 1] == b'\n';
        let mut open = false;
        for (at, byte) in raw.iter().enumerate() {
            if *byte == quote {
                if open && ends(at + 1) {
                    return true;
                }
                open |= begins(at);
            }
        }
        false
    }

    fn judge(&mut self, rows: &[(u64, usize, u64)], options: &Options) {
        self.rows = rows.len();
        let Some((_, last, _)) = rows.last() else { return };
        self.first_width = rows[0].1;
        self.like_first = rows.iter().filter(|(_, width, _)| *width == self.first_width).count();
        if options.null_padding {
            self.width = rows.iter().map(|(_, width, _)| *width).max().unwrap_or(*last);
            self.kept = rows.len();
            return;
        }
        if options.ignore_errors {
            self.width = self.first_width;
            self.kept = self.like_first;
            return;
        }
        self.width = *last;
        // Lines before the table are shorter than its rows.
        let begin = rows.iter().position(|(_, width, _)| *width >= self.width).unwrap_or_default();
        self.kept = rows.len() - begin;
        let alone = begin > 0 && self.kept < 2;
        self.odd = alone || rows[begin..].iter().any(|(_, width, _)| *width != self.width);
        let differs = rows.iter().find(|(_, width, _)| *width != self.first_width);
        self.differs = differs.map(|(line, width, _)| (*line, *width));
        if !self.odd && begin > 0 {
            let before = rows[begin - 1].2.saturating_sub(1);
            self.layout.skip += usize::try_from(before).unwrap_or_default();
        }
    }

    /// Where a file is read best as a table whose rows are as long as the first one, but for some.
    fn ragged(&self) -> Option<Ragged> {
        let is_table = self.first_width > 1 && self.like_first * 2 > self.rows;
        let (line, found) = self.differs?;
        let skipped = u64::try_from(self.layout.skip).unwrap_or_default();
        is_table.then_some(Ragged { line: line + skipped, found, wanted: self.first_width })
    }

    /// Whether it makes more of the file than another one.
    fn beats(&self, other: &Self) -> bool {
        let rank = |trial: &Self| (trial.width > 1, trial.kept, trial.width);
        if self.layout.quote != other.layout.quote {
            // Another quote has to be seen around values.
            return self.quoted && (!other.quoted && self.width >= other.width || rank(self) > rank(other));
        }
        rank(self) > rank(other)
    }
}

/// A text without its first lines.
pub(super) fn after_lines(text: &[u8], lines: usize) -> &[u8] {
    let mut rest = text;
    for _ in 0..lines {
        match rest.iter().position(|b| *b == b'\n') {
            Some(at) => rest = &rest[at + 1..],
            None => return &[],
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<(char, Option<char>, usize, usize), Ragged> {
        let (layout, width) = find(text.as_bytes(), true, &Options::default())?;
        Ok((char::from(layout.delimiter), layout.quote.map(char::from), layout.skip, width))
    }

    #[test]
    fn layouts_are_found() {
        for (text, expected) in [
            ("a,b\n1,2\n", (',', Some('"'), 0, 2)),
            ("a;b\n1;2,5\n2;3,5\n", (';', Some('"'), 0, 2)),
            ("a\tb\n1\t2\n", ('\t', Some('"'), 0, 2)),
            ("a|b\n1,2|3\n", ('|', Some('"'), 0, 2)),
            ("a,b\n1,\"x,\ny\"\n", (',', Some('"'), 0, 2)),
            ("id,s\n1,'a,b'\n2,'c'\n", (',', Some('\''), 0, 2)),
            ("id,s\n1,'a'\n2,'c'\n", (',', Some('\''), 0, 2)),
            ("id,s\n1,it's\n2,c\n", (',', Some('"'), 0, 2)),
            ("Report\n\nid,s\n1,a\n", (',', Some('"'), 1, 2)),
            ("x\ny\na,b\n1,2\n", (',', Some('"'), 2, 2)),
            ("# note\na,b\n1,2\n# x\n3,4\n", (',', Some('"'), 0, 2)),
            ("id;v\n1;1,5\n2;2,5\n", (';', Some('"'), 0, 2)),
            ("a;b\n1,5;x\n2,25;y\n", (';', Some('"'), 0, 2)),
            ("id;name\n1;a\n2;b,c\n", (';', Some('"'), 0, 2)),
            ("text\nhello, world\nfoo\na, b, c\n", ('|', Some('"'), 0, 1)),
            ("text\nhello, world\nfoo\nbar\n", ('|', Some('"'), 0, 1)),
            ("a\n1\n", (',', Some('"'), 0, 1)),
            ("", (',', Some('"'), 0, 1)),
        ] {
            let found = of(text).map(|(d, q, s, w)| (d, q, s, w.max(1)));
            assert_eq!(found, Ok(expected), "{text}");
        }
        assert_eq!(of("a,b,c\n1,2,3\n4,5\n6,7,8\n"), Err(Ragged { line: 3, found: 2, wanted: 3 }));
        assert_eq!(of("a,b\n1,2\n3,4\ntotal\n"), Err(Ragged { line: 4, found: 1, wanted: 2 }));
        assert_eq!(of("a,b\n1,2\n3,4,5\n6,7\n"), Err(Ragged { line: 3, found: 3, wanted: 2 }));
    }
}

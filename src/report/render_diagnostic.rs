//! Draws a problem the way compilers do: message, place, the lines concerned with carets, notes, the way out.
//!
//! In: a [`Diagnostic`]. Out: text without final line end.
//!
//! ```text
//! error[T401]: ref to nothing: 'stg_order'
//!  --> models/orders.sql:3:18
//!   |
//! 3 | select * from {{ ref('stg_order') }}
//!   |                  ^^^^^^^^^^^^^^^^
//!   |
//!   = help: did you mean 'stg_orders'?
//! ```
//!
//! Columns are counted as a terminal shows them: wide characters take two cells, tabs four, control characters one. Lines
//! that do not fit are cut around the first mark.

use std::collections::BTreeMap;
use std::sync::Arc;

use unicode_width::UnicodeWidthChar;

use crate::diag::{Diagnostic, Severity, SourceFile, Span};

use super::style::{Painter, Tint};

const TAB: usize = 4;

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct RenderStyle {
    /// Whether escape codes are wanted.
    pub color: bool,
    /// Width of the screen in cells; source lines are cut to it.
    pub width: usize,
}

impl RenderStyle {
    /// No colours, for files and pipes.
    pub fn plain() -> Self {
        Self { color: false, width: 140 }
    }
}

/// A place with what is there.
struct Mark<'a> {
    span: &'a Span,
    text: &'a str,
    primary: bool,
}

/// The drawn problem.
pub fn render_diagnostic(diagnostic: &Diagnostic, style: RenderStyle) -> String {
    let painter = Painter { color: style.color };
    let word = diagnostic.severity.word();
    let tint = match diagnostic.severity {
        Severity::Error => Tint::Red,
        Severity::Warning => Tint::Yellow,
        Severity::Info => Tint::Blue,
    };
    let mut lines = Vec::new();
    let headline = format!("{word}[{}]", diagnostic.code);
    let mut message = diagnostic.message.trim().lines();
    let first = format!(": {}", message.next().unwrap_or_default());
    lines.push(format!("{}{}", painter.paint(tint, &headline), painter.paint(Tint::Bold, &first)));
    lines.extend(message.map(|line| format!("  {line}")));

    let marks: Vec<Mark> = diagnostic
        .span
        .iter()
        .map(|span| Mark { span, text: "", primary: true })
        .chain(diagnostic.labels.iter().map(|l| Mark { span: &l.span, text: &l.text, primary: false }))
        .collect();
    let last_line = marks.iter().map(|m| m.span.position().line).max().unwrap_or(0);
    let gutter = if last_line == 0 { 1 } else { last_line.to_string().len() };
    let drawing = Drawing { painter, tint, gutter, width: style.width };
    let has_place = !marks.is_empty();
    let ends_in_snippet = drawing.files(&marks, &mut lines);
    let footers = footers(diagnostic, has_place);
    if ends_in_snippet && !footers.is_empty() {
        lines.push(drawing.margin());
    }
    for (kind, text) in footers {
        drawing.footer(kind, &text, &mut lines);
    }
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines.join("\n")
}

fn footers(diagnostic: &Diagnostic, has_place: bool) -> Vec<(&'static str, String)> {
    let mut list = Vec::new();
    if let (Some(node), false) = (&diagnostic.node, has_place) {
        list.push(("node", node.clone()));
    }
    list.extend(diagnostic.notes.iter().map(|n| ("note", n.clone())));
    list.extend(diagnostic.help.iter().map(|h| ("help", h.clone())));
    list
}

struct Drawing {
    painter: Painter,
    tint: Tint,
    gutter: usize,
    width: usize,
}

impl Drawing {
    fn blue(&self, text: &str) -> String {
        self.painter.paint(Tint::Blue, text)
    }

    fn margin(&self) -> String {
        self.blue(&format!("{} |", " ".repeat(self.gutter)))
    }

    /// All places, file by file, the primary one's first. Whether the last thing drawn is a snippet.
    fn files(&self, marks: &[Mark], lines: &mut Vec<String>) -> bool {
        let mut files: Vec<(&Arc<SourceFile>, Vec<&Mark>)> = Vec::new();
        for mark in marks {
            match files.iter_mut().find(|(file, _)| Arc::ptr_eq(file, &mark.span.file)) {
                Some((_, list)) => list.push(mark),
                None => files.push((&mark.span.file, vec![mark])),
            }
        }
        let mut snippet = false;
        for (index, (_, list)) in files.iter().enumerate() {
            let Some(first) = list.first() else { continue };
            let arrow = if index == 0 { "-->" } else { ":::" };
            lines.push(format!("{}{} {}", " ".repeat(self.gutter), self.blue(arrow), first.span));
            snippet = self.snippet(list, lines);
        }
        snippet
    }

    /// The lines of one file. The empty span at offset 0 means the file as a whole and shows none.
    fn snippet(&self, marks: &[&Mark], lines: &mut Vec<String>) -> bool {
        let mut by_line: BTreeMap<usize, Vec<&Mark>> = BTreeMap::new();
        for mark in marks {
            if mark.span.end > 0 {
                by_line.entry(mark.span.position().line).or_default().push(mark);
            }
        }
        if by_line.is_empty() {
            return false;
        }
        lines.push(self.margin());
        let mut previous: Option<usize> = None;
        for (&number, list) in &by_line {
            if let Some(before) = previous {
                match number - before {
                    1 => {}
                    2 => self.source_line(before + 1, &[], list, lines),
                    _ => lines.push(self.blue("...")),
                }
            }
            self.source_line(number, list, list, lines);
            previous = Some(number);
        }
        true
    }

    /// One source line with the marks that start on it. `same_file` names the file.
    fn source_line(&self, number: usize, marks: &[&Mark], same_file: &[&Mark], lines: &mut Vec<String>) {
        let Some(any) = same_file.first() else { return };
        let file = &any.span.file;
        let start = file.line_start(number);
        let rest = &file.text[start..];
        let text = rest[..rest.find('\n').unwrap_or(rest.len())].trim_end_matches('\r');
        let cells = Cells::of(text);
        let placed: Vec<(usize, usize)> = marks
            .iter()
            .map(|m| cells.range(m.span.start.saturating_sub(start), m.span.end.saturating_sub(start)))
            .collect();
        let room = self.width.saturating_sub(self.gutter + 3).max(20);
        let window = cells.window(placed.iter().map(|(from, _)| *from).min(), room);
        let number = format!("{number:>width$} |", width = self.gutter);
        lines.push(format!("{} {}", self.blue(&number), cells.cut(&window)));
        let mut order: Vec<usize> = (0..marks.len()).collect();
        order.sort_by_key(|&i| (!marks[i].primary, placed[i].0));
        for i in order {
            let (mark, (from, to)) = (marks[i], placed[i]);
            let from = from.clamp(window.from, window.to);
            let to = to.clamp(from + 1, window.to.max(from + 1));
            let (sign, tint) = if mark.primary { ("^", self.tint) } else { ("-", Tint::Blue) };
            let mut drawn = sign.repeat(to - from);
            if !mark.text.is_empty() {
                drawn.push(' ');
                drawn.push_str(mark.text);
            }
            let indent = " ".repeat(from - window.from + usize::from(window.from > 0));
            lines.push(format!("{} {indent}{}", self.margin(), self.painter.paint(tint, &drawn)));
        }
    }

    fn footer(&self, kind: &str, text: &str, lines: &mut Vec<String>) {
        let tint = if kind == "help" { Tint::Cyan } else { Tint::Bold };
        let indent = " ".repeat(self.gutter + 1);
        let mut texts = text.trim().lines();
        let first = texts.next().unwrap_or_default();
        lines.push(format!("{indent}{} {} {first}", self.blue("="), self.painter.paint(tint, &format!("{kind}:"))));
        let hang = " ".repeat(self.gutter + 1 + 2 + kind.len() + 2);
        lines.extend(texts.map(|line| format!("{hang}{line}")));
    }
}

/// A line as the terminal shows it.
struct Cells {
    /// Byte offset, first cell, shown text.
    chars: Vec<(usize, usize, String)>,
    /// Cells in all.
    width: usize,
}

struct Window {
    from: usize,
    to: usize,
}

impl Cells {
    fn of(text: &str) -> Self {
        let mut chars = Vec::with_capacity(text.len());
        let mut width = 0;
        for (offset, c) in text.char_indices() {
            let (shown, cells) = match c {
                '\t' => (" ".repeat(TAB), TAB),
                c => match c.width() {
                    Some(cells) => (c.to_string(), cells),
                    None => ("\u{fffd}".to_owned(), 1),
                },
            };
            chars.push((offset, width, shown));
            width += cells;
        }
        Self { chars, width }
    }

    /// The cell at a byte offset; the line's end for offsets past it.
    fn cell(&self, offset: usize) -> usize {
        self.chars.iter().find(|(o, ..)| *o >= offset).map_or(self.width, |(_, cell, _)| *cell)
    }

    /// The cells of a byte range, at least one.
    fn range(&self, start: usize, end: usize) -> (usize, usize) {
        let from = self.cell(start);
        (from, self.cell(end.max(start)).max(from + 1))
    }

    fn window(&self, mark: Option<usize>, room: usize) -> Window {
        if self.width <= room {
            return Window { from: 0, to: self.width };
        }
        // Two cells are kept for the signs that something was left out.
        let room = room - 2;
        let latest = self.width.saturating_sub(room);
        let from = mark.unwrap_or(0).saturating_sub(room / 3).min(latest);
        Window { from, to: from + room }
    }

    fn cut(&self, window: &Window) -> String {
        let mut shown = String::new();
        if window.from > 0 {
            shown.push('…');
        }
        let inside = self.chars.iter().filter(|(_, cell, _)| *cell >= window.from && *cell < window.to);
        shown.extend(inside.map(|(.., text)| text.as_str()));
        if window.to < self.width {
            shown.push('…');
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::codes;

    fn drawn(diagnostic: &Diagnostic) -> String {
        render_diagnostic(diagnostic, RenderStyle { color: false, width: 60 })
    }

    fn span(file: &Arc<SourceFile>, needle: &str) -> Span {
        let start = file.text.find(needle).expect("the needle is in the text");
        Span::new(file, start..start + needle.len())
    }

    #[test]
    fn message_place_carets_help() {
        let file =
            SourceFile::new("models/x.sql", "with a as (\n  select 1\n)\nselect * from {{ ref('stg_order') }}\n");
        let diagnostic = Diagnostic::error(codes::REF_NOT_FOUND, "ref to nothing: 'stg_order'")
            .at(span(&file, "ref('stg_order')"))
            .label(span(&file, "a as ("), "defined here")
            .note("the model 'x' is not compiled")
            .help("did you mean 'stg_orders'?\nor 'stg_order_items'?");
        assert_eq!(
            drawn(&diagnostic),
            "\
error[T401]: ref to nothing: 'stg_order'
 --> models/x.sql:4:18
  |
1 | with a as (
  |      ------ defined here
...
4 | select * from {{ ref('stg_order') }}
  |                  ^^^^^^^^^^^^^^^^
  |
  = note: the model 'x' is not compiled
  = help: did you mean 'stg_orders'?
          or 'stg_order_items'?"
        );
    }

    #[test]
    fn cells_of_tabs_wide_and_combining_characters() {
        let file = SourceFile::new("m.sql", "\tselect '東京' as e\u{301}té, nope\r\n");
        let diagnostic = Diagnostic::warning(codes::DATABASE_ERROR, "column not found").at(span(&file, "nope"));
        assert_eq!(
            drawn(&diagnostic),
            "\
warning[T601]: column not found
 --> m.sql:1:23
  |
1 |     select '東京' as e\u{301}té, nope
  |                           ^^^^"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let text = format!("select {}, wrong, {}", "a".repeat(100), "b".repeat(100));
        let file = SourceFile::new("m.sql", text);
        let diagnostic = Diagnostic::error(codes::DATABASE_ERROR, "no such column").at(span(&file, "wrong"));
        let text = drawn(&diagnostic);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|l| l.chars().count() <= 60), "{text}");
        let column = lines[3].chars().position(|c| c == 'w').expect("the mark is inside the cut");
        assert_eq!(lines[4].chars().position(|c| c == '^'), Some(column), "{text}");
        assert!(lines[3].contains('…') && lines[3].ends_with('…'), "{text}");
    }

    #[test]
    fn other_files_whole_files_and_no_place() {
        let a = SourceFile::new("a.yml", "models:\n  - name: x\n");
        let b = SourceFile::new("b.yml", "models:\n  - name: x\n");
        let twice = Diagnostic::error(codes::DUPLICATE_PROPERTIES, "'x' is described twice")
            .at(span(&b, "x"))
            .label(span(&a, "x"), "first here");
        assert_eq!(
            drawn(&twice),
            "\
error[T112]: 'x' is described twice
 --> b.yml:2:11
  |
2 |   - name: x
  |           ^
 ::: a.yml:2:11
  |
2 |   - name: x
  |           - first here"
        );
        let whole = Diagnostic::error(codes::FILE_ENCODING, "not UTF-8").at(Span::file_start(&a)).note("byte 3");
        assert_eq!(drawn(&whole), "error[T107]: not UTF-8\n --> a.yml:1:1\n  = note: byte 3");
        let nowhere = Diagnostic::error(codes::NODE_FAILED, "Binder Error: x\nLINE 1: y").node("model.shop.x");
        assert_eq!(drawn(&nowhere), "error[T503]: Binder Error: x\n  LINE 1: y\n  = node: model.shop.x");
    }

    #[test]
    fn ends_of_files_and_spans_over_lines_do_not_panic() {
        let file = SourceFile::new("m.sql", "select é\nfrom x");
        for start in 0..=file.text.len() {
            for end in start..=file.text.len() {
                let d = Diagnostic::error(codes::DATABASE_ERROR, "m").at(Span::new(&file, start..end));
                assert!(render_diagnostic(&d, RenderStyle { color: true, width: 0 }).contains("m.sql:"));
            }
        }
    }
}

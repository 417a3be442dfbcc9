//! Colours, and how we speak to people.
//!
//! In: text. Out: the same text, painted if the reader's terminal wants it. Nothing else in this room writes an escape code.
//!
//! Style guide for messages
//! * One sentence, no full stop, no exclamation mark, no apology, no "please", no "successfully".
//! * Say what is wrong in the user's words (model, source, column, file), then where; the way out is a `help` line.
//! * Lower case after the code: `error[T401]: ref to nothing: 'stg_order'`. Names in single quotes, code in backticks.
//! * A `note` is a fact, a `help` is something to do. If there is nothing to do, there is no `help`.
//! * Plurals are spelled right (`1 error`, `2 errors`), numbers are exact, paths are relative to the project.
//! * Lines that dbt's users search logs for keep dbt's wording: `OK created sql table model`, `Done. PASS=`.
//! * Colour never carries the meaning alone: the word is always there too.

/// A colour or weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tint {
    /// Errors.
    Red,
    /// Warnings, skips.
    Yellow,
    /// What went well.
    Green,
    /// Gutters and arrows.
    Blue,
    /// Help.
    Cyan,
    /// Headlines.
    Bold,
}

impl Tint {
    fn code(self) -> &'static str {
        match self {
            Self::Red => "\u{1b}[1;31m",
            Self::Yellow => "\u{1b}[1;33m",
            Self::Green => "\u{1b}[32m",
            Self::Blue => "\u{1b}[1;34m",
            Self::Cyan => "\u{1b}[1;36m",
            Self::Bold => "\u{1b}[1m",
        }
    }
}

/// Paints, or does not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Painter {
    /// Whether escape codes are wanted.
    pub color: bool,
}

impl Painter {
    /// The text in a colour.
    pub fn paint(self, tint: Tint, text: &str) -> String {
        if self.color && !text.is_empty() { format!("{}{text}\u{1b}[0m", tint.code()) } else { text.to_owned() }
    }

    /// The difference of two tables of rows: added, missing and changed rows stand out.
    pub fn rows(self, text: &str) -> String {
        if !self.color || !text.lines().any(|line| line.starts_with("@@")) {
            return text.to_owned();
        }
        let line = |line: &str| match line.chars().next() {
            Some('+') if line.starts_with("+++") => self.paint(Tint::Green, line),
            Some('-') if line.starts_with("---") => self.paint(Tint::Red, line),
            Some('→') => self.paint(Tint::Blue, line),
            Some('@') => self.paint(Tint::Bold, line),
            _ => line.to_owned(),
        };
        text.split('\n').map(line).collect::<Vec<_>>().join("\n")
    }
}

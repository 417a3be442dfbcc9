//! From Python's pattern syntax to that of fancy-regex.
//!
//! In: a Python pattern and flags. Out: a pattern with the same meaning.

/// Flags by long and short name.
pub(super) const FLAGS: [(&str, &str, i64); 7] = [
    ("IGNORECASE", "I", 2),
    ("LOCALE", "L", 4),
    ("MULTILINE", "M", 8),
    ("DOTALL", "S", 16),
    ("UNICODE", "U", 32),
    ("VERBOSE", "X", 64),
    ("ASCII", "A", 256),
];

const MULTILINE: i64 = 8;
const VERBOSE: i64 = 64;

/// Where a pattern must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Anywhere,
    Start,
    Whole,
}

/// Translates a pattern.
pub(super) fn translate(pattern: &str, flags: i64, anchor: Anchor) -> String {
    let mut letters = String::new();
    for (flag, letter) in [(2, 'i'), (MULTILINE, 'm'), (16, 's'), (VERBOSE, 'x')] {
        if flags & flag != 0 {
            letters.push(letter);
        }
    }
    let mut body = Translator { input: pattern.chars().collect(), place: 0, multiline: flags & MULTILINE != 0 }.run();
    if flags & VERBOSE != 0 {
        body.push('\n');
    }
    let group = if letters.is_empty() { format!("(?:{body})") } else { format!("(?{letters}:{body})") };
    match anchor {
        Anchor::Anywhere => group,
        Anchor::Start => format!("\\A{group}"),
        Anchor::Whole => format!("\\A{group}\\z"),
    }
}

struct Translator {
    input: Vec<char>,
    place: usize,
    multiline: bool,
}

impl Translator {
    fn run(mut self) -> String {
        let mut out = String::new();
        if self.input.iter().collect::<String>().starts_with("(?") {
            let flags: String = self.input.iter().skip(2).take_while(|char| char.is_ascii_alphabetic()).collect();
            self.multiline |= flags.contains('m') && self.input.get(2 + flags.len()) == Some(&')');
        }
        while let Some(char) = self.next() {
            match char {
                '\\' => self.escape(&mut out, false),
                '[' => self.class(&mut out),
                '$' if !self.multiline => out.push_str("(?:\\z|(?=\\n\\z))"),
                '{' => self.brace(&mut out),
                _ => out.push(char),
            }
        }
        out
    }

    fn next(&mut self) -> Option<char> {
        let char = self.input.get(self.place).copied();
        self.place += 1;
        char
    }

    fn escape(&mut self, out: &mut String, in_class: bool) {
        let Some(char) = self.next() else {
            out.push('\\');
            return;
        };
        match char {
            'Z' if !in_class => out.push_str("\\z"),
            ' ' => out.push_str("\\x20"),
            'b' if in_class => out.push_str("\\x08"),
            _ if char.is_ascii_punctuation() && !"\\.+*?()|[]{}^$#&-~".contains(char) => out.push(char),
            _ => out.extend(['\\', char]),
        }
    }

    /// A character class, in which fancy-regex knows set operations that Python does not.
    fn class(&mut self, out: &mut String) {
        out.push('[');
        if self.input.get(self.place) == Some(&'^') {
            self.place += 1;
            out.push('^');
        }
        if self.input.get(self.place) == Some(&']') {
            self.place += 1;
            out.push_str("\\]");
        }
        while let Some(char) = self.next() {
            match char {
                ']' => {
                    out.push(']');
                    return;
                }
                '\\' => self.escape(out, true),
                '[' | '&' | '~' => out.extend(['\\', char]),
                ' ' => out.push_str("\\x20"),
                '#' => out.push_str("\\#"),
                _ => out.push(char),
            }
        }
    }

    /// A repetition, or a brace that stands for itself.
    fn brace(&mut self, out: &mut String) {
        let rest = &self.input[self.place..];
        let inner: String = rest.iter().take_while(|char| char.is_ascii_digit() || **char == ',').collect();
        let closed = rest.get(inner.len()) == Some(&'}');
        let (low, high) = inner.split_once(',').unwrap_or((&inner, &inner));
        if closed && !inner.is_empty() && !high.contains(',') && inner != "," {
            let low = if low.is_empty() { "0" } else { low };
            out.push_str(&if inner.contains(',') { format!("{{{low},{high}}}") } else { format!("{{{low}}}") });
            self.place += inner.len() + 1;
        } else {
            out.push_str("\\{");
        }
    }
}

/// Python's `re.escape()`.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(char) {
            out.push('\\');
        }
        out.push(char);
    }
    out
}

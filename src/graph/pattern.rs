//! Wildcards as Python's `fnmatch` and `pathlib.glob` read them, case-sensitive on every system.
//!
//! In: a pattern. Out: [`Pattern`] (one text) and [`PathPattern`] (a path, component by component, with `**`).

/// A compiled `fnmatch` pattern: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`; an unclosed bracket stands for itself.
pub(crate) struct Pattern {
    tokens: Vec<Token>,
}

enum Token {
    Char(char),
    Any,
    Star,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Token {
    fn accepts(&self, c: char) -> bool {
        match self {
            Self::Char(own) => *own == c,
            Self::Any | Self::Star => true,
            Self::Class { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        }
    }
}

impl Pattern {
    /// Compiles a pattern; every text is one.
    pub(crate) fn new(pattern: &str) -> Self {
        let chars: Vec<char> = pattern.chars().collect();
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(&c) = chars.get(at) {
            at += 1;
            match c {
                '*' if matches!(tokens.last(), Some(Token::Star)) => {}
                '*' => tokens.push(Token::Star),
                '?' => tokens.push(Token::Any),
                '[' => match class(&chars[at..]) {
                    Some((token, length)) => {
                        tokens.push(token);
                        at += length;
                    }
                    None => tokens.push(Token::Char('[')),
                },
                c => tokens.push(Token::Char(c)),
            }
        }
        Self { tokens }
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        if matches!(self.tokens.as_slice(), [Token::Star]) {
            return true;
        }
        let mut rest = text.chars();
        let mut token = 0;
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            if let Some(Token::Star) = self.tokens.get(token) {
                token += 1;
                retry = Some((token, rest.clone()));
                continue;
            }
            match (rest.next(), self.tokens.get(token)) {
                (None, None) => return true,
                (Some(c), Some(t)) if t.accepts(c) => token += 1,
                (None, Some(_)) => return false,
                _ => {
                    let Some((after_star, mut from)) = retry.take() else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    token = after_star;
                    rest = from.clone();
                    retry = Some((after_star, from));
                }
            }
        }
    }
}

/// A bracket expression after its `[`, with its length in characters.
fn class(chars: &[char]) -> Option<(Token, usize)> {
    let negated = chars.first() == Some(&'!');
    let start = usize::from(negated);
    // A bracket right at the start belongs to the set.
    let end = (start + 1..chars.len()).find(|i| chars[*i] == ']')?;
    let content = &chars[start..end];
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(&low) = content.get(at) {
        if let (Some('-'), Some(&high)) = (content.get(at + 1), content.get(at + 2)) {
            ranges.push((low, high));
            at += 3;
        } else {
            ranges.push((low, low));
            at += 1;
        }
    }
    Some((Token::Class { negated, ranges }, end + 1))
}

/// A compiled path glob, relative to the project.
pub(crate) struct PathPattern {
    parts: Vec<Part>,
}

enum Part {
    /// `**`: any number of folders.
    Folders,
    One(Pattern),
}

impl PathPattern {
    /// Compiles a glob. None for what cannot match inside a project: an empty or an absolute one.
    pub(crate) fn new(glob: &str) -> Option<Self> {
        if glob.is_empty() || glob.starts_with('/') {
            return None;
        }
        let parts = glob.split('/').filter(|part| !part.is_empty() && *part != ".").map(|part| match part {
            "**" => Part::Folders,
            part => Part::One(Pattern::new(part)),
        });
        Some(Self { parts: parts.collect() })
    }

    /// Whether a path matches; the project's own folder is the empty path. A final `**` means folders only.
    pub(crate) fn matches(&self, path: &str, is_folder: bool) -> bool {
        if matches!(self.parts.last(), Some(Part::Folders)) && !is_folder {
            return false;
        }
        let components: Vec<&str> = path.split('/').filter(|c| !c.is_empty()).collect();
        matches_parts(&self.parts, &components)
    }
}

fn matches_parts(parts: &[Part], components: &[&str]) -> bool {
    match parts.split_first() {
        None => components.is_empty(),
        Some((Part::Folders, rest)) => (0..=components.len()).any(|skip| matches_parts(rest, &components[skip..])),
        Some((Part::One(pattern), rest)) => components
            .split_first()
            .is_some_and(|(first, others)| pattern.matches(first) && matches_parts(rest, others)),
    }
}

#[cfg(test)]
mod tests {
    use super::{PathPattern, Pattern};

    #[test]
    fn matches_as_fnmatch_does() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("a*b*c", "aXbYbZc", true),
            ("*a*a", "aaa", true),
            ("*ab", "aab", true),
            ("?", "ä", true),
            ("?", "", false),
            ("[ab]x", "bx", true),
            ("[!ab]x", "bx", false),
            ("[!ab]x", "cx", true),
            ("[a-c]", "b", true),
            ("[a-c]", "-", false),
            ("[-a]", "-", true),
            ("[a-]", "-", true),
            ("[]x]", "]", true),
            ("[z-a]", "m", false),
            ("[a", "[a", true),
            ("[!]", "[!]", true),
            ("A", "a", false),
            ("a.b", "axb", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn matches_paths_by_component() {
        for (glob, path, is_folder, expected) in [
            ("models/a.sql", "models/a.sql", false, true),
            ("./models//", "models", true, true),
            ("models/*", "models/x/a.sql", false, false),
            ("models/**/a.sql", "models/a.sql", false, true),
            ("models/**/a.sql", "models/x/y/a.sql", false, true),
            ("**/y", "models/x/y", true, true),
            ("models/**", "models/a.sql", false, false),
            ("models/**", "models/x", true, true),
            (".", "", true, true),
        ] {
            let matched = PathPattern::new(glob).is_some_and(|p| p.matches(path, is_folder));
            assert_eq!(matched, expected, "{glob} on {path}");
        }
        assert!(PathPattern::new("/abs").is_none() && PathPattern::new("").is_none());
    }
}

//! .dbtignore: patterns as in .gitignore. In: the file's text. Out: [`IgnoreRules`], which say whether a path is left out.

/// The patterns of a .dbtignore file; the last one that matches a path decides.
#[derive(Clone, Debug, Default)]
pub(super) struct IgnoreRules(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    /// `!`: takes back what an earlier pattern left out.
    negated: bool,
    /// Trailing `/`: only folders (and so what lies in them).
    folders_only: bool,
    /// Path parts; a pattern without inner `/` starts with `**`.
    parts: Vec<String>,
}

impl IgnoreRules {
    /// Reads patterns, one a line; `#` starts a comment line.
    pub fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(Rule::parse).collect())
    }

    /// Whether a file is left out; the path is relative to the folder of .dbtignore.
    pub fn ignores(&self, path: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
        self.0.iter().rev().find(|rule| rule.matches(&parts)).is_some_and(|rule| !rule.negated)
    }
}

impl Rule {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim_end_matches(['\r', '\n']);
        // Trailing blanks count only when escaped.
        let trimmed = line.trim_end_matches(' ');
        let line =
            if trimmed.ends_with('\\') && trimmed.len() < line.len() { &line[..=trimmed.len()] } else { trimmed };
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (negated, pattern) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let folders_only = pattern.ends_with('/');
        let pattern = pattern.trim_end_matches('/');
        let anchored = pattern.contains('/');
        let mut parts: Vec<String> = pattern.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect();
        if parts.is_empty() {
            return None;
        }
        if !anchored {
            parts.insert(0, "**".to_owned());
        }
        Some(Self { negated, folders_only, parts })
    }

    /// Whether the pattern names the path or one of its folders.
    fn matches(&self, path: &[&str]) -> bool {
        let parts: Vec<&str> = self.parts.iter().map(String::as_str).collect();
        let longest = if self.folders_only { path.len().saturating_sub(1) } else { path.len() };
        (1..=longest).any(|n| matches_parts(&parts, &path[..n]))
    }
}

fn matches_parts(pattern: &[&str], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        // At the end `**` means everything inside.
        Some((&"**", [])) => !path.is_empty(),
        Some((&"**", rest)) => (0..=path.len()).any(|n| matches_parts(rest, &path[n..])),
        Some((first, rest)) => path.split_first().is_some_and(|(part, tail)| {
            let (first, part): (Vec<char>, Vec<char>) = (first.chars().collect(), part.chars().collect());
            matches_name(&first, &part) && matches_parts(rest, tail)
        }),
    }
}

/// `*`, `?`, `[a-z]`, `[!a]` and `\` within one part of a path.
fn matches_name(pattern: &[char], name: &[char]) -> bool {
    // The last `*` seen and where its match ended: on failure it takes one more character.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, n));
            p += 1;
            continue;
        }
        match step(&pattern[p..], name[n]) {
            Some(used) => {
                p += used;
                n += 1;
            }
            None => match star {
                Some((star_p, star_n)) => {
                    p = star_p + 1;
                    n = star_n + 1;
                    star = Some((star_p, n));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// How many pattern characters match one character of the name.
fn step(pattern: &[char], c: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['\\', escaped, ..] => (*escaped == c).then_some(2),
        ['[', class @ ..] => match class.iter().skip(1).position(|x| *x == ']') {
            Some(end) => in_class(&class[..=end], c).then_some(end + 3),
            None => (c == '[').then_some(1),
        },
        [literal, ..] => (*literal == c).then_some(1),
        [] => None,
    }
}

fn in_class(class: &[char], c: char) -> bool {
    let (negated, mut rest) = match class {
        ['!' | '^', rest @ ..] => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    while let Some(first) = rest.first() {
        if let [low, '-', high, ..] = rest {
            found |= (*low..=*high).contains(&c);
            rest = &rest[3..];
        } else {
            found |= *first == c;
            rest = &rest[1..];
        }
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_gitignore() {
        for (rules, path, want) in [
            ("*.tmp.sql", "models/a/b.tmp.sql", true),
            ("models/old", "models/old/a.sql", true),
            ("/models/a.sql", "models/a.sql", true),
            ("a.sql/", "models/a.sql", false),
            ("old/", "models/old/deep/a.sql", true),
            ("models/*.sql", "models/sub/a.sql", false),
            ("models/**/a.sql", "models/x/y/a.sql", true),
            ("models/**", "models/a.sql", true),
            ("**/sub", "models/sub/a.sql", true),
            ("*\n!keep.sql", "models/keep.sql", false),
            ("*.sql\n!keep.sql", "models/keep.sql", false),
            ("# no\n\n", "models/a.sql", false),
            ("models/[!a-c]?.sql", "models/d1.sql", true),
            ("models/[!a-c]?.sql", "models/b1.sql", false),
            ("\\#x.sql", "models/#x.sql", true),
        ] {
            assert_eq!(IgnoreRules::parse(rules).ignores(path), want, "{rules:?} {path}");
        }
    }
}

//! Splits SQL into words, strings, comments and marks, dialect-neutral and without ever failing.

use std::ops::Range;

/// What a piece of SQL is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// White space.
    Space,
    /// `-- ...` or `/* ... */`, nested block comments included.
    Comment,
    /// `'...'`, `E'...'` bodies, or `$tag$...$tag$`.
    Text,
    /// `"..."` or `` `...` ``.
    Quoted,
    /// An unquoted identifier, keyword or number.
    Word,
    /// Any other single character.
    Mark,
}

/// A run of bytes of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: PieceKind,
    /// Its bytes.
    pub range: Range<usize>,
}

/// The pieces of a text, in order and without gaps. Unterminated strings and comments reach to the end.
pub fn scan(sql: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < sql.len() {
        let rest = &sql[at..];
        let (kind, len) = piece(rest);
        pieces.push(Piece { kind, range: at..at + len });
        at += len;
    }
    pieces
}

/// Whether a text holds nothing but white space, comments and semicolons.
pub fn is_blank(sql: &str) -> bool {
    scan(sql).iter().all(|p| match p.kind {
        PieceKind::Space | PieceKind::Comment => true,
        PieceKind::Mark => &sql[p.range.clone()] == ";",
        _ => false,
    })
}

fn piece(rest: &str) -> (PieceKind, usize) {
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_whitespace() {
        let len = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        return (PieceKind::Space, len);
    }
    if rest.starts_with("--") {
        return (PieceKind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (PieceKind::Comment, block_comment(rest));
    }
    match first {
        '\'' => (PieceKind::Text, delimited(rest, '\'')),
        '"' | '`' => (PieceKind::Quoted, delimited(rest, first)),
        '$' => dollar_text(rest).map_or((PieceKind::Mark, 1), |len| (PieceKind::Text, len)),
        c if c.is_alphanumeric() || c == '_' => {
            let len = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
            (PieceKind::Word, len)
        }
        c => (PieceKind::Mark, c.len_utf8()),
    }
}

fn block_comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut at, mut depth) = (2, 1);
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of a string that ends at `mark`; a doubled mark stays inside.
fn delimited(rest: &str, mark: char) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        if c == mark {
            match chars.peek() {
                Some((_, next)) if *next == mark => {
                    chars.next();
                }
                _ => return i + 1,
            }
        }
    }
    rest.len()
}

fn dollar_text(rest: &str) -> Option<usize> {
    let tag_end = rest[1..].find('$')? + 2;
    let tag = &rest[..tag_end];
    if !tag[1..tag_end - 1].chars().all(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    Some(rest[tag_end..].find(tag).map_or(rest.len(), |i| tag_end + i + tag_end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_text() {
        for sql in ["select 'it''s' /* a /* b */ c */ -- x\nfrom \"t\"", "$$ 'a $$ $1", "'open", "/* open", "é=ü"] {
            let pieces = scan(sql);
            assert_eq!(pieces.iter().map(|p| &sql[p.range.clone()]).collect::<String>(), sql);
        }
    }

    #[test]
    fn blank_means_no_statement() {
        for (sql, blank) in [("", true), (" -- a\n;", true), ("/* x */", true), ("select 1", false), ("'a'", false)] {
            assert_eq!(is_blank(sql), blank, "{sql}");
        }
    }
}

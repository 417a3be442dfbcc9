//! `.env` files. In: text, and the variables that are there already. Out: names and values.
//!
//! The form is that of python-dotenv, which dbt reads them with: `export` may stand in front, values may be quoted and then
//! span lines, `#` after a space begins a comment, `${NAME}` and `${NAME:-default}` are replaced outside single quotes.

/// Name of the file.
pub(super) const FILE_NAME: &str = ".env";

/// The assignments of a file, in order. `known` finds variables that are set; they win in replacements. Lines that cannot be
/// read are passed over.
pub(super) fn parse(text: &str, known: &dyn Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    while !rest.is_empty() {
        rest = rest.trim_start();
        if rest.starts_with('#') {
            rest = after_line(rest);
            continue;
        }
        let Some((name, value)) = assignment(rest) else {
            rest = after_line(rest);
            continue;
        };
        let (text, is_literal, remaining) = read_value(value);
        let value = if is_literal {
            text
        } else {
            let lookup = |name: &str| {
                known(name).or_else(|| found.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.clone()))
            };
            replaced(&text, &lookup)
        };
        found.push((name.to_owned(), value));
        rest = after_line(remaining);
    }
    found
}

fn after_line(text: &str) -> &str {
    text.find('\n').map_or("", |at| &text[at + 1..])
}

/// The name, and the text behind `=` (up to the end of the file: a quoted value may span lines).
fn assignment(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix("export").filter(|t| t.starts_with([' ', '\t'])).map_or(text, str::trim_start);
    let line = text.lines().next()?;
    let equals = line.find('=')?;
    let name = line[..equals].trim().trim_matches('\'');
    let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '#');
    is_name.then(|| (name, text[equals + 1..].trim_start_matches([' ', '\t'])))
}

/// A value; whether nothing in it is to be replaced; the text behind it.
fn read_value(text: &str) -> (String, bool, &str) {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"'))
        && let Some((value, rest)) = quoted(&text[1..], quote)
    {
        return (value, quote == '\'', rest);
    }
    let line = text.lines().next().unwrap_or_default();
    let comment =
        line.char_indices().find(|(at, c)| *c == '#' && (*at == 0 || line[..*at].ends_with(char::is_whitespace)));
    let value = comment.map_or(line, |(at, _)| &line[..at]);
    (value.trim().to_owned(), false, &text[line.len()..])
}

/// The text up to the closing quote, and what comes behind it; none where the quote is not closed.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            c if c == quote => return Some((value, &text[at + c.len_utf8()..])),
            '\\' => match (quote, characters.next()?.1) {
                ('"', 'n') => value.push('\n'),
                ('"', 't') => value.push('\t'),
                ('"', 'r') => value.push('\r'),
                (_, escaped) if escaped == quote || escaped == '\\' => value.push(escaped),
                (_, other) => value.extend(['\\', other]),
            },
            c => value.push(c),
        }
    }
    None
}

fn replaced(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        out.push_str(&rest[..start]);
        let inner = &rest[start + 2..start + length];
        let (name, default) = inner.split_once(":-").unwrap_or((inner, ""));
        out.push_str(&lookup(name).unwrap_or_else(|| default.to_owned()));
        rest = &rest[start + length + 1..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_python_dotenv_reads() {
        let text = "# a comment\nA=1\nexport B = two words # more\nC='${A} \\' #'\nD=\"x\\ny\nz\" # end\nE=${A}-${HOME}-${NO:-none}\n\
            F=\nno assignment\nG=a#b\nH=\"open\nI=last";
        let known = |name: &str| (name == "HOME").then(|| "/home".to_owned());
        let found = parse(text, &known);
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "${A} ' #"),
            ("D", "x\ny\nz"),
            ("E", "1-/home-none"),
            ("F", ""),
            ("G", "a#b"),
            ("H", "\"open"),
            ("I", "last"),
        ];
        assert_eq!(found, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }
}

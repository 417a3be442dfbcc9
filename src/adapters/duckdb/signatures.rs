//! The functions that DuckDB offers where a call fits none. In: its message. Out: the same with the nearest few of them.
//!
//! An operator such as `+` has more than forty signatures, and one such message fills a screen.

/// Signatures that are shown.
const SHOWN: usize = 4;

/// The message with the signatures that fit the call best, and how many more there are.
pub(super) fn fewer(message: &str) -> String {
    let Some((head, list)) = message.split_once("Candidate functions:") else { return message.to_owned() };
    let (offered, rest): (Vec<&str>, Vec<&str>) = list.lines().map(str::trim).partition(|line| line.contains('('));
    let given = head.split_once("argument types '").and_then(|(_, call)| call.split('\'').next());
    let given = given.map(arguments).unwrap_or_default();
    let mut ranked: Vec<(usize, &str)> = offered.iter().map(|line| (fit(&given, &arguments(line)), *line)).collect();
    ranked.sort_by_key(|(fit, _)| std::cmp::Reverse(*fit));
    let mut text = format!("{}\nCandidate functions:", head.trim_end());
    for (_, line) in ranked.iter().take(SHOWN) {
        text.push_str("\n  ");
        text.push_str(&line.replace(", /)", ")"));
    }
    match ranked.len().saturating_sub(SHOWN) {
        0 => {}
        1 => text.push_str("\n  and 1 more"),
        more => text.push_str(&format!("\n  and {more} more")),
    }
    for line in rest.iter().filter(|line| !line.is_empty()) {
        text.push('\n');
        text.push_str(line);
    }
    text
}

/// As many arguments count more than each that is of the same type.
fn fit(given: &[String], taken: &[String]) -> usize {
    let same = given.iter().zip(taken).filter(|(a, b)| a == b).count();
    same + if given.len() == taken.len() { given.len() + 1 } else { 0 }
}

/// The types in the parentheses of a call or of a signature: `+(INTEGER, VARCHAR)`, `"+"("left" INTEGER, "right" DATE, /) -> DATE`.
fn arguments(text: &str) -> Vec<String> {
    let Some(start) = text.find('(') else { return Vec::new() };
    let (mut depth, mut parts, mut part) = (0_usize, Vec::new(), String::new());
    for c in text[start + 1..].chars() {
        match c {
            ')' if depth == 0 => break,
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            c => {
                match c {
                    '(' | '[' => depth += 1,
                    ')' | ']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                part.push(c);
            }
        }
    }
    parts.push(part);
    parts.iter().map(|part| data_type(part.trim())).filter(|part| !part.is_empty() && part != "/").collect()
}

/// The type of a parameter, which may have a name in front: names are quoted or in small letters.
fn data_type(parameter: &str) -> String {
    let is_name = |word: &str| word.starts_with('"') || word.starts_with('*') || word.chars().any(char::is_lowercase);
    let data_type = match parameter.split_once(' ') {
        Some((name, rest)) if is_name(name) => rest,
        _ => parameter,
    };
    data_type.trim_end_matches("_LITERAL").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_first_and_the_rest_counted() {
        let message = "No function matches the given name and argument types '+(DATE, VARCHAR)'. You might need casts.\n\t\
                       Candidate functions:\n\t\"+\"(x TINYINT, /) -> TINYINT\n\t\
                       \"+\"(\"left\" TINYINT, \"right\" TINYINT, /) -> TINYINT\n\t\"+\"(\"left\" TIME, \"right\" DATE, /) -> TIMESTAMP\n\t\
                       \"+\"(\"left\" DATE, \"right\" INTEGER, /) -> DATE\n\t\"+\"(*args ANY[]) -> ANY[]\n\t\
                       \"+\"(\"left\" DATE, \"right\" INTERVAL, /) -> TIMESTAMP\n";
        let text = fewer(message);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "Candidate functions:");
        assert_eq!(lines[2], "  \"+\"(\"left\" DATE, \"right\" INTEGER) -> DATE");
        assert_eq!(lines[3], "  \"+\"(\"left\" DATE, \"right\" INTERVAL) -> TIMESTAMP");
        assert_eq!(lines[6..], ["  and 2 more"]);
        assert_eq!(fewer("no such thing"), "no such thing");
    }
}

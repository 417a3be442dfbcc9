//! Replacement templates of `sub()`: `\1`, `\g<name>`, and escapes.
//!
//! In: a template. Out: its parts, and the text they make of a match.

use minijinja::Error;

use super::matching::Match;
use crate::jinja::values::{index_error, value_error};

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Group(usize),
}

/// Reads a template.
pub(super) fn parse(template: &str, names: &[Option<String>]) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut chars = template.chars().peekable();
    while let Some(char) = chars.next() {
        if char != '\\' {
            text.push(char);
            continue;
        }
        match chars.next() {
            Some('g') => {
                let name: String = chars.by_ref().skip(1).take_while(|char| *char != '>').collect();
                let place = name
                    .parse()
                    .ok()
                    .or_else(|| names.iter().position(|candidate| candidate.as_deref() == Some(name.as_str())));
                let place = place.ok_or_else(|| index_error(format!("unknown group name '{name}'")))?;
                parts.extend([Part::Text(std::mem::take(&mut text)), Part::Group(place)]);
            }
            Some('0') => text.push('\0'),
            Some(first) if first.is_ascii_digit() => {
                let mut place = first.to_digit(10).unwrap_or(0) as usize;
                if let Some(second) = chars.next_if(char::is_ascii_digit) {
                    place = place * 10 + second.to_digit(10).unwrap_or(0) as usize;
                }
                parts.extend([Part::Text(std::mem::take(&mut text)), Part::Group(place)]);
            }
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('f') => text.push('\u{c}'),
            Some('v') => text.push('\u{b}'),
            Some('a') => text.push('\u{7}'),
            Some('b') => text.push('\u{8}'),
            Some('\\') => text.push('\\'),
            Some(other) if other.is_ascii_alphabetic() => return Err(value_error(format!("bad escape \\{other}"))),
            Some(other) => text.extend(['\\', other]),
            None => return Err(value_error("bad escape (end of pattern)")),
        }
    }
    parts.push(Part::Text(text));
    match parts.iter().find(|part| matches!(part, Part::Group(place) if *place >= names.len())) {
        Some(Part::Group(place)) => Err(value_error(format!("invalid group reference {place}"))),
        _ => Ok(parts),
    }
}

/// The text that a template makes of a match.
pub(super) fn expand(parts: &[Part], found: &Match) -> String {
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Group(place) => found.group(*place).unwrap_or_default(),
        })
        .collect()
}

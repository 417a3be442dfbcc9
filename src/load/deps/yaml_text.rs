//! YAML as PyYAML's dumper writes it. In: entries of package lists. Out: text for package-lock.yml and packages.yml.

use std::fmt::Write;

use crate::base::Value;
use crate::diag::SourceFile;

use super::super::yaml;

/// One entry of a list: `- key: value` and its further keys below, all behind `indent` blanks.
pub(super) fn entry<'a>(fields: impl IntoIterator<Item = (&'a str, &'a Value)>, indent: usize) -> String {
    let mut out = String::new();
    let mut lead = format!("{:indent$}- ", "");
    for (key, value) in fields {
        match value {
            Value::List(items) if !items.is_empty() => {
                let _ = writeln!(out, "{lead}{}:", scalar(key));
                let inner = indent + 4;
                items.iter().for_each(|item| {
                    let _ = writeln!(out, "{:inner$}- {}", "", plain(item));
                });
            }
            value => {
                let _ = writeln!(out, "{lead}{}: {}", scalar(key), plain(value));
            }
        }
        lead = " ".repeat(indent + 2);
    }
    out
}

fn plain(value: &Value) -> String {
    match value {
        Value::Str(text) => scalar(text),
        other => other.to_json().to_string(),
    }
}

/// A text as a scalar: plain where it is read back as this text.
pub(super) fn scalar(text: &str) -> String {
    if text.chars().any(|c| !c.is_ascii() || c.is_ascii_control()) {
        let mut out = String::from("\"");
        for c in text.chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                ' '..='~' => out.push(c),
                c if u32::from(c) < 0x100 => {
                    let _ = write!(out, "\\x{:02X}", u32::from(c));
                }
                c if u32::from(c) < 0x1_0000 => {
                    let _ = write!(out, "\\u{:04X}", u32::from(c));
                }
                c => {
                    let _ = write!(out, "\\U{:08X}", u32::from(c));
                }
            }
        }
        return out + "\"";
    }
    let file = SourceFile::new("", format!("k: {text}\n"));
    let read = yaml::parse(&file).ok().and_then(|parsed| parsed.root);
    let same = read.as_ref().and_then(|root| root.get("k")).and_then(|node| node.as_str()) == Some(text);
    if same && !text.starts_with(['"', '\'', '&', '!', '|', '>', '%', '@', '`']) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_pyyaml() {
        for (text, want) in [
            ("1.3.0", "1.3.0"),
            ("1.0", "'1.0'"),
            ("yes", "'yes'"),
            ("12e4567890123456789012345678901234567890", "12e4567890123456789012345678901234567890"),
            ("1234567890123456789012345678901234567890", "'1234567890123456789012345678901234567890'"),
            ("{{ env_var('X') }}/a", "'{{ env_var(''X'') }}/a'"),
            ("git@github.com:x/y.git", "git@github.com:x/y.git"),
            ("a #b", "'a #b'"),
            ("../a b", "../a b"),
            ("caf\u{e9}", "\"caf\\xE9\""),
            ("<2.0.0", "<2.0.0"),
            (">=1.0.0", "'>=1.0.0'"),
        ] {
            assert_eq!(scalar(text), want);
        }
    }
}

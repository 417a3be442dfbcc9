//! package-lock.yml. In: a package list and what was installed. Out: the file's text, with the hash by which dbt knows
//! whether the list has changed since.

use std::fmt::Write;

use crate::base::Value;

use super::packages::{PackageSource, PackageSpec};

/// Name of the file.
pub(super) const FILE_NAME: &str = "package-lock.yml";

/// The lock file for packages from folders: (path, project name).
pub(super) fn text(installed: &[(String, String)], specs: &[PackageSpec]) -> String {
    let mut out = String::from("packages:\n");
    for (path, name) in installed {
        let _ = writeln!(out, "  - local: {}\n    name: {}", quoted(path), quoted(name));
    }
    let _ = writeln!(out, "sha1_hash: {}", hash(specs));
    out
}

/// A text as YAML: plain where that is safe.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | '-');
    let starts_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        || text.starts_with("../")
        || text.starts_with("./")
        || text.starts_with('/');
    let reserved = ["null", "true", "false", "yes", "no", "on", "off"].contains(&text.to_lowercase().as_str());
    if starts_plain && !reserved && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// dbt's fingerprint of a package list: SHA-1 of the sorted JSON forms of its entries.
fn hash(specs: &[PackageSpec]) -> String {
    let mut entries: Vec<String> = specs.iter().map(entry).collect();
    entries.sort();
    sha1(entries.join("\n").as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

/// The entry as dbt serializes it. Only local packages are ever locked here.
fn entry(spec: &PackageSpec) -> String {
    let unrendered = Value::Map(spec.unrendered.clone());
    let mut fields = Vec::new();
    if let PackageSource::Local { path } = &spec.source {
        fields.push(("local", Value::from(path.as_str())));
    }
    if let Some(name) = &spec.name {
        fields.push(("name", Value::from(name.as_str())));
    }
    fields.push(("unrendered", unrendered));
    let fields: Vec<String> =
        fields.into_iter().map(|(key, value)| format!("\"{key}\": {}", python_json(&value))).collect();
    format!("{{{}}}", fields.join(", "))
}

/// JSON as Python's `json.dumps(..., sort_keys=True)` writes it.
fn python_json(value: &Value) -> String {
    match value {
        Value::Map(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries: Vec<String> = entries
                .iter()
                .map(|(k, v)| format!("{}: {}", python_json(&Value::Str((*k).clone())), python_json(v)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::List(items) => format!("[{}]", items.iter().map(python_json).collect::<Vec<_>>().join(", ")),
        Value::Str(text) => {
            let mut out = String::new();
            for c in serde_json::Value::from(text.as_str()).to_string().chars() {
                if c.is_ascii() {
                    out.push(c);
                } else {
                    let mut units = [0; 2];
                    for unit in c.encode_utf16(&mut units) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
            }
            out
        }
        other => other.to_json().to_string(),
    }
}

/// SHA-1 (FIPS 180-4). Not for security: dbt chose it to notice changes.
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&((message.len() as u64) * 8).to_be_bytes());
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.chunks_exact(64) {
        let mut words = [0_u32; 80];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        for i in 16..80 {
            words[i] = (words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (i, word) in words.iter().enumerate() {
            let (f, k) = match i / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (slot, value) in state.iter_mut().zip([a, b, c, d, e]) {
            *slot = slot.wrapping_add(value);
        }
    }
    let mut out = [0; 20];
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Dict;
    use crate::diag::{SourceFile, Span};

    #[test]
    fn hashes_like_dbt() {
        let hex = |text: &str| sha1(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(hex(&"abc".repeat(50)), "84006ce0c85d22dd020fe7052ef1a9bc3c381dde");
        let spec = PackageSpec {
            source: PackageSource::Local { path: "../café".into() },
            name: None,
            unrendered: Dict::from([("local".to_owned(), Value::from("../café"))]),
            span: Span::file_start(&SourceFile::new("packages.yml", "")),
        };
        assert_eq!(entry(&spec), r#"{"local": "../caf\u00e9", "unrendered": {"local": "../caf\u00e9"}}"#);
        assert_eq!(quoted("../caf\u{e9}"), "'../caf\u{e9}'");
    }
}

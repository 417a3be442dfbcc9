//! package-lock.yml. In: what was resolved, a package list. Out: the file's text, what it holds, and the hash by which dbt
//! knows whether the list has changed since.

use std::fmt::Write;

use crate::base::Value;
use crate::diag::{Diagnostic, Diagnostics, Span, codes};
use crate::files::Files;

use super::super::packages::{self, PackageSource, PackageSpec};
use super::super::problems::Origin;
use super::super::render::Rendering;
use super::super::yaml;
use super::yaml_text;

/// Name of the file.
pub(super) const FILE_NAME: &str = "package-lock.yml";

/// One locked package: keys and values.
pub(super) type LockEntry = std::collections::BTreeMap<&'static str, Value>;

/// What a lock file holds.
#[derive(Debug, Default)]
pub(super) struct Lock {
    /// The hash of the list it was made from.
    pub hash: Option<String>,
    /// The packages, each with one exact version.
    pub specs: Vec<PackageSpec>,
}

/// The lock file's text.
pub(super) fn text(entries: &[LockEntry], specs: &[PackageSpec]) -> String {
    let mut out = String::from("packages:\n");
    for entry in entries {
        out.push_str(&yaml_text::entry(entry.iter().map(|(key, value)| (*key, value)), 2));
    }
    let _ = writeln!(out, "sha1_hash: {}", yaml_text::scalar(&hash(specs)));
    out
}

/// Reads the lock file; none if there is none.
pub(super) fn read(origin: &Origin, files: &dyn Files, rendering: &Rendering<'_>) -> Result<Option<Lock>, Diagnostic> {
    let Some(file) = origin.read(files, FILE_NAME)? else { return Ok(None) };
    let broken = |why: &str, span: Span| {
        let problem = Diagnostic::error(codes::PACKAGE_LOCK, format!("{FILE_NAME} cannot be used: {why}"));
        problem.at(span).help("run `transform deps --upgrade`, which writes it anew")
    };
    let start = Span::file_start(&file);
    let parsed = yaml::parse(&file).map_err(|problem| {
        let place = problem.labels.first().map_or(start.clone(), |label| label.span.clone());
        broken(&problem.message, place)
    })?;
    let Some(root) = parsed.root.filter(|root| !root.is_null()) else { return Ok(Some(Lock::default())) };
    if !root.is_map() {
        return Err(broken("a mapping was expected", root.span.clone()));
    }
    let hash = root.get("sha1_hash").map(|node| node.to_base().to_string());
    let Some(listed) = root.get("packages").filter(|p| !p.is_null()) else {
        return Ok(Some(Lock { hash, specs: Vec::new() }));
    };
    if !listed.is_seq() {
        return Err(broken("`packages` is no list", listed.span.clone()));
    }
    let mut problems = Diagnostics::new();
    let rendered = rendering.tree(listed, &|_| true, &mut problems);
    let specs = packages::specs(&rendered, listed, &mut problems);
    match problems.iter().find(|p| p.is_error()) {
        Some(problem) => {
            let place = problem.labels.first().map_or(start, |label| label.span.clone());
            Err(broken(&problem.message, place))
        }
        None => Ok(Some(Lock { hash, specs })),
    }
}

/// dbt's fingerprint of a package list: SHA-1 of the sorted JSON forms of its entries.
pub(super) fn hash(specs: &[PackageSpec]) -> String {
    let mut entries: Vec<String> = specs.iter().map(entry).collect();
    entries.sort();
    sha1(entries.join("\n").as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

/// The entry as dbt serializes it: all fields of its kind, with their defaults.
fn entry(spec: &PackageSpec) -> String {
    let given = |keys: &[&str]| keys.iter().find_map(|key| spec.rendered.get(*key)).cloned().unwrap_or(Value::Null);
    let mut fields: Vec<(&str, Value)> = vec![("unrendered", Value::Map(spec.unrendered.clone()))];
    fields.extend(spec.name.as_deref().map(|name| ("name", Value::from(name))));
    let from_git = |fields: &mut Vec<(&str, Value)>| {
        fields.push(("revision", given(&["revision"])));
        fields.push(("subdirectory", given(&["subdirectory"])));
        fields.push(("warn-unpinned", given(&["warn-unpinned"])));
    };
    match &spec.source {
        PackageSource::Local { path } => fields.push(("local", Value::from(path.as_str()))),
        PackageSource::Tarball { url } => fields.push(("tarball", Value::from(url.as_str()))),
        PackageSource::Git { url, .. } => {
            fields.push(("git", Value::from(url.as_str())));
            from_git(&mut fields);
        }
        PackageSource::Private { repository, .. } => {
            fields.push(("private", Value::from(repository.as_str())));
            fields.push(("provider", given(&["provider"])));
            from_git(&mut fields);
        }
        PackageSource::Hub { package, prerelease, .. } => {
            fields.push(("package", Value::from(package.as_str())));
            fields.push(("version", given(&["version"])));
            fields.push(("install_prerelease", Value::Bool(*prerelease)));
        }
    }
    fields.sort_by_key(|(key, _)| *key);
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
    use crate::diag::SourceFile;

    #[test]
    fn hashes_like_dbt() {
        let hex = |text: &str| sha1(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(hex(&"abc".repeat(50)), "84006ce0c85d22dd020fe7052ef1a9bc3c381dde");
        let file = SourceFile::new(
            "packages.yml",
            "- local: ../caf\u{e9}\n\
             - {git: https://x/y.git, revision: 1.0, warn-unpinned: false, subdirectory: s}\n\
             - {package: a/b, version: ['>=1.0.0', <2.0.0]}\n\
             - {package: a/c, version: 1.0, install_prerelease: true}\n\
             - {tarball: 'http://', name: t}\n",
        );
        let root = yaml::parse(&file).unwrap().root.unwrap();
        let specs = packages::specs(&root, &root, &mut Diagnostics::new());
        let entries: Vec<String> = specs.iter().map(entry).collect();
        assert_eq!(
            entries,
            [
                r#"{"local": "../caf\u00e9", "unrendered": {"local": "../caf\u00e9"}}"#,
                r#"{"git": "https://x/y.git", "revision": 1.0, "subdirectory": "s", "unrendered": {"git": "https://x/y.git", "revision": 1.0, "subdirectory": "s", "warn-unpinned": false}, "warn-unpinned": false}"#,
                r#"{"install_prerelease": false, "package": "a/b", "unrendered": {"package": "a/b", "version": [">=1.0.0", "<2.0.0"]}, "version": [">=1.0.0", "<2.0.0"]}"#,
                r#"{"install_prerelease": true, "package": "a/c", "unrendered": {"install_prerelease": true, "package": "a/c", "version": 1.0}, "version": 1.0}"#,
                r#"{"name": "t", "tarball": "http://", "unrendered": {"name": "t", "tarball": "http://"}}"#,
            ]
        );
    }
}

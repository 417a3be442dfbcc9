//! `deps --add-package`. In: a name, a version, the package list's file. Out: the file with one more entry, its comments and
//! its order kept.

use std::path::Path;

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, SourceFile, codes};
use crate::files::Files;

use super::super::problems::{Origin, unreadable};
use super::super::yaml::{self, YamlNode};
use super::yaml_text;

/// The kind of entry to add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageKind {
    /// `package:`, from the hub.
    Hub,
    /// `git:`.
    Git,
    /// `local:`.
    Local,
    /// `tarball:`.
    Tarball,
}

impl PackageKind {
    /// Reads `hub`, `git`, `local` or `tarball`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "hub" => Self::Hub,
            "git" => Self::Git,
            "local" => Self::Local,
            "tarball" => Self::Tarball,
            _ => return None,
        })
    }
}

/// What was done to the list.
#[derive(Clone, Debug, PartialEq)]
pub struct AddedPackage {
    /// Whether the file is new.
    pub created: bool,
    /// Entries that went because they name the same package.
    pub replaced: Vec<Dict>,
    /// The package.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
}

/// Adds `name` or `name@version` to a package list.
pub fn add_package(
    given: &str,
    kind: PackageKind,
    root: &Path,
    file_name: &str,
    files: &dyn Files,
) -> Result<AddedPackage, Diagnostic> {
    let (name, version) = split(given, kind);
    let fields = entry(&name, version.as_deref(), kind)?;
    let origin = Origin { dir: root.to_path_buf(), display: String::new() };
    let found = origin.read(files, file_name)?;
    let created = found.is_none();
    let file = found.unwrap_or_else(|| SourceFile::new(file_name, "packages: []\n"));
    let document = yaml::parse(&file)?.root.filter(|root| !root.is_null());
    if let Some(document) = &document {
        document.expect_map(codes::PACKAGE_INVALID, file_name)?;
    }
    let listed = document.as_ref().and_then(|d| d.get("packages")).filter(|p| !p.is_null());
    let items = match listed {
        Some(listed) => listed.expect_seq(codes::PACKAGE_INVALID, "`packages`")?,
        None => &[],
    };
    let (same, kept): (Vec<&YamlNode>, Vec<&YamlNode>) = items.iter().partition(|item| names_same(item, &name));
    let mut wanted: Vec<Dict> = kept.iter().map(|item| item.to_dict()).collect();
    wanted.push(fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect());
    let edited = listed.and_then(|_| edit(&file.text, items, &same, &fields)).filter(|text| reads_as(text, &wanted));
    let text = match edited {
        Some(text) => text,
        None => rewritten(&file.text, document.as_ref(), &wanted),
    };
    let path = root.join(file_name);
    files.write_atomic(&path, text.as_bytes()).map_err(|e| unreadable(file_name, e))?;
    let replaced = same.into_iter().map(YamlNode::to_dict).collect();
    Ok(AddedPackage { created, replaced, name, version })
}

/// `name@version`; an address holds `@` for other reasons too.
fn split(given: &str, kind: PackageKind) -> (String, Option<String>) {
    let parts = match kind {
        PackageKind::Tarball => given.split_once('@'),
        _ => given.rsplit_once('@').filter(|(_, version)| kind == PackageKind::Hub || !version.contains([':', '/'])),
    };
    match parts {
        Some((name, version)) if !name.is_empty() && !version.is_empty() => (name.to_owned(), Some(version.to_owned())),
        _ => (given.to_owned(), None),
    }
}

fn entry(name: &str, version: Option<&str>, kind: PackageKind) -> Result<Vec<(&'static str, Value)>, Diagnostic> {
    let incomplete = |message: String, help: &str| Err(Diagnostic::error(codes::PACKAGE_INVALID, message).help(help));
    let version_value = |version: &str| match version.contains(',') {
        true => Value::List(version.split(',').map(|v| Value::from(v.trim())).collect()),
        false => Value::from(version),
    };
    Ok(match (kind, version) {
        (PackageKind::Hub, None) => {
            return incomplete(format!("`{name}` has no version"), "write it as `namespace/name@1.0.0`");
        }
        (PackageKind::Hub, Some(_)) if !name.contains('/') => {
            return incomplete(format!("`{name}` has no namespace"), "write it as `namespace/name@1.0.0`");
        }
        (PackageKind::Hub, Some(version)) => {
            vec![("package", Value::from(name)), ("version", version_value(version))]
        }
        (PackageKind::Git, version) => {
            let mut fields = vec![("git", Value::from(name))];
            fields.extend(version.map(|v| ("revision", Value::from(v))));
            fields
        }
        (PackageKind::Local, _) => vec![("local", Value::from(name))],
        (PackageKind::Tarball, None) => {
            return incomplete(format!("`{name}` has no address"), "write it as `name@https://host/archive.tar.gz`");
        }
        (PackageKind::Tarball, Some(address)) => {
            vec![("tarball", Value::from(address)), ("name", Value::from(name))]
        }
    })
}

/// Whether an entry names the package, from whichever source: dbt compares whole words of the address, with `-` and `_` alike.
fn names_same(item: &YamlNode, name: &str) -> bool {
    const KEYS: [&str; 5] = ["package", "git", "local", "tarball", "private"];
    let Some(address) = KEYS.iter().find_map(|key| item.get(key)?.as_str()) else { return false };
    let short = name.rsplit('/').next().unwrap_or(name);
    let variants = [name, short].into_iter().flat_map(|n| [n.to_owned(), n.replace('_', "-"), n.replace('-', "_")]);
    let is_edge = |c: Option<char>| c.is_none_or(|c| matches!(c, '/' | '.'));
    variants.filter(|v| !v.is_empty()).any(|variant| {
        address.find(&variant).is_some_and(|at| {
            is_edge(address[..at].chars().next_back()) && is_edge(address[at + variant.len()..].chars().next())
        })
    })
}

/// The text without some entries of a block list and with a new one at its end; none if it is no block list.
fn edit(text: &str, items: &[YamlNode], removed: &[&YamlNode], fields: &[(&'static str, Value)]) -> Option<String> {
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |n| n + 1);
    let line_end = |at: usize| text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
    let first = items.first()?;
    let lead = &text[line_start(first.span.start)..first.span.start];
    let indent = lead.strip_suffix("- ").filter(|blanks| blanks.chars().all(|c| c == ' '))?.len();
    let extent = |item: &YamlNode| {
        let content = text[item.span.start..item.span.end].trim_end().len();
        (line_start(item.span.start), line_end(item.span.start + content))
    };
    let end = extent(items.last()?).1;
    let mut out = String::with_capacity(text.len() + 80);
    let mut at = 0;
    for (start, stop) in removed.iter().map(|item| extent(item)) {
        out.push_str(text.get(at..start)?);
        at = stop;
    }
    out.push_str(text.get(at..end)?);
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    out.push_str(&yaml_text::entry(fields.iter().map(|(k, v)| (*k, v)), indent));
    out.push_str(&text[end..]);
    Some(out)
}

fn reads_as(text: &str, wanted: &[Dict]) -> bool {
    let parsed = yaml::parse(&SourceFile::new("", text)).ok().and_then(|p| p.root);
    let listed = parsed.as_ref().and_then(|root| root.get("packages"));
    listed.is_some_and(|l| l.items().iter().map(YamlNode::to_dict).eq(wanted.iter().cloned()))
}

/// The list written anew, with everything else of the file as it is.
fn rewritten(text: &str, document: Option<&YamlNode>, wanted: &[Dict]) -> String {
    let mut list = String::from("packages:\n");
    for item in wanted {
        list.push_str(&yaml_text::entry(item.iter().map(|(k, v)| (k.as_str(), v)), 2));
    }
    let Some((key, value)) = document.and_then(|d| d.entry("packages")) else {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return format!("{text}{gap}{list}");
    };
    let content = text[value.span.start..value.span.end].trim_end().len();
    let rest = &text[(value.span.start + content).max(key.span.end)..];
    let rest = rest.trim_start_matches([':', ' ']).strip_prefix('\n').unwrap_or(rest);
    format!("{}{list}{rest}", &text[..key.span.start])
}

//! From files to raw resources: what a file defines, before any Jinja runs.
//!
//! In: the loaded packages and the definitions found in their SQL. Out: [`Raw`]s: name, paths, fully qualified name,
//! template. Rules for paths and names: `core/dbt/parser/{base,snapshots,singular_test,analysis}.py`.

use sha2::{Digest, Sha256};

use crate::base::Dict;
use crate::diag::{Diagnostics, SourceFile};
use crate::load::{FileKind, Package, SourceEntry};
use crate::node::{Checksum, Language, ResourceType, Template};

use crate::jinja::{DefinitionKind, extract};

/// A resource as its file defines it.
#[derive(Clone, Debug)]
pub struct Raw {
    /// Resource type.
    pub resource_type: ResourceType,
    /// Package.
    pub package: String,
    /// Name.
    pub name: String,
    /// dbt's `path`: relative to the resource folder.
    pub path: String,
    /// Relative to the package.
    pub original_path: String,
    /// Package, folders, name.
    pub fqn: Vec<String>,
    /// SQL or Python.
    pub language: Language,
    /// The text to render.
    pub template: Template,
    /// Hash of the file.
    pub checksum: Checksum,
    /// Config that stands outside of the file's Jinja (snapshots in YAML).
    pub config: Dict,
    /// Position of a run hook.
    pub hook_index: Option<usize>,
}

/// SHA-256 as dbt's checksum of a file: of its stripped text.
pub fn checksum(text: &str) -> Checksum {
    let digest = Sha256::digest(text.trim().as_bytes());
    Checksum { name: "sha256".into(), checksum: digest.iter().map(|b| format!("{b:02x}")).collect() }
}

/// dbt's checksum of a file as it is on disk.
fn file_checksum(entry: &SourceEntry) -> Checksum {
    match &entry.disk_hash {
        Some(hash) => Checksum { name: "sha256".into(), checksum: hash.clone() },
        None => checksum(&entry.file.text),
    }
}

/// No checksum: generated nodes.
pub fn no_checksum() -> Checksum {
    Checksum { name: "none".into(), checksum: String::new() }
}

/// Package, folders of a path, name.
pub fn fqn(package: &str, path: &str, name: &str) -> Vec<String> {
    let mut fqn = vec![package.to_owned()];
    let folders: Vec<&str> = path.split('/').collect();
    fqn.extend(folders[..folders.len() - 1].iter().map(|s| (*s).to_owned()));
    fqn.push(name.to_owned());
    fqn
}

/// The resources that a package's files define, in order of kind and path.
pub fn collect(package: &Package, diagnostics: &mut Diagnostics) -> Vec<Raw> {
    let name = &package.config.name;
    let mut raws = Vec::new();
    for entry in &package.files {
        match entry.kind {
            FileKind::Model => {
                raws.push(whole_file(name, entry, ResourceType::Model, entry.relative_path().to_owned()))
            }
            FileKind::Analysis => {
                let path = format!("analysis/{}", entry.relative_path());
                let mut raw = whole_file(name, entry, ResourceType::Analysis, path.clone());
                raw.fqn = fqn(name, &path, &raw.name);
                raws.push(raw);
            }
            FileKind::SingularTest => {
                let path = entry.relative_path().to_owned();
                let stem = entry.stem().to_owned();
                let mut raw = whole_file(name, entry, ResourceType::Test, path.clone());
                raw.path = pseudo_test_path(&stem, &path);
                raw.fqn = fqn(name, &path, &stem);
                raws.push(raw);
            }
            FileKind::Function => {
                raws.push(whole_file(name, entry, ResourceType::Function, entry.relative_path().to_owned()))
            }
            FileKind::Seed => raws.push(seed(name, entry)),
            FileKind::Snapshot => snapshots(name, entry, &mut raws, diagnostics),
            _ => {}
        }
    }
    raws
}

/// Where dbt puts the compiled form of a test: beside its file, under the test's name.
pub fn pseudo_test_path(name: &str, source_path: &str) -> String {
    match source_path.rsplit_once('/') {
        Some((folders, _)) => format!("{folders}/{name}.sql"),
        None => format!("{name}.sql"),
    }
}

fn whole_file(package: &str, entry: &SourceEntry, resource_type: ResourceType, path: String) -> Raw {
    let name = entry.stem().to_owned();
    Raw {
        resource_type,
        package: package.to_owned(),
        fqn: fqn(package, entry.relative_path(), &name),
        name,
        path,
        original_path: entry.path.clone(),
        language: if entry.extension() == "py" { Language::Python } else { Language::Sql },
        template: Template { file: entry.file.clone(), range: 0..entry.file.text.len() },
        checksum: file_checksum(entry),
        config: Dict::new(),
        hook_index: None,
    }
}

fn seed(package: &str, entry: &SourceEntry) -> Raw {
    let mut raw = whole_file(package, entry, ResourceType::Seed, entry.relative_path().to_owned());
    if entry.is_oversized_seed() {
        raw.checksum = Checksum { name: "path".into(), checksum: entry.path.clone() };
    }
    raw.template = Template { file: SourceFile::new(entry.file.path.clone(), ""), range: 0..0 };
    raw
}

fn snapshots(package: &str, entry: &SourceEntry, raws: &mut Vec<Raw>, diagnostics: &mut Diagnostics) {
    let (definitions, problems) = extract(&entry.file);
    diagnostics.extend(problems);
    for definition in definitions.into_iter().filter(|d| d.kind == DefinitionKind::Snapshot) {
        let path = entry.relative_path().to_owned();
        let mut fqn = fqn(package, &path, entry.stem());
        fqn.push(definition.label.clone());
        raws.push(Raw {
            resource_type: ResourceType::Snapshot,
            package: package.to_owned(),
            name: definition.label.clone(),
            path,
            original_path: entry.path.clone(),
            fqn,
            language: Language::Sql,
            template: Template { file: entry.file.clone(), range: definition.body.start..definition.body.end },
            checksum: file_checksum(entry),
            config: Dict::new(),
            hook_index: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_names() {
        assert_eq!(fqn("shop", "staging/raw/orders.sql", "orders"), ["shop", "staging", "raw", "orders"]);
        assert_eq!(pseudo_test_path("t", "a/b.sql"), "a/t.sql");
        assert_eq!(pseudo_test_path("t", "b.sql"), "t.sql");
        assert_eq!(checksum("select 1\n").checksum, checksum("select 1").checksum);
    }
}

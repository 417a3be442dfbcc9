//! Archives of packages. In: the bytes of a `.tar.gz` (or `.tar`). Out: the package's files in a folder, without the folder
//! that archives wrap around them. Nothing is written outside that folder.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use tar::EntryType;

use crate::files::{Files, normalize};

use super::super::project;

/// More than any package holds; stops an archive that unpacks into terabytes.
const LARGEST_PACKAGE: u64 = 1024 * 1024 * 1024;

/// What an archive holds.
enum Item {
    File(Vec<u8>),
    /// A link to another place of the archive.
    Link(PathBuf),
}

/// Unpacks a package into a folder; the error says what is wrong with the archive.
pub(super) fn unpack(bytes: &[u8], folder: &Path, files: &dyn Files) -> Result<(), String> {
    let items =
        if bytes.starts_with(&[0x1f, 0x8b]) { items(flate2::read::GzDecoder::new(bytes)) } else { items(bytes) }?;
    let top = wrapping_folder(&items)?;
    for (path, item) in &items {
        let Ok(inside) = path.strip_prefix(&top) else { continue };
        match item {
            Item::File(content) => write(&folder.join(inside), content, files)?,
            Item::Link(target) => {
                for (found, content) in items.range(target.clone()..) {
                    let Ok(rest) = found.strip_prefix(target) else { break };
                    if let Item::File(content) = content {
                        write(&normalize(&folder.join(inside).join(rest)), content, files)?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn write(path: &Path, content: &[u8], files: &dyn Files) -> Result<(), String> {
    files.write_atomic(path, content).map_err(|e| e.to_string())
}

fn items(reader: impl Read) -> Result<BTreeMap<PathBuf, Item>, String> {
    let unreadable = |e: std::io::Error| format!("it is no .tar.gz archive: {e}");
    let mut archive = tar::Archive::new(reader.take(LARGEST_PACKAGE));
    let mut found = BTreeMap::new();
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let kind = entry.header().entry_type();
        let path = safe(&entry.path().map_err(unreadable)?)?;
        let item = match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).map_err(unreadable)?;
                Item::File(content)
            }
            EntryType::Symlink | EntryType::Link => {
                let target = entry.link_name().map_err(unreadable)?.unwrap_or_default();
                let base = path.parent().filter(|_| kind == EntryType::Symlink).unwrap_or(Path::new(""));
                Item::Link(safe_link(base, &target)?)
            }
            _ => continue,
        };
        found.insert(path, item);
    }
    if found.is_empty() { Err("the archive is empty".to_owned()) } else { Ok(found) }
}

fn outside(path: &Path) -> String {
    format!("`{}` would be written outside of the package's folder", path.display())
}

/// A path of the archive without dots; an error if it leads out.
fn safe(path: &Path) -> Result<PathBuf, String> {
    let leads_out = |part: Component<'_>| !matches!(part, Component::Normal(_) | Component::CurDir);
    if path.components().any(leads_out) { Err(outside(path)) } else { Ok(normalize(path)) }
}

fn safe_link(base: &Path, target: &Path) -> Result<PathBuf, String> {
    let path = normalize(&base.join(target));
    if target.is_absolute() || path.starts_with("..") { Err(outside(target)) } else { Ok(path) }
}

/// The folder around everything, as code hosts put it there; none if the project file lies on top.
fn wrapping_folder(items: &BTreeMap<PathBuf, Item>) -> Result<PathBuf, String> {
    let project_file = Path::new(project::FILE_NAME);
    if items.contains_key(project_file) {
        return Ok(PathBuf::new());
    }
    let mut tops: Vec<&Path> = items.keys().filter_map(|p| p.iter().next().map(Path::new)).collect();
    tops.dedup();
    match tops.as_slice() {
        [top] if items.contains_key(&top.join(project_file)) => Ok(top.to_path_buf()),
        [_] => Err(format!("it holds no {}", project::FILE_NAME)),
        _ => Err(format!("it holds no {} and more than one folder", project::FILE_NAME)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::MemoryFiles;

    fn tarball(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in entries {
            let mut header = tar::Header::new_gnu();
            // The builder itself refuses paths that lead out.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append(&header, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn unwraps_one_folder_and_never_leaves_its_own() {
        let project = "dbt_project.yml";
        let files = MemoryFiles::default();
        let folder = Path::new("/p/lib");
        let wrapped = format!("lib-1.0/{project}");
        unpack(&tarball(&[(&wrapped, "name: lib"), ("lib-1.0/./macros/m.sql", "m")]), folder, &files).unwrap();
        assert_eq!(files.read_text(&folder.join("macros/m.sql")).unwrap(), "m");
        unpack(&tarball(&[(project, "name: flat")]), Path::new("/p/flat"), &files).unwrap();
        for bad in ["../evil", "/evil", "lib-1.0/../../evil"] {
            let before = files.walk(Path::new("/")).unwrap().len();
            assert!(unpack(&tarball(&[(&wrapped, "name: lib"), (bad, "x")]), folder, &files).is_err(), "{bad}");
            assert_eq!(files.walk(Path::new("/")).unwrap().len(), before, "{bad}");
        }
        for bad in [&tarball(&[("lib/a.sql", "")])[..], b"<html>not found</html>", b"\x1f\x8bgarbage", b""] {
            assert!(unpack(bad, folder, &files).is_err());
        }
    }
}

//! Which files a package holds, by kind, with their text. In: a package's folder and paths. Out: [`SourceEntry`]s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::diag::{Diagnostics, SourceFile};
use sha2::{Digest, Sha256};

use crate::files::{FileInfo, Files, decode, slashed};

use super::ignore::IgnoreRules;
use super::problems::{Origin, unreadable};
use super::project::ProjectConfig;

/// What a file is to dbt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// Macros: .sql in macro paths.
    Macro,
    /// Models: .sql and .py in model paths.
    Model,
    /// Snapshots: .sql in snapshot paths.
    Snapshot,
    /// Analyses: .sql in analysis paths.
    Analysis,
    /// Singular data tests: .sql in test paths, but not in `generic/` and `fixtures/`.
    SingularTest,
    /// Generic data tests: .sql in `generic/` of test paths.
    GenericTest,
    /// Seeds: .csv in seed paths.
    Seed,
    /// Docs blocks: .md in docs paths.
    Docs,
    /// Properties: .yml and .yaml in all paths.
    Properties,
    /// Unit-test fixtures: .csv and .sql in `fixtures/` of test paths.
    Fixture,
    /// Functions: .sql and .py in function paths.
    Function,
}

/// One file of a package.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceEntry {
    /// What it is.
    pub kind: FileKind,
    /// Path relative to the package, forward slashes: dbt's `original_file_path`.
    pub path: String,
    /// The configured folder in which it was found, such as `models`.
    pub search_path: String,
    /// Size in bytes on disk.
    pub size: u64,
    /// Its text. Empty for seeds over [`SourceEntry::MAX_SEED_TEXT`] bytes: dbt does not read them either.
    pub file: Arc<SourceFile>,
    /// SHA-256 of what is on disk without white space around it, where that differs from the text: dbt's checksums see byte
    /// order marks and `\r\n`.
    pub disk_hash: Option<String>,
}

impl SourceEntry {
    /// Seeds larger than this are known by path only, as in dbt.
    pub const MAX_SEED_TEXT: u64 = 1024 * 1024;

    /// Path relative to [`Self::search_path`]: dbt's `path`.
    pub fn relative_path(&self) -> &str {
        self.path.strip_prefix(&self.search_path).map_or(&self.path, |p| p.trim_start_matches('/'))
    }

    /// File name without extension.
    pub fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }

    /// Extension in lower case, without a dot.
    pub fn extension(&self) -> String {
        self.path.rsplit_once('.').map_or_else(String::new, |(_, e)| e.to_lowercase())
    }

    /// Whether this is a seed whose text was left on disk.
    pub fn is_oversized_seed(&self) -> bool {
        self.kind == FileKind::Seed && self.size > Self::MAX_SEED_TEXT
    }
}

/// A file that is to be read.
struct Candidate {
    kind: FileKind,
    path: String,
    search_path: String,
    size: u64,
}

/// Finds and reads all files of a package, in parallel.
pub(super) fn discover(config: &ProjectConfig, origin: &Origin, files: &dyn Files) -> (Vec<SourceEntry>, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let ignore = match origin.read(files, ".dbtignore") {
        Ok(file) => file.map(|f| IgnoreRules::parse(&f.text)).unwrap_or_default(),
        Err(problem) => {
            diagnostics.push(problem);
            IgnoreRules::default()
        }
    };
    let candidates = candidates(config, origin, files, &ignore, &mut diagnostics);
    let read: Vec<_> = candidates.into_par_iter().map(|candidate| read(candidate, origin, files)).collect();
    let mut entries = Vec::with_capacity(read.len());
    for result in read {
        match result {
            Ok(entry) => entries.push(entry),
            Err(problem) => diagnostics.push(problem),
        }
    }
    (entries, diagnostics)
}

fn read(candidate: Candidate, origin: &Origin, files: &dyn Files) -> Result<SourceEntry, crate::diag::Diagnostic> {
    let Candidate { kind, path, search_path, size } = candidate;
    let display = origin.display(&path);
    let on_disk = kind == FileKind::Seed && size > SourceEntry::MAX_SEED_TEXT;
    let mut entry = SourceEntry { kind, path, search_path, size, file: SourceFile::new("", ""), disk_hash: None };
    let mut text = String::new();
    if !on_disk {
        let path = origin.dir.join(&entry.path);
        let bytes = files.read(&path).map_err(|e| unreadable(&display, e))?;
        entry.disk_hash = disk_hash(&bytes);
        text = decode(&path, bytes).map_err(|e| unreadable(&display, e))?;
    }
    entry.file = SourceFile::new(display, text);
    Ok(entry)
}

/// The hash of bytes that are not taken as they are.
fn disk_hash(bytes: &[u8]) -> Option<String> {
    if !bytes.starts_with(b"\xef\xbb\xbf") && !bytes.windows(2).any(|pair| pair == b"\r\n") {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?.trim();
    Some(Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect())
}

/// What is looked for in which folders: dbt's table, in dbt's order.
fn searches(config: &ProjectConfig) -> Vec<(FileKind, Vec<String>, &'static [&'static str])> {
    let below = |folder: &str| -> Vec<String> {
        config.test_paths.iter().map(|p| format!("{}/{folder}", p.trim_end_matches('/'))).collect()
    };
    let all = config.all_paths().into_iter().map(str::to_owned).collect();
    vec![
        (FileKind::Macro, config.macro_paths.clone(), &["sql"]),
        (FileKind::Model, config.model_paths.clone(), &["sql", "py"]),
        (FileKind::Snapshot, config.snapshot_paths.clone(), &["sql"]),
        (FileKind::Analysis, config.analysis_paths.clone(), &["sql"]),
        (FileKind::SingularTest, config.test_paths.clone(), &["sql"]),
        (FileKind::GenericTest, below("generic"), &["sql"]),
        (FileKind::Seed, config.seed_paths.clone(), &["csv"]),
        (FileKind::Docs, config.docs_paths.clone(), &["md"]),
        (FileKind::Properties, all, &["yml", "yaml"]),
        (FileKind::Fixture, below("fixtures"), &["csv", "sql"]),
        (FileKind::Function, config.function_paths.clone(), &["sql", "py"]),
    ]
}

fn candidates(
    config: &ProjectConfig,
    origin: &Origin,
    files: &dyn Files,
    ignore: &IgnoreRules,
    diagnostics: &mut Diagnostics,
) -> Vec<Candidate> {
    let searches = searches(config);
    let folders: BTreeSet<String> = searches.iter().flat_map(|(_, folders, _)| folders).map(|f| clean(f)).collect();
    // Every folder is walked once, however many kinds of file it holds.
    let walked: Vec<_> = folders.into_par_iter().map(|f| (files.walk(&origin.dir.join(&f)), f)).collect();
    let mut listings: BTreeMap<String, Vec<FileInfo>> = BTreeMap::new();
    for (result, folder) in walked {
        match result {
            Ok(found) => {
                listings.insert(folder, found);
            }
            Err(e) => diagnostics.push(unreadable(&origin.display(&folder), e)),
        }
    }
    let mut seen: BTreeSet<(FileKind, String)> = BTreeSet::new();
    let mut out = Vec::new();
    for (kind, folders, extensions) in searches {
        for folder in folders.iter().map(|f| clean(f)) {
            for info in listings.get(&folder).into_iter().flatten() {
                let path = info.path.strip_prefix(&origin.dir).map_or_else(|_| slashed(&info.path), slashed);
                let relative = path.strip_prefix(&folder).map_or(path.as_str(), |p| p.trim_start_matches('/'));
                let wanted =
                    is_named(relative, extensions) && !(kind == FileKind::SingularTest && is_kept_apart(relative));
                if wanted && !ignore.ignores(&path) && seen.insert((kind, path.clone())) {
                    out.push(Candidate { kind, path, search_path: folder.clone(), size: info.size });
                }
            }
        }
    }
    out
}

/// A configured folder in one spelling: no `./`, no trailing `/`.
fn clean(folder: &str) -> String {
    let cleaned = slashed(&crate::files::normalize(std::path::Path::new(folder)));
    if cleaned == "." { String::new() } else { cleaned }
}

/// Whether the file name has one of the extensions and is not hidden or a backup (`.x`, `#x`, `~x`).
fn is_named(relative: &str, extensions: &[&str]) -> bool {
    let name = relative.rsplit('/').next().unwrap_or(relative);
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    !stem.is_empty()
        && !stem.starts_with(['.', '#', '~'])
        && extensions.iter().any(|wanted| extension.eq_ignore_ascii_case(wanted))
}

/// `generic/` and `fixtures/` of a test folder hold no singular tests.
fn is_kept_apart(relative: &str) -> bool {
    relative.split_once('/').is_some_and(|(first, _)| matches!(first, "generic" | "fixtures"))
}

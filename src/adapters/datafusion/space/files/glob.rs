//! Patterns of paths -> files. In: paths as calls name them. Out: the files, in the order of their names.
//!
//! `*` and `?` stand for characters of one segment, `[ab]`, `[a-c]` and `[!ab]` for one of them, a segment `**` for any number of
//! folders. A folder stands for all files of the format below it. Files that begin with a dot and folders such as `day=2026-01-01`
//! are like all others.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::context::SessionState;
use datafusion::execution::object_store::ObjectStoreUrl;
use futures::TryStreamExt;
use object_store::path::Path as StorePath;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::adapters::datafusion::errors;
use crate::adapters::{AdapterError, ErrorKind};
use crate::files::{Files, RealFiles, normalize};

/// A file.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// As the store knows it.
    pub(super) meta: ObjectMeta,
    /// As the call names it.
    pub(super) shown: String,
}

/// Files of one store.
#[derive(Debug)]
pub(super) struct FoundFiles {
    pub(super) place: ObjectStoreUrl,
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) files: Vec<Found>,
}

/// The files that patterns stand for. `endings` are those of files in a folder.
pub(super) async fn find(
    session: &SessionState,
    patterns: &[String],
    endings: &[&str],
) -> Result<FoundFiles, AdapterError> {
    let mut all: Option<FoundFiles> = None;
    for pattern in patterns {
        let base = Base::of(pattern)?;
        let place = base.url.object_store();
        let store = session.runtime_env().object_store(&base.url).map_err(|_| {
            let error = errors::told(ErrorKind::Unsupported, format!("\"{pattern}\" is out of reach"));
            error.with_help("a lake reads files of this machine and of the bucket that it lies in")
        })?;
        let mut files = base.files(&store, endings).await.map_err(|e| errors::store(&e, pattern))?;
        if files.is_empty() {
            let text = format!("No files found that match the pattern \"{pattern}\"");
            return Err(errors::told(ErrorKind::Io, text));
        }
        files.sort_by(|a, b| a.shown.cmp(&b.shown));
        match &mut all {
            None => all = Some(FoundFiles { place, store, files }),
            Some(before) if before.place == place => before.files.extend(files),
            Some(before) => {
                let text = format!("one call reads files of one place, not of {} and {place}", before.place);
                return Err(errors::told(ErrorKind::Unsupported, text));
            }
        }
    }
    all.ok_or_else(|| errors::told(ErrorKind::Binder, "a path is missing"))
}

/// A pattern, and where the search for its files begins.
struct Base {
    url: ListingTableUrl,
    /// The path as far as no pattern is in it.
    fixed: StorePath,
    /// The same as it is written.
    shown: String,
    /// Segments from the first one with a pattern.
    rest: Vec<String>,
    local: bool,
}

impl Base {
    fn of(pattern: &str) -> Result<Self, AdapterError> {
        let plain = pattern.strip_prefix("file://").unwrap_or(pattern);
        let local = !plain.contains("://");
        let (root, path) = match plain.split_once("://") {
            Some((scheme, rest)) => {
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                (format!("{scheme}://{host}/"), path)
            }
            None => (String::new(), plain),
        };
        let whole = local && RealFiles.is_file(Path::new(plain));
        let segments: Vec<&str> = path.split('/').collect();
        let first = segments.iter().position(|s| has_pattern(s)).filter(|_| !whole).unwrap_or(segments.len());
        let (before, rest) = segments.split_at(first);
        let written = before.join("/");
        let slash = if rest.is_empty() || before.is_empty() { "" } else { "/" };
        let shown = format!("{root}{written}{slash}");
        let wrong = |why: String| errors::told(ErrorKind::Io, format!("\"{pattern}\": {why}"));
        let (url, fixed) = if local {
            let absolute = absolute(&written, plain.starts_with('/'))?;
            let fixed = StorePath::from_absolute_path(&absolute).map_err(|e| wrong(e.to_string()))?;
            (ListingTableUrl::parse("file:///"), fixed)
        } else {
            (ListingTableUrl::parse(&root), StorePath::from(written))
        };
        let url = url.map_err(|e| errors::running(&e))?;
        let rest = rest.iter().map(|s| (*s).to_owned()).filter(|s| !s.is_empty()).collect();
        Ok(Self { url, fixed, shown, rest, local })
    }

    async fn files(&self, store: &Arc<dyn ObjectStore>, endings: &[&str]) -> object_store::Result<Vec<Found>> {
        if !self.rest.is_empty() {
            return self.search(store, &self.rest).await;
        }
        match store.head(&self.fixed).await {
            Ok(meta) => return Ok(vec![Found { meta, shown: self.shown.clone() }]),
            Err(object_store::Error::NotFound { .. }) => {}
            // A folder of this machine is no file, which is no reason to give up.
            Err(_) if self.local => {}
            Err(error) => return Err(error),
        }
        let mut found = Vec::new();
        for ending in endings {
            let folder = Self {
                url: self.url.clone(),
                fixed: self.fixed.clone(),
                shown: format!("{}/", self.shown.trim_end_matches('/')),
                rest: Vec::new(),
                local: self.local,
            };
            found.extend(folder.search(store, &["**".to_owned(), format!("*.{ending}")]).await?);
        }
        Ok(found)
    }

    /// Files below the fixed part. Folders of this machine are gone through one by one; of a bucket all is listed, since every
    /// question takes its time there.
    async fn search(&self, store: &Arc<dyn ObjectStore>, pattern: &[String]) -> object_store::Result<Vec<Found>> {
        let mut found = Vec::new();
        let mut open = vec![(self.fixed.clone(), 0)];
        while let Some((folder, at)) = open.pop() {
            let Some(segment) = pattern.get(at) else { continue };
            if segment == "**" || !self.local {
                let metas: Vec<ObjectMeta> = match store.list(Some(&folder)).try_collect().await {
                    Err(object_store::Error::NotFound { .. }) => Vec::new(),
                    other => other?,
                };
                for meta in metas {
                    let Some(parts) = meta.location.prefix_match(&folder) else { continue };
                    let parts: Vec<String> = parts.map(|p| p.as_ref().to_owned()).collect();
                    if fits_all(&pattern[at..], &parts) {
                        found.push(self.named(meta));
                    }
                }
                continue;
            }
            let last = at + 1 == pattern.len();
            if !last && !has_pattern(segment) {
                open.push((folder.clone().join(segment.as_str()), at + 1));
                continue;
            }
            let listed = match store.list_with_delimiter(Some(&folder)).await {
                Err(object_store::Error::NotFound { .. }) => continue,
                other => other?,
            };
            let fit = |path: &StorePath| path.filename().is_some_and(|name| fits(segment, name));
            if last {
                found.extend(listed.objects.into_iter().filter(|meta| fit(&meta.location)).map(|m| self.named(m)));
            } else {
                open.extend(listed.common_prefixes.into_iter().filter(fit).map(|prefix| (prefix, at + 1)));
            }
        }
        Ok(found)
    }

    fn named(&self, meta: ObjectMeta) -> Found {
        let below: Vec<String> = match meta.location.prefix_match(&self.fixed) {
            Some(parts) => parts.map(|p| p.as_ref().to_owned()).collect(),
            None => vec![meta.location.to_string()],
        };
        Found { shown: format!("{}{}", self.shown, below.join("/")), meta }
    }
}

fn absolute(written: &str, rooted: bool) -> Result<PathBuf, AdapterError> {
    if rooted {
        return Ok(normalize(Path::new(&format!("/{}", written.trim_start_matches('/')))));
    }
    let here = RealFiles.canonical(Path::new("."));
    let here = here.map_err(|e| errors::told(ErrorKind::Io, e.to_string()))?;
    Ok(normalize(&here.join(written)))
}

fn has_pattern(segment: &str) -> bool {
    segment.contains(['*', '?', '['])
}

/// Whether segments of a path fit segments of a pattern.
fn fits_all(pattern: &[String], path: &[String]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "**" => {
            // At the end it stands for files as well, at any depth.
            if rest.is_empty() {
                return !path.is_empty();
            }
            (0..=path.len()).any(|skipped| fits_all(rest, &path[skipped..]))
        }
        (Some((first, rest)), Some((name, below))) => fits(first, name) && fits_all(rest, below),
        _ => false,
    }
}

/// Whether a name fits one segment of a pattern.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last star stood, and how far the name had got there.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match one(&pattern[p..], name[n]) {
            Step::Star => {
                star = Some((p + 1, n));
                p += 1;
            }
            Step::Fits(length) => {
                p += length;
                n += 1;
            }
            Step::Not => {
                let Some((after, reached)) = star else { return false };
                star = Some((after, reached + 1));
                (p, n) = (after, reached + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// What the first part of a pattern makes of a character.
enum Step {
    Star,
    /// It fits, and so many characters of the pattern are used.
    Fits(usize),
    Not,
}

fn one(pattern: &[char], c: char) -> Step {
    let taken = |fits: bool, length: usize| if fits { Step::Fits(length) } else { Step::Not };
    match pattern {
        [] => Step::Not,
        ['*', ..] => Step::Star,
        ['?', ..] => Step::Fits(1),
        ['\\', escaped, ..] => taken(*escaped == c, 2),
        ['[', rest @ ..] => {
            let negated = rest.first() == Some(&'!');
            let set = &rest[usize::from(negated)..];
            // A bracket right at the start is one of the characters.
            let Some(end) = set.iter().skip(1).position(|c| *c == ']').map(|at| at + 1) else {
                return taken(c == '[', 1);
            };
            let (mut at, mut within) = (0, false);
            while at < end {
                if at + 2 < end && set[at + 1] == '-' {
                    within |= (set[at]..=set[at + 2]).contains(&c);
                    at += 3;
                } else {
                    within |= set[at] == c;
                    at += 1;
                }
            }
            taken(within != negated, 2 + usize::from(negated) + end)
        }
        [plain, ..] => taken(*plain == c, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns() {
        for (pattern, name, expected) in [
            ("*.csv", "a.csv", true),
            ("*.csv", "a.csv.gz", false),
            ("*a*b*", "xaxxbx", true),
            ("*a*b*", "xbxa", false),
            ("?.csv", "é.csv", true),
            ("[xz]1", "z1", true),
            ("[!xz]1", "z1", false),
            ("[^s]", "s", true),
            ("[a-c]x", "bx", true),
            ("[a-c]x", "dx", false),
            ("[]]", "]", true),
            ("a\\*", "a*", true),
            ("**", "abc", true),
            ("", "", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_bucket_and_a_folder_give_the_same_files() {
        let home = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let local: Arc<dyn ObjectStore> =
            Arc::new(object_store::local::LocalFileSystem::new_with_prefix(home.path()).expect("a store"));
        let bucket: Arc<dyn ObjectStore> = Arc::new(object_store::memory::InMemory::new());
        let put = async {
            for path in ["in/a.csv", "in/y=1/b.csv", "in/y=2/z/c.csv", "in/y=2/d.txt", "inn/e.csv"] {
                for store in [&local, &bucket] {
                    store.put(&StorePath::from(path), "x".into()).await.expect("written");
                }
            }
        };
        runtime.block_on(put);
        for (pattern, expected) in [
            ("in/*.csv", &["in/a.csv"][..]),
            ("in/**/*.csv", &["in/a.csv", "in/y=1/b.csv", "in/y=2/z/c.csv"]),
            ("in/*/*", &["in/y=1/b.csv", "in/y=2/d.txt"]),
            ("in/y=[1-2]/*.csv", &["in/y=1/b.csv"]),
            ("in/*/z/c.csv", &["in/y=2/z/c.csv"]),
            ("*/?.csv", &["in/a.csv", "inn/e.csv"]),
            ("in", &["in/a.csv", "in/y=1/b.csv", "in/y=2/z/c.csv"]),
            ("in/a.csv", &["in/a.csv"]),
            ("in/no.csv", &[]),
        ] {
            for (store, is_local) in [(&local, true), (&bucket, false)] {
                let mut base = Base::of(&format!("s3://bucket/{pattern}")).expect("a pattern");
                base.local = is_local;
                let found = runtime.block_on(base.files(store, &["csv"])).expect("files");
                let mut shown: Vec<String> = found.into_iter().map(|file| file.shown).collect();
                shown.sort();
                let expected: Vec<String> = expected.iter().map(|path| format!("s3://bucket/{path}")).collect();
                assert_eq!(shown, expected, "{pattern}, {is_local}");
            }
        }
    }

    #[test]
    fn folders_of_any_depth() {
        let split = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
        for (pattern, path, expected) in [
            ("**/*.csv", "a.csv", true),
            ("**/*.csv", "x/y/a.csv", true),
            ("x/**/a.csv", "x/a.csv", true),
            ("x/**/t/*.csv", "x/y/t/a.csv", true),
            ("x/**/t/*.csv", "x/y/a.csv", false),
            ("*/*.csv", "a.csv", false),
            ("**", "x/a.csv", true),
        ] {
            assert_eq!(fits_all(&split(pattern), &split(path)), expected, "{pattern} {path}");
        }
    }
}

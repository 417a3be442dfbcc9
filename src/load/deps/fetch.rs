//! Packages from elsewhere, put into a folder of their own before anything is installed. In: addresses. Out: folders.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use crate::diag::{Diagnostic, Span, codes};
use crate::files::{Files, Remote, RemoteError};

use super::archive;

/// A repository at a revision.
#[derive(Clone, Debug)]
pub(super) struct Checkout {
    /// The package's folder.
    pub dir: PathBuf,
    /// The commit.
    pub commit: String,
}

/// Gets packages, each once.
pub(super) struct Fetcher<'a> {
    /// The network and git.
    pub remote: &'a dyn Remote,
    /// The file system.
    pub files: &'a dyn Files,
    /// The folder that is thrown away in the end.
    pub staging: PathBuf,
    checkouts: HashMap<(String, String, String), Checkout>,
    archives: HashMap<String, PathBuf>,
}

impl<'a> Fetcher<'a> {
    /// A fetcher that puts things below a folder.
    pub fn new(remote: &'a dyn Remote, files: &'a dyn Files, staging: PathBuf) -> Self {
        Self { remote, files, staging, checkouts: HashMap::new(), archives: HashMap::new() }
    }

    /// A repository's files.
    pub fn git(
        &mut self,
        url: &str,
        revision: &str,
        subdirectory: Option<&str>,
        span: &Span,
    ) -> Result<Checkout, Diagnostic> {
        let inside = subdirectory.unwrap_or_default().trim_matches('/');
        let leads_out = |part: Component<'_>| !matches!(part, Component::Normal(_) | Component::CurDir);
        if inside.starts_with('-') || Path::new(inside).components().any(leads_out) {
            let message = format!("`subdirectory: {inside}` is no folder of the repository");
            return Err(Diagnostic::error(codes::PACKAGE_INVALID, message).at(span.clone()));
        }
        let key = (url.to_owned(), revision.to_owned(), inside.to_owned());
        if let Some(found) = self.checkouts.get(&key) {
            return Ok(found.clone());
        }
        let top = self.staging.join(format!("git-{}", self.checkouts.len()));
        let sparse = (!inside.is_empty()).then_some(inside);
        let commit = self.remote.checkout(url, revision, sparse, &top).map_err(|e| {
            let what = if revision == "HEAD" { String::new() } else { format!(" at `{revision}`") };
            let problem = Diagnostic::error(codes::PACKAGE_FETCH, format!("`{url}`{what} cannot be fetched"));
            let problem = problem.at(span.clone()).note(e.to_string());
            match e {
                RemoteError::NoGit(_) => problem.help("install git; packages from `git:` are fetched with it"),
                _ => problem.help("try `git ls-remote` with this address; `revision` is a branch, a tag or a commit"),
            }
        })?;
        let found = Checkout { dir: top.join(inside), commit };
        self.checkouts.insert(key, found.clone());
        Ok(found)
    }

    /// An archive's files.
    pub fn archive(&mut self, url: &str, span: &Span) -> Result<PathBuf, Diagnostic> {
        if let Some(dir) = self.archives.get(url) {
            return Ok(dir.clone());
        }
        let dir = self.staging.join(format!("archive-{}", self.archives.len()));
        unpack(self.remote, self.files, url, &dir, span)?;
        self.archives.insert(url.to_owned(), dir.clone());
        Ok(dir)
    }
}

/// Downloads an archive and unpacks it into a folder.
pub(super) fn unpack(
    remote: &dyn Remote,
    files: &dyn Files,
    url: &str,
    dir: &Path,
    span: &Span,
) -> Result<(), Diagnostic> {
    let bytes = remote.fetch(url).map_err(|e| {
        let problem = Diagnostic::error(codes::PACKAGE_FETCH, format!("`{url}` cannot be downloaded"));
        problem.at(span.clone()).note(e.to_string()).help("check the address and the network")
    })?;
    archive::unpack(&bytes, dir, files).map_err(|why| {
        let problem = Diagnostic::error(codes::PACKAGE_FETCH, format!("`{url}` is no package"));
        problem.at(span.clone()).note(why).help("a package is a .tar.gz archive of one folder with a dbt_project.yml")
    })
}

//! What comes from other machines: files behind addresses and git repositories. In: addresses. Out: bytes, checked-out
//! folders, [`RemoteError`].

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// More than any package needs; stops a wrong address from filling the memory.
const LARGEST_DOWNLOAD: u64 = 512 * 1024 * 1024;

/// Waiting times before another attempt, for failures that may pass.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(900)];

/// A failure to get something.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The server, or the file behind a `file://` address, is not there.
    #[error("{address}: not found")]
    NotFound {
        /// What was asked for.
        address: String,
    },
    /// No answer, or a bad one.
    #[error("{address}: {reason}")]
    Failed {
        /// What was asked for.
        address: String,
        /// Why there is nothing.
        reason: String,
    },
    /// The program `git` could not be started.
    #[error("git cannot be started: {0}")]
    NoGit(String),
    /// The program `git` ended with an error.
    #[error("{0}")]
    Git(String),
}

/// The way to other machines. Shared by threads.
pub trait Remote: Sync {
    /// The bytes behind an `http:`, `https:` or `file:` address.
    fn fetch(&self, address: &str) -> Result<Vec<u8>, RemoteError>;

    /// Puts the files of a repository's revision (branch, tag or commit; `HEAD` is the default branch) into a folder that
    /// does not exist yet, without history, and returns the commit. With a subdirectory no other folder need be there.
    fn checkout(
        &self,
        repository: &str,
        revision: &str,
        subdirectory: Option<&str>,
        folder: &Path,
    ) -> Result<String, RemoteError>;
}

/// HTTP with the proxies of the environment, and the user's own `git` with its settings and credentials.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealRemote;

impl Remote for RealRemote {
    fn fetch(&self, address: &str) -> Result<Vec<u8>, RemoteError> {
        if let Some(path) = file_of(address) {
            return std::fs::read(&path).map_err(|e| match e.kind() {
                ErrorKind::NotFound => RemoteError::NotFound { address: address.to_owned() },
                _ => RemoteError::Failed { address: address.to_owned(), reason: e.to_string() },
            });
        }
        let mut pauses = PAUSES.into_iter();
        loop {
            let (problem, passing) = match download(address) {
                Ok(bytes) => return Ok(bytes),
                Err(failed) => failed,
            };
            match pauses.next().filter(|_| passing) {
                Some(pause) => std::thread::sleep(pause),
                None => return Err(problem),
            }
        }
    }

    fn checkout(
        &self,
        repository: &str,
        revision: &str,
        subdirectory: Option<&str>,
        folder: &Path,
    ) -> Result<String, RemoteError> {
        if let Some(parent) = folder.parent() {
            std::fs::create_dir_all(parent).map_err(|e| RemoteError::Git(e.to_string()))?;
        }
        let target = folder.to_string_lossy();
        let mut clone = vec!["clone", "--quiet", "--depth", "1"];
        if subdirectory.is_some() {
            clone.extend(["--filter=blob:none", "--sparse"]);
        }
        clone.extend(["--", repository, &target]);
        git(None, &clone)?;
        let inside = Some(folder);
        if let Some(subdirectory) = subdirectory {
            git(inside, &["sparse-checkout", "set", subdirectory])?;
        }
        if revision != "HEAD" {
            let found = fetch_revision(folder, revision)?;
            git(inside, &["reset", "--quiet", "--hard", &found])?;
        }
        let commit = git(inside, &["rev-parse", "HEAD"])?.trim().to_owned();
        std::fs::remove_dir_all(folder.join(".git")).map_err(|e| RemoteError::Git(e.to_string()))?;
        Ok(commit)
    }
}

/// One attempt; with a failure whether another attempt may succeed.
fn download(address: &str) -> Result<Vec<u8>, (RemoteError, bool)> {
    let settings = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .user_agent(concat!("transform/", env!("CARGO_PKG_VERSION")))
        .build();
    let agent = ureq::Agent::new_with_config(settings);
    let failed = |reason: String| RemoteError::Failed { address: address.to_owned(), reason };
    let mut answer = agent.get(address).call().map_err(|e| match e {
        ureq::Error::StatusCode(404 | 410) => (RemoteError::NotFound { address: address.to_owned() }, false),
        ureq::Error::StatusCode(code) => {
            (failed(format!("the server answers with {code}")), code >= 500 || code == 429)
        }
        ureq::Error::BadUri(reason) => (failed(format!("not an address: {reason}")), false),
        other => (failed(other.to_string()), true),
    })?;
    let body = answer.body_mut().with_config().limit(LARGEST_DOWNLOAD);
    body.read_to_vec().map_err(|e| (failed(e.to_string()), true))
}

/// The path of a `file:` address.
fn file_of(address: &str) -> Option<PathBuf> {
    let rest = address.strip_prefix("file:")?;
    let path = rest.strip_prefix("//localhost").or_else(|| rest.strip_prefix("//")).unwrap_or(rest);
    let mut bytes = Vec::with_capacity(path.len());
    let mut left = path.as_bytes();
    while let Some((&first, tail)) = left.split_first() {
        let escaped = (first == b'%').then(|| tail.get(..2)).flatten();
        let decoded = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(first));
        left = if decoded.is_some() { &tail[2..] } else { tail };
    }
    let path = String::from_utf8_lossy(&bytes).into_owned();
    // `file:///C:/x` is `C:/x`.
    let drive = path.strip_prefix('/').filter(|p| p.as_bytes().get(1) == Some(&b':'));
    Some(PathBuf::from(drive.filter(|_| cfg!(windows)).unwrap_or(&path)))
}

/// Brings a revision into a shallow clone and returns how git names it there. Tags go before branches, as in dbt.
fn fetch_revision(folder: &Path, revision: &str) -> Result<String, RemoteError> {
    let inside = Some(folder);
    let fetch = |what: &str| git(inside, &["fetch", "--quiet", "--depth", "1", "--no-tags", "origin", what]);
    let is_commit = revision.len() >= 7 && revision.bytes().all(|b| b.is_ascii_hexdigit());
    if revision.len() == 40 && is_commit && fetch(revision).is_ok() {
        return Ok("FETCH_HEAD".to_owned());
    }
    if fetch(&format!("refs/tags/{revision}")).is_ok() {
        return Ok("FETCH_HEAD".to_owned());
    }
    let branch = fetch(&format!("refs/heads/{revision}"));
    match branch {
        Ok(_) => Ok("FETCH_HEAD".to_owned()),
        // A server may refuse single commits, and a shortened commit can only be found in the whole history.
        Err(_) if is_commit => {
            git(
                inside,
                &["fetch", "--quiet", "--unshallow", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*"],
            )?;
            let commit = git(inside, &["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")]);
            commit.map(|c| c.trim().to_owned()).map_err(|_| RemoteError::Git(format!("no commit {revision}")))
        }
        Err(problem) => Err(problem),
    }
}

/// Whether the program `git` can be started.
pub fn git_works() -> bool {
    git(None, &["--version"]).is_ok()
}

/// Runs git and returns what it prints.
fn git(folder: Option<&Path>, arguments: &[&str]) -> Result<String, RemoteError> {
    let mut command = Command::new("git");
    command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null());
    // Inside a git hook these would lead the clone into the hook's own repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    let done = command.output().map_err(|e| RemoteError::NoGit(e.to_string()))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let told = String::from_utf8_lossy(&done.stderr);
    Err(RemoteError::Git(told.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_files() {
        for (address, path) in [
            ("file:///a/b%20c.json", Some("/a/b c.json")),
            ("file://localhost/a", Some("/a")),
            ("file:a/100%", Some("a/100%")),
            ("https://a/b", None),
        ] {
            assert_eq!(file_of(address), path.map(PathBuf::from), "{address}");
        }
    }
}

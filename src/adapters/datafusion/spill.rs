//! Where queries spill what memory does not hold. In: the folder that the profile names. Out: a folder of this process in it,
//! which goes when the process does; folders of processes of this machine that were killed are removed.

use std::path::{Path, PathBuf};

use super::catalog::host_name;
use super::errors;
use super::lease::is_running;
use crate::adapters::{AdapterError, ErrorKind};
use crate::files::{Env, Files, RealFiles};

/// How names of such folders begin.
const PREFIX: &str = "transform-spill-";

/// A folder for this process, or none where it cannot be made and nobody asked for it.
#[derive(Debug)]
pub(super) struct Spill {
    within: Option<PathBuf>,
    folder: Option<PathBuf>,
}

impl Spill {
    /// Makes one in the folder that the profile names, else in the system's for temporary files.
    pub(super) fn open(named: Option<&Path>) -> Result<Self, AdapterError> {
        let within = named.map(Path::to_owned).or_else(temporary);
        let Some(within) = within else { return Ok(Self { within: None, folder: None }) };
        clear(&within);
        let id = uuid::Uuid::new_v4().simple().to_string();
        let folder = within.join(format!("{PREFIX}{}-{}-{}", host(), std::process::id(), &id[..8]));
        match (RealFiles.create_dir(&within).and_then(|()| RealFiles.create_dir(&folder)), named) {
            (Ok(()), _) => Ok(Self { within: Some(within), folder: Some(folder) }),
            (Err(_), None) => Ok(Self { within: Some(within), folder: None }),
            (Err(e), Some(named)) => {
                let text = format!("queries cannot spill to {}: {e}", named.display());
                Err(AdapterError::new(ErrorKind::Settings, text)
                    .about_option("temp_directory")
                    .with_help("name another folder as `temp_directory` of the target"))
            }
        }
    }

    /// Where spill files go; none leaves it to the engine.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// An error with the folder named, if it is one of a folder without room.
    pub(super) fn named(&self, mut error: AdapterError) -> AdapterError {
        if error.kind == ErrorKind::Io && errors::is_full_spill(&error) {
            let place = self.within.as_ref().map(|folder| format!(" in {}", folder.display())).unwrap_or_default();
            error.message = format!("the query does not fit in memory and there is no room left to spill{place}");
        }
        error
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            let _ = RealFiles.remove_dir(folder);
        }
    }
}

/// The system's folder for temporary files.
fn temporary() -> Option<PathBuf> {
    let env = Env::process();
    let named = ["TMPDIR", "TEMP", "TMP"].into_iter().find_map(|name| env.var(name)).map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from("/tmp"))).filter(|folder| RealFiles.is_dir(folder))
}

fn host() -> String {
    host_name().chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect()
}

/// Removes what killed processes of this machine have left.
fn clear(within: &Path) {
    let host = host();
    let dead = |folder: &PathBuf| {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.strip_prefix(PREFIX).and_then(owner).is_some_and(|(theirs, pid)| theirs == host && !is_running(pid))
    };
    for folder in RealFiles.subfolders(within).unwrap_or_default().iter().filter(|folder| dead(folder)) {
        let _ = RealFiles.remove_dir(folder);
    }
}

/// Whose folder it is.
fn owner(name: &str) -> Option<(&str, u32)> {
    let (rest, _) = name.rsplit_once('-')?;
    let (host, pid) = rest.rsplit_once('-')?;
    Some((host, pid.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_dead_go() {
        let home = tempfile::tempdir().expect("a folder");
        let make = |name: String| {
            let folder = home.path().join(name);
            RealFiles.create_dir(&folder.join("inner")).expect("made");
            folder
        };
        // No process has so large a number.
        let dead = make(format!("{PREFIX}{}-4000000000-aaaaaaaa", host()));
        let elsewhere = make(format!("{PREFIX}another.host-4000000000-aaaaaaaa"));
        let ours = make(format!("{PREFIX}{}-{}-aaaaaaaa", host(), std::process::id()));
        let others = make("orders".to_owned());
        let spill = Spill::open(Some(home.path())).expect("a folder");
        let folder = spill.folder().expect("a folder").to_owned();
        assert_eq!(dead.exists(), !Path::new("/proc/self").exists());
        assert!(elsewhere.exists() && ours.exists() && others.exists() && folder.exists());
        drop(spill);
        assert!(!folder.exists());
    }
}

//! A package with its version decided. In: what `resolve` found. Out: [`Pinned`], how it is named and how it is locked.

use std::path::PathBuf;

use crate::base::Value;
use crate::diag::Span;

use super::lock::LockEntry;

/// A package with its version.
#[derive(Clone, Debug)]
pub(super) struct Pinned {
    /// Where it comes from.
    pub source: PinSource,
    /// The project name, which is the folder's name too.
    pub name: String,
    /// The entry that brought it.
    pub span: Span,
}

/// Where a package comes from.
#[derive(Clone, Debug)]
pub(super) enum PinSource {
    /// A folder.
    Local {
        /// The path from the root project.
        path: String,
        /// The folder.
        dir: PathBuf,
    },
    /// The hub.
    Hub {
        /// `namespace/name`.
        package: String,
        /// The version.
        version: String,
        /// The newest version that could be installed.
        latest: String,
        /// The address of the archive.
        tarball: String,
    },
    /// A git repository.
    Git {
        /// The address.
        url: String,
        /// The address or name before rendering.
        written: String,
        /// Whether it was listed as `private:`.
        private: bool,
        /// `provider` of a private package.
        provider: Option<String>,
        /// The commit.
        revision: String,
        /// The package's folder in the repository.
        subdirectory: Option<String>,
        /// Where its files are now.
        dir: PathBuf,
    },
    /// An archive.
    Tarball {
        /// The address.
        url: String,
        /// The address before rendering.
        written: String,
        /// Where its files are now.
        dir: PathBuf,
    },
}

impl Pinned {
    /// How messages call it.
    pub fn label(&self) -> String {
        match &self.source {
            PinSource::Local { path, .. } => path.clone(),
            PinSource::Hub { package, .. } => package.clone(),
            PinSource::Git { url, subdirectory: Some(sub), .. } => format!("{url}/{sub}"),
            PinSource::Git { url, .. } => url.clone(),
            PinSource::Tarball { .. } => self.name.clone(),
        }
    }

    /// What is compared to know whether it is the same version.
    pub fn version(&self) -> &str {
        match &self.source {
            PinSource::Hub { version, .. } => version,
            PinSource::Git { revision, .. } => revision,
            PinSource::Local { .. } | PinSource::Tarball { .. } => "",
        }
    }

    /// Its version in dbt's words.
    pub fn version_name(&self) -> String {
        match &self.source {
            PinSource::Local { path, .. } => format!("<local @ {path}>"),
            PinSource::Hub { version, .. } => format!("version {version}"),
            PinSource::Git { revision, .. } => format!("revision {revision}"),
            PinSource::Tarball { url, .. } => format!("tarball (url: {url})"),
        }
    }

    /// Its entry in the lock file.
    pub fn lock_entry(&self) -> LockEntry {
        let text = |text: &str| Value::from(text);
        let mut entry = LockEntry::from([("name", text(&self.name))]);
        match &self.source {
            PinSource::Local { path, .. } => drop(entry.insert("local", text(path))),
            PinSource::Hub { package, version, .. } => {
                entry.extend([("package", text(package)), ("version", text(version))]);
            }
            PinSource::Git { written, private, provider, revision, subdirectory, .. } => {
                entry.extend([(if *private { "private" } else { "git" }, text(written)), ("revision", text(revision))]);
                entry.extend(subdirectory.as_deref().map(|sub| ("subdirectory", text(sub))));
                entry.extend(provider.as_deref().map(|p| ("provider", text(p))));
            }
            PinSource::Tarball { written, .. } => drop(entry.insert("tarball", text(written))),
        }
        entry
    }
}

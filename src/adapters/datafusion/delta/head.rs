//! What an append has to know of a table, kept between transactions. In: an opened table, then the commits on top of it. Out:
//! [`Head`]s.
//!
//! Reading a log costs more than adding a few rows. A process that adds rows again and again to one table, as runs do to their
//! ledger, goes on from what it knew and from the commits that the catalog has shown it since.

use serde_json::Value;

use super::meta::Meta;
use super::write::target_file_size;

/// See the module.
#[derive(Clone, Debug)]
pub struct Head {
    pub(super) version: u64,
    pub(super) meta: Meta,
    pub(super) tally: Tally,
}

/// Data files, or a change of their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// All of them.
    pub(super) files: i64,
    /// Those far below the size that files should have.
    pub(super) small: i64,
}

impl Tally {
    /// One more file.
    pub(super) fn add(&mut self, size: u64, meta: &Meta) {
        self.files += 1;
        self.small += i64::from(is_small(size, meta));
    }

    /// The change that actions make.
    pub(super) fn of(actions: &[Value], meta: &Meta) -> Self {
        let mut tally = Self::default();
        for action in actions {
            if let Some(add) = action.get("add") {
                tally.add(size_of(add).unwrap_or(u64::MAX), meta);
            } else if let Some(remove) = action.get("remove") {
                tally.files -= 1;
                tally.small -= i64::from(size_of(remove).is_some_and(|size| is_small(size, meta)));
            }
        }
        tally
    }
}

/// Whether a file is far below the size that files should have.
pub(super) fn is_small(size: u64, meta: &Meta) -> bool {
    size < target_file_size(meta) / 4
}

fn size_of(file: &Value) -> Option<u64> {
    file.get("size").and_then(Value::as_u64)
}

impl Head {
    /// The version that it is about.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The head after one more commit, as the log holds it; `None` where the log has to be read to know.
    #[must_use]
    pub fn after(mut self, version: u64, commit: &str) -> Option<Self> {
        if version != self.version + 1 {
            return None;
        }
        let actions: Vec<Value> = commit.lines().map(|line| serde_json::from_str(line).ok()).collect::<Option<_>>()?;
        let unclear = |action: &Value| {
            action.get("metaData").is_some()
                || action.get("protocol").is_some()
                || action.get("remove").is_some_and(|remove| size_of(remove).is_none())
        };
        if actions.iter().any(unclear) {
            return None;
        }
        let change = Tally::of(&actions, &self.meta);
        self.version = version;
        self.tally.files += change.files;
        self.tally.small += change.small;
        Some(self)
    }
}

//! Making a commit true for everybody. In: a [`StagedCommit`]. Out: whether it stands in the log.

use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::overlay::{LOG, log_entry};
use super::provider::decoded;
use super::{DeltaError, Lake, StagedCommit};

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It stands in the log now.
    Written,
    /// It stood there before: somebody finished it for us, or we are asked twice.
    AlreadyThere,
    /// Another commit has its version.
    Conflict,
}

/// Puts a commit's log entry, unless its version is taken. Files that came and went within the transaction are deleted.
pub async fn publish(lake: &Lake, commit: &StagedCommit) -> Result<Published, DeltaError> {
    let published = publish_entry(lake, &commit.location, commit.version, &commit.json).await?;
    if published == Published::Written {
        for orphan in &commit.orphans {
            if let Ok(path) = Lake::table_path(&format!("{}/{}", commit.location, decoded(orphan))) {
                // `vacuum` finds what stays.
                let _ = lake.store.delete(&path).await;
            }
        }
    }
    Ok(published)
}

/// Puts a log entry as it was kept for the case of a crash.
pub(super) async fn publish_entry(
    lake: &Lake,
    location: &str,
    version: u64,
    json: &str,
) -> Result<Published, DeltaError> {
    let path = Lake::table_path(location)?.join(LOG).join(log_entry(version));
    let options = PutOptions::from(PutMode::Create);
    match lake.store.put_opts(&path, PutPayload::from(json.to_string()), options).await {
        Ok(_) => Ok(Published::Written),
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
            let there = lake.store.get(&path).await?.bytes().await?;
            Ok(if there.as_ref() == json.as_bytes() { Published::AlreadyThere } else { Published::Conflict })
        }
        Err(error) => Err(error.into()),
    }
}

//! The run that is at work, for `retry` in case it is killed.
//!
//! In: what is about to run. Out: a file in the target folder, in the form of run_results.json with every node still to be run;
//! it is gone when the run has ended, however it ended.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use crate::artifacts::{ArtifactKind, timestamp};
use crate::base::{NodeId, Value};
use crate::files::Files;

use super::session::Session;
use super::settings::Settings;

/// The file's name in the target folder.
pub const FILE: &str = ".transform.unfinished.json";

/// The file, while the run is at work.
pub struct Unfinished {
    files: Arc<dyn Files>,
    path: PathBuf,
}

impl Unfinished {
    /// Writes what is about to run. A target that cannot be written to is told of by whoever writes its artifacts.
    pub fn begin<'a>(
        session: &Session,
        settings: &Settings,
        nodes: impl IntoIterator<Item = &'a NodeId>,
    ) -> Option<Self> {
        let inputs = &session.inputs;
        if !inputs.write_json {
            return None;
        }
        let mut args = inputs.args.clone();
        args.entry("which".into()).or_insert_with(|| Value::from(settings.which.as_str()));
        let results = nodes.into_iter().map(|id| json!({"unique_id": id.as_str(), "status": "skipped"}));
        let text = json!({
            "metadata": {
                "dbt_schema_version": ArtifactKind::RunResults.schema(),
                "invocation_id": inputs.invocation_id,
                "invocation_started_at": timestamp(inputs.started_at),
            },
            "args": Value::Map(args).to_json(),
            "results": results.collect::<Vec<_>>(),
        });
        let path = session.target_dir().join(FILE);
        inputs.files.write_atomic(&path, text.to_string().as_bytes()).ok()?;
        Some(Self { files: Arc::clone(&inputs.files), path })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = self.files.remove_file(&self.path);
    }
}

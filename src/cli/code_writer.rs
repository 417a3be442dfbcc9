//! `target/compiled` and `target/run`. In: rendered code of nodes. Out: files in dbt's layout.

use std::path::PathBuf;
use std::sync::Arc;

use crate::artifacts::{Subfolder, node_path, unit_test_path};
use crate::diag::{Diagnostic, codes};
use crate::execute::{CodePaths, CodeWriter};
use crate::files::Files;
use crate::load::SourceTree;
use crate::node::{Node, ResourceType, UnitTest};

use super::session::Inputs;

/// Writes code below the target folder.
pub struct TargetWriter {
    files: Arc<dyn Files>,
    root: PathBuf,
    target: String,
}

impl TargetWriter {
    /// A writer for a project.
    pub fn new(inputs: &Inputs, tree: &SourceTree) -> Self {
        Self {
            files: Arc::clone(&inputs.files),
            root: tree.root.root_dir.clone(),
            target: tree.root.config.target_path.clone(),
        }
    }

    fn write(&self, path: String, code: &str) -> Result<Option<String>, Diagnostic> {
        self.files.write_atomic(&self.root.join(&path), code.as_bytes()).map_err(|e| {
            Diagnostic::error(codes::TARGET_UNWRITABLE, e.to_string())
                .help("check the folder's permissions and free space, or choose another with --target-path")
        })?;
        Ok(Some(path))
    }
}

impl CodeWriter for TargetWriter {
    fn write_node(&self, node: &Node, code: &str) -> Result<Option<String>, Diagnostic> {
        if matches!(node.resource_type, ResourceType::Seed | ResourceType::Operation) {
            return Ok(None);
        }
        self.write(node_path(&self.target, Subfolder::Compiled, node), code)
    }

    fn write_unit_test(&self, test: &UnitTest, code: &str) -> Result<Option<String>, Diagnostic> {
        self.write(unit_test_path(&self.target, Subfolder::Compiled, test), code)
    }
}

impl CodePaths for TargetWriter {
    fn run_path(&self, node: &Node) -> PathBuf {
        self.root.join(node_path(&self.target, Subfolder::Run, node))
    }
}

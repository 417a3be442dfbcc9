//! Where rendered code goes: `target/compiled` and `target/run` in dbt's layout.

use std::sync::Arc;

use crate::artifacts::{Subfolder, batch_path, node_path};
use crate::execute::{CodePaths, ProjectFiles};
use crate::load::SourceTree;
use crate::node::Node;

use super::session::Inputs;

/// The files of a project's nodes.
pub fn project_files(inputs: &Inputs, tree: &SourceTree) -> ProjectFiles {
    let path = |folder: Subfolder| {
        let target = tree.root.config.target_path.clone();
        Arc::new(move |node: &Node, batch: Option<&str>| match batch {
            Some(batch) => batch_path(&target, folder, node, batch),
            None => node_path(&target, folder, node),
        }) as Arc<dyn Fn(&Node, Option<&str>) -> String + Send + Sync>
    };
    let paths = CodePaths { compiled: path(Subfolder::Compiled), run: path(Subfolder::Run) };
    ProjectFiles::new(Arc::clone(&inputs.files), tree.root.root_dir.clone(), paths, true)
}

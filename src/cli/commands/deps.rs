//! `deps`. In: packages.yml. Out: packages in their folder, package-lock.yml.

use crate::cli::context::{CommandContext, CommandResult};
use crate::execute::event::{Event, NoteLevel};
use crate::load::install_packages;

/// Installs the project's packages.
pub fn run(cx: &CommandContext<'_>) -> CommandResult {
    let Some(root) = cx.root() else { return Ok(2) };
    if root.packages.specs.is_empty() {
        let message = format!("No packages were found in {}", root.packages.file_name);
        cx.events.emit(&Event::Note { level: NoteLevel::Warn, message: &message });
    }
    let vars = cx.settings.dict("vars");
    let (done, problems) = install_packages(&root, &vars, cx.files.as_ref(), &cx.env, cx.renderer);
    for package in &done {
        cx.say(&format!("Installing {}", package.path));
        cx.say(&format!("Installed from <local @ {}>", package.path));
    }
    Ok(if cx.tell(&problems) { 2 } else { 0 })
}

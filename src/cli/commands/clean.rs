//! `clean`. In: `clean-targets` of dbt_project.yml. Out: those folders, deleted.
//!
//! Nothing is deleted before every folder has passed: outside the project only when asked for, never one that holds the
//! project or its sources, never another tool's cache.

use std::path::{Path, PathBuf};

use crate::cli::context::{CommandContext, CommandResult};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::files::{Files, slashed};
use crate::load::RootConfig;

/// The file with which tools mark folders as theirs.
const CACHE_MARK: &str = "CACHEDIR.TAG";

/// Deletes the folders in clean-targets.
pub fn run(cx: &CommandContext<'_>) -> CommandResult {
    let Some(root) = cx.root() else { return Ok(2) };
    let files = cx.files.as_ref();
    let inside_only = cx.settings.bool("clean_project_files_only");
    let mut problems = Diagnostics::new();
    let mut folders: Vec<PathBuf> = Vec::new();
    for target in &root.config.clean_targets {
        let folder = crate::files::normalize(&root.root_dir.join(target));
        match refusal(&root, &folder, inside_only, files) {
            Some(why) => problems.push(refused(&root, target, &why)),
            None if folders.contains(&folder) => {}
            None => folders.push(folder),
        }
    }
    if cx.tell(&problems) {
        return Ok(2);
    }
    for folder in folders {
        cx.say(&format!("Checking {}/*", slashed(&folder)));
        if files.is_link(&folder) {
            files.remove_file(&folder)?;
        } else if files.is_dir(&folder) {
            files.remove_dir(&folder)?;
        }
        cx.say(&format!("Cleaned {}/*", slashed(&folder)));
    }
    cx.say("Finished cleaning all paths.");
    Ok(0)
}

fn refused(root: &RootConfig, target: &str, why: &str) -> Diagnostic {
    let span = root.config.raw.get("clean-targets").map(|n| n.span.clone());
    Diagnostic::error(codes::PROJECT_KEY, format!("`{target}` is not deleted: {why}"))
        .at(span)
        .note("nothing was deleted")
}

/// Why a folder must stay.
fn refusal(root: &RootConfig, folder: &Path, inside_only: bool, files: &dyn Files) -> Option<String> {
    let real = |path: &Path| files.canonical(path).unwrap_or_else(|_| crate::files::normalize(path));
    let project = real(&root.root_dir);
    let found = real(folder);
    if project.starts_with(&found) {
        return Some("the project is in it".to_owned());
    }
    for source in root.config.all_paths() {
        if real(&root.root_dir.join(source)).starts_with(&found) {
            return Some(format!("the sources in `{source}` are in it"));
        }
    }
    if inside_only && !found.starts_with(&project) {
        return Some("it is outside the project; --no-clean-project-files-only deletes it all the same".to_owned());
    }
    files.is_file(&found.join(CACHE_MARK)).then(|| format!("{CACHE_MARK} says that it belongs to another tool"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cli::commands::testing::run_in;
    use crate::files::MemoryFiles;

    #[test]
    fn deletes_only_what_is_safe() {
        let project = |targets: &str| format!("name: x\nprofile: x\nclean-targets: [{targets}]\n");
        for (targets, flags, code) in [
            ("target, dbt_packages", "", 0),
            ("target, target", "", 0),
            ("models", "", 2),
            (".", "", 2),
            ("..", "--no-clean-project-files-only", 2),
            ("../out", "", 2),
            ("../out", "--no-clean-project-files-only", 0),
            ("cache", "", 2),
        ] {
            let files = Arc::new(MemoryFiles::new([
                ("/p/dbt_project.yml", project(targets).as_str()),
                ("/p/models/a.sql", "select 1"),
                ("/p/target/manifest.json", "{}"),
                ("/p/cache/CACHEDIR.TAG", ""),
                ("/out/x", ""),
            ]));
            let (found, _) = run_in(&format!("clean {flags}"), files.clone(), run);
            assert_eq!(found, code, "{targets}");
            assert_eq!(files.is_file(Path::new("/p/target/manifest.json")), !(code == 0 && targets.contains("target")));
            assert_eq!(files.is_file(Path::new("/out/x")), !(code == 0 && targets.contains("out")), "{targets}");
            assert!(files.is_file(Path::new("/p/models/a.sql")) && files.is_dir(Path::new("/p/cache")));
        }
    }
}

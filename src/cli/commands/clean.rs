//! `clean`. In: `clean-targets` of dbt_project.yml. Out: those folders, deleted.
//!
//! Nothing is deleted before every folder has passed: outside the project only when asked for, never one that holds the
//! project or its sources, never another tool's cache.

use std::path::{Path, PathBuf};

use crate::cli::context::{CommandContext, CommandResult};
use crate::diag::{Diagnostic, Diagnostics, codes, warnings};
use crate::files::{Files, slashed};
use crate::load::RootConfig;

/// Where dbt installed packages before 1.0.
const FORMER_PACKAGES_FOLDER: &str = "dbt_modules";

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
        match refusal(&root, target, &folder, inside_only, files) {
            Some(why) => problems.push(refused(&root, why)),
            None if folders.contains(&folder) => {}
            None => folders.push(folder),
        }
    }
    let has = |folder: &str| root.config.clean_targets.iter().any(|target| target == folder);
    if has(FORMER_PACKAGES_FOLDER) && !has(&root.config.packages_install_path) {
        problems.push(former_folder(&root));
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

fn former_folder(root: &RootConfig) -> Diagnostic {
    let message = format!("packages are no longer installed into `{FORMER_PACKAGES_FOLDER}`");
    Diagnostic::warning(codes::DEPRECATED, message)
        .named(warnings::PACKAGE_INSTALL_PATH_DEPRECATION)
        .at(root.config.raw.get("clean-targets").map(|n| n.span.clone()))
        .help(format!("write `{}` in its place", root.config.packages_install_path))
}

/// Why a folder must stay, and what to do about it.
struct Refusal {
    message: String,
    help: Option<&'static str>,
}

fn refused(root: &RootConfig, why: Refusal) -> Diagnostic {
    let span = root.config.raw.get("clean-targets").map(|n| n.span.clone());
    let problem = Diagnostic::error(codes::PROJECT_KEY, why.message).at(span).note("nothing was deleted");
    match why.help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

fn refusal(root: &RootConfig, target: &str, folder: &Path, inside_only: bool, files: &dyn Files) -> Option<Refusal> {
    let real = |path: &Path| files.canonical(path).unwrap_or_else(|_| crate::files::normalize(path));
    let project = real(&root.root_dir);
    let found = real(folder);
    let shown = slashed(&found);
    if inside_only && (!found.starts_with(&project) || found == project) {
        let message = format!("dbt will not clean the following directories outside the project: ['{shown}']");
        return Some(Refusal { message, help: Some("--no-clean-project-files-only deletes them all the same") });
    }
    let refused = |message: String| Some(Refusal { message, help: None });
    if project.starts_with(&found) {
        return refused(format!("`{target}` is not deleted: the project is in it"));
    }
    for source in root.config.all_paths() {
        let source = real(&root.root_dir.join(source));
        if source.starts_with(&found) {
            let sources = slashed(&source);
            return refused(format!("dbt will not clean the following source paths: ['{sources}'] (in `{target}`)"));
        }
    }
    let marked = files.is_file(&found.join(CACHE_MARK));
    let other = || format!("`{target}` is not deleted: {CACHE_MARK} says that it belongs to another tool");
    if marked { refused(other()) } else { None }
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

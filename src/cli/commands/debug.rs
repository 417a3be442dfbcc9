//! `debug`. In: project and profile. Out: what is in use, and whether the connection works.

use std::path::Path;

use crate::adapters::{Adapter, Fetch};
use crate::cli::args;
use crate::cli::context::{CommandContext, CommandResult, adapter_problem, open_adapter};
use crate::diag::{Diagnostic, Diagnostics};
use crate::files::{git_works, slashed};
use crate::load::{Profile, load_root, profile_file};

/// Shows versions, paths and settings, and tests the connection.
pub fn run(cx: &CommandContext<'_>) -> CommandResult {
    let request = cx.settings.load_request();
    let profile_file = profile_file(&request, cx.files.as_ref(), &cx.env);
    if cx.settings.bool("config_dir") {
        cx.print(&slashed(profile_file.parent().unwrap_or(&profile_file)));
        return Ok(0);
    }
    let (root, problems) = load_root(&request, cx.files.as_ref(), &cx.env, cx.renderer);
    let profile = root.as_ref().and_then(|r| r.profile.as_ref());
    let project_file = cx.settings.project_dir.join("dbt_project.yml");
    about(cx, &project_file, &profile_file, profile);
    let mut failed = cx.tell(&problems);
    if cx.settings.bool("connection") {
        cx.say("Skipping steps before connection verification");
    } else {
        let about_profile = profile_verdict(cx, profile, &profile_file);
        let about_project = verdict(cx, &project_file, root.is_some() && !(failed && profile.is_some()));
        configuration(cx, &about_profile, about_project, profile);
    }
    if let (Some(root), Some(profile)) = (&root, profile) {
        match open_adapter(profile, &root.root_dir, &cx.env) {
            Ok(adapter) => failed |= !connection(cx, adapter.as_ref()),
            Err(problem) => failed |= cx.tell(&Diagnostics::from(problem)),
        }
    } else {
        failed = true;
        cx.say("Connection test skipped since no profile was found");
    }
    cx.say(if failed { "Some checks failed" } else { "All checks passed!" });
    Ok(u8::from(failed))
}

/// Versions and paths, under the names that programs look for in dbt's output.
fn about(cx: &CommandContext<'_>, project_file: &Path, profile_file: &Path, profile: Option<&Profile>) {
    let [program, _] = args::version_lines();
    cx.say(&format!("dbt version: {} (as {program} behaves)", crate::load::DBT_VERSION));
    let folder = profile_file.parent().unwrap_or(profile_file);
    cx.say(&format!("Using profiles dir at {}", slashed(folder)));
    cx.say(&format!("Using profiles.yml file at {}", slashed(profile_file)));
    cx.say(&format!("Using dbt_project.yml file at {}", slashed(project_file)));
    if let Some(profile) = profile {
        cx.say(&format!("adapter type: {}", profile.adapter_type));
    }
}

/// What was found of the configuration.
fn configuration(cx: &CommandContext<'_>, about_profile: &str, about_project: &str, profile: Option<&Profile>) {
    cx.say("Configuration:");
    cx.say(&format!("  profiles.yml file [{about_profile}]"));
    cx.say(&format!("  dbt_project.yml file [{about_project}]"));
    if let Some(profile) = profile {
        let Profile { name, target_name, threads, .. } = profile;
        cx.say(&format!("  profile: {name}, target: {target_name}, threads: {threads}"));
    }
    cx.say("Required dependencies:");
    cx.say(if git_works() { " - git [OK found]" } else { " - git [not found; packages from `git:` need it]" });
}

fn profile_verdict(cx: &CommandContext<'_>, profile: Option<&Profile>, file: &Path) -> String {
    match profile.and_then(|p| p.embedded.as_deref()) {
        Some(database) => format!("none; the embedded database is {database}"),
        None => verdict(cx, file, profile.is_some()).to_owned(),
    }
}

fn verdict(cx: &CommandContext<'_>, file: &Path, valid: bool) -> &'static str {
    match (valid, cx.files.is_file(file)) {
        (true, _) => "OK found and valid",
        (false, true) => "ERROR invalid",
        (false, false) => "ERROR not found",
    }
}

/// Shows the settings and runs a query; whether that worked.
fn connection(cx: &CommandContext<'_>, adapter: &dyn Adapter) -> bool {
    cx.say("Connection:");
    for (name, value) in adapter.describe() {
        cx.say(&format!("  {name}: {value}"));
    }
    match adapter.connect().and_then(|mut connection| connection.execute("select 1 as id", Fetch::All)) {
        Ok(_) => {
            cx.say("  Connection test: [OK connection ok]");
            true
        }
        Err(error) => {
            let problem: Diagnostic = adapter_problem(&error);
            cx.tell(&problem.into());
            cx.say("  Connection test: [ERROR]");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cli::commands::testing::run_in;
    use crate::files::MemoryFiles;

    #[test]
    fn checks_project_profile_and_connection() {
        let profile = |target: &str| format!("x:\n  target: dev\n  outputs:\n    dev: {{{target}}}\n");
        for (profile, code, said) in [
            (profile("type: duckdb"), 0, "All checks passed!"),
            (profile("type: oracle"), 1, "adapter"),
            (profile("type: duckdb, path: /nowhere/at/all/x.duckdb"), 1, "[ERROR]"),
            ("y: 1".to_owned(), 1, "Some checks failed"),
        ] {
            let files = Arc::new(MemoryFiles::new([
                ("/p/dbt_project.yml", "name: x\nprofile: x\n"),
                ("/p/profiles.yml", profile.as_str()),
            ]));
            let (found, text) = run_in("debug", files, run);
            assert_eq!(found, code, "{text}");
            assert!(text.contains(said), "{said}: {text}");
        }
    }
}

//! `debug`. In: project and profile. Out: what is in use, and whether the connection works.

use std::path::PathBuf;

use crate::adapters::{Adapter, Fetch};
use crate::cli::args;
use crate::cli::context::{CommandContext, CommandResult, adapter_problem, open_adapter};
use crate::diag::{Diagnostic, Diagnostics};
use crate::files::slashed;
use crate::load::{Profile, RootConfig, load_root};

/// Shows versions, paths and settings, and tests the connection.
pub fn run(cx: &CommandContext<'_>) -> CommandResult {
    let request = cx.settings.load_request();
    let (root, problems) = load_root(&request, cx.files.as_ref(), &cx.env, cx.renderer);
    let profile = root.as_ref().and_then(|r| r.profile.as_ref());
    if cx.settings.bool("config_dir") {
        cx.print(&slashed(&profiles_dir(cx, profile)));
        return Ok(0);
    }
    let connection_only = cx.settings.bool("connection");
    if !connection_only {
        about(cx, root.as_ref(), profile);
    }
    let mut failed = cx.tell(&problems);
    if !connection_only {
        let verdict = if failed { "ERROR invalid" } else { "OK found and valid" };
        cx.say(&format!("Configuration: [{verdict}]"));
    }
    if let (Some(root), Some(profile)) = (&root, profile) {
        match open_adapter(profile, &root.root_dir, &cx.env) {
            Ok(adapter) => failed |= !connection(cx, adapter.as_ref()),
            Err(problem) => failed |= cx.tell(&Diagnostics::from(problem)),
        }
    } else {
        failed = true;
        cx.say("Connection: [skipped: there is no profile to use]");
    }
    cx.say(if failed { "Some checks failed" } else { "All checks passed!" });
    Ok(u8::from(failed))
}

/// Versions and paths.
fn about(cx: &CommandContext<'_>, root: Option<&RootConfig>, profile: Option<&Profile>) {
    args::version_lines().iter().for_each(|line| cx.say(line));
    cx.say(&format!("project: {}", slashed(&cx.settings.project_dir.join("dbt_project.yml"))));
    if let Some(root) = root {
        cx.say(&format!("project name: {}", root.config.name));
    }
    let Some(profile) = profile else { return };
    match (&profile.embedded, &profile.span) {
        (Some(file), _) => cx.say(&format!("profiles.yml: none; the embedded database is {file}")),
        (None, Some(span)) => cx.say(&format!("profiles.yml: {}", span.file.path)),
        (None, None) => {}
    }
    cx.say(&format!("profile: {}, target: {}, threads: {}", profile.name, profile.target_name, profile.threads));
    cx.say(&format!("adapter type: {}", profile.adapter_type));
}

/// The folder of the profiles.yml in use, else the one where a user's own belongs.
fn profiles_dir(cx: &CommandContext<'_>, profile: Option<&Profile>) -> PathBuf {
    if let Some(named) = cx.settings.text("profiles_dir") {
        return cx.env.absolute(&PathBuf::from(named));
    }
    let in_use = profile.and_then(|p| p.span.as_ref()).map(|span| cx.settings.project_dir.join(&span.file.path));
    let usual = || cx.env.home_dir().unwrap_or_else(|| cx.env.working_dir().to_path_buf()).join(".dbt");
    in_use.and_then(|file| file.parent().map(PathBuf::from)).unwrap_or_else(usual)
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

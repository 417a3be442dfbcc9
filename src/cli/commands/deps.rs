//! `deps`. In: packages.yml. Out: packages in their folder, package-lock.yml.

use crate::base::{Dict, Value};
use crate::cli::context::{CommandContext, CommandResult};
use crate::files::RealRemote;
use crate::load::{DepsRequest, DepsTools, PackageKind, RootConfig, add_package, install_packages};

/// Installs the project's packages; with `--add-package` after adding one to the list.
pub fn run(cx: &CommandContext<'_>) -> CommandResult {
    let Some(mut root) = cx.root() else { return Ok(2) };
    if let Some(given) = cx.settings.text("add_package") {
        if !add(cx, given, &root) {
            return Ok(2);
        }
        match cx.root() {
            Some(read_again) => root = read_again,
            None => return Ok(2),
        }
    }
    let request = DepsRequest {
        upgrade: cx.settings.bool("upgrade"),
        lock_only: cx.settings.bool("lock"),
        skip_version_check: !cx.settings.bool("version_check"),
    };
    let tools = DepsTools { files: cx.files.as_ref(), remote: &RealRemote, env: &cx.env, renderer: cx.renderer };
    let vars = cx.settings.dict("vars");
    let problems = install_packages(&root, &vars, request, &tools, &|message| cx.say(&message.to_string()));
    Ok(if cx.tell(&problems) { 2 } else { 0 })
}

fn add(cx: &CommandContext<'_>, given: &str, root: &RootConfig) -> bool {
    let kind = cx.settings.text("source").and_then(PackageKind::parse).unwrap_or(PackageKind::Hub);
    let file = root.packages.file_name;
    match add_package(given, kind, &root.root_dir, file, cx.files.as_ref()) {
        Ok(added) => {
            if added.created {
                cx.say(&format!("Created {file}"));
            }
            for entry in added.replaced {
                cx.say(&format!("Found duplicate package in {file}, removing: {}", shown(&entry)));
            }
            let path = root.root_dir.join(file);
            let version = added.version.as_deref().map(|v| format!("@{v}")).unwrap_or_default();
            cx.say(&format!("Added new package {}{version} to {}", added.name, path.display()));
            true
        }
        Err(problem) => {
            cx.tell(&[problem].into_iter().collect());
            false
        }
    }
}

/// An entry as dbt prints it.
fn shown(entry: &Dict) -> String {
    let pairs = entry.iter().filter(|(_, v)| !matches!(v, Value::Bool(_) | Value::List(_) | Value::Map(_)));
    let pairs: Vec<String> = pairs.map(|(key, value)| format!("'{key}': '{value}'")).collect();
    format!("{{{}}}", pairs.join(", "))
}

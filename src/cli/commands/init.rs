//! `init NAME`. In: a name. Out: a folder with a small project that runs at once.

use crate::cli::context::{CommandContext, CommandResult};
use crate::execute::event::{Event, NoteLevel};
use crate::files::slashed;

/// The project's name in the starter's files.
const PLACEHOLDER: &str = "starter_project";

/// Path and text of every file.
const STARTER: &[(&str, &str)] = &[
    ("dbt_project.yml", include_str!("../starter/dbt_project.yml")),
    (".gitignore", include_str!("../starter/gitignore.txt")),
    ("README.md", include_str!("../starter/README.md")),
    ("seeds/raw_customers.csv", include_str!("../starter/seeds/raw_customers.csv")),
    ("seeds/raw_orders.csv", include_str!("../starter/seeds/raw_orders.csv")),
    ("models/staging/stg_customers.sql", include_str!("../starter/models/staging/stg_customers.sql")),
    ("models/staging/stg_orders.sql", include_str!("../starter/models/staging/stg_orders.sql")),
    ("models/staging/staging.yml", include_str!("../starter/models/staging/staging.yml")),
    ("models/customers.sql", include_str!("../starter/models/customers.sql")),
    ("models/customers.yml", include_str!("../starter/models/customers.yml")),
    ("tests/no_negative_revenue.sql", include_str!("../starter/tests/no_negative_revenue.sql")),
];

const PROFILES: (&str, &str) = ("profiles.yml", include_str!("../starter/profiles.yml"));

/// Writes the starter project.
pub fn run(cx: &CommandContext<'_>) -> CommandResult {
    let name = cx.settings.text("project_name").unwrap_or_default();
    let folder = cx.env.working_dir().join(name);
    let refusal = if !is_name(name) {
        Some(format!("`{name}` cannot name a project: use letters, digits and `_`, and no digit first"))
    } else if cx.files.exists(&folder) {
        Some(format!("{} is already there", slashed(&folder)))
    } else {
        None
    };
    if let Some(message) = refusal {
        cx.events.emit(&Event::Note { level: NoteLevel::Error, message: &message });
        return Ok(2);
    }
    let profiles = (!cx.settings.bool("skip_profile_setup")).then_some(&PROFILES);
    for (path, text) in STARTER.iter().chain(profiles) {
        cx.files.write_atomic(&folder.join(path), text.replace(PLACEHOLDER, name).as_bytes())?;
    }
    cx.say(&format!("Project `{name}` is in {}", slashed(&folder)));
    cx.say(&format!("Next: cd {name} && transform build"));
    Ok(0)
}

/// dbt's rule for project names.
fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::cli::commands::testing::{Plain, run_in};
    use crate::files::{Env, Files, MemoryFiles};
    use crate::load::{LoadRequest, load};

    #[test]
    fn the_starter_can_be_loaded_and_is_never_overwritten() {
        let files = Arc::new(MemoryFiles::new::<&str, &str>([]));
        assert_eq!(run_in("init shop", files.clone(), run).0, 0);
        assert_eq!(run_in("init shop", files.clone(), run).0, 2);
        assert_eq!(run_in("init 1shop", files.clone(), run).0, 2);
        let request = LoadRequest { project_dir: "/p/shop".into(), ..LoadRequest::default() };
        let env = Env::fixed::<&str, &str>("/p/shop", []);
        let (tree, problems) = load(&request, files.as_ref(), &env, &Plain);
        assert!(problems.is_empty(), "{problems:?}");
        let tree = tree.unwrap();
        assert_eq!((tree.root.config.name.as_str(), tree.profile.adapter_type.as_str()), ("shop", "duckdb"));
        assert_eq!(tree.root.properties.len(), 2);
        run_in("init bare -s", files.clone(), run);
        assert!(!files.is_file(Path::new("/p/bare/profiles.yml")));
    }
}

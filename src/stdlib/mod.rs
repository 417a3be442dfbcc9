//! The standard library: the macros every project can call and override, as plain `.sql` files under dbt's names.
//!
//! Comes in: nothing; the files are compiled into the binary. Goes out: their paths and texts, for the reader of macros.
//! What only one engine needs lies beside that engine's adapter, as a package of its own that outranks this one.

use include_dir::{Dir, include_dir};

/// The name of the package that the standard library forms: `dbt.concat(...)` finds it under this name.
pub const PACKAGE: &str = "dbt";

static LIBRARY: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src/stdlib");

/// Every file of the library as (path, text), ordered by path.
///
/// Paths are relative to the package: `macros/...`, and `tests/generic/...` for the generic tests, as in any project.
#[must_use]
pub fn files() -> Vec<(&'static str, &'static str)> {
    collected(".sql")
}

/// The Markdown files of the library with its docs blocks, as (path, text).
#[must_use]
pub fn docs() -> Vec<(&'static str, &'static str)> {
    collected(".md")
}

fn collected(extension: &str) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    collect(&LIBRARY, extension, &mut found);
    found.sort_unstable();
    found
}

/// Adds the files of a kind of a folder and of all folders below it.
fn collect(dir: &'static Dir<'static>, extension: &str, found: &mut Vec<(&'static str, &'static str)>) {
    for file in dir.files() {
        if let (Some(path), Some(text)) = (file.path().to_str(), file.contents_utf8())
            && path.ends_with(extension)
        {
            found.push((path, text));
        }
    }
    for below in dir.dirs() {
        collect(below, extension, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_a_package() {
        let files = files();
        let text = |path| files.iter().find(|f| f.0 == path).map(|f| f.1);
        assert!(text("macros/etc/statement.sql").is_some_and(|t| t.contains("macro run_query(sql)")));
        assert!(text("tests/generic/builtin.sql").is_some_and(|t| t.contains("test unique(model, column_name)")));
        assert!(files.iter().all(|f| f.0.starts_with("macros/") || f.0.starts_with("tests/")));
    }

    #[test]
    fn what_is_dispatched_under_dbt_has_a_default() {
        // A package may override any of these by defining the default or the engine's version; one must exist to begin with.
        let all: String = files().iter().map(|f| f.1).collect();
        for call in all.split("adapter.dispatch('").skip(1) {
            let name = call.split('\'').next().unwrap_or_default();
            assert!(all.contains(&format!("macro default__{name}(")), "no default__{name}");
        }
    }
}

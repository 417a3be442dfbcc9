//! Variables: `--vars`, `vars:` and vars.yml. In: texts and YAML. Out: [`VarScope`], which knows dbt's precedence.

use indexmap::IndexMap;

use crate::base::{Dict, Value};
use crate::diag::{Diagnostic, Diagnostics, SourceFile, codes};

use super::yaml::{self, YamlNode};

/// All variables of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VarScope {
    /// `--vars`.
    pub cli: Dict,
    /// Name of the root project.
    pub root: String,
    /// `vars:` (or vars.yml) of every package by its name, the root project included, as written.
    pub packages: IndexMap<String, Dict>,
}

impl VarScope {
    /// The value of a variable for code of a package: `--vars`, then the root project's variables for that package, then
    /// the root project's global ones, then the package's own, again scoped before global.
    pub fn lookup(&self, package: &str, name: &str) -> Option<&Value> {
        let own = if package == self.root { None } else { self.packages.get(package) };
        self.cli.get(name).or_else(|| {
            [self.packages.get(&self.root), own]
                .into_iter()
                .flatten()
                .find_map(|vars| vars.get(package).and_then(|scoped| scoped.get(name)).or_else(|| vars.get(name)))
        })
    }

    /// Names that [`Self::lookup`] finds for a package, sorted: for "did you mean".
    pub fn names(&self, package: &str) -> Vec<&str> {
        let own = if package == self.root { None } else { self.packages.get(package) };
        let mut names: Vec<&str> = self.cli.keys().map(String::as_str).collect();
        for vars in [self.packages.get(&self.root), own].into_iter().flatten() {
            names.extend(vars.keys().map(String::as_str));
            names
                .extend(vars.get(package).and_then(Value::as_map).into_iter().flat_map(Dict::keys).map(String::as_str));
        }
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Reads the text of `--vars`: a YAML (or JSON) mapping.
pub fn parse_cli_vars(text: &str) -> Result<Dict, Diagnostics> {
    let file = SourceFile::new("--vars", text);
    let help = "write a mapping, such as --vars '{key: value, other: 2}' or --vars 'key: value'";
    let parsed = yaml::parse(&file).map_err(|d| {
        Diagnostic { code: codes::VARS_INVALID, message: format!("--vars cannot be read: {}", d.message), ..d }
            .help(help)
    })?;
    match parsed.root {
        Some(root) if root.is_map() => Ok(root.to_dict()),
        found => {
            let kind = found.map_or("nothing", |n| n.kind());
            let message = format!("--vars must be a mapping, found {kind}");
            Err(Diagnostic::error(codes::VARS_INVALID, message).help(help).into())
        }
    }
}

/// Name of the file that may hold variables in the place of `vars:`.
pub(super) const FILE_NAME: &str = "vars.yml";

/// The variables of a vars.yml; none if it has none. `project` is the raw dbt_project.yml, which may not have any beside.
pub(super) fn from_file(root: Option<&YamlNode>, project: &YamlNode) -> Result<Option<Dict>, Diagnostic> {
    let Some(root) = root.filter(|r| !r.is_null()) else { return Ok(None) };
    root.expect_map(codes::PROJECT_KEY, FILE_NAME)?;
    let Some((_, vars)) = root.entry("vars").filter(|(_, vars)| !vars.is_null()) else { return Ok(None) };
    let vars = vars.expect_map(codes::PROJECT_KEY, "`vars`")?.to_dict();
    match project.entry("vars").filter(|(_, own)| own.entries().next().is_some()) {
        Some((key, _)) if !vars.is_empty() => {
            let message = format!("variables stand in both {FILE_NAME} and dbt_project.yml");
            Err(Diagnostic::error(codes::PROJECT_KEY, message)
                .at(key.span.clone())
                .help(format!("move all of them to {FILE_NAME}")))
        }
        _ => Ok((!vars.is_empty()).then_some(vars)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence_follows_dbt() {
        let vars = |text: &str| parse_cli_vars(text).unwrap();
        let scope = VarScope {
            cli: vars("cli: 1"),
            root: "shop".into(),
            packages: IndexMap::from([
                ("shop".into(), vars("{cli: 2, a: root, b: root, pkg: {a: root for pkg}, shop: {b: own}}")),
                ("pkg".into(), vars("{a: pkg, c: pkg global, d: pkg global, pkg: {d: pkg scoped}}")),
            ]),
        };
        let text = |package, name| scope.lookup(package, name).map(ToString::to_string);
        for (package, name, want) in [
            ("pkg", "cli", Some("1")),
            ("pkg", "a", Some("root for pkg")),
            ("shop", "a", Some("root")),
            ("shop", "b", Some("own")),
            ("pkg", "b", Some("root")),
            ("pkg", "c", Some("pkg global")),
            ("pkg", "d", Some("pkg scoped")),
            ("shop", "c", None),
        ] {
            assert_eq!(text(package, name).as_deref(), want, "{package}.{name}");
        }
        assert_eq!(scope.names("shop"), ["a", "b", "cli", "pkg", "shop"]);
    }

    #[test]
    fn only_mappings_are_variables() {
        assert!(parse_cli_vars("{}").unwrap().is_empty());
        assert_eq!(parse_cli_vars("{\"a\": [1, true]}").unwrap()["a"].to_string(), "[1,true]");
        for bad in ["", "text", "[1]", "a: [", "{a: 1"] {
            assert!(parse_cli_vars(bad).is_err(), "{bad}");
        }
    }
}

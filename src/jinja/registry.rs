//! All macros of a project under dbt's lookup rules: by name from a package, by dispatch, and dbt's special families.
//!
//! In: [`MacroEntry`]s with the order of packages. Out: [`Registry`], pure name resolution; nothing is rendered here.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use thiserror::Error;

use super::defs::Definition;
use crate::diag::{Diagnostic, codes};

/// The namespace that covers all internal packages.
const GLOBAL_NAMESPACE: &str = "dbt";

/// A macro of the project.
#[derive(Clone, Debug)]
pub struct MacroEntry {
    /// `macro.<package>.<name>`.
    pub unique_id: String,
    /// The package that defines it.
    pub package: String,
    /// dbt's name: `foo`, `test_foo`, `materialization_foo_default`.
    pub name: String,
    /// The block in its file.
    pub definition: Definition,
}

impl MacroEntry {
    /// An entry for a definition found in a package.
    pub fn new(package: impl Into<String>, definition: Definition) -> Self {
        let package = package.into();
        let name = definition.name.clone();
        Self { unique_id: format!("macro.{package}.{name}"), package, name, definition }
    }
}

/// The place of a macro in its registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacroId(pub(super) usize);

/// What a bare name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A macro.
    Macro(MacroId),
    /// The namespace of a package, by its name.
    Package(String),
}

/// How `adapter.dispatch` searches in a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DispatchSettings {
    /// Prefixes in order: the adapter, its parents, `default`.
    pub prefixes: Vec<String>,
    /// The project's `dispatch:` entries: macro namespace -> packages in order.
    pub search_order: IndexMap<String, Vec<String>>,
}

/// Why a dispatch found nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DispatchError {
    /// The name has a dot.
    #[error(
        "In adapter.dispatch, got a macro name of \"{name}\", but \".\" is not a valid macro name component. \
         Did you mean `adapter.dispatch(\"{macro_name}\", macro_namespace=\"{namespace}\")`?"
    )]
    DottedName {
        /// The name as given.
        name: String,
        /// What was likely meant as the namespace.
        namespace: String,
        /// What was likely meant as the macro.
        macro_name: String,
    },
    /// No candidate exists.
    #[error("In dispatch: No macro named '{name}' found within namespace: '{}'\n    Searched for: {}",
        namespace.as_deref().unwrap_or("None"), quoted(searched))]
    NotFound {
        /// The macro asked for.
        name: String,
        /// The namespace asked for.
        namespace: Option<String>,
        /// The names tried, in order.
        searched: Vec<String>,
    },
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

/// Where a macro lives, seen from the root project; later is stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Locality {
    Core,
    Imported,
    Root,
}

type ByName = HashMap<String, MacroId>;

/// Every macro of a project, found as dbt finds them.
#[derive(Debug, Default)]
pub struct Registry {
    root: String,
    internal: Vec<String>,
    installed: Vec<String>,
    entries: Vec<Arc<MacroEntry>>,
    by_id: HashMap<String, MacroId>,
    by_package: IndexMap<String, ByName>,
    internal_flat: ByName,
}

impl Registry {
    /// Builds the registry. `internal` lists packages of built-in macros, the winning one first (the adapter's, then `dbt`);
    /// `installed` the other packages in load order. Two macros of one name in one package are an error; the first one stays.
    pub fn new(
        root: impl Into<String>,
        internal: Vec<String>,
        installed: Vec<String>,
        entries: impl IntoIterator<Item = MacroEntry>,
    ) -> (Self, Vec<Diagnostic>) {
        let mut registry = Self { root: root.into(), internal, installed, ..Self::default() };
        let mut problems = Vec::new();
        for entry in entries {
            let id = MacroId(registry.entries.len());
            let names = registry.by_package.entry(entry.package.clone()).or_default();
            if let Some(first) = names.get(&entry.name) {
                problems.push(duplicate(&registry.entries[first.0], &entry));
                continue;
            }
            names.insert(entry.name.clone(), id);
            registry.by_id.insert(entry.unique_id.clone(), id);
            registry.entries.push(Arc::new(entry));
        }
        for package in registry.internal.iter().rev() {
            if let Some(names) = registry.by_package.get(package) {
                registry.internal_flat.extend(names.iter().map(|(name, id)| (name.clone(), *id)));
            }
        }
        (registry, problems)
    }

    /// The root project's package.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Packages of built-in macros, the winning one first.
    pub fn internal_packages(&self) -> &[String] {
        &self.internal
    }

    /// The other packages, in load order.
    pub fn installed_packages(&self) -> &[String] {
        &self.installed
    }

    /// All macros in load order.
    pub fn entries(&self) -> &[Arc<MacroEntry>] {
        &self.entries
    }

    /// The macro at a place.
    pub fn entry(&self, id: MacroId) -> &Arc<MacroEntry> {
        &self.entries[id.0]
    }

    /// The place of a macro by its unique id.
    pub fn id(&self, unique_id: &str) -> Option<MacroId> {
        self.by_id.get(unique_id).copied()
    }

    /// Whether a macro comes with the program.
    pub fn is_built_in(&self, id: MacroId) -> bool {
        self.is_internal(&self.entry(id).package)
    }

    fn is_internal(&self, package: &str) -> bool {
        self.internal.iter().any(|name| name == package)
    }

    /// Whether the project has a package of this name.
    pub fn is_known_package(&self, package: &str) -> bool {
        self.is_dependency(package)
    }

    fn is_dependency(&self, package: &str) -> bool {
        package == self.root || self.is_internal(package) || self.installed.iter().any(|name| name == package)
    }

    fn locality(&self, package: &str) -> Locality {
        if package == self.root {
            Locality::Root
        } else if self.is_internal(package) {
            Locality::Core
        } else {
            Locality::Imported
        }
    }

    fn own(&self, package: &str, name: &str) -> Option<MacroId> {
        self.by_package.get(package)?.get(name).copied()
    }

    /// What a bare name means in a node of `package`: its own macros, the root project's, package namespaces, the
    /// namespace `dbt`, built-in macros.
    pub fn find(&self, package: &str, name: &str) -> Option<Found> {
        if !self.is_internal(package)
            && let Some(id) = self.own(package, name)
        {
            return Some(Found::Macro(id));
        }
        if let Some(id) = self.own(&self.root, name) {
            return Some(Found::Macro(id));
        }
        if name == GLOBAL_NAMESPACE || (self.by_package.contains_key(name) && !self.is_internal(name)) {
            return Some(Found::Package(name.to_owned()));
        }
        self.internal_flat.get(name).copied().map(Found::Macro)
    }

    /// The macro that a bare name means in a node of `package`.
    pub fn find_macro(&self, package: &str, name: &str) -> Option<MacroId> {
        match self.find(package, name)? {
            Found::Macro(id) => Some(id),
            Found::Package(_) => None,
        }
    }

    /// A macro through a namespace: `dbt` means all built-in macros, other names one package.
    pub fn find_in(&self, namespace: &str, name: &str) -> Option<MacroId> {
        if namespace == GLOBAL_NAMESPACE { self.internal_flat.get(name).copied() } else { self.own(namespace, name) }
    }

    /// The names of the macros of a namespace, sorted.
    pub fn names_in(&self, namespace: &str) -> Vec<&str> {
        let names =
            if namespace == GLOBAL_NAMESPACE { Some(&self.internal_flat) } else { self.by_package.get(namespace) };
        let mut names: Vec<&str> = names.into_iter().flat_map(|names| names.keys().map(String::as_str)).collect();
        names.sort_unstable();
        names
    }

    /// Every name that [`Registry::find`] answers from `package`, sorted.
    pub fn visible_names(&self, package: &str) -> Vec<&str> {
        let own = if self.is_internal(package) { None } else { self.by_package.get(package) };
        let scopes = [own, self.by_package.get(&self.root), Some(&self.internal_flat)];
        let mut names: Vec<&str> =
            scopes.into_iter().flatten().flat_map(|names| names.keys().map(String::as_str)).collect();
        names.extend(self.by_package.keys().map(String::as_str).filter(|name| !self.is_internal(name)));
        names.push(GLOBAL_NAMESPACE);
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Macros of any package with that name.
    pub fn named(&self, name: &str) -> Vec<MacroId> {
        self.by_package.values().filter_map(|names| names.get(name).copied()).collect()
    }

    /// `adapter.dispatch(name, namespace)` as seen from a node of `from`. For each package in order, for each prefix: so
    /// the package outranks the prefix. Without a namespace the whole lookup order counts as one package.
    pub fn dispatch(
        &self,
        name: &str,
        namespace: Option<&str>,
        from: &str,
        settings: &DispatchSettings,
    ) -> Result<MacroId, DispatchError> {
        self.dispatch_with(name, namespace, settings, |candidate| self.find_macro(from, candidate))
    }

    fn dispatch_with(
        &self,
        name: &str,
        namespace: Option<&str>,
        settings: &DispatchSettings,
        anywhere: impl Fn(&str) -> Option<MacroId>,
    ) -> Result<MacroId, DispatchError> {
        if let Some((before, after)) = name.split_once('.') {
            let (namespace, macro_name) = (before.to_owned(), after.to_owned());
            return Err(DispatchError::DottedName { name: name.to_owned(), namespace, macro_name });
        }
        let packages: Vec<Option<&str>> = match namespace {
            None => vec![None],
            Some(namespace) => match settings.search_order.get(namespace).filter(|order| !order.is_empty()) {
                Some(order) => order.iter().map(|package| Some(package.as_str())).collect(),
                None if self.is_dependency(namespace) => vec![Some(self.root.as_str()), Some(namespace)],
                None => vec![None],
            },
        };
        let mut searched = Vec::new();
        for package in packages {
            for prefix in &settings.prefixes {
                let candidate = format!("{prefix}__{name}");
                let found = match package {
                    None => anywhere(&candidate),
                    Some(GLOBAL_NAMESPACE) => self.internal_flat.get(&candidate).copied(),
                    Some(package) if self.is_internal(package) => None,
                    Some(package) => self.own(package, &candidate),
                };
                if let Some(id) = found {
                    return Ok(id);
                }
                searched.push(package.map_or(candidate.clone(), |package| format!("{package}.{candidate}")));
            }
        }
        Err(DispatchError::NotFound { name: name.to_owned(), namespace: namespace.map(str::to_owned), searched })
    }

    /// The `generate_<component>_name` macro for nodes of `package`: an imported package's own, else the root
    /// project's, else the built-in one.
    pub fn generate_name_macro(&self, component: &str, package: &str) -> Option<MacroId> {
        let name = format!("generate_{component}_name");
        let imported = (self.locality(package) == Locality::Imported).then(|| self.own(package, &name)).flatten();
        imported.or_else(|| self.own(&self.root, &name)).or_else(|| self.internal_flat.get(&name).copied())
    }

    /// The macro of a materialization. `adapters` lists adapter types from the current one to its ancestors; `default`
    /// follows by itself. The more specific adapter wins, then the root project over imported packages over built-ins;
    /// unless `packages_may_override`, an imported package never replaces a built-in one.
    pub fn materialization(
        &self,
        materialization: &str,
        adapters: &[String],
        packages_may_override: bool,
    ) -> Result<Option<MacroId>, Diagnostic> {
        let mut candidates: Vec<(usize, Locality, MacroId)> = Vec::new();
        let types = adapters.iter().map(String::as_str).chain(["default"]);
        for (specificity, adapter) in types.enumerate() {
            for id in self.named(&format!("materialization_{materialization}_{adapter}")) {
                candidates.push((specificity, self.locality(&self.entry(id).package), id));
            }
        }
        candidates.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        if let [first, second, ..] = candidates.as_slice()
            && (first.0, first.1) == (second.0, second.1)
            && first.1 != Locality::Core
        {
            let (one, other) = (self.entry(first.2), self.entry(second.2));
            let message = format!(
                "Found two materializations with the name {materialization} (packages {} and {}). dbt cannot resolve this ambiguity",
                one.package, other.package
            );
            return Err(Diagnostic::error(codes::DUPLICATE_MACRO, message)
                .at(one.definition.span.clone())
                .label(other.definition.span.clone(), "also defined here"));
        }
        let has_core = candidates.iter().any(|candidate| candidate.1 == Locality::Core);
        let allowed = |candidate: &&(usize, Locality, MacroId)| {
            packages_may_override || !has_core || candidate.1 != Locality::Imported
        };
        let strongest = candidates.first().filter(|first| first.1 != Locality::Imported);
        Ok(strongest.or_else(|| candidates.iter().find(allowed)).map(|candidate| candidate.2))
    }

    /// The macro that a static mention means, as dbt resolves the dependencies of macros: the package's own, then the root
    /// project's, then any installed package's, then a built-in one.
    fn find_statically(&self, package: &str, name: &str) -> Option<MacroId> {
        self.own(package, name).or_else(|| self.find_anywhere(name))
    }

    fn find_anywhere(&self, name: &str) -> Option<MacroId> {
        let packages = self.by_package.iter().rev().filter(|(package, _)| !self.is_internal(package));
        self.own(&self.root, name)
            .or_else(|| packages.into_iter().find_map(|(_, names)| names.get(name).copied()))
            .or_else(|| self.internal_flat.get(name).copied())
    }

    /// The macros that a macro depends on, read from its text: direct calls, calls through a namespace, and dispatches.
    /// `is_builtin` tells the names of dbt's base context, which are no macros even where a macro has the same name.
    pub fn static_depends_on(
        &self,
        id: MacroId,
        settings: &DispatchSettings,
        is_builtin: &dyn Fn(&str) -> bool,
    ) -> Vec<String> {
        use super::facts::StaticMacroCall as Call;
        let entry = self.entry(id);
        let mut found: Vec<MacroId> = Vec::new();
        for call in super::facts::static_macro_calls(&entry.definition) {
            let targets = match &call {
                Call::Name(name) if is_builtin(name) => vec![],
                Call::Name(name) if *name == entry.name => vec![],
                Call::Name(name) => vec![self.find_statically(&entry.package, name)],
                Call::Namespaced(package, name) => vec![match package.as_str() {
                    GLOBAL_NAMESPACE => self.find_in(package, name),
                    _ => self.find_statically(package, name),
                }],
                Call::Dispatch { name, namespace } => {
                    let direct = (*name != entry.name).then(|| self.find_statically(&entry.package, name)).flatten();
                    let anywhere = |candidate: &str| self.find_anywhere(candidate);
                    vec![direct, self.dispatch_with(name, namespace.as_deref(), settings, anywhere).ok()]
                }
            };
            for target in targets.into_iter().flatten() {
                if !found.contains(&target) {
                    found.push(target);
                }
            }
        }
        found.into_iter().map(|id| self.entry(id).unique_id.clone()).collect()
    }
}

fn duplicate(first: &MacroEntry, second: &MacroEntry) -> Diagnostic {
    let message = format!("dbt found multiple macros named \"{}\" in the project \"{}\"", second.name, second.package);
    Diagnostic::error(codes::DUPLICATE_MACRO, message)
        .at(second.definition.span.clone())
        .label(first.definition.span.clone(), "first defined here")
        .help("Rename or remove one of the two")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceFile;
    use crate::jinja::defs::extract;

    fn registry(files: &[(&str, &str)]) -> Registry {
        let entries = files.iter().flat_map(|(package, text)| {
            let file = SourceFile::new(format!("{package}/macros/m.sql"), *text);
            let (definitions, problems) = extract(&file);
            assert!(problems.is_empty(), "{problems:?}");
            definitions.into_iter().map(|definition| MacroEntry::new(*package, definition))
        });
        let internal = vec!["dbt_duckdb".to_owned(), "dbt".to_owned()];
        let (registry, problems) = Registry::new("root", internal, vec!["utils".to_owned()], entries);
        assert!(problems.is_empty(), "{problems:?}");
        registry
    }

    fn macros(names: &str) -> String {
        names.split(' ').map(|name| format!("{{% macro {name}() %}}{{% endmacro %}}")).collect()
    }

    fn settings() -> DispatchSettings {
        DispatchSettings { prefixes: vec!["duckdb".into(), "default".into()], search_order: IndexMap::new() }
    }

    #[test]
    fn names_are_found_in_dbts_order() {
        let all = registry(&[
            ("dbt", &macros("a b c d")),
            ("dbt_duckdb", &macros("d")),
            ("utils", &macros("a c x")),
            ("root", &macros("a b")),
        ]);
        let found = |package: &str, name: &str| all.find_macro(package, name).map(|id| all.entry(id).unique_id.clone());
        assert_eq!(found("utils", "a").as_deref(), Some("macro.utils.a"));
        assert_eq!(found("root", "a").as_deref(), Some("macro.root.a"));
        assert_eq!(found("utils", "b").as_deref(), Some("macro.root.b"));
        assert_eq!(found("root", "c").as_deref(), Some("macro.dbt.c"));
        assert_eq!(found("root", "d").as_deref(), Some("macro.dbt_duckdb.d"));
        assert_eq!(found("root", "x"), None);
        assert_eq!(all.find("root", "utils"), Some(Found::Package("utils".into())));
        assert_eq!(all.find_in("dbt", "d").map(|id| all.entry(id).package.as_str()), Some("dbt_duckdb"));
        assert_eq!(all.find("root", "dbt_duckdb"), None);
    }

    #[test]
    fn dispatch_prefers_packages_to_prefixes() {
        let all = registry(&[
            ("dbt", &macros("default__f default__g")),
            ("dbt_duckdb", &macros("duckdb__f")),
            ("utils", &macros("default__f duckdb__u")),
            ("root", &macros("default__g default__u")),
        ]);
        let dispatch = |name: &str, namespace: Option<&str>, settings: &DispatchSettings| {
            all.dispatch(name, namespace, "utils", settings).map(|id| all.entry(id).unique_id.clone())
        };
        assert_eq!(dispatch("f", None, &settings()).unwrap(), "macro.dbt_duckdb.duckdb__f");
        assert_eq!(dispatch("f", Some("dbt"), &settings()).unwrap(), "macro.dbt_duckdb.duckdb__f");
        assert_eq!(dispatch("g", Some("dbt"), &settings()).unwrap(), "macro.root.default__g");
        assert_eq!(dispatch("u", Some("utils"), &settings()).unwrap(), "macro.root.default__u");
        let mut ordered = settings();
        ordered.search_order.insert("utils".into(), vec!["utils".into(), "root".into()]);
        assert_eq!(dispatch("u", Some("utils"), &ordered).unwrap(), "macro.utils.duckdb__u");
        let error = dispatch("nope", Some("utils"), &settings()).unwrap_err().to_string();
        assert!(
            error.ends_with("'root.duckdb__nope', 'root.default__nope', 'utils.duckdb__nope', 'utils.default__nope'"),
            "{error}"
        );
        assert!(dispatch("utils.f", None, &settings()).unwrap_err().to_string().contains("Did you mean"));
    }

    #[test]
    fn special_families() {
        let materialization =
            |adapter: &str| format!("{{% materialization table, {adapter} %}}{{% endmaterialization %}}");
        let all = registry(&[
            ("dbt", &(materialization("default") + &macros("generate_schema_name"))),
            ("utils", &(materialization("adapter='duckdb'") + &macros("generate_schema_name"))),
            ("root", &macros("generate_schema_name")),
        ]);
        let adapters = ["duckdb".to_owned()];
        let chosen =
            |may| all.materialization("table", &adapters, may).unwrap().map(|id| all.entry(id).package.clone());
        assert_eq!(chosen(false).as_deref(), Some("dbt"));
        assert_eq!(chosen(true).as_deref(), Some("utils"));
        assert_eq!(all.materialization("nope", &adapters, true).unwrap(), None);
        let generate = |package| all.generate_name_macro("schema", package).map(|id| all.entry(id).package.clone());
        assert_eq!(generate("utils").as_deref(), Some("utils"));
        assert_eq!(generate("root").as_deref(), Some("root"));
    }

    #[test]
    fn duplicates_are_reported_with_both_places() {
        let file = SourceFile::new("macros/m.sql", macros("a a"));
        let entries = extract(&file).0.into_iter().map(|definition| MacroEntry::new("root", definition));
        let (registry, problems) = Registry::new("root", vec![], vec![], entries);
        assert_eq!(registry.entries().len(), 1);
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].span.is_some(), problems[0].labels.len()), (true, 1));
    }

    #[test]
    fn dependencies_of_macros_are_read_from_their_text() {
        let text = "{% macro f() %}{{ return(adapter.dispatch('f', 'utils')()) }}{{ log(x) }}{{ dbt.type_string() }}{% endmacro %}\
                    {% macro default__f() %}{% do g() %}{% set x = g(default__f()) %}{% endmacro %}{% macro g() %}{% endmacro %}";
        let all = registry(&[("dbt", &macros("type_string log")), ("utils", text)]);
        let depends =
            |name: &str| all.static_depends_on(all.find_in("utils", name).unwrap(), &settings(), &|name| name == "log");
        assert_eq!(depends("f"), ["macro.utils.default__f", "macro.dbt.type_string"]);
        assert_eq!(depends("default__f"), ["macro.utils.g"]);
    }
}

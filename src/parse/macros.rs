//! All macros of all packages into one registry and engine.
//!
//! In: macro files of the internal packages, of installed ones and of the root project. Out: the [`Engine`], and the
//! domain's [`Macro`]s with what their text depends on.

use std::sync::Arc;

use indexmap::IndexMap;
use rayon::prelude::*;

use crate::diag::{Diagnostics, SourceFile};
use crate::jinja::{Definition, DefinitionKind, DispatchSettings, Engine, MacroEntry, Registry, extract_strictly};
use crate::load::{FileKind, Package, SourceTree};
use crate::node::{Macro, MacroArgument};

use super::columns::texts;
use super::patches::{Entry, Patches};

/// A package that comes with the program: dbt's global project or an engine's macros.
#[derive(Clone, Debug)]
pub struct InternalPackage {
    /// `dbt`, `dbt_duckdb`.
    pub name: String,
    /// Path inside the package and text.
    pub files: Vec<(&'static str, &'static str)>,
}

const MACRO_KINDS: [DefinitionKind; 3] = [DefinitionKind::Macro, DefinitionKind::Test, DefinitionKind::Materialization];

/// A macro file of some package.
struct MacroFile {
    package: String,
    path: String,
    file: Arc<SourceFile>,
}

/// Reads every macro and builds the engine. The second value names the file of each macro, by unique id.
pub fn engine(
    tree: &SourceTree,
    internal: &[InternalPackage],
    diagnostics: &mut Diagnostics,
) -> (Engine, IndexMap<String, String>) {
    let mut files: Vec<MacroFile> = Vec::new();
    for package in internal {
        files.extend(package.files.iter().map(|(path, text)| MacroFile {
            package: package.name.clone(),
            path: (*path).to_owned(),
            file: SourceFile::new(format!("{}/{path}", package.name), *text),
        }));
    }
    for package in tree.all_packages() {
        files.extend(macro_files(package));
    }
    let extracted: Vec<(Vec<Definition>, Vec<crate::diag::Diagnostic>)> =
        files.par_iter().map(|f| extract_strictly(&f.file, &MACRO_KINDS)).collect();
    let mut entries = Vec::new();
    let mut paths = IndexMap::new();
    for (file, (definitions, problems)) in files.iter().zip(extracted) {
        diagnostics.extend(problems);
        for definition in definitions {
            let entry = MacroEntry::new(file.package.clone(), definition);
            paths.entry(entry.unique_id.clone()).or_insert_with(|| file.path.clone());
            entries.push(entry);
        }
    }
    let internal_names = internal.iter().map(|p| p.name.clone()).collect();
    let installed = tree.packages.iter().map(|p| p.config.name.clone()).collect();
    let (registry, problems) = Registry::new(tree.root.config.name.clone(), internal_names, installed, entries);
    diagnostics.extend(problems);
    (Engine::new(registry), paths)
}

fn macro_files(package: &Package) -> impl Iterator<Item = MacroFile> + '_ {
    package.files.iter().filter(|f| matches!(f.kind, FileKind::Macro | FileKind::GenericTest)).map(|f| MacroFile {
        package: package.config.name.clone(),
        path: f.path.clone(),
        file: Arc::clone(&f.file),
    })
}

/// The domain's view of every macro. `builtins` are the names of dbt's context, which static calls do not mean.
pub fn domain(
    engine: &Engine,
    paths: &IndexMap<String, String>,
    settings: &DispatchSettings,
    builtins: &[String],
    patches: &Patches,
) -> IndexMap<String, Arc<Macro>> {
    let registry = engine.registry();
    let is_builtin = |name: &str| builtins.iter().any(|b| b == name);
    let made: Vec<(String, Arc<Macro>)> = registry
        .entries()
        .par_iter()
        .filter_map(|entry| {
            let id = registry.id(&entry.unique_id)?;
            let depends_on = registry.static_depends_on(id, settings, &is_builtin);
            let patch = patches.find(&entry.package, "macros", &entry.name);
            let path = paths.get(&entry.unique_id).cloned().unwrap_or_default();
            Some((entry.unique_id.clone(), Arc::new(domain_macro(entry, path, depends_on, patch))))
        })
        .collect();
    made.into_iter().collect()
}

/// Warns of described arguments that the macros do not have; macros whose arguments nobody describes show their own.
pub fn validate(
    engine: &Engine,
    patches: &Patches,
    macros: &mut IndexMap<String, Arc<Macro>>,
    diagnostics: &mut Diagnostics,
) {
    for entry in engine.registry().entries() {
        let parameters: Vec<String> = entry.definition.arguments.iter().map(|a| a.name.clone()).collect();
        if let Some(patch) = patches.find(&entry.package, "macros", &entry.name) {
            super::macro_checks::check(&parameters, patch, diagnostics);
        }
        let Some(known) = macros.get_mut(&entry.unique_id).filter(|m| m.arguments.is_empty()) else { continue };
        Arc::make_mut(known).arguments =
            parameters.into_iter().map(|name| MacroArgument { name, ..MacroArgument::default() }).collect();
    }
}

fn domain_macro(entry: &MacroEntry, path: String, depends_on: Vec<String>, patch: Option<&Entry>) -> Macro {
    let value = patch.map(|p| {
        p.mark_used();
        &p.value
    });
    let map = |key: &str| value.and_then(|v| v.get(key)).and_then(|v| v.as_map()).cloned().unwrap_or_default();
    let config = map("config");
    let of_config = |key: &str| config.get(key).and_then(|m| m.as_map()).cloned().unwrap_or_default();
    let (config_meta, config_docs) = (of_config("meta"), of_config("docs"));
    let arguments = value.and_then(|v| v.get("arguments")).and_then(|v| v.as_list()).unwrap_or_default();
    let is_materialization = entry.definition.kind == DefinitionKind::Materialization;
    Macro {
        unique_id: entry.unique_id.clone(),
        package: entry.package.clone(),
        name: entry.name.clone(),
        span: entry.definition.span.clone(),
        original_path: path,
        depends_on,
        description: texts(value.and_then(|v| v.get("description"))).join(""),
        meta: map("meta").into_iter().chain(config_meta).collect(),
        docs: map("docs").into_iter().chain(config_docs).collect(),
        patch_path: patch.map(Entry::patch_path),
        arguments: arguments
            .iter()
            .filter_map(|a| a.as_map())
            .map(|a| MacroArgument {
                name: texts(a.get("name")).join(""),
                data_type: a.get("type").filter(|t| !t.is_null()).map(ToString::to_string),
                description: texts(a.get("description")).join(""),
            })
            .collect(),
        supported_languages: is_materialization.then(|| entry.definition.supported_languages.clone()),
    }
}

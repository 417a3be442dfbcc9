//! What `ref.config` shows of projects. In: the loaded tree and the settings. Out: facts under dbt's names.

use crate::base::{Dict, Value};
use crate::load::{Package, SourceTree};

use super::session::Inputs;

/// The facts of the root project.
pub fn of_root(tree: &SourceTree, inputs: &Inputs) -> Dict {
    of_package(&tree.root, tree, inputs)
}

/// The facts of each project, the root too, by name.
pub fn of_packages(tree: &SourceTree, inputs: &Inputs) -> Vec<(String, Dict)> {
    tree.all_packages().map(|package| (package.config.name.clone(), of_package(package, tree, inputs))).collect()
}

fn of_package(package: &Package, tree: &SourceTree, inputs: &Inputs) -> Dict {
    let config = &package.config;
    let paths = |paths: &[String]| Value::List(paths.iter().map(|p| Value::from(p.as_str())).collect());
    let root = crate::files::slashed(&package.root_dir);
    let mut facts = Dict::new();
    for (name, text) in [
        ("project_name", config.name.as_str()),
        ("project_root", &root),
        ("profile_name", &tree.profile.name),
        ("target_name", &tree.profile.target_name),
        ("target_path", &config.target_path),
        ("log_path", &config.log_path),
        ("packages_install_path", &config.packages_install_path),
    ] {
        facts.insert(name.to_owned(), Value::from(text));
    }
    for (name, value) in [
        ("version", config.version.as_deref().map_or(Value::Null, Value::from)),
        ("model_paths", paths(&config.model_paths)),
        ("macro_paths", paths(&config.macro_paths)),
        ("seed_paths", paths(&config.seed_paths)),
        ("test_paths", paths(&config.test_paths)),
        ("analysis_paths", paths(&config.analysis_paths)),
        ("snapshot_paths", paths(&config.snapshot_paths)),
        ("asset_paths", paths(&config.asset_paths)),
        ("clean_targets", paths(&config.clean_targets)),
        ("quoting", Value::Map(config.quoting.clone())),
        ("vars", Value::Map(config.vars.clone())),
        ("cli_vars", Value::Map(tree.vars.cli.clone())),
        ("args", Value::Map(inputs.args.clone())),
        ("threads", Value::Int(tree.profile.threads as i128)),
        ("credentials", Value::Map(tree.target.clone())),
    ] {
        facts.insert(name.to_owned(), value);
    }
    facts
}

//! The stage itself. In: a [`LoadRequest`]. Out: [`SourceTree`] (or [`RootConfig`] for commands that need no files),
//! and every problem on the way.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use rayon::prelude::*;

use crate::base::Dict;
use crate::diag::{Diagnostic, Diagnostics, SourceFile, Span, codes, warnings};
use crate::files::{Env, Files};

use super::discover::{self, FileKind, SourceEntry};
use super::installed;
use super::packages::{self, PackageList, PackageSpec};
use super::problems::Origin;
use super::profile::{self, EmbeddedDefault, Profile, ProjectHint};
use super::project::{self, ProjectConfig};
use super::properties::{self, PropertiesFile};
use super::render::{Rendering, YamlContext, YamlRenderer};
use super::selectors::{self, SelectorDefinition};
use super::vars::{self, VarScope};
use super::version;
use super::yaml::{self, YamlNode};

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct LoadRequest {
    /// The folder of dbt_project.yml; see [`find_project_dir`].
    pub project_dir: PathBuf,
    /// `--profiles-dir`; without it the environment and dbt's usual places count.
    pub profiles_dir: Option<PathBuf>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--target`.
    pub target: Option<String>,
    /// `--threads`.
    pub threads: Option<usize>,
    /// `--vars`, read by [`super::parse_cli_vars`].
    pub vars: Dict,
    /// `--target-path`.
    pub target_path: Option<String>,
    /// `--log-path`.
    pub log_path: Option<String>,
    /// `--no-version-check`.
    pub skip_version_check: bool,
    /// The engine to use when there is no profiles.yml at all; without one that is an error.
    pub embedded: Option<EmbeddedDefault>,
    /// For commands that need no warehouse (`deps`, `clean`): no profile is read, and what dbt_project.yml wants to know
    /// of `target` stays unrendered.
    pub without_profile: bool,
}

/// A project or package with everything that lies in it.
#[derive(Clone, Debug)]
pub struct Package {
    /// dbt_project.yml.
    pub config: ProjectConfig,
    /// The package's folder.
    pub root_dir: PathBuf,
    /// The folder as messages show it, relative to the root project; empty for the root project itself.
    pub display_dir: String,
    /// Every file that dbt would read, by kind and then path.
    pub files: Vec<SourceEntry>,
    /// Properties files, split into entries, in order of path.
    pub properties: Vec<PropertiesFile>,
}

/// What is known without reading a model: for `deps`, `debug`, `clean`.
#[derive(Clone, Debug)]
pub struct RootConfig {
    /// The root project's folder.
    pub root_dir: PathBuf,
    /// dbt_project.yml of the root project.
    pub config: ProjectConfig,
    /// The profile in use; none if the request is [`LoadRequest::without_profile`].
    pub profile: Option<Profile>,
    /// What `target` shows in YAML.
    pub target: Dict,
    /// packages.yml or dependencies.yml.
    pub packages: PackageList,
    /// selectors.yml.
    pub selectors: Vec<SelectorDefinition>,
    /// `flags:` of dbt_project.yml, else `config:` of profiles.yml; unrendered.
    pub flags: Dict,
    /// Variables: `--vars` and the root project's.
    pub vars: VarScope,
}

/// Everything that `parse/` needs.
#[derive(Clone, Debug)]
pub struct SourceTree {
    /// The root project.
    pub root: Package,
    /// Installed packages by name.
    pub packages: Vec<Package>,
    /// The profile in use.
    pub profile: Profile,
    /// What `target` shows in YAML.
    pub target: Dict,
    /// selectors.yml.
    pub selectors: Vec<SelectorDefinition>,
    /// `flags:` of dbt_project.yml, else `config:` of profiles.yml; unrendered.
    pub flags: Dict,
    /// Variables of all packages and of the command line.
    pub vars: VarScope,
}

impl SourceTree {
    /// The root project, then the installed packages.
    pub fn all_packages(&self) -> impl Iterator<Item = &Package> {
        std::iter::once(&self.root).chain(&self.packages)
    }

    /// A package by name; the root project counts.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.all_packages().find(|p| p.config.name == name)
    }
}

/// The folder of dbt_project.yml: the working folder or the nearest folder above it, else the working folder.
pub fn find_project_dir(files: &dyn Files, working_dir: &Path) -> PathBuf {
    let holds = |dir: &&Path| files.is_file(&dir.join(project::FILE_NAME));
    working_dir.ancestors().find(holds).unwrap_or(working_dir).to_path_buf()
}

/// Reads the root project's own files and the profile. None if dbt_project.yml or the profile is unusable.
pub fn load_root(
    request: &LoadRequest,
    files: &dyn Files,
    env: &Env,
    renderer: &dyn YamlRenderer,
) -> (Option<RootConfig>, Diagnostics) {
    let mut loader = Loader { request, files, env, renderer, diagnostics: Diagnostics::new() };
    let root = loader.root();
    (root, loader.diagnostics)
}

/// Reads everything. None if dbt_project.yml or the profile is unusable; other problems leave a tree without the parts
/// concerned, so that later stages can find more.
pub fn load(
    request: &LoadRequest,
    files: &dyn Files,
    env: &Env,
    renderer: &dyn YamlRenderer,
) -> (Option<SourceTree>, Diagnostics) {
    let mut loader = Loader { request, files, env, renderer, diagnostics: Diagnostics::new() };
    let tree = loader.root().and_then(|root| loader.tree(root));
    (tree, loader.diagnostics)
}

struct Loader<'a> {
    request: &'a LoadRequest,
    files: &'a dyn Files,
    env: &'a Env,
    renderer: &'a dyn YamlRenderer,
    diagnostics: Diagnostics,
}

/// A project file, read but not rendered.
struct RawProject {
    file: Arc<SourceFile>,
    root: YamlNode,
}

impl<'a> Loader<'a> {
    fn rendering(&self, context: YamlContext<'a>) -> Rendering<'a> {
        Rendering { renderer: self.renderer, context, env: self.env }
    }

    fn root(&mut self) -> Option<RootConfig> {
        let request = self.request;
        let origin = Origin { dir: request.project_dir.clone(), display: String::new() };
        let raw = self.raw_project(&origin)?;
        let profile = if request.without_profile { None } else { self.profile(&raw) };
        let target = profile.as_ref().map(|p| self.renderer.target(p)).unwrap_or_default();
        let vars_file = self.vars_file(&origin, &raw);
        let mut visible = vars_file.clone().unwrap_or_default();
        visible.extend(request.vars.clone());
        // Without a profile `target` is empty; what fails for that reason is no fault of the project.
        let context = YamlContext::Project { vars: &visible, target: &target };
        let rendering = Rendering { renderer: self.renderer, context, env: self.env };
        let mut config = self.project(raw, &rendering, profile.is_some())?;
        if let Some(vars) = vars_file {
            config.vars = vars;
        }
        self.override_paths(&mut config);
        self.check_version(&config, true);
        let list = packages::read(
            &origin,
            self.files,
            &self.rendering(YamlContext::Packages { vars: &request.vars }),
            &mut self.diagnostics,
        );
        let selectors = self.selectors(&origin, &rendering, profile.is_some());
        let flags = self.flags(&config, profile.as_ref());
        let vars = VarScope {
            cli: request.vars.clone(),
            root: config.name.clone(),
            packages: IndexMap::from([(config.name.clone(), config.vars.clone())]),
        };
        let found =
            RootConfig { root_dir: origin.dir, config, profile, target, packages: list, selectors, flags, vars };
        (found.profile.is_some() || request.without_profile).then_some(found)
    }

    fn raw_project(&mut self, origin: &Origin) -> Option<RawProject> {
        let read = origin.read(self.files, project::FILE_NAME).and_then(|file| {
            let file = file.ok_or_else(|| {
                let dir = crate::files::slashed(&origin.dir);
                Diagnostic::error(codes::PROJECT_NOT_FOUND, format!("there is no {} in {dir}", project::FILE_NAME))
                    .help("go to a project's folder, name one with --project-dir, or start one with `transform init`")
            })?;
            let parsed = yaml::parse(&file)?;
            self.diagnostics.extend(parsed.warnings);
            let root = parsed.root.unwrap_or_else(|| YamlNode::empty_map(Span::file_start(&file)));
            root.expect_map(codes::PROJECT_KEY, project::FILE_NAME)?;
            Ok(RawProject { file, root })
        });
        read.map_err(|problem| self.diagnostics.push(problem)).ok()
    }

    fn profile(&mut self, raw: &RawProject) -> Option<Profile> {
        let rendering = self.rendering(YamlContext::Profile { vars: &self.request.vars });
        let named = match raw.root.get("profile").filter(|p| !p.is_null()).map(|node| rendering.scalar(node)) {
            None => None,
            Some(Ok(node)) => node.as_str().map(|name| (name.to_owned(), node.span.clone())),
            Some(Err(problem)) => {
                self.diagnostics.push(problem);
                return None;
            }
        };
        let name = raw.root.get("name").and_then(YamlNode::as_str).unwrap_or("project");
        let hint = ProjectHint { name, profile: named, file: &raw.file };
        profile::load(self.request, &hint, self.files, &rendering, &mut self.diagnostics)
    }

    /// Renders and reads a dbt_project.yml.
    fn project(&mut self, raw: RawProject, rendering: &Rendering<'_>, report: bool) -> Option<ProjectConfig> {
        let mut problems = Diagnostics::new();
        let rendered = rendering.tree(&raw.root, &project::is_rendered_early, &mut problems);
        if report {
            self.diagnostics.extend(problems);
        }
        let (config, problems) = project::read(&raw.file, raw.root, &rendered);
        self.diagnostics.extend(problems);
        config
    }

    /// vars.yml, which takes the place of `vars:`.
    fn vars_file(&mut self, origin: &Origin, raw: &RawProject) -> Option<Dict> {
        let read = origin.read(self.files, vars::FILE_NAME).and_then(|file| {
            let Some(file) = file else { return Ok(None) };
            let parsed = yaml::parse(&file)?;
            self.diagnostics.extend(parsed.warnings);
            vars::from_file(parsed.root.as_ref(), &raw.root)
        });
        read.map_err(|problem| self.diagnostics.push(problem)).ok().flatten()
    }

    fn override_paths(&self, config: &mut ProjectConfig) {
        let setting =
            |flag: &Option<String>, name| flag.clone().or_else(|| self.env.dbt_setting(name).map(str::to_owned));
        if let Some(path) = setting(&self.request.target_path, "TARGET_PATH") {
            if config.raw.get("clean-targets").is_none() {
                config.clean_targets = vec![path.clone()];
            }
            config.target_path = path;
        }
        if let Some(path) = setting(&self.request.log_path, "LOG_PATH") {
            config.log_path = path;
        }
    }

    fn check_version(&mut self, config: &ProjectConfig, is_root: bool) {
        if self.request.skip_version_check || config.require_dbt_version.iter().all(|s| s.accepts(version::DBT_VERSION))
        {
            return;
        }
        let wanted: Vec<String> = config.require_dbt_version.iter().map(ToString::to_string).collect();
        let message = format!(
            "`{}` requires dbt {}; transform behaves as dbt {}",
            config.name,
            wanted.join(", "),
            version::DBT_VERSION
        );
        let problem = if is_root {
            Diagnostic::error(codes::VERSION_MISMATCH, message).help("run again with --no-version-check")
        } else {
            Diagnostic::warning(codes::VERSION_MISMATCH, message)
        };
        self.diagnostics.push(problem.at(config.raw.get("require-dbt-version").map(|n| n.span.clone())));
    }

    fn selectors(&mut self, origin: &Origin, rendering: &Rendering<'_>, report: bool) -> Vec<SelectorDefinition> {
        let read = origin.read(self.files, selectors::FILE_NAME).and_then(|file| {
            let Some(file) = file else { return Ok(None) };
            let parsed = yaml::parse(&file)?;
            self.diagnostics.extend(parsed.warnings);
            Ok(parsed.root)
        });
        match read {
            Err(problem) => self.diagnostics.push(problem),
            Ok(Some(root)) if !root.is_null() => {
                let mut problems = Diagnostics::new();
                let rendered = rendering.tree(&root, &|_| true, &mut problems);
                if report {
                    self.diagnostics.extend(problems);
                }
                return selectors::read(&rendered, &mut self.diagnostics);
            }
            Ok(_) => {}
        }
        Vec::new()
    }

    fn flags(&mut self, config: &ProjectConfig, profile: Option<&Profile>) -> Dict {
        let Some(profile) = profile.filter(|p| !p.config.is_empty()) else { return config.flags.clone() };
        if !config.flags.is_empty() {
            let message = format!("`flags` in {} and `config` in profiles.yml cannot both be set", project::FILE_NAME);
            self.diagnostics.push(
                Diagnostic::error(codes::PROJECT_KEY, message)
                    .at(config.raw.get("flags").map(|n| n.span.clone()))
                    .help("remove `config` from profiles.yml"),
            );
            return config.flags.clone();
        }
        let message = format!("`config` in profiles.yml is an old place for `flags` in {}", project::FILE_NAME);
        let moved = Diagnostic::warning(codes::DEPRECATED, message).named(warnings::PROJECT_FLAGS_MOVED_DEPRECATION);
        self.diagnostics.push(moved);
        profile.config.clone()
    }

    fn tree(&mut self, root: RootConfig) -> Option<SourceTree> {
        let RootConfig { root_dir, config, profile, target, packages: list, selectors, flags, mut vars } = root;
        let profile = profile?;
        let origin = Origin { dir: root_dir, display: String::new() };
        let mut located = vec![(config, origin)];
        located.extend(self.packages(&located[0].0, &target, &list));
        located[1..].sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        for (config, _) in &located[1..] {
            vars.packages.insert(config.name.clone(), config.vars.clone());
        }
        let files = self.files;
        let read: Vec<(Package, Diagnostics)> =
            located.into_par_iter().map(|(config, origin)| read_package(config, origin, files)).collect();
        let mut packages = Vec::with_capacity(read.len());
        for (package, problems) in read {
            self.diagnostics.extend(problems);
            packages.push(package);
        }
        let root = packages.remove(0);
        Some(SourceTree { root, packages, profile, target, selectors, flags, vars })
    }

    /// The dbt_project.yml of every installed package, and of local packages that are used from where they are.
    fn packages(&mut self, root: &ProjectConfig, target: &Dict, list: &PackageList) -> Vec<(ProjectConfig, Origin)> {
        let root_dir = self.request.project_dir.clone();
        let folder = installed::install_dir(&root_dir, root, self.files);
        let mut found: Vec<(ProjectConfig, Origin)> = Vec::new();
        for origin in installed::installed(&root_dir, &folder, self.files, &mut self.diagnostics) {
            self.add_package(origin, root, target, &mut found);
        }
        let names: Vec<String> = found.iter().map(|(config, _)| config.name.clone()).collect();
        let mut local_names = Vec::new();
        let mut queue: VecDeque<(PackageSpec, PathBuf)> =
            list.specs.iter().map(|spec| (spec.clone(), root_dir.clone())).collect();
        while let Some((spec, declared_in)) = queue.pop_front() {
            let origin = match installed::local_origin(&spec, &root_dir, &declared_in, self.files, self.env) {
                Some(Ok(origin)) => origin,
                Some(Err(problem)) => {
                    self.diagnostics.push(problem);
                    continue;
                }
                None => continue,
            };
            let Some(name) = self.peek_name(&origin) else { continue };
            if local_names.contains(&name) {
                continue;
            }
            let context = YamlContext::Packages { vars: &self.request.vars };
            let own = packages::read(&origin, self.files, &self.rendering(context), &mut self.diagnostics);
            queue.extend(own.specs.into_iter().map(|spec| (spec, origin.dir.clone())));
            if !names.contains(&name) {
                self.add_package(origin, root, target, &mut found);
            }
            local_names.push(name);
        }
        let fetched: Vec<&str> = names.iter().filter(|n| !local_names.contains(n)).map(String::as_str).collect();
        let shown = super::problems::shown(&folder, &root_dir);
        self.diagnostics.extend(installed::missing(list, &fetched, &shown));
        found
    }

    /// The name of a package before it is rendered; names are never templates.
    fn peek_name(&mut self, origin: &Origin) -> Option<String> {
        let raw = self.raw_project(origin)?;
        raw.root.get("name").and_then(YamlNode::as_str).map(str::to_owned)
    }

    fn add_package(
        &mut self,
        origin: Origin,
        root: &ProjectConfig,
        target: &Dict,
        found: &mut Vec<(ProjectConfig, Origin)>,
    ) {
        let Some(raw) = self.raw_project(&origin) else { return };
        // As in dbt, packages do not see `--vars` here.
        let none = Dict::new();
        let context = YamlContext::Project { vars: &none, target };
        let rendering = Rendering { renderer: self.renderer, context, env: self.env };
        let Some(config) = self.project(raw, &rendering, true) else { return };
        let first = std::iter::once(root).chain(found.iter().map(|(c, _)| c)).find(|c| c.name == config.name);
        if let Some(first) = first {
            let message = format!("two packages are called `{}`", config.name);
            let problem = Diagnostic::error(codes::PACKAGE_INVALID, message)
                .at(config.name_span.clone())
                .label(first.name_span.clone(), "the other one")
                .help("remove or rename one of them");
            self.diagnostics.push(problem);
            return;
        }
        self.check_version(&config, false);
        found.push((config, origin));
    }
}

/// Reads the files of one package and splits its properties files.
fn read_package(config: ProjectConfig, origin: Origin, files: &dyn Files) -> (Package, Diagnostics) {
    let (entries, mut diagnostics) = discover::discover(&config, &origin, files);
    let split: Vec<(Option<PropertiesFile>, Diagnostics)> =
        entries.par_iter().filter(|e| e.kind == FileKind::Properties).map(properties::read).collect();
    let mut properties = Vec::with_capacity(split.len());
    for (file, problems) in split {
        diagnostics.extend(problems);
        properties.extend(file);
    }
    let package = Package { config, root_dir: origin.dir, display_dir: origin.display, files: entries, properties };
    (package, diagnostics)
}

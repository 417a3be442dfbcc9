//! The package hub. In: names of packages. Out: their versions, what a version requires, and where its archive is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;

use crate::diag::{Diagnostic, SourceFile, Span, codes};
use crate::files::{Env, Remote, RemoteError};

use super::super::packages::{self, PackageSpec};
use super::super::version::DBT_VERSION;
use super::super::yaml;
use super::semver::{Range, VersionSpec};

const DEFAULT_ADDRESS: &str = "https://hub.getdbt.com/";

/// A hub, asked at most once for each thing.
pub(super) struct Hub<'a> {
    remote: &'a dyn Remote,
    address: String,
    check_dbt_version: bool,
    index: Mutex<Option<Arc<Vec<String>>>>,
    packages: Mutex<HashMap<String, Arc<HubPackage>>>,
}

/// A package of the hub.
pub(super) struct HubPackage {
    /// The name under which it goes on, if it was renamed.
    pub renamed: Option<String>,
    versions: serde_json::Map<String, Json>,
}

/// One version of a package.
pub(super) struct HubVersion {
    /// The project name.
    pub name: String,
    /// The address of the archive.
    pub tarball: String,
    /// What it requires.
    pub requires: Vec<PackageSpec>,
}

impl<'a> Hub<'a> {
    /// The hub that the environment names, else dbt's.
    pub fn new(remote: &'a dyn Remote, env: &Env, check_dbt_version: bool) -> Self {
        let address = env.var("DBT_PACKAGE_HUB_URL").filter(|a| !a.is_empty()).unwrap_or(DEFAULT_ADDRESS);
        let address = format!("{}/", address.trim_end_matches('/'));
        Self { remote, address, check_dbt_version, index: Mutex::default(), packages: Mutex::default() }
    }

    /// A package by `namespace/name`.
    pub fn package(&self, name: &str, span: &Span) -> Result<Arc<HubPackage>, Diagnostic> {
        if !self.index(span)?.iter().any(|known| known == name) {
            return Err(self.absent(name, span));
        }
        if let Some(found) = self.packages.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(Arc::clone(found));
        }
        let address = format!("{}api/v1/{name}.json", self.address);
        let json = match self.json(&address, span)? {
            Some(json) => json,
            None => return Err(self.absent(name, span)),
        };
        let versions = json.get("versions").and_then(Json::as_object).cloned();
        let versions = versions.ok_or_else(|| unusable(&address, "there is no object `versions` in it", span))?;
        let text = |key: &str| json.get(key).and_then(Json::as_str).filter(|t| !t.is_empty());
        let (namespace, own) = name.split_once('/').unwrap_or(("", name));
        let moved = text("redirectnamespace").is_some() || text("redirectname").is_some();
        let renamed = moved.then(|| {
            format!("{}/{}", text("redirectnamespace").unwrap_or(namespace), text("redirectname").unwrap_or(own))
        });
        let found = Arc::new(HubPackage { renamed, versions });
        self.packages.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Arc::clone(&found));
        Ok(found)
    }

    /// The versions of a package that work with this dbt version.
    pub fn compatible<'p>(&self, package: &'p HubPackage) -> Vec<&'p str> {
        let installed = VersionSpec::parse(DBT_VERSION);
        let fits = |info: &Json| {
            if !self.check_dbt_version {
                return true;
            }
            let written: Vec<&str> = match info.get("require_dbt_version") {
                Some(Json::Array(list)) => list.iter().filter_map(Json::as_str).collect(),
                Some(Json::String(one)) => one.split(',').collect(),
                _ => return true,
            };
            let parsed: Vec<VersionSpec> = written.into_iter().filter_map(VersionSpec::parse).collect();
            Range::of(installed.iter().chain(&parsed)).is_some()
        };
        package.versions.iter().filter(|(_, info)| fits(info)).map(|(version, _)| version.as_str()).collect()
    }

    /// Whether versions that require another dbt version are left out.
    pub fn checks_dbt_version(&self) -> bool {
        self.check_dbt_version
    }

    /// What the hub says about one version.
    pub fn version(&self, name: &str, version: &str, span: &Span) -> Result<HubVersion, Diagnostic> {
        let package = self.package(name, span)?;
        let Some(info) = package.versions.get(version) else {
            let problem = Diagnostic::error(codes::PACKAGE_VERSION, format!("`{name}` has no version {version}"));
            return Err(problem.at(span.clone()).help("run `transform deps --upgrade`"));
        };
        let address = format!("{}api/v1/{name}.json", self.address);
        let missing = |key: &str| unusable(&address, &format!("version {version} has no `{key}`"), span);
        let project = info.get("name").and_then(Json::as_str).ok_or_else(|| missing("name"))?;
        let tarball = info.pointer("/downloads/tarball").and_then(Json::as_str);
        let tarball = tarball.ok_or_else(|| missing("downloads.tarball"))?;
        let tarball = match tarball.contains(':') {
            true => tarball.to_owned(),
            false => format!("{}{}", self.address, tarball.trim_start_matches('/')),
        };
        let requires = match info.get("packages") {
            None | Some(Json::Null) => Vec::new(),
            Some(listed) => requirements(listed, &format!("{name} {version}"))?,
        };
        Ok(HubVersion { name: project.to_owned(), tarball, requires })
    }

    fn index(&self, span: &Span) -> Result<Arc<Vec<String>>, Diagnostic> {
        let mut known = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = known.as_ref() {
            return Ok(Arc::clone(index));
        }
        let address = format!("{}api/v1/index.json", self.address);
        let names = match self.json(&address, span)? {
            Some(Json::Array(names)) => names,
            Some(_) => return Err(unusable(&address, "a list of names was expected", span)),
            None => return Err(unusable(&address, "there is no index", span)),
        };
        let index = Arc::new(names.iter().filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>());
        *known = Some(Arc::clone(&index));
        Ok(index)
    }

    /// A JSON answer; none if there is no such page.
    fn json(&self, address: &str, span: &Span) -> Result<Option<Json>, Diagnostic> {
        match self.remote.fetch(address) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(json) => Ok(Some(json)),
                Err(e) => Err(unusable(address, &e.to_string(), span)),
            },
            Err(RemoteError::NotFound { .. }) => Ok(None),
            Err(e) => Err(Diagnostic::error(codes::PACKAGE_FETCH, "the package hub does not answer")
                .at(span.clone())
                .note(e.to_string())
                .help("check the network; DBT_PACKAGE_HUB_URL names another hub")),
        }
    }

    fn absent(&self, name: &str, span: &Span) -> Diagnostic {
        Diagnostic::error(codes::PACKAGE_FETCH, format!("package {name} was not found in the package index"))
            .at(span.clone())
            .note(format!("the index is {}api/v1/index.json", self.address))
    }
}

fn unusable(address: &str, why: &str, span: &Span) -> Diagnostic {
    let problem = Diagnostic::error(codes::PACKAGE_FETCH, "the package hub sends an answer that cannot be used");
    problem.at(span.clone()).note(format!("{address}: {why}"))
}

/// The hub's `packages` of a version; JSON is YAML.
fn requirements(listed: &Json, label: &str) -> Result<Vec<PackageSpec>, Diagnostic> {
    let file = SourceFile::new(format!("{label} (package hub)"), listed.to_string());
    let Some(root) = yaml::parse(&file)?.root else { return Ok(Vec::new()) };
    let mut problems = crate::diag::Diagnostics::new();
    let specs = packages::specs(&root, &root, &mut problems);
    match problems.iter().find(|p| p.is_error()) {
        Some(problem) => Err(problem.clone()),
        None => Ok(specs),
    }
}

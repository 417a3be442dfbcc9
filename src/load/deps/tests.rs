//! `deps` in memory: a hub that is a map, repositories that are maps.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;

use crate::files::{MemoryFiles, RemoteError};

use super::*;
use crate::base::Value;
use crate::diag::{Diagnostic, Span};
use crate::load::{LoadRequest, load_root};

struct Plain;

impl YamlRenderer for Plain {
    fn render(&self, text: &str, _: &Span, _: &YamlContext<'_>) -> Result<Value, Diagnostic> {
        Ok(Value::from(text))
    }
}

/// Answers from memory; what is missing is not found.
struct Fake<'a> {
    files: &'a MemoryFiles,
    pages: HashMap<String, Vec<u8>>,
    asked: Mutex<Vec<String>>,
}

impl Remote for Fake<'_> {
    fn fetch(&self, address: &str) -> Result<Vec<u8>, RemoteError> {
        self.asked.lock().unwrap().push(address.to_owned());
        self.pages.get(address).cloned().ok_or_else(|| RemoteError::NotFound { address: address.to_owned() })
    }

    fn checkout(&self, url: &str, revision: &str, sub: Option<&str>, dir: &Path) -> Result<String, RemoteError> {
        let key = format!("{url}@{revision}");
        let name = self.pages.get(&key).ok_or_else(|| RemoteError::Git(format!("no {key}")))?;
        let text = format!("name: {}\n", String::from_utf8_lossy(name));
        self.files.write_atomic(&dir.join(sub.unwrap_or("")).join("dbt_project.yml"), text.as_bytes()).unwrap();
        Ok(format!("sha-of-{revision}"))
    }
}

fn tarball(name: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let content = format!("name: {name}\n");
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_cksum();
    builder.append_data(&mut header, format!("{name}-1/dbt_project.yml"), content.as_bytes()).unwrap();
    builder.into_inner().unwrap()
}

/// A hub with packages as (name, version, requirements as JSON).
fn hub(packages: &[(&str, &str, &str)]) -> HashMap<String, Vec<u8>> {
    let mut pages = HashMap::new();
    let mut by_name: HashMap<&str, Vec<String>> = HashMap::new();
    for (name, version, requires) in packages {
        let project = name.rsplit('/').next().unwrap();
        let address = format!("http://hub/{project}-{version}.tar.gz");
        by_name.entry(name).or_default().push(format!(
            r#""{version}": {{"name": "{project}", "packages": {requires}, "downloads": {{"tarball": "{address}"}}}}"#
        ));
        pages.insert(address, tarball(project));
    }
    let names: Vec<String> = by_name.keys().map(|n| format!("\"{n}\"")).collect();
    pages.insert("http://hub/api/v1/index.json".into(), format!("[{}]", names.join(",")).into_bytes());
    for (name, versions) in by_name {
        let json = format!(r#"{{"name": "{name}", "versions": {{{}}}}}"#, versions.join(","));
        pages.insert(format!("http://hub/api/v1/{name}.json"), json.into_bytes());
    }
    pages
}

fn deps(list: &str, pages: HashMap<String, Vec<u8>>, files: &MemoryFiles, upgrade: bool) -> (Vec<String>, Vec<String>) {
    let env = Env::fixed("/p", [("DBT_PACKAGE_HUB_URL", "http://hub")]);
    files.write_atomic(Path::new("/p/packages.yml"), list.as_bytes()).unwrap();
    files.write_atomic(Path::new("/p/dbt_project.yml"), b"name: shop\nprofile: x\n").unwrap();
    let request = LoadRequest { project_dir: "/p".into(), without_profile: true, ..LoadRequest::default() };
    let (root, problems) = load_root(&request, files, &env, &Plain);
    assert!(!problems.has_errors(), "{problems:?}");
    let remote = Fake { files, pages, asked: Mutex::default() };
    let tools = DepsTools { files, remote: &remote, env: &env, renderer: &Plain };
    let told = std::cell::RefCell::new(Vec::new());
    let request = DepsRequest { upgrade, ..DepsRequest::default() };
    let problems = install_packages(&root.unwrap(), &Dict::new(), request, &tools, &|m| {
        told.borrow_mut().push(m.to_string());
    });
    let problems = problems.iter().map(|p| p.message.clone()).collect();
    (told.into_inner(), problems)
}

#[test]
fn follows_requirements_and_keeps_the_lock() {
    let packages = [
        ("a/utils", "1.0.0", "[]"),
        ("a/utils", "1.2.0", "[]"),
        ("a/utils", "2.0.0", "[]"),
        ("a/dates", "0.1.0", r#"[{"package": "a/utils", "version": [">=1.0.0", "<2.0.0"]}]"#),
    ];
    let files = MemoryFiles::default();
    let list = "packages:\n  - package: a/dates\n    version: 0.1.0\n  - git: https://g/x.git\n    revision: v1\n    subdirectory: inner\n";
    let pages = || {
        let mut pages = hub(&packages);
        pages.insert("https://g/x.git@v1".into(), b"inner_package".to_vec());
        pages.insert("https://g/x.git@sha-of-v1".into(), b"inner_package".to_vec());
        pages
    };
    let (told, problems) = deps(list, pages(), &files, false);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(told[0], "Updating lock file in file path: /p/package-lock.yml");
    assert!(told.contains(&"Updated version available: 2.0.0".to_owned()), "{told:?}");
    let lock = files.read_text(Path::new("/p/package-lock.yml")).unwrap();
    assert!(lock.contains("  - name: utils\n    package: a/utils\n    version: 1.2.0\n"), "{lock}");
    assert!(lock.contains("    revision: sha-of-v1\n    subdirectory: inner\n"), "{lock}");
    for name in ["utils", "dates", "inner_package"] {
        assert!(files.is_file(&Path::new("/p/dbt_packages").join(name).join("dbt_project.yml")), "{name}");
    }
    // A newer version does not matter until somebody asks for it.
    let mut newer = pages();
    newer.extend(hub(&[&packages[..], &[("a/utils", "1.3.0", "[]")]].concat()));
    let (told, _) = deps(list, newer.clone(), &files, false);
    assert_eq!(told[0], "Installing a/dates");
    assert_eq!(files.read_text(Path::new("/p/package-lock.yml")).unwrap(), lock);
    deps(list, newer, &files, true);
    assert!(files.read_text(Path::new("/p/package-lock.yml")).unwrap().contains("version: 1.3.0"));
    let left = files.subfolders(Path::new("/p")).unwrap();
    assert_eq!(left, [Path::new("/p/dbt_packages")]);
}

#[test]
fn local_packages_bring_theirs_and_others_go() {
    let files = MemoryFiles::new([
        ("/p/dbt_packages/old/dbt_project.yml", "name: old"),
        ("/p/lib/dbt_project.yml", "name: shared"),
        ("/p/lib/packages.yml", "packages: [{local: inner}]"),
        ("/p/lib/inner/dbt_project.yml", "name: inner"),
    ]);
    let (told, problems) = deps("packages: [{local: lib}]", HashMap::new(), &files, false);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(told.last().unwrap(), "Installed from <local @ lib/inner>");
    assert!(files.is_file(Path::new("/p/dbt_packages/inner/dbt_project.yml")));
    assert!(!files.is_dir(Path::new("/p/dbt_packages/old")));
    let (again, _) = deps("packages: [{local: lib}]", HashMap::new(), &files, false);
    assert_eq!(again, told[1..]);
    let (told, _) = deps("packages: []", HashMap::new(), &files, false);
    assert_eq!(told, ["Warning: No packages were found in packages.yml"]);
    assert_eq!(files.walk(Path::new("/p/dbt_packages")).unwrap(), []);
}

#[test]
fn an_error_leaves_everything_as_it_was() {
    let files = MemoryFiles::default();
    let one = [("a/utils", "1.0.0", "[]")];
    deps("packages:\n  - package: a/utils\n    version: 1.0.0\n", hub(&one), &files, false);
    let before: Vec<_> = files.walk(Path::new("/p/dbt_packages")).unwrap();
    let mut broken = hub(&[one[0], ("a/more", "1.0.0", "[]")]);
    broken.insert("http://hub/more-1.0.0.tar.gz".into(), b"no archive".to_vec());
    let list = "packages:\n  - package: a/utils\n    version: 1.0.0\n  - package: a/more\n    version: 1.0.0\n";
    let (_, problems) = deps(list, broken, &files, false);
    assert_eq!(problems, ["`http://hub/more-1.0.0.tar.gz` is no package"]);
    assert_eq!(files.walk(Path::new("/p/dbt_packages")).unwrap(), before);
    assert_eq!(files.subfolders(Path::new("/p")).unwrap(), [Path::new("/p/dbt_packages")]);
}

#[test]
fn adds_an_entry_and_keeps_the_rest() {
    let before = "# ours\npackages:\n  # dates\n  - package: a/dates\n    version: 0.1.0\n  - git: https://g/dbt-utils.git\n    warn-unpinned: false\n# end\n";
    let files = MemoryFiles::new([("/p/packages.yml", before)]);
    let added = add_package("x/dbt_utils@>=1.0.0,<2.0.0", PackageKind::Hub, Path::new("/p"), "packages.yml", &files);
    assert_eq!(added.unwrap().replaced.len(), 1);
    assert_eq!(
        files.read_text(Path::new("/p/packages.yml")).unwrap(),
        "# ours\npackages:\n  # dates\n  - package: a/dates\n    version: 0.1.0\n  - package: x/dbt_utils\n    version:\n      - '>=1.0.0'\n      - <2.0.0\n# end\n"
    );
    for before in ["packages: []\n", "packages:\n", ""] {
        let files = MemoryFiles::new([("/p/packages.yml", before)]);
        add_package("../lib", PackageKind::Local, Path::new("/p"), "packages.yml", &files).unwrap();
        assert_eq!(
            files.read_text(Path::new("/p/packages.yml")).unwrap(),
            "packages:\n  - local: ../lib\n",
            "{before:?}"
        );
    }
}

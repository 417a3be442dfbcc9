//! The stage as a whole, on files in memory and with a renderer that knows just enough Jinja.

use super::*;
use crate::base::Value;
use crate::diag::{Diagnostic, Diagnostics, Span, codes};
use crate::files::{Env, MemoryFiles};

/// Knows `{{ env_var('X') }}`, `{{ target.name }}` and `{{ number }}`; anything else fails.
struct TinyRenderer(Env);

impl YamlRenderer for TinyRenderer {
    fn render(&self, text: &str, span: &Span, context: &YamlContext<'_>) -> Result<Value, Diagnostic> {
        let fail = || Diagnostic::error(codes::JINJA_UNDEFINED, format!("cannot render {text}")).at(span.clone());
        let (before, rest) = text.split_once("{{").ok_or_else(fail)?;
        let (inner, after) = rest.split_once("}}").ok_or_else(fail)?;
        let value = match (inner.trim(), context) {
            ("number", _) => return Ok(Value::Int(7)),
            ("target.name", YamlContext::Project { target, .. }) => target.get("name").map(ToString::to_string),
            (call, _) => {
                let name = call.strip_prefix("env_var('").and_then(|c| c.strip_suffix("')")).ok_or_else(fail)?;
                match context {
                    YamlContext::Profile { .. } if name.starts_with(SECRET_PREFIX) => Some(secret_placeholder(name)),
                    _ => self.0.var(name).map(str::to_owned),
                }
            }
        };
        Ok(Value::Str(format!("{before}{}{after}", value.ok_or_else(fail)?)))
    }
}

fn request() -> LoadRequest {
    let engine = |adapter_type: &str, file_extension: &str, names_database| EmbeddedEngine {
        adapter_type: adapter_type.into(),
        file_extension: file_extension.into(),
        schema: "main".into(),
        names_database,
    };
    let targets = vec![("pond".to_owned(), engine("swim", "pond", true))];
    let embedded = EmbeddedDefault { engine: engine("quack", "db", false), targets };
    LoadRequest { project_dir: "/p".into(), embedded: Some(embedded), ..LoadRequest::default() }
}

fn env() -> Env {
    Env::fixed("/p", [("HOME", "/home"), ("WHO", "ann"), ("DBT_ENV_SECRET_PASS", "s3cret")])
}

fn run(request: &LoadRequest, files: &[(&str, &str)]) -> (Option<SourceTree>, Diagnostics) {
    load(request, &MemoryFiles::new(files.iter().copied()), &env(), &TinyRenderer(env()))
}

fn shown(diagnostics: &Diagnostics) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_target_may_have_an_embedded_engine_of_its_own() {
    let request = LoadRequest { target: Some("pond".to_owned()), ..request() };
    let profile = run(&request, &[("/p/dbt_project.yml", "name: shop\n")]).0.unwrap().profile;
    assert_eq!((profile.adapter_type.as_str(), profile.embedded.as_deref()), ("swim", Some("shop.pond")));
    assert_eq!(profile.credentials["database"], Value::from("shop"));
    assert_eq!(profile.database.as_deref(), Some("shop"));
}

#[test]
fn a_project_without_profile_gets_the_embedded_engine() {
    let project = "name: shop\nprofile: nowhere\nmodels:\n  shop:\n    +schema: \"{{ env_var('WHO') }}\"\n    \
                   +pre-hook: \"{{ this }}\"\nvars: {day: 2020-01-01}\non-run-end: \"{{ log('x') }}\"\n";
    let (tree, problems) = run(
        &request(),
        &[
            ("/p/dbt_project.yml", project),
            ("/p/.dbtignore", "*_old.sql\n"),
            ("/p/models/b.sql", "select 2\r\n"),
            ("/p/models/a.py", ""),
            ("/p/models/a_old.sql", ""),
            ("/p/models/.hidden.sql", ""),
            ("/p/models/schema.yml", "models: [{name: b}]"),
            ("/p/models/notes.md", "{% docs x %}{% enddocs %}"),
            ("/p/tests/one.sql", ""),
            ("/p/tests/generic/two.sql", ""),
            ("/p/tests/fixtures/three.csv", "a"),
            ("/p/tests/deep/generic/four.sql", ""),
            ("/p/seeds/five.CSV", "a\n1"),
        ],
    );
    assert_eq!(shown(&problems), "");
    let tree = tree.unwrap();
    assert_eq!(tree.profile.embedded.as_deref(), Some("shop.db"));
    assert_eq!(tree.profile.credentials["path"], Value::from("/p/shop.db"));
    assert_eq!(tree.profile.credentials.get("database"), None);
    let models = tree.root.config.tree("models").unwrap().get("shop").unwrap();
    assert_eq!(models.get("+schema").unwrap().as_str(), Some("ann"));
    assert_eq!(models.get("+pre-hook").unwrap().as_str(), Some("{{ this }}"));
    assert_eq!(tree.vars.lookup("shop", "day").unwrap().kind(), "a date");
    assert_eq!(tree.root.config.on_run_end[0].sql, "{{ log('x') }}");
    let listed: Vec<String> = tree.root.files.iter().map(|f| format!("{:?} {}", f.kind, f.path)).collect();
    assert_eq!(
        listed,
        [
            "Model models/a.py",
            "Model models/b.sql",
            "SingularTest tests/deep/generic/four.sql",
            "SingularTest tests/one.sql",
            "GenericTest tests/generic/two.sql",
            "Seed seeds/five.CSV",
            "Docs models/notes.md",
            "Properties models/schema.yml",
            "Fixture tests/fixtures/three.csv",
        ]
    );
    assert_eq!(tree.root.files[1].file.text, "select 2\n");
    assert_eq!(tree.root.properties[0].models.len(), 1);
}

#[test]
fn profiles_are_rendered_and_chosen() {
    let profiles = "shop:\n  target: \"{{ env_var('WHO') }}\"\n  outputs:\n    ann: {type: quack, threads: \"3\", dbname: d,\n      \
                    password: \"{{ env_var('DBT_ENV_SECRET_PASS') }}!\", port: \"{{ number }}\"}\n    bad: \"{{ env_var('NO') }}\"\n";
    let files = [
        ("/p/dbt_project.yml", "name: shop\nprofile: shop\nseeds: {+schema: \"{{ target.name }}\"}\n"),
        ("/home/.dbt/profiles.yml", profiles),
    ];
    let (tree, problems) = run(&request(), &files);
    assert_eq!(shown(&problems), "");
    let tree = tree.unwrap();
    let profile = &tree.profile;
    assert_eq!((profile.target_name.as_str(), profile.threads, profile.database.as_deref()), ("ann", 3, Some("d")));
    assert_eq!(profile.credentials["password"], Value::from("s3cret!"));
    assert_eq!(profile.credentials["port"], Value::Int(7));
    assert!(!tree.target.contains_key("password"));
    assert_eq!(tree.root.config.tree("seeds").unwrap().get("+schema").unwrap().as_str(), Some("ann"));

    for (name, target, want) in [
        (Some("shp"), None, "error[T104]: there is no profile `shp` in /home/.dbt/profiles.yml"),
        (None, Some("anne"), "error[T104]: the profile `shop` has no target `anne` (/home/.dbt/profiles.yml:2:3)"),
        (
            None,
            Some("bad"),
            "error[T105]: the target `bad` of the profile `shop` must be a mapping, found a string (/home/.dbt/profiles.yml:6:10)",
        ),
    ] {
        let chosen = LoadRequest { profile: name.map(Into::into), target: target.map(Into::into), ..request() };
        let (tree, problems) = run(&chosen, &files);
        assert!(tree.is_none());
        assert_eq!(shown(&problems), want);
    }
}

#[test]
fn every_mistake_of_a_project_is_reported() {
    let project = "name: my-shop\nversion: [1]\nsource-paths: [m]\nmodel-paths: {a: b}\nmodel_paths: [x]\nmodles: {}\n\
                   models: [a]\nquoting: {schema: 'yes'}\nrequire-dbt-version: \">=2.0.0\"\ndispatch: [{macro_namespace: x}]\n\
                   seeds: {+a: \"{{ nope }}\"}\nflags: 1\nname: your-shop\n";
    let (tree, problems) = run(&request(), &[("/p/dbt_project.yml", project)]);
    assert!(tree.is_some());
    insta::assert_snapshot!(shown(&problems), @"
        warning[T116]: the key `name` stands twice in one mapping; the last one counts (dbt_project.yml:13:1)
        error[T202]: cannot render {{ nope }} (dbt_project.yml:11:13)
        warning[T116]: `model_paths` is an old spelling of `model-paths` (dbt_project.yml:5:1)
        warning[T103]: the key `modles` is unknown and ignored (dbt_project.yml:6:1)
        error[T103]: `source-paths` and `model-paths` cannot both be set: they mean the same (dbt_project.yml:3:1)
        error[T103]: `your-shop` is not a project name: only letters, digits and `_`, no digit first (dbt_project.yml:13:7)
        error[T103]: `version` must be a string or a number, found a list (dbt_project.yml:2:10)
        error[T103]: `model-paths` must be a string or a list of strings, found a mapping (dbt_project.yml:4:14)
        error[T103]: `quoting.schema` must be true or false, found a string (dbt_project.yml:8:19)
        error[T103]: an entry of `dispatch` has no `search_order` (dbt_project.yml:10:12)
        error[T103]: `flags` must be a mapping, found an integer (dbt_project.yml:12:8)
        error[T103]: `models` must be a mapping, found a list (dbt_project.yml:7:9)
        error[T115]: `your-shop` requires dbt >=2.0.0; transform behaves as dbt 1.11.16 (dbt_project.yml:9:22)
    ");
    let (tree, problems) = run(&request(), &[("/p/x", "")]);
    assert!(tree.is_none());
    assert_eq!(shown(&problems), "error[T101]: there is no dbt_project.yml in /p");
}

#[test]
fn packages_are_found_checked_and_named() {
    let files = [
        ("/p/dbt_project.yml", "name: shop\nvars: {utils: {a: 1}}"),
        (
            "/p/packages.yml",
            "packages:\n  - local: ../shared\n  - package: dbt-labs/utils\n    version: 1.0.0\n  - git: https://x/y.git\n",
        ),
        ("/p/dbt_packages/utils/dbt_project.yml", "name: utils\nrequire-dbt-version: \"<1.0.0\"\nvars: {a: 2, b: 3}"),
        ("/p/dbt_packages/utils/macros/m.sql", ""),
        ("/p/dbt_packages/empty/readme.md", ""),
        ("/shared/dbt_project.yml", "name: shared\nmodel-paths: [src]\n"),
        ("/shared/packages.yml", "packages: [{local: ../deeper}]"),
        ("/shared/src/s.sql", ""),
        ("/deeper/dbt_project.yml", "name: deeper"),
    ];
    let (tree, problems) = run(&request(), &files);
    insta::assert_snapshot!(shown(&problems), @r#"
        warning[T110]: dbt_packages/empty is no package: it has no dbt_project.yml
        warning[T115]: `utils` requires dbt <1.0.0; transform behaves as dbt 1.11.16 (dbt_packages/utils/dbt_project.yml:2:22)
        error[T109]: dbt found 2 package(s) specified in packages.yml, but only 1 package(s) installed in dbt_packages. Run "dbt deps" to install package dependencies. (packages.yml:5:5)
    "#);
    let tree = tree.unwrap();
    let names: Vec<&str> = tree.packages.iter().map(|p| p.config.name.as_str()).collect();
    assert_eq!(names, ["deeper", "shared", "utils"]);
    assert_eq!(tree.packages[1].files[0].path, "src/s.sql");
    assert_eq!(tree.packages[1].files[0].file.path, "/shared/src/s.sql");
    assert_eq!(tree.packages[2].files[0].file.path, "dbt_packages/utils/macros/m.sql");
    assert_eq!(tree.vars.lookup("utils", "a"), Some(&Value::Int(1)));
    assert_eq!(tree.vars.lookup("utils", "b"), Some(&Value::Int(3)));
}

#[test]
fn selectors_flags_and_vars_files() {
    let (tree, problems) = run(
        &request(),
        &[
            ("/p/dbt_project.yml", "name: shop\nflags: {fail_fast: true}"),
            ("/p/vars.yml", "vars: {a: 1}"),
            ("/p/selectors.yml", "selectors: [{name: x, definition: a b}, {name: x, definition: 1}, {name: y}]"),
        ],
    );
    let tree = tree.unwrap();
    insta::assert_snapshot!(shown(&problems), @"
        error[T114]: `definition` of the selector `x` must be a string or a mapping, found an integer (selectors.yml:1:63)
        error[T114]: a selector has no `definition` (selectors.yml:1:67)
    ");
    assert_eq!(tree.selectors.len(), 1);
    assert_eq!(tree.flags["fail_fast"], Value::Bool(true));
    assert_eq!(tree.vars.lookup("shop", "a"), Some(&Value::Int(1)));
}

#[test]
fn files_that_are_not_utf8_are_named_with_the_place() {
    let files = MemoryFiles::new([
        ("/p/dbt_project.yml", b"name: shop".as_slice()),
        ("/p/models/bad.sql", b"select 1\n  , '\xe9'"),
        ("/p/models/good.sql", b"select 1"),
    ]);
    let (tree, problems) = load(&request(), &files, &env(), &TinyRenderer(env()));
    assert_eq!(
        shown(&problems),
        "error[T107]: models/bad.sql is not UTF-8: byte 14 cannot be decoded (models/bad.sql:2:6)"
    );
    assert_eq!(tree.unwrap().root.files.len(), 1);
}

#[test]
fn yaml_mistakes_have_a_place_and_a_way_out() {
    let problem = |text: &str| {
        let file = crate::diag::SourceFile::new("x.yml", text);
        match yaml::parse(&file) {
            Ok(parsed) => shown(&parsed.warnings),
            Err(d) => format!("{d}; {}", d.help.as_deref().unwrap_or_default()),
        }
    };
    let all: Vec<String> = [
        "a: {{ x }}",
        "a:\n\t- 1",
        "a: b: c",
        "a: *up\nb: &upp 1",
        "a: &x [*x]",
        "a: @x",
        "a: 'x",
        "a: \u{7}",
        "a: 1\nb: 2\na: 3",
        "a: 1\n---\nb: 2",
        "a: 2020-02-30",
        "[!, 1]",
    ]
    .into_iter()
    .map(problem)
    .collect();
    insta::assert_snapshot!(all.join("\n"), @r#"
        error[T102]: a key cannot be a mapping (x.yml:1:5); put the Jinja expression in quotes: "{{ ... }}"
        error[T102]: found a tab where YAML wants spaces (x.yml:2:1); indent with spaces
        error[T102]: mapping values are not allowed in this context (x.yml:1:5); put a value that contains `: ` in quotes, or check the indentation
        error[T102]: the alias `*up` has no anchor `&up` above it (x.yml:1:4); 
        error[T102]: the alias `*x` stands inside the value that it names (x.yml:1:8); 
        error[T102]: a plain value cannot start with `@` (x.yml:1:4); put the value in quotes
        error[T102]: this quote is never closed (x.yml:1:4); close it, or double a quote that belongs to the text
        error[T102]: the character U+0007 is not allowed in YAML (x.yml:1:4); 
        warning[T116]: the key `a` stands twice in one mapping; the last one counts (x.yml:3:1)
        error[T102]: a second document starts here; only one is allowed (x.yml:2:1); 
        error[T102]: `2020-02-30` is not a date that exists (x.yml:1:4); put the value in quotes if it is text
        error[T102]: x.yml cannot be read as YAML (x.yml:1:1); put values that start with `!` in quotes
    "#);
}

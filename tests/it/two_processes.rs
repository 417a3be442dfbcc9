//! Two processes on one database, and readers of what is published: really started, really killed.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::case_run::program;

/// Ends a process when the test does.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A query that nobody waits for.
const ENDLESS: &str = "select count(*) as n from range(100000000) a(x), range(100000000) b(y) where x + y = -1";

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

fn started(root: &Path, args: &[&str]) -> Command {
    let mut command = program(root);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn ended(root: &Path, args: &[&str]) -> Output {
    program(root).args(args).output().expect("the program")
}

fn invocation(root: &Path, artifact: &str) -> Option<String> {
    let text = std::fs::read_to_string(root.join("target").join(artifact)).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).expect("an artifact is whole");
    Some(json["metadata"]["invocation_id"].as_str().expect("an id").to_owned())
}

/// The value in the only row of a query, read by a process of its own.
fn value(root: &Path, target: &str, sql: &str) -> String {
    let args = ["show", "--quiet", "--target", target, "--output", "json", "--inline-direct", sql];
    let output = ended(root, &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    json["show"][0]["v"].to_string()
}

#[test]
fn the_second_run_waits_for_the_first_or_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    write(root, "dbt_project.yml", "name: two\nprofile: two\n");
    write(root, "profiles.yml", "two: {target: dev, outputs: {dev: {type: duckdb, path: two.duckdb, threads: 2}}}\n");
    write(root, "models/quick.sql", "{{ config(materialized='table') }} select 1 as v");
    write(root, "models/slow.sql", &format!("{{{{ config(materialized='table') }}}} {ENDLESS}"));
    let mut first = Held(started(root, &["run", "-s", "slow", "--lock-wait", "60"]).spawn().expect("the program"));
    let holder = format!("process {}", first.0.id());

    let patience = Instant::now();
    let refused = loop {
        let output = ended(root, &["run", "-s", "quick", "--no-use-colors", "--target-path", "elsewhere"]);
        if output.status.code() == Some(2) {
            break String::from_utf8_lossy(&output.stderr).into_owned();
        }
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(patience.elapsed() < Duration::from_secs(60), "the first run never held the database: {told}");
        // It gets in between two of these.
        std::thread::sleep(Duration::from_millis(500));
    };
    assert!(refused.contains(&holder) && refused.contains("--lock-wait"), "{refused}");

    // Checking needs the database only for what it does not know.
    let checked = ended(root, &["check", "--no-use-colors", "--target-path", "elsewhere"]);
    let words = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert_eq!(checked.status.code(), Some(0), "{words}");
    assert!(words.contains(&holder) && words.contains("Checked 2 nodes: 2 good"), "{words}");

    // The refused run leaves the artifacts of the one at work alone.
    let at_work = loop {
        match invocation(root, "manifest.json") {
            Some(id) => break id,
            None => assert!(patience.elapsed() < Duration::from_secs(60), "the first run has no manifest"),
        }
    };
    let given_up = ended(root, &["run", "-s", "quick", "--no-use-colors", "--lock-wait", "1"]);
    let words = String::from_utf8_lossy(&given_up.stderr).into_owned();
    assert_eq!(given_up.status.code(), Some(2), "{words}");
    assert_eq!(words.matches("Waiting up to 1 s for").count(), 1, "{words}");
    assert_eq!(invocation(root, "manifest.json"), Some(at_work.clone()));
    assert_eq!(invocation(root, "run_results.json"), None);

    let mut waiting = program(root);
    waiting.args(["run", "-s", "quick", "--no-use-colors"]).env("DBT_LOCK_WAIT", "120");
    let mut second = Held(waiting.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program"));
    let mut lines = BufReader::new(second.0.stderr.take().expect("a pipe"));
    let mut told = String::new();
    while !told.contains("Waiting up to 120 s for") {
        assert_ne!(lines.read_line(&mut told).expect("text"), 0, "{told}");
    }
    assert!(told.contains(&holder), "{told}");
    assert!(first.0.try_wait().expect("a state").is_none());
    first.0.kill().expect("killed");
    first.0.wait().expect("gone");
    lines.read_to_string(&mut told).expect("text");
    assert!(second.0.wait().expect("an end").success(), "{told}");
    let mine = invocation(root, "manifest.json");
    assert_eq!(mine, invocation(root, "run_results.json"));
    assert_ne!(mine, Some(at_work));
    assert_eq!(value(root, "dev", "select v from main.quick"), "1");
    assert_eq!(value(root, "dev", "select count(*) as v from duckdb_tables() where table_name like 'slow%'"), "0");
}

#[test]
fn runs_on_two_databases_say_that_they_share_a_target_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    write(root, "dbt_project.yml", "name: two\nprofile: two\n");
    let outputs = "{dev: {type: duckdb, path: dev.duckdb, threads: 2}, other: {type: duckdb, path: other.duckdb}}";
    write(root, "profiles.yml", &format!("two: {{target: dev, outputs: {outputs}}}\n"));
    write(root, "models/quick.sql", "{{ config(materialized='table') }} select 1 as v");
    write(root, "models/slow.sql", &format!("{{{{ config(materialized='table') }}}} {ENDLESS}"));
    let mut first = Held(started(root, &["run", "-s", "slow"]).spawn().expect("the program"));
    let patience = Instant::now();
    while invocation(root, "manifest.json").is_none() {
        assert!(patience.elapsed() < Duration::from_secs(60), "the first run has no manifest");
    }

    let run = |args: &[&str]| {
        let output = ended(root, &[&["run", "-s", "quick", "--no-use-colors", "-t", "other"], args].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, words) = run(&[]);
    assert_eq!(code, Some(0), "{words}");
    let holder = format!("process {} writes to", first.0.id());
    assert!(words.contains(&holder) && words.contains("--lock-wait"), "{words}");
    let (_, words) = run(&["--target-path", "elsewhere"]);
    assert!(!words.contains(&holder), "{words}");
    let (_, words) = run(&["--lock-wait", "1"]);
    assert!(words.contains("Waiting up to 1 s for process") && words.contains(&holder), "{words}");

    // What a killed run had begun to write is gone after the next one.
    first.0.kill().expect("killed");
    first.0.wait().expect("gone");
    write(root, "target/compiled/.tmp-begun", "half");
    let (code, words) = run(&[]);
    assert_eq!(code, Some(0), "{words}");
    assert!(!words.contains(&holder), "{words}");
    assert!(!root.join("target/compiled/.tmp-begun").exists());
}

#[test]
fn readers_keep_what_they_have_open_while_a_new_file_is_published() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let profile = "two:
  target: dev
  outputs:
    dev: {type: duckdb, path: two.duckdb, publish: {path: out/read.duckdb, schemas: [main, main_marts]}}
    app: {type: duckdb, path: out/read.duckdb, config_options: {access_mode: read_only}}
";
    write(root, "dbt_project.yml", "name: two\nprofile: two\n");
    write(root, "profiles.yml", profile);
    write(root, "models/base.sql", "{{ config(materialized='table') }} select {{ var('v') }} as v");
    write(root, "models/shown.sql", "{{ config(schema='marts') }} select v * 10 as v from {{ ref('base') }}");
    write(root, "models/apart.sql", "{{ config(schema='own') }} select 1 as v");
    let ran = |version: &str| {
        let output = ended(root, &["run", "--no-use-colors", "--vars", &format!("v: {version}")]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, words) = ran("1");
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("Published 2 relations of main, main_marts to out/read.duckdb"), "{words}");
    assert_eq!(value(root, "app", "select v from main_marts.shown"), "10");
    assert_eq!(value(root, "app", "select count(*) as v from duckdb_views() where not internal"), "0");
    assert_eq!(
        value(
            root,
            "app",
            "select count(*) as v from duckdb_schemas() where schema_name in ('_transform', 'main_own')"
        ),
        "0"
    );

    let sql = format!("{ENDLESS} and y <> (select max(v) from main_marts.shown)");
    let mut reader = Held(
        started(root, &["show", "--target", "app", "--lock-wait", "60", "--inline-direct", &sql])
            .spawn()
            .expect("a reader"),
    );
    let patience = Instant::now();
    // The database lists its readers' locks to whoever wants to write.
    let writer = ["show", "--target", "writer", "--inline-direct", "select 1"];
    write(root, "profiles.yml", &format!("{profile}    writer: {{type: duckdb, path: out/read.duckdb}}\n"));
    while ended(root, &writer).status.success() {
        assert!(patience.elapsed() < Duration::from_secs(60), "the reader never opened the file");
    }
    let (code, words) = ran("2");
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(value(root, "app", "select v from main_marts.shown"), "20");
    assert!(reader.0.try_wait().expect("a state").is_none(), "the reader goes on with what it has open");

    // A run that fails publishes nothing, and a file that was left half-written is no obstacle.
    write(root, "models/broken.sql", "select * from nowhere");
    assert_eq!(ran("3").0, Some(1));
    assert_eq!(value(root, "app", "select v from main_marts.shown"), "20");
    std::fs::remove_file(root.join("models/broken.sql")).expect("removed");
    write(root, "out/read.duckdb.new", "half of a file");
    assert_eq!(ran("4").0, Some(0));
    assert_eq!(value(root, "app", "select v from main_marts.shown"), "40");
    assert!(!root.join("out/read.duckdb.new").exists());
}

//! The plan and the run agree: over every materialization and strategy, on a first run, a second, a full refresh, with other
//! columns and with another kind of relation, `plan` says what `run` then does, and changes nothing itself, on every engine.
//!
//! What the run did is told by the statements in `target/run`, by the verdicts in `run_results.json` and by the catalog before
//! and after.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value as Json;
use transform::adapters::{self, Fetch};
use transform::base::{Dict, Value};

use crate::case_run::program;

/// The rows of a model, at first and later: one column is gone, one new, one of another type.
const FIRST: &str = "select 1 as id, 10::int as v, 'a' as gone, date '2024-01-01' as day";
const LATER: &str = "select 1 as id, 10::bigint as v, 'a' as new, date '2024-01-01' as day";
const WIDER: &str = "select 1 as id, 10::int as v, 'a' as gone, date '2024-01-01' as day, 'b' as new";

/// A model: name, config, query at first, query with other columns, materialization in the last phase.
type Model = (&'static str, &'static str, &'static str, &'static str, &'static str);

const MODELS: &[Model] = &[
    ("plain_table", "materialized='table'", FIRST, LATER, "view"),
    ("plain_view", "materialized='view'", FIRST, LATER, "table"),
    ("view_becomes_incremental", "materialized='view'", FIRST, FIRST, "incremental"),
    ("kind_append", "incremental_strategy='append'", FIRST, WIDER, "view"),
    ("kind_default", "unique_key='id'", FIRST, FIRST, "incremental"),
    ("kind_default_no_key", "on_schema_change='ignore'", FIRST, FIRST, "table"),
    (
        "kind_delete_insert",
        "incremental_strategy='delete+insert', unique_key=['id', 'day']",
        FIRST,
        LATER,
        "incremental",
    ),
    (
        "kind_predicate",
        "incremental_strategy='delete+insert', unique_key='id', incremental_predicates=['v > 0']",
        FIRST,
        WIDER,
        "incremental",
    ),
    ("kind_merge", "incremental_strategy='merge', unique_key='id'", FIRST, FIRST, "incremental"),
    ("kind_merge_no_key", "incremental_strategy='merge'", FIRST, FIRST, "view"),
    ("kind_merge_narrower", "incremental_strategy='merge', unique_key='id'", WIDER, FIRST, "incremental"),
    ("kind_merge_wider", "incremental_strategy='merge', unique_key='id'", FIRST, WIDER, "incremental"),
    (
        "kind_merge_sync",
        "incremental_strategy='merge', unique_key='id', on_schema_change='sync_all_columns'",
        FIRST,
        LATER,
        "incremental",
    ),
    ("kind_overwrite", "incremental_strategy='insert_overwrite', partition_by='day'", FIRST, WIDER, "incremental"),
    ("kind_own_strategy", "incremental_strategy='mine'", FIRST, FIRST, "incremental"),
    ("kind_unknown_strategy", "incremental_strategy='nowhere'", FIRST, FIRST, "incremental"),
    ("columns_ignored", "unique_key='id', on_schema_change='ignore'", FIRST, WIDER, "incremental"),
    ("columns_appended", "unique_key='id', on_schema_change='append_new_columns'", FIRST, LATER, "incremental"),
    ("columns_only_gone", "unique_key='id', on_schema_change='append_new_columns'", WIDER, FIRST, "incremental"),
    ("columns_synced", "unique_key='id', on_schema_change='sync_all_columns'", FIRST, LATER, "incremental"),
    ("columns_fail", "unique_key='id', on_schema_change='fail'", FIRST, LATER, "incremental"),
    ("columns_fail_same", "unique_key='id', on_schema_change='fail'", FIRST, FIRST, "incremental"),
    ("columns_rebuild", "unique_key='id', on_schema_change='full_refresh'", FIRST, LATER, "incremental"),
    ("columns_in_place", "unique_key='id', on_schema_change='full_refresh'", FIRST, WIDER, "incremental"),
    (
        "columns_never",
        "unique_key='id', on_schema_change='full_refresh', full_refresh=false",
        FIRST,
        LATER,
        "incremental",
    ),
    ("always_anew", "unique_key='id', full_refresh=true", FIRST, LATER, "incremental"),
    ("never_anew", "unique_key='id', full_refresh=false", FIRST, FIRST, "incremental"),
    (
        "reads_failing",
        "materialized='table'",
        "select * from {{ ref('columns_fail') }}",
        "select * from {{ ref('columns_fail') }}",
        "table",
    ),
    (
        "reads_appended",
        "unique_key='id', on_schema_change='sync_all_columns'",
        "select * from {{ ref('columns_appended') }}",
        "select * from {{ ref('columns_appended') }}",
        "incremental",
    ),
    (
        "reads_ignored",
        "unique_key='id', on_schema_change='fail'",
        "select * from {{ ref('columns_ignored') }}",
        "select * from {{ ref('columns_ignored') }}",
        "incremental",
    ),
    (
        "reads_ephemeral",
        "unique_key='id', on_schema_change='append_new_columns'",
        "select * from {{ ref('inlined') }}",
        "select * from {{ ref('inlined') }}",
        "incremental",
    ),
    ("inlined", "materialized='ephemeral'", FIRST, WIDER, "ephemeral"),
    (
        "by_year",
        "incremental_strategy='microbatch', event_time='day', begin='2023-01-01', batch_size='year'",
        FIRST,
        FIRST,
        "incremental",
    ),
    ("a_file", "materialized='external', location='out/a_file.csv'", FIRST, LATER, "external"),
    (
        "a_function",
        "materialized='table_function', parameters=['x']",
        "select x as id",
        "select x + 1 as id",
        "table_function",
    ),
    ("own_materialization", "materialized='mine'", FIRST, LATER, "mine"),
    ("no_materialization", "materialized='nowhere'", FIRST, FIRST, "nowhere"),
    (
        "contracted",
        "contract={'enforced': true}, unique_key='id', on_schema_change='append_new_columns'",
        "select 1 as id",
        "select 1 as id",
        "incremental",
    ),
];

const MACROS: &str = "
{% macro get_incremental_mine_sql(arg_dict) %}
    insert into {{ arg_dict['target_relation'] }} select * from {{ arg_dict['temp_relation'] }}
{% endmacro %}
{% materialization mine, default %}
    {% call statement('main') %} create or replace table {{ this }} as {{ sql }} {% endcall %}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}
";

const SNAPSHOTS: &str = "
snapshots:
  - {name: by_time, relation: ref('plain_table'), config: {strategy: timestamp, unique_key: id, updated_at: day}}
  - {name: by_check, relation: ref('plain_table'), config: {strategy: check, unique_key: id, check_cols: all, hard_deletes: invalidate}}
  - {name: by_check_fail, relation: ref('plain_table'), config: {strategy: check, unique_key: id, check_cols: [id], on_schema_change: fail}}
  - {name: by_check_sync, relation: ref('plain_table'), config: {strategy: check, unique_key: id, check_cols: [id], on_schema_change: sync_all_columns}}
models:
  - name: plain_table
    columns: [{name: id, data_tests: [not_null, {unique: {config: {store_failures: true}}}]}]
  - name: contracted
    columns: [{name: id, data_type: integer}]
unit_tests:
  - {name: one, model: plain_view, given: [], expect: {rows: [{id: 1}]}}
";

fn write(root: &Path, path: &str, text: &str) {
    let target = root.join(path);
    std::fs::create_dir_all(target.parent().unwrap_or(root)).expect("a folder can be made");
    std::fs::write(target, text).expect("a file can be written");
}

/// An engine, and what it does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    DuckDb,
    #[cfg(feature = "datafusion")]
    Lake,
}

impl Engine {
    fn place(self) -> &'static str {
        match self {
            Self::DuckDb => "shop.duckdb",
            #[cfg(feature = "datafusion")]
            Self::Lake => "shop.lake",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::DuckDb => "duckdb",
            #[cfg(feature = "datafusion")]
            Self::Lake => "datafusion",
        }
    }

    /// Models of materializations that are DuckDB's own.
    fn lacks(self, model: &str) -> bool {
        self != Self::DuckDb && ["a_file", "a_function"].contains(&model)
    }

    fn command(self, root: &Path) -> std::process::Command {
        let mut command = program(root);
        if self != Self::DuckDb {
            command.env("DBT_TARGET", "lake");
        }
        command
    }

    /// Every file of the database, with its content.
    fn files(self, root: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
        let files = walkdir::WalkDir::new(root.join(self.place())).into_iter().filter_map(Result::ok);
        let files = files.filter(|e| e.path().is_file()).map(walkdir::DirEntry::into_path);
        files.map(|path| (path.clone(), std::fs::read(path).expect("files of the database can be read"))).collect()
    }
}

/// Writes the project as it is in a phase.
fn project(root: &Path, engine: Engine, changed: bool, last: bool) {
    write(root, "dbt_project.yml", "name: shop\nprofile: shop\non-run-start: ['select 1']\n");
    write(root, "macros/m.sql", MACROS);
    write(root, "models/all.yml", SNAPSHOTS);
    write(root, "seeds/steady.csv", "id,name\n1,a\n2,b\n");
    write(root, "seeds/growing.csv", if changed { "id,name,more\n1,a,x\n" } else { "id,name\n1,a\n" });
    for (name, config, first, later, kind) in MODELS.iter().filter(|(name, ..)| !engine.lacks(name)) {
        let materialized = if config.contains("materialized=") { "" } else { "materialized='incremental', " };
        let config = if last && !config.contains("microbatch") {
            let rest = config.split(", ").filter(|part| !part.starts_with("materialized="));
            let rest: Vec<&str> = rest.collect();
            let rest = if rest.is_empty() { String::new() } else { format!(", {}", rest.join(", ")) };
            format!("materialized='{kind}'{rest}")
        } else {
            format!("{materialized}{config}")
        };
        let query = if changed { later } else { first };
        write(root, &format!("models/{name}.sql"), &format!("{{{{ config({config}) }}}}\n{query}\n"));
    }
}

type Columns = BTreeMap<String, String>;

/// Kind and columns of every relation.
fn catalog(root: &Path, engine: Engine) -> BTreeMap<String, (String, Columns)> {
    let options: Dict = [("type", engine.name()), ("path", engine.place()), ("database", "shop")]
        .map(|(key, value)| (key.to_owned(), Value::from(value)))
        .into_iter()
        .collect();
    if !root.join(engine.place()).exists() {
        return BTreeMap::new();
    }
    let adapter = adapters::open(&options, root).expect("the database is there");
    let mut connection = adapter.connect().expect("nobody else holds the database");
    let sql = "select c.table_name, case when t.table_type = 'VIEW' then 'view' else 'table' end, c.column_name, c.data_type \
               from information_schema.columns as c join information_schema.tables as t \
               on t.table_name = c.table_name and t.table_schema = c.table_schema where c.table_schema = 'main'";
    let rows = connection.execute(sql, Fetch::All).expect("the catalog can be asked").table.rows;
    let mut found: BTreeMap<String, (String, Columns)> = BTreeMap::new();
    for row in rows {
        let [name, kind, column, data_type] = [0, 1, 2, 3].map(|i: usize| row[i].to_string());
        found.entry(name).or_insert_with(|| (kind, Columns::new())).1.insert(column, data_type);
    }
    found
}

fn json(text: &[u8]) -> Json {
    serde_json::from_slice(text).expect("it is JSON")
}

/// What the run did, in the plan's words, told from its statements.
fn observed(root: &Path, id: &str, status: &str, existed: bool, batches: usize) -> String {
    let name = id.split('.').nth(2).unwrap_or_default();
    match status {
        "error" => return "fail".into(),
        "skipped" => return "skip_upstream_failed".into(),
        _ => {}
    }
    if batches > 0 {
        return format!("microbatch {batches}");
    }
    if id.starts_with("test.") {
        return "test".into();
    }
    if id.starts_with("unit_test.") {
        return "unit_test".into();
    }
    if id.starts_with("operation.") {
        return "hook".into();
    }
    let found = walkdir::WalkDir::new(root.join("target/run")).into_iter().filter_map(Result::ok).find(|e| {
        let stem = e.path().file_stem().map(|s| s.to_string_lossy().into_owned());
        e.path().is_file() && stem.as_deref() == Some(name)
    });
    let sql = found.map(|e| std::fs::read_to_string(e.path()).expect("statements are text")).unwrap_or_default();
    let sql = sql.to_lowercase();
    let has = |part: &str| sql.contains(part);
    let either = |created: &str, replaced: &str| if existed { replaced.to_owned() } else { created.to_owned() };
    if id.starts_with("seed.") {
        return if has("truncate") { "reload_seed".into() } else { either("create_seed", "replace_seed") };
    }
    if id.starts_with("snapshot.") {
        return if has("create table") || has("create or replace table") {
            "create_snapshot".into()
        } else {
            "update_snapshot".into()
        };
    }
    match () {
        () if name == "own_materialization" => "custom".into(),
        () if has("create or replace function") => "table_function".into(),
        () if has("read_csv") => "external".into(),
        // A lake deletes by merging keys.
        () if has("merge into") && has("dbt_key_1") => "delete_insert".into(),
        () if has("merge into") => "merge".into(),
        () if has("delete from") && name == "kind_overwrite" => "insert_overwrite".into(),
        () if has("delete from") && has("select distinct {") => "insert_overwrite".into(),
        () if has("delete from") => "delete_insert".into(),
        () if has("create view") || has("create or replace view") => either("create_view", "replace_view"),
        () if has("create table") || has("create or replace table") => either("create_table", "replace_table"),
        () if has("insert into") && name == "kind_own_strategy" => "custom_strategy".into(),
        () if has("insert into") => "append".into(),
        () => format!("unknown: {sql}"),
    }
}

/// What the plan says, in the words of [`observed`].
fn planned(step: &Json) -> String {
    let action = step["action"].as_str().unwrap_or_default();
    let details = &step["details"];
    let no_keys = details["unique_key"].as_array().is_some_and(Vec::is_empty);
    match action {
        "microbatch" => format!("microbatch {}", details["batches"].as_array().map_or(0, Vec::len)),
        // Without keys nothing is deleted.
        "delete_insert" if no_keys => "append".into(),
        other => other.to_owned(),
    }
}

/// The columns that the plan says a table gets and loses.
fn announced(step: &Json) -> (BTreeSet<String>, BTreeSet<String>, BTreeSet<String>) {
    let change = &step["details"]["schema_change"];
    let altered = change["outcome"] == "altered";
    let mode = change["on_schema_change"].as_str().unwrap_or_default();
    let names = |key: &str| -> BTreeSet<String> {
        let list = change[key].as_array().filter(|_| altered);
        list.into_iter().flatten().filter_map(|c| c["name"].as_str().map(str::to_owned)).collect()
    };
    if mode == "append_new_columns" {
        return (names("added"), BTreeSet::new(), BTreeSet::new());
    }
    (names("added"), names("removed"), names("retyped"))
}

struct Phase {
    name: &'static str,
    changed: bool,
    last: bool,
    flags: &'static [&'static str],
}

const PHASES: &[Phase] = &[
    Phase { name: "first run", changed: false, last: false, flags: &[] },
    Phase { name: "second run", changed: false, last: false, flags: &[] },
    Phase { name: "full refresh", changed: false, last: false, flags: &["--full-refresh"] },
    Phase { name: "other columns", changed: true, last: false, flags: &[] },
    Phase { name: "other kinds", changed: false, last: true, flags: &[] },
];

#[test]
fn a_plan_says_what_the_run_does() {
    let all = "append create_seed create_snapshot create_table create_view custom custom_strategy delete_insert external fail \
               hook insert_overwrite merge microbatch reload_seed replace_seed replace_table replace_view skip \
               skip_upstream_failed table_function test unit_test update_snapshot";
    assert_eq!(compared(Engine::DuckDb), all, "every action is provoked");
}

#[test]
#[cfg(feature = "datafusion")]
fn a_plan_says_what_the_run_does_on_the_lake() {
    let all = "append create_seed create_snapshot create_table create_view custom custom_strategy delete_insert fail \
               hook insert_overwrite merge microbatch reload_seed replace_seed replace_table replace_view skip \
               skip_upstream_failed test unit_test update_snapshot";
    assert_eq!(compared(Engine::Lake), all, "every action is provoked");
}

/// Plans and runs, phase by phase. The actions that occurred, by name.
fn compared(engine: Engine) -> String {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let root = folder.path();
    std::fs::create_dir_all(root.join("out")).expect("a folder can be made");
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for phase in PHASES {
        project(root, engine, phase.changed, phase.last);
        let _ = std::fs::remove_dir_all(root.join("target"));
        let before_bytes = engine.files(root);
        let output = engine.command(root).args(["plan", "--quiet", "--output", "json"]).args(phase.flags).output();
        let output = output.expect("the program starts");
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}: {talk}", phase.name);
        let plan = json(&output.stdout);
        assert!(engine.files(root) == before_bytes, "{}: planning has changed the database", phase.name);
        assert!(!root.join("target/run_results.json").exists(), "a plan leaves no results");

        let before = catalog(root, engine);
        let output = engine.command(root).args(["build", "--quiet"]).args(phase.flags).output();
        let output = output.expect("the program starts");
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}: {talk}", phase.name);
        let after = catalog(root, engine);

        let results = json(&std::fs::read(root.join("target/run_results.json")).expect("results are written"));
        let results: BTreeMap<&str, &Json> = results["results"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|r| Some((r["unique_id"].as_str()?, r)))
            .collect();
        for step in plan["steps"].as_array().into_iter().flatten() {
            let id = step["unique_id"].as_str().unwrap_or_default();
            let said = planned(step);
            seen.insert(step["action"].as_str().unwrap_or_default().to_owned());
            let Some(result) = results.get(id) else {
                if said != "skip" {
                    wrong.push(format!("{}: {id}: the plan says {said}, the run does nothing", phase.name));
                }
                continue;
            };
            let name = id.split('.').nth(2).unwrap_or_default();
            let batches = &result["batch_results"];
            let batches = ["successful", "failed"].map(|key| batches[key].as_array().map_or(0, Vec::len)).iter().sum();
            let status = result["status"].as_str().unwrap_or_default();
            let did = observed(root, id, status, before.contains_key(name), batches);
            if said != did {
                let message = result["message"].as_str().unwrap_or_default();
                let why = step["reason"].as_str().unwrap_or_default();
                wrong.push(format!("{}: {id}: the plan says {said} ({why}), the run did {did}: {message}", phase.name));
                continue;
            }
            let in_place =
                ["append", "delete_insert", "merge", "insert_overwrite", "custom_strategy", "update_snapshot"];
            if let (Some((_, old)), Some((_, new))) = (before.get(name), after.get(name))
                && in_place.contains(&step["action"].as_str().unwrap_or_default())
            {
                let (gets, loses, retypes) = announced(step);
                let got = new.keys().filter(|c| !old.contains_key(*c)).cloned().collect::<BTreeSet<_>>();
                let lost = old.keys().filter(|c| !new.contains_key(*c)).cloned().collect::<BTreeSet<_>>();
                let retyped = old.iter().filter(|(c, t)| new.get(*c).is_some_and(|n| n != *t)).map(|(c, _)| c.clone());
                let retyped = retyped.collect::<BTreeSet<_>>();
                if (&gets, &loses, &retypes) != (&got, &lost, &retyped) {
                    let said = format!("adds {gets:?}, drops {loses:?}, retypes {retypes:?}");
                    wrong.push(format!("{}: {id}: the plan {said}; it was {got:?}, {lost:?}, {retyped:?}", phase.name));
                }
            }
        }
        let steps: BTreeSet<&str> =
            plan["steps"].as_array().into_iter().flatten().filter_map(|s| s["unique_id"].as_str()).collect();
        wrong.extend(
            results.keys().filter(|id| !steps.contains(*id)).map(|id| format!("{}: no step for {id}", phase.name)),
        );
    }
    assert!(wrong.is_empty(), "the plan and the run disagree:\n{}", wrong.join("\n"));
    seen.into_iter().collect::<Vec<_>>().join(" ")
}

//! Renders of small templates through the real engine, with doors that note what is asked of them.

mod doors;

use std::sync::Arc;

use crate::base::{Dict, RelationKind, Value};
use crate::diag::{Diagnostic, SourceFile, codes};
use crate::files::Env;
use crate::jinja::{Engine, MacroEntry, Registry, TemplateSource, extract};
use crate::node::{Config, ResourceType};

use super::host::AdapterFacts;
use super::*;
use doors::{Doors, relation};

const BUILT_IN: &str = "
{% macro statement(name=None, fetch_result=False, auto_begin=True) %}{% if execute %}{% set sql = caller() %}
{%- set answer = adapter.execute(sql, auto_begin=auto_begin, fetch=fetch_result) -%}
{%- if name is not none %}{{ store_result(name, response=answer[0], agate_table=answer[1]) }}{% endif %}{% endif %}{% endmacro %}
{% macro run_query(sql) %}{% call statement('run_query_statement', fetch_result=true) %}{{ sql }}{% endcall %}
{% do return(load_result('run_query_statement').table) %}{% endmacro %}
{% macro drop_relation(relation) %}{% call statement('drop') %}drop {{ relation.type }} {{ relation }}{% endcall %}{% endmacro %}
{% macro create_schema(relation) %}{% call statement('create_schema') %}create schema {{ relation }}{% endcall %}{% endmacro %}
{% macro rename_relation(from_relation, to_relation) %}{% call statement('rename') %}rename {{ from_relation }} {{ to_relation }}{% endcall %}{% endmacro %}
{% macro get_columns_in_relation(relation) %}{{ return(adapter.dispatch('get_columns_in_relation', 'dbt')(relation)) }}{% endmacro %}
{% macro default__get_columns_in_relation(relation) %}{{ return([]) }}{% endmacro %}
{% macro hello() %}{{ return(adapter.dispatch('hello')()) }}{% endmacro %}
{% macro default__hello() %}default{% endmacro %}
{% macro duckdb__hello() %}duck{% endmacro %}
{% macro get_incremental_append_sql(arg) %}insert{% endmacro %}
{% materialization simple, default %}{% call statement('main') %}create {{ this }} as {{ sql }}{% endcall %}
{{ return({'relations': [this.incorporate(type='table')]}) }}{% endmaterialization %}
{% materialization silent, default %}nothing{% endmaterialization %}
";

fn engine(own: &str) -> Engine {
    let entries = [("dbt", BUILT_IN), ("shop", own)].into_iter().flat_map(|(package, text)| {
        let file = SourceFile::new(format!("{package}.sql"), text);
        let (definitions, problems) = extract(&file);
        assert!(problems.is_empty(), "{problems:?}");
        definitions.into_iter().map(move |definition| MacroEntry::new(package, definition))
    });
    let internal = vec!["dbt_duckdb".to_owned(), "dbt".to_owned()];
    let (registry, problems) = Registry::new("shop", internal, Vec::new(), entries);
    assert!(problems.is_empty(), "{problems:?}");
    Engine::new(registry)
}

fn shared(doors: &Arc<Doors>) -> Arc<SharedContext> {
    let env = Env::fixed("/", [("HOST", "db.local"), ("DBT_ENV_SECRET_KEY", "hush")]);
    let facts = AdapterFacts::new(("duckdb", &["duckdb"]), vec!["dbt_duckdb".into(), "dbt".into()], "dev", "main");
    let mut shared = SharedContext::new("shop", facts, Arc::new(env), doors.clone(), doors.clone());
    shared.target = [("name".to_owned(), Value::from("prod"))].into_iter().collect();
    shared.flags = [("FULL_REFRESH".to_owned(), Value::Bool(true))].into_iter().collect();
    Arc::new(shared)
}

fn facts() -> NodeFacts {
    let pairs = [
        ("materialized", Value::from("simple")),
        ("meta", Value::Map([("owner".to_owned(), "me".into())].into_iter().collect())),
        ("pre-hook", Value::from(vec!["select 1"])),
    ];
    NodeFacts {
        id: Some("model.shop.daily".into()),
        name: "daily".into(),
        package: "shop".into(),
        resource_type: Some(ResourceType::Model),
        relation: Some(relation("daily")),
        config: Config(pairs.map(|(k, v)| (k.to_owned(), v)).into_iter().collect()),
        model_entries: [("name".to_owned(), Value::from("daily"))].into_iter().collect(),
        compiled: Some("select 1".into()),
        ..NodeFacts::default()
    }
}

fn running(doors: &Arc<Doors>) -> ScopeBuilder {
    NodeScope::run_facts(&shared(doors), facts(), doors.clone()).database(doors.clone())
}

fn shows(engine: &Engine, text: &str, scope: &Arc<NodeScope>) -> Result<String, Diagnostic> {
    render(engine, &TemplateSource::inline("model.sql", text), scope).map(|rendered| rendered.text)
}

/// Renders each template while running and compares.
fn check(cases: &[(&str, &str)]) {
    let (doors, engine) = (Arc::new(Doors::default()), engine(""));
    for (text, expected) in cases {
        let rendered = shows(&engine, text, &running(&doors).build());
        assert_eq!(rendered.as_deref().map_err(|d| d.to_string()), Ok(*expected), "{text}");
    }
}

#[test]
fn parsing_records_and_resolves_nothing() {
    let (doors, capture) = (Arc::new(Doors::default()), Arc::new(Capture::new()));
    let scope = NodeScope::parse(&shared(&doors), facts(), &capture).build();
    let engine = engine("{% macro mine() %}{{ inner() }}{% endmacro %}{% macro inner() %}x{% endmacro %}");
    let text = "{{ config(materialized='table', tags=['a'], pre_hook='select 1') }}{{ config({'tags': 'b'}) }}\
                {{ ref('a') }} {{ ref('pkg', 'b', v=2) }} {{ source('s', 't') }} {{ mine() }} {{ var('nope') }} {{ var('n') }} \
                {{ env_var('HOST') }} {{ env_var('NO', 'dflt') }} {{ config.get('materialized') }}|\
                {{ adapter.get_relation('a', 'b', 'c') }} {{ adapter.get_columns_in_relation(this) }} {{ unknown.thing() }}\
                {{ api.Relation(path={'identifier': 'x'}) }} {{ builtins.ref('c').name }} {{ api.Column('a', 'int').name }}";
    let own = r#""dev"."main"."daily""#;
    let expected = format!("{own} {own} {own} x None 3 db.local dflt |None [] \"x\" daily a");
    assert_eq!(shows(&engine, text, &scope).unwrap(), expected);
    let seen = capture.take();
    let refs: Vec<_> = seen.refs.iter().map(|r| (r.package.as_deref(), r.name.as_str(), r.version.clone())).collect();
    assert_eq!(refs, [(None, "a", Value::Null), (Some("pkg"), "b", Value::Int(2)), (None, "c", Value::Null)]);
    assert_eq!(seen.sources, [("s".to_owned(), "t".to_owned())]);
    assert_eq!(seen.config["tags"], Value::from(vec!["a", "b"]));
    assert_eq!(seen.config.keys().collect::<Vec<_>>(), ["materialized", "tags", "pre-hook"]);
    assert_eq!(seen.macros.iter().collect::<Vec<_>>(), ["macro.shop.mine"]);
    assert_eq!(seen.env_vars["HOST"].as_deref(), Some("db.local"));
    assert_eq!(seen.env_vars["NO"], None);
    assert!(seen.vars.contains("nope") && seen.introspective);
}

#[test]
fn references_while_running() {
    check(&[
        ("{{ ref('a') }}", r#""dev"."main"."a""#),
        ("{{ ref('pkg', 'a', version=2) }}", r#""dev"."pkg"."a_v2""#),
        ("{{ ref('inlined') }}", "__dbt__cte__inlined"),
        ("{{ ref('sampled') }}", r#"(select * from "dev"."main"."sampled" where false limit 0)"#),
        ("{{ source('raw', 't') }}", "read_parquet('raw/t.parquet')"),
        ("{{ source('raw', 't').identifier }}", "t"),
        ("{{ function('f') }}", r#""dev"."main"."f""#),
        ("{{ metric('m') }} {{ metric('m').label }}", "m M"),
        ("{{ builtins.ref('a').include(database=false) }}", r#""main"."a""#),
        ("{{ this }} {{ this.name }} {{ schema }} {{ database }}", r#""dev"."main"."daily" daily main dev"#),
        ("{{ execute }} {{ target.name }} {{ env.name }} {{ flags.FULL_REFRESH }}", "True prod prod True"),
        ("{{ graph }} {{ model.name }} {{ sql }} {{ pre_hooks[0].sql }}", "{} daily select 1 select 1"),
    ]);
}

#[test]
fn relations_in_templates() {
    check(&[
        ("{{ api.Relation.create(database='d', schema='s', identifier='t', type='view').type }}", "view"),
        ("{{ api.Relation.create(schema='s', identifier='t') }}", r#""s"."t""#),
        ("{{ this.incorporate(path={'identifier': 'x'}, type='view').is_view }}", "True"),
        ("{{ this.incorporate(path={'identifier': 'x'}) }}", r#""dev"."main"."x""#),
        ("{{ this.quote(identifier=false) }}", r#""dev"."main".daily"#),
        ("{{ this.without_identifier() }}", r#""dev"."main""#),
        ("{{ this.information_schema('tables') }}", r#""dev".INFORMATION_SCHEMA.tables"#),
        ("{{ this.replace_path(schema='o') == this }} {{ this.include() == this }}", "False True"),
        ("{{ this is mapping and this.get('metadata', {}).get('type').endswith('Relation') }}", "True"),
        ("{{ this.matches(schema='main') }} {{ api.Relation.Table }} {{ this.path.schema }}", "True table main"),
        ("{{ {this: 1}[this.include()] }}", "1"),
        ("{{ 'yes' if this }}", "yes"),
        ("{% set q = adapter.quote %}{{ q('a') }}", "\"a\""),
        ("{{ api.Column.create('c', 'string').dtype }}", "TEXT"),
        (
            "{{ api.Column('c', 'varchar', 10).data_type }} {{ column.numeric_type('numeric', 10, 2) }}",
            "character varying(10) numeric(10,2)",
        ),
    ]);
}

#[test]
fn config_and_variables_while_running() {
    check(&[
        ("{{ config(materialized='x') }}{{ config.get('materialized') }}", "simple"),
        ("{{ config.get('nope', 'dflt') }} {{ config.get('nope') }} {{ config.meta_get('owner') }}", "dflt None me"),
        ("{{ config.require('materialized') }} {{ config.persist_relation_docs() }}", "simple False"),
        ("{% do config.get('meta').update({'x': 1}) %}{{ config.get('meta').x }}", "1"),
        ("{{ var('colour') }} {{ var('who') }} {{ var('n') + 1 }} {{ var('nope', none) }}", "red prod 4 None"),
        ("{{ var.has_var('colour') }} {{ var.has_var('nope') }}", "True False"),
        ("{{ try_or_compiler_error('msg', adapter.type) }}", "duckdb"),
        ("{{ diff_of_two_dicts({'a': ['x', 'Y'], 'B': ['z']}, {'A': ['y']}) }}", "{'a': ['x'], 'B': ['z']}"),
        ("{{ render('{{ this.name }}!') }}", "daily!"),
    ]);
}

#[test]
fn errors_leave_the_render_as_they_came() {
    let (doors, engine) = (Arc::new(Doors::default()), engine(""));
    let cases = [
        ("{{ ref('gone') }}", codes::REF_NOT_FOUND, "no such model"),
        ("{{ ref() }}", codes::MACRO_ARGUMENTS, "ref() takes at most two arguments (0 given)"),
        ("{{ ref(1) }}", codes::MACRO_ARGUMENTS, "must be a string, got int"),
        ("{{ source('a') }}", codes::MACRO_ARGUMENTS, "source() takes exactly two arguments (1 given)"),
        (
            "{{ var('nope') }}",
            codes::VAR_MISSING,
            "Required var 'nope' not found in config:\nVars supplied to daily = {\n    \"colour\": \"red\",",
        ),
        ("{{ env_var('NOPE') }}", codes::ENV_VAR_MISSING, "Env var required but not provided: 'NOPE'"),
        ("{{ env_var('DBT_ENV_SECRET_KEY') }}", codes::ENV_VAR_MISSING, "allowed only in profiles.yml"),
        ("{{ exceptions.raise_compiler_error('no good') }}", codes::COMPILER_ERROR, "no good"),
        ("{% do exceptions.warn('fatal') %}", codes::MACRO_WARNING, "fatal"),
        ("{{ exceptions.relation_wrong_type(this, 'table') }}", codes::COMPILER_ERROR, "Trying to create table"),
        ("{{ config.require('nope') }}", codes::CONFIG_INVALID, "does not define a required config parameter 'nope'"),
        ("{{ adapter.dispatch('nope', 'dbt') }}", codes::DISPATCH_FAILED, "No macro named 'nope' found"),
        ("{{ adapter.drop_relation(this) }}", codes::COMPILER_ERROR, "its type is null"),
        ("{{ adapter.get_missing_columns(1, this) }}", codes::MACRO_ARGUMENTS, "to be a Relation"),
        ("{{ adapter.get_relatio() }}", codes::JINJA_RUNTIME, "no method named 'get_relatio'"),
        ("{{ run_query('select boom') }}", codes::DATABASE_ERROR, "Catalog Error: boom"),
        (
            "{{ adapter.get_incremental_strategy_macro(context, 'nope') }}",
            codes::INCREMENTAL_STRATEGY,
            "could not find an incremental strategy macro",
        ),
        ("{{ load_agate_table() }}", codes::COMPILER_ERROR, "can only load_agate_table for seeds (got a model)"),
        ("{{ this.incorporate(path={'schema': 1}) }}", codes::COMPILER_ERROR, "Got an invalid path schema: 1"),
    ];
    for (text, code, part) in cases {
        let error = shows(&engine, text, &running(&doors).build()).unwrap_err();
        assert_eq!(error.code, code, "{text}: {error}");
        assert!(error.message.contains(part), "{text}: {error}");
        assert!(error.span.is_some(), "{text}");
    }
    let error = shows(&engine, "{{ run_query('select boom') }}", &running(&doors).build()).unwrap_err();
    assert!(
        error.notes.iter().any(|note| note == "from the engine") && error.node.as_deref() == Some("model.shop.daily")
    );
}

#[test]
fn statements_store_results() {
    let (doors, engine) = (Arc::new(Doors::default()), engine(""));
    let scope = running(&doors).build();
    let text = "{% call statement('main', fetch_result=true) %}select 1{% endcall %}\
                {% set r = load_result('main') %}{{ r.response }} {{ r.response.rows_affected }} {{ r['data'][1][1] }} \
                {{ load_result('main') is none }} {{ load_result('other') is none }}";
    assert_eq!(shows(&engine, text, &scope).unwrap(), "OK 2 b False True");
    assert_eq!(doors.said(), ["execute: select 1"]);
    assert_eq!(scope.response("main").unwrap().rows_affected, Some(2));
    assert_eq!(scope.result_table("main").unwrap().rows.len(), 2);
    let twice = "{% call statement('x') %}y{% endcall %}{% do load_result('x') %}{% do load_result('x') %}";
    let error = shows(&engine, twice, &scope).unwrap_err();
    assert!(error.message.contains("has already been loaded"), "{error}");
}

#[test]
fn adapter_methods_reach_the_database_and_the_macros() {
    let (doors, engine) = (Arc::new(Doors::default()), engine(""));
    let scope = running(&doors).build();
    let show = |text: &str| shows(&engine, text, &scope).unwrap();
    assert_eq!(show("{{ adapter.get_relation('DEV', 'main', 'ORDERS').type }}"), "view");
    assert_eq!(show("{{ adapter.get_relation('dev', 'main', 'x') is none }}"), "True");
    let missing = "{% for c in adapter.get_missing_columns(ref('orders'), this) %}{{ c.name }}{% endfor %}";
    assert_eq!(show(missing), "note");
    assert_eq!(show("{{ adapter.get_column_schema_from_query('q')[0].name }}"), "s.a");
    assert_eq!(show("{{ adapter.check_schema_exists('dev', 'main') }} {{ hello() }}"), "True duck");
    assert_eq!(show("{{ adapter.get_incremental_strategy_macro(context, 'append')({}) }}"), "insert");
    assert_eq!(show("{{ adapter.get_hard_deletes_behavior(config) }}"), "ignore");
    assert_eq!(
        show(
            "{{ adapter.render_raw_columns_constraints({'a': {'name': 'a', 'data_type': 'int', 'constraints': [{'type': 'not_null'}]}}) }}"
        ),
        "['a int not null']"
    );
    assert_eq!(show("{{ adapter.standardize_grants_dict(run_query('g')) }}"), "{'a': [1], 'b': [2]}");
    doors.said();
    let changes = "{% set old = this.incorporate(type='table') %}{% do adapter.drop_relation(old) %}\
                   {% do adapter.rename_relation(old, ref('b')) %}{% do adapter.create_schema(this) %}{% do adapter.cache_added(old) %}";
    assert_eq!(show(changes), "");
    let expected = [
        "dropped dev.main.daily",
        r#"execute: drop table "dev"."main"."daily""#,
        "renamed dev.main.daily dev.main.b",
        r#"execute: rename "dev"."main"."daily" "dev"."main"."b""#,
        r#"execute: create schema "dev"."main""#,
        "commit",
        "schema main",
        "added dev.main.daily table",
    ];
    assert_eq!(doors.said(), expected);
}

#[test]
fn a_project_can_replace_how_columns_are_found() {
    let own = "{% macro default__get_columns_in_relation(relation) %}{{ return([api.Column.create('own', 'int')]) }}{% endmacro %}";
    let (doors, engine) = (Arc::new(Doors::default()), engine(own));
    let text = "{{ adapter.get_columns_in_relation(this)[0].name }}";
    assert_eq!(shows(&engine, text, &running(&doors).build()).unwrap(), "own");
    let other = self::engine("{% macro get_columns_in_relation(relation) %}{{ return('a text') }}{% endmacro %}");
    let text = "{{ adapter.get_columns_in_relation(this) }}";
    assert_eq!(shows(&other, text, &running(&doors).build()).unwrap(), "a text");
}

#[test]
fn unit_tests_override() {
    let own = "{% macro is_incremental() %}{{ return(false) }}{% endmacro %}";
    let (doors, engine) = (Arc::new(Doors::default()), engine(own));
    let dict = |pairs: &[(&str, Value)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect::<Dict>();
    let overrides = Overrides {
        vars: dict(&[("colour", "blue".into())]),
        env_vars: dict(&[("HOST", "test".into())]),
        macros: dict(&[("is_incremental", true.into()), ("dbt.hello", "hi".into()), ("invocation_id", "i".into())]),
        this: Some("__dbt__cte__daily".into()),
    };
    let scope = running(&doors).overrides(overrides).build();
    let text =
        "{{ is_incremental() }} {{ hello() }} {{ invocation_id }} {{ var('colour') }} {{ env_var('HOST') }} {{ this }}";
    assert_eq!(shows(&engine, text, &scope).unwrap(), "True hi i blue test __dbt__cte__daily");
}

#[test]
fn smaller_surfaces() {
    let (doors, engine) = (Arc::new(Doors::default()), engine(""));
    let shared = shared(&doors);
    let secret = NodeScope::secret(&shared).build();
    let text = shows(
        &engine,
        "{{ env_var('DBT_ENV_SECRET_KEY') }}{{ target is defined }}{% do print(env_var('DBT_ENV_SECRET_KEY')) %}",
        &secret,
    )
    .unwrap();
    assert_eq!(reveal_secrets(&text, &shared.env), "hushFalse");
    assert_eq!(doors.said(), ["print: *****"]);
    let yaml = NodeScope::yaml(&shared, "shop", None).build();
    assert_eq!(
        shows(&engine, "{{ var('who') }}{{ ref is defined }}{{ target.name }}", &yaml).unwrap(),
        "{{ target.name }}Falseprod"
    );
    let docs = NodeScope::docs(&shared, facts(), doors.clone()).build();
    assert_eq!(
        shows(&engine, "{{ doc('orders') }} {{ doc('p', 'orders') }}", &docs).unwrap(),
        "orders text porders text"
    );
    assert_eq!(shows(&engine, "{{ doc('no') }}", &docs).unwrap_err().code, codes::DOC_NOT_FOUND);
}

#[test]
fn macros_called_from_rust() {
    let own = "{% macro pair(a, rel) %}{{ return({'a': a, 'rel': rel.name, 'hooks': results[0].to_dict(), 'status': results[0].status}) }}{% endmacro %}";
    let (doors, engine) = (Arc::new(Doors::default()), engine(own));
    let result = [("status".to_owned(), Value::from("success"))].into_iter().collect::<Dict>();
    let scope = running(&doors).results([result]).build();
    let arguments = [("a", Argument::from(1_i64)), ("rel", Argument::Relation(scope.this()))];
    let returned = call(&engine, "macro.shop.pair", arguments, &scope).unwrap().value();
    assert_eq!(returned.get("rel"), Some(&Value::from("daily")));
    assert_eq!(returned.get("status"), Some(&Value::from("success")));
    assert_eq!(returned.get("hooks").and_then(|h| h.get("status")), Some(&Value::from("success")));
    assert_eq!(call_named(&engine, "hello", [], &scope).unwrap().text(), "duck");
    let made = run_materialization(&engine, "macro.dbt.materialization_simple_default", &scope).unwrap();
    assert_eq!(made, [(relation("daily"), Some(RelationKind::Table))]);
    assert_eq!(doors.said(), [r#"execute: create "dev"."main"."daily" as select 1"#]);
    let typed = TemplateSource::inline("x.yml", "{{ var('n') }}");
    assert_eq!(render_value(&engine, &typed, &scope).unwrap(), Value::Int(3));
    let silent = run_materialization(&engine, "macro.dbt.materialization_silent_default", &scope).unwrap_err();
    assert!(silent.to_string().contains("did not explicitly return"), "{silent}");
}

#[test]
fn arguments_of_generic_tests_are_rendered_and_spread() {
    let (doors, capture) = (Arc::new(Doors::default()), Arc::new(Capture::new()));
    let own = "{% macro test_probe(model, column_name, to, values, deep) %}{{ model.identifier }} {{ column_name }} \
               {{ to.identifier }} {{ values[0] + 1 }} {{ deep.colour }}{% endmacro %}";
    let engine = engine(own);
    let kwargs: Dict = [
        ("model", Value::from("{{ ref('orders') }}")),
        ("column_name", "{{ id }}".into()),
        ("to", "ref('customers')".into()),
        ("values", Value::List(vec!["{{ var('n') }}".into()])),
        ("deep", Value::Map([("colour".to_owned(), Value::from("var('colour')"))].into_iter().collect())),
    ]
    .map(|(k, v)| (k.to_owned(), v))
    .into_iter()
    .collect();
    let text = "{{ test_probe(**_dbt_generic_test_kwargs) }}";
    let scope = running(&doors).build_test(&engine, &kwargs).unwrap();
    assert_eq!(shows(&engine, text, &scope).unwrap(), "orders {{ id }} customers 4 red");
    let scope = NodeScope::parse(&shared(&doors), facts(), &capture).build_test(&engine, &kwargs).unwrap();
    assert_eq!(shows(&engine, text, &scope).unwrap(), "daily {{ id }} daily 4 red");
    let names: Vec<String> = capture.take().refs.into_iter().map(|r| r.name).collect();
    assert_eq!(names, ["orders", "customers"]);
}

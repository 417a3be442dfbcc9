{#-
  A table, in SQL or Python. Built beside the old one and swapped in one transaction: DuckDB's DDL is transactional,
  so either everything of it is there afterwards or nothing. Indexes come last; DuckDB renames no table that has some.
-#}
{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set language = model['language'] -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set intermediate_relation = make_intermediate_relation(target_relation) -%}

    {#- Left behind by a run that was killed. -#}
    {%- do drop_leftover_relation(intermediate_relation) -%}
    {%- do drop_leftover_backup(target_relation) -%}

    {{- run_hooks(pre_hooks, inside_transaction=False) -}}
    {{- run_hooks(pre_hooks, inside_transaction=True) -}}

    {%- call statement('main', language=language) -%}
        {{- create_table_as(
            False, intermediate_relation, compiled_code, language,
            partitioned_by=duckdb__get_partitioned_by(target_relation, false),
            sorted_by=duckdb__get_sorted_by(target_relation, false)
        ) }}
    {%- endcall -%}

    {{- drop_relation_if_exists(load_cached_relation(this)) -}}
    {%- do adapter.rename_relation(intermediate_relation, target_relation) -%}
    {%- do create_indexes(target_relation) -%}

    {{- run_hooks(post_hooks, inside_transaction=True) -}}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=should_revoke(existing_relation, full_refresh_mode=True)) -%}
    {%- do persist_docs(target_relation, model) -%}

    {%- do adapter.commit() -%}

    {{- run_hooks(post_hooks, inside_transaction=False) -}}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

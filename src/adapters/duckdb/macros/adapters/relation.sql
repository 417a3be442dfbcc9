{#- Relations: listing, dropping, renaming, and where temporary ones live. -#}
{% macro duckdb__list_relations_without_caching(schema_relation) -%}
    {%- set place -%}
        where lower(database_name) = '{{ schema_relation.database | lower }}'
            and lower(schema_name) = '{{ schema_relation.schema | lower }}'
    {%- endset -%}
    {%- call statement('list_relations_without_caching', fetch_result=True) %}
        select '{{ schema_relation.database }}' as database, table_name as name, schema_name as schema, 'table' as type
        from duckdb_tables()
        {{ place }}
        union all
        select '{{ schema_relation.database }}', view_name, schema_name, 'view'
        from duckdb_views()
        {{ place }}
    {%- endcall -%}
    {{ return(load_result('list_relations_without_caching').table) }}
{%- endmacro %}


{#- DuckLake has no dependencies to cascade to and rejects the word. -#}
{% macro duckdb__drop_relation(relation) -%}
    {%- call statement('drop_relation', auto_begin=False) -%}
        drop {{ relation.type }} if exists {{ relation }}{{ ' cascade' if not adapter.is_ducklake(relation) }}
    {%- endcall -%}
{%- endmacro %}


{% macro duckdb__get_rename_table_sql(relation, new_name) -%}
    alter table {{ relation }} rename to {{ adapter.quote_as_configured(new_name, 'identifier') }}
{%- endmacro %}

{% macro duckdb__get_rename_view_sql(relation, new_name) -%}
    alter view {{ relation }} rename to {{ adapter.quote_as_configured(new_name, 'identifier') }}
{%- endmacro %}


{% macro duckdb__rename_relation(from_relation, to_relation) -%}
    {%- call statement('rename_relation') -%}
        alter {{ to_relation.type }} {{ from_relation }} rename to {{ adapter.quote_as_configured(to_relation.identifier, 'identifier') }}
    {%- endcall -%}
{%- endmacro %}


{#- A name of its own for every use, without a schema: temporary tables belong to the connection, and models share connections. -#}
{% macro duckdb__make_temp_relation(base_relation, suffix) -%}
    {{ return(base_relation.incorporate(path={
        'identifier': base_relation.identifier ~ suffix ~ py_current_timestring(),
        'schema': none,
        'database': none
    })) }}
{%- endmacro %}


{#- Where staged rows go, and whether that is temporary. MotherDuck has no temporary tables on its side: it gets a real one in a schema of its own. -#}
{% macro duckdb__dispatch_temporary_relation(target_relation, batch_id='') -%}
    {%- if not adapter.is_motherduck() -%}
        {{ return({'relation': make_temp_relation(target_relation), 'temporary': true}) }}
    {%- endif -%}
    {%- set relation = target_relation.incorporate(path=adapter.get_temp_relation_path(target_relation, batch_id)) -%}
    {%- do create_schema(relation) -%}
    {%- if not adapter.disable_transactions() -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
    {{ return({'relation': relation, 'temporary': false}) }}
{%- endmacro %}


{#- DuckDB has no grants. Said once, since packages set them for everybody. -#}
{% macro duckdb__apply_grants(relation, grant_config, should_revoke=True) -%}
    {%- if grant_config -%}
        {%- do adapter.warn_once('DuckDB has no grants: the `grants` config is ignored') -%}
    {%- endif -%}
{%- endmacro %}

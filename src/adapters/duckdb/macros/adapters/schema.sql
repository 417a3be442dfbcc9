{#- Schemas, across all attached databases. Names are compared without regard to case, as DuckDB does. -#}

{#- Attached SQLite and MySQL databases have no schemas to create; everything else has. -#}
{% macro duckdb__create_schema(relation) -%}
    {%- set attached = run_query(
        "select type from duckdb_databases() where lower(database_name) = '" ~ relation.database | lower ~ "'"
    ) -%}
    {%- set kind = attached.rows[0][0] if attached and attached.rows else 'duckdb' -%}
    {%- if kind == 'sqlite' and relation.schema != 'main' -%}
        {{ exceptions.raise_compiler_error("A SQLite database has the one schema 'main', not " ~ relation.schema) }}
    {%- elif kind not in ['sqlite', 'mysql'] -%}
        {%- call statement('create_schema') -%}
            create schema if not exists {{ relation.without_identifier() }}
        {%- endcall -%}
    {%- endif -%}
{%- endmacro %}


{% macro duckdb__drop_schema(relation) -%}
    {%- call statement('drop_schema') -%}
        drop schema if exists {{ relation.without_identifier() }} cascade
    {%- endcall -%}
{%- endmacro %}


{% macro duckdb__list_schemas(database) -%}
    {%- set sql %}
        select schema_name
        from duckdb_schemas()
        {%- if database is not none %}
        where lower(database_name) = '{{ database | lower }}'
        {%- endif %}
    {%- endset -%}
    {{ return(run_query(sql)) }}
{%- endmacro %}


{% macro duckdb__check_schema_exists(information_schema, schema) -%}
    {%- set sql %}
        select count(*)
        from duckdb_schemas()
        where lower(schema_name) = '{{ schema | lower }}'
            and lower(database_name) = '{{ information_schema.database | lower }}'
    {%- endset -%}
    {{ return(run_query(sql)) }}
{%- endmacro %}

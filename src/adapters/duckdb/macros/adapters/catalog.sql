{#- The catalog of the documentation: every column of every relation asked for, from DuckDB's own metadata functions. -#}
{% macro duckdb__get_catalog(information_schema, schemas) -%}
    {{ return(duckdb__run_catalog_query(information_schema, duckdb__get_catalog_schemas_where_clause_sql(schemas))) }}
{%- endmacro %}

{% macro duckdb__get_catalog_relations(information_schema, relations) -%}
    {{ return(duckdb__run_catalog_query(information_schema, duckdb__get_catalog_relations_where_clause_sql(relations))) }}
{%- endmacro %}


{% macro duckdb__run_catalog_query(information_schema, where_clause) -%}
    {%- set sql %}
        with tables as (
            {{ duckdb__get_catalog_tables_sql(information_schema) }}
            {{ where_clause }}
        ),
        columns as (
            {{ duckdb__get_catalog_columns_sql(information_schema) }}
            {{ where_clause }}
        )
        {{ duckdb__get_catalog_results_sql() }}
    {%- endset -%}
    {{ return(run_query(sql)) }}
{%- endmacro %}


{% macro duckdb__get_catalog_tables_sql(information_schema) -%}
    select *
    from (
        select database_name as table_database, schema_name as table_schema, table_name, 'BASE TABLE' as table_type, comment as table_comment
        from duckdb_tables()
        union all
        select database_name, schema_name, view_name, 'VIEW', comment
        from duckdb_views()
    )
    where lower(table_database) = '{{ information_schema.database | lower }}'
{%- endmacro %}


{% macro duckdb__get_catalog_columns_sql(information_schema) -%}
    select
        database_name as table_database,
        schema_name as table_schema,
        table_name,
        column_name,
        column_index,
        data_type as column_type,
        comment as column_comment
    from duckdb_columns()
    where lower(database_name) = '{{ information_schema.database | lower }}'
{%- endmacro %}


{% macro duckdb__get_catalog_results_sql() -%}
    select
        tables.table_database,
        tables.table_schema,
        tables.table_name,
        tables.table_type,
        tables.table_comment,
        columns.column_name,
        columns.column_index,
        columns.column_type,
        columns.column_comment,
        null as table_owner
    from tables
    join columns using (table_database, table_schema, table_name)
    order by tables.table_schema, tables.table_name, columns.column_index
{%- endmacro %}


{#- Both clauses continue a `where`. -#}
{% macro duckdb__get_catalog_schemas_where_clause_sql(schemas) -%}
    {%- set conditions = ['false'] -%}
    {%- for schema in schemas -%}
        {%- do conditions.append("lower(table_schema) = '" ~ schema | lower ~ "'") -%}
    {%- endfor -%}
    and ({{ conditions | join(' or ') }})
{%- endmacro %}

{% macro duckdb__get_catalog_relations_where_clause_sql(relations) -%}
    {%- set conditions = ['false'] -%}
    {%- for relation in relations -%}
        {%- if not relation.schema -%}
            {%- do exceptions.raise_compiler_error('get_catalog_relations was handed a relation without a schema: ' ~ relation) -%}
        {%- endif -%}
        {%- set name = " and lower(table_name) = '" ~ relation.identifier | lower ~ "'" if relation.identifier else '' -%}
        {%- do conditions.append("lower(table_schema) = '" ~ relation.schema | lower ~ "'" ~ name) -%}
    {%- endfor -%}
    and ({{ conditions | join(' or ') }})
{%- endmacro %}

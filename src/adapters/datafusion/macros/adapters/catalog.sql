{#- The catalog of the documentation, from the information schema. -#}
{% macro datafusion__get_catalog(information_schema, schemas) -%}
    {%- set conditions = ['false'] -%}
    {%- for schema in schemas -%}
        {%- do conditions.append("lower(tables.table_schema) = '" ~ schema | lower ~ "'") -%}
    {%- endfor -%}
    {{ return(datafusion__run_catalog_query(conditions)) }}
{%- endmacro %}

{% macro datafusion__get_catalog_relations(information_schema, relations) -%}
    {%- set conditions = ['false'] -%}
    {%- for relation in relations -%}
        {%- if not relation.schema -%}
            {%- do exceptions.raise_compiler_error('get_catalog_relations was handed a relation without a schema: ' ~ relation) -%}
        {%- endif -%}
        {%- set name = " and lower(tables.table_name) = '" ~ relation.identifier | lower ~ "'" if relation.identifier else '' -%}
        {%- do conditions.append("(lower(tables.table_schema) = '" ~ relation.schema | lower ~ "'" ~ name ~ ')') -%}
    {%- endfor -%}
    {{ return(datafusion__run_catalog_query(conditions)) }}
{%- endmacro %}


{% macro datafusion__run_catalog_query(conditions) -%}
    {%- set sql %}
        select
            tables.table_catalog as table_database,
            tables.table_schema,
            tables.table_name,
            tables.table_type,
            cast(null as varchar) as table_comment,
            columns.column_name,
            columns.ordinal_position as column_index,
            columns.data_type as column_type,
            cast(null as varchar) as column_comment,
            cast(null as varchar) as table_owner
        from information_schema.tables as tables
        join information_schema.columns as columns
            on columns.table_schema = tables.table_schema and columns.table_name = tables.table_name
        where {{ conditions | join(' or ') }}
        order by tables.table_schema, tables.table_name, columns.ordinal_position
    {%- endset -%}
    {{ return(run_query(sql)) }}
{%- endmacro %}

{#- Columns of relations, and changing them. -#}

{#-
  `describe` costs the same in a database of any size but fails on what does not exist; macros that look at a relation
  before it is built expect an empty answer. So it is used for known and for temporary relations, the catalog otherwise.
-#}
{% macro duckdb__get_columns_in_relation(relation) -%}
    {%- set known = not relation.schema or not relation.database or load_cached_relation(relation) -%}
    {%- call statement('get_columns_in_relation', fetch_result=True) %}
        {%- if known %}
        select column_name, column_type as data_type, null::bigint, null::bigint, null::bigint
        from (describe {{ relation.render() }})
        {%- else %}
        select column_name, data_type, null::bigint, null::bigint, null::bigint
        from duckdb_columns()
        where lower(table_name) = '{{ relation.identifier | lower }}'
            and lower(schema_name) = '{{ relation.schema | lower }}'
            and lower(database_name) = '{{ relation.database | lower }}'
        order by column_index
        {%- endif %}
    {%- endcall -%}
    {{ return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{%- endmacro %}


{#- One statement per column: DuckDB alters one thing at a time. -#}
{% macro duckdb__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
    {%- set table = 'alter ' ~ relation.type ~ ' ' ~ relation -%}
    {%- for column in add_columns or [] -%}
        {%- do run_query(table ~ ' add column ' ~ adapter.quote(column.name) ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
    {%- for column in remove_columns or [] -%}
        {%- do run_query(table ~ ' drop column ' ~ adapter.quote(column.name)) -%}
    {%- endfor -%}
{%- endmacro %}


{#- In place, so that the column keeps its position and its comment. -#}
{% macro duckdb__alter_column_type(relation, column_name, new_column_type) -%}
    {%- call statement('alter_column_type') -%}
        alter table {{ relation }} alter column {{ adapter.quote(column_name) }} set data type {{ new_column_type }}
    {%- endcall -%}
{%- endmacro %}


{#- The declared columns in parentheses, as the target list of an insert. -#}
{% macro get_column_names() -%}
    ({{ adapter.dispatch('get_column_names', 'dbt')() | trim }})
{%- endmacro %}

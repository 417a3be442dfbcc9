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


{#- DuckDB neither retypes nor drops a column of a table while an index depends on it. -#}
{% macro duckdb__get_schema_change_obstacles(target_relation, changes) -%}
    {%- set obstacles = default__get_schema_change_obstacles(target_relation, changes) -%}
    {%- if changes['new_target_types'] or changes['target_not_in_source'] -%}
        {%- set indexes = run_query(
            "select count(*) from duckdb_indexes() where lower(database_name) = '"
            ~ target_relation.database | lower ~ "' and lower(schema_name) = '" ~ target_relation.schema | lower
            ~ "' and lower(table_name) = '" ~ target_relation.identifier | lower ~ "'"
        ) -%}
        {%- if indexes.rows[0][0] -%}
            {%- do obstacles.append('no column of it can be dropped or retyped while it has an index (' ~ indexes.rows[0][0] ~ ' now)') -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(obstacles) }}
{%- endmacro %}


{#- The declared columns in parentheses, as the target list of an insert. -#}
{% macro get_column_names() -%}
    ({{ adapter.dispatch('get_column_names', 'dbt')() | trim }})
{%- endmacro %}

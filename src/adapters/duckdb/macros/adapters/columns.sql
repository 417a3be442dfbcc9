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


{#-
  A type may change in place if every value there is comes back unchanged from the new type: 1.5 made an integer does
  not. DuckDB neither retypes nor drops a column of a table while an index depends on it.
-#}
{% macro duckdb__get_schema_change_obstacles(target_relation, changes) -%}
    {%- set obstacles = [] -%}
    {%- for change in changes['new_target_types'] -%}
        {%- set column = changes['target_columns'] | selectattr('name', 'equalto', change['column_name']) | first -%}
        {%- set name = adapter.quote(column.name) -%}
        {%- set found = run_query(
            'select ' ~ name ~ '::varchar, count(*) over () from ' ~ target_relation ~ ' where ' ~ name ~ ' is not null and try_cast(try_cast('
            ~ name ~ ' as ' ~ change['new_type'] ~ ') as ' ~ column.dtype ~ ') is distinct from ' ~ name ~ ' limit 3'
        ) -%}
        {%- if found.rows -%}
            {%- do obstacles.append(
                column.name ~ ' ' ~ column.dtype ~ ' to ' ~ change['new_type'] ~ ' would change '
                ~ found.rows[0][1] ~ ' of its values, such as ' ~ found.columns[0].values() | join(', ')
            ) -%}
        {%- endif -%}
    {%- endfor -%}

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

{#- Columns: of a relation, of a query, and the DDL that changes them. -#}
{% macro get_columns_in_relation(relation) -%}
    {{ return(adapter.dispatch('get_columns_in_relation', 'dbt')(relation)) }}
{%- endmacro %}

{% macro default__get_columns_in_relation(relation) -%}
    {{ exceptions.raise_not_implemented('get_columns_in_relation: ' ~ adapter.type() ~ ' has no such macro') }}
{%- endmacro %}


{#- Rows of (name, type, character length, numeric precision, numeric scale) as column objects. -#}
{% macro sql_convert_columns_in_relation(table) -%}
    {%- set columns = [] -%}
    {%- for row in table -%}
        {%- do columns.append(api.Column(*row)) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}


{% macro get_columns_for_unit_tests(relation) -%}
    {{ return(adapter.dispatch('get_columns_for_unit_tests', 'dbt')(relation)) }}
{%- endmacro %}

{#- Pseudo-columns can be queried though no catalog lists them; engines without any lack the adapter method. -#}
{% macro default__get_columns_for_unit_tests(relation) -%}
    {%- set columns = adapter.get_columns_in_relation(relation) -%}
    {%- if adapter.get_pseudocolumns_for_relation is defined -%}
        {%- set columns = columns + adapter.get_pseudocolumns_for_relation(relation) -%}
    {%- endif -%}
    {{ return(columns) }}
{%- endmacro %}


{% macro get_list_of_column_names(columns) -%}
    {{ return(columns | map(attribute='name') | list) }}
{%- endmacro %}


{% macro get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
    {{ return(adapter.dispatch('get_empty_subquery_sql', 'dbt')(select_sql, select_sql_header)) }}
{%- endmacro %}

{#- A query with the columns of another and no rows: asks for a schema without reading data. -#}
{% macro default__get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
    {%- if select_sql_header is not none %}
    {{ select_sql_header }}
    {%- endif %}
    select * from (
        {{ select_sql }}
    ) as __dbt_sbq
    where false
    limit 0
{%- endmacro %}


{% macro get_empty_schema_sql(columns) -%}
    {{ return(adapter.dispatch('get_empty_schema_sql', 'dbt')(columns)) }}
{%- endmacro %}

{#- The declared columns of a contract as a query of typed nulls, so that the engine itself resolves the type names. -#}
{% macro default__get_empty_schema_sql(columns) -%}
    {%- set untyped = [] -%}
    {%- set bare_numeric = [] -%}
    {%- set selected = [] -%}
    {%- for column in columns.values() -%}
        {%- if column['data_type'] is not defined or column['data_type'] is none -%}
            {%- do untyped.append(column['name']) -%}
        {%- else -%}
            {%- if column['data_type'] | trim | lower in ('numeric', 'decimal', 'number') -%}
                {%- do bare_numeric.append(column['name']) -%}
            {%- endif -%}
            {%- set name = adapter.quote(column['name']) if column.get('quote') else column['name'] -%}
            {%- do selected.append(cast('null', column['data_type']) ~ ' as ' ~ name) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- if untyped -%}
        {{ exceptions.column_type_missing(column_names=untyped) }}
    {%- elif bare_numeric -%}
        {%- do exceptions.warn(
            'Columns with a numeric type but neither precision nor scale may be rounded unintentionally: ' ~ bare_numeric
        ) -%}
    {%- endif -%}
    select {{ selected | join(', ') }}
{%- endmacro %}


{% macro get_column_schema_from_query(select_sql, select_sql_header=none) -%}
    {{ return(adapter.get_column_schema_from_query(get_empty_subquery_sql(select_sql, select_sql_header))) }}
{%- endmacro %}


{#- The names only; older than get_column_schema_from_query, and still called by packages. -#}
{% macro get_columns_in_query(select_sql) -%}
    {{ return(adapter.dispatch('get_columns_in_query', 'dbt')(select_sql)) }}
{%- endmacro %}

{% macro default__get_columns_in_query(select_sql) -%}
    {%- call statement('get_columns_in_query', fetch_result=True, auto_begin=False) -%}
        {{ get_empty_subquery_sql(select_sql) }}
    {%- endcall -%}
    {{ return(load_result('get_columns_in_query').table.columns | map(attribute='name') | list) }}
{%- endmacro %}


{% macro alter_column_type(relation, column_name, new_column_type) -%}
    {{ return(adapter.dispatch('alter_column_type', 'dbt')(relation, column_name, new_column_type)) }}
{%- endmacro %}

{#- In place, so that the column keeps its position and its comment. -#}
{% macro default__alter_column_type(relation, column_name, new_column_type) -%}
    {%- call statement('alter_column_type') -%}
        alter table {{ relation }} alter column {{ adapter.quote(column_name) }} set data type {{ new_column_type }}
    {%- endcall -%}
{%- endmacro %}


{% macro alter_relation_add_remove_columns(relation, add_columns = none, remove_columns = none) -%}
    {{ return(adapter.dispatch('alter_relation_add_remove_columns', 'dbt')(relation, add_columns, remove_columns)) }}
{%- endmacro %}

{#- One statement per column: not every engine alters several things at a time. -#}
{% macro default__alter_relation_add_remove_columns(relation, add_columns, remove_columns) -%}
    {%- set table = 'alter ' ~ relation.type ~ ' ' ~ relation -%}
    {%- for column in add_columns or [] -%}
        {%- do run_query(table ~ ' add column ' ~ adapter.quote(column.name) ~ ' ' ~ column.data_type) -%}
    {%- endfor -%}
    {%- for column in remove_columns or [] -%}
        {%- do run_query(table ~ ' drop column ' ~ adapter.quote(column.name)) -%}
    {%- endfor -%}
{%- endmacro %}

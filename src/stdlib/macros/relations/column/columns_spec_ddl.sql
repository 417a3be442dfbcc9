{#- Contracts: the column list with its constraints, and the check that a query returns what its model declares. -#}
{% macro get_table_columns_and_constraints() -%}
    {{ adapter.dispatch('get_table_columns_and_constraints', 'dbt')() }}
{%- endmacro %}

{% macro default__get_table_columns_and_constraints() -%}
    {{ return(table_columns_and_constraints()) }}
{%- endmacro %}

{% macro table_columns_and_constraints() -%}
    {%- set columns = adapter.render_raw_columns_constraints(raw_columns=model['columns']) -%}
    {%- set constraints = adapter.render_raw_model_constraints(raw_constraints=model['constraints']) -%}
    (
        {{ (columns + constraints) | join(',\n        ') }}
    )
{%- endmacro %}


{% macro get_assert_columns_equivalent(sql) -%}
    {{ adapter.dispatch('get_assert_columns_equivalent', 'dbt')(sql) }}
{%- endmacro %}

{% macro default__get_assert_columns_equivalent(sql) -%}
    {{ return(assert_columns_equivalent(sql)) }}
{%- endmacro %}

{#- Same number of columns, same names, same types as the engine names them; the order may differ. -#}
{% macro assert_columns_equivalent(sql) -%}
    {%- if not model['columns'] -%}
        {{ exceptions.raise_contract_error([], []) }}
    {%- endif -%}
    {%- set returned = format_columns(get_column_schema_from_query(sql, config.get('sql_header', none))) -%}
    {%- set declared = format_columns(get_column_schema_from_query(get_empty_schema_sql(model['columns']))) -%}

    {%- if returned | length != declared | length -%}
        {%- do exceptions.raise_contract_error(declared, returned) -%}
    {%- endif -%}
    {%- for column in returned -%}
        {%- set twin = declared | selectattr('name', 'equalto', column['name']) | list | first -%}
        {%- if not twin or twin['formatted'] != column['formatted'] -%}
            {%- do exceptions.raise_contract_error(declared, returned) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}


{#- Columns as the dictionaries that contract errors print. -#}
{% macro format_columns(columns) -%}
    {%- set formatted = [] -%}
    {%- for column in columns -%}
        {%- do formatted.append(adapter.dispatch('format_column', 'dbt')(column)) -%}
    {%- endfor -%}
    {{ return(formatted) }}
{%- endmacro %}

{% macro default__format_column(column) -%}
    {{ return({
        'name': column.name,
        'data_type': column.dtype,
        'formatted': column.column | lower ~ ' ' ~ column.dtype
    }) }}
{%- endmacro %}

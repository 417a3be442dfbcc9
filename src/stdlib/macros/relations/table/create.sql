{#- The SQL that creates a table from a query. An enforced contract declares the columns and orders the query by them. -#}
{% macro get_create_table_as_sql(temporary, relation, sql) -%}
    {{ adapter.dispatch('get_create_table_as_sql', 'dbt')(temporary, relation, sql) }}
{%- endmacro %}

{% macro default__get_create_table_as_sql(temporary, relation, sql) -%}
    {{ return(create_table_as(temporary, relation, sql)) }}
{%- endmacro %}


{#- Adapters that only know SQL may define their version without the last parameter. -#}
{% macro create_table_as(temporary, relation, compiled_code, language='sql') -%}
    {%- if language == 'sql' -%}
        {{ adapter.dispatch('create_table_as', 'dbt')(temporary, relation, compiled_code) }}
    {%- else -%}
        {{ adapter.dispatch('create_table_as', 'dbt')(temporary, relation, compiled_code, language) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__create_table_as(temporary, relation, sql) -%}
    {%- set contracted = (config.get('contract') or {}).enforced and not temporary -%}
    {{ config.get('sql_header') or '' }}
    create {{ 'temporary ' if temporary }}table {{ relation.include(database=(not temporary), schema=(not temporary)) }}
    {%- if contracted %}
        {{ get_assert_columns_equivalent(sql) }}
        {{ get_table_columns_and_constraints() }}
    {%- endif %}
    as (
        {{ get_select_subquery(sql) if contracted else sql }}
    );
{%- endmacro %}


{#- The declared columns, comma separated. -#}
{% macro default__get_column_names() -%}
    {%- set names = [] -%}
    {%- for column in model['columns'].values() -%}
        {%- do names.append(adapter.quote(column['name']) if column.get('quote') else column['name']) -%}
    {%- endfor -%}
    {{ names | join(', ') }}
{%- endmacro %}


{% macro get_select_subquery(sql) -%}
    {{ return(adapter.dispatch('get_select_subquery', 'dbt')(sql)) }}
{%- endmacro %}

{% macro default__get_select_subquery(sql) -%}
    select {{ adapter.dispatch('get_column_names', 'dbt')() }}
    from (
        {{ sql }}
    ) as model_subq
{%- endmacro %}

{#- Indexes from the `indexes` config. The default engine has none: its SQL macro returns nothing. -#}
{% macro get_create_index_sql(relation, index_dict) -%}
    {{ return(adapter.dispatch('get_create_index_sql', 'dbt')(relation, index_dict)) }}
{%- endmacro %}

{% macro default__get_create_index_sql(relation, index_dict) -%}
    {{ return(None) }}
{%- endmacro %}


{% macro create_indexes(relation) -%}
    {{ adapter.dispatch('create_indexes', 'dbt')(relation) }}
{%- endmacro %}

{% macro default__create_indexes(relation) -%}
    {%- for index_dict in config.get('indexes', default=[]) -%}
        {%- set sql = get_create_index_sql(relation, index_dict) -%}
        {%- if sql -%}
            {%- do run_query(sql) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}


{% macro get_drop_index_sql(relation, index_name) -%}
    {{ adapter.dispatch('get_drop_index_sql', 'dbt')(relation, index_name) }}
{%- endmacro %}

{% macro default__get_drop_index_sql(relation, index_name) -%}
    {{ exceptions.raise_compiler_error('`get_drop_index_sql` is not known to ' ~ adapter.type()) }}
{%- endmacro %}


{% macro get_show_indexes_sql(relation) -%}
    {{ adapter.dispatch('get_show_indexes_sql', 'dbt')(relation) }}
{%- endmacro %}

{% macro default__get_show_indexes_sql(relation) -%}
    {{ exceptions.raise_compiler_error('`get_show_indexes_sql` is not known to ' ~ adapter.type()) }}
{%- endmacro %}

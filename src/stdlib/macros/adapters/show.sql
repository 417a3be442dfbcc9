{#- The query behind `show`, cut to its first rows. A query with a limit of its own gets no second chance: the engine reports it. -#}
{% macro get_show_sql(compiled_code, sql_header, limit) -%}
    {%- if sql_header is not none -%}
    {{ sql_header }}
    {%- endif %}
    {{ get_limit_subquery_sql(compiled_code, limit) }}
{%- endmacro %}


{#- Kept under this name although no subquery is made any more. -#}
{% macro get_limit_subquery_sql(sql, limit) -%}
    {{ adapter.dispatch('get_limit_sql', 'dbt')(sql, limit) }}
{%- endmacro %}

{% macro default__get_limit_sql(sql, limit) -%}
    {{ sql }}
    {%- if limit is not none %}
    limit {{ limit }}
    {%- endif %}
{%- endmacro %}

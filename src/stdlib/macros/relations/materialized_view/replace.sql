{#- The SQL that replaces a materialized view in one statement, for engines that can. -#}
{% macro get_replace_materialized_view_sql(relation, sql) -%}
    {{- adapter.dispatch('get_replace_materialized_view_sql', 'dbt')(relation, sql) -}}
{%- endmacro %}

{% macro default__get_replace_materialized_view_sql(relation, sql) -%}
    {{ exceptions.raise_compiler_error('`get_replace_materialized_view_sql` is not known to ' ~ adapter.type()) }}
{%- endmacro %}

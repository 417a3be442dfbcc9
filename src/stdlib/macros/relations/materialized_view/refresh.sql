{#- The SQL that brings a materialized view up to date. -#}
{% macro refresh_materialized_view(relation) -%}
    {%- do log('Refresh: ' ~ relation) -%}
    {{- adapter.dispatch('refresh_materialized_view', 'dbt')(relation) -}}
{%- endmacro %}

{% macro default__refresh_materialized_view(relation) -%}
    {{ exceptions.raise_compiler_error('`refresh_materialized_view` is not known to ' ~ adapter.type()) }}
{%- endmacro %}

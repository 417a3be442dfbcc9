{#- Which generation of the engine runs the project; packages ask this before using what only one of them has. -#}
{% macro is_core_v2() -%}
    {{ return((dbt_version.split('.') | first) == '2') }}
{%- endmacro %}

{#- Whether the engine copies a table without copying its data. -#}
{% macro can_clone_table() -%}
    {{ return(adapter.dispatch('can_clone_table', 'dbt')()) }}
{%- endmacro %}

{% macro default__can_clone_table() -%}
    {{ return(False) }}
{%- endmacro %}

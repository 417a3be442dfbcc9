{#- Whether the model now adds to its table: there is one, and no full refresh is asked for. -#}
{% macro is_incremental() -%}
    {%- if not execute -%}
        {{ return(False) }}
    {%- endif -%}
    {{ return(adapter.dispatch('is_incremental', 'dbt')()) }}
{%- endmacro %}

{% macro default__is_incremental() -%}
    {%- set existing = adapter.get_relation(this.database, this.schema, this.table) -%}
    {{ return(
        existing is not none
        and existing.type == 'table'
        and model.config.materialized == 'incremental'
        and not should_full_refresh()
    ) }}
{%- endmacro %}

{#- The SQL that renames a table; every engine spells it differently. -#}
{% macro get_rename_table_sql(relation, new_name) -%}
    {{- adapter.dispatch('get_rename_table_sql', 'dbt')(relation, new_name) -}}
{%- endmacro %}

{% macro default__get_rename_table_sql(relation, new_name) -%}
    {{ exceptions.raise_compiler_error('`get_rename_table_sql` is not known to ' ~ adapter.type()) }}
{%- endmacro %}

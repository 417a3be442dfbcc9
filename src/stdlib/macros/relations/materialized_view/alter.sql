{#-
  Changed configs of an existing materialized view. What get_materialized_view_configuration_changes returns
  (none for "nothing changed") is handed on to get_alter_materialized_view_as_sql: the two must agree on its shape.
-#}
{% macro get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) -%}
    {%- do log('Alter: ' ~ relation) -%}
    {{- adapter.dispatch('get_alter_materialized_view_as_sql', 'dbt')(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) -}}
{%- endmacro %}

{% macro default__get_alter_materialized_view_as_sql(relation, configuration_changes, sql, existing_relation, backup_relation, intermediate_relation) -%}
    {{ exceptions.raise_compiler_error('`get_alter_materialized_view_as_sql` is not known to ' ~ adapter.type()) }}
{%- endmacro %}


{% macro get_materialized_view_configuration_changes(existing_relation, new_config) -%}
    {%- do log('Comparing the configs of ' ~ existing_relation) -%}
    {{ return(adapter.dispatch('get_materialized_view_configuration_changes', 'dbt')(existing_relation, new_config)) }}
{%- endmacro %}

{% macro default__get_materialized_view_configuration_changes(existing_relation, new_config) -%}
    {{ exceptions.raise_compiler_error('`get_materialized_view_configuration_changes` is not known to ' ~ adapter.type()) }}
{%- endmacro %}

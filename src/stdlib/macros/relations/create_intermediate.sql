{#- The SQL that builds a relation beside its final name. -#}
{% macro get_create_intermediate_sql(relation, sql) -%}
    {%- do log('Create intermediate: ' ~ relation) -%}
    {{- adapter.dispatch('get_create_intermediate_sql', 'dbt')(relation, sql) -}}
{%- endmacro %}

{% macro default__get_create_intermediate_sql(relation, sql) -%}
    {%- set intermediate = make_intermediate_relation(relation) -%}
    {{ get_drop_sql(intermediate) }};
    {{ get_create_sql(intermediate, sql) }}
{%- endmacro %}
